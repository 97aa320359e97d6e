/* SPDX-License-Identifier: BSD-2-Clause */
/* The report as JSON; docs/zring-bench-json.md describes it. */
#include "report_internal.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <zring/zring.h>

/* Digits of a rate or time: far finer than any run repeats. */
#define DIGITS 7

/*
 * Each of these returns 0, or -1 when memory ran out; the results are or-ed
 * together, since what was made so far goes away with its object.
 */
static int set(json_t *object, const char *key, json_t *value)
{
	return json_object_set_new(object, key, value);
}

static int set_text(json_t *object, const char *key, const char *text)
{
	char clean[512];

	return set(object, key, json_string(report_clean(clean, sizeof(clean), text, false)));
}

/* Whole numbers without a fraction; what was not measured is left out. */
static int set_number(json_t *object, const char *key, double value)
{
	if (!report_measured(value))
		return 0;
	if (value < 1e15 && value == floor(value))
		return set(object, key, json_integer((json_int_t)value));
	return set(object, key, json_real(value));
}

/* Many readers keep no integer above 2^53 exact: such a seed goes as text. */
static int set_seed(json_t *object, uint64_t seed)
{
	char digits[24];

	if (seed <= UINT64_C(1) << 53)
		return set(object, "seed", json_integer((json_int_t)seed));
	snprintf(digits, sizeof(digits), "%" PRIu64, seed);
	return set_text(object, "seed", digits);
}

static int set_spread(json_t *object, const char *keys[3], const struct report_spread *spread)
{
	if (!spread->nr)
		return 0;
	return set_number(object, keys[0], spread->median) |
	       set_number(object, keys[1], spread->min) | set_number(object, keys[2], spread->max);
}

static json_t *samples_json(const struct report_row *row)
{
	json_t *samples = json_array();
	int failed = samples ? 0 : -1;

	for (size_t i = 0; !failed && i < row->nr_samples; i++) {
		json_t *sample = json_object();

		for (unsigned k = 0; k < REPORT_NR_FIGURES; k++)
			failed |= set_number(sample, report_keys[k],
					     report_value(&row->samples[i], k));
		failed |= json_array_append_new(samples, sample);
	}
	if (!failed)
		return samples;
	json_decref(samples);
	return NULL;
}

static json_t *row_json(const struct report_summary *row)
{
	json_t *object = json_object();
	int failed = object ? 0 : -1;

	failed |= set_text(object, "name", row->row->name);
	failed |= set_text(object, "lab", row->row->lab);
	failed |= set_spread(object, (const char *[]){"mpps", "mpps_min", "mpps_max"},
			     &row->figures[REPORT_MPPS]);
	for (unsigned i = REPORT_OFFERED; i < REPORT_NR_FIGURES; i++)
		failed |= set_number(object, report_keys[i], report_shown(row, i));
	if (row->latency) {
		failed |= set_number(object, "p50_min_ns", row->figures[REPORT_P50].min);
		failed |= set_number(object, "p50_max_ns", row->figures[REPORT_P50].max);
	}
	failed |= set_spread(object, (const char *[]){"ratio", "ratio_min", "ratio_max"},
			     &row->ratio);
	failed |= set_spread(object,
			     (const char *[]){"cpu_ratio", "cpu_ratio_min", "cpu_ratio_max"},
			     &row->cpu_ratio);
	if (row->row->baseline[0])
		failed |= set_text(object, "baseline", row->row->baseline);
	failed |= set(object, "samples", samples_json(row->row));
	if (row->row->note[0])
		failed |= set_text(object, "note", row->row->note);
	failed |= set(object, "skipped", json_boolean(row->row->skipped));
	if (!failed)
		return object;
	json_decref(object);
	return NULL;
}

static json_t *machine_json(const struct report_machine *machine)
{
	json_t *object = json_object();
	int failed = object ? 0 : -1;

	if (machine->cpu[0])
		failed |= set_text(object, "cpu", machine->cpu);
	if (machine->nr_cpus > 0)
		failed |= set(object, "cpus", json_integer(machine->nr_cpus));
	failed |= set_text(object, "arch", machine->arch);
	if (machine->memory_bytes)
		failed |= set(object, "memory_bytes",
			      json_integer((json_int_t)machine->memory_bytes));
	if (!failed)
		return object;
	json_decref(object);
	return NULL;
}

static json_t *report_object(const struct report_view *view)
{
	json_t *object = json_object(), *results = json_array();
	int failed = object && results ? 0 : -1;

	failed |= set_text(object, "zring", zring_version());
	failed |= set_text(object, "kernel", view->machine.kernel);
	failed |= set_text(object, "date", view->machine.date);
	failed |= set(object, "machine", machine_json(&view->machine));
	failed |= set_text(object, "command", view->report->command);
	failed |= set_seed(object, view->report->seed);
	for (size_t i = 0; !failed && i < view->report->nr_rows; i++)
		failed |= json_array_append_new(results, row_json(&view->rows[i]));
	failed |= set(object, "results", results);
	if (!failed)
		return object;
	json_decref(object);
	return NULL;
}

static int render_json(const struct report_view *view, FILE *out, void *arg)
{
	json_t *object = report_object(view);
	int failed;

	(void)arg;
	if (!object)
		return -ENOMEM;
	failed = json_dumpf(object, out, JSON_INDENT(2) | JSON_REAL_PRECISION(DIGITS));
	json_decref(object);
	if (failed)
		return -ENOMEM; /* @out is memory: there is nothing else to run out of */
	fputc('\n', out);
	return 0;
}

int report_json(const struct report *report, FILE *out)
{
	return report_render(report, out, render_json, NULL);
}
