#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""zring as a subproject of another meson project."""

import json
import os
import shutil
import sys
import tempfile

from tap import check, command, done, run

root = sys.argv[1]

with tempfile.TemporaryDirectory(prefix="zring-subproject-") as place:
    project = os.path.join(place, "project")
    build = os.path.join(place, "build")
    shutil.copytree(os.path.join(root, "tests/api/subproject"), project)
    shutil.copy(os.path.join(root, "tests/api/consumer.c"), project)
    os.mkdir(os.path.join(project, "subprojects"))
    os.symlink(root, os.path.join(project, "subprojects", "zring"))

    # An installed zring must not answer for the one in the tree.
    check("the other project sets up",
          command(["meson", "setup", build, project, "--force-fallback-for=zring"]))
    check("and builds", command(["meson", "compile", "-C", build]))
    check("and runs", command(["meson", "test", "-C", build]))
    targets = json.loads(run(["meson", "introspect", "--targets", build]).stdout or "[]")
    # The library's own programs for the kernel are made on the way.
    names = sorted(target["name"] for target in targets if target["type"] != "custom")
    check("and gets the library only, no tests, bench or examples",
          [] if names == ["user", "zring", "zring"] else [f"targets: {names}"])
done()
