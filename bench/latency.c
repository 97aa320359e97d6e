/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * latency rows: a pinger at the far end, one bare loop for all of them; an echo
 * in user space at the tested one, zring's or the baseline's.
 */
#include "rows.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <zring/zring.h>

#include "console.h"
#include "echo.h"
#include "pinger.h"

#define WAIT_MS 100

static int answer(struct zring_injector *injector, const struct zring_batch *batch,
		  uint64_t *answered)
{
	const struct zring_packet *packet;
	uint8_t *slot;
	int err;

	zring_batch_for_each (batch, packet) {
		if (!echo_wanted(packet->data, packet->len))
			continue;
		err = zring_injector_reserve(injector, &slot, WAIT_MS);
		if (err <= 0)
			return err ? err : -ETIMEDOUT;
		memcpy(slot, packet->data, packet->len);
		echo_swap(slot);
		err = zring_injector_submit(injector, packet->len);
		if (err)
			return err;
		(*answered)++;
	}
	err = zring_injector_flush(injector);
	return err < 0 ? err : 0;
}

static int open_echo(struct child_side *side, const struct job *job,
		     struct zring_capture **ret_capture, struct zring_injector **ret_injector)
{
	struct zring_capture_options receive = ZRING_CAPTURE_OPTIONS_INIT;
	struct zring_injector_options send = ZRING_INJECTOR_OPTIONS_INIT;
	struct zring_diag diag;
	int err;

	receive.backend = send.backend = job->backend;
	receive.profile = ZRING_PROFILE_LOW_LATENCY;
	receive.direction = ZRING_CAPTURE_IN;
	receive.promiscuous = 1;
	receive.wait = job->spin ? ZRING_WAIT_SPIN : ZRING_WAIT_BLOCK;
	err = zring_capture_open(job->lab->tested.name, &receive, &diag, ret_capture);
	if (err)
		return child_fail(side, err, "%s: %s", diag.step, diag.message);
	err = zring_injector_open(job->lab->tested.name, &send, &diag, ret_injector);
	if (err) {
		zring_capture_close(*ret_capture);
		return child_fail(side, err, "%s: %s", diag.step, diag.message);
	}
	return 0;
}

int echo_run_zring(struct child_side *side, const void *context)
{
	const struct job *job = context;
	struct zring_capture *capture;
	struct zring_injector *injector;
	struct zring_batch batch;
	int err = open_echo(side, job, &capture, &injector);

	if (err)
		return err;
	err = zring_batch_init(&batch, ZRING_BATCH_DEFAULT);
	if (!err)
		child_ready(side);
	while (err >= 0 && !child_stopped(side)) {
		err = zring_capture_next(capture, &batch, WAIT_MS);
		if (err <= 0)
			continue;
		err = answer(injector, &batch, &side->shared->result.packets);
		zring_batch_release(&batch);
	}
	child_account(side);
	zring_batch_fini(&batch);
	zring_injector_close(injector);
	zring_capture_close(capture);
	return err < 0 ? child_fail(side, err, "echo on %s: %s", job->lab->tested.name,
				    strerror(-err))
		       : 0;
}

static int start_all(const struct job *job, struct child *echo, struct child *load,
		     struct child *pinger)
{
	const int *cpus = job->options->cpus;
	int err = child_start(echo, "echo", cpus[1], job->run, job);

	if (!err)
		err = child_wait_ready(echo);
	if (!err && job->loaded) {
		err = child_start(load, "background load", cpus[0], pinger_run_load, job);
		if (!err)
			err = child_wait_ready(load);
	}
	if (!err)
		err = child_start(pinger, "pinger", cpus[0], pinger_run, job);
	if (!err)
		err = child_wait_ready(pinger);
	if (!err)
		err = child_go(echo);
	if (!err && job->loaded)
		err = child_go(load);
	if (!err)
		err = child_go(pinger);
	return err;
}

static int run_all(const struct job *job, struct child *echo, struct child *load,
		   struct child *pinger)
{
	struct child *const children[] = {echo, pinger, load};
	int err = start_all(job, echo, load, pinger);

	if (!err)
		err = children_watch(children, job->loaded ? 3 : 2,
				     (uint64_t)(job->options->seconds * 1e9));
	if (!err) {
		child_stop(pinger);
		err = child_wait_done(pinger, 5000);
	}
	if (!err && job->loaded) {
		child_stop(load);
		err = child_wait_done(load, 3000);
	}
	if (!err) {
		child_stop(echo);
		err = child_wait_done(echo, 10000);
	}
	return err;
}

static void fill_sample(struct report_sample *sample, const struct child_result *pings,
			const struct child_result *echo)
{
	const double count = echo->packets ? (double)echo->packets : 1;

	*sample = (struct report_sample){
		.mpps = REPORT_NONE,
		.offered_mpps = REPORT_NONE,
		.drops = (double)pings->dropped,
		.cpu_user_ns = echo->cpu.user_ns / count,
		.cpu_system_ns = echo->cpu.system_ns / count,
		.cpu_percent = 100 * (echo->cpu.user_ns + echo->cpu.system_ns) /
			       (double)(echo->elapsed_ns ? echo->elapsed_ns : 1),
		.p50_ns = pings->p50_ns,
		.p90_ns = pings->p90_ns,
		.p99_ns = pings->p99_ns,
		.p999_ns = pings->p999_ns,
		.max_ns = pings->max_ns,
	};
}

int latency_sample(const struct job *job, struct report_sample *ret_sample, char note[160])
{
	struct child echo = {0}, load = {0}, pinger = {0};
	int err = run_all(job, &echo, &load, &pinger);

	if (!err) {
		fill_sample(ret_sample, &pinger.shared->result, &echo.shared->result);
		if (job->loaded)
			snprintf(note, 160, "beside %.1f kpps of other frames",
				 (double)load.shared->result.packets /
					 (double)load.shared->result.elapsed_ns * 1e6);
	}
	child_end(&pinger);
	child_end(&load);
	child_end(&echo);
	return err;
}
