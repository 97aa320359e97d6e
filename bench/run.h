/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef BENCH_RUN_H
#define BENCH_RUN_H

#include "lab.h"
#include "options.h"
#include "report.h"

/*
 * Measures all rows that @options ask for, repeats interleaved. 0, or -errno
 * with the cause on standard error; what was measured till then is in @report.
 */
int bench_run(const struct bench_options *options, struct report *report);

/* `zring-bench gen`: 0 or -errno. */
int bench_gen(const struct bench_options *options);

#endif
