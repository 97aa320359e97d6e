/* SPDX-License-Identifier: BSD-2-Clause */
/* The chunks, who holds each of them, and the sockets that exchange them. */
#ifndef ZR_AFXDP_UMEM_H
#define ZR_AFXDP_UMEM_H

#include <stdbool.h>

#include <zring/umem.h>

struct zring_xdp;

struct zr_chunk {
	uint8_t holder; /* enum zring_chunk_holder */
	uint8_t socket; /* whose kernel side holds it: zring_xdp.number */
};

struct zring_umem {
	struct zring_umem_window window; /* first: the inline call looks here */
	uint64_t bytes;                  /* chunks x chunk_bytes */
	size_t mapping_bytes;            /* of the mapping, whole pages of its kind */
	uint32_t chunk_bytes;
	uint32_t chunk_shift; /* of chunk_bytes; 0: it is no power of two */
	uint64_t base_mask;   /* of an address: unaligned ones carry an offset above it */
	uint32_t nr_chunks;
	uint32_t nr_free;
	uint32_t *free; /* stack of chunk numbers: the warmest on top */
	struct zr_chunk *chunks;
	struct zring_xdp *sockets; /* the open ones: each is bound, so each can lend the UMEM */
	bool checks;
	struct zring_umem_info info;
};

/* The chunk that an address lies in; nr_chunks or more: none. */
static inline uint64_t zr_umem_chunk(const struct zring_umem *umem, uint64_t address)
{
	const uint64_t base = address & umem->base_mask;

	return umem->chunk_shift ? base >> umem->chunk_shift : base / umem->chunk_bytes;
}

static inline uint64_t zr_umem_address(const struct zring_umem *umem, uint64_t chunk)
{
	return chunk * umem->chunk_bytes;
}

/* Whether the program holds a chunk, so that it may hand it over. */
static inline bool zr_umem_is_held(const struct zring_umem *umem, uint64_t chunk)
{
	return umem->chunks[chunk].holder == ZRING_CHUNK_RX ||
	       umem->chunks[chunk].holder == ZRING_CHUNK_TX;
}

/* Whether @len bytes at @address lie in one chunk of the UMEM. */
bool zr_umem_contains(const struct zring_umem *umem, uint64_t address, uint32_t len);

/* Overwrites a chunk that is given back, so that a late reader meets rubbish (checks). */
void zr_umem_poison(const struct zring_umem *umem, uint64_t chunk);

/* What the kernel held for a socket that has gone becomes free. */
void zr_umem_reclaim(struct zring_umem *umem, uint8_t socket);

/* A chunk that nobody needs any more. */
static inline void zr_umem_push_free(struct zring_umem *umem, uint32_t chunk)
{
	umem->chunks[chunk].holder = ZRING_CHUNK_FREE;
	umem->free[umem->nr_free++] = chunk;
}

#endif
