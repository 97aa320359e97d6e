/* SPDX-License-Identifier: BSD-2-Clause */
/* Steers packets into AF_XDP sockets; what has no socket or is not wanted goes to the stack. */
#include "xsk_common.h"

SEC("xdp")
int zring_xsk(struct xdp_md *ctx)
{
	const __u32 wanted = config.is_filtered ? filter(ctx) : 1;

	if (!wanted)
		return counted(XSK_COUNT_PASSED, XDP_PASS);
	if (config.metadata) {
		struct xsk_metadata *metadata = make_room(ctx);

		if (metadata)
			*metadata = (struct xsk_metadata){
				.timestamp_ns = config.metadata & XSK_META_TIMESTAMP
							? bpf_ktime_get_tai_ns()
							: 0,
				.snaplen = wanted,
				.flags = config.metadata & (XSK_META_TIMESTAMP | XSK_META_SNAPLEN),
				.magic = XSK_METADATA_MAGIC,
			};
	}
	return steer(ctx);
}

char license_text[] SEC("license") = "Dual BSD/GPL";
