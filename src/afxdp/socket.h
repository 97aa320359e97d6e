/* SPDX-License-Identifier: BSD-2-Clause */
/* An AF_XDP socket: one queue of one interface, four rings, a UMEM that others may share. */
#ifndef ZR_AFXDP_SOCKET_H
#define ZR_AFXDP_SOCKET_H

#include <stdbool.h>

#include <zring/xdp.h>

#include "program.h"
#include "ring.h"
#include "umem.h"

/* Written by the umem's thread, read by any. */
struct zr_xdp_counters {
	uint64_t received;
	uint64_t filled;
	uint64_t submitted;
	uint64_t completed;
	uint64_t refused;
	uint64_t tx_dropped;
	uint64_t kicks;
};

struct zring_xdp {
	struct zring_umem *umem;
	struct zring_xdp *next; /* in umem->sockets */
	int fd;
	int watch_fd;   /* tells what becomes of the interface; core/watch.h */
	uint8_t number; /* in the umem's account of chunks */
	bool zero_copy;
	bool owns_program;
	struct zring_xdp_program *program; /* NULL: TX only */
	struct zr_ring fill;
	struct zr_ring rx;
	struct zr_ring tx;
	struct zr_ring completion;
	uint32_t taken;   /* TX position up to which the kernel has frames */
	uint32_t max_len; /* of an untagged frame */
	/* The frame at that TX position completes, but was not sent. NULL: nobody asks. */
	void (*dropped)(void *context, uint32_t position);
	void *context;
	struct zr_xdp_counters counters;
	struct zring_xdp_stats warned; /* as of the last warning */
	struct zring_xdp_info info;
};

/* Kicks while the kernel makes progress; zring_xdp_kick() is this. */
int zr_xdp_kick(struct zring_xdp *xdp);

/* Whether a frame of that length may leave under the MTU: 0, -EINVAL, -EMSGSIZE. */
int zr_xdp_check_length(const struct zring_xdp *xdp, const uint8_t *data, uint64_t len);

/* Wakes a driver that waits for chunks in the fill ring. */
void zr_xdp_wake_fill(struct zring_xdp *xdp);

/* The kernel's counters; zeros when it does not answer. */
void zr_xdp_kernel_stats(const struct zring_xdp *xdp, struct zring_xdp_stats *stats);

/* 0, -ENETDOWN (said once), -ENODEV. */
int zr_xdp_check(struct zring_xdp *xdp);

#endif
