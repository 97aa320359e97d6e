/* SPDX-License-Identifier: BSD-2-Clause */
/* A receiving packet socket: what the V3 and the V2 ring share. */
#ifndef ZR_AFPACKET_RX_H
#define ZR_AFPACKET_RX_H

#include "../core/capture.h"
#include "filter.h"
#include "layout.h"
#include "walk.h"

struct zr_rx {
	struct zring_capture base;
	uint8_t *ring;
	size_t ring_bytes;
	uint32_t unit_bytes; /* of what changes hands: a block (V3), a frame (V2) */
	uint32_t nr_units;
	uint32_t cursor; /* unit to look at next */
	/*
	 * Who still looks at a unit: the batches that show a part of it and, V3,
	 * the walk through it. It goes back to the kernel when none is left; one
	 * that is held must not be taken for a new one when the cursor comes round.
	 */
	uint32_t *holders;
	struct zr_walk walk;          /* V3 */
	struct zring_batch described; /* V3: what the block says of itself, for its batches */
	struct zr_filter filter;
	bool paused;
	bool walking;
	bool may_truncate;
	bool reinsert_vlan;
	uint64_t last_ns; /* V2: of the packet shown last */
};

extern const struct zr_capture_ops zr_rx_v3_ops;
extern const struct zr_capture_ops zr_rx_v2_ops;

static inline struct zr_rx *zr_rx(struct zring_capture *capture)
{
	return (struct zr_rx *)capture;
}

static inline uint8_t *zr_rx_unit(const struct zr_rx *rx, uint32_t unit)
{
	return rx->ring + (size_t)unit * rx->unit_bytes;
}

static inline uint32_t zr_rx_after(const struct zr_rx *rx, uint32_t unit)
{
	return unit + 1 == rx->nr_units ? 0 : unit + 1;
}

int zr_rx_check(struct zring_capture *capture);
void zr_rx_fold_stats(struct zring_capture *capture);
int zr_rx_start(struct zring_capture *capture, struct zring_diag *diag);
bool zr_rx_owns(const struct zring_capture *capture, const struct zring_packet *packet);
void zr_rx_close(struct zring_capture *capture);

/*
 * The part of the information that both header versions hold in the same words.
 * @address is a sockaddr_ll, aligned or not: a broken offset may point anywhere.
 */
void zr_rx_common_info(const struct zring_packet *packet, uint32_t status, const void *address,
		       struct zring_packet_info *ret_info);

void zr_rx_vlan_info(const struct zring_packet *packet, uint32_t status, uint16_t mac, uint16_t tci,
		     uint16_t tpid, struct zring_packet_info *info);

/*
 * Puts the tag that the kernel took out back between the addresses and the
 * Ethertype, moving 12 bytes into the frame's headroom; a frame without that
 * headroom is left alone. A packet that the tag makes longer than the snaplen
 * loses its end.
 */
void zr_rx_reinsert(struct zr_rx *rx, struct zring_packet *packet, uint16_t tpid, uint16_t tci,
		    uint32_t headroom_bytes);

#endif
