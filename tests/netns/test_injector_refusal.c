/* SPDX-License-Identifier: BSD-2-Clause */
/* Frames that can't go: each costs itself only, and is counted by its cause. */
#include "support/net_zring.h"

#include <errno.h>
#include <string.h>

TestSuite(injector_refusal, .timeout = 60);

static struct zring_injector *open_injector(uint32_t method, struct net_tap *tap)
{
	const struct zring_injector_options options = net_injector_options(method);

	net_lab_open();
	net_tap_open(tap, NET_FAR, false);
	return net_injector_open(NET_NEAR, &options);
}

TEST_RING_AND_SENDMMSG(injector_refusal, a_runt_among_good_frames_costs_itself_only)
{
	struct net_tap tap;
	struct zring_injector *injector = open_injector(method, &tap);
	struct zring_injector_stats stats;

	for (uint32_t i = 0; i < 3; i++)
		check_eq(net_submit(injector, i, net_size_mixed(i)), 0);
	check_eq(net_submit(injector, 0, 5), -EINVAL);
	check_eq(net_submit(injector, 0, 0), -EINVAL);
	check_eq(net_submit(injector, 0, 13), -EINVAL);
	for (uint32_t i = 3; i < 6; i++)
		check_eq(net_submit(injector, i, net_size_mixed(i)), 0);
	stats = net_injector_stats(injector);
	check_eq(stats.submitted, 9);
	check_eq(stats.rejected_runt, 3);
	check_eq(stats.pending, 6);
	check_eq(zring_injector_flush(injector), 6);
	net_drain(injector);
	net_tap_finish(&tap);
	net_tap_expect(&tap, 0, 6, net_size_mixed);
	net_tap_close(&tap);
	check_eq(net_injector_stats(injector).sent, 6);
	zring_injector_close(injector);
}

static uint32_t size_14(uint32_t number)
{
	(void)number;
	return 14;
}

TEST_RING_AND_SENDMMSG(injector_refusal, a_bare_header_passes)
{
	struct net_tap tap;
	struct zring_injector *injector = open_injector(method, &tap);

	check_eq(net_submit(injector, 0, 14), 0);
	check_eq(zring_injector_flush(injector), 1);
	net_tap_finish(&tap);
	net_tap_expect(&tap, 0, 1, size_14);
	net_tap_close(&tap);
	zring_injector_close(injector);
}

/* A frame with the tag @tpid (0: none); what submit says. */
static int submit_tagged(struct zring_injector *injector, uint32_t number, size_t len,
			 uint16_t tpid)
{
	const struct net_tag tag = {tpid, 5};
	uint8_t *data;
	const int room = zring_injector_reserve(injector, &data, 1000);

	cr_assert((size_t)room >= len);
	net_frame_fill(data, len - (tpid ? 4 : 0), number);
	if (tpid)
		net_frame_tag(data, len - 4, &tag, 1);
	return zring_injector_submit(injector, len);
}

static const struct {
	size_t len;
	uint16_t tpid;
	int result;
} long_frames[] = {
	{1514, 0, 0},      {1515, 0, -EMSGSIZE},      {1518, 0, -EMSGSIZE},
	{1514, 0x8100, 0}, {1515, 0x8100, 0},         {1518, 0x8100, 0},
	{1514, 0x88a8, 0}, {1518, 0x88a8, -EMSGSIZE}, {60, 0, 0},
};
#define NR_LONG (sizeof(long_frames) / sizeof(long_frames[0]))

TEST_RING_AND_SENDMMSG(injector_refusal, the_mtu_bounds_a_frame_and_a_tag_may_exceed_it)
{
	struct net_tap tap;
	struct zring_injector *injector = open_injector(method, &tap);
	uint32_t nr_passed = 0;
	uint8_t frame[1600];

	for (uint32_t i = 0; i < NR_LONG; i++) {
		const int got = submit_tagged(injector, i, long_frames[i].len, long_frames[i].tpid);

		cr_assert(got == long_frames[i].result, "%zu bytes, tag %x: %d", long_frames[i].len,
			  long_frames[i].tpid, got);
		nr_passed += got == 0;
	}
	check_eq(zring_injector_flush(injector), nr_passed);
	net_drain(injector);
	check_eq(net_injector_stats(injector).rejected_too_long, NR_LONG - nr_passed);
	check_eq(net_injector_stats(injector).sent, nr_passed);
	check_eq(net_tap_finish(&tap), nr_passed);
	for (uint32_t i = 0, at = 0; i < NR_LONG; i++) {
		const struct net_tag tag = {long_frames[i].tpid, 5};
		const uint8_t *seen;
		size_t len;

		if (long_frames[i].result)
			continue;
		seen = net_tap_frame(&tap, at++, &len);
		net_frame_fill(frame, long_frames[i].len - (tag.tpid ? 4 : 0), i);
		if (tag.tpid)
			net_frame_tag(frame, long_frames[i].len - 4, &tag, 1);
		check_eq(len, long_frames[i].len);
		cr_assert(memcmp(seen, frame, len) == 0, "frame %u changed", i);
	}
	net_tap_close(&tap);
	zring_injector_close(injector);
}

TEST_RING_AND_SENDMMSG(injector_refusal, more_than_a_slot_holds_is_too_long)
{
	struct net_tap tap;
	struct zring_injector *injector = open_injector(method, &tap);

	check_eq(net_submit(injector, 0, 1u << 20), -EMSGSIZE);
	check_eq(net_submit(injector, 0, SIZE_MAX), -EMSGSIZE);
	check_eq(net_submit(injector, 0, 60), 0);
	net_drain(injector);
	check_eq(net_injector_stats(injector).rejected_too_long, 2);
	net_tap_finish(&tap);
	net_tap_expect(&tap, 0, 1, net_size_60);
	net_tap_close(&tap);
	zring_injector_close(injector);
}

/* The copying calls refuse the same, and go on behind it. */
TEST_RING_AND_SENDMMSG(injector_refusal, the_copying_calls_pass_bad_frames_over)
{
	static uint8_t frames[9][1600];
	struct zring_packet packets[9] = {{0}};
	struct net_tap tap;
	struct zring_injector *injector = open_injector(method, &tap);

	for (uint32_t i = 0, number = 0; i < 9; i++) {
		packets[i].data = frames[i];
		packets[i].len = i % 3 == 1 ? 7 : i % 3 == 2 ? 1515 : 60;
		net_frame_fill(frames[i], packets[i].len, i % 3 ? 1000 : number++);
	}
	check_eq(zring_injector_send_batch(injector, packets, 9), 9);
	check_eq(zring_injector_send(injector, frames[1], 7), -EINVAL);
	check_eq(zring_injector_send(injector, frames[2], 1515), -EMSGSIZE);
	net_drain(injector);
	check_eq(net_injector_stats(injector).sent, 3);
	check_eq(net_injector_stats(injector).rejected_runt, 4);
	check_eq(net_injector_stats(injector).rejected_too_long, 4);
	net_tap_finish(&tap);
	net_tap_expect(&tap, 0, 3, net_size_60);
	net_tap_close(&tap);
	zring_injector_close(injector);
}

/* ---- refused by the kernel, behind our back ---- */

static uint32_t size_by_turns(uint32_t number)
{
	return number % 2 ? 1400 : 100;
}

/* @count frames, each second one too long for the MTU that comes in between. */
static void shrink_mtu(const struct zring_injector_options *options, uint32_t rounds,
		       uint32_t count)
{
	struct zring_injector_stats stats;
	struct zring_injector *injector;
	struct net_tap tap;
	uint32_t at = 0;

	net_lab_open();
	net_tap_open(&tap, NET_FAR, false);
	injector = net_injector_open(NET_NEAR, options);
	for (uint32_t round = 0; round < rounds; round++) {
		for (uint32_t i = 0; i < count; i++)
			check_eq(net_submit(injector, round * count + i, size_by_turns(i)), 0);
		net_run("ip link set " NET_NEAR " mtu 1000");
		check_eq(zring_injector_flush(injector), count / 2);
		net_drain(injector);
		net_run("ip link set " NET_NEAR " mtu 1500");
	}
	stats = net_injector_stats(injector);
	check_eq(stats.submitted, rounds * count);
	check_eq(stats.rejected, rounds * count / 2);
	check_eq(stats.rejected_too_long, rounds * count / 2);
	check_eq(stats.sent, rounds * count / 2);
	check_eq(net_tap_finish(&tap), rounds * count / 2);
	for (uint32_t number = 0; number < rounds * count; number += 2) {
		size_t len;
		const uint8_t *frame = net_tap_frame(&tap, at++, &len);

		check_eq(len, 100);
		cr_assert(net_frame_is(frame, len, number, 100), "expected frame %u, not %u",
			  number, net_frame_number(frame));
	}
	net_tap_close(&tap);
	zring_injector_close(injector);
}

TEST_RING_AND_SENDMMSG(injector_refusal, frames_behind_a_rejected_one_go_on)
{
	const struct zring_injector_options options = net_injector_options(method);

	shrink_mtu(&options, 1, 10);
}

/* Round and round the ring, so that the cursors meet at every slot. */
TEST_RING_AND_SENDMMSG(injector_refusal, rejections_all_over_the_ring)
{
	const struct zring_injector_options options = net_injector_options(method);

	shrink_mtu(&options, 12, 50);
}

TEST_RING_AND_SENDMMSG(injector_refusal, a_ring_full_of_rejected_frames)
{
	struct zring_injector_options options = net_injector_options(method);

	options.nr_frames = 8;
	shrink_mtu(&options, 5, 8);
}

Test(injector_refusal, with_loss_the_frames_behind_a_rejected_one_go_on)
{
	struct zring_injector_options options = net_injector_options(ZRING_METHOD_RING);

	options.loss = 1;
	shrink_mtu(&options, 12, 50);
}

/* All are too long: nothing arrives, nothing is stuck, and the next one leaves. */
TEST_RING_AND_SENDMMSG(injector_refusal, nothing_but_rejected_frames)
{
	struct net_tap tap;
	struct zring_injector *injector = open_injector(method, &tap);

	for (uint32_t i = 0; i < 64; i++)
		check_eq(net_submit(injector, 1000 + i, 1400), 0);
	net_run("ip link set " NET_NEAR " mtu 1000");
	check_eq(zring_injector_flush(injector), 0);
	check_eq(net_injector_stats(injector).rejected_too_long, 64);
	check_eq(net_injector_stats(injector).pending, 0);
	net_inject_numbered(injector, &tap, 0, 200, net_size_small);
	net_tap_finish(&tap);
	net_tap_expect(&tap, 0, 200, net_size_small);
	net_tap_close(&tap);
	zring_injector_close(injector);
}

/* A slot reserved before the flush that rejects frames in front of it. */
TEST_RING_AND_SENDMMSG(injector_refusal, a_reserved_slot_outlives_a_rejection)
{
	struct net_tap tap;
	struct zring_injector *injector = open_injector(method, &tap);
	uint8_t *data;

	check_eq(net_submit(injector, 0, 60), 0);
	check_eq(net_submit(injector, 1000, 1400), 0);
	check_eq(net_submit(injector, 1, 60), 0);
	cr_assert(zring_injector_reserve(injector, &data, 0) > 0);
	net_frame_fill(data, 60, 2);
	net_run("ip link set " NET_NEAR " mtu 1000");
	check_eq(zring_injector_flush(injector), 2);
	check_eq(zring_injector_submit(injector, 60), 0);
	for (uint32_t i = 3; i < 200; i++)
		check_eq(net_submit(injector, i, 60), 0);
	net_drain(injector);
	check_eq(net_injector_stats(injector).rejected_too_long, 1);
	net_tap_finish(&tap);
	net_tap_expect(&tap, 0, 200, net_size_60);
	net_tap_close(&tap);
	zring_injector_close(injector);
}

/* A larger MTU after the open: what the slot holds may go. */
TEST_RING_AND_SENDMMSG(injector_refusal, a_larger_mtu_is_noticed)
{
	struct zring_injector_options options = net_injector_options(method);
	struct zring_injector *injector;
	struct net_tap tap;
	uint8_t frame[1514];

	net_lab_open();
	options.frame_bytes = 4000;
	net_run("ip link set " NET_NEAR " mtu 1000");
	net_tap_open(&tap, NET_FAR, false);
	injector = net_injector_open(NET_NEAR, &options);
	check_eq(net_submit(injector, 9, 1514), -EMSGSIZE);
	net_run("ip link set " NET_NEAR " mtu 1500");
	check_eq(net_submit(injector, 7, 1514), 0);
	net_drain(injector);
	check_eq(net_tap_finish(&tap), 1);
	{
		size_t len;
		const uint8_t *seen = net_tap_frame(&tap, 0, &len);

		net_frame_fill(frame, 1514, 7);
		check_eq(len, 1514);
		cr_assert(memcmp(seen, frame, 1514) == 0);
	}
	net_tap_close(&tap);
	zring_injector_close(injector);
}

/* What a failed builder returns as a length, where each frame is looked at closely too. */
TEST_RING_AND_SENDMMSG(injector_refusal, minus_one_is_no_length)
{
	struct zring_injector_options options = net_injector_options(method);
	struct zring_injector *injector;
	struct net_tap tap;

	net_lab_open();
	net_tap_open(&tap, NET_FAR, false);
	for (int vnet = 0; vnet < 2; vnet++) {
		options.vnet_header = (uint8_t)vnet;
		injector = net_injector_open(NET_NEAR, &options);
		check_eq(net_submit(injector, (uint32_t)vnet, 60), 0);
		check_eq(net_submit(injector, 7, SIZE_MAX), -EMSGSIZE);
		net_drain(injector);
		check_eq(net_injector_stats(injector).sent, 1);
		check_eq(net_injector_stats(injector).last_error, -EMSGSIZE);
		zring_injector_close(injector);
	}
	net_tap_finish(&tap);
	net_tap_expect(&tap, 0, 2, net_size_60);
	net_tap_close(&tap);
}

TEST_RING_AND_SENDMMSG(injector_refusal, the_last_refusal_is_named)
{
	struct net_tap tap;
	struct zring_injector *injector = open_injector(method, &tap);

	check_eq(net_injector_stats(injector).last_error, 0);
	check_eq(net_submit(injector, 0, 5), -EINVAL);
	check_eq(net_injector_stats(injector).last_error, -EINVAL);
	net_tap_close(&tap);
	zring_injector_close(injector);
}

/* The frame in front is the one that the kernel refuses: who sends again would send twice. */
TEST_RING_AND_SENDMMSG(injector_refusal, send_does_not_answer_for_the_frame_in_front)
{
	struct net_tap tap;
	struct zring_injector *injector = open_injector(method, &tap);
	uint8_t frame[60];

	check_eq(net_submit(injector, 0, 1514), 0);
	net_run("ip link set " NET_NEAR " mtu 1000");
	net_frame_fill(frame, sizeof(frame), 0);
	check_eq(zring_injector_send(injector, frame, sizeof(frame)), 0);
	net_drain(injector);
	check_eq(net_injector_stats(injector).sent, 1);
	check_eq(net_injector_stats(injector).rejected_too_long, 1);
	net_tap_finish(&tap);
	net_tap_expect(&tap, 0, 1, net_size_60);
	net_tap_close(&tap);
	zring_injector_close(injector);
}
