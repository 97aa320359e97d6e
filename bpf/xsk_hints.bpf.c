/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The same, with what the driver knows of a packet: kernel functions for programs
 * bound to one device (Linux 6.3; the tag 6.8). A driver that has not the figure
 * says so for each packet.
 */
#include "xsk_common.h"

#define ADDRESSES_BYTES 12
#define TAG_BYTES       4

enum xdp_rss_hash_type {
	RSS_HASH_TYPE_NONE,
};

extern int bpf_xdp_metadata_rx_timestamp(const struct xdp_md *ctx, __u64 *timestamp) __ksym __weak;
extern int bpf_xdp_metadata_rx_hash(const struct xdp_md *ctx, __u32 *hash,
				    enum xdp_rss_hash_type *type) __ksym __weak;
extern int bpf_xdp_metadata_rx_vlan_tag(const struct xdp_md *ctx, __be16 *protocol,
					__u16 *tci) __ksym __weak;

/* Puts a tag that the driver took out back between the addresses and the Ethertype. */
static __always_inline int restore_vlan(struct xdp_md *ctx)
{
	__u8 *data;
	__be16 protocol = 0;
	__u16 tci = 0;

	if (!bpf_xdp_metadata_rx_vlan_tag || bpf_xdp_metadata_rx_vlan_tag(ctx, &protocol, &tci) ||
	    bpf_xdp_adjust_head(ctx, -TAG_BYTES))
		return 0;
	data = (__u8 *)(long)ctx->data;
	if (data + TAG_BYTES + ADDRESSES_BYTES > (__u8 *)(long)ctx->data_end)
		return 0;
	__builtin_memmove(data, data + TAG_BYTES, ADDRESSES_BYTES);
	*(__be16 *)(data + ADDRESSES_BYTES) = protocol;
	*(__be16 *)(data + ADDRESSES_BYTES + 2) = __builtin_bswap16(tci);
	return 1;
}

/* A packet on its way to the stack goes as it came: there the tag is known. */
static __always_inline int pass(struct xdp_md *ctx, int is_restored)
{
	__u8 *data = (__u8 *)(long)ctx->data;

	if (is_restored && data + TAG_BYTES + ADDRESSES_BYTES <= (__u8 *)(long)ctx->data_end) {
		__builtin_memmove(data + TAG_BYTES, data, ADDRESSES_BYTES);
		bpf_xdp_adjust_head(ctx, TAG_BYTES);
	}
	return counted(XSK_COUNT_PASSED, XDP_PASS);
}

static __always_inline int has_socket(struct xdp_md *ctx)
{
	__u32 queue = ctx->rx_queue_index;

	return bpf_map_lookup_elem(&sockets, &queue) != (void *)0;
}

static __always_inline void describe(struct xdp_md *ctx, __u32 snaplen)
{
	struct xsk_metadata found = {
		.snaplen = snaplen,
		.flags = config.metadata & XSK_META_SNAPLEN,
		.magic = XSK_METADATA_MAGIC,
	};
	enum xdp_rss_hash_type type = RSS_HASH_TYPE_NONE;
	struct xsk_metadata *metadata;

	if (config.metadata & XSK_META_TIMESTAMP) {
		found.timestamp_ns = bpf_ktime_get_tai_ns();
		found.flags |= XSK_META_TIMESTAMP;
	}
	/* A NIC that stamps nothing gives 0. */
	if ((config.metadata & XSK_META_HW_TIMESTAMP) && bpf_xdp_metadata_rx_timestamp) {
		__u64 hardware_ns = 0;

		if (!bpf_xdp_metadata_rx_timestamp(ctx, &hardware_ns) && hardware_ns) {
			found.timestamp_ns = hardware_ns;
			found.flags |= XSK_META_HW_TIMESTAMP;
		}
	}
	if ((config.metadata & XSK_META_HASH) && bpf_xdp_metadata_rx_hash &&
	    !bpf_xdp_metadata_rx_hash(ctx, &found.hash, &type))
		found.flags |= XSK_META_HASH;
	metadata = make_room(ctx);
	if (metadata)
		*metadata = found;
}

SEC("xdp")
int zring_xsk(struct xdp_md *ctx)
{
	const int is_restored = config.restore_vlan ? restore_vlan(ctx) : 0;
	const __u32 wanted = config.is_filtered ? filter(ctx) : 1;

	if (!wanted || (is_restored && !has_socket(ctx)))
		return pass(ctx, is_restored);
	if (config.metadata)
		describe(ctx, wanted);
	return steer(ctx);
}

char license_text[] SEC("license") = "Dual BSD/GPL";
