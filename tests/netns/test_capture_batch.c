/* SPDX-License-Identifier: BSD-2-Clause */
/* Who owns what, for how long: batches, the ring behind them, copies. */
#include "support/net_zring.h"

#include <errno.h>
#include <string.h>

TestSuite(capture_batch, .timeout = 120);

/* Waits until the batch has something, within NET_PATIENCE_NS. */
static uint32_t borrow(struct zring_capture *capture, struct zring_batch *batch)
{
	const uint64_t end = net_now_ns() + NET_PATIENCE_NS;
	int got;

	do {
		got = zring_capture_next(capture, batch, 200);
		cr_assert(got >= 0, "next: %s", strerror(-got));
	} while (got == 0 && net_now_ns() < end);
	cr_assert(got > 0, "no packet came");
	return (uint32_t)got;
}

static void check_batch(const struct zring_batch *batch, uint32_t first, net_size_fn *size)
{
	for (uint32_t i = 0; i < batch->nr_packets; i++) {
		check_eq(batch->packets[i].wire_len, size(first + i));
		cr_assert(net_frame_is(batch->packets[i].data, batch->packets[i].len, first + i,
				       size(first + i)),
			  "frame %u is not what it was", first + i);
	}
}

TEST_V3_AND_V2(capture_batch, several_are_held_and_released_out_of_order)
{
	const struct zring_capture_options options = net_capture_options(profile);
	const uint32_t order[] = {2, 0, 3, 1};
	struct zring_batch batches[4];
	uint32_t firsts[4], next = 0;
	struct zring_capture *capture;

	net_lab_open();
	capture = net_capture_open(NET_FAR, &options);
	for (size_t i = 0; i < 4; i++)
		check_eq(zring_batch_init(&batches[i], 5), 0);
	for (uint32_t round = 0; round < 30; round++) {
		net_send_numbered(NET_NEAR, next, 300, net_size_mixed);
		for (size_t i = 0; i < 4; i++) {
			firsts[i] = next;
			next += borrow(capture, &batches[i]);
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
			next += borrow(capture, &batches[0]);
			check_batch(&batches[0], firsts[0], net_size_mixed);
			zring_batch_release(&batches[0]);
		}
		/* The next round's numbers go on where this one ended. */
		next = (round + 1) * 300;
	}
	check_eq(net_capture_stats(capture).dropped, 0);
	check_eq(net_capture_stats(capture).delivered, 9000);
	for (size_t i = 0; i < 4; i++)
		zring_batch_fini(&batches[i]);
	zring_capture_close(capture);
}

/* The bytes of a held batch survive when all the rest of the ring goes round. */
TEST_V3_AND_V2(capture_batch, held_bytes_stay_while_the_ring_is_full)
{
	struct zring_capture_options options = net_capture_options(profile);
	struct zring_capture_stats stats;
	struct zring_batch held, other;
	struct zring_capture *capture;
	uint32_t nr;

	net_lab_open();
	options.memory_bytes = 0;
	options.block_bytes = 16384;
	options.nr_blocks = 4;
	capture = net_capture_open(NET_FAR, &options);
	check_eq(zring_batch_init(&held, 3), 0);
	check_eq(zring_batch_init(&other, ZRING_BATCH_DEFAULT), 0);
	net_send_numbered(NET_NEAR, 0, 3, net_size_mixed);
	nr = borrow(capture, &held);
	for (uint32_t round = 0; round < 20; round++) {
		net_send_numbered(NET_NEAR, 100, 200, net_size_mixed);
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
	check_eq(stats.received, 4003);
	check_eq(stats.pending, 0);
	zring_batch_fini(&held);
	zring_batch_fini(&other);
	zring_capture_close(capture);
}

#define NR_HELD 4096u

TEST_V3_AND_V2(capture_batch, who_holds_all_gets_nothing_until_the_release)
{
	static struct zring_batch batches[NR_HELD];
	struct zring_capture_options options = net_capture_options(profile);
	struct zring_capture *capture;
	uint32_t nr_held = 0, next;
	uint64_t start;
	int got;

	net_lab_open();
	options.memory_bytes = 0;
	options.block_bytes = 16384;
	options.nr_blocks = 4;
	capture = net_capture_open(NET_FAR, &options);
	do {
		net_send_numbered(NET_NEAR, 0, 200, net_size_60);
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
TEST_V3_AND_V2(capture_batch, an_early_release_gives_the_room_back)
{
	struct zring_capture_options options = net_capture_options(profile);
	struct zring_capture *capture;
	struct zring_batch batch;
	uint32_t seen = 0;

	net_lab_open();
	options.memory_bytes = 0;
	options.block_bytes = 16384;
	options.nr_blocks = 4;
	capture = net_capture_open(NET_FAR, &options);
	check_eq(zring_batch_init(&batch, ZRING_BATCH_DEFAULT), 0);
	for (uint32_t sent = 0; sent < 4000; sent += 20) {
		net_send_numbered(NET_NEAR, sent, 20, net_size_60);
		while (seen < sent + 20) {
			seen += borrow(capture, &batch);
			zring_batch_release(&batch);
		}
	}
	check_eq(seen, 4000);
	check_eq(net_capture_stats(capture).dropped, 0);
	zring_batch_fini(&batch);
	zring_capture_close(capture);
}

TEST_V3_AND_V2(capture_batch, a_batch_in_use_is_refused)
{
	const struct zring_capture_options options = net_capture_options(profile);
	struct zring_capture *capture;
	struct zring_batch batch;
	uint32_t nr;

	net_lab_open();
	capture = net_capture_open(NET_FAR, &options);
	check_eq(zring_batch_init(&batch, ZRING_BATCH_DEFAULT), 0);
	net_send_numbered(NET_NEAR, 0, 5, net_size_60);
	nr = borrow(capture, &batch);
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

TEST_V3_AND_V2(capture_batch, a_copy_outlives_release_and_close)
{
	const struct zring_capture_options options = net_capture_options(profile);
	struct zring_owned_packet *copies[50];
	struct zring_packet_info infos[50];
	struct zring_capture *capture;

	net_lab_open();
	capture = net_capture_open(NET_FAR, &options);
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

TEST_V3_AND_V2(capture_batch, fini_gives_back_what_is_borrowed)
{
	struct zring_capture_options options = net_capture_options(profile);
	struct zring_capture *capture;
	struct zring_batch batch;

	net_lab_open();
	options.memory_bytes = 0;
	options.block_bytes = 16384;
	options.nr_blocks = 4;
	capture = net_capture_open(NET_FAR, &options);
	for (uint32_t round = 0; round < 100; round++) {
		net_send_numbered(NET_NEAR, round, 1, net_size_mixed);
		check_eq(zring_batch_init(&batch, ZRING_BATCH_BLOCK), 0);
		check_eq(borrow(capture, &batch), 1);
		check_batch(&batch, round, net_size_mixed);
		zring_batch_fini(&batch);
	}
	check_eq(net_capture_stats(capture).dropped, 0);
	zring_capture_close(capture);
}

/* Times, numbers and flags of a batch are those of its block. */
Test(capture_batch, a_batch_tells_of_its_block)
{
	const struct zring_capture_options options = net_capture_options(ZRING_PROFILE_THROUGHPUT);
	struct zring_capture *capture;
	struct zring_batch batch;
	struct zring_packet_info info;
	uint64_t seq = 0, last_ns = 0;

	net_lab_open();
	capture = net_capture_open(NET_FAR, &options);
	check_eq(zring_batch_init(&batch, ZRING_BATCH_BLOCK), 0);
	for (uint32_t round = 0; round < 10; round++) {
		net_send_numbered(NET_NEAR, 0, 3, net_size_60);
		borrow(capture, &batch);
		cr_assert(batch.flags & ZRING_BATCH_BLOCK_END);
		cr_assert(batch.flags & ZRING_BATCH_TIMED_OUT);
		cr_assert(!(batch.flags & ZRING_BATCH_LOSING));
		cr_assert(round == 0 || batch.block_seq > seq);
		check_eq(batch.gap_blocks, 0);
		zring_packet_get_info(capture, &batch.packets[0], &info);
		check_eq(batch.first_ns, info.timestamp_ns);
		zring_packet_get_info(capture, &batch.packets[batch.nr_packets - 1], &info);
		check_eq(batch.last_ns, info.timestamp_ns);
		check_eq(batch.gap_ns, round == 0 ? 0 : batch.first_ns - last_ns);
		seq = batch.block_seq;
		last_ns = batch.last_ns;
		zring_batch_release(&batch);
		/* The rest of the three, if the timer struck in between. */
		while (zring_capture_next(capture, &batch, 30) > 0) {
			seq = batch.block_seq;
			last_ns = batch.last_ns;
			zring_batch_release(&batch);
		}
	}
	zring_batch_fini(&batch);
	zring_capture_close(capture);
}

Test(capture_batch, a_block_in_parts_ends_with_the_last_part)
{
	const struct zring_capture_options options = net_capture_options(ZRING_PROFILE_THROUGHPUT);
	struct zring_capture *capture;
	struct zring_batch batch;
	uint32_t seen = 0;
	uint64_t seq = 0;
	bool ended = true;

	net_lab_open();
	capture = net_capture_open(NET_FAR, &options);
	check_eq(zring_batch_init(&batch, 4), 0);
	net_send_numbered(NET_NEAR, 0, 100, net_size_60);
	while (seen < 100) {
		seen += borrow(capture, &batch);
		cr_assert(ended ? batch.block_seq != seq : batch.block_seq == seq,
			  "block %llu after %llu", (unsigned long long)batch.block_seq,
			  (unsigned long long)seq);
		seq = batch.block_seq;
		ended = batch.flags & ZRING_BATCH_BLOCK_END;
		zring_batch_release(&batch);
	}
	cr_assert(ended);
	zring_batch_fini(&batch);
	zring_capture_close(capture);
}

/* A ring without blocks says so, and takes the times of the batch's own packets. */
Test(capture_batch, a_frame_ring_has_no_block_numbers)
{
	const struct zring_capture_options options = net_capture_options(ZRING_PROFILE_LOW_LATENCY);
	struct zring_capture *capture;
	struct zring_batch batch;
	struct zring_packet_info info;

	net_lab_open();
	capture = net_capture_open(NET_FAR, &options);
	check_eq(zring_batch_init(&batch, 8), 0);
	net_send_numbered(NET_NEAR, 0, 8, net_size_60);
	check_eq(borrow(capture, &batch), 8);
	cr_assert(batch.block_seq == ZRING_UNAVAILABLE);
	cr_assert(batch.gap_blocks == ZRING_UNAVAILABLE);
	check_eq(batch.gap_ns, 0);
	zring_packet_get_info(capture, &batch.packets[0], &info);
	check_eq(batch.first_ns, info.timestamp_ns);
	zring_packet_get_info(capture, &batch.packets[7], &info);
	check_eq(batch.last_ns, info.timestamp_ns);
	zring_batch_fini(&batch);
	zring_capture_close(capture);
}
