/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * UMEM: the memory whose chunks AF_XDP sockets exchange with the kernel.
 *
 *	0          chunk_bytes                                        memory_bytes
 *	| chunk 0  | chunk 1  | chunk 2  | ...                                   |
 *	           ^ headroom | frame bytes ...
 *	             256 of the kernel + headroom_bytes; received frames begin behind it
 *
 * A chunk is named by its address: an offset into the UMEM. At any time exactly
 * one party holds it (enum zring_chunk_holder):
 *
 *	FREE --zring_umem_alloc--> TX --zring_xdp_transmit--> KERNEL_TX
 *	 ^  ^                      |                              |
 *	 |  +---zring_umem_free----+ <----zring_xdp_complete------+
 *	 |
 *	 +--zring_xdp_fill--> FILL --zring_xdp_receive--> RX --zring_xdp_fill--> FILL
 *	                                                   \--zring_xdp_transmit--> KERNEL_TX
 *
 * zring_xdp_fill() takes chunks in whatever state the program holds them (FREE
 * ones through zring_umem_alloc()), zring_xdp_transmit() those that it has
 * written or received.
 */
#ifndef ZRING_UMEM_H
#define ZRING_UMEM_H

#include <stddef.h>

#include <zring/diag.h>

struct zring_umem;

enum zring_umem_memory {
	ZRING_UMEM_ANONYMOUS = 0,
	ZRING_UMEM_HUGEPAGES = 1, /* of the system's default size; none free: anonymous, and told */
	ZRING_UMEM_MEMFD = 2,     /* a descriptor that may be passed on, zring_umem_info.fd */
};

/* Who holds a chunk. */
enum zring_chunk_holder {
	ZRING_CHUNK_FREE = 0,      /* nobody: zring_umem_alloc() gives it out */
	ZRING_CHUNK_FILL = 1,      /* the kernel, to receive into, or received and not taken yet */
	ZRING_CHUNK_RX = 2,        /* the program: received */
	ZRING_CHUNK_TX = 3,        /* the program: to be written */
	ZRING_CHUNK_KERNEL_TX = 4, /* the kernel: to be sent, not completed yet */
	ZRING_CHUNK_HOLDERS = 5,   /* their number */
};

struct zring_umem_options {
	size_t size;             /* sizeof(struct zring_umem_options) */
	uint32_t nr_chunks;      /* default 8192 */
	uint32_t chunk_bytes;    /* 2048 (the default) to a page; a power of two unless unaligned */
	uint32_t headroom_bytes; /* in front of received frames, beyond the kernel's 256 */
	uint32_t memory;         /* enum zring_umem_memory */
	uint32_t numa_node;      /* node + 1; 0: where the opening thread runs */
	uint8_t unaligned;       /* 1: chunk_bytes may be any number, chunks cross pages */
	uint8_t tx_metadata;     /* 1: sends may ask for offloads; Linux 6.11 */
	uint8_t tx_software_checksum; /* 1: the kernel computes them; copy modes, with tx_metadata
				       */
	/*
	 * 1: a chunk that is handed over by who does not hold it is refused (-EINVAL), one
	 * that is given back is overwritten. Always on in debug builds.
	 */
	uint8_t checks;
	uint8_t reserved[8];
};

#define ZRING_UMEM_OPTIONS_INIT                           \
	{                                                 \
		.size = sizeof(struct zring_umem_options) \
	}

struct zring_umem_info {
	uint64_t memory_bytes;
	uint32_t nr_chunks;
	uint32_t chunk_bytes;
	uint32_t headroom_bytes;
	uint32_t frame_bytes; /* that one chunk receives: chunk_bytes - 256 - headroom_bytes */
	uint32_t memory;      /* enum zring_umem_memory in effect */
	int32_t fd;           /* of ZRING_UMEM_MEMFD, the umem's; else -1 */
	int32_t numa_node;    /* asked for and granted, -1: none */
	uint8_t unaligned;
	uint8_t tx_metadata;
	uint8_t tx_software_checksum;
	uint8_t checks;
	char fallback[64]; /* why memory differs from what was asked for, "" */
};

/* The head of every umem, here only for zring_umem_data(). Not to be touched. */
struct zring_umem_window {
	uint8_t *data;
};

/* Addresses of unaligned chunks carry the offset of the frame in their upper bits. */
#define ZRING_UMEM_OFFSET_SHIFT 48
#define ZRING_UMEM_ADDRESS_MASK ((UINT64_C(1) << ZRING_UMEM_OFFSET_SHIFT) - 1)

ZRING_BEGIN_DECLS

/**
 * zring_umem_open() - make chunks to send and receive with
 * @options:  NULL for the defaults
 * @diag:     NULL, or where to say what went wrong
 * @ret_umem: the umem, untouched on failure
 *
 * Every chunk is FREE.
 *
 * Owner:   the caller owns the umem, zring_umem_close() ends it
 * Threads: any
 * Return:  0; -EINVAL an option's value; -E2BIG options of a newer library;
 *          -ENOMEM; errors of mmap(2), memfd_create(2), mbind(2)
 * Since:   0.1
 */
ZRING_API int zring_umem_open(const struct zring_umem_options *options, struct zring_diag *diag,
			      struct zring_umem **ret_umem);

/**
 * zring_umem_close() - end a umem; NULL is allowed
 * @umem: with all of its sockets closed
 *
 * Threads: no other thread may be in a call on it
 * Since:   0.1
 */
ZRING_API void zring_umem_close(struct zring_umem *umem);

/**
 * zring_umem_alloc() - take free chunks to write into
 * @umem:      open umem
 * @addresses: filled
 * @nr:        how many are wanted
 *
 * Owner:   the caller holds them (TX) until transmit, fill or free
 * Threads: one thread at a time for all of alloc, free and the umem's sockets
 * Return:  how many there were, 0 to @nr
 * Since:   0.1
 */
ZRING_API uint32_t zring_umem_alloc(struct zring_umem *umem, uint64_t *addresses, uint32_t nr);

/**
 * zring_umem_free() - give chunks back that the program holds
 * @umem:      open umem
 * @addresses: anywhere inside the chunks
 * @nr:        how many
 *
 * Threads: as zring_umem_alloc()
 * Return:  0; -EINVAL an address outside, or a chunk that the program does not
 *          hold: those before it are free, it and those behind it are not
 * Since:   0.1
 */
ZRING_API int zring_umem_free(struct zring_umem *umem, const uint64_t *addresses, uint32_t nr);

/**
 * zring_umem_data() - where the bytes of an address are
 * @umem:    open umem
 * @address: of a chunk or of a frame in it
 *
 * Owner:   the umem
 * Threads: any
 * Since:   0.1
 */
ZRING_API_INLINE uint8_t *zring_umem_data(const struct zring_umem *umem, uint64_t address);

/**
 * zring_umem_holder() - who holds the chunk of an address
 * @umem:    open umem
 * @address: anywhere inside the chunk
 *
 * Threads: as zring_umem_alloc()
 * Return:  enum zring_chunk_holder; -EINVAL no such chunk
 * Since:   0.1
 */
ZRING_API int zring_umem_holder(const struct zring_umem *umem, uint64_t address);

/**
 * zring_umem_count() - how many chunks each party holds
 * @umem:       open umem
 * @ret_counts: ZRING_CHUNK_HOLDERS figures, indexed by enum zring_chunk_holder
 *
 * Counted one by one over all chunks, so they sum up to nr_chunks.
 *
 * Threads: as zring_umem_alloc()
 * Since:   0.1
 */
ZRING_API void zring_umem_count(const struct zring_umem *umem, uint32_t *ret_counts);

/**
 * zring_umem_get_info() - what holds, after all fall-backs
 * @umem:     open umem
 * @ret_info: filled
 *
 * Threads: any
 * Since:   0.1
 */
ZRING_API void zring_umem_get_info(const struct zring_umem *umem, struct zring_umem_info *ret_info);

ZRING_API_INLINE uint8_t *zring_umem_data(const struct zring_umem *umem, uint64_t address)
{
	const struct zring_umem_window *window = (const struct zring_umem_window *)umem;

	return window->data + (address & ZRING_UMEM_ADDRESS_MASK) +
	       (address >> ZRING_UMEM_OFFSET_SHIFT);
}

ZRING_END_DECLS

#endif
