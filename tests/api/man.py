#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Every public function has a manual page, and it is well-formed."""

import os
import shutil
import sys

from declarations import declarations
from tap import check, command, done, list_files, read, skip

root, pages = sys.argv[1:3]


def renders(path):
    """Problems that the formatter has with a page."""
    if shutil.which("man"):
        return command(["man", "--warnings", "-E", "UTF-8", "-l", path],
                       env=dict(os.environ, LC_ALL="C.UTF-8", MANWIDTH="80", MANPAGER="cat"))
    return command(["groff", "-man", "-Tutf8", "-ww", path])


def lacks(text, declaration):
    wanted = [".SH NAME", ".SH SYNOPSIS", f"{declaration.name} \\-", f"<zring/{declaration.header}>"]
    wanted += [f".I {parameter}" for parameter in declaration.parameters]
    return [f"no '{want}'" for want in wanted if want not in text]


for declaration in declarations(root):
    page = os.path.join(pages, f"{declaration.name}.3")
    if os.path.exists(page):
        check(f"{declaration.name}(3) tells what the header tells", lacks(read(page), declaration))
    else:
        check(f"{declaration.name}(3) exists", [page])

if shutil.which("man") or shutil.which("groff"):
    built = [os.path.join(pages, page) for page in list_files(pages, ".", ".3")]
    for page in built + [os.path.join(root, "man", page)
                         for page in list_files(os.path.join(root, "man"), ".", ".1")]:
        check(f"{os.path.basename(page)} renders without a warning", renders(page))
else:
    skip("pages render without a warning", "neither man nor groff is installed")
done()
