/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sending through an AF_XDP ring while a thread plays the NIC, which is done with
 * frames late and out of order, and another reads the figures. The played kernel
 * checks that no slot is written before its completion (sim_xdp_io.c). All rings
 * pass 2^32 on the way.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>

#include <zring/zring.h>

#include "afxdp/injector.h"
#include "core/barrier.h"
#include "support/sim.h"
#include "support/sim_kernel.h"
#include "support/sim_xdp.h"

#define NR_FRAMES   6000
#define NR_SLOTS    32
#define MTU         1500u
#define JUMBO_MTU   9000u
#define BEFORE_WRAP 4096u /* a multiple of every ring's size */

struct run {
	const char *name;
	struct sim_xdp_config xdp;
	uint32_t mtu;
	bool thread; /* completions come from one */
	uint64_t seed;
};

static struct zring_injector *injector;
static struct sim_xdp *kernel;
static bool done;

/* What is counted never contradicts itself, whenever it is read. */
static void *watch_stats(void *unused)
{
	struct zring_injector_stats before = {0};

	(void)unused;
	while (!zr_load_acquire(&done)) {
		struct zring_injector_stats now;

		zring_injector_get_stats(injector, &now);
		SIM_CHECK(now.submitted >= before.submitted && now.sent >= before.sent &&
				  now.rejected >= before.rejected && now.kicks >= before.kicks,
			  "a counter went back");
		SIM_CHECK(now.submitted == now.sent + now.rejected + now.pending, "the sum");
		SIM_CHECK(now.pending <= NR_FRAMES, "%lld pending", (long long)now.pending);
		before = now;
	}
	return NULL;
}

static uint32_t length_of(uint64_t *random, uint32_t mtu)
{
	return sim_chance(random, 700) ? SIM_LEAST_BYTES + sim_below(random, 100)
				       : SIM_LEAST_BYTES + sim_below(random, mtu + 14 - 21);
}

/* Every 50th frame is a runt or too long, and refused by submit. */
static void submit_one(struct run *run, uint64_t *random, uint64_t number, uint64_t *nr_refused)
{
	const uint32_t len = length_of(random, run->mtu);
	uint8_t *data;
	const int room = zring_injector_reserve(injector, &data, -1);

	SIM_CHECK(room >= (int)run->mtu + 14, "reserve: %d", room);
	sim_frame_fill(data, len, number);
	if (number % 50 == 49) {
		const bool runt = sim_chance(random, 500);
		const int err = zring_injector_submit(injector, runt ? 9 : run->mtu + 15);

		SIM_CHECK(err == (runt ? -EINVAL : -EMSGSIZE), "submit: %d", err);
		(*nr_refused)++;
		return;
	}
	SIM_CHECK(zring_injector_submit(injector, len) == 0, "submit");
	if (sim_chance(random, 100))
		SIM_CHECK(zring_injector_flush(injector) >= 0, "flush");
}

/* What left is looked at on the wire: each frame once, in order, whole. */
static void check_wire(const struct zring_injector_stats *stats, bool exact)
{
	uint64_t before = 0, bytes = 0;

	SIM_CHECK(stats->sent == sim_wire_count(), "%llu sent, %u on the wire",
		  (unsigned long long)stats->sent, sim_wire_count());
	for (uint32_t i = 0; i < sim_wire_count(); i++) {
		const struct sim_wire_frame *frame = sim_wire_frame(i);
		const uint64_t number = sim_frame_number(frame->data);

		SIM_CHECK(!i || number > before, "frame %llu after %llu",
			  (unsigned long long)number, (unsigned long long)before);
		SIM_CHECK(sim_frame_matches(frame->data, frame->len, frame->len, number), "bytes");
		before = number;
		bytes += frame->len;
	}
	/* Which of them a device dropped can't always be told when the kernel says it late. */
	SIM_CHECK(!exact || stats->sent_bytes == bytes, "%llu bytes sent, %llu on the wire",
		  (unsigned long long)stats->sent_bytes, (unsigned long long)bytes);
}

static void check_end(const struct run *run, uint64_t nr_refused)
{
	struct zring_injector_stats stats;

	zring_injector_get_stats(injector, &stats);
	SIM_CHECK(stats.submitted == NR_FRAMES && stats.pending == 0, "all have ended");
	SIM_CHECK(stats.rejected_kernel == sim_xdp_nr_dropped(kernel), "%llu rejected, %u dropped",
		  (unsigned long long)stats.rejected_kernel, sim_xdp_nr_dropped(kernel));
	SIM_CHECK(stats.rejected == nr_refused + sim_xdp_nr_dropped(kernel), "rejected");
	SIM_CHECK(!run->xdp.drop || (stats.rejected_kernel && stats.last_error), "none dropped");
	check_wire(&stats, !run->xdp.lazy);
}

static void open_injector(void)
{
	const struct zring_injector_options options = {
		.size = sizeof(options), .backend = ZRING_BACKEND_AFXDP, .nr_frames = NR_SLOTS};
	struct zring_diag diag = {0};
	const int err = zring_injector_open(SIM_INTERFACE, &options, &diag, &injector);

	SIM_CHECK(err == 0, "open: %s: %s", diag.step, diag.message);
	kernel = sim_xdp_find(0);
	sim_xdp_age(zr_xdp_injector(injector)->xdp, 0 - BEFORE_WRAP);
}

static void send_all(struct run run)
{
	/* Without a thread frames complete while the library waits. */
	const struct sim_config config = {
		.seed = run.seed, .virtual_time = !run.thread, .mtu = run.mtu, .xdp = &run.xdp};
	uint64_t random = run.seed, nr_refused = 0;
	pthread_t watcher;

	sim_say_seed(run.name, run.seed);
	sim_start(&config);
	open_injector();
	done = false;
	if (run.thread)
		sim_xdp_thread_start(kernel);
	SIM_CHECK(!pthread_create(&watcher, NULL, watch_stats, NULL), "no thread");
	for (uint64_t number = 0; number < NR_FRAMES; number++)
		submit_one(&run, &random, number, &nr_refused);
	SIM_CHECK(zring_injector_drain(injector, 60000) == 0, "drain");
	zr_store_release(&done, true);
	pthread_join(watcher, NULL);
	if (run.thread)
		sim_xdp_thread_end(kernel);
	check_end(&run, nr_refused);
	zring_injector_close(injector);
	sim_stop();
	printf("%s, seed %llu: holds\n", run.name, (unsigned long long)run.seed);
}

/* A zero-copy driver, which sleeps when the ring is empty. */
static void *play_driver(void *argument)
{
	static uint8_t data[SIM_XDP_MOST_BYTES];
	uint64_t *nr_sent = argument, before = 0;

	while (!zr_load_acquire(&done)) {
		uint32_t len;

		SIM_CHECK(sim_xdp_wait_for_frames(kernel), "a wake-up was lost");
		while ((len = sim_xdp_pull(kernel, data))) {
			const uint64_t number = sim_frame_number(data);

			SIM_CHECK(!*nr_sent || number > before, "frame %llu after %llu",
				  (unsigned long long)number, (unsigned long long)before);
			SIM_CHECK(sim_frame_matches(data, len, len, number), "bytes");
			before = number;
			(*nr_sent)++;
		}
	}
	return NULL;
}

static void driver_takes_all(struct run run)
{
	const struct sim_config config = {.seed = run.seed, .mtu = run.mtu, .xdp = &run.xdp};
	uint64_t random = run.seed, nr_refused = 0, nr_sent = 0;
	struct zring_injector_stats stats;
	pthread_t driver, watcher;

	sim_say_seed(run.name, run.seed);
	sim_start(&config);
	open_injector();
	done = false;
	SIM_CHECK(!pthread_create(&driver, NULL, play_driver, &nr_sent) &&
			  !pthread_create(&watcher, NULL, watch_stats, NULL),
		  "no thread");
	for (uint64_t number = 0; number < NR_FRAMES; number++)
		submit_one(&run, &random, number, &nr_refused);
	SIM_CHECK(zring_injector_drain(injector, 60000) == 0, "drain");
	zring_injector_get_stats(injector, &stats);
	zr_store_release(&done, true);
	sim_xdp_wake(kernel);
	pthread_join(driver, NULL);
	pthread_join(watcher, NULL);
	SIM_CHECK(stats.sent == nr_sent && stats.sent + nr_refused == NR_FRAMES && !stats.pending,
		  "%llu sent, %llu pulled", (unsigned long long)stats.sent,
		  (unsigned long long)nr_sent);
	zring_injector_close(injector);
	sim_stop();
	printf("%s, seed %llu: holds\n", run.name, (unsigned long long)run.seed);
}

int main(void)
{
	const struct run runs[] = {
		{.name = "plain", .mtu = MTU},
		{.name = "late", .mtu = MTU, .xdp = {.hold = 800}},
		{.name = "late, on a thread", .mtu = MTU, .thread = true},
		{.name = "in any order", .mtu = MTU, .thread = true, .xdp = {.scattered = true}},
		{.name = "full device",
		 .mtu = MTU,
		 .thread = true,
		 .xdp = {.scattered = true, .full = 30}},
		{.name = "dropping device", .mtu = MTU, .xdp = {.drop = 30, .hold = 300}},
		{.name = "dropping device, on a thread",
		 .mtu = MTU,
		 .thread = true,
		 .xdp = {.scattered = true, .drop = 100, .full = 10}},
		{.name = "Linux 6.1", .mtu = MTU, .thread = true, .xdp = {.lazy = true}},
		{.name = "Linux 6.1, dropping device",
		 .mtu = MTU,
		 .thread = true,
		 .xdp = {.lazy = true, .drop = 50, .full = 20}},
		{.name = "Linux 6.1, late",
		 .mtu = MTU,
		 .xdp = {.lazy = true, .drop = 50, .hold = 700}},
		{.name = "jumbo frames",
		 .mtu = JUMBO_MTU,
		 .thread = true,
		 .xdp = {.scattered = true, .drop = 30, .full = 10}},
		{.name = "jumbo frames, late", .mtu = JUMBO_MTU, .xdp = {.drop = 30, .hold = 700}},
	};

	for (size_t i = 0; i < sizeof(runs) / sizeof(*runs); i++)
		for (uint64_t seed = 1; seed <= 2; seed++) {
			struct run run = runs[i];

			run.seed = seed + 10 * i;
			send_all(run);
		}
	driver_takes_all((struct run){
		.name = "zero-copy", .mtu = MTU, .seed = 3, .xdp = {.zero_copy = true}});
	driver_takes_all((struct run){.name = "zero-copy, jumbo frames",
				      .mtu = JUMBO_MTU,
				      .seed = 4,
				      .xdp = {.zero_copy = true}});
	return 0;
}
