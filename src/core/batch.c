/* SPDX-License-Identifier: BSD-2-Clause */
#include "batch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "capture.h"

/* 512 views are 12 KiB: they stay in the first-level cache while a program reads them. */
#define DEFAULT_CAPACITY 512u

int zring_batch_init(struct zring_batch *batch, uint32_t capacity)
{
	const uint32_t wanted = capacity == ZRING_BATCH_DEFAULT ? DEFAULT_CAPACITY : capacity;
	const uint32_t room = wanted == ZRING_BATCH_BLOCK ? DEFAULT_CAPACITY : wanted;

	*batch = (struct zring_batch){.capacity = wanted};
	batch->packets = calloc(room, sizeof(*batch->packets));
	if (!batch->packets)
		return -ENOMEM;
	batch->nr_allocated = room;
	return 0;
}

uint32_t zr_batch_room(struct zring_batch *batch, uint32_t wanted)
{
	struct zring_packet *grown;

	if (wanted <= batch->nr_allocated)
		return wanted;
	if (batch->capacity != ZRING_BATCH_BLOCK)
		return batch->nr_allocated;
	grown = reallocarray(batch->packets, wanted, sizeof(*grown));
	if (!grown)
		return batch->nr_allocated; /* the rest of the block comes with the next batch */
	batch->packets = grown;
	batch->nr_allocated = wanted;
	return wanted;
}

/* So that a reader who kept a pointer meets rubbish, not somebody else's packet. */
static void poison_bytes(const struct zring_batch *batch)
{
#ifdef ZR_DEBUG_CHECKS
	for (uint32_t i = 0; i < batch->nr_packets; i++) {
		const struct zring_packet *packet = &batch->packets[i];

		if (packet->data)
			memset((void *)(uintptr_t)packet->data, 0xdb, packet->len);
	}
#else
	(void)batch;
#endif
}

/* The same for who kept a view; after the release, which reads them. */
static void poison_views(struct zring_batch *batch)
{
#ifdef ZR_DEBUG_CHECKS
	memset(batch->packets, 0, batch->nr_packets * sizeof(*batch->packets));
#else
	(void)batch;
#endif
}

void zring_batch_release(struct zring_batch *batch)
{
	if (!batch->nr_packets)
		return;
	poison_bytes(batch);
	batch->capture->ops->release(batch->capture, batch);
	poison_views(batch);
	batch->nr_packets = 0;
	batch->capture = NULL;
}

void zring_batch_fini(struct zring_batch *batch)
{
	zring_batch_release(batch);
	free(batch->packets);
	*batch = (struct zring_batch){0};
}
