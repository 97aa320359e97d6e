/* SPDX-License-Identifier: BSD-2-Clause */
/* What the writers of a report share: its rows summarised, and the machine they ran on. */
#ifndef BENCH_REPORT_INTERNAL_H
#define BENCH_REPORT_INTERNAL_H

#include "report.h"

/* The figures of a sample; REPORT_CPU is user + system. */
enum report_figure {
	REPORT_MPPS,
	REPORT_OFFERED,
	REPORT_DROPS,
	REPORT_CPU,
	REPORT_CPU_USER,
	REPORT_CPU_SYSTEM,
	REPORT_CPU_PERCENT,
	REPORT_P50,
	REPORT_P90,
	REPORT_P99,
	REPORT_P999,
	REPORT_MAX,
	REPORT_NR_FIGURES,
};

/* The key of a figure in JSON and CSV. */
extern const char *const report_keys[REPORT_NR_FIGURES];

/* One figure over the repeats that measured it; nr 0: none did, and the rest is 0. */
struct report_spread {
	double median;
	double min;
	double max;
	double sum;
	size_t nr;
};

struct report_summary {
	const struct report_row *row;
	char section[64]; /* "tx", "rx", "latency", ...: the rows to read together */
	size_t rank[3];   /* of section, lab and setting: the reading order */
	bool measured;    /* has a rate or a latency */
	bool latency;     /* its figure is p50, lower is better; else Mpps, higher is better */
	struct report_spread figures[REPORT_NR_FIGURES];
	struct report_spread ratio;     /* of that figure to the baseline's, repeat by repeat */
	struct report_spread cpu_ratio; /* of the CPU time a packet, likewise */
};

/* Empty or 0: the system did not tell. */
struct report_machine {
	char kernel[72];
	char arch[72];
	char cpu[128];
	long nr_cpus;
	uint64_t memory_bytes;
	char date[32]; /* UTC, ISO 8601 */
};

struct report_view {
	const struct report *report;
	struct report_summary *rows;         /* report->nr_rows, in the report's order */
	const struct report_summary **order; /* the same rows in reading order */
	struct report_machine machine;
};

/* True when the repeat measured it: finite, and not REPORT_NONE. */
bool report_measured(double value);
double report_value(const struct report_sample *sample, enum report_figure figure);

/*
 * The one number to show for a figure: the median, but the sum of the drops and
 * the largest of the maxima, since a median would hide the bad repeat there.
 * REPORT_NONE when no repeat measured it.
 */
double report_shown(const struct report_summary *row, enum report_figure figure);

/* Share of the offered packets that did not get through, 0 to 1; REPORT_NONE if unknown. */
double report_loss(const struct report_summary *row);

/* Bytes of the valid UTF-8 character at @text: 1 to 4, 0 at the end or for a stray byte. */
size_t report_utf8_length(const char *text);

/*
 * Copies @text with each byte that is no UTF-8 as '?', and with @printable each
 * control character too. Returns @out.
 */
char *report_clean(char *out, size_t size, const char *text, bool printable);

/*
 * Runs @render on the summarised report, numbers in the C locale whatever the
 * program's is, and writes what it printed to @out in one piece, so that the
 * stream's error is known by its errno. Returns what @render did, or -errno.
 */
int report_render(const struct report *report, FILE *out,
		  int (*render)(const struct report_view *view, FILE *out, void *arg), void *arg);

/* Summary of all rows and the machine; report_view_fini() frees it. 0 or -ENOMEM. */
int report_view_init(struct report_view *view, const struct report *report);
void report_view_fini(struct report_view *view);

/*
 * The plots of one section and lab, in report_svg.c: a lane a row, top to
 * bottom, all of one kind (latency or rate).
 */
struct report_plot {
	const struct report_view *view;
	const struct report_summary **lanes;
	size_t nr_lanes;
	const char *title; /* for those who do not see the drawing */
	unsigned id;       /* unique on the page */
};

void report_svg(const struct report_plot *plot, FILE *out);

/* Text as HTML, also inside a quoted attribute. */
void report_html_text(FILE *out, const char *text);

/* A count with its thousands set apart. */
void report_html_count(FILE *out, double value);

/* The tables below the plots, in report_html_table.c. */
void report_html_tables(const struct report_view *view, FILE *out);

bool report_is_baseline(const struct report_row *row);

/* Sets each row's section and rank and the view's order, in report_order.c. */
void report_order(struct report_view *view);

/* True when the rows stand in one section and lab. */
bool report_same_group(const struct report_summary *a, const struct report_summary *b);

#endif
