/* SPDX-License-Identifier: BSD-2-Clause */
/* Which rows a run has. */
#include "plan.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zring/zring.h>

/*
 * A kind of row: its name has the size behind it, and "/spin/loaded" and such after that. Where
 * the reader's way to wait is part of the name, so it is of the baseline's.
 */
struct kind {
	uint32_t command; /* enum bench_command */
	uint32_t backend; /* enum zring_backend */
	const char *name;
	const char *baseline;
	child_run *run;
	uint32_t method; /* 0: automatic, or the throughput profile */
	const char *skip;
	const char *wait; /* "spin", "block" or "nap" */
	const char *baseline_wait;
	bool shared;
};

#ifdef HAVE_LIBPCAP
#define LIBPCAP_SKIP NULL
#define RX_BASELINE  "baseline/libpcap"
#else
#define LIBPCAP_SKIP "built without libpcap: install its headers (libpcap-dev), build again"
#define RX_BASELINE  "baseline/recvmmsg"
#endif

#define PACKET ZRING_BACKEND_AFPACKET
#define XDP    ZRING_BACKEND_AFXDP

/* clang-format off */
static const struct kind kinds[] = {
	{ BENCH_TX, PACKET, "tx/afpacket", "baseline/sendmmsg", .run = tx_run_zring },
	{ BENCH_TX, PACKET, "baseline/sendmmsg", "", .run = tx_run_sendmmsg },
	{ BENCH_TX, PACKET, "tx/afpacket-sendmmsg", "baseline/sendmmsg", .run = tx_run_zring,
	  .method = ZRING_METHOD_SENDMMSG },
	{ BENCH_TX, PACKET, "tx/afpacket-ring", "baseline/sendmmsg", .run = tx_run_zring,
	  .method = ZRING_METHOD_RING },
	{ BENCH_TX, PACKET, "tx/afpacket-gso", "baseline/sendmmsg", .run = tx_run_burst },
	{ BENCH_TX, XDP, "tx/afxdp", "baseline/xsk-tx", .run = tx_run_zring },
	{ BENCH_TX, XDP, "baseline/xsk-tx", "", .run = tx_run_xsk },

	{ BENCH_RX, PACKET, "rx/afpacket", RX_BASELINE, .run = rx_run_zring },
	{ BENCH_RX, PACKET, "baseline/libpcap", "", .run = rx_run_libpcap, .skip = LIBPCAP_SKIP },
	{ BENCH_RX, PACKET, "baseline/recvmmsg", "", .run = rx_run_recvmmsg },
	{ BENCH_RX, XDP, "rx/afxdp", "baseline/xsk", .run = rx_run_zring, .wait = "spin",
	  .baseline_wait = "spin" },
	{ BENCH_RX, XDP, "baseline/xsk", "", .run = rx_run_xsk, .wait = "spin" },
	{ BENCH_RX, XDP, "rx/afxdp", "baseline/xsk", .run = rx_run_zring, .wait = "nap",
	  .baseline_wait = "spin" },
	{ BENCH_RX, XDP, "rx/afxdp", "baseline/xsk", .run = rx_run_zring, .wait = "block",
	  .baseline_wait = "block" },
	{ BENCH_RX, XDP, "baseline/xsk", "", .run = rx_run_xsk, .wait = "block" },
	/* What spins there takes the CPU away from its own sender: against one that polls. */
	{ BENCH_RX, XDP, "rx/afxdp", "baseline/xsk", .run = rx_run_zring, .wait = "spin",
	  .baseline_wait = "block", .shared = true },
	{ BENCH_RX, XDP, "baseline/xsk", "", .run = rx_run_xsk, .wait = "block", .shared = true },
	{ BENCH_RX, XDP, "rx/afxdp", "baseline/xsk", .run = rx_run_zring, .wait = "nap",
	  .baseline_wait = "block", .shared = true },
	{ BENCH_RX, XDP, "baseline/xsk", "", .run = rx_run_xsk, .wait = "spin", .shared = true },

	{ BENCH_LATENCY, PACKET, "latency/afpacket", "baseline/echo-v2", .run = echo_run_zring },
	{ BENCH_LATENCY, PACKET, "baseline/echo-v2", "", .run = echo_run_v2 },
	{ BENCH_LATENCY, XDP, "latency/afxdp", "baseline/echo-xsk", .run = echo_run_xdp },
	{ BENCH_LATENCY, XDP, "baseline/echo-xsk", "", .run = echo_run_xsk },
};

static const struct kind overload_kinds[] = {
	{ BENCH_RX, PACKET, "rx/afpacket-overload", "", .run = rx_run_overloaded,
	  .method = ZRING_PROFILE_LOW_MEMORY },
	{ BENCH_RX, PACKET, "rx/afpacket-v2-overload", "", .run = rx_run_overloaded,
	  .method = ZRING_PROFILE_LOW_LATENCY },
	{ BENCH_RX, XDP, "rx/afxdp-overload", "", .run = rx_run_overloaded,
	  .method = ZRING_PROFILE_LOW_MEMORY },
};
/* clang-format on */

#define NR_KINDS          (sizeof(kinds) / sizeof(kinds[0]))
#define NR_OVERLOAD_KINDS (sizeof(overload_kinds) / sizeof(overload_kinds[0]))
#define VARIANTS          4 /* of a latency row */
#define SETS              3 /* of frames a wire and size */
#define BURST_MAX         64u
#define XDP_MTU_MAX       3506u /* of native XDP without fragments, where pages have 4 KiB */

/* What goes over one wire in the rows of one size. */
struct wire_sets {
	const struct frame_set *towards_far;
	const struct frame_set *towards_tested;
	const struct frame_set *burst; /* towards the far end */
};

/*
 * Whether this process can do without packet sockets on @lab: sending takes a socket, receiving
 * also a program, which only an attempt tells (user namespaces have the capabilities in vain).
 */
static void try_xdp(struct lab *lab)
{
	struct zring_backend_probe probes[8] = {{0}};
	struct zring_xdp_program *program;
	struct zring_diag diag;
	int i = 0, nr = zring_probe(probes, 8);

	while (i < nr && i < 7 && probes[i].backend != XDP)
		i++;
	if (probes[i].backend != XDP)
		strcpy(lab->xdp_no_send, "this zring was built without AF_XDP");
	else if (!probes[i].inject)
		strcpy(lab->xdp_no_send, probes[i].missing);
	strcpy(lab->xdp_no_receive, lab->xdp_no_send);
	if (lab->xdp_no_receive[0] || !lab->usable)
		return;
	if (zring_xdp_program_open(lab->tested.name, NULL, &diag, &program))
		snprintf(lab->xdp_no_receive, sizeof(lab->xdp_no_receive), "%.150s", diag.message);
	else
		zring_xdp_program_close(program);
}

/* The bare loops serve one queue, zring all. */
static bool has_one_queue(const struct lab *lab)
{
	struct zring_interface interface;

	return zring_interface_get(lab->tested.name, NULL, &interface) ||
	       interface.nr_rx_queues <= 1;
}

static const char *xdp_skip_reason(const struct job *job, const struct kind *kind)
{
	const bool sends = kind->command == BENCH_TX;

	if (sends ? job->lab->xdp_no_send[0] : job->lab->xdp_no_receive[0])
		return sends ? job->lab->xdp_no_send : job->lab->xdp_no_receive;
	if (job->lab->tested.mtu > XDP_MTU_MAX)
		return "one page takes a whole frame up to an MTU of 3506 only; smaller --sizes";
	if (!strncmp(kind->name, "baseline/", 9) && !sends && !has_one_queue(job->lab))
		return "the bare loop reads one queue: `ethtool -L IFACE combined 1` leaves one";
	if (job->shared && !job->lab->napi_placed)
		return "the NAPI thread can't be placed from here: run as root, outside containers";
	return "";
}

static const char *skip_reason(const struct job *job, const struct kind *kind)
{
	if (!job->lab->usable)
		return job->lab->why;
	if (kind->skip)
		return kind->skip;
	if (kind->run == tx_run_burst && job->set->mix.nr_shapes > 1)
		return "a burst has frames of one length";
	if (job->backend == XDP && xdp_skip_reason(job, kind)[0])
		return xdp_skip_reason(job, kind);
	if (kind->command != BENCH_LATENCY)
		return "";
	if (!job->lab->has_far)
		return "the pinger needs the other end of the wire: -p PEER";
	/* Spinning takes the CPU that the kernel's thread needs to hand the frame over. */
	if (job->spin && strcmp(job->lab->name, "threaded") == 0)
		return "an echo that spins starves the NAPI thread on its CPU";
	return "";
}

/* "/spin/loaded", "/nap-shared", or nothing. */
static void name_setting(const struct job *job, const struct kind *kind, const char *wait,
			 char setting[32])
{
	setting[0] = '\0';
	if (kind->command == BENCH_LATENCY)
		snprintf(setting, 32, "/%s%s", job->spin ? "spin" : "poll",
			 job->loaded ? "/loaded" : "");
	else if (wait)
		snprintf(setting, 32, "/%s%s", wait, job->shared ? "-shared" : "");
}

static void name_job(struct job *job, const struct kind *kind)
{
	char setting[32];

	name_setting(job, kind, kind->wait, setting);
	snprintf(job->name, sizeof(job->name), "%s/%s%s", kind->name, job->set->mix.name, setting);
	if (!kind->baseline[0])
		return;
	name_setting(job, kind, kind->baseline_wait, setting);
	snprintf(job->baseline, sizeof(job->baseline), "%s/%s%s", kind->baseline,
		 job->set->mix.name, setting);
}

static uint32_t wait_of(const struct kind *kind)
{
	if (!kind->wait || !strcmp(kind->wait, "block"))
		return ZRING_WAIT_BLOCK;
	return strcmp(kind->wait, "nap") ? ZRING_WAIT_SPIN : ZRING_WAIT_NAP;
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
		.backend = kind->backend,
		.method = kind->method,
		.wait = wait_of(kind),
		.shared = kind->shared,
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

/* On an interface that others use, AF_XDP takes their packets away: only when it is asked for. */
static bool is_backend_wanted(uint32_t backend, const struct bench_options *options)
{
	if (options->backend == ZRING_BACKEND_AUTO)
		return backend == PACKET || !options->interface;
	return backend == options->backend;
}

static bool is_wanted(const struct kind *kind, const struct bench_options *options,
		      const struct lab *lab)
{
	return kind->command & options->commands && is_backend_wanted(kind->backend, options) &&
	       (!kind->shared || !strcmp(lab->name, "threaded"));
}

static void add_rows(struct plan *plan, const struct bench_options *options, const struct lab *lab,
		     const struct wire_sets *sets)
{
	const struct kind *list = options->overload ? overload_kinds : kinds;
	const size_t nr = options->overload ? NR_OVERLOAD_KINDS : NR_KINDS;

	/* What is compared stands side by side. */
	for (uint32_t variant = 0; variant < VARIANTS; variant++) {
		for (size_t i = 0; i < nr; i++) {
			if (is_wanted(&list[i], options, lab) &&
			    (variant == 0 || list[i].command == BENCH_LATENCY))
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
	for (size_t i = 0; i < plan->nr_labs && is_backend_wanted(XDP, options); i++)
		try_xdp(&plan->labs[i]);
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
