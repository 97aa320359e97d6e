/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The three sources of struct zring_interface put together: rtnetlink for what
 * every interface has, ethtool for what its driver knows, /sys/bus for the NUMA
 * node. /sys/class/net is not asked: it shows the interfaces of the namespace
 * in which /sys was mounted, which need not be the thread's. /sys/bus is the
 * same from everywhere.
 *
 * nr_rx_queues and nr_tx_queues are the queues in use (ETHTOOL_GCHANNELS, where
 * a combined channel counts on both sides); where the driver has no channels
 * they are those that rtnetlink says were allocated.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zring/interface.h>

#include "../syscall.h"
#include "cleanup.h"
#include "diag.h"
#include "ethtool.h"
#include "interface_netlink.h"

/* A virtio or USB function hangs some levels below the PCI device that knows its node. */
#define MAX_PARENTS 6

static int32_t read_number(const char *path, int32_t missing)
{
	char text[16];
	ssize_t len;

	ZR_AUTO_FD fd = zr_open(path, O_RDONLY);
	if (fd < 0)
		return missing;
	len = zr_read(fd, text, sizeof(text) - 1);
	if (len <= 0)
		return missing;
	text[len] = '\0';
	return (int32_t)strtol(text, NULL, 10);
}

/* -1: no node, also the kernel's word for a machine with only one. */
static int32_t numa_node(const struct zr_link *link)
{
	static const char up[] = "../../../../../../";
	char path[256];

	static_assert(sizeof(up) - 1 == 3 * MAX_PARENTS, "three characters a parent");
	for (int i = 0; i <= MAX_PARENTS; i++) {
		int32_t node;

		/* The last entry of the path is a symbolic link, so ".." is the real parent. */
		snprintf(path, sizeof(path), "/sys/bus/%s/devices/%s/%.*snuma_node",
			 link->parent_bus, link->parent_device, 3 * i, up);
		node = read_number(path, INT32_MIN);
		if (node != INT32_MIN)
			return node;
	}
	return -1;
}

/*
 * The kernel names the parent device since Linux 5.14. Before, bus_info is the
 * hint; software devices fill it with a word of their own ("tap", "N/A"), but
 * they have a kind.
 */
static void find_parent(struct zr_link *link, const char *bus_info)
{
	if (!*link->parent_device && *bus_info && !link->has_kind) {
		snprintf(link->parent_bus, sizeof(link->parent_bus), "pci");
		snprintf(link->parent_device, sizeof(link->parent_device), "%s", bus_info);
	}
	link->interface.has_device = *link->parent_device != '\0';
	if (*link->parent_device && *link->parent_bus)
		link->interface.numa_node = numa_node(link);
}

/* Everything that the list of links does not hold yet. */
static int complete(struct zr_links *links, struct zring_diag *diag)
{
	struct zr_ethtool ethtool;
	int err;

	err = zr_addresses_read(links, diag);
	if (err < 0)
		return err;
	err = zr_ethtool_open(&ethtool);
	if (err < 0)
		return zr_fail(diag, err, "ethtool",
			       "no socket for ethtool (errno %d): close descriptors or raise "
			       "`ulimit -n`",
			       -err);
	for (size_t i = 0; i < links->nr; i++) {
		char bus_info[ZR_BUS_INFO_BYTES];

		zr_ethtool_read(&ethtool, &links->entries[i].interface, bus_info);
		find_parent(&links->entries[i], bus_info);
	}
	zr_ethtool_close(&ethtool);
	return 0;
}

int zring_interface_list(struct zring_diag *diag, struct zring_interface **ret_list,
			 size_t *ret_count)
{
	struct zring_interface *list;
	struct zr_links links;
	int err;

	err = zr_links_read(NULL, &links, diag);
	if (err < 0)
		return err;
	err = complete(&links, diag);
	if (err < 0)
		goto out;
	list = calloc(links.nr ? links.nr : 1, sizeof(*list));
	if (!list) {
		err = zr_fail(diag, -ENOMEM, "list", "out of memory for %zu interfaces", links.nr);
		goto out;
	}
	for (size_t i = 0; i < links.nr; i++)
		list[i] = links.entries[i].interface;
	*ret_list = list;
	*ret_count = links.nr;
out:
	zr_links_free(&links);
	return err;
}

void zring_interface_list_free(struct zring_interface *list)
{
	free(list);
}

/* As dev_valid_name() of net/core/dev.c, so that the reason can be told. */
static int check_name(const char *name, struct zring_diag *diag)
{
	if (!name || !*name)
		return zr_fail(diag, -EINVAL, "name", "no interface named: see `ip link`");
	if (strlen(name) >= IFNAMSIZ)
		return zr_fail(diag, -EINVAL, "name",
			       "\"%.64s\" is no interface name: at most %d characters", name,
			       IFNAMSIZ - 1);
	if (strpbrk(name, "/: \t\n\v\f\r") || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return zr_fail(diag, -EINVAL, "name", "\"%s\" is no interface name: see `ip link`",
			       name);
	return 0;
}

int zring_interface_get(const char *name, struct zring_diag *diag,
			struct zring_interface *ret_interface)
{
	struct zr_links links;
	int err;

	err = check_name(name, diag);
	if (err < 0)
		return err;
	err = zr_links_read(name, &links, diag);
	if (err < 0)
		return err;
	err = complete(&links, diag);
	if (err == 0)
		*ret_interface = links.entries[0].interface;
	zr_links_free(&links);
	return err;
}

static const struct zr_link *first_usable(const struct zr_links *links)
{
	for (size_t i = 0; i < links->nr; i++) {
		const struct zring_interface *interface = &links->entries[i].interface;

		if ((interface->flags & IFF_UP) && !(interface->flags & IFF_LOOPBACK) &&
		    interface->carrier)
			return &links->entries[i];
	}
	return NULL;
}

/* NULL in *ret_link: there is none. */
static int choose_default(const struct zr_links *links, struct zring_diag *diag,
			  const struct zr_link **ret_link)
{
	static const uint8_t families[] = {AF_INET, AF_INET6};

	for (size_t i = 0; i < sizeof(families); i++) {
		const struct zr_link *link;
		uint32_t index;
		const int err = zr_default_route_read(families[i], diag, &index);

		if (err < 0)
			return err;
		link = zr_links_find(links, index);
		if (link) {
			*ret_link = link;
			return 0;
		}
	}
	*ret_link = first_usable(links);
	return 0;
}

int zring_interface_default(struct zring_diag *diag, struct zring_interface *ret_interface)
{
	const struct zr_link *chosen = NULL;
	struct zr_links links;
	int err;

	err = zr_links_read(NULL, &links, diag);
	if (err < 0)
		return err;
	err = choose_default(&links, diag, &chosen);
	if (err == 0 && !chosen)
		err = zr_fail(diag, -ENODEV, "default",
			      "no default route and no interface that is up with carrier: name "
			      "one, see `ip -br link`");
	if (err == 0) {
		struct zr_link copy = *chosen;
		struct zr_links one = {.entries = &copy, .nr = 1};

		err = complete(&one, diag);
		if (err == 0)
			*ret_interface = copy.interface;
	}
	zr_links_free(&links);
	return err;
}
