/* SPDX-License-Identifier: BSD-2-Clause */
#include "wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "console.h"

#define WARM_UP_NS     40000000u
#define SETTLE_STEP_NS 4000000u
#define SETTLE_STEPS   500 /* 2 s at most */
#define SETTLE_QUIET   25  /* steps without a frame */
#define STALL_STEP_NS  50000000u
#define STALL_STEPS    40 /* 2 s */
#define CHECK_MS       1000

int wire_read(const struct wire *wire, struct wire_mark *ret_mark)
{
	struct link_counters counters;
	int err = link_counters(wire->link, &counters);

	if (err) {
		complain("cannot read the counters of %s: %s", wire->link->name, strerror(-err));
		return err;
	}
	ret_mark->frames = wire->sent ? counters.tx_packets : counters.rx_packets;
	ret_mark->seen = ret_mark->frames + (wire->sent ? 0 : counters.rx_dropped);
	return 0;
}

int wire_settle(const struct wire *wire, const struct wire_mark *before, uint64_t made,
		struct wire_mark *ret_mark)
{
	struct wire_mark mark;
	uint64_t last_seen;
	int quiet = 0, err = wire_read(wire, &mark);

	for (int i = 0; !err && i < SETTLE_STEPS && quiet < SETTLE_QUIET; i++) {
		if (mark.seen - before->seen >= made)
			break;
		last_seen = mark.seen;
		cpu_sleep_ns(SETTLE_STEP_NS);
		err = wire_read(wire, &mark);
		quiet = mark.seen == last_seen ? quiet + 1 : 0;
	}
	if (!err)
		*ret_mark = mark;
	return err;
}

int wire_measure(const struct wire *wire, struct child *const *children, size_t nr, double seconds,
		 struct wire_window *ret_window)
{
	struct wire_mark first, last;
	uint64_t start_ns, end_ns;
	int err = children_watch(children, nr, WARM_UP_NS);

	if (!err)
		err = wire_read(wire, &first);
	start_ns = cpu_now_ns();
	if (!err)
		err = children_watch(children, nr, (uint64_t)(seconds * 1e9));
	if (!err)
		err = wire_read(wire, &last);
	/* On a busy machine a short window may pass without a single frame. */
	for (int i = 0; !err && last.frames == first.frames && i < STALL_STEPS; i++) {
		err = children_watch(children, nr, STALL_STEP_NS);
		if (!err)
			err = wire_read(wire, &last);
	}
	end_ns = cpu_now_ns();
	if (err)
		return err;
	ret_window->seconds = (double)(end_ns - start_ns) / 1e9;
	ret_window->mpps = (double)(last.frames - first.frames) / ret_window->seconds / 1e6;
	return 0;
}

int wire_watch(const struct link *link)
{
	const struct sockaddr_ll address = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = link->index,
	};
	const int one = 1, bytes = 4 << 20;
	const struct packet_mreq promiscuous = {
		.mr_ifindex = link->index,
		.mr_type = PACKET_MR_PROMISC,
	};
	int err, fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0) {
		err = -errno;
		complain("cannot open a packet socket: %s; CAP_NET_RAW is needed", strerror(-err));
		return err;
	}
	setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one));
	setsockopt(fd, SOL_PACKET, PACKET_AUXDATA, &one, sizeof(one));
	setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &promiscuous, sizeof(promiscuous));
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) < 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
		err = -errno;
		complain("cannot watch %s: %s", link->name, strerror(-err));
		close(fd);
		return err;
	}
	return fd;
}

/* A frame whose checksum is left to the NIC (none, on veth) is completed. */
static ssize_t receive_one(int fd, uint8_t *data, size_t room)
{
	_Alignas(struct cmsghdr) uint8_t control[CMSG_SPACE(sizeof(struct tpacket_auxdata))];
	struct iovec vector = {.iov_base = data, .iov_len = room};
	struct msghdr message = {
		.msg_iov = &vector,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	const ssize_t bytes = recvmsg(fd, &message, MSG_TRUNC);
	const struct cmsghdr *header = bytes < 0 ? NULL : CMSG_FIRSTHDR(&message);
	struct tpacket_auxdata metadata;

	if (header && header->cmsg_level == SOL_PACKET && header->cmsg_type == PACKET_AUXDATA &&
	    bytes >= FRAME_BYTES_MIN && (size_t)bytes <= room) {
		memcpy(&metadata, CMSG_DATA(header), sizeof(metadata));
		if (metadata.tp_status & TP_STATUS_CSUMNOTREADY)
			frame_finish_checksum(data, (size_t)bytes);
	}
	return bytes;
}

static int receive(int fd, uint8_t *data, size_t room, uint64_t deadline_ns, size_t *ret_bytes)
{
	struct pollfd wait = {.fd = fd, .events = POLLIN};

	for (;;) {
		const uint64_t now_ns = cpu_now_ns();
		const ssize_t bytes = receive_one(fd, data, room);

		if (bytes >= 0) {
			*ret_bytes = (size_t)bytes;
			return 0;
		}
		if (errno != EAGAIN && errno != EINTR)
			return -errno;
		if (interrupted())
			return -EINTR;
		if (now_ns >= deadline_ns)
			return -ETIMEDOUT;
		poll(&wait, 1, (int)((deadline_ns - now_ns) / 1000000) + 1);
	}
}

static size_t first_difference(const uint8_t *a, const uint8_t *b, size_t bytes)
{
	size_t at = 0;

	while (at < bytes && a[at] == b[at])
		at++;
	return at;
}

int wire_check(int fd, const struct frame_set *set, uint32_t nr, char *why, size_t why_bytes)
{
	static uint8_t wanted[FRAME_BYTES_MAX], found[FRAME_BYTES_MAX];
	const uint64_t deadline_ns = cpu_now_ns() + (uint64_t)CHECK_MS * 1000000;

	for (uint32_t i = 0; i < nr;) {
		size_t bytes = 0;
		uint32_t wanted_bytes;
		int err = receive(fd, found, sizeof(found), deadline_ns, &bytes);

		if (err) {
			snprintf(why, why_bytes, "%u of %u frames arrived", i, nr);
			return err;
		}
		if (bytes < FRAME_BYTES_MIN ||
		    memcmp(found + ETH_ALEN, set->frames[0] + ETH_ALEN, ETH_ALEN))
			continue; /* someone else's */
		wanted_bytes = frame_set_write(set, wanted, i);
		if (bytes != wanted_bytes) {
			snprintf(why, why_bytes, "frame %u arrived with %zu bytes instead of %u", i,
				 bytes, wanted_bytes);
			return -EBADMSG;
		}
		if (memcmp(found, wanted, bytes)) {
			const size_t at = first_difference(found, wanted, bytes);

			snprintf(why, why_bytes,
				 "frame %u arrived with 0x%02x at %zu instead of 0x%02x", i,
				 found[at], at, wanted[at]);
			return -EBADMSG;
		}
		i++;
	}
	return 0;
}
