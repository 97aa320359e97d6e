#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Each public header compiles alone, in every language and compiler, without padding."""

import shutil
import sys

from declarations import headers
from tap import check, command, done, skip

WARNINGS = ["-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Wpadded", "-Werror", "-fsyntax-only"]
COMPILERS = [
    ("gcc", ["-x", "c", "-std=c11", "-Wpedantic"]),
    ("gcc", ["-x", "c", "-std=c17", "-Wpedantic"]),
    # ISO C++ has no flexible array member, which an owned packet ends with.
    ("g++", ["-x", "c++", "-std=c++20"]),
    ("clang", ["-x", "c", "-std=c11", "-Wpedantic"]),
    ("clang", ["-x", "c", "-std=c17", "-Wpedantic"]),
    ("clang++", ["-x", "c++", "-std=c++20"]),
]

root = sys.argv[1]
for compiler, language in COMPILERS:
    for header in headers(root):
        name = f"{header} with {compiler} {language[2]}"
        if not shutil.which(compiler):
            skip(name, f"{compiler} is not installed")
            continue
        include = header.replace("include/", "")
        # Twice: the second time the include guard has to hold.
        twice = ["-include", include, "-include", include]
        check(name, command([compiler] + language + WARNINGS +
                            ["-I", f"{root}/include"] + twice + ["/dev/null"]))
done()
