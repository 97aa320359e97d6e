/* SPDX-License-Identifier: BSD-2-Clause */
/* tx/afpacket-gso rows: many frames of one flow in one send, cut again behind the socket. */
#include "rows.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zring/zring.h>

struct burst {
	struct zring_packet packets[64];
	uint8_t *frames;
	uint32_t nr;
};

static int allocate(struct burst *burst, const struct frame_set *set)
{
	const size_t room = (set->mix.largest + (size_t)63) & ~(size_t)63;

	burst->nr = set->burst;
	burst->frames = aligned_alloc(64, room * burst->nr);
	for (uint32_t i = 0; burst->frames && i < burst->nr; i++)
		burst->packets[i].data = burst->frames + i * room;
	return burst->frames ? 0 : -ENOMEM;
}

static int send_burst(struct zring_injector *injector, struct burst *burst,
		      const struct frame_set *set, uint64_t sequence)
{
	for (uint32_t i = 0; i < burst->nr; i++) {
		struct zring_packet *packet = &burst->packets[i];

		packet->len = packet->wire_len =
			frame_set_write(set, (uint8_t *)packet->data, sequence + i);
	}
	return zring_injector_send_burst(injector, burst->packets, burst->nr);
}

static int send_all(struct child_side *side, const struct job *job, struct zring_injector *injector,
		    struct burst *burst)
{
	const uint64_t limit = job->limit ? job->limit : UINT64_MAX;
	uint64_t sequence = 0;

	while (!child_stopped(side) && sequence < limit) {
		const int nr = send_burst(injector, burst, job->set, sequence);

		if (nr == -EAGAIN || nr == -ETIMEDOUT)
			continue;
		if (nr < 0)
			return nr;
		sequence += (uint64_t)nr;
	}
	return 0;
}

int tx_run_burst(struct child_side *side, const void *context)
{
	const struct job *job = context;
	struct zring_injector_options options = ZRING_INJECTOR_OPTIONS_INIT;
	struct zring_injector *injector;
	struct zring_injector_stats stats;
	struct zring_diag diag;
	struct burst burst = {0};
	int err;

	options.backend = job->backend;
	err = zring_injector_open(job->lab->tested.name, &options, &diag, &injector);
	if (err)
		return child_fail(side, err, "%s: %s", diag.step, diag.message);
	err = allocate(&burst, job->set);
	if (!err) {
		child_ready(side);
		err = send_all(side, job, injector, &burst);
	}
	child_account(side);
	zring_injector_get_stats(injector, &stats);
	side->shared->result.packets = stats.sent;
	if (err)
		snprintf(side->shared->result.note, sizeof(side->shared->result.note),
			 "the kernel takes no super-frames: %s", strerror(-err));
	else
		snprintf(side->shared->result.note, sizeof(side->shared->result.note),
			 "%u frames a send", burst.nr);
	zring_injector_close(injector);
	free(burst.frames);
	/* A kernel before 6.2 can't: its row then says so, and the run goes on. */
	if (err && err != -ENOTSUP)
		return child_fail(side, err, "sending bursts on %s: %s", job->lab->tested.name,
				  strerror(-err));
	return 0;
}
