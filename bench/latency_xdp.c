/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The echo of latency/afxdp rows. A capture and an injector cannot share a
 * queue, so it takes the socket itself: the chunk that was received is sent.
 */
#include "rows.h"

#include <errno.h>
#include <string.h>

#include <zring/zring.h>

#include "echo.h"

#define NR_CHUNKS   4096u /* as the baseline beside it */
#define BATCH       64u
#define WAIT_MS     100
#define SPINS       4096
#define CHUNK_LARGE 4096u
#define SMALL_FRAME 1792u /* that a chunk of 2048 bytes receives */

struct echo {
	struct zring_umem *umem;
	struct zring_xdp *xdp;
};

static int open_echo(struct child_side *side, const struct job *job, struct echo *echo)
{
	struct zring_umem_options memory = ZRING_UMEM_OPTIONS_INIT;
	struct zring_xdp_options options = ZRING_XDP_OPTIONS_INIT;
	struct zring_diag diag;
	int err;

	memory.nr_chunks = NR_CHUNKS;
	memory.chunk_bytes = job->set->mix.largest > SMALL_FRAME ? CHUNK_LARGE : 0;
	options.promiscuous = 1;
	options.fill_entries = NR_CHUNKS; /* room for every chunk at any time */
	err = zring_umem_open(&memory, &diag, &echo->umem);
	if (!err)
		err = zring_xdp_open(job->lab->tested.name, echo->umem, &options, &diag,
				     &echo->xdp);
	return err ? child_fail(side, err, "%s: %s", diag.step, diag.message) : 0;
}

static void close_echo(struct echo *echo)
{
	zring_xdp_close(echo->xdp);
	zring_umem_close(echo->umem);
}

/* Frames that have arrived, 0 not in time: look at the stop. */
static int receive(struct echo *echo, bool spin, struct zring_xdp_desc descs[BATCH])
{
	int nr = zring_xdp_receive(echo->xdp, descs, BATCH);

	for (int i = 0; spin && nr == 0 && i < SPINS; i++)
		nr = zring_xdp_receive(echo->xdp, descs, BATCH);
	if (nr || spin)
		return nr;
	nr = zring_xdp_wait(echo->xdp, ZRING_XDP_READABLE, WAIT_MS);
	return nr > 0 ? zring_xdp_receive(echo->xdp, descs, BATCH) : nr;
}

static int fill(struct echo *echo, const uint64_t *addresses, uint32_t nr)
{
	int filled = nr ? zring_xdp_fill(echo->xdp, addresses, nr) : 0;

	if (filled < 0)
		return filled;
	return (uint32_t)filled == nr ? 0 : -EPROTO;
}

/* Chunks that were sent are received into again. */
static int reap(struct echo *echo)
{
	uint64_t addresses[BATCH];
	int nr = zring_xdp_complete(echo->xdp, addresses, BATCH);

	return nr < 0 ? nr : fill(echo, addresses, (uint32_t)nr);
}

static int send_all(const struct child_side *side, struct echo *echo,
		    const struct zring_xdp_desc *descs, uint32_t nr)
{
	int err, sent = zring_xdp_transmit(echo->xdp, descs, nr);

	if (sent < 0)
		return sent;
	if ((uint32_t)sent != nr)
		return -EPROTO; /* the ring holds all that can be received */
	do {
		int reaped;

		err = zring_xdp_kick(echo->xdp);
		reaped = reap(echo);
		if (reaped)
			return reaped;
	} while (err == -EAGAIN && !child_stopped(side));
	return err == -EAGAIN ? 0 : err;
}

static int answer(struct child_side *side, struct echo *echo, const struct zring_xdp_desc *descs,
		  uint32_t nr)
{
	struct zring_xdp_desc wanted[BATCH];
	uint64_t others[BATCH];
	uint32_t nr_wanted = 0, nr_others = 0;
	int err;

	for (uint32_t i = 0; i < nr; i++) {
		uint8_t *frame = zring_umem_data(echo->umem, descs[i].address);

		if (!echo_wanted(frame, descs[i].len)) {
			others[nr_others++] = descs[i].address;
			continue;
		}
		echo_swap(frame);
		wanted[nr_wanted++] = descs[i];
	}
	err = nr_wanted ? send_all(side, echo, wanted, nr_wanted) : 0;
	side->shared->result.packets += nr_wanted;
	return err ? err : fill(echo, others, nr_others);
}

int echo_run_xdp(struct child_side *side, const void *context)
{
	const struct job *job = context;
	struct echo echo = {0};
	int err = open_echo(side, job, &echo);

	if (err) {
		close_echo(&echo);
		return err;
	}
	child_ready(side);
	while (err >= 0 && !child_stopped(side)) {
		struct zring_xdp_desc descs[BATCH];

		err = receive(&echo, job->spin, descs);
		if (err > 0)
			err = answer(side, &echo, descs, (uint32_t)err);
		else if (err == 0)
			err = reap(&echo);
	}
	child_account(side);
	close_echo(&echo);
	return err < 0 ? child_fail(side, err, "echo on %s: %s", job->lab->tested.name,
				    strerror(-err))
		       : 0;
}
