/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every side of a measurement is a process of its own, so that its CPU time is
 * its own. One life: start, ready, go, stop, done.
 *
 *	parent				child
 *	child_start()		->	opens what it needs
 *	child_wait_ready()	<-	child_ready(): waits for go
 *	child_go()		->	works until child_stopped()
 *	child_stop()		->
 *	child_wait_done()	<-	returns; its result is in shared memory
 *
 * A child dies with its parent (PR_SET_PDEATHSIG), so nothing is left behind.
 */
#ifndef BENCH_CHILD_H
#define BENCH_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "cpu.h"

struct child_result {
	uint64_t packets;  /* accepted by the kernel, delivered, or round trips */
	uint64_t received; /* by the ring's own account, drops included */
	uint64_t dropped;  /* by the ring's own account, or lost round trips */
	struct cpu_times cpu;
	uint64_t elapsed_ns;
	double p50_ns, p90_ns, p99_ns, p999_ns, max_ns;
	char note[160];
	char error[600]; /* set by child_fail() */
};

/* In memory that both see. */
struct child_shared {
	int stop;
	struct child_result result;
};

struct child {
	char role[32]; /* for messages: "sender", "receiver" */
	pid_t pid;     /* 0: not running */
	int fd;
	struct child_shared *shared;
};

/* What the child sees of it. */
struct child_side {
	struct child_shared *shared;
	int fd;
	struct cpu_times cpu_at_go;
	uint64_t ns_at_go;
};

/* 0, or -errno after child_fail(). */
typedef int child_run(struct child_side *side, const void *context);

/* The parent's calls: 0, or -errno with the cause on standard error; -EINTR: interrupted. */
int child_start(struct child *child, const char *role, int cpu, child_run *run,
		const void *context);
int child_wait_ready(struct child *child);
int child_go(struct child *child);
void child_stop(struct child *child);
int child_wait_done(struct child *child, int timeout_ms);
/* Sleeps, and looks that none of the @nr children dies meanwhile. */
int children_watch(struct child *const *children, size_t nr, uint64_t ns);
/* Kills and forgets it, whatever its state; one never started is left alone. */
void child_end(struct child *child);

/* The child's calls. */
void child_ready(struct child_side *side);
/* Its CPU time since the go; for a side that has an end of its own to measure to. */
void child_account(struct child_side *side);
int child_fail(struct child_side *side, int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static inline bool child_stopped(const struct child_side *side)
{
	return __atomic_load_n(&side->shared->stop, __ATOMIC_RELAXED);
}

#endif
