/* SPDX-License-Identifier: BSD-2-Clause */
/* Classic BPF as the kernel runs it on a packet socket, for tests of composed programs. */
#ifndef SIM_BPF_H
#define SIM_BPF_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stdint.h>

struct sim_bpf_packet {
	const uint8_t *data;
	uint32_t len;
	uint32_t pkttype; /* SKF_AD_PKTTYPE */
	/* The other ancillary values. Those that are not here read as 0. */
	uint32_t protocol;
	uint32_t ifindex;
	uint32_t hatype;
	uint32_t queue;
	uint32_t vlan_present;
	uint32_t vlan_tci;
	uint32_t vlan_tpid;
	/* For SKF_LL_OFF and SKF_NET_OFF. NULL: link and network headers are Ethernet's in data. */
	const uint8_t *link;
	const uint8_t *network;
	const uint8_t *end;
};

/* Whether the kernel would take the program, but for reads of scratch memory never written. */
bool sim_bpf_valid(const struct sock_filter *insns, uint32_t nr);
/* Return value of a valid program: bytes to keep. A load beyond the packet returns 0. */
uint32_t sim_bpf_run(const struct sock_filter *insns, const struct sim_bpf_packet *packet);
/* A random valid program of @nr >= 1 instructions. */
void sim_bpf_make(uint64_t *random, struct sock_filter *insns, uint32_t nr);

#endif
