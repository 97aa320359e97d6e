/* SPDX-License-Identifier: BSD-2-Clause */
/* The reader that a program without a ring would write: recvmmsg() on a packet socket. */
#include "rows.h"

#include <errno.h>
#include <linux/if_packet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BATCH        64
#define BUFFER_BYTES (64 << 20) /* as much as the ring of the capture beside it */
#define READ_US      30000
#define DRAIN_QUIET  2

struct rx_buffers {
	struct mmsghdr messages[BATCH];
	struct iovec vectors[BATCH];
	uint8_t *frames;
};

static int allocate(struct rx_buffers *buffers, size_t frame_room)
{
	buffers->frames = malloc(BATCH * frame_room);
	if (!buffers->frames)
		return -ENOMEM;
	for (size_t i = 0; i < BATCH; i++) {
		buffers->vectors[i].iov_base = buffers->frames + i * frame_room;
		buffers->vectors[i].iov_len = frame_room;
		buffers->messages[i].msg_hdr.msg_iov = &buffers->vectors[i];
		buffers->messages[i].msg_hdr.msg_iovlen = 1;
	}
	return 0;
}

static void enlarge_buffer(int fd)
{
	const int bytes = BUFFER_BYTES;

	/* Beyond rmem_max where that is allowed, else up to it. */
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) < 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
}

static int read_all(struct child_side *side, int fd, struct rx_buffers *buffers)
{
	struct rx_sum sum = {0};
	int quiet = 0;

	while (quiet < DRAIN_QUIET) {
		const bool stopping = child_stopped(side);
		int nr = recvmmsg(fd, buffers->messages, BATCH, MSG_WAITFORONE, NULL);

		if (nr < 0 && errno != EAGAIN && errno != EINTR)
			return -errno;
		if (nr < 0) {
			quiet += stopping;
			continue;
		}
		for (int i = 0; i < nr; i++)
			rx_look(&sum, buffers->vectors[i].iov_base, buffers->messages[i].msg_len);
		side->shared->result.packets += (uint64_t)nr;
	}
	rx_sum_use(&sum);
	return 0;
}

int rx_run_recvmmsg(struct child_side *side, const void *context)
{
	const struct job *job = context;
	const struct timeval timeout = {.tv_usec = READ_US};
	struct tpacket_stats stats = {0};
	socklen_t stats_bytes = sizeof(stats);
	struct rx_buffers buffers = {0};
	int err, fd;

	if (allocate(&buffers, job->set->mix.largest))
		return child_fail(side, -ENOMEM, "no memory for the frames");
	fd = bare_socket(side, &job->lab->tested, 1);
	if (fd < 0)
		return fd;
	enlarge_buffer(fd);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	child_ready(side);
	err = read_all(side, fd, &buffers);
	child_account(side);
	if (getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, &stats, &stats_bytes) == 0) {
		side->shared->result.received = stats.tp_packets;
		side->shared->result.dropped = stats.tp_drops;
	}
	strcpy(side->shared->result.note, "64 a call, 64 MiB socket buffer");
	close(fd);
	free(buffers.frames);
	return err ? child_fail(side, err, "recvmmsg on %s: %s", job->lab->tested.name,
				strerror(-err))
		   : 0;
}
