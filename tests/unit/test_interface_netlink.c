/* SPDX-License-Identifier: BSD-2-Clause */
/* Answers of rtnetlink that a test cannot order from the real one: played here. */
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdbool.h>
#include <string.h>

#include <criterion/criterion.h>

#include "core/interface_netlink.h"
#include "syscall.h"

#define MAX_DATAGRAMS 8
#define MAX_BYTES     4096
#define FD            100

struct datagram {
	_Alignas(struct nlmsghdr) char bytes[MAX_BYTES];
	size_t len;
	uint32_t sender; /* 0: the kernel */
	int error;       /* recvmsg fails so */
};

static struct {
	struct datagram script[MAX_DATAGRAMS];
	int nr_script;
	int next;
	int replays; /* sockets opened after the first that get the script from its start */
	int nr_sockets;
	int nr_open;
	int calls;
	int fail_call; /* of socket, sendto, recvmsg, counted from 1 */
	int request_flags;
} kernel;

static bool fails(void)
{
	if (++kernel.calls != kernel.fail_call)
		return false;
	errno = ENOBUFS;
	return true;
}

static int fake_socket(int domain, int type, int protocol)
{
	cr_assert(domain == AF_NETLINK && (type & SOCK_RAW) && protocol == NETLINK_ROUTE);
	if (fails())
		return -1;
	if (kernel.nr_sockets++ && kernel.replays) {
		kernel.replays--;
		kernel.next = 0;
	}
	kernel.nr_open++;
	return FD;
}

static int fake_setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
	(void)fd, (void)level, (void)name, (void)value, (void)len;
	errno = ENOPROTOOPT; /* as before Linux 4.20 */
	return -1;
}

static ssize_t fake_sendto(int fd, const void *data, size_t len, int flags,
			   const struct sockaddr *address, socklen_t address_len)
{
	const struct nlmsghdr *request = data;

	(void)flags, (void)address, (void)address_len;
	cr_assert(fd == FD && request->nlmsg_len == len);
	if (fails())
		return -1;
	kernel.request_flags = request->nlmsg_flags;
	return (ssize_t)len;
}

static ssize_t fake_recvmsg(int fd, struct msghdr *message, int flags)
{
	const struct datagram *datagram = &kernel.script[kernel.next++];
	struct sockaddr_nl *from = message->msg_name;

	(void)flags;
	cr_assert(fd == FD);
	cr_assert(kernel.next <= kernel.nr_script, "asks for more after the end of the answer");
	if (fails())
		return -1;
	if (datagram->error) {
		errno = datagram->error;
		return -1;
	}
	cr_assert(datagram->len <= message->msg_iov[0].iov_len);
	memcpy(message->msg_iov[0].iov_base, datagram->bytes, datagram->len);
	*from = (struct sockaddr_nl){.nl_family = AF_NETLINK, .nl_pid = datagram->sender};
	message->msg_flags = 0;
	return (ssize_t)datagram->len;
}

static int fake_close(int fd)
{
	cr_assert(fd == FD);
	kernel.nr_open--;
	return 0;
}

static void use_fake_kernel(void)
{
	static struct zr_syscalls table;

	memset(&kernel, 0, sizeof(kernel));
	table = zr_sys_kernel;
	table.socket = fake_socket;
	table.setsockopt = fake_setsockopt;
	table.sendto = fake_sendto;
	table.recvmsg = fake_recvmsg;
	table.close = fake_close;
	zr_sys = &table;
}

/* A message at the end of the datagram; attributes follow until the next one. */
static struct nlmsghdr *put(struct datagram *datagram, uint16_t type, uint16_t flags)
{
	struct nlmsghdr *message = mnl_nlmsg_put_header(datagram->bytes + datagram->len);

	message->nlmsg_type = type;
	message->nlmsg_flags = flags;
	message->nlmsg_seq = 1;
	return message;
}

static void seal(struct datagram *datagram, const struct nlmsghdr *message)
{
	/* Every length here is a multiple of four already, or the next message starts askew. */
	cr_assert(message->nlmsg_len % MNL_ALIGNTO == 0);
	datagram->len += message->nlmsg_len;
	cr_assert(datagram->len <= MAX_BYTES);
}

static struct datagram *add_datagram(void)
{
	cr_assert(kernel.nr_script < MAX_DATAGRAMS);
	return &kernel.script[kernel.nr_script++];
}

static struct nlmsghdr *put_link(struct datagram *datagram, int index, uint16_t flags)
{
	struct nlmsghdr *message = put(datagram, RTM_NEWLINK, flags);
	struct ifinfomsg *info = mnl_nlmsg_put_extra_header(message, sizeof(*info));

	info->ifi_index = index;
	return message;
}

static void add_link(struct datagram *datagram, int index, const char *name, uint16_t flags)
{
	struct nlmsghdr *message = put_link(datagram, index, flags);

	mnl_attr_put_strz(message, IFLA_IFNAME, name);
	seal(datagram, message);
}

static void add_end(struct datagram *datagram, uint16_t type, uint16_t flags, int code)
{
	struct nlmsghdr *message = put(datagram, type, flags);

	memcpy(mnl_nlmsg_put_extra_header(message, sizeof(code)), &code, sizeof(code));
	seal(datagram, message);
}

static void script_two_links(uint16_t flags)
{
	add_link(add_datagram(), 9, "nine", flags);
	add_link(&kernel.script[kernel.nr_script - 1], 3, "three", flags);
	add_end(add_datagram(), NLMSG_DONE, flags, 0);
}

Test(interface_netlink, links_are_sorted_though_the_dump_is_not)
{
	struct zr_links links;

	use_fake_kernel();
	script_two_links(NLM_F_MULTI);
	cr_assert(zr_links_read(NULL, &links, NULL) == 0);
	cr_assert(links.nr == 2 && kernel.nr_open == 0);
	cr_assert_str_eq(links.entries[0].interface.name, "three");
	cr_assert_str_eq(links.entries[1].interface.name, "nine");
	cr_assert(zr_links_find(&links, 9) == &links.entries[1]);
	cr_assert(!zr_links_find(&links, 4));
	zr_links_free(&links);
}

Test(interface_netlink, an_interrupted_dump_is_read_again_without_doubles)
{
	struct zr_links links;

	use_fake_kernel();
	add_link(add_datagram(), 3, "three", NLM_F_MULTI);
	add_link(&kernel.script[0], 5, "gone", NLM_F_MULTI | NLM_F_DUMP_INTR);
	script_two_links(NLM_F_MULTI);
	cr_assert(zr_links_read(NULL, &links, NULL) == 0);
	cr_assert(links.nr == 2 && kernel.nr_sockets == 2 && kernel.nr_open == 0);
	cr_assert(!zr_links_find(&links, 5));
	zr_links_free(&links);
}

Test(interface_netlink, an_interruption_told_with_the_end_counts_too)
{
	struct zr_links links;

	use_fake_kernel();
	add_link(add_datagram(), 5, "gone", NLM_F_MULTI);
	add_end(add_datagram(), NLMSG_DONE, NLM_F_MULTI | NLM_F_DUMP_INTR, 0);
	script_two_links(NLM_F_MULTI);
	cr_assert(zr_links_read(NULL, &links, NULL) == 0);
	cr_assert(links.nr == 2 && !zr_links_find(&links, 5));
	zr_links_free(&links);
}

Test(interface_netlink, endless_interruption_ends_with_eagain)
{
	struct zring_diag diag = {0};
	struct zr_links links;

	use_fake_kernel();
	script_two_links(NLM_F_MULTI | NLM_F_DUMP_INTR);
	kernel.replays = 1000;
	cr_assert(zr_links_read(NULL, &links, &diag) == -EAGAIN);
	cr_assert(kernel.nr_sockets > 1 && kernel.nr_sockets < 100 && kernel.nr_open == 0);
	cr_assert(diag.error == EAGAIN && strstr(diag.message, "try again"), "%s", diag.message);
}

Test(interface_netlink, only_the_kernel_is_believed)
{
	struct zr_links links;

	use_fake_kernel();
	add_link(add_datagram(), 66, "forged", NLM_F_MULTI);
	kernel.script[0].sender = 4711;
	script_two_links(NLM_F_MULTI);
	cr_assert(zr_links_read(NULL, &links, NULL) == 0);
	cr_assert(links.nr == 2 && !zr_links_find(&links, 66));
	zr_links_free(&links);
}

Test(interface_netlink, errors_have_words)
{
	static const struct {
		int code;
		const char *word;
	} cases[] = {
		{-ENODEV, "ip link"}, {-ENOBUFS, "memory"}, {-EPERM, "AF_NETLINK"}, {-EIO, "5"}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct zring_diag diag = {0};
		struct zr_links links;

		use_fake_kernel();
		add_end(add_datagram(), NLMSG_ERROR, 0, cases[i].code);
		cr_assert(zr_links_read("x", &links, &diag) == cases[i].code);
		cr_assert(diag.error == -cases[i].code && strstr(diag.message, cases[i].word), "%s",
			  diag.message);
		cr_assert(!(kernel.request_flags & NLM_F_DUMP) && kernel.nr_open == 0);
	}
}

Test(interface_netlink, silence_is_a_timeout)
{
	struct zr_links links;

	use_fake_kernel();
	add_datagram()->error = EAGAIN;
	cr_assert(zr_links_read(NULL, &links, NULL) == -ETIMEDOUT);
	cr_assert(kernel.nr_open == 0);
}

Test(interface_netlink, an_error_in_the_end_of_a_dump_is_not_lost)
{
	struct zr_links links;

	use_fake_kernel();
	add_link(add_datagram(), 3, "three", NLM_F_MULTI);
	add_end(add_datagram(), NLMSG_DONE, NLM_F_MULTI, -EINVAL);
	cr_assert(zr_links_read(NULL, &links, NULL) == -EINVAL);
	cr_assert(!links.entries && !links.nr);
}

Test(interface_netlink, nothing_leaks_whichever_call_fails)
{
	int failed = 0;

	for (int n = 1; n <= 6; n++) {
		struct zring_diag diag = {0};
		struct zr_links links;
		int err;

		use_fake_kernel();
		script_two_links(NLM_F_MULTI);
		kernel.fail_call = n;
		err = zr_links_read(NULL, &links, &diag);
		failed += err != 0;
		cr_assert(err == 0 || err == -ENOBUFS);
		cr_assert(kernel.nr_open == 0, "call %d", n);
		zr_links_free(&links);
	}
	/* socket, sendto, two recvmsg */
	cr_assert(failed == 4, "%d", failed);
}

/* A name without its end, numbers of two bytes, a MAC of 20, nests of rubbish. */
static void put_rubbish(struct nlmsghdr *message)
{
	uint8_t bytes[200];

	memset(bytes, 0xee, sizeof(bytes));
	mnl_attr_put(message, IFLA_IFNAME, sizeof(bytes), bytes);
	mnl_attr_put(message, IFLA_MTU, 2, bytes);
	mnl_attr_put(message, IFLA_NUM_RX_QUEUES, 0, bytes);
	mnl_attr_put(message, IFLA_CARRIER, 0, bytes);
	mnl_attr_put(message, IFLA_ADDRESS, 20, bytes);
	mnl_attr_put(message, IFLA_XDP, 7, bytes);
	mnl_attr_put(message, IFLA_LINKINFO, 3, bytes);
	mnl_attr_put(message, 56, sizeof(bytes), bytes);
	mnl_attr_put(message, 57, 0, bytes);
}

Test(interface_netlink, hostile_links_stay_inside_their_fields)
{
	struct datagram *datagram;
	struct nlmsghdr *message;
	struct zr_links links;

	use_fake_kernel();
	datagram = add_datagram();
	/* Too short for its own header: not a link. */
	seal(datagram, put(datagram, RTM_NEWLINK, NLM_F_MULTI));
	message = put_link(datagram, 7, NLM_F_MULTI);
	put_rubbish(message);
	seal(datagram, message);
	/* An attribute that claims to reach past its message. */
	message = put_link(datagram, 8, NLM_F_MULTI);
	mnl_attr_put_u32(message, IFLA_MTU, 1500);
	((struct nlattr *)mnl_nlmsg_get_payload_offset(message, sizeof(struct ifinfomsg)))
		->nla_len = 60000;
	seal(datagram, message);
	add_end(add_datagram(), NLMSG_DONE, NLM_F_MULTI, 0);

	cr_assert(zr_links_read(NULL, &links, NULL) == 0);
	cr_assert(links.nr == 2);
	cr_assert(strlen(links.entries[0].interface.name) == 15);
	cr_assert(links.entries[0].interface.mtu == 0 && links.entries[0].interface.mac_bytes == 0);
	cr_assert(strlen(links.entries[0].parent_device) == ZR_PARENT_BYTES - 1);
	cr_assert(links.entries[1].interface.mtu == 0);
	zr_links_free(&links);
}

static void add_address(struct datagram *datagram, uint32_t index, uint8_t family, size_t bytes)
{
	static const uint8_t value[16] = {10, 1, 2, 3};
	struct nlmsghdr *message = put(datagram, RTM_NEWADDR, NLM_F_MULTI);
	struct ifaddrmsg *info = mnl_nlmsg_put_extra_header(message, sizeof(*info));

	info->ifa_index = index;
	info->ifa_family = family;
	info->ifa_prefixlen = 24;
	mnl_attr_put(message, IFA_ADDRESS, bytes, value);
	seal(datagram, message);
}

Test(interface_netlink, addresses_of_nobody_or_cut_short_are_left_out)
{
	struct zr_link link = {.interface.index = 3};
	struct zr_links links = {.entries = &link, .nr = 1};
	struct datagram *datagram;

	use_fake_kernel();
	datagram = add_datagram();
	add_address(datagram, 3, AF_INET, 4);
	add_address(datagram, 4, AF_INET, 4);
	add_address(datagram, 3, AF_INET6, 4);
	add_address(datagram, 3, AF_PACKET, 16);
	add_end(datagram, NLMSG_DONE, NLM_F_MULTI, 0);
	cr_assert(zr_addresses_read(&links, NULL) == 0);
	cr_assert(link.interface.nr_addresses == 1);
	cr_assert(link.interface.addresses[0].family == AF_INET);
	cr_assert(link.interface.addresses[0].prefix_bits == 24);
	cr_assert(link.interface.addresses[0].bytes[3] == 3);
}

static struct nlmsghdr *put_route(struct datagram *datagram, uint8_t type, uint32_t metric)
{
	struct nlmsghdr *message = put(datagram, RTM_NEWROUTE, NLM_F_MULTI);
	struct rtmsg *info = mnl_nlmsg_put_extra_header(message, sizeof(*info));

	info->rtm_family = AF_INET;
	info->rtm_type = type;
	info->rtm_table = RT_TABLE_MAIN;
	mnl_attr_put_u32(message, RTA_PRIORITY, metric);
	return message;
}

static void put_hops(struct nlmsghdr *message, uint16_t first_len)
{
	struct rtnexthop hops[2] = {
		{.rtnh_len = first_len, .rtnh_flags = RTNH_F_DEAD, .rtnh_ifindex = 21},
		{.rtnh_len = sizeof(hops[1]), .rtnh_ifindex = 22},
	};

	mnl_attr_put(message, RTA_MULTIPATH, sizeof(hops), hops);
}

/* The index chosen from one route over two next hops, the first dead and @first_len long. */
static uint32_t choose_hop(uint16_t first_len)
{
	struct datagram *datagram;
	struct nlmsghdr *message;
	uint32_t index = UINT32_MAX;

	use_fake_kernel();
	datagram = add_datagram();
	message = put_route(datagram, RTN_UNICAST, 0);
	put_hops(message, first_len);
	seal(datagram, message);
	add_end(datagram, NLMSG_DONE, NLM_F_MULTI, 0);
	cr_assert(zr_default_route_read(AF_INET, NULL, &index) == 0);
	return index;
}

Test(interface_netlink, hostile_next_hops_end)
{
	cr_assert(choose_hop(sizeof(struct rtnexthop)) == 22, "the live one");
	cr_assert(choose_hop(0) == 0);
	cr_assert(choose_hop(3) == 0);
	cr_assert(choose_hop(17) == 0);
	cr_assert(choose_hop(UINT16_MAX) == 0);
}

Test(interface_netlink, a_route_that_leads_nowhere_is_not_the_default)
{
	struct datagram *datagram;
	struct nlmsghdr *message;
	uint32_t index = UINT32_MAX;

	use_fake_kernel();
	datagram = add_datagram();
	message = put_route(datagram, RTN_UNREACHABLE, 1);
	mnl_attr_put_u32(message, RTA_OIF, 1);
	seal(datagram, message);
	message = put_route(datagram, RTN_UNICAST, 2);
	mnl_attr_put_u32(message, RTA_OIF, 6);
	mnl_attr_put_u32(message, RTA_TABLE, 1000);
	seal(datagram, message);
	message = put_route(datagram, RTN_UNICAST, 9);
	mnl_attr_put_u32(message, RTA_OIF, 7);
	seal(datagram, message);
	add_end(datagram, NLMSG_DONE, NLM_F_MULTI, 0);
	cr_assert(zr_default_route_read(AF_INET, NULL, &index) == 0);
	cr_assert(index == 7, "%u", index);
}

Test(interface_netlink, a_missing_table_is_no_route)
{
	uint32_t index = UINT32_MAX;

	use_fake_kernel();
	add_end(add_datagram(), NLMSG_DONE, NLM_F_MULTI, -ENOENT);
	cr_assert(zr_default_route_read(AF_INET, NULL, &index) == 0);
	cr_assert(index == 0);
}
