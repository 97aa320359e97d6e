/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The AF_XDP sender that a program without zring would write: frames built in
 * free chunks, 64 descriptors and then a kick, completed chunks free again.
 */
#include "rows.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

#include "bare_xsk.h"

#define DRAIN_NS 1000000000u

/* Chunks that nobody holds. The last one freed is used next: its lines are in the cache. */
struct chunks {
	uint64_t free[XSK_RING];
	uint32_t nr;
};

static void reap(struct xsk *xsk, struct chunks *chunks)
{
	uint32_t at, nr = xsk_ring_cons__peek(&xsk->completion, XSK_RING, &at);

	for (uint32_t i = 0; i < nr; i++)
		chunks->free[chunks->nr++] = *xsk_ring_cons__comp_addr(&xsk->completion, at + i);
	if (nr)
		xsk_ring_cons__release(&xsk->completion, nr);
}

/* Kicks until the kernel has taken all, or the stop. */
static int kick(const struct child_side *side, struct xsk *xsk, struct chunks *chunks)
{
	int err;

	do {
		err = xsk_ring_prod__needs_wakeup(&xsk->tx) ? xsk_kick(xsk) : 0;
		reap(xsk, chunks);
	} while (err == -EAGAIN && !child_stopped(side));
	return err == -EAGAIN ? 0 : err;
}

/* Waits for room of the ring and for chunks: both come with completions. */
static int make_room(const struct child_side *side, struct xsk *xsk, struct chunks *chunks,
		     uint32_t batch, uint32_t *at)
{
	while (chunks->nr < batch || xsk_ring_prod__reserve(&xsk->tx, batch, at) != batch) {
		const int err = kick(side, xsk, chunks);

		if (err)
			return err;
		if (child_stopped(side))
			return -EINTR;
	}
	return 0;
}

static int send_batch(const struct child_side *side, struct xsk *xsk, struct chunks *chunks,
		      const struct job *job, uint64_t sequence, uint32_t batch)
{
	uint32_t at;
	int err = make_room(side, xsk, chunks, batch, &at);

	if (err)
		return err;
	for (uint32_t i = 0; i < batch; i++) {
		const uint64_t address = chunks->free[--chunks->nr];
		struct xdp_desc *desc = xsk_ring_prod__tx_desc(&xsk->tx, at + i);

		desc->addr = address;
		desc->len = frame_set_write(job->set, xsk_data(xsk, address), sequence + i);
		desc->options = 0;
	}
	xsk_ring_prod__submit(&xsk->tx, batch);
	return kick(side, xsk, chunks);
}

static void drain(struct xsk *xsk, struct chunks *chunks)
{
	const uint64_t deadline_ns = cpu_now_ns() + DRAIN_NS;

	while (chunks->nr < xsk->nr_chunks && cpu_now_ns() < deadline_ns) {
		xsk_kick(xsk);
		reap(xsk, chunks);
	}
}

int tx_run_xsk(struct child_side *side, const void *context)
{
	const struct job *job = context;
	const uint32_t batch = job_batch(job) < XSK_RING ? job_batch(job) : XSK_RING;
	const uint64_t limit = job->limit ? job->limit : UINT64_MAX;
	static struct chunks chunks;
	uint64_t sequence = 0;
	struct xsk xsk;
	int err = xsk_open(side, &job->lab->tested, XSK_TX, job->set->mix.largest, &xsk);

	if (err)
		return err;
	for (uint32_t i = 0; i < xsk.nr_chunks; i++)
		chunks.free[i] = (uint64_t)i * xsk.chunk_bytes;
	chunks.nr = xsk.nr_chunks;
	xsk_note(&xsk, side->shared->result.note, sizeof(side->shared->result.note));
	child_ready(side);
	while (!err && !child_stopped(side) && sequence < limit) {
		err = send_batch(side, &xsk, &chunks, job, sequence, batch);
		sequence += err ? 0 : batch;
	}
	drain(&xsk, &chunks);
	child_account(side);
	/* What is still out was not sent, or not yet: it counts on neither side. */
	side->shared->result.packets = sequence - (xsk.nr_chunks - chunks.nr);
	xsk_close(&xsk);
	if (err && err != -EINTR)
		return child_fail(side, err, "bare AF_XDP on %s: %s", job->lab->tested.name,
				  strerror(-err));
	return 0;
}
