/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One of the four rings that a socket shares with the kernel: single producer,
 * single consumer, positions of 32 bits that only grow and wrap at 2^32.
 *
 *	consumer           producer
 *	   |  filled entries  |  free entries ...      index = position & mask
 *
 * Each side keeps what it last saw of the other's position and looks again only
 * when that is used up: a look is a cache line that the other CPU has written.
 */
#ifndef ZR_AFXDP_RING_H
#define ZR_AFXDP_RING_H

#include <stdbool.h>
#include <stdint.h>

#include "../core/barrier.h"
#include "if_xdp.h"

struct zr_ring {
	uint32_t position; /* ours: next entry to fill, or to take */
	uint32_t limit;    /* the kernel's, as last seen: we may go up to it */
	uint32_t mask;
	uint32_t nr_entries; /* a power of two; 0: there is no such ring */
	uint32_t *producer;
	uint32_t *consumer;
	uint32_t *flags;
	void *entries; /* struct zring_xdp_desc, or addresses */
	void *mapping;
	size_t mapping_bytes;
};

static inline struct zring_xdp_desc *zr_ring_desc(const struct zr_ring *ring, uint32_t position)
{
	return (struct zring_xdp_desc *)ring->entries + (position & ring->mask);
}

static inline uint64_t *zr_ring_address(const struct zr_ring *ring, uint32_t position)
{
	return (uint64_t *)ring->entries + (position & ring->mask);
}

/* Of @nr entries from @position on, those that lie side by side. */
static inline uint32_t zr_ring_run(const struct zr_ring *ring, uint32_t position, uint32_t nr)
{
	const uint32_t to_wrap = ring->nr_entries - (position & ring->mask);

	return nr < to_wrap ? nr : to_wrap;
}

/* ---- rings that we fill: fill and TX ---- */

/* Entries that may be filled, at least @wanted of them if there are so many. */
static inline uint32_t zr_ring_room(struct zr_ring *ring, uint32_t wanted)
{
	if (ring->limit - ring->position < wanted)
		ring->limit = zr_load_acquire(ring->consumer) + ring->nr_entries; /* I, K */
	return ring->limit - ring->position;
}

/* Hands @nr entries that were filled to the kernel. */
static inline void zr_ring_publish(struct zr_ring *ring, uint32_t nr)
{
	ring->position += nr;
	zr_store_release(ring->producer, ring->position); /* H, J */
}

/* Entries that the kernel has taken since the ring was made, of those published. */
static inline uint32_t zr_ring_consumed(const struct zr_ring *ring)
{
	return zr_load_acquire(ring->consumer); /* K */
}

/* ---- rings that the kernel fills: RX and completion ---- */

/* Entries that may be taken, at least @wanted of them if there are so many. */
static inline uint32_t zr_ring_filled(struct zr_ring *ring, uint32_t wanted)
{
	if (ring->limit - ring->position < wanted)
		ring->limit = zr_load_acquire(ring->producer); /* G, L */
	return ring->limit - ring->position;
}

/* Whether there is an entry, without a change of what is remembered: any thread may ask. */
static inline bool zr_ring_is_filled(const struct zr_ring *ring)
{
	return zr_load_relaxed(ring->producer) != ring->position;
}

/* Gives @nr entries that were read back to the kernel. */
static inline void zr_ring_take(struct zr_ring *ring, uint32_t nr)
{
	ring->position += nr;
	zr_store_release(ring->consumer, ring->position); /* M, N */
}

/*
 * Whether the kernel sleeps and wants a system call. What was published must be
 * visible before this is read, or both sides wait for one another.
 */
static inline bool zr_ring_needs_wakeup(const struct zr_ring *ring)
{
	zr_full_fence();
	return zr_load_relaxed(ring->flags) & XDP_RING_NEED_WAKEUP;
}

#endif
