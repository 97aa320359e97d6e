/* SPDX-License-Identifier: BSD-2-Clause */
/* --baseline: this run's medians against those of an earlier --json file. */
#include "report_internal.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <zring/zring.h>

/*
 * Percent that no tolerance counts: the file's figures are rounded to 7 digits,
 * and a run that is set against its own file must come out as unchanged.
 */
#define ROUNDING 1e-4

struct comparison {
	const char *path;
	double tolerance;
	json_t *old;    /* the file's object, checked by open_old() */
	int name_width; /* of the longest name on either side */
};

static int refuse(FILE *out, const char *path, int err, const char *cause)
{
	char clean[512];

	fprintf(out, "%s: %s. Give a file that zring-bench wrote with --json.\n",
		report_clean(clean, sizeof(clean), path, true), cause);
	return err;
}

/* What this comparison leans on: a name, a lab, and figures that are numbers. */
static bool row_is_ours(const json_t *row)
{
	static const char *const figures[] = {"mpps", "p50_ns"};
	const json_t *skipped = json_object_get(row, "skipped");

	if (!json_is_string(json_object_get(row, "name")) ||
	    !json_is_string(json_object_get(row, "lab")) || (skipped && !json_is_boolean(skipped)))
		return false;
	for (size_t i = 0; i < sizeof(figures) / sizeof(figures[0]); i++) {
		const json_t *value = json_object_get(row, figures[i]);

		if (value && (!json_is_number(value) || !report_measured(json_number_value(value))))
			return false;
	}
	return true;
}

static int check_old(const struct comparison *comparison, FILE *out)
{
	const json_t *results = json_object_get(comparison->old, "results");
	char cause[96];

	if (!json_is_string(json_object_get(comparison->old, "zring")) || !json_is_array(results))
		return refuse(out, comparison->path, -EINVAL,
			      "JSON, but no zring-bench report (no \"zring\" and \"results\")");
	for (size_t i = 0; i < json_array_size(results); i++) {
		if (row_is_ours(json_array_get(results, i)))
			continue;
		snprintf(cause, sizeof(cause),
			 "result %zu has no name, no lab or a figure that is no number", i + 1);
		return refuse(out, comparison->path, -EINVAL, cause);
	}
	return 0;
}

static int open_old(struct comparison *comparison, FILE *out)
{
	json_error_t error;
	char cause[JSON_ERROR_TEXT_LENGTH + 64];
	FILE *file = fopen(comparison->path, "re");
	int err = 0;

	if (!file) {
		err = -errno;
		return refuse(out, comparison->path, err, strerror(-err));
	}
	errno = 0;
	comparison->old = json_loadf(file, JSON_REJECT_DUPLICATES, &error);
	/* A directory opens and fails to be read; jansson takes that for an empty text. */
	if (ferror(file))
		err = errno ? -errno : -EIO;
	fclose(file);
	if (err)
		return refuse(out, comparison->path, err, strerror(-err));
	if (comparison->old)
		return check_old(comparison, out);
	snprintf(cause, sizeof(cause), "no JSON, line %d column %d: %s", error.line, error.column,
		 error.text);
	return refuse(out, comparison->path, -EINVAL, cause);
}

static bool same_row(const json_t *old, const struct report_row *row)
{
	return !strcmp(json_string_value(json_object_get(old, "name")), row->name) &&
	       !strcmp(json_string_value(json_object_get(old, "lab")), row->lab);
}

static const json_t *find_old(const struct comparison *comparison, const struct report_row *row)
{
	const json_t *results = json_object_get(comparison->old, "results");

	for (size_t i = 0; i < json_array_size(results); i++) {
		if (same_row(json_array_get(results, i), row))
			return json_array_get(results, i);
	}
	return NULL;
}

static const struct report_summary *find_new(const struct report_view *view, const json_t *old)
{
	for (size_t i = 0; i < view->report->nr_rows; i++) {
		if (same_row(old, view->rows[i].row))
			return &view->rows[i];
	}
	return NULL;
}

static int name_width(const struct report_view *view, const json_t *results)
{
	size_t width = 0;

	for (size_t i = 0; i < view->report->nr_rows; i++) {
		size_t length = strlen(view->rows[i].row->name);

		width = length > width ? length : width;
	}
	for (size_t i = 0; i < json_array_size(results); i++) {
		size_t length =
			json_string_length(json_object_get(json_array_get(results, i), "name"));

		width = length > width ? length : width;
	}
	return width < 64 ? (int)width : 64;
}

static void name_line(const struct comparison *comparison, FILE *out, const char *verdict,
		      const char *name, const char *lab)
{
	char clean_name[72], clean_lab[24];

	fprintf(out, "  %-7s  %-*s  %-8s", verdict, comparison->name_width,
		report_clean(clean_name, sizeof(clean_name), name, true),
		report_clean(clean_lab, sizeof(clean_lab), lab, true));
}

/* True when the row got worse by more than the tolerance. */
static bool compare_row(const struct comparison *comparison, const struct report_summary *row,
			double before, FILE *out)
{
	double now = report_shown(row, row->latency ? REPORT_P50 : REPORT_MPPS);
	double change = before > 0 ? (now - before) / before * 100 : 0;
	double worse = row->latency ? change : -change;
	bool counts = worse > comparison->tolerance + ROUNDING;
	double unit = row->latency ? 1000 : 1;

	name_line(comparison, out,
		  !counts        ? "ok"
		  : row->latency ? "ROSE"
				 : "FELL",
		  row->row->name, row->row->lab);
	fprintf(out, "  %9.3f -> %9.3f %s", before / unit, now / unit,
		row->latency ? "us p50" : "Mpps  ");
	if (before > 0)
		fprintf(out, "  %+7.1f %%\n", change);
	else
		fputs("  (was 0)\n", out);
	return counts;
}

/* Returns whether the row counts against this run; *nr_compared tells how many had a pair. */
static bool compare_or_name(const struct comparison *comparison, const struct report_summary *row,
			    size_t *nr_compared, FILE *out)
{
	const json_t *old = find_old(comparison, row->row);
	const json_t *before = json_object_get(old, row->latency ? "p50_ns" : "mpps");
	const char *why = NULL;

	/* Missing on both sides is no difference; the table tells why. */
	if (!row->measured && (!old || json_is_true(json_object_get(old, "skipped"))))
		return false;
	if (!row->measured)
		why = "not measured now";
	else if (!old)
		why = "not in the file";
	else if (!before)
		why = "not measured in the file";
	if (!why) {
		++*nr_compared;
		return compare_row(comparison, row, json_number_value(before), out);
	}
	name_line(comparison, out, row->measured ? "new" : "missing", row->row->name,
		  row->row->lab);
	fprintf(out, "  %s\n", why);
	return false;
}

static void name_the_gone(const struct comparison *comparison, const struct report_view *view,
			  FILE *out)
{
	const json_t *results = json_object_get(comparison->old, "results");

	for (size_t i = 0; i < json_array_size(results); i++) {
		const json_t *old = json_array_get(results, i);

		if (find_new(view, old))
			continue;
		name_line(comparison, out, "missing",
			  json_string_value(json_object_get(old, "name")),
			  json_string_value(json_object_get(old, "lab")));
		fputs("  only in the file\n", out);
	}
}

/* A median of another machine is no measure of this code: say so, and still compare. */
static void name_the_differences(const struct comparison *comparison,
				 const struct report_view *view, FILE *out)
{
	const char *kernel = json_string_value(json_object_get(comparison->old, "kernel"));
	const char *cpu = json_string_value(
		json_object_get(json_object_get(comparison->old, "machine"), "cpu"));
	char clean[128];

	if (kernel && strcmp(kernel, view->machine.kernel))
		fprintf(out, "  note: the file is from Linux %s, this is %s\n",
			report_clean(clean, sizeof(clean), kernel, true), view->machine.kernel);
	if (cpu && strcmp(cpu, view->machine.cpu))
		fprintf(out, "  note: the file is from another CPU, %s\n",
			report_clean(clean, sizeof(clean), cpu, true));
}

static int compare_all(struct comparison *comparison, const struct report_view *view, FILE *out)
{
	size_t nr_compared = 0;
	int nr_worse = 0;
	char clean[512];

	fprintf(out, "\nCompared with %s (tolerance %g %%)\n",
		report_clean(clean, sizeof(clean), comparison->path, true), comparison->tolerance);
	name_the_differences(comparison, view, out);
	comparison->name_width = name_width(view, json_object_get(comparison->old, "results"));
	for (size_t i = 0; i < view->report->nr_rows; i++)
		nr_worse += compare_or_name(comparison, &view->rows[i], &nr_compared, out);
	name_the_gone(comparison, view, out);
	if (!nr_compared) {
		fputs("No row stands in both: nothing was compared.\n", out);
		return 0;
	}
	fprintf(out, "%d of %zu compared rows got worse by more than %g %%\n", nr_worse,
		nr_compared, comparison->tolerance);
	return nr_worse;
}

static int render_comparison(const struct report_view *view, FILE *out, void *arg)
{
	struct comparison *comparison = arg;
	int ret;

	if (!(comparison->tolerance >= 0) || !isfinite(comparison->tolerance)) {
		fprintf(out, "a tolerance of %g %% makes no sense: give 0 or more\n",
			comparison->tolerance);
		return -EINVAL;
	}
	ret = open_old(comparison, out);
	if (!ret)
		ret = compare_all(comparison, view, out);
	json_decref(comparison->old);
	return ret;
}

int report_compare(const struct report *report, const char *path, double tolerance_percent,
		   FILE *out)
{
	struct comparison comparison = {.path = path, .tolerance = tolerance_percent};

	return report_render(report, out, render_comparison, &comparison);
}
