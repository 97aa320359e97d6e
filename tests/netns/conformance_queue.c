/* SPDX-License-Identifier: BSD-2-Clause */
/* Reserve, submit, cancel, flush: what was submitted is on the wire, once and in order. */
#include "support/conformance.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

TestSuite(queue, .timeout = 120);

Test(queue, a_cancelled_frame_does_not_stall_the_ring)
{
	struct net_tap tap;
	struct zring_injector *injector = conform_lab_injector(&tap);
	struct zring_injector_stats stats;
	uint8_t *data;

	for (uint32_t i = 0; i < 3; i++)
		check_eq(net_submit(injector, i, net_size_mixed(i)), 0);
	cr_assert(zring_injector_reserve(injector, &data, 0) > 0);
	memset(data, 0xcc, 60);
	zring_injector_cancel(injector);
	for (uint32_t i = 3; i < 6; i++)
		check_eq(net_submit(injector, i, net_size_mixed(i)), 0);
	check_eq(zring_injector_flush(injector), 6);
	stats = net_injector_stats(injector);
	check_eq(stats.cancelled, 1);
	check_eq(stats.submitted, 6);
	conform_finish(injector, &tap, 0, 6, net_size_mixed);
}

/* At every place of the ring, and several times round. */
Test(queue, cancels_all_over_the_ring_cost_nothing)
{
	struct net_tap tap;
	struct zring_injector *injector = conform_lab_injector(&tap);
	uint32_t nr_cancelled = 0;
	uint8_t *data;

	for (uint32_t i = 0; i < 1000; i++) {
		for (uint32_t k = 0; k < i % 3; k++, nr_cancelled++) {
			cr_assert(zring_injector_reserve(injector, &data, 5000) > 0);
			zring_injector_cancel(injector);
		}
		check_eq(net_submit(injector, i, net_size_mixed(i)), 0);
		if (i % 7 == 0) {
			cr_assert(zring_injector_reserve(injector, &data, 5000) > 0);
			cr_assert(zring_injector_flush(injector) > 0);
			zring_injector_cancel(injector);
			nr_cancelled++;
		}
		net_tap_pace(&tap, i, 1514);
	}
	check_eq(net_injector_stats(injector).cancelled, nr_cancelled);
	conform_finish(injector, &tap, 0, 1000, net_size_mixed);
}

Test(queue, nothing_leaves_before_the_flush)
{
	struct net_tap tap;
	struct zring_injector *injector = conform_lab_injector(&tap);
	struct net_counters before, after;

	net_counters(NET_FAR, &before);
	for (uint32_t i = 0; i < 10; i++)
		check_eq(net_submit(injector, i, 60), 0);
	check_eq(net_injector_stats(injector).pending, 10);
	check_eq(net_injector_stats(injector).sent, 0);
	net_counters(NET_FAR, &after);
	check_eq(after.rx_packets, before.rx_packets);
	check_eq(zring_injector_flush(injector), 10);
	check_eq(zring_injector_flush(injector), 0);
	conform_finish(injector, &tap, 0, 10, net_size_60);
}

Test(queue, a_second_reserve_gives_the_same_slot)
{
	struct net_tap tap;
	struct zring_injector *injector = conform_lab_injector(&tap);
	uint8_t *first, *second;
	int room;

	room = zring_injector_reserve(injector, &first, 0);
	cr_assert(room >= 1518);
	check_eq(zring_injector_reserve(injector, &second, 0), room);
	cr_assert(first == second);
	net_frame_fill(first, 60, 0);
	check_eq(zring_injector_submit(injector, 60), 0);
	conform_finish(injector, &tap, 0, 1, net_size_60);
}

Test(queue, submit_without_a_slot_is_refused)
{
	struct net_tap tap;
	struct zring_injector *injector = conform_lab_injector(&tap);

	check_eq(zring_injector_submit(injector, 60), -EINVAL);
	zring_injector_cancel(injector);
	check_eq(net_injector_stats(injector).submitted, 0);
	check_eq(net_injector_stats(injector).cancelled, 0);
	conform_finish(injector, &tap, 0, 0, net_size_60);
}

/* 100,000 frames through 64 slots: each exactly once, unchanged, in order. */
Test(queue, a_hundred_thousand_frames_wrap_the_ring)
{
	struct net_tap tap;
	struct zring_injector *injector = conform_lab_injector(&tap);

	net_inject_numbered(injector, &tap, 0, 100000, net_size_small);
	conform_finish(injector, &tap, 0, 100000, net_size_small);
}

/* Without a single flush of the caller: a full ring makes reserve hand over. */
Test(queue, reserve_flushes_a_full_ring)
{
	struct net_tap tap;
	struct zring_injector *injector = conform_lab_injector(&tap);

	for (uint32_t i = 0; i < 5000; i++) {
		check_eq(net_submit(injector, i, net_size_mixed(i)), 0);
		net_tap_pace(&tap, i > 64 ? i - 64 : 0, 1514);
	}
	conform_finish(injector, &tap, 0, 5000, net_size_mixed);
}

Test(queue, one_frame_a_flush)
{
	struct net_tap tap;
	struct zring_injector *injector = conform_lab_injector(&tap);

	for (uint32_t i = 0; i < 3000; i++) {
		check_eq(net_submit(injector, i, net_size_mixed(i)), 0);
		check_eq(zring_injector_flush(injector), 1);
		net_tap_pace(&tap, i, 1514);
	}
	conform_finish(injector, &tap, 0, 3000, net_size_mixed);
}

Test(queue, the_smallest_ring_works)
{
	struct zring_injector_options options = conform_injector();
	struct zring_injector_info info;
	struct zring_injector *injector;
	struct net_tap tap;

	net_lab_open();
	net_tap_open(&tap, NET_FAR, false);
	options.nr_frames = 1;
	injector = conform_injector_open(NET_NEAR, &options);
	zring_injector_get_info(injector, &info);
	cr_assert(info.nr_frames >= 1 && info.nr_frames <= 32);
	net_inject_numbered(injector, &tap, 0, 500, net_size_mixed);
	conform_finish(injector, &tap, 0, 500, net_size_mixed);
}

Test(queue, frames_of_mtu_9000)
{
	const struct zring_injector_options options = conform_injector();
	struct zring_injector_info info;
	struct zring_injector *injector;
	struct net_tap tap;

	conform_need_pieces();
	net_lab_open();
	net_run("ip link set " NET_NEAR " mtu 9000 && ip link set " NET_FAR " mtu 9000");
	net_tap_open(&tap, NET_FAR, false);
	injector = conform_injector_open(NET_NEAR, &options);
	zring_injector_get_info(injector, &info);
	check_eq(info.mtu, 9000);
	cr_assert(info.frame_bytes >= 9018);
	check_eq(net_submit(injector, 0, 9015), -EMSGSIZE);
	for (uint32_t i = 0; i < 2000; i++) {
		check_eq(net_submit(injector, i, net_size_jumbo(i)), 0);
		if (i % 8 == 0)
			cr_assert(zring_injector_flush(injector) > 0);
		net_tap_pace(&tap, i > 8 ? i - 8 : 0, 9018);
	}
	conform_finish(injector, &tap, 0, 2000, net_size_jumbo);
}

/* Injector and capture of the same backend face each other, also with large frames. */
static void talk_to_each_other(uint32_t mtu, uint64_t memory_bytes, net_size_fn *size)
{
	struct zring_capture_options capture_options = conform_capture();
	const struct zring_injector_options options = conform_injector();
	struct zring_injector *injector;
	struct zring_capture *capture;
	struct zring_batch batch;

	net_lab_open();
	net_run("ip link set " NET_NEAR " mtu %u && ip link set " NET_FAR " mtu %u", mtu, mtu);
	capture_options.memory_bytes = memory_bytes;
	capture = conform_capture_open(NET_FAR, &capture_options);
	injector = conform_injector_open(NET_NEAR, &options);
	check_eq(zring_batch_init(&batch, ZRING_BATCH_DEFAULT), 0);
	for (uint32_t next = 0; next < 3000; next += 50) {
		for (uint32_t i = 0; i < 50; i++)
			check_eq(net_submit(injector, next + i, size(next + i)), 0);
		net_drain(injector);
		net_capture_expect(capture, &batch, next, 50, size);
	}
	check_eq(net_injector_stats(injector).sent, 3000);
	conform_all_delivered(capture, 3000);
	zring_batch_fini(&batch);
	zring_injector_close(injector);
	zring_capture_close(capture);
}

Test(queue, what_an_injector_sends_a_capture_receives)
{
	talk_to_each_other(1500, 2 << 20, net_size_mixed);
}

Test(queue, what_an_injector_sends_of_mtu_9000_a_capture_receives)
{
	conform_need_pieces();
	talk_to_each_other(9000, 8 << 20, net_size_jumbo);
}

/* ---- the copying calls ---- */

Test(queue, send_puts_a_frame_on_the_wire)
{
	struct net_tap tap;
	struct zring_injector *injector = conform_lab_injector(&tap);

	for (uint32_t i = 0; i < 500; i++) {
		uint8_t frame[1514];

		net_frame_fill(frame, net_size_mixed(i), i);
		check_eq(zring_injector_send(injector, frame, net_size_mixed(i)), 0);
		memset(frame, 0, sizeof(frame));
		net_tap_pace(&tap, i, 1514);
	}
	net_drain(injector);
	conform_finish(injector, &tap, 0, 500, net_size_mixed);
}

Test(queue, send_batch_takes_more_than_the_ring_holds)
{
	static uint8_t frames[1000][1514];
	static struct zring_packet packets[1000];
	struct net_tap tap;
	struct zring_injector *injector = conform_lab_injector(&tap);

	for (uint32_t i = 0; i < 1000; i++) {
		packets[i].data = frames[i];
		packets[i].len = net_size_mixed(i);
		net_frame_fill(frames[i], packets[i].len, i);
	}
	check_eq(zring_injector_send_batch(injector, packets, 0), 0);
	for (uint32_t i = 0; i < 1000; i += 100) {
		net_tap_wait(&tap, i);
		check_eq(zring_injector_send_batch(injector, packets + i, 100), 100);
	}
	conform_finish(injector, &tap, 0, 1000, net_size_mixed);
}

Test(queue, the_copying_calls_want_no_slot_reserved)
{
	struct net_tap tap;
	struct zring_injector *injector = conform_lab_injector(&tap);
	struct zring_packet packet;
	uint8_t frame[60], *data;

	net_frame_fill(frame, 60, 99);
	packet = (struct zring_packet){.data = frame, .len = 60};
	cr_assert(zring_injector_reserve(injector, &data, 0) > 0);
	check_eq(zring_injector_send(injector, frame, 60), -EBUSY);
	check_eq(zring_injector_send_batch(injector, &packet, 1), -EBUSY);
	net_frame_fill(data, 60, 0);
	check_eq(zring_injector_submit(injector, 60), 0);
	conform_finish(injector, &tap, 0, 1, net_size_60);
}

/* send() behind submitted frames: they go first. */
Test(queue, send_keeps_the_order)
{
	struct net_tap tap;
	struct zring_injector *injector = conform_lab_injector(&tap);
	uint8_t frame[60];

	check_eq(net_submit(injector, 0, 60), 0);
	check_eq(net_submit(injector, 1, 60), 0);
	net_frame_fill(frame, 60, 2);
	check_eq(zring_injector_send(injector, frame, 60), 0);
	conform_finish(injector, &tap, 0, 3, net_size_60);
}

/* ---- interrupted, watched ---- */

Test(queue, interruptions_do_not_show)
{
	const struct zring_injector_options options = conform_injector();
	struct net_tap tap;
	struct zring_injector *injector = conform_lab_injector(&tap);

	net_storm_start(1000);
	net_inject_numbered(injector, &tap, 0, 20000, net_size_mixed);
	conform_finish(injector, &tap, 0, 20000, net_size_mixed);
	for (int i = 0; i < 5; i++)
		zring_injector_close(conform_injector_open(NET_NEAR, &options));
	cr_assert(net_storm_stop() > 20);
}

struct watcher {
	const struct zring_injector *injector;
	pthread_t thread;
	bool stop;
	uint64_t looks;
	const char *complaint;
};

static void *watch(void *argument)
{
	struct watcher *watcher = argument;
	struct zring_injector_stats old = {0}, now;

	net_pin(1);
	while (!watcher->complaint && !__atomic_load_n(&watcher->stop, __ATOMIC_RELAXED)) {
		zring_injector_get_stats(watcher->injector, &now);
		if (now.submitted != now.sent + now.rejected + now.pending)
			watcher->complaint = "the sum does not hold";
		if (now.submitted < old.submitted || now.sent < old.sent ||
		    now.rejected < old.rejected || now.sent_bytes < old.sent_bytes ||
		    now.kicks < old.kicks)
			watcher->complaint = "a counter fell";
		__atomic_fetch_add(&watcher->looks, 1, __ATOMIC_RELAXED);
		old = now;
	}
	return NULL;
}

Test(queue, the_sum_holds_while_another_thread_looks)
{
	struct net_tap tap;
	struct zring_injector *injector = conform_lab_injector(&tap);
	struct watcher watcher = {.injector = injector};

	check_eq(pthread_create(&watcher.thread, NULL, watch, &watcher), 0);
	for (uint32_t i = 0; i < 30000; i++) {
		/* A runt now and then, so that all terms of the sum move. */
		if (i % 50 == 49)
			check_eq(net_submit(injector, 0, 5), -EINVAL);
		check_eq(net_submit(injector, i, net_size_small(i)), 0);
		if (i % 20 == 19)
			cr_assert(zring_injector_flush(injector) >= 0);
		net_tap_pace(&tap, i > 64 ? i - 64 : 0, 1514);
		if (i % 10000 == 5000) /* frames are under way */
			net_wait_count(&watcher.looks, i / 10000 + 2);
	}
	__atomic_store_n(&watcher.stop, true, __ATOMIC_RELAXED);
	pthread_join(watcher.thread, NULL);
	cr_assert(!watcher.complaint, "%s", watcher.complaint);
	cr_assert(watcher.looks > 1);
	net_drain(injector);
	check_eq(net_injector_stats(injector).rejected, 600);
	conform_finish(injector, &tap, 0, 30000, net_size_small);
}

/* ---- down, up, gone ---- */

Test(queue, frames_wait_while_the_interface_is_down)
{
	struct net_tap tap;
	struct zring_injector *injector = conform_lab_injector(&tap);

	for (uint32_t i = 0; i < 10; i++)
		check_eq(net_submit(injector, i, net_size_mixed(i)), 0);
	check_eq(zring_injector_flush(injector), 10);
	net_drain(injector);
	net_run("ip link set " NET_NEAR " down");
	for (uint32_t i = 10; i < 15; i++)
		check_eq(net_submit(injector, i, net_size_mixed(i)), 0);
	check_eq(zring_injector_flush(injector), -ENETDOWN);
	check_eq(zring_injector_flush(injector), -ENETDOWN);
	check_eq(zring_injector_drain(injector, 50), -ENETDOWN);
	check_eq(net_injector_stats(injector).pending, 5);
	check_eq(net_injector_stats(injector).sent, 10);
	for (uint32_t i = 15; i < 20; i++)
		check_eq(net_submit(injector, i, net_size_mixed(i)), 0);
	check_eq(net_injector_stats(injector).pending, 10);
	net_up(NET_NEAR, NET_FAR);
	check_eq(zring_injector_flush(injector), 10);
	net_inject_numbered(injector, &tap, 20, 200, net_size_mixed);
	conform_finish(injector, &tap, 0, 220, net_size_mixed);
}

Test(queue, a_full_ring_on_a_down_interface_tells_so)
{
	struct net_tap tap;
	struct zring_injector *injector = conform_lab_injector(&tap);
	uint8_t frame[60], *data;

	net_run("ip link set " NET_NEAR " down");
	for (uint32_t i = 0; i < 64; i++)
		check_eq(net_submit(injector, i, 60), 0);
	check_eq(zring_injector_reserve(injector, &data, 10000), -ENETDOWN);
	check_eq(zring_injector_reserve(injector, &data, -1), -ENETDOWN);
	net_frame_fill(frame, 60, 64);
	check_eq(zring_injector_send(injector, frame, 60), -ENETDOWN);
	check_eq(net_injector_stats(injector).submitted, 64);
	net_up(NET_NEAR, NET_FAR);
	check_eq(zring_injector_send(injector, frame, 60), 0);
	conform_finish(injector, &tap, 0, 65, net_size_60);
}

/* @command takes NET_NEAR away, from under five submitted frames. */
static void lose_interface(struct zring_injector *injector, struct net_tap *tap,
			   const char *command)
{
	uint8_t frame[60], *data;

	for (uint32_t i = 0; i < 5; i++)
		check_eq(net_submit(injector, i, 60), 0);
	check_eq(zring_injector_flush(injector), 5);
	check_eq(net_tap_wait(tap, 5), 5);
	net_drain(injector);
	for (uint32_t i = 5; i < 10; i++)
		check_eq(net_submit(injector, i, 60), 0);
	net_run("%s", command);
	check_eq(zring_injector_flush(injector), -ENODEV);
	check_eq(zring_injector_flush(injector), -ENODEV);
	check_eq(zring_injector_drain(injector, 50), -ENODEV);
	check_eq(net_injector_stats(injector).pending, 5);
	check_eq(net_injector_stats(injector).sent, 5);
	net_frame_fill(frame, 60, 99);
	check_eq(zring_injector_send(injector, frame, 60), -ENODEV);
	for (int i = 0; i < 64; i++) {
		const int room = zring_injector_reserve(injector, &data, 10000);

		if (room == -ENODEV)
			break;
		cr_assert(room > 0 && i < 63, "reserve: %d", room);
		check_eq(zring_injector_submit(injector, 60), 0);
	}
	net_tap_stop(tap);
	net_tap_expect(tap, 0, 5, net_size_60);
	net_tap_close(tap);
	zring_injector_close(injector);
}

Test(queue, a_deleted_interface_is_told)
{
	struct net_tap tap;
	struct zring_injector *injector = conform_lab_injector(&tap);

	lose_interface(injector, &tap, "ip link del " NET_NEAR);
}

Test(queue, an_interface_that_moves_away_is_told)
{
	struct net_tap tap;
	struct zring_injector *injector = conform_lab_injector(&tap);
	const int elsewhere = net_namespace_new();
	char command[128], path[64];

	snprintf(command, sizeof(command), "ip link set " NET_NEAR " netns %s",
		 net_namespace_path(elsewhere, path, sizeof(path)));
	lose_interface(injector, &tap, command);
	close(elsewhere);
}

Test(queue, an_interface_of_another_namespace)
{
	struct zring_injector_options options = conform_injector();
	struct zring_injector *injector;
	struct net_tap tap;
	uint64_t before;
	char path[64];
	int home, lab;

	net_lab_open();
	net_tap_open(&tap, NET_FAR, false);
	lab = net_namespace_current();
	home = net_namespace_new();
	net_namespace_enter(home);
	before = net_namespace_id();
	options.netns = net_namespace_path(lab, path, sizeof(path));
	injector = conform_injector_open(NET_NEAR, &options);
	check_eq(net_namespace_id(), before);
	net_inject_numbered(injector, &tap, 0, 500, net_size_mixed);
	net_namespace_enter(lab);
	conform_finish(injector, &tap, 0, 500, net_size_mixed);
	close(home);
	close(lab);
}
