/* SPDX-License-Identifier: BSD-2-Clause */
/* zring/interface.h against interfaces whose every property the test has set. */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
/* Last: linux/if_link.h brings its own idea of the IFF_* flags. */
#include <net/if.h>

#include <zring/interface.h>

#include "support/net.h"
#include "syscall.h"

static void check_get(const char *name, struct zring_interface *ret_interface)
{
	struct zring_diag diag = {0};
	const int err = zring_interface_get(name, &diag, ret_interface);

	cr_assert(err == 0, "%s: %d in %s: %s", name, err, diag.step, diag.message);
	cr_assert(diag.error == 0, "diag is untouched on success");
}

static struct zring_interface get(const char *name)
{
	struct zring_interface interface;

	check_get(name, &interface);
	return interface;
}

static void lab_open(void)
{
	net_lab_open();
	net_run("ip link add ia index 50 numrxqueues 4 numtxqueues 4 address 02:00:00:00:00:0a "
		"mtu 1400 type veth peer name ib index 20 numrxqueues 4 numtxqueues 4");
}

static int count_fds(void)
{
	DIR *directory = opendir("/proc/self/fd");
	int nr = 0;

	cr_assert(directory);
	while (readdir(directory))
		nr++;
	closedir(directory);
	return nr;
}

Test(interface, a_veth_is_described_as_it_was_made, .init = lab_open)
{
	static const uint8_t mac[8] = {2, 0, 0, 0, 0, 0x0a};
	struct zring_interface interface;

	net_up("ia", "ib");
	memset(&interface, 0xff, sizeof(interface));
	check_get("ia", &interface);
	cr_assert_str_eq(interface.name, "ia");
	cr_assert_str_eq(interface.driver, "veth");
	check_eq(interface.index, 50);
	check_eq(interface.mtu, 1400);
	check_eq(interface.link_type, ARPHRD_ETHER);
	check_eq(interface.speed_mbps, 10000);
	check_eq(interface.mac_bytes, 6);
	cr_assert(memcmp(interface.mac, mac, sizeof(mac)) == 0);
	check_eq(interface.nr_rx_queues, 4);
	check_eq(interface.nr_tx_queues, 4);
	check_eq(interface.numa_node, -1);
	check_eq(interface.has_device, 0);
	check_eq(interface.carrier, 1);
	check_eq(interface.flags & (IFF_UP | IFF_BROADCAST | IFF_LOOPBACK), IFF_UP | IFF_BROADCAST);
	check_eq(interface.xdp_mode, ZRING_XDP_ATTACHED_NONE);
	check_eq(interface.xdp_program_id, 0);
	check_eq(interface.nr_addresses, 0);
}

Test(interface, lo_has_no_driver, .init = lab_open)
{
	const struct zring_interface interface = get("lo");

	cr_assert_str_eq(interface.driver, "");
	check_eq(interface.index, 1);
	check_eq(interface.link_type, ARPHRD_LOOPBACK);
	check_eq(interface.flags & (IFF_UP | IFF_LOOPBACK), IFF_LOOPBACK);
	check_eq(interface.speed_mbps, 0);
	check_eq(interface.mac_bytes, 6);
}

Test(interface, carrier_goes_with_the_far_end, .init = lab_open)
{
	net_up("ia", "ib");
	check_eq(get("ia").carrier, 1);
	net_run("ip link set ib down");
	check_eq(get("ia").carrier, 0);
	check_eq(get("ia").flags & IFF_UP, IFF_UP);
}

Test(interface, queue_counts_are_those_in_use, .init = lab_open)
{
	net_run("ethtool -L ia rx 2 tx 3");
	check_eq(get("ia").nr_rx_queues, 2);
	check_eq(get("ia").nr_tx_queues, 3);
	/* Nobody asked for queues: several are allocated where there are several CPUs, one works.
	 */
	check_eq(get(NET_NEAR).nr_rx_queues, 1);
	check_eq(get(NET_NEAR).nr_tx_queues, 1);
}

Test(interface, queue_counts_without_channels_are_the_allocated_ones, .init = lab_open)
{
	net_run("ip link add iv link ia numrxqueues 3 numtxqueues 5 type macvlan mode bridge");
	check_eq(get("iv").nr_rx_queues, 3);
	check_eq(get("iv").nr_tx_queues, 5);
}

static void expect_address(const struct zring_interface *interface, uint16_t family,
			   const char *text, uint16_t prefix_bits)
{
	uint8_t bytes[16] = {0};

	check_eq(inet_pton(family, text, bytes), 1);
	for (uint32_t i = 0; i < interface->nr_addresses; i++) {
		const struct zring_address *address = &interface->addresses[i];

		if (address->family == family && address->prefix_bits == prefix_bits &&
		    memcmp(address->bytes, bytes, sizeof(bytes)) == 0)
			return;
	}
	cr_assert(false, "%s/%u is not among the %u addresses", text, prefix_bits,
		  interface->nr_addresses);
}

Test(interface, addresses_of_both_families, .init = lab_open)
{
	struct zring_interface interface;

	net_run("echo 0 > /proc/sys/net/ipv6/conf/ia/disable_ipv6");
	net_run("ip addr add 192.0.2.7/25 dev ia && ip addr add 198.51.100.1/30 dev ib");
	/* Ours is the one in front, the other end is the peer's. */
	net_run("ip addr add 203.0.113.1 peer 203.0.113.2/32 dev ia");
	net_run("ip addr add 2001:db8::7/64 dev ia nodad");
	interface = get("ia");
	check_eq(interface.nr_addresses, 3);
	expect_address(&interface, AF_INET, "192.0.2.7", 25);
	expect_address(&interface, AF_INET, "203.0.113.1", 32);
	expect_address(&interface, AF_INET6, "2001:db8::7", 64);
	interface = get("ib");
	check_eq(interface.nr_addresses, 1);
	expect_address(&interface, AF_INET, "198.51.100.1", 30);
}

Test(interface, more_addresses_than_fit_are_left_out, .init = lab_open)
{
	net_run("for n in $(seq 40); do ip addr add 192.0.2.$n/32 dev ia; done");
	check_eq(get("ia").nr_addresses, ZRING_INTERFACE_MAX_ADDRESSES);
}

static void expect_switch(const char *keyword, uint32_t feature)
{
	const uint32_t others = get("ia").offloads & ~feature;

	net_run("ethtool -K ia %s off", keyword);
	check_eq(get("ia").offloads & feature, 0);
	net_run("ethtool -K ia %s on", keyword);
	check_eq(get("ia").offloads & feature, feature);
	cr_assert((get("ia").offloads & others) == others, "%s: others changed", keyword);
}

Test(interface, offloads_follow_ethtool, .init = lab_open)
{
	expect_switch("gro", ZRING_FEATURE_GRO);
	expect_switch("tso", ZRING_FEATURE_TSO);
	expect_switch("gso", ZRING_FEATURE_GSO);
}

Test(interface, each_vlan_kind_counts, .init = lab_open)
{
	net_run("ethtool -K ia rxvlan off rx-vlan-stag-hw-parse on "
		"txvlan off tx-vlan-stag-hw-insert off");
	check_eq(get("ia").offloads & ZRING_FEATURE_RX_VLAN, ZRING_FEATURE_RX_VLAN);
	check_eq(get("ia").offloads & ZRING_FEATURE_TX_VLAN, 0);
	net_run("ethtool -K ia txvlan on");
	check_eq(get("ia").offloads & ZRING_FEATURE_TX_VLAN, ZRING_FEATURE_TX_VLAN);
}

Test(interface, checksum_and_udp_offloads_follow_ethtool, .init = lab_open)
{
	/* Segmentation needs checksums, so they go together and come back in order. */
	net_run("ethtool -K ia tx-udp-segmentation off");
	check_eq(get("ia").offloads & ZRING_FEATURE_UDP_GSO, 0);
	net_run("ethtool -K ia tx off rx off");
	check_eq(get("ia").offloads & (ZRING_FEATURE_TX_CHECKSUM | ZRING_FEATURE_RX_CHECKSUM |
				       ZRING_FEATURE_TSO),
		 0);
	net_run("ethtool -K ia tx on rx on && ethtool -K ia tx-udp-segmentation on");
	check_eq(get("ia").offloads & (ZRING_FEATURE_TX_CHECKSUM | ZRING_FEATURE_RX_CHECKSUM |
				       ZRING_FEATURE_UDP_GSO),
		 ZRING_FEATURE_TX_CHECKSUM | ZRING_FEATURE_RX_CHECKSUM | ZRING_FEATURE_UDP_GSO);
}

/* ---- XDP; bpf(2) itself, so that the test needs no library for it ---- */

static int call_bpf(enum bpf_cmd command, union bpf_attr *attr)
{
	return (int)syscall(SYS_bpf, command, attr, sizeof(*attr));
}

/* return XDP_PASS */
static int load_pass(void)
{
	static const struct bpf_insn program[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = XDP_PASS},
		{.code = BPF_JMP | BPF_EXIT},
	};
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.prog_type = BPF_PROG_TYPE_XDP;
	attr.insns = (uint64_t)(uintptr_t)program;
	attr.insn_cnt = sizeof(program) / sizeof(*program);
	attr.license = (uint64_t)(uintptr_t) "BSD";
	return call_bpf(BPF_PROG_LOAD, &attr);
}

/* The link holds until it is closed. */
static int attach(int program_fd, const char *name, uint32_t flags)
{
	union bpf_attr attr;
	int link_fd;

	memset(&attr, 0, sizeof(attr));
	attr.link_create.prog_fd = (uint32_t)program_fd;
	attr.link_create.target_ifindex = net_index(name);
	attr.link_create.attach_type = BPF_XDP;
	attr.link_create.flags = flags;
	link_fd = call_bpf(BPF_LINK_CREATE, &attr);
	cr_assert(link_fd >= 0, "BPF_LINK_CREATE: %s", strerror(errno));
	return link_fd;
}

static uint32_t program_id(int program_fd)
{
	struct bpf_prog_info info;
	union bpf_attr attr;

	memset(&info, 0, sizeof(info));
	memset(&attr, 0, sizeof(attr));
	attr.info.bpf_fd = (uint32_t)program_fd;
	attr.info.info_len = sizeof(info);
	attr.info.info = (uint64_t)(uintptr_t)&info;
	cr_assert(call_bpf(BPF_OBJ_GET_INFO_BY_FD, &attr) == 0);
	return info.id;
}

Test(interface, an_attached_xdp_program_is_seen, .init = lab_open)
{
	static const struct {
		uint32_t flags;
		enum zring_xdp_attached mode;
	} cases[] = {
		{XDP_FLAGS_DRV_MODE, ZRING_XDP_ATTACHED_NATIVE},
		{XDP_FLAGS_SKB_MODE, ZRING_XDP_ATTACHED_GENERIC},
	};
	const int program_fd = load_pass();

	if (program_fd < 0)
		cr_skip_test("loading an XDP program needs CAP_BPF: %s", strerror(errno));
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const int link_fd = attach(program_fd, "ia", cases[i].flags);

		check_eq(get("ia").xdp_mode, cases[i].mode);
		check_eq(get("ia").xdp_program_id, program_id(program_fd));
		check_eq(get("ib").xdp_mode, ZRING_XDP_ATTACHED_NONE);
		close(link_fd);
		check_eq(get("ia").xdp_mode, ZRING_XDP_ATTACHED_NONE);
		check_eq(get("ia").xdp_program_id, 0);
	}
	close(program_fd);
}

/* ---- the default ---- */

static void expect_default(const char *name)
{
	struct zring_interface interface = {0};
	struct zring_diag diag = {0};
	const int err = zring_interface_default(&diag, &interface);

	cr_assert(err == 0, "%d in %s: %s", err, diag.step, diag.message);
	cr_assert_str_eq(interface.name, name);
	/* A whole description, as that of a look-up by name. */
	check_eq(interface.index, net_index(name));
	cr_assert_str_eq(interface.driver, "veth");
	check_eq(interface.nr_addresses, get(name).nr_addresses);
}

static void default_lab_open(void)
{
	lab_open();
	net_up("ia", "ib");
	net_run("ip addr add 192.0.2.1/24 dev ia && ip addr add 198.51.100.1/24 dev ib");
}

Test(interface, default_without_a_route_is_the_first_with_carrier, .init = default_lab_open)
{
	const char *first = net_index(NET_NEAR) < net_index(NET_FAR) ? NET_NEAR : NET_FAR;

	net_run("ip link set lo up");
	expect_default(first);
	net_run("ip link set %s down", first);
	/* Both ends of that pair are out now; of the other the lower index is ib. */
	expect_default("ib");
}

Test(interface, default_is_the_route_with_the_lowest_metric, .init = default_lab_open)
{
	net_run("ip route add default via 192.0.2.2 metric 20");
	expect_default("ia");
	net_run("ip route add default via 198.51.100.2 metric 10");
	expect_default("ib");
	net_run("ip route add default via 192.0.2.3");
	expect_default("ia");
}

Test(interface, default_is_no_blackhole_and_of_the_main_table, .init = default_lab_open)
{
	net_run("ip route add blackhole default metric 1");
	net_run("ip route add default via 192.0.2.2 table 77");
	net_run("ip route add default via 198.51.100.2 metric 10");
	/* A route to a part of the net is none to all of it. */
	net_run("ip route add 0.0.0.0/1 via 192.0.2.2");
	expect_default("ib");
}

Test(interface, default_over_several_hops_is_the_first, .init = default_lab_open)
{
	net_run("ip route add default nexthop via 198.51.100.2 nexthop via 192.0.2.2");
	expect_default("ib");
}

Test(interface, default_of_ipv6_counts_after_ipv4, .init = default_lab_open)
{
	net_run("echo 0 > /proc/sys/net/ipv6/conf/ib/disable_ipv6");
	net_run("ip addr add 2001:db8::1/64 dev ib nodad");
	net_run("ip -6 route add default via 2001:db8::2 metric 1");
	expect_default("ib");
	net_run("ip route add default via 192.0.2.2 metric 5000");
	expect_default("ia");
}

Test(interface, no_default_is_enodev, .init = default_lab_open)
{
	struct zring_interface interface, before;
	struct zring_diag diag = {0};

	net_run("ip link set ia down && ip link set ib down && ip link set %s down && "
		"ip link set %s down && ip link set lo up",
		NET_NEAR, NET_FAR);
	memset(&interface, 0x5a, sizeof(interface));
	before = interface;
	check_eq(zring_interface_default(&diag, &interface), -ENODEV);
	check_eq(diag.error, ENODEV);
	cr_assert(strstr(diag.message, "no default route"), "%s", diag.message);
	cr_assert(memcmp(&interface, &before, sizeof(before)) == 0, "touched on failure");
	check_eq(zring_interface_default(NULL, &interface), -ENODEV);
}

/* ---- names ---- */

static void refuse_name(const char *name, int expected, const char *word)
{
	struct zring_interface interface, before;
	struct zring_diag diag = {0};

	memset(&interface, 0x5a, sizeof(interface));
	before = interface;
	check_eq(zring_interface_get(name, &diag, &interface), expected);
	check_eq(diag.error, -expected);
	cr_assert(*diag.step && strstr(diag.message, word), "%s", diag.message);
	cr_assert(memcmp(&interface, &before, sizeof(before)) == 0, "touched on failure");
	check_eq(zring_interface_get(name, NULL, &interface), expected);
}

Test(interface, wrong_names_are_told_with_their_reason, .init = lab_open)
{
	char longest[300];

	refuse_name("nosuch", -ENODEV, "no interface nosuch");
	refuse_name("abcdefghijklmno", -ENODEV, "abcdefghijklmno");
	refuse_name("abcdefghijklmnop", -EINVAL, "at most 15");
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	refuse_name(longest, -EINVAL, "at most 15");
	refuse_name(NULL, -EINVAL, "no interface named");
	refuse_name("", -EINVAL, "no interface named");
	refuse_name("../lo", -EINVAL, "no interface name");
	refuse_name("ia:1", -EINVAL, "no interface name");
	refuse_name("..", -EINVAL, "no interface name");
}

Test(interface, the_longest_name_is_whole, .init = lab_open)
{
	net_run("ip link set ia name abcdefghijklmno");
	cr_assert_str_eq(get("abcdefghijklmno").name, "abcdefghijklmno");
}

Test(interface, a_removed_one_is_enodev, .init = lab_open)
{
	check_eq(get("ia").index, 50);
	net_run("ip link del ia");
	refuse_name("ia", -ENODEV, "no interface ia");
	refuse_name("ib", -ENODEV, "no interface ib");
}

/* ---- the list ---- */

static size_t check_list(struct zring_interface **ret_list)
{
	struct zring_diag diag = {0};
	size_t nr = 0;
	const int err = zring_interface_list(&diag, ret_list, &nr);

	cr_assert(err == 0, "%d in %s: %s", err, diag.step, diag.message);
	for (size_t i = 1; i < nr; i++)
		cr_assert((*ret_list)[i - 1].index < (*ret_list)[i].index, "not by index at %zu",
			  i);
	return nr;
}

Test(interface, the_list_is_sorted_and_says_what_get_says, .init = lab_open)
{
	struct zring_interface *list;
	size_t nr;

	net_up("ia", "ib");
	net_run("ip addr add 192.0.2.1/24 dev ia");
	nr = check_list(&list);
	/* lo, the pair of the lab, our pair */
	check_eq(nr, 5);
	cr_assert_str_eq(list[0].name, "lo");
	for (size_t i = 0; i < nr; i++) {
		const struct zring_interface one = get(list[i].name);

		cr_assert(memcmp(&list[i], &one, sizeof(one)) == 0, "%s differs", one.name);
	}
	zring_interface_list_free(list);
	zring_interface_list_free(NULL);
}

Test(interface, the_list_is_whole_over_many_datagrams, .init = lab_open)
{
	struct zring_interface *list;
	size_t nr;

	net_run("for n in $(seq 150); do "
		"echo link add va$n type veth peer name vb$n; "
		"echo addr add 10.1.$n.1/24 dev va$n; done | ip -batch -");
	nr = check_list(&list);
	check_eq(nr, 5 + 300);
	for (size_t i = 0; i < nr; i++) {
		const long number = strncmp(list[i].name, "va", 2) == 0 ? atol(list[i].name + 2)
									: 0;

		check_eq(list[i].nr_addresses, number > 0);
		if (number > 0)
			check_eq(list[i].addresses[0].bytes[2], number);
	}
	zring_interface_list_free(list);
}

Test(interface, a_bridge_is_not_a_device, .init = lab_open)
{
	/* Its driver writes "N/A" where others write the bus address. */
	net_run("ip link add br0 type bridge");
	cr_assert_str_eq(get("br0").driver, "bridge");
	check_eq(get("br0").has_device, 0);
	check_eq(get("br0").numa_node, -1);
}

Test(interface, no_descriptor_stays_open, .init = lab_open)
{
	struct zring_interface interface;
	struct zring_interface *list;
	const int before = count_fds();

	get("ia");
	check_list(&list);
	zring_interface_list_free(list);
	zring_interface_default(NULL, &interface);
	zring_interface_get("nosuch", NULL, &interface);
	zring_interface_get("far-too-long-a-name", NULL, &interface);
	check_eq(count_fds(), before);
}

/* ---- the Nth call to the kernel fails ---- */

static int nr_calls;
static int failing_call;

static bool fails(void)
{
	errno = ENOMEM;
	return ++nr_calls == failing_call;
}

static int flaky_socket(int domain, int type, int protocol)
{
	return fails() ? -1 : zr_sys_kernel.socket(domain, type, protocol);
}

static int flaky_setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
	return fails() ? -1 : zr_sys_kernel.setsockopt(fd, level, name, value, len);
}

static ssize_t flaky_sendto(int fd, const void *data, size_t len, int flags,
			    const struct sockaddr *address, socklen_t address_len)
{
	return fails() ? -1 : zr_sys_kernel.sendto(fd, data, len, flags, address, address_len);
}

static ssize_t flaky_recvmsg(int fd, struct msghdr *message, int flags)
{
	return fails() ? -1 : zr_sys_kernel.recvmsg(fd, message, flags);
}

static int flaky_ioctl(int fd, unsigned long request, void *argument)
{
	return fails() ? -1 : zr_sys_kernel.ioctl(fd, request, argument);
}

/* 0 or -errno; on failure what it was to fill must be as before. */
static int list_with_failure(int call)
{
	static struct zr_syscalls table;
	struct zring_interface *const untouched = (struct zring_interface *)&table;
	struct zring_interface *list = untouched;
	struct zring_diag diag = {0};
	size_t nr = 4711;
	int err;

	table = zr_sys_kernel;
	table.socket = flaky_socket;
	table.setsockopt = flaky_setsockopt;
	table.sendto = flaky_sendto;
	table.recvmsg = flaky_recvmsg;
	table.ioctl = flaky_ioctl;
	nr_calls = 0;
	failing_call = call;
	zr_sys = &table;
	err = zring_interface_list(&diag, &list, &nr);
	zr_sys = &zr_sys_kernel;
	if (err) {
		check_eq(err, -ENOMEM);
		check_eq(diag.error, ENOMEM);
		cr_assert(list == untouched && nr == 4711 && *diag.message);
		return err;
	}
	/* A driver that does not answer costs its own figures only. */
	check_eq(nr, 5);
	check_eq(list[0].index, 1);
	zring_interface_list_free(list);
	return 0;
}

Test(interface, nothing_leaks_whichever_call_fails, .init = lab_open)
{
	const int before = count_fds();
	int nr_failed = 0, call = 0;

	do {
		nr_failed += list_with_failure(++call) != 0;
		check_eq(count_fds(), before);
		cr_assert(call < 1000);
	} while (nr_calls >= call);
	/* Two dumps of a socket, a request and two answers or more, then ethtool's socket. */
	cr_assert(nr_failed >= 9 && nr_failed < call, "%d of %d", nr_failed, call);
}
