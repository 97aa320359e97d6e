/* SPDX-License-Identifier: BSD-2-Clause */
/* Receiving from a TPACKET_V3 ring: the kernel hands over blocks of many packets. */
#include "rx.h"

#include "../core/barrier.h"
#include "../core/batch.h"
#include "frame.h"

static struct tpacket_hdr_v1 *header(const struct zr_rx *rx, uint32_t block)
{
	return &((struct tpacket_block_desc *)zr_rx_unit(rx, block))->hdr.bh1;
}

static bool is_ready(const struct zr_rx *rx)
{
	return !rx->holders[rx->cursor] &&
	       (zr_load_acquire(&header(rx, rx->cursor)->block_status) & TP_STATUS_USER); /* A */
}

static bool ready(const struct zring_capture *capture)
{
	const struct zr_rx *rx = (const struct zr_rx *)capture;

	return rx->walking || is_ready(rx);
}

static void drop_holder(struct zr_rx *rx, uint32_t block)
{
	if (--rx->holders[block] == 0)
		zr_store_release(&header(rx, block)->block_status, TP_STATUS_KERNEL); /* B */
}

static void end_walk(struct zr_rx *rx)
{
	const uint32_t block = rx->cursor;

	rx->walking = false;
	rx->cursor = zr_rx_after(rx, block);
	drop_holder(rx, block);
}

static uint64_t time_ns(const struct tpacket_bd_ts *time)
{
	return time->ts_sec * UINT64_C(1000000000) + time->ts_nsec;
}

/* A copy: a broken offset may point anywhere, aligned or not. */
static struct tpacket3_hdr read_header(const void *frame)
{
	struct tpacket3_hdr copy;

	memcpy(&copy, frame, sizeof(copy));
	return copy;
}

static uint64_t frame_ns(const struct tpacket3_hdr *frame)
{
	return frame->tp_sec * UINT64_C(1000000000) + frame->tp_nsec;
}

static uint64_t above(uint64_t value, uint64_t base)
{
	return value > base ? value - base : 0;
}

/* What a block tells of itself, once for all batches that show a part of it. */
static void describe_block(struct zr_rx *rx)
{
	const struct tpacket3_hdr first = read_header(rx->walk.frame);
	const struct tpacket_hdr_v1 *block = header(rx, rx->cursor);
	const uint32_t status = zr_load_relaxed(&block->block_status);
	struct zring_batch *described = &rx->described;
	const uint64_t last_seq = described->block_seq, last_ns = described->last_ns;

	described->block_seq = block->seq_num;
	/* ts_first_pkt is when the block was opened (prb_open_block). */
	described->first_ns = frame_ns(&first);
	described->last_ns = time_ns(&block->ts_last_pkt);
	described->gap_ns = last_ns ? above(described->first_ns, last_ns) : 0;
	described->gap_blocks = last_seq ? above(described->block_seq, last_seq + 1) : 0;
	described->flags = (status & TP_STATUS_BLK_TMO ? ZRING_BATCH_TIMED_OUT : 0) |
			   (status & TP_STATUS_LOSING ? ZRING_BATCH_LOSING : 0);
}

static void describe(const struct zr_rx *rx, struct zring_batch *batch)
{
	const struct zring_batch *described = &rx->described;

	batch->block_seq = described->block_seq;
	batch->first_ns = described->first_ns;
	batch->last_ns = described->last_ns;
	batch->gap_ns = described->gap_ns;
	batch->gap_blocks = described->gap_blocks;
	batch->flags = described->flags | (rx->walk.left ? 0 : ZRING_BATCH_BLOCK_END);
}

static void reinsert_vlans(struct zr_rx *rx, struct zring_packet *packets, uint32_t nr)
{
	for (uint32_t i = 0; i < nr; i++) {
		const struct tpacket3_hdr frame = read_header(packets[i].frame);
		const uint32_t used = ZR_V3_ADDRESS_OFFSET + sizeof(struct sockaddr_ll);
		const uint32_t offset =
			(uint32_t)(packets[i].data - (const uint8_t *)packets[i].frame);

		if (frame.tp_status & TP_STATUS_VLAN_VALID)
			zr_rx_reinsert(rx, &packets[i],
				       frame.tp_status & TP_STATUS_VLAN_TPID_VALID
					       ? frame.hv1.tp_vlan_tpid
					       : ETH_P_8021Q,
				       (uint16_t)frame.hv1.tp_vlan_tci,
				       offset > used ? offset - used : 0);
	}
}

/* What the walk noticed on its way; nothing, most of the time. */
static void collect(struct zr_rx *rx, struct zring_packet *packets, uint32_t nr)
{
	struct zr_walk *walk = &rx->walk;

	if (walk->malformed || walk->truncated) {
		zr_count(&rx->base.counters.malformed, walk->malformed);
		zr_count(&rx->base.counters.truncated, walk->truncated);
		walk->malformed = 0;
		walk->truncated = 0;
	}
	if ((walk->status & TP_STATUS_VLAN_VALID) && rx->reinsert_vlan)
		reinsert_vlans(rx, packets, nr);
	walk->status = 0;
}

static void start_walk(struct zr_rx *rx)
{
	rx->holders[rx->cursor] = 1;
	rx->walking = true;
	zr_walk_start(&rx->walk, zr_rx_unit(rx, rx->cursor), rx->unit_bytes, rx->may_truncate);
	if (rx->walk.left)
		describe_block(rx);
	else
		rx->described.block_seq = header(rx, rx->cursor)->seq_num; /* empty, not missing */
}

static int borrow(struct zring_capture *capture, struct zring_batch *batch)
{
	struct zr_rx *rx = zr_rx(capture);
	uint32_t nr = 0;

	/* Blocks without a packet exist: a frame larger than a block retires one. */
	while (!nr && (rx->walking || is_ready(rx))) {
		if (!rx->walking)
			start_walk(rx);
		nr = zr_walk_take(&rx->walk, batch->packets, zr_batch_room(batch, rx->walk.left));
		collect(rx, batch->packets, nr);
		if (nr) {
			batch->nr_packets = nr;
			batch->token = rx->cursor;
			rx->holders[rx->cursor]++;
			describe(rx, batch);
		}
		if (!rx->walk.left)
			end_walk(rx);
	}
	return (int)nr;
}

static void release(struct zring_capture *capture, struct zring_batch *batch)
{
	drop_holder(zr_rx(capture), (uint32_t)batch->token);
}

static void packet_info(const struct zring_capture *capture, const struct zring_packet *packet,
			struct zring_packet_info *ret_info)
{
	const struct zr_rx *rx = (const struct zr_rx *)capture;
	const struct tpacket3_hdr frame = read_header(packet->frame);
	const uint8_t *const bytes = packet->frame;
	const uint32_t status = frame.tp_status;
	const uint32_t block = (uint32_t)((size_t)(bytes - rx->ring) / rx->unit_bytes);

	zr_rx_common_info(packet, status, bytes + ZR_V3_ADDRESS_OFFSET, ret_info);
	ret_info->timestamp_ns = frame_ns(&frame);
	if (zr_load_relaxed(&header(rx, block)->block_status) & TP_STATUS_LOSING)
		ret_info->flags |= ZRING_PACKET_LOSING;
	if (capture->info.rxhash) {
		ret_info->flags |= ZRING_PACKET_RXHASH;
		ret_info->rxhash = frame.hv1.tp_rxhash;
	}
	zr_rx_vlan_info(packet, status, frame.tp_mac, (uint16_t)frame.hv1.tp_vlan_tci,
			frame.hv1.tp_vlan_tpid, ret_info);
}

static uint64_t packet_ns(const struct zring_capture *capture, const struct zring_packet *packet)
{
	const struct tpacket3_hdr frame = read_header(packet->frame);

	(void)capture;
	return frame_ns(&frame);
}

const struct zr_capture_ops zr_rx_v3_ops = {
	.borrow = borrow,
	.release = release,
	.ready = ready,
	.check = zr_rx_check,
	.fold_stats = zr_rx_fold_stats,
	.packet_info = packet_info,
	.start = zr_rx_start,
	.time_ns = packet_ns,
	.owns = zr_rx_owns,
	.close = zr_rx_close,
};
