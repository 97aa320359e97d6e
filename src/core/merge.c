/* SPDX-License-Identifier: BSD-2-Clause */
#include "merge.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../syscall.h"
#include "barrier.h"
#include "cleanup.h"
#include "diag.h"

/* A batch of a child. Its views stay where they are until it goes back. */
struct run {
	struct zring_batch batch;
	uint32_t next;    /* view to give out next */
	uint32_t holders; /* merged batches that show a part of it, and its source */
	struct run *link; /* among the spare ones */
};

/* What comes in order of time: a child, or one queue of it. */
struct source {
	struct zring_capture *child;
	uint32_t queue;
	struct run *run;  /* with packets to give out; NULL: there was nothing */
	uint64_t next_ns; /* time of the next one */
};

/* The runs that a merged batch shows, each at its source's index. */
struct shown {
	struct shown *link; /* among the spare ones */
	struct run *runs[];
};

struct merge {
	struct zring_capture base;
	struct zring_capture **children;
	struct source *sources;
	struct pollfd *polls; /* all children's, and room for the stop descriptor */
	uint32_t nr_children;
	uint32_t nr_sources;
	struct run *spare_runs;
	struct shown *spare_shown;
	uint64_t last_ns; /* of the packet given out last */
};

static struct merge *merge_of(const struct zring_capture *capture)
{
	return (struct merge *)(uintptr_t)capture;
}

/* ---- runs ---- */

/* Makes sure that there is one to spare. None is made any more once enough are on their way. */
static int spare_run(struct merge *merge)
{
	struct run *run;
	int err;

	if (merge->spare_runs)
		return 0;
	run = calloc(1, sizeof(*run));
	if (!run)
		return -ENOMEM;
	err = zring_batch_init(&run->batch, ZR_MERGE_RUN);
	if (err) {
		free(run);
		return err;
	}
	merge->spare_runs = run;
	return 0;
}

static void drop_holder(struct merge *merge, struct run *run)
{
	if (--run->holders)
		return;
	zring_batch_release(&run->batch);
	run->link = merge->spare_runs;
	merge->spare_runs = run;
}

static int spare_shown(struct merge *merge)
{
	struct shown *shown;

	if (merge->spare_shown)
		return 0;
	shown = calloc(1, sizeof(*shown) + merge->nr_sources * sizeof(*shown->runs));
	if (!shown)
		return -ENOMEM;
	merge->spare_shown = shown;
	return 0;
}

/* ---- lending ---- */

static void look_at_next(struct source *source)
{
	const struct run *run = source->run;

	source->next_ns =
		source->child->ops->time_ns(source->child, &run->batch.packets[run->next]);
}

/* Asks a source that has no run. Packets, 0: none, or -errno. */
static int load(struct merge *merge, struct source *source)
{
	struct zring_capture *const child = source->child;
	const int err = spare_run(merge);
	struct run *run = merge->spare_runs;
	int nr;

	if (err)
		return err;
	nr = child->ops->borrow_queue ? child->ops->borrow_queue(child, source->queue, &run->batch)
				      : child->ops->borrow(child, &run->batch);
	if (nr <= 0)
		return nr;
	run->batch.capture = child;
	run->next = 0;
	run->holders = 1;
	merge->spare_runs = run->link;
	source->run = run;
	look_at_next(source);
	return nr;
}

/* What the children counted while they were asked. */
static void count(struct merge *merge)
{
	struct zr_capture_counters sum = {0};

	for (uint32_t i = 0; i < merge->nr_children; i++) {
		const struct zr_capture_counters *counters = &merge->children[i]->counters;

		sum.malformed += counters->malformed;
		sum.filtered += counters->filtered;
		sum.truncated += counters->truncated;
	}
	zr_store_relaxed(&merge->base.counters.malformed, sum.malformed);
	zr_store_relaxed(&merge->base.counters.filtered, sum.filtered);
	zr_store_relaxed(&merge->base.counters.truncated, sum.truncated);
}

/*
 * Asks all sources. While one of them was asked, an earlier packet than it gave
 * may have come to another that had nothing: so again, until none gives anything.
 * Each gives one run at most, that ends it.
 */
static int load_all(struct merge *merge)
{
	bool found;

	do {
		found = false;
		for (uint32_t i = 0; i < merge->nr_sources; i++) {
			struct source *source = &merge->sources[i];
			int nr;

			if (source->run)
				continue;
			nr = load(merge, source);
			if (nr < 0)
				return nr;
			found = found || nr > 0;
		}
	} while (found);
	count(merge);
	return 0;
}

/* The source whose next packet is the earliest, and until when no other one's is earlier. */
static struct source *earliest(struct merge *merge, uint64_t *ret_until_ns)
{
	struct source *first = NULL;
	uint64_t until_ns = UINT64_MAX;

	for (uint32_t i = 0; i < merge->nr_sources; i++) {
		struct source *source = &merge->sources[i];

		if (!source->run)
			continue;
		if (first && first->next_ns <= source->next_ns) {
			until_ns = source->next_ns < until_ns ? source->next_ns : until_ns;
			continue;
		}
		until_ns = first ? first->next_ns : until_ns;
		first = source;
	}
	*ret_until_ns = until_ns;
	return first;
}

/* Views of the next packet: a packet in pieces is neither cut nor mixed with others. */
static uint32_t nr_pieces(const struct source *source)
{
	const struct zring_batch *batch = &source->run->batch;
	uint32_t at = source->run->next;
	struct zring_packet_info info;

	if (!source->child->lends_pieces)
		return 1;
	for (; at + 1 < batch->nr_packets; at++) {
		source->child->ops->packet_info(source->child, &batch->packets[at], &info);
		if (!(info.flags & ZRING_PACKET_MORE))
			break;
	}
	return at + 1 - source->run->next;
}

/* Shows packets of one source up to @until_ns. Views, at most @room. */
static uint32_t show(struct merge *merge, struct source *source, struct zring_packet *views,
		     uint32_t room, uint64_t until_ns)
{
	struct run *run = source->run;
	uint32_t nr = 0;

	while (run->next < run->batch.nr_packets && source->next_ns <= until_ns) {
		const uint32_t pieces = nr_pieces(source);

		if (pieces > room - nr)
			break;
		memcpy(&views[nr], &run->batch.packets[run->next], pieces * sizeof(*views));
		nr += pieces;
		run->next += pieces;
		merge->last_ns = source->next_ns;
		if (run->next < run->batch.nr_packets)
			look_at_next(source);
	}
	return nr;
}

static void hold(struct merge *merge, struct zring_batch *batch, struct shown *shown,
		 const struct source *source)
{
	struct run **held = &shown->runs[source - merge->sources];

	if (*held)
		return;
	*held = source->run;
	source->run->holders++;
	batch->flags |= source->run->batch.flags & ZRING_BATCH_LOSING;
}

/* Until there is no more room, or a source must be asked again. */
static uint32_t fill(struct merge *merge, struct zring_batch *batch, struct shown *shown)
{
	uint32_t nr = 0, shows;
	uint64_t until_ns;

	do {
		struct source *source = earliest(merge, &until_ns);
		struct run *run = source->run;

		shows = show(merge, source, &batch->packets[nr], batch->nr_allocated - nr,
			     until_ns);
		if (!shows)
			break;
		hold(merge, batch, shown, source);
		nr += shows;
		if (run->next == run->batch.nr_packets) {
			source->run = NULL;
			drop_holder(merge, run);
			break;
		}
	} while (nr < batch->nr_allocated);
	return nr;
}

static int borrow(struct zring_capture *capture, struct zring_batch *batch)
{
	struct merge *merge = merge_of(capture);
	const uint64_t before_ns = merge->last_ns;
	struct source *first;
	struct shown *shown;
	uint64_t until_ns;
	int err = load_all(merge);

	first = err ? NULL : earliest(merge, &until_ns);
	if (!first)
		return err;
	err = spare_shown(merge);
	if (err)
		return err;
	shown = merge->spare_shown;
	batch->flags = 0;
	batch->block_seq = ZRING_UNAVAILABLE;
	batch->gap_blocks = ZRING_UNAVAILABLE;
	batch->first_ns = first->next_ns;
	batch->nr_packets = fill(merge, batch, shown);
	if (!batch->nr_packets)
		return -EMSGSIZE; /* a packet of more pieces than the batch has room for */
	batch->last_ns = merge->last_ns;
	batch->gap_ns = before_ns && batch->first_ns > before_ns ? batch->first_ns - before_ns : 0;
	batch->token = (uintptr_t)shown;
	merge->spare_shown = shown->link;
	return (int)batch->nr_packets;
}

static void release(struct zring_capture *capture, struct zring_batch *batch)
{
	struct shown *shown = (struct shown *)(uintptr_t)batch->token;
	struct merge *merge = merge_of(capture);

	for (uint32_t i = 0; i < merge->nr_sources; i++) {
		if (shown->runs[i])
			drop_holder(merge, shown->runs[i]);
		shown->runs[i] = NULL;
	}
	shown->link = merge->spare_shown;
	merge->spare_shown = shown;
}

static bool ready(const struct zring_capture *capture)
{
	const struct merge *merge = merge_of(capture);

	for (uint32_t i = 0; i < merge->nr_sources; i++)
		if (merge->sources[i].run)
			return true;
	for (uint32_t i = 0; i < merge->nr_children; i++)
		if (merge->children[i]->ops->ready(merge->children[i]))
			return true;
	return false;
}

/* All look at one interface: the first says that it is down, so that it is said once. */
static int check(struct zring_capture *capture)
{
	const struct merge *merge = merge_of(capture);
	int err = 0;

	for (uint32_t i = 0; i < merge->nr_children; i++) {
		struct zring_capture *const child = merge->children[i];
		const int found = child->ops->check(child); /* also takes its poll()'s error back */

		if (found == -ENODEV || (found && !err && (!i || found != -ENETDOWN)))
			err = found;
	}
	return err;
}

/* ---- telling ---- */

static void fold_stats(struct zring_capture *capture)
{
	const struct merge *merge = merge_of(capture);
	uint64_t received = 0, dropped = 0;

	for (uint32_t i = 0; i < merge->nr_children; i++) {
		struct zring_capture *const child = merge->children[i];

		child->ops->fold_stats(child);
		dropped += zr_load_acquire(&child->counters.dropped); /* S */
		received += zr_load_relaxed(&child->counters.received);
	}
	zr_raise_release(&capture->counters.received, received);
	zr_raise_release(&capture->counters.dropped, dropped); /* S */
}

static const struct zring_capture *lender(const struct merge *merge,
					  const struct zring_packet *packet)
{
	uint32_t i = 0;

	while (i + 1 < merge->nr_children &&
	       !merge->children[i]->ops->owns(merge->children[i], packet))
		i++;
	return merge->children[i];
}

static void packet_info(const struct zring_capture *capture, const struct zring_packet *packet,
			struct zring_packet_info *ret_info)
{
	const struct zring_capture *child = lender(merge_of(capture), packet);

	child->ops->packet_info(child, packet, ret_info);
}

static uint64_t time_ns(const struct zring_capture *capture, const struct zring_packet *packet)
{
	const struct zring_capture *child = lender(merge_of(capture), packet);

	return child->ops->time_ns(child, packet);
}

static bool owns(const struct zring_capture *capture, const struct zring_packet *packet)
{
	const struct zring_capture *child = lender(merge_of(capture), packet);

	return child->ops->owns(child, packet);
}

static struct zring_xdp *xdp(const struct zring_capture *capture, uint32_t index)
{
	return zring_capture_xdp(merge_of(capture)->children[0], index);
}

static int start(struct zring_capture *capture, struct zring_diag *diag)
{
	const struct merge *merge = merge_of(capture);
	int err = 0;

	for (uint32_t i = 0; i < merge->nr_children && !err; i++)
		err = zring_capture_start(merge->children[i], diag);
	return err;
}

/* ---- making and ending ---- */

static void close_merge(struct zring_capture *capture)
{
	struct merge *merge = merge_of(capture);

	for (uint32_t i = 0; merge->sources && i < merge->nr_sources; i++)
		if (merge->sources[i].run)
			drop_holder(merge, merge->sources[i].run);
	while (merge->spare_runs) {
		struct run *run = merge->spare_runs;

		merge->spare_runs = run->link;
		zring_batch_fini(&run->batch);
		free(run);
	}
	while (merge->spare_shown) {
		struct shown *shown = merge->spare_shown;

		merge->spare_shown = shown->link;
		free(shown);
	}
	zr_capture_fini(capture);
	while (merge->nr_children)
		zring_capture_close(merge->children[--merge->nr_children]);
	free(merge->children);
	free(merge->sources);
	free(merge->polls);
	free(merge);
}

static const struct zr_capture_ops merge_ops = {
	.borrow = borrow,
	.release = release,
	.ready = ready,
	.check = check,
	.fold_stats = fold_stats,
	.packet_info = packet_info,
	.time_ns = time_ns,
	.owns = owns,
	.xdp = xdp,
	.start = start,
	.close = close_merge,
};

static uint32_t nr_sources_of(const struct zring_capture *child)
{
	return child->ops->borrow_queue ? child->info.nr_queues : 1;
}

static int make_sources(struct merge *merge, struct zring_capture *const *children, uint32_t nr)
{
	uint32_t nr_sources = 0;

	for (uint32_t i = 0; i < nr; i++)
		nr_sources += nr_sources_of(children[i]);
	merge->children = calloc(nr, sizeof(*merge->children));
	merge->sources = calloc(nr_sources, sizeof(*merge->sources));
	if (!merge->children || !merge->sources)
		return -ENOMEM;
	for (uint32_t i = 0; i < nr; i++)
		for (uint32_t queue = 0; queue < nr_sources_of(children[i]); queue++)
			merge->sources[merge->nr_sources++] = (struct source){
				.child = children[i],
				.queue = queue,
			};
	return 0;
}

/* poll() for the reader looks at all of the children's; one descriptor for other loops. */
static int make_polls(struct merge *merge, struct zring_capture *const *children, uint32_t nr)
{
	ZR_AUTO_FREE int *fds = calloc(nr, sizeof(*fds));
	uint32_t nr_polls = 0, at = 0;
	int fd;

	for (uint32_t i = 0; i < nr; i++)
		nr_polls += children[i]->waiter.nr_polls;
	merge->polls = calloc(nr_polls + 1, sizeof(*merge->polls));
	if (!fds || !merge->polls)
		return -ENOMEM;
	for (uint32_t i = 0; i < nr; i++) {
		const struct zr_waiter *waiter = &children[i]->waiter;

		fds[i] = children[i]->fd;
		memcpy(&merge->polls[at], waiter->polls, waiter->nr_polls * sizeof(*waiter->polls));
		at += waiter->nr_polls;
	}
	zr_capture_set_polls(&merge->base, merge->polls, nr_polls);
	fd = zr_epoll(fds, nr);
	if (fd < 0)
		return fd;
	merge->base.fd = fd;
	return 0;
}

static int take_pieces(struct merge *merge, struct zring_capture *const *children, uint32_t nr)
{
	for (uint32_t i = 0; i < nr; i++)
		if (children[i]->lends_pieces)
			return zr_capture_lend_pieces(&merge->base);
	return 0;
}

static void describe(struct merge *merge, struct zring_capture *const *children, uint32_t nr)
{
	struct zring_capture *base = &merge->base;

	base->info = children[0]->info;
	base->waiter.capacity = children[0]->waiter.capacity;
	for (uint32_t i = 0; i < nr; i++) {
		base->info.adjusted |= children[i]->info.adjusted;
		/* The smallest ring is full first. */
		if (children[i]->waiter.capacity < base->waiter.capacity)
			base->waiter.capacity = children[i]->waiter.capacity;
	}
}

int zr_merge_open(struct zring_capture *const *children, uint32_t nr, struct zring_diag *diag,
		  struct zring_capture **ret_capture)
{
	struct merge *merge = calloc(1, sizeof(*merge));
	int err;

	if (!merge)
		return zr_fail(diag, -ENOMEM, "memory", "no memory for a capture");
	err = zr_capture_init(&merge->base, &merge_ops);
	if (!err)
		err = make_sources(merge, children, nr);
	if (!err)
		err = make_polls(merge, children, nr);
	if (!err)
		err = take_pieces(merge, children, nr);
	if (err) {
		close_merge(&merge->base); /* the children are not its own yet */
		return zr_fail(diag, err, "capture", "no memory or descriptor: %s", strerror(-err));
	}
	describe(merge, children, nr);
	memcpy(merge->children, children, nr * sizeof(struct zring_capture *));
	merge->nr_children = nr;
	*ret_capture = &merge->base;
	return 0;
}
