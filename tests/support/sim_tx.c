/* SPDX-License-Identifier: BSD-2-Clause */
/* The played kernel's sending side: tpacket_snd(), packet_snd(), and what arrives on the wire. */
#include "sim_internal.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#define V1_FRAME_OFFSET 32u
#define VNET_BYTES      10u
#define ETHERNET_BYTES  14u
#define VLAN_BYTES      4u
#define MAX_FRAME_BYTES 70000u
#define MAX_HELD        65536u /* a power of two, no ring has more slots */

/* A frame that the kernel still reads from its slot. */
struct held {
	struct tpacket_hdr *slot;
	const uint8_t *bytes; /* the slot's, and as they were when sent */
	const uint8_t *sent;
	uint32_t len;
};

static struct {
	struct sim_wire_frame *wire;
	uint32_t nr_wire;
	uint32_t wire_room;
	uint32_t nr_superframes;
	uint32_t nr_rejected;
	/* From the sending thread to the completing one. */
	struct held queue[MAX_HELD];
	uint32_t queue_head;
	uint32_t queue_tail;
	/* The completing side's alone. */
	struct held held[MAX_HELD];
	uint32_t nr_held;
	uint64_t random;
	pthread_t thread;
	bool has_thread;
	bool end_thread;
} tx;

uint8_t *sim_wire_log(const uint8_t *data, uint32_t len)
{
	if (tx.nr_wire == tx.wire_room) {
		tx.wire_room = tx.wire_room ? 2 * tx.wire_room : 1024;
		tx.wire = realloc(tx.wire, tx.wire_room * sizeof(*tx.wire));
		SIM_CHECK(tx.wire, "out of memory");
	}
	tx.wire[tx.nr_wire] = (struct sim_wire_frame){len, malloc(len ? len : 1)};
	SIM_CHECK(tx.wire[tx.nr_wire].data, "out of memory");
	memcpy(tx.wire[tx.nr_wire].data, data, len);
	return tx.wire[tx.nr_wire++].data;
}

int sim_device_error(void)
{
	if (zr_load_relaxed(&sim.ifindex) < 0)
		return ENXIO;
	return zr_load_relaxed(&sim.down) ? ENETDOWN : 0;
}

/* What becomes of a frame: 0, EAGAIN before it is looked at, its own fault, ENOBUFS. */
static int frame_error(const uint8_t *data, uint32_t len, bool vnet_header)
{
	uint32_t most = zr_load_relaxed(&sim.mtu) + ETHERNET_BYTES;

	if (sim_chance(&sim.random, sim.config.eagain))
		return EAGAIN;
	if (len < ETHERNET_BYTES)
		return EINVAL;
	if (data[12] == 0x81 && data[13] == 0x00)
		most += VLAN_BYTES;
	if (len > most && !vnet_header)
		return EMSGSIZE;
	if (sim_chance(&sim.random, sim.config.reject))
		return sim_chance(&sim.random, 500) ? EMSGSIZE : EINVAL;
	return sim_chance(&sim.random, sim.config.enobufs) ? ENOBUFS : 0;
}

static bool is_busy(int error)
{
	return error == EAGAIN || error == ENOBUFS;
}

static void hold(struct tpacket_hdr *slot, const uint8_t *bytes, const uint8_t *sent, uint32_t len)
{
	const uint32_t at = tx.queue_tail;

	SIM_CHECK(at - zr_load_relaxed(&tx.queue_head) < MAX_HELD, "more frames than slots");
	tx.queue[at % MAX_HELD] = (struct held){slot, bytes, sent, len};
	zr_store_release(&tx.queue_tail, at + 1);
}

static void refuse(struct sim_fd *socket, struct tpacket_hdr *slot)
{
	tx.nr_rejected++;
	if (socket->loss)
		socket->tx_head++;
	zr_store_release(&slot->tp_status,
			 socket->loss ? TP_STATUS_AVAILABLE : TP_STATUS_WRONG_FORMAT);
}

static struct tpacket_hdr *slot_at(const struct sim_fd *socket)
{
	const uint32_t slot = socket->tx_head % socket->tx_ring.nr_frames;

	return (void *)(socket->tx_ring.memory + (size_t)slot * socket->tx_ring.frame_bytes);
}

static void send_slot(struct sim_fd *socket, struct tpacket_hdr *slot, const uint8_t *data,
		      uint32_t len)
{
	const uint8_t *const sent = sim_wire_log(data, len);

	socket->tx_head++;
	zr_store_release(&slot->tp_status, TP_STATUS_SENDING);
	if (sim_chance(&sim.random, sim.config.hold))
		hold(slot, data, sent, len);
	else
		zr_store_release(&slot->tp_status, TP_STATUS_AVAILABLE);
}

/* tpacket_snd() with MSG_DONTWAIT */
static ssize_t kick(struct sim_fd *socket)
{
	const uint32_t extra = socket->vnet_header ? VNET_BYTES : 0;
	ssize_t sum = 0;

	if (sim_device_error())
		return sim_fail_with(sim_device_error());
	for (;;) {
		struct tpacket_hdr *slot = slot_at(socket);
		const uint8_t *const data = (const uint8_t *)slot + V1_FRAME_OFFSET + extra;
		uint32_t len;
		int err;

		if (zr_load_acquire(&slot->tp_status) != TP_STATUS_SEND_REQUEST)
			return sum;
		SIM_CHECK(slot->tp_len >= extra &&
				  slot->tp_len + V1_FRAME_OFFSET <= socket->tx_ring.frame_bytes,
			  "a length of %u", slot->tp_len);
		len = slot->tp_len - extra;
		err = frame_error(data, len, socket->vnet_header);
		if (err == EAGAIN && sum)
			return sum;
		if (is_busy(err))
			return sim_fail_with(err);
		if (err)
			refuse(socket, slot);
		if (err && !socket->loss)
			return sim_fail_with(err);
		if (!err) {
			send_slot(socket, slot, data, len);
			sum += len;
		}
	}
}

/* packet_snd(): one frame, copied */
static ssize_t send_copy(const uint8_t *data, size_t len, bool vnet_header)
{
	const uint32_t extra = vnet_header ? VNET_BYTES : 0;
	int err = sim_device_error();

	SIM_CHECK(len >= extra, "shorter than its offload header");
	if (!err)
		err = frame_error(data + extra, (uint32_t)len - extra, vnet_header);
	if (err)
		return sim_fail_with(err);
	sim_wire_log(data + extra, (uint32_t)len - extra);
	return (ssize_t)len;
}

/* The error is shown to the program: a frame's own fault ends it there. */
static int show(int error)
{
	if (!is_busy(error) && !sim_device_error())
		tx.nr_rejected++;
	return sim_fail_with(error);
}

ssize_t sim_sendto(int fd, const void *data, size_t len, int flags, const struct sockaddr *address,
		   socklen_t address_len)
{
	struct sim_fd *socket = sim_fd(fd);
	ssize_t sent;

	(void)address, (void)address_len;
	if (sim_fault("sendto", 0, 0))
		return -1;
	if (socket->kind == SIM_FD_NETLINK)
		return sim_netlink_ask(socket, data, len);
	SIM_CHECK(flags & MSG_DONTWAIT, "a send that can block can be cut short");
	if (socket->kind == SIM_FD_XDP)
		return sim_xdp_sendto(socket->xdp);
	SIM_CHECK(socket->bound, "not bound");
	if (socket->tx_ring.exists)
		return kick(socket);
	sent = send_copy(data, len, socket->vnet_header);
	return sent < 0 ? show(errno) : sent;
}

static size_t gather(const struct msghdr *message, uint8_t *buffer)
{
	size_t len = 0;

	for (size_t i = 0; i < message->msg_iovlen; i++) {
		const struct iovec *vector = &message->msg_iov[i];

		SIM_CHECK(len + vector->iov_len <= MAX_FRAME_BYTES, "%zu bytes",
			  len + vector->iov_len);
		memcpy(buffer + len, vector->iov_base, vector->iov_len);
		len += vector->iov_len;
	}
	return len;
}

ssize_t sim_sendmsg(int fd, const struct msghdr *message, int flags)
{
	struct sim_fd *socket = sim_fd(fd);
	uint8_t buffer[MAX_FRAME_BYTES];
	const size_t len = gather(message, buffer);
	ssize_t sent;

	if (sim_fault("sendmsg", 0, 0))
		return -1;
	SIM_CHECK((flags & MSG_DONTWAIT) && socket->vnet_header, "no super-frame");
	sent = send_copy(buffer, len, true);
	tx.nr_superframes += sent > 0;
	return sent;
}

/* __sys_sendmmsg(): the error behind a part that was sent is not told */
int sim_sendmmsg(int fd, struct mmsghdr *messages, unsigned int nr, int flags)
{
	struct sim_fd *socket = sim_fd(fd);
	unsigned int done = 0;
	ssize_t sent;

	if (sim_fault("sendmmsg", (int)nr, 0))
		return -1;
	SIM_CHECK((flags & MSG_DONTWAIT) && nr, "%u messages", nr);
	for (; done < nr; done++) {
		SIM_CHECK(messages[done].msg_hdr.msg_iovlen == 1, "one vector a frame");
		sent = send_copy(messages[done].msg_hdr.msg_iov->iov_base,
				 messages[done].msg_hdr.msg_iov->iov_len, socket->vnet_header);
		if (sent < 0)
			break;
		messages[done].msg_len = (unsigned int)sent;
	}
	return done ? (int)done : show(errno);
}

static void take_queue(void)
{
	const uint32_t tail = zr_load_acquire(&tx.queue_tail);

	for (; tx.queue_head != tail; zr_store_relaxed(&tx.queue_head, tx.queue_head + 1))
		tx.held[tx.nr_held++] = tx.queue[tx.queue_head % MAX_HELD];
}

/* tpacket_destruct_skb() */
static void complete(uint32_t i)
{
	const struct held done = tx.held[i];

	tx.held[i] = tx.held[--tx.nr_held];
	SIM_CHECK(zr_load_relaxed(&done.slot->tp_status) == TP_STATUS_SENDING,
		  "the status of a slot changed while the kernel had it");
	SIM_CHECK(memcmp(done.bytes, done.sent, done.len) == 0,
		  "the bytes of a slot changed while the kernel had it");
	/* Without PACKET_TIMESTAMP on the socket no timestamp bit is set beside it. */
	zr_store_release(&done.slot->tp_status, TP_STATUS_AVAILABLE);
}

uint32_t sim_tx_complete(uint32_t nr)
{
	uint32_t done = 0;

	take_queue();
	for (; done < nr && tx.nr_held; done++)
		complete(sim_below(&tx.random, tx.nr_held));
	return done;
}

static void *complete_always(void *unused)
{
	const struct timespec pause = {.tv_nsec = 20000};

	(void)unused;
	while (!zr_load_relaxed(&tx.end_thread))
		if (!sim_tx_complete(1 + sim_below(&tx.random, 8)))
			nanosleep(&pause, NULL);
	while (sim_tx_complete(MAX_HELD))
		;
	return NULL;
}

void sim_tx_thread_start(void)
{
	tx.end_thread = false;
	SIM_CHECK(pthread_create(&tx.thread, NULL, complete_always, NULL) == 0, "no thread");
	tx.has_thread = true;
}

void sim_tx_thread_end(void)
{
	zr_store_relaxed(&tx.end_thread, true);
	pthread_join(tx.thread, NULL);
	tx.has_thread = false;
}

uint32_t sim_wire_count(void)
{
	return tx.nr_wire;
}

const struct sim_wire_frame *sim_wire_frame(uint32_t i)
{
	SIM_CHECK(i < tx.nr_wire, "only %u frames left", tx.nr_wire);
	return &tx.wire[i];
}

void sim_wire_forget(void)
{
	for (uint32_t i = 0; i < tx.nr_wire; i++)
		free(tx.wire[i].data);
	tx.nr_wire = 0;
}

uint32_t sim_nr_superframes(void)
{
	return tx.nr_superframes;
}

uint32_t sim_nr_rejected(void)
{
	return tx.nr_rejected;
}

uint32_t sim_tx_head(void)
{
	for (int i = 0; i < SIM_MAX_FDS; i++)
		if (sim.fds[i].kind == SIM_FD_PACKET && sim.fds[i].tx_ring.exists)
			return sim.fds[i].tx_head;
	return 0;
}

void sim_tx_reset(void)
{
	sim_tx_end();
	tx.random = ~sim.config.seed;
}

void sim_tx_end(void)
{
	SIM_CHECK(!tx.has_thread, "the completing thread still runs");
	sim_wire_forget();
	free(tx.wire);
	tx.wire = NULL;
	tx.wire_room = 0;
	tx.nr_superframes = 0;
	tx.nr_rejected = 0;
	tx.queue_head = 0;
	tx.queue_tail = 0;
	tx.nr_held = 0;
}
