#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""What is installed can be built against, with pkg-config alone: shared, static, and the README."""

import os
import re
import sys
import tempfile

from tap import check, command, done, read, run

WARNINGS = ["-std=c17", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wshadow", "-Werror"]
root = sys.argv[1]


def readme_program():
    """The first C block after the marker; it has to fit on a screen."""
    if not os.path.exists(os.path.join(root, "README.md")):
        return ""
    text = read(root, "README.md")
    match = re.search(r"<!-- example: capture -->.*?^```c\n(.*?)^```$", text, re.M | re.S)
    return match.group(1) if match else ""


def install(place):
    """A prefix of its own, no DESTDIR: as a user installs into a home directory."""
    build = os.path.join(place, "build")
    prefix = os.path.join(place, "prefix")
    problems = command(["meson", "setup", build, root, f"--prefix={prefix}", "--libdir=lib",
                        "--buildtype=release", "-Dtests=disabled", "-Dbench=disabled",
                        "-Dexamples=false", "-Dwerror=true"])
    problems = problems or command(["meson", "compile", "-C", build])
    return prefix, problems or command(["meson", "install", "-C", build, "--quiet"])


def pkg_config(*words):
    return run(["pkg-config"] + list(words) + ["zring"], env=environment).stdout.split()


def builds(source, program, *flags):
    return command(["cc"] + WARNINGS + [source, "-o", program] + list(flags), env=environment)


def dynamic_libraries(program):
    return re.findall(r"NEEDED\s+(\S+)", run(["objdump", "-p", program]).stdout)


def static_link():
    """The archive of ours, everything else shared: what -static of libc adds is no test of ours."""
    flags = pkg_config("--static", "--libs")
    return [f"-l:lib{flag[2:]}.a" if flag == "-lzring" else flag for flag in flags]


with tempfile.TemporaryDirectory(prefix="zring-install-") as place:
    prefix, problems = install(place)
    check("meson install into a prefix", problems)
    environment = dict(os.environ, PKG_CONFIG_PATH=f"{prefix}/lib/pkgconfig")
    run_environment = dict(os.environ, LD_LIBRARY_PATH=f"{prefix}/lib")
    wanted = ["lib/libzring.so", "lib/libzring.so.0", "lib/libzring.a", "lib/pkgconfig/zring.pc",
              "include/zring/zring.h", "share/man/man3/zring_capture_open.3"]
    check("all parts are installed",
          [path for path in wanted if not os.path.exists(os.path.join(prefix, path))])

    consumer = os.path.join(root, "tests/api/consumer.c")
    version = pkg_config("--modversion")
    for kind, libraries in (("shared", pkg_config("--libs")), ("static", static_link())):
        program = os.path.join(place, f"consumer-{kind}")
        check(f"a program outside the tree builds, {kind}",
              builds(consumer, program, *pkg_config("--cflags"), *libraries))
        ended = run([program], env=run_environment)
        check(f"and runs, {kind}",
              [] if ended.returncode == 0 and ended.stdout.split() == ["zring"] + version
              else [f"status {ended.returncode}, said '{ended.stdout}', pkg-config {version}"])
        needs_ours = "libzring.so.0" in dynamic_libraries(program)
        check(f"and is linked as asked, {kind}",
              [] if needs_ours == (kind == "shared") else dynamic_libraries(program))

    text = readme_program()
    lines = text.count("\n")
    check("README.md has a capture program of at most 20 lines",
          [] if 10 <= lines <= 20 else [f"{lines} lines after <!-- example: capture -->"])
    source = os.path.join(place, "readme.c")
    with open(source, "w", encoding="utf-8") as file:
        file.write(text)
    check("the README's program builds as printed",
          builds(source, os.path.join(place, "readme"), *pkg_config("--cflags", "--libs")))
    ours = re.sub(r"\A/\* SPDX[^\n]*\n", "", read(root, "examples/capture.c"))
    check("and is examples/capture.c",
          [] if text == ours else ["the README's program and examples/capture.c differ"])
done()
