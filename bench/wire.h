/* SPDX-License-Identifier: BSD-2-Clause */
/* The wire's own account of a run: interface counters, and a look at the first frames. */
#ifndef BENCH_WIRE_H
#define BENCH_WIRE_H

#include "child.h"
#include "frames.h"
#include "link.h"

/* A counter that tells how many frames went by. */
struct wire {
	const struct link *link;
	bool sent; /* its tx_packets: nobody on the other end lends us a counter */
};

/* Rates of a stretch of time in which all was running. */
struct wire_window {
	double mpps;
	double seconds;
};

/* A reading. */
struct wire_mark {
	uint64_t frames; /* that went by */
	uint64_t seen;   /* and those that the far driver dropped */
};

/* All return 0 or -errno, with the cause on standard error. */
int wire_read(const struct wire *wire, struct wire_mark *ret_mark);
/*
 * As wire_read(), when nothing moves any more: all @made frames were seen since
 * @before, or it has been quiet for a while. A NAPI thread on a busy CPU takes
 * its time.
 */
int wire_settle(const struct wire *wire, const struct wire_mark *before, uint64_t made,
		struct wire_mark *ret_mark);
/* Warms up, then measures for @seconds while @children run. */
int wire_measure(const struct wire *wire, struct child *const *children, size_t nr, double seconds,
		 struct wire_window *ret_window);

/* A plain socket that sees what arrives at @link. Returns it. */
int wire_watch(const struct link *link);
/*
 * Whether the first @nr frames from the sender of @set are the ones meant, byte
 * for byte and in order. -EBADMSG with @why filled when not, -ETIMEDOUT when
 * they do not come; both without a word on standard error.
 */
int wire_check(int fd, const struct frame_set *set, uint32_t nr, char *why, size_t why_bytes);

#endif
