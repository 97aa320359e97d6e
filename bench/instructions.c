/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The loops whose instructions bench/instructions counts. They run against a
 * ring recorded in memory: this program's own socket, setsockopt, mmap and
 * sendto answer for one descriptor in the kernel's place, so that the count is
 * the same on every machine and needs no privilege.
 *
 *	instructions rx-batch|rx-flat|tx-ring|xdp-rx|xdp-tx PACKETS
 */
#include "instructions.h"

#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <zring/zring.h>

#define FLUSH_EVERY 64u
#define KICK_EVERY  32u /* as many as every kernel takes a kick */

/* Where the kernel puts a frame on Ethernet: tpacket_rcv(), tpacket_fill_skb(). */
#define BLOCK_HEADER_BYTES 48u
#define RX_MAC             82u
#define RX_STRIDE          144u /* 82 + 60, rounded up to 8 */

static struct {
	int fd;
	uint8_t *ring;
	struct tpacket_req3 request;
	uint32_t head; /* of the sending ring */
} fake = {.fd = -1};

/* Everything that does not concern the recorded ring goes to the real kernel. */
int socket(int domain, int type, int protocol)
{
	int fd;

	if (domain == AF_XDP)
		return played_xdp_socket();
	fd = (int)syscall(SYS_socket, domain == AF_PACKET ? AF_UNIX : domain,
			  domain == AF_PACKET ? SOCK_DGRAM | SOCK_CLOEXEC : type,
			  domain == AF_PACKET ? 0 : protocol);
	if (domain == AF_PACKET && fake.fd < 0)
		fake.fd = fd;
	return fd;
}

int setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
	if (level == SOL_XDP)
		return played_xdp_setsockopt(name, value, len);
	if (level != SOL_PACKET)
		return (int)syscall(SYS_setsockopt, fd, level, name, value, len);
	if (name == PACKET_RX_RING || name == PACKET_TX_RING)
		memcpy(&fake.request, value,
		       len < sizeof(fake.request) ? len : sizeof(fake.request));
	return 0;
}

int getsockopt(int fd, int level, int name, void *restrict value, socklen_t *restrict len)
{
	if (level == SOL_XDP)
		return played_xdp_getsockopt(name, value, *len);
	if (level != SOL_PACKET)
		return (int)syscall(SYS_getsockopt, fd, level, name, value, len);
	memset(value, 0, *len);
	return 0;
}

int bind(int fd, __CONST_SOCKADDR_ARG address, socklen_t len)
{
	return fd == fake.fd || played_xdp_is(fd)
		       ? 0
		       : (int)syscall(SYS_bind, fd, address.__sockaddr__, len);
}

int ioctl(int fd, unsigned long request, ...)
{
	struct ifreq *interface;
	va_list arguments;

	va_start(arguments, request);
	interface = va_arg(arguments, struct ifreq *);
	va_end(arguments);
	switch (request) {
	case SIOCGIFINDEX:
		interface->ifr_ifindex = IFINDEX;
		return 0;
	case SIOCGIFMTU:
		interface->ifr_mtu = MTU;
		return 0;
	case SIOCGIFHWADDR:
		interface->ifr_hwaddr.sa_family = ARPHRD_ETHER;
		return 0;
	default:
		return (int)syscall(SYS_ioctl, fd, request, interface);
	}
}

void *mmap(void *address, size_t len, int protection, int flags, int fd, off_t offset)
{
	const bool ours = fd >= 0 && fd == fake.fd;
	void *mapping;

	if (played_xdp_is(fd))
		return played_xdp_mmap(len, offset);
	if (ours) {
		flags = MAP_PRIVATE | MAP_ANONYMOUS;
		fd = -1;
	}
	mapping = (void *)syscall(SYS_mmap, address, len, protection, flags, fd, offset);
	if (ours)
		fake.ring = mapping;
	return mapping;
}

/* Takes what is requested, in order, as tpacket_snd() does. Not part of the count. */
ssize_t sendto(int fd, const void *data, size_t len, int flags, __CONST_SOCKADDR_ARG address,
	       socklen_t address_len)
{
	const uint32_t nr = fake.request.tp_frame_nr;
	ssize_t taken = 0;

	if (played_xdp_is(fd)) {
		played_xdp_send();
		return 0;
	}
	if (fd != fake.fd)
		return syscall(SYS_sendto, fd, data, len, flags, address.__sockaddr__, address_len);
	for (uint32_t i = 0; i < nr; i++) {
		struct tpacket_hdr *frame =
			(struct tpacket_hdr *)(fake.ring +
					       (size_t)fake.head * fake.request.tp_frame_size);

		if (frame->tp_status != TP_STATUS_SEND_REQUEST)
			break;
		frame->tp_status = TP_STATUS_AVAILABLE;
		taken += (ssize_t)frame->tp_len;
		fake.head = fake.head + 1 == nr ? 0 : fake.head + 1;
	}
	return taken;
}

static uint32_t per_block(void)
{
	return (fake.request.tp_block_size - BLOCK_HEADER_BYTES) / RX_STRIDE;
}

static void record_packet(uint8_t *frame, bool last)
{
	struct tpacket3_hdr *header = (struct tpacket3_hdr *)frame;

	header->tp_next_offset = last ? 0 : RX_STRIDE;
	header->tp_snaplen = PACKET_BYTES;
	header->tp_len = PACKET_BYTES;
	header->tp_status = TP_STATUS_USER;
	header->tp_mac = RX_MAC;
	header->tp_net = RX_MAC + ETH_HLEN;
	memset(frame + RX_MAC, 0x5a, PACKET_BYTES);
}

static void record_ring(void)
{
	const uint32_t nr = per_block();

	for (uint32_t b = 0; b < fake.request.tp_block_nr; b++) {
		uint8_t *block = fake.ring + (size_t)b * fake.request.tp_block_size;
		struct tpacket_hdr_v1 *header = &((struct tpacket_block_desc *)block)->hdr.bh1;

		for (uint32_t i = 0; i < nr; i++)
			record_packet(block + BLOCK_HEADER_BYTES + i * RX_STRIDE, i == nr - 1);
		header->num_pkts = nr;
		header->offset_to_first_pkt = BLOCK_HEADER_BYTES;
		header->blk_len = BLOCK_HEADER_BYTES + nr * RX_STRIDE;
		header->seq_num = b + 1;
		header->block_status = TP_STATUS_USER;
	}
}

/* Callgrind counts inside this function only. */
__attribute__((noinline)) uint64_t counted_rx_batch(struct zring_capture *capture,
						    struct zring_batch *batch, uint64_t nr_wanted)
{
	uint64_t nr = 0, bytes = 0;
	uint8_t parity = 0;

	while (nr < nr_wanted) {
		const struct zring_packet *packet;
		const int got = zring_capture_next(capture, batch, 0);

		if (got <= 0)
			break;
		zring_batch_for_each (batch, packet) {
			bytes += packet->len;
			parity ^= packet->data[0];
		}
		nr += (uint64_t)got;
		zring_batch_release(batch);
	}
	return nr == nr_wanted ? bytes + parity : 0;
}

__attribute__((noinline)) uint64_t counted_rx_flat(struct zring_capture *capture,
						   uint64_t nr_wanted)
{
	const struct zring_packet *packet;
	uint64_t nr = 0, bytes = 0;
	uint8_t parity = 0;

	while (nr < nr_wanted && zring_capture_next_packet(capture, &packet, 0) == 1) {
		bytes += packet->len;
		parity ^= packet->data[0];
		nr++;
	}
	return nr == nr_wanted ? bytes + parity : 0;
}

__attribute__((noinline)) uint64_t counted_tx_ring(struct zring_injector *injector,
						   const uint8_t *frame, uint64_t nr_wanted)
{
	for (uint64_t nr = 0; nr < nr_wanted; nr += FLUSH_EVERY) {
		for (uint32_t i = 0; i < FLUSH_EVERY; i++) {
			uint8_t *data;

			if (zring_injector_reserve(injector, &data, 0) <= 0)
				return 0;
			memcpy(data, frame, PACKET_BYTES);
			if (zring_injector_submit(injector, PACKET_BYTES))
				return 0;
		}
		zring_injector_flush(injector);
	}
	return nr_wanted;
}

__attribute__((noinline)) uint64_t counted_xdp_rx(struct zring_capture *capture,
						  struct zring_batch *batch, uint64_t nr_wanted)
{
	uint64_t nr = 0, bytes = 0;
	uint8_t parity = 0;

	while (nr < nr_wanted) {
		const struct zring_packet *packet;
		int got;

		played_xdp_receive();
		got = zring_capture_next(capture, batch, 0);
		if (got <= 0)
			break;
		zring_batch_for_each (batch, packet) {
			bytes += packet->len;
			parity ^= packet->data[0];
		}
		nr += (uint64_t)got;
		zring_batch_release(batch);
	}
	/* All came as they were meant, however the last batch was cut. */
	return nr >= nr_wanted && bytes == nr * PACKET_BYTES && parity == (nr & 1 ? 0x5a : 0) ? nr
											      : 0;
}

__attribute__((noinline)) uint64_t counted_xdp_tx(struct zring_injector *injector,
						  const uint8_t *frame, uint64_t nr_wanted)
{
	for (uint64_t nr = 0; nr < nr_wanted; nr += KICK_EVERY) {
		for (uint32_t i = 0; i < KICK_EVERY; i++) {
			uint8_t *data;

			if (zring_injector_reserve(injector, &data, 0) <= 0)
				return 0;
			memcpy(data, frame, PACKET_BYTES);
			if (zring_injector_submit(injector, PACKET_BYTES))
				return 0;
		}
		zring_injector_flush(injector);
	}
	return nr_wanted;
}

static int fail(const char *what, const struct zring_diag *diag)
{
	fprintf(stderr, "instructions: %s: %s\n", what, diag->message);
	return 1;
}

static int run_rx(bool flat, uint64_t nr_wanted)
{
	struct zring_diag diag = {0};
	struct zring_capture *capture;
	struct zring_batch batch;
	uint64_t result;

	if (zring_capture_open("recorded", NULL, &diag, &capture))
		return fail("capture", &diag);
	record_ring();
	/* Whole blocks, so that two runs differ by whole blocks. */
	nr_wanted = nr_wanted / per_block() * per_block();
	if (zring_batch_init(&batch, ZRING_BATCH_DEFAULT))
		return fail("batch", &diag);
	result = flat ? counted_rx_flat(capture, nr_wanted)
		      : counted_rx_batch(capture, &batch, nr_wanted);
	printf("%llu\n", (unsigned long long)(result ? nr_wanted : 0));
	zring_batch_fini(&batch);
	zring_capture_close(capture);
	return !result;
}

static int run_xdp_rx(uint64_t nr_wanted)
{
	const struct zring_capture_options options = {
		.size = sizeof(options),
		.backend = ZRING_BACKEND_AFXDP,
		.direction = ZRING_CAPTURE_IN,
	};
	struct zring_diag diag = {0};
	struct zring_capture *capture;
	struct zring_batch batch;
	uint64_t nr;

	played_xdp_program();
	if (zring_capture_open("recorded", &options, &diag, &capture))
		return fail("capture", &diag);
	if (zring_batch_init(&batch, ZRING_BATCH_DEFAULT))
		return fail("batch", &diag);
	nr = counted_xdp_rx(capture, &batch, nr_wanted);
	printf("%llu\n", (unsigned long long)nr);
	zring_batch_fini(&batch);
	zring_capture_close(capture);
	return !nr;
}

static int run_tx(bool xdp, uint64_t nr_wanted)
{
	const struct zring_injector_options options = {
		.size = sizeof(options),
		.backend = xdp ? ZRING_BACKEND_AFXDP : ZRING_BACKEND_AFPACKET,
		.method = xdp ? ZRING_METHOD_XDP : ZRING_METHOD_RING,
	};
	const uint32_t every = xdp ? KICK_EVERY : FLUSH_EVERY;
	const uint64_t nr_flushed = nr_wanted / every * every;
	uint8_t frame[PACKET_BYTES] = {0};
	struct zring_injector_stats stats;
	struct zring_diag diag = {0};
	struct zring_injector *injector;
	uint64_t result;

	played_xdp_program();
	if (zring_injector_open("recorded", &options, &diag, &injector))
		return fail("injector", &diag);
	result = (xdp ? counted_xdp_tx : counted_tx_ring)(injector, frame, nr_flushed);
	zring_injector_drain(injector, 0);
	zring_injector_get_stats(injector, &stats);
	printf("%llu\n", (unsigned long long)stats.sent);
	zring_injector_close(injector);
	return !result || stats.sent != nr_flushed;
}

int main(int argc, char **argv)
{
	const uint64_t nr = argc == 3 ? strtoull(argv[2], NULL, 10) : 0;

	if (nr && strcmp(argv[1], "rx-batch") == 0)
		return run_rx(false, nr);
	if (nr && strcmp(argv[1], "rx-flat") == 0)
		return run_rx(true, nr);
	if (nr && strcmp(argv[1], "tx-ring") == 0)
		return run_tx(false, nr);
	if (nr && strcmp(argv[1], "xdp-rx") == 0)
		return run_xdp_rx(nr);
	if (nr && strcmp(argv[1], "xdp-tx") == 0)
		return run_tx(true, nr);
	fprintf(stderr, "usage: instructions rx-batch|rx-flat|tx-ring|xdp-rx|xdp-tx PACKETS\n");
	return 2;
}
