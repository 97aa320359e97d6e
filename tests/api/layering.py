#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The plan of the house: who includes whom, who calls the kernel, how long things get."""

import os
import re
import sys

from tap import check, done, list_files, read, run

MAX_FILE_LINES = 700
MAX_FUNCTION_LINES = 60
BACKENDS = ("afpacket", "afxdp", "file")

# What only src/syscall.c may ask libc for. Descriptors, memory mappings, waiting, time; threads
# too, so that a test can make their start fail and the library has one place that makes any.
KERNEL_CALLS = set("""
    accept accept4 bind bpf clock_gettime clock_nanosleep close connect creat dup dup2 dup3
    epoll_create1 epoll_ctl epoll_wait eventfd eventfd_read eventfd_write fcntl fstat ftruncate
    getpagesize getsockname getsockopt if_indextoname if_nametoindex ioctl listen lseek madvise
    memfd_create mlock mnl_socket_open mnl_socket_bind mnl_socket_sendto mnl_socket_recvfrom mmap mmap64 mremap munmap nanosleep open open64 openat pipe pipe2 poll ppoll
    pread pselect pwrite read readlink readv recv recvfrom recvmmsg recvmsg sched_setaffinity
    fopen getdents64 opendir pthread_attr_setaffinity_np pthread_create pthread_join
    pthread_kill pthread_setaffinity_np pthread_sigmask readdir readdir64 sched_getaffinity
    select send sendmmsg sendmsg sendto setns setsockopt shutdown sigaction signalfd sleep socket
    socketpair stat statx syscall sysconf getrusage mbind capget timerfd_create timerfd_settime unlink unshare usleep write writev
""".split())
# A library neither prints nor ends the program.
FORBIDDEN_CALLS = set("""
    stdin stdout stderr printf fprintf vprintf vfprintf puts fputs fputc putc putchar perror syslog
    vsyslog warn warnx err errx exit _exit abort __assert_fail system popen
    __printf_chk __fprintf_chk __vprintf_chk __vfprintf_chk
""".split())

# What tests put their own kernel behind.
TABLES = ("zr_sys", "zr_program_ops")

root, archive = sys.argv[1:3]
SOURCES = (".c", ".h")


def includes(path):
    return re.findall(r'^\s*#\s*include\s+([<"][^">]+[">])', read(root, path), re.M)


def resolve(path, include):
    """The repository's file that an include names, or None for a foreign one."""
    name = include[1:-1]
    places = [os.path.dirname(path), "src", "include", "tests", "bench", "bpf"]
    if include[0] == "<":
        places = ["include"]
    for place in places:
        candidate = os.path.normpath(os.path.join(place, name))
        if os.path.exists(os.path.join(root, candidate)):
            return candidate
    return None


def house_part(path):
    """The part of the house that a file belongs to: core, afpacket, public, root, ..."""
    if path.startswith("include/zring/"):
        return "public"
    match = re.match(r"src/(\w+)/", path)
    if match:
        return match.group(1)
    if path.startswith("bpf/"):
        return "bpf"
    return {"src/syscall.h": "syscall", "src/syscall.c": "syscall"}.get(path, "root")


ALLOWED = {
    "public": {"public"},
    "syscall": {"syscall"},
    "core": {"core", "public", "syscall"},
    "filter": {"filter", "core", "public"},
    "root": {"root", "core", "public", "syscall"} | set(BACKENDS),
}
ALLOWED.update({backend: {backend, "filter", "core", "public", "syscall"} for backend in BACKENDS})
# The layout of what its programs in the kernel write.
ALLOWED["afxdp"].add("bpf")


def wrong_directions():
    for path in list_files(root, "src", *SOURCES) + list_files(root, "include", ".h"):
        part = house_part(path)
        for include in includes(path):
            target = resolve(path, include)
            if target and house_part(target) not in ALLOWED.get(part, {"public"}):
                yield f"{path} ({part}) includes {target} ({house_part(target)})"


def beyond_public(directory):
    for path in list_files(root, directory, *SOURCES):
        # Measures single instructions of the inside, and says so.
        if os.path.basename(path).startswith("instructions"):
            continue
        for include in includes(path):
            target = resolve(path, include)
            if target and target.startswith("src/"):
                yield f"{path} includes {target}"


def atomics():
    any_use = re.compile(r"__atomic_|__sync_|stdatomic|_Atomic|__ATOMIC_")
    # What is inline in a header may count; what orders memory stays inside.
    ordering = re.compile(r"__sync_|stdatomic|_Atomic|__ATOMIC_(?!RELAXED)|_exchange|__atomic_fetch")
    for path in list_files(root, "src", *SOURCES):
        if path != "src/core/barrier.h" and any_use.search(read(root, path)):
            yield path
    for path in list_files(root, "include", ".h"):
        if ordering.search(read(root, path)):
            yield path


def volatiles():
    for path in list_files(root, "src", *SOURCES):
        for number, line in enumerate(read(root, path).splitlines(), 1):
            if re.search(r"\bvolatile\b", line):
                yield f"{path}:{number}: {line.strip()}"


def undefined_symbols():
    """(member, symbol) for everything that the archive's members want from outside."""
    member = None
    for line in run(["nm", "--undefined-only", archive]).stdout.splitlines():
        if line.endswith(".o:"):
            member = line[:-1]
        elif " U " in f" {line}":
            yield member, line.split()[-1]


def calls(forbidden, allowed_member):
    for member, symbol in undefined_symbols():
        if symbol in forbidden and not (allowed_member and allowed_member in member):
            yield f"{member} calls {symbol}()"


def writable_globals():
    """Objects that are not constant once the loader is done with them."""
    for line in run(["objdump", "-t", archive]).stdout.splitlines():
        match = re.search(r"\sO?\s(\.data|\.bss|\.tdata|\.tbss|\*COM\*)(\S*)\s+\S+\s+(\S+)$", line)
        if match and not match[2].startswith(".rel.ro") and match[3] not in (*TABLES, match[1]):
            yield line


def own_files():
    directories = ["src", "include", "bench", "bpf", "examples", "tests", "tools"]
    return [path for directory in directories for path in list_files(root, directory, *SOURCES)]


def functions(text):
    """(name, lines) of each function: bodies begin and end with a brace in the first column."""
    lines = text.splitlines()
    start = None
    for number, line in enumerate(lines):
        if line == "{":
            start = number
        elif line == "}" and start is not None:
            head = " ".join(lines[max(0, start - 8):start])
            names = re.findall(r"(\w+)\s*\(", re.sub(r".*[;}]", "", head))
            yield (names[0] if names else "?"), number - start - 1
            start = None


def long_functions():
    for path in own_files():
        for name, lines in functions(read(root, path)):
            if lines > MAX_FUNCTION_LINES:
                yield f"{path}: {name}() has {lines} lines"


def without_license():
    for path in own_files():
        if not read(root, path).startswith("/* SPDX-License-Identifier: BSD-2-Clause */\n"):
            yield path
    scripts = [path for directory in ("scripts", "tests", ".ci", "bench")
               for path in list_files(root, directory, "") if not path.endswith(SOURCES)]
    for path in scripts + ["quickstart"]:
        try:
            head = read(root, path)[:200]
        except UnicodeDecodeError:
            continue
        if head.startswith("#!") and "# SPDX-License-Identifier: BSD-2-Clause" not in head:
            yield path


check("the archive has members", [] if list(undefined_symbols()) else [f"nothing in {archive}"])
check("dependencies run one way", wrong_directions())
for directory in ("bench", "examples", "tools"):
    check(f"{directory}/ uses public headers only", beyond_public(directory))
check("only barrier.h has atomics", atomics())
check("no volatile stands in for an atomic", volatiles())
check("only syscall.c calls the kernel", calls(KERNEL_CALLS, "syscall.c"))
check("the library neither prints nor exits", calls(FORBIDDEN_CALLS, None))
check("call tables are the only writable globals, and none is thread-local", writable_globals())
check(f"no file is longer than {MAX_FILE_LINES} lines",
      [path for path in own_files() if read(root, path).count("\n") > MAX_FILE_LINES])
check(f"no function is longer than {MAX_FUNCTION_LINES} lines", long_functions())
check("every source names its license", without_license())
done()
