/* SPDX-License-Identifier: BSD-2-Clause */
/* A UDP super-frame through the offload header: gathered from the caller's frames, cut below. */
#include "tx.h"

#include <errno.h>
#include <linux/virtio_net.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/uio.h>

#include "../core/barrier.h"
#include "../syscall.h"
#include "frame.h"

#ifndef VIRTIO_NET_HDR_GSO_UDP_L4
#define VIRTIO_NET_HDR_GSO_UDP_L4 5 /* Linux 6.2 */
#endif

#define MAX_FRAMES      64
#define LINK_BYTES      14u
#define UDP_CHECKSUM_AT 6u
#define FIRST_NAP_NS    UINT64_C(20000)

static void put_be16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static uint32_t sum_be16(const uint8_t *at, uint32_t bytes)
{
	uint32_t sum = 0;

	for (uint32_t i = 0; i + 1 < bytes; i += 2)
		sum += (uint32_t)at[i] << 8 | at[i + 1];
	return sum;
}

static uint32_t fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

/* The headers of the whole: lengths over all payloads, checksums left as the kernel wants them. */
static void make_headers(const struct zring_packet *first, const struct zr_udp_frame *frame,
			 uint32_t payload_bytes, uint8_t *ret_header)
{
	uint8_t *const ip = ret_header + LINK_BYTES;
	uint8_t *const udp = ip + frame->ip_bytes;
	const uint32_t udp_len = frame->header_bytes - LINK_BYTES - frame->ip_bytes + payload_bytes;
	const uint8_t *const addresses = frame->is_ipv6 ? ip + 8 : ip + 12;
	const uint32_t address_bytes = frame->is_ipv6 ? 32 : 8;

	memcpy(ret_header, first->data, frame->header_bytes);
	if (frame->is_ipv6) {
		put_be16(ip + 4, udp_len);
	} else {
		put_be16(ip + 2, frame->ip_bytes + udp_len);
		put_be16(ip + 10, 0);
		put_be16(ip + 10, ~fold(sum_be16(ip, frame->ip_bytes)));
	}
	put_be16(udp + 4, udp_len);
	/* Of the pseudo header alone, not inverted: CHECKSUM_PARTIAL goes on from there. */
	put_be16(udp + UDP_CHECKSUM_AT,
		 fold(sum_be16(addresses, address_bytes) + IPPROTO_UDP + udp_len));
}

/* One attempt. 0, or what zr_tx_classify() makes of it, or the errno. */
static int attempt(struct zr_tx *tx, const struct msghdr *message)
{
	const ssize_t sent = zr_sendmsg(tx->burst_fd, message, MSG_DONTWAIT);
	const int why = sent < 0 ? zr_tx_classify((int)sent) : 0;

	zr_count(&tx->base.counters.kicks, 1);
	if (sent >= 0)
		return 0;
	if (why == -EAGAIN || why == -ENOBUFS)
		zr_count(&tx->base.counters.retries, 1);
	if (sent == -EINVAL) /* the frames were checked: it is the kernel that can't */
		return -ENOTSUP;
	return why ? why : (int)sent;
}

static int send_until(struct zr_tx *tx, const struct msghdr *message, struct zr_deadline *deadline)
{
	for (;;) {
		const int err = attempt(tx, message);
		uint64_t now_ns;

		if (err != -EAGAIN && err != -ENOBUFS)
			return err;
		now_ns = zr_now_ns();
		if (now_ns >= zr_deadline_at(deadline))
			return tx->base.nonblocking ? -EAGAIN : -ETIMEDOUT;
		zr_sleep_until(now_ns + FIRST_NAP_NS);
	}
}

int zr_tx_burst(struct zring_injector *injector, const struct zring_packet *packets, uint32_t nr,
		const struct zr_udp_frame *frame, struct zr_deadline *deadline)
{
	struct zr_tx *tx = zr_tx(injector);
	uint8_t header[ZR_UDP_MAX_HEADER_BYTES];
	struct iovec vectors[MAX_FRAMES + 2];
	struct virtio_net_hdr offload = {
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.gso_type = VIRTIO_NET_HDR_GSO_UDP_L4,
		.hdr_len = (uint16_t)frame->header_bytes,
		.gso_size = (uint16_t)(packets[0].len - frame->header_bytes),
		.csum_start = (uint16_t)(LINK_BYTES + frame->ip_bytes),
		.csum_offset = UDP_CHECKSUM_AT,
	};
	const struct msghdr message = {.msg_iov = vectors, .msg_iovlen = nr + 2};
	uint32_t payload_bytes = 0;

	if (tx->burst_fd < 0)
		return -ENOTSUP;
	vectors[0] = (struct iovec){&offload, sizeof(offload)};
	vectors[1] = (struct iovec){header, frame->header_bytes};
	for (uint32_t i = 0; i < nr; i++) {
		/* sendmsg only reads; an iovec has no const. */
		uint8_t *const data = (uint8_t *)(uintptr_t)packets[i].data;
		const uint32_t bytes = packets[i].len - frame->header_bytes;

		vectors[i + 2] = (struct iovec){data + frame->header_bytes, bytes};
		payload_bytes += bytes;
	}
	make_headers(&packets[0], frame, payload_bytes, header);
	return send_until(tx, &message, deadline);
}
