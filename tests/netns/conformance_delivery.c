/* SPDX-License-Identifier: BSD-2-Clause */
/* What is sent arrives once, unchanged and in order; who holds it for how long. */
#include "support/conformance.h"

#include <errno.h>
#include <string.h>

TestSuite(delivery, .timeout = 120);

/* Sends and reads in turns of @window frames: the ring always has room. */
static void deliver(struct zring_capture *capture, uint32_t capacity, uint32_t count,
		    uint32_t window, net_size_fn *size)
{
	struct zring_batch batch;

	check_eq(zring_batch_init(&batch, capacity), 0);
	for (uint32_t sent = 0; sent < count; sent += window) {
		net_send_numbered(NET_NEAR, sent, window, size);
		net_capture_expect(capture, &batch, sent, window, size);
	}
	zring_batch_fini(&batch);
	net_capture_expect_none(capture);
	conform_all_delivered(capture, count);
	zring_capture_close(capture);
}

Test(delivery, every_frame_arrives_unchanged_and_in_order)
{
	deliver(conform_lab_capture(), ZRING_BATCH_DEFAULT, 20000, 500, net_size_mixed);
}

Test(delivery, batches_of_one)
{
	deliver(conform_lab_capture(), 1, 3000, 500, net_size_mixed);
}

Test(delivery, batches_of_seven)
{
	deliver(conform_lab_capture(), 7, 3000, 500, net_size_mixed);
}

Test(delivery, batches_without_a_limit)
{
	deliver(conform_lab_capture(), ZRING_BATCH_BLOCK, 3000, 500, net_size_mixed);
}

static void deliver_with_profile(uint32_t profile)
{
	struct zring_capture_options options = conform_capture();

	net_lab_open();
	options.profile = profile;
	options.memory_bytes = 0;
	deliver(conform_capture_open(NET_FAR, &options), ZRING_BATCH_DEFAULT, 3000, 250,
		net_size_mixed);
}

Test(delivery, the_throughput_profile_delivers)
{
	deliver_with_profile(ZRING_PROFILE_THROUGHPUT);
}

Test(delivery, the_low_latency_profile_delivers)
{
	deliver_with_profile(ZRING_PROFILE_LOW_LATENCY);
}

Test(delivery, the_low_memory_profile_delivers)
{
	deliver_with_profile(ZRING_PROFILE_LOW_MEMORY);
}

Test(delivery, the_jumbo_profile_delivers)
{
	deliver_with_profile(ZRING_PROFILE_JUMBO);
}

static void set_mtu_9000(void)
{
	net_lab_open();
	net_run("ip link set " NET_NEAR " mtu 9000 && ip link set " NET_FAR " mtu 9000");
}

Test(delivery, frames_of_mtu_9000)
{
	struct zring_capture_options options = conform_capture();
	struct zring_capture_info info;
	struct zring_capture *capture;

	conform_need_pieces();
	set_mtu_9000();
	options.memory_bytes = 8 << 20;
	capture = conform_capture_open(NET_FAR, &options);
	zring_capture_get_info(capture, &info);
	check_eq(info.mtu, 9000);
	cr_assert(info.max_packet_bytes >= 9018);
	deliver(capture, ZRING_BATCH_DEFAULT, 4000, 100, net_size_jumbo);
}

/* Large frames held and released in any order, longer than there is room for more of them. */
Test(delivery, frames_of_mtu_9000_are_held_and_released_out_of_order)
{
	struct zring_capture_options options = conform_capture();
	struct zring_batch batches[3];
	uint32_t firsts[3], next = 0;
	struct zring_capture *capture;

	conform_need_pieces();
	set_mtu_9000();
	options.memory_bytes = 8 << 20;
	capture = conform_capture_open(NET_FAR, &options);
	for (size_t i = 0; i < 3; i++)
		check_eq(zring_batch_init(&batches[i], 16), 0);
	for (uint32_t round = 0; round < 40; round++) {
		net_send_numbered(NET_NEAR, next, 100, net_size_jumbo);
		for (uint32_t end = next + 100, turn = 0; next < end; turn++) {
			struct zring_batch *batch = &batches[turn % 3];

			zring_batch_release(batch);
			firsts[turn % 3] = next;
			next += conform_borrow(capture, batch);
			for (size_t i = 0; i < 3; i++)
				for (uint32_t k = 0; k < batches[i].nr_packets; k++)
					cr_assert(net_frame_is(batches[i].packets[k].data,
							       batches[i].packets[k].len,
							       firsts[i] + k,
							       net_size_jumbo(firsts[i] + k)));
		}
		zring_batch_release(&batches[(round + 1) % 3]);
		zring_batch_release(&batches[round % 3]);
		zring_batch_release(&batches[(round + 2) % 3]);
	}
	for (size_t i = 0; i < 3; i++)
		zring_batch_fini(&batches[i]);
	conform_all_delivered(capture, 4000);
	zring_capture_close(capture);
}

/* Batches of every size by turns: what does not fit into one is not lost. */
Test(delivery, mixed_batches)
{
	struct zring_capture *capture = conform_lab_capture();
	const uint32_t capacities[] = {3, ZRING_BATCH_BLOCK, 1, 256};
	struct zring_batch batches[4];
	uint32_t next = 0, turn = 0;

	for (size_t i = 0; i < 4; i++)
		check_eq(zring_batch_init(&batches[i], capacities[i]), 0);
	net_send_numbered(NET_NEAR, 0, 1000, net_size_small);
	for (; next < 1000; turn++) {
		struct zring_batch *batch = &batches[turn % 4];
		const struct zring_packet *packet;

		cr_assert(conform_borrow(capture, batch) <= capacities[turn % 4]);
		zring_batch_for_each (batch, packet) {
			cr_assert(net_frame_is(packet->data, packet->len, next,
					       net_size_small(next)));
			next++;
		}
		zring_batch_release(batch);
	}
	check_eq(next, 1000);
	cr_assert(turn >= 4);
	for (size_t i = 0; i < 4; i++)
		zring_batch_fini(&batches[i]);
	conform_all_delivered(capture, 1000);
	zring_capture_close(capture);
}

Test(delivery, packets_one_at_a_time)
{
	struct zring_capture *capture = conform_lab_capture();

	for (uint32_t number = 0; number < 3000; number++) {
		const struct zring_packet *packet;

		if (number % 500 == 0)
			net_send_numbered(NET_NEAR, number, 500, net_size_mixed);
		packet = net_capture_packet(capture);
		check_eq(packet->wire_len, net_size_mixed(number));
		check_eq(packet->len, net_size_mixed(number));
		cr_assert(net_frame_is(packet->data, packet->len, number, packet->len));
		check_eq(net_capture_stats(capture).delivered, number + 1);
	}
	net_capture_expect_none(capture);
	conform_all_delivered(capture, 3000);
	zring_capture_close(capture);
}

/* Sender and reader at once, in a ring that holds it all: the scheduler decides nothing. */
Test(delivery, nothing_is_lost_while_both_sides_work)
{
	struct zring_capture_options options = conform_capture();
	struct net_stream stream = {.interface = NET_NEAR, .count = 50000, .size = net_size_small};
	struct zring_capture *capture;
	struct zring_batch batch;

	net_lab_open();
	options.memory_bytes = 128 << 20;
	capture = conform_capture_open(NET_FAR, &options);
	check_eq(zring_batch_init(&batch, ZRING_BATCH_DEFAULT), 0);
	net_stream_start(&stream);
	net_capture_expect(capture, &batch, 0, 50000, net_size_small);
	check_eq(net_stream_end(&stream), 50000);
	zring_batch_fini(&batch);
	conform_all_delivered(capture, 50000);
	zring_capture_close(capture);
}

/* ---- who owns what ---- */

static void check_batch(const struct zring_batch *batch, uint32_t first, net_size_fn *size)
{
	for (uint32_t i = 0; i < batch->nr_packets; i++) {
		check_eq(batch->packets[i].wire_len, size(first + i));
		cr_assert(net_frame_is(batch->packets[i].data, batch->packets[i].len, first + i,
				       size(first + i)),
			  "frame %u is not what it was", first + i);
	}
}

Test(delivery, several_are_held_and_released_out_of_order)
{
	struct zring_capture *capture = conform_lab_capture();
	const uint32_t order[] = {2, 0, 3, 1};
	struct zring_batch batches[4];
	uint32_t firsts[4], next = 0;

	for (size_t i = 0; i < 4; i++)
		check_eq(zring_batch_init(&batches[i], 5), 0);
	for (uint32_t round = 0; round < 30; round++) {
		net_send_numbered(NET_NEAR, next, 300, net_size_mixed);
		for (size_t i = 0; i < 4; i++) {
			firsts[i] = next;
			next += conform_borrow(capture, &batches[i]);
		}
		for (size_t i = 0; i < 4; i++) {
			/* Those that are still held stay what they are. */
			for (size_t k = i; k < 4; k++)
				check_batch(&batches[order[k]], firsts[order[k]], net_size_mixed);
			zring_batch_release(&batches[order[i]]);
			check_eq(batches[order[i]].nr_packets, 0);
		}
		while (next < (round + 1) * 300) {
			firsts[0] = next;
			next += conform_borrow(capture, &batches[0]);
			check_batch(&batches[0], firsts[0], net_size_mixed);
			zring_batch_release(&batches[0]);
		}
		check_eq(next, (round + 1) * 300);
	}
	conform_all_delivered(capture, 9000);
	for (size_t i = 0; i < 4; i++)
		zring_batch_fini(&batches[i]);
	zring_capture_close(capture);
}

static struct zring_capture *open_small(void)
{
	const struct zring_capture_options options = conform_small_capture();

	net_lab_open();
	return conform_capture_open(NET_FAR, &options);
}

/* The bytes of a held batch survive when all the rest of the ring goes round. */
Test(delivery, held_bytes_stay_while_the_ring_is_full)
{
	struct zring_capture *capture = open_small();
	struct zring_capture_stats stats;
	struct zring_batch held, other;
	uint32_t nr;

	check_eq(zring_batch_init(&held, 3), 0);
	check_eq(zring_batch_init(&other, ZRING_BATCH_DEFAULT), 0);
	net_send_numbered(NET_NEAR, 0, 3, net_size_mixed);
	nr = conform_borrow(capture, &held);
	for (uint32_t round = 0; round < 20; round++) {
		net_send_numbered(NET_NEAR, 100, 400, net_size_mixed);
		check_batch(&held, 0, net_size_mixed);
		while (zring_capture_next(capture, &other, 20) > 0)
			zring_batch_release(&other);
		check_batch(&held, 0, net_size_mixed);
	}
	check_eq(held.nr_packets, nr);
	zring_batch_release(&held);
	while (zring_capture_next(capture, &other, 50) > 0)
		zring_batch_release(&other);
	stats = net_capture_stats(capture);
	check_eq(stats.received, 8003);
	check_eq(stats.pending, 0);
	cr_assert(stats.dropped > 0, "the ring was never full");
	zring_batch_fini(&held);
	zring_batch_fini(&other);
	zring_capture_close(capture);
}

#define NR_HELD 4096u

Test(delivery, who_holds_all_gets_nothing_until_the_release)
{
	static struct zring_batch batches[NR_HELD];
	struct zring_capture *capture = open_small();
	uint32_t nr_held = 0, next;
	uint64_t start;
	int got;

	do {
		net_send_numbered(NET_NEAR, 0, 400, net_size_mixed);
		cr_assert(nr_held < NR_HELD);
		check_eq(zring_batch_init(&batches[nr_held], ZRING_BATCH_BLOCK), 0);
		start = net_now_ns();
		got = zring_capture_next(capture, &batches[nr_held++], 100);
		cr_assert(got >= 0);
	} while (got > 0);
	cr_assert(net_now_ns() - start >= 100000000, "the deadline was not kept");
	cr_assert(nr_held > 1);
	for (uint32_t i = 0; i < nr_held; i++)
		zring_batch_fini(&batches[i]);
	/* What waits in the ring is old; then the new frames come, all of them. */
	check_eq(zring_batch_init(&batches[0], ZRING_BATCH_DEFAULT), 0);
	while (zring_capture_next(capture, &batches[0], 50) > 0)
		zring_batch_release(&batches[0]);
	for (next = 0; next < 500; next += 25) {
		net_send_numbered(NET_NEAR, next, 25, net_size_60);
		net_capture_expect(capture, &batches[0], next, 25, net_size_60);
	}
	zring_batch_fini(&batches[0]);
	check_eq(net_capture_stats(capture).pending, 0);
	zring_capture_close(capture);
}

/* The room goes back with the release, not with the last packet that was looked at. */
Test(delivery, an_early_release_gives_the_room_back)
{
	struct zring_capture *capture = open_small();
	struct zring_batch batch;
	uint32_t seen = 0;

	check_eq(zring_batch_init(&batch, ZRING_BATCH_DEFAULT), 0);
	for (uint32_t sent = 0; sent < 4000; sent += 20) {
		net_send_numbered(NET_NEAR, sent, 20, net_size_60);
		while (seen < sent + 20) {
			seen += conform_borrow(capture, &batch);
			zring_batch_release(&batch);
		}
	}
	conform_all_delivered(capture, 4000);
	zring_batch_fini(&batch);
	zring_capture_close(capture);
}

Test(delivery, a_batch_in_use_is_refused)
{
	struct zring_capture *capture = conform_lab_capture();
	struct zring_batch batch;
	uint32_t nr;

	check_eq(zring_batch_init(&batch, ZRING_BATCH_DEFAULT), 0);
	net_send_numbered(NET_NEAR, 0, 5, net_size_60);
	nr = conform_borrow(capture, &batch);
	check_eq(zring_capture_next(capture, &batch, 0), -EBUSY);
	check_eq(zring_capture_next(capture, &batch, -1), -EBUSY);
	check_eq(batch.nr_packets, nr);
	check_batch(&batch, 0, net_size_60);
	zring_batch_release(&batch);
	/* Releasing what is empty changes nothing. */
	zring_batch_release(&batch);
	check_eq(zring_capture_next(capture, &batch, 0), 0);
	zring_batch_fini(&batch);
	zring_capture_close(capture);
}

Test(delivery, a_copy_outlives_release_and_close)
{
	struct zring_capture *capture = conform_lab_capture();
	struct zring_owned_packet *copies[50];
	struct zring_packet_info infos[50];

	net_send_numbered(NET_NEAR, 0, 50, net_size_mixed);
	for (uint32_t i = 0; i < 50; i++) {
		const struct zring_packet *packet = net_capture_packet(capture);

		check_eq(zring_packet_copy(capture, packet, &copies[i]), 0);
		zring_packet_get_info(capture, packet, &infos[i]);
	}
	net_send_numbered(NET_NEAR, 1000, 500, net_size_mixed);
	zring_capture_close(capture);
	for (uint32_t i = 0; i < 50; i++) {
		check_eq(copies[i]->len, net_size_mixed(i));
		check_eq(copies[i]->wire_len, net_size_mixed(i));
		cr_assert(net_frame_is(copies[i]->data, copies[i]->len, i, copies[i]->len));
		cr_assert(memcmp(&copies[i]->info, &infos[i], sizeof(infos[i])) == 0);
		zring_packet_free(copies[i]);
	}
	zring_packet_free(NULL);
}

Test(delivery, fini_gives_back_what_is_borrowed)
{
	struct zring_capture *capture = open_small();
	struct zring_batch batch;

	for (uint32_t round = 0; round < 300; round++) {
		net_send_numbered(NET_NEAR, round, 1, net_size_mixed);
		check_eq(zring_batch_init(&batch, ZRING_BATCH_BLOCK), 0);
		check_eq(conform_borrow(capture, &batch), 1);
		check_batch(&batch, round, net_size_mixed);
		zring_batch_fini(&batch);
	}
	conform_all_delivered(capture, 300);
	zring_capture_close(capture);
}
