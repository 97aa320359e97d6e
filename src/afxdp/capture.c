/* SPDX-License-Identifier: BSD-2-Clause */
/* Lending packets out of the RX rings, and giving their chunks back to the fill rings. */
#include "capture.h"

#include <errno.h>
#include <string.h>

#include "../core/barrier.h"
#include "../core/batch.h"
#include "../syscall.h"
#include "xsk.h"

#define TABLE_SHIFT 3u /* log2 of a word of the frame table */

static_assert(_Alignof(uint64_t) > ZR_XDP_FRAME_FLAGS, "pointers into the table have room");

/* ---- lending ---- */

/* Loops over descriptors and views do so many a turn; what is left over goes one at a time. */
#define UNROLL 8u

/* Where addresses lead, in words of the stack: nothing that is written there aliases them. */
struct memory {
	uint8_t *data;
	uint64_t *frames;
	uint64_t bytes;
	uint32_t shift;
};

/* One descriptor, read once and checked. False: it is outside its chunk. */
static inline bool show_one(const struct memory *memory, const struct zring_xdp_desc *desc,
			    struct zring_packet *view, uint64_t now_ns)
{
	const uint64_t address = desc->address;
	const uint32_t len = desc->len;

	if (address >= memory->bytes || (address ^ (address + len - 1)) >> memory->shift)
		return false;
	view->data = memory->data + address;
	view->len = len;
	view->wire_len = len;
	view->frame = &memory->frames[address >> memory->shift];
	memory->frames[address >> memory->shift] = now_ns;
	return true;
}

/*
 * Shows @nr descriptors that lie side by side. A bad one is left out, and its chunk is
 * lost to both sides rather than lent twice.
 */
static struct zring_packet *show_run(struct zr_xdp_capture *xdp, const struct zring_xdp_desc *desc,
				     uint32_t nr, struct zring_packet *view, uint64_t now_ns)
{
	const struct zring_xdp_desc *const end = desc + nr;
	const struct memory memory = {xdp->umem->window.data, xdp->frames, xdp->umem->bytes,
				      xdp->umem->chunk_shift};

	while (desc < end) {
		const uint32_t turn = (uint32_t)(end - desc) < UNROLL ? 1 : UNROLL;
		uint32_t i = 0;

		if (turn == UNROLL) {
#pragma GCC unroll 8
			for (; i < UNROLL; i++)
				if (!show_one(&memory, &desc[i], &view[i], now_ns))
					break;
		} else {
			i = show_one(&memory, desc, view, now_ns);
		}
		desc += i;
		view += i;
		if (i < turn) {
			xdp->nr_malformed++;
			desc++;
		}
	}
	return view;
}

/* The next @nr of the ring. Returns views. */
static uint32_t show(struct zr_xdp_capture *xdp, const struct zr_ring *rx,
		     struct zring_packet *views, uint32_t nr, uint64_t now_ns)
{
	const uint32_t run = zr_ring_run(rx, rx->position, nr);
	struct zring_packet *view =
		show_run(xdp, zr_ring_desc(rx, rx->position), run, views, now_ns);

	if (run < nr)
		view = show_run(xdp, rx->entries, nr - run, view, now_ns);
	return (uint32_t)(view - views);
}

static void fill_address(struct zr_ring *fill, uint32_t at, uint64_t address)
{
	*zr_ring_address(fill, fill->position + at) = address;
}

/* What the program wrote in front of the first piece goes along. */
static void copy_metadata(const struct zr_xdp_capture *xdp, const struct zring_xdp_desc *desc,
			  uint8_t *to)
{
	const uint64_t address = desc->address;

	if (address < xdp->umem->bytes && address >= sizeof(struct xsk_metadata))
		memcpy(to - sizeof(struct xsk_metadata),
		       xdp->umem->window.data + address - sizeof(struct xsk_metadata),
		       sizeof(struct xsk_metadata));
}

/* One packet of several pieces: copied together, its chunks are free at once. */
static bool join(struct zr_xdp_capture *xdp, struct zring_xdp *queue, uint32_t first, uint32_t nr,
		 struct zring_packet *view, uint64_t now_ns)
{
	const struct zring_umem *umem = xdp->umem;
	const uint32_t buffer = xdp->linear_free[--xdp->nr_linear_free];
	uint8_t *const to = zr_xdp_linear(xdp, buffer);
	uint32_t len = 0, wire_len = 0;
	bool is_good = true;

	copy_metadata(xdp, zr_ring_desc(&queue->rx, first), to);

	for (uint32_t i = 0; i < nr; i++) {
		const struct zring_xdp_desc desc = *zr_ring_desc(&queue->rx, first + i);
		const uint32_t room = xdp->linear_bytes - len;
		const uint32_t part = desc.len < room ? desc.len : room;

		is_good = is_good && zr_umem_contains(umem, desc.address, desc.len);
		if (is_good)
			memcpy(to + len, umem->window.data + desc.address, part);
		len += part;
		wire_len += desc.len;
		if (zr_umem_chunk(umem, desc.address) < umem->nr_chunks)
			fill_address(&queue->fill, i,
				     desc.address & ~(uint64_t)(umem->chunk_bytes - 1));
		else
			is_good = false;
	}
	if (is_good)
		zr_ring_publish(&queue->fill, nr);
	xdp->frames[umem->nr_chunks + buffer] = now_ns;
	*view = (struct zring_packet){to, len, wire_len, &xdp->frames[umem->nr_chunks + buffer]};
	return is_good;
}

/* Descriptors of the packet at @first; 0: its end is not there yet. */
static uint32_t pieces_of(const struct zr_ring *rx, uint32_t first, uint32_t end)
{
	for (uint32_t at = first; at != end; at++)
		if (!(zr_ring_desc(rx, at)->options & ZRING_XDP_MORE))
			return at - first + 1;
	return 0;
}

/* As show(), where packets may come in pieces. Returns views; *ret_nr descriptors were used. */
static uint32_t show_joined(struct zr_xdp_capture *xdp, struct zring_xdp *queue,
			    struct zring_packet *views, uint32_t room, uint32_t filled,
			    uint64_t now_ns, uint32_t *ret_nr)
{
	struct zr_ring *rx = &queue->rx;
	const uint32_t start = rx->position, end = start + filled;
	uint32_t nr = 0;

	while (nr < room && rx->position != end) {
		const uint32_t pieces = pieces_of(rx, rx->position, end);

		if (!pieces || (pieces > 1 && !xdp->nr_linear_free))
			break;
		if (pieces == 1) {
			nr += show(xdp, rx, &views[nr], 1, now_ns);
		} else if (join(xdp, queue, rx->position, pieces, &views[nr], now_ns)) {
			nr++;
		} else {
			xdp->nr_malformed++;
			xdp->nr_linear_free++;
		}
		rx->position += pieces;
	}
	*ret_nr = rx->position - start;
	rx->position = start;
	return nr;
}

/* As show(), a view a piece; the pieces of a packet stay in one batch. */
static uint32_t show_pieces(struct zr_xdp_capture *xdp, struct zr_ring *rx,
			    struct zring_packet *views, uint32_t nr, uint64_t now_ns,
			    uint32_t *ret_nr)
{
	bool is_rest = false;
	uint32_t shown;

	while (nr && (zr_ring_desc(rx, rx->position + nr - 1)->options & ZRING_XDP_MORE))
		nr--;
	shown = show(xdp, rx, views, nr, now_ns);
	for (uint32_t i = 0; i < nr && shown == nr; i++) {
		const bool goes_on = zr_ring_desc(rx, rx->position + i)->options & ZRING_XDP_MORE;

		if (is_rest)
			zr_xdp_add_flag(&views[i], ZR_XDP_FRAME_REST);
		if (goes_on)
			zr_xdp_add_flag(&views[i], ZR_XDP_FRAME_MORE);
		is_rest = goes_on;
	}
	*ret_nr = nr;
	return shown;
}

static void mark(const struct zr_xdp_capture *xdp, const struct zring_packet *views, uint32_t nr,
		 uint8_t holder)
{
	for (uint32_t i = 0; i < nr; i++) {
		const uint64_t chunk = (uint64_t)(zr_xdp_entry(&views[i]) - xdp->frames);

		if (chunk < xdp->umem->nr_chunks)
			xdp->umem->chunks[chunk].holder = holder;
	}
}

static void describe(struct zr_xdp_capture *xdp, struct zring_batch *batch)
{
	batch->block_seq = ZRING_UNAVAILABLE;
	batch->gap_blocks = ZRING_UNAVAILABLE;
	batch->first_ns = zr_xdp_packet_time(xdp, &batch->packets[0]);
	batch->last_ns = zr_xdp_packet_time(xdp, &batch->packets[batch->nr_packets - 1]);
	batch->gap_ns =
		xdp->last_ns && batch->first_ns > xdp->last_ns ? batch->first_ns - xdp->last_ns : 0;
	batch->flags = 0;
	xdp->last_ns = batch->last_ns;
}

/* Packets of one queue; 0: it has none; -EMSGSIZE: the batch has no room for all pieces of one. */
static int borrow_from(struct zr_xdp_capture *xdp, uint32_t which, struct zring_batch *batch)
{
	struct zring_xdp *queue = xdp->queues[which];
	const uint32_t room = batch->nr_allocated < ZR_XDP_BATCH ? batch->nr_allocated
								 : ZR_XDP_BATCH;
	const uint32_t filled = zr_ring_filled(&queue->rx, room);
	uint32_t used = filled < room ? filled : room, nr = 0;
	uint64_t now_ns;

	if (!filled)
		return 0;
	now_ns = zr_clock_ns(CLOCK_REALTIME);
	if (xdp->linear)
		nr = show_joined(xdp, queue, batch->packets, room, filled, now_ns, &used);
	else if (xdp->has_pieces)
		nr = show_pieces(xdp, &queue->rx, batch->packets, used, now_ns, &used);
	else
		nr = show(xdp, &queue->rx, batch->packets, used, now_ns);
	if (used)
		zr_ring_take(&queue->rx, used);
	zr_count(&queue->counters.received, used);
	/* Behind it: no descriptor stands in the ring and is malformed at the same time. */
	zr_store_release(&xdp->base.counters.malformed, xdp->nr_malformed); /* S */
	if (!nr)
		return xdp->has_pieces && !xdp->linear && !used && filled > room ? -EMSGSIZE : 0;
	if (!xdp->plain)
		zr_xdp_adapt(xdp, batch->packets, nr);
	if (xdp->umem->checks)
		mark(xdp, batch->packets, nr, ZRING_CHUNK_RX);
	batch->nr_packets = nr;
	batch->token = which;
	describe(xdp, batch);
	return (int)nr;
}

static int borrow_queue(struct zring_capture *capture, uint32_t which, struct zring_batch *batch)
{
	struct zr_xdp_capture *xdp = zr_xdp_capture(capture);
	const int nr = borrow_from(xdp, which, batch);

	if (nr > 0)
		zr_count_release(&xdp->taken, (uint32_t)nr); /* S */
	else
		zr_xdp_wake_fill(xdp->queues[which]);
	return nr;
}

static int borrow(struct zring_capture *capture, struct zring_batch *batch)
{
	struct zr_xdp_capture *xdp = zr_xdp_capture(capture);
	int nr = 0;

	for (uint32_t i = 0; i < xdp->nr_queues && !nr; i++) {
		const uint32_t which = xdp->turn;

		xdp->turn = which + 1 == xdp->nr_queues ? 0 : which + 1;
		nr = borrow_queue(capture, which, batch);
	}
	return nr;
}

/* ---- giving back ---- */

/* The table as release sees it. */
struct table {
	uintptr_t start;
	uint64_t bytes; /* of the words of chunks; buffers for packets in pieces come behind */
	uint32_t shift; /* from an offset in the table to one in the UMEM */
};

/* Whether the packet lies in a chunk, whose address is stored then. */
static inline bool give_one(const struct table *table, const struct zring_packet *packet,
			    uint64_t *to)
{
	const uint64_t offset = (uintptr_t)zr_xdp_entry(packet) - table->start;

	if (offset >= table->bytes)
		return false; /* before the entry is touched: it may be one that the kernel reads */
	*to = offset << table->shift;
	return true;
}

/* Addresses of the chunks of @nr packets; one that was put together frees its buffer. */
static uint64_t *give_back(struct zr_xdp_capture *xdp, const struct zring_packet *packet,
			   uint32_t nr, uint64_t *to)
{
	const struct table table = {(uintptr_t)xdp->frames, xdp->umem->nr_chunks * sizeof(uint64_t),
				    xdp->umem->chunk_shift - TABLE_SHIFT};
	const struct zring_packet *const end = packet + nr;

	while (packet < end) {
		const uint32_t turn = (uint32_t)(end - packet) < UNROLL ? 1 : UNROLL;
		uint32_t i = 0;

		if (turn == UNROLL) {
#pragma GCC unroll 8
			for (; i < UNROLL; i++)
				if (!give_one(&table, &packet[i], &to[i]))
					break;
		} else {
			i = give_one(&table, packet, to);
		}
		packet += i;
		to += i;
		if (i < turn) {
			const uint64_t offset = (uintptr_t)zr_xdp_entry(packet++) - table.start;

			xdp->linear_free[xdp->nr_linear_free++] =
				(uint32_t)((offset - table.bytes) >> TABLE_SHIFT);
		}
	}
	return to;
}

/* The rest, behind the wrap or, where buffers came before, still in front of it. */
static uint32_t give_back_wrapped(struct zr_xdp_capture *xdp, const struct zring_batch *batch,
				  uint32_t done, uint32_t nr)
{
	struct zr_ring *fill = &xdp->queues[batch->token]->fill;

	for (uint32_t i = done; i < batch->nr_packets; i++) {
		uint64_t *const to = zr_ring_address(fill, fill->position + nr);

		nr += (uint32_t)(give_back(xdp, &batch->packets[i], 1, to) - to);
	}
	return nr;
}

/* The fill ring has room for all chunks of its queue: nothing is asked for here. */
static void release(struct zring_capture *capture, struct zring_batch *batch)
{
	struct zr_xdp_capture *xdp = zr_xdp_capture(capture);
	struct zring_xdp *queue = xdp->queues[batch->token];
	struct zr_ring *fill = &queue->fill;
	const uint32_t run = zr_ring_run(fill, fill->position, batch->nr_packets);
	uint64_t *const first = zr_ring_address(fill, fill->position);
	uint32_t nr;

	if (xdp->umem->checks)
		mark(xdp, batch->packets, batch->nr_packets, ZRING_CHUNK_FILL);
	nr = (uint32_t)(give_back(xdp, batch->packets, run, first) - first);
	if (run < batch->nr_packets)
		nr = give_back_wrapped(xdp, batch, run, nr);
	zr_ring_publish(fill, nr);
	zr_count(&queue->counters.filled, nr);
	zr_xdp_wake_fill(queue);
}

/* Whether borrow_from() would find a packet, and not one that has to be joined without a buffer. */
static bool has_packet(const struct zr_xdp_capture *xdp, const struct zring_xdp *queue)
{
	const struct zr_ring *rx = &queue->rx;

	if (!xdp->linear || xdp->nr_linear_free)
		return zr_ring_is_filled(rx);
	return zr_load_acquire(rx->producer) != rx->position && /* G */
	       !(zr_ring_desc(rx, rx->position)->options & ZRING_XDP_MORE);
}

static bool ready(const struct zring_capture *capture)
{
	const struct zr_xdp_capture *xdp = zr_xdp_capture(capture);

	for (uint32_t i = 0; i < xdp->nr_queues; i++)
		if (has_packet(xdp, xdp->queues[i]))
			return true;
	return false;
}

static int check(struct zring_capture *capture)
{
	return zr_xdp_check(zr_xdp_capture(capture)->queues[0]);
}

/* ---- telling ---- */

/*
 * Packets that stand in the RX ring behind the @used first entries. The kernel writes
 * none of these before the consumer's position has moved: if it has meanwhile, what
 * was counted of pieces means nothing.
 */
static uint32_t nr_waiting(const struct zr_xdp_capture *xdp, const struct zr_ring *rx,
			   uint32_t used)
{
	const uint32_t end = zr_load_acquire(rx->producer); /* G */
	uint32_t nr = 0;

	if (!xdp->linear)
		return end - used;
	if (end - used > rx->nr_entries)
		return 0;
	for (uint32_t at = used; at != end; at++)
		if (!(zr_load_relaxed(&zr_ring_desc(rx, at)->options) & ZRING_XDP_MORE))
			nr++;
	zr_full_fence();
	return zr_load_relaxed(rx->consumer) == used ? nr : 0;
}

/* The kernel's counters never reset. What stands in the rings was received and is not taken yet. */
static void fold_stats(struct zring_capture *capture)
{
	const struct zr_xdp_capture *xdp = zr_xdp_capture(capture);
	uint64_t received = zr_load_acquire(&xdp->taken); /* S */
	uint64_t dropped = 0;

	received += zr_load_acquire(&capture->counters.malformed); /* S */
	for (uint32_t i = 0; i < xdp->nr_queues; i++) {
		const struct zring_xdp *queue = xdp->queues[i];
		const uint64_t used = zr_load_relaxed(&queue->counters.received);
		struct zring_xdp_stats stats = {0};

		zr_xdp_kernel_stats(queue, &stats);
		dropped += stats.rx_dropped + stats.rx_ring_full;
		received += nr_waiting(xdp, &queue->rx, (uint32_t)used);
	}
	zr_raise_release(&capture->counters.dropped, dropped); /* S */
	zr_raise_release(&capture->counters.received, received + dropped);
}

static uint64_t time_ns(const struct zring_capture *capture, const struct zring_packet *packet)
{
	return zr_xdp_packet_time(zr_xdp_capture(capture), packet);
}

static bool owns(const struct zring_capture *capture, const struct zring_packet *packet)
{
	const struct zr_xdp_capture *xdp = zr_xdp_capture(capture);
	const size_t nr_frames = (size_t)xdp->umem->nr_chunks + ZR_XDP_NR_LINEAR;

	return (uintptr_t)zr_xdp_entry(packet) - (uintptr_t)xdp->frames <
	       nr_frames * sizeof(*xdp->frames);
}

static struct zring_xdp *socket_of(const struct zring_capture *capture, uint32_t index)
{
	const struct zr_xdp_capture *xdp = zr_xdp_capture(capture);

	return index < xdp->nr_queues ? xdp->queues[index] : NULL;
}

static int start(struct zring_capture *capture, struct zring_diag *diag)
{
	const struct zr_xdp_capture *xdp = zr_xdp_capture(capture);
	int err = 0;

	for (uint32_t i = 0; i < xdp->nr_queues && !err; i++)
		err = zring_xdp_start(xdp->queues[i], diag);
	return err;
}

const struct zr_capture_ops zr_xdp_capture_ops = {
	.borrow = borrow,
	.borrow_queue = borrow_queue,
	.release = release,
	.ready = ready,
	.check = check,
	.fold_stats = fold_stats,
	.packet_info = zr_xdp_packet_info,
	.time_ns = time_ns,
	.owns = owns,
	.xdp = socket_of,
	.start = start,
	.close = zr_xdp_capture_close,
};
