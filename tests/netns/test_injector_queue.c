/* SPDX-License-Identifier: BSD-2-Clause */
/* Reserve, submit, cancel, flush: what was submitted is on the wire, once and in order. */
#include "support/net_zring.h"

#include <errno.h>
#include <string.h>

TestSuite(injector_queue, .timeout = 120);

static struct zring_injector *open_injector(uint32_t method, struct net_tap *tap)
{
	const struct zring_injector_options options = net_injector_options(method);

	net_lab_open();
	net_tap_open(tap, NET_FAR, false);
	return net_injector_open(NET_NEAR, &options);
}

/* Everything that left is on the wire: frames first .. first + count - 1, nothing else. */
static void finish(struct zring_injector *injector, struct net_tap *tap, uint32_t first,
		   uint32_t count, net_size_fn *size)
{
	struct zring_injector_stats stats;
	uint64_t bytes = 0;

	net_drain(injector);
	net_tap_finish(tap);
	net_tap_expect(tap, first, count, size);
	stats = net_injector_stats(injector);
	check_eq(stats.sent, count);
	for (uint32_t i = 0; i < count; i++)
		bytes += size(first + i);
	check_eq(stats.sent_bytes, bytes);
	net_tap_close(tap);
	zring_injector_close(injector);
}

TEST_RING_AND_SENDMMSG(injector_queue, a_cancelled_frame_does_not_stall_the_ring)
{
	struct net_tap tap;
	struct zring_injector *injector = open_injector(method, &tap);
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
	finish(injector, &tap, 0, 6, net_size_mixed);
}

/* At every place of the ring, and several times round. */
TEST_RING_AND_SENDMMSG(injector_queue, cancels_all_over_the_ring_cost_nothing)
{
	struct net_tap tap;
	struct zring_injector *injector = open_injector(method, &tap);
	uint32_t nr_cancelled = 0;
	int nr_flushed = 0;
	uint8_t *data;

	for (uint32_t i = 0; i < 1000; i++) {
		for (uint32_t k = 0; k < i % 3; k++, nr_cancelled++) {
			cr_assert(zring_injector_reserve(injector, &data, 5000) > 0);
			zring_injector_cancel(injector);
		}
		check_eq(net_submit(injector, i, net_size_mixed(i)), 0);
		if (i % 7 == 0) {
			int flushed;

			cr_assert(zring_injector_reserve(injector, &data, 5000) > 0);
			/* None where the far end is slow: a reserve that finds no room flushes. */
			flushed = zring_injector_flush(injector);
			cr_assert(flushed >= 0, "flush: %d", flushed);
			nr_flushed += flushed;
			zring_injector_cancel(injector);
			nr_cancelled++;
		}
		net_tap_pace(&tap, i, 1514);
	}
	cr_assert(nr_flushed > 0);
	check_eq(net_injector_stats(injector).cancelled, nr_cancelled);
	finish(injector, &tap, 0, 1000, net_size_mixed);
}

TEST_RING_AND_SENDMMSG(injector_queue, nothing_leaves_before_the_flush)
{
	struct net_tap tap;
	struct zring_injector *injector = open_injector(method, &tap);
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
	finish(injector, &tap, 0, 10, net_size_60);
}

TEST_RING_AND_SENDMMSG(injector_queue, a_second_reserve_gives_the_same_slot)
{
	struct net_tap tap;
	struct zring_injector *injector = open_injector(method, &tap);
	uint8_t *first, *second;
	int room;

	room = zring_injector_reserve(injector, &first, 0);
	cr_assert(room >= 1518);
	check_eq(zring_injector_reserve(injector, &second, 0), room);
	cr_assert(first == second);
	net_frame_fill(first, 60, 0);
	check_eq(zring_injector_submit(injector, 60), 0);
	finish(injector, &tap, 0, 1, net_size_60);
}

TEST_RING_AND_SENDMMSG(injector_queue, submit_without_a_slot_is_refused)
{
	struct net_tap tap;
	struct zring_injector *injector = open_injector(method, &tap);

	check_eq(zring_injector_submit(injector, 60), -EINVAL);
	zring_injector_cancel(injector);
	check_eq(net_injector_stats(injector).submitted, 0);
	check_eq(net_injector_stats(injector).cancelled, 0);
	finish(injector, &tap, 0, 0, net_size_60);
}

/* 100,000 frames through 64 slots: each exactly once, unchanged, in order. */
TEST_RING_AND_SENDMMSG(injector_queue, a_hundred_thousand_frames_wrap_the_ring)
{
	struct net_tap tap;
	struct zring_injector *injector = open_injector(method, &tap);

	net_inject_numbered(injector, &tap, 0, 100000, net_size_small);
	finish(injector, &tap, 0, 100000, net_size_small);
}

/* Without a single flush of the caller: a full ring makes reserve hand over. */
TEST_RING_AND_SENDMMSG(injector_queue, reserve_flushes_a_full_ring)
{
	struct net_tap tap;
	struct zring_injector *injector = open_injector(method, &tap);

	for (uint32_t i = 0; i < 5000; i++) {
		check_eq(net_submit(injector, i, net_size_mixed(i)), 0);
		net_tap_pace(&tap, i > 64 ? i - 64 : 0, 1514);
	}
	finish(injector, &tap, 0, 5000, net_size_mixed);
}

TEST_RING_AND_SENDMMSG(injector_queue, one_frame_a_flush)
{
	struct net_tap tap;
	struct zring_injector *injector = open_injector(method, &tap);

	for (uint32_t i = 0; i < 3000; i++) {
		check_eq(net_submit(injector, i, net_size_mixed(i)), 0);
		check_eq(zring_injector_flush(injector), 1);
		net_tap_pace(&tap, i, 1514);
	}
	finish(injector, &tap, 0, 3000, net_size_mixed);
}

TEST_RING_AND_SENDMMSG(injector_queue, the_smallest_ring_works)
{
	struct zring_injector_options options = net_injector_options(method);
	struct zring_injector_info info;
	struct zring_injector *injector;
	struct net_tap tap;

	net_lab_open();
	net_tap_open(&tap, NET_FAR, false);
	options.nr_frames = 1;
	injector = net_injector_open(NET_NEAR, &options);
	zring_injector_get_info(injector, &info);
	/* At least a page. */
	cr_assert(info.nr_frames >= 1 && info.nr_frames <= 32);
	net_inject_numbered(injector, &tap, 0, 500, net_size_mixed);
	finish(injector, &tap, 0, 500, net_size_mixed);
}

TEST_RING_AND_SENDMMSG(injector_queue, frames_of_mtu_9000)
{
	const struct zring_injector_options options = net_injector_options(method);
	struct zring_injector_info info;
	struct zring_injector *injector;
	struct net_tap tap;

	net_lab_open();
	net_run("ip link set " NET_NEAR " mtu 9000 && ip link set " NET_FAR " mtu 9000");
	net_tap_open(&tap, NET_FAR, false);
	injector = net_injector_open(NET_NEAR, &options);
	zring_injector_get_info(injector, &info);
	check_eq(info.mtu, 9000);
	cr_assert(info.frame_bytes >= 9018);
	for (uint32_t i = 0; i < 2000; i++) {
		check_eq(net_submit(injector, i, net_size_jumbo(i)), 0);
		if (i % 8 == 0)
			cr_assert(zring_injector_flush(injector) > 0);
		net_tap_pace(&tap, i > 8 ? i - 8 : 0, 9018);
	}
	finish(injector, &tap, 0, 2000, net_size_jumbo);
}

Test(injector_queue, default_options_send)
{
	struct zring_injector_info info;
	struct zring_injector *injector;
	struct net_tap tap;

	net_lab_open();
	net_tap_open(&tap, NET_FAR, false);
	injector = net_injector_open(NET_NEAR, NULL);
	memset(&info, 0xa5, sizeof(info));
	zring_injector_get_info(injector, &info);
	cr_assert_str_eq(info.interface, NET_NEAR);
	check_eq(info.ifindex, net_index(NET_NEAR));
	check_eq(info.link_type, 1);
	check_eq(info.mtu, 1500);
	check_eq(info.backend, ZRING_BACKEND_AFPACKET);
	/* Nothing but software behind a veth. */
	check_eq(info.method, ZRING_METHOD_SENDMMSG);
	cr_assert(info.method_reason[0]);
	cr_assert(info.frame_bytes >= 1518);
	check_eq(info.nr_frames, 256);
	check_eq(info.rate_pps | info.rate_bps, 0);
	check_eq(info.qdisc_bypass | info.loss | info.vnet_header | info.send_time, 0);
	net_inject_numbered(injector, &tap, 0, 5000, net_size_mixed);
	finish(injector, &tap, 0, 5000, net_size_mixed);
}

/* ---- the copying calls ---- */

TEST_RING_AND_SENDMMSG(injector_queue, send_puts_a_frame_on_the_wire)
{
	struct net_tap tap;
	struct zring_injector *injector = open_injector(method, &tap);

	for (uint32_t i = 0; i < 500; i++) {
		uint8_t frame[1514];

		net_frame_fill(frame, net_size_mixed(i), i);
		check_eq(zring_injector_send(injector, frame, net_size_mixed(i)), 0);
		memset(frame, 0, sizeof(frame));
		net_tap_pace(&tap, i, 1514);
	}
	check_eq(net_injector_stats(injector).pending, 0);
	finish(injector, &tap, 0, 500, net_size_mixed);
}

TEST_RING_AND_SENDMMSG(injector_queue, send_batch_takes_more_than_the_ring_holds)
{
	static uint8_t frames[1000][1514];
	static struct zring_packet packets[1000];
	struct net_tap tap;
	struct zring_injector *injector = open_injector(method, &tap);

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
	finish(injector, &tap, 0, 1000, net_size_mixed);
}

TEST_RING_AND_SENDMMSG(injector_queue, the_copying_calls_want_no_slot_reserved)
{
	struct net_tap tap;
	struct zring_injector *injector = open_injector(method, &tap);
	struct zring_packet packet;
	uint8_t frame[60], *data;

	net_frame_fill(frame, 60, 99);
	packet = (struct zring_packet){.data = frame, .len = 60};
	cr_assert(zring_injector_reserve(injector, &data, 0) > 0);
	check_eq(zring_injector_send(injector, frame, 60), -EBUSY);
	check_eq(zring_injector_send_batch(injector, &packet, 1), -EBUSY);
	net_frame_fill(data, 60, 0);
	check_eq(zring_injector_submit(injector, 60), 0);
	finish(injector, &tap, 0, 1, net_size_60);
}

/* send() behind submitted frames: they go first. */
TEST_RING_AND_SENDMMSG(injector_queue, send_keeps_the_order)
{
	struct net_tap tap;
	struct zring_injector *injector = open_injector(method, &tap);
	uint8_t frame[60];

	check_eq(net_submit(injector, 0, 60), 0);
	check_eq(net_submit(injector, 1, 60), 0);
	net_frame_fill(frame, 60, 2);
	check_eq(zring_injector_send(injector, frame, 60), 0);
	finish(injector, &tap, 0, 3, net_size_60);
}

/* ---- several, interrupted, watched ---- */

#define FLOW_FRAMES 5000u

struct sender {
	struct zring_injector *injector;
	struct net_tap *tap;
	uint32_t first;
	unsigned int cpu;
	pthread_t thread;
	int error;
};

static void *send_flow(void *argument)
{
	struct sender *sender = argument;

	net_pin(sender->cpu);
	for (uint32_t i = 0; i < FLOW_FRAMES && sender->error == 0; i++) {
		uint8_t frame[180];
		const uint32_t number = sender->first + i;

		net_frame_fill(frame, net_size_small(number), number);
		sender->error =
			zring_injector_send(sender->injector, frame, net_size_small(number));
		if (i % 16 == 0)
			net_tap_pace(sender->tap, i, 1514);
	}
	return NULL;
}

TEST_RING_AND_SENDMMSG(injector_queue, several_injectors_share_an_interface)
{
	struct zring_injector_options options = net_injector_options(method);
	struct sender senders[2] = {{.first = 0, .cpu = 0}, {.first = 1u << 20, .cpu = 1}};
	uint32_t next[2] = {0, 0};
	struct net_tap tap;

	net_lab_open();
	net_tap_open(&tap, NET_FAR, false);
	for (size_t i = 0; i < 2; i++) {
		senders[i].injector = net_injector_open(NET_NEAR, &options);
		senders[i].tap = &tap;
	}
	for (size_t i = 0; i < 2; i++)
		check_eq(pthread_create(&senders[i].thread, NULL, send_flow, &senders[i]), 0);
	for (size_t i = 0; i < 2; i++) {
		pthread_join(senders[i].thread, NULL);
		check_eq(senders[i].error, 0);
		net_drain(senders[i].injector);
		check_eq(net_injector_stats(senders[i].injector).sent, FLOW_FRAMES);
		zring_injector_close(senders[i].injector);
	}
	check_eq(net_tap_wait(&tap, 2ull * FLOW_FRAMES), 2 * FLOW_FRAMES);
	net_tap_stop(&tap);
	for (uint32_t i = 0; i < 2 * FLOW_FRAMES; i++) {
		size_t len;
		const uint8_t *frame = net_tap_frame(&tap, i, &len);
		const uint32_t number = net_frame_number(frame);
		const size_t flow = number >> 20;

		cr_assert(flow < 2);
		check_eq(number - senders[flow].first, next[flow]);
		next[flow]++;
		check_eq(len, net_size_small(number));
		cr_assert(net_frame_is(frame, len, number, len));
	}
	net_tap_close(&tap);
}

TEST_RING_AND_SENDMMSG(injector_queue, interruptions_do_not_show)
{
	struct net_tap tap;
	struct zring_injector *injector = open_injector(method, &tap);
	struct zring_injector_options options = net_injector_options(method);

	net_storm_start(300);
	net_inject_numbered(injector, &tap, 0, 20000, net_size_mixed);
	for (int i = 0; i < 5; i++)
		zring_injector_close(net_injector_open(NET_NEAR, &options));
	cr_assert(net_storm_stop() > 20);
	finish(injector, &tap, 0, 20000, net_size_mixed);
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

TEST_RING_AND_SENDMMSG(injector_queue, the_sum_holds_while_another_thread_looks)
{
	struct net_tap tap;
	struct zring_injector *injector = open_injector(method, &tap);
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
	}
	net_wait_count(&watcher.looks, 2);
	__atomic_store_n(&watcher.stop, true, __ATOMIC_RELAXED);
	pthread_join(watcher.thread, NULL);
	cr_assert(!watcher.complaint, "%s", watcher.complaint);
	cr_assert(watcher.looks > 1);
	net_drain(injector);
	check_eq(net_injector_stats(injector).rejected, 600);
	finish(injector, &tap, 0, 30000, net_size_small);
}
