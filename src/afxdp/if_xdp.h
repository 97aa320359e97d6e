/* SPDX-License-Identifier: BSD-2-Clause */
/* linux/if_xdp.h, with what Debian 12's copy (6.1) lacks. All of it is probed at run time. */
#ifndef ZR_AFXDP_IF_XDP_H
#define ZR_AFXDP_IF_XDP_H

#include <assert.h>
#include <linux/if_xdp.h>
#include <stddef.h>

#include <zring/xdp.h>

#ifndef AF_XDP
#define AF_XDP 44
#endif
#ifndef SOL_XDP
#define SOL_XDP 283
#endif
#ifndef XDP_USE_SG
#define XDP_USE_SG (1 << 4) /* Linux 6.6 */
#endif
#ifndef XDP_PKT_CONTD
#define XDP_PKT_CONTD (1 << 0) /* Linux 6.6 */
#endif
#ifndef XDP_TX_METADATA
#define XDP_TX_METADATA (1 << 1) /* Linux 6.8 */
#endif
#ifndef XDP_UMEM_TX_SW_CSUM
#define XDP_UMEM_TX_SW_CSUM (1 << 1) /* Linux 6.8 */
#endif
#ifndef XDP_UMEM_TX_METADATA_LEN
#define XDP_UMEM_TX_METADATA_LEN (1 << 2) /* Linux 6.11; required from then on */
#endif

/* What the kernel puts in front of each received frame (XDP_PACKET_HEADROOM). */
#define ZR_XDP_HEADROOM_BYTES 256u

#define ZR_XDP_MAX_TX_SKB_BUDGET 9 /* Linux 6.18 */

/* Pieces of a packet to send: MAX_SKB_FRAGS and the head (xdp_umem.c). */
#define ZR_XDP_MAX_PIECES 17u

/* xdp_umem_reg with its newest member, which older kernels don't read. */
struct zr_xdp_umem_reg {
	uint64_t address;
	uint64_t len;
	uint32_t chunk_bytes;
	uint32_t headroom_bytes;
	uint32_t flags;
	uint32_t tx_metadata_bytes; /* Linux 6.8 */
};

static_assert(sizeof(struct zring_xdp_desc) == sizeof(struct xdp_desc) &&
		      offsetof(struct zring_xdp_desc, address) == offsetof(struct xdp_desc, addr) &&
		      offsetof(struct zring_xdp_desc, len) == offsetof(struct xdp_desc, len) &&
		      offsetof(struct zring_xdp_desc, options) ==
			      offsetof(struct xdp_desc, options),
	      "descriptors are the kernel's");
static_assert(ZRING_XDP_MORE == XDP_PKT_CONTD && ZRING_XDP_METADATA == XDP_TX_METADATA,
	      "and their options");
static_assert(sizeof(struct zring_xdp_tx_request) == ZRING_XDP_TX_REQUEST_BYTES,
	      "struct xsk_tx_metadata");

#endif
