/* SPDX-License-Identifier: BSD-2-Clause */
#include <criterion/criterion.h>
#include <string.h>

#include <zring/batch.h>

#include "core/batch.h"

Test(batch, default_is_512_views)
{
	struct zring_batch batch;

	memset(&batch, 0xff, sizeof(batch));
	cr_assert(zring_batch_init(&batch, ZRING_BATCH_DEFAULT) == 0);
	cr_assert(batch.nr_packets == 0 && batch.flags == 0 && !batch.capture && batch.packets);
	cr_assert(zr_batch_room(&batch, 1) == 1 && zr_batch_room(&batch, 512) == 512);
	cr_assert(zr_batch_room(&batch, 513) == 512 && zr_batch_room(&batch, UINT32_MAX) == 512);
	batch.packets[511].len = 1;
	zring_batch_fini(&batch);
	cr_assert(!batch.packets);
}

Test(batch, capacity_is_the_most_that_is_lent)
{
	static const uint32_t capacities[] = {1, 2, 255, 257, 5000};

	for (size_t i = 0; i < sizeof(capacities) / sizeof(*capacities); i++) {
		struct zring_batch batch;

		cr_assert(zring_batch_init(&batch, capacities[i]) == 0);
		cr_assert(zr_batch_room(&batch, UINT32_MAX) == capacities[i]);
		batch.packets[capacities[i] - 1].len = 1;
		zring_batch_fini(&batch);
	}
}

Test(batch, whole_blocks_let_the_views_grow)
{
	struct zring_batch batch;

	cr_assert(zring_batch_init(&batch, ZRING_BATCH_BLOCK) == 0);
	cr_assert(zr_batch_room(&batch, 40000) == 40000);
	batch.packets[39999].len = 1;
	cr_assert(zr_batch_room(&batch, 3) == 3);
	cr_assert(zr_batch_room(&batch, 39000) == 39000);
	/* Who has not the memory for all gets what there is, and the rest later. */
	cr_assert(zr_batch_room(&batch, 0) == 0);
	zring_batch_fini(&batch);
}

Test(batch, empty_ones_may_be_released_and_ended_again)
{
	struct zring_batch batch;

	cr_assert(zring_batch_init(&batch, 4) == 0);
	zring_batch_release(&batch);
	zring_batch_release(&batch);
	zring_batch_fini(&batch);
	zring_batch_fini(&batch);
	zring_batch_release(&batch);
}

Test(batch, loop_over_an_empty_batch_does_nothing)
{
	const struct zring_packet *packet;
	struct zring_batch batch;
	uint32_t nr = 0;

	cr_assert(zring_batch_init(&batch, 4) == 0);
	zring_batch_for_each (&batch, packet)
		nr++;
	cr_assert(nr == 0);
	batch.nr_packets = 3;
	zring_batch_for_each (&batch, packet)
		nr += packet == &batch.packets[nr];
	cr_assert(nr == 3);
	batch.nr_packets = 0;
	zring_batch_fini(&batch);
}
