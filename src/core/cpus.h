/* SPDX-License-Identifier: BSD-2-Clause */
/* Sets of CPUs, and who of them is best for a worker; pure functions. */
#ifndef ZR_CPUS_H
#define ZR_CPUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <zring/workers.h>

#define ZR_MAX_CPUS 8192u /* the most that Linux can be built for */
#define ZR_MAX_IRQS 512u

/* As sched_getaffinity(2) fills it. */
struct zr_cpus {
	unsigned long words[ZR_MAX_CPUS / (8 * sizeof(unsigned long))];
};

void zr_cpus_add(struct zr_cpus *cpus, uint32_t cpu);
bool zr_cpus_has(const struct zr_cpus *cpus, uint32_t cpu);
uint32_t zr_cpus_count(const struct zr_cpus *cpus);
/* The first one from @cpu on, ZR_MAX_CPUS: none. */
uint32_t zr_cpus_next(const struct zr_cpus *cpus, uint32_t cpu);
void zr_cpus_and(struct zr_cpus *cpus, const struct zr_cpus *other);
/* Reads the kernel's list format, "0-3,8"; false: it is none. */
bool zr_cpus_parse(const char *text, struct zr_cpus *ret_cpus);

/* Interrupts of one receive queue. */
struct zr_irq {
	uint32_t number;
	uint32_t cpu; /* that takes them, ZR_MAX_CPUS: unknown */
};

/* Whether an interrupt of that name is one of a receive queue. */
bool zr_irq_is_receive(const char *name);

struct zr_plan_input {
	const struct zr_cpus *allowed;
	const struct zr_cpus *local; /* of the interface's node; NULL: it has none */
	const struct zr_irq *irqs;   /* by queue */
	uint32_t nr_irqs;
};

/*
 * Fills in the counts and places of @plan, whose policy and nr_workers (0: to be
 * chosen) are set. At least one CPU is allowed.
 */
void zr_plan_make(const struct zr_plan_input *input, struct zring_worker_plan *plan);

#endif
