#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""zring-bench as its users meet it: rows, accounts, mistakes, and how it ends."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "api"))
from tap import check, done, run  # noqa: E402

SKIP = 77
SHORT = ["--seconds", "0.1", "--repeats", "1"]
TX_ROWS = {"tx/afpacket/64", "tx/afpacket-ring/64", "tx/afpacket-sendmmsg/64",
           "tx/afpacket-gso/64", "baseline/sendmmsg/64"}
RX_ROWS = {"rx/afpacket/64", "baseline/recvmmsg/64", "baseline/libpcap/64"}
XDP_TX_ROWS = {"tx/afxdp/64", "baseline/xsk-tx/64"}
XDP_RX_ROWS = {f"{name}/64/{wait}" for name in ("rx/afxdp", "baseline/xsk")
               for wait in ("spin", "block")} | {"rx/afxdp/64/nap"}
XDP_SHARED_ROWS = {f"{name}/64/{wait}-shared" for name, wait in (
    ("rx/afxdp", "spin"), ("rx/afxdp", "nap"), ("baseline/xsk", "block"), ("baseline/xsk", "spin"))}
XDP_LATENCY_ROWS = {f"{name}/64/{wait}{load}" for name in ("latency/afxdp", "baseline/echo-xsk")
                    for wait in ("spin", "poll") for load in ("", "/loaded")}
# What each row is set against.
XDP_BASELINES = {"tx/afxdp/64": "baseline/xsk-tx/64",
                 "rx/afxdp/64/spin": "baseline/xsk/64/spin",
                 "rx/afxdp/64/block": "baseline/xsk/64/block",
                 "rx/afxdp/64/nap": "baseline/xsk/64/spin",
                 "rx/afxdp/64/spin-shared": "baseline/xsk/64/block-shared",
                 "rx/afxdp/64/nap-shared": "baseline/xsk/64/block-shared",
                 "latency/afxdp/64/spin": "baseline/echo-xsk/64/spin",
                 "latency/afxdp/64/poll": "baseline/echo-xsk/64/poll"}
LATENCY_ROWS = {f"{name}/64/{wait}{load}" for name in ("latency/afpacket", "baseline/echo-v2")
                for wait in ("spin", "poll") for load in ("", "/loaded")}

program = sys.argv[1]


def bench(*words, **options):
    return run([program, *words], timeout=120, **options)


def results(ended):
    """Rows by (name, lab), and what is wrong with the run."""
    if ended.returncode != 0:
        return {}, [f"status {ended.returncode}"] + ended.stderr.splitlines()
    try:
        rows = json.loads(ended.stdout)["results"]
    except (ValueError, KeyError) as problem:
        return {}, [f"not our JSON: {problem}"]
    return {(row["name"], row["lab"]): row for row in rows}, []


def measured(row):
    return not row.get("skipped")


def missing(rows, wanted, labs):
    return [f"no row {name} ({lab})" for name in sorted(wanted) for lab in labs
            if (name, lab) not in rows]


def rows_of(command, wanted, backend="afpacket"):
    rows, problems = results(bench(command, *SHORT, "--backend", backend, "--json", "-"))
    strangers = {name for name, _ in rows} - wanted
    if strangers:
        problems.append(f"rows of another backend: {sorted(strangers)}")
    if not problems:
        problems = missing(rows, wanted, ("inline", "threaded"))
    return rows, problems


def check_rows():
    rows, problems = rows_of("tx", TX_ROWS)
    problems += [f"{key}: {row['mpps']} Mpps" for key, row in rows.items()
                 if measured(row) and not row["mpps"] > 0]
    check("tx has its rows and frames on the wire", problems)
    rows, problems = rows_of("rx", RX_ROWS)
    problems += [f"{key}: mpps {row['mpps']}, offered {row['offered_mpps']}"
                 for key, row in rows.items()
                 if measured(row) and not 0 < row["mpps"] <= row["offered_mpps"] * 1.0001]
    check("rx has its rows and delivers no more than is offered", problems)
    rows, problems = rows_of("latency", LATENCY_ROWS)
    problems += [f"{key}: p50 {row['p50_ns']}, max {row['max_ns']}" for key, row in rows.items()
                 if measured(row) and not 0 < row["p50_ns"] <= row["p99_ns"] <= row["max_ns"]]
    problems += [f"{key[0]} is not measured" for key, row in rows.items()
                 if key[1] == "inline" and not measured(row)]
    check("latency has its rows and ordered percentiles", problems)


def check_xdp_rows():
    rows = {}
    for command, wanted in (("tx", XDP_TX_ROWS), ("rx", XDP_RX_ROWS | XDP_SHARED_ROWS),
                            ("latency", XDP_LATENCY_ROWS)):
        labs = {True: ("inline", "threaded"), False: ("threaded",)}
        ended, problems = results(bench(command, *SHORT, "--backend", "afxdp", "--json", "-"))
        for name in wanted:
            problems += missing(ended, {name}, labs[not name.endswith("-shared")])
        problems += [f"{key} belongs elsewhere" for key in ended if key[0] not in wanted]
        problems += [f"{key} stands against {row.get('baseline')}" for key, row in ended.items()
                     if row.get("baseline", XDP_BASELINES.get(key[0])) !=
                     XDP_BASELINES.get(key[0], row.get("baseline"))]
        problems += [f"{key}: not measured, and no word why" for key, row in ended.items()
                     if not measured(row) and not row.get("note")]
        problems += [f"{key}: {row.get('mpps')} of {row.get('offered_mpps')} Mpps"
                     for key, row in ended.items() if command != "latency" and measured(row)
                     and not 0 < row["mpps"] <= row["offered_mpps"] * 1.0001]
        # Spinning needs the CPU to itself: in the threaded lab the kernel's thread has it.
        problems += [f"{key} is not measured: {row.get('note')}" for key, row in ended.items()
                     if not measured(row) and key[1] == "inline"]
        check(f"{command} on AF_XDP has its rows, each beside its own baseline", problems)
        rows.update(ended)
    # Far below the 100 of one that spins, also where others want the CPU too.
    problems = [f"{lab}: {row['cpu_percent']} % of a CPU" for (name, lab), row in rows.items()
                if name == "rx/afxdp/64/nap" and measured(row) and not row["cpu_percent"] < 60]
    check("a reader that naps leaves the CPU to others", problems)
    for size, wanted in (("1514", True), ("4000", False)):
        ended, problems = results(bench("rx", *SHORT, "--backend", "afxdp", "--lab", "inline",
                                        "--sizes", size, "--json", "-"))
        problems += [f"{key}: {row.get('note')}" for key, row in ended.items()
                     if measured(row) != wanted or not wanted and "MTU" not in row["note"]]
        check(f"frames of {size} bytes are {'measured' if wanted else 'left out with the reason'}",
              problems if ended else problems + ["no rows"])


def check_sizes():
    rows, problems = results(bench("rx", *SHORT, "--lab", "inline", "--sizes", "imix,1514",
                                   "--backend", "afpacket", "--json", "-"))
    problems += missing(rows, {"rx/afpacket/imix", "rx/afpacket/1514"}, ("inline",))
    check("sizes become rows", problems)
    rows, problems = results(bench("rx", *SHORT, "--lab", "inline", "--source", "injector",
                                   "--backend", "afpacket", "--rate", "50K", "--json", "-"))
    if not problems:
        row = rows["rx/afpacket/64", "inline"]
        # A paced source may fall behind on a busy machine, but never goes faster.
        if not 0 < row["offered_mpps"] < 0.06 or row["drops"]:
            problems = [f"offered {row['offered_mpps']} Mpps, {row['drops']} drops"]
    check("the injector paces what is offered", problems)


def check_overload():
    rows, problems = results(bench("rx", "--overload", "--seconds", "0.2", "--repeats", "2",
                                   "--json", "-"))
    problems += [f"{key[0]} ({key[1]}) dropped nothing" for key, row in rows.items()
                 if not row["drops"] > 0]
    if len(rows) != 6:
        problems.append(f"{len(rows)} rows instead of 6")
    check("an overloaded reader accounts for every frame", problems)


def check_output():
    with tempfile.TemporaryDirectory() as scratch:
        path = os.path.join(scratch, "before.json")
        ended = bench("tx", *SHORT, "--lab", "inline", "--json", path, "--csv", "-")
        problems = [] if ended.returncode == 0 else ended.stderr.splitlines()
        if not ended.stdout.startswith("name,") and "tx/afpacket/64" not in ended.stdout:
            problems.append("no CSV on standard output")
        if "tx/afpacket/64" not in ended.stderr:
            problems.append("no table on standard error")
        check("- is standard output and the table steps aside", problems)
        with open(path, encoding="utf-8") as file:
            before = json.load(file)
        for factor, status in ((1000, 1), (0.001, 0)):
            changed = json.loads(json.dumps(before))
            for row in changed["results"]:
                for field in ("mpps", "mpps_min", "mpps_max"):
                    row[field] = row[field] * factor if row.get(field) else row.get(field)
            with open(path, "w", encoding="utf-8") as file:
                json.dump(changed, file)
            ended = bench("tx", *SHORT, "--lab", "inline", "--baseline", path)
            check(f"a baseline {factor} times as fast gives exit status {status}",
                  [] if ended.returncode == status else
                  [f"status {ended.returncode}"] + (ended.stdout + ended.stderr).splitlines())


def check_mistakes():
    mistakes = (
        (["fly"], "not a command"), (["tx", "rx"], "one word too many"),
        (["--sizes", "20"], "20"), (["--sizes", "64,64"], "twice"), (["--seconds", "-1"], "seconds"),
        (["--repeats", "0"], "repeats"), (["--batch", "x"], "batch"), (["--backend", "x"], "backend"),
        (["rx", "--backend", "afxdp", "--blocks", "4"], "--blocks"),
        (["--cpus", "0"], "cpus"), (["--cpus", "0,4000"], "4000"), (["--source", "x"], "source"),
        (["--lab", "x"], "lab"), (["--seed", "-1"], "seed"), (["--unknown"], "unknown"),
        (["-p", "veth0"], "-i"), (["-i", "a-name-of-16-byte"], "1 to 15"), (["gen"], "-i IFACE"),
        (["tx", "--overload"], "rx --overload"), (["--tolerance", "5"], "--baseline"),
        (["tx", "--rate", "5"], "--rate"), (["latency", "--blocks", "5"], "--blocks"),
        (["--json", "-", "--csv", "-"], "standard output"), (["-i", "x", "--lab", "both"], "--lab"),
    )
    problems = []
    for words, wanted in mistakes:
        ended = bench(*words)
        if ended.returncode != 2 or wanted not in ended.stderr or ended.stdout:
            problems.append(f"{' '.join(words)}: status {ended.returncode}: {ended.stderr.strip()}")
    check("mistakes exit 2 and say which", problems)
    problems = []
    for words, wanted in ((["tx", "-i", "none0"], "no such interface"), (["tx", "-i", "lo"], "lo"),
                          (["tx", "--json", "/nonexistent/x"], "/nonexistent/x")):
        ended = bench(*words)
        if ended.returncode != 1 or wanted not in ended.stderr:
            problems.append(f"{' '.join(words)}: status {ended.returncode}: {ended.stderr.strip()}")
    check("what can't be had exits 1 and says why", problems)
    ended = run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
                 "--inh-caps=-all", "sh", "-c", f"cd / && exec '{program}' tx"])
    if ended.returncode != 126:
        check("without privileges it says what is missing",
              [] if ended.returncode == 1 and "CAP_SYS_ADMIN" in ended.stderr
              else [f"status {ended.returncode}"] + ended.stderr.splitlines())
    ended, version = bench("--help"), bench("--version")
    check("help and version", [] if ended.returncode == version.returncode == 0 and
          "zring-bench" in version.stdout and "--overload" in ended.stdout else ["not as meant"])


def start(*words):
    return subprocess.Popen([program, *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True)


def namespace(pid):
    try:
        return os.readlink(f"/proc/{pid}/ns/net")
    except OSError:
        return None


def children(pid):
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
            return [int(word) for word in file.read().split()]
    except OSError:
        return []


def wait_for(condition, seconds=20):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.01)
    return None


def lab_of(process):
    """Its network namespace, once it is at work there."""
    ours = namespace(os.getpid())

    def at_work():
        name = namespace(process.pid)
        return name if name not in (None, ours) and children(process.pid) else None
    return wait_for(at_work)


def left_over(lab):
    """Processes that are still in the lab; without any the kernel takes it down."""
    return [pid for pid in os.listdir("/proc") if pid.isdigit() and namespace(pid) == lab]


def check_gone(name, lab, problems):
    if not lab:
        problems.append("it never got to work")
    elif not wait_for(lambda: not left_over(lab), 5):
        problems.append(f"left over: {left_over(lab)}")
    names = [entry for entry in os.listdir("/sys/class/net") if entry[:2] in ("zi", "zt")]
    check(name, problems + [f"left over: {entry}" for entry in names])


def check_endings():
    for number in (signal.SIGINT, signal.SIGTERM):
        process = start("tx", "--seconds", "0.2", "--repeats", "100")
        lab = lab_of(process)
        time.sleep(1.5)
        process.send_signal(number)
        out, err = process.communicate(timeout=20)
        problems = [] if process.returncode == 128 + number else \
            [f"status {process.returncode}"] + err.splitlines()
        if "tx/afpacket/64" not in out:
            problems.append("no table of what was measured")
        check_gone(f"{signal.Signals(number).name} ends the run, shows the table, leaves nothing",
                   lab, problems)
    process = start("rx", "--seconds", "5")
    lab = lab_of(process)
    process.kill()
    process.communicate(timeout=20)
    check_gone("SIGKILL leaves nothing", lab, [])
    process = start("rx", "--seconds", "30", "--lab", "inline")
    lab = lab_of(process)
    # Those that check the wire come and go; a receiver and a source stay.
    wait_for(lambda: len(children(process.pid)) == 2)
    for pid in children(process.pid)[:1]:
        os.kill(pid, signal.SIGKILL)
    _, err = process.communicate(timeout=20)
    problems = [] if process.returncode == 1 and "killed by signal 9" in err else \
        [f"status {process.returncode}"] + err.splitlines()
    check_gone("a killed child ends the run with its name", lab, problems)


def check_gen():
    name = f"zbt{os.getpid()}"
    for words in (["ip", "netns", "add", name],
                  ["ip", "-n", name, "link", "add", "zg0", "type", "veth", "peer", "name", "zg1"],
                  ["ip", "netns", "exec", name, "ethtool", "-K", "zg1", "gro", "on"],
                  ["ip", "-n", name, "link", "set", "zg0", "up"],
                  ["ip", "-n", name, "link", "set", "zg1", "up"]):
        run(words)
    try:
        inside = ["ip", "netns", "exec", name]
        wait_for(lambda: "LOWER_UP" in run(["ip", "-n", name, "link", "show", "zg0"]).stdout)
        for source in ("live", "injector"):
            ended = run([*inside, program, "gen", "-i", "zg0", "--seconds", "0.2",
                         "--source", source, "--sizes", "imix"], timeout=60)
            told = int(ended.stdout.split()[0]) if ended.returncode == 0 else -1
            check(f"gen sends from the {source} source", [] if told > 0 else
                  [f"status {ended.returncode}"] + ended.stderr.splitlines())
        process = subprocess.Popen([*inside, program, "gen", "-i", "zg0", "-p", "zg1",
                                    "--rate", "100K"], stdout=subprocess.PIPE, text=True)
        time.sleep(1)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=20)
        check("gen ends in order on Ctrl-C", [] if process.returncode == 0 and
              "rx_packets" in out else [f"status {process.returncode}: {out}"])
        ended = run([*inside, program, "all", "-i", "zg0", "-p", "zg1", *SHORT, "--source",
                     "injector", "--json", "-"], timeout=120)
        rows, problems = results(ended)
        problems += [f"{key[0]}: AF_XDP without being asked for" for key in rows
                     if "xdp" in key[0] or "xsk" in key[0]]
        check("real interfaces are measured in place",
              problems + missing(rows, TX_ROWS | RX_ROWS | LATENCY_ROWS, ("real",)))
        rows, problems = results(run([*inside, program, "all", "-i", "zg1", "-p", "zg0", *SHORT,
                                      "--backend", "afxdp", "--json", "-"], timeout=120))
        problems += [f"{key[0]} is not measured: {row.get('note')}" for key, row in rows.items()
                     if not measured(row)]
        check("and on AF_XDP when it is asked for",
              problems + missing(rows, XDP_TX_ROWS | XDP_RX_ROWS | XDP_LATENCY_ROWS, ("real",)))
    finally:
        run(["ip", "netns", "del", name])


def main():
    if os.geteuid() != 0:
        print("needs root: the lab of zring-bench is a network namespace")
        sys.exit(SKIP)
    check_mistakes()
    check_rows()
    check_xdp_rows()
    check_sizes()
    check_overload()
    check_output()
    check_endings()
    check_gen()
    done()


main()
