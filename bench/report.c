/* SPDX-License-Identifier: BSD-2-Clause */
#include "report_internal.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

void report_init(struct report *report)
{
	*report = (struct report){0};
}

void report_fini(struct report *report)
{
	for (size_t i = 0; i < report->nr_rows; i++)
		free(report->rows[i].samples);
	free(report->rows);
	*report = (struct report){0};
}

/*
 * Room for one element more in an array that keeps no capacity: it doubles each
 * time the count reaches a power of two.
 */
static void *grow(void *array, size_t nr, size_t element_size)
{
	if (nr & (nr - 1))
		return array;
	return reallocarray(array, nr ? nr * 2 : 1, element_size);
}

struct report_row *report_row(struct report *report, const char *name, const char *lab)
{
	struct report_row fresh = {0};
	struct report_row *rows;

	snprintf(fresh.name, sizeof(fresh.name), "%s", name);
	snprintf(fresh.lab, sizeof(fresh.lab), "%s", lab);
	for (size_t i = 0; i < report->nr_rows; i++) {
		if (!strcmp(report->rows[i].name, fresh.name) &&
		    !strcmp(report->rows[i].lab, fresh.lab))
			return &report->rows[i];
	}
	rows = grow(report->rows, report->nr_rows, sizeof(*rows));
	if (!rows)
		return NULL;
	report->rows = rows;
	rows[report->nr_rows] = fresh;
	return &rows[report->nr_rows++];
}

int report_add(struct report_row *row, const struct report_sample *sample)
{
	struct report_sample *samples = grow(row->samples, row->nr_samples, sizeof(*samples));

	if (!samples)
		return -ENOMEM;
	row->samples = samples;
	samples[row->nr_samples++] = *sample;
	return 0;
}

/* Quotes as RFC 4180 asks for, where it asks for it. */
static void csv_text(FILE *out, const char *text)
{
	char clean[512];

	report_clean(clean, sizeof(clean), text, false);
	if (!strpbrk(clean, ",\"\r\n")) {
		fputs(clean, out);
		return;
	}
	fputc('"', out);
	for (const char *at = clean; *at; at++) {
		if (*at == '"')
			fputc('"', out);
		fputc(*at, out);
	}
	fputc('"', out);
}

static void csv_number(FILE *out, double value)
{
	fputc(',', out);
	if (report_measured(value))
		fprintf(out, value < 1e15 && value == floor(value) ? "%.0f" : "%.10g", value);
}

static void csv_spread(FILE *out, const struct report_spread *spread)
{
	csv_number(out, spread->nr ? spread->median : REPORT_NONE);
	csv_number(out, spread->nr ? spread->min : REPORT_NONE);
	csv_number(out, spread->nr ? spread->max : REPORT_NONE);
}

static void csv_row(FILE *out, const struct report_summary *row)
{
	csv_text(out, row->row->name);
	fputc(',', out);
	csv_text(out, row->row->lab);
	csv_spread(out, &row->figures[REPORT_MPPS]);
	for (unsigned i = REPORT_OFFERED; i < REPORT_NR_FIGURES; i++)
		csv_number(out, report_shown(row, i));
	csv_spread(out, &row->ratio);
	csv_spread(out, &row->cpu_ratio);
	fputc(',', out);
	csv_text(out, row->row->baseline);
	fprintf(out, ",%zu,%s,", row->row->nr_samples, row->row->skipped ? "true" : "false");
	csv_text(out, row->row->note);
	fputc('\n', out);
}

static int render_csv(const struct report_view *view, FILE *out, void *arg)
{
	(void)arg;
	fputs("name,lab,mpps,mpps_min,mpps_max", out);
	for (unsigned i = REPORT_OFFERED; i < REPORT_NR_FIGURES; i++)
		fprintf(out, ",%s", report_keys[i]);
	fputs(",ratio,ratio_min,ratio_max,cpu_ratio,cpu_ratio_min,cpu_ratio_max", out);
	fputs(",baseline,repeats,skipped,note\n", out);
	for (size_t i = 0; i < view->report->nr_rows; i++)
		csv_row(out, &view->rows[i]);
	return 0;
}

int report_csv(const struct report *report, FILE *out)
{
	return report_render(report, out, render_csv, NULL);
}
