/* SPDX-License-Identifier: BSD-2-Clause */
/* What the XDP programs and their loader (src/afxdp/program.c) agree on. */
#ifndef ZRING_BPF_XSK_H
#define ZRING_BPF_XSK_H

#include <linux/types.h>

/* Slots of the counters, each a 64-bit figure a CPU. */
enum xsk_count {
	XSK_COUNT_REDIRECTED,
	XSK_COUNT_PASSED,
	XSK_COUNTS,
};

/* Set by the loader before the program is loaded. */
struct xsk_config {
	__u32 is_filtered; /* filter() was replaced */
	__u32 metadata;    /* XSK_META_* */
	__u32 restore_vlan;
};

/* Stands right in front of a packet's first byte. A multiple of 4, at most 32 bytes. */
struct xsk_metadata {
	__u64 timestamp_ns;
	__u32 hash;
	__u32 flags;   /* XSK_META_* that are valid */
	__u32 magic;   /* tells it from what the chunk held before */
	__u32 snaplen; /* what the filter returned */
};

#define XSK_METADATA_MAGIC 0x7a72696eu

/* The bits of ZRING_XDP_META_*, which the public header gives to programs. */
#define XSK_META_TIMESTAMP    (1u << 0)
#define XSK_META_HW_TIMESTAMP (1u << 1)
#define XSK_META_HASH         (1u << 2)
/* The reader cuts packets to what the filter returned; asked for by the capture itself. */
#define XSK_META_SNAPLEN (1u << 31)

#endif
