/* SPDX-License-Identifier: BSD-2-Clause */
/* Network interfaces: making them, setting them up, reading their counters. */
#ifndef BENCH_LINK_H
#define BENCH_LINK_H

#include <stddef.h>
#include <stdint.h>

struct link {
	char name[16];
	int index;
	uint32_t mtu;
	uint8_t mac[6];
};

struct link_counters {
	uint64_t rx_packets;
	uint64_t tx_packets;
	uint64_t rx_dropped;
	uint64_t tx_dropped;
};

/* All return 0 or -errno. */

/* Looks the interface up; it must be Ethernet (-EPROTONOSUPPORT) and up (-ENETDOWN). */
int link_open(const char *name, struct link *ret_link);
int link_counters(const struct link *link, struct link_counters *ret_counters);

int link_create_veth(const char *name, const char *peer, uint32_t mtu);
int link_set_up(const char *name);
int link_set_gro(const char *name, int on);
int link_set_tso(const char *name, int on);
/* Off: UDP super-frames are cut before they leave. */
int link_set_udp_gso(const char *name, int on);
/* NAPI work in kernel threads. */
int link_set_threaded(const char *name);
/* Moves those threads to @cpu; -ESRCH they can't be seen (another pid namespace). */
int link_place_napi(const char *name, int cpu);

#endif
