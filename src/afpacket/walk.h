/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The way through a TPACKET_V3 block. Every offset is checked before it is
 * used, whoever wrote it.
 */
#ifndef ZR_AFPACKET_WALK_H
#define ZR_AFPACKET_WALK_H

#include <stdbool.h>

#include <zring/packet.h>

struct zr_walk {
	const uint8_t *frame; /* header of the next packet */
	const uint8_t *end;   /* of the block's used part */
	uint32_t left;        /* packets that the block still has, as it says */
	bool may_truncate;    /* a filter cuts packets: count each one that is cut */
	uint32_t status;      /* OR of the packets' status words since the walk began */
	uint32_t malformed;   /* packets that did not fit, since then */
	uint32_t truncated;
};

/*
 * Starts at a block of @block_bytes. A block whose own header is broken is
 * left at once, with all its packets counted as malformed.
 */
void zr_walk_start(struct zr_walk *walk, const void *block, uint32_t block_bytes,
		   bool may_truncate);

/* Fills up to @room views and returns how many; 0 when the block is done. */
uint32_t zr_walk_take(struct zr_walk *walk, struct zring_packet *views, uint32_t room);

#endif
