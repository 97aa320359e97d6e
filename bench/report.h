/* SPDX-License-Identifier: BSD-2-Clause */
/* What a bench run gives, and the ways to show it. */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* A figure that was not measured in this row. */
#define REPORT_NONE (-1.0)

/* One repeat of one row. Rates in Mpps, times in ns; REPORT_NONE where it does not apply. */
struct report_sample {
	double mpps;         /* packets through the tested side, counted on the wire */
	double offered_mpps; /* packets put on the wire by the source */
	double drops;        /* packets offered and not through */
	double cpu_user_ns;  /* CPU of the tested process, a packet */
	double cpu_system_ns;
	double cpu_percent;                             /* of one CPU, user + system */
	double p50_ns, p90_ns, p99_ns, p999_ns, max_ns; /* latency rows */
};

struct report_row {
	char name[64];  /* "rx/afpacket/64", "baseline/sendmmsg/64", ... */
	char lab[16];   /* "inline", "threaded" or "real" */
	char note[160]; /* what zring took ("method sendmmsg: ..."), or why the row is missing */
	bool skipped;   /* no samples, note says why */
	size_t nr_samples;
	struct report_sample *samples; /* grows by report_add */
	char baseline[64]; /* name of the row of the same run and lab to set this one against, ""
			      none */
};

struct report {
	struct report_row *rows;
	size_t nr_rows;
	char command[512]; /* the command line, for the reader */
	uint64_t seed;
};

void report_init(struct report *report);
void report_fini(struct report *report);
/* The row of that name and lab, made when new; good until the next report_row(). NULL: out of
 * memory. */
struct report_row *report_row(struct report *report, const char *name, const char *lab);
/* 0 or -ENOMEM. */
int report_add(struct report_row *row, const struct report_sample *sample);

/* 0 or -errno of the stream. The table is for people, the rest for programs. */
int report_table(const struct report *report, FILE *out);
int report_json(const struct report *report, FILE *out);
int report_csv(const struct report *report, FILE *out);
int report_html(const struct report *report, FILE *out);

/*
 * Compares medians with an earlier --json file: one line a row on @out. Returns
 * the number of rows whose median fell (rates) or rose (latencies) by more than
 * @tolerance_percent; -errno when the file can't be read or is not ours, with
 * the cause and the fix on @out.
 */
int report_compare(const struct report *report, const char *path, double tolerance_percent,
		   FILE *out);

#endif
