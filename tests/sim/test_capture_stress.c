/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Receiving while a thread plays the kernel on the same ring memory: each frame
 * comes once, in order, byte for byte, or is counted as dropped, whatever the
 * reader holds back and in whatever order it gives back.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <zring/zring.h>

#include "core/barrier.h"
#include "support/sim.h"
#include "support/sim_kernel.h"

#define NR_FRAMES   20000
#define MAX_HELD    6
#define MOST_BYTES  1514u
#define DEADLINE_MS 60000 /* of a whole run: never reached unless something hangs */

struct run {
	struct zring_capture *capture;
	struct sim_rx *rx;
	uint64_t seed;
	bool kernel_done;
	bool reader_done;
	/* the kernel thread's */
	uint64_t nr_stored;
	uint64_t nr_dropped;
	/* the reader's */
	uint64_t random;
	uint64_t next_number;
	uint64_t nr_seen;
	struct zring_batch batches[MAX_HELD];
};

static uint32_t length_of(uint64_t *random)
{
	return sim_chance(random, 700) ? SIM_LEAST_BYTES + sim_below(random, 100)
				       : SIM_LEAST_BYTES + sim_below(random, MOST_BYTES - 21);
}

/* Also after most drops, so that the reader gets its turn and the ring goes round often. */
static void pause_now_and_then(uint64_t *random, bool dropped)
{
	const struct timespec pause = {.tv_nsec = 1000 + sim_below(random, 60000)};

	if (sim_chance(random, dropped ? 950 : 5))
		nanosleep(&pause, NULL);
}

static void *play_kernel(void *argument)
{
	struct run *run = argument;
	uint64_t random = run->seed * 3 + 1;
	uint8_t data[MOST_BYTES];
	bool dropped;

	for (uint64_t number = 0; number < NR_FRAMES; number++) {
		const struct sim_rx_packet packet = {
			.data = data, .len = length_of(&random), .time_ns = 1000 + number};

		sim_frame_fill(data, packet.len, number);
		dropped = sim_rx_packet(run->rx, &packet) == SIM_RX_DROPPED;
		run->nr_dropped += dropped;
		run->nr_stored += !dropped;
		if (sim_chance(&random, 20))
			sim_rx_timer(run->rx);
		pause_now_and_then(&random, dropped);
	}
	zr_store_release(&run->kernel_done, true);
	/* Timers go on: what is in the last block comes out. */
	while (!zr_load_acquire(&run->reader_done)) {
		const struct timespec pause = {.tv_nsec = 100000};

		sim_rx_timer(run->rx);
		nanosleep(&pause, NULL);
	}
	return NULL;
}

/* Another thread asks for the figures: they only grow, and never contradict each other. */
static void *watch_stats(void *argument)
{
	struct run *run = argument;
	struct zring_capture_stats before = {0};

	while (!zr_load_acquire(&run->reader_done)) {
		struct zring_capture_stats now;

		zring_capture_get_stats(run->capture, &now);
		SIM_CHECK(now.received >= before.received && now.delivered >= before.delivered &&
				  now.dropped >= before.dropped &&
				  now.truncated >= before.truncated,
			  "a counter went back");
		SIM_CHECK(now.received == now.delivered + now.dropped + now.malformed +
						  now.filtered + now.pending,
			  "the sum");
		SIM_CHECK(now.pending <= NR_FRAMES, "%llu pending",
			  (unsigned long long)now.pending);
		before = now;
	}
	return NULL;
}

static void look_at(struct run *run, const struct zring_packet *packet)
{
	const uint64_t number = sim_frame_number(packet->data);

	SIM_CHECK(number >= run->next_number && number < NR_FRAMES,
		  "frame %llu, expected %llu or later", (unsigned long long)number,
		  (unsigned long long)run->next_number);
	SIM_CHECK(packet->len == packet->wire_len, "cut");
	SIM_CHECK(sim_frame_matches(packet->data, packet->len, packet->wire_len, number),
		  "bytes of frame %llu", (unsigned long long)number);
	run->next_number = number + 1;
	run->nr_seen++;
}

/* Once more before they go back: what is lent must not have changed. */
static void look_again(const struct zring_batch *batch)
{
	const struct zring_packet *packet;

	zring_batch_for_each (batch, packet)
		SIM_CHECK(sim_frame_matches(packet->data, packet->len, packet->wire_len,
					    sim_frame_number(packet->data)),
			  "a lent packet changed");
}

static void release_some(struct run *run)
{
	for (uint32_t i = 0; i < MAX_HELD; i++)
		if (run->batches[i].nr_packets && sim_chance(&run->random, 400)) {
			look_again(&run->batches[i]);
			zring_batch_release(&run->batches[i]);
		}
}

static int read_batch(struct run *run, int timeout_ms)
{
	struct zring_batch *batch = &run->batches[sim_below(&run->random, MAX_HELD)];
	const struct zring_packet *packet;
	int nr;

	if (batch->nr_packets) {
		SIM_CHECK(zring_capture_next(run->capture, batch, 0) == -EBUSY, "not empty");
		look_again(batch);
		zring_batch_release(batch);
	}
	nr = zring_capture_next(run->capture, batch, timeout_ms);
	SIM_CHECK(nr >= 0, "next: %d", nr);
	SIM_CHECK(nr == (int)batch->nr_packets, "%d or %u packets", nr, batch->nr_packets);
	zring_batch_for_each (batch, packet)
		look_at(run, packet);
	return nr;
}

static int read_flat(struct run *run, int timeout_ms)
{
	const uint32_t most = 1 + sim_below(&run->random, 40);
	const struct zring_packet *packet = NULL;
	int nr = 0;

	for (uint32_t i = 0; i < most; i++) {
		const int one =
			zring_capture_next_packet(run->capture, &packet, i ? 0 : timeout_ms);

		SIM_CHECK(one == 0 || one == 1, "next_packet: %d", one);
		if (!one)
			break;
		look_at(run, packet);
		nr++;
	}
	return nr;
}

static bool all_accounted(struct run *run)
{
	struct zring_capture_stats stats;

	if (!zr_load_acquire(&run->kernel_done))
		return false;
	zring_capture_get_stats(run->capture, &stats);
	return stats.delivered + stats.dropped == NR_FRAMES;
}

static void read_all(struct run *run, bool flat)
{
	struct timespec start, now;

	clock_gettime(CLOCK_MONOTONIC, &start);
	while (!all_accounted(run)) {
		if (flat)
			read_flat(run, 5);
		else
			read_batch(run, sim_chance(&run->random, 500) ? 5 : 0);
		release_some(run);
		clock_gettime(CLOCK_MONOTONIC, &now);
		SIM_CHECK((now.tv_sec - start.tv_sec) * 1000 < DEADLINE_MS,
			  "hangs at frame %llu, %llu seen", (unsigned long long)run->next_number,
			  (unsigned long long)run->nr_seen);
	}
}

static void check_end(struct run *run)
{
	struct zring_capture_stats stats;

	zring_capture_get_stats(run->capture, &stats);
	SIM_CHECK(stats.dropped == run->nr_dropped, "%llu dropped, not %llu",
		  (unsigned long long)stats.dropped, (unsigned long long)run->nr_dropped);
	SIM_CHECK(stats.delivered == run->nr_stored && run->nr_seen == run->nr_stored,
		  "%llu delivered, %llu seen, %llu stored", (unsigned long long)stats.delivered,
		  (unsigned long long)run->nr_seen, (unsigned long long)run->nr_stored);
	SIM_CHECK(stats.received == NR_FRAMES && !stats.pending && !stats.malformed &&
			  !stats.truncated,
		  "accounts");
}

static void open_all(struct run *run, const struct zring_capture_options *options,
		     uint32_t capacity)
{
	struct zring_diag diag = {0};
	const int err = zring_capture_open(SIM_INTERFACE, options, &diag, &run->capture);

	SIM_CHECK(err == 0, "open: %d, %s: %s", err, diag.step, diag.message);
	run->rx = sim_rx_find();
	for (uint32_t i = 0; i < MAX_HELD; i++)
		SIM_CHECK(zring_batch_init(&run->batches[i], capacity) == 0, "init");
}

static void stress(const struct zring_capture_options *options, uint32_t capacity, bool flat,
		   uint64_t seed)
{
	const struct sim_config config = {.seed = seed};
	struct run run = {.seed = seed, .random = seed};
	pthread_t kernel, watcher;

	sim_say_seed(flat ? "flat" : "batch", seed);
	sim_start(&config);
	open_all(&run, options, capacity);
	SIM_CHECK(!pthread_create(&kernel, NULL, play_kernel, &run) &&
			  !pthread_create(&watcher, NULL, watch_stats, &run),
		  "no thread");
	read_all(&run, flat);
	zr_store_release(&run.reader_done, true);
	pthread_join(kernel, NULL);
	pthread_join(watcher, NULL);
	check_end(&run);
	for (uint32_t i = 0; i < MAX_HELD; i++)
		zring_batch_fini(&run.batches[i]);
	zring_capture_close(run.capture);
	sim_stop();
	printf("profile %u, wait %u, %s of %u, seed %llu: %llu frames, %llu dropped\n",
	       options->profile, options->wait, flat ? "flat" : "batches", capacity,
	       (unsigned long long)seed, (unsigned long long)run.nr_stored,
	       (unsigned long long)run.nr_dropped);
}

int main(void)
{
	static const uint32_t capacities[] = {1, 7, ZRING_BATCH_DEFAULT, ZRING_BATCH_BLOCK};
	uint64_t seed = 1;

	for (uint32_t profile = 0; profile < 2; profile++)
		for (uint32_t wait = 0; wait < 2; wait++)
			for (uint32_t c = 0; c < 4; c++, seed++) {
				const struct zring_capture_options options = {
					.size = sizeof(options),
					.profile = profile,
					.wait = wait,
					.block_bytes = 4096,
					.nr_blocks = profile ? 8 : 5,
				};

				stress(&options, capacities[c], c == 2, seed);
			}
	return 0;
}
