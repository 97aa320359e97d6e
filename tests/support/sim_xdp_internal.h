/* SPDX-License-Identifier: BSD-2-Clause */
/* Between the two parts of the played AF_XDP. */
#ifndef SIM_XDP_INTERNAL_H
#define SIM_XDP_INTERNAL_H

#include <pthread.h>

#include "sim_internal.h"

#include "afxdp/if_xdp.h"

/* Where the words of a ring are, as XDP_MMAP_OFFSETS tells it. */
#define SIM_XDP_PRODUCER 0u
#define SIM_XDP_CONSUMER 64u
#define SIM_XDP_FLAGS    128u
#define SIM_XDP_ENTRIES  192u

/* Chunks taken out of the fill ring for frames that found no room in the RX ring. */
#define SIM_XDP_MAX_SPARE 64u

enum sim_xdp_ring_name {
	SIM_XDP_RX,
	SIM_XDP_TX,
	SIM_XDP_FILL,
	SIM_XDP_COMPLETION,
	SIM_XDP_RINGS,
};

struct sim_xdp_ring {
	uint8_t *memory; /* NULL: not mapped */
	size_t bytes;
	uint32_t nr_entries; /* 0: not made */
	uint32_t position;   /* the kernel's: next entry to write, or to read */
	uint32_t limit;      /* of the program's, as last seen */
};

/* A descriptor whose bytes the kernel still reads. */
struct sim_xdp_held {
	uint64_t address;
	const uint8_t *bytes; /* in the UMEM, and as they were when sent */
	const uint8_t *sent;
	uint32_t len;
};

struct sim_xdp {
	struct sim_xdp_ring rings[SIM_XDP_RINGS];
	uint8_t *data; /* the UMEM */
	uint64_t bytes;
	uint32_t chunk_bytes;
	uint32_t headroom_bytes;
	bool owns_umem;
	bool unaligned;
	bool bound;
	bool steered; /* by a program */
	bool zero_copy;
	bool pieces;
	uint32_t queue;
	/* receiving */
	uint64_t spare[SIM_XDP_MAX_SPARE];
	uint32_t nr_spare;
	uint64_t nr_no_chunk;
	uint64_t nr_ring_full;
	uint64_t nr_fill_empty;
	uint64_t nr_fill_invalid;
	/* sending: the calling thread's, or the driver's */
	uint32_t nr_reserved; /* entries of the completion ring, ever */
	uint32_t nr_dropped;
	uint64_t nr_tx_empty;
	/* from the sender to who completes: as many as the completion ring has entries */
	struct sim_xdp_held *queue_of_sent;
	uint32_t sent_head;
	uint32_t sent_tail;
	struct sim_xdp_held *held;
	uint32_t nr_held;
	uint64_t random;
	pthread_t thread;
	bool has_thread;
	bool end_thread;
	uint32_t nr_wakes; /* system calls that wake the driver */
};

static inline uint32_t *sim_xdp_word(const struct sim_xdp_ring *ring, uint32_t offset)
{
	return (uint32_t *)(void *)(ring->memory + offset);
}

static inline struct xdp_desc *sim_xdp_desc(const struct sim_xdp_ring *ring, uint32_t position)
{
	return (struct xdp_desc *)(void *)(ring->memory + SIM_XDP_ENTRIES) +
	       (position & (ring->nr_entries - 1));
}

static inline uint64_t *sim_xdp_address(const struct sim_xdp_ring *ring, uint32_t position)
{
	return (uint64_t *)(void *)(ring->memory + SIM_XDP_ENTRIES) +
	       (position & (ring->nr_entries - 1));
}

static inline void sim_xdp_add(uint64_t *counter)
{
	zr_store_relaxed(counter, *counter + 1);
}

#endif
