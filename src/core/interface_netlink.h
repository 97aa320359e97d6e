/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What rtnetlink(7) tells about interfaces. Every call opens a socket of its
 * own, in the calling thread's network namespace, and closes it again.
 */
#ifndef ZR_INTERFACE_NETLINK_H
#define ZR_INTERFACE_NETLINK_H

#include <stdbool.h>
#include <stddef.h>

#include <zring/interface.h>

#define ZR_PARENT_BYTES 64

struct zr_link {
	struct zring_interface interface;
	/* Where the device hangs, as in /sys/bus/BUS/devices/DEVICE; "" for software. */
	char parent_bus[ZR_PARENT_BYTES];
	char parent_device[ZR_PARENT_BYTES];
	bool has_kind; /* veth, bridge, tun...: made on request, by a module of a kind */
};

/* Sorted by index. */
struct zr_links {
	struct zr_link *entries;
	size_t nr;
	size_t capacity;
};

/* All links, or the one called @name. @links is empty before, and on failure. */
int zr_links_read(const char *name, struct zr_links *links, struct zring_diag *diag);
void zr_links_free(struct zr_links *links);
/* NULL: none of that index. */
struct zr_link *zr_links_find(const struct zr_links *links, uint32_t index);

/* Fills in the addresses of all @links. */
int zr_addresses_read(struct zr_links *links, struct zring_diag *diag);

/* The interface of the main table's default route with the lowest metric; 0: no such route. */
int zr_default_route_read(uint8_t family, struct zring_diag *diag, uint32_t *ret_index);

#endif
