/* SPDX-License-Identifier: BSD-2-Clause */
/* What an open refuses, and that it says why; what it makes do with, and that it says so. */
#include "support/net_zring.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

TestSuite(capture_options, .timeout = 60);

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

Test(capture_options, an_unknown_interface_is_named)
{
	net_lab_open();
	refuse("zring-none", NULL, -ENODEV, "zring-none");
}

Test(capture_options, what_is_no_name_is_refused)
{
	net_lab_open();
	refuse("", NULL, -EINVAL, "interface");
	refuse(NULL, NULL, -EINVAL, "interface");
	refuse("a-name-of-16-cha", NULL, -EINVAL, "a-name-of-16-cha");
	refuse("a-very-long-name-that-no-interface-can-have", NULL, -EINVAL, "a-very-long-name");
}

/* The longest name that the kernel takes works. */
Test(capture_options, a_name_of_15_characters_works)
{
	struct zring_capture_info info;
	struct zring_capture *capture;

	net_lab_open();
	net_run("ip link set " NET_FAR " down && ip link set " NET_FAR " name fifteen-letters");
	capture = net_capture_open("fifteen-letters", NULL);
	zring_capture_get_info(capture, &info);
	cr_assert_str_eq(info.interface, "fifteen-letters");
	zring_capture_close(capture);
}

/* ---- the options' own size ---- */

struct longer_options {
	struct zring_capture_options known;
	uint64_t unknown;
};

Test(capture_options, the_size_of_options_is_checked)
{
	struct longer_options options = {.known = ZRING_CAPTURE_OPTIONS_INIT};
	struct zring_capture *capture;

	net_lab_open();
	options.known.profile = ZRING_PROFILE_LOW_MEMORY;
	options.known.size = 0;
	refuse(NET_FAR, &options.known, -EINVAL, "size");
	options.known.size = 3;
	refuse(NET_FAR, &options.known, -EINVAL, "size");
	options.known.size = SIZE_MAX;
	refuse(NET_FAR, &options.known, -EINVAL, "size");
	/* A newer program that uses nothing new. */
	options.known.size = sizeof(options);
	zring_capture_close(net_capture_open(NET_FAR, &options.known));
	options.unknown = 1;
	refuse(NET_FAR, &options.known, -E2BIG, "option");
	/* An older one that knows only the first fields: the rest is default. */
	options.known.size = offsetof(struct zring_capture_options, memory_bytes);
	options.known.snaplen = 40;
	capture = net_capture_open(NET_FAR, &options.known);
	{
		struct zring_capture_info info;

		zring_capture_get_info(capture, &info);
		check_eq(info.memory_bytes, 1 << 20);
		check_eq(info.snaplen, UINT32_MAX);
	}
	zring_capture_close(capture);
}

/* ---- values ---- */

#define REFUSE(profile_, field, value)                                              \
	do {                                                                        \
		struct zring_capture_options options_ = ZRING_CAPTURE_OPTIONS_INIT; \
                                                                                    \
		options_.profile = (profile_);                                      \
		options_.field = (value);                                           \
		refuse(NET_FAR, &options_, -EINVAL, #field);                        \
	} while (0)

Test(capture_options, values_out_of_range_are_refused_by_name)
{
	net_lab_open();
	REFUSE(ZRING_PROFILE_THROUGHPUT, backend, 99);
	REFUSE(ZRING_PROFILE_THROUGHPUT, profile, 4);
	REFUSE(ZRING_PROFILE_THROUGHPUT, direction, 3);
	REFUSE(ZRING_PROFILE_THROUGHPUT, vlan, 2);
	REFUSE(ZRING_PROFILE_THROUGHPUT, timestamp, 3);
	REFUSE(ZRING_PROFILE_THROUGHPUT, wait, 4);
	REFUSE(ZRING_PROFILE_THROUGHPUT, exclusive, 2);
	REFUSE(ZRING_PROFILE_THROUGHPUT, xdp_mode, 4);
	REFUSE(ZRING_PROFILE_THROUGHPUT, promiscuous, 2);
	REFUSE(ZRING_PROFILE_THROUGHPUT, prefer_busy_poll, 2);
	REFUSE(ZRING_PROFILE_THROUGHPUT, force_receive_buffer, 2);
	REFUSE(ZRING_PROFILE_THROUGHPUT, rxhash, 2);
	REFUSE(ZRING_PROFILE_THROUGHPUT, busy_poll_us, 1u << 31);
	REFUSE(ZRING_PROFILE_THROUGHPUT, busy_poll_budget, 1u << 31);
	REFUSE(ZRING_PROFILE_THROUGHPUT, receive_buffer_bytes, 1u << 31);
}

Test(capture_options, a_ring_that_no_kernel_takes_is_refused_by_name)
{
	struct zring_capture_options options = ZRING_CAPTURE_OPTIONS_INIT;

	net_lab_open();
	REFUSE(ZRING_PROFILE_THROUGHPUT, memory_bytes, 5ull << 30);
	REFUSE(ZRING_PROFILE_THROUGHPUT, memory_bytes, UINT64_MAX);
	REFUSE(ZRING_PROFILE_THROUGHPUT, latency_ms, 4000000000u);
	REFUSE(ZRING_PROFILE_LOW_LATENCY, frame_bytes, 4000000000u);
	options.block_bytes = 4000000000u;
	refuse(NET_FAR, &options, -EINVAL, "block");
	options.block_bytes = 1 << 20;
	options.nr_blocks = 1u << 20;
	refuse(NET_FAR, &options, -EINVAL, "blocks");
	options.memory_bytes = 1 << 20;
	options.nr_blocks = 4;
	refuse(NET_FAR, &options, -EINVAL, "nr_blocks");
}

Test(capture_options, options_of_the_other_ring_version_are_refused_by_name)
{
	net_lab_open();
	REFUSE(ZRING_PROFILE_LOW_LATENCY, latency_ms, 5);
	REFUSE(ZRING_PROFILE_LOW_LATENCY, rxhash, 1);
	REFUSE(ZRING_PROFILE_THROUGHPUT, frame_bytes, 2048);
}

Test(capture_options, reserved_bytes_must_be_zero)
{
	struct zring_capture_options options = ZRING_CAPTURE_OPTIONS_INIT;

	net_lab_open();
	options.reserved[sizeof(options.reserved) - 1] = 1;
	refuse(NET_FAR, &options, -EINVAL, "reserved");
}

Test(capture_options, a_filter_must_be_complete)
{
	const struct sock_filter accept_all = BPF_STMT(BPF_RET | BPF_K, 0xffff);
	const struct sock_filter nonsense = {.code = 0xffff};
	struct zring_capture_options options = ZRING_CAPTURE_OPTIONS_INIT;
	struct zring_filter filter = {.type = 7};

	net_lab_open();
	options.filter = &filter;
	refuse(NET_FAR, &options, -EINVAL, "filter");
	filter = (struct zring_filter){.type = ZRING_FILTER_CBPF};
	refuse(NET_FAR, &options, -EINVAL, "instructions");
	filter = (struct zring_filter){.type = ZRING_FILTER_CBPF, .nr_insns = 1};
	refuse(NET_FAR, &options, -EINVAL, "instructions");
	filter = (struct zring_filter){.type = ZRING_FILTER_CBPF, .insns = &accept_all};
	refuse(NET_FAR, &options, -EINVAL, "instructions");
	filter = (struct zring_filter){
		.type = ZRING_FILTER_CBPF, .insns = &accept_all, .nr_insns = 70000};
	refuse(NET_FAR, &options, -EINVAL, "instructions");
	filter =
		(struct zring_filter){.type = ZRING_FILTER_CBPF, .insns = &nonsense, .nr_insns = 1};
	refuse(NET_FAR, &options, -EINVAL, "program");
	filter = (struct zring_filter){.type = ZRING_FILTER_NONE, .reserved = 1};
	refuse(NET_FAR, &options, -EINVAL, "reserved");
}

/* ---- a kernel with little memory ---- */

/* Of a ring, bytes that "the kernel" below still has. */
static uint64_t ring_limit = UINT64_MAX;

/* In front of the C library's, for the library too. */
int setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
	if (level == SOL_PACKET && name == PACKET_RX_RING) {
		struct tpacket_req request;

		memcpy(&request, value, sizeof(request));
		if ((uint64_t)request.tp_block_size * request.tp_block_nr > ring_limit) {
			errno = ENOMEM;
			return -1;
		}
	}
	return (int)syscall(SYS_setsockopt, fd, level, name, value, len);
}

TEST_V3_AND_V2(capture_options, a_ring_that_does_not_fit_shrinks_and_says_so)
{
	struct zring_capture_options options = net_capture_options(profile);
	struct zring_capture_info info;
	struct zring_capture *capture;
	struct zring_batch batch;

	net_lab_open();
	options.memory_bytes = 16 << 20;
	ring_limit = 3 << 20;
	capture = net_capture_open(NET_FAR, &options);
	zring_capture_get_info(capture, &info);
	cr_assert(info.adjusted & ZRING_ADJUSTED_RING);
	cr_assert(info.memory_bytes <= 3 << 20);
	cr_assert(info.memory_bytes >= 1 << 20, "shrank further than it had to");
	check_eq((uint64_t)info.block_bytes * info.nr_blocks, info.memory_bytes);
	if (info.tpacket_version == 2)
		check_eq((uint64_t)info.frame_bytes * info.nr_frames, info.memory_bytes);
	/* It goes round several times and works. */
	check_eq(zring_batch_init(&batch, ZRING_BATCH_DEFAULT), 0);
	for (uint32_t sent = 0; sent < 10000; sent += 500) {
		net_send_numbered(NET_NEAR, sent, 500, net_size_mixed);
		net_capture_expect(capture, &batch, sent, 500, net_size_mixed);
	}
	zring_batch_fini(&batch);
	zring_capture_close(capture);
}

TEST_V3_AND_V2(capture_options, no_memory_at_all_is_an_error)
{
	struct zring_capture_options options = net_capture_options(profile);

	net_lab_open();
	ring_limit = 0;
	refuse(NET_FAR, &options, -ENOMEM, "memory");
}

Test(capture_options, closing_nothing_is_allowed)
{
	zring_capture_close(NULL);
}

Test(capture_options, options_that_would_do_nothing_are_refused)
{
	net_lab_open();
	REFUSE(ZRING_PROFILE_THROUGHPUT, force_receive_buffer, 1);
}

/* It has room for nothing: no call may wait for what fits into it. */
TEST_V3_AND_V2(capture_options, a_batch_that_was_not_initialised_is_refused)
{
	const struct zring_capture_options options = net_capture_options(profile);
	struct zring_batch batch = {0};
	struct zring_capture *capture;

	net_lab_open();
	capture = net_capture_open(NET_FAR, &options);
	net_send_numbered(NET_NEAR, 0, 10, net_size_mixed);
	check_eq(zring_capture_next(capture, &batch, -1), -EINVAL);
	zring_capture_close(capture);
}
