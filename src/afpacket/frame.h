/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where things stand in a frame slot, and constants that Debian 12's headers
 * (6.1) may lack. Offsets as tpacket_rcv() computes them for SOCK_RAW on
 * Ethernet:
 *
 *	netoff = align16(tpacket header + sockaddr_ll + 16), macoff = netoff - 14
 */
#ifndef ZR_AFPACKET_FRAME_H
#define ZR_AFPACKET_FRAME_H

#include <assert.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define ZR_V3_BLOCK_HEADER_BYTES 48u /* BLK_HDR_LEN */
#define ZR_V3_FRAME_OFFSET       82u
#define ZR_V2_FRAME_OFFSET       66u
#define ZR_V1_FRAME_OFFSET       32u /* TPACKET_HDRLEN - sizeof(struct sockaddr_ll), sending */
#define ZR_VNET_HEADER_BYTES     10u /* sizeof(struct virtio_net_hdr) */

#define ZR_V3_ADDRESS_OFFSET 48u /* of the sockaddr_ll */
#define ZR_V2_ADDRESS_OFFSET 32u

#define ZR_VLAN_BYTES 4u

#ifndef TP_STATUS_GSO_TCP
#define TP_STATUS_GSO_TCP (1 << 8) /* Linux 6.2 */
#endif

static_assert(ZR_V3_ADDRESS_OFFSET == sizeof(struct tpacket3_hdr), "tpacket3_hdr");
static_assert(ZR_V2_ADDRESS_OFFSET == sizeof(struct tpacket2_hdr), "tpacket2_hdr");
static_assert(ZR_V1_FRAME_OFFSET == sizeof(struct tpacket_hdr), "tpacket_hdr");
static_assert(ZR_V3_BLOCK_HEADER_BYTES == sizeof(struct tpacket_block_desc), "block header");

/* Words in ring memory, wherever a broken offset may point. */
static inline uint32_t zr_get_u32(const void *from)
{
	uint32_t value;

	memcpy(&value, from, sizeof(value));
	return value;
}

static inline uint16_t zr_get_u16(const void *from)
{
	uint16_t value;

	memcpy(&value, from, sizeof(value));
	return value;
}

#endif
