/* SPDX-License-Identifier: BSD-2-Clause */
/* Slow, silent and vanished interfaces: deadlines are kept and no frame is lost or sent twice. */
#include "support/net_zring.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MS_NS 1000000ull

TestSuite(injector_link, .timeout = 120);

static struct zring_injector *open_injector(uint32_t method, struct net_tap *tap)
{
	const struct zring_injector_options options = net_injector_options(method);

	net_lab_open();
	net_tap_open(tap, NET_FAR, false);
	return net_injector_open(NET_NEAR, &options);
}

static void finish(struct zring_injector *injector, struct net_tap *tap, uint32_t count,
		   net_size_fn *size)
{
	net_drain(injector);
	net_tap_finish(tap);
	net_tap_expect(tap, 0, count, size);
	check_eq(net_injector_stats(injector).sent, count);
	check_eq(net_injector_stats(injector).rejected, 0);
	net_tap_close(tap);
	zring_injector_close(injector);
}

/* ---- back-pressure ---- */

/* A queue so short that it overflows (ENOBUFS): what it refuses is offered again. */
TEST_RING_AND_SENDMMSG(injector_link, frames_that_a_full_queue_refuses_are_sent_again)
{
	struct net_tap tap;
	struct zring_injector *injector = open_injector(method, &tap);
	const uint64_t end = net_now_ns() + NET_PATIENCE_NS;

	net_run("tc qdisc add dev " NET_NEAR " root tbf rate 20mbit burst 5kb limit 20kb");
	for (uint32_t i = 0; i < 2000; i++) {
		check_eq(net_submit(injector, i, net_size_mixed(i)), 0);
		if (i % 32 == 31)
			cr_assert(zring_injector_flush(injector) > 0);
		net_injector_stats(injector);
		cr_assert(net_now_ns() < end);
	}
	net_drain(injector);
	cr_assert(net_injector_stats(injector).retries > 0, "the queue was never full");
	finish(injector, &tap, 2000, net_size_mixed);
}

/* A long queue and a small socket buffer (EAGAIN): the same. */
TEST_RING_AND_SENDMMSG(injector_link, frames_that_a_full_socket_refuses_are_sent_again)
{
	struct zring_injector_options options = net_injector_options(method);
	struct zring_injector *injector;
	struct net_tap tap;

	net_lab_open();
	net_tap_open(&tap, NET_FAR, false);
	options.send_buffer_bytes = 16384;
	injector = net_injector_open(NET_NEAR, &options);
	net_run("tc qdisc add dev " NET_NEAR " root tbf rate 20mbit burst 5kb limit 4mb");
	for (uint32_t i = 0; i < 2000; i++) {
		check_eq(net_submit(injector, i, net_size_mixed(i)), 0);
		if (i % 32 == 31)
			cr_assert(zring_injector_flush(injector) > 0);
		net_injector_stats(injector);
	}
	finish(injector, &tap, 2000, net_size_mixed);
}

#define SLOW_QUEUE  "tc qdisc add dev " NET_NEAR " root tbf rate 8kbit burst 2kb limit 6kb"
#define RAPID_QUEUE "tc qdisc change dev " NET_NEAR " root tbf rate 1gbit burst 100kb limit 4mb"

/* Submits until no slot is free within 50 ms; returns how many were submitted. */
static uint32_t fill_up(struct zring_injector *injector, net_size_fn *size)
{
	uint32_t number = 0;

	for (;;) {
		const uint64_t start = net_now_ns();
		uint8_t *data = NULL;
		const int room = zring_injector_reserve(injector, &data, 50);

		cr_assert(room >= 0, "reserve: %d", room);
		if (room == 0) {
			cr_assert(!data, "the output was touched without a slot");
			cr_assert(net_now_ns() - start >= 50 * MS_NS);
			return number;
		}
		net_frame_fill(data, size(number), number);
		check_eq(zring_injector_submit(injector, size(number)), 0);
		number++;
		cr_assert(number < 10000);
	}
}

static uint32_t size_1000(uint32_t number)
{
	(void)number;
	return 1000;
}

TEST_RING_AND_SENDMMSG(injector_link, deadlines_are_kept_while_nothing_moves)
{
	struct net_tap tap;
	struct zring_injector *injector = open_injector(method, &tap);
	struct zring_injector_stats stats;
	uint32_t submitted;
	uint8_t *data;
	uint64_t start;

	net_run(SLOW_QUEUE);
	submitted = fill_up(injector, size_1000);
	cr_assert(submitted >= 64);
	start = net_now_ns();
	check_eq(zring_injector_reserve(injector, &data, 0), 0);
	check_eq(zring_injector_drain(injector, 60), -ETIMEDOUT);
	cr_assert(net_now_ns() - start >= 60 * MS_NS);
	cr_assert(net_now_ns() - start < 10000 * MS_NS);
	stats = net_injector_stats(injector);
	check_eq(stats.submitted, submitted);
	cr_assert(stats.pending > 0);
	net_run(RAPID_QUEUE);
	finish(injector, &tap, submitted, size_1000);
}

TEST_RING_AND_SENDMMSG(injector_link, the_timeout_option_bounds_flush_and_send)
{
	struct zring_injector_options options = net_injector_options(method);
	struct zring_injector *injector;
	uint8_t frame[1000];
	uint64_t start;
	struct net_tap tap;
	uint32_t submitted;
	int got;

	net_lab_open();
	net_tap_open(&tap, NET_FAR, false);
	options.timeout_ms = 80;
	injector = net_injector_open(NET_NEAR, &options);
	net_run(SLOW_QUEUE);
	submitted = fill_up(injector, size_1000);
	/* The first may still find something to move; not for ever. */
	for (int i = 0; i < 100 && (got = zring_injector_flush(injector)) > 0; i++)
		;
	start = net_now_ns();
	got = zring_injector_flush(injector);
	cr_assert(got == -ETIMEDOUT || got > 0, "flush: %d", got);
	if (got == -ETIMEDOUT)
		cr_assert(net_now_ns() - start >= 80 * MS_NS);
	net_frame_fill(frame, sizeof(frame), submitted);
	start = net_now_ns();
	got = zring_injector_send(injector, frame, sizeof(frame));
	if (got == -ETIMEDOUT)
		cr_assert(net_now_ns() - start >= 80 * MS_NS);
	else
		check_eq(got, 0);
	cr_assert(net_now_ns() - start < 10000 * MS_NS);
	/* What timed out was not submitted, or waits in the queue: the accounts know. */
	submitted = (uint32_t)net_injector_stats(injector).submitted;
	net_run(RAPID_QUEUE);
	finish(injector, &tap, submitted, size_1000);
}

TEST_RING_AND_SENDMMSG(injector_link, nonblocking_says_again_and_loses_nothing)
{
	struct zring_injector_options options = net_injector_options(method);
	struct zring_injector *injector;
	struct zring_packet packet;
	struct net_tap tap;
	uint8_t frame[1000];
	uint32_t number;
	int got = 0;

	net_lab_open();
	net_tap_open(&tap, NET_FAR, false);
	options.nonblocking = 1;
	injector = net_injector_open(NET_NEAR, &options);
	net_run(SLOW_QUEUE);
	for (number = 0; number < 1000; number++) {
		net_frame_fill(frame, sizeof(frame), number);
		got = zring_injector_send(injector, frame, sizeof(frame));
		if (got)
			break;
	}
	check_eq(got, -EAGAIN);
	check_eq(zring_injector_flush(injector), -EAGAIN);
	packet = (struct zring_packet){.data = frame, .len = sizeof(frame)};
	number = (uint32_t)net_injector_stats(injector).submitted;
	/* Into the free slots, one by one, until there is none. */
	for (got = 1; got == 1 && number < 1000; number += got == 1) {
		net_frame_fill(frame, sizeof(frame), number);
		got = zring_injector_send_batch(injector, &packet, 1);
	}
	check_eq(got, -EAGAIN);
	net_frame_fill(frame, sizeof(frame), number);
	check_eq(zring_injector_send(injector, frame, sizeof(frame)), -EAGAIN);
	check_eq(net_injector_stats(injector).submitted, number);
	net_run(RAPID_QUEUE);
	finish(injector, &tap, number, size_1000);
}

/* ---- down, up, gone ---- */

TEST_RING_AND_SENDMMSG(injector_link, frames_wait_while_the_interface_is_down)
{
	struct net_tap tap;
	struct zring_injector *injector = open_injector(method, &tap);

	for (uint32_t i = 0; i < 10; i++)
		check_eq(net_submit(injector, i, net_size_mixed(i)), 0);
	check_eq(zring_injector_flush(injector), 10);
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
	finish(injector, &tap, 220, net_size_mixed);
}

TEST_RING_AND_SENDMMSG(injector_link, a_full_ring_on_a_down_interface_tells_so)
{
	struct net_tap tap;
	struct zring_injector *injector = open_injector(method, &tap);
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
	finish(injector, &tap, 65, net_size_60);
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

TEST_RING_AND_SENDMMSG(injector_link, a_deleted_interface_is_told)
{
	struct net_tap tap;
	struct zring_injector *injector = open_injector(method, &tap);

	lose_interface(injector, &tap, "ip link del " NET_NEAR);
}

TEST_RING_AND_SENDMMSG(injector_link, an_interface_that_moves_away_is_told)
{
	struct net_tap tap;
	struct zring_injector *injector = open_injector(method, &tap);
	const int elsewhere = net_namespace_new();
	char command[128], path[64];

	snprintf(command, sizeof(command), "ip link set " NET_NEAR " netns %s",
		 net_namespace_path(elsewhere, path, sizeof(path)));
	lose_interface(injector, &tap, command);
	close(elsewhere);
}

/* ---- the queueing discipline ---- */

/* What a sniffer on NET_NEAR sees of 100 frames that all arrive at NET_FAR. */
static size_t sniff(uint32_t method, uint8_t qdisc_bypass)
{
	struct zring_injector_options options = net_injector_options(method);
	struct zring_injector_info info;
	struct zring_injector *injector;
	struct net_tap far, near;
	size_t seen;

	net_lab_open();
	net_tap_open(&far, NET_FAR, false);
	net_tap_open(&near, NET_NEAR, true);
	options.qdisc_bypass = qdisc_bypass;
	injector = net_injector_open(NET_NEAR, &options);
	zring_injector_get_info(injector, &info);
	check_eq(info.qdisc_bypass, qdisc_bypass);
	net_inject_numbered(injector, &far, 0, 100, net_size_mixed);
	seen = net_tap_finish(&near);
	check_eq(net_tap_wait(&far, 101), 101);
	net_tap_stop(&far);
	for (uint32_t i = 0; i < 100; i++) {
		size_t len;
		const uint8_t *frame = net_tap_frame(&far, i, &len);

		cr_assert(net_frame_is(frame, len, i, net_size_mixed(i)));
	}
	net_tap_close(&near);
	net_tap_close(&far);
	zring_injector_close(injector);
	return seen;
}

TEST_RING_AND_SENDMMSG(injector_link, sniffers_see_the_frames)
{
	check_eq(sniff(method, 0), 100);
}

TEST_RING_AND_SENDMMSG(injector_link, with_bypass_sniffers_see_nothing)
{
	check_eq(sniff(method, 1), 0);
}

Test(injector_link, loss_mode_sends)
{
	struct zring_injector_options options = net_injector_options(ZRING_METHOD_RING);
	struct zring_injector_info info;
	struct zring_injector *injector;
	struct net_tap tap;

	net_lab_open();
	net_tap_open(&tap, NET_FAR, false);
	options.loss = 1;
	injector = net_injector_open(NET_NEAR, &options);
	zring_injector_get_info(injector, &info);
	check_eq(info.loss, 1);
	net_inject_numbered(injector, &tap, 0, 20000, net_size_mixed);
	finish(injector, &tap, 20000, net_size_mixed);
}

/* ---- other places, other kinds ---- */

TEST_RING_AND_SENDMMSG(injector_link, an_interface_of_another_namespace)
{
	struct zring_injector_options options = net_injector_options(method);
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
	injector = net_injector_open(NET_NEAR, &options);
	check_eq(net_namespace_id(), before);
	net_inject_numbered(injector, &tap, 0, 500, net_size_mixed);
	net_namespace_enter(lab);
	finish(injector, &tap, 500, net_size_mixed);
	close(home);
	close(lab);
}

/*
 * Not with the ring: loopback_xmit() calls a slot free while its bytes still wait in the backlog
 * (drivers/net/loopback.c orphans the frame without a copy). AUTO never takes it there.
 */
Test(injector_link, a_ring_on_lo_is_refused)
{
	struct zring_injector_options options = net_injector_options(ZRING_METHOD_RING);
	struct zring_injector *injector = NULL;
	struct zring_diag diag;

	net_lab_open();
	net_run("ip link set lo up");
	check_eq(zring_injector_open("lo", &options, &diag, &injector), -ENOTSUP);
	cr_assert(strstr(diag.message, "ZRING_METHOD_SENDMMSG"), "%s", diag.message);
	cr_assert(!injector);
}

Test(injector_link, lo_takes_frames)
{
	struct zring_injector_options options = net_injector_options(ZRING_METHOD_AUTO);
	struct zring_injector *injector;
	struct net_tap tap;

	net_lab_open();
	net_run("ip link set lo up");
	net_tap_open(&tap, "lo", false);
	injector = net_injector_open("lo", &options);
	net_inject_numbered(injector, &tap, 0, 300, net_size_mixed);
	check_eq(net_tap_wait(&tap, 300), 300);
	net_tap_stop(&tap);
	net_tap_expect(&tap, 0, 300, net_size_mixed);
	net_tap_close(&tap);
	zring_injector_close(injector);
}
