/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * AF_XDP with direction BOTH. The capture is on NET_FAR: "in" are frames that
 * NET_NEAR sends, numbered from 0, "out" are frames that the host sends on
 * NET_FAR, numbered from OUT.
 */
#include "support/net_zring.h"

#include <errno.h>
#include <linux/filter.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#define OUT    1000000u
#define HELD   12u
#define LOW_AT 17u /* lowest byte of the number in a frame */

TestSuite(capture_wire, .timeout = 60);

struct wire {
	struct zring_capture *capture;
	struct zring_batch batch;
	uint64_t last_ns;
	uint32_t nr_in;
	uint32_t nr_out;
	net_size_fn *size;
};

static struct zring_capture_options xdp_options(void)
{
	struct zring_capture_options options = ZRING_CAPTURE_OPTIONS_INIT;

	options.backend = ZRING_BACKEND_AFXDP;
	return options;
}

static struct wire open_wire(const struct zring_capture_options *options, net_size_fn *size)
{
	struct wire wire = {.size = size};

	check_eq(zring_batch_init(&wire.batch, ZRING_BATCH_DEFAULT), 0);
	wire.capture = net_capture_open(NET_FAR, options);
	return wire;
}

static struct wire lab_wire(net_size_fn *size)
{
	const struct zring_capture_options options = xdp_options();

	net_lab_open();
	return open_wire(&options, size);
}

static void close_wire(struct wire *wire)
{
	zring_batch_fini(&wire->batch);
	zring_capture_close(wire->capture);
}

/* The next frame of its direction, unchanged, and told as what it is. */
static void check_packet(struct wire *wire, const struct zring_packet *packet)
{
	struct zring_packet_info info;
	bool out;
	uint32_t number;

	zring_packet_get_info(wire->capture, packet, &info);
	out = info.direction == ZRING_DIRECTION_OUTGOING;
	number = out ? OUT + wire->nr_out++ : wire->nr_in++;
	check_eq(packet->len, wire->size(number));
	check_eq(packet->wire_len, packet->len);
	cr_assert(net_frame_is(packet->data, packet->len, number, packet->len),
		  "frame %u, expected %u", net_frame_number(packet->data), number);
	check_eq(info.direction, out ? ZRING_DIRECTION_OUTGOING : ZRING_DIRECTION_HOST);
	check_eq(info.timestamp_source,
		 out ? ZRING_TIMESTAMP_BY_KERNEL : ZRING_TIMESTAMP_BY_PROGRAM);
	check_eq(info.queue, out ? UINT32_MAX : 0);
	check_eq(info.ifindex, net_index(NET_FAR));
	cr_assert(info.timestamp_ns >= wire->last_ns, "%llu ns back in time at frame %u",
		  (unsigned long long)(wire->last_ns - info.timestamp_ns), number);
	wire->last_ns = info.timestamp_ns;
}

static void check_batch(struct wire *wire, const struct zring_batch *batch)
{
	const struct zring_packet *packet;
	struct zring_packet_info info;

	zring_packet_get_info(wire->capture, &batch->packets[0], &info);
	check_eq(batch->first_ns, info.timestamp_ns);
	zring_batch_for_each (batch, packet)
		check_packet(wire, packet);
	check_eq(batch->last_ns, wire->last_ns);
}

/* Reads until there are so many of each. */
static void read_until(struct wire *wire, uint32_t in, uint32_t out)
{
	const uint64_t end = net_now_ns() + NET_PATIENCE_NS;

	while (wire->nr_in < in || wire->nr_out < out) {
		const int got = zring_capture_next(wire->capture, &wire->batch, 200);

		cr_assert(got >= 0, "next: %s", strerror(-got));
		cr_assert(net_now_ns() < end, "%u in, %u out came", wire->nr_in, wire->nr_out);
		if (got)
			check_batch(wire, &wire->batch);
		zring_batch_release(&wire->batch);
	}
	check_eq(wire->nr_in, in);
	check_eq(wire->nr_out, out);
}

static void expect_none(struct wire *wire)
{
	check_eq(zring_capture_next(wire->capture, &wire->batch, 50), 0);
}

/* Both directions in turn, one to three frames at a time. */
static void send_both(uint32_t first, uint32_t count, net_size_fn *size)
{
	uint32_t in = first, out = first;

	for (uint32_t turn = 0; in < first + count || out < first + count; turn++) {
		const uint32_t nr = 1 + turn % 3;

		if (turn % 2) {
			for (uint32_t i = 0; i < nr && in < first + count; i++)
				net_send_numbered(NET_NEAR, in++, 1, size);
		} else {
			for (uint32_t i = 0; i < nr && out < first + count; i++)
				net_send_numbered(NET_FAR, OUT + out++, 1, size);
		}
	}
}

Test(capture_wire, an_xdp_capture_shows_both_directions_in_order_of_time)
{
	struct wire wire = lab_wire(net_size_mixed);
	struct zring_capture_stats stats;
	struct zring_capture_info info;

	zring_capture_get_info(wire.capture, &info);
	check_eq(info.backend, ZRING_BACKEND_AFXDP);
	check_eq(info.direction, ZRING_CAPTURE_BOTH);
	check_eq(info.timestamp, ZRING_TIMESTAMP_ARRIVAL);
	check_eq(info.clock, CLOCK_REALTIME);
	cr_assert(zring_capture_xdp(wire.capture, 0) && info.xdp_program);
	cr_assert(!zring_capture_xdp(wire.capture, info.nr_queues));
	for (uint32_t round = 0; round < 20; round++) {
		send_both(round * 50, 50, net_size_mixed);
		/* Now and then what one read sees was sent in several goes. */
		if (round % 3)
			read_until(&wire, round * 50 + 50, round * 50 + 50);
	}
	read_until(&wire, 1000, 1000);
	expect_none(&wire);
	stats = net_capture_stats(wire.capture);
	check_eq(stats.received, 2000);
	check_eq(stats.delivered, 2000);
	check_eq(stats.dropped + stats.malformed + stats.truncated + stats.pending, 0);
	close_wire(&wire);
}

/* What the tap on the other end saw leave is what the capture shows. */
Test(capture_wire, an_xdp_capture_shows_what_an_injector_sends)
{
	const struct zring_injector_options options = net_injector_options(ZRING_METHOD_RING);
	struct wire wire = lab_wire(net_size_60);
	struct zring_injector *injector = net_injector_open(NET_FAR, &options);
	struct net_tap tap;

	net_tap_open(&tap, NET_NEAR, false);
	net_inject_numbered(injector, &tap, OUT, 200, net_size_60);
	net_drain(injector);
	net_send_numbered(NET_NEAR, 0, 100, net_size_60);
	read_until(&wire, 100, 200);
	expect_none(&wire);
	check_eq(net_tap_wait(&tap, 200), 200);
	net_tap_stop(&tap);
	net_tap_expect(&tap, OUT, 200, net_size_60);
	net_tap_close(&tap);
	zring_injector_close(injector);
	close_wire(&wire);
}

/* A reader beside two senders, in each way of waiting. The order of each side is exact. */
static void read_beside_senders(uint32_t wait)
{
	struct zring_capture_options options = xdp_options();
	struct net_stream in = {.interface = NET_NEAR, .count = 3000, .size = net_size_small};
	struct net_stream out = {
		.interface = NET_FAR, .first = OUT, .count = 3000, .size = net_size_small};
	struct wire wire;
	uint64_t start;

	options.wait = wait;
	net_lab_open();
	wire = open_wire(&options, net_size_small);
	start = net_now_ns();
	expect_none(&wire);
	cr_assert(net_now_ns() - start >= 50000000u, "a deadline came early");
	net_stream_start(&in);
	net_stream_start(&out);
	while (wire.nr_in < 3000 || wire.nr_out < 3000) {
		const int got = zring_capture_next(wire.capture, &wire.batch, 10000);

		cr_assert(got > 0, "next: %d", got);
		/* Frames in flight become visible late: here only each side is in order. */
		for (uint32_t i = 0; i < wire.batch.nr_packets; i++) {
			wire.last_ns = 0;
			check_packet(&wire, &wire.batch.packets[i]);
		}
		zring_batch_release(&wire.batch);
	}
	check_eq(net_stream_end(&in), 3000);
	check_eq(net_stream_end(&out), 3000);
	check_eq(net_capture_stats(wire.capture).received, 6000);
	zring_capture_stop(wire.capture);
	net_send_numbered(NET_FAR, OUT + 3000, 1, net_size_small);
	check_eq(zring_capture_next(wire.capture, &wire.batch, -1), 0);
	check_eq(zring_capture_next(wire.capture, &wire.batch, 0), 1);
	close_wire(&wire);
}

Test(capture_wire, an_xdp_capture_sleeps_until_either_side_has_something)
{
	read_beside_senders(ZRING_WAIT_BLOCK);
}

Test(capture_wire, an_xdp_capture_spins_over_both_sides)
{
	read_beside_senders(ZRING_WAIT_SPIN);
}

Test(capture_wire, an_xdp_capture_naps_over_both_sides)
{
	read_beside_senders(ZRING_WAIT_NAP);
}

Test(capture_wire, an_xdp_capture_changes_its_way_over_both_sides)
{
	read_beside_senders(ZRING_WAIT_AUTO);
}

static void *stop_later(void *capture)
{
	net_sleep_ms(100);
	zring_capture_stop(capture);
	return NULL;
}

Test(capture_wire, an_xdp_capture_that_waits_is_stopped)
{
	for (uint32_t wait = ZRING_WAIT_BLOCK; wait <= ZRING_WAIT_AUTO; wait++) {
		struct zring_capture_options options = xdp_options();
		struct wire wire;
		pthread_t thread;

		if (!wait)
			net_lab_open();
		options.wait = wait;
		wire = open_wire(&options, net_size_60);
		check_eq(pthread_create(&thread, NULL, stop_later, wire.capture), 0);
		check_eq(zring_capture_next(wire.capture, &wire.batch, -1), 0);
		pthread_join(thread, NULL);
		close_wire(&wire);
	}
}

/* Batches of all sizes, held and given back in another order than they came. */
Test(capture_wire, an_xdp_capture_takes_its_batches_back_in_any_order)
{
	struct wire wire = lab_wire(net_size_60);
	struct zring_batch held[HELD];
	uint64_t random = 1;

	for (uint32_t i = 0; i < HELD; i++)
		check_eq(zring_batch_init(&held[i], 1 + 7 * i), 0);
	/* More in sum than any of the rings holds: what was held did go back. */
	for (uint32_t round = 0; round < 60; round++) {
		send_both(round * 100, 100, net_size_60);
		while (wire.nr_in + wire.nr_out < (round + 1) * 200) {
			struct zring_batch *batch;

			random = random * UINT64_C(6364136223846793005) + 1442695040888963407u;
			batch = &held[(random >> 33) % HELD];
			zring_batch_release(batch);
			cr_assert(zring_capture_next(wire.capture, batch, 1000) > 0,
				  "nothing came in round %u", round);
			check_batch(&wire, batch);
		}
	}
	check_eq(wire.nr_in, 6000);
	check_eq(wire.nr_out, 6000);
	for (uint32_t i = 0; i < HELD; i++)
		zring_batch_fini(&held[i]);
	check_eq(net_capture_stats(wire.capture).delivered, 12000);
	close_wire(&wire);
}

Test(capture_wire, an_xdp_capture_that_holds_all_drops_and_counts_both_sides)
{
	struct zring_capture_options options = xdp_options();
	struct zring_capture_stats stats;
	struct wire wire;
	uint64_t seen = 0;
	int got;

	options.profile = ZRING_PROFILE_LOW_MEMORY;
	net_lab_open();
	wire = open_wire(&options, net_size_60);
	net_send_numbered(NET_NEAR, 0, 1000, net_size_60);
	net_send_numbered(NET_FAR, OUT, 1000, net_size_60);
	stats = net_capture_stats(wire.capture);
	check_eq(stats.received, 2000);
	cr_assert(stats.dropped >= 400 && stats.delivered == 0);
	while ((got = zring_capture_next(wire.capture, &wire.batch, 50)) > 0) {
		check_batch(&wire, &wire.batch);
		zring_batch_release(&wire.batch);
		seen += (uint64_t)got;
	}
	check_eq(got, 0);
	check_eq(seen + stats.dropped, 2000);
	stats = net_capture_stats(wire.capture);
	check_eq(stats.delivered, seen);
	check_eq(stats.pending, 0);
	close_wire(&wire);
}

/* ---- the interface ---- */

static int next_event(struct wire *wire)
{
	const uint64_t end = net_now_ns() + NET_PATIENCE_NS;
	int got;

	do
		got = zring_capture_next(wire->capture, &wire->batch, 500);
	while (got == 0 && net_now_ns() < end);
	return got;
}

Test(capture_wire, an_xdp_capture_says_down_once_and_sees_both_sides_after_it)
{
	for (uint32_t wait = ZRING_WAIT_BLOCK; wait <= ZRING_WAIT_AUTO; wait++) {
		struct zring_capture_options options = xdp_options();
		struct wire wire;

		if (!wait)
			net_lab_open();
		options.wait = wait;
		wire = open_wire(&options, net_size_60);
		for (uint32_t round = 0; round < 2; round++) {
			send_both(round * 10, 10, net_size_60);
			read_until(&wire, round * 10 + 10, round * 10 + 10);
			net_run("ip link set " NET_FAR " down");
			check_eq(next_event(&wire), -ENETDOWN);
			for (uint32_t i = 0; i < 5; i++)
				check_eq(zring_capture_next(wire.capture, &wire.batch, 30), 0);
			net_up(NET_FAR, NET_NEAR);
		}
		close_wire(&wire);
	}
}

Test(capture_wire, an_xdp_capture_gives_out_what_came_before_its_interface_was_deleted)
{
	for (uint32_t wait = ZRING_WAIT_BLOCK; wait <= ZRING_WAIT_AUTO; wait++) {
		struct zring_capture_options options = xdp_options();
		struct wire wire;
		int got;

		if (wait)
			net_pair_add(NET_NEAR, NET_FAR);
		else
			net_lab_open();
		options.wait = wait;
		wire = open_wire(&options, net_size_60);
		net_send_numbered(NET_FAR, OUT, 3, net_size_60);
		net_run("ip link del " NET_FAR);
		got = zring_capture_next(wire.capture, &wire.batch, 1000);
		check_eq(got, 3);
		zring_batch_release(&wire.batch);
		got = next_event(&wire);
		if (got == -ENETDOWN)
			got = next_event(&wire);
		check_eq(got, -ENODEV);
		check_eq(zring_capture_next(wire.capture, &wire.batch, -1), -ENODEV);
		close_wire(&wire);
	}
}

Test(capture_wire, an_xdp_capture_has_one_descriptor_for_both_sides)
{
	struct wire wire = lab_wire(net_size_60);
	struct pollfd own = {.fd = zring_capture_fd(wire.capture), .events = POLLIN};

	check_eq(poll(&own, 1, 0), 0);
	net_send_numbered(NET_FAR, OUT, 1, net_size_60);
	check_eq(poll(&own, 1, 5000), 1);
	check_eq(zring_capture_next(wire.capture, &wire.batch, 0), 1);
	check_batch(&wire, &wire.batch);
	zring_batch_release(&wire.batch);
	check_eq(zring_capture_next(wire.capture, &wire.batch, 0), 0);
	check_eq(poll(&own, 1, 0), 0);
	net_send_numbered(NET_NEAR, 0, 1, net_size_60);
	check_eq(poll(&own, 1, 5000), 1);
	check_eq(zring_capture_next(wire.capture, &wire.batch, 0), 1);
	check_batch(&wire, &wire.batch);
	close_wire(&wire);
}

/* ---- what is asked for goes to both sides ---- */

Test(capture_wire, an_xdp_capture_cuts_both_sides)
{
	struct zring_capture_options options = xdp_options();
	struct wire wire;

	options.snaplen = 100;
	net_lab_open();
	wire = open_wire(&options, net_size_60);
	for (uint32_t out = 0; out < 2; out++) {
		uint8_t frame[500];

		net_frame_fill(frame, sizeof(frame), 7);
		net_send_on(out ? NET_FAR : NET_NEAR, frame, sizeof(frame));
		check_eq(zring_capture_next(wire.capture, &wire.batch, 5000), 1);
		check_eq(wire.batch.packets[0].len, 100);
		check_eq(wire.batch.packets[0].wire_len, 500);
		zring_batch_release(&wire.batch);
		check_eq(net_capture_stats(wire.capture).truncated, out + 1);
	}
	close_wire(&wire);
}

Test(capture_wire, an_xdp_capture_that_is_paused_takes_nothing_of_either_side)
{
	struct zring_capture_options options = xdp_options();
	struct wire wire;

	options.paused = 1;
	net_lab_open();
	wire = open_wire(&options, net_size_60);
	send_both(500, 5, net_size_60);
	expect_none(&wire);
	check_eq(zring_capture_start(wire.capture, NULL), 0);
	send_both(0, 5, net_size_60);
	read_until(&wire, 5, 5);
	expect_none(&wire);
	close_wire(&wire);
}

/* Keeps frames with an even number. */
static const struct sock_filter even_frames[] = {
	BPF_STMT(BPF_LD | BPF_B | BPF_ABS, LOW_AT),
	BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 1, 1, 0),
	BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
	BPF_STMT(BPF_RET | BPF_K, 0),
};

Test(capture_wire, an_xdp_capture_filters_both_sides)
{
	const struct zring_filter filter = {
		.type = ZRING_FILTER_CBPF,
		.insns = even_frames,
		.nr_insns = sizeof(even_frames) / sizeof(*even_frames),
	};
	struct zring_capture_options options = xdp_options();
	uint32_t nr_in = 0, nr_out = 0;
	struct wire wire;
	int got;

	options.filter = &filter;
	net_lab_open();
	wire = open_wire(&options, net_size_60);
	send_both(0, 20, net_size_60);
	while ((got = zring_capture_next(wire.capture, &wire.batch, 100)) > 0) {
		const struct zring_packet *packet;

		zring_batch_for_each (&wire.batch, packet) {
			const uint32_t number = net_frame_number(packet->data);

			check_eq(number % 2, 0);
			nr_in += number < OUT;
			nr_out += number >= OUT;
		}
		zring_batch_release(&wire.batch);
	}
	check_eq(got, 0);
	check_eq(nr_in, 10);
	check_eq(nr_out, 10);
	close_wire(&wire);
}

Test(capture_wire, an_xdp_capture_refuses_a_filter_that_one_side_cannot_run)
{
	const struct zring_filter filter = {.type = ZRING_FILTER_XDP};
	struct zring_capture_options options = xdp_options();
	struct zring_capture *capture = NULL;
	struct zring_diag diag = {0};

	options.filter = &filter;
	net_lab_open();
	check_eq(zring_capture_open(NET_FAR, &options, &diag, &capture), -ENOTSUP);
	cr_assert(!capture && strstr(diag.message, "ZRING_CAPTURE_IN"), "%s", diag.message);
}

Test(capture_wire, an_xdp_capture_of_what_arrives_shows_nothing_else)
{
	struct zring_capture_options options = xdp_options();
	struct zring_capture_info info;
	struct wire wire;

	options.direction = ZRING_CAPTURE_IN;
	options.timestamp = ZRING_TIMESTAMP_ARRIVAL;
	net_lab_open();
	wire = open_wire(&options, net_size_60);
	zring_capture_get_info(wire.capture, &info);
	check_eq(info.direction, ZRING_CAPTURE_IN);
	send_both(0, 10, net_size_60);
	net_capture_expect(wire.capture, &wire.batch, 0, 10, net_size_60);
	expect_none(&wire);
	close_wire(&wire);
}

/* UDP flows spread over the queues: no queue's packet overtakes another's. */
Test(capture_wire, an_xdp_capture_of_several_queues_is_in_order_of_time)
{
	const struct zring_capture_options options = xdp_options();
	struct zring_capture *capture;
	struct zring_batch batch;
	uint64_t last_ns = 0;
	uint32_t seen = 0, queues = 0, changes = 0, before = 0;

	net_lab_open();
	net_run("ip link add zc numtxqueues 4 numrxqueues 4 type veth "
		"peer name zd numtxqueues 4 numrxqueues 4");
	net_up("zc", "zd");
	check_eq(zring_batch_init(&batch, ZRING_BATCH_DEFAULT), 0);
	capture = net_capture_open("zd", &options);
	for (uint32_t i = 0; i < 400; i++) {
		const struct net_flow flow = {.family = AF_INET,
					      .source_port = (uint16_t)(1000 + i % 37),
					      .target_port = 9};
		uint8_t frame[200];
		const size_t len = net_udp_build(frame, &flow, 60, i);

		net_send_on(i % 5 ? "zc" : "zd", frame, len);
	}
	while (seen < 400) {
		const struct zring_packet *packet;

		cr_assert(zring_capture_next(capture, &batch, 5000) > 0, "%u came", seen);
		zring_batch_for_each (&batch, packet) {
			struct zring_packet_info info;

			zring_packet_get_info(capture, packet, &info);
			cr_assert(info.timestamp_ns >= last_ns);
			last_ns = info.timestamp_ns;
			if (info.queue != UINT32_MAX)
				queues |= 1u << info.queue;
			changes += info.queue != before;
			before = info.queue;
			seen++;
		}
		zring_batch_release(&batch);
	}
	/* It would prove little otherwise. */
	cr_assert(queues & (queues - 1), "all in queue mask %x", queues);
	cr_assert(changes > 100, "%u changes of the queue", changes);
	zring_batch_fini(&batch);
	zring_capture_close(capture);
}
