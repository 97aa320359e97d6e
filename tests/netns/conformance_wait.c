/* SPDX-License-Identifier: BSD-2-Clause */
/* Waiting: deadlines, stop, signals. No upper bound here is near what is expected. */
#include "support/conformance.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>

#define MS_NS    1000000ull
#define NEVER_NS (10000 * MS_NS) /* longer than any sane scheduler keeps a thread waiting */

TestSuite(wait, .timeout = 60);

/* The test body once for each way to wait. */
#define TEST_EACH_WAIT(name)             \
	static void name(uint32_t wait); \
	Test(wait, name##_block)         \
	{                                \
		name(ZRING_WAIT_BLOCK);  \
	}                                \
	Test(wait, name##_spin)          \
	{                                \
		name(ZRING_WAIT_SPIN);   \
	}                                \
	Test(wait, name##_nap)           \
	{                                \
		name(ZRING_WAIT_NAP);    \
	}                                \
	Test(wait, name##_auto)          \
	{                                \
		name(ZRING_WAIT_AUTO);   \
	}                                \
	static void name(uint32_t wait)

static struct zring_capture *open_waiting(uint32_t wait, struct zring_batch *batch)
{
	struct zring_capture_options options = conform_capture();
	struct zring_capture_info info;
	struct zring_capture *capture;

	options.wait = wait;
	net_lab_open();
	check_eq(zring_batch_init(batch, ZRING_BATCH_DEFAULT), 0);
	capture = conform_capture_open(NET_FAR, &options);
	zring_capture_get_info(capture, &info);
	check_eq(info.wait, wait);
	return capture;
}

static void end(struct zring_capture *capture, struct zring_batch *batch)
{
	zring_batch_fini(batch);
	zring_capture_close(capture);
}

TEST_EACH_WAIT(a_deadline_is_kept_without_traffic)
{
	struct zring_batch batch;
	struct zring_capture *capture = open_waiting(wait, &batch);
	const struct zring_packet *packet = NULL;

	for (int i = 0; i < 4; i++) {
		const uint64_t start = net_now_ns();
		uint64_t waited;

		if (i % 2)
			check_eq(zring_capture_next(capture, &batch, 50), 0);
		else
			check_eq(zring_capture_next_packet(capture, &packet, 50), 0);
		waited = net_now_ns() - start;
		cr_assert(waited >= 50 * MS_NS, "back after %llu ns", (unsigned long long)waited);
		cr_assert(waited < NEVER_NS);
	}
	cr_assert(!packet, "the output was touched without a packet");
	end(capture, &batch);
}

TEST_EACH_WAIT(a_timeout_of_zero_never_waits)
{
	struct zring_batch batch;
	struct zring_capture *capture = open_waiting(wait, &batch);
	const uint64_t start = net_now_ns();

	/* At a millisecond each this would take longer than is allowed. */
	for (int i = 0; i < 20000; i++)
		check_eq(zring_capture_next(capture, &batch, 0), 0);
	cr_assert(net_now_ns() - start < NEVER_NS);
	end(capture, &batch);
}

/* Traffic that comes in the middle of the wait ends it. */
TEST_EACH_WAIT(a_packet_ends_the_wait)
{
	struct zring_batch batch;
	struct zring_capture *capture = open_waiting(wait, &batch);
	struct net_stream stream = {.interface = NET_NEAR, .count = 0, .size = net_size_60};
	int got;

	net_stream_start(&stream);
	got = zring_capture_next(capture, &batch, 20000);
	cr_assert(got > 0, "next: %d", got);
	cr_assert(net_frame_is(batch.packets[0].data, batch.packets[0].len, 0, 60));
	net_stream_stop(&stream);
	end(capture, &batch);
}

/* From idle to busy and back, so that AUTO changes its way in both directions. */
TEST_EACH_WAIT(bursts_and_pauses_deliver_all)
{
	struct zring_batch batch;
	struct zring_capture *capture = open_waiting(wait, &batch);

	for (uint32_t round = 0, next = 0; round < 8; round++, next += 1000) {
		for (uint32_t k = 0; k < 1000; k += 200) {
			net_send_numbered(NET_NEAR, next + k, 200, net_size_small);
			net_capture_expect(capture, &batch, next + k, 200, net_size_small);
		}
		check_eq(zring_capture_next(capture, &batch, 20), 0);
	}
	conform_all_delivered(capture, 8000);
	end(capture, &batch);
}

/* ---- stop ---- */

static void *stop_later(void *argument)
{
	net_pin(1);
	net_sleep_ms(100);
	zring_capture_stop(argument);
	return NULL;
}

static void check_stopped(struct zring_capture *capture, struct zring_batch *batch)
{
	const uint64_t start = net_now_ns();

	check_eq(zring_capture_stopped(capture), 1);
	check_eq(zring_capture_next(capture, batch, -1), 0);
	check_eq(zring_capture_next(capture, batch, 60000), 0);
	cr_assert(net_now_ns() - start < NEVER_NS);
}

TEST_EACH_WAIT(stop_by_a_thread_wakes_the_reader)
{
	struct zring_batch batch;
	struct zring_capture *capture = open_waiting(wait, &batch);
	pthread_t thread;

	check_eq(zring_capture_stopped(capture), 0);
	check_eq(pthread_create(&thread, NULL, stop_later, capture), 0);
	check_eq(zring_capture_next(capture, &batch, -1), 0);
	pthread_join(thread, NULL);
	check_stopped(capture, &batch);
	end(capture, &batch);
}

static struct zring_capture *handler_capture;

static void stop_in_handler(int signal_number)
{
	(void)signal_number;
	zring_capture_stop(handler_capture);
}

/* In the reader's own thread: the handler runs inside its wait. */
TEST_EACH_WAIT(stop_in_a_signal_handler_wakes_the_reader)
{
	struct zring_batch batch;
	struct zring_capture *capture = open_waiting(wait, &batch);
	const struct sigaction action = {.sa_handler = stop_in_handler};

	/* One strike after 100 ms; the timer's handler is ours instead. */
	handler_capture = capture;
	net_storm_start(100000);
	check_eq(sigaction(SIGALRM, &action, NULL), 0);
	check_eq(zring_capture_next(capture, &batch, -1), 0);
	net_storm_stop();
	check_stopped(capture, &batch);
	end(capture, &batch);
}

TEST_EACH_WAIT(stop_before_the_wait_is_not_lost)
{
	struct zring_batch batch;
	struct zring_capture *capture = open_waiting(wait, &batch);
	const struct zring_packet *packet;

	zring_capture_stop(capture);
	zring_capture_stop(capture);
	check_stopped(capture, &batch);
	check_eq(zring_capture_next_packet(capture, &packet, -1), 0);
	end(capture, &batch);
}

/* Polling after stop empties the ring. */
TEST_EACH_WAIT(what_the_ring_holds_can_be_read_after_stop)
{
	struct zring_batch batch;
	struct zring_capture *capture = open_waiting(wait, &batch);
	const uint64_t patience = net_now_ns() + NET_PATIENCE_NS;
	uint32_t next = 0;

	net_send_numbered(NET_NEAR, 0, 140, net_size_mixed);
	zring_capture_stop(capture);
	while (next < 140 && net_now_ns() < patience) {
		const int got = zring_capture_next(capture, &batch, 0);

		cr_assert(got >= 0);
		for (int i = 0; i < got; i++, next++)
			cr_assert(net_frame_is(batch.packets[i].data, batch.packets[i].len, next,
					       net_size_mixed(next)));
		zring_batch_release(&batch);
	}
	check_eq(next, 140);
	end(capture, &batch);
}

/* ---- signals ---- */

TEST_EACH_WAIT(interruptions_do_not_show)
{
	struct zring_batch batch;
	struct zring_capture *capture = open_waiting(wait, &batch);
	struct zring_capture_options options = conform_capture();
	uint64_t start;

	net_storm_start(1000);
	start = net_now_ns();
	check_eq(zring_capture_next(capture, &batch, 200), 0);
	cr_assert(net_now_ns() - start >= 200 * MS_NS, "a signal cut the wait short");
	for (uint32_t sent = 0; sent < 2000; sent += 100) {
		net_send_numbered(NET_NEAR, sent, 100, net_size_small);
		net_capture_expect(capture, &batch, sent, 100, net_size_small);
	}
	conform_all_delivered(capture, 2000);
	end(capture, &batch);
	for (int i = 0; i < 5; i++)
		zring_capture_close(conform_capture_open(NET_FAR, &options));
	cr_assert(net_storm_stop() > 50);
}

/* ---- a loop of one's own ---- */

Test(wait, the_descriptor_becomes_readable_with_a_packet)
{
	struct zring_batch batch;
	struct zring_capture *capture = open_waiting(ZRING_WAIT_BLOCK, &batch);
	struct pollfd poller = {.fd = zring_capture_fd(capture), .events = POLLIN};

	cr_assert(poller.fd >= 0);
	for (uint32_t round = 0; round < 3; round++) {
		check_eq(poll(&poller, 1, 0), 0);
		net_send_numbered(NET_NEAR, round, 1, net_size_60);
		check_eq(poll(&poller, 1, 20000), 1);
		cr_assert(poller.revents & POLLIN);
		check_eq(zring_capture_next(capture, &batch, 0), 1);
		cr_assert(net_frame_is(batch.packets[0].data, batch.packets[0].len, round, 60));
		zring_batch_release(&batch);
		check_eq(zring_capture_next(capture, &batch, 0), 0);
	}
	end(capture, &batch);
}

Test(wait, the_descriptor_tells_of_down)
{
	struct zring_batch batch;
	struct zring_capture *capture = open_waiting(ZRING_WAIT_BLOCK, &batch);
	struct pollfd poller = {.fd = zring_capture_fd(capture), .events = POLLIN};
	const uint64_t patience = net_now_ns() + NET_PATIENCE_NS;
	int got;

	net_run("ip link set " NET_FAR " down");
	check_eq(poll(&poller, 1, 20000), 1);
	/* The state is looked at every few milliseconds, not in each call. */
	do
		got = zring_capture_next(capture, &batch, 0);
	while (got == 0 && net_now_ns() < patience);
	check_eq(got, -ENETDOWN);
	end(capture, &batch);
}
