/* SPDX-License-Identifier: BSD-2-Clause */
/* The rows of a run: what each measures and how one repeat of it is made. */
#ifndef BENCH_ROWS_H
#define BENCH_ROWS_H

#include "child.h"
#include "frames.h"
#include "lab.h"
#include "options.h"
#include "report.h"

struct job {
	char name[64];     /* of the row */
	char baseline[64]; /* of the row to set it against, "" none */
	const struct bench_options *options;
	const struct lab *lab;
	const struct frame_set *set; /* what goes over the wire, in the row's direction */
	/* One repeat: 0, or -errno with the cause on standard error. */
	int (*sample)(const struct job *job, struct report_sample *ret_sample, char note[160]);
	child_run *run;   /* the tested side, with the job as its context */
	uint32_t backend; /* enum zring_backend: zring's side, and what its baseline is bare of */
	uint32_t method;  /* tx: enum zring_method; rx: enum zring_profile */
	uint32_t wait;    /* rx: enum zring_wait, how the reader waits */
	bool shared;      /* rx: the reader runs on the CPU of the kernel's NAPI thread */
	bool live;        /* rx: the source */
	bool spin;        /* latency: the echo never sleeps */
	bool loaded;      /* latency: other frames share the wire */
	uint64_t limit;   /* tx: frames to send, 0 until stopped */
	bool optional;    /* tx: where its frames don't get through it is left out */
	char skip[160];   /* why it can't run, "": it can */
};

/* Frames a call in tx rows. */
static inline uint32_t job_batch(const struct job *job)
{
	return job->options->batch ? job->options->batch : 64;
}

/* Samples. */
int tx_sample(const struct job *job, struct report_sample *ret_sample, char note[160]);
int rx_sample(const struct job *job, struct report_sample *ret_sample, char note[160]);
int rx_overload_sample(const struct job *job, struct report_sample *ret_sample, char note[160]);
int latency_sample(const struct job *job, struct report_sample *ret_sample, char note[160]);
/*
 * Whether the tested side's first frames are right on the wire; before the
 * first repeat. 1 with @why filled: not, but the row may be left out.
 */
int tx_verify(const struct job *job, char why[160]);

/* Tested sides. */
int tx_run_zring(struct child_side *side, const void *context);
int tx_run_burst(struct child_side *side, const void *context);
int tx_run_sendmmsg(struct child_side *side, const void *context);
int rx_run_zring(struct child_side *side, const void *context);
int rx_run_overloaded(struct child_side *side, const void *context);
int rx_run_recvmmsg(struct child_side *side, const void *context);
int rx_run_libpcap(struct child_side *side, const void *context);
int rx_run_xsk(struct child_side *side, const void *context);
int tx_run_xsk(struct child_side *side, const void *context);
int echo_run_zring(struct child_side *side, const void *context);
int echo_run_v2(struct child_side *side, const void *context);
int echo_run_xdp(struct child_side *side, const void *context);
int echo_run_xsk(struct child_side *side, const void *context);

/* A bare packet socket on @link: bound, promiscuous, blind to what it sends. Returns it. */
int bare_socket(struct child_side *side, const struct link *link, int receives);

/* What all rx readers do with a packet, so that its bytes have been touched. */
struct rx_sum {
	uint64_t bytes;
	uint8_t first_bytes;
};

static inline void rx_look(struct rx_sum *sum, const uint8_t *data, uint32_t len)
{
	sum->bytes += len;
	sum->first_bytes ^= data[0];
}

/* Keeps the sums alive in the eyes of the compiler. */
static inline void rx_sum_use(const struct rx_sum *sum)
{
	__asm__ __volatile__("" : : "r"(sum) : "memory");
}

#endif
