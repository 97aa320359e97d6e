/* SPDX-License-Identifier: BSD-2-Clause */
/* The fastest echo without zring on packet(7): a V2 ring to receive, send() out of it. */
#include "rows.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "echo.h"
#include "ring_v2.h"

#define NR_FRAMES 4096 /* as the low-latency profile of the capture beside it */
#define WAIT_MS   100

/* Waits for the next frame; NULL: not in time, look at the stop. */
static struct tpacket2_hdr *next(const struct ring_v2 *ring, bool spin)
{
	struct pollfd wait = {.fd = ring->fd, .events = POLLIN};
	struct tpacket2_hdr *header = ring_v2_peek(ring);

	if (header)
		return header;
	for (int i = 0; spin && i < 4096; i++) {
		header = ring_v2_peek(ring);
		if (header)
			return header;
	}
	if (!spin)
		poll(&wait, 1, WAIT_MS);
	return ring_v2_peek(ring);
}

int echo_run_v2(struct child_side *side, const void *context)
{
	const struct job *job = context;
	struct ring_v2 ring;
	int err = ring_v2_open(side, &job->lab->tested, NR_FRAMES, &ring);

	if (err)
		return err;
	child_ready(side);
	while (!err && !child_stopped(side)) {
		struct tpacket2_hdr *header = next(&ring, job->spin);
		uint8_t *frame;

		if (!header)
			continue;
		frame = ring_v2_data(header);
		if (echo_wanted(frame, header->tp_len)) {
			echo_swap(frame);
			while (send(ring.fd, frame, header->tp_len, 0) < 0 && !err)
				if (errno != ENOBUFS && errno != EINTR)
					err = -errno;
			side->shared->result.packets++;
		}
		ring_v2_pop(&ring, header);
	}
	child_account(side);
	ring_v2_close(&ring);
	return err ? child_fail(side, err, "send on %s: %s", job->lab->tested.name, strerror(-err))
		   : 0;
}
