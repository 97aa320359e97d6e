/* SPDX-License-Identifier: BSD-2-Clause */
/* UDP bursts: on the wire what the frames are one by one, and what is no burst is refused. */
#include "support/net_zring.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

TestSuite(injector_burst, .timeout = 60);

/* The near end does nothing itself: what the far end sees is what the kernel completed. */
static void offloads_off(void)
{
	net_run("ethtool -K " NET_NEAR
		" tso off gso off tx-udp-segmentation off tx off >/dev/null");
}

struct burst {
	uint8_t frames[65][1514];
	struct zring_packet packets[65];
	uint32_t nr;
};

static struct burst burst;

static const struct net_flow flow_v4 = {
	.family = AF_INET, .source_port = 9, .target_port = 10, .id = 500};
static const struct net_flow flow_v6 = {.family = AF_INET6, .source_port = 9, .target_port = 10};

/* @nr frames of one flow with @payload bytes, the last with @last. */
static void build_burst(const struct net_flow *flow, uint32_t nr, size_t payload, size_t last)
{
	struct net_flow one = *flow;

	burst.nr = nr;
	for (uint32_t i = 0; i < nr; i++) {
		one.id = (uint16_t)(flow->id + i);
		burst.packets[i] = (struct zring_packet){.data = burst.frames[i]};
		burst.packets[i].len = (uint32_t)net_udp_build(burst.frames[i], &one,
							       i + 1 < nr ? payload : last, i);
	}
}

/* Writes the checksums anew after a test has changed a header. */
static void rebuild_checksums(uint32_t i)
{
	uint8_t *frame = burst.frames[i];
	uint32_t sum = 0;

	/* IPv4 only: the header's sum; UDP's does not cover what tests change here. */
	frame[24] = frame[25] = 0;
	for (size_t at = 14; at < 34; at += 2)
		sum += (uint32_t)frame[at] << 8 | frame[at + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	frame[24] = (uint8_t)(~sum >> 8);
	frame[25] = (uint8_t)~sum;
}

static struct zring_injector *open_for_bursts(uint32_t method, struct net_tap *tap)
{
	const struct zring_injector_options options = net_injector_options(method);

	net_lab_open();
	offloads_off();
	net_tap_open(tap, NET_FAR, false);
	return net_injector_open(NET_NEAR, &options);
}

/* Sends the burst; where the kernel can't, the test ends here. */
static void send_burst(struct zring_injector *injector)
{
	const int got = zring_injector_send_burst(injector, burst.packets, burst.nr);

	if (got == -ENOTSUP)
		cr_skip_test("this kernel does not segment UDP (before 6.2)");
	cr_assert(got == (int)burst.nr, "send_burst: %s", strerror(-got));
}

/* The recorded frames from @at on are those of the burst, to the byte. */
static void expect_burst(const struct net_tap *tap, size_t at)
{
	for (uint32_t i = 0; i < burst.nr; i++) {
		size_t len;
		const uint8_t *seen = net_tap_frame(tap, at + i, &len);

		check_eq(len, burst.packets[i].len);
		cr_assert(memcmp(seen, burst.frames[i], len) == 0, "frame %u of the burst", i);
	}
}

static const struct {
	uint32_t nr;
	size_t payload;
	size_t last;
} bursts[] = {
	{2, 100, 100}, {2, 100, 1},    {64, 18, 18},     {64, 18, 7},    {40, 1472, 1472},
	{44, 1452, 3}, {10, 999, 999}, {17, 1001, 1000}, {64, 960, 960}, {3, 1, 1},
};
#define NR_BURSTS (sizeof(bursts) / sizeof(bursts[0]))

/* What arrives is what sending the frames one by one puts on the wire. */
static void compare_bursts(uint32_t method, const struct net_flow *flow)
{
	struct net_tap tap;
	struct zring_injector *injector = open_for_bursts(method, &tap);
	struct zring_injector_stats stats;
	uint64_t nr = 0, bytes = 0;
	size_t at = 0;

	for (size_t i = 0; i < NR_BURSTS; i++) {
		build_burst(flow, bursts[i].nr, bursts[i].payload, bursts[i].last);
		if (flow->family == AF_INET6 && bursts[i].payload == 1472)
			continue;
		send_burst(injector);
		net_tap_wait(&tap, nr + burst.nr);
		check_eq(zring_injector_send_batch(injector, burst.packets, burst.nr), burst.nr);
		net_tap_wait(&tap, nr + 2ull * burst.nr);
		nr += 2ull * burst.nr;
		for (uint32_t k = 0; k < burst.nr; k++)
			bytes += 2ull * burst.packets[k].len;
	}
	net_drain(injector);
	stats = net_injector_stats(injector);
	check_eq(stats.submitted, nr);
	check_eq(stats.sent, nr);
	check_eq(stats.sent_bytes, bytes);
	cr_assert(stats.bursts >= NR_BURSTS - 1);
	check_eq(net_tap_finish(&tap), nr);
	for (size_t i = 0; i < NR_BURSTS; i++) {
		build_burst(flow, bursts[i].nr, bursts[i].payload, bursts[i].last);
		if (flow->family == AF_INET6 && bursts[i].payload == 1472)
			continue;
		expect_burst(&tap, at);
		expect_burst(&tap, at + burst.nr);
		at += 2 * burst.nr;
	}
	net_tap_close(&tap);
	zring_injector_close(injector);
}

TEST_RING_AND_SENDMMSG(injector_burst, an_ipv4_burst_equals_its_frames_one_by_one)
{
	compare_bursts(method, &flow_v4);
}

TEST_RING_AND_SENDMMSG(injector_burst, an_ipv6_burst_equals_its_frames_one_by_one)
{
	compare_bursts(method, &flow_v6);
}

/* The id of IPv4 wraps like the counter that it is. */
TEST_RING_AND_SENDMMSG(injector_burst, ids_wrap_within_a_burst)
{
	struct net_flow flow = flow_v4;
	struct net_tap tap;
	struct zring_injector *injector = open_for_bursts(method, &tap);

	flow.id = 65530;
	build_burst(&flow, 20, 200, 100);
	send_burst(injector);
	check_eq(net_tap_finish(&tap), 20);
	expect_burst(&tap, 0);
	net_tap_close(&tap);
	zring_injector_close(injector);
}

TEST_RING_AND_SENDMMSG(injector_burst, a_burst_keeps_the_order)
{
	struct net_tap tap;
	struct zring_injector *injector = open_for_bursts(method, &tap);
	size_t len;

	check_eq(net_submit(injector, 1, 60), 0);
	build_burst(&flow_v4, 5, 200, 100);
	send_burst(injector);
	check_eq(net_submit(injector, 2, 60), 0);
	net_drain(injector);
	check_eq(net_tap_finish(&tap), 7);
	cr_assert(net_frame_is(net_tap_frame(&tap, 0, &len), 60, 1, 60));
	expect_burst(&tap, 1);
	cr_assert(net_frame_is(net_tap_frame(&tap, 6, &len), 60, 2, 60));
	net_tap_close(&tap);
	zring_injector_close(injector);
}

TEST_RING_AND_SENDMMSG(injector_burst, a_burst_wants_no_slot_reserved)
{
	struct net_tap tap;
	struct zring_injector *injector = open_for_bursts(method, &tap);
	uint8_t *data;

	cr_assert(zring_injector_reserve(injector, &data, 0) > 0);
	build_burst(&flow_v4, 5, 200, 100);
	check_eq(zring_injector_send_burst(injector, burst.packets, burst.nr), -EBUSY);
	net_frame_fill(data, 60, 0);
	check_eq(zring_injector_submit(injector, 60), 0);
	net_drain(injector);
	net_tap_finish(&tap);
	net_tap_expect(&tap, 0, 1, net_size_60);
	net_tap_close(&tap);
	zring_injector_close(injector);
}

/* An injector with vnet_header has the header in front of its frames: bursts are the same. */
TEST_RING_AND_SENDMMSG(injector_burst, a_burst_leaves_beside_offloads)
{
	struct zring_injector_options options = net_injector_options(method);
	struct zring_injector *injector;
	struct net_tap tap;
	size_t len;

	net_lab_open();
	offloads_off();
	net_tap_open(&tap, NET_FAR, false);
	options.vnet_header = 1;
	injector = net_injector_open(NET_NEAR, &options);
	build_burst(&flow_v4, 5, 200, 100);
	send_burst(injector);
	check_eq(net_submit(injector, 1, 60), 0);
	net_drain(injector);
	check_eq(net_tap_finish(&tap), 6);
	expect_burst(&tap, 0);
	cr_assert(net_frame_is(net_tap_frame(&tap, 5, &len), 60, 1, 60));
	net_tap_close(&tap);
	zring_injector_close(injector);
}

TEST_RING_AND_SENDMMSG(injector_burst, a_burst_obeys_the_rate)
{
	struct zring_injector_options options = net_injector_options(method);
	struct zring_injector *injector;
	struct net_tap tap;
	uint64_t start;

	net_lab_open();
	offloads_off();
	net_tap_open(&tap, NET_FAR, false);
	options.rate_pps = 500;
	options.burst_frames = 1;
	injector = net_injector_open(NET_NEAR, &options);
	build_burst(&flow_v4, 10, 200, 100);
	start = net_now_ns();
	for (int i = 0; i < 5; i++)
		send_burst(injector);
	/* 50 frames at 500 a second; the first of all and the last burst may be early. */
	cr_assert(net_now_ns() - start >= 39 * 2000000ull);
	check_eq(net_tap_finish(&tap), 50);
	net_tap_close(&tap);
	zring_injector_close(injector);
}

/* ---- what is no burst ---- */

static void expect_refused(struct zring_injector *injector, const char *what, int error)
{
	const int got = zring_injector_send_burst(injector, burst.packets, burst.nr);

	if (got == -ENOTSUP)
		cr_skip_test("this kernel does not segment UDP (before 6.2)");
	cr_assert(got == error, "%s: %d instead of %d", what, got, error);
}

struct change {
	const char *what;
	uint32_t frame;
	uint32_t offset;
	uint8_t flip;
};

static void refuse_changes(struct zring_injector *injector, const struct net_flow *flow,
			   const struct change *changes, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		build_burst(flow, 4, 200, 200);
		burst.frames[changes[i].frame][changes[i].offset] ^= changes[i].flip;
		if (flow->family == AF_INET)
			rebuild_checksums(changes[i].frame);
		expect_refused(injector, changes[i].what, -EINVAL);
	}
}

static const struct change changes_v4[] = {
	{"another target MAC", 1, 5, 1},
	{"another source MAC", 2, 11, 1},
	{"another Ethertype", 1, 13, 6},
	{"another IP version", 0, 14, 0x20},
	{"another TOS", 3, 15, 4},
	{"an id that does not follow", 2, 19, 8},
	{"a fragment", 0, 20, 0x20},
	{"a fragment among others", 2, 20, 0x20},
	{"another flag", 1, 20, 0x40},
	{"another TTL", 2, 22, 1},
	{"not UDP", 0, 23, 1},
	{"not UDP among others", 2, 23, 1},
	{"another source address", 1, 29, 1},
	{"another target address", 1, 33, 1},
	{"another source port", 3, 35, 1},
	{"another target port", 1, 37, 1},
	{"a UDP length that is wrong", 0, 39, 1},
	{"a UDP length that is wrong among others", 2, 39, 1},
	{"an IP length that is wrong", 1, 17, 1},
	{"IP options", 0, 14, 1},
};

static const struct change changes_v6[] = {
	{"another target MAC", 1, 5, 1},
	{"another IP version", 2, 14, 0x20},
	{"another traffic class", 1, 15, 0x20},
	{"another flow label", 1, 17, 1},
	{"a payload length that is wrong", 2, 19, 1},
	{"not UDP", 0, 20, 1},
	{"another hop limit", 3, 21, 1},
	{"another source address", 1, 37, 1},
	{"another target address", 1, 53, 1},
	{"another source port", 3, 55, 1},
	{"another target port", 2, 57, 1},
	{"a UDP length that is wrong", 1, 59, 1},
};

static void strip_checksum(uint32_t i)
{
	burst.frames[i][40] = burst.frames[i][41] = 0;
}

static void refuse_lengths(struct zring_injector *injector)
{
	build_burst(&flow_v4, 1, 200, 200);
	expect_refused(injector, "one frame", -EINVAL);
	burst.nr = 0;
	expect_refused(injector, "no frame", -EINVAL);
	build_burst(&flow_v4, 65, 100, 100);
	expect_refused(injector, "65 frames", -EINVAL);
	build_burst(&flow_v4, 4, 200, 201);
	expect_refused(injector, "a longer last frame", -EINVAL);
	build_burst(&flow_v4, 4, 200, 200);
	burst.packets[1].len = (uint32_t)net_udp_build(burst.frames[1], &flow_v4, 199, 1);
	expect_refused(injector, "a shorter frame in the middle", -EINVAL);
	build_burst(&flow_v4, 4, 200, 200);
	burst.packets[0].len = 20;
	expect_refused(injector, "a first frame without headers", -EINVAL);
	build_burst(&flow_v4, 4, 200, 200);
	burst.packets[3].len = 30;
	expect_refused(injector, "a last frame without headers", -EINVAL);
	build_burst(&flow_v4, 4, 200, 0);
	expect_refused(injector, "a last frame without payload", -EINVAL);
	build_burst(&flow_v4, 4, 200, 200);
	strip_checksum(2);
	expect_refused(injector, "no checksum", -EINVAL);
	build_burst(&flow_v4, 4, 200, 200);
	for (uint32_t i = 0; i < 4; i++)
		strip_checksum(i);
	expect_refused(injector, "no checksums at all", -EINVAL);
}

TEST_RING_AND_SENDMMSG(injector_burst, what_is_no_burst_is_refused_and_nothing_leaves)
{
	struct net_tap tap;
	struct zring_injector *injector = open_for_bursts(method, &tap);

	refuse_changes(injector, &flow_v4, changes_v4, sizeof(changes_v4) / sizeof(changes_v4[0]));
	refuse_changes(injector, &flow_v6, changes_v6, sizeof(changes_v6) / sizeof(changes_v6[0]));
	refuse_lengths(injector);
	check_eq(net_injector_stats(injector).sent, 0);
	check_eq(net_injector_stats(injector).pending, 0);
	net_inject_numbered(injector, &tap, 0, 10, net_size_60);
	net_tap_finish(&tap);
	net_tap_expect(&tap, 0, 10, net_size_60);
	net_tap_close(&tap);
	zring_injector_close(injector);
}

/* The MTU at the open or the one that came later: the kernel does not look at either. */
static void refuse_above_mtu(uint32_t method, bool late)
{
	const struct zring_injector_options options = net_injector_options(method);
	struct zring_injector *injector;
	struct net_tap tap;

	net_lab_open();
	offloads_off();
	net_tap_open(&tap, NET_FAR, false);
	if (!late)
		net_run("ip link set " NET_NEAR " mtu 1000");
	injector = net_injector_open(NET_NEAR, &options);
	if (late)
		net_run("ip link set " NET_NEAR " mtu 1000");
	build_burst(&flow_v4, 4, 1200, 100);
	expect_refused(injector, "frames above the MTU", -EMSGSIZE);
	net_inject_numbered(injector, &tap, 0, 10, net_size_60);
	net_tap_finish(&tap);
	net_tap_expect(&tap, 0, 10, net_size_60);
	net_tap_close(&tap);
	zring_injector_close(injector);
}

TEST_RING_AND_SENDMMSG(injector_burst, a_burst_above_the_mtu_is_refused)
{
	refuse_above_mtu(method, false);
}

TEST_RING_AND_SENDMMSG(injector_burst, a_burst_minds_an_mtu_that_shrank)
{
	refuse_above_mtu(method, true);
}

/* Together more than the 64 KiB that an IP packet can have. */
TEST_RING_AND_SENDMMSG(injector_burst, a_burst_above_64_kib_is_refused)
{
	struct net_tap tap;
	struct zring_injector *injector = open_for_bursts(method, &tap);

	build_burst(&flow_v4, 64, 1400, 1400);
	expect_refused(injector, "more than 64 KiB", -EMSGSIZE);
	net_inject_numbered(injector, &tap, 0, 10, net_size_60);
	net_tap_finish(&tap);
	net_tap_expect(&tap, 0, 10, net_size_60);
	net_tap_close(&tap);
	zring_injector_close(injector);
}

TEST_RING_AND_SENDMMSG(injector_burst, a_burst_tells_of_a_lost_interface)
{
	struct net_tap tap;
	struct zring_injector *injector = open_for_bursts(method, &tap);

	build_burst(&flow_v4, 4, 200, 200);
	send_burst(injector);
	net_run("ip link set " NET_NEAR " down");
	expect_refused(injector, "down", -ENETDOWN);
	/* The frame in front of the burst can't leave either, for the same cause. */
	check_eq(net_submit(injector, 1, 60), 0);
	expect_refused(injector, "down with a frame in front", -ENETDOWN);
	net_up(NET_NEAR, NET_FAR);
	send_burst(injector);
	check_eq(net_tap_wait(&tap, 9), 9);
	net_run("ip link del " NET_NEAR);
	expect_refused(injector, "deleted", -ENODEV);
	check_eq(net_submit(injector, 2, 60), 0);
	expect_refused(injector, "deleted with a frame in front", -ENODEV);
	check_eq(net_injector_stats(injector).sent, 9);
	net_tap_stop(&tap);
	expect_burst(&tap, 0);
	expect_burst(&tap, 5);
	net_tap_close(&tap);
	zring_injector_close(injector);
}
