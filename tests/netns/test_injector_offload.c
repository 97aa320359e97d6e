/* SPDX-License-Identifier: BSD-2-Clause */
/* Checksums and segmentation left to the kernel: what comes out is what a NIC would send. */
#include "support/net_zring.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

TestSuite(injector_offload, .timeout = 60);

/* The near end does nothing itself: what the far end sees is what the kernel completed. */
static void offloads_off(void)
{
	net_run("ethtool -K " NET_NEAR
		" tso off gso off tx-udp-segmentation off tx off >/dev/null");
}

static struct zring_injector *open_vnet(uint32_t method)
{
	struct zring_injector_options options = net_injector_options(method);
	struct zring_injector_info info;
	struct zring_injector *injector;

	options.vnet_header = 1;
	options.frame_bytes = 65549;
	options.nr_frames = 8;
	injector = net_injector_open(NET_NEAR, &options);
	zring_injector_get_info(injector, &info);
	check_eq(info.vnet_header, 1);
	cr_assert(info.frame_bytes >= 65549);
	return injector;
}

/* ---- checksums ---- */

static void complete_checksums(uint32_t method, int family)
{
	struct zring_offload offload = {.flags = ZRING_OFFLOAD_CHECKSUM};
	struct net_flow flow = {.family = family, .source_port = 9, .target_port = 10};
	const uint16_t start = family == AF_INET ? 34 : 54;
	struct zring_injector *injector;
	uint8_t expected[1514], *data;
	struct net_tap tap;

	net_lab_open();
	offloads_off();
	net_tap_open(&tap, NET_FAR, false);
	injector = open_vnet(method);
	for (uint32_t i = 0; i < 40; i++) {
		size_t len;

		cr_assert(zring_injector_reserve(injector, &data, 1000) > 0);
		len = i % 2 ? net_tcp_build(data, &flow, i * 30, i)
			    : net_udp_build(data, &flow, i * 30, i);
		net_checksum_leave(data);
		offload.checksum_start = start;
		offload.checksum_offset = i % 2 ? 16 : 6;
		check_eq(zring_injector_submit_offload(injector, len, &offload), 0);
		cr_assert(zring_injector_flush(injector) == 1);
	}
	net_drain(injector);
	check_eq(net_tap_finish(&tap), 40);
	for (uint32_t i = 0; i < 40; i++) {
		size_t len;
		const uint8_t *frame = net_tap_frame(&tap, i, &len);
		const size_t built = i % 2 ? net_tcp_build(expected, &flow, i * 30, i)
					   : net_udp_build(expected, &flow, i * 30, i);

		check_eq(len, built);
		cr_assert(memcmp(frame, expected, len) == 0, "frame %u is not as it should be", i);
	}
	net_tap_close(&tap);
	zring_injector_close(injector);
}

TEST_RING_AND_SENDMMSG(injector_offload, ipv4_checksums_are_completed)
{
	complete_checksums(method, AF_INET);
}

TEST_RING_AND_SENDMMSG(injector_offload, ipv6_checksums_are_completed)
{
	complete_checksums(method, AF_INET6);
}

/* Frames that want nothing pass between those that do, and nothing sticks to them. */
TEST_RING_AND_SENDMMSG(injector_offload, plain_frames_stay_as_they_are)
{
	const struct net_flow flow = {.family = AF_INET, .source_port = 9, .target_port = 10};
	const struct zring_offload offload = {
		.flags = ZRING_OFFLOAD_CHECKSUM, .checksum_start = 34, .checksum_offset = 6};
	struct zring_injector *injector;
	uint8_t expected[1514], *data;
	struct net_tap tap;

	net_lab_open();
	offloads_off();
	net_tap_open(&tap, NET_FAR, false);
	injector = open_vnet(method);
	for (uint32_t i = 0; i < 100; i++) {
		if (i % 2) {
			check_eq(net_submit(injector, i, net_size_mixed(i)), 0);
		} else {
			cr_assert(zring_injector_reserve(injector, &data, 1000) > 0);
			net_udp_build(data, &flow, 100, i);
			net_checksum_leave(data);
			check_eq(zring_injector_submit_offload(injector, 142, &offload), 0);
		}
	}
	net_drain(injector);
	check_eq(net_tap_finish(&tap), 100);
	for (uint32_t i = 0; i < 100; i++) {
		size_t len;
		const uint8_t *frame = net_tap_frame(&tap, i, &len);

		if (i % 2) {
			check_eq(len, net_size_mixed(i));
			cr_assert(net_frame_is(frame, len, i, len));
		} else {
			check_eq(len, net_udp_build(expected, &flow, 100, i));
			cr_assert(memcmp(frame, expected, len) == 0);
		}
	}
	net_tap_close(&tap);
	zring_injector_close(injector);
}

TEST_RING_AND_SENDMMSG(injector_offload, an_offload_wants_the_option)
{
	const struct zring_injector_options options = net_injector_options(method);
	const struct zring_offload offload = {
		.flags = ZRING_OFFLOAD_CHECKSUM, .checksum_start = 34, .checksum_offset = 6};
	struct zring_injector *injector;
	struct net_tap tap;
	uint8_t *data;

	net_lab_open();
	net_tap_open(&tap, NET_FAR, false);
	injector = net_injector_open(NET_NEAR, &options);
	cr_assert(zring_injector_reserve(injector, &data, 0) > 0);
	memset(data, 0, 60);
	check_eq(zring_injector_submit_offload(injector, 60, &offload), -ENOTSUP);
	zring_injector_cancel(injector);
	net_inject_numbered(injector, &tap, 0, 200, net_size_small);
	net_tap_finish(&tap);
	net_tap_expect(&tap, 0, 200, net_size_small);
	net_tap_close(&tap);
	zring_injector_close(injector);
}

/* Offsets outside of the frame, unknown types and flags: each costs its frame only. */
TEST_RING_AND_SENDMMSG(injector_offload, an_offload_that_makes_no_sense_is_refused)
{
	const struct zring_offload wrong[] = {
		{.flags = ZRING_OFFLOAD_CHECKSUM, .checksum_start = 60, .checksum_offset = 0},
		{.flags = ZRING_OFFLOAD_CHECKSUM, .checksum_start = 34, .checksum_offset = 25},
		{.flags = ZRING_OFFLOAD_CHECKSUM,
		 .checksum_start = 65535,
		 .checksum_offset = 65535},
		{.gso_type = ZRING_GSO_TCPV4, .header_bytes = 61, .segment_bytes = 10},
		{.gso_type = ZRING_GSO_TCPV4, .header_bytes = 54, .segment_bytes = 0},
		{.gso_type = 77, .header_bytes = 54, .segment_bytes = 3},
		{.flags = 0x80},
	};
	const uint32_t nr = sizeof(wrong) / sizeof(wrong[0]);
	struct zring_injector *injector;
	struct net_tap tap;
	uint8_t *data;

	net_lab_open();
	net_tap_open(&tap, NET_FAR, false);
	injector = open_vnet(method);
	for (uint32_t i = 0; i < nr; i++) {
		int got;

		cr_assert(zring_injector_reserve(injector, &data, 1000) > 0);
		net_frame_fill(data, 60, 1000 + i);
		got = zring_injector_submit_offload(injector, 60, &wrong[i]);
		cr_assert(got == -EINVAL, "offload %u: %d", i, got);
		check_eq(net_submit(injector, i, 60), 0);
	}
	net_drain(injector);
	net_tap_finish(&tap);
	net_tap_expect(&tap, 0, nr, net_size_60);
	net_tap_close(&tap);
	zring_injector_close(injector);
}

/* ---- TCP segmentation ---- */

#define SEGMENT   1000u
#define SUPER_LEN 5300u

/* One super-frame of 5300 bytes of payload leaves as five segments and a rest. */
static void segment_tcp(uint32_t method, int family)
{
	struct net_flow flow = {
		.family = family, .source_port = 9, .target_port = 10, .id = 100, .seq = 5000};
	const uint16_t headers = (uint16_t)NET_TCP_HEADERS(family);
	const struct zring_offload offload = {
		.flags = ZRING_OFFLOAD_CHECKSUM,
		.gso_type = family == AF_INET ? ZRING_GSO_TCPV4 : ZRING_GSO_TCPV6,
		.header_bytes = headers,
		.segment_bytes = SEGMENT,
		.checksum_start = (uint16_t)(headers - 20),
		.checksum_offset = 16,
	};
	uint8_t whole[NET_FRAME_MAX], expected[NET_FRAME_MAX], *data;
	struct zring_injector *injector;
	struct net_tap tap;
	size_t len;

	net_lab_open();
	offloads_off();
	net_tap_open(&tap, NET_FAR, false);
	injector = open_vnet(method);
	cr_assert(zring_injector_reserve(injector, &data, 1000) > 0);
	len = net_tcp_build(data, &flow, SUPER_LEN, 1);
	memcpy(whole, data, len);
	net_checksum_leave(data);
	check_eq(zring_injector_submit_offload(injector, len, &offload), 0);
	check_eq(zring_injector_flush(injector), 1);
	net_drain(injector);
	check_eq(net_tap_finish(&tap), 6);
	for (uint32_t i = 0; i < 6; i++) {
		const size_t payload = i < 5 ? SEGMENT : SUPER_LEN - 5 * SEGMENT;
		size_t seen_len;
		const uint8_t *seen = net_tap_frame(&tap, i, &seen_len);

		/* Headers with their own id, number and length; checksums are compared below. */
		flow.id = (uint16_t)(100 + i);
		flow.seq = 5000 + i * SEGMENT;
		check_eq(seen_len, net_tcp_build(expected, &flow, payload, 1));
		cr_assert(memcmp(seen + headers, whole + headers + i * SEGMENT, payload) == 0);
		cr_assert(memcmp(seen, expected, headers - 4u) == 0, "headers of segment %u", i);
		cr_assert(net_checksums_hold(seen, seen_len), "checksum of segment %u", i);
	}
	net_tap_close(&tap);
	zring_injector_close(injector);
}

TEST_RING_AND_SENDMMSG(injector_offload, ipv4_tcp_is_segmented)
{
	segment_tcp(method, AF_INET);
}

TEST_RING_AND_SENDMMSG(injector_offload, ipv6_tcp_is_segmented)
{
	segment_tcp(method, AF_INET6);
}

/* Segments have to fit the MTU: the kernel would send them, or drop them without a word. */
TEST_RING_AND_SENDMMSG(injector_offload, segments_above_the_mtu_are_refused)
{
	const struct net_flow flow = {.family = AF_INET, .source_port = 9, .target_port = 10};
	struct zring_offload offload = {
		.flags = ZRING_OFFLOAD_CHECKSUM,
		.gso_type = ZRING_GSO_TCPV4,
		.header_bytes = 54,
		.segment_bytes = 1461,
		.checksum_start = 34,
		.checksum_offset = 16,
	};
	struct zring_injector *injector;
	struct net_tap tap;
	uint8_t *data;
	size_t len;

	net_lab_open();
	offloads_off();
	net_tap_open(&tap, NET_FAR, false);
	injector = open_vnet(method);
	cr_assert(zring_injector_reserve(injector, &data, 1000) > 0);
	len = net_tcp_build(data, &flow, 5000, 1);
	check_eq(zring_injector_submit_offload(injector, len, &offload), -EMSGSIZE);
	offload.segment_bytes = 1460;
	cr_assert(zring_injector_reserve(injector, &data, 1000) > 0);
	len = net_tcp_build(data, &flow, 5000, 1);
	net_checksum_leave(data);
	check_eq(zring_injector_submit_offload(injector, len, &offload), 0);
	net_drain(injector);
	check_eq(net_injector_stats(injector).rejected_too_long, 1);
	check_eq(net_tap_finish(&tap), 4);
	net_tap_frame(&tap, 0, &len);
	check_eq(len, 1514);
	net_tap_close(&tap);
	zring_injector_close(injector);
}

/* What only the kernel knows to refuse is no runt, and does not stop what is behind it. */
TEST_RING_AND_SENDMMSG(injector_offload, an_offload_that_the_kernel_refuses_costs_itself_only)
{
	const struct net_flow flow = {.family = AF_INET, .source_port = 9, .target_port = 10};
	/* TCP segmentation with UDP's checksum: refused since 6.11. */
	const struct zring_offload offload = {
		.flags = ZRING_OFFLOAD_CHECKSUM,
		.gso_type = ZRING_GSO_TCPV4,
		.header_bytes = 54,
		.segment_bytes = 1000,
		.checksum_start = 34,
		.checksum_offset = 6,
	};
	struct zring_injector_stats stats;
	struct zring_injector *injector;
	struct net_tap tap;
	uint8_t *data;
	size_t len;

	net_lab_open();
	offloads_off();
	net_tap_open(&tap, NET_FAR, false);
	injector = open_vnet(method);
	check_eq(net_submit(injector, 0, 60), 0);
	cr_assert(zring_injector_reserve(injector, &data, 1000) > 0);
	len = net_tcp_build(data, &flow, 5000, 1);
	check_eq(zring_injector_submit_offload(injector, len, &offload), 0);
	check_eq(net_submit(injector, 1, 60), 0);
	net_drain(injector);
	stats = net_injector_stats(injector);
	if (stats.rejected == 0)
		cr_skip_test("this kernel takes such an offload (before 6.11)");
	check_eq(stats.rejected_kernel, 1);
	check_eq(stats.rejected_runt, 0);
	net_tap_finish(&tap);
	net_tap_expect(&tap, 0, 2, net_size_60);
	net_tap_close(&tap);
	zring_injector_close(injector);
}
