#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""How tests/vm/run judges what a virtual machine told: no end of one counts as a success that
was none."""

import contextlib
import importlib.machinery
import importlib.util
import io
import os
import sys
import tempfile

from tap import check, done, run

root = sys.argv[1]
script = os.path.join(root, "tests", "vm", "run")
loader = importlib.machinery.SourceFileLoader("vm_run", script)
vm = importlib.util.module_from_spec(importlib.util.spec_from_loader("vm_run", loader))
loader.exec_module(vm)

TESTS = [vm.guest.Test(f"netns-{name}", "netns", 10, f"/{name}", {}) for name in ("one", "two")]
ONE = "begin netns-one\ntap 1..2\ntap ok - one::a  (0.01s)\ntap ok - one::b  (0.01s)\n" \
      "end netns-one 0 1\n"
TWO = ONE.replace("one", "two")


def probe(mode, exact):
    """What zc_probe tells: each round in that mode, zero-copy alone answered so."""
    lines = ["begin zc_probe", "probe driver eth0 virtio_net"]
    for name in vm.PROBE_ROUNDS:
        lines += [f"probe mode {name} {mode}", f"probe frames {name} sent 5 counted 5",
                  f"probe ok {name}: every frame arrives once, as it was sent"]
    lines += [f"probe exact {name} {exact}" for name in vm.EXACT_ROUNDS]
    return "\n".join(lines + ["end zc_probe 0 1", ""])


def judged(facts, trouble=None):
    """(passed, failed, skipped) of a machine that told these facts, and what was printed."""
    with tempfile.TemporaryDirectory() as scratch, io.StringIO() as text:
        with open(f"{scratch}/facts", "w", encoding="utf-8") as file:
            file.write(facts)
        with open(f"{scratch}/console", "w", encoding="utf-8") as file:
            file.write("the last words\n")
        with contextlib.redirect_stdout(text):
            cases = vm.judge_machine("m", trouble, TESTS, "/probe", scratch)
        verdicts = [case.verdict for case in cases]
        return tuple(verdicts.count(word) for word in ("passed", "failed", "skipped")), \
            text.getvalue()


def expect(name, facts, counts, *said, trouble=None):
    got, text = judged(facts, trouble)
    problems = [] if got == counts else [f"counted {got}, expected {counts}"]
    check(name, problems + [f"'{words}' is not printed" for words in said if words not in text])


HEAD_OLD = "kernel 6.1.0-1-cloud-amd64\n"
HEAD_NEW = "kernel 7.2.1+deb13-cloud-amd64\n"
COPY = probe("copy", "refused")
ZERO_COPY = probe("zero-copy", "opened")

expect("all is well on an old kernel", HEAD_OLD + COPY + ONE + TWO + "done\n", (17, 0, 0),
       "kernel 6.1.0-1-cloud-amd64, driver virtio_net, TX: copy, sent 5, counted 5")
expect("all is well on a new one", HEAD_NEW + ZERO_COPY + ONE + TWO + "done\n", (17, 0, 0),
       "RX: zero-copy, sent 5, counted 5")
expect("a new kernel that copies fails", HEAD_NEW + COPY + ONE + TWO + "done\n", (10, 7, 0))
expect("a new kernel that refuses zero-copy alone fails",
       HEAD_NEW + ZERO_COPY.replace("TX-exact opened", "TX-exact refused") + ONE + TWO + "done\n",
       (16, 1, 0))
expect("an old kernel that says something else than refused fails",
       HEAD_OLD + COPY.replace("RX-exact refused", "RX-exact Invalid argument") + ONE + TWO +
       "done\n", (16, 1, 0))
expect("frames that went missing fail",
       HEAD_NEW + ZERO_COPY.replace("probe ok RX: every", "probe not ok RX: every") + ONE + TWO +
       "done\n", (16, 1, 0), "output of m: zc_probe")
expect("a probe that dies before it tells fails",
       HEAD_OLD + "begin zc_probe\nend zc_probe 139 0\n" + ONE + TWO + "done\n", (5, 7, 0))
expect("a test that fails fails", HEAD_OLD + COPY + ONE.replace("ok - one::b", "not ok - one::b")
       .replace("end netns-one 0", "out why\nend netns-one 1") + TWO + "done\n", (16, 1, 0), "why")
expect("a test that is killed fails",
       HEAD_OLD + COPY + "begin netns-one\nend netns-one 137 10\n" + TWO + "done\n", (15, 1, 0))
expect("a test with fewer cases than it planned fails",
       HEAD_OLD + COPY + ONE.replace("1..2", "1..3") + TWO + "done\n", (17, 1, 0))
expect("what no time was left for is skipped",
       HEAD_OLD + COPY + ONE + "begin netns-two\nlate netns-two\ndone\n", (15, 0, 1))
expect("a panic fails, and all that did not run", HEAD_OLD + COPY + "begin netns-one\n",
       (13, 3, 0), "the last words")
expect("a machine that hangs at its end fails", HEAD_OLD + COPY + ONE + TWO + "done\n",
       (17, 1, 0), "the last words", trouble="it hangs")
expect("a machine that does not boot fails", "", (0, 5, 0), "the last words", trouble="it hangs")

ranks = [vm.quick_rank(name) for name in ("netns-xdp_open", "netns-injector_options",
                                          "netns-capture_wait", "conformance-link-afxdp")]
check("--quick takes the tests of AF_XDP first and leaves the long ones out",
      [] if ranks[0] == 0 and ranks[1] and ranks[2] is ranks[3] is None else [str(ranks)])

for words in (["--frobnicate"], ["--seconds", "1"], ["--machine", "2.4"],
              ["--quick", "--test", "netns-one"]):
    ended = run([script] + words)
    check(f"tests/vm/run {' '.join(words)} is a usage error",
          [] if ended.returncode == 2 and not ended.stdout and "usage:" in ended.stderr
          else [f"status {ended.returncode}", ended.stderr])
shown = run([script, "--help"])
check("tests/vm/run --help is no error",
      [] if shown.returncode == 0 and "usage:" in shown.stdout else [shown.stderr])
done()
