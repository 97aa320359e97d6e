/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rx rows: a source at the far end, a reader at the tested one. Offered is what
 * the tested end's counter saw, dropped is what of it never reached the reader.
 */
#include "rows.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <zring/zring.h>

#include "console.h"
#include "source.h"
#include "wire.h"

#define READ_MS           100
#define DRAIN_MS          30 /* longer than a block waits for its timer */
#define DRAIN_QUIET       2
#define OVERLOAD_BYTES    131072u /* of a block, unless told: 8 of them fill in a millisecond */
#define OVERLOAD_BLOCKS   8u
#define OVERLOAD_PAUSE_NS 2000000u
#define SMALL_FRAME       1792u /* that a chunk of 2048 bytes receives */
#define LARGE_CHUNK       4096u

static void set_packet_ring(struct zring_capture_options *options, const struct job *job,
			    bool overloaded)
{
	if (job->method != ZRING_PROFILE_LOW_LATENCY) {
		options->block_bytes = job->options->block_bytes;
		options->nr_blocks = job->options->nr_blocks;
	}
	if (overloaded && job->method == ZRING_PROFILE_LOW_LATENCY) {
		options->memory_bytes = OVERLOAD_BYTES * OVERLOAD_BLOCKS;
	} else if (overloaded) {
		if (!options->block_bytes)
			options->block_bytes = OVERLOAD_BYTES;
		if (!options->nr_blocks)
			options->nr_blocks = OVERLOAD_BLOCKS;
	}
}

static void describe(const struct zring_capture_info *info, char note[160])
{
	static const char *const modes[] = {"", "zero-copy", "native copy", "generic copy"};

	if (info->backend == ZRING_BACKEND_AFXDP)
		snprintf(note, 160, "%s, %llu chunks of %u bytes", modes[info->xdp_mode & 3],
			 (unsigned long long)info->memory_bytes /
				 (info->frame_bytes ? info->frame_bytes : 1),
			 info->frame_bytes);
	else if (info->tpacket_version == 3)
		snprintf(note, 160, "V3, %u x %u KiB", info->nr_blocks, info->block_bytes >> 10);
	else
		snprintf(note, 160, "V2, %u x %u bytes", info->nr_frames, info->frame_bytes);
}

static int open_capture(struct child_side *side, const struct job *job, bool overloaded,
			struct zring_capture **ret_capture)
{
	struct zring_capture_options options = ZRING_CAPTURE_OPTIONS_INIT;
	struct zring_capture_info info;
	struct zring_diag diag;
	int err;

	options.backend = job->backend;
	options.profile = job->method;
	options.direction = ZRING_CAPTURE_IN;
	options.promiscuous = 1;
	options.wait = job->wait;
	if (job->backend == ZRING_BACKEND_AFPACKET)
		set_packet_ring(&options, job, overloaded);
	else if (job->set->mix.largest > SMALL_FRAME)
		options.frame_bytes = LARGE_CHUNK;
	err = zring_capture_open(job->lab->tested.name, &options, &diag, ret_capture);
	if (err)
		return child_fail(side, err, "%s: %s", diag.step, diag.message);
	zring_capture_get_info(*ret_capture, &info);
	describe(&info, side->shared->result.note);
	return 0;
}

/* Reads until the stop, and then until nothing is left. */
static int read_all(struct child_side *side, struct zring_capture *capture,
		    struct zring_batch *batch, uint64_t pause_ns)
{
	struct rx_sum sum = {0};
	int nr, quiet = 0;

	while (quiet < DRAIN_QUIET) {
		const bool stopping = child_stopped(side);
		const struct zring_packet *packet;

		nr = zring_capture_next(capture, batch, stopping ? DRAIN_MS : READ_MS);
		if (nr < 0)
			return nr;
		if (nr == 0) {
			quiet += stopping;
			continue;
		}
		zring_batch_for_each (batch, packet)
			rx_look(&sum, packet->data, packet->len);
		zring_batch_release(batch);
		if (pause_ns && !stopping)
			cpu_sleep_ns(pause_ns);
	}
	rx_sum_use(&sum);
	return 0;
}

static int run_reader(struct child_side *side, const struct job *job, bool overloaded)
{
	struct child_result *result = &side->shared->result;
	struct zring_capture *capture;
	struct zring_capture_stats stats;
	struct zring_batch batch;
	int err = open_capture(side, job, overloaded, &capture);

	if (err)
		return err;
	err = zring_batch_init(&batch, job->options->batch);
	if (err) {
		zring_capture_close(capture);
		return child_fail(side, err, "no memory for a batch");
	}
	child_ready(side);
	err = read_all(side, capture, &batch, overloaded ? OVERLOAD_PAUSE_NS : 0);
	child_account(side);
	zring_capture_get_stats(capture, &stats);
	result->packets = stats.delivered;
	result->received = stats.received;
	result->dropped = stats.dropped;
	zring_batch_fini(&batch);
	zring_capture_close(capture);
	return err < 0 ? child_fail(side, err, "capture on %s: %s", job->lab->tested.name,
				    strerror(-err))
		       : 0;
}

int rx_run_zring(struct child_side *side, const void *context)
{
	return run_reader(side, context, false);
}

int rx_run_overloaded(struct child_side *side, const void *context)
{
	return run_reader(side, context, true);
}

struct rx_outcome {
	struct wire_window window;
	uint64_t wire_frames;
	struct child_result reader;
};

static int start_both(const struct job *job, const struct source *source, struct child *reader,
		      struct child *sender, const struct wire *wire, struct wire_mark *ret_before)
{
	int err = child_start(reader, "receiver", job->options->cpus[1], job->run, job);

	if (!err)
		err = child_wait_ready(reader);
	if (!err && source->link)
		err = source_start(sender, source, job->options->cpus[0]);
	if (!err && source->link)
		err = child_wait_ready(sender);
	if (!err)
		err = wire_read(wire, ret_before);
	if (!err)
		err = child_go(reader);
	if (!err && source->link)
		err = child_go(sender);
	return err;
}

/*
 * In the threaded lab the reader's CPU is the NAPI thread's as well. A row of AF_XDP has it to
 * itself, but for those that are named after the sharing: the thread gets a third CPU meanwhile,
 * or where there are but two the sender's.
 */
static int place_napi(const struct job *job, int cpu)
{
	int err;

	if (!job->lab->napi_placed || job->backend != ZRING_BACKEND_AFXDP || job->shared)
		return 0;
	err = link_place_napi(job->lab->tested.name, cpu);
	if (err)
		complain("cannot move the NAPI thread of %s to CPU %d: %s", job->lab->tested.name,
			 cpu, strerror(-err));
	return err;
}

/* Without a far end the traffic comes from elsewhere, and the source stays unused. */
static int run_both(const struct job *job, const struct source *source, struct child *reader,
		    struct child *sender, struct rx_outcome *ret_outcome)
{
	const struct wire wire = {.link = &job->lab->tested};
	struct child *const children[] = {reader, sender};
	struct wire_mark before, after;
	int err = start_both(job, source, reader, sender, &wire, &before);

	if (!err)
		err = wire_measure(&wire, children, source->link ? 2 : 1, job->options->seconds,
				   &ret_outcome->window);
	if (!err && source->link) {
		child_stop(sender);
		err = child_wait_done(sender, 3000);
	}
	if (!err && source->link)
		err = wire_settle(&wire, &before, sender->shared->result.packets, &after);
	if (!err) {
		child_stop(reader);
		err = child_wait_done(reader, 10000);
	}
	/* Again: the reader waited for late ones too. */
	if (!err)
		err = wire_read(&wire, &after);
	if (err)
		return err;
	ret_outcome->wire_frames = after.frames - before.frames;
	ret_outcome->reader = reader->shared->result;
	return 0;
}

static int run_rx(const struct job *job, struct rx_outcome *ret_outcome)
{
	const struct source source = {
		.link = job->lab->has_far ? &job->lab->far : NULL,
		.set = job->set,
		.live = job->live,
		.rate_pps = job->options->rate_pps,
	};
	struct child reader = {0}, sender = {0};
	int back, err = place_napi(job, cpu_besides(job->options->cpus, 2));

	if (!err)
		err = run_both(job, &source, &reader, &sender, ret_outcome);
	child_end(&sender);
	child_end(&reader);
	back = place_napi(job, job->options->cpus[1]);
	if (!err)
		err = back;
	if (!err && !ret_outcome->wire_frames) {
		complain("%s: no frame reached %s", job->name, job->lab->tested.name);
		err = -EIO;
	}
	return err;
}

static void fill_sample(struct report_sample *sample, const struct rx_outcome *outcome)
{
	const struct child_result *reader = &outcome->reader;
	const double wire = (double)outcome->wire_frames, delivered = (double)reader->packets;
	const double count = reader->packets ? delivered : 1;

	/* Blocks come in lumps, so the share that came through is taken of the whole run. */
	sample->offered_mpps = outcome->window.mpps;
	sample->mpps = outcome->window.mpps * (delivered < wire ? delivered / wire : 1);
	sample->drops = wire > delivered ? wire - delivered : 0;
	sample->cpu_user_ns = reader->cpu.user_ns / count;
	sample->cpu_system_ns = reader->cpu.system_ns / count;
	sample->cpu_percent = 100 * (reader->cpu.user_ns + reader->cpu.system_ns) /
			      (double)(reader->elapsed_ns ? reader->elapsed_ns : 1);
}

static const char *source_name(const struct job *job)
{
	return !job->lab->has_far ? "elsewhere" : job->live ? "live frames" : "injector";
}

int rx_sample(const struct job *job, struct report_sample *ret_sample, char note[160])
{
	struct rx_outcome outcome;
	int err = run_rx(job, &outcome);

	if (err)
		return err;
	fill_sample(ret_sample, &outcome);
	snprintf(note, 160, "%.100s; source: %s", outcome.reader.note, source_name(job));
	return 0;
}

int rx_overload_sample(const struct job *job, struct report_sample *ret_sample, char note[160])
{
	struct rx_outcome outcome;
	const struct child_result *reader = &outcome.reader;
	int err = run_rx(job, &outcome);

	if (err)
		return err;
	fill_sample(ret_sample, &outcome);
	snprintf(note, 160, "%llu delivered + %llu dropped, wire %llu; %.40s",
		 (unsigned long long)reader->packets, (unsigned long long)reader->dropped,
		 (unsigned long long)outcome.wire_frames, reader->note);
	if (reader->packets + reader->dropped != outcome.wire_frames ||
	    reader->received != outcome.wire_frames) {
		complain("%s (%s): %s: the account is wrong (received %llu)", job->name,
			 job->lab->name, note, (unsigned long long)reader->received);
		return -EBADMSG;
	}
	if (!reader->dropped) {
		complain("%s (%s): nothing was dropped, so nothing is shown; a longer --seconds, "
			 "fewer --blocks or a higher --rate overloads the reader",
			 job->name, job->lab->name);
		return -EBADMSG;
	}
	return 0;
}
