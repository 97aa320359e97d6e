/* SPDX-License-Identifier: BSD-2-Clause */
/* When frames leave and how the kernel treats them. Only "not sooner than" is ever judged. */
#include "support/net_zring.h"

#include <errno.h>
#include <linux/filter.h>
#include <string.h>
#include <time.h>

#define MS_NS 1000000ull

TestSuite(injector_pace, .timeout = 60);

static uint32_t size_1000(uint32_t number)
{
	(void)number;
	return 1000;
}

/* Sends @count frames with these options; returns the time from first submit to drained. */
static uint64_t send_paced(const struct zring_injector_options *options, uint32_t count)
{
	struct zring_injector *injector;
	struct net_tap tap;
	uint64_t start;

	net_lab_open();
	net_tap_open(&tap, NET_FAR, false);
	injector = net_injector_open(NET_NEAR, options);
	start = net_now_ns();
	for (uint32_t i = 0; i < count; i++) {
		check_eq(net_submit(injector, i, 1000), 0);
		if (i % 10 == 9)
			cr_assert(zring_injector_flush(injector) > 0);
		net_injector_stats(injector);
	}
	net_drain(injector);
	start = net_now_ns() - start;
	net_tap_finish(&tap);
	net_tap_expect(&tap, 0, count, size_1000);
	net_tap_close(&tap);
	zring_injector_close(injector);
	return start;
}

TEST_RING_AND_SENDMMSG(injector_pace, packets_leave_no_faster_than_the_rate)
{
	struct zring_injector_options options = net_injector_options(method);

	options.rate_pps = 1000;
	options.burst_frames = 1;
	cr_assert(send_paced(&options, 200) >= 199 * MS_NS);
}

TEST_RING_AND_SENDMMSG(injector_pace, a_burst_may_leave_at_once)
{
	struct zring_injector_options options = net_injector_options(method);

	options.rate_pps = 1000;
	options.burst_frames = 50;
	cr_assert(send_paced(&options, 200) >= 150 * MS_NS);
}

TEST_RING_AND_SENDMMSG(injector_pace, bits_leave_no_faster_than_the_rate)
{
	struct zring_injector_options options = net_injector_options(method);

	/* 8,000 bits a frame: 200 frames a second. */
	options.rate_bps = 1600000;
	options.burst_frames = 1;
	cr_assert(send_paced(&options, 60) >= 59 * 5 * MS_NS);
}

TEST_RING_AND_SENDMMSG(injector_pace, of_two_rates_the_slower_counts)
{
	struct zring_injector_options options = net_injector_options(method);

	options.rate_pps = 1000000;
	options.rate_bps = 1600000;
	options.burst_frames = 1;
	cr_assert(send_paced(&options, 40) >= 39 * 5 * MS_NS);
}

/* At a rate that the interface never reaches, pacing must not stand in the way. */
TEST_RING_AND_SENDMMSG(injector_pace, a_rate_beyond_reach_delivers_all)
{
	struct zring_injector_options options = net_injector_options(method);
	struct zring_injector_info info;
	struct zring_injector *injector;
	struct net_tap tap;

	net_lab_open();
	net_tap_open(&tap, NET_FAR, false);
	options.rate_pps = UINT64_MAX;
	options.rate_bps = UINT64_MAX;
	injector = net_injector_open(NET_NEAR, &options);
	zring_injector_get_info(injector, &info);
	cr_assert(info.rate_pps > 0 && info.rate_bps > 0);
	net_inject_numbered(injector, &tap, 0, 5000, net_size_small);
	net_tap_finish(&tap);
	net_tap_expect(&tap, 0, 5000, net_size_small);
	net_tap_close(&tap);
	zring_injector_close(injector);
}

TEST_RING_AND_SENDMMSG(injector_pace, the_rate_holds_for_the_copying_calls)
{
	static uint8_t frames[100][1000];
	struct zring_packet packets[100] = {{0}};
	struct zring_injector_options options = net_injector_options(method);
	struct zring_injector *injector;
	struct net_tap tap;
	uint64_t start;
	uint32_t sent = 0;

	net_lab_open();
	net_tap_open(&tap, NET_FAR, false);
	options.rate_pps = 500;
	options.burst_frames = 1;
	injector = net_injector_open(NET_NEAR, &options);
	for (uint32_t i = 0; i < 100; i++) {
		net_frame_fill(frames[i], 1000, i);
		packets[i] = (struct zring_packet){.data = frames[i], .len = 1000};
	}
	start = net_now_ns();
	for (uint32_t i = 0; i < 20; i++)
		check_eq(zring_injector_send(injector, frames[sent++], 1000), 0);
	for (int rounds = 0; sent < 100 && rounds < 50; rounds++) {
		const int got = zring_injector_send_batch(injector, packets + sent, 100 - sent);

		cr_assert(got > 0, "send_batch: %d", got);
		sent += (uint32_t)got;
	}
	net_drain(injector);
	cr_assert(net_now_ns() - start >= 99 * 2 * MS_NS);
	net_tap_finish(&tap);
	net_tap_expect(&tap, 0, 100, size_1000);
	net_tap_close(&tap);
	zring_injector_close(injector);
}

/* Frames wait for their turn, nobody waits for them: nonblocking stays that. */
TEST_RING_AND_SENDMMSG(injector_pace, nonblocking_does_not_wait_for_the_rate)
{
	struct zring_injector_options options = net_injector_options(method);
	struct zring_injector *injector;
	struct net_tap tap;

	net_lab_open();
	net_tap_open(&tap, NET_FAR, false);
	options.rate_pps = 100;
	options.burst_frames = 1;
	options.nonblocking = 1;
	injector = net_injector_open(NET_NEAR, &options);
	for (uint32_t i = 0; i < 20; i++)
		check_eq(net_submit(injector, i, 1000), 0);
	check_eq(zring_injector_flush(injector), 1);
	check_eq(zring_injector_flush(injector), -EAGAIN);
	check_eq(net_injector_stats(injector).pending, 19);
	net_drain(injector);
	net_tap_finish(&tap);
	net_tap_expect(&tap, 0, 20, size_1000);
	net_tap_close(&tap);
	zring_injector_close(injector);
}

/* ---- send times ---- */

static void send_at(uint32_t method, int32_t clock)
{
	struct zring_injector_options options = net_injector_options(method);
	const int counted = clock ? clock : CLOCK_TAI;
	struct zring_injector_info info;
	struct zring_injector *injector;
	struct net_tap tap;
	uint8_t *data;

	net_lab_open();
	net_tap_open(&tap, NET_FAR, false);
	options.send_time = 1;
	options.send_time_clock = clock;
	injector = net_injector_open(NET_NEAR, &options);
	zring_injector_get_info(injector, &info);
	check_eq(info.send_time, 1);
	check_eq(info.method, ZRING_METHOD_SENDMMSG);
	for (uint32_t i = 0; i < 50; i++) {
		cr_assert(zring_injector_reserve(injector, &data, 1000) > 0);
		net_frame_fill(data, net_size_mixed(i), i);
		/* With and without a time, in one batch. */
		if (i % 2)
			check_eq(zring_injector_submit(injector, net_size_mixed(i)), 0);
		else
			check_eq(zring_injector_submit_at(injector, net_size_mixed(i),
							  net_time_ns(counted) + MS_NS),
				 0);
		if (i % 10 == 9)
			check_eq(zring_injector_flush(injector), 10);
	}
	net_drain(injector);
	net_tap_finish(&tap);
	net_tap_expect(&tap, 0, 50, net_size_mixed);
	net_tap_close(&tap);
	zring_injector_close(injector);
}

Test(injector_pace, frames_with_a_send_time_arrive)
{
	send_at(ZRING_METHOD_SENDMMSG, 0);
}

Test(injector_pace, send_times_on_the_monotonic_clock)
{
	send_at(ZRING_METHOD_AUTO, CLOCK_MONOTONIC);
}

TEST_RING_AND_SENDMMSG(injector_pace, a_send_time_wants_the_option)
{
	struct zring_injector_options options = net_injector_options(method);
	struct zring_injector *injector;
	struct net_tap tap;
	uint8_t *data;

	net_lab_open();
	net_tap_open(&tap, NET_FAR, false);
	injector = net_injector_open(NET_NEAR, &options);
	cr_assert(zring_injector_reserve(injector, &data, 0) > 0);
	net_frame_fill(data, 60, 0);
	check_eq(zring_injector_submit_at(injector, 60, 1), -ENOTSUP);
	/* Whatever became of that slot, the ring works on. */
	zring_injector_cancel(injector);
	net_inject_numbered(injector, &tap, 0, 200, net_size_small);
	net_tap_finish(&tap);
	net_tap_expect(&tap, 0, 200, net_size_small);
	net_tap_close(&tap);
	zring_injector_close(injector);
}

/* ---- priority and mark ---- */

/* The packets that class @id of the tree on NET_NEAR has sent. */
static long class_packets(const char *id)
{
	char text[1024];

	net_output(text, sizeof(text), "tc -s class show dev " NET_NEAR " classid %s", id);
	return net_number_after(strstr(text, " bytes ") ? strstr(text, " bytes ") : "", " bytes ");
}

TEST_RING_AND_SENDMMSG(injector_pace, the_priority_chooses_the_class)
{
	struct zring_injector_options options = net_injector_options(method);
	struct zring_injector *injector;
	struct net_tap tap;

	net_lab_open();
	net_run("tc qdisc add dev " NET_NEAR " root handle 1: htb default 20");
	net_run("tc class add dev " NET_NEAR " parent 1: classid 1:10 htb rate 1gbit quantum 1514");
	net_run("tc class add dev " NET_NEAR " parent 1: classid 1:20 htb rate 1gbit quantum 1514");
	net_tap_open(&tap, NET_FAR, false);
	/* A class id as priority goes straight to that class (sch_htb.c). */
	options.priority = 0x00010010;
	injector = net_injector_open(NET_NEAR, &options);
	net_inject_numbered(injector, &tap, 0, 50, net_size_small);
	check_eq(net_tap_wait(&tap, 50), 50);
	check_eq(class_packets("1:10"), 50);
	check_eq(class_packets("1:20"), 0);
	net_tap_finish(&tap);
	net_tap_expect(&tap, 0, 50, net_size_small);
	net_tap_close(&tap);
	zring_injector_close(injector);
}

/* A classifier behind the socket that lets frames with mark 77 through only. */
TEST_RING_AND_SENDMMSG(injector_pace, the_mark_is_on_every_frame)
{
	const uint32_t mark_at = (uint32_t)(SKF_AD_OFF + SKF_AD_MARK);
	struct zring_injector_options options = net_injector_options(method);
	struct zring_injector *plain, *marked;
	struct net_tap tap;

	net_lab_open();
	net_run("tc qdisc add dev " NET_NEAR " clsact");
	net_run("tc filter add dev " NET_NEAR " egress bpf da bytecode "
		"'4,32 0 0 %u,21 0 1 77,6 0 0 0,6 0 0 2'",
		mark_at);
	net_tap_open(&tap, NET_FAR, false);
	plain = net_injector_open(NET_NEAR, &options);
	options.mark = 77;
	marked = net_injector_open(NET_NEAR, &options);
	check_eq(net_submit(plain, 1000, 60), 0);
	zring_injector_flush(plain);
	net_inject_numbered(marked, &tap, 0, 50, net_size_small);
	check_eq(net_tap_wait(&tap, 50), 50);
	net_run("tc qdisc del dev " NET_NEAR " clsact");
	net_tap_finish(&tap);
	net_tap_expect(&tap, 0, 50, net_size_small);
	net_tap_close(&tap);
	zring_injector_close(plain);
	zring_injector_close(marked);
}
