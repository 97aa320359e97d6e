#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Real programs talk over a veth pair while zring and tcpdump look at the same
# end: ping, fragments, TCP and UDP of iperf3, VLAN tags. What both saw is the
# same to the byte, and as many packets as the interface counted.
#
# usage: test_traffic.sh ZR_COUNT
#
# Exits 0, 1, or 77 where it can't run: the last line then says why.
set -euo pipefail
export PATH="$PATH:/usr/sbin:/sbin" LC_ALL=C

skip() {
    echo "$*"
    exit 77
}

fail() {
    echo "test_traffic: $*" >&2
    exit 1
}

# Everything below happens in namespaces and a /run of our own: nothing is left behind, and all
# processes end with this one.
if [ "${1:-}" != --inside ]; then
    [ $# -eq 1 ] || { echo "usage: test_traffic.sh ZR_COUNT" >&2; exit 2; }
    [ "$(id -u)" -eq 0 ] || skip "needs root: loads a BPF program to tag frames"
    for program in ip tc ping iperf3 tcpdump ethtool clang timeout; do
        command -v "$program" >/dev/null || skip "needs the program $program"
    done
    exec unshare -mnpf --kill-child --mount-proc "$0" --inside "$(realpath "$1")"
fi

zr_count=$2
mount -t tmpfs run /run
work=$(mktemp -d -p /run)

near() { ip netns exec near timeout 60 "$@"; }
far() { ip netns exec far timeout 60 "$@"; }

# ---- the lab: "near" talks, "far" is looked at ----

setup() {
    local side
    for side in near far; do
        ip netns add "$side"
        ip netns exec "$side" bash -c 'cd /proc/sys/net/ipv6/conf/default &&
            echo 0 >router_solicitations && echo 0 >accept_dad'
        ip -n "$side" link set lo up
    done
    ip -n near link add za address 02:00:00:00:0a:01 type veth \
        peer name zb netns far address 02:00:00:00:0b:01
    ip -n near addr add 10.9.0.1/24 dev za
    ip -n far addr add 10.9.0.2/24 dev zb
    ip -n near addr add fd00::1/64 dev za nodad
    ip -n far addr add fd00::2/64 dev zb nodad
    ip -n near link set za up
    ip -n far link set zb up
    # Neighbours that need no question: the wire carries what the programs send.
    ip -n near neigh replace 10.9.0.2 lladdr 02:00:00:00:0b:01 dev za
    ip -n far neigh replace 10.9.0.1 lladdr 02:00:00:00:0a:01 dev zb
    ip -n near neigh replace fd00::2 lladdr 02:00:00:00:0b:01 dev za
    ip -n far neigh replace fd00::1 lladdr 02:00:00:00:0a:01 dev zb
}

# Packets that zb has received and sent.
count_interface() {
    ip netns exec far cat /proc/net/dev |
        awk '{ sub(":", " ") } $1 == "zb" { print $3 + $11 }'
}

# Waits until zb was silent for two seconds: multicast reports come up to then.
wait_silence() {
    local before now _
    for _ in $(seq 20); do
        before=$(count_interface)
        sleep 2
        now=$(count_interface)
        [ "$before" = "$now" ] && return
    done
    fail "zb never fell silent"
}

wait_line() { # FILE PATTERN
    local _
    for _ in $(seq 1000); do
        grep -qs "$2" "$1" && return
        sleep 0.02
    done
    fail "\"$2\" never appeared: $(cat "$1" 2>&1)"
}

# ---- two witnesses of the same traffic ----

start_witnesses() { # ZR_COUNT'S OPTIONS
    rm -f "$work/zring.out" "$work/tcpdump.err"
    ip netns exec far "$zr_count" "$@" zb >"$work/zring.out" 2>&1 &
    zring_pid=$!
    ip netns exec far tcpdump -Z root -n -s 0 -B 131072 -i zb -w "$work/tcpdump.pcap" \
        2>"$work/tcpdump.err" &
    tcpdump_pid=$!
    wait_line "$work/zring.out" READY
    wait_line "$work/tcpdump.err" 'listening on'
    counted=$(count_interface)
}

stop_witnesses() {
    wait_silence
    counted=$(($(count_interface) - counted))
    kill -INT "$tcpdump_pid" "$zring_pid"
    wait "$zring_pid" || fail "zr_count failed: $(cat "$work/zring.out")"
    wait "$tcpdump_pid" || fail "tcpdump failed: $(cat "$work/tcpdump.err")"
}

# value KEY: a figure of zr_count's
value() {
    tr ' ' '\n' <"$work/zring.out" | sed -n "s/^$1=//p"
}

check_witnesses() {
    local zring tcpdump
    cat "$work/zring.out"
    grep -q '^0 packets dropped by kernel' "$work/tcpdump.err" ||
        fail "tcpdump itself lost packets: $(cat "$work/tcpdump.err")"
    zring=$(grep '^packets=' "$work/zring.out")
    tcpdump=$("$zr_count" -r "$work/tcpdump.pcap")
    [ "$zring" = "$tcpdump" ] || fail "zring and tcpdump disagree:
  zring   $zring
  tcpdump $tcpdump"
    [ "$(value packets)" = "$counted" ] ||
        fail "the interface counted $counted packets, zring $(value packets)"
    [ "$(value delivered)" = "$counted" ] || fail "delivered $(value delivered) of $counted"
    [ "$(value received)" = "$counted" ] || fail "received $(value received) of $counted"
    [ "$(value dropped) $(value truncated) $(value malformed) $(value pending)" = "0 0 0 0" ] ||
        fail "packets were lost or cut"
}

expect() { # KEY LEAST
    [ "$(value "$1")" -ge "$2" ] || fail "$1 is $(value "$1"), expected $2 or more"
}

# ---- the programs ----

ping_both() { # ARGUMENTS
    near ping -q "$@" 10.9.0.2 >"$work/ping.out" || fail "ping: $(cat "$work/ping.out")"
    near ping -q "$@" fd00::2 >"$work/ping.out" || fail "ping: $(cat "$work/ping.out")"
}

run_iperf() { # ARGUMENTS
    local server
    rm -f "$work/iperf.out"
    ip netns exec far timeout 60 iperf3 -s -1 -B 10.9.0.2 --forceflush >"$work/iperf.out" 2>&1 &
    server=$!
    wait_line "$work/iperf.out" 'Server listening'
    near iperf3 -c 10.9.0.2 "$@" >"$work/iperf-client.out" 2>&1 ||
        fail "iperf3 $*: $(cat "$work/iperf-client.out")"
    wait "$server"
}

talk() {
    ping_both -c 20 -i 0.01
    ping_both -c 20 -i 0.01 -s 1400
    ping_both -c 10 -i 0.01 -s 4000
    run_iperf -n 24M
    run_iperf -n 24M -R
    run_iperf -u -b 50M -l 1000 -n 4M
}

# Frames leave both ends with a tag and lose it again behind the taps.
compile_tagger() {
    cat >"$work/tag.c" <<'END'
struct __sk_buff;
static long (*push)(struct __sk_buff *, unsigned short, unsigned short) = (void *)18;
static long (*pop)(struct __sk_buff *) = (void *)19;
__attribute__((section("push"), used)) int tag_push(struct __sk_buff *skb)
{
	push(skb, 0x0081, 42); /* 802.1Q in network byte order of a little-endian machine */
	return 0;
}
__attribute__((section("pop"), used)) int tag_pop(struct __sk_buff *skb)
{
	pop(skb);
	return 0;
}
char tag_license[] __attribute__((section("license"), used)) = "GPL";
END
    if printf '\1\0' | od -An -tx2 | grep -q 0100; then # a big-endian machine
        sed -i 's/0x0081/0x8100/' "$work/tag.c"
    fi
    clang -O2 -target bpf -c "$work/tag.c" -o "$work/tag.o"
}

tag_frames() { # NAMESPACE INTERFACE
    tc -n "$1" qdisc add dev "$2" clsact
    tc -n "$1" filter add dev "$2" egress bpf da object-file "$work/tag.o" section push
    tc -n "$1" filter add dev "$2" ingress bpf da object-file "$work/tag.o" section pop
}

setup
wait_silence

echo "# V3 ring, the stack's default offloads"
start_witnesses -p 3
talk
stop_witnesses
check_witnesses
expect icmp 140
expect fragments 60
expect tcp 100
expect udp 4000
expect super 10

echo "# V2 ring, segments as on a real wire"
near ethtool -K za tso off gso off gro off >/dev/null
far ethtool -K zb tso off gso off gro off >/dev/null
start_witnesses -p 1 -m 256
talk
stop_witnesses
check_witnesses
expect tcp 30000
expect udp 4000
[ "$(value super)" = 0 ] || fail "super-frames although segmentation is off"

for profile in 0 1; do
    echo "# VLAN tags, profile $profile"
    if [ "$profile" = 0 ]; then
        compile_tagger
        tag_frames near za
        tag_frames far zb
    fi
    start_witnesses -p "$profile" -m 64
    ping_both -c 20 -i 0.01
    ping_both -c 5 -i 0.01 -s 4000
    run_iperf -n 4M
    stop_witnesses
    check_witnesses
    expect tagged 100
    [ "$(value tagged)" = "$(value packets)" ] || fail "not every frame has its tag"
done
echo "all traffic accounted for"
