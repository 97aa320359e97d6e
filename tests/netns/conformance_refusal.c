/* SPDX-License-Identifier: BSD-2-Clause */
/* Frames that can't go: each costs itself only. Opens that can't be: each names its cause. */
#include "support/conformance.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

TestSuite(refusal, .timeout = 60);

Test(refusal, a_runt_among_good_frames_costs_itself_only)
{
	struct net_tap tap;
	struct zring_injector *injector = conform_lab_injector(&tap);
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
	check_eq(stats.last_error, -EINVAL);
	check_eq(stats.pending, 6);
	check_eq(zring_injector_flush(injector), 6);
	conform_finish(injector, &tap, 0, 6, net_size_mixed);
}

static uint32_t size_14(uint32_t number)
{
	(void)number;
	return 14;
}

Test(refusal, a_bare_header_passes)
{
	struct net_tap tap;
	struct zring_injector *injector = conform_lab_injector(&tap);

	check_eq(net_submit(injector, 0, 14), 0);
	check_eq(zring_injector_flush(injector), 1);
	conform_finish(injector, &tap, 0, 1, size_14);
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

Test(refusal, the_mtu_bounds_a_frame_and_a_tag_may_exceed_it)
{
	struct net_tap tap;
	struct zring_injector *injector = conform_lab_injector(&tap);
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

Test(refusal, more_than_a_slot_holds_is_too_long)
{
	struct net_tap tap;
	struct zring_injector *injector = conform_lab_injector(&tap);

	check_eq(net_submit(injector, 0, 1u << 20), -EMSGSIZE);
	check_eq(net_submit(injector, 0, SIZE_MAX), -EMSGSIZE);
	check_eq(net_submit(injector, 0, 60), 0);
	net_drain(injector);
	check_eq(net_injector_stats(injector).rejected_too_long, 2);
	check_eq(net_injector_stats(injector).last_error, -EMSGSIZE);
	conform_finish(injector, &tap, 0, 1, net_size_60);
}

/* The copying calls refuse the same, and go on behind it. */
Test(refusal, the_copying_calls_pass_bad_frames_over)
{
	static uint8_t frames[9][1600];
	struct zring_packet packets[9] = {{0}};
	struct net_tap tap;
	struct zring_injector *injector = conform_lab_injector(&tap);

	for (uint32_t i = 0, number = 0; i < 9; i++) {
		packets[i].data = frames[i];
		packets[i].len = i % 3 == 1 ? 7 : i % 3 == 2 ? 1515 : 60;
		net_frame_fill(frames[i], packets[i].len, i % 3 ? 1000 : number++);
	}
	check_eq(zring_injector_send_batch(injector, packets, 9), 9);
	check_eq(zring_injector_send(injector, frames[1], 7), -EINVAL);
	check_eq(zring_injector_send(injector, frames[2], 1515), -EMSGSIZE);
	net_drain(injector);
	check_eq(net_injector_stats(injector).rejected_runt, 4);
	check_eq(net_injector_stats(injector).rejected_too_long, 4);
	conform_finish(injector, &tap, 0, 3, net_size_60);
}

/* A larger MTU after the open: what the slot holds may go. */
Test(refusal, a_larger_mtu_is_noticed)
{
	struct zring_injector_options options = conform_injector();
	struct zring_injector *injector;
	struct net_tap tap;

	net_lab_open();
	options.frame_bytes = 1800;
	net_run("ip link set " NET_NEAR " mtu 1000");
	net_tap_open(&tap, NET_FAR, false);
	injector = conform_injector_open(NET_NEAR, &options);
	check_eq(net_submit(injector, 9, 1514), -EMSGSIZE);
	net_run("ip link set " NET_NEAR " mtu 1500");
	check_eq(net_submit(injector, 7, 1514), 0);
	check_eq(net_size_mixed(7), 1514);
	conform_finish(injector, &tap, 7, 1, net_size_mixed);
}

/* ---- checksums left open ---- */

/* The near end does nothing itself: what the far end sees is complete. */
static struct zring_injector *open_vnet(struct net_tap *tap)
{
	struct zring_injector_options options = conform_injector();
	struct zring_injector_info info;
	struct zring_injector *injector;

	net_lab_open();
	net_run("ethtool -K " NET_NEAR
		" tso off gso off tx-udp-segmentation off tx off >/dev/null");
	net_tap_open(tap, NET_FAR, false);
	options.vnet_header = 1;
	injector = conform_injector_open(NET_NEAR, &options);
	zring_injector_get_info(injector, &info);
	check_eq(info.vnet_header, 1);
	cr_assert(info.checksum_by != ZRING_CHECKSUM_BY_NOBODY);
	return injector;
}

static size_t build(uint8_t *frame, uint32_t number, int family)
{
	const struct net_flow flow = {.family = family, .source_port = 9, .target_port = 10};

	return number % 2 ? net_tcp_build(frame, &flow, number * 30, number)
			  : net_udp_build(frame, &flow, number * 30, number);
}

/* Plain frames in between: nothing of an offload sticks to them. */
static void complete_checksums(int family)
{
	struct zring_offload offload = {.flags = ZRING_OFFLOAD_CHECKSUM,
					.checksum_start = family == AF_INET ? 34 : 54};
	struct net_tap tap;
	struct zring_injector *injector = open_vnet(&tap);
	uint8_t expected[1514], *data;

	for (uint32_t i = 0; i < 160; i++) {
		const uint32_t number = i / 2 % 40;
		size_t len;

		if (i % 2) {
			check_eq(net_submit(injector, i, net_size_mixed(i)), 0);
			continue;
		}
		cr_assert(zring_injector_reserve(injector, &data, 1000) > 0);
		len = build(data, number, family);
		net_checksum_leave(data);
		offload.checksum_offset = number % 2 ? 16 : 6;
		check_eq(zring_injector_submit_offload(injector, len, &offload), 0);
	}
	net_drain(injector);
	check_eq(net_tap_finish(&tap), 160);
	for (uint32_t i = 0; i < 160; i++) {
		size_t len;
		const uint8_t *frame = net_tap_frame(&tap, i, &len);

		if (i % 2) {
			check_eq(len, net_size_mixed(i));
			cr_assert(net_frame_is(frame, len, i, len));
			continue;
		}
		check_eq(len, build(expected, i / 2 % 40, family));
		cr_assert(memcmp(frame, expected, len) == 0, "frame %u is not as it should be", i);
		cr_assert(net_checksums_hold(frame, len));
	}
	net_tap_close(&tap);
	zring_injector_close(injector);
}

Test(refusal, ipv4_checksums_are_completed)
{
	complete_checksums(AF_INET);
}

Test(refusal, ipv6_checksums_are_completed)
{
	complete_checksums(AF_INET6);
}

/* Large frames of an injector that could leave checksums open, with and without one. */
Test(refusal, large_frames_with_open_checksums)
{
	const struct net_flow flow = {.family = AF_INET, .source_port = 9, .target_port = 10};
	const struct zring_offload offload = {
		.flags = ZRING_OFFLOAD_CHECKSUM, .checksum_start = 34, .checksum_offset = 6};
	struct zring_injector_options options = conform_injector();
	uint8_t expected[9014], *data;
	struct zring_injector *injector;
	struct net_tap tap;

	conform_need_pieces();
	net_lab_open();
	net_run("ip link set " NET_NEAR " mtu 9000 && ip link set " NET_FAR " mtu 9000");
	net_run("ethtool -K " NET_NEAR " tso off gso off tx off >/dev/null");
	net_tap_open(&tap, NET_FAR, false);
	options.vnet_header = 1;
	injector = conform_injector_open(NET_NEAR, &options);
	for (uint32_t i = 0; i < 100; i++) {
		if (i % 2) {
			check_eq(net_submit(injector, i, net_size_jumbo(i)), 0);
			continue;
		}
		cr_assert(zring_injector_reserve(injector, &data, 5000) > 0);
		net_udp_build(data, &flow, 85 * i, i);
		net_checksum_leave(data);
		check_eq(zring_injector_submit_offload(injector, 42 + 85 * i, &offload), 0);
		net_tap_pace(&tap, i, 9014);
	}
	net_drain(injector);
	check_eq(net_injector_stats(injector).sent, 100);
	check_eq(net_tap_finish(&tap), 100);
	for (uint32_t i = 0; i < 100; i++) {
		size_t len;
		const uint8_t *frame = net_tap_frame(&tap, i, &len);

		if (i % 2) {
			check_eq(len, net_size_jumbo(i));
			cr_assert(net_frame_is(frame, len, i, len));
		} else {
			check_eq(len, net_udp_build(expected, &flow, 85 * i, i));
			cr_assert(memcmp(frame, expected, len) == 0, "frame %u is wrong", i);
		}
	}
	net_tap_close(&tap);
	zring_injector_close(injector);
}

Test(refusal, an_offload_wants_the_option)
{
	const struct zring_offload offload = {
		.flags = ZRING_OFFLOAD_CHECKSUM, .checksum_start = 34, .checksum_offset = 6};
	struct net_tap tap;
	struct zring_injector *injector = conform_lab_injector(&tap);
	uint8_t *data;

	cr_assert(zring_injector_reserve(injector, &data, 0) > 0);
	memset(data, 0, 60);
	check_eq(zring_injector_submit_offload(injector, 60, &offload), -ENOTSUP);
	zring_injector_cancel(injector);
	net_inject_numbered(injector, &tap, 0, 200, net_size_small);
	conform_finish(injector, &tap, 0, 200, net_size_small);
}

/* Offsets outside of the frame, unknown types and flags: each costs its frame only. */
Test(refusal, an_offload_that_makes_no_sense_is_refused)
{
	const struct zring_offload wrong[] = {
		{.flags = ZRING_OFFLOAD_CHECKSUM, .checksum_start = 60, .checksum_offset = 0},
		{.flags = ZRING_OFFLOAD_CHECKSUM, .checksum_start = 34, .checksum_offset = 25},
		{.flags = ZRING_OFFLOAD_CHECKSUM,
		 .checksum_start = 65535,
		 .checksum_offset = 65535},
		{.flags = 0x80},
	};
	const uint32_t nr = sizeof(wrong) / sizeof(wrong[0]);
	struct net_tap tap;
	struct zring_injector *injector = open_vnet(&tap);
	uint8_t *data;

	for (uint32_t i = 0; i < nr; i++) {
		int got;

		cr_assert(zring_injector_reserve(injector, &data, 1000) > 0);
		net_frame_fill(data, 60, 1000 + i);
		got = zring_injector_submit_offload(injector, 60, &wrong[i]);
		cr_assert(got == -EINVAL, "offload %u: %d", i, got);
		check_eq(net_submit(injector, i, 60), 0);
	}
	net_drain(injector);
	check_eq(net_injector_stats(injector).rejected, nr);
	conform_finish(injector, &tap, 0, nr, net_size_60);
}

/* Segmentation is the qdisc's work: who bypasses it says so and loses nothing. */
Test(refusal, segmentation_happens_or_is_refused)
{
	const struct net_flow flow = {.family = AF_INET, .source_port = 9, .target_port = 10};
	const struct zring_offload offload = {
		.flags = ZRING_OFFLOAD_CHECKSUM,
		.gso_type = ZRING_GSO_TCPV4,
		.header_bytes = 54,
		.segment_bytes = 500,
		.checksum_start = 34,
		.checksum_offset = 16,
	};
	struct zring_injector_info info;
	struct net_tap tap;
	struct zring_injector *injector = open_vnet(&tap);
	size_t len, seen_len;
	uint8_t *data;
	int got;

	zring_injector_get_info(injector, &info);
	cr_assert(zring_injector_reserve(injector, &data, 1000) > 0);
	len = net_tcp_build(data, &flow, 1000, 1);
	net_checksum_leave(data);
	got = zring_injector_submit_offload(injector, len, &offload);
	check_eq(got, info.qdisc_bypass ? -ENOTSUP : 0);
	zring_injector_cancel(injector);
	check_eq(net_submit(injector, 9, 60), 0);
	net_drain(injector);
	check_eq(net_tap_finish(&tap), got ? 1 : 3);
	for (size_t i = 0; i < 2 && !got; i++) {
		const uint8_t *seen = net_tap_frame(&tap, i, &seen_len);

		check_eq(seen_len, 554);
		cr_assert(net_checksums_hold(seen, seen_len));
	}
	net_tap_close(&tap);
	zring_injector_close(injector);
}

/* ---- opens ---- */

/* The open fails with that errno, leaves the result alone, and names @word in its message. */
static void refuse(const char *interface, const struct zring_capture_options *options, int error,
		   const char *word)
{
	struct zring_capture *const untouched = (struct zring_capture *)(uintptr_t)16;
	struct zring_capture *capture = untouched;
	struct zring_diag diag = {0};
	const int got = zring_capture_open(interface, options, &diag, &capture);

	if (got == 0)
		zring_capture_close(capture);
	cr_assert(got == error, "%s: %d instead of %d (%s)", word, got, error, diag.message);
	cr_assert(capture == untouched);
	check_eq(diag.error, -error);
	cr_assert(diag.step[0]);
	cr_assert(strstr(diag.message, word), "\"%s\" does not name %s", diag.message, word);
	cr_assert(!strchr(diag.message, '\n'));
	/* Words are optional, the errno is not. */
	check_eq(zring_capture_open(interface, options, NULL, &capture), error);
}

static void refuse_injector(const char *interface, const struct zring_injector_options *options,
			    int error, const char *word)
{
	struct zring_injector *const untouched = (struct zring_injector *)(uintptr_t)16;
	struct zring_injector *injector = untouched;
	struct zring_diag diag = {0};
	const int got = zring_injector_open(interface, options, &diag, &injector);

	if (got == 0)
		zring_injector_close(injector);
	cr_assert(got == error, "%s: %d instead of %d (%s)", word, got, error, diag.message);
	cr_assert(injector == untouched);
	check_eq(diag.error, -error);
	cr_assert(strcasestr(diag.message, word), "\"%s\" does not name %s", diag.message, word);
	check_eq(zring_injector_open(interface, options, NULL, &injector), error);
}

Test(refusal, an_unknown_interface_is_named)
{
	const struct zring_capture_options options = conform_capture();
	const struct zring_injector_options injector = conform_injector();

	net_lab_open();
	refuse("zring-none", &options, -ENODEV, "zring-none");
	refuse("a-name-of-16-cha", &options, -EINVAL, "a-name-of-16-cha");
	refuse("", &options, -EINVAL, "interface");
	refuse_injector("zring-none", &injector, -ENODEV, "zring-none");
	refuse_injector("", &injector, -EINVAL, "interface");
}

Test(refusal, the_size_of_options_is_checked)
{
	struct {
		struct zring_capture_options known;
		uint64_t unknown;
	} options = {.known = conform_capture()};

	net_lab_open();
	options.known.size = 3;
	refuse(NET_FAR, &options.known, -EINVAL, "size");
	options.known.size = sizeof(options);
	zring_capture_close(conform_capture_open(NET_FAR, &options.known));
	options.unknown = 1;
	refuse(NET_FAR, &options.known, -E2BIG, "option");
}

#define REFUSE(field, value)                                               \
	do {                                                               \
		struct zring_capture_options options_ = conform_capture(); \
                                                                           \
		options_.field = (value);                                  \
		refuse(NET_FAR, &options_, -EINVAL, #field);               \
	} while (0)

#define REFUSE_INJECTOR(field, value)                                        \
	do {                                                                 \
		struct zring_injector_options options_ = conform_injector(); \
                                                                             \
		options_.field = (value);                                    \
		refuse_injector(NET_NEAR, &options_, -EINVAL, #field);       \
	} while (0)

Test(refusal, values_out_of_range_are_refused_by_name)
{
	net_lab_open();
	REFUSE(backend, 99);
	REFUSE(profile, 4);
	REFUSE(direction, 3);
	REFUSE(vlan, 2);
	REFUSE(timestamp, 3);
	REFUSE(wait, 4);
	REFUSE(promiscuous, 2);
	REFUSE(rxhash, 2);
	REFUSE(xdp_mode, 4);
	REFUSE(umem_memory, 3);
	REFUSE_INJECTOR(method, 4);
	REFUSE_INJECTOR(nonblocking, 2);
	REFUSE_INJECTOR(vnet_header, 2);
	REFUSE_INJECTOR(frame_bytes, UINT32_MAX);
	REFUSE_INJECTOR(nr_frames, UINT32_MAX);
	REFUSE_INJECTOR(burst_frames, 8);
	REFUSE_INJECTOR(send_time_clock, 1);
}

/* An open that fails takes nothing with it: the next one works. */
Test(refusal, a_refused_open_leaves_nothing_behind)
{
	struct zring_capture_options options = conform_capture();
	struct zring_capture *capture = NULL;
	struct zring_batch batch;

	net_lab_open();
	options.promiscuous = 1;
	for (int i = 0; i < 20; i++) {
		options.memory_bytes = UINT64_MAX / 4;
		cr_assert(zring_capture_open(NET_FAR, &options, NULL, &capture) < 0);
	}
	check_eq(net_promiscuity(NET_FAR), 0);
	options.memory_bytes = 2 << 20;
	capture = conform_capture_open(NET_FAR, &options);
	check_eq(zring_batch_init(&batch, ZRING_BATCH_DEFAULT), 0);
	net_send_numbered(NET_NEAR, 0, 20, net_size_60);
	net_capture_expect(capture, &batch, 0, 20, net_size_60);
	zring_batch_fini(&batch);
	zring_capture_close(capture);
}
