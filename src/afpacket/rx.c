/* SPDX-License-Identifier: BSD-2-Clause */
/* Opening and closing a receiving packet socket, and what does not depend on the ring's version. */
#include "rx.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/net_tstamp.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <stdlib.h>

#include "../core/barrier.h"
#include "../core/diag.h"
#include "../core/watch.h"
#include "../syscall.h"
#include "afpacket.h"
#include "fanout.h"
#include "frame.h"
#include "open.h"
#include "socket.h"

#define ADDRESSES_BYTES 12u /* destination and source */

#ifndef SO_PREFER_BUSY_POLL
#define SO_PREFER_BUSY_POLL 69
#define SO_BUSY_POLL_BUDGET 70
#endif

int zr_rx_check(struct zring_capture *capture)
{
	return zr_watch_check(capture->fd, capture->info.ifindex);
}

void zr_rx_fold_stats(struct zring_capture *capture)
{
	struct tpacket_stats_v3 stats = {0};

	/* Resets on read: each increment reaches exactly one caller, who adds it. */
	if (zr_getsockopt(capture->fd, SOL_PACKET, PACKET_STATISTICS, &stats, sizeof(stats)))
		return;
	zr_add_release(&capture->counters.received, stats.tp_packets);
	zr_add_release(&capture->counters.freezes, stats.tp_freeze_q_cnt);
	zr_add_release(&capture->counters.dropped, stats.tp_drops); /* S */
}

bool zr_rx_owns(const struct zring_capture *capture, const struct zring_packet *packet)
{
	const struct zr_rx *rx = (const struct zr_rx *)capture;

	return (uintptr_t)packet->frame - (uintptr_t)rx->ring < rx->ring_bytes;
}

void zr_rx_close(struct zring_capture *capture)
{
	struct zr_rx *rx = zr_rx(capture);

	/* Before the descriptor: the kernel refuses to free a ring that is mapped. */
	if (rx->ring)
		zr_munmap(rx->ring, rx->ring_bytes);
	zr_capture_fini(capture);
	zr_filter_fini(&rx->filter);
	free(rx->holders);
	free(rx);
}

void zr_rx_common_info(const struct zring_packet *packet, uint32_t status, const void *address,
		       struct zring_packet_info *ret_info)
{
	struct sockaddr_ll from;
	uint8_t source_bytes;
	uint32_t flags = packet->len < packet->wire_len ? ZRING_PACKET_TRUNCATED : 0;

	memcpy(&from, address, sizeof(from));
	source_bytes = from.sll_halen < ZRING_LINK_ADDRESS_BYTES ? from.sll_halen
								 : ZRING_LINK_ADDRESS_BYTES;
	if (status & TP_STATUS_TS_RAW_HARDWARE)
		flags |= ZRING_PACKET_HW_TIMESTAMP;
	if (status & TP_STATUS_GSO_TCP)
		flags |= ZRING_PACKET_GSO;
	*ret_info = (struct zring_packet_info){
		.flags = flags,
		.ifindex = (uint32_t)from.sll_ifindex,
		.protocol = ntohs(from.sll_protocol),
		.link_type = from.sll_hatype,
		.direction = from.sll_pkttype,
		.checksum = status & TP_STATUS_CSUMNOTREADY ? ZRING_CHECKSUM_NOT_READY
			    : status & TP_STATUS_CSUM_VALID ? ZRING_CHECKSUM_VALID
							    : ZRING_CHECKSUM_UNKNOWN,
		.source_bytes = source_bytes,
		.timestamp_source = (uint8_t)(status & TP_STATUS_TS_RAW_HARDWARE
						      ? ZRING_TIMESTAMP_BY_NIC
						      : ZRING_TIMESTAMP_BY_KERNEL),
		.queue = UINT32_MAX,
	};
	memcpy(ret_info->source, from.sll_addr, source_bytes);
}

void zr_rx_vlan_info(const struct zring_packet *packet, uint32_t status, uint16_t mac, uint16_t tci,
		     uint16_t tpid, struct zring_packet_info *info)
{
	if (!(status & TP_STATUS_VLAN_VALID))
		return;
	info->flags |= ZRING_PACKET_VLAN;
	info->vlan_tci = tci;
	info->vlan_tpid = status & TP_STATUS_VLAN_TPID_VALID ? tpid : ETH_P_8021Q;
	if (packet->data < (const uint8_t *)packet->frame + mac)
		info->flags |= ZRING_PACKET_VLAN_REINSERTED;
}

void zr_rx_reinsert(struct zr_rx *rx, struct zring_packet *packet, uint16_t tpid, uint16_t tci,
		    uint32_t headroom_bytes)
{
	const uint32_t snaplen = rx->base.info.snaplen;
	const bool whole = packet->len == packet->wire_len;
	/* The ring is mapped for writing; the view is const for the program's sake. */
	uint8_t *const data = (uint8_t *)(uintptr_t)packet->data;
	const uint16_t tag[] = {htons(tpid), htons(tci)};

	if (headroom_bytes < ZR_VLAN_BYTES)
		return;
	packet->wire_len += ZR_VLAN_BYTES;
	if (packet->len < ADDRESSES_BYTES) /* cut in front of where the tag stands */
		return;
	memmove(data - ZR_VLAN_BYTES, data, ADDRESSES_BYTES);
	memcpy(data - ZR_VLAN_BYTES + ADDRESSES_BYTES, tag, sizeof(tag));
	packet->data -= ZR_VLAN_BYTES;
	packet->len += ZR_VLAN_BYTES;
	if (packet->len > snaplen) {
		packet->len = snaplen;
		if (whole)
			zr_count(&rx->base.counters.truncated, 1);
	}
}

/* Before the ring: the kernel says EBUSY afterwards. */
static int set_ring_options(struct zr_rx *rx, const struct zring_capture_options *options,
			    uint32_t version, struct zring_diag *diag)
{
	struct zring_capture_info *info = &rx->base.info;
	const int fd = rx->base.fd;
	const int raw_hardware = SOF_TIMESTAMPING_RAW_HARDWARE;
	int err;

	err = zr_afpacket_set(fd, PACKET_VERSION, version == 3 ? TPACKET_V3 : TPACKET_V2,
			      "PACKET_VERSION", diag);
	if (err)
		return err;
	info->clock = CLOCK_REALTIME;
	/* Software time is that of arrival here: both names of it hold. */
	if (options->timestamp == ZRING_TIMESTAMP_ARRIVAL)
		info->timestamp = ZRING_TIMESTAMP_ARRIVAL;
	if (options->timestamp == ZRING_TIMESTAMP_RAW_HARDWARE) {
		if (zr_setsockopt_int(fd, SOL_PACKET, PACKET_TIMESTAMP, raw_hardware))
			info->adjusted |= ZRING_ADJUSTED_TIMESTAMP;
		else
			info->timestamp = ZRING_TIMESTAMP_RAW_HARDWARE;
	}
	if (info->timestamp == ZRING_TIMESTAMP_RAW_HARDWARE)
		info->clock = -1;
	/* In a group the filter does it (refuses_outgoing() in filter.c). */
	if (options->direction == ZRING_CAPTURE_IN && !options->fanout)
		return zr_afpacket_set(fd, PACKET_IGNORE_OUTGOING, 1, "PACKET_IGNORE_OUTGOING",
				       diag);
	return 0;
}

/* Sets and reads back; whether the kernel took it is told, it is never fatal. */
static uint32_t try_socket_option(struct zr_rx *rx, int name, uint32_t wanted, uint32_t adjusted)
{
	int value = 0;

	if (wanted && zr_setsockopt_int(rx->base.fd, SOL_SOCKET, name, (int)wanted))
		rx->base.info.adjusted |= adjusted;
	if (zr_getsockopt(rx->base.fd, SOL_SOCKET, name, &value, sizeof(value)))
		return 0;
	return (uint32_t)value;
}

static void set_busy_poll(struct zr_rx *rx, const struct zring_capture_options *options)
{
	struct zring_capture_info *info = &rx->base.info;

	info->busy_poll_us = try_socket_option(rx, SO_BUSY_POLL, options->busy_poll_us,
					       ZRING_ADJUSTED_BUSY_POLL);
	info->prefer_busy_poll = (uint8_t)try_socket_option(
		rx, SO_PREFER_BUSY_POLL, options->prefer_busy_poll, ZRING_ADJUSTED_BUSY_POLL);
	info->busy_poll_budget = try_socket_option(
		rx, SO_BUSY_POLL_BUDGET, options->busy_poll_budget, ZRING_ADJUSTED_BUSY_POLL);
}

static void set_receive_buffer(struct zr_rx *rx, const struct zring_capture_options *options)
{
	struct zring_capture_info *info = &rx->base.info;
	const uint32_t wanted = options->receive_buffer_bytes;

	if (wanted && (!options->force_receive_buffer ||
		       zr_setsockopt_int(rx->base.fd, SOL_SOCKET, SO_RCVBUFFORCE, (int)wanted)))
		try_socket_option(rx, SO_RCVBUF, wanted, ZRING_ADJUSTED_RECEIVE_BUFFER);
	info->receive_buffer_bytes = try_socket_option(rx, SO_RCVBUF, 0, 0);
	/* The kernel doubles what it is given, and clamps it without a word. */
	if (wanted && info->receive_buffer_bytes < 2 * (uint64_t)wanted)
		info->adjusted |= ZRING_ADJUSTED_RECEIVE_BUFFER;
}

static int set_promiscuous(struct zr_rx *rx, const struct zring_capture_options *options,
			   const struct zr_device *device, struct zring_diag *diag)
{
	int err;

	if (!options->promiscuous)
		return 0;
	err = zr_watch_promiscuous(rx->base.fd, device->ifindex);
	if (err)
		return zr_fail(diag, err, "PACKET_MR_PROMISC", "%s: %s", device->name,
			       strerror(-err));
	rx->base.info.promiscuous = 1;
	return 0;
}

static int make_ring(struct zr_rx *rx, const struct zring_capture_options *options,
		     struct zr_layout *layout, struct zring_diag *diag)
{
	const uint32_t nr_blocks_wanted = layout->nr_blocks;
	bool locked;
	void *ring;
	int err;

	err = zr_afpacket_ring(rx->base.fd, PACKET_RX_RING, layout, options->rxhash, diag);
	if (err)
		return err;
	if (layout->nr_blocks < nr_blocks_wanted)
		rx->base.info.adjusted |= ZRING_ADJUSTED_RING;
	rx->ring_bytes = (size_t)zr_layout_bytes(layout);
	err = zr_afpacket_map(rx->base.fd, rx->ring_bytes, diag, &ring, &locked);
	if (err)
		return err;
	rx->ring = ring;
	rx->base.info.locked = locked;
	if (!locked)
		rx->base.info.adjusted |= ZRING_ADJUSTED_NOT_LOCKED;
	rx->unit_bytes = layout->version == 3 ? layout->block_bytes : layout->frame_bytes;
	rx->nr_units = layout->version == 3 ? layout->nr_blocks : zr_layout_frames(layout);
	rx->holders = calloc(rx->nr_units, sizeof(*rx->holders));
	return rx->holders ? 0
			   : zr_fail(diag, -ENOMEM, "memory", "no memory for %u counters",
				     rx->nr_units);
}

static void describe(struct zr_rx *rx, const struct zring_capture_options *options,
		     const struct zr_device *device, const struct zr_layout *layout)
{
	struct zring_capture_info *info = &rx->base.info;
	const bool v2 = layout->version == 2;

	snprintf(info->interface, sizeof(info->interface), "%s", device->name);
	info->ifindex = device->ifindex;
	info->link_type = device->link_type;
	info->mtu = device->mtu;
	info->backend = ZRING_BACKEND_AFPACKET;
	info->tpacket_version = layout->version;
	info->memory_bytes = zr_layout_bytes(layout);
	info->block_bytes = layout->block_bytes;
	info->nr_blocks = layout->nr_blocks;
	info->frame_bytes = v2 ? layout->frame_bytes : 0;
	info->nr_frames = v2 ? zr_layout_frames(layout) : 0;
	info->latency_ms = layout->latency_ms;
	info->max_packet_bytes = layout->max_packet_bytes;
	info->snaplen = options->snaplen ? options->snaplen : UINT32_MAX;
	info->direction = options->direction;
	info->vlan = options->vlan;
	info->wait = options->wait;
	info->rxhash = options->rxhash;
	if (layout->rounded)
		info->adjusted |= ZRING_ADJUSTED_GEOMETRY;
	rx->may_truncate = options->snaplen || (options->filter && options->filter->type);
	rx->reinsert_vlan =
		options->vlan == ZRING_VLAN_REINSERT &&
		(device->link_type == ARPHRD_ETHER || device->link_type == ARPHRD_LOOPBACK);
	rx->base.counts_freezes = !v2;
	/* Small packets with their headers; what is larger leaves more time. */
	rx->base.waiter.capacity = v2 ? info->nr_frames : (uint32_t)(info->memory_bytes >> 8);
}

int zr_rx_start(struct zring_capture *capture, struct zring_diag *diag)
{
	struct zr_rx *rx = zr_rx(capture);
	int err;

	if (!rx->paused)
		return 0;
	err = zr_filter_open(&rx->filter, capture->fd, diag);
	rx->paused = err != 0;
	return err;
}

/*
 * Between bind and join a socket gets every packet, between join and the group's program
 * the first member does, and what either of them gets came for somebody else.
 */
static int go_live(struct zr_rx *rx, const struct zring_capture_options *options,
		   const struct zr_device *device, struct zring_diag *diag)
{
	const int fd = rx->base.fd;
	int err;

	if (options->fanout || options->paused) {
		err = zr_filter_shut(fd, diag);
		if (err)
			return err;
		rx->paused = true;
	}
	err = zr_afpacket_bind(fd, device, ETH_P_ALL, diag);
	if (!err && options->fanout) {
		err = zr_fanout_join(fd, options->fanout, device->name, diag, &rx->base.fanout);
		rx->base.in_fanout = !err;
	}
	if (err || options->paused)
		return err;
	return zr_rx_start(&rx->base, diag);
}

/* From the bare socket to packets, each step named; bind comes last (socket.h). */
static int build(struct zr_rx *rx, const char *interface,
		 const struct zring_capture_options *options, struct zring_diag *diag)
{
	struct zr_device device;
	struct zr_layout layout;
	int err;

	err = zr_afpacket_socket(diag);
	if (err < 0)
		return err;
	rx->base.fd = err;
	err = zr_afpacket_lookup(rx->base.fd, interface, diag, &device);
	if (!err)
		err = zr_layout_rx(options, device.mtu, zr_page_bytes(), diag, &layout);
	if (!err)
		err = set_ring_options(rx, options, layout.version, diag);
	if (!err)
		err = zr_filter_init(&rx->filter, rx->base.fd, options, diag);
	if (err)
		return err;
	set_busy_poll(rx, options);
	set_receive_buffer(rx, options);
	err = make_ring(rx, options, &layout, diag);
	if (!err)
		err = set_promiscuous(rx, options, &device, diag);
	if (err)
		return err;
	describe(rx, options, &device, &layout);
	rx->base.waiter.own_polls[0] = (struct pollfd){.fd = rx->base.fd, .events = POLLIN};
	zr_capture_set_polls(&rx->base, rx->base.waiter.own_polls, 1);
	rx->base.ops = layout.version == 3 ? &zr_rx_v3_ops : &zr_rx_v2_ops;
	return go_live(rx, options, &device, diag);
}

int zr_afpacket_capture_open(const char *interface, const struct zring_capture_options *options,
			     struct zring_diag *diag, struct zring_capture **ret_capture)
{
	struct zring_capture_options complete = *options;
	struct zring_fanout fanout;
	struct zr_rx *rx;
	int err;

	if (options->fanout) {
		err = zr_fanout_read(options, diag, &fanout);
		if (err)
			return err;
		complete.fanout = &fanout;
	}
	rx = calloc(1, sizeof(*rx));
	if (!rx)
		return zr_fail(diag, -ENOMEM, "memory", "no memory for a capture");
	rx->filter.program_fd = -1;
	err = zr_capture_init(&rx->base, &zr_rx_v3_ops);
	if (err)
		zr_fail(diag, err, "capture", "no memory or descriptor: %s", strerror(-err));
	else
		err = build(rx, interface, &complete, diag);
	if (err) {
		zr_rx_close(&rx->base);
		return err;
	}
	*ret_capture = &rx->base;
	return 0;
}
