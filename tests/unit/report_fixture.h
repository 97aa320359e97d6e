/* SPDX-License-Identifier: BSD-2-Clause */
/* A report for each test, and rows of it in a line. Included by the report's tests only. */
#ifndef TESTS_REPORT_FIXTURE_H
#define TESTS_REPORT_FIXTURE_H

#include "../../bench/report.h"

#include <criterion/criterion.h>
#include <string.h>

static const struct report_sample nothing = {
	.mpps = REPORT_NONE,
	.offered_mpps = REPORT_NONE,
	.drops = REPORT_NONE,
	.cpu_user_ns = REPORT_NONE,
	.cpu_system_ns = REPORT_NONE,
	.cpu_percent = REPORT_NONE,
	.p50_ns = REPORT_NONE,
	.p90_ns = REPORT_NONE,
	.p99_ns = REPORT_NONE,
	.p999_ns = REPORT_NONE,
	.max_ns = REPORT_NONE,
};

static struct report report;

static void setup(void)
{
	report_init(&report);
}

static void teardown(void)
{
	report_fini(&report);
}

static struct report_row *add_rates(const char *name, const char *baseline, const double *mpps,
				    size_t nr)
{
	struct report_row *row = report_row(&report, name, "inline");

	cr_assert_not_null(row);
	for (size_t i = 0; i < nr; i++) {
		struct report_sample sample = nothing;

		sample.mpps = mpps[i];
		cr_assert_eq(report_add(row, &sample), 0);
	}
	strcpy(row->baseline, baseline);
	return row;
}

#define ADD_RATES(name, baseline, ...)                           \
	add_rates(name, baseline, (const double[]){__VA_ARGS__}, \
		  sizeof((const double[]){__VA_ARGS__}) / sizeof(double))

static struct report_row *add_p50(const char *name, double p50_ns)
{
	struct report_row *row = report_row(&report, name, "inline");
	struct report_sample sample = nothing;

	sample.p50_ns = p50_ns;
	cr_assert_not_null(row);
	cr_assert_eq(report_add(row, &sample), 0);
	return row;
}

#endif
