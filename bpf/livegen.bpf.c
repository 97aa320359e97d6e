/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A packet generator: bpf_prog_test_run() with BPF_F_TEST_XDP_LIVE_FRAMES runs
 * this for every frame that it makes, and the redirect puts the frame on the
 * wire. The kernel recycles the pages of frames without clearing them, so all
 * that differs from frame to frame is written anew each time.
 */
#include <linux/bpf.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "livegen.h"

#define IP_BYTES_AT    16
#define IP_CHECKSUM_AT 24
#define UDP_BYTES_AT   38
#define LATE_NS        1000000

struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} port SEC(".maps");

/* Set by the loader. */
const volatile struct livegen_shape shapes[LIVEGEN_SHAPES];
const volatile __u32 nr_shapes = 1;
const volatile __u32 largest;     /* bytes of the frame that comes in: cut to the shape's */
const volatile __u64 interval_fp; /* ns between frames times 256; 0: no limit */

/* One test run at a time uses them, on one CPU. */
__u64 sequence;
__u64 next_fp;
__u32 shape_index;

/* A frame that is not due is dropped and made again: the loop in the kernel is the clock. */
static __always_inline int is_due(void)
{
	__u64 now_fp;

	if (!interval_fp)
		return 1;
	now_fp = bpf_ktime_get_ns() << 8;
	if (now_fp < next_fp)
		return 0;
	/* What was missed for more than a moment is not made up for: it would leave as a burst. */
	if (now_fp - next_fp > (__u64)LATE_NS << 8)
		next_fp = now_fp;
	next_fp += interval_fp;
	return 1;
}

SEC("xdp")
int livegen(struct xdp_md *ctx)
{
	const volatile struct livegen_shape *shape = &shapes[shape_index & (LIVEGEN_SHAPES - 1)];
	__u8 *data;

	if (!is_due())
		return XDP_DROP;
	if (nr_shapes > 1) {
		int longer = (int)largest - shape->bytes;

		if (longer > 0 && bpf_xdp_adjust_tail(ctx, -longer))
			return XDP_ABORTED;
		if (++shape_index >= nr_shapes)
			shape_index = 0;
	}
	data = (__u8 *)(long)ctx->data;
	if (data + LIVEGEN_SEQUENCE_AT + sizeof(sequence) > (__u8 *)(long)ctx->data_end)
		return XDP_ABORTED;
	if (nr_shapes > 1) {
		*(__u16 *)(data + IP_BYTES_AT) = shape->ip_bytes;
		*(__u16 *)(data + IP_CHECKSUM_AT) = shape->ip_checksum;
		*(__u16 *)(data + UDP_BYTES_AT) = shape->udp_bytes;
	}
	/* In halves: the place is aligned to two bytes only. */
	*(__u32 *)(data + LIVEGEN_SEQUENCE_AT) = bpf_htonl((__u32)(sequence >> 32));
	*(__u32 *)(data + LIVEGEN_SEQUENCE_AT + 4) = bpf_htonl((__u32)sequence);
	sequence++;
	return (int)bpf_redirect_map(&port, 0, 0);
}

char license_text[] SEC("license") = "Dual BSD/GPL";
