/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef BENCH_PLAN_H
#define BENCH_PLAN_H

#include "rows.h"

struct plan {
	struct job *jobs;
	size_t nr_jobs;
	struct frame_set *sets; /* what the jobs send */
	size_t nr_sets;
	struct lab labs[LABS_MAX];
	size_t nr_labs;
};

/* Lists the rows of @options for the open labs of @plan. 0 or -ENOMEM. */
int plan_make(struct plan *plan, const struct bench_options *options);
void plan_fini(struct plan *plan);

#endif
