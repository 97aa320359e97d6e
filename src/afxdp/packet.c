/* SPDX-License-Identifier: BSD-2-Clause */
/* What is known of a lent packet, and what is done to it before it is lent. */
#include <net/if_arp.h>
#include <string.h>

#include "../core/barrier.h"
#include "capture.h"
#include "xsk.h"

#define ADDRESSES_BYTES 12u
#define VLAN_BYTES      4u
#define ETHERNET_BYTES  14u
#define TPID_8021Q      0x8100u
#define TPID_8021AD     0x88a8u

static uint16_t be16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static bool is_tpid(uint16_t value)
{
	return value == TPID_8021Q || value == TPID_8021AD;
}

static bool is_tagged(const struct zring_packet *packet)
{
	return packet->len >= ETHERNET_BYTES + VLAN_BYTES &&
	       is_tpid(be16(packet->data + ADDRESSES_BYTES));
}

/* Takes the outer tag out of the bytes, as packet sockets give them; it stays in front. */
static void strip_vlan(struct zring_packet *packet)
{
	/* The umem is ours; the view is const for the program's sake. */
	uint8_t *const data = (uint8_t *)(uintptr_t)packet->data;
	uint8_t tag[VLAN_BYTES];

	if (!is_tagged(packet) || (zr_xdp_frame_flags(packet) & ZR_XDP_FRAME_REST))
		return;
	memcpy(tag, data + ADDRESSES_BYTES, VLAN_BYTES);
	memmove(data + VLAN_BYTES, data, ADDRESSES_BYTES);
	memcpy(data, tag, VLAN_BYTES);
	packet->data += VLAN_BYTES;
	packet->len -= VLAN_BYTES;
	packet->wire_len -= VLAN_BYTES;
	zr_xdp_add_flag(packet, ZR_XDP_FRAME_STRIPPED);
}

/* What the XDP program wrote in front of the packet. False: nothing. */
static bool read_metadata(const struct zr_xdp_capture *xdp, const struct zring_packet *packet,
			  struct xsk_metadata *ret_metadata)
{
	const uint32_t stripped = zr_xdp_frame_flags(packet) & ZR_XDP_FRAME_STRIPPED ? VLAN_BYTES
										     : 0;

	if (!xdp->program->info.metadata || (zr_xdp_frame_flags(packet) & ZR_XDP_FRAME_REST))
		return false;
	/* By copy: it is aligned as the packet is. */
	memcpy(ret_metadata, packet->data - stripped - sizeof(*ret_metadata),
	       sizeof(*ret_metadata));
	return ret_metadata->magic == XSK_METADATA_MAGIC;
}

/* Bytes to keep of a packet. A filter counts them without the outer tag, an option with it. */
static uint32_t snaplen_of(const struct zr_xdp_capture *xdp, const struct zring_packet *packet)
{
	const uint32_t wanted = xdp->base.info.snaplen;
	uint32_t kept = xdp->filter_snaplen;
	struct xsk_metadata metadata;

	if (xdp->snaplen_varies && read_metadata(xdp, packet, &metadata) &&
	    (metadata.flags & XSK_META_SNAPLEN))
		kept = metadata.snaplen;
	if (packet->len > kept && xdp->base.info.vlan == ZRING_VLAN_REINSERT && is_tagged(packet))
		kept += VLAN_BYTES;
	return kept < wanted ? kept : wanted;
}

void zr_xdp_adapt(struct zr_xdp_capture *xdp, struct zring_packet *views, uint32_t nr)
{
	for (uint32_t i = 0; i < nr; i++) {
		uint32_t snaplen;

		if (xdp->base.info.vlan == ZRING_VLAN_METADATA)
			strip_vlan(&views[i]);
		snaplen = snaplen_of(xdp, &views[i]);
		if (views[i].len > snaplen)
			views[i].len = snaplen;
		if (views[i].len < views[i].wire_len)
			zr_count(&xdp->base.counters.truncated, 1);
	}
}

static void describe_time(const struct zr_xdp_capture *xdp, const struct zring_packet *packet,
			  struct zring_packet_info *info)
{
	struct xsk_metadata metadata;

	info->timestamp_ns = *zr_xdp_entry(packet);
	info->timestamp_source = ZRING_TIMESTAMP_BY_LIBRARY;
	if (!read_metadata(xdp, packet, &metadata))
		return;
	if (metadata.flags & ZRING_XDP_META_HW_TIMESTAMP) {
		info->timestamp_ns = metadata.timestamp_ns;
		info->timestamp_source = ZRING_TIMESTAMP_BY_NIC;
		info->flags |= ZRING_PACKET_HW_TIMESTAMP;
	} else if (metadata.flags & ZRING_XDP_META_TIMESTAMP) {
		info->timestamp_ns = metadata.timestamp_ns - xdp->tai_ns;
		info->timestamp_source = ZRING_TIMESTAMP_BY_PROGRAM;
	}
	if (metadata.flags & ZRING_XDP_META_HASH) {
		info->flags |= ZRING_PACKET_RXHASH;
		info->rxhash = metadata.hash;
	}
}

uint64_t zr_xdp_packet_time(const struct zr_xdp_capture *xdp, const struct zring_packet *packet)
{
	struct zring_packet_info info = {0};

	describe_time(xdp, packet, &info);
	return info.timestamp_ns;
}

static void describe_vlan(const struct zring_packet *packet, struct zring_packet_info *info)
{
	const uint8_t *const data = packet->data;
	const bool stripped = zr_xdp_frame_flags(packet) & ZR_XDP_FRAME_STRIPPED;
	const uint8_t *const tag = stripped ? data - VLAN_BYTES : data + ADDRESSES_BYTES;

	if (packet->len < ETHERNET_BYTES)
		return;
	info->protocol = be16(data + ADDRESSES_BYTES);
	if (!stripped && (!is_tpid(be16(tag)) || packet->len < ETHERNET_BYTES + VLAN_BYTES))
		return;
	info->flags |= ZRING_PACKET_VLAN | (stripped ? 0 : ZRING_PACKET_VLAN_REINSERTED);
	info->vlan_tpid = be16(tag);
	info->vlan_tci = be16(tag + 2);
	if (!stripped)
		info->protocol = be16(tag + VLAN_BYTES);
}

static uint8_t direction_of(const struct zr_xdp_capture *xdp, const uint8_t *destination)
{
	static const uint8_t broadcast[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

	if (!memcmp(destination, broadcast, sizeof(broadcast)))
		return ZRING_DIRECTION_BROADCAST;
	if (destination[0] & 1)
		return ZRING_DIRECTION_MULTICAST;
	return memcmp(destination, xdp->mac, sizeof(xdp->mac)) ? ZRING_DIRECTION_OTHER_HOST
							       : ZRING_DIRECTION_HOST;
}

static void describe_addresses(const struct zr_xdp_capture *xdp, const struct zring_packet *packet,
			       struct zring_packet_info *info)
{
	if (packet->len < ADDRESSES_BYTES || info->link_type != ARPHRD_ETHER)
		return;
	info->direction = direction_of(xdp, packet->data);
	info->source_bytes = sizeof(xdp->mac);
	memcpy(info->source, packet->data + sizeof(xdp->mac), sizeof(xdp->mac));
}

static uint32_t queue_of(const struct zr_xdp_capture *xdp, const struct zring_packet *packet)
{
	const uint64_t chunk = (uint64_t)(zr_xdp_entry(packet) - xdp->frames);
	const uint32_t part = xdp->umem->nr_chunks / xdp->nr_queues;

	if (chunk >= xdp->umem->nr_chunks)
		return UINT32_MAX;
	return xdp->base.info.first_queue + (uint32_t)(chunk / part);
}

void zr_xdp_packet_info(const struct zring_capture *capture, const struct zring_packet *packet,
			struct zring_packet_info *ret_info)
{
	const struct zr_xdp_capture *xdp = zr_xdp_capture(capture);
	const uint64_t chunk = (uint64_t)(zr_xdp_entry(packet) - xdp->frames);

	*ret_info = (struct zring_packet_info){
		.flags = (packet->len < packet->wire_len ? ZRING_PACKET_TRUNCATED : 0) |
			 (zr_xdp_frame_flags(packet) & ZR_XDP_FRAME_MORE ? ZRING_PACKET_MORE : 0) |
			 (chunk >= xdp->umem->nr_chunks ? ZRING_PACKET_COPIED : 0),
		.ifindex = capture->info.ifindex,
		.link_type = (uint16_t)capture->info.link_type,
		.checksum = ZRING_CHECKSUM_UNKNOWN,
		.queue = queue_of(xdp, packet),
	};
	describe_time(xdp, packet, ret_info);
	/* The header stands in the first view of a packet alone. */
	if (zr_xdp_frame_flags(packet) & ZR_XDP_FRAME_REST)
		return;
	describe_addresses(xdp, packet, ret_info);
	describe_vlan(packet, ret_info);
}
