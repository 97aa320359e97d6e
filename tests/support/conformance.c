/* SPDX-License-Identifier: BSD-2-Clause */
#include "support/conformance.h"

#include <stdlib.h>
#include <string.h>

static const struct {
	const char *name;
	uint32_t backend;
	uint32_t xdp_mode;
} kinds[] = {
	{"afpacket", ZRING_BACKEND_AFPACKET, 0},
	{"afxdp-native", ZRING_BACKEND_AFXDP, ZRING_XDP_MODE_NATIVE},
	{"afxdp-generic", ZRING_BACKEND_AFXDP, ZRING_XDP_MODE_GENERIC},
};

static size_t kind(void)
{
	const char *name = getenv("ZRING_TEST_BACKEND");

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(name ? name : kinds[0].name, kinds[i].name) == 0)
			return i;
	cr_assert_fail("ZRING_TEST_BACKEND=%s: afpacket, afxdp-native or afxdp-generic", name);
	return 0;
}

bool conform_is_xdp(void)
{
	return kinds[kind()].backend == ZRING_BACKEND_AFXDP;
}

bool conform_is_generic(void)
{
	return kinds[kind()].xdp_mode == ZRING_XDP_MODE_GENERIC;
}

void conform_need_pieces(void)
{
	if (conform_is_xdp())
		net_need_kernel(6, 6, "AF_XDP frames in several chunks");
}

struct zring_capture_options conform_capture(void)
{
	struct zring_capture_options options = ZRING_CAPTURE_OPTIONS_INIT;

	options.backend = kinds[kind()].backend;
	options.xdp_mode = kinds[kind()].xdp_mode;
	options.direction = ZRING_CAPTURE_IN;
	options.memory_bytes = 2 << 20;
	return options;
}

struct zring_capture_options conform_small_capture(void)
{
	struct zring_capture_options options = conform_capture();

	options.memory_bytes = 256 << 10;
	return options;
}

struct zring_injector_options conform_injector(void)
{
	struct zring_injector_options options = ZRING_INJECTOR_OPTIONS_INIT;

	options.backend = kinds[kind()].backend;
	options.xdp_mode = kinds[kind()].xdp_mode;
	options.nr_frames = 64;
	return options;
}

struct zring_capture *conform_capture_open(const char *interface,
					   const struct zring_capture_options *options)
{
	struct zring_capture *capture = net_capture_open(interface, options);
	struct zring_capture_info info;

	zring_capture_get_info(capture, &info);
	check_eq(info.backend, kinds[kind()].backend);
	check_eq(info.xdp_mode, kinds[kind()].xdp_mode);
	return capture;
}

struct zring_injector *conform_injector_open(const char *interface,
					     const struct zring_injector_options *options)
{
	struct zring_injector *injector = net_injector_open(interface, options);
	struct zring_injector_info info;

	zring_injector_get_info(injector, &info);
	check_eq(info.backend, kinds[kind()].backend);
	check_eq(info.xdp_mode, kinds[kind()].xdp_mode);
	return injector;
}

struct zring_capture *conform_lab_capture(void)
{
	const struct zring_capture_options options = conform_capture();

	net_lab_open();
	return conform_capture_open(NET_FAR, &options);
}

struct zring_injector *conform_lab_injector(struct net_tap *tap)
{
	const struct zring_injector_options options = conform_injector();

	net_lab_open();
	net_tap_open(tap, NET_FAR, false);
	return conform_injector_open(NET_NEAR, &options);
}

void conform_finish(struct zring_injector *injector, struct net_tap *tap, uint32_t first,
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

uint32_t conform_borrow(struct zring_capture *capture, struct zring_batch *batch)
{
	const int got = conform_event(capture, batch, 200);

	cr_assert(got > 0, "next: %s", got ? strerror(-got) : "no packet came");
	return (uint32_t)got;
}

int conform_event(struct zring_capture *capture, struct zring_batch *batch, int timeout_ms)
{
	const uint64_t end = net_now_ns() + NET_PATIENCE_NS;
	int got;

	do
		got = zring_capture_next(capture, batch, timeout_ms);
	while (got == 0 && net_now_ns() < end);
	return got;
}

void conform_all_delivered(struct zring_capture *capture, uint32_t count)
{
	const struct zring_capture_stats stats = net_capture_stats(capture);

	check_eq(stats.received, count);
	check_eq(stats.delivered, count);
	check_eq(stats.dropped, 0);
	check_eq(stats.malformed, 0);
	check_eq(stats.pending, 0);
	check_eq(stats.truncated, 0);
}
