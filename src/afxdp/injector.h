/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An injector on AF_XDP: slot i is chunk i of a UMEM of its own (a jumbo slot is
 * several chunks side by side, sent as pieces), so a slot's bytes are where the
 * kernel reads them.
 *
 *	tail <= taken <= posted <= head		(core/injector.h)
 *
 *	taken..posted	in the TX ring, not taken by the kernel: they can't be called back
 */
#ifndef ZR_AFXDP_INJECTOR_H
#define ZR_AFXDP_INJECTOR_H

#include "../core/injector.h"
#include "socket.h"

/* zr_xdp_injector.ended: pieces that have completed, and a mark. */
#define ZR_XDP_ENDED_PIECES  0x7fu
#define ZR_XDP_ENDED_DROPPED 0x80u

/*
 * Frames of neighbours begin a cache line apart, over so many lines: slots are a
 * multiple of the first-level cache's period apart and would share two of its sets.
 */
#define ZR_XDP_COLOURS      8u
#define ZR_XDP_COLOUR_BYTES 64u

struct zr_xdp_injector {
	struct zring_injector base;
	struct zring_umem *umem;
	struct zring_xdp *xdp;
	uint64_t posted;
	uint8_t *ended;      /* a slot: completions that came out of their turn */
	uint32_t nr_marked;  /* of those that are not 0 */
	uint32_t slot_shift; /* of the bytes from slot to slot */
	uint32_t chunk_bytes;
	bool one_piece;    /* every slot is one chunk */
	bool has_requests; /* the kernel completes checksums; else this library does */
};

extern const struct zr_injector_ops zr_xdp_injector_ops;

static inline struct zr_xdp_injector *zr_xdp_injector(struct zring_injector *injector)
{
	return (struct zr_xdp_injector *)injector;
}

void zr_xdp_injector_close(struct zring_injector *injector);
/* zring_xdp.dropped: the frame will complete, but was not sent. */
void zr_xdp_injector_dropped(void *context, uint32_t position);

#endif
