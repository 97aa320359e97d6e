/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The loop that a program without zring would write: frames built in buffers of
 * its own, sendmmsg() on a bound packet socket.
 */
#include "rows.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int bare_socket(struct child_side *side, const struct link *link, int receives)
{
	const struct sockaddr_ll address = {
		.sll_family = AF_PACKET,
		.sll_protocol = receives ? htons(ETH_P_ALL) : 0,
		.sll_ifindex = link->index,
	};
	const struct packet_mreq promiscuous = {
		.mr_ifindex = link->index,
		.mr_type = PACKET_MR_PROMISC,
	};
	const int one = 1;
	int err, fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return child_fail(side, -errno, "packet socket: %s; CAP_NET_RAW is needed",
				  strerror(errno));
	if ((receives &&
	     (setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one)) < 0 ||
	      setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &promiscuous, sizeof(promiscuous)) <
		      0)) ||
	    bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
		err = child_fail(side, -errno, "packet socket on %s: %s", link->name,
				 strerror(errno));
		close(fd);
		return err;
	}
	return fd;
}

struct tx_buffers {
	struct mmsghdr *messages;
	struct iovec *vectors;
	uint8_t *frames;
	size_t frame_room;
};

static int allocate(struct tx_buffers *buffers, uint32_t batch, size_t frame_room)
{
	/* Lines of their own, as an allocator of packets would do it. */
	buffers->frame_room = (frame_room + 63) & ~(size_t)63;
	buffers->messages = calloc(batch, sizeof(*buffers->messages));
	buffers->vectors = calloc(batch, sizeof(*buffers->vectors));
	buffers->frames = aligned_alloc(64, batch * buffers->frame_room);
	if (!buffers->messages || !buffers->vectors || !buffers->frames)
		return -ENOMEM;
	for (uint32_t i = 0; i < batch; i++) {
		buffers->vectors[i].iov_base = buffers->frames + i * buffers->frame_room;
		buffers->messages[i].msg_hdr.msg_iov = &buffers->vectors[i];
		buffers->messages[i].msg_hdr.msg_iovlen = 1;
	}
	return 0;
}

/* Frames accepted, or -errno. */
static int send_batch(struct child_side *side, int fd, struct tx_buffers *buffers, uint32_t batch)
{
	uint32_t done = 0;

	while (done < batch) {
		int nr = sendmmsg(fd, buffers->messages + done, batch - done, 0);

		if (nr > 0)
			done += (uint32_t)nr;
		else if (errno != ENOBUFS && errno != EAGAIN && errno != EINTR)
			return -errno;
		else if (child_stopped(side))
			break;
	}
	return (int)done;
}

int tx_run_sendmmsg(struct child_side *side, const void *context)
{
	const struct job *job = context;
	const uint32_t batch = job_batch(job);
	const uint64_t limit = job->limit ? job->limit : UINT64_MAX;
	struct tx_buffers buffers = {0};
	uint64_t sequence = 0, accepted = 0;
	int nr = 0, fd = bare_socket(side, &job->lab->tested, 0);

	if (fd < 0)
		return fd;
	if (allocate(&buffers, batch, job->set->mix.largest))
		return child_fail(side, -ENOMEM, "no memory for the frames");
	child_ready(side);
	while (nr >= 0 && !child_stopped(side) && sequence < limit) {
		for (uint32_t i = 0; i < batch; i++)
			buffers.vectors[i].iov_len = frame_set_write(
				job->set, buffers.vectors[i].iov_base, sequence + i);
		sequence += batch;
		nr = send_batch(side, fd, &buffers, batch);
		accepted += nr > 0 ? (uint64_t)nr : 0;
	}
	child_account(side);
	side->shared->result.packets = accepted;
	close(fd);
	if (nr < 0)
		return child_fail(side, nr, "sendmmsg on %s: %s", job->lab->tested.name,
				  strerror(-nr));
	return 0;
}
