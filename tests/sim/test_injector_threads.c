/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sending while a thread plays the NIC, which is done with frames late and out
 * of order, and another reads the figures.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>

#include <zring/zring.h>

#include "core/barrier.h"
#include "support/sim.h"
#include "support/sim_kernel.h"

#define NR_FRAMES 30000
#define NR_SLOTS  32

static struct zring_injector *injector;
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
		/* Those that end while it is read are seen as pending: few, not 2^64. */
		SIM_CHECK(now.pending <= NR_FRAMES, "%lld pending", (long long)now.pending);
		before = now;
	}
	return NULL;
}

/* Every 50th frame is a runt that submit refuses. */
static void submit_one(uint64_t *random, uint64_t number, uint64_t *nr_refused)
{
	const uint32_t len = SIM_LEAST_BYTES + sim_below(random, 300);
	uint8_t *data;

	SIM_CHECK(zring_injector_reserve(injector, &data, -1) > 0, "reserve");
	sim_frame_fill(data, len, number);
	if (number % 50 == 49) {
		SIM_CHECK(zring_injector_submit(injector, 9) == -EINVAL, "a runt");
		(*nr_refused)++;
		return;
	}
	SIM_CHECK(zring_injector_submit(injector, len) == 0, "submit");
	if (sim_chance(random, 100))
		SIM_CHECK(zring_injector_flush(injector) >= 0, "flush");
}

static void check_end(uint64_t nr_refused)
{
	struct zring_injector_stats stats;
	uint64_t before = 0;

	zring_injector_get_stats(injector, &stats);
	SIM_CHECK(stats.submitted == NR_FRAMES && stats.pending == 0, "all have ended");
	SIM_CHECK(stats.rejected == nr_refused + sim_nr_rejected(), "rejected");
	SIM_CHECK(stats.sent == sim_wire_count(), "sent");
	for (uint32_t i = 0; i < sim_wire_count(); i++) {
		const struct sim_wire_frame *frame = sim_wire_frame(i);
		const uint64_t number = sim_frame_number(frame->data);

		SIM_CHECK(!i || number > before, "frame %llu after %llu",
			  (unsigned long long)number, (unsigned long long)before);
		SIM_CHECK(sim_frame_matches(frame->data, frame->len, frame->len, number), "bytes");
		before = number;
	}
}

static void run(uint32_t method, uint64_t seed, bool vnet_header)
{
	const struct sim_config config = {.seed = seed,
					  .enobufs = seed % 2 ? 20 : 0,
					  .eagain = seed % 3 ? 0 : 20,
					  .reject = seed % 4 ? 10 : 0,
					  .hold = 800};
	const struct zring_injector_options options = {.size = sizeof(options),
						       .method = method,
						       .nr_frames = NR_SLOTS,
						       .vnet_header = vnet_header};
	uint64_t random = seed, nr_refused = 0;
	struct zring_diag diag = {0};
	pthread_t watcher;

	sim_say_seed(method == ZRING_METHOD_RING ? "ring" : "sendmmsg", seed);
	sim_start(&config);
	SIM_CHECK(zring_injector_open(SIM_INTERFACE, &options, &diag, &injector) == 0, "open: %s",
		  diag.message);
	done = false;
	sim_tx_thread_start();
	SIM_CHECK(!pthread_create(&watcher, NULL, watch_stats, NULL), "no thread");
	for (uint64_t number = 0; number < NR_FRAMES; number++)
		submit_one(&random, number, &nr_refused);
	SIM_CHECK(zring_injector_drain(injector, 60000) == 0, "drain");
	zr_store_release(&done, true);
	pthread_join(watcher, NULL);
	sim_tx_thread_end();
	check_end(nr_refused);
	zring_injector_close(injector);
	sim_stop();
	printf("method %u, seed %llu: holds\n", method, (unsigned long long)seed);
}

int main(void)
{
	for (uint64_t seed = 1; seed <= 8; seed++) {
		run(ZRING_METHOD_RING, seed, seed == 5);
		run(ZRING_METHOD_SENDMMSG, seed, seed == 5);
	}
	return 0;
}
