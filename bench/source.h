/* SPDX-License-Identifier: BSD-2-Clause */
/* Where the traffic of rx rows and of `zring-bench gen` comes from. */
#ifndef BENCH_SOURCE_H
#define BENCH_SOURCE_H

#include "child.h"
#include "frames.h"
#include "lab.h"
#include "options.h"

struct source {
	const struct link *link; /* it sends there */
	const struct frame_set *set;
	bool live;
	uint64_t rate_pps; /* 0: as fast as it can */
	uint32_t batch;    /* frames a call, 0: its own default */
};

/* As child_start(): the child sends from go to stop; its result counts what it sent. */
int source_start(struct child *child, const struct source *source, int cpu);

/*
 * Decides how @lab gets @set from its far end: tries what the options leave
 * open, with a look at the first frames. 0, or -errno with the cause on
 * standard error.
 */
int source_choose(const struct bench_options *options, const struct lab *lab,
		  const struct frame_set *set, bool *ret_live);

/* The two kinds of source. @context is a struct source. */
int source_run_live(struct child_side *side, const void *context);
int source_run_injector(struct child_side *side, const void *context);

#endif
