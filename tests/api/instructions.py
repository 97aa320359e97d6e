# SPDX-License-Identifier: BSD-2-Clause
"""bench/instructions prints what the loops cost, and no more than they may.

usage: instructions.py SOURCE_ROOT INSTRUCTIONS_LOOPS
Counts of callgrind are the same on every run: a bound here is no matter of timing.
"""

import os
import shutil
import sys

import tap

# Instructions a packet, for x86-64 and a release build.
BOUNDS = {"rx-batch": 24.0, "rx-flat": 40.0, "tx-ring": 50.0, "xdp-rx": 45.0, "xdp-tx": 50.0}

root, program = sys.argv[1:3]
build = os.path.dirname(os.path.dirname(os.path.realpath(program)))

if not shutil.which("valgrind"):
    print("valgrind is not installed: apt-get install valgrind")
    sys.exit(77)

ended = tap.run([os.path.join(root, "bench", "instructions"), build])
counts = {}
for line in ended.stdout.splitlines():
    words = line.split()
    if len(words) == 2:
        counts[words[0]] = float(words[1])
tap.check("bench/instructions runs",
          "" if ended.returncode == 0 else ended.stdout + ended.stderr + "failed")
tap.check("a line for each loop",
          "" if list(counts) == list(BOUNDS) else f"printed {sorted(counts)}")
for name, bound in BOUNDS.items():
    if os.uname().machine != "x86_64":
        tap.skip(f"{name} stays within {bound}", f"bounds are for x86-64, not {os.uname().machine}")
        continue
    count = counts.get(name, 0.0)
    tap.check(f"{name} stays within {bound}",
              "" if 1 <= count <= bound else f"{count} instructions a packet")
tap.done()
