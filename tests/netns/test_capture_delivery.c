/* SPDX-License-Identifier: BSD-2-Clause */
/* What is sent arrives once, unchanged and in order, or is counted as dropped. */
#include "support/net_zring.h"

#include <stdlib.h>
#include <string.h>

TestSuite(capture_delivery, .timeout = 120);

/* Sends and reads in turns of @window frames: the ring always has room. */
/*
 * Sends @window frames, or fewer where that takes long, and returns how many. Nobody reads
 * meanwhile, and a block retires after 10 ms even if it holds one frame: a slow machine would use
 * up the 8 blocks of LOW_MEMORY.
 */
static uint32_t send_window(uint32_t first, uint32_t window, net_size_fn *size)
{
	const uint64_t end = net_now_ns() + 25000000;
	uint32_t sent = 0;

	while (sent < window && (sent == 0 || net_now_ns() < end)) {
		const uint32_t step = window - sent < 16 ? window - sent : 16;

		net_send_numbered(NET_NEAR, first + sent, step, size);
		sent += step;
	}
	return sent;
}

static void deliver(struct zring_capture *capture, uint32_t capacity, uint32_t count,
		    uint32_t window, net_size_fn *size)
{
	struct zring_batch batch;

	check_eq(zring_batch_init(&batch, capacity), 0);
	for (uint32_t next = 0; next < count;) {
		const uint32_t left = count - next;
		const uint32_t sent = send_window(next, left < window ? left : window, size);

		net_capture_expect(capture, &batch, next, sent, size);
		next += sent;
	}
	zring_batch_fini(&batch);
	net_capture_expect_none(capture);
}

static void check_all_delivered(struct zring_capture *capture, uint32_t count)
{
	const struct zring_capture_stats stats = net_capture_stats(capture);

	check_eq(stats.received, count);
	check_eq(stats.delivered, count);
	check_eq(stats.dropped, 0);
	check_eq(stats.pending, 0);
	check_eq(stats.truncated, 0);
}

static void deliver_mixed(const struct zring_capture_options *options)
{
	struct zring_capture *capture;

	net_lab_open();
	capture = net_capture_open(NET_FAR, options);
	deliver(capture, ZRING_BATCH_DEFAULT, 20000, 500, net_size_mixed);
	check_all_delivered(capture, 20000);
	zring_capture_close(capture);
}

Test(capture_delivery, default_options_deliver_every_frame)
{
	deliver_mixed(NULL);
}

Test(capture_delivery, low_latency_delivers_every_frame)
{
	deliver_mixed(&(struct zring_capture_options){
		.size = sizeof(struct zring_capture_options),
		.profile = ZRING_PROFILE_LOW_LATENCY,
	});
}

Test(capture_delivery, low_memory_delivers_every_frame)
{
	deliver_mixed(&(struct zring_capture_options){
		.size = sizeof(struct zring_capture_options),
		.profile = ZRING_PROFILE_LOW_MEMORY,
	});
}

static void deliver_jumbo(uint32_t profile)
{
	struct zring_capture_options options = ZRING_CAPTURE_OPTIONS_INIT;
	struct zring_capture *capture;
	struct zring_capture_info info;

	net_lab_open();
	net_run("ip link set " NET_NEAR " mtu 9000 && ip link set " NET_FAR " mtu 9000");
	options.profile = profile;
	capture = net_capture_open(NET_FAR, &options);
	zring_capture_get_info(capture, &info);
	check_eq(info.mtu, 9000);
	cr_assert(info.max_packet_bytes >= 9018);
	deliver(capture, ZRING_BATCH_DEFAULT, 4000, 200, net_size_jumbo);
	check_all_delivered(capture, 4000);
	zring_capture_close(capture);
}

Test(capture_delivery, jumbo_profile_delivers_9000_byte_frames)
{
	deliver_jumbo(ZRING_PROFILE_JUMBO);
}

Test(capture_delivery, default_profile_delivers_9000_byte_frames)
{
	deliver_jumbo(ZRING_PROFILE_THROUGHPUT);
}

Test(capture_delivery, low_latency_delivers_9000_byte_frames)
{
	deliver_jumbo(ZRING_PROFILE_LOW_LATENCY);
}

static void deliver_with_capacity(uint32_t profile, uint32_t capacity)
{
	struct zring_capture_options options = net_capture_options(profile);
	struct zring_capture *capture;

	net_lab_open();
	capture = net_capture_open(NET_FAR, &options);
	deliver(capture, capacity, 3000, 500, net_size_mixed);
	check_all_delivered(capture, 3000);
	zring_capture_close(capture);
}

TEST_V3_AND_V2(capture_delivery, batches_of_one)
{
	deliver_with_capacity(profile, 1);
}

TEST_V3_AND_V2(capture_delivery, batches_of_seven)
{
	deliver_with_capacity(profile, 7);
}

TEST_V3_AND_V2(capture_delivery, batches_of_a_block)
{
	deliver_with_capacity(profile, ZRING_BATCH_BLOCK);
}

/* Whole blocks and single packets by turns: the rest of a block is not lost. */
TEST_V3_AND_V2(capture_delivery, mixed_batches)
{
	struct zring_capture_options options = net_capture_options(profile);
	const uint32_t capacities[] = {3, ZRING_BATCH_BLOCK, 1, 256};
	struct zring_batch batches[4];
	struct zring_capture *capture;
	uint64_t end;
	uint32_t next = 0, turn = 0;

	net_lab_open();
	capture = net_capture_open(NET_FAR, &options);
	for (size_t i = 0; i < 4; i++)
		check_eq(zring_batch_init(&batches[i], capacities[i]), 0);
	net_send_numbered(NET_NEAR, 0, 1000, net_size_small);
	for (end = net_now_ns() + NET_PATIENCE_NS; next < 1000 && net_now_ns() < end; turn++) {
		struct zring_batch *batch = &batches[turn % 4];
		const int got = zring_capture_next(capture, batch, 200);
		const struct zring_packet *packet;

		cr_assert(got >= 0);
		cr_assert(capacities[turn % 4] >= (uint32_t)got);
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
	check_all_delivered(capture, 1000);
	zring_capture_close(capture);
}

TEST_V3_AND_V2(capture_delivery, packets_one_at_a_time)
{
	struct zring_capture_options options = net_capture_options(profile);
	struct zring_capture *capture;

	net_lab_open();
	capture = net_capture_open(NET_FAR, &options);
	for (uint32_t number = 0; number < 3000; number++) {
		const struct zring_packet *packet;

		if (number % 500 == 0)
			net_send_numbered(NET_NEAR, number, 500, net_size_mixed);
		packet = net_capture_packet(capture);
		check_eq(packet->wire_len, net_size_mixed(number));
		check_eq(packet->len, net_size_mixed(number));
		cr_assert(net_frame_is(packet->data, packet->len, number, packet->len));
	}
	net_capture_expect_none(capture);
	check_all_delivered(capture, 3000);
	zring_capture_close(capture);
}

/* Sender and reader at once, in a ring that holds it all: the scheduler decides nothing. */
TEST_V3_AND_V2(capture_delivery, nothing_is_lost_while_both_sides_work)
{
	struct zring_capture_options options = net_capture_options(profile);
	struct net_stream stream = {.interface = NET_NEAR, .count = 50000, .size = net_size_small};
	struct zring_capture *capture;
	struct zring_batch batch;

	net_lab_open();
	options.memory_bytes = 128 << 20;
	capture = net_capture_open(NET_FAR, &options);
	check_eq(zring_batch_init(&batch, ZRING_BATCH_DEFAULT), 0);
	net_stream_start(&stream);
	net_capture_expect(capture, &batch, 0, 50000, net_size_small);
	check_eq(net_stream_end(&stream), 50000);
	zring_batch_fini(&batch);
	check_all_delivered(capture, 50000);
	zring_capture_close(capture);
}

/* ---- overload ---- */

static struct zring_capture_options tiny_ring(uint32_t profile)
{
	struct zring_capture_options options = ZRING_CAPTURE_OPTIONS_INIT;

	options.profile = profile;
	options.nr_blocks = 4;
	options.block_bytes = 16384;
	return options;
}

/* Reads what is there and checks that each packet is one that was sent, in order. */
static uint32_t read_some(struct zring_capture *capture, struct zring_batch *batch, uint32_t *next,
			  int timeout_ms, net_size_fn *size)
{
	const int got = zring_capture_next(capture, batch, timeout_ms);
	const struct zring_packet *packet;

	cr_assert(got >= 0, "next: %s", strerror(-got));
	zring_batch_for_each (batch, packet) {
		const uint32_t number = net_frame_number(packet->data);

		cr_assert(number >= *next, "frame %u came after frame %u", number, *next - 1);
		check_eq(packet->wire_len, size(number));
		cr_assert(net_frame_is(packet->data, packet->len, number, size(number)));
		*next = number + 1;
	}
	zring_batch_release(batch);
	return (uint32_t)got;
}

static uint32_t wire_frames(void)
{
	struct net_counters counters;

	net_counters(NET_FAR, &counters);
	return counters.rx_packets;
}

TEST_V3_AND_V2(capture_delivery, a_sleeping_reader_loses_exactly_what_is_counted)
{
	const struct zring_capture_options options = tiny_ring(profile);
	struct zring_capture_stats stats;
	struct zring_capture *capture;
	struct zring_batch batch;
	uint32_t next = 0, delivered = 0, got, before;

	net_lab_open();
	before = wire_frames();
	capture = net_capture_open(NET_FAR, &options);
	check_eq(zring_batch_init(&batch, ZRING_BATCH_DEFAULT), 0);
	for (uint32_t round = 0; round < 5; round++) {
		net_send_numbered(NET_NEAR, round * 2000, 2000, net_size_mixed);
		while ((got = read_some(capture, &batch, &next, 50, net_size_mixed)) > 0)
			delivered += got;
		stats = net_capture_stats(capture);
		check_eq(stats.pending, 0);
		check_eq(stats.received, (round + 1) * 2000);
	}
	check_eq(stats.received, wire_frames() - before);
	check_eq(stats.delivered, delivered);
	check_eq(stats.delivered + stats.dropped, 10000);
	cr_assert(stats.dropped > 1000, "nothing was overloaded");
	cr_assert(delivered > 0);
	if (profile == ZRING_PROFILE_LOW_LATENCY)
		cr_assert(stats.freezes == ZRING_UNAVAILABLE);
	else
		cr_assert(stats.freezes >= 1 && stats.freezes != ZRING_UNAVAILABLE);
	zring_batch_fini(&batch);
	zring_capture_close(capture);
}

TEST_V3_AND_V2(capture_delivery, losing_is_told_on_the_packets_behind_a_loss)
{
	const struct zring_capture_options options = tiny_ring(profile);
	struct zring_packet_info info;
	struct zring_capture *capture;
	struct zring_batch batch;
	bool losing_batch = false, losing_packet = false;
	int got;

	net_lab_open();
	capture = net_capture_open(NET_FAR, &options);
	check_eq(zring_batch_init(&batch, ZRING_BATCH_DEFAULT), 0);
	for (uint32_t round = 0; round < 3; round++) {
		net_send_numbered(NET_NEAR, 0, 1000, net_size_mixed);
		while ((got = zring_capture_next(capture, &batch, 50)) > 0) {
			losing_batch |= (batch.flags & ZRING_BATCH_LOSING) != 0;
			zring_packet_get_info(capture, &batch.packets[got - 1], &info);
			losing_packet |= (info.flags & ZRING_PACKET_LOSING) != 0;
			zring_batch_release(&batch);
		}
		check_eq(got, 0);
	}
	cr_assert(losing_batch);
	cr_assert(losing_packet);
	zring_batch_fini(&batch);
	zring_capture_close(capture);
}

/* ---- counters ---- */

struct watcher {
	struct zring_capture *capture;
	pthread_t thread;
	bool stop;
	const char *complaint;
	uint64_t looks;
};

static const char *compare(const struct zring_capture_stats *old,
			   const struct zring_capture_stats *now)
{
	if (now->received < old->received)
		return "received fell";
	if (now->delivered < old->delivered)
		return "delivered fell";
	if (now->dropped < old->dropped)
		return "dropped fell";
	if (now->truncated < old->truncated || now->malformed < old->malformed ||
	    now->filtered < old->filtered)
		return "truncated, malformed or filtered fell";
	if (now->received !=
	    now->delivered + now->dropped + now->malformed + now->filtered + now->pending)
		return "the sum does not hold";
	return NULL;
}

static void *watch(void *argument)
{
	struct watcher *watcher = argument;
	struct zring_capture_stats old = {0}, now;

	while (!watcher->complaint && !__atomic_load_n(&watcher->stop, __ATOMIC_RELAXED)) {
		zring_capture_get_stats(watcher->capture, &now);
		watcher->complaint = compare(&old, &now);
		__atomic_fetch_add(&watcher->looks, 1, __ATOMIC_RELAXED);
		old = now;
	}
	return NULL;
}

TEST_V3_AND_V2(capture_delivery, two_threads_read_the_counters_and_reset_nothing)
{
	const struct zring_capture_options options = tiny_ring(profile);
	struct net_stream stream = {.interface = NET_NEAR, .count = 40000, .size = net_size_mixed};
	struct watcher watchers[2] = {0};
	struct zring_capture_stats stats;
	struct zring_batch batch;
	struct zring_capture *capture;
	uint32_t next = 0, delivered = 0, got, idle = 0;

	net_lab_open();
	capture = net_capture_open(NET_FAR, &options);
	check_eq(zring_batch_init(&batch, ZRING_BATCH_DEFAULT), 0);
	for (size_t i = 0; i < 2; i++) {
		watchers[i].capture = capture;
		check_eq(pthread_create(&watchers[i].thread, NULL, watch, &watchers[i]), 0);
	}
	net_stream_start(&stream);
	/* Too slow on purpose, now and then. */
	for (uint32_t i = 0; idle < 3; i++) {
		got = read_some(capture, &batch, &next, 100, net_size_mixed);
		delivered += got;
		idle = got ? 0 : idle + 1;
		if (i % 64 == 0)
			net_sleep_ms(2);
	}
	check_eq(net_stream_end(&stream), 40000);
	while ((got = read_some(capture, &batch, &next, 100, net_size_mixed)) > 0)
		delivered += got;
	for (size_t i = 0; i < 2; i++) {
		net_wait_count(&watchers[i].looks, 2);
		__atomic_store_n(&watchers[i].stop, true, __ATOMIC_RELAXED);
		pthread_join(watchers[i].thread, NULL);
		cr_assert(!watchers[i].complaint, "%s", watchers[i].complaint);
		cr_assert(watchers[i].looks > 1);
	}
	stats = net_capture_stats(capture);
	check_eq(stats.received, 40000);
	check_eq(stats.delivered, delivered);
	check_eq(stats.pending, 0);
	zring_batch_fini(&batch);
	zring_capture_close(capture);
}

/* A reader of the counters must not take them away from the next one. */
TEST_V3_AND_V2(capture_delivery, counters_stay_when_they_are_read_again)
{
	const struct zring_capture_options options = net_capture_options(profile);
	struct zring_capture *capture;
	struct zring_capture_stats stats;
	struct zring_batch batch;

	net_lab_open();
	capture = net_capture_open(NET_FAR, &options);
	check_eq(zring_batch_init(&batch, ZRING_BATCH_DEFAULT), 0);
	net_send_numbered(NET_NEAR, 0, 100, net_size_small);
	for (int i = 0; i < 3; i++) {
		stats = net_capture_stats(capture);
		check_eq(stats.received, 100);
		check_eq(stats.pending, 100);
	}
	net_capture_expect(capture, &batch, 0, 100, net_size_small);
	for (int i = 0; i < 3; i++)
		check_all_delivered(capture, 100);
	zring_batch_fini(&batch);
	zring_capture_close(capture);
}
