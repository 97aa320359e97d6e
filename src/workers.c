/* SPDX-License-Identifier: BSD-2-Clause */
/* Threads that share the packets of one interface. */
#include "workers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <zring/fanout.h>

#include "core/barrier.h"
#include "core/cleanup.h"
#include "core/cpus.h"
#include "core/diag.h"
#include "core/options.h"

#define NS_PER_MS       UINT64_C(1000000)
#define DEFAULT_SLOW_MS 1000u
/* How often slowness is looked for, and how often a ring that drops is told. */
#define LOOK_NS     (100 * NS_PER_MS)
#define DROPPING_NS (1000 * NS_PER_MS)
#define CACHE_LINE  64u

/* On cache lines of its own: each thread writes busy_since_ns once a batch. */
struct worker {
	_Alignas(CACHE_LINE) struct zring_workers *workers;
	struct zring_capture *capture;
	struct zring_batch batch;
	pthread_t thread;
	uint32_t index;
	bool has_thread;
	/* the worker's own thread writes, any other reads */
	uint32_t state; /* P, with error */
	int32_t error;
	uint64_t busy_since_ns; /* 0: it waits */
	uint32_t nr_downs;
	/* of zring_workers_next_event() */
	bool told_end;
	uint32_t told_downs;
	uint64_t told_busy_ns; /* the busy_since_ns that was told of */
	uint64_t told_dropped;
	uint64_t told_dropped_ns;
};

struct zring_workers {
	struct zring_workers_options options; /* pointers in it are gone, but for the callback */
	struct zring_worker_plan plan;
	uint32_t nr;
	uint32_t next; /* to be asked for events, so that none is starved */
	int wake_fd;
	bool started;
	struct worker *list;
};

/* ---- the threads ---- */

static void wake(struct zring_workers *workers)
{
	const uint64_t one = 1;

	/* Fails only when it was written 2^64 times: then it is readable. */
	(void)zr_write(workers->wake_fd, &one, sizeof(one));
}

/* One batch from the ring to the callback. 0: go on. */
static int work_once(struct worker *worker)
{
	const struct zring_workers *workers = worker->workers;
	int got;

	got = zring_capture_next(worker->capture, &worker->batch, -1);
	if (got == -ENETDOWN) { /* said once; the next call waits until it is up */
		zr_count(&worker->nr_downs, 1);
		return 0;
	}
	if (got <= 0)
		return got ? got : 1; /* stopped */
	zr_store_relaxed(&worker->busy_since_ns, zr_now_coarse_ns());
	got = workers->options.on_batch(workers->options.context, worker->index, worker->capture,
					&worker->batch);
	zr_store_relaxed(&worker->busy_since_ns, 0);
	zring_batch_release(&worker->batch);
	return got;
}

static void *work(void *argument)
{
	struct worker *worker = argument;
	int end;

	do
		end = work_once(worker);
	while (!end);
	worker->error = end < 0 ? end : 0;
	zr_store_release(&worker->state,
			 end < 0 ? ZRING_WORKER_FAILED : ZRING_WORKER_ENDED); /* P */
	wake(worker->workers);
	return NULL;
}

static bool has_ended(const struct worker *worker)
{
	return zr_load_acquire(&worker->state) >= ZRING_WORKER_ENDED; /* P */
}

static int start_thread(struct worker *worker, struct zring_diag *diag)
{
	const struct zring_workers *workers = worker->workers;
	const uint32_t cpu = workers->plan.places[worker->index].cpu;
	struct zr_cpus cpus = {0};
	int err;

	zr_cpus_add(&cpus, cpu);
	zr_store_relaxed(&worker->state, ZRING_WORKER_RUNNING);
	err = zr_thread_start(work, worker, workers->options.unpinned ? NULL : &cpus, sizeof(cpus),
			      &worker->thread);
	worker->has_thread = !err;
	if (!err)
		return 0;
	zr_store_relaxed(&worker->state, ZRING_WORKER_OPEN);
	if (err == -EINVAL)
		return zr_fail(diag, err, "thread",
			       "worker %u may not run on CPU %u: take one of Cpus_allowed_list in "
			       "/proc/self/status, or leave the plan to the library",
			       worker->index, cpu);
	return zr_fail(diag, err, "thread", "worker %u: %s (`ulimit -u`, pids.max of the cgroup)",
		       worker->index, strerror(-err));
}

static int start_all(struct zring_workers *workers, struct zring_diag *diag)
{
	int err = 0;

	for (uint32_t i = 0; i < workers->nr && !err; i++)
		err = start_thread(&workers->list[i], diag);
	for (uint32_t i = 0; i < workers->nr && !err; i++)
		err = zring_capture_start(workers->list[i].capture, diag);
	return err;
}

static void join_all(struct zring_workers *workers)
{
	for (uint32_t i = 0; i < workers->nr; i++) {
		struct worker *worker = &workers->list[i];

		if (worker->has_thread)
			zr_thread_join(worker->thread);
		worker->has_thread = false;
	}
}

int zring_workers_start(struct zring_workers *workers, struct zring_diag *diag)
{
	int err;

	if (workers->started)
		return zr_fail(diag, -EALREADY, "start", "the workers were started before");
	workers->started = true;
	err = start_all(workers, diag);
	if (err) {
		zring_workers_stop(workers);
		join_all(workers);
		for (uint32_t i = 0; i < workers->nr; i++)
			zr_store_relaxed(&workers->list[i].state, ZRING_WORKER_ENDED);
	}
	return err;
}

void zring_workers_stop(struct zring_workers *workers)
{
	for (uint32_t i = 0; i < workers->nr; i++)
		zring_capture_stop(workers->list[i].capture);
}

int zring_workers_join(struct zring_workers *workers)
{
	join_all(workers);
	for (uint32_t i = 0; i < workers->nr; i++)
		if (workers->list[i].error)
			return workers->list[i].error;
	return 0;
}

/* ---- opening and closing ---- */

static int check_options(const struct zring_workers_options *options, struct zring_diag *diag)
{
	if (!options->on_batch)
		return zr_fail(diag, -EINVAL, "options", "option on_batch is missing");
	if (options->unpinned > 1)
		return zr_fail(diag, -EINVAL, "options", "option unpinned is 0 or 1");
	for (size_t i = 0; i < sizeof(options->reserved); i++)
		if (options->reserved[i])
			return zr_fail(diag, -EINVAL, "options", "option reserved must be 0");
	if (options->plan && options->nr_workers &&
	    options->nr_workers != options->plan->nr_workers)
		return zr_fail(diag, -EINVAL, "options",
			       "option nr_workers is %u, but the plan has %u places",
			       options->nr_workers, options->plan->nr_workers);
	return 0;
}

static int check_plan(const struct zring_worker_plan *plan, struct zring_diag *diag)
{
	if (!plan->nr_workers || plan->nr_workers > ZRING_MAX_WORKERS)
		return zr_fail(diag, -EINVAL, "plan", "the plan has %u workers: 1 to %u",
			       plan->nr_workers, ZRING_MAX_WORKERS);
	for (uint32_t i = 0; i < plan->nr_workers; i++)
		if (plan->places[i].cpu >= ZR_MAX_CPUS)
			return zr_fail(diag, -EINVAL, "plan", "worker %u: there is no CPU %u", i,
				       plan->places[i].cpu);
	return 0;
}

/* sysfs shows the interfaces of the program's own namespace: another's would be mistaken. */
static int find_plan(const char *interface, const struct zring_workers_options *options,
		     const struct zring_capture_options *capture, struct zring_diag *diag,
		     struct zring_worker_plan *ret_plan)
{
	if (options->plan) {
		*ret_plan = *options->plan;
		return check_plan(ret_plan, diag);
	}
	if (capture->netns)
		return zr_plan_read(NULL, options->nr_workers, options->policy, diag, ret_plan);
	return zring_workers_plan(interface, options->nr_workers, options->policy, diag, ret_plan);
}

static int make_workers(struct zring_workers *workers, struct zring_diag *diag)
{
	const size_t bytes = workers->nr * sizeof(*workers->list);

	workers->list = aligned_alloc(CACHE_LINE, bytes);
	if (!workers->list)
		return zr_fail(diag, -ENOMEM, "memory", "no memory for %u workers", workers->nr);
	memset(workers->list, 0, bytes);
	for (uint32_t i = 0; i < workers->nr; i++) {
		struct worker *worker = &workers->list[i];
		const int err = zring_batch_init(&worker->batch, workers->options.batch_packets);

		if (err)
			return zr_fail(diag, err, "memory", "no memory for a batch");
		worker->workers = workers;
		worker->index = i;
	}
	return 0;
}

/* Packet sockets share by fanout; the group takes nothing before zring_workers_start(). */
static int open_captures(struct zring_workers *workers, const char *interface,
			 const struct zring_capture_options *capture, struct zring_diag *diag)
{
	struct zring_capture *captures[ZRING_MAX_WORKERS];
	struct zring_capture_options options = *capture;
	int err;

	options.paused = 1;
	err = zring_fanout_open(interface, &options, workers->nr, diag, captures);
	if (err)
		return err;
	for (uint32_t i = 0; i < workers->nr; i++)
		workers->list[i].capture = captures[i];
	return 0;
}

static int build(struct zring_workers *workers, const char *interface,
		 const struct zring_workers_options *options, struct zring_diag *diag)
{
	struct zring_capture_options capture;
	int err;

	err = check_options(options, diag);
	if (!err)
		err = zr_options_read(options->capture, sizeof(capture), &capture, diag);
	if (!err)
		err = find_plan(interface, options, &capture, diag, &workers->plan);
	if (err)
		return err;
	capture.size = sizeof(capture); /* what was read is complete */
	workers->options = *options;
	workers->options.plan = NULL;
	workers->options.capture = NULL;
	if (!workers->options.slow_ms)
		workers->options.slow_ms = DEFAULT_SLOW_MS;
	workers->nr = workers->plan.nr_workers;
	workers->wake_fd = zr_eventfd();
	if (workers->wake_fd < 0)
		return zr_fail(diag, workers->wake_fd, "workers", "no descriptor: %s",
			       strerror(-workers->wake_fd));
	err = make_workers(workers, diag);
	return err ? err : open_captures(workers, interface, &capture, diag);
}

static void destroy(struct zring_workers *workers)
{
	for (uint32_t i = 0; workers->list && i < workers->nr; i++) {
		zring_batch_fini(&workers->list[i].batch);
		zring_capture_close(workers->list[i].capture);
	}
	if (workers->wake_fd >= 0)
		zr_close(workers->wake_fd);
	free(workers->list);
	free(workers);
}

int zring_workers_open(const char *interface, const struct zring_workers_options *options,
		       struct zring_diag *diag, struct zring_workers **ret_workers)
{
	struct zring_workers_options complete;
	struct zring_workers *workers;
	int err;

	err = zr_options_read(options, sizeof(complete), &complete, diag);
	if (err)
		return err;
	workers = calloc(1, sizeof(*workers));
	if (!workers)
		return zr_fail(diag, -ENOMEM, "memory", "no memory for workers");
	workers->wake_fd = -1;
	err = build(workers, interface, &complete, diag);
	if (err) {
		destroy(workers);
		return err;
	}
	*ret_workers = workers;
	return 0;
}

void zring_workers_close(struct zring_workers *workers)
{
	if (!workers)
		return;
	zring_workers_stop(workers);
	join_all(workers);
	destroy(workers);
}

/* ---- what they do ---- */

/* Since when the callback runs, if that is longer than slow_ms; 0: it does not. */
static uint64_t slow_since(const struct worker *worker, uint64_t now_ns, uint32_t *ret_busy_ms)
{
	const uint64_t since = zr_load_relaxed(&worker->busy_since_ns);
	const uint64_t busy_ms = since && now_ns > since ? (now_ns - since) / NS_PER_MS : 0;

	*ret_busy_ms = busy_ms < UINT32_MAX ? (uint32_t)busy_ms : UINT32_MAX;
	return busy_ms >= worker->workers->options.slow_ms ? since : 0;
}

static bool tell_end(struct worker *worker, struct zring_worker_event *event)
{
	if (worker->told_end || !has_ended(worker))
		return false;
	worker->told_end = true;
	event->type = worker->error ? ZRING_WORKER_EVENT_FAILED : ZRING_WORKER_EVENT_ENDED;
	event->error = worker->error;
	return true;
}

static bool tell_down(struct worker *worker, struct zring_worker_event *event)
{
	const uint32_t downs = zr_load_relaxed(&worker->nr_downs);

	if (downs == worker->told_downs)
		return false;
	worker->told_downs = downs;
	event->type = ZRING_WORKER_EVENT_LINK_DOWN;
	return true;
}

static bool tell_slow(struct worker *worker, uint64_t now_ns, struct zring_worker_event *event)
{
	uint32_t busy_ms;
	const uint64_t since = slow_since(worker, now_ns, &busy_ms);

	if (!since || since == worker->told_busy_ns)
		return false;
	worker->told_busy_ns = since;
	event->type = ZRING_WORKER_EVENT_SLOW;
	event->busy_ms = busy_ms;
	return true;
}

static bool tell_dropping(struct worker *worker, uint64_t now_ns, struct zring_worker_event *event)
{
	struct zring_capture_stats stats;

	if (worker->told_dropped_ns && now_ns - worker->told_dropped_ns < DROPPING_NS)
		return false;
	zring_capture_get_stats(worker->capture, &stats);
	if (stats.dropped == worker->told_dropped)
		return false;
	event->type = ZRING_WORKER_EVENT_DROPPING;
	event->dropped = stats.dropped - worker->told_dropped;
	worker->told_dropped = stats.dropped;
	worker->told_dropped_ns = now_ns;
	return true;
}

/* Whether there is something to tell; each kind once. */
static bool look_at(struct worker *worker, uint64_t now_ns, struct zring_worker_event *ret_event)
{
	struct zring_worker_event event = {.worker = worker->index};

	/* A worker that has ended drops all that falls to it: its end was the news. */
	if (worker->told_end)
		return false;
	if (!tell_down(worker, &event) && !tell_slow(worker, now_ns, &event) &&
	    !tell_dropping(worker, now_ns, &event) && !tell_end(worker, &event))
		return false;
	*ret_event = event;
	return true;
}

/* Going round, so that one that always has news does not hide the others. */
static bool look_at_all(struct zring_workers *workers, struct zring_worker_event *ret_event)
{
	const uint64_t now_ns = zr_now_coarse_ns();

	for (uint32_t i = 0; i < workers->nr; i++) {
		struct worker *worker = &workers->list[workers->next];

		workers->next = workers->next + 1 == workers->nr ? 0 : workers->next + 1;
		if (look_at(worker, now_ns, ret_event))
			return true;
	}
	return false;
}

static bool all_told(const struct zring_workers *workers)
{
	for (uint32_t i = 0; i < workers->nr; i++)
		if (!workers->list[i].told_end)
			return false;
	return true;
}

/* Sleeps until a worker ends, or it is time to look again. */
static int wait_for_news(struct zring_workers *workers, uint64_t deadline_ns)
{
	struct pollfd wake_up = {.fd = workers->wake_fd, .events = POLLIN};
	const uint64_t slow_ns = workers->options.slow_ms * NS_PER_MS / 2;
	const uint64_t look_ns = zr_now_ns() + (slow_ns < LOOK_NS ? slow_ns : LOOK_NS);
	int err;

	err = zr_poll(&wake_up, 1, deadline_ns < look_ns ? deadline_ns : look_ns);
	return err < 0 ? err : 0;
}

int zring_workers_next_event(struct zring_workers *workers, int timeout_ms,
			     struct zring_worker_event *ret_event)
{
	const uint64_t deadline_ns = zr_deadline_ns(timeout_ms);

	for (;;) {
		uint64_t ends;
		int err;

		/* In front of the look: an end behind it makes it readable again. */
		(void)zr_read(workers->wake_fd, &ends, sizeof(ends));
		if (look_at_all(workers, ret_event)) {
			wake(workers); /* there may be more to tell */
			return 1;
		}
		if (all_told(workers))
			return -ECHILD;
		if (deadline_ns != ZR_FOREVER && zr_now_ns() >= deadline_ns)
			return 0;
		err = wait_for_news(workers, deadline_ns);
		if (err)
			return err;
	}
}

int zring_workers_fd(const struct zring_workers *workers)
{
	return workers->wake_fd;
}

uint32_t zring_workers_count(const struct zring_workers *workers)
{
	return workers->nr;
}

int zring_workers_get_status(const struct zring_workers *workers, uint32_t worker,
			     struct zring_worker_status *ret_status)
{
	struct zring_worker_status status = {0};
	const struct worker *one;

	if (worker >= workers->nr)
		return -EINVAL;
	one = &workers->list[worker];
	status.state = zr_load_acquire(&one->state); /* P */
	status.error = status.state == ZRING_WORKER_FAILED ? one->error : 0;
	status.cpu = workers->options.unpinned ? -1 : (int32_t)workers->plan.places[worker].cpu;
	status.slow = slow_since(one, zr_now_coarse_ns(), &status.busy_ms) != 0;
	zring_capture_get_stats(one->capture, &status.stats);
	*ret_status = status;
	return 0;
}

static void add(uint64_t *sum, uint64_t value)
{
	if (*sum == ZRING_UNAVAILABLE || value == ZRING_UNAVAILABLE)
		*sum = ZRING_UNAVAILABLE;
	else
		*sum += value;
}

void zring_workers_get_stats(const struct zring_workers *workers,
			     struct zring_capture_stats *ret_stats)
{
	struct zring_capture_stats sum = {0};

	for (uint32_t i = 0; i < workers->nr; i++) {
		struct zring_capture_stats one;

		zring_capture_get_stats(workers->list[i].capture, &one);
		add(&sum.received, one.received);
		add(&sum.delivered, one.delivered);
		add(&sum.dropped, one.dropped);
		add(&sum.malformed, one.malformed);
		add(&sum.filtered, one.filtered);
		add(&sum.pending, one.pending);
		add(&sum.truncated, one.truncated);
		add(&sum.freezes, one.freezes);
	}
	*ret_stats = sum;
}

void zring_workers_get_plan(const struct zring_workers *workers, struct zring_worker_plan *ret_plan)
{
	*ret_plan = workers->plan;
}

struct zring_capture *zring_workers_get_capture(const struct zring_workers *workers,
						uint32_t worker)
{
	return worker < workers->nr ? workers->list[worker].capture : NULL;
}
