#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The headers, the symbol map, the library and the comments agree."""

import os
import re
import sys

from declarations import declarations, headers
from tap import check, done, read, run

root, library = sys.argv[1:3]
declared = declarations(root)
names = {declaration.name for declaration in declared}


def differences(one, of_one, other, of_other):
    return ([f"{name}: {of_one}, not {of_other}" for name in sorted(one - other)] +
            [f"{name}: {of_other}, not {of_one}" for name in sorted(other - one)])


def mapped_names():
    text = re.sub(r"/\*.*?\*/", "", read(root, "src/libzring.map"), flags=re.S)
    return set(re.findall(r"\b(zring_\w+);", text))


def exported_names():
    listed = run(["nm", "-D", "--defined-only", library]).stdout.splitlines()
    found = {line.split()[2].split("@")[0] for line in listed if line.split()[1] not in "A"}
    # A library under coverage or a sanitizer may add its own.
    return {name for name in found if not name.startswith(("__", "_"))}


def missing_sections(declaration):
    if declaration.comment is None:
        return ["no comment"]
    problems = []
    purpose = declaration.comment.splitlines()[0]
    if not re.match(rf" \* {declaration.name}\(\) - \S", purpose):
        problems.append(f"the comment does not begin with '{declaration.name}() - purpose'")
    for section in ("Threads", "Since"):
        if not re.search(rf"^ \* {section}:\s+\S", declaration.comment, re.M):
            problems.append(f"no section '{section}:'")
    documented = re.findall(r"^ \* @(\w+):\s+\S", declaration.comment, re.M)
    if documented != declaration.parameters:
        problems.append(f"parameters are {declaration.parameters}, documented are {documented}")
    return problems


check("there are public functions", [] if len(names) > 20 else [f"only {len(names)} found"])
check("no function is declared twice",
      [name for name in names if sum(d.name == name for d in declared) > 1])
check("headers and symbol map agree",
      differences(names, "in a header", mapped_names(), "in the map"))
check("headers and library agree",
      differences(names, "in a header", exported_names(), "exported"))
check("every symbol has a version",
      [line for line in run(["nm", "-D", "--defined-only", library]).stdout.splitlines()
       if " T " in line and "@@ZRING_" not in line])
check("the library has a soname",
      [] if re.search(r"SONAME.*libzring\.so\.0\b", run(["objdump", "-p", library]).stdout)
      else ["no SONAME libzring.so.0"])
umbrella = read(root, "include/zring/zring.h")
check("zring.h includes every header and nothing else",
      differences({os.path.basename(header) for header in headers(root)} - {"zring.h"}, "a header",
                  set(re.findall(r"#include <zring/([\w.]+)>", umbrella)), "included"))
for one in declared:
    check(f"{one.name} is documented", missing_sections(one))
done()
