/* SPDX-License-Identifier: BSD-2-Clause */
/* A report set against an earlier one: what counts as worse, and which files are refused. */
#include "report_fixture.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <unistd.h>

TestSuite(report_compare, .init = setup, .fini = teardown);

struct compared {
	int ret;
	char *text;
};

static struct compared compare(const char *path, double tolerance)
{
	struct compared compared = {0};
	size_t length = 0;
	FILE *memory = open_memstream(&compared.text, &length);

	cr_assert_not_null(memory);
	compared.ret = report_compare(&report, path, tolerance, memory);
	fclose(memory);
	return compared;
}

static void expect_compared(const char *path, double tolerance, int ret, const char *text)
{
	struct compared compared = compare(path, tolerance);

	cr_expect_eq(compared.ret, ret, "%d\n%s", compared.ret, compared.text);
	cr_expect_not_null(strstr(compared.text, text), "no '%s' in\n%s", text, compared.text);
	free(compared.text);
}

/* The report as it stands now, as a file; the rows are gone afterwards. */
static void save(char path[32])
{
	FILE *file;
	int fd;

	strcpy(path, "/tmp/zring-report-XXXXXX");
	fd = mkstemp(path);
	cr_assert_geq(fd, 0);
	file = fdopen(fd, "w");
	cr_assert_not_null(file);
	cr_assert_eq(report_json(&report, file), 0);
	fclose(file);
	report_fini(&report);
}

static void save_text(char path[32], const char *text)
{
	int fd;

	strcpy(path, "/tmp/zring-report-XXXXXX");
	fd = mkstemp(path);
	cr_assert_geq(fd, 0);
	cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

Test(report_compare, counts_medians_that_fell_beyond_the_tolerance)
{
	char path[32];

	ADD_RATES("tx/a/64", "", 1);
	ADD_RATES("tx/b/64", "", 1);
	save(path);
	ADD_RATES("tx/a/64", "", 0.96);
	ADD_RATES("tx/b/64", "", 0.90);
	expect_compared(path, 5, 1, "FELL     tx/b/64");
	expect_compared(path, 5, 1, "ok       tx/a/64");
	expect_compared(path, 3, 2, "2 of 2 compared rows got worse");
	expect_compared(path, 20, 0, "0 of 2 compared rows got worse");
	/* Just at the tolerance is within it. */
	expect_compared(path, 10, 0, "-10.0 %");
	unlink(path);
}

Test(report_compare, takes_a_faster_row_as_good)
{
	char path[32];

	ADD_RATES("tx/a/64", "", 1);
	save(path);
	ADD_RATES("tx/a/64", "", 2);
	expect_compared(path, 0, 0, "+100.0 %");
	unlink(path);
}

Test(report_compare, counts_latencies_that_rose)
{
	char path[32];

	add_p50("latency/a/64", 3000);
	add_p50("latency/b/64", 3000);
	save(path);
	add_p50("latency/a/64", 3600);
	add_p50("latency/b/64", 1000);
	expect_compared(path, 10, 1, "ROSE     latency/a/64");
	expect_compared(path, 10, 1, "ok       latency/b/64");
	expect_compared(path, 25, 0, "+20.0 %");
	unlink(path);
}

Test(report_compare, the_same_run_finds_nothing_even_without_tolerance)
{
	char path[32];
	const double third = 1.0 / 3;

	ADD_RATES("tx/a/64", "", third);
	add_p50("latency/a/64", 1e5 * third);
	save(path);
	ADD_RATES("tx/a/64", "", third);
	add_p50("latency/a/64", 1e5 * third);
	expect_compared(path, 0, 0, "0 of 2 compared");
	unlink(path);
}

Test(report_compare, names_rows_of_one_side_and_counts_them_not)
{
	char path[32];

	ADD_RATES("tx/old/64", "", 1);
	ADD_RATES("tx/both/64", "", 1);
	ADD_RATES("tx/skipped/64", "", 1);
	save(path);
	ADD_RATES("tx/both/64", "", 1);
	ADD_RATES("tx/new/64", "", 1);
	report_row(&report, "tx/skipped/64", "inline")->skipped = true;
	cr_assert_not_null(report_row(&report, "tx/both/64", "threaded"));
	expect_compared(path, 5, 0, "0 of 1 compared rows got worse");
	expect_compared(path, 5, 0, "missing  tx/old/64      inline    only in the file");
	expect_compared(path, 5, 0, "new      tx/new/64      inline    not in the file");
	expect_compared(path, 5, 0, "missing  tx/skipped/64  inline    not measured now");
	unlink(path);
}

Test(report_compare, says_so_when_there_was_nothing_to_compare)
{
	char path[32];

	ADD_RATES("tx/old/64", "", 1);
	save(path);
	ADD_RATES("tx/new/64", "", 1);
	expect_compared(path, 5, 0, "nothing was compared");
	unlink(path);
}

Test(report_compare, divides_by_no_zero)
{
	char path[32];

	ADD_RATES("tx/a/64", "", 0);
	add_p50("latency/a/64", 0);
	save(path);
	ADD_RATES("tx/a/64", "", 1);
	add_p50("latency/a/64", 3000);
	expect_compared(path, 5, 0, "(was 0)");
	unlink(path);
}

Test(report_compare, refuses_a_file_that_it_cannot_read)
{
	expect_compared("/nonexistent/x.json", 5, -ENOENT,
			"/nonexistent/x.json: No such file or directory. Give a file");
	expect_compared("/tmp", 5, -EISDIR, "/tmp: Is a directory. Give a file");
}

Test(report_compare, refuses_a_damaged_file)
{
	char path[32];

	save_text(path, "{\"zring\": \"0.1.0\", \"results\": [{\"name\": \"tx");
	expect_compared(path, 5, -EINVAL, "no JSON, line 1 column ");
	expect_compared(path, 5, -EINVAL, "Give a file that zring-bench wrote with --json");
	unlink(path);
	save_text(path, "");
	expect_compared(path, 5, -EINVAL, "no JSON");
	unlink(path);
}

Test(report_compare, refuses_a_file_that_is_not_ours)
{
	static const char *const texts[] = {
		"[]",
		"{}",
		"{\"results\": []}",
		"{\"zring\": \"0.1.0\", \"results\": {}}",
		"{\"zring\": 1, \"results\": []}",
		"{\"zring\": \"0.1.0\", \"results\": [1]}",
		"{\"zring\": \"0.1.0\", \"results\": [{\"lab\": \"inline\", \"mpps\": 1}]}",
		"{\"zring\": \"0.1.0\", \"results\": [{\"name\": \"a\", \"mpps\": 1}]}",
		"{\"zring\": \"0.1.0\", \"results\": [{\"name\": \"a\", \"lab\": \"b\", \"mpps\": "
		"\"1\"}]}",
		"{\"zring\": \"0.1.0\", \"results\": [{\"name\": \"a\", \"lab\": \"b\", \"mpps\": "
		"-1}]}",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct compared compared;
		char path[32];

		save_text(path, texts[i]);
		compared = compare(path, 5);
		cr_expect_eq(compared.ret, -EINVAL, "%s", texts[i]);
		cr_expect_not_null(strstr(compared.text, "Give a file"), "%s", compared.text);
		free(compared.text);
		unlink(path);
	}
}

Test(report_compare, refuses_a_tolerance_that_makes_no_sense)
{
	expect_compared("/tmp/any", -1, -EINVAL, "a tolerance of -1 %");
	expect_compared("/tmp/any", NAN, -EINVAL, "makes no sense");
}

Test(report_compare, reports_a_full_disk)
{
	char path[32];
	FILE *full = fopen("/dev/full", "we");

	cr_assert_not_null(full);
	ADD_RATES("tx/a/64", "", 1);
	save(path);
	cr_expect_eq(report_compare(&report, path, 5, full), -ENOSPC);
	fclose(full);
	unlink(path);
}
