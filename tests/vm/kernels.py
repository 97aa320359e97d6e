# SPDX-License-Identifier: BSD-2-Clause
"""Debian's kernels, from the mirror that this machine's apt already uses.

Nothing of the machine's apt is touched: lists, state and packages lie in a directory of ours. What
was fetched once stays there, so that a later run does without a network.
"""

import collections
import functools
import glob
import lzma
import os
import re
import shutil
import subprocess
import tempfile

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
# The "cloud" flavour is small and has all that a virtual machine can have.
METAPACKAGE = "linux-image-cloud-amd64"
# No step takes longer, or the mirror is as good as gone.
PATIENCE_SECONDS = 180
# Where the modules lie that tests and their machines need, and what these need.
MODULE_PLACES = ("net", "drivers/net", "drivers/virtio", "lib", "crypto", "arch")
PARTS = re.compile(r"linux-(?:image|binary|modules)-\d\S*")

Kernel = collections.namedtuple("Kernel", "version release image modules")


class Unavailable(Exception):
    """Why a kernel can't be had here."""


def run(command, directory=None):
    try:
        return subprocess.run(command, cwd=directory, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, errors="replace", check=False,
                              timeout=PATIENCE_SECONDS)
    except subprocess.TimeoutExpired:
        raise Unavailable(f"{command[0]} took longer than {PATIENCE_SECONDS} seconds") from None


def complaint(done, otherwise="no reason given"):
    """What a command said first: the lines behind it are what follows from it."""
    lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    return lines[0] if lines else otherwise


def codename():
    with open("/etc/os-release", encoding="utf-8") as release:
        match = re.search(r"^VERSION_CODENAME=\"?(\w+)", release.read(), re.M)
    return match.group(1) if match else ""


def mirror():
    """The first of this machine's Debian mirrors, whether apt has fetched its lists or not."""
    if not shutil.which("apt-get"):
        raise Unavailable("no apt-get: the kernels are packages of Debian")
    targets = run(["apt-get", "indextargets", "-o", "APT::Get::IndexTargets::OnlyPresent=false",
                   "--format", "$(REPO_URI)|$(RELEASE)|$(COMPONENT)|$(ORIGIN)",
                   "Identifier: Packages"])
    for line in targets.stdout.splitlines():
        uri, release, component, origin = line.split("|")
        # Without lists there is no origin; the suite tells as well.
        if component == "main" and origin in ("Debian", "") and release == codename():
            return uri
    raise Unavailable("apt's sources name no Debian mirror with the suite of this system")


class Archive:
    """The mirror, seen through an apt of our own."""

    def __init__(self, cache, suites):
        self.directory = os.path.join(cache, "apt")
        for name in ("state/lists/partial", "cache/archives/partial"):
            os.makedirs(os.path.join(self.directory, name), exist_ok=True)
        if not os.path.exists(KEYRING):
            raise Unavailable(f"no {KEYRING}: install debian-archive-keyring")
        uri = mirror()
        with open(f"{self.directory}/sources.list", "w", encoding="utf-8") as sources:
            for suite in suites:
                sources.write(f"deb [arch=amd64 signed-by={KEYRING}] {uri} {suite} main\n")
        self.update = run(self.command("apt-get", "update"))

    def command(self, program, *words):
        # What else the machine's apt.conf says (proxies, timeouts) stays in force.
        options = {
            "Dir::State": f"{self.directory}/state",
            "Dir::State::status": "/dev/null",
            "Dir::Cache": f"{self.directory}/cache",
            "Dir::Etc::SourceList": f"{self.directory}/sources.list",
            "Dir::Etc::SourceParts": "/dev/null",
            "Dir::Etc::Preferences": "/dev/null",
            "Dir::Etc::PreferencesParts": "/dev/null",
            "APT::Architecture": "amd64",
            "Acquire::Retries": "2",
            "Acquire::http::Timeout": "20",
        }
        return [program] + [f"-o{name}={value}" for name, value in options.items()] + list(words)

    def versions(self, suites):
        """The versions of the metapackage in these suites, newest first."""
        versions = set()
        for line in run(self.command("apt-cache", "madison", METAPACKAGE)).stdout.splitlines():
            _, version, source = (field.strip() for field in line.split("|"))
            if any(f" {suite}/" in source for suite in suites):
                versions.add(version)
        return sorted(versions, key=functools.cmp_to_key(compare_versions), reverse=True)

    def parts(self, package, version):
        """The packages, by "name=version", that hold the kernel and its modules."""
        shown = run(self.command("apt-cache", "show", f"{package}={version}")).stdout
        depends = re.search(r"^Depends: (.*)$", shown, re.M)
        parts = {f"{package}={version}"} if PARTS.fullmatch(package) else set()
        for name in PARTS.findall(depends.group(1) if depends else ""):
            parts |= self.parts(name, version)
        return parts

    def download(self, parts, directory):
        done = run(self.command("apt-get", "download", *sorted(parts)), directory)
        if done.returncode != 0:
            raise Unavailable("apt-get download: " + complaint(done))


def compare_versions(one, other):
    for relation, result in (("lt", -1), ("gt", 1)):
        if run(["dpkg", "--compare-versions", one, relation, other]).returncode == 0:
            return result
    return 0


def keep_modules(directory):
    """Unpacks those that matter and removes the others."""
    places = tuple(f"{directory}/{place}/" for place in MODULE_PLACES)
    for path in glob.glob(f"{directory}/**/*.ko*", recursive=True):
        if path.startswith(places) and path.endswith(".ko"):
            continue
        if path.startswith(places) and path.endswith(".ko.xz"):
            with lzma.open(path) as packed, open(path[:-3], "wb") as plain:
                shutil.copyfileobj(packed, plain)
        os.unlink(path)


def unpack(debs, tree):
    """Makes TREE/vmlinuz and TREE/lib/modules of packages; busybox wants plain modules."""
    for deb in debs:
        done = run(["dpkg-deb", "-x", deb, tree])
        if done.returncode != 0:
            raise Unavailable("dpkg-deb: " + complaint(done))
    if os.path.isdir(f"{tree}/usr/lib/modules"):
        os.makedirs(f"{tree}/lib", exist_ok=True)
        os.rename(f"{tree}/usr/lib/modules", f"{tree}/lib/modules")
    images = glob.glob(f"{tree}/boot/vmlinuz-*") + glob.glob(f"{tree}/lib/modules/*/vmlinuz")
    releases = os.listdir(f"{tree}/lib/modules") if os.path.isdir(f"{tree}/lib/modules") else []
    if len(images) != 1 or len(releases) != 1:
        raise Unavailable(f"the packages hold {len(images)} kernels, {len(releases)} releases")
    os.rename(images[0], f"{tree}/vmlinuz")
    keep_modules(f"{tree}/lib/modules/{releases[0]}/kernel")
    done = run(["busybox", "depmod", "-b", tree, releases[0]])
    if done.returncode != 0:
        raise Unavailable("busybox depmod: " + complaint(done))
    for name in ("boot", "usr"):
        shutil.rmtree(f"{tree}/{name}", ignore_errors=True)


def look_up(tree):
    """The kernel that lies unpacked in a tree, or None."""
    try:
        with open(f"{tree}/version", encoding="utf-8") as file:
            version = file.read().strip()
        release = os.listdir(f"{tree}/lib/modules")[0]
    except (OSError, IndexError):
        return None
    return Kernel(version, release, f"{tree}/vmlinuz", f"{tree}/lib/modules/{release}")


def fetch(archive, suites, tree):
    """The newest kernel of the suites, in TREE; what an earlier run left is taken if it is it."""
    versions = archive.versions(suites)
    have = look_up(tree)
    if not versions:
        raise Unavailable(f"the mirror has no {METAPACKAGE} in {' or '.join(suites)}: " +
                          complaint(archive.update, "its lists do not name it"))
    if have and have.version == versions[0]:
        return have
    parts = archive.parts(METAPACKAGE, versions[0])
    with tempfile.TemporaryDirectory(prefix="new-", dir=os.path.dirname(tree)) as scratch:
        archive.download(parts, scratch)
        unpack(glob.glob(f"{scratch}/*.deb"), f"{scratch}/tree")
        with open(f"{scratch}/tree/version", "w", encoding="utf-8") as file:
            file.write(versions[0] + "\n")
        shutil.rmtree(tree, ignore_errors=True)
        os.rename(f"{scratch}/tree", tree)
    return look_up(tree)
