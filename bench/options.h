/* SPDX-License-Identifier: BSD-2-Clause */
/* The command line. */
#ifndef BENCH_OPTIONS_H
#define BENCH_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "frames.h"

/* enum bench_command values are bits, so that an option can name all that take it. */
enum bench_command {
	BENCH_TX = 1,
	BENCH_RX = 2,
	BENCH_LATENCY = 4,
	BENCH_ALL = BENCH_TX | BENCH_RX | BENCH_LATENCY,
	BENCH_GEN = 8,
};

enum bench_source {
	BENCH_SOURCE_AUTO,
	BENCH_SOURCE_LIVE,     /* the kernel's XDP test run */
	BENCH_SOURCE_INJECTOR, /* zring's own */
};

enum bench_lab {
	BENCH_LAB_INLINE = 1,
	BENCH_LAB_THREADED = 2,
	BENCH_LAB_BOTH = 3,
};

#define BENCH_SIZES_MAX 8

struct bench_options {
	uint32_t commands; /* enum bench_command bits */
	const char *interface;
	const char *peer;
	struct frame_mix sizes[BENCH_SIZES_MAX];
	size_t nr_sizes;
	double seconds; /* 0: for ever, gen only */
	uint32_t repeats;
	uint32_t batch;   /* 0: each row's own default */
	uint32_t backend; /* enum zring_backend */
	uint32_t block_bytes;
	uint32_t nr_blocks;
	uint64_t rate_pps; /* 0: as fast as it goes */
	int cpus[2];       /* sender's, receiver's */
	enum bench_source source;
	uint64_t seed;
	uint32_t labs; /* enum bench_lab bits */
	bool overload;
	const char *json;
	const char *csv;
	const char *html;
	const char *baseline;
	double tolerance_percent;
};

/*
 * 0: go on; 1: --help or --version was printed; -EINVAL: the mistake and its
 * fix stand on standard error.
 */
int bench_options_parse(int argc, char **argv, struct bench_options *ret_options);

#endif
