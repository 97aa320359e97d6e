/* SPDX-License-Identifier: BSD-2-Clause */
/* Ring geometry: pure arithmetic over options, MTU and page size. */
#ifndef ZR_AFPACKET_LAYOUT_H
#define ZR_AFPACKET_LAYOUT_H

#include <stdbool.h>

#include <zring/capture.h>
#include <zring/injector.h>

/* Link-layer header and two VLAN tags: what a frame has beyond the MTU at most. */
#define ZR_LINK_BYTES 22u

struct zr_layout {
	uint32_t version; /* of tpacket: 1, 2 or 3 */
	uint32_t block_bytes;
	uint32_t nr_blocks;
	uint32_t frame_bytes;
	uint32_t latency_ms;
	uint32_t max_packet_bytes; /* that the ring takes uncut */
	bool rounded;              /* a figure of the user's was not what the kernel takes */
};

static inline uint64_t zr_layout_bytes(const struct zr_layout *layout)
{
	return (uint64_t)layout->block_bytes * layout->nr_blocks;
}

static inline uint32_t zr_layout_frames(const struct zr_layout *layout)
{
	return layout->block_bytes / layout->frame_bytes * layout->nr_blocks;
}

/* Each returns 0 or -EINVAL with @diag filled. @page_bytes is a power of two. */
int zr_layout_rx(const struct zring_capture_options *options, uint32_t mtu, uint32_t page_bytes,
		 struct zring_diag *diag, struct zr_layout *ret_layout);
int zr_layout_tx(const struct zring_injector_options *options, uint32_t mtu, uint32_t page_bytes,
		 struct zring_diag *diag, struct zr_layout *ret_layout);

/* The next smaller ring to try when the kernel has not the memory; false: none is left. */
bool zr_layout_shrink(struct zr_layout *layout);

#endif
