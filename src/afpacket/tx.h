/* SPDX-License-Identifier: BSD-2-Clause */
/* A sending packet socket: what the ring and sendmmsg share. */
#ifndef ZR_AFPACKET_TX_H
#define ZR_AFPACKET_TX_H

#include <sys/socket.h>

#include "../core/injector.h"
#include "layout.h"

struct zr_tx {
	struct zring_injector base;
	uint8_t *ring; /* the slots, shared with the kernel or private */
	size_t ring_bytes;
	uint32_t slot_bytes;
	uint32_t header_bytes; /* in front of the frame: offload header or 0 */
	int burst_fd;          /* for super-frames; -1: this kernel has no offload header */
	/* sendmmsg: one prepared message a slot */
	struct mmsghdr *messages;
	struct iovec *vectors;
	uint8_t *controls; /* send times, or NULL */
};

extern const struct zr_injector_ops zr_tx_ring_ops;
extern const struct zr_injector_ops zr_tx_mmsg_ops;

static inline struct zr_tx *zr_tx(struct zring_injector *injector)
{
	return (struct zr_tx *)injector;
}

void zr_tx_offload(struct zring_injector *injector, struct zring_slot *slot,
		   const struct zring_offload *offload);
int zr_tx_burst(struct zring_injector *injector, const struct zring_packet *packets, uint32_t nr,
		const struct zr_udp_frame *frame, struct zr_deadline *deadline);
int zr_tx_mtu(struct zring_injector *injector);
void zr_tx_close(struct zring_injector *injector);

/* What an errno of a send means: -EAGAIN, -ENOBUFS, -ENETDOWN, -ENODEV; 0: this frame's fault. */
int zr_tx_classify(int error);

/* Prepares the messages of the sendmmsg method. 0 or -ENOMEM. */
int zr_tx_mmsg_prepare(struct zr_tx *tx, struct zring_diag *diag);

#endif
