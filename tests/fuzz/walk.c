/* SPDX-License-Identifier: BSD-2-Clause */
/* Any bytes as a block: two bytes of how to walk, then the block. */
#include <linux/if_packet.h>
#include <stdlib.h>
#include <string.h>

#include "afpacket/walk.h"
#include "support/sim.h"

#define LEAST_BLOCK 48u
#define MAX_VIEWS   64u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_view(const struct sim_guarded *block, const struct zring_packet *view)
{
	const uint8_t *const end = block->data + block->bytes;
	const uint8_t *const frame = view->frame;
	uint32_t sum = 0;

	SIM_CHECK(frame >= block->data + LEAST_BLOCK && frame + sizeof(struct tpacket3_hdr) <= end,
		  "a header outside of the block");
	SIM_CHECK(view->data >= block->data && view->data <= end &&
			  view->len <= (size_t)(end - view->data),
		  "bytes outside of the block");
	for (uint32_t i = 0; i < view->len && i < 64; i++)
		sum += view->data[i] + view->data[view->len - 1 - i];
	SIM_CHECK(sum <= 128 * 255, "bytes that are none");
}

static void walk_through(const struct sim_guarded *block, uint32_t room, bool may_truncate)
{
	struct zring_packet views[MAX_VIEWS];
	uint64_t delivered = 0, malformed = 0;
	const void *before = block->data;
	uint32_t num_pkts, nr;
	struct zr_walk walk;

	memcpy(&num_pkts, block->data + offsetof(struct tpacket_block_desc, hdr.bh1.num_pkts), 4);
	zr_walk_start(&walk, block->data, (uint32_t)block->bytes, may_truncate);
	do {
		nr = zr_walk_take(&walk, views, room);
		SIM_CHECK(nr <= room, "too many views");
		for (uint32_t i = 0; i < nr; before = views[i++].frame) {
			check_view(block, &views[i]);
			SIM_CHECK(views[i].frame > before, "a frame twice");
		}
		delivered += nr;
		malformed += walk.malformed;
		walk.malformed = 0;
		SIM_CHECK(delivered <= block->bytes, "goes round in a ring");
		SIM_CHECK(nr || !walk.left, "stands still");
	} while (nr);
	SIM_CHECK(delivered + malformed == num_pkts, "%llu of %u packets",
		  (unsigned long long)(delivered + malformed), num_pkts);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sim_guarded block;

	if (size < 2 + LEAST_BLOCK)
		return 0;
	/* Blocks are aligned; their end is at the guard page. */
	sim_guarded_make(&block, (size - 2) & ~(size_t)7);
	memcpy(block.data, data + 2, block.bytes);
	walk_through(&block, 1 + data[0] % MAX_VIEWS, data[1] & 1);
	sim_guarded_end(&block);
	return 0;
}
