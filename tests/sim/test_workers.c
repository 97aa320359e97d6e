/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Workers on the played kernel: each frame reaches the callback of its worker once,
 * who is slow, drops or dies is told, and a start that fails leaves nothing behind.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <zring/zring.h>

#include "core/barrier.h"
#include "support/sim.h"
#include "support/sim_kernel.h"

#define NR_WORKERS 3
#define NR_FRAMES  9000
#define FRAME      64u
#define MOST_CALLS 400

/* The program's side; each worker writes its own entry. */
struct program {
	struct zring_workers *workers;
	struct {
		uint64_t next; /* frame number, at least */
		uint64_t nr_seen;
		uint32_t nr_calls;
	} worker[NR_WORKERS];
	bool hold;         /* worker 1 stays in its callback */
	int answer_at;     /* worker 2 returns this, */
	uint32_t after;    /* at that call */
	bool signal_taken; /* by a worker: must not be */
};

static struct program program;

static int on_batch(void *context, uint32_t worker, struct zring_capture *capture,
		    const struct zring_batch *batch)
{
	const struct timespec nap = {.tv_nsec = 1000000};
	const struct zring_packet *packet;

	SIM_CHECK(context == &program, "context");
	SIM_CHECK(capture == zring_workers_get_capture(program.workers, worker), "capture");
	zring_batch_for_each (batch, packet) {
		const uint64_t number = sim_frame_number(packet->data);

		SIM_CHECK(number % NR_WORKERS == worker && number >= program.worker[worker].next,
			  "frame %llu at worker %u", (unsigned long long)number, worker);
		SIM_CHECK(sim_frame_matches(packet->data, packet->len, FRAME, number), "bytes");
		program.worker[worker].next = number + 1;
		program.worker[worker].nr_seen++;
	}
	program.worker[worker].nr_calls++;
	while (worker == 1 && zr_load_acquire(&program.hold))
		nanosleep(&nap, NULL);
	return worker == 2 && program.worker[2].nr_calls == program.after ? program.answer_at : 0;
}

/* A plan of the test's own: the played kernel has no sysfs, and two CPUs. */
static struct zring_worker_plan make_plan(uint32_t nr)
{
	struct zring_worker_plan plan = {.nr_workers = nr};

	for (uint32_t i = 0; i < nr; i++)
		plan.places[i].cpu = i % 2;
	return plan;
}

static int open_workers(uint32_t slow_ms, struct zring_diag *diag)
{
	const struct zring_worker_plan plan = make_plan(NR_WORKERS);
	const struct zring_capture_options capture = {
		.size = sizeof(capture), .block_bytes = 8192, .nr_blocks = 4};
	const struct zring_workers_options options = {
		.size = sizeof(options),
		.plan = &plan,
		.capture = &capture,
		.slow_ms = slow_ms,
		.unpinned = 1,
		.on_batch = on_batch,
		.context = &program,
	};

	memset(&program, 0, sizeof(program));
	return zring_workers_open(SIM_INTERFACE, &options, diag, &program.workers);
}

static void begin(uint32_t slow_ms)
{
	const struct sim_config config = {.seed = 1};
	struct zring_diag diag = {0};

	sim_start(&config);
	SIM_CHECK(open_workers(slow_ms, &diag) == 0, "%s: %s", diag.step, diag.message);
	SIM_CHECK(zring_workers_count(program.workers) == NR_WORKERS, "count");
	for (uint32_t i = 0; i < NR_WORKERS; i++)
		SIM_CHECK(sim_rx_is_shut(sim_rx_nth(i)), "takes packets before the start");
}

static void start(void)
{
	struct zring_diag diag = {0};

	SIM_CHECK(zring_workers_start(program.workers, &diag) == 0, "%s", diag.message);
	for (uint32_t i = 0; i < NR_WORKERS; i++)
		SIM_CHECK(!sim_rx_is_shut(sim_rx_nth(i)), "worker %u takes no packets", i);
}

/* Frame @number for the worker whose it is. */
static bool deliver(uint64_t number)
{
	struct sim_rx *rx = sim_rx_nth((uint32_t)(number % NR_WORKERS));
	uint8_t data[FRAME];

	sim_frame_fill(data, sizeof(data), number);
	return sim_rx_packet(rx, &(struct sim_rx_packet){.data = data, .len = sizeof(data)}) ==
	       SIM_RX_STORED;
}

static void run_timers(void)
{
	for (uint32_t i = 0; i < NR_WORKERS; i++)
		sim_rx_timer(sim_rx_nth(i));
}

static void nap_ms(uint32_t ms)
{
	const struct timespec nap = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000l};

	nanosleep(&nap, NULL);
}

/* Full: dropped and counted, then sent again. */
static void deliver_at_last(uint64_t number)
{
	for (int i = 0; i < 20000; i++) {
		if (deliver(number))
			return;
		nap_ms(1);
	}
	sim_fail(__FILE__, __LINE__, "room", "no room for frame %llu", (unsigned long long)number);
}

/* Until the workers have taken @nr frames. */
static void wait_delivered(uint64_t nr)
{
	struct zring_capture_stats stats = {0};

	for (int i = 0; i < 20000 && stats.delivered < nr; i++) {
		run_timers();
		nap_ms(1);
		zring_workers_get_stats(program.workers, &stats);
	}
	SIM_CHECK(stats.delivered == nr, "%llu of %llu came", (unsigned long long)stats.delivered,
		  (unsigned long long)nr);
}

static struct zring_worker_event expect_event(uint32_t type, uint32_t worker)
{
	struct zring_worker_event event = {0};
	const int got = zring_workers_next_event(program.workers, 20000, &event);

	SIM_CHECK(got == 1 && event.type == type && event.worker == worker,
		  "%d, event %u of worker %u instead of %u of %u", got, event.type, event.worker,
		  type, worker);
	return event;
}

static void finish(void)
{
	zring_workers_close(program.workers);
	sim_stop();
}

/* Another thread asks while they run. */
static void *watch(void *argument)
{
	bool *done = argument;
	uint64_t before = 0;

	while (!zr_load_acquire(done)) {
		struct zring_capture_stats stats;
		struct zring_worker_status status;

		zring_workers_get_stats(program.workers, &stats);
		SIM_CHECK(stats.delivered >= before && stats.received >= stats.delivered, "sums");
		before = stats.delivered;
		for (uint32_t i = 0; i < NR_WORKERS; i++)
			SIM_CHECK(zring_workers_get_status(program.workers, i, &status) == 0 &&
					  status.state == ZRING_WORKER_RUNNING && !status.error,
				  "state %u", status.state);
	}
	return NULL;
}

static void each_frame_reaches_its_worker_once(void)
{
	struct zring_worker_event event;
	struct zring_worker_status status;
	uint64_t nr_stored[NR_WORKERS] = {0}, nr = 0;
	pthread_t watcher;
	bool done = false;

	begin(0);
	start();
	SIM_CHECK(zring_workers_start(program.workers, NULL) == -EALREADY, "twice");
	SIM_CHECK(pthread_create(&watcher, NULL, watch, &done) == 0, "thread");
	for (uint64_t i = 0; i < NR_FRAMES; i++) {
		deliver_at_last(i);
		nr_stored[i % NR_WORKERS]++;
		if (i % 64 == 63)
			run_timers();
	}
	wait_delivered(NR_FRAMES);
	zr_store_release(&done, true);
	pthread_join(watcher, NULL);
	zring_workers_stop(program.workers);
	SIM_CHECK(zring_workers_join(program.workers) == 0, "join");
	for (uint32_t i = 0; i < NR_WORKERS; i++) {
		SIM_CHECK(zring_workers_get_status(program.workers, i, &status) == 0, "status");
		SIM_CHECK(status.state == ZRING_WORKER_ENDED && status.cpu == -1, "ended");
		SIM_CHECK(program.worker[i].nr_seen == nr_stored[i] &&
				  status.stats.delivered == nr_stored[i],
			  "worker %u saw %llu", i, (unsigned long long)program.worker[i].nr_seen);
		nr += nr_stored[i];
	}
	SIM_CHECK(nr == NR_FRAMES, "all");
	for (int nr_ends = 0; nr_ends < NR_WORKERS;) {
		SIM_CHECK(zring_workers_next_event(program.workers, 0, &event) == 1, "an end");
		nr_ends += event.type == ZRING_WORKER_EVENT_ENDED;
	}
	SIM_CHECK(zring_workers_next_event(program.workers, -1, &event) == -ECHILD, "the last");
	finish();
}

static void a_slow_worker_is_told_once_and_then_what_it_drops(void)
{
	struct zring_worker_event event;
	struct zring_worker_status status;
	uint64_t nr_dropped = 0;

	begin(40);
	start();
	zr_store_release(&program.hold, true);
	deliver(1);
	run_timers();
	event = expect_event(ZRING_WORKER_EVENT_SLOW, 1);
	SIM_CHECK(event.busy_ms >= 40, "%u ms", event.busy_ms);
	SIM_CHECK(zring_workers_next_event(program.workers, 150, &event) == 0, "told twice");
	SIM_CHECK(zring_workers_get_status(program.workers, 1, &status) == 0 && status.slow &&
			  status.busy_ms >= 40 && status.state == ZRING_WORKER_RUNNING,
		  "status: %u ms", status.busy_ms);
	SIM_CHECK(zring_workers_get_status(program.workers, 0, &status) == 0 && !status.slow &&
			  !status.busy_ms,
		  "worker 0 waits");
	for (uint64_t i = 1; i < 1000; i++)
		nr_dropped += !deliver(1 + i * NR_WORKERS);
	SIM_CHECK(nr_dropped > 100, "the ring holds all");
	event = expect_event(ZRING_WORKER_EVENT_DROPPING, 1);
	SIM_CHECK(event.dropped == nr_dropped, "%llu dropped", (unsigned long long)event.dropped);
	zr_store_release(&program.hold, false);
	wait_delivered(1000 - nr_dropped);
	SIM_CHECK(zring_workers_get_status(program.workers, 1, &status) == 0 && !status.slow,
		  "it has recovered");
	zr_store_release(&program.hold, true);
	deliver(3000 * NR_WORKERS + 1);
	run_timers();
	expect_event(ZRING_WORKER_EVENT_SLOW, 1); /* a new one */
	zr_store_release(&program.hold, false);
	finish();
}

static void a_failure_of_the_callback_is_told(int answer, uint32_t type, uint32_t state)
{
	struct zring_worker_event event;
	struct zring_worker_status status;

	begin(0);
	program.answer_at = answer;
	program.after = 2;
	start();
	for (int i = 0; i < 2; i++) {
		deliver((uint64_t)i * NR_WORKERS + 2);
		run_timers();
		wait_delivered((uint64_t)i + 1);
	}
	event = expect_event(type, 2);
	SIM_CHECK(event.error == (answer < 0 ? answer : 0), "error %d", event.error);
	SIM_CHECK(zring_workers_get_status(program.workers, 2, &status) == 0 &&
			  status.state == state && status.error == event.error,
		  "state %u", status.state);
	/* The others go on; what falls to it is counted. */
	SIM_CHECK(zring_workers_next_event(program.workers, 50, &event) == 0, "nothing more");
	deliver(3 * NR_WORKERS);
	wait_delivered(3);
	deliver(3 * NR_WORKERS + 2);
	run_timers();
	SIM_CHECK(zring_workers_get_status(program.workers, 2, &status) == 0 &&
			  status.stats.pending == 1,
		  "%llu pending", (unsigned long long)status.stats.pending);
	zring_workers_stop(program.workers);
	SIM_CHECK(zring_workers_join(program.workers) == (answer < 0 ? answer : 0), "join");
	finish();
}

static void the_interface_goes_down_and_then_away(void)
{
	uint32_t nr_down = 0, nr_failed = 0;
	struct zring_worker_event event;

	begin(0);
	start();
	sim_set_up(false);
	while (nr_down < NR_WORKERS) {
		SIM_CHECK(zring_workers_next_event(program.workers, 20000, &event) == 1 &&
				  event.type == ZRING_WORKER_EVENT_LINK_DOWN,
			  "event %u", event.type);
		nr_down++;
	}
	sim_set_up(true);
	deliver(0);
	wait_delivered(1);
	sim_delete_interface();
	while (zring_workers_next_event(program.workers, 20000, &event) == 1) {
		nr_failed += event.type == ZRING_WORKER_EVENT_FAILED;
		SIM_CHECK(event.type != ZRING_WORKER_EVENT_FAILED || event.error == -ENODEV,
			  "error %d", event.error);
	}
	SIM_CHECK(nr_failed == NR_WORKERS, "%u failed", nr_failed);
	SIM_CHECK(zring_workers_join(program.workers) == -ENODEV, "join");
	finish();
}

/* A signal that all of the program's threads block but one is taken by none of the workers. */
static void note_signal(int number)
{
	(void)number;
	program.signal_taken = true;
}

static void workers_take_no_signals(void)
{
	const struct sigaction action = {.sa_handler = note_signal};
	sigset_t usr1, before;

	begin(0);
	sigaction(SIGUSR1, &action, NULL);
	start();
	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &usr1, &before);
	kill(getpid(), SIGUSR1);
	nap_ms(50);
	SIM_CHECK(!program.signal_taken, "a worker took the signal");
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	SIM_CHECK(program.signal_taken, "the mask of the starting thread was changed");
	finish();
}

/* ---- faults ---- */

static void check_failure(int err, int error, const struct zring_diag *diag)
{
	SIM_CHECK(err == -error, "%s failed with %d, but %d came back (%s)", sim_failed_call(),
		  error, err, diag->message);
	SIM_CHECK(diag->error == error && *diag->step && *diag->message, "words: %s",
		  diag->message);
}

/* Mapped unlocked then; values in effect are told as 0. As in test_faults.c. */
static bool may_fall_back(const char *call)
{
	return strcmp(call, "mmap 8193/0") == 0 || strncmp(call, "getsockopt 1/", 13) == 0;
}

/* Open, start, close, while call @nth of open or of start fails. Returns whether it was reached. */
static bool fail_nth(bool in_start, uint32_t nth, int error)
{
	const struct sim_config config = {.seed = 1, .spare_other_threads = true};
	struct zring_diag diag = {0};
	bool reached;
	int err;

	sim_start(&config);
	program.workers = NULL;
	if (!in_start)
		sim_fail_call(nth, error, 1);
	err = open_workers(0, &diag);
	if (!err && in_start) {
		sim_fail_call(nth, error, 1);
		err = zring_workers_start(program.workers, &diag);
	}
	reached = *sim_failed_call() != '\0';
	if (err)
		check_failure(err, error, &diag);
	else
		SIM_CHECK(!reached || may_fall_back(sim_failed_call()), "%s failed unseen",
			  sim_failed_call());
	SIM_CHECK(!err || in_start || (!program.workers && sim_nr_open() == 0), "leaks");
	sim_fail_call(0, 0, 0);
	if (err && in_start) {
		struct zring_worker_event event;

		while (zring_workers_next_event(program.workers, 0, &event) == 1)
			SIM_CHECK(event.type == ZRING_WORKER_EVENT_ENDED, "event %u", event.type);
		SIM_CHECK(zring_workers_start(program.workers, NULL) == -EALREADY, "no second try");
	}
	zring_workers_close(program.workers);
	sim_stop();
	return reached;
}

static void every_fault_is_told_and_leaks_nothing(void)
{
	static const int errors[] = {EPERM, EINVAL, EAGAIN, EIO};

	for (int in_start = 0; in_start < 2; in_start++) {
		uint32_t nth = 1;

		for (bool reached = true; reached; nth++) {
			SIM_CHECK(nth < MOST_CALLS, "no end");
			for (size_t e = 0; e < sizeof(errors) / sizeof(*errors); e++)
				reached = fail_nth(in_start, nth, errors[e]);
		}
		/* Two calls a worker at least: a thread and a filter; its socket and more. */
		SIM_CHECK(nth > 2 * NR_WORKERS, "only %u calls", nth);
		printf("%s: %u calls\n", in_start ? "start" : "open", nth - 2);
	}
}

static void refuse(struct zring_workers_options options, const char *word)
{
	struct zring_workers *workers = NULL;
	struct zring_diag diag = {0};

	SIM_CHECK(zring_workers_open(SIM_INTERFACE, &options, &diag, &workers) == -EINVAL &&
			  !workers,
		  "%s is accepted", word);
	SIM_CHECK(strstr(diag.message, word), "\"%s\" does not name %s", diag.message, word);
}

static void mistakes_are_named(void)
{
	const struct sim_config config = {.seed = 1};
	struct zring_worker_plan plan = make_plan(2), empty = make_plan(0);
	const struct zring_workers_options good = {
		.size = sizeof(good), .plan = &plan, .on_batch = on_batch};
	struct zring_capture_options capture = {.size = sizeof(capture), .backend = 99};
	struct zring_workers_options options;

	sim_start(&config);
	options = good;
	options.on_batch = NULL;
	refuse(options, "on_batch");
	options = good;
	options.unpinned = 2;
	refuse(options, "unpinned");
	options = good;
	options.reserved[6] = 1;
	refuse(options, "reserved");
	options = good;
	options.nr_workers = 3;
	refuse(options, "nr_workers");
	options = good;
	options.plan = &empty;
	refuse(options, "0 workers");
	options = good;
	options.capture = &capture;
	refuse(options, "backend");
	plan.places[1].cpu = 8192;
	refuse(good, "CPU 8192");
	SIM_CHECK(zring_workers_open(SIM_INTERFACE, NULL, NULL, &program.workers) == -EINVAL,
		  "NULL");
	sim_stop();
}

int main(void)
{
	each_frame_reaches_its_worker_once();
	a_slow_worker_is_told_once_and_then_what_it_drops();
	a_failure_of_the_callback_is_told(-EBADMSG, ZRING_WORKER_EVENT_FAILED, ZRING_WORKER_FAILED);
	a_failure_of_the_callback_is_told(1, ZRING_WORKER_EVENT_ENDED, ZRING_WORKER_ENDED);
	the_interface_goes_down_and_then_away();
	workers_take_no_signals();
	every_fault_is_told_and_leaks_nothing();
	mistakes_are_named();
	zring_workers_close(NULL);
	puts("workers: all hold");
	return 0;
}
