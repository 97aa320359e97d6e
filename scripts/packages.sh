# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2034
# What zring needs from the system; sourced by quickstart and .ci/run.
#
# A need is "CHECK ARGUMENT PACKAGE[|PACKAGE...]": the package (Debian's name, the first
# one that apt knows) is installed only where the check fails.

build_needs=(
    "command cc gcc"
    "header stdio.h libc6-dev"
    "command pkg-config pkgconf|pkg-config"
    "command meson meson"
    "command ninja ninja-build"
    "module libmnl libmnl-dev"
    "command clang clang"
    "command bpftool bpftool|linux-tools-common"
    "module libbpf libbpf-dev"
    "module libxdp libxdp-dev"
    "module jansson libjansson-dev"
    "module libpcap libpcap-dev"
    "command ip iproute2"
)
test_needs=(
    "module criterion libcriterion-dev"
    "command g++ g++"
    "command ethtool ethtool"
    "command ping iputils-ping"
    "command iperf3 iperf3"
    "command tcpdump tcpdump"
    "command groff groff-base"
    "command valgrind valgrind"
    "command chromium chromium"
)
ci_needs=(
    "command clang-format clang-format"
    "clang_runtime asan libclang-rt-%CLANG%-dev|libclang-rt-dev"
)
# tests/vm/run says itself what it can't do without these.
vm_needs=(
    "command qemu-system-x86_64 qemu-system-x86"
    "command busybox busybox-static"
    "command cpio cpio"
    "file /usr/share/keyrings/debian-archive-keyring.gpg debian-archive-keyring"
)

# Where a system administrator's PATH reaches and a user's may not.
PATH="$PATH:/usr/sbin:/sbin"

step() {
    printf '==> %s\n' "$*"
}

fail() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

# Runs a command and shows what it said only if it fails.
quietly() {
    local log status=0
    log=$(mktemp)
    "$@" >"$log" 2>&1 </dev/null || status=$?
    if [ "$status" -ne 0 ]; then
        cat "$log" >&2
        printf 'error: status %s: %s\n' "$status" "$*" >&2
    fi
    rm -f "$log"
    return "$status"
}

have_command() {
    command -v "$1" >/dev/null
}

have_file() {
    [ -e "$1" ]
}

have_header() {
    have_command cc && printf '#include <%s>\n' "$1" | cc -E - >/dev/null 2>&1
}

have_module() {
    have_command pkg-config && pkg-config --exists "$1"
}

have_clang_runtime() {
    have_command clang &&
        printf 'int main(void) { return 0; }\n' |
        clang -x c -fsanitize=address - -o /dev/null 2>/dev/null
}

# Prints the packages, alternatives and all, of the needs that are not met.
missing_packages() {
    local need check argument packages
    for need in "$@"; do
        read -r check argument packages <<<"$need"
        "have_$check" "$argument" || printf '%s\n' "$packages"
    done
}

is_debian() {
    have_command apt-get && have_command apt-cache && (
        . /etc/os-release
        [[ " ${ID:-} ${ID_LIKE:-} " == *" debian "* ]]
    )
}

clang_major() {
    apt-cache depends clang 2>/dev/null | sed -n 's/.*Depends: clang-\([0-9]*\)$/\1/p'
}

apt_can_install() {
    local policy
    policy=$(apt-cache policy "$1" 2>/dev/null)
    [[ "$policy" == *"Candidate: "[!\(]* ]]
}

# The first of "a|b|c" that apt can install.
choose_package() {
    local candidate
    for candidate in ${1//|/ }; do
        candidate=${candidate//%CLANG%/$(clang_major)}
        if apt_can_install "$candidate"; then
            printf '%s\n' "$candidate"
            return 0
        fi
    done
    fail "apt knows no package for '${1//|/ or }': check the network, and that apt's sources" \
        "name the main repository"
}

distribution() {
    (
        . /etc/os-release
        printf '%s' "${PRETTY_NAME:-${ID:-this system}}"
    ) 2>/dev/null || uname -s
}

# Installs what the needs lack; says nothing when nothing is missing.
install_missing() {
    local missing chosen=() package
    mapfile -t missing < <(missing_packages "$@")
    [ "${#missing[@]}" -gt 0 ] || return 0
    if ! is_debian; then
        {
            printf 'error: on %s the packages have to be installed by hand.\n' "$(distribution)"
            printf 'These are missing (by their names on Debian):\n'
            printf '  %s\n' "${missing[@]//|/ or }"
        } >&2
        exit 1
    fi
    export DEBIAN_FRONTEND=noninteractive
    step "apt-get update"
    # Offline the lists on disk may do.
    quietly apt-get -o DPkg::Lock::Timeout=300 update || true
    for package in "${missing[@]}"; do
        chosen+=("$(choose_package "$package")") || exit 1
    done
    step "apt-get install ${chosen[*]}"
    quietly apt-get -qq -o DPkg::Lock::Timeout=300 install -y --no-install-recommends \
        "${chosen[@]}" ||
        fail "the packages above could not be installed: check the network and 'apt-get update'"
    mapfile -t missing < <(missing_packages "$@")
    [ "${#missing[@]}" -eq 0 ] || fail "installed, and still not found: ${missing[*]}"
}
