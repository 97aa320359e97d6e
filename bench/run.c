/* SPDX-License-Identifier: BSD-2-Clause */
#include "run.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "console.h"
#include "plan.h"
#include "source.h"

/* All rows exist before the first repeat, in the order of the plan. */
static int add_rows(struct report *report, const struct plan *plan)
{
	for (size_t i = 0; i < plan->nr_jobs; i++) {
		const struct job *job = &plan->jobs[i];
		struct report_row *row = report_row(report, job->name, job->lab->name);

		if (!row)
			return -ENOMEM;
		snprintf(row->baseline, sizeof(row->baseline), "%s", job->baseline);
		snprintf(row->note, sizeof(row->note), "%s", job->skip);
		row->skipped = job->skip[0] != '\0';
	}
	return 0;
}

/* The readers of one wire and size all get their frames from one source. */
static int prepare_source(const struct plan *plan, struct job *job)
{
	for (const struct job *before = plan->jobs; before < job; before++) {
		if (before->set == job->set && before->sample == job->sample && !before->skip[0]) {
			job->live = before->live;
			return 0;
		}
	}
	return source_choose(job->options, job->lab, job->set, &job->live);
}

/* Looks at the first frames of everything that sends. */
static int prepare(struct plan *plan)
{
	int err = 0;

	for (size_t i = 0; err >= 0 && i < plan->nr_jobs; i++) {
		struct job *job = &plan->jobs[i];
		char why[160] = "";

		if (job->skip[0] || job->sample == latency_sample)
			continue;
		progress("checking %s (%s)", job->name, job->lab->name);
		if (job->sample == tx_sample)
			err = tx_verify(job, why);
		else if (job->lab->has_far)
			err = prepare_source(plan, job);
		if (err > 0)
			snprintf(job->skip, sizeof(job->skip), "not seen on the wire: %.120s", why);
	}
	return err < 0 ? err : 0;
}

static int measure(struct report *report, const struct job *job)
{
	struct report_sample sample = {
		.p50_ns = REPORT_NONE,
		.p90_ns = REPORT_NONE,
		.p99_ns = REPORT_NONE,
		.p999_ns = REPORT_NONE,
		.max_ns = REPORT_NONE,
	};
	struct report_row *row = report_row(report, job->name, job->lab->name);
	char note[160] = "";
	int err = row ? job->sample(job, &sample, note) : -ENOMEM;

	if (note[0])
		snprintf(row->note, sizeof(row->note), "%s", note);
	return err ? err : report_add(row, &sample);
}

/* Every other repeat goes through the rows backwards: drift hits all alike. */
static int run_repeats(struct report *report, const struct plan *plan,
		       const struct bench_options *options)
{
	const size_t total = plan->nr_jobs * options->repeats;
	size_t done = 0;

	for (uint32_t repeat = 0; repeat < options->repeats; repeat++) {
		for (size_t i = 0; i < plan->nr_jobs; i++) {
			const size_t index = repeat & 1 ? plan->nr_jobs - 1 - i : i;
			const struct job *job = &plan->jobs[index];
			int err;

			done++;
			if (job->skip[0])
				continue;
			progress("[%zu/%zu] repeat %u of %u: %s (%s)", done, total, repeat + 1,
				 options->repeats, job->name, job->lab->name);
			err = measure(report, job);
			if (err)
				return err;
		}
	}
	return 0;
}

int bench_run(const struct bench_options *options, struct report *report)
{
	struct plan plan = {0};
	int err = labs_open(options, plan.labs);

	if (err < 0)
		return err;
	plan.nr_labs = (size_t)err;
	err = plan_make(&plan, options);
	if (!err)
		err = prepare(&plan);
	if (!err)
		err = add_rows(report, &plan);
	if (!err)
		err = run_repeats(report, &plan, options);
	progress_clear();
	if (err == -ENOMEM)
		complain("out of memory");
	plan_fini(&plan);
	return err;
}
