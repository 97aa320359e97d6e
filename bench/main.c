/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "console.h"
#include "options.h"
#include "report.h"
#include "run.h"

static bool is_stdout(const char *path)
{
	return path && strcmp(path, "-") == 0;
}

/* Better to know before a minute of measuring than after it. */
static int check_writable(const char *path)
{
	FILE *file;

	if (!path || is_stdout(path))
		return 0;
	file = fopen(path, "ae");
	if (!file) {
		const int err = -errno;

		complain("cannot write %s: %s; name a file in a directory that is yours", path,
			 strerror(-err));
		return err;
	}
	fclose(file);
	return 0;
}

static int write_one(const struct report *report, const char *path,
		     int (*write)(const struct report *report, FILE *out))
{
	FILE *file;
	int err;

	if (!path)
		return 0;
	file = is_stdout(path) ? stdout : fopen(path, "we");
	err = file ? write(report, file) : -errno;
	if (file && fflush(file) == EOF && !err)
		err = -errno;
	if (file && file != stdout)
		fclose(file);
	if (err)
		complain("cannot write %s: %s", path, strerror(-err));
	return err;
}

static void remember_command(struct report *report, int argc, char **argv)
{
	size_t used = 0;

	for (int i = 0; i < argc && used < sizeof(report->command); i++)
		used += (size_t)snprintf(report->command + used, sizeof(report->command) - used,
					 "%s%s", i ? " " : "", i ? argv[i] : "zring-bench");
}

/* The table first: an unwritable file does not take it away. */
static int show(const struct bench_options *options, const struct report *report)
{
	const bool table_aside = is_stdout(options->json) || is_stdout(options->csv) ||
				 is_stdout(options->html);
	FILE *table = table_aside ? stderr : stdout;
	int fell = 0, err = report_table(report, table);

	/* Before it is written: the two may be one file. */
	if (options->baseline)
		fell = report_compare(report, options->baseline, options->tolerance_percent, table);
	fflush(table);
	if (!err)
		err = write_one(report, options->json, report_json);
	if (!err)
		err = write_one(report, options->csv, report_csv);
	if (!err)
		err = write_one(report, options->html, report_html);
	return err ? err : fell;
}

static int has_samples(const struct report *report)
{
	for (size_t i = 0; i < report->nr_rows; i++)
		if (report->rows[i].nr_samples)
			return 1;
	return 0;
}

static int measure(const struct bench_options *options, int argc, char **argv)
{
	struct report report;
	int err, shown = 0;

	err = check_writable(options->json);
	if (!err)
		err = check_writable(options->csv);
	if (!err)
		err = check_writable(options->html);
	if (err)
		return err;
	report_init(&report);
	report.seed = options->seed;
	remember_command(&report, argc, argv);
	err = bench_run(options, &report);
	/* Also after Ctrl-C: what was measured is measured. */
	if (!err || has_samples(&report))
		shown = show(options, &report);
	report_fini(&report);
	return err ? err : shown;
}

int main(int argc, char **argv)
{
	struct bench_options options;
	int err = bench_options_parse(argc, argv, &options);

	if (err)
		return err < 0 ? 2 : 0;
	interrupts_catch();
	err = options.commands == BENCH_GEN ? bench_gen(&options) : measure(&options, argc, argv);
	if (interrupted())
		return 128 + interrupted();
	return err ? 1 : 0;
}
