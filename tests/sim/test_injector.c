/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sending against a played kernel: whatever is submitted, cancelled, refused or
 * held back, each frame leaves once, in order, byte for byte, the accounts add
 * up, and the ring's cursor stays where the kernel's is.
 */
#include <errno.h>
#include <linux/if_packet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zring/zring.h>

#include "core/injector.h"
#include "syscall.h"
#include "support/sim.h"
#include "support/sim_kernel.h"

#define STEPS 3000

/* What the test knows of the frames that it submitted. */
struct plan {
	uint64_t random;
	struct zring_injector *injector;
	uint32_t method;
	uint64_t base; /* position that the run starts at */
	uint64_t next_number;
	uint64_t submitted;
	uint64_t refused; /* by submit itself */
	uint64_t cancelled;
	uint8_t *reserved;
	uint32_t reserved_len;
	uint32_t *lens;
	uint32_t nr_lens;
};

static struct zring_injector *open_injector(const struct zring_injector_options *options)
{
	struct zring_injector *injector = NULL;
	struct zring_diag diag = {0};
	const int err = zring_injector_open(SIM_INTERFACE, options, &diag, &injector);

	SIM_CHECK(err == 0, "open: %d, %s: %s", err, diag.step, diag.message);
	return injector;
}

static struct zring_injector_stats stats_of(const struct zring_injector *injector)
{
	struct zring_injector_stats stats;

	zring_injector_get_stats(injector, &stats);
	return stats;
}

/* Slots between the oldest that has not ended and the next that is free. */
static uint64_t queued(const struct zring_injector *injector)
{
	return injector->head - injector->tail +
	       (uint64_t)(injector->window.next - injector->window_start);
}

/* The accounts add up, and our cursor is the kernel's. */
static void check_state(const struct plan *plan)
{
	const struct zring_injector *injector = plan->injector;
	const struct zring_injector_stats stats = stats_of(injector);

	SIM_CHECK(stats.submitted == plan->submitted, "%llu submitted, not %llu",
		  (unsigned long long)stats.submitted, (unsigned long long)plan->submitted);
	SIM_CHECK(stats.cancelled == plan->cancelled, "cancelled");
	SIM_CHECK(stats.rejected == plan->refused + sim_nr_rejected(), "%llu rejected, not %llu+%u",
		  (unsigned long long)stats.rejected, (unsigned long long)plan->refused,
		  sim_nr_rejected());
	SIM_CHECK(stats.submitted == stats.sent + stats.rejected + stats.pending, "the sum");
	SIM_CHECK(stats.pending <= injector->nr_slots, "%llu pending",
		  (unsigned long long)stats.pending);
	SIM_CHECK(stats.pending == queued(injector), "%llu pending, the queue holds %llu",
		  (unsigned long long)stats.pending, (unsigned long long)queued(injector));
	SIM_CHECK(stats.sent <= sim_wire_count(), "more sent than on the wire");
	if (plan->method == ZRING_METHOD_RING)
		SIM_CHECK(injector->taken - plan->base == sim_tx_head(),
			  "taken %llu, kernel's head %u", (unsigned long long)injector->taken,
			  sim_tx_head());
}

/* Each frame on the wire is one that was submitted, later than the one before. */
static void check_wire(const struct plan *plan)
{
	uint64_t before = UINT64_MAX, bytes = 0;

	for (uint32_t i = 0; i < sim_wire_count(); i++) {
		const struct sim_wire_frame *frame = sim_wire_frame(i);
		const uint64_t number = sim_frame_number(frame->data);

		SIM_CHECK(before == UINT64_MAX || number > before, "frame %llu after %llu",
			  (unsigned long long)number, (unsigned long long)before);
		SIM_CHECK(number < plan->next_number && frame->len == plan->lens[number],
			  "frame %llu has %u bytes", (unsigned long long)number, frame->len);
		SIM_CHECK(sim_frame_matches(frame->data, frame->len, frame->len, number),
			  "bytes of frame %llu", (unsigned long long)number);
		before = number;
		bytes += frame->len;
	}
	SIM_CHECK(bytes == stats_of(plan->injector).sent_bytes, "sent_bytes");
}

static void remember(struct plan *plan, uint64_t number, uint32_t len)
{
	if (number >= plan->nr_lens) {
		plan->nr_lens = 2 * plan->nr_lens + 1024;
		plan->lens = realloc(plan->lens, plan->nr_lens * sizeof(*plan->lens));
		SIM_CHECK(plan->lens, "out of memory");
	}
	plan->lens[number] = len;
}

static void do_reserve(struct plan *plan)
{
	uint8_t *data = NULL;
	const int room = zring_injector_reserve(plan->injector, &data, 0);

	SIM_CHECK(room >= 0, "reserve: %d", room);
	if (!room) {
		SIM_CHECK(!data, "touched on failure");
		SIM_CHECK(!plan->reserved, "a reserved slot is lost");
		return;
	}
	SIM_CHECK(!plan->reserved || plan->reserved == data, "another slot than the reserved one");
	if (!plan->reserved) {
		plan->reserved_len = SIM_LEAST_BYTES + sim_below(&plan->random, 1514 - 22);
		sim_frame_fill(data, plan->reserved_len, plan->next_number);
	}
	plan->reserved = data;
}

static void do_submit(struct plan *plan)
{
	const uint32_t kind = sim_below(&plan->random, 20);
	int err;

	if (!plan->reserved) {
		SIM_CHECK(zring_injector_submit(plan->injector, 60) == -EINVAL, "without a slot");
		return;
	}
	plan->submitted++;
	plan->reserved = NULL;
	if (kind < 2) {
		err = zring_injector_submit(plan->injector, kind ? 1600 : 13);
		SIM_CHECK(err == (kind ? -EMSGSIZE : -EINVAL), "a bad length: %d", err);
		plan->refused++;
		return;
	}
	remember(plan, plan->next_number++, plan->reserved_len);
	err = zring_injector_submit(plan->injector, plan->reserved_len);
	SIM_CHECK(err == 0, "submit: %d", err);
}

static void do_cancel(struct plan *plan)
{
	plan->cancelled += plan->reserved != NULL;
	plan->reserved = NULL;
	zring_injector_cancel(plan->injector);
}

static void do_flush(struct plan *plan)
{
	const struct zring_injector_stats before = stats_of(plan->injector);
	const uint32_t on_wire = sim_wire_count();
	const int done = zring_injector_flush(plan->injector);

	SIM_CHECK(done >= 0 || done == -EAGAIN, "flush: %d", done);
	SIM_CHECK((done < 0 ? 0 : done) == (int)(sim_wire_count() - on_wire),
		  "flush says %d, %u left (%llu were pending)", done, sim_wire_count() - on_wire,
		  (unsigned long long)before.pending);
}

static void do_send(struct plan *plan)
{
	const uint32_t len = SIM_LEAST_BYTES + sim_below(&plan->random, 200);
	const struct zring_injector_stats before = stats_of(plan->injector);
	uint8_t data[256];
	int err;

	if (plan->reserved) {
		SIM_CHECK(zring_injector_send(plan->injector, data, 60) == -EBUSY, "reserved");
		return;
	}
	sim_frame_fill(data, len, plan->next_number);
	remember(plan, plan->next_number, len);
	err = zring_injector_send(plan->injector, data, len);
	SIM_CHECK(err == 0 || err == -EAGAIN || err == -EMSGSIZE || err == -EINVAL, "send: %d",
		  err);
	plan->next_number++;
	plan->submitted += stats_of(plan->injector).submitted - before.submitted;
}

static void do_batch(struct plan *plan)
{
	struct zring_packet packets[24];
	uint8_t data[24][128];
	const uint32_t nr = 1 + sim_below(&plan->random, 24);
	int done;

	if (plan->reserved)
		return;
	for (uint32_t i = 0; i < nr; i++) {
		const uint32_t len = SIM_LEAST_BYTES + sim_below(&plan->random, 100);

		sim_frame_fill(data[i], len, plan->next_number + i);
		remember(plan, plan->next_number + i, len);
		packets[i] = (struct zring_packet){.data = data[i], .len = len};
	}
	done = zring_injector_send_batch(plan->injector, packets, nr);
	SIM_CHECK((done > 0 && done <= (int)nr) || done == -EAGAIN, "send_batch: %d", done);
	plan->next_number += nr;
	plan->submitted += done > 0 ? (uint64_t)done : 0;
}

static void step(struct plan *plan)
{
	const uint32_t kind = sim_below(&plan->random, 100);

	if (kind < 45)
		do_reserve(plan);
	else if (kind < 75)
		do_submit(plan);
	else if (kind < 80)
		do_cancel(plan);
	else if (kind < 88)
		do_flush(plan);
	else if (kind < 92)
		do_send(plan);
	else if (kind < 94)
		do_batch(plan);
	else
		sim_tx_complete(sim_below(&plan->random, 8));
}

/* Everything leaves in the end. */
static void drain(struct plan *plan)
{
	const int err = zring_injector_drain(plan->injector, 10000);

	SIM_CHECK(err == 0, "drain: %d", err);
	check_state(plan);
	SIM_CHECK(stats_of(plan->injector).pending == 0, "something is pending after a drain");
	SIM_CHECK(stats_of(plan->injector).sent == sim_wire_count(), "sent is what left");
	check_wire(plan);
}

static void random_run(uint32_t method, bool vnet_header, const struct sim_config *config)
{
	const struct zring_injector_options options = {
		.size = sizeof(options),
		.method = method,
		.nr_frames = 16,
		.nonblocking = 1,
		.vnet_header = vnet_header,
	};
	struct plan plan = {.random = config->seed, .method = method};

	sim_say_seed(method == ZRING_METHOD_RING ? "ring" : "sendmmsg", config->seed);
	sim_start(config);
	plan.injector = open_injector(&options);
	/* Some runs pass the point where 32 bits end. */
	plan.base = config->seed % 4 ? 0 : (UINT64_C(1) << 32) - 16 * config->seed;
	plan.injector->head = plan.injector->taken = plan.injector->tail = plan.base;
	for (uint32_t i = 0; i < STEPS; i++) {
		step(&plan);
		check_state(&plan);
	}
	do_cancel(&plan);
	drain(&plan);
	zring_injector_close(plan.injector);
	sim_stop();
	free(plan.lens);
}

static void random_runs(void)
{
	static const uint32_t methods[] = {ZRING_METHOD_RING, ZRING_METHOD_SENDMMSG};

	for (uint64_t seed = 1; seed <= 60; seed++)
		for (uint32_t m = 0; m < 2; m++) {
			const struct sim_config config = {
				.seed = seed,
				.virtual_time = true,
				.enobufs = seed % 2 ? 60 : 0,
				.eagain = seed % 3 ? 40 : 0,
				.reject = seed % 5 ? 80 : 0,
				.hold = seed % 4 ? 600 : 0,
			};

			random_run(methods[m], seed % 7 == 0, &config);
		}
}

/* Puts frame @number of @len bytes into the queue. */
static void put(struct zring_injector *injector, uint64_t number, uint32_t len)
{
	uint8_t *data;

	SIM_CHECK(zring_injector_reserve(injector, &data, 0) > 0, "no slot for %llu",
		  (unsigned long long)number);
	sim_frame_fill(data, len, number);
	SIM_CHECK(zring_injector_submit(injector, len) == 0, "submit");
}

static void expect_wire(const uint64_t *numbers, uint32_t nr)
{
	SIM_CHECK(sim_wire_count() == nr, "%u frames on the wire, not %u", sim_wire_count(), nr);
	for (uint32_t i = 0; i < nr; i++) {
		const struct sim_wire_frame *frame = sim_wire_frame(i);

		SIM_CHECK(sim_frame_matches(frame->data, frame->len, frame->len, numbers[i]),
			  "frame %u on the wire is %llu, not %llu", i,
			  (unsigned long long)sim_frame_number(frame->data),
			  (unsigned long long)numbers[i]);
	}
}

static void cancelled_slot_stalls_nothing(void)
{
	static const uint64_t expected[] = {0, 1, 2, 3, 4, 5};
	const struct zring_injector_options options = {
		.size = sizeof(options), .method = ZRING_METHOD_RING, .nr_frames = 8};
	const struct sim_config config = {.seed = 1, .virtual_time = true};
	struct zring_injector *injector;
	uint8_t *data;

	sim_say_seed(__func__, 1);
	sim_start(&config);
	injector = open_injector(&options);
	for (uint64_t i = 0; i < 3; i++)
		put(injector, i, 60);
	SIM_CHECK(zring_injector_reserve(injector, &data, 0) > 0, "reserve");
	zring_injector_cancel(injector);
	for (uint64_t i = 3; i < 6; i++)
		put(injector, i, 60);
	SIM_CHECK(zring_injector_flush(injector) == 6, "six frames leave");
	expect_wire(expected, 6);
	zring_injector_close(injector);
	sim_stop();
}

/* The queue moves up over the refused frames while a slot is lent: what is written in it follows.
 */
static void reserved_bytes_follow_a_rejection(void)
{
	const struct zring_injector_options options = {
		.size = sizeof(options), .method = ZRING_METHOD_RING, .nr_frames = 8};
	const struct sim_config config = {.seed = 1, .virtual_time = true};
	static const uint64_t expected[] = {0, 2, 4, 5};
	struct zring_injector *injector;
	struct zring_injector_stats stats;
	uint8_t *data, *again;

	sim_say_seed(__func__, 1);
	sim_start(&config);
	injector = open_injector(&options);
	/* Good when submitted, too long when sent: 1 and 3. */
	for (uint64_t i = 0; i < 5; i++)
		put(injector, i, i % 2 ? 1514 : 100);
	SIM_CHECK(zring_injector_reserve(injector, &data, 0) > 0, "reserve");
	sim_frame_fill(data, 90, 5);
	sim_set_mtu(1000);
	SIM_CHECK(zring_injector_flush(injector) == 3, "three of five leave");
	SIM_CHECK(zring_injector_reserve(injector, &again, 0) > 0 && again == data,
		  "the same slot");
	SIM_CHECK(zring_injector_submit(injector, 90) == 0, "submit");
	SIM_CHECK(zring_injector_flush(injector) == 1, "and the one that was reserved");
	expect_wire(expected, 4);
	stats = stats_of(injector);
	SIM_CHECK(stats.submitted == 6 && stats.sent == 4 && stats.rejected_too_long == 2,
		  "accounts");
	zring_injector_close(injector);
	sim_stop();
}

/* Frames of one flush may end in another: what flush returns is never below 0 for that. */
static void loss_mode_counts_what_the_kernel_leaves_out(void)
{
	const struct zring_injector_options options = {
		.size = sizeof(options), .nr_frames = 8, .nonblocking = 1, .loss = 1};
	const struct sim_config config = {.seed = 3, .virtual_time = true, .hold = 1000};
	static const uint64_t expected[] = {0, 4};
	struct zring_injector *injector;
	struct zring_injector_stats stats;
	int done;

	sim_say_seed(__func__, 3);
	sim_start(&config);
	injector = open_injector(&options);
	put(injector, 0, 100);
	for (uint64_t i = 1; i < 4; i++)
		put(injector, i, 1514);
	sim_set_mtu(1000);
	done = zring_injector_flush(injector);
	SIM_CHECK(done == 1, "one of four was taken, flush says %d", done);
	sim_tx_complete(UINT32_MAX);
	put(injector, 4, 100);
	done = zring_injector_flush(injector);
	SIM_CHECK(done == 1, "one frame was handed over, flush says %d", done);
	sim_tx_complete(UINT32_MAX);
	SIM_CHECK(zring_injector_drain(injector, 0) == 0, "drain");
	stats = stats_of(injector);
	SIM_CHECK(stats.rejected_too_long == 3 && stats.rejected == 3 && stats.sent == 2,
		  "%llu rejected, %llu sent", (unsigned long long)stats.rejected,
		  (unsigned long long)stats.sent);
	SIM_CHECK(stats.sent_bytes == 200, "%llu bytes", (unsigned long long)stats.sent_bytes);
	expect_wire(expected, 2);
	zring_injector_close(injector);
	sim_stop();
}

static void down_keeps_frames_and_deleted_says_so(uint32_t method)
{
	static const uint64_t expected[] = {0, 1};
	const struct zring_injector_options options = {
		.size = sizeof(options), .method = method, .nr_frames = 8, .timeout_ms = 10};
	const struct sim_config config = {.seed = 1, .virtual_time = true};
	struct zring_injector *injector;

	sim_say_seed(__func__, method);
	sim_start(&config);
	injector = open_injector(&options);
	put(injector, 0, 60);
	put(injector, 1, 60);
	sim_set_up(false);
	SIM_CHECK(zring_injector_flush(injector) == -ENETDOWN, "down");
	SIM_CHECK(zring_injector_drain(injector, 10) == -ENETDOWN, "down");
	SIM_CHECK(stats_of(injector).pending == 2 && sim_wire_count() == 0, "both are kept");
	sim_set_up(true);
	SIM_CHECK(zring_injector_flush(injector) == 2, "and leave when it is up again");
	expect_wire(expected, 2);
	put(injector, 2, 60);
	sim_delete_interface();
	SIM_CHECK(zring_injector_flush(injector) == -ENODEV, "deleted");
	SIM_CHECK(stats_of(injector).pending == 1, "not lost, not sent");
	zring_injector_close(injector);
	sim_stop();
}

/* A kernel that takes nothing for a while: the frame waits, within the deadline. */
static void back_pressure_ends_at_the_deadline(uint32_t method)
{
	const struct zring_injector_options options = {
		.size = sizeof(options), .method = method, .nr_frames = 4, .timeout_ms = 20};
	struct sim_config config = {.seed = 1, .virtual_time = true, .enobufs = 1000};
	struct zring_injector *injector;
	uint8_t *data = NULL;

	sim_say_seed(__func__, method);
	sim_start(&config);
	injector = open_injector(&options);
	for (uint64_t i = 0; i < 4; i++)
		put(injector, i, 60);
	SIM_CHECK(zring_injector_reserve(injector, &data, 0) == 0 && !data, "full");
	SIM_CHECK(zring_injector_reserve(injector, &data, 30) == 0 && !data, "full");
	SIM_CHECK(zring_injector_flush(injector) == -ETIMEDOUT, "nothing was taken");
	SIM_CHECK(zring_injector_drain(injector, 30) == -ETIMEDOUT, "nothing was taken");
	SIM_CHECK(stats_of(injector).pending == 4 && stats_of(injector).retries > 0,
		  "all are kept");
	zring_injector_close(injector);
	sim_stop();
}

/* The rate holds over simulated seconds, whatever the kernel refuses in between. */
static void pacing_holds_the_rate(uint32_t method, uint64_t seed)
{
	const struct zring_injector_options options = {.size = sizeof(options),
						       .method = method,
						       .nr_frames = 64,
						       .rate_pps = 10000,
						       .burst_frames = 8};
	const struct sim_config config = {
		.seed = seed, .virtual_time = true, .enobufs = 30, .reject = seed % 2 ? 20 : 0};
	const uint32_t wanted = 20000;
	struct plan plan = {.method = method};
	uint64_t start_ns;
	double seconds;

	sim_say_seed(__func__, seed);
	sim_start(&config);
	plan.injector = open_injector(&options);
	start_ns = zr_now_ns();
	for (uint64_t i = 0; i < wanted; i++) {
		uint8_t *data;

		SIM_CHECK(zring_injector_reserve(plan.injector, &data, -1) > 0, "reserve");
		sim_frame_fill(data, 60, i);
		remember(&plan, i, 60);
		SIM_CHECK(zring_injector_submit(plan.injector, 60) == 0, "submit");
		if (i % 32 == 31)
			SIM_CHECK(zring_injector_flush(plan.injector) >= 0, "flush");
	}
	plan.submitted = plan.next_number = wanted;
	SIM_CHECK(zring_injector_drain(plan.injector, -1) == 0, "drain");
	seconds = (double)(zr_now_ns() - start_ns) / 1e9;
	drain(&plan);
	/* Never faster; a rejected frame may be paid for. */
	SIM_CHECK(sim_wire_count() <= 10000 * seconds + 8 + 1, "%u frames in %f s",
		  sim_wire_count(), seconds);
	SIM_CHECK(sim_wire_count() + sim_nr_rejected() >= 10000 * seconds * 0.99,
		  "%u frames in %f s", sim_wire_count(), seconds);
	zring_injector_close(plan.injector);
	sim_stop();
	free(plan.lens);
}

int main(void)
{
	random_runs();
	cancelled_slot_stalls_nothing();
	reserved_bytes_follow_a_rejection();
	loss_mode_counts_what_the_kernel_leaves_out();
	for (uint32_t method = ZRING_METHOD_RING; method <= ZRING_METHOD_SENDMMSG; method++) {
		down_keeps_frames_and_deleted_says_so(method);
		back_pressure_ends_at_the_deadline(method);
		for (uint64_t seed = 1; seed <= 4; seed++)
			pacing_holds_the_rate(method, seed);
	}
	puts("injector: all hold");
	return 0;
}
