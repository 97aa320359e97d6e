/* SPDX-License-Identifier: BSD-2-Clause */
/* Writes a made-up report in the format that its argument names, for tests of what readers see. */
#include "../../bench/report.h"

#include <math.h>
#include <string.h>

#define NR_REPEATS 7

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

/* Spreads the repeats around their figure, another way a row, the same on every run. */
static double wobble(const char *name, int repeat)
{
	double phase = (double)strlen(name);

	return 1 + 0.012 * sin(repeat * 2.3 + phase) - 0.03 * (repeat == 5);
}

static int add_rate(struct report *report, const char *name, const char *lab, const char *baseline,
		    struct report_sample at)
{
	struct report_row *row = report_row(report, name, lab);
	int err = row ? 0 : -1;

	for (int i = 0; !err && i < NR_REPEATS; i++) {
		struct report_sample sample = at;

		sample.mpps *= wobble(name, i);
		sample.offered_mpps *= wobble(name, i);
		sample.p50_ns = REPORT_NONE;
		sample.p90_ns = REPORT_NONE;
		sample.p99_ns = REPORT_NONE;
		sample.p999_ns = REPORT_NONE;
		sample.max_ns = REPORT_NONE;
		err = report_add(row, &sample);
	}
	if (!err)
		snprintf(row->baseline, sizeof(row->baseline), "%s", baseline);
	return err;
}

static int add_latency(struct report *report, const char *name, const char *baseline, double p50_us,
		       double max_us)
{
	struct report_row *row = report_row(report, name, "inline");
	int err = row ? 0 : -1;

	for (int i = 0; !err && i < NR_REPEATS; i++) {
		struct report_sample sample = nothing;

		sample.p50_ns = p50_us * 1000 * wobble(name, i);
		sample.p90_ns = sample.p50_ns * 1.2;
		sample.p99_ns = sample.p50_ns * 1.9;
		sample.p999_ns = sample.p50_ns * 4;
		sample.max_ns = max_us * 1000 * wobble(name, i);
		sample.cpu_percent = 100;
		err = report_add(row, &sample);
	}
	if (!err)
		snprintf(row->baseline, sizeof(row->baseline), "%s", baseline);
	return err;
}

static int add_size(struct report *report, const char *lab, const char *size, double scale)
{
	char name[64], baseline[64];
	int err = 0;

	snprintf(baseline, sizeof(baseline), "baseline/sendmmsg/%s", size);
	err |= add_rate(report, baseline, lab, "",
			(struct report_sample){.mpps = 0.69 * scale,
					       .offered_mpps = 0.69 * scale,
					       .cpu_user_ns = 21,
					       .cpu_system_ns = 1390 / scale,
					       .cpu_percent = 99});
	snprintf(name, sizeof(name), "tx/afpacket/%s", size);
	err |= add_rate(report, name, lab, baseline,
			(struct report_sample){.mpps = 0.71 * scale,
					       .offered_mpps = 0.71 * scale,
					       .cpu_user_ns = 14,
					       .cpu_system_ns = 1360 / scale,
					       .cpu_percent = 99});
	snprintf(name, sizeof(name), "tx/afpacket-gso/%s", size);
	err |= add_rate(report, name, lab, baseline,
			(struct report_sample){.mpps = 1.58 * scale,
					       .offered_mpps = 1.58 * scale,
					       .cpu_user_ns = 17,
					       .cpu_system_ns = 590 / scale,
					       .cpu_percent = 99});
	snprintf(baseline, sizeof(baseline), "baseline/recvmmsg/%s", size);
	err |= add_rate(report, baseline, lab, "",
			(struct report_sample){.mpps = 1.02 * scale,
					       .offered_mpps = 1.21 * scale,
					       .drops = 190000,
					       .cpu_user_ns = 31,
					       .cpu_system_ns = 640,
					       .cpu_percent = 82});
	snprintf(name, sizeof(name), "rx/afpacket/%s", size);
	err |= add_rate(report, name, lab, baseline,
			(struct report_sample){.mpps = 1.21 * scale,
					       .offered_mpps = 1.21 * scale,
					       .cpu_user_ns = 9,
					       .cpu_system_ns = 2.4,
					       .cpu_percent = 1.5});
	snprintf(baseline, sizeof(baseline), "baseline/libpcap/%s", size);
	err |= add_rate(report, baseline, lab, "",
			(struct report_sample){.mpps = 1.2095 * scale,
					       .offered_mpps = 1.21 * scale,
					       .drops = 3,
					       .cpu_user_ns = 38,
					       .cpu_system_ns = 9.1,
					       .cpu_percent = 6});
	return err;
}

/* Every kind of row, and text that would break a page or a file which does not escape it. */
static int fill(struct report *report)
{
	static const char *const labs[] = {"inline", "threaded"};
	static const char *const sizes[] = {"64", "1514"};
	struct report_row *row;
	int err = 0;

	snprintf(report->command, sizeof(report->command),
		 "zring-bench all --html \"<script>alert('1')</script>\" & more");
	report->seed = 42;
	for (size_t i = 0; i < 4; i++)
		err |= add_size(report, labs[i / 2], sizes[i % 2],
				(i / 2 ? 1.6 : 1) * (i % 2 ? 0.8 : 1));
	err |= add_latency(report, "baseline/echo-v2/64", "", 3.02, 61);
	err |= add_latency(report, "latency/spin/64", "baseline/echo-v2/64", 2.95, 48);
	err |= add_latency(report, "latency/poll/64", "baseline/echo-v2/64", 6.2, 220);
	err |= add_latency(report, "latency/spin-load/64", "", 9.4, 910);
	row = report_row(report, "tx/afpacket/64", "inline");
	if (row)
		snprintf(row->note, sizeof(row->note),
			 "method sendmmsg: <b>the ring</b> is slower on veth");
	row = report_row(report, "rx/real/64", "real");
	if (row) {
		row->skipped = true;
		snprintf(row->note, sizeof(row->note), "no \"real\" interface, say -i \xc3\xa9th0");
	}
	return row ? err : -1;
}

int main(int argc, char **argv)
{
	struct report report;
	int err = -1;

	report_init(&report);
	if (argc == 2 && !strcmp(argv[1], "empty"))
		err = report_html(&report, stdout);
	else if (argc == 2 && !fill(&report))
		err = !strcmp(argv[1], "html")   ? report_html(&report, stdout)
		      : !strcmp(argv[1], "json") ? report_json(&report, stdout)
		      : !strcmp(argv[1], "csv")  ? report_csv(&report, stdout)
						 : report_table(&report, stdout);
	report_fini(&report);
	return err ? 1 : 0;
}
