/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A timeout that asks for the time only when somebody has to wait: a look at
 * the clock costs as much as the rest of a call that does not.
 */
#ifndef ZR_DEADLINE_H
#define ZR_DEADLINE_H

#include "../syscall.h"

struct zr_deadline {
	int timeout_ms; /* -1: never; 0: passed already */
	uint64_t at_ns; /* 0: not known yet */
};

/* CLOCK_MONOTONIC; the timeout runs from the first call on. */
static inline uint64_t zr_deadline_at(struct zr_deadline *deadline)
{
	if (!deadline->at_ns)
		deadline->at_ns = deadline->timeout_ms ? zr_deadline_ns(deadline->timeout_ms) : 1;
	return deadline->at_ns;
}

#endif
