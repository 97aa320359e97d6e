/* SPDX-License-Identifier: BSD-2-Clause */
/* The far end of latency rows. @context is a struct job. */
#ifndef BENCH_PINGER_H
#define BENCH_PINGER_H

#include "child.h"

/* Sends a frame, spins until it is back, and so on; results are percentiles. */
int pinger_run(struct child_side *side, const void *context);
/* Bursts of frames that nobody answers. */
int pinger_run_load(struct child_side *side, const void *context);

#endif
