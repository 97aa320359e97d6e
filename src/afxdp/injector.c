/* SPDX-License-Identifier: BSD-2-Clause */
/* Sending through a TX ring: slots are posted in order and end as their chunks complete. */
#include "injector.h"

#include <errno.h>
#include <string.h>

#include "../core/barrier.h"
#include "../core/watch.h"

/* A slot's len and skipped are its descriptor's len and options: one move. */
#define LEN_AND_OPTIONS_BYTES (2 * sizeof(uint32_t))
static_assert(offsetof(struct zring_slot, skipped) ==
			      offsetof(struct zring_slot, len) + sizeof(uint32_t) &&
		      offsetof(struct zring_xdp_desc, options) ==
			      offsetof(struct zring_xdp_desc, len) + sizeof(uint32_t),
	      "side by side in both");

/* Where a slot's frame is in the UMEM. */
static uint64_t address_of(const struct zr_xdp_injector *tx, const struct zring_slot *slot)
{
	return (uint64_t)(slot->data - tx->umem->window.data);
}

/* Descriptors of a frame: its first chunk has less room by what stands in front. */
static uint32_t pieces_of(const struct zr_xdp_injector *tx, const struct zring_slot *slot)
{
	const uint64_t first = address_of(tx, slot);
	const uint64_t last = first + slot->len - 1;

	return (uint32_t)(last / tx->chunk_bytes - first / tx->chunk_bytes) + 1;
}

static void post_pieces(struct zr_xdp_injector *tx, const struct zring_slot *slot, uint32_t pieces,
			uint32_t at)
{
	uint64_t address = address_of(tx, slot);
	uint32_t left = slot->len;

	for (uint32_t i = 0; i < pieces; i++) {
		const uint32_t room = tx->chunk_bytes - (uint32_t)address % tx->chunk_bytes;
		const uint32_t len = left < room ? left : room;

		*zr_ring_desc(&tx->xdp->tx, at + i) = (struct zring_xdp_desc){
			.address = address,
			.len = len,
			.options = (i ? 0 : slot->skipped) | (i + 1 < pieces ? ZRING_XDP_MORE : 0),
		};
		address += len;
		left -= len;
	}
}

/* Loops over slots do so many a turn; what is left over goes one at a time. */
#define UNROLL 8u

/*
 * Frames of one piece each, for entries and slots that lie side by side. Slot i goes
 * into entry i on every lap, so its address stands there since the open.
 */
static void post_run(const struct zring_slot *slot, uint32_t nr, struct zring_xdp_desc *desc)
{
	for (; nr >= UNROLL; nr -= UNROLL, slot += UNROLL, desc += UNROLL)
#pragma GCC unroll 8
		for (uint32_t i = 0; i < UNROLL; i++)
			memcpy(&desc[i].len, &slot[i].len, LEN_AND_OPTIONS_BYTES);
	for (; nr; nr--, slot++, desc++)
		memcpy(&desc->len, &slot->len, LEN_AND_OPTIONS_BYTES);
}

/* Puts the slots posted..end into the TX ring, which has room for all slots. */
static void post(struct zring_injector *injector, uint64_t end)
{
	struct zr_xdp_injector *tx = zr_xdp_injector(injector);
	struct zr_ring *ring = &tx->xdp->tx;
	uint32_t at = ring->position;

	while (tx->posted < end) {
		const struct zring_slot *slot = zr_slot(injector, tx->posted);
		const uint32_t left = (uint32_t)(end - tx->posted);
		const uint32_t to_wrap = injector->nr_slots - (uint32_t)(slot - injector->slots);
		const uint32_t pieces = tx->one_piece ? 1 : pieces_of(tx, slot);
		uint32_t run = 1;

		if (tx->one_piece) {
			run = left < to_wrap ? left : to_wrap;
			post_run(slot, run, zr_ring_desc(ring, at));
		} else {
			post_pieces(tx, slot, pieces, at);
		}
		tx->posted += run;
		at += run * pieces;
	}
	zr_count(&tx->xdp->counters.submitted, at - ring->position);
	zr_ring_publish(ring, at - ring->position);
}

/* Moves taken over the slots that the kernel has taken of those posted. */
static void follow_kernel(struct zring_injector *injector)
{
	struct zr_xdp_injector *tx = zr_xdp_injector(injector);
	const struct zring_xdp *xdp = tx->xdp;
	uint64_t taken = tx->posted;
	int64_t left = xdp->zero_copy ? 0 : (int32_t)(xdp->tx.position - xdp->taken);

	while (left > 0)
		left -= pieces_of(tx, zr_slot(injector, --taken));
	if (taken > injector->taken) {
		injector->nr_taken += taken - injector->taken;
		injector->taken = taken;
	}
}

static int transmit(struct zring_injector *injector, uint32_t nr)
{
	struct zr_xdp_injector *tx = zr_xdp_injector(injector);
	const uint64_t end = injector->taken + nr;
	const uint64_t kicks = tx->xdp->counters.kicks;
	int err;

	if (tx->posted < end)
		post(injector, end);
	err = zr_xdp_kick(tx->xdp);
	zr_count(&injector->counters.kicks, tx->xdp->counters.kicks - kicks);
	follow_kernel(injector);
	if (err != -EAGAIN)
		return err;
	zr_count(&injector->counters.retries, 1);
	return -ENOBUFS; /* POLLOUT says nothing of the device: sleep by time */
}

void zr_xdp_injector_dropped(void *context, uint32_t position)
{
	struct zr_xdp_injector *tx = context;
	const uint64_t slot = zr_ring_desc(&tx->xdp->tx, position)->address >> tx->slot_shift;

	tx->nr_marked += !tx->ended[slot];
	tx->ended[slot] |= ZR_XDP_ENDED_DROPPED;
}

/* Whether the next @nr completions are those of the entries from @desc on. */
static inline bool are_next(const struct zring_xdp_desc *desc, const uint64_t *address, uint32_t nr)
{
	uint64_t differ = 0;

#pragma GCC unroll 8
	for (uint32_t i = 0; i < nr; i++)
		differ |= address[i] ^ desc[i].address;
	return !differ;
}

/*
 * The common case: the kernel is done with frames in the order in which it took
 * them. Ends slots from tail on as long as the next completion is theirs.
 */
static void end_in_turn(struct zr_xdp_injector *tx, uint64_t *bytes)
{
	struct zring_injector *injector = &tx->base;
	struct zr_ring *ring = &tx->xdp->completion;
	const uint32_t tail = (uint32_t)injector->tail;
	const uint32_t in_flight = (uint32_t)(injector->taken - injector->tail);
	const uint32_t filled = zr_ring_filled(ring, ring->nr_entries);
	const uint64_t *address = zr_ring_address(ring, ring->position);
	const struct zring_xdp_desc *desc = zr_ring_desc(&tx->xdp->tx, tail);
	const struct zring_xdp_desc *const first = desc;
	uint32_t nr = zr_ring_run(ring, ring->position, filled < in_flight ? filled : in_flight);
	uint64_t sum = 0;

	nr = zr_ring_run(&tx->xdp->tx, tail, nr);
	for (; nr >= UNROLL && are_next(desc, address, UNROLL);
	     nr -= UNROLL, desc += UNROLL, address += UNROLL)
#pragma GCC unroll 8
		for (uint32_t i = 0; i < UNROLL; i++)
			sum += desc[i].len;
	for (; nr && are_next(desc, address, 1); nr--, desc++, address++)
		sum += desc->len;
	*bytes += sum;
	nr = (uint32_t)(desc - first);
	if (nr) {
		zr_ring_take(ring, nr);
		injector->tail += nr;
	}
}

/* Completions in any order, of pieces, of frames that were dropped: noted slot by slot. */
static void note_completions(struct zr_xdp_injector *tx)
{
	struct zr_ring *ring = &tx->xdp->completion;
	const uint32_t nr = zr_ring_filled(ring, ring->nr_entries);

	for (uint32_t i = 0; i < nr; i++) {
		const uint64_t slot = *zr_ring_address(ring, ring->position + i) >> tx->slot_shift;

		if (slot >= tx->base.nr_slots)
			continue;
		tx->nr_marked += !tx->ended[slot];
		tx->ended[slot]++;
	}
	if (nr)
		zr_ring_take(ring, nr);
}

static bool has_ended(const struct zr_xdp_injector *tx, const struct zring_slot *slot,
		      uint8_t ended)
{
	return (ended & ZR_XDP_ENDED_PIECES) >= (tx->one_piece ? 1 : pieces_of(tx, slot));
}

/* Ends slots from tail on by what was noted. Returns how many of them were dropped. */
static uint64_t end_noted(struct zr_xdp_injector *tx, uint64_t *bytes)
{
	struct zring_injector *injector = &tx->base;
	uint64_t nr_dropped = 0;

	for (; injector->tail < injector->taken; injector->tail++) {
		const struct zring_slot *slot = zr_slot(injector, injector->tail);
		uint8_t *const ended = &tx->ended[slot - injector->slots];

		if (!has_ended(tx, slot, *ended))
			break;
		if (*ended & ZR_XDP_ENDED_DROPPED)
			nr_dropped++;
		else
			*bytes += slot->len;
		*ended = 0;
		tx->nr_marked--;
	}
	return nr_dropped;
}

static void reclaim(struct zring_injector *injector)
{
	struct zr_xdp_injector *tx = zr_xdp_injector(injector);
	const uint64_t from = injector->tail;
	const uint32_t position = tx->xdp->completion.position;
	uint64_t bytes = 0, nr_dropped = 0;

	if (tx->one_piece && !tx->nr_marked)
		end_in_turn(tx, &bytes);
	if (tx->nr_marked || zr_ring_is_filled(&tx->xdp->completion)) {
		note_completions(tx);
		nr_dropped = end_noted(tx, &bytes);
	}
	zr_count(&tx->xdp->counters.completed, tx->xdp->completion.position - position);
	if (injector->tail == from)
		return;
	zr_count(&injector->counters.sent_bytes, bytes);
	zr_count_release(&injector->counters.sent, injector->tail - from - nr_dropped); /* S */
	while (nr_dropped--)
		zr_injector_reject(injector, -EBUSY);
}

/* ---- checksums ---- */

static uint32_t sum_be16(const uint8_t *at, size_t bytes)
{
	uint64_t sum = 0;

	for (; bytes > 1; at += 2, bytes -= 2)
		sum += (uint32_t)at[0] << 8 | at[1];
	if (bytes)
		sum += (uint32_t)at[0] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint32_t)sum;
}

/* The field holds the sum of the pseudo header: it is part of what is summed. */
static void complete_checksum(const struct zring_slot *slot, const struct zring_offload *offload)
{
	uint8_t *const start = slot->data + offload->checksum_start;
	const uint32_t sum = ~sum_be16(start, slot->len - offload->checksum_start) & 0xffff;
	uint8_t *const field = start + offload->checksum_offset;

	field[0] = (uint8_t)(sum >> 8);
	field[1] = (uint8_t)sum;
}

/* The request in front of the frame, where the kernel serves it; else the work itself. */
static void offload(struct zring_injector *injector, struct zring_slot *slot,
		    const struct zring_offload *offload)
{
	const struct zr_xdp_injector *tx = zr_xdp_injector(injector);
	struct zring_xdp_tx_request request = {0};

	slot->skipped = 0;
	if (!offload || !(offload->flags & ZRING_OFFLOAD_CHECKSUM))
		return;
	if (!tx->has_requests) {
		complete_checksum(slot, offload);
		return;
	}
	request.flags = ZRING_XDP_TX_CHECKSUM;
	request.checksum_start = offload->checksum_start;
	request.checksum_offset = offload->checksum_offset;
	memcpy(slot->data - sizeof(request), &request, sizeof(request));
	slot->skipped = ZRING_XDP_METADATA; /* the descriptor's option */
}

static int burst(struct zring_injector *injector, const struct zring_packet *packets, uint32_t nr,
		 const struct zr_udp_frame *frame, struct zr_deadline *deadline)
{
	(void)injector, (void)packets, (void)nr, (void)frame, (void)deadline;
	return -ENOTSUP; /* the TX ring takes what goes on the wire, nothing that is cut later */
}

static int mtu(struct zring_injector *injector)
{
	return zr_watch_mtu(zr_xdp_injector(injector)->xdp->watch_fd, injector->info.ifindex);
}

const struct zr_injector_ops zr_xdp_injector_ops = {
	.transmit = transmit,
	.reclaim = reclaim,
	.offload = offload,
	.burst = burst,
	.mtu = mtu,
	.close = zr_xdp_injector_close,
};
