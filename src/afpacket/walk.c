/* SPDX-License-Identifier: BSD-2-Clause */
#include "walk.h"

#include "frame.h"

static_assert(offsetof(struct tpacket3_hdr, tp_len) ==
			      offsetof(struct tpacket3_hdr, tp_snaplen) + sizeof(uint32_t) &&
		      offsetof(struct zring_packet, wire_len) ==
			      offsetof(struct zring_packet, len) + sizeof(uint32_t),
	      "one move");

/* Of a frame: its header and the link-layer address behind it, as packet_info() reads them. */
#define HEADER_BYTES (uint32_t)(sizeof(struct tpacket3_hdr) + sizeof(struct sockaddr_ll))

/* Offsets in a frame's header. */
#define NEXT    offsetof(struct tpacket3_hdr, tp_next_offset)
#define SNAPLEN offsetof(struct tpacket3_hdr, tp_snaplen)
#define LEN     offsetof(struct tpacket3_hdr, tp_len)
#define STATUS  offsetof(struct tpacket3_hdr, tp_status)
#define MAC     offsetof(struct tpacket3_hdr, tp_mac)

static void give_up(struct zr_walk *walk)
{
	walk->malformed += walk->left;
	walk->left = 0;
}

void zr_walk_start(struct zr_walk *walk, const void *block, uint32_t block_bytes, bool may_truncate)
{
	const struct tpacket_block_desc *desc = block;
	const uint32_t used = zr_get_u32(&desc->hdr.bh1.blk_len);
	const uint32_t first = zr_get_u32(&desc->hdr.bh1.offset_to_first_pkt);

	*walk = (struct zr_walk){
		.left = zr_get_u32(&desc->hdr.bh1.num_pkts),
		.may_truncate = may_truncate,
	};
	if (used > block_bytes || first < ZR_V3_BLOCK_HEADER_BYTES || first > used ||
	    used - first < HEADER_BYTES) {
		give_up(walk);
		return;
	}
	walk->frame = (const uint8_t *)block + first;
	walk->end = (const uint8_t *)block + used;
}

/*
 * The last packet of a block, or one that does not fit in front of the next:
 * the checks of take_inner() one at a time. Returns whether there is a view.
 */
static bool take_edge(struct zr_walk *walk, struct zring_packet *view)
{
	const uint8_t *frame = walk->frame;
	const uint64_t room = (uint64_t)(walk->end - frame);
	const uint32_t next = zr_get_u32(frame + NEXT);
	const uint32_t len = zr_get_u32(frame + SNAPLEN);
	const uint32_t wire_len = zr_get_u32(frame + LEN);
	const uint16_t mac = zr_get_u16(frame + MAC);
	const uint64_t limit = next ? next : room;
	const bool fits = mac + (uint64_t)len - 1 < limit && limit <= room;

	walk->left--;
	if (fits) {
		*view = (struct zring_packet){frame + mac, len, wire_len, frame};
		walk->status |= zr_get_u32(frame + STATUS);
		walk->truncated += len < wire_len;
	} else {
		walk->malformed++;
	}
	/* No way on from a packet that calls itself the last, or points out of the block. */
	if (!next || next > room - HEADER_BYTES)
		give_up(walk);
	else
		walk->frame = frame + next;
	return fits;
}

/*
 * Where a header lies is known only from the one before: without a prefetch
 * each packet waits for memory that another CPU has just written. Packets of
 * one size in a row are the guess.
 */
#define PREFETCH_PACKETS 8

/*
 * A packet with a successor, the bulk. One comparison sees that its bytes end
 * before the next header, which the last packet (offset 0) never satisfies;
 * another that this header stands in the block. Without a filter a packet is
 * cut only when it is larger than a block (tpacket_rcv), and then it is the
 * block's last, so nothing is compared for it here. False: leave it to
 * take_edge(). Addresses have 64 bits everywhere: no sum of theirs wraps.
 */
static inline bool take_inner(uint64_t *frame, uint64_t last, struct zring_packet *view,
			      uint32_t *status)
{
	const uint8_t *const header = (const uint8_t *)(uintptr_t)*frame;
	const uint64_t offset = zr_get_u32(header + NEXT);
	const uint64_t next = *frame + offset;
	const uint64_t data = *frame + zr_get_u16(header + MAC);
	struct {
		uint32_t len, wire_len;
	} lengths; /* side by side in both structures: one move */

	__builtin_prefetch((const void *)(uintptr_t)(next + PREFETCH_PACKETS * offset));
	memcpy(&lengths, header + SNAPLEN, sizeof(lengths));
	if (data + lengths.len - 1 >= next || next > last)
		return false;
	view->data = (const uint8_t *)(uintptr_t)data;
	memcpy(&view->len, &lengths, sizeof(lengths));
	view->frame = header;
	*status |= zr_get_u32(header + STATUS);
	*frame = next;
	return true;
}

/* What a turn of the loop does: its own cost, shared by so many packets, is next to nothing. */
#define GROUP 32

/*
 * All of the next GROUP packets, or false: then none is taken. A header of
 * zeros passes take_inner() and leads to itself, as then does all behind it:
 * seen once, at the end.
 */
static inline bool take_group(uint64_t *frame, uint64_t last, struct zring_packet *views,
			      uint32_t *status)
{
	uint64_t at = *frame;

#pragma GCC unroll 32
	for (int i = 0; i < GROUP; i++)
		if (!take_inner(&at, last, &views[i], status))
			return false;
	if (at == (uintptr_t)views[GROUP - 1].frame)
		return false;
	*frame = at;
	return true;
}

static uint32_t take_inners(struct zr_walk *walk, struct zring_packet *views, uint32_t room)
{
	const uint64_t last = (uintptr_t)walk->end - HEADER_BYTES;
	uint64_t frame = (uintptr_t)walk->frame;
	struct zring_packet *view = views;
	uint32_t status = 0, nr;

	for (uint32_t groups = room / GROUP; groups && take_group(&frame, last, view, &status);
	     groups--)
		view += GROUP;
	while (view < views + room && take_inner(&frame, last, view, &status) &&
	       frame != (uintptr_t)view->frame)
		view++;
	nr = (uint32_t)(view - views);
	walk->frame = (const uint8_t *)(uintptr_t)frame;
	walk->left -= nr;
	walk->status |= status;
	return nr;
}

static void count_truncated(struct zr_walk *walk, const struct zring_packet *views, uint32_t nr)
{
	for (uint32_t i = 0; i < nr; i++)
		walk->truncated += views[i].len < views[i].wire_len;
}

uint32_t zr_walk_take(struct zr_walk *walk, struct zring_packet *views, uint32_t room)
{
	uint32_t nr = 0;

	while (nr < room && walk->left) {
		const uint32_t wanted = walk->left < room - nr ? walk->left : room - nr;
		const uint32_t inner = take_inners(walk, views + nr, wanted);

		if (walk->may_truncate)
			count_truncated(walk, views + nr, inner);
		nr += inner;
		if (inner < wanted)
			nr += take_edge(walk, views + nr);
	}
	return nr;
}
