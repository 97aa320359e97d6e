/* SPDX-License-Identifier: BSD-2-Clause */
/* Time, CPUs and words on standard error. */
#ifndef BENCH_CPU_H
#define BENCH_CPU_H

#include <stdint.h>

struct cpu_times {
	double user_ns;
	double system_ns;
};

/* CLOCK_MONOTONIC in ns. */
uint64_t cpu_now_ns(void);
/* Sleeps; a signal ends it early. */
void cpu_sleep_ns(uint64_t ns);
/* What this process has used so far. */
struct cpu_times cpu_times(void);

/* 0 or -errno. */
int cpu_pin(int cpu);
/* The first @nr CPUs that this process may use; with fewer, the last is repeated. */
void cpu_defaults(int *cpus, int nr);
/* One that this process may use beside those @nr; their first if there is none. */
int cpu_besides(const int *cpus, int nr);
/* 1 or 0. */
int cpu_usable(int cpu);

#endif
