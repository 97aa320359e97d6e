/* SPDX-License-Identifier: BSD-2-Clause */
/* Opening an injector on AF_XDP: one queue, a UMEM whose chunks are the slots. */
#include <errno.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../core/diag.h"
#include "../syscall.h"
#include "injector.h"
#include "open.h"

#define LINK_BYTES           22u /* link-layer header and two tags beyond the MTU */
#define ETHERNET_BYTES       14u
#define SMALL_CHUNK_BYTES    2048u
#define DEFAULT_SLOTS        256u
#define MAX_SLOTS            (1u << 20)
#define DEFAULT_TIMEOUT_MS   1000
#define DEFAULT_BURST_FRAMES 64u
/* Frames in flight that neither leave nor complete for so long never will. */
#define STALL_NS UINT64_C(5000000000)

struct plan {
	struct zring_interface interface;
	uint32_t nr_slots;
	uint32_t chunk_bytes;
	uint32_t slot_chunks; /* a power of two */
	uint32_t lead_bytes;
	uint32_t room_bytes;
};

static uint32_t round_up_to_power(uint32_t value)
{
	return value < 2 ? 1 : 1u << (32 - __builtin_clz(value - 1));
}

static int refuse(struct zring_diag *diag, const char *option, const char *why)
{
	return zr_fail(diag, -ENOTSUP, "options", "AF_XDP: option %s: %s", option, why);
}

/* What only packet sockets have is told, not passed over. */
static int check_options(const struct zring_injector_options *options, struct zring_diag *diag)
{
	if (options->method != ZRING_METHOD_AUTO && options->method != ZRING_METHOD_XDP)
		return refuse(diag, "method", "its TX ring is the only one: ZRING_METHOD_XDP");
	if (options->loss)
		return refuse(diag, "loss", "PACKET_LOSS is a packet socket's");
	if (options->send_time)
		return refuse(diag, "send_time",
			      "no qdisc keeps the time: use "
			      "ZRING_METHOD_SENDMMSG, or a launch time with "
			      "zring_xdp_transmit()");
	if (options->nr_frames > MAX_SLOTS)
		return zr_fail(diag, -EINVAL, "options", "nr_frames %u: at most %u",
			       options->nr_frames, MAX_SLOTS);
	return 0;
}

static int make_plan(const char *interface, const struct zring_injector_options *options,
		     struct zring_diag *diag, struct plan *ret_plan)
{
	const uint32_t colours = (ZR_XDP_COLOURS - 1) * ZR_XDP_COLOUR_BYTES;
	struct plan plan = {.nr_slots = options->nr_frames ? options->nr_frames : DEFAULT_SLOTS};
	uint32_t wanted;
	int err = check_options(options, diag);

	if (!err)
		err = zring_interface_get(interface, diag, &plan.interface);
	if (err)
		return err;
	if (plan.interface.link_type != ARPHRD_ETHER && plan.interface.link_type != ARPHRD_LOOPBACK)
		return zr_fail(diag, -ENOTSUP, "interface",
			       "%s has no Ethernet frames (type %u): use ZRING_BACKEND_AFPACKET",
			       interface, plan.interface.link_type);
	plan.nr_slots = round_up_to_power(plan.nr_slots);
	plan.lead_bytes = options->vnet_header ? ZR_XDP_COLOUR_BYTES : 0;
	wanted = options->frame_bytes ? options->frame_bytes : plan.interface.mtu + LINK_BYTES;
	if (wanted > UINT16_MAX + LINK_BYTES)
		return zr_fail(diag, -EINVAL, "options", "frame_bytes %u: at most %u", wanted,
			       UINT16_MAX + LINK_BYTES);
	plan.room_bytes = wanted;
	wanted += plan.lead_bytes + colours;
	plan.chunk_bytes = wanted <= SMALL_CHUNK_BYTES ? SMALL_CHUNK_BYTES : zr_page_bytes();
	plan.slot_chunks = round_up_to_power((wanted + plan.chunk_bytes - 1) / plan.chunk_bytes);
	if (wanted > ZR_XDP_MAX_PIECES * plan.chunk_bytes)
		return zr_fail(diag, -EINVAL, "options", "a frame of %u bytes has too many pieces",
			       plan.room_bytes);
	*ret_plan = plan;
	return 0;
}

/*
 * On software devices the kernel can be told to complete checksums at once; hardware
 * that copies is asked itself. What a zero-copy driver does with the request is not
 * known, so there, and on old kernels, they are completed at submit.
 */
static void choose_checksums(const struct zring_injector_options *options, const struct plan *plan,
			     struct zring_umem_options *umem, uint32_t *ret_by)
{
	*ret_by = ZRING_CHECKSUM_BY_NOBODY;
	if (!options->vnet_header)
		return;
	*ret_by = ZRING_CHECKSUM_BY_LIBRARY;
	/* Room for a request in front of each piece would tear the slot's bytes apart. */
	if (plan->interface.has_device || plan->slot_chunks > 1)
		return;
	*ret_by = ZRING_CHECKSUM_BY_KERNEL;
	umem->tx_metadata = 1;
	umem->tx_software_checksum = 1;
}

static int open_socket(struct zr_xdp_injector *tx, const struct zring_injector_options *options,
		       const struct plan *plan, struct zring_diag *diag)
{
	struct zring_xdp_options socket = {
		.size = sizeof(socket),
		.queue = options->queue,
		.mode = options->xdp_mode,
		.use = ZRING_XDP_TX,
		.tx_entries = plan->nr_slots * plan->slot_chunks,
		.fill_entries = 64,
		.multi_buffer = plan->slot_chunks > 1,
	};

	return zring_xdp_open(plan->interface.name, tx->umem, &socket, diag, &tx->xdp);
}

/* With what the kernel is asked for, and without it where it does not know the question. */
static int open_both(struct zr_xdp_injector *tx, const struct zring_injector_options *options,
		     const struct plan *plan, struct zring_diag *diag)
{
	struct zring_umem_options umem = {
		.size = sizeof(umem),
		.nr_chunks = plan->nr_slots * plan->slot_chunks,
		.chunk_bytes = plan->chunk_bytes,
		.memory = options->umem_memory,
		.numa_node = options->numa_node ? options->numa_node
			     : plan->interface.numa_node >= 0
				     ? (uint32_t)plan->interface.numa_node + 1
				     : 0,
	};
	uint32_t *by = &tx->base.info.checksum_by;
	struct zring_diag first = {0}; /* of the attempt that may be made up for */
	int err;

	choose_checksums(options, plan, &umem, by);
	err = zring_umem_open(&umem, diag, &tx->umem);
	if (err)
		return err;
	err = open_socket(tx, options, plan, umem.tx_metadata ? &first : diag);
	if (err && err != -ENOTSUP && umem.tx_metadata && diag)
		*diag = first;
	if (err != -ENOTSUP || !umem.tx_metadata)
		return err;
	*by = ZRING_CHECKSUM_BY_LIBRARY;
	umem.tx_metadata = 0;
	umem.tx_software_checksum = 0;
	zring_umem_close(tx->umem);
	tx->umem = NULL;
	err = zring_umem_open(&umem, diag, &tx->umem);
	return err ? err : open_socket(tx, options, plan, diag);
}

static int set_option(const struct zr_xdp_injector *tx, int name, uint32_t value, const char *what,
		      struct zring_diag *diag)
{
	int err;

	if (!value)
		return 0;
	if (tx->xdp->zero_copy)
		return refuse(diag, what, "a zero-copy driver reads the ring past it");
	err = zr_setsockopt_int(tx->xdp->fd, SOL_SOCKET, name, (int)value);
	return err ? zr_fail(diag, err, what, "%s = %u: %s%s", what, value, strerror(-err),
			     err == -EPERM ? " (needs CAP_NET_ADMIN)" : "")
		   : 0;
}

static int set_options(struct zr_xdp_injector *tx, const struct zring_injector_options *options,
		       struct zring_diag *diag)
{
	int value = 0, err;

	err = set_option(tx, SO_PRIORITY, options->priority, "SO_PRIORITY", diag);
	if (!err)
		err = set_option(tx, SO_MARK, options->mark, "SO_MARK", diag);
	if (!err)
		err = set_option(tx, SO_SNDBUF, options->send_buffer_bytes, "SO_SNDBUF", diag);
	if (err)
		return err;
	zr_getsockopt(tx->xdp->fd, SOL_SOCKET, SO_SNDBUF, &value, sizeof(value));
	tx->base.info.send_buffer_bytes = (uint32_t)value;
	return 0;
}

/* Slot i has entry i of the TX ring for good: only lengths are written from now on. */
static void align_with_ring(struct zr_xdp_injector *tx)
{
	struct zring_injector *injector = &tx->base;
	struct zr_ring *ring = &tx->xdp->tx;

	injector->head = ring->position;
	injector->taken = ring->position;
	injector->tail = ring->position;
	tx->posted = ring->position;
	for (uint32_t i = 0; i < injector->nr_slots; i++)
		zr_ring_desc(ring, i)->address =
			(uint64_t)(injector->slots[i].data - tx->umem->window.data);
}

static int make_slots(struct zr_xdp_injector *tx, const struct plan *plan, struct zring_diag *diag)
{
	struct zring_injector *injector = &tx->base;
	const uint32_t slot_bytes = plan->slot_chunks * plan->chunk_bytes;

	injector->nr_slots = plan->nr_slots;
	injector->slots = calloc(plan->nr_slots, sizeof(*injector->slots));
	tx->ended = calloc(plan->nr_slots, sizeof(*tx->ended));
	if (!injector->slots || !tx->ended)
		return zr_fail(diag, -ENOMEM, "memory", "no memory for %u slots", plan->nr_slots);
	for (uint32_t i = 0; i < plan->nr_slots; i++)
		injector->slots[i].data = tx->umem->window.data + (size_t)i * slot_bytes +
					  plan->lead_bytes +
					  i % ZR_XDP_COLOURS * ZR_XDP_COLOUR_BYTES;
	tx->slot_shift = (uint32_t)__builtin_ctz(slot_bytes);
	tx->chunk_bytes = plan->chunk_bytes;
	tx->one_piece = plan->slot_chunks == 1;
	injector->window.next = injector->slots;
	injector->window.end = injector->slots;
	injector->window_start = injector->slots;
	if (tx->one_piece)
		align_with_ring(tx);
	return 0;
}

static void describe(struct zr_xdp_injector *tx, const struct zring_injector_options *options,
		     const struct plan *plan)
{
	struct zring_injector *injector = &tx->base;
	struct zring_injector_info *info = &injector->info;
	const uint32_t burst = options->burst_frames ? options->burst_frames : DEFAULT_BURST_FRAMES;

	memcpy(info->interface, plan->interface.name, sizeof(info->interface));
	memcpy(info->steps, tx->xdp->info.steps, sizeof(info->steps));
	snprintf(info->method_reason, sizeof(info->method_reason), "the backend's only one");
	info->ifindex = plan->interface.index;
	info->link_type = plan->interface.link_type;
	info->mtu = plan->interface.mtu;
	info->backend = ZRING_BACKEND_AFXDP;
	info->method = ZRING_METHOD_XDP;
	info->frame_bytes = plan->room_bytes;
	info->nr_frames = plan->nr_slots;
	info->memory_bytes = tx->umem->bytes;
	info->rate_pps = options->rate_pps;
	info->rate_bps = options->rate_bps;
	info->burst_frames = burst < plan->nr_slots ? burst : plan->nr_slots;
	info->qdisc_bypass = 1;
	info->vnet_header = options->vnet_header;
	info->xdp_mode = tx->xdp->info.mode;
	info->queue = options->queue;
	tx->has_requests = info->checksum_by == ZRING_CHECKSUM_BY_KERNEL;
	injector->fd = tx->xdp->fd;
	injector->header_bytes = ETHERNET_BYTES;
	injector->timeout_ms = options->timeout_ms ? (int)options->timeout_ms : DEFAULT_TIMEOUT_MS;
	injector->nonblocking = options->nonblocking;
	injector->stall_ns = STALL_NS;
	zr_injector_set_mtu(injector, plan->interface.mtu);
	zr_pacer_init(&injector->pacer, options->rate_pps, options->rate_bps, info->burst_frames,
		      injector->max_len);
	tx->xdp->dropped = zr_xdp_injector_dropped;
	tx->xdp->context = tx;
}

static int build(struct zr_xdp_injector *tx, const char *interface,
		 const struct zring_injector_options *options, struct zring_diag *diag)
{
	struct plan plan;
	int err = make_plan(interface, options, diag, &plan);

	if (!err)
		err = open_both(tx, options, &plan, diag);
	if (!err)
		err = set_options(tx, options, diag);
	if (!err)
		err = make_slots(tx, &plan, diag);
	if (!err)
		describe(tx, options, &plan);
	return err;
}

void zr_xdp_injector_close(struct zring_injector *injector)
{
	struct zr_xdp_injector *tx = zr_xdp_injector(injector);

	zring_xdp_close(tx->xdp);
	zring_umem_close(tx->umem);
	free(tx->ended);
	free(injector->slots);
	free(tx);
}

int zr_afxdp_injector_open(const char *interface, const struct zring_injector_options *options,
			   struct zring_diag *diag, struct zring_injector **ret_injector)
{
	struct zr_xdp_injector *tx = calloc(1, sizeof(*tx));
	int err;

	if (!tx)
		return zr_fail(diag, -ENOMEM, "memory", "no memory for an injector");
	tx->base.ops = &zr_xdp_injector_ops;
	tx->base.fd = -1;
	err = build(tx, interface, options, diag);
	if (err) {
		zr_xdp_injector_close(&tx->base);
		return err;
	}
	*ret_injector = &tx->base;
	return 0;
}
