/* SPDX-License-Identifier: BSD-2-Clause */
#include "support/net.h"

#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define NR_MESSAGES  32u
#define TAG_BYTES    4u
#define SLOT_BYTES   (TAG_BYTES + NET_FRAME_MAX)
#define BUFFER_BYTES (512 << 20)

struct receiver {
	uint8_t *slots;
	struct mmsghdr messages[NR_MESSAGES];
	struct iovec vectors[NR_MESSAGES];
	struct sockaddr_ll senders[NR_MESSAGES];
	_Alignas(struct cmsghdr) char control[NR_MESSAGES]
					     [CMSG_SPACE(sizeof(struct tpacket_auxdata))];
};

static void prepare(struct receiver *receiver)
{
	for (unsigned int i = 0; i < NR_MESSAGES; i++) {
		/* Room in front, where the tag goes back in. */
		receiver->vectors[i] =
			(struct iovec){receiver->slots + i * SLOT_BYTES + TAG_BYTES, NET_FRAME_MAX};
		receiver->messages[i].msg_hdr = (struct msghdr){
			.msg_name = &receiver->senders[i],
			.msg_namelen = sizeof(receiver->senders[i]),
			.msg_iov = &receiver->vectors[i],
			.msg_iovlen = 1,
			.msg_control = receiver->control[i],
			.msg_controllen = sizeof(receiver->control[i]),
		};
	}
}

static int grow(struct net_tap *tap, size_t more_bytes)
{
	if (tap->nr_bytes + more_bytes > tap->room_bytes) {
		const size_t room = 2 * tap->room_bytes + more_bytes + (1 << 20);
		uint8_t *bytes = realloc(tap->bytes, room);

		if (!bytes)
			return -ENOMEM;
		tap->bytes = bytes;
		tap->room_bytes = room;
	}
	if (tap->nr_records == tap->room_records) {
		const size_t room = 2 * tap->room_records + 1024;
		struct net_record *records = realloc(tap->records, room * sizeof(*records));

		if (!records)
			return -ENOMEM;
		tap->records = records;
		tap->room_records = room;
	}
	return 0;
}

static int record(struct net_tap *tap, const uint8_t *data, uint32_t len, uint8_t direction,
		  bool checksum_ready)
{
	int error;

	pthread_mutex_lock(&tap->lock);
	error = grow(tap, len);
	if (error == 0) {
		memcpy(tap->bytes + tap->nr_bytes, data, len);
		tap->records[tap->nr_records] =
			(struct net_record){tap->nr_bytes, len, direction, checksum_ready};
		tap->nr_bytes += len;
		tap->nr_records++;
	}
	pthread_mutex_unlock(&tap->lock);
	return error;
}

static struct tpacket_auxdata auxdata(struct msghdr *message)
{
	struct tpacket_auxdata found = {0};

	for (struct cmsghdr *one = CMSG_FIRSTHDR(message); one; one = CMSG_NXTHDR(message, one))
		if (one->cmsg_level == SOL_PACKET && one->cmsg_type == PACKET_AUXDATA)
			memcpy(&found, CMSG_DATA(one), sizeof(found));
	return found;
}

static int take(struct net_tap *tap, struct receiver *receiver, unsigned int i)
{
	const struct tpacket_auxdata aux = auxdata(&receiver->messages[i].msg_hdr);
	uint8_t *data = receiver->vectors[i].iov_base;
	uint32_t len = receiver->messages[i].msg_len;

	if (receiver->messages[i].msg_hdr.msg_flags & MSG_TRUNC)
		return -EMSGSIZE;
	if (aux.tp_status & TP_STATUS_VLAN_VALID) {
		const uint32_t tpid = aux.tp_status & TP_STATUS_VLAN_TPID_VALID ? aux.tp_vlan_tpid
										: ETHERTYPE_VLAN;

		data -= TAG_BYTES;
		len += TAG_BYTES;
		memmove(data, data + TAG_BYTES, 12);
		data[12] = (uint8_t)(tpid >> 8);
		data[13] = (uint8_t)tpid;
		data[14] = (uint8_t)(aux.tp_vlan_tci >> 8);
		data[15] = (uint8_t)aux.tp_vlan_tci;
	}
	return record(tap, data, len, receiver->senders[i].sll_pkttype,
		      !(aux.tp_status & TP_STATUS_CSUMNOTREADY));
}

/* Everything that the socket holds. */
static int receive(struct net_tap *tap, struct receiver *receiver)
{
	for (;;) {
		int got, error = 0;

		prepare(receiver);
		got = recvmmsg(tap->fd, receiver->messages, NR_MESSAGES, MSG_DONTWAIT, NULL);
		if (got < 0)
			/* ENETDOWN: told once, the tap goes on when the interface is up again. */
			return errno == EAGAIN || errno == ENETDOWN || errno == EINTR ? 0 : -errno;
		for (int i = 0; i < got && error == 0; i++)
			error = take(tap, receiver, (unsigned int)i);
		if (error)
			return error;
	}
}

static void *tap_run(void *argument)
{
	struct net_tap *tap = argument;
	struct receiver *receiver = calloc(1, sizeof(*receiver));

	net_pin(1);
	if (receiver)
		receiver->slots = malloc((size_t)NR_MESSAGES * SLOT_BYTES);
	if (!receiver || !receiver->slots)
		tap->error = -ENOMEM;
	while (tap->error == 0) {
		struct pollfd fds[] = {{tap->fd, POLLIN, 0}, {tap->wake_fd, POLLIN, 0}};
		/* Read before the last look at the socket: what came before stop is recorded. */
		const bool stop = __atomic_load_n(&tap->stop, __ATOMIC_ACQUIRE);

		tap->error = receive(tap, receiver);
		if (stop)
			break;
		poll(fds, 2, 1000);
	}
	if (receiver)
		free(receiver->slots);
	free(receiver);
	return NULL;
}

static void set_option(int fd, int level, int name, int value)
{
	cr_assert(setsockopt(fd, level, name, &value, sizeof(value)) == 0, "setsockopt %d: %s",
		  name, strerror(errno));
}

void net_tap_open(struct net_tap *tap, const char *interface, bool outgoing)
{
	const int buffer_bytes = BUFFER_BYTES;
	struct sockaddr_ll address = {.sll_family = AF_PACKET};
	socklen_t len = sizeof(int);

	memset(tap, 0, sizeof(*tap));
	snprintf(tap->interface, sizeof(tap->interface), "%s", interface);
	tap->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	cr_assert(tap->fd >= 0, "socket: %s", strerror(errno));
	tap->wake_fd = eventfd(0, EFD_CLOEXEC);
	cr_assert(tap->wake_fd >= 0, "eventfd: %s", strerror(errno));
	set_option(tap->fd, SOL_PACKET, PACKET_AUXDATA, 1);
	set_option(tap->fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, outgoing ? 0 : 1);
	/* Beyond rmem_max only with CAP_NET_ADMIN over the host. */
	if (setsockopt(tap->fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer_bytes, sizeof(int)) != 0)
		set_option(tap->fd, SOL_SOCKET, SO_RCVBUF, buffer_bytes);
	cr_assert(getsockopt(tap->fd, SOL_SOCKET, SO_RCVBUF, &tap->buffer_bytes, &len) == 0);
	address.sll_protocol = (uint16_t)__builtin_bswap16(ETH_P_ALL);
	address.sll_ifindex = (int)net_index(interface);
	cr_assert(bind(tap->fd, (struct sockaddr *)&address, sizeof(address)) == 0, "bind %s: %s",
		  interface, strerror(errno));
	pthread_mutex_init(&tap->lock, NULL);
	cr_assert(pthread_create(&tap->thread, NULL, tap_run, tap) == 0);
	tap->running = true;
}

size_t net_tap_count(struct net_tap *tap)
{
	size_t nr;

	pthread_mutex_lock(&tap->lock);
	nr = tap->nr_records;
	pthread_mutex_unlock(&tap->lock);
	return nr;
}

size_t net_tap_wait(struct net_tap *tap, size_t nr)
{
	const uint64_t end = net_now_ns() + NET_PATIENCE_NS;

	while (net_tap_count(tap) < nr && net_now_ns() < end)
		net_sleep_ms(1);
	return net_tap_count(tap);
}

void net_tap_pace(struct net_tap *tap, size_t sent, size_t largest)
{
	/* Half of what fits: a frame takes up to twice its length and its skb. */
	const size_t window = (size_t)tap->buffer_bytes / (2 * (2 * largest + 1024));

	if (tap->buffer_bytes < BUFFER_BYTES && sent > window)
		net_tap_wait(tap, sent - window);
}

static void end_thread(struct net_tap *tap)
{
	const uint64_t one = 1;

	if (!tap->running)
		return;
	__atomic_store_n(&tap->stop, true, __ATOMIC_RELEASE);
	cr_assert(write(tap->wake_fd, &one, sizeof(one)) == sizeof(one));
	pthread_join(tap->thread, NULL);
	tap->running = false;
}

size_t net_tap_stop(struct net_tap *tap)
{
	struct tpacket_stats stats = {0};
	socklen_t len = sizeof(stats);

	end_thread(tap);
	cr_assert(tap->error == 0, "tap on %s: %s", tap->interface, strerror(-tap->error));
	cr_assert(getsockopt(tap->fd, SOL_PACKET, PACKET_STATISTICS, &stats, &len) == 0);
	cr_assert(stats.tp_drops == 0, "the tap itself lost %u frames", stats.tp_drops);
	return tap->nr_records;
}

static bool is_marker(const struct net_tap *tap, size_t index)
{
	size_t len;
	const uint8_t *frame = net_tap_frame(tap, index, &len);

	return len >= 14 && frame[12] == NET_ETHERTYPE_END >> 8 &&
	       frame[13] == (NET_ETHERTYPE_END & 0xff);
}

static bool marker_seen(struct net_tap *tap)
{
	bool seen;

	pthread_mutex_lock(&tap->lock);
	seen = tap->nr_records > 0 && is_marker(tap, tap->nr_records - 1);
	pthread_mutex_unlock(&tap->lock);
	return seen;
}

size_t net_tap_finish(struct net_tap *tap)
{
	const uint64_t end = net_now_ns() + NET_PATIENCE_NS;
	uint8_t marker[60] = {0};

	net_frame_fill(marker, 14, 0);
	marker[12] = NET_ETHERTYPE_END >> 8;
	marker[13] = NET_ETHERTYPE_END & 0xff;
	net_send(marker, sizeof(marker));
	while (!marker_seen(tap)) {
		cr_assert(net_now_ns() < end, "the end marker never came to %s", tap->interface);
		net_sleep_ms(1);
	}
	net_tap_stop(tap);
	tap->nr_records--;
	return tap->nr_records;
}

const uint8_t *net_tap_frame(const struct net_tap *tap, size_t index, size_t *ret_len)
{
	cr_assert(index < tap->nr_records, "%s: %zu frames recorded, frame %zu asked for",
		  tap->interface, tap->nr_records, index);
	*ret_len = tap->records[index].len;
	return tap->bytes + tap->records[index].offset;
}

void net_tap_expect(const struct net_tap *tap, uint32_t first, uint32_t count, net_size_fn *size)
{
	for (uint32_t i = 0; i < count && i < tap->nr_records; i++) {
		size_t len;
		const uint8_t *frame = net_tap_frame(tap, i, &len);

		cr_assert(len == size(first + i) && net_frame_is(frame, len, first + i, len),
			  "on the wire at place %u: frame %u of %zu bytes, expected frame %u of %u",
			  i, len >= 18 ? net_frame_number(frame) : 0, len, first + i,
			  size(first + i));
	}
	check_eq(tap->nr_records, count);
}

void net_tap_close(struct net_tap *tap)
{
	end_thread(tap);
	close(tap->fd);
	close(tap->wake_fd);
	pthread_mutex_destroy(&tap->lock);
	free(tap->bytes);
	free(tap->records);
}
