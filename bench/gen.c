/* SPDX-License-Identifier: BSD-2-Clause */
/* `zring-bench gen`: the source alone. */
#include "run.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "console.h"
#include "plan.h"
#include "source.h"
#include "wire.h"

#define TICK_NS 1000000000u

static double rate(uint64_t frames, uint64_t ns)
{
	return ns ? (double)frames / (double)ns * 1e3 : 0;
}

/* A line a second until the time is over or a signal comes. */
static int watch(const struct bench_options *options, const struct wire *wire, struct child *sender,
		 uint64_t start_ns, const struct wire_mark *first)
{
	struct child *const children[] = {sender};
	const uint64_t end_ns = options->seconds > 0 ? start_ns + (uint64_t)(options->seconds * 1e9)
						     : UINT64_MAX;
	struct wire_mark last = *first, mark;
	uint64_t last_ns = start_ns;

	while (last_ns < end_ns) {
		uint64_t now_ns;
		int err = children_watch(children, 1,
					 end_ns - last_ns < TICK_NS ? end_ns - last_ns : TICK_NS);

		if (!err)
			err = wire_read(wire, &mark);
		if (err)
			return err;
		now_ns = cpu_now_ns();
		progress("%.3f Mpps on %s", rate(mark.frames - last.frames, now_ns - last_ns),
			 wire->link->name);
		last = mark;
		last_ns = now_ns;
	}
	return 0;
}

static int send_all(const struct bench_options *options, const struct source *source,
		    const struct wire *wire, struct child *sender)
{
	struct wire_mark first, last;
	uint64_t start_ns, end_ns, frames;
	int end, err = source_start(sender, source, options->cpus[0]);

	if (!err)
		err = child_wait_ready(sender);
	if (!err)
		err = wire_read(wire, &first);
	if (!err)
		err = child_go(sender);
	start_ns = cpu_now_ns();
	if (!err)
		err = watch(options, wire, sender, start_ns, &first);
	if (err && err != -EINTR)
		return err;
	child_stop(sender);
	/* Ctrl-C ends the sending, not the account. */
	interrupts_forget();
	end = child_wait_done(sender, 3000);
	end_ns = cpu_now_ns();
	if (!end)
		end = wire_settle(wire, &first, sender->shared->result.packets, &last);
	if (end)
		return end;
	frames = last.frames - first.frames;
	progress_clear();
	printf("%llu frames (%s) in %.3f s: %.3f Mpps counted on %s (%s), %.3f Mpps made\n",
	       (unsigned long long)frames, source->set->mix.name, (double)(end_ns - start_ns) / 1e9,
	       rate(frames, end_ns - start_ns), wire->link->name,
	       wire->sent ? "tx_packets" : "rx_packets",
	       rate(sender->shared->result.packets, end_ns - start_ns));
	if (!frames) {
		complain("nothing reached %s: its driver takes no redirected XDP frames (on veth "
			 "the other end needs `ethtool -K IFACE gro on`); or --source injector",
			 wire->link->name);
		return -EIO;
	}
	return 0;
}

static int generate(const struct bench_options *options, const struct source *source,
		    const struct wire *wire)
{
	struct child sender = {0};
	const int err = send_all(options, source, wire, &sender);

	child_end(&sender);
	return err;
}

int bench_gen(const struct bench_options *options)
{
	static struct frame_set set;
	struct lab labs[LABS_MAX];
	const struct lab *lab = &labs[0];
	struct source source = {
		.link = &lab->tested,
		.set = &set,
		.live = options->source == BENCH_SOURCE_LIVE ||
			(options->source == BENCH_SOURCE_AUTO && !options->rate_pps),
		.rate_pps = options->rate_pps,
		.batch = options->batch,
	};
	struct wire wire = {.link = &lab->tested, .sent = true};
	int err = labs_open(options, labs);

	if (err < 0)
		return err;
	if (lab->has_far)
		wire = (struct wire){.link = &lab->far};
	frame_set_init(&set, &options->sizes[0], lab->tested.mac,
		       lab->has_far ? lab->far.mac : frame_nobody, FRAME_PORT_DISCARD,
		       options->seed);
	err = generate(options, &source, &wire);
	if (err && err != -EINTR && source.live && options->source == BENCH_SOURCE_AUTO) {
		complain("no live source on %s; the injector takes its place", lab->tested.name);
		source.live = false;
		err = generate(options, &source, &wire);
	}
	return err;
}
