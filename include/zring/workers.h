/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Workers: threads that share the packets of one interface.
 *
 *	            +-> capture 0 -> thread 0 on CPU a -> on_batch(context, 0, ...)
 *	interface --+-> capture 1 -> thread 1 on CPU b -> on_batch(context, 1, ...)
 *	            +-> capture 2 -> thread 2 on CPU c -> on_batch(context, 2, ...)
 *
 *	zring_workers_open(name, &options, &diag, &workers);
 *	zring_workers_start(workers, &diag);
 *	while (zring_workers_next_event(workers, -1, &event) > 0)
 *		report(&event);
 *	zring_workers_close(workers);
 *
 * A worker has a capture of its own; who gets which packet is the backend's way of
 * sharing, with packet sockets a fanout group (zring/fanout.h).
 *
 * A worker that ends stays in the group with its ring: packets that fall to it are
 * counted as dropped, and no flow moves to another worker behind the program's back.
 *
 * The threads take no signals. Besides them only the program's own threads run:
 * who is slow is found out by the one that asks for events or states.
 */
#ifndef ZRING_WORKERS_H
#define ZRING_WORKERS_H

#include <zring/capture.h>

#define ZRING_MAX_WORKERS 256u

/* Which CPUs are taken first; those of the interface's NUMA node always come before others. */
enum zring_place_policy {
	ZRING_PLACE_APART = 0,      /* that take no interrupts of the interface: packets are
				       moved there by soft interrupts, which come first */
	ZRING_PLACE_WITH_QUEUE = 1, /* worker i on the CPU of receive queue i, for
				       ZRING_FANOUT_QUEUE and ZRING_FANOUT_CPU */
};

/* zring_worker_place.flags */
#define ZRING_PLACE_LOCAL      (1u << 0) /* on the interface's node, or it has none */
#define ZRING_PLACE_INTERRUPTS (1u << 1) /* takes receive interrupts of the interface */
#define ZRING_PLACE_SHARED     (1u << 2) /* another worker of the plan has the CPU too */

/* Where a worker runs. */
struct zring_worker_place {
	uint32_t cpu;
	int32_t numa_node; /* of the CPU, -1: unknown */
	int32_t queue;     /* receive queue whose interrupts the CPU takes, -1: none */
	int32_t irq;       /* and their number */
	uint32_t flags;    /* ZRING_PLACE_* */
};

/* Plain data, to be printed, changed, and handed to zring_workers_open(). */
struct zring_worker_plan {
	char interface[16];
	int32_t numa_node;      /* of the interface, -1: none */
	uint32_t policy;        /* enum zring_place_policy */
	uint32_t nr_cpus;       /* that this thread may use */
	uint32_t nr_local_cpus; /* of these on the interface's node */
	uint32_t nr_irqs;       /* receive interrupts seen; 0: a software device, or hidden */
	uint32_t nr_workers;    /* of places[] */
	struct zring_worker_place places[ZRING_MAX_WORKERS];
};

struct zring_workers;

struct zring_workers_options {
	size_t size;            /* sizeof(struct zring_workers_options) */
	uint32_t nr_workers;    /* 0: as many as the plan has free CPUs for */
	uint32_t policy;        /* enum zring_place_policy */
	uint32_t batch_packets; /* most packets a callback gets, as for zring_batch_init() */
	uint32_t slow_ms;       /* a callback that takes longer is reported, 0: 1000 */
	uint8_t unpinned;       /* 1: the threads run on any CPU */
	uint8_t reserved[7];
	const struct zring_worker_plan *plan;        /* NULL: zring_workers_plan() */
	const struct zring_capture_options *capture; /* of each worker, NULL: the defaults */

	/*
	 * Called by the worker's thread; the packets are the callback's until it
	 * returns. 0: go on; positive: this worker ends; -errno: it has failed.
	 */
	int (*on_batch)(void *context, uint32_t worker, struct zring_capture *capture,
			const struct zring_batch *batch);
	void *context;
};

#define ZRING_WORKERS_OPTIONS_INIT                           \
	{                                                    \
		.size = sizeof(struct zring_workers_options) \
	}

enum zring_worker_state {
	ZRING_WORKER_OPEN = 0, /* not started */
	ZRING_WORKER_RUNNING = 1,
	ZRING_WORKER_ENDED = 2,  /* stopped, or the callback wanted no more */
	ZRING_WORKER_FAILED = 3, /* the callback said so, or the interface is gone: error */
};

struct zring_worker_status {
	uint32_t state;   /* enum zring_worker_state */
	int32_t error;    /* FAILED: -errno */
	int32_t cpu;      /* that it is pinned to, -1: none */
	uint32_t busy_ms; /* time that the callback has been running, 0: it waits */
	uint32_t slow;    /* 1: longer than slow_ms */
	uint32_t reserved;
	struct zring_capture_stats stats;
};

enum zring_worker_event_type {
	ZRING_WORKER_EVENT_ENDED = 0,
	ZRING_WORKER_EVENT_FAILED = 1,   /* error */
	ZRING_WORKER_EVENT_SLOW = 2,     /* one call of the callback lasts: busy_ms; told once */
	ZRING_WORKER_EVENT_DROPPING = 3, /* its ring was full: dropped; at most once a second */
	ZRING_WORKER_EVENT_LINK_DOWN = 4 /* it waits until the interface is up again */
};

struct zring_worker_event {
	uint32_t type; /* enum zring_worker_event_type */
	uint32_t worker;
	int32_t error;
	uint32_t busy_ms;
	uint64_t dropped; /* packets since the last such event */
};

ZRING_BEGIN_DECLS

/**
 * zring_workers_plan() - on which CPUs workers of an interface are best placed
 * @interface:  its name
 * @nr_workers: 0: one for each CPU of its node that takes none of its interrupts
 * @policy:     enum zring_place_policy
 * @diag:       NULL, or where to say what went wrong
 * @ret_plan:   filled on success
 *
 * Looks at the CPUs that the calling thread may use, the interface's NUMA node and
 * where its interrupts go. What can't be seen (software devices, sysfs of another
 * network namespace) is left out: then the CPUs are taken in order. More workers
 * than CPUs share them.
 *
 * Threads: any
 * Return:  0; -ENODEV no such interface; -EINVAL more than ZRING_MAX_WORKERS, or a
 *          policy that there is not; errors of zring_interface_get()
 * Since:   0.1
 */
ZRING_API int zring_workers_plan(const char *interface, uint32_t nr_workers, uint32_t policy,
				 struct zring_diag *diag, struct zring_worker_plan *ret_plan);

/**
 * zring_workers_open() - captures for workers, which do not run yet
 * @interface:   its name
 * @options:     on_batch at least
 * @diag:        NULL, or where to say what went wrong
 * @ret_workers: the workers, untouched on failure
 *
 * Owner:   the caller owns the workers, zring_workers_close() ends them
 * Threads: any
 * Return:  0; -EINVAL no callback, or an option's value; else as
 *          zring_fanout_open() and zring_workers_plan()
 * Since:   0.1
 */
ZRING_API int zring_workers_open(const char *interface, const struct zring_workers_options *options,
				 struct zring_diag *diag, struct zring_workers **ret_workers);

/**
 * zring_workers_start() - start the threads, then let packets in
 * @workers: open workers
 * @diag:    NULL, or where to say what went wrong
 *
 * Packets arrive from the moment of return, at all workers.
 *
 * Threads: one thread at a time
 * Return:  0; -EALREADY it was called before; -EINVAL a CPU of the plan is not allowed;
 *          -EAGAIN no more threads. After an error nothing runs, and
 *          zring_workers_close() is all that is left
 * Since:   0.1
 */
ZRING_API int zring_workers_start(struct zring_workers *workers, struct zring_diag *diag);

/**
 * zring_workers_next_event() - wait until there is something to tell of a worker
 * @workers:    started workers
 * @timeout_ms: 0 returns at once, -1 waits
 * @ret_event:  filled when 1 is returned
 *
 * Who is busy for too long and whose ring drops is looked at while this waits, some
 * ten times a second; the end of a worker wakes it at once.
 *
 * Threads: one thread at a time, none of the workers
 * Return:  1 with an event; 0 on timeout; -ECHILD no worker runs any more, and all
 *          ends were told
 * Since:   0.1
 */
ZRING_API int zring_workers_next_event(struct zring_workers *workers, int timeout_ms,
				       struct zring_worker_event *ret_event);

/**
 * zring_workers_fd() - descriptor that is readable when a worker has ended
 * @workers: open workers
 *
 * Then call zring_workers_next_event() with timeout_ms = 0 until it does not return
 * 1. Slowness makes it not readable: look now and then all the same.
 *
 * Owner:   the workers; not to be read from or closed
 * Threads: any
 * Since:   0.1
 */
ZRING_API int zring_workers_fd(const struct zring_workers *workers);

/**
 * zring_workers_stop() - let all workers end after the batch that they have
 * @workers: open workers
 *
 * What is in the rings is not read any more. Final for these workers.
 *
 * Threads: any thread, on_batch among them, and signal handlers
 * Since:   0.1
 */
ZRING_API void zring_workers_stop(struct zring_workers *workers);

/**
 * zring_workers_join() - wait until all threads have ended
 * @workers: open workers
 *
 * Does not stop them; a callback that never returns is waited for.
 *
 * Threads: one thread at a time, none of the workers
 * Return:  0; the error of the first worker that has failed
 * Since:   0.1
 */
ZRING_API int zring_workers_join(struct zring_workers *workers);

/**
 * zring_workers_close() - stop, join and free workers; NULL is allowed
 * @workers: from zring_workers_open()
 *
 * Threads: none of the workers; no other thread may be in a call on them
 * Since:   0.1
 */
ZRING_API void zring_workers_close(struct zring_workers *workers);

/**
 * zring_workers_count() - how many workers there are
 * @workers: open workers
 *
 * Threads: any
 * Since:   0.1
 */
ZRING_API uint32_t zring_workers_count(const struct zring_workers *workers);

/**
 * zring_workers_get_status() - what one worker does, and its counters
 * @workers:    open workers
 * @worker:     number, below zring_workers_count()
 * @ret_status: filled, untouched on failure
 *
 * Threads: any, but no signal handler
 * Return:  0; -EINVAL no such worker
 * Since:   0.1
 */
ZRING_API int zring_workers_get_status(const struct zring_workers *workers, uint32_t worker,
				       struct zring_worker_status *ret_status);

/**
 * zring_workers_get_stats() - the counters of all workers in one
 * @workers:   open workers
 * @ret_stats: filled
 *
 * Threads: any, but no signal handler
 * Since:   0.1
 */
ZRING_API void zring_workers_get_stats(const struct zring_workers *workers,
				       struct zring_capture_stats *ret_stats);

/**
 * zring_workers_get_plan() - where the workers run
 * @workers:  open workers
 * @ret_plan: filled
 *
 * Threads: any
 * Since:   0.1
 */
ZRING_API void zring_workers_get_plan(const struct zring_workers *workers,
				      struct zring_worker_plan *ret_plan);

/**
 * zring_workers_get_capture() - the capture of a worker, for what holds in it
 * @workers: open workers
 * @worker:  number
 *
 * Owner:   the workers; not to be read from, stopped or closed
 * Threads: any
 * Return:  the capture; NULL no such worker
 * Since:   0.1
 */
ZRING_API struct zring_capture *zring_workers_get_capture(const struct zring_workers *workers,
							  uint32_t worker);

ZRING_END_DECLS

#endif
