/* SPDX-License-Identifier: BSD-2-Clause */
#include "support/net.h"

#include <errno.h>
#include <netpacket/packet.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int net_sender_open(const char *interface)
{
	const struct sockaddr_ll address = {.sll_family = AF_PACKET,
					    .sll_ifindex = (int)net_index(interface)};
	const int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	cr_assert(fd >= 0, "socket: %s", strerror(errno));
	cr_assert(bind(fd, (const struct sockaddr *)&address, sizeof(address)) == 0, "bind %s: %s",
		  interface, strerror(errno));
	return fd;
}

int net_sender_send(int fd, const void *frame, size_t len)
{
	const uint64_t end = net_now_ns() + NET_PATIENCE_NS;

	for (;;) {
		if (send(fd, frame, len, 0) == (ssize_t)len)
			return 0;
		/* ENOBUFS: the frame was dropped before the wire, so it is sent again. */
		if ((errno != ENOBUFS && errno != EINTR) || net_now_ns() > end)
			return -errno;
		usleep(100);
	}
}

#define NR_SHARED 4u

/*
 * The sockets that net_send() and net_send_numbered() share. Kept, because
 * closing a packet socket waits for RCU: some 10 ms each time.
 */
static int shared_sender(const char *interface)
{
	static struct {
		uint64_t namespace_id;
		uint32_t index;
		int fd;
	} shared[NR_SHARED];
	static uint32_t nr_shared;
	const uint64_t namespace_id = net_namespace_id();
	const uint32_t index = net_index(interface);
	uint32_t at = 0;

	while (at < nr_shared && at < NR_SHARED &&
	       (shared[at].index != index || shared[at].namespace_id != namespace_id))
		at++;
	if (at < nr_shared && at < NR_SHARED)
		return shared[at].fd;
	at = nr_shared++ % NR_SHARED;
	if (nr_shared > NR_SHARED)
		close(shared[at].fd);
	shared[at].fd = net_sender_open(interface);
	shared[at].index = index;
	shared[at].namespace_id = namespace_id;
	return shared[at].fd;
}

void net_send_on(const char *interface, const void *frame, size_t len)
{
	const int error = net_sender_send(shared_sender(interface), frame, len);

	cr_assert(error == 0, "send of %zu bytes on %s: %s", len, interface, strerror(-error));
}

void net_send(const void *frame, size_t len)
{
	net_send_on(NET_NEAR, frame, len);
}

static int send_numbered(int fd, uint32_t number, net_size_fn *size)
{
	uint8_t frame[NET_FRAME_MAX];
	const uint32_t len = size(number);

	net_frame_fill(frame, len, number);
	return net_sender_send(fd, frame, len);
}

void net_send_numbered(const char *interface, uint32_t first, uint32_t count, net_size_fn *size)
{
	const int fd = shared_sender(interface);
	int error = 0;

	for (uint32_t i = 0; i < count && error == 0; i++)
		error = send_numbered(fd, first + i, size);
	cr_assert(error == 0, "sending on %s: %s", interface, strerror(-error));
}

static bool must_stop(struct net_stream *stream)
{
	return __atomic_load_n(&stream->stop, __ATOMIC_RELAXED);
}

static void *stream_run(void *argument)
{
	struct net_stream *stream = argument;
	const uint64_t end = net_now_ns() + NET_PATIENCE_NS;
	uint32_t i;

	net_pin(1);
	for (i = 0; stream->count == 0 || i < stream->count; i++) {
		if (must_stop(stream) || net_now_ns() > end)
			break;
		stream->error = send_numbered(stream->fd, stream->first + i, stream->size);
		if (stream->error)
			break;
	}
	stream->sent = i;
	return NULL;
}

void net_stream_start(struct net_stream *stream)
{
	stream->fd = net_sender_open(stream->interface);
	stream->error = 0;
	stream->sent = 0;
	stream->stop = false;
	cr_assert(pthread_create(&stream->thread, NULL, stream_run, stream) == 0);
}

uint32_t net_stream_end(struct net_stream *stream)
{
	pthread_join(stream->thread, NULL);
	close(stream->fd);
	cr_assert(stream->error == 0, "sending on %s: %s", stream->interface,
		  strerror(-stream->error));
	return stream->sent;
}

uint32_t net_stream_stop(struct net_stream *stream)
{
	__atomic_store_n(&stream->stop, true, __ATOMIC_RELAXED);
	return net_stream_end(stream);
}
