/* SPDX-License-Identifier: BSD-2-Clause */
#include "interface_netlink.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "diag.h"
#include "netlink.h"

/* Linux 5.14; older headers do not name them. */
#define ATTR_PARENT_DEV_NAME     56
#define ATTR_PARENT_DEV_BUS_NAME 57

/* Copies a string attribute, cut to fit. */
static void copy_text(const struct nlattr *attr, char *text, size_t bytes)
{
	const size_t given = mnl_attr_get_payload_len(attr);
	const size_t len = strnlen(mnl_attr_get_payload(attr), given);
	const size_t kept = len < bytes ? len : bytes - 1;

	memcpy(text, mnl_attr_get_payload(attr), kept);
	text[kept] = '\0';
}

/* 0 for an attribute that is shorter than it should be. */
static uint32_t get_u32(const struct nlattr *attr)
{
	uint32_t value = 0;

	if (mnl_attr_get_payload_len(attr) >= sizeof(value))
		memcpy(&value, mnl_attr_get_payload(attr), sizeof(value));
	return value;
}

static uint8_t get_u8(const struct nlattr *attr)
{
	return mnl_attr_get_payload_len(attr) ? mnl_attr_get_u8(attr) : 0;
}

struct xdp {
	uint8_t attached;
	uint32_t id, hardware, native, generic;
};

static int take_xdp_attr(const struct nlattr *attr, void *data)
{
	struct xdp *xdp = data;

	switch (mnl_attr_get_type(attr)) {
	case IFLA_XDP_ATTACHED:
		xdp->attached = get_u8(attr);
		break;
	case IFLA_XDP_PROG_ID:
		xdp->id = get_u32(attr);
		break;
	case IFLA_XDP_HW_PROG_ID:
		xdp->hardware = get_u32(attr);
		break;
	case IFLA_XDP_DRV_PROG_ID:
		xdp->native = get_u32(attr);
		break;
	case IFLA_XDP_SKB_PROG_ID:
		xdp->generic = get_u32(attr);
		break;
	default:
		break;
	}
	return MNL_CB_OK;
}

static void parse_xdp(const struct nlattr *attr, struct zring_interface *interface)
{
	struct xdp xdp = {0};

	mnl_attr_parse_nested(attr, take_xdp_attr, &xdp);
	/* XDP_ATTACHED_* of linux/if_link.h; ours has the same numbers. */
	interface->xdp_mode = xdp.attached;
	/* Several programs have no common id: the one nearest to the wire is given. */
	interface->xdp_program_id = xdp.id         ? xdp.id
				    : xdp.hardware ? xdp.hardware
				    : xdp.native   ? xdp.native
						   : xdp.generic;
}

static int find_kind(const struct nlattr *attr, void *data)
{
	bool *found = data;

	*found |= mnl_attr_get_type(attr) == IFLA_INFO_KIND;
	return MNL_CB_OK;
}

/* An address that does not fit (InfiniBand has 20 bytes) is none: half of it would mislead. */
static void parse_mac(const struct nlattr *attr, struct zring_interface *interface)
{
	const size_t bytes = mnl_attr_get_payload_len(attr);

	if (bytes > sizeof(interface->mac))
		return;
	memcpy(interface->mac, mnl_attr_get_payload(attr), bytes);
	interface->mac_bytes = (uint8_t)bytes;
}

static int take_link_attr(const struct nlattr *attr, void *data)
{
	struct zr_link *link = data;
	struct zring_interface *interface = &link->interface;

	switch (mnl_attr_get_type(attr)) {
	case IFLA_IFNAME:
		copy_text(attr, interface->name, sizeof(interface->name));
		break;
	case IFLA_MTU:
		interface->mtu = get_u32(attr);
		break;
	case IFLA_ADDRESS:
		parse_mac(attr, interface);
		break;
	case IFLA_CARRIER:
		interface->carrier = get_u8(attr) != 0;
		break;
	case IFLA_NUM_RX_QUEUES:
		interface->nr_rx_queues = get_u32(attr);
		break;
	case IFLA_NUM_TX_QUEUES:
		interface->nr_tx_queues = get_u32(attr);
		break;
	case IFLA_XDP:
		parse_xdp(attr, interface);
		break;
	case IFLA_LINKINFO:
		mnl_attr_parse_nested(attr, find_kind, &link->has_kind);
		break;
	case ATTR_PARENT_DEV_NAME:
		copy_text(attr, link->parent_device, sizeof(link->parent_device));
		break;
	case ATTR_PARENT_DEV_BUS_NAME:
		copy_text(attr, link->parent_bus, sizeof(link->parent_bus));
		break;
	default:
		break;
	}
	return MNL_CB_OK;
}

static int add_link(struct zr_links *links, struct zr_link **ret_link)
{
	if (links->nr == links->capacity) {
		const size_t capacity = links->capacity ? 2 * links->capacity : 16;
		struct zr_link *entries = reallocarray(links->entries, capacity, sizeof(*entries));

		if (!entries)
			return -ENOMEM;
		links->entries = entries;
		links->capacity = capacity;
	}
	*ret_link = &links->entries[links->nr++];
	memset(*ret_link, 0, sizeof(**ret_link));
	return 0;
}

static int take_link(const struct nlmsghdr *message, void *data)
{
	const struct ifinfomsg *info = mnl_nlmsg_get_payload(message);
	struct zr_link *link;
	int err;

	if (message->nlmsg_type != RTM_NEWLINK ||
	    mnl_nlmsg_get_payload_len(message) < sizeof(*info))
		return 0;
	err = add_link(data, &link);
	if (err)
		return err;
	link->interface.index = (uint32_t)info->ifi_index;
	link->interface.flags = info->ifi_flags;
	link->interface.link_type = info->ifi_type;
	link->interface.numa_node = -1;
	mnl_attr_parse(message, sizeof(*info), take_link_attr, link);
	return 0;
}

static void reset_links(void *data)
{
	struct zr_links *links = data;

	links->nr = 0;
}

static int by_index(const void *a, const void *b)
{
	const uint32_t left = ((const struct zr_link *)a)->interface.index;
	const uint32_t right = ((const struct zr_link *)b)->interface.index;

	return (left > right) - (left < right);
}

int zr_links_read(const char *name, struct zr_links *links, struct zring_diag *diag)
{
	_Alignas(struct nlmsghdr) char buffer[ZR_NETLINK_REQUEST_BYTES];
	struct zr_netlink_query query = {
		.step = "RTM_GETLINK", .take = take_link, .reset = reset_links, .data = links};
	int err;

	*links = (struct zr_links){0};
	query.request = zr_netlink_start(buffer, RTM_GETLINK, name ? 0 : NLM_F_DUMP);
	mnl_nlmsg_put_extra_header(query.request, sizeof(struct ifinfomsg));
	mnl_attr_put_u32(query.request, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	if (name)
		mnl_attr_put_strz(query.request, IFLA_IFNAME, name);
	err = zr_netlink_run(&query);
	if (err == 0 && name && links->nr == 0)
		err = -ENODEV;
	if (err < 0) {
		zr_links_free(links);
		if (err == -ENODEV && name)
			return zr_fail(diag, err, query.step,
				       "no interface %s in this network namespace: see `ip link`",
				       name);
		return zr_netlink_fail(&query, err, diag);
	}
	/* Before Linux 6.9 a dump comes in the order of a hash. */
	if (links->nr)
		qsort(links->entries, links->nr, sizeof(*links->entries), by_index);
	return 0;
}

void zr_links_free(struct zr_links *links)
{
	free(links->entries);
	*links = (struct zr_links){0};
}

struct zr_link *zr_links_find(const struct zr_links *links, uint32_t index)
{
	const struct zr_link key = {.interface.index = index};

	if (!links->nr)
		return NULL;
	return bsearch(&key, links->entries, links->nr, sizeof(*links->entries), by_index);
}

struct ends {
	const struct nlattr *address;
	const struct nlattr *local;
};

static int take_address_attr(const struct nlattr *attr, void *data)
{
	struct ends *ends = data;

	if (mnl_attr_get_type(attr) == IFA_LOCAL)
		ends->local = attr;
	else if (mnl_attr_get_type(attr) == IFA_ADDRESS)
		ends->address = attr;
	return MNL_CB_OK;
}

/* Of a point-to-point link IFA_ADDRESS is the other end and IFA_LOCAL ours. */
static const struct nlattr *own_address(const struct nlmsghdr *message)
{
	struct ends ends = {0};

	mnl_attr_parse(message, sizeof(struct ifaddrmsg), take_address_attr, &ends);
	return ends.local ? ends.local : ends.address;
}

static int take_address(const struct nlmsghdr *message, void *data)
{
	const struct ifaddrmsg *info = mnl_nlmsg_get_payload(message);
	const struct nlattr *attr;
	struct zring_address *address;
	struct zr_link *link;
	size_t bytes;

	if (message->nlmsg_type != RTM_NEWADDR ||
	    mnl_nlmsg_get_payload_len(message) < sizeof(*info))
		return 0;
	bytes = info->ifa_family == AF_INET ? 4 : info->ifa_family == AF_INET6 ? 16 : 0;
	link = zr_links_find(data, info->ifa_index);
	attr = own_address(message);
	if (!bytes || !link || !attr || mnl_attr_get_payload_len(attr) < bytes ||
	    link->interface.nr_addresses == ZRING_INTERFACE_MAX_ADDRESSES)
		return 0;
	address = &link->interface.addresses[link->interface.nr_addresses++];
	address->family = info->ifa_family;
	address->prefix_bits = info->ifa_prefixlen;
	memcpy(address->bytes, mnl_attr_get_payload(attr), bytes);
	return 0;
}

static void reset_addresses(void *data)
{
	const struct zr_links *links = data;

	for (size_t i = 0; i < links->nr; i++) {
		struct zring_interface *interface = &links->entries[i].interface;

		memset(interface->addresses, 0, sizeof(interface->addresses));
		interface->nr_addresses = 0;
	}
}

int zr_addresses_read(struct zr_links *links, struct zring_diag *diag)
{
	_Alignas(struct nlmsghdr) char buffer[ZR_NETLINK_REQUEST_BYTES];
	struct zr_netlink_query query = {.step = "RTM_GETADDR",
					 .take = take_address,
					 .reset = reset_addresses,
					 .data = links};
	struct ifaddrmsg *info;
	int err;

	query.request = zr_netlink_start(buffer, RTM_GETADDR, NLM_F_DUMP);
	info = mnl_nlmsg_put_extra_header(query.request, sizeof(*info));
	if (links->nr == 1)
		info->ifa_index = links->entries[0].interface.index;
	err = zr_netlink_run(&query);
	/* With ifa_index: the interface has gone since it was read. */
	if (err == -ENODEV)
		return zr_fail(diag, err, query.step, "the interface was removed meanwhile");
	return err < 0 ? zr_netlink_fail(&query, err, diag) : 0;
}

struct route_choice {
	uint8_t family;
	uint32_t index; /* 0: none yet */
	uint32_t metric;
};

struct route {
	uint32_t table;
	uint32_t metric;
	uint32_t index;
};

/* The first next hop that is not dead. */
static uint32_t multipath_index(const struct nlattr *attr)
{
	const struct rtnexthop *hop = mnl_attr_get_payload(attr);
	size_t left = mnl_attr_get_payload_len(attr);

	while (left >= sizeof(*hop) && hop->rtnh_len >= sizeof(*hop) && hop->rtnh_len <= left) {
		const size_t step = ((size_t)hop->rtnh_len + 3) & ~(size_t)3;

		if (!(hop->rtnh_flags & RTNH_F_DEAD))
			return (uint32_t)hop->rtnh_ifindex;
		if (step >= left)
			break;
		left -= step;
		hop = (const struct rtnexthop *)((const char *)hop + step);
	}
	return 0;
}

static int take_route_attr(const struct nlattr *attr, void *data)
{
	struct route *route = data;

	switch (mnl_attr_get_type(attr)) {
	case RTA_TABLE:
		route->table = get_u32(attr);
		break;
	case RTA_PRIORITY:
		route->metric = get_u32(attr);
		break;
	case RTA_OIF:
		route->index = get_u32(attr);
		break;
	case RTA_MULTIPATH:
		if (!route->index)
			route->index = multipath_index(attr);
		break;
	default:
		break;
	}
	return MNL_CB_OK;
}

static int take_route(const struct nlmsghdr *message, void *data)
{
	const struct rtmsg *info = mnl_nlmsg_get_payload(message);
	struct route_choice *choice = data;
	struct route route;

	if (message->nlmsg_type != RTM_NEWROUTE ||
	    mnl_nlmsg_get_payload_len(message) < sizeof(*info))
		return 0;
	if (info->rtm_family != choice->family || info->rtm_dst_len ||
	    info->rtm_type != RTN_UNICAST || (info->rtm_flags & (RTM_F_CLONED | RTNH_F_DEAD)))
		return 0;
	route = (struct route){.table = info->rtm_table};
	mnl_attr_parse(message, sizeof(*info), take_route_attr, &route);
	if (route.table != RT_TABLE_MAIN || !route.index ||
	    (choice->index && choice->metric <= route.metric))
		return 0;
	choice->index = route.index;
	choice->metric = route.metric;
	return 0;
}

static void reset_choice(void *data)
{
	struct route_choice *choice = data;

	choice->index = 0;
}

int zr_default_route_read(uint8_t family, struct zring_diag *diag, uint32_t *ret_index)
{
	_Alignas(struct nlmsghdr) char buffer[ZR_NETLINK_REQUEST_BYTES];
	struct route_choice choice = {.family = family};
	struct zr_netlink_query query = {
		.step = "RTM_GETROUTE", .take = take_route, .reset = reset_choice, .data = &choice};
	struct rtmsg *info;
	int err;

	query.request = zr_netlink_start(buffer, RTM_GETROUTE, NLM_F_DUMP);
	info = mnl_nlmsg_put_extra_header(query.request, sizeof(*info));
	info->rtm_family = family;
	info->rtm_table = RT_TABLE_MAIN;
	err = zr_netlink_run(&query);
	/* No such table, or a kernel without this family: no such route either. */
	if (err == -ENOENT || err == -EOPNOTSUPP || err == -EAFNOSUPPORT)
		err = 0;
	if (err < 0)
		return zr_netlink_fail(&query, err, diag);
	*ret_index = choice.index;
	return 0;
}
