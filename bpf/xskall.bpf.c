/* SPDX-License-Identifier: BSD-2-Clause */
/* What the bare AF_XDP loops of the bench attach: all packets of queue 0 go to the socket. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_XSKMAP);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} sockets SEC(".maps");

SEC("xdp")
int xskall(struct xdp_md *ctx)
{
	return (int)bpf_redirect_map(&sockets, ctx->rx_queue_index, XDP_PASS);
}

char license_text[] SEC("license") = "Dual BSD/GPL";
