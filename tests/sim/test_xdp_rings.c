/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Receiving through AF_XDP while a thread plays the kernel on the same rings: each
 * frame of a queue comes once, in order, byte for byte, or is counted as dropped,
 * whatever the reader holds back and in whatever order it gives back. All rings
 * pass 2^32 on the way.
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
#include "support/sim_xdp.h"

#define NR_FRAMES   12000 /* over all queues */
#define MAX_QUEUES  4
#define NR_CHUNKS   64u /* of a queue, and entries of its rings */
#define CHUNK_BYTES 2048u
#define MAX_HELD    6
#define MOST_BYTES  1514u
#define DEADLINE_MS 60000 /* of a whole run: never reached unless something hangs */

/* So far before 2^32 the positions begin. */
#define BEFORE_WRAP (4 * NR_CHUNKS)

struct run {
	const char *name;
	struct zring_capture *capture;
	struct sim_xdp *sockets[MAX_QUEUES];
	uint32_t nr_queues;
	uint32_t frame_bytes; /* the longest */
	uint32_t bad;         /* of 1000 descriptors so many are malformed */
	bool patient;         /* the kernel waits for chunks instead of dropping */
	bool flat;
	uint64_t seed;
	bool kernel_done;
	bool reader_done;
	/* the kernel thread's */
	uint64_t kernel_random;
	uint64_t nr_stored;
	uint64_t nr_dropped;
	uint64_t nr_bad;
	/* the reader's */
	uint64_t random;
	uint64_t next_number[MAX_QUEUES];
	uint64_t nr_seen;
	struct zring_batch batches[MAX_HELD];
};

static uint32_t length_of(struct run *run)
{
	uint64_t *random = &run->kernel_random;

	return sim_chance(random, 700) ? SIM_LEAST_BYTES + sim_below(random, 100)
				       : SIM_LEAST_BYTES + sim_below(random, run->frame_bytes - 21);
}

/* Also after most drops, so that the reader gets its turn and the rings go round often. */
static void pause_now_and_then(uint64_t *random, bool dropped)
{
	const struct timespec pause = {.tv_nsec = 1000 + sim_below(random, 60000)};

	if (sim_chance(random, dropped ? 950 : 5))
		nanosleep(&pause, NULL);
}

/* Outside of the umem, across the border of a chunk, or both. */
static void receive_bad(struct run *run, uint32_t queue)
{
	const uint64_t bytes = (uint64_t)run->nr_queues * NR_CHUNKS * CHUNK_BYTES;
	const struct {
		uint64_t address;
		uint32_t len;
	} bad[] = {
		{bytes, 64},
		{bytes - 64, 65},
		{UINT64_MAX, 64},
		{UINT64_MAX - 63, 128},
		{(UINT64_C(1) << 48) | 256, 64},
		{CHUNK_BYTES - 1, 2},
		{256, CHUNK_BYTES},
		{256, UINT32_MAX},
		{0, 0},
	};
	const uint32_t which =
		sim_below(&run->kernel_random, (uint32_t)(sizeof(bad) / sizeof(*bad)));

	run->nr_bad += sim_xdp_receive_bad(run->sockets[queue], bad[which].address, bad[which].len);
}

/* A frame for @queue. False: dropped. */
static bool receive(struct run *run, uint32_t queue, uint64_t number)
{
	struct sim_xdp *const socket = run->sockets[queue];
	const uint32_t len = length_of(run);
	enum sim_xdp_result result;
	uint8_t data[4 * CHUNK_BYTES];

	sim_frame_fill(data, len, (uint64_t)queue << 32 | number);
	result = sim_xdp_receive(socket, data, len);
	if (result != SIM_XDP_STORED && run->patient) {
		/* What was received so far is shown first, or both would wait. */
		sim_xdp_publish(socket);
		while (result != SIM_XDP_STORED) {
			SIM_CHECK(sim_xdp_wait_for_chunks(socket), "a wake-up was lost");
			result = sim_xdp_receive(socket, data, len);
		}
	}
	run->nr_stored += result == SIM_XDP_STORED;
	run->nr_dropped += result != SIM_XDP_STORED;
	return result == SIM_XDP_STORED;
}

static void *play_kernel(void *argument)
{
	struct run *run = argument;
	uint64_t *random = &run->kernel_random, numbers[MAX_QUEUES] = {0};
	uint32_t queue = 0;

	for (uint64_t i = 0; i < NR_FRAMES; i++) {
		bool stored;

		if (sim_chance(random, 100))
			queue = sim_below(random, run->nr_queues);
		if (sim_chance(random, run->bad))
			receive_bad(run, queue);
		stored = receive(run, queue, numbers[queue]++);
		/* As the end of a NAPI poll: several at once. */
		if (!stored || sim_chance(random, 200))
			for (uint32_t q = 0; q < run->nr_queues; q++)
				sim_xdp_publish(run->sockets[q]);
		pause_now_and_then(random, !stored);
	}
	for (uint32_t q = 0; q < run->nr_queues; q++)
		sim_xdp_publish(run->sockets[q]);
	zr_store_release(&run->kernel_done, true);
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
				  now.malformed >= before.malformed,
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
	const uint32_t queue = (uint32_t)(number >> 32);
	struct zring_packet_info info;

	zring_packet_get_info(run->capture, packet, &info);
	SIM_CHECK(info.queue == queue || (info.flags & ZRING_PACKET_COPIED),
		  "a packet of queue %u says %u", queue, info.queue);
	SIM_CHECK(queue < run->nr_queues && (number & UINT32_MAX) >= run->next_number[queue],
		  "queue %u: frame %u, expected %llu or later", queue, (uint32_t)number,
		  (unsigned long long)run->next_number[queue]);
	SIM_CHECK(packet->len == packet->wire_len, "cut");
	SIM_CHECK(sim_frame_matches(packet->data, packet->len, packet->wire_len, number),
		  "bytes of frame %llx", (unsigned long long)number);
	run->next_number[queue] = (number & UINT32_MAX) + 1;
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

static void read_batch(struct run *run, int timeout_ms)
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
}

static void read_flat(struct run *run, int timeout_ms)
{
	const uint32_t most = 1 + sim_below(&run->random, 40);
	const struct zring_packet *packet = NULL;

	for (uint32_t i = 0; i < most; i++) {
		const int one =
			zring_capture_next_packet(run->capture, &packet, i ? 0 : timeout_ms);

		SIM_CHECK(one == 0 || one == 1, "next_packet: %d", one);
		if (!one)
			break;
		look_at(run, packet);
	}
}

static bool all_accounted(struct run *run)
{
	struct zring_capture_stats stats;

	if (!zr_load_acquire(&run->kernel_done))
		return false;
	zring_capture_get_stats(run->capture, &stats);
	return stats.delivered + stats.dropped + stats.malformed == NR_FRAMES + run->nr_bad;
}

static void read_all(struct run *run)
{
	struct timespec start, now;

	clock_gettime(CLOCK_MONOTONIC, &start);
	while (!all_accounted(run)) {
		if (run->flat)
			read_flat(run, 5);
		else
			read_batch(run, sim_chance(&run->random, 500) ? 5 : 0);
		release_some(run);
		clock_gettime(CLOCK_MONOTONIC, &now);
		SIM_CHECK((now.tv_sec - start.tv_sec) * 1000 < DEADLINE_MS,
			  "hangs, %llu of %llu seen", (unsigned long long)run->nr_seen,
			  (unsigned long long)zr_load_relaxed(&run->nr_stored));
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
	SIM_CHECK(stats.malformed == run->nr_bad, "%llu malformed, not %llu",
		  (unsigned long long)stats.malformed, (unsigned long long)run->nr_bad);
	SIM_CHECK(stats.received == NR_FRAMES + run->nr_bad && !stats.pending && !stats.truncated,
		  "%llu received, %llu pending", (unsigned long long)stats.received,
		  (unsigned long long)stats.pending);
	SIM_CHECK(!run->patient || !run->nr_dropped, "a kernel that waits drops none");
	for (uint32_t q = 0; q < run->nr_queues; q++) {
		struct zring_xdp_stats xdp;

		zring_xdp_get_stats(zring_capture_xdp(run->capture, q), &xdp);
		SIM_CHECK(!xdp.rx_invalid, "the fill ring held a bad address");
		SIM_CHECK(!run->patient || xdp.kicks, "woken without a call");
	}
}

static void open_all(struct run *run, const struct zring_capture_options *options,
		     uint32_t capacity)
{
	struct zring_diag diag = {0};
	const int err = zring_capture_open(SIM_INTERFACE, options, &diag, &run->capture);

	SIM_CHECK(err == 0, "open: %d, %s: %s", err, diag.step, diag.message);
	for (uint32_t q = 0; q < run->nr_queues; q++) {
		run->sockets[q] = sim_xdp_find(q);
		sim_xdp_age(zring_capture_xdp(run->capture, q), 0 - BEFORE_WRAP);
	}
	for (uint32_t i = 0; i < MAX_HELD; i++)
		SIM_CHECK(zring_batch_init(&run->batches[i], capacity) == 0, "init");
}

static void stress(struct run *run, const struct zring_capture_options *options, uint32_t capacity)
{
	pthread_t kernel, watcher;

	run->random = run->seed;
	run->kernel_random = run->seed * 3 + 1;
	sim_say_seed(run->name, run->seed);
	open_all(run, options, capacity);
	SIM_CHECK(!pthread_create(&kernel, NULL, play_kernel, run) &&
			  !pthread_create(&watcher, NULL, watch_stats, run),
		  "no thread");
	read_all(run);
	zr_store_release(&run->reader_done, true);
	pthread_join(kernel, NULL);
	pthread_join(watcher, NULL);
	check_end(run);
	for (uint32_t i = 0; i < MAX_HELD; i++)
		zring_batch_fini(&run->batches[i]);
	zring_capture_close(run->capture);
	sim_stop();
	printf("%s: %u queues, wait %u, %s of %u, seed %llu: %llu frames, %llu dropped, %llu bad\n",
	       run->name, run->nr_queues, options->wait, run->flat ? "flat" : "batches", capacity,
	       (unsigned long long)run->seed, (unsigned long long)run->nr_stored,
	       (unsigned long long)run->nr_dropped, (unsigned long long)run->nr_bad);
}

static void run_one(struct run run, const struct sim_xdp_config *xdp, uint32_t mtu, uint32_t wait,
		    uint32_t capacity)
{
	const struct sim_config config = {.seed = run.seed, .mtu = mtu, .xdp = xdp};
	const struct zring_capture_options options = {
		.size = sizeof(options),
		.backend = ZRING_BACKEND_AFXDP,
		.wait = wait,
		.frame_bytes = CHUNK_BYTES,
		.memory_bytes = (uint64_t)run.nr_queues * NR_CHUNKS * CHUNK_BYTES,
	};

	sim_start(&config);
	stress(&run, &options, capacity);
}

int main(void)
{
	static const uint32_t capacities[] = {1, 7, ZRING_BATCH_DEFAULT, ZRING_BATCH_BLOCK};
	uint64_t seed = 1;

	for (uint32_t queues = 1; queues <= MAX_QUEUES; queues += 3) {
		const struct sim_xdp_config copy = {.nr_queues = queues};
		const struct sim_xdp_config driver = {.nr_queues = queues, .zero_copy = true};
		struct run run = {.nr_queues = queues, .frame_bytes = MOST_BYTES};

		for (uint32_t i = 0; i < 4; i++) {
			run.seed = seed++;
			run.name = "batches";
			run_one(run, &copy, 0, i, capacities[i]);
		}
		run.seed = seed++;
		run.name = "flat";
		run.flat = true;
		run_one(run, &copy, 0, ZRING_WAIT_BLOCK, ZRING_BATCH_DEFAULT);
		run.flat = false;
		run.seed = seed++;
		run.name = "malformed";
		run.bad = 50;
		run_one(run, &copy, 0, ZRING_WAIT_BLOCK, ZRING_BATCH_DEFAULT);
		run.bad = 0;
		run.seed = seed++;
		run.name = "pieces joined";
		run.frame_bytes = 4 * 1792;
		run_one(run, &copy, 7168 - 14, ZRING_WAIT_BLOCK, ZRING_BATCH_DEFAULT);
		run.frame_bytes = MOST_BYTES;
		run.seed = seed++;
		run.name = "zero-copy";
		run.patient = true;
		run_one(run, &driver, 0, ZRING_WAIT_SPIN, 7);
	}
	return 0;
}
