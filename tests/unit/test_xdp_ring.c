/* SPDX-License-Identifier: BSD-2-Clause */
/* The positions of an AF_XDP ring, over all fillings and across 2^32. */
#include <criterion/criterion.h>

#include "afxdp/ring.h"

#define ENTRIES 4u

static uint32_t producer, consumer, flags;
static uint64_t addresses[ENTRIES];
static struct zring_xdp_desc descs[ENTRIES];

static struct zr_ring make(uint32_t start, void *entries)
{
	producer = start;
	consumer = start;
	flags = 0;
	return (struct zr_ring){
		.position = start,
		.limit = start,
		.mask = ENTRIES - 1,
		.nr_entries = ENTRIES,
		.producer = &producer,
		.consumer = &consumer,
		.flags = &flags,
		.entries = entries,
	};
}

static const uint32_t starts[] = {
	0, 1, ENTRIES, UINT32_MAX / 2, UINT32_MAX - ENTRIES, UINT32_MAX - 1, UINT32_MAX};

#define NR_STARTS (sizeof(starts) / sizeof(*starts))

Test(xdp_ring, room_is_what_the_kernel_has_taken)
{
	for (size_t s = 0; s < NR_STARTS; s++) {
		struct zr_ring ring = make(starts[s], addresses);

		cr_assert(zr_ring_room(&ring, 1) == ENTRIES, "empty");
		for (uint32_t i = 0; i < ENTRIES; i++) {
			cr_assert(zr_ring_room(&ring, 1) == ENTRIES - i, "%u filled", i);
			zr_ring_publish(&ring, 1);
			cr_assert(producer == starts[s] + i + 1, "published");
		}
		cr_assert(zr_ring_room(&ring, 1) == 0, "full");
		consumer += 3;
		cr_assert(zr_ring_room(&ring, ENTRIES) == 3, "three taken");
		cr_assert(zr_ring_consumed(&ring) == starts[s] + 3, "consumed");
	}
}

Test(xdp_ring, the_kernel_is_looked_at_only_when_needed)
{
	struct zr_ring ring = make(0, addresses);

	cr_assert(zr_ring_room(&ring, 1) == ENTRIES, "empty");
	zr_ring_publish(&ring, 2);
	consumer = 2;
	cr_assert(zr_ring_room(&ring, 2) == 2, "the old look is enough");
	cr_assert(zr_ring_room(&ring, 3) == ENTRIES, "and now it is not");
	ring = make(0, descs);
	producer = 2;
	cr_assert(zr_ring_filled(&ring, 1) == 2, "two");
	producer = 4;
	cr_assert(zr_ring_filled(&ring, 2) == 2, "the old look is enough");
	cr_assert(zr_ring_filled(&ring, 3) == 4, "and now it is not");
}

Test(xdp_ring, filled_is_what_the_kernel_has_published)
{
	for (size_t s = 0; s < NR_STARTS; s++) {
		struct zr_ring ring = make(starts[s], descs);

		cr_assert(!zr_ring_is_filled(&ring) && zr_ring_filled(&ring, 1) == 0, "empty");
		producer += ENTRIES;
		cr_assert(zr_ring_is_filled(&ring) && zr_ring_filled(&ring, 1) == ENTRIES, "full");
		for (uint32_t i = 1; i <= ENTRIES; i++) {
			zr_ring_take(&ring, 1);
			cr_assert(consumer == starts[s] + i, "given back");
			cr_assert(zr_ring_filled(&ring, 1) == ENTRIES - i, "%u taken", i);
		}
		cr_assert(!zr_ring_is_filled(&ring), "empty again");
	}
}

Test(xdp_ring, entries_follow_each_other_across_the_wrap)
{
	const struct zr_ring fill = make(0, addresses), rx = make(0, descs);

	for (uint32_t i = 0; i < 3 * ENTRIES; i++) {
		const uint32_t position = UINT32_MAX - ENTRIES + i;

		cr_assert(zr_ring_address(&fill, position) == &addresses[position % ENTRIES],
			  "address");
		cr_assert(zr_ring_desc(&rx, position) == &descs[position % ENTRIES], "descriptor");
	}
}

Test(xdp_ring, the_wake_up_flag_is_one_bit)
{
	struct zr_ring ring = make(0, addresses);

	cr_assert(!zr_ring_needs_wakeup(&ring), "awake");
	flags = ~(uint32_t)XDP_RING_NEED_WAKEUP;
	cr_assert(!zr_ring_needs_wakeup(&ring), "other bits");
	flags = XDP_RING_NEED_WAKEUP;
	cr_assert(zr_ring_needs_wakeup(&ring), "asleep");
}
