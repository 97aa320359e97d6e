/* SPDX-License-Identifier: BSD-2-Clause */
/* The accounts: what arrived is delivered, waiting, or counted as lost, whoever looks and when. */
#include "support/conformance.h"

#include <string.h>

TestSuite(stats, .timeout = 120);

static struct zring_capture *open_small(void)
{
	const struct zring_capture_options options = conform_small_capture();

	net_lab_open();
	return conform_capture_open(NET_FAR, &options);
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

Test(stats, a_sleeping_reader_loses_exactly_what_is_counted)
{
	struct zring_capture *capture = open_small();
	const uint32_t before = wire_frames();
	struct zring_capture_stats stats = {0};
	struct zring_batch batch;
	uint32_t next = 0, delivered = 0, got;

	check_eq(zring_batch_init(&batch, ZRING_BATCH_DEFAULT), 0);
	for (uint32_t round = 0; round < 5; round++) {
		net_send_numbered(NET_NEAR, round * 2000, 2000, net_size_mixed);
		stats = net_capture_stats(capture);
		check_eq(stats.received, (round + 1) * 2000);
		cr_assert(stats.pending > 0);
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
	zring_batch_fini(&batch);
	zring_capture_close(capture);
}

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

static void start_watchers(struct watcher *watchers, size_t nr, struct zring_capture *capture)
{
	for (size_t i = 0; i < nr; i++) {
		watchers[i].capture = capture;
		check_eq(pthread_create(&watchers[i].thread, NULL, watch, &watchers[i]), 0);
	}
}

static void end_watchers(struct watcher *watchers, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		net_wait_count(&watchers[i].looks, 2);
		__atomic_store_n(&watchers[i].stop, true, __ATOMIC_RELAXED);
		pthread_join(watchers[i].thread, NULL);
		cr_assert(!watchers[i].complaint, "%s", watchers[i].complaint);
		cr_assert(watchers[i].looks > 1);
	}
}

/* A reader that is too slow now and then, while two threads look at the counters. */
static void watched(struct zring_capture *capture, uint32_t count, net_size_fn *size)
{
	struct net_stream stream = {.interface = NET_NEAR, .count = count, .size = size};
	struct watcher watchers[2] = {0};
	struct zring_capture_stats stats;
	struct zring_batch batch;
	uint32_t next = 0, delivered = 0, got, idle = 0;

	check_eq(zring_batch_init(&batch, ZRING_BATCH_DEFAULT), 0);
	start_watchers(watchers, 2, capture);
	net_stream_start(&stream);
	for (uint32_t i = 0; idle < 3; i++) {
		got = read_some(capture, &batch, &next, 100, size);
		delivered += got;
		idle = got ? 0 : idle + 1;
		if (i % 64 == 0)
			net_sleep_ms(2);
	}
	check_eq(net_stream_end(&stream), count);
	while ((got = read_some(capture, &batch, &next, 100, size)) > 0)
		delivered += got;
	end_watchers(watchers, 2);
	stats = net_capture_stats(capture);
	check_eq(stats.received, count);
	check_eq(stats.delivered, delivered);
	check_eq(stats.pending, 0);
	zring_batch_fini(&batch);
	zring_capture_close(capture);
}

Test(stats, two_threads_read_the_counters_and_reset_nothing)
{
	watched(open_small(), 40000, net_size_mixed);
}

static struct zring_capture *open_jumbo(uint64_t memory_bytes)
{
	struct zring_capture_options options = conform_capture();

	conform_need_pieces();
	net_lab_open();
	net_run("ip link set " NET_NEAR " mtu 9000 && ip link set " NET_FAR " mtu 9000");
	options.memory_bytes = memory_bytes;
	return conform_capture_open(NET_FAR, &options);
}

/* The same where a packet takes several chunks. */
Test(stats, two_threads_read_the_counters_of_large_frames)
{
	watched(open_jumbo(1 << 20), 10000, net_size_jumbo);
}

/* A reader of the counters must not take them away from the next one. */
Test(stats, counters_stay_when_they_are_read_again)
{
	struct zring_capture *capture = conform_lab_capture();
	struct zring_capture_stats stats;
	struct zring_batch batch;

	check_eq(zring_batch_init(&batch, ZRING_BATCH_DEFAULT), 0);
	net_send_numbered(NET_NEAR, 0, 100, net_size_small);
	for (int i = 0; i < 3; i++) {
		stats = net_capture_stats(capture);
		check_eq(stats.received, 100);
		check_eq(stats.pending, 100);
	}
	net_capture_expect(capture, &batch, 0, 100, net_size_small);
	for (int i = 0; i < 3; i++)
		conform_all_delivered(capture, 100);
	zring_batch_fini(&batch);
	zring_capture_close(capture);
}

/* A large frame is one packet, also while it waits. */
Test(stats, large_frames_that_wait_count_as_packets)
{
	struct zring_capture *capture = open_jumbo(8 << 20);
	struct zring_capture_stats stats;
	struct zring_batch batch;

	check_eq(zring_batch_init(&batch, ZRING_BATCH_DEFAULT), 0);
	for (uint32_t round = 0; round < 4; round++) {
		net_send_numbered(NET_NEAR, round * 100, 100, net_size_jumbo);
		stats = net_capture_stats(capture);
		check_eq(stats.received, (round + 1) * 100);
		check_eq(stats.pending, 100);
		net_capture_expect(capture, &batch, round * 100, 100, net_size_jumbo);
		conform_all_delivered(capture, (round + 1) * 100);
	}
	zring_batch_fini(&batch);
	zring_capture_close(capture);
}

/* What the flat call has not given out yet is not delivered. */
Test(stats, the_flat_call_counts_what_it_gave_out)
{
	struct zring_capture *capture = conform_lab_capture();
	struct zring_capture_stats stats;

	net_send_numbered(NET_NEAR, 0, 50, net_size_small);
	for (uint32_t i = 0; i < 50; i++) {
		net_capture_packet(capture);
		stats = net_capture_stats(capture);
		check_eq(stats.received, 50);
		check_eq(stats.delivered, i + 1);
		check_eq(stats.pending, 49 - i);
	}
	zring_capture_close(capture);
}

/* A cut packet is delivered, and counted as cut once. */
Test(stats, truncated_counts_packets)
{
	struct zring_capture_options options = conform_capture();
	struct zring_capture_stats stats;
	struct zring_capture *capture;
	struct zring_batch batch;
	uint32_t nr_cut = 0, seen = 0;

	net_lab_open();
	options.snaplen = 64;
	capture = conform_capture_open(NET_FAR, &options);
	check_eq(zring_batch_init(&batch, ZRING_BATCH_DEFAULT), 0);
	net_send_numbered(NET_NEAR, 0, 400, net_size_mixed);
	for (uint32_t i = 0; i < 400; i++)
		nr_cut += net_size_mixed(i) > 64;
	while (seen < 400) {
		seen += conform_borrow(capture, &batch);
		zring_batch_release(&batch);
	}
	for (int i = 0; i < 2; i++) {
		stats = net_capture_stats(capture);
		check_eq(stats.truncated, nr_cut);
		check_eq(stats.delivered, 400);
		check_eq(stats.received, 400);
	}
	zring_batch_fini(&batch);
	zring_capture_close(capture);
}

/* Frames that came before the open or go on after down are nobody's loss. */
Test(stats, a_new_capture_counts_from_zero)
{
	struct zring_capture *capture;

	capture = conform_lab_capture();
	net_send_numbered(NET_NEAR, 0, 100, net_size_small);
	check_eq(net_capture_stats(capture).received, 100);
	zring_capture_close(capture);
	net_send_numbered(NET_NEAR, 0, 100, net_size_small);
	{
		const struct zring_capture_options options = conform_capture();

		capture = conform_capture_open(NET_FAR, &options);
	}
	conform_all_delivered(capture, 0);
	net_send_numbered(NET_NEAR, 0, 3, net_size_small);
	check_eq(net_capture_stats(capture).received, 3);
	zring_capture_close(capture);
}
