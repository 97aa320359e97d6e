/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A batch: packets borrowed from a capture in one call and given back in one.
 *
 *	struct zring_batch batch;
 *
 *	zring_batch_init(&batch, 0);
 *	while (zring_capture_next(capture, &batch, -1) > 0) {
 *		const struct zring_packet *packet;
 *
 *		zring_batch_for_each(&batch, packet)
 *			look_at(packet->data, packet->len);
 *		zring_batch_release(&batch);
 *	}
 *	zring_batch_fini(&batch);
 *
 * A program may hold several batches of one capture and release them in any
 * order; a block of the ring goes back to the kernel when the last batch that
 * shows a part of it is released. What is held cannot be filled again, so who
 * holds everything receives nothing.
 */
#ifndef ZRING_BATCH_H
#define ZRING_BATCH_H

#include <zring/packet.h>

/* zring_batch_init() capacities */
#define ZRING_BATCH_DEFAULT 0u         /* 512 packets */
#define ZRING_BATCH_BLOCK   UINT32_MAX /* what is left of a V3 block; the view array grows */

/* zring_batch.flags */
#define ZRING_BATCH_TIMED_OUT (1u << 0) /* the block was handed over by its timer, not full */
#define ZRING_BATCH_LOSING    (1u << 1) /* the ring had dropped packets by then; never on AF_XDP */
#define ZRING_BATCH_BLOCK_END (1u << 2) /* nothing of the block is left behind these packets */

struct zring_batch {
	struct zring_packet *packets; /* nr_packets views, in order of arrival */
	uint32_t nr_packets;          /* 0: the batch is empty */
	uint32_t flags;               /* ZRING_BATCH_* */
	uint64_t block_seq;  /* the block's sequence number; ZRING_UNAVAILABLE without blocks */
	uint64_t first_ns;   /* time of the block's (without blocks: batch's) first packet */
	uint64_t last_ns;    /* and of its last */
	uint64_t gap_ns;     /* from the block (batch) before to this one, 0 for the first */
	uint64_t gap_blocks; /* blocks missing in between; ZRING_UNAVAILABLE without blocks */
	/* private */
	struct zring_capture *capture;
	uint64_t token;
	uint32_t capacity;
	uint32_t nr_allocated;
};

#define zring_batch_for_each(batch, packet)                                                  \
	for ((packet) = (batch)->packets; (packet) < (batch)->packets + (batch)->nr_packets; \
	     (packet)++)

ZRING_BEGIN_DECLS

/**
 * zring_batch_init() - make an empty batch
 * @batch:    memory of the caller
 * @capacity: most packets a call may lend; ZRING_BATCH_DEFAULT or ZRING_BATCH_BLOCK
 *
 * Owner:   the caller; zring_batch_fini() frees the view array
 * Threads: one thread at a time
 * Return:  0; -ENOMEM
 * Since:   0.1
 */
ZRING_API int zring_batch_init(struct zring_batch *batch, uint32_t capacity);

/**
 * zring_batch_release() - give the packets back to the ring
 * @batch: any initialised batch; an empty one is left alone
 *
 * After it no pointer into the batch may be used. Debug builds overwrite the
 * bytes and the views, so that a late reader is noticed.
 *
 * Threads: the capture's thread
 * Since:   0.1
 */
ZRING_API void zring_batch_release(struct zring_batch *batch);

/**
 * zring_batch_fini() - release what is borrowed and free the view array
 * @batch: any initialised batch; its capture, if packets are borrowed, still open
 *
 * Threads: the capture's thread
 * Since:   0.1
 */
ZRING_API void zring_batch_fini(struct zring_batch *batch);

ZRING_END_DECLS

#endif
