/* SPDX-License-Identifier: BSD-2-Clause */
/* The report of zring-bench: medians and ratios, and what each of its writers escapes. */
#include "report_fixture.h"

#include <errno.h>
#include <jansson.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#define HOSTILE "say \"<script>alert('1')</script>\" & \x01\x1b[2J\t\xc3\xa9 \xff\xc0\xaf"

TestSuite(report, .init = setup, .fini = teardown);

static char *written(int (*write)(const struct report *, FILE *))
{
	char *text = NULL;
	size_t length = 0;
	FILE *memory = open_memstream(&text, &length);

	cr_assert_not_null(memory);
	cr_assert_eq(write(&report, memory), 0);
	fclose(memory);
	cr_assert_eq(strlen(text), length);
	return text;
}

static json_t *written_json(void)
{
	json_error_t error;
	char *text = written(report_json);
	json_t *object = json_loads(text, JSON_REJECT_DUPLICATES, &error);

	cr_assert_not_null(object, "%s in\n%s", error.text, text);
	free(text);
	return object;
}

static const json_t *result(const json_t *object, size_t index)
{
	const json_t *row = json_array_get(json_object_get(object, "results"), index);

	cr_assert_not_null(row);
	return row;
}

static double number(const json_t *row, const char *key)
{
	const json_t *value = json_object_get(row, key);

	cr_assert(json_is_number(value), "%s", key);
	return json_number_value(value);
}

static void expect_text(const json_t *object, const char *key, const char *expected)
{
	const char *text = json_string_value(json_object_get(object, key));

	cr_assert_not_null(text, "%s", key);
	cr_expect_str_eq(text, expected);
}

Test(report, a_row_is_made_once_a_name_and_lab)
{
	struct report_row *row = report_row(&report, "tx/a/64", "inline");

	cr_assert_eq(report_row(&report, "tx/a/64", "inline"), row);
	cr_assert_eq(report.nr_rows, 1);
	cr_assert_not_null(report_row(&report, "tx/a/64", "threaded"));
	cr_assert_eq(report.nr_rows, 2);
	for (int i = 0; i < 100; i++) {
		char name[16];

		snprintf(name, sizeof(name), "tx/%d", i);
		cr_assert_not_null(report_row(&report, name, "inline"));
	}
	cr_assert_eq(report.nr_rows, 102);
	cr_expect_str_eq(report.rows[0].name, "tx/a/64");
	cr_expect_str_eq(report.rows[101].name, "tx/99");
}

Test(report, samples_keep_their_order_while_they_grow)
{
	struct report_row *row = report_row(&report, "tx/a/64", "inline");
	struct report_sample sample = nothing;

	for (int i = 0; i < 1000; i++) {
		sample.mpps = i;
		cr_assert_eq(report_add(row, &sample), 0);
	}
	cr_assert_eq(row->nr_samples, 1000);
	for (int i = 0; i < 1000; i++)
		cr_assert_eq(row->samples[i].mpps, i);
}

Test(report, median_of_an_odd_number_is_the_middle_one)
{
	json_t *object;

	ADD_RATES("tx/a/64", "", 9, 1, 5);
	object = written_json();
	cr_expect_eq(number(result(object, 0), "mpps"), 5);
	cr_expect_eq(number(result(object, 0), "mpps_min"), 1);
	cr_expect_eq(number(result(object, 0), "mpps_max"), 9);
	json_decref(object);
}

Test(report, median_of_an_even_number_is_between_the_middle_two)
{
	json_t *object;

	ADD_RATES("tx/a/64", "", 4, 1, 9, 2);
	object = written_json();
	cr_expect_eq(number(result(object, 0), "mpps"), 3);
	json_decref(object);
}

Test(report, ratio_is_the_median_of_the_pairs_and_not_of_the_medians)
{
	json_t *object;

	ADD_RATES("baseline/b/64", "", 1, 2, 4);
	ADD_RATES("tx/a/64", "baseline/b/64", 3, 2, 2, 100); /* pairs: 3, 1, 0.5; medians: 1.25 */
	object = written_json();
	cr_expect_eq(number(result(object, 1), "ratio"), 1);
	cr_expect_eq(number(result(object, 1), "ratio_min"), 0.5);
	cr_expect_eq(number(result(object, 1), "ratio_max"), 3);
	expect_text(result(object, 1), "baseline", "baseline/b/64");
	cr_expect_null(json_object_get(result(object, 0), "ratio"));
	cr_expect_null(json_object_get(result(object, 0), "baseline"));
	json_decref(object);
}

Test(report, ratio_is_taken_within_one_lab)
{
	struct report_row *other = report_row(&report, "baseline/b/64", "threaded");
	struct report_sample sample = nothing;
	json_t *object;

	sample.mpps = 1;
	cr_assert_eq(report_add(other, &sample), 0);
	ADD_RATES("tx/a/64", "baseline/b/64", 3);
	object = written_json();
	cr_expect_null(json_object_get(result(object, 1), "ratio"));
	json_decref(object);
}

Test(report, ratio_to_nothing_or_zero_is_left_out)
{
	json_t *object;

	ADD_RATES("baseline/zero/64", "", 0, 0);
	ADD_RATES("baseline/none/64", "", REPORT_NONE, REPORT_NONE);
	ADD_RATES("tx/a/64", "baseline/zero/64", 3, 3);
	ADD_RATES("tx/b/64", "baseline/none/64", 3, 3);
	ADD_RATES("tx/c/64", "baseline/not-there/64", 3, 3);
	object = written_json();
	for (size_t i = 2; i < 5; i++) {
		cr_expect_null(json_object_get(result(object, i), "ratio"));
		cr_expect_eq(number(result(object, i), "mpps"), 3);
	}
	json_decref(object);
}

Test(report, latency_rows_set_their_p50_against_the_baseline)
{
	json_t *object;

	add_p50("baseline/echo-v2/64", 4000);
	strcpy(add_p50("latency/a/64", 3000)->baseline, "baseline/echo-v2/64");
	object = written_json();
	cr_expect_eq(number(result(object, 1), "ratio"), 0.75);
	cr_expect_eq(number(result(object, 1), "p50_ns"), 3000);
	cr_expect_null(json_object_get(result(object, 1), "mpps"));
	json_decref(object);
}

Test(report, cpu_is_the_median_of_sums_and_drops_and_max_hide_no_repeat)
{
	struct report_row *row = report_row(&report, "rx/a/64", "inline");
	json_t *object;

	for (int i = 0; i < 3; i++) {
		struct report_sample sample = nothing;

		sample.mpps = 1;
		sample.cpu_user_ns = (const double[]){1, 2, 10}[i];
		sample.cpu_system_ns = (const double[]){20, 10, 5}[i];
		sample.drops = (const double[]){0, 7, 0}[i];
		sample.max_ns = (const double[]){5, 900, 6}[i];
		cr_assert_eq(report_add(row, &sample), 0);
	}
	object = written_json();
	cr_expect_eq(number(result(object, 0), "cpu_user_ns_per_packet"), 2);
	cr_expect_eq(number(result(object, 0), "cpu_system_ns_per_packet"), 10);
	cr_expect_eq(number(result(object, 0), "cpu_ns_per_packet"), 15); /* of 21, 12, 15 */
	cr_expect_eq(number(result(object, 0), "drops"), 7);
	cr_expect_eq(number(result(object, 0), "max_ns"), 900);
	json_decref(object);
}

Test(report, json_leaves_out_what_was_not_measured_or_is_no_number)
{
	static const char *const absent[] = {"offered_mpps", "drops",  "cpu_ns_per_packet",
					     "cpu_percent",  "p50_ns", "max_ns",
					     "note",         "ratio"};
	json_t *object;
	const json_t *samples;

	ADD_RATES("tx/a/64", "", NAN, INFINITY, -INFINITY, 2, REPORT_NONE);
	object = written_json();
	cr_expect_eq(number(result(object, 0), "mpps"), 2);
	cr_expect_eq(number(result(object, 0), "mpps_max"), 2);
	for (size_t i = 0; i < sizeof(absent) / sizeof(absent[0]); i++)
		cr_expect_null(json_object_get(result(object, 0), absent[i]), "%s", absent[i]);
	samples = json_object_get(result(object, 0), "samples");
	cr_assert_eq(json_array_size(samples), 5);
	cr_expect_eq(json_object_size(json_array_get(samples, 0)), 0);
	cr_expect_eq(number(json_array_get(samples, 3), "mpps"), 2);
	json_decref(object);
}

Test(report, json_carries_hostile_text_unharmed)
{
	struct report_row *row = ADD_RATES("tx/\"\\/\n64", "", 1);
	json_t *object;

	strcpy(row->note, HOSTILE);
	strcpy(report.command, HOSTILE);
	object = written_json();
	/* Bytes that are no UTF-8 can't stand in JSON; all else comes back as it was. */
	expect_text(object, "command",
		    "say \"<script>alert('1')</script>\" & \x01\x1b[2J\t\xc3\xa9 ???");
	expect_text(result(object, 0), "note",
		    "say \"<script>alert('1')</script>\" & \x01\x1b[2J\t\xc3\xa9 ???");
	expect_text(result(object, 0), "name", "tx/\"\\/\n64");
	json_decref(object);
}

Test(report, json_refuses_overlong_and_surrogate_characters)
{
	json_t *object;

	strcpy(report.command,
	       "\xe0\x80\xaf \xed\xa0\x80 \xf4\x90\x80\x80 \xf0\x9f\x90\x9d \xe2\x82\xac \xe2\x82");
	object = written_json();
	expect_text(object, "command", "??? ??? ???? \xf0\x9f\x90\x9d \xe2\x82\xac ??");
	json_decref(object);
}

Test(report, json_of_an_empty_report_is_whole)
{
	json_t *object = written_json();

	cr_expect_eq(json_array_size(json_object_get(object, "results")), 0);
	cr_expect(json_is_array(json_object_get(object, "results")));
	cr_expect(json_is_string(json_object_get(object, "zring")));
	cr_expect(json_is_string(json_object_get(object, "kernel")));
	cr_expect_gt(number(json_object_get(object, "machine"), "cpus"), 0);
	json_decref(object);
}

Test(report, json_keeps_a_large_seed_exact)
{
	json_t *object;

	report.seed = UINT64_MAX;
	object = written_json();
	expect_text(object, "seed", "18446744073709551615");
	json_decref(object);
	report.seed = 7;
	object = written_json();
	cr_expect_eq(number(object, "seed"), 7);
	json_decref(object);
}

Test(report, csv_quotes_as_rfc_4180_asks)
{
	struct report_row *row = ADD_RATES("tx/a/64", "", 1.5);
	char *text;

	strcpy(row->note, "a \"quoted\", note\nin two lines");
	text = written(report_csv);
	cr_expect_eq(strncmp(text, "name,lab,mpps,mpps_min,mpps_max,offered_mpps,drops,", 51), 0);
	cr_expect_not_null(strstr(text, "\ntx/a/64,inline,1.5,1.5,1.5,,,"), "%s", text);
	cr_expect_not_null(strstr(text, ",1,false,\"a \"\"quoted\"\", note\nin two lines\"\n"),
			   "%s", text);
	free(text);
}

Test(report, csv_has_as_many_fields_a_line_as_its_heading)
{
	char *text, *save = NULL;
	size_t nr_lines = 0, expected = 0;

	ADD_RATES("baseline/b/64", "", 1, 2);
	ADD_RATES("tx/a/64", "baseline/b/64", 1, 2);
	add_p50("latency/a/64", 3000);
	report_row(&report, "rx/a/64", "real")->skipped = true;
	text = written(report_csv);
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		size_t nr_fields = 1;

		for (const char *at = line; *at; at++)
			nr_fields += *at == ',';
		expected = nr_lines++ ? expected : nr_fields;
		cr_expect_eq(nr_fields, expected, "%s", line);
	}
	cr_expect_eq(nr_lines, 5);
	free(text);
}

Test(report, table_has_rates_latencies_notes_and_what_is_missing)
{
	struct report_row *row;
	char *text;

	ADD_RATES("baseline/b/64", "", 1, 1.1, 1.2);
	ADD_RATES("tx/a/64", "baseline/b/64", 2, 2.2, 2.4);
	add_p50("latency/a/64", 3050);
	row = report_row(&report, "rx/a/64", "real");
	row->skipped = true;
	strcpy(row->note, "no such interface\x1b[2J");
	text = written(report_table);
	cr_expect_not_null(strstr(text, "2.200 (2.00-2.40)"), "%s", text);
	cr_expect_not_null(strstr(text, "2.00 (2.00-2.00)"), "%s", text);
	cr_expect_not_null(strstr(text, "baseline/b/64: tx/a/64\n"), "%s", text);
	cr_expect_not_null(strstr(text, "3.05"), "%s", text);
	cr_expect_not_null(strstr(text, "rx/a/64 (real): no such interface?[2J\n"), "%s", text);
	free(text);
}

Test(report, table_lines_stay_within_110_columns)
{
	static const char *const names[] = {"baseline/recvmmsg/1514", "rx/afpacket/1514"};
	char *text, *save = NULL;

	for (size_t i = 0; i < 2; i++) {
		struct report_row *row = report_row(&report, names[i], "threaded");

		for (int k = 0; k < 3; k++) {
			struct report_sample sample = nothing;

			sample.mpps = 1.2 + k * 0.1;
			sample.offered_mpps = 6.01;
			sample.drops = 35123456;
			sample.cpu_user_ns = 210;
			sample.cpu_system_ns = 1390;
			cr_assert_eq(report_add(row, &sample), 0);
		}
		strcpy(row->baseline, i ? names[0] : "");
		strcpy(row->note, "a long note that has to be broken into lines, since it goes on "
				  "and on about what zring took and for which reason it did so");
	}
	text = written(report_table);
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		cr_expect_leq(strlen(line), 110, "%s", line);
	free(text);
}

Test(report, html_carries_hostile_text_as_text)
{
	struct report_row *row = ADD_RATES("tx/<img src=x>/64", "", 1);
	char *text;

	strcpy(row->note, HOSTILE);
	strcpy(report.command, HOSTILE);
	text = written(report_html);
	cr_expect_null(strstr(text, "<script"));
	cr_expect_null(strstr(text, "<img"));
	cr_expect_null(strchr(text, '\x1b'));
	cr_expect_null(strchr(text, '\xff'));
	cr_expect_not_null(
		strstr(text, "&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&quot; &amp; "));
	cr_expect_not_null(strstr(text, "<th scope=\"row\">tx/&lt;img src=x&gt;/64</th>"));
	cr_expect_not_null(strstr(text, "<svg role=\"img\""));
	free(text);
}

Test(report, every_writer_takes_an_empty_report_and_rows_without_samples)
{
	int (*const writers[])(const struct report *, FILE *) = {report_table, report_json,
								 report_csv, report_html};

	for (size_t pass = 0; pass < 3; pass++) {
		for (size_t i = 0; i < 4; i++) {
			char *text = written(writers[i]);

			cr_expect_gt(strlen(text), 20);
			cr_expect_null(strstr(text, "nan"));
			cr_expect_null(strstr(text, "inf,"));
			cr_expect_eq(strstr(text, "rx/none/64") != NULL, pass > 0, "%s", text);
			free(text);
		}
		/* Then a row that never got a sample, then one of zeros alone. */
		cr_assert_not_null(report_row(&report, "rx/none/64", "inline"));
		if (pass == 1) {
			add_p50("latency/zero/64", 0);
			ADD_RATES("baseline/zero/64", "", 0, 0);
			ADD_RATES("rx/zero/64", "baseline/zero/64", 0, 0);
		}
	}
}

Test(report, skipped_rows_are_named_with_their_reason)
{
	struct report_row *row = report_row(&report, "baseline/libpcap/64", "inline");
	int (*const writers[])(const struct report *, FILE *) = {report_table, report_json,
								 report_csv, report_html};
	json_t *object;

	row->skipped = true;
	strcpy(row->note, "built without libpcap");
	for (size_t i = 0; i < 4; i++) {
		char *text = written(writers[i]);

		cr_expect_not_null(strstr(text, "built without libpcap"), "%s", text);
		cr_expect_not_null(strstr(text, "baseline/libpcap/64"), "%s", text);
		free(text);
	}
	object = written_json();
	cr_expect(json_is_true(json_object_get(result(object, 0), "skipped")));
	cr_expect_null(json_object_get(result(object, 0), "mpps"));
	json_decref(object);
}

Test(report, a_full_disk_is_reported_by_its_errno)
{
	int (*const writers[])(const struct report *, FILE *) = {report_table, report_json,
								 report_csv, report_html};

	ADD_RATES("tx/a/64", "", 1);
	for (size_t i = 0; i < 4; i++) {
		FILE *full = fopen("/dev/full", "we");

		cr_assert_not_null(full);
		cr_expect_eq(writers[i](&report, full), -ENOSPC, "writer %zu", i);
		fclose(full);
	}
}

/*
 * A locale of our own in @directory: which ones are installed is chance, and so
 * are the files that they are made from.
 */
static bool make_comma_locale(const char *directory)
{
	char command[256];
	FILE *file;

	snprintf(command, sizeof(command), "%s/ascii", directory);
	file = fopen(command, "we");
	cr_assert_not_null(file);
	fputs("<code_set_name> ASCII\n<comment_char> %\n<escape_char> /\nCHARMAP\n", file);
	for (int i = 0; i < 128; i++)
		fprintf(file, "<U%04X> /x%02x x\n", (unsigned)i, (unsigned)i);
	fputs("END CHARMAP\n", file);
	fclose(file);
	snprintf(command, sizeof(command), "%s/source", directory);
	file = fopen(command, "we");
	cr_assert_not_null(file);
	fputs("comment_char %\nescape_char /\nLC_NUMERIC\ndecimal_point \",\"\nthousands_sep "
	      "\".\"\n"
	      "grouping 3\nEND LC_NUMERIC\n",
	      file);
	fclose(file);
	/* It warns, and exits 1, as no other category is defined. */
	snprintf(command, sizeof(command),
		 "cd %s && localedef -c -f ./ascii -i ./source ./comma >log 2>&1; test -e "
		 "comma/LC_NUMERIC",
		 directory);
	return system(command) == 0;
}

Test(report, numbers_have_a_point_whatever_the_locale)
{
	char directory[] = "/tmp/zring-locale-XXXXXX", command[64];
	char *text;
	json_t *object;
	bool made;

	cr_assert_not_null(mkdtemp(directory));
	made = make_comma_locale(directory);
	setenv("LOCPATH", directory, 1);
	made = made && setlocale(LC_NUMERIC, "comma");
	snprintf(command, sizeof(command), "rm -r %s", directory);
	cr_assert_eq(system(command), 0);
	if (!made)
		cr_skip_test("localedef can't make a locale here");
	snprintf(command, sizeof(command), "%.1f", 1.5);
	cr_assert_str_eq(command, "1,5");

	ADD_RATES("tx/a/64", "", 1.5);
	text = written(report_csv);
	cr_expect_not_null(strstr(text, "tx/a/64,inline,1.5,1.5,1.5,"), "%s", text);
	free(text);
	text = written(report_html);
	cr_expect_not_null(strstr(text, "<td>1.500</td>"));
	cr_expect_null(strstr(text, "1,5"));
	free(text);
	object = written_json();
	cr_expect_eq(number(result(object, 0), "mpps"), 1.5);
	json_decref(object);
	snprintf(command, sizeof(command), "%.1f", 1.5);
	cr_expect_str_eq(command, "1,5", "the program's own locale is as before");
}
