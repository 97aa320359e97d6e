/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A zero-copy driver that sleeps after every frame and every chunk: the library sees
 * that it does and wakes it, each time. Both sides look at each other's word after
 * they have written their own; one look too early and both wait for ever.
 */
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <time.h>

#include <zring/zring.h>

#include "core/barrier.h"
#include "support/sim.h"
#include "support/sim_kernel.h"
#include "support/sim_xdp.h"

#define NR_ROUNDS 100000u
#define FRAME     60u
#define ENTRIES   8u
#define PATIENCE  20 /* seconds */

static struct zring_umem *umem;
static struct zring_xdp *xdp;
static struct sim_xdp *kernel;

static void open_socket(uint32_t use)
{
	static const struct sim_xdp_config driver = {.zero_copy = true};
	const struct sim_config config = {.seed = 1, .xdp = &driver};
	const struct zring_umem_options memory = {.size = sizeof(memory), .nr_chunks = ENTRIES};
	const struct zring_xdp_options options = {.size = sizeof(options),
						  .use = use,
						  .rx_chunks = UINT32_MAX,
						  .rx_entries = ENTRIES,
						  .tx_entries = ENTRIES,
						  .fill_entries = ENTRIES,
						  .completion_entries = ENTRIES};
	struct zring_xdp_info info;
	struct zring_diag diag = {0};

	sim_start(&config);
	SIM_CHECK(zring_umem_open(&memory, &diag, &umem) == 0, "%s", diag.message);
	SIM_CHECK(zring_xdp_open(SIM_INTERFACE, umem, &options, &diag, &xdp) == 0, "%s",
		  diag.message);
	zring_xdp_get_info(xdp, &info);
	SIM_CHECK(info.mode == ZRING_XDP_MODE_ZEROCOPY, "mode %u", info.mode);
	kernel = sim_xdp_find(0);
	sim_xdp_age(xdp, 0 - ENTRIES * (NR_ROUNDS / ENTRIES / 2));
}

static void close_socket(const char *what)
{
	struct zring_xdp_stats stats;

	zring_xdp_get_stats(xdp, &stats);
	printf("%s: %u rounds, %llu calls\n", what, NR_ROUNDS, (unsigned long long)stats.kicks);
	/* Some rounds find the driver awake, but never all of them. */
	SIM_CHECK(stats.kicks > 0 && stats.kicks <= 2 * NR_ROUNDS, "%llu kicks",
		  (unsigned long long)stats.kicks);
	zring_xdp_close(xdp);
	zring_umem_close(umem);
	sim_stop();
}

static void *send_all(void *unused)
{
	static uint8_t data[SIM_XDP_MOST_BYTES];

	(void)unused;
	for (uint32_t round = 0; round < NR_ROUNDS; round++) {
		uint32_t len;

		while (!(len = sim_xdp_pull(kernel, data)))
			SIM_CHECK(sim_xdp_wait_for_frames(kernel), "round %u: a lost wake-up",
				  round);
		SIM_CHECK(len == FRAME && sim_frame_matches(data, len, FRAME, round),
			  "round %u: another frame", round);
	}
	return NULL;
}

/* Until the driver has completed @nr; it must not need a second kick for it. */
static void complete(uint32_t nr)
{
	struct timespec start, now;

	clock_gettime(CLOCK_MONOTONIC, &start);
	while (nr) {
		uint64_t addresses[ENTRIES];
		const int done = zring_xdp_complete(xdp, addresses, nr);

		SIM_CHECK(done >= 0 && zring_umem_free(umem, addresses, (uint32_t)done) == 0,
			  "complete: %d", done);
		nr -= (uint32_t)done;
		if (!done)
			sched_yield();
		clock_gettime(CLOCK_MONOTONIC, &now);
		SIM_CHECK(now.tv_sec - start.tv_sec <= PATIENCE, "nothing completes");
	}
}

static void every_frame_wakes_the_driver(void)
{
	pthread_t driver;

	sim_say_seed(__func__, 1);
	open_socket(ZRING_XDP_TX);
	SIM_CHECK(!pthread_create(&driver, NULL, send_all, NULL), "no thread");
	for (uint32_t round = 0; round < NR_ROUNDS;) {
		/* One mostly: the driver goes to sleep just then. */
		const uint32_t nr = round % 7 || round + 3 > NR_ROUNDS ? 1 : 3;

		for (uint32_t i = 0; i < nr; i++, round++) {
			struct zring_xdp_desc desc = {.len = FRAME};

			SIM_CHECK(zring_umem_alloc(umem, &desc.address, 1) == 1, "no chunk");
			sim_frame_fill(zring_umem_data(umem, desc.address), FRAME, round);
			SIM_CHECK(zring_xdp_transmit(xdp, &desc, 1) == 1, "transmit");
		}
		SIM_CHECK(zring_xdp_kick(xdp) == 0, "kick");
		complete(nr);
	}
	pthread_join(driver, NULL);
	close_socket("frames");
}

static void *receive_all(void *unused)
{
	uint8_t data[FRAME];

	(void)unused;
	for (uint32_t round = 0; round < NR_ROUNDS; round++) {
		sim_frame_fill(data, FRAME, round);
		while (sim_xdp_receive(kernel, data, FRAME) != SIM_XDP_STORED)
			SIM_CHECK(sim_xdp_wait_for_chunks(kernel), "round %u: a lost wake-up",
				  round);
		sim_xdp_publish(kernel);
	}
	return NULL;
}

static void receive_one(uint32_t round)
{
	struct zring_xdp_desc desc;
	struct timespec start, now;
	int nr;

	clock_gettime(CLOCK_MONOTONIC, &start);
	/* A look at the ring's word only: receive would wake the driver by itself. */
	while (!zring_xdp_wait(xdp, ZRING_XDP_READABLE, 0)) {
		sched_yield();
		clock_gettime(CLOCK_MONOTONIC, &now);
		SIM_CHECK(now.tv_sec - start.tv_sec <= PATIENCE, "nothing comes");
	}
	nr = zring_xdp_receive(xdp, &desc, 1);
	SIM_CHECK(nr == 1, "receive: %d", nr);
	SIM_CHECK(sim_frame_matches(zring_umem_data(umem, desc.address), desc.len, FRAME, round),
		  "round %u: another frame", round);
	SIM_CHECK(zring_umem_free(umem, &desc.address, 1) == 0, "free");
}

static void every_chunk_wakes_the_driver(void)
{
	pthread_t driver;

	sim_say_seed(__func__, 1);
	open_socket(ZRING_XDP_RX);
	SIM_CHECK(!pthread_create(&driver, NULL, receive_all, NULL), "no thread");
	for (uint32_t round = 0; round < NR_ROUNDS; round++) {
		uint64_t address;

		SIM_CHECK(zring_umem_alloc(umem, &address, 1) == 1, "no chunk");
		SIM_CHECK(zring_xdp_fill(xdp, &address, 1) == 1, "fill");
		receive_one(round);
	}
	pthread_join(driver, NULL);
	close_socket("chunks");
}

int main(void)
{
	every_frame_wakes_the_driver();
	every_chunk_wakes_the_driver();
	return 0;
}
