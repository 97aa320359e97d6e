/* SPDX-License-Identifier: BSD-2-Clause */
/* The wires to measure on. */
#ifndef BENCH_LAB_H
#define BENCH_LAB_H

#include <stdbool.h>

#include "link.h"
#include "options.h"

#define LABS_MAX 2

/* One wire. @tested sends in tx rows, receives in rx rows and echoes in latency rows. */
struct lab {
	const char *name; /* "inline", "threaded", "real" */
	struct link tested;
	struct link far; /* the other end */
	bool has_far;    /* only a real wire may lack it */
	bool usable;
	bool napi_placed; /* threaded NAPI, on the receiver's CPU */
	char why[160];    /* not usable: the cause */
	/* What AF_XDP is not to be had for: the cause, "" it is. */
	char xdp_no_send[160];
	char xdp_no_receive[160];
};

/*
 * Makes the labs that @options ask for, in a new network namespace that ends
 * with this process and its children; or opens the real interfaces. Returns
 * their number, or -errno with the cause and the fix on standard error.
 */
int labs_open(const struct bench_options *options, struct lab labs[LABS_MAX]);

#endif
