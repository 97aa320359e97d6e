#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""What quickstart says to those who call it wrongly."""

import os
import shutil
import sys
import tempfile

from tap import check, done, run, skip

root = sys.argv[1]
quickstart = os.path.join(root, "quickstart")


def refuses(words, status, *said, **options):
    ended = run(words, **options)
    problems = [] if ended.returncode == status else [f"status {ended.returncode}, not {status}"]
    problems += [f"'{word}' is not said" for word in said if word not in ended.stderr]
    if ended.stdout:
        problems.append("an error is told on stdout")
    return problems and problems + ended.stderr.splitlines()


for words in ([], ["frobnicate"], ["bench", "--sizes", "64"], ["test", "extra"], ["--help", "x"]):
    check(f"quickstart {' '.join(words) or 'without a word'} is a usage error",
          refuses([quickstart] + words, 2, "usage: sudo ./quickstart"))
shown = run([quickstart, "--help"])
check("quickstart --help is no error",
      [] if shown.returncode == 0 and "usage:" in shown.stdout else [shown.stderr])

# An ordinary user may not be let into the tree: the scripts are copied.
with tempfile.TemporaryDirectory() as place:
    copy = shutil.copy(quickstart, place)
    shutil.copytree(os.path.join(root, "scripts"), os.path.join(place, "scripts"))
    os.chmod(place, 0o755)
    as_user = [] if os.geteuid() else ["setpriv", "--reuid=65534", "--regid=65534",
                                       "--clear-groups"]
    for verb in ("bench", "test"):
        check(f"quickstart {verb} as an ordinary user says what to do",
              refuses(as_user + [copy, verb], 1, "needs root", f"sudo ./quickstart {verb}"))

    # Where there is no apt-get and no compiler, nothing can be installed: packages are named.
    if os.geteuid() == 0:
        tools = os.path.join(place, "bin")
        os.mkdir(tools)
        for tool in ("bash", "env", "id", "dirname", "cat", "uname"):
            os.symlink(shutil.which(tool), os.path.join(tools, tool))
        check("another distribution is told the packages",
              refuses([copy, "bench"], 1, "by hand", "gcc", "meson", "libbpf-dev", "clang",
                      env={"PATH": tools}))
    else:
        skip("another distribution is told the packages", "needs root")
done()
