/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A capture on AF_XDP: a socket a queue, all on one UMEM of which each queue has
 * an equal part. A batch shows packets of one queue; the queues take turns.
 *
 * zring_packet.frame of a lent packet points to its chunk's word in the frame
 * table, which holds the time of the batch:
 *
 *	frames[0 .. nr_chunks)                 a chunk of the UMEM
 *	frames[nr_chunks .. + NR_LINEAR)       a buffer, for a packet that came in pieces
 *
 * Its lowest bits, always 0 in the pointer, say what was done to the packet.
 */
#ifndef ZR_AFXDP_CAPTURE_H
#define ZR_AFXDP_CAPTURE_H

#include "../core/capture.h"
#include "socket.h"

/* Packets a batch: what the first-level cache holds while a program reads them. */
#define ZR_XDP_BATCH 64u
/* Buffers for packets in pieces: two full batches may be held. */
#define ZR_XDP_NR_LINEAR       (2 * ZR_XDP_BATCH)
#define ZR_XDP_LINEAR_HEADROOM 64u

#define ZR_XDP_FRAME_STRIPPED 1u /* the tag stands in the 4 bytes in front of data */
#define ZR_XDP_FRAME_MORE     2u /* the next view goes on with the packet */
#define ZR_XDP_FRAME_REST     4u /* goes on with the packet of the view before */
#define ZR_XDP_FRAME_FLAGS    7u

struct zr_xdp_capture {
	struct zring_capture base;
	struct zring_umem *umem;
	struct zring_xdp_program *program;
	struct zring_xdp **queues;
	struct pollfd *polls; /* each queue, the watch, and room for the stop descriptor */
	uint32_t nr_queues;
	uint32_t turn;    /* queue to look at first */
	uint64_t *frames; /* see above */
	uint8_t *linear;  /* ZR_XDP_NR_LINEAR buffers, or NULL: packets come in one piece */
	uint32_t linear_bytes;
	uint32_t nr_linear_free;
	uint32_t linear_free[ZR_XDP_NR_LINEAR];
	uint32_t filter_snaplen; /* what the filter keeps, where that is one figure */
	bool snaplen_varies;     /* the program tells it of each packet */
	bool plain;              /* nothing is to be done to a packet but to show it */
	bool has_pieces;         /* the sockets take packets in pieces, and views show the pieces */
	uint64_t last_ns;        /* of the batch lent last */
	uint64_t tai_ns;         /* CLOCK_TAI - CLOCK_REALTIME, for what the program stamps */
	uint64_t nr_malformed;   /* the reader's, published behind what was taken */
	uint64_t taken; /* packets taken out of the rings: delivered, or on the way to it */
	uint8_t mac[6];
};

extern const struct zr_capture_ops zr_xdp_capture_ops;

static inline struct zr_xdp_capture *zr_xdp_capture(const struct zring_capture *capture)
{
	return (struct zr_xdp_capture *)(uintptr_t)capture;
}

/* A buffer for a packet in pieces; in front of it is room for the program's words. */
static inline uint8_t *zr_xdp_linear(const struct zr_xdp_capture *xdp, uint32_t buffer)
{
	return xdp->linear + buffer * (size_t)(ZR_XDP_LINEAR_HEADROOM + xdp->linear_bytes) +
	       ZR_XDP_LINEAR_HEADROOM;
}

/* ---- a lent packet (packet.c) ---- */

static inline const uint64_t *zr_xdp_entry(const struct zring_packet *packet)
{
	return (const uint64_t *)((uintptr_t)packet->frame & ~(uintptr_t)ZR_XDP_FRAME_FLAGS);
}

static inline uint32_t zr_xdp_frame_flags(const struct zring_packet *packet)
{
	return (uintptr_t)packet->frame & ZR_XDP_FRAME_FLAGS;
}

static inline void zr_xdp_add_flag(struct zring_packet *packet, uint32_t flag)
{
	packet->frame = (const void *)((uintptr_t)packet->frame | flag);
}

/* Does to views what a program asked for beyond the bytes as they came. */
void zr_xdp_adapt(struct zr_xdp_capture *xdp, struct zring_packet *views, uint32_t nr);
/* The packet's time: the program's or the NIC's stamp, else that of its batch. */
uint64_t zr_xdp_packet_time(const struct zr_xdp_capture *xdp, const struct zring_packet *packet);
void zr_xdp_packet_info(const struct zring_capture *capture, const struct zring_packet *packet,
			struct zring_packet_info *ret_info);

void zr_xdp_capture_close(struct zring_capture *capture);

#endif
