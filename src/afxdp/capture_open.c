/* SPDX-License-Identifier: BSD-2-Clause */
/* Opening a capture on AF_XDP: one program, one UMEM, a socket a queue. */
#include <errno.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../core/cleanup.h"
#include "../core/diag.h"
#include "../syscall.h"
#include "capture.h"
#include "filter.h"
#include "open.h"
#include "xsk.h"

#define LINK_BYTES        22u /* link-layer header and two tags beyond the MTU */
#define SMALL_CHUNK_BYTES 2048u
#define NATIVE_MTU_LIMIT  3400u /* below what drivers with pages of 4 KiB take in one piece */
#define LINEAR_SPARE      64u
#define NS_PER_S          UINT64_C(1000000000)

static uint32_t round_down_to_power(uint32_t value)
{
	return value ? 1u << (31 - __builtin_clz(value)) : 0;
}

/* Where the options leave room. */
struct plan {
	struct zring_interface interface;
	uint32_t first_queue;
	uint32_t nr_queues;
	uint32_t chunk_bytes;
	uint32_t chunks; /* a queue */
	bool in_pieces;  /* the MTU is more than a chunk holds */
	uint32_t metadata;
	bool restore_vlan;
};

static uint32_t default_chunks(const struct zring_capture_options *options)
{
	switch (options->profile) {
	case ZRING_PROFILE_LOW_LATENCY:
		return 2048;
	case ZRING_PROFILE_LOW_MEMORY:
		return 512;
	default:
		return options->wait >= ZRING_WAIT_NAP ? 16384 : 4096;
	}
}

static int refuse(struct zring_diag *diag, const char *option, const char *why)
{
	return zr_fail(diag, -ENOTSUP, "options", "AF_XDP: option %s: %s", option, why);
}

/* What only packet sockets have is told, not passed over. */
static int check_options(const struct zring_capture_options *options, struct zring_diag *diag)
{
	if (options->direction == ZRING_CAPTURE_OUT)
		return refuse(diag, "direction",
			      "an XDP program sees only what arrives: use "
			      "ZRING_BACKEND_AFPACKET for what this host sends");
	if (options->block_bytes || options->nr_blocks || options->latency_ms)
		return refuse(diag, "block_bytes, nr_blocks, latency_ms",
			      "there are no blocks: memory_bytes and frame_bytes size the UMEM");
	if (options->fanout)
		return refuse(diag, "fanout",
			      "a queue has one socket: spread the link over queues "
			      "(first_queue, nr_queues)");
	if (options->receive_buffer_bytes)
		return refuse(diag, "receive_buffer_bytes", "there is no such buffer");
	return 0;
}

static int plan_queues(const struct zring_capture_options *options, struct plan *plan,
		       struct zring_diag *diag)
{
	const uint32_t there = plan->interface.nr_rx_queues ? plan->interface.nr_rx_queues : 1;

	if (options->first_queue >= there || options->nr_queues > there - options->first_queue)
		return zr_fail(diag, -EINVAL, "queues",
			       "%s has %u receive queues, %u from %u on are not there: see "
			       "`ethtool -l`",
			       plan->interface.name, there, options->nr_queues,
			       options->first_queue);
	plan->first_queue = options->first_queue;
	plan->nr_queues = options->nr_queues ? options->nr_queues : there - options->first_queue;
	return 0;
}

/* As many chunks a queue as the memory allows, a power of two: so is the fill ring. */
static int plan_chunks(const struct zring_capture_options *options, struct plan *plan,
		       struct zring_diag *diag)
{
	const uint32_t frame = plan->interface.mtu + LINK_BYTES, page_bytes = zr_page_bytes();
	uint64_t chunks;

	plan->chunk_bytes = options->frame_bytes ? options->frame_bytes
			    : options->profile != ZRING_PROFILE_JUMBO &&
					    frame <= SMALL_CHUNK_BYTES - ZR_XDP_HEADROOM_BYTES
				    ? SMALL_CHUNK_BYTES
				    : page_bytes;
	if (plan->chunk_bytes != round_down_to_power(plan->chunk_bytes) ||
	    plan->chunk_bytes < SMALL_CHUNK_BYTES || plan->chunk_bytes > page_bytes)
		return zr_fail(diag, -EINVAL, "options",
			       "frame_bytes %u: a chunk of AF_XDP has %u to %u, a power of two",
			       plan->chunk_bytes, SMALL_CHUNK_BYTES, page_bytes);
	plan->in_pieces = frame > plan->chunk_bytes - ZR_XDP_HEADROOM_BYTES;
	chunks = options->memory_bytes ? options->memory_bytes / plan->chunk_bytes / plan->nr_queues
				       : default_chunks(options);
	if (chunks > UINT32_MAX / 2 || chunks < ZR_XDP_BATCH)
		return zr_fail(diag, -EINVAL, "options",
			       "memory_bytes %llu: that is %llu chunks a queue, at least %u are "
			       "needed",
			       (unsigned long long)options->memory_bytes,
			       (unsigned long long)chunks, ZR_XDP_BATCH);
	plan->chunks = round_down_to_power((uint32_t)chunks);
	return 0;
}

static void plan_metadata(const struct zring_capture_options *options, struct plan *plan)
{
	if (options->timestamp != ZRING_TIMESTAMP_SOFTWARE)
		plan->metadata |= ZRING_XDP_META_TIMESTAMP;
	if (options->timestamp == ZRING_TIMESTAMP_RAW_HARDWARE)
		plan->metadata |= ZRING_XDP_META_HW_TIMESTAMP;
	if (options->rxhash)
		plan->metadata |= ZRING_XDP_META_HASH;
	plan->restore_vlan = plan->interface.link_type == ARPHRD_ETHER &&
			     (plan->interface.offloads & ZRING_FEATURE_RX_VLAN);
}

static int make_plan(const char *interface, const struct zring_capture_options *options,
		     struct zring_diag *diag, struct plan *ret_plan)
{
	int err = check_options(options, diag);

	*ret_plan = (struct plan){0};
	if (!err)
		err = zring_interface_get(interface, diag, &ret_plan->interface);
	if (!err)
		err = plan_queues(options, ret_plan, diag);
	if (!err)
		err = plan_chunks(options, ret_plan, diag);
	if (!err)
		plan_metadata(options, ret_plan);
	return err;
}

static int open_umem(struct zr_xdp_capture *xdp, const struct zring_capture_options *options,
		     const struct plan *plan, struct zring_diag *diag)
{
	const int32_t node = plan->interface.numa_node;
	const struct zring_umem_options umem = {
		.size = sizeof(umem),
		.nr_chunks = plan->chunks * plan->nr_queues,
		.chunk_bytes = plan->chunk_bytes,
		.memory = options->umem_memory,
		.numa_node = options->numa_node ? options->numa_node
			     : node >= 0        ? (uint32_t)node + 1
						: 0,
	};
	const int err = zring_umem_open(&umem, diag, &xdp->umem);

	if (!err && xdp->umem->info.fallback[0])
		xdp->base.info.adjusted |= ZRING_ADJUSTED_UMEM;
	return err;
}

static int open_program(struct zr_xdp_capture *xdp, const struct zring_capture_options *options,
			const struct plan *plan, struct zring_diag *diag)
{
	struct zring_xdp_program_options program = {
		.size = sizeof(program),
		.mode = options->xdp_mode,
		.metadata = plan->metadata,
		.multi_buffer = plan->in_pieces || plan->interface.mtu > NATIVE_MTU_LIMIT,
		.restore_vlan = plan->restore_vlan,
		.dispatcher = options->dispatcher,
	};
	struct zr_xdp_capture_filter filter;
	int err = zr_xdp_capture_filter(options, &plan->interface, program.multi_buffer, diag,
					&filter);

	if (err)
		return err;
	if (filter.filter.nr_insns)
		program.filter = &filter.filter;
	if (filter.snaplen_varies)
		program.metadata |= XSK_META_SNAPLEN;
	xdp->snaplen_varies = filter.snaplen_varies;
	xdp->filter_snaplen = filter.snaplen;
	err = zr_program_ops->open(plan->interface.name, &program, diag, &xdp->program);
	free(filter.owned);
	return err;
}

static int open_queue(struct zr_xdp_capture *xdp, const struct zring_capture_options *options,
		      const struct plan *plan, uint32_t index, struct zring_diag *diag)
{
	const struct zring_xdp_options socket = {
		.size = sizeof(socket),
		.queue = plan->first_queue + index,
		.mode = options->xdp_mode,
		.use = ZRING_XDP_RX,
		.rx_chunks = plan->chunks,
		.rx_entries = plan->chunks,
		.fill_entries = plan->chunks,
		.completion_entries = ZR_XDP_BATCH,
		.busy_poll_us = options->busy_poll_us,
		.busy_poll_budget = options->busy_poll_budget,
		.multi_buffer = plan->in_pieces,
		.promiscuous = options->promiscuous && !index,
		.paused = options->paused,
		.program = xdp->program,
	};

	return zring_xdp_open(plan->interface.name, xdp->umem, &socket, diag, &xdp->queues[index]);
}

static int open_queues(struct zr_xdp_capture *xdp, const struct zring_capture_options *options,
		       const struct plan *plan, struct zring_diag *diag)
{
	xdp->queues = calloc(plan->nr_queues, sizeof(struct zring_xdp *));
	xdp->polls = calloc(plan->nr_queues + 2, sizeof(*xdp->polls));
	if (!xdp->queues || !xdp->polls)
		return zr_fail(diag, -ENOMEM, "memory", "no memory for %u queues", plan->nr_queues);
	while (xdp->nr_queues < plan->nr_queues) {
		const int err = open_queue(xdp, options, plan, xdp->nr_queues, diag);

		if (err)
			return err;
		xdp->nr_queues++;
	}
	return 0;
}

/* Buffers for packets in pieces; frames longer than the MTU (merged ones) are cut, and say so. */
static int make_linear(struct zr_xdp_capture *xdp, const struct plan *plan, struct zring_diag *diag)
{
	xdp->linear_bytes = (plan->interface.mtu + LINK_BYTES + LINEAR_SPARE + 63) & ~63u;
	xdp->linear = calloc(ZR_XDP_NR_LINEAR, ZR_XDP_LINEAR_HEADROOM + xdp->linear_bytes);
	if (!xdp->linear)
		return zr_fail(diag, -ENOMEM, "memory", "no memory for %u frames of %u bytes",
			       ZR_XDP_NR_LINEAR, xdp->linear_bytes);
	for (uint32_t i = 0; i < ZR_XDP_NR_LINEAR; i++)
		xdp->linear_free[xdp->nr_linear_free++] = i;
	return 0;
}

static int make_table(struct zr_xdp_capture *xdp, const struct zring_capture_options *options,
		      const struct plan *plan, struct zring_diag *diag)
{
	xdp->frames = calloc(xdp->umem->nr_chunks + ZR_XDP_NR_LINEAR, sizeof(*xdp->frames));
	if (!xdp->frames)
		return zr_fail(diag, -ENOMEM, "memory", "no memory for %u frames",
			       xdp->umem->nr_chunks);
	xdp->has_pieces = plan->in_pieces;
	if (!plan->in_pieces)
		return 0;
	if (!options->pieces)
		return make_linear(xdp, plan, diag);
	return zr_capture_lend_pieces(&xdp->base)
		       ? zr_fail(diag, -ENOMEM, "memory", "no memory for the pieces of a packet")
		       : 0;
}

/* All queues and the watch: poll() for the reader, one descriptor for other loops. */
static int make_polls(struct zr_xdp_capture *xdp, struct zring_diag *diag)
{
	const uint32_t nr = xdp->nr_queues + 1;
	ZR_AUTO_FREE int *fds = calloc(nr, sizeof(*fds));
	int err;

	if (!fds)
		return zr_fail(diag, -ENOMEM, "memory", "no memory for %u descriptors", nr);
	for (uint32_t i = 0; i < nr; i++) {
		fds[i] = i < xdp->nr_queues ? xdp->queues[i]->fd : xdp->queues[0]->watch_fd;
		xdp->polls[i] = (struct pollfd){.fd = fds[i], .events = POLLIN};
	}
	zr_capture_set_polls(&xdp->base, xdp->polls, nr);
	err = zr_epoll(fds, nr);
	if (err < 0)
		return zr_fail(diag, err, "epoll", "%s", strerror(-err));
	xdp->base.fd = err;
	return 0;
}

/* Whole seconds by definition: what passed between the two looks is no part of it. */
static uint64_t tai_ns(void)
{
	const uint64_t realtime_ns = zr_clock_ns(CLOCK_REALTIME);
	const uint64_t ahead_ns = zr_clock_ns(CLOCK_TAI) - realtime_ns;

	return (ahead_ns + NS_PER_S / 2) / NS_PER_S * NS_PER_S;
}

static void describe_metadata(struct zr_xdp_capture *xdp,
			      const struct zring_capture_options *options, const struct plan *plan)
{
	const struct zring_xdp_program_info *program = &xdp->program->info;
	struct zring_capture_info *info = &xdp->base.info;

	info->timestamp = options->timestamp;
	info->clock = CLOCK_REALTIME;
	if (plan->metadata & ~program->metadata & ZRING_XDP_META_HW_TIMESTAMP) {
		info->timestamp = ZRING_TIMESTAMP_ARRIVAL;
		info->adjusted |= ZRING_ADJUSTED_TIMESTAMP;
	} else if (options->timestamp == ZRING_TIMESTAMP_RAW_HARDWARE) {
		info->clock = -1;
	}
	info->rxhash = (program->metadata & ZRING_XDP_META_HASH) != 0;
	if (options->rxhash && !info->rxhash)
		info->adjusted |= ZRING_ADJUSTED_RXHASH;
	if (plan->restore_vlan && !program->restore_vlan)
		info->adjusted |= ZRING_ADJUSTED_VLAN;
	xdp->tai_ns = tai_ns();
}

static void describe(struct zr_xdp_capture *xdp, const struct zring_capture_options *options,
		     const struct plan *plan)
{
	struct zring_capture_info *info = &xdp->base.info;
	const struct zring_xdp_info *first = &xdp->queues[0]->info;

	memcpy(info->interface, plan->interface.name, sizeof(info->interface));
	memcpy(xdp->mac, plan->interface.mac, sizeof(xdp->mac));
	memcpy(info->steps, first->steps, sizeof(info->steps));
	info->ifindex = plan->interface.index;
	info->link_type = plan->interface.link_type;
	info->mtu = plan->interface.mtu;
	info->backend = ZRING_BACKEND_AFXDP;
	info->memory_bytes = xdp->umem->bytes;
	info->frame_bytes = plan->chunk_bytes;
	info->nr_frames = xdp->umem->nr_chunks;
	info->max_packet_bytes = xdp->linear ? xdp->linear_bytes : xdp->umem->info.frame_bytes;
	info->snaplen = options->snaplen ? options->snaplen : UINT32_MAX;
	info->direction = ZRING_CAPTURE_IN;
	info->vlan = options->vlan;
	info->wait = options->wait;
	info->busy_poll_us = first->busy_poll_us;
	info->busy_poll_budget = first->busy_poll_budget;
	info->prefer_busy_poll = first->busy_poll_us != 0;
	info->promiscuous = options->promiscuous;
	info->xdp_mode = first->mode;
	info->xdp_program = xdp->program->info.id;
	info->first_queue = plan->first_queue;
	info->nr_queues = xdp->nr_queues;
	if (options->memory_bytes && xdp->umem->bytes != options->memory_bytes)
		info->adjusted |= ZRING_ADJUSTED_GEOMETRY;
	if (options->busy_poll_us && !first->busy_poll_us)
		info->adjusted |= ZRING_ADJUSTED_BUSY_POLL;
	if (options->xdp_mode == ZRING_XDP_MODE_AUTO && info->xdp_mode != ZRING_XDP_MODE_ZEROCOPY)
		info->adjusted |= ZRING_ADJUSTED_XDP_MODE;
	xdp->base.waiter.capacity = plan->chunks;
	xdp->plain = info->snaplen >= info->max_packet_bytes &&
		     xdp->filter_snaplen >= info->max_packet_bytes && !xdp->linear &&
		     !xdp->snaplen_varies && info->vlan != ZRING_VLAN_METADATA;
	describe_metadata(xdp, options, plan);
}

static int build(struct zr_xdp_capture *xdp, const char *interface,
		 const struct zring_capture_options *options, struct zring_diag *diag)
{
	struct plan plan;
	int err = make_plan(interface, options, diag, &plan);

	if (!err)
		err = open_umem(xdp, options, &plan, diag);
	if (!err)
		err = make_table(xdp, options, &plan, diag);
	if (!err)
		err = open_program(xdp, options, &plan, diag);
	if (!err)
		err = open_queues(xdp, options, &plan, diag);
	if (!err)
		err = make_polls(xdp, diag);
	if (!err)
		describe(xdp, options, &plan);
	return err;
}

void zr_xdp_capture_close(struct zring_capture *capture)
{
	struct zr_xdp_capture *xdp = zr_xdp_capture(capture);

	/* The program first: from here on packets go to the stack again. */
	zring_xdp_program_close(xdp->program);
	while (xdp->nr_queues)
		zring_xdp_close(xdp->queues[--xdp->nr_queues]);
	zring_umem_close(xdp->umem);
	zr_capture_fini(capture);
	free(xdp->linear);
	free(xdp->frames);
	free(xdp->polls);
	free(xdp->queues);
	free(xdp);
}

int zr_afxdp_capture_open(const char *interface, const struct zring_capture_options *options,
			  struct zring_diag *diag, struct zring_capture **ret_capture)
{
	struct zr_xdp_capture *xdp = calloc(1, sizeof(*xdp));
	int err;

	if (!xdp)
		return zr_fail(diag, -ENOMEM, "memory", "no memory for a capture");
	err = zr_capture_init(&xdp->base, &zr_xdp_capture_ops);
	if (err)
		zr_fail(diag, err, "capture", "no memory or descriptor: %s", strerror(-err));
	else
		err = build(xdp, interface, options, diag);
	if (err) {
		zr_xdp_capture_close(&xdp->base);
		return err;
	}
	*ret_capture = &xdp->base;
	return 0;
}
