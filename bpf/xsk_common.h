/* SPDX-License-Identifier: BSD-2-Clause */
/* The part of the program that both of its forms share. */
#ifndef ZRING_BPF_XSK_COMMON_H
#define ZRING_BPF_XSK_COMMON_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "xsk.h"

struct {
	__uint(type, BPF_MAP_TYPE_XSKMAP);
	__uint(max_entries, 1); /* the loader knows how many queues there are */
	__type(key, __u32);
	__type(value, __u32);
} sockets SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, XSK_COUNTS);
	__type(key, __u32);
	__type(value, __u64);
} counts SEC(".maps");

const volatile struct xsk_config config;

/*
 * Whether a packet is the socket's. The loader puts a filter in its place, so it
 * stands last, is called and not inlined, and the compiler may not guess what it returns.
 */
static __attribute__((noinline)) __u32 filter(struct xdp_md *ctx)
{
	__u32 wanted = 1;

	__asm__ volatile("" : "+r"(wanted) : "r"(ctx));
	return wanted;
}

static __always_inline int counted(__u32 which, int action)
{
	__u64 *count = bpf_map_lookup_elem(&counts, &which);

	if (count)
		++*count;
	return action;
}

static __always_inline int steer(struct xdp_md *ctx)
{
	/* Without a socket on the queue: to the stack. */
	const int action = (int)bpf_redirect_map(&sockets, ctx->rx_queue_index, XDP_PASS);

	return counted(action == XDP_REDIRECT ? XSK_COUNT_REDIRECTED : XSK_COUNT_PASSED, action);
}

/* Room in front of the packet, or NULL where the driver has none: then the reader finds no magic.
 */
static __always_inline struct xsk_metadata *make_room(struct xdp_md *ctx)
{
	struct xsk_metadata *metadata;

	if (bpf_xdp_adjust_meta(ctx, -(int)sizeof(*metadata)))
		return NULL;
	metadata = (struct xsk_metadata *)(long)ctx->data_meta;
	return (void *)(metadata + 1) > (void *)(long)ctx->data ? (void *)0 : metadata;
}

#endif
