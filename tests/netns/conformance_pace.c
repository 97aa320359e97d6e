/* SPDX-License-Identifier: BSD-2-Clause */
/* When frames leave, and that nobody waits longer than allowed. Only "not sooner" is judged. */
#include "support/conformance.h"

#include <errno.h>

#define MS_NS 1000000ull

TestSuite(pace, .timeout = 60);

static uint32_t size_1000(uint32_t number)
{
	(void)number;
	return 1000;
}

static struct zring_injector *open_with(const struct zring_injector_options *options,
					struct net_tap *tap)
{
	net_lab_open();
	net_tap_open(tap, NET_FAR, false);
	return conform_injector_open(NET_NEAR, options);
}

/* Sends @count frames with these options; returns the time from first submit to drained. */
static uint64_t send_paced(const struct zring_injector_options *options, uint32_t count)
{
	struct net_tap tap;
	struct zring_injector *injector = open_with(options, &tap);
	const uint64_t start = net_now_ns();
	uint64_t elapsed;

	for (uint32_t i = 0; i < count; i++) {
		check_eq(net_submit(injector, i, 1000), 0);
		if (i % 10 == 9)
			cr_assert(zring_injector_flush(injector) > 0);
		net_injector_stats(injector);
	}
	net_drain(injector);
	elapsed = net_now_ns() - start;
	conform_finish(injector, &tap, 0, count, size_1000);
	return elapsed;
}

Test(pace, packets_leave_no_faster_than_the_rate)
{
	struct zring_injector_options options = conform_injector();

	options.rate_pps = 1000;
	options.burst_frames = 1;
	cr_assert(send_paced(&options, 200) >= 199 * MS_NS);
}

Test(pace, a_burst_may_leave_at_once)
{
	struct zring_injector_options options = conform_injector();

	options.rate_pps = 1000;
	options.burst_frames = 50;
	cr_assert(send_paced(&options, 200) >= 150 * MS_NS);
}

Test(pace, bits_leave_no_faster_than_the_rate)
{
	struct zring_injector_options options = conform_injector();

	/* 8,000 bits a frame: 200 frames a second. */
	options.rate_bps = 1600000;
	options.burst_frames = 1;
	cr_assert(send_paced(&options, 60) >= 59 * 5 * MS_NS);
}

Test(pace, of_two_rates_the_slower_counts)
{
	struct zring_injector_options options = conform_injector();

	options.rate_pps = 1000000;
	options.rate_bps = 1600000;
	options.burst_frames = 1;
	cr_assert(send_paced(&options, 40) >= 39 * 5 * MS_NS);
}

/* At a rate that the interface never reaches, pacing must not stand in the way. */
Test(pace, a_rate_beyond_reach_delivers_all)
{
	struct zring_injector_options options = conform_injector();
	struct zring_injector_info info;
	struct zring_injector *injector;
	struct net_tap tap;

	options.rate_pps = UINT64_MAX;
	options.rate_bps = UINT64_MAX;
	injector = open_with(&options, &tap);
	zring_injector_get_info(injector, &info);
	cr_assert(info.rate_pps > 0 && info.rate_bps > 0);
	net_inject_numbered(injector, &tap, 0, 5000, net_size_small);
	conform_finish(injector, &tap, 0, 5000, net_size_small);
}

Test(pace, the_rate_holds_for_the_copying_calls)
{
	static uint8_t frames[100][1000];
	struct zring_packet packets[100] = {{0}};
	struct zring_injector_options options = conform_injector();
	struct zring_injector *injector;
	struct net_tap tap;
	uint32_t sent = 0;
	uint64_t start;

	options.rate_pps = 500;
	options.burst_frames = 1;
	injector = open_with(&options, &tap);
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
	conform_finish(injector, &tap, 0, 100, size_1000);
}

/* Frames wait for their turn, nobody waits for them: nonblocking stays that. */
Test(pace, nonblocking_does_not_wait_for_the_rate)
{
	struct zring_injector_options options = conform_injector();
	struct zring_injector *injector;
	struct net_tap tap;

	options.rate_pps = 100;
	options.burst_frames = 1;
	options.nonblocking = 1;
	injector = open_with(&options, &tap);
	for (uint32_t i = 0; i < 20; i++)
		check_eq(net_submit(injector, i, 1000), 0);
	check_eq(zring_injector_flush(injector), 1);
	check_eq(zring_injector_flush(injector), -EAGAIN);
	cr_assert(net_injector_stats(injector).pending >= 19);
	net_drain(injector);
	conform_finish(injector, &tap, 0, 20, size_1000);
}

/* ---- deadlines, where the rate holds all frames back ---- */

/* One frame leaves; 64 wait behind it for a second each. */
static struct zring_injector *open_full(struct net_tap *tap, uint8_t nonblocking,
					uint32_t timeout_ms)
{
	struct zring_injector_options options = conform_injector();
	struct zring_injector *injector;

	options.rate_pps = 1;
	options.burst_frames = 1;
	options.nonblocking = nonblocking;
	options.timeout_ms = timeout_ms;
	injector = open_with(&options, tap);
	check_eq(net_submit(injector, 0, 1000), 0);
	check_eq(zring_injector_flush(injector), 1);
	net_drain(injector);
	for (uint32_t i = 1; i <= 64; i++)
		check_eq(net_submit(injector, i, 1000), 0);
	return injector;
}

/* Closes with frames pending: what the rate did not let out never was on the wire. */
static void end_full(struct zring_injector *injector, struct net_tap *tap)
{
	const uint32_t sent = (uint32_t)net_injector_stats(injector).sent;

	cr_assert(sent < 40, "the rate was not kept");
	zring_injector_close(injector);
	net_tap_finish(tap);
	net_tap_expect(tap, 0, sent, size_1000);
	net_tap_close(tap);
}

Test(pace, deadlines_are_kept_while_nothing_moves)
{
	struct net_tap tap;
	struct zring_injector *injector = open_full(&tap, 0, 0);
	uint8_t *data = NULL;
	uint64_t start = net_now_ns();

	check_eq(zring_injector_reserve(injector, &data, 0), 0);
	check_eq(zring_injector_reserve(injector, &data, 60), 0);
	cr_assert(net_now_ns() - start >= 60 * MS_NS);
	cr_assert(!data, "the output was touched without a slot");
	start = net_now_ns();
	check_eq(zring_injector_drain(injector, 60), -ETIMEDOUT);
	cr_assert(net_now_ns() - start >= 60 * MS_NS);
	cr_assert(net_now_ns() - start < 10000 * MS_NS);
	cr_assert(net_injector_stats(injector).pending > 0);
	end_full(injector, &tap);
}

Test(pace, the_timeout_option_bounds_flush_and_send)
{
	struct net_tap tap;
	struct zring_injector *injector = open_full(&tap, 0, 80);
	uint8_t frame[1000] = {0};
	struct zring_packet packet = {.data = frame, .len = sizeof(frame)};
	uint64_t start = net_now_ns();

	check_eq(zring_injector_flush(injector), -ETIMEDOUT);
	cr_assert(net_now_ns() - start >= 80 * MS_NS);
	start = net_now_ns();
	check_eq(zring_injector_send(injector, frame, sizeof(frame)), -ETIMEDOUT);
	cr_assert(net_now_ns() - start >= 80 * MS_NS);
	start = net_now_ns();
	check_eq(zring_injector_send_batch(injector, &packet, 1), -ETIMEDOUT);
	cr_assert(net_now_ns() - start >= 80 * MS_NS);
	cr_assert(net_now_ns() - start < 10000 * MS_NS);
	/* What timed out was not submitted. */
	check_eq(net_injector_stats(injector).submitted, 65);
	end_full(injector, &tap);
}

Test(pace, nonblocking_says_again_when_no_slot_is_free)
{
	struct net_tap tap;
	struct zring_injector *injector = open_full(&tap, 1, 0);
	uint8_t frame[1000] = {0};
	const struct zring_packet packet = {.data = frame, .len = sizeof(frame)};

	check_eq(zring_injector_flush(injector), -EAGAIN);
	check_eq(zring_injector_send(injector, frame, sizeof(frame)), -EAGAIN);
	check_eq(zring_injector_send_batch(injector, &packet, 1), -EAGAIN);
	check_eq(net_injector_stats(injector).submitted, 65);
	check_eq(net_injector_stats(injector).rejected, 0);
	end_full(injector, &tap);
}
