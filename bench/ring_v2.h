/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A bare TPACKET_V2 receive ring, with which latency rows are pinged and with
 * which the baseline's echo receives. As little code as such a loop needs.
 */
#ifndef BENCH_RING_V2_H
#define BENCH_RING_V2_H

#include <linux/if_packet.h>
#include <stdint.h>

#include "child.h"
#include "link.h"

struct ring_v2 {
	int fd;
	uint8_t *frames;
	uint32_t nr_frames;
	uint32_t next;
};

/* 0, or -errno after child_fail(). */
int ring_v2_open(struct child_side *side, const struct link *link, uint32_t nr_frames,
		 struct ring_v2 *ret_ring);
void ring_v2_close(struct ring_v2 *ring);

/* The frame that has arrived, NULL none. */
static inline struct tpacket2_hdr *ring_v2_peek(const struct ring_v2 *ring)
{
	struct tpacket2_hdr *header =
		(struct tpacket2_hdr *)(void *)(ring->frames + (size_t)ring->next * 2048);

	return __atomic_load_n(&header->tp_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER ? header
										      : NULL;
}

static inline uint8_t *ring_v2_data(struct tpacket2_hdr *header)
{
	return (uint8_t *)header + header->tp_mac;
}

/* Gives the frame back. */
static inline void ring_v2_pop(struct ring_v2 *ring, struct tpacket2_hdr *header)
{
	__atomic_store_n(&header->tp_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
	ring->next = ring->next + 1 == ring->nr_frames ? 0 : ring->next + 1;
}

#endif
