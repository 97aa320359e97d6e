/* SPDX-License-Identifier: BSD-2-Clause */
/* A burst of UDP frames as one super-frame: whether the frames are such a burst, and the call. */
#include <errno.h>
#include <string.h>

#include "../syscall.h"
#include "barrier.h"
#include "burst.h"
#include "injector.h"

#define MAX_FRAMES 64u /* UDP_MAX_SEGMENTS of the oldest kernel that can */

#define ETHERNET_BYTES 14u
#define UDP_BYTES      8u
#define IPV4_BYTES     20u
#define IPV6_BYTES     40u
#define MAX_IP_BYTES   65535u

#define IPPROTO_UDP_NUMBER 17

static uint32_t get_be16(const uint8_t *at)
{
	return (uint32_t)at[0] << 8 | at[1];
}

static void clear16(uint8_t *at)
{
	at[0] = at[1] = 0;
}

/* Reads the headers of one frame. False: not IPv4 or IPv6 with whole UDP in it. */
static bool parse(const struct zring_packet *packet, struct zr_udp_frame *ret_frame)
{
	const uint8_t *const ip = packet->data + ETHERNET_BYTES;
	const uint32_t ip_len = packet->len - ETHERNET_BYTES;
	struct zr_udp_frame frame = {0};
	const uint8_t *udp;

	if (packet->len < ETHERNET_BYTES + IPV4_BYTES + UDP_BYTES)
		return false;
	if (get_be16(packet->data + 12) == 0x0800 && ip[0] >> 4 == 4) {
		frame.ip_bytes = (ip[0] & 0xfu) * 4;
		if (frame.ip_bytes < IPV4_BYTES || get_be16(ip + 2) != ip_len ||
		    (get_be16(ip + 6) & 0xbfff) || ip[9] != IPPROTO_UDP_NUMBER)
			return false;
	} else if (get_be16(packet->data + 12) == 0x86dd && ip[0] >> 4 == 6) {
		frame.is_ipv6 = true;
		frame.ip_bytes = IPV6_BYTES;
		if (ip_len < IPV6_BYTES || get_be16(ip + 4) != ip_len - IPV6_BYTES ||
		    ip[6] != IPPROTO_UDP_NUMBER)
			return false;
	} else {
		return false;
	}
	frame.header_bytes = ETHERNET_BYTES + frame.ip_bytes + UDP_BYTES;
	if (packet->len <= frame.header_bytes)
		return false;
	udp = ip + frame.ip_bytes;
	*ret_frame = frame;
	return get_be16(udp + 4) == ip_len - frame.ip_bytes && get_be16(udp + 6);
}

/* The headers without what may differ from frame to frame. */
static void normalise(const struct zring_packet *packet, const struct zr_udp_frame *frame,
		      uint8_t *ret_header)
{
	uint8_t *const ip = ret_header + ETHERNET_BYTES;

	memcpy(ret_header, packet->data, frame->header_bytes);
	if (frame->is_ipv6) {
		clear16(ip + 4); /* payload length */
	} else {
		clear16(ip + 2);  /* total length */
		clear16(ip + 4);  /* identification */
		clear16(ip + 10); /* header checksum */
	}
	clear16(ip + frame->ip_bytes + 4); /* length */
	clear16(ip + frame->ip_bytes + 6); /* checksum */
}

static bool same_flow(const struct zring_packet *packet, const struct zr_udp_frame *first,
		      const uint8_t *first_header)
{
	uint8_t header[ZR_UDP_MAX_HEADER_BYTES];
	struct zr_udp_frame frame;

	if (!parse(packet, &frame) || frame.header_bytes != first->header_bytes)
		return false;
	normalise(packet, &frame, header);
	return memcmp(header, first_header, frame.header_bytes) == 0;
}

static bool next_id(const struct zring_packet *first, const struct zring_packet *packet, uint32_t i)
{
	const uint32_t at = ETHERNET_BYTES + 4;

	return ((get_be16(first->data + at) + i) & 0xffff) == get_be16(packet->data + at);
}

int zr_burst_check(const struct zring_packet *packets, uint32_t nr, struct zr_udp_frame *ret_frame)
{
	uint8_t header[ZR_UDP_MAX_HEADER_BYTES];
	uint64_t ip_len = packets[0].len - ETHERNET_BYTES;

	if (nr < 2 || nr > MAX_FRAMES || !parse(&packets[0], ret_frame))
		return -EINVAL;
	normalise(&packets[0], ret_frame, header);
	for (uint32_t i = 1; i < nr; i++) {
		const bool last = i == nr - 1;

		if (!same_flow(&packets[i], ret_frame, header) || packets[i].len > packets[0].len ||
		    (packets[i].len < packets[0].len && !last) ||
		    (!ret_frame->is_ipv6 && !next_id(&packets[0], &packets[i], i)))
			return -EINVAL;
		ip_len += packets[i].len - ret_frame->header_bytes;
	}
	return ip_len > MAX_IP_BYTES ? -EMSGSIZE : 0;
}

int zring_injector_send_burst(struct zring_injector *injector, const struct zring_packet *packets,
			      uint32_t nr_packets)
{
	struct zr_deadline deadline = zr_injector_deadline(injector);
	struct zr_udp_frame frame;
	uint64_t bytes = 0;
	int err;

	if (zr_injector_is_reserved(injector))
		return -EBUSY;
	if (nr_packets < 2)
		return -EINVAL;
	err = zr_burst_check(packets, nr_packets, &frame);
	if (err)
		return err;
	/* With an offload header the kernel looks at no MTU: today's counts. */
	err = injector->ops->mtu(injector);
	if (err < 0)
		return err;
	zr_injector_set_mtu(injector, (uint32_t)err);
	if (packets[0].len > injector->max_len)
		return -EMSGSIZE;
	err = zr_injector_flush_until(injector, &deadline);
	if (err)
		return err;
	if (!zr_injector_pay(injector, packets, nr_packets, &deadline))
		return injector->nonblocking ? -EAGAIN : -ETIMEDOUT;
	err = injector->ops->burst(injector, packets, nr_packets, &frame, &deadline);
	if (err) {
		zr_injector_unpay(injector, packets, nr_packets);
		return err;
	}
	for (uint32_t i = 0; i < nr_packets; i++)
		bytes += packets[i].len;
	zr_count(&injector->counters.submitted, nr_packets);
	zr_count_release(&injector->counters.sent, nr_packets); /* S */
	zr_count(&injector->counters.sent_bytes, bytes);
	zr_count(&injector->counters.bursts, 1);
	return (int)nr_packets;
}
