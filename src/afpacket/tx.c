/* SPDX-License-Identifier: BSD-2-Clause */
/* Opening and closing a sending packet socket, and what both methods share. */
#include "tx.h"

#include <errno.h>
#include <linux/net_tstamp.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include <zring/interface.h>

#include "../core/diag.h"
#include "../core/watch.h"
#include "../syscall.h"
#include "frame.h"
#include "open.h"
#include "socket.h"

#define DEFAULT_TIMEOUT_MS   1000
#define DEFAULT_BURST_FRAMES 64u
#define CACHE_LINE_BYTES     64u

#ifndef SO_TXTIME
#define SO_TXTIME 61
#endif

static_assert(sizeof(struct virtio_net_hdr) == ZR_VNET_HEADER_BYTES, "virtio_net_hdr");

int zr_tx_classify(int error)
{
	switch (error) {
	case -EAGAIN:
		return -EAGAIN;
	case -ENOBUFS:
	case -ENOMEM:
		return -ENOBUFS;
	case -ENETDOWN:
		return -ENETDOWN;
	case -ENXIO:
	case -ENODEV:
		return -ENODEV;
	default:
		return 0;
	}
}

void zr_tx_offload(struct zring_injector *injector, struct zring_slot *slot,
		   const struct zring_offload *offload)
{
	struct virtio_net_hdr header = {0};

	(void)injector;
	if (offload) {
		header.flags = offload->flags & ZRING_OFFLOAD_CHECKSUM ? VIRTIO_NET_HDR_F_NEEDS_CSUM
								       : 0;
		header.gso_type = offload->gso_type;
		header.hdr_len = offload->header_bytes;
		header.gso_size = offload->segment_bytes;
		header.csum_start = offload->checksum_start;
		header.csum_offset = offload->checksum_offset;
	}
	memcpy(slot->data - sizeof(header), &header, sizeof(header));
}

int zr_tx_mtu(struct zring_injector *injector)
{
	return zr_watch_mtu(injector->fd, injector->info.ifindex);
}

void zr_tx_close(struct zring_injector *injector)
{
	struct zr_tx *tx = zr_tx(injector);

	/* Before the descriptor: the kernel refuses to free a ring that is mapped. */
	if (tx->ring)
		zr_munmap(tx->ring, tx->ring_bytes);
	if (tx->burst_fd >= 0)
		zr_close(tx->burst_fd);
	if (injector->fd >= 0)
		zr_close(injector->fd);
	free(tx->controls);
	free(tx->vectors);
	free(tx->messages);
	free(injector->slots);
	free(tx);
}

/*
 * The ring lets a NIC read the slot itself. Where no hardware is behind the
 * interface the frame is copied anyway, and sendmmsg costs less a frame.
 */
static uint32_t choose_method(const char *interface, const struct zring_injector_options *options,
			      const char **ret_reason)
{
	struct zring_interface found = {0};

	*ret_reason = "asked for";
	if (options->method != ZRING_METHOD_AUTO)
		return options->method;
	*ret_reason = "send times need a message each";
	if (options->send_time)
		return ZRING_METHOD_SENDMMSG;
	*ret_reason = "loss mode is the ring's";
	if (options->loss)
		return ZRING_METHOD_RING;
	*ret_reason = "no hardware behind the interface: a copy is cheaper";
	if (zring_interface_get(interface, NULL, &found) || !found.has_device)
		return ZRING_METHOD_SENDMMSG;
	*ret_reason = "the device reads the slots: no copy";
	return ZRING_METHOD_RING;
}

static int check_method(const struct zring_injector_options *options, uint32_t method,
			const struct zr_device *device, struct zring_diag *diag)
{
	/* loopback_xmit() orphans the skb and not its pages: later laps overwrite what is in
	 * flight. */
	if (method == ZRING_METHOD_RING && device->link_type == ARPHRD_LOOPBACK)
		return zr_fail(diag, -ENOTSUP, "options",
			       "%s frees a ring's slot before its bytes are read: use "
			       "ZRING_METHOD_SENDMMSG",
			       device->name);
	if (options->send_time && method == ZRING_METHOD_RING)
		return zr_fail(diag, -ENOTSUP, "options",
			       "a ring has no send time a frame: use ZRING_METHOD_SENDMMSG");
	if (options->loss && method == ZRING_METHOD_SENDMMSG)
		return zr_fail(diag, -ENOTSUP, "options",
			       "PACKET_LOSS is for rings: use ZRING_METHOD_RING");
	if (options->loss && options->vnet_header)
		return zr_fail(diag, -ENOTSUP, "options",
			       "with an offload header the kernel checks no length: what loss mode "
			       "leaves out could not be told");
	return 0;
}

static int set_socket_option(int fd, int name, uint32_t value, const char *what,
			     struct zring_diag *diag)
{
	const int err = value ? zr_setsockopt_int(fd, SOL_SOCKET, name, (int)value) : 0;

	return err ? zr_fail(diag, err, what, "%s = %u: %s%s", what, value, strerror(-err),
			     err == -EPERM ? " (needs CAP_NET_ADMIN)" : "")
		   : 0;
}

static int set_send_time(int fd, const struct zring_injector_options *options,
			 struct zring_diag *diag)
{
	const struct sock_txtime txtime = {
		.clockid = options->send_time_clock ? options->send_time_clock : CLOCK_TAI,
	};
	const int err = options->send_time
				? zr_setsockopt(fd, SOL_SOCKET, SO_TXTIME, &txtime, sizeof(txtime))
				: 0;

	return err ? zr_fail(diag, err, "SO_TXTIME", "clock %d: %s%s", txtime.clockid,
			     strerror(-err),
			     err == -EPERM
				     ? " (clocks other than CLOCK_MONOTONIC need CAP_NET_ADMIN)"
				     : "")
		   : 0;
}

static int set_options(struct zr_tx *tx, const struct zring_injector_options *options,
		       struct zring_diag *diag)
{
	struct zring_injector_info *info = &tx->base.info;
	const int fd = tx->base.fd;
	int value = 0, err;

	err = set_socket_option(fd, SO_PRIORITY, options->priority, "SO_PRIORITY", diag);
	if (!err)
		err = set_socket_option(fd, SO_MARK, options->mark, "SO_MARK", diag);
	if (!err)
		err = set_socket_option(fd, SO_SNDBUF, options->send_buffer_bytes, "SO_SNDBUF",
					diag);
	if (!err)
		err = set_send_time(fd, options, diag);
	if (!err && options->qdisc_bypass)
		err = zr_afpacket_set(fd, PACKET_QDISC_BYPASS, 1, "PACKET_QDISC_BYPASS", diag);
	if (!err && options->vnet_header)
		err = zr_afpacket_set(fd, PACKET_VNET_HDR, 1, "PACKET_VNET_HDR", diag);
	if (!err && options->loss)
		err = zr_afpacket_set(fd, PACKET_LOSS, 1, "PACKET_LOSS", diag);
	if (err)
		return err;
	zr_getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &value, sizeof(value));
	info->send_buffer_bytes = (uint32_t)value;
	info->qdisc_bypass = options->qdisc_bypass;
	info->vnet_header = options->vnet_header;
	if (options->vnet_header)
		info->checksum_by = ZRING_CHECKSUM_BY_DEVICE;
	info->loss = options->loss;
	info->send_time = options->send_time;
	return 0;
}

static int map_ring(struct zr_tx *tx, struct zr_layout *layout, struct zring_diag *diag)
{
	bool locked;
	void *ring;
	int err;

	err = zr_afpacket_set(tx->base.fd, PACKET_VERSION, TPACKET_V1, "PACKET_VERSION", diag);
	if (!err)
		err = zr_afpacket_ring(tx->base.fd, PACKET_TX_RING, layout, false, diag);
	if (err)
		return err;
	tx->slot_bytes = layout->frame_bytes;
	tx->ring_bytes = (size_t)zr_layout_bytes(layout);
	err = zr_afpacket_map(tx->base.fd, tx->ring_bytes, diag, &ring, &locked);
	if (!err)
		tx->ring = ring;
	return err;
}

/*
 * Slots of our own, a cache line more than the ring's: neighbours fall into
 * different sets. A frame begins with a line, an offload header ends before it.
 */
static int map_private(struct zr_tx *tx, const struct zr_layout *layout, struct zring_diag *diag)
{
	void *slots;
	int err;

	tx->slot_bytes = layout->frame_bytes + CACHE_LINE_BYTES;
	tx->ring_bytes = (size_t)tx->slot_bytes * zr_layout_frames(layout);
	err = zr_mmap(tx->ring_bytes, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0, &slots);
	if (err)
		return zr_fail(diag, err, "mmap", "%zu bytes of slots: %s", tx->ring_bytes,
			       strerror(-err));
	tx->ring = slots;
	return 0;
}

static int make_slots(struct zr_tx *tx, struct zr_layout *layout, struct zring_diag *diag)
{
	struct zring_injector *injector = &tx->base;
	const bool is_ring = injector->info.method == ZRING_METHOD_RING;
	const int err = is_ring ? map_ring(tx, layout, diag) : map_private(tx, layout, diag);

	if (err)
		return err;
	injector->nr_slots = zr_layout_frames(layout);
	injector->slots = calloc(injector->nr_slots, sizeof(*injector->slots));
	if (!injector->slots)
		return zr_fail(diag, -ENOMEM, "memory", "no memory for %u slots",
			       injector->nr_slots);
	for (uint32_t i = 0; i < injector->nr_slots; i++)
		injector->slots[i].data =
			tx->ring + (size_t)i * tx->slot_bytes +
			(is_ring ? ZR_V1_FRAME_OFFSET + tx->header_bytes : CACHE_LINE_BYTES);
	injector->window.next = injector->slots;
	injector->window.end = injector->slots;
	injector->window_start = injector->slots;
	return is_ring ? 0 : zr_tx_mmsg_prepare(tx, diag);
}

/* A super-frame needs the offload header on its socket and no qdisc bypass. */
static void open_burst_socket(struct zr_tx *tx, const struct zring_injector_options *options,
			      const struct zr_device *device)
{
	const int fd = zr_afpacket_socket(NULL);

	tx->burst_fd = -1;
	if (fd < 0)
		return;
	if (zr_afpacket_set(fd, PACKET_VNET_HDR, 1, "PACKET_VNET_HDR", NULL) ||
	    set_socket_option(fd, SO_PRIORITY, options->priority, "SO_PRIORITY", NULL) ||
	    set_socket_option(fd, SO_MARK, options->mark, "SO_MARK", NULL) ||
	    zr_afpacket_bind(fd, device, 0, NULL))
		zr_close(fd);
	else
		tx->burst_fd = fd;
}

static void describe(struct zr_tx *tx, const struct zring_injector_options *options,
		     const struct zr_device *device, const struct zr_layout *layout)
{
	struct zring_injector *injector = &tx->base;
	struct zring_injector_info *info = &injector->info;
	const bool ethernet = device->link_type == ARPHRD_ETHER ||
			      device->link_type == ARPHRD_LOOPBACK;
	const uint32_t burst = options->burst_frames ? options->burst_frames : DEFAULT_BURST_FRAMES;

	snprintf(info->interface, sizeof(info->interface), "%s", device->name);
	info->ifindex = device->ifindex;
	info->link_type = device->link_type;
	info->mtu = device->mtu;
	info->backend = ZRING_BACKEND_AFPACKET;
	info->frame_bytes = layout->max_packet_bytes;
	info->nr_frames = injector->nr_slots;
	info->memory_bytes = tx->ring_bytes;
	info->rate_pps = options->rate_pps;
	info->rate_bps = options->rate_bps;
	info->burst_frames = burst < injector->nr_slots ? burst : injector->nr_slots;
	injector->header_bytes = ethernet ? ETH_HLEN : 0;
	injector->timeout_ms = options->timeout_ms ? (int)options->timeout_ms : DEFAULT_TIMEOUT_MS;
	injector->nonblocking = options->nonblocking;
	zr_injector_set_mtu(injector, device->mtu);
	zr_pacer_init(&injector->pacer, options->rate_pps, options->rate_bps, info->burst_frames,
		      injector->max_len);
}

/* From the bare socket to slots, each step named; protocol 0: nothing is ever received. */
static int build(struct zr_tx *tx, const char *interface,
		 const struct zring_injector_options *options, struct zring_diag *diag)
{
	struct zring_injector_info *info = &tx->base.info;
	struct zr_device device;
	struct zr_layout layout;
	const char *reason;
	int err;

	err = zr_afpacket_socket(diag);
	if (err < 0)
		return err;
	tx->base.fd = err;
	err = zr_afpacket_lookup(tx->base.fd, interface, diag, &device);
	if (!err)
		err = zr_layout_tx(options, device.mtu, zr_page_bytes(), diag, &layout);
	if (err)
		return err;
	info->method = choose_method(interface, options, &reason);
	snprintf(info->method_reason, sizeof(info->method_reason), "%s", reason);
	tx->base.ops = info->method == ZRING_METHOD_RING ? &zr_tx_ring_ops : &zr_tx_mmsg_ops;
	tx->header_bytes = options->vnet_header ? ZR_VNET_HEADER_BYTES : 0;
	err = check_method(options, info->method, &device, diag);
	if (!err)
		err = set_options(tx, options, diag);
	if (!err)
		err = make_slots(tx, &layout, diag);
	if (!err)
		err = zr_afpacket_bind(tx->base.fd, &device, 0, diag);
	if (err)
		return err;
	open_burst_socket(tx, options, &device);
	describe(tx, options, &device, &layout);
	return 0;
}

int zr_afpacket_injector_open(const char *interface, const struct zring_injector_options *options,
			      struct zring_diag *diag, struct zring_injector **ret_injector)
{
	struct zr_tx *tx = calloc(1, sizeof(*tx));
	int err;

	if (!tx)
		return zr_fail(diag, -ENOMEM, "memory", "no memory for an injector");
	tx->base.fd = -1;
	tx->burst_fd = -1;
	err = build(tx, interface, options, diag);
	if (err) {
		zr_tx_close(&tx->base);
		return err;
	}
	*ret_injector = &tx->base;
	return 0;
}
