/* SPDX-License-Identifier: BSD-2-Clause */
/* Which rows a run has. */
#include "plan.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zring/zring.h>

/* A kind of row: its name has the size behind it, and "/spin/loaded" and such after that. */
struct kind {
	uint32_t command; /* enum bench_command */
	const char *name;
	const char *baseline;
	child_run *run;
	uint32_t method;
	const char *skip;
};

#ifdef HAVE_LIBPCAP
#define LIBPCAP_SKIP NULL
#define RX_BASELINE  "baseline/libpcap"
#else
#define LIBPCAP_SKIP "built without libpcap: install its headers (libpcap-dev), build again"
#define RX_BASELINE  "baseline/recvmmsg"
#endif

/* clang-format off */
static const struct kind kinds[] = {
	{ BENCH_TX, "tx/afpacket", "baseline/sendmmsg", tx_run_zring, ZRING_METHOD_AUTO, NULL },
	{ BENCH_TX, "baseline/sendmmsg", "", tx_run_sendmmsg, 0, NULL },
	{ BENCH_TX, "tx/afpacket-sendmmsg", "baseline/sendmmsg", tx_run_zring,
	  ZRING_METHOD_SENDMMSG, NULL },
	{ BENCH_TX, "tx/afpacket-ring", "baseline/sendmmsg", tx_run_zring, ZRING_METHOD_RING,
	  NULL },
	{ BENCH_TX, "tx/afpacket-gso", "baseline/sendmmsg", tx_run_burst, 0, NULL },
	{ BENCH_RX, "rx/afpacket", RX_BASELINE, rx_run_zring, ZRING_PROFILE_THROUGHPUT, NULL },
	{ BENCH_RX, "baseline/libpcap", "", rx_run_libpcap, 0, LIBPCAP_SKIP },
	{ BENCH_RX, "baseline/recvmmsg", "", rx_run_recvmmsg, 0, NULL },
	{ BENCH_LATENCY, "latency/afpacket", "baseline/echo-v2", echo_run_zring, 0, NULL },
	{ BENCH_LATENCY, "baseline/echo-v2", "", echo_run_v2, 0, NULL },
};

static const struct kind overload_kinds[] = {
	{ BENCH_RX, "rx/afpacket-overload", "", rx_run_overloaded, ZRING_PROFILE_LOW_MEMORY, NULL },
	{ BENCH_RX, "rx/afpacket-v2-overload", "", rx_run_overloaded, ZRING_PROFILE_LOW_LATENCY,
	  NULL },
};
/* clang-format on */

#define NR_KINDS          (sizeof(kinds) / sizeof(kinds[0]))
#define NR_OVERLOAD_KINDS (sizeof(overload_kinds) / sizeof(overload_kinds[0]))
#define VARIANTS          4 /* of a latency row */
#define SETS              3 /* of frames a wire and size */
#define BURST_MAX         64u

/* What goes over one wire in the rows of one size. */
struct wire_sets {
	const struct frame_set *towards_far;
	const struct frame_set *towards_tested;
	const struct frame_set *burst; /* towards the far end */
};

static const char *skip_reason(const struct job *job, const struct kind *kind)
{
	if (!job->lab->usable)
		return job->lab->why;
	if (kind->skip)
		return kind->skip;
	if (kind->run == tx_run_burst && job->set->mix.nr_shapes > 1)
		return "a burst has frames of one length";
	if (kind->command != BENCH_LATENCY)
		return "";
	if (!job->lab->has_far)
		return "the pinger needs the other end of the wire: -p PEER";
	/* Spinning takes the CPU that the kernel's thread needs to hand the frame over. */
	if (job->spin && strcmp(job->lab->name, "threaded") == 0)
		return "an echo that spins starves the NAPI thread on its CPU";
	return "";
}

static void name_job(struct job *job, const struct kind *kind)
{
	char suffix[32] = "";

	if (kind->command == BENCH_LATENCY)
		snprintf(suffix, sizeof(suffix), "/%s%s", job->spin ? "spin" : "poll",
			 job->loaded ? "/loaded" : "");
	snprintf(job->name, sizeof(job->name), "%s/%s%s", kind->name, job->set->mix.name, suffix);
	if (kind->baseline[0])
		snprintf(job->baseline, sizeof(job->baseline), "%s/%s%s", kind->baseline,
			 job->set->mix.name, suffix);
}

static void add_job(struct plan *plan, const struct bench_options *options, const struct kind *kind,
		    const struct lab *lab, const struct wire_sets *sets, uint32_t variant)
{
	struct job *job = &plan->jobs[plan->nr_jobs++];

	*job = (struct job){
		.options = options,
		.lab = lab,
		.set = sets->towards_tested,
		.run = kind->run,
		.sample = options->overload ? rx_overload_sample : rx_sample,
		.method = kind->method,
		.spin = !(variant & 2),
		.loaded = variant & 1,
		.optional = kind->run == tx_run_burst,
	};
	if (kind->command == BENCH_TX) {
		job->set = job->optional ? sets->burst : sets->towards_far;
		job->sample = tx_sample;
	} else if (kind->command == BENCH_LATENCY) {
		job->sample = latency_sample;
	}
	name_job(job, kind);
	snprintf(job->skip, sizeof(job->skip), "%s", skip_reason(job, kind));
}

static void add_rows(struct plan *plan, const struct bench_options *options, const struct lab *lab,
		     const struct wire_sets *sets)
{
	const struct kind *list = options->overload ? overload_kinds : kinds;
	const size_t nr = options->overload ? NR_OVERLOAD_KINDS : NR_KINDS;

	/* What is compared stands side by side. */
	for (uint32_t variant = 0; variant < VARIANTS; variant++) {
		for (size_t i = 0; i < nr; i++) {
			if (!(list[i].command & options->commands) ||
			    (variant > 0 && list[i].command != BENCH_LATENCY))
				continue;
			add_job(plan, options, &list[i], lab, sets, variant);
		}
	}
}

/* Frames from @from; in a lab to nobody, so that the stack drops them early. */
static struct frame_set *make_set(struct plan *plan, const struct bench_options *options,
				  const struct frame_mix *mix, const struct link *from,
				  const struct link *to)
{
	const uint8_t *destination = options->interface && to->index ? to->mac : frame_nobody;
	struct frame_set *set = &plan->sets[plan->nr_sets++];

	frame_set_init(set, mix, from->mac, destination, FRAME_PORT_ECHO, options->seed);
	return set;
}

/* A super-frame has one IPv4 header, so 65,535 bytes bound it. */
static uint32_t burst_length(const struct frame_mix *mix)
{
	const uint32_t most = (65535u - 28) / ((uint32_t)mix->largest - FRAME_SEQUENCE_AT);

	return most < BURST_MAX ? most : BURST_MAX;
}

int plan_make(struct plan *plan, const struct bench_options *options)
{
	const size_t nr_wires = options->nr_sizes * plan->nr_labs;

	plan->jobs = calloc(NR_KINDS * VARIANTS * nr_wires, sizeof(*plan->jobs));
	plan->sets = calloc(SETS * nr_wires, sizeof(*plan->sets));
	if (!plan->jobs || !plan->sets)
		return -ENOMEM;
	for (size_t i = 0; i < nr_wires; i++) {
		const struct frame_mix *mix = &options->sizes[i / plan->nr_labs];
		const struct lab *lab = &plan->labs[i % plan->nr_labs];
		const struct link *tested = &lab->tested, *far = &lab->far;
		struct frame_set *burst = make_set(plan, options, mix, tested, far);
		const struct wire_sets sets = {
			.towards_far = make_set(plan, options, mix, tested, far),
			.towards_tested = make_set(plan, options, mix, far, tested),
			.burst = burst,
		};

		frame_set_make_burst(burst, burst_length(mix));
		add_rows(plan, options, lab, &sets);
	}
	return 0;
}

void plan_fini(struct plan *plan)
{
	free(plan->jobs);
	free(plan->sets);
}
