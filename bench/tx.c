/* SPDX-License-Identifier: BSD-2-Clause */
/* tx rows: an injector sends as fast as it can, the far end's counter tells how many came. */
#include "rows.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <zring/zring.h>

#include "console.h"
#include "wire.h"

#define VERIFIED_BATCHES 2

static int fill_batch(struct zring_injector *injector, const struct frame_set *set, uint32_t batch,
		      uint64_t *sequence)
{
	uint8_t *data;

	for (uint32_t i = 0; i < batch; i++) {
		int err = zring_injector_reserve(injector, &data, 100);

		if (err <= 0)
			return err;
		err = zring_injector_submit(injector, frame_set_write(set, data, *sequence));
		if (err)
			return err;
		(*sequence)++;
	}
	return 0;
}

static void describe(const struct zring_injector_info *info, char note[160])
{
	static const char *const modes[] = {"", "zero-copy", "copy", "generic copy"};

	if (info->backend == ZRING_BACKEND_AFXDP)
		snprintf(note, 160, "%s, %u chunks of %llu bytes", modes[info->xdp_mode & 3],
			 info->nr_frames,
			 (unsigned long long)info->memory_bytes /
				 (info->nr_frames ? info->nr_frames : 1));
	else
		snprintf(note, 160, "method %s: %s",
			 info->method == ZRING_METHOD_RING ? "ring" : "sendmmsg",
			 info->method_reason);
}

static int open_injector(struct child_side *side, const struct job *job,
			 struct zring_injector **ret_injector)
{
	struct zring_injector_options options = ZRING_INJECTOR_OPTIONS_INIT;
	struct zring_injector_info info;
	struct zring_diag diag;
	int err;

	options.backend = job->backend;
	options.method = job->method;
	err = zring_injector_open(job->lab->tested.name, &options, &diag, ret_injector);
	if (err)
		return child_fail(side, err, "%s: %s", diag.step, diag.message);
	zring_injector_get_info(*ret_injector, &info);
	describe(&info, side->shared->result.note);
	return 0;
}

int tx_run_zring(struct child_side *side, const void *context)
{
	const struct job *job = context;
	const uint32_t batch = job_batch(job);
	const uint64_t limit = job->limit ? job->limit : UINT64_MAX;
	struct zring_injector *injector;
	struct zring_injector_stats stats;
	uint64_t sequence = 0;
	int err = open_injector(side, job, &injector);

	if (err)
		return err;
	child_ready(side);
	while (err >= 0 && !child_stopped(side) && sequence < limit) {
		err = fill_batch(injector, job->set, batch, &sequence);
		if (err >= 0)
			err = zring_injector_flush(injector);
		if (err == -ETIMEDOUT)
			err = 0;
	}
	if (err >= 0)
		err = zring_injector_drain(injector, 1000);
	child_account(side);
	zring_injector_get_stats(injector, &stats);
	side->shared->result.packets = stats.sent;
	zring_injector_close(injector);
	if (err)
		return child_fail(side, err, "sending on %s: %s", job->lab->tested.name,
				  strerror(-err));
	return 0;
}

static struct wire wire_of(const struct job *job)
{
	return (struct wire){
		.link = job->lab->has_far ? &job->lab->far : &job->lab->tested,
		.sent = !job->lab->has_far,
	};
}

static void fill_sample(struct report_sample *sample, const struct child_result *result,
			const struct wire_window *window, uint64_t frames)
{
	const double count = frames ? (double)frames : 1;

	sample->mpps = window->mpps;
	/* Of what the kernel took, the far end sees this share. */
	sample->offered_mpps = window->mpps * (double)result->packets / count;
	sample->drops = result->packets > frames ? (double)(result->packets - frames) : 0;
	sample->cpu_user_ns = result->cpu.user_ns / count;
	sample->cpu_system_ns = result->cpu.system_ns / count;
	sample->cpu_percent = 100 * (result->cpu.user_ns + result->cpu.system_ns) /
			      (double)(result->elapsed_ns ? result->elapsed_ns : 1);
}

int tx_sample(const struct job *job, struct report_sample *ret_sample, char note[160])
{
	const struct wire wire = wire_of(job);
	struct wire_window window;
	struct child sender = {0}, *const children[] = {&sender};
	struct wire_mark before, after;
	int err = child_start(&sender, "sender", job->options->cpus[0], job->run, job);

	if (!err)
		err = child_wait_ready(&sender);
	if (!err)
		err = wire_read(&wire, &before);
	if (!err)
		err = child_go(&sender);
	if (!err)
		err = wire_measure(&wire, children, 1, job->options->seconds, &window);
	if (!err) {
		child_stop(&sender);
		err = child_wait_done(&sender, 3000);
	}
	if (!err)
		err = wire_settle(&wire, &before, sender.shared->result.packets, &after);
	if (!err && after.frames == before.frames) {
		complain("%s: no frame reached the wire", job->name);
		err = -EIO;
	}
	if (!err) {
		fill_sample(ret_sample, &sender.shared->result, &window,
			    after.frames - before.frames);
		snprintf(note, 160, "%.110s%s%s", sender.shared->result.note,
			 wire.sent && sender.shared->result.note[0] ? "; " : "",
			 wire.sent ? "no peer: own tx_packets counted" : "");
	}
	child_end(&sender);
	return err;
}

/* What wire_check() found, in words where it ends the run. */
static int judge(const struct job *job, int err, const char *why)
{
	if (err != -EBADMSG && err != -ETIMEDOUT)
		return err;
	if (job->optional)
		return 1;
	complain("%s: what was sent is not what came: %s", job->name, why);
	return err;
}

int tx_verify(const struct job *job, char why[160])
{
	struct job bounded = *job;
	struct child sender = {0};
	int err, fd = job->lab->has_far ? wire_watch(&job->lab->far) : 0;

	if (fd <= 0)
		return fd;
	bounded.limit = (uint64_t)VERIFIED_BATCHES * job_batch(job);
	err = child_start(&sender, "sender", job->options->cpus[0], job->run, &bounded);
	if (!err)
		err = child_wait_ready(&sender);
	if (!err)
		err = child_go(&sender);
	if (!err)
		err = child_wait_done(&sender, 3000);
	if (!err && !sender.shared->result.packets) {
		snprintf(why, 160, "%.159s", sender.shared->result.note);
		err = -ETIMEDOUT;
	} else if (!err) {
		/* No more than the watching socket holds in any case. */
		err = wire_check(fd, job->set, bounded.limit < 128 ? (uint32_t)bounded.limit : 128,
				 why, 160);
	}
	err = judge(job, err, why);
	close(fd);
	child_end(&sender);
	return err;
}
