/* SPDX-License-Identifier: BSD-2-Clause */
/* The fastest echo without zring on AF_XDP: the chunk that was received is sent. */
#include "rows.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

#include "echo.h"
#include "bare_xsk.h"

#define WAIT_MS 100
#define SPINS   4096

static uint32_t peek(struct xsk *xsk, bool spin, uint32_t *at)
{
	struct pollfd wait = {.fd = xsk->fd, .events = POLLIN};
	uint32_t nr = xsk_ring_cons__peek(&xsk->rx, XSK_BATCH, at);

	for (int i = 0; spin && !nr && i < SPINS; i++) {
		if (xsk_ring_prod__needs_wakeup(&xsk->fill))
			recvfrom(xsk->fd, NULL, 0, MSG_DONTWAIT, NULL, NULL);
		nr = xsk_ring_cons__peek(&xsk->rx, XSK_BATCH, at);
	}
	if (nr || spin)
		return nr;
	poll(&wait, 1, WAIT_MS);
	return xsk_ring_cons__peek(&xsk->rx, XSK_BATCH, at);
}

static int fill_one(struct xsk *xsk, uint64_t address)
{
	uint32_t to;

	if (xsk_ring_prod__reserve(&xsk->fill, 1, &to) != 1)
		return -EPROTO; /* it has room for every chunk */
	*xsk_ring_prod__fill_addr(&xsk->fill, to) = address;
	xsk_ring_prod__submit(&xsk->fill, 1);
	return 0;
}

/* Chunks that were sent are received into again. */
static int reap(struct xsk *xsk)
{
	uint32_t at, nr = xsk_ring_cons__peek(&xsk->completion, XSK_BATCH, &at);
	int err = 0;

	for (uint32_t i = 0; !err && i < nr; i++)
		err = fill_one(xsk, *xsk_ring_cons__comp_addr(&xsk->completion, at + i));
	if (nr)
		xsk_ring_cons__release(&xsk->completion, nr);
	return err;
}

static int answer_one(struct xsk *xsk, const struct xdp_desc *received)
{
	uint8_t *frame = xsk_data(xsk, received->addr);
	struct xdp_desc *desc;
	uint32_t to;

	/* Room for all that can be received: half of the chunks. */
	if (xsk_ring_prod__reserve(&xsk->tx, 1, &to) != 1)
		return -EPROTO;
	echo_swap(frame);
	desc = xsk_ring_prod__tx_desc(&xsk->tx, to);
	*desc = (struct xdp_desc){.addr = received->addr, .len = received->len};
	xsk_ring_prod__submit(&xsk->tx, 1);
	return 0;
}

static int answer(const struct child_side *side, struct xsk *xsk, uint32_t at, uint32_t nr,
		  uint64_t *answered)
{
	const uint64_t before = *answered;
	int err = 0;

	for (uint32_t i = 0; !err && i < nr; i++) {
		const struct xdp_desc *desc = xsk_ring_cons__rx_desc(&xsk->rx, at + i);

		if (!echo_wanted(xsk_data(xsk, desc->addr), desc->len)) {
			err = fill_one(xsk, desc->addr);
			continue;
		}
		err = answer_one(xsk, desc);
		(*answered)++;
	}
	xsk_ring_cons__release(&xsk->rx, nr);
	if (err || *answered == before)
		return err;
	do {
		err = xsk_ring_prod__needs_wakeup(&xsk->tx) ? xsk_kick(xsk) : 0;
		if (!err || err == -EAGAIN)
			err = reap(xsk) ? -EPROTO : err;
	} while (err == -EAGAIN && !child_stopped(side));
	return err == -EAGAIN ? 0 : err;
}

int echo_run_xsk(struct child_side *side, const void *context)
{
	const struct job *job = context;
	struct xsk xsk;
	int err = xsk_open(side, &job->lab->tested, XSK_ECHO, job->set->mix.largest, &xsk);

	if (err)
		return err;
	child_ready(side);
	while (!err && !child_stopped(side)) {
		uint32_t at, nr = peek(&xsk, job->spin, &at);

		if (nr)
			err = answer(side, &xsk, at, nr, &side->shared->result.packets);
		else
			err = reap(&xsk);
	}
	child_account(side);
	xsk_close(&xsk);
	return err ? child_fail(side, err, "bare AF_XDP echo on %s: %s", job->lab->tested.name,
				strerror(-err))
		   : 0;
}
