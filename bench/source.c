/* SPDX-License-Identifier: BSD-2-Clause */
#include "source.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include <zring/zring.h>

#include "console.h"
#include "wire.h"

#define CHECKED_FRAMES 48 /* a mix goes round four times */
#define INJECTOR_BATCH 64u

int source_run_injector(struct child_side *side, const void *context)
{
	const struct source *source = context;
	const uint32_t batch = source->batch ? source->batch : INJECTOR_BATCH;
	struct zring_injector_options options = ZRING_INJECTOR_OPTIONS_INIT;
	struct zring_injector *injector;
	struct zring_injector_stats stats;
	struct zring_diag diag;
	uint64_t sequence = 0;
	uint8_t *data;
	int err;

	options.rate_pps = source->rate_pps;
	options.timeout_ms = 100;
	err = zring_injector_open(source->link->name, &options, &diag, &injector);
	if (err)
		return child_fail(side, err, "%s: %s", diag.step, diag.message);
	child_ready(side);
	while (!child_stopped(side) && err >= 0) {
		for (uint32_t i = 0; i < batch; i++) {
			err = zring_injector_reserve(injector, &data, 100);
			if (err <= 0)
				break;
			err = zring_injector_submit(injector,
						    frame_set_write(source->set, data, sequence));
			if (err)
				break;
			sequence++;
		}
		if (err >= 0)
			err = zring_injector_flush(injector);
		if (err == -ETIMEDOUT)
			err = 0;
	}
	if (err >= 0)
		zring_injector_drain(injector, 1000);
	child_account(side);
	zring_injector_get_stats(injector, &stats);
	side->shared->result.packets = stats.sent;
	zring_injector_close(injector);
	return err < 0 ? child_fail(side, err, "sending on %s: %s", source->link->name,
				    strerror(-err))
		       : 0;
}

int source_start(struct child *child, const struct source *source, int cpu)
{
	return child_start(child, source->live ? "live source" : "injector source", cpu,
			   source->live ? source_run_live : source_run_injector, source);
}

/* Runs @source until its first frames have come through. @why tells what went wrong. */
static int try_source(const struct source *source, const struct lab *lab, int cpu, char *why,
		      size_t why_bytes)
{
	struct child child = {0}, *const children[] = {&child};
	const struct wire wire = {.link = &lab->tested};
	struct wire_mark before, after;
	int err, fd = wire_watch(&lab->tested);

	if (fd < 0)
		return fd;
	err = wire_read(&wire, &before);
	if (!err)
		err = source_start(&child, source, cpu);
	if (!err)
		err = child_wait_ready(&child);
	if (!err)
		err = child_go(&child);
	if (!err)
		err = wire_check(fd, source->set, CHECKED_FRAMES, why, why_bytes);
	close(fd);
	/* Nothing came: did it die, and of what? */
	if (err == -ETIMEDOUT && children_watch(children, 1, 1000000) == -ECHILD)
		err = -ECHILD;
	if (!err) {
		child_stop(&child);
		err = child_wait_done(&child, 2000);
	}
	/* Late ones are not to count in the first row. */
	if (!err)
		err = wire_settle(&wire, &before, child.shared->result.packets, &after);
	child_end(&child);
	return err;
}

int source_choose(const struct bench_options *options, const struct lab *lab,
		  const struct frame_set *set, bool *ret_live)
{
	struct source source = {.link = &lab->far, .set = set, .rate_pps = options->rate_pps};
	char why[160] = "it did not start";
	int err;

	/* What is to be paced goes through the injector: that is what its pacing is for. */
	source.live = options->source == BENCH_SOURCE_LIVE ||
		      (options->source == BENCH_SOURCE_AUTO && !options->rate_pps);
	err = try_source(&source, lab, options->cpus[0], why, sizeof(why));
	if (err && err != -EINTR && source.live && options->source == BENCH_SOURCE_AUTO) {
		complain("no live source on %s (%s); the injector takes its place", lab->far.name,
			 why);
		source.live = false;
		err = try_source(&source, lab, options->cpus[0], why, sizeof(why));
	}
	if (err == -ETIMEDOUT || err == -EBADMSG)
		complain("the %s source on %s does not reach %s: %s; %s",
			 source.live ? "live" : "injector", lab->far.name, lab->tested.name, why,
			 source.live
				 ? "on veth, `ethtool -K` gro on is needed at the receiving end; "
				   "or --source injector"
				 : "are the two ends of one wire named?");
	if (!err)
		*ret_live = source.live;
	return err;
}
