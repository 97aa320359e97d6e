# SPDX-License-Identifier: BSD-2-Clause
"""What the Python tests share: the Test Anything Protocol, and commands that tell why they failed."""

import os
import subprocess
import sys

_cases = []


def check(name, problems):
    """One case; it passes when problems is empty (a list of lines, or a text)."""
    lines = problems.splitlines() if isinstance(problems, str) else list(problems)
    _cases.append(name)
    print(f"{'not ok' if lines else 'ok'} {len(_cases)} - {name}")
    for line in lines:
        print(f"# {line}")
    sys.stdout.flush()
    return not lines


def skip(name, reason):
    _cases.append(name)
    print(f"ok {len(_cases)} - {name} # SKIP {reason}")


def done():
    print(f"1..{len(_cases)}")


def command(words, **options):
    """Problems of a command: none when it ended with status 0 and said nothing on stderr."""
    ended = run(words, **options)
    problems = ended.stderr.splitlines()
    if ended.returncode != 0:
        problems += ended.stdout.splitlines()[-30:]
        problems.append(f"status {ended.returncode}: {' '.join(map(str, words))}")
    return problems


def run(words, **options):
    return subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          check=False, **options)


def read(*path):
    with open(os.path.join(*path), encoding="utf-8") as file:
        return file.read()


def list_files(root, directory, *suffixes):
    """Paths relative to root, below directory, with one of the suffixes."""
    found = []
    for where, _, names in os.walk(os.path.join(root, directory)):
        found += [os.path.relpath(os.path.join(where, name), root)
                  for name in names if name.endswith(suffixes)]
    return sorted(found)
