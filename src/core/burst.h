/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef ZR_BURST_H
#define ZR_BURST_H

#include <stdbool.h>

#include <zring/packet.h>

/* Ethernet, IPv4 with all its options, UDP. */
#define ZR_UDP_MAX_HEADER_BYTES (14u + 60u + 8u)

struct zr_udp_frame {
	uint32_t header_bytes; /* up to the payload */
	uint32_t ip_bytes;     /* of the IP header */
	bool is_ipv6;
};

/*
 * Whether the kernel would cut a super-frame of these into these again.
 * Returns 0 with the shape of the headers, -EINVAL, or -EMSGSIZE when they
 * are too much for one.
 */
int zr_burst_check(const struct zring_packet *packets, uint32_t nr, struct zr_udp_frame *ret_frame);

#endif
