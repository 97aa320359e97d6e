/* SPDX-License-Identifier: BSD-2-Clause */
/* The AF_XDP reader that a program without zring would write: up to 64 frames, chunks back. */
#include "rows.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

#include <zring/zring.h>

#include "bare_xsk.h"

#define READ_MS     100
#define DRAIN_MS    30
#define DRAIN_QUIET 2
#define SPINS       4096 /* looks between two at the stop */

/* A driver that ran out of chunks wants to be told of new ones. */
static void wake(const struct xsk *xsk)
{
	if (xsk_ring_prod__needs_wakeup(&xsk->fill))
		recvfrom(xsk->fd, NULL, 0, MSG_DONTWAIT, NULL, NULL);
}

/* Frames that wait, and where. A reader that blocks asks the kernel only when there are none. */
static uint32_t peek(struct xsk *xsk, bool spin, bool stopping, uint32_t *at)
{
	struct pollfd wait = {.fd = xsk->fd, .events = POLLIN};
	uint32_t nr = xsk_ring_cons__peek(&xsk->rx, XSK_BATCH, at);

	for (int i = 0; spin && !stopping && !nr && i < SPINS; i++) {
		wake(xsk);
		nr = xsk_ring_cons__peek(&xsk->rx, XSK_BATCH, at);
	}
	if (nr || (spin && !stopping))
		return nr;
	poll(&wait, 1, stopping ? DRAIN_MS : READ_MS);
	return xsk_ring_cons__peek(&xsk->rx, XSK_BATCH, at);
}

/* Looks at @nr frames and gives their chunks back. */
static void take(struct xsk *xsk, struct rx_sum *sum, uint32_t at, uint32_t nr)
{
	uint32_t to;

	/*
	 * The ring has an entry for every chunk, but the kernel publishes what it took out of it
	 * a moment after the frames (xsk_flush()).
	 */
	while (xsk_ring_prod__reserve(&xsk->fill, nr, &to) != nr)
		wake(xsk);
	for (uint32_t i = 0; i < nr; i++) {
		const struct xdp_desc *desc = xsk_ring_cons__rx_desc(&xsk->rx, at + i);

		rx_look(sum, xsk_data(xsk, desc->addr), desc->len);
		*xsk_ring_prod__fill_addr(&xsk->fill, to + i) = desc->addr;
	}
	xsk_ring_prod__submit(&xsk->fill, nr);
	xsk_ring_cons__release(&xsk->rx, nr);
}

static void read_all(struct child_side *side, struct xsk *xsk, bool spin)
{
	struct rx_sum sum = {0};
	uint64_t packets = 0;
	int quiet = 0;

	while (quiet < DRAIN_QUIET) {
		const bool stopping = child_stopped(side);
		uint32_t at, nr = peek(xsk, spin, stopping, &at);

		if (!nr) {
			quiet += stopping;
			continue;
		}
		take(xsk, &sum, at, nr);
		packets += nr;
	}
	rx_sum_use(&sum);
	side->shared->result.packets = packets;
}

/* The kernel's own account of what found no room. */
static void account_drops(const struct xsk *xsk, struct child_result *result)
{
	struct xdp_statistics stats = {0};
	socklen_t stats_bytes = sizeof(stats);

	if (getsockopt(xsk->fd, SOL_XDP, XDP_STATISTICS, &stats, &stats_bytes) < 0)
		return;
	result->dropped = stats.rx_dropped + stats.rx_ring_full;
	result->received = result->packets + result->dropped;
}

int rx_run_xsk(struct child_side *side, const void *context)
{
	const struct job *job = context;
	struct xsk xsk;
	int err = xsk_open(side, &job->lab->tested, XSK_RX, job->set->mix.largest, &xsk);

	if (err)
		return err;
	xsk_note(&xsk, side->shared->result.note, sizeof(side->shared->result.note));
	child_ready(side);
	read_all(side, &xsk, job->wait == ZRING_WAIT_SPIN);
	child_account(side);
	account_drops(&xsk, &side->shared->result);
	xsk_close(&xsk);
	return 0;
}
