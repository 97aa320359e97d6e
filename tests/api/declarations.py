# SPDX-License-Identifier: BSD-2-Clause
"""Finds the public functions of the headers, and the comments above them."""

import os
import re

from tap import list_files, read

DECLARATION = re.compile(
    r"(?:/\*\*\n(?P<comment>(?: \*(?!/).*\n)*) \*/\n)?^ZRING_API(?:_INLINE)? (?P<prototype>[^;{]*);", re.M)


class Declaration:
    def __init__(self, header, prototype, comment):
        self.header = header
        self.prototype = " ".join(prototype.split())
        self.comment = comment
        self.name = re.search(r"(\w+)\s*\(", self.prototype).group(1)
        inside = self.prototype[self.prototype.index("(") + 1:self.prototype.rindex(")")]
        self.parameters = [re.search(r"(\w+)\s*(?:\[\w*\])?$", part).group(1)
                           for part in inside.split(",") if part.strip() not in ("", "void")]


def headers(root):
    return list_files(root, "include/zring", ".h")


def declarations(root):
    found = []
    for header in headers(root):
        for match in DECLARATION.finditer(read(root, header)):
            found.append(Declaration(os.path.basename(header), match["prototype"],
                                     match["comment"]))
    return found
