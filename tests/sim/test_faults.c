/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every system call fails once, for every number and each plausible errno: what
 * was opened is closed, in the right order (sim_kernel.c checks), outputs stay
 * untouched, the errno is the one that failed, and EINTR never shows.
 */
#include <errno.h>
#include <linux/filter.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zring/zring.h>

#include "support/sim.h"
#include "support/sim_kernel.h"

#define MOST_CALLS 400

/* Errors that a call may meet without the library failing, with the reason. */
static const struct {
	const char *call;
	int error; /* 0: any */
} falls_back[] = {
	{"mmap 8193/0", 0},            /* MAP_SHARED | MAP_LOCKED: mapped unlocked */
	{"setsockopt 263/5", ENOMEM},  /* PACKET_RX_RING: tried smaller */
	{"setsockopt 263/13", ENOMEM}, /* PACKET_TX_RING */
	{"setsockopt 263/17", 0},      /* PACKET_TIMESTAMP: told in adjusted */
	{"setsockopt 1/46", 0},        /* SO_BUSY_POLL: told in adjusted */
	{"setsockopt 1/69", 0},        /* SO_PREFER_BUSY_POLL */
	{"setsockopt 1/70", 0},        /* SO_BUSY_POLL_BUDGET */
	{"setsockopt 1/8", 0},         /* SO_RCVBUF: told in adjusted */
	{"setsockopt 1/33", 0},        /* SO_RCVBUFFORCE */
	{"getsockopt 1/46", 0},        /* values in effect are told as 0 then */
	{"getsockopt 1/69", 0},
	{"getsockopt 1/70", 0},
	{"getsockopt 1/8", 0},
	{"getsockopt 1/33", 0},
	{"getsockopt 1/7", 0},   /* SO_SNDBUF */
	{"getsockopt 263/6", 0}, /* PACKET_STATISTICS: counted with the next ones */
	{"socket 16/0", 0},      /* netlink, for method auto: sendmmsg then */
	{"open 0/0", ENOENT},    /* /run/netns: /var/run/netns is tried */
};

static bool may_fall_back(const char *call, int error)
{
	for (size_t i = 0; i < sizeof(falls_back) / sizeof(*falls_back); i++)
		if (!strcmp(call, falls_back[i].call) &&
		    (!falls_back[i].error || falls_back[i].error == error))
			return true;
	return false;
}

/* What the library makes of an errno at a call. */
static int translated(const char *call, int error)
{
	if (!strcmp(call, "bind 0/0") && error == ENXIO)
		return -ENODEV;
	return -error;
}

static const int errors[] = {EPERM, ENOMEM, EINVAL, EAGAIN, EMFILE, ENOBUFS, ENXIO, ENETDOWN, EIO};

static void check_diag(const struct zring_diag *diag, int err, const char *call)
{
	SIM_CHECK(diag->error == -err && *diag->step && *diag->message,
		  "%s: %d, but the words are %d %s: %s", call, err, diag->error, diag->step,
		  diag->message);
	SIM_CHECK(!strchr(diag->message, '\n'), "more than a line");
	SIM_CHECK(memchr(diag->message, '\0', sizeof(diag->message)), "no end");
}

/* An open that failed: nothing is left, nothing was written. */
static void check_failed_open(int err, int error, const void *object, const struct zring_diag *diag)
{
	const char *const call = sim_failed_call();

	SIM_CHECK(*call, "fails without a fault: %d, %s: %s", err, diag->step, diag->message);
	SIM_CHECK(err == translated(call, error), "%s failed with %d, but open says %d", call,
		  error, err);
	SIM_CHECK(!object, "%s: the output was touched", call);
	check_diag(diag, err, call);
	SIM_CHECK(sim_nr_open() == 0, "%s failed with %d: %u descriptors are left", call, error,
		  sim_nr_open());
	SIM_CHECK(sim_nr_mapped() == 0, "%s failed with %d: %u mappings are left", call, error,
		  sim_nr_mapped());
}

static char last_failed[64];

static void end_faults(int err)
{
	/* The one failure that leaves a thread elsewhere is that of the way back, and it is told.
	 */
	SIM_CHECK(sim_thread_is_home() || (err && !strcmp(sim_failed_call(), "setns 0/0")),
		  "the thread stays in the other namespace");
	snprintf(last_failed, sizeof(last_failed), "%s", sim_failed_call());
	sim_fail_call(0, 0, 0);
}

/* One capture from open to close. Returns what the open made of the fault. */
static int use_capture(const struct zring_capture_options *options, int error, uint32_t nth,
		       uint32_t times, bool *ret_reached)
{
	const struct sim_config config = {.seed = 1, .virtual_time = true};
	struct zring_capture *capture = NULL;
	struct zring_diag diag = {0};
	int err;

	sim_start(&config);
	sim_fail_call(nth, error, times);
	err = zring_capture_open(SIM_INTERFACE, options, &diag, &capture);
	*ret_reached = *sim_failed_call() != '\0';
	if (err) {
		check_failed_open(err, error, capture, &diag);
	} else {
		SIM_CHECK(capture && diag.error == 0, "diag is untouched on success");
		SIM_CHECK(!*ret_reached || error == EINTR ||
				  may_fall_back(sim_failed_call(), error),
			  "%s failed with %d and nobody said so", sim_failed_call(), error);
	}
	zring_capture_close(capture);
	end_faults(err);
	sim_stop();
	return err;
}

static int use_injector(const struct zring_injector_options *options, int error, uint32_t nth,
			uint32_t times, bool *ret_reached)
{
	const struct sim_config config = {.seed = 1, .virtual_time = true};
	struct zring_injector *injector = NULL;
	struct zring_diag diag = {0};
	uint32_t nr_open;
	int err;

	sim_start(&config);
	sim_fail_call(nth, error, times);
	err = zring_injector_open(SIM_INTERFACE, options, &diag, &injector);
	*ret_reached = *sim_failed_call() != '\0';
	nr_open = sim_nr_open();
	if (err) {
		check_failed_open(err, error, injector, &diag);
	} else {
		SIM_CHECK(injector && diag.error == 0, "diag is untouched on success");
		/* Without its second socket an injector only lacks super-frames. */
		SIM_CHECK(!*ret_reached || error == EINTR || nr_open == 1 ||
				  may_fall_back(sim_failed_call(), error),
			  "%s failed with %d and nobody said so", sim_failed_call(), error);
	}
	zring_injector_close(injector);
	end_faults(err);
	sim_stop();
	return err;
}

typedef int use_fn(const void *options, int error, uint32_t nth, uint32_t times, bool *ret_reached);

static int use_capture_fn(const void *options, int error, uint32_t nth, uint32_t times,
			  bool *ret_reached)
{
	return use_capture(options, error, nth, times, ret_reached);
}

static int use_injector_fn(const void *options, int error, uint32_t nth, uint32_t times,
			   bool *ret_reached)
{
	return use_injector(options, error, nth, times, ret_reached);
}

/* Each call of the open fails in its turn. */
static void fail_each(const char *what, use_fn *use, const void *options)
{
	uint32_t nr_failed = 0, nth = 1;
	bool reached = true;

	for (; reached; nth++) {
		SIM_CHECK(nth < MOST_CALLS, "no end");
		for (size_t e = 0; e < sizeof(errors) / sizeof(*errors); e++) {
			sim_say_seed(what, nth);
			nr_failed += use(options, errors[e], nth, 1, &reached) != 0;
		}
		SIM_CHECK(use(options, EINTR, nth, 3, &reached) == 0, "EINTR of %s shows",
			  last_failed);
		use(options, EMFILE, nth, 1, &reached);
	}
	SIM_CHECK(nth > 5 && nr_failed > nth, "%u calls, %u failures: too few", nth, nr_failed);
	printf("%s: %u calls, %u failed opens\n", what, nth - 2, nr_failed);
}

static void fail_opens(void)
{
	static const struct sock_filter accept_all = BPF_STMT(BPF_RET | BPF_K, 65535);
	const struct zring_filter filter = {
		.type = ZRING_FILTER_CBPF, .nr_insns = 1, .insns = &accept_all};
	const struct zring_filter ebpf = {.type = ZRING_FILTER_EBPF, .program_fd = 3};
	const struct zring_fanout flow = {.size = sizeof(flow),
					  .flags = ZRING_FANOUT_FLAG_UNIQUE_ID};
	const struct zring_fanout classic = {.size = sizeof(classic),
					     .mode = ZRING_FANOUT_CBPF,
					     .group = 9,
					     .max_members = 4,
					     .nr_insns = 1,
					     .insns = &accept_all};
	const struct zring_capture_options captures[] = {
		{.size = sizeof(*captures)},
		{.size = sizeof(*captures), .profile = ZRING_PROFILE_LOW_LATENCY},
		{.size = sizeof(*captures),
		 .profile = ZRING_PROFILE_LOW_MEMORY,
		 .snaplen = 96,
		 .direction = ZRING_CAPTURE_IN,
		 .timestamp = ZRING_TIMESTAMP_RAW_HARDWARE,
		 .busy_poll_us = 50,
		 .busy_poll_budget = 64,
		 .prefer_busy_poll = 1,
		 .receive_buffer_bytes = 1 << 20,
		 .force_receive_buffer = 1,
		 .promiscuous = 1,
		 .rxhash = 1,
		 .filter = &filter,
		 .netns = SIM_NETNS},
		{.size = sizeof(*captures), .receive_buffer_bytes = 1 << 20},
		{.size = sizeof(*captures), .fanout = &flow},
		{.size = sizeof(*captures),
		 .fanout = &classic,
		 .direction = ZRING_CAPTURE_IN,
		 .filter = &filter},
		{.size = sizeof(*captures), .paused = 1, .filter = &ebpf},
	};
	const struct zring_injector_options injectors[] = {
		{.size = sizeof(*injectors)},
		{.size = sizeof(*injectors), .method = ZRING_METHOD_RING},
		{.size = sizeof(*injectors), .method = ZRING_METHOD_SENDMMSG},
		{.size = sizeof(*injectors),
		 .method = ZRING_METHOD_RING,
		 .loss = 1,
		 .mark = 3,
		 .qdisc_bypass = 1,
		 .priority = 2,
		 .send_buffer_bytes = 1 << 20,
		 .netns = SIM_NETNS},
		{.size = sizeof(*injectors),
		 .method = ZRING_METHOD_SENDMMSG,
		 .send_time = 1,
		 .vnet_header = 1,
		 .netns = SIM_NETNS},
	};

	for (size_t i = 0; i < sizeof(captures) / sizeof(*captures); i++)
		fail_each("capture", use_capture_fn, &captures[i]);
	for (size_t i = 0; i < sizeof(injectors) / sizeof(*injectors); i++)
		fail_each("injector", use_injector_fn, &injectors[i]);
}

/* A frame for the capture, handed over. */
static void deliver(uint64_t number)
{
	struct sim_rx *rx = sim_rx_find();
	uint8_t data[64];

	sim_frame_fill(data, sizeof(data), number);
	sim_rx_packet(rx, &(struct sim_rx_packet){.data = data, .len = sizeof(data)});
	sim_rx_timer(rx);
}

/*
 * Receives three packets and waits in vain in between; errors are allowed, loss
 * is not. Returns the number of calls that could have failed.
 */
static uint32_t receive_with_fault(struct zring_capture *capture, int error)
{
	const struct zring_packet *packet = NULL;
	struct zring_capture_stats stats;
	uint32_t nr_calls;
	int nr_seen = 0;

	for (uint64_t i = 0; i < 3; i++) {
		const struct zring_packet *before = packet;
		int nr;

		nr = zring_capture_next_packet(capture, &packet, 15);
		SIM_CHECK(nr <= 0 && nr != -EINTR && packet == before, "nothing came, but %d", nr);
		SIM_CHECK(nr == 0 || (*sim_failed_call() && nr == -error && error != EINTR),
			  "%s failed with %d, next says %d", sim_failed_call(), error, nr);
		deliver(i);
		zring_capture_get_stats(capture, &stats);
		nr = zring_capture_next_packet(capture, &packet, 100);
		SIM_CHECK(nr == 1, "packet %llu: %d", (unsigned long long)i, nr);
		SIM_CHECK(sim_frame_matches(packet->data, packet->len, 64, i), "bytes");
		nr_seen++;
	}
	zring_capture_get_stats(capture, &stats);
	nr_calls = sim_nr_calls();
	sim_fail_call(0, 0, 0);
	zring_capture_get_stats(capture, &stats);
	SIM_CHECK(stats.received == 3 && stats.delivered == (uint64_t)nr_seen && !stats.pending,
		  "%llu received", (unsigned long long)stats.received);
	return nr_calls;
}

static void fail_receiving(uint32_t profile, uint32_t wait)
{
	const struct zring_capture_options options = {.size = sizeof(options),
						      .profile = profile,
						      .wait = wait,
						      .block_bytes = 8192,
						      .nr_blocks = 2};
	static const int receive_errors[] = {EINTR, ENOMEM, EINVAL, EAGAIN, EIO};
	const struct sim_config config = {.seed = 1, .virtual_time = true};
	uint32_t nr_calls = 1, nth = 1;

	for (; nth <= nr_calls; nth++)
		for (size_t e = 0; e < sizeof(receive_errors) / sizeof(*receive_errors); e++) {
			struct zring_capture *capture = NULL;

			sim_say_seed("receiving", nth);
			sim_start(&config);
			SIM_CHECK(zring_capture_open(SIM_INTERFACE, &options, NULL, &capture) == 0,
				  "open");
			sim_fail_call(nth, receive_errors[e], receive_errors[e] == EINTR ? 3 : 1);
			nr_calls = receive_with_fault(capture, receive_errors[e]);
			zring_capture_close(capture);
			sim_stop();
		}
	SIM_CHECK(nth > 4, "only %u calls", nth);
	printf("receiving, profile %u, wait %u: %u calls\n", profile, wait, nth - 1);
}

/*
 * Sends a few frames in every way; those that were accepted leave once, in
 * order. Returns the number of calls that could have failed.
 */
static uint32_t send_with_fault(struct zring_injector *injector, int error)
{
	struct zring_injector_stats stats;
	uint8_t data[64], *slot;
	uint64_t before = UINT64_MAX;
	uint32_t nr_calls;

	for (uint64_t i = 0; i < 24; i++) {
		int err = zring_injector_reserve(injector, &slot, 100);

		SIM_CHECK(err > 0 || (*sim_failed_call() && err != -EINTR), "reserve: %d", err);
		if (err <= 0)
			continue;
		sim_frame_fill(slot, 64, i);
		SIM_CHECK(zring_injector_submit(injector, 64) == 0, "submit");
		err = i % 4 == 3 ? zring_injector_flush(injector) : 0;
		SIM_CHECK(err >= 0 || (err != -EINTR && *sim_failed_call()), "flush: %d", err);
	}
	for (uint64_t i = 24; i < 28; i++) {
		int err;

		sim_frame_fill(data, 64, i);
		err = zring_injector_send(injector, data, 64);
		SIM_CHECK(err == 0 || (err != -EINTR && *sim_failed_call() && error != EINTR),
			  "%s failed with %d, send says %d", sim_failed_call(), error, err);
	}
	nr_calls = sim_nr_calls();
	sim_fail_call(0, 0, 0);
	SIM_CHECK(zring_injector_drain(injector, 1000) == 0, "drain");
	zring_injector_get_stats(injector, &stats);
	SIM_CHECK(stats.submitted == stats.sent + stats.rejected && stats.sent == sim_wire_count(),
		  "%llu sent, %u on the wire", (unsigned long long)stats.sent, sim_wire_count());
	/* A fault of the call is no fault of a frame, with one exception: sendmmsg(2) tells both
	 * so. */
	SIM_CHECK(stats.rejected <= 1, "%llu rejected", (unsigned long long)stats.rejected);
	for (uint32_t i = 0; i < sim_wire_count(); i++) {
		const struct sim_wire_frame *frame = sim_wire_frame(i);

		SIM_CHECK(before == UINT64_MAX || sim_frame_number(frame->data) > before, "order");
		before = sim_frame_number(frame->data);
		SIM_CHECK(sim_frame_matches(frame->data, frame->len, 64, before), "bytes");
	}
	return nr_calls;
}

static void fail_sending(uint32_t method)
{
	const struct zring_injector_options options = {
		.size = sizeof(options), .method = method, .nr_frames = 8, .timeout_ms = 50};
	static const int send_errors[] = {EINTR,  ENOBUFS, EAGAIN, ENOMEM, ENETDOWN,
					  EINVAL, ENXIO,   EPERM,  EIO};
	uint32_t nr_calls = 1, nth = 1;

	for (; nth <= nr_calls; nth++)
		for (size_t e = 0; e < sizeof(send_errors) / sizeof(*send_errors); e++) {
			const struct sim_config config = {
				.seed = nth, .virtual_time = true, .hold = nth % 2 ? 500 : 0};
			struct zring_injector *injector = NULL;

			sim_say_seed(method == ZRING_METHOD_RING ? "ring" : "sendmmsg", nth);
			sim_start(&config);
			SIM_CHECK(zring_injector_open(SIM_INTERFACE, &options, NULL, &injector) ==
					  0,
				  "open");
			sim_fail_call(nth, send_errors[e], send_errors[e] == EINTR ? 3 : 1);
			nr_calls = send_with_fault(injector, send_errors[e]);
			zring_injector_close(injector);
			sim_stop();
		}
	SIM_CHECK(nth > 4, "only %u calls", nth);
	printf("sending, method %u: %u calls\n", method, nth - 1);
}

#define BURST_BYTES 60u

/* UDP over IPv4, number @i of a burst. */
static void make_udp(uint8_t *data, uint32_t i)
{
	static const uint8_t head[] = {2,    0, 0,  0,  0, 1, 2,    0,    0,  0,  0, 2,  8,  0,
				       0x45, 0, 0,  46, 0, 0, 0x40, 0,    64, 17, 0, 0,  10, 0,
				       0,    1, 10, 0,  0, 2, 4,    0x57, 8,  0,  0, 26, 1,  1};

	memset(data, (int)i, BURST_BYTES);
	memcpy(data, head, sizeof(head));
	data[19] = (uint8_t)i;
}

/* A super-frame leaves whole and once, or not at all. Returns the number of calls. */
static uint32_t burst_with_fault(struct zring_injector *injector, int error)
{
	struct zring_packet packets[3];
	struct zring_injector_stats stats;
	uint8_t data[3][BURST_BYTES];
	uint32_t nr_calls;
	int done;

	for (uint32_t i = 0; i < 3; i++) {
		make_udp(data[i], i);
		packets[i] = (struct zring_packet){.data = data[i], .len = BURST_BYTES};
	}
	done = zring_injector_send_burst(injector, packets, 3);
	nr_calls = sim_nr_calls();
	SIM_CHECK(done == 3 || (*sim_failed_call() && error != EINTR &&
				(done == -error || (done == -ENOTSUP && error == EINVAL) ||
				 (done == -ENODEV && error == ENXIO))),
		  "%s failed with %d, send_burst says %d", sim_failed_call(), error, done);
	zring_injector_get_stats(injector, &stats);
	SIM_CHECK(sim_nr_superframes() == (done == 3) && stats.bursts == (done == 3) &&
			  stats.sent == (done == 3 ? 3u : 0u) && stats.submitted == stats.sent,
		  "%u super-frames, %llu sent", sim_nr_superframes(),
		  (unsigned long long)stats.sent);
	sim_fail_call(0, 0, 0);
	SIM_CHECK(zring_injector_send_burst(injector, packets, 3) == 3, "goes on");
	return nr_calls;
}

static void fail_bursts(uint32_t method)
{
	const struct zring_injector_options options = {
		.size = sizeof(options), .method = method, .timeout_ms = 50, .rate_pps = 1000};
	static const int burst_errors[] = {EINTR, ENOBUFS, EAGAIN, ENETDOWN, EINVAL, ENXIO, EPERM};
	const struct sim_config config = {.seed = 1, .virtual_time = true};
	uint32_t nr_calls = 1, nth = 1;

	for (; nth <= nr_calls; nth++)
		for (size_t e = 0; e < sizeof(burst_errors) / sizeof(*burst_errors); e++) {
			struct zring_injector *injector = NULL;

			sim_say_seed("burst", nth);
			sim_start(&config);
			SIM_CHECK(zring_injector_open(SIM_INTERFACE, &options, NULL, &injector) ==
					  0,
				  "open");
			sim_fail_call(nth, burst_errors[e], burst_errors[e] == EINTR ? 3 : 1);
			nr_calls = burst_with_fault(injector, burst_errors[e]);
			zring_injector_close(injector);
			sim_stop();
		}
}

static void burst_without_the_offload_header_is_refused(void)
{
	const struct sim_config config = {
		.seed = 1, .virtual_time = true, .without_vnet_header = true};
	struct zring_injector *injector = NULL;
	struct zring_packet packets[2];
	uint8_t data[2][BURST_BYTES];

	sim_start(&config);
	SIM_CHECK(zring_injector_open(SIM_INTERFACE, NULL, NULL, &injector) == 0, "open");
	for (uint32_t i = 0; i < 2; i++) {
		make_udp(data[i], i);
		packets[i] = (struct zring_packet){.data = data[i], .len = BURST_BYTES};
	}
	SIM_CHECK(zring_injector_send_burst(injector, packets, 2) == -ENOTSUP, "no such kernel");
	packets[1].len--;
	SIM_CHECK(zring_injector_send_burst(injector, packets, 2) == -EINVAL, "no burst");
	zring_injector_close(injector);
	sim_stop();
}

static void smaller_ring_is_told(void)
{
	const struct sim_config config = {
		.seed = 1, .virtual_time = true, .most_ring_bytes = 5 << 20, .refuse_lock = true};
	const struct sim_config hopeless = {
		.seed = 1, .virtual_time = true, .most_ring_bytes = 4096};
	struct zring_capture *capture = NULL;
	struct zring_capture_info info;
	struct zring_diag diag = {0};

	sim_say_seed(__func__, 1);
	sim_start(&config);
	SIM_CHECK(zring_capture_open(SIM_INTERFACE, NULL, &diag, &capture) == 0, "%s",
		  diag.message);
	zring_capture_get_info(capture, &info);
	SIM_CHECK(info.adjusted == (ZRING_ADJUSTED_RING | ZRING_ADJUSTED_NOT_LOCKED), "adjusted %x",
		  info.adjusted);
	SIM_CHECK(info.memory_bytes == 4 << 20 && !info.locked &&
			  info.memory_bytes == (uint64_t)info.block_bytes * info.nr_blocks,
		  "%llu bytes", (unsigned long long)info.memory_bytes);
	deliver(0);
	zring_capture_close(capture);
	sim_stop();
	capture = NULL;
	sim_start(&hopeless);
	SIM_CHECK(zring_capture_open(SIM_INTERFACE, NULL, &diag, &capture) == -ENOMEM && !capture,
		  "no memory");
	SIM_CHECK(diag.error == ENOMEM && strstr(diag.step, "RX_RING"), "%s: %s", diag.step,
		  diag.message);
	sim_stop();
}

int main(void)
{
	fail_opens();
	for (uint32_t profile = 0; profile < 2; profile++)
		for (uint32_t wait = 0; wait < 2; wait++)
			fail_receiving(profile, wait);
	fail_sending(ZRING_METHOD_RING);
	fail_sending(ZRING_METHOD_SENDMMSG);
	fail_bursts(ZRING_METHOD_RING);
	fail_bursts(ZRING_METHOD_SENDMMSG);
	burst_without_the_offload_header_is_refused();
	smaller_ring_is_told();
	zring_capture_close(NULL);
	zring_injector_close(NULL);
	puts("faults: all hold");
	return 0;
}
