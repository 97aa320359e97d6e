/* SPDX-License-Identifier: BSD-2-Clause */
/* What an injector's open refuses, and that it says why; what holds afterwards. */
#include "support/net_zring.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

TestSuite(injector_options, .timeout = 60);

/* The open fails with that errno, leaves the result alone, and names @word in its message. */
static void refuse(const char *interface, const struct zring_injector_options *options, int error,
		   const char *word)
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
	cr_assert(diag.step[0]);
	cr_assert(strcasestr(diag.message, word), "\"%s\" does not name %s", diag.message, word);
	cr_assert(!strchr(diag.message, '\n'));
	check_eq(zring_injector_open(interface, options, NULL, &injector), error);
}

Test(injector_options, interfaces_are_looked_at)
{
	net_lab_open();
	refuse("zring-none", NULL, -ENODEV, "zring-none");
	refuse("", NULL, -EINVAL, "interface");
	refuse(NULL, NULL, -EINVAL, "interface");
	refuse("a-name-of-16-cha", NULL, -EINVAL, "a-name-of-16-cha");
}

struct longer_options {
	struct zring_injector_options known;
	uint64_t unknown;
};

Test(injector_options, the_size_of_options_is_checked)
{
	struct longer_options options = {.known = ZRING_INJECTOR_OPTIONS_INIT};

	net_lab_open();
	options.known.size = 0;
	refuse(NET_NEAR, &options.known, -EINVAL, "size");
	options.known.size = SIZE_MAX;
	refuse(NET_NEAR, &options.known, -EINVAL, "size");
	options.known.size = sizeof(options);
	zring_injector_close(net_injector_open(NET_NEAR, &options.known));
	options.unknown = 1;
	refuse(NET_NEAR, &options.known, -E2BIG, "option");
	/* An older program: what it does not know is default. */
	options.known.size = offsetof(struct zring_injector_options, frame_bytes);
	options.known.nr_frames = UINT32_MAX;
	zring_injector_close(net_injector_open(NET_NEAR, &options.known));
}

#define REFUSE(method_, field, value, error)                                          \
	do {                                                                          \
		struct zring_injector_options options_ = ZRING_INJECTOR_OPTIONS_INIT; \
                                                                                      \
		options_.method = (method_);                                          \
		options_.field = (value);                                             \
		refuse(NET_NEAR, &options_, error, #field);                           \
	} while (0)

Test(injector_options, values_out_of_range_are_refused_by_name)
{
	struct zring_injector_options options = ZRING_INJECTOR_OPTIONS_INIT;

	net_lab_open();
	REFUSE(ZRING_METHOD_AUTO, backend, 99, -EINVAL);
	REFUSE(ZRING_METHOD_AUTO, method, 4, -EINVAL);
	REFUSE(ZRING_METHOD_AUTO, xdp_mode, 4, -EINVAL);
	REFUSE(ZRING_METHOD_AUTO, nonblocking, 2, -EINVAL);
	REFUSE(ZRING_METHOD_AUTO, qdisc_bypass, 2, -EINVAL);
	REFUSE(ZRING_METHOD_AUTO, loss, 2, -EINVAL);
	REFUSE(ZRING_METHOD_AUTO, vnet_header, 2, -EINVAL);
	REFUSE(ZRING_METHOD_AUTO, send_time, 2, -EINVAL);
	REFUSE(ZRING_METHOD_AUTO, frame_bytes, UINT32_MAX, -EINVAL);
	REFUSE(ZRING_METHOD_AUTO, nr_frames, UINT32_MAX, -EINVAL);
	REFUSE(ZRING_METHOD_AUTO, send_buffer_bytes, 1u << 31, -EINVAL);
	options.reserved[sizeof(options.reserved) - 1] = 1;
	refuse(NET_NEAR, &options, -EINVAL, "reserved");
}

/* What one method has and the other has not. */
Test(injector_options, options_of_the_other_method_are_refused_by_name)
{
	net_lab_open();
	REFUSE(ZRING_METHOD_SENDMMSG, loss, 1, -ENOTSUP);
	{
		struct zring_injector_options options = ZRING_INJECTOR_OPTIONS_INIT;

		options.method = ZRING_METHOD_RING;
		options.send_time = 1;
		refuse(NET_NEAR, &options, -ENOTSUP, "send time");
	}
}

/* AUTO takes the method that can do what was asked for. */
Test(injector_options, auto_follows_the_options)
{
	struct zring_injector_options options = net_injector_options(ZRING_METHOD_AUTO);
	struct zring_injector_info info;
	struct zring_injector *injector;

	net_lab_open();
	options.loss = 1;
	injector = net_injector_open(NET_NEAR, &options);
	zring_injector_get_info(injector, &info);
	check_eq(info.method, ZRING_METHOD_RING);
	cr_assert(info.method_reason[0]);
	zring_injector_close(injector);
	options.loss = 0;
	options.send_time = 1;
	injector = net_injector_open(NET_NEAR, &options);
	zring_injector_get_info(injector, &info);
	check_eq(info.method, ZRING_METHOD_SENDMMSG);
	zring_injector_close(injector);
}

TEST_RING_AND_SENDMMSG(injector_options, options_are_read_back)
{
	struct zring_injector_options options = net_injector_options(method);
	struct zring_injector_info info;
	struct zring_injector *injector;

	net_lab_open();
	options.frame_bytes = 3000;
	options.nr_frames = 100;
	options.qdisc_bypass = 1;
	options.vnet_header = 1;
	options.send_buffer_bytes = 65536;
	options.rate_pps = 12345;
	options.rate_bps = 98765432;
	options.burst_frames = 7;
	injector = net_injector_open(NET_NEAR, &options);
	zring_injector_get_info(injector, &info);
	check_eq(info.method, method);
	cr_assert(info.frame_bytes >= 3000);
	check_eq(info.nr_frames, 128);
	check_eq(info.qdisc_bypass, 1);
	check_eq(info.vnet_header, 1);
	check_eq(info.send_buffer_bytes, 131072);
	check_eq(info.rate_pps, 12345);
	check_eq(info.rate_bps, 98765432);
	check_eq(info.burst_frames, 7);
	cr_assert(info.memory_bytes >= 128ull * 3000);
	zring_injector_close(injector);
}

Test(injector_options, a_failed_open_comes_back_to_the_own_namespace)
{
	struct zring_injector_options options = ZRING_INJECTOR_OPTIONS_INIT;
	struct zring_injector *injector = NULL;
	struct zring_diag diag = {0};
	char path[64];
	uint64_t before;
	int other;

	net_lab_open();
	other = net_namespace_new();
	before = net_namespace_id();
	options.netns = net_namespace_path(other, path, sizeof(path));
	check_eq(zring_injector_open(NET_NEAR, &options, &diag, &injector), -ENODEV);
	check_eq(net_namespace_id(), before);
	options.netns = "zring-no-such-namespace";
	check_eq(zring_injector_open(NET_NEAR, &options, &diag, &injector), -ENOENT);
	cr_assert(strstr(diag.message, "zring-no-such-namespace"));
	cr_assert(!injector);
}

Test(injector_options, closing_nothing_is_allowed)
{
	zring_injector_close(NULL);
}

Test(injector_options, options_that_would_do_nothing_are_refused)
{
	net_lab_open();
	REFUSE(ZRING_METHOD_AUTO, burst_frames, 8, -EINVAL);
	REFUSE(ZRING_METHOD_AUTO, send_time_clock, 1, -EINVAL);
}
