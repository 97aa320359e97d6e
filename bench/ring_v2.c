/* SPDX-License-Identifier: BSD-2-Clause */
#include "ring_v2.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/ethernet.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define FRAME_ROOM  2048u
#define BLOCK_BYTES (64u << 10)

static int prepare(struct ring_v2 *ring, const struct link *link)
{
	const int version = TPACKET_V2, one = 1;
	const struct packet_mreq promiscuous = {
		.mr_ifindex = link->index,
		.mr_type = PACKET_MR_PROMISC,
	};
	const struct tpacket_req request = {
		.tp_block_size = BLOCK_BYTES,
		.tp_block_nr = ring->nr_frames / (BLOCK_BYTES / FRAME_ROOM),
		.tp_frame_size = FRAME_ROOM,
		.tp_frame_nr = ring->nr_frames,
	};
	const struct sockaddr_ll address = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = link->index,
	};
	void *frames;

	if (setsockopt(ring->fd, SOL_PACKET, PACKET_VERSION, &version, sizeof(version)) < 0 ||
	    setsockopt(ring->fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one)) < 0 ||
	    setsockopt(ring->fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &promiscuous,
		       sizeof(promiscuous)) < 0 ||
	    setsockopt(ring->fd, SOL_PACKET, PACKET_RX_RING, &request, sizeof(request)) < 0)
		return -errno;
	frames = mmap(NULL, (size_t)ring->nr_frames * FRAME_ROOM, PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_POPULATE, ring->fd, 0);
	if (frames == MAP_FAILED)
		return -errno;
	ring->frames = frames;
	/* Last, so that nothing of another interface gets into the ring. */
	if (bind(ring->fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	return 0;
}

int ring_v2_open(struct child_side *side, const struct link *link, uint32_t nr_frames,
		 struct ring_v2 *ret_ring)
{
	struct ring_v2 ring = {.nr_frames = nr_frames};
	int err;

	ring.fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	err = ring.fd < 0 ? -errno : prepare(&ring, link);
	if (err) {
		child_fail(side, err, "V2 ring on %s: %s", link->name, strerror(-err));
		ring_v2_close(&ring);
		return err;
	}
	*ret_ring = ring;
	return 0;
}

void ring_v2_close(struct ring_v2 *ring)
{
	if (ring->frames)
		munmap(ring->frames, (size_t)ring->nr_frames * FRAME_ROOM);
	if (ring->fd >= 0)
		close(ring->fd);
}
