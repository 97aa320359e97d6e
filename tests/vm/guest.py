# SPDX-License-Identifier: BSD-2-Clause
"""The initial RAM file system of a virtual machine: programs of this machine, modules of its
kernel, and tests/vm/init to run them."""

import collections
import os
import re
import shutil
import subprocess

# What tests make, beside what these need. Those that a kernel has built in have no file.
MODULES = """
    virtio_pci virtio_net veth tun macvlan bridge ifb dummy 8021q
    sch_ingress sch_tbf sch_htb sch_fq cls_bpf cls_flower act_bpf act_mirred
    af_packet_diag xsk_diag
""".split()
# A program with the environment that it wants; several tests may be of one program.
Test = collections.namedtuple("Test", "name kind seconds program environment")
PROGRAMS = ("ip", "tc", "ethtool", "unshare")
# A user's PATH may not reach where a system administrator's does.
SEARCH = os.environ.get("PATH", "") + ":/usr/sbin:/usr/bin:/sbin:/bin"


def copy(source, root, name):
    target = os.path.join(root, name.lstrip("/"))
    os.makedirs(os.path.dirname(target), exist_ok=True)
    shutil.copy(source, target)
    return target


def libraries(program):
    """The shared objects that a program is linked with, the loader among them."""
    done = subprocess.run(["ldd", program], capture_output=True, text=True, check=False)
    return re.findall(r"(/\S+) \(0x", done.stdout)


def add_program(source, root, name):
    os.chmod(copy(source, root, name), 0o755)
    for library in libraries(source):
        if not os.path.exists(root + library):
            copy(library, root, library)


def add_modules(kernel, root):
    """The modules and those that they need, with an index for modprobe."""
    needs = {}
    with open(f"{kernel.modules}/modules.dep", encoding="utf-8") as index:
        for line in index:
            path, _, others = line.partition(":")
            name = os.path.basename(path).removesuffix(".ko").replace("-", "_")
            needs[name] = [path] + others.split()
    for name in MODULES:
        for path in needs.get(name, []):
            # Relative to the release's directory, or absolute: depmods differ.
            path = path.split(f"{kernel.release}/")[-1]
            copy(f"{kernel.modules}/{path}", root, f"lib/modules/{kernel.release}/{path}")
    subprocess.run(["busybox", "depmod", "-b", root, kernel.release], check=True,
                   capture_output=True)


def add_busybox(root):
    """Its applets stand behind the real programs in PATH; the shell is one that takes no applet
    for a program."""
    busybox = shutil.which("busybox", path=SEARCH)
    add_program(busybox, root, "bin/busybox")
    applets = subprocess.run([busybox, "--list"], check=True, capture_output=True, text=True)
    for applet in applets.stdout.split():
        if applet not in ("busybox", "sh"):
            os.symlink("busybox", f"{root}/bin/{applet}")
    os.makedirs(f"{root}/sbin")
    os.symlink("../bin/busybox", f"{root}/sbin/modprobe")
    add_program(os.path.realpath("/bin/sh"), root, "bin/sh")


def settings(test):
    """The environment as words of the plan."""
    words = [f"{name}={value}" for name, value in test.environment.items()]
    for word in words:
        if len(word.split()) != 1:
            raise ValueError(f"{test.name}: no blank may be in {word!r}")
    return words


def build(kernel, tests, probe, until, init, scratch):
    """Makes SCRATCH/initrd; none of the tests begins after @until, in seconds of the epoch."""
    root = f"{scratch}/root"
    os.makedirs(f"{root}/bin")
    add_busybox(root)
    for program in PROGRAMS:
        add_program(shutil.which(program, path=SEARCH), root, f"usr/bin/{program}")
    add_modules(kernel, root)
    with open(f"{root}/until", "w", encoding="utf-8") as limit:
        limit.write(f"{until}\n")
    with open(f"{root}/tests", "w", encoding="utf-8") as plan:
        if probe:
            add_program(probe, root, "test/zc_probe")
            plan.write("zc_probe probe 60 /test/zc_probe\n")
        for test in tests:
            program = f"test/{os.path.basename(test.program)}"
            if not os.path.exists(f"{root}/{program}"):
                add_program(test.program, root, program)
            plan.write(" ".join([test.name, test.kind, str(test.seconds), f"/{program}",
                                 *settings(test)]) + "\n")
    add_program(init, root, "init")
    with open(f"{scratch}/initrd", "wb") as archive:
        names = subprocess.run(["find", "."], cwd=root, check=True, capture_output=True).stdout
        subprocess.run(["cpio", "--quiet", "-o", "-H", "newc", "-R", "0:0"], cwd=root, input=names,
                       check=True, stdout=archive)
    shutil.rmtree(root)
