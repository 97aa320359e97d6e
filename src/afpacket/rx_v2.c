/* SPDX-License-Identifier: BSD-2-Clause */
/* Receiving from a TPACKET_V2 ring: each frame changes hands as soon as it is written. */
#include "rx.h"

#include "../core/barrier.h"
#include "frame.h"

static struct tpacket2_hdr *header(const struct zr_rx *rx, uint32_t frame)
{
	return (struct tpacket2_hdr *)zr_rx_unit(rx, frame);
}

static bool is_ready(const struct zr_rx *rx, uint32_t frame)
{
	return !rx->holders[frame] &&
	       (zr_load_acquire(&header(rx, frame)->tp_status) & TP_STATUS_USER); /* C */
}

static bool ready(const struct zring_capture *capture)
{
	const struct zr_rx *rx = (const struct zr_rx *)capture;

	return is_ready(rx, rx->cursor);
}

static void reinsert_vlan(struct zr_rx *rx, const struct tpacket2_hdr *frame,
			  struct zring_packet *packet)
{
	const uint32_t used = ZR_V2_ADDRESS_OFFSET + sizeof(struct sockaddr_ll);
	const uint32_t offset = (uint32_t)(packet->data - (const uint8_t *)frame);

	zr_rx_reinsert(rx, packet,
		       frame->tp_status & TP_STATUS_VLAN_TPID_VALID ? frame->tp_vlan_tpid
								    : ETH_P_8021Q,
		       frame->tp_vlan_tci, offset > used ? offset - used : 0);
}

/* The packet of a frame that the kernel has handed over; false: it does not fit its frame. */
static bool view(struct zr_rx *rx, const struct tpacket2_hdr *frame, struct zring_packet *packet)
{
	const uint32_t len = frame->tp_snaplen, mac = frame->tp_mac;

	if (mac + (uint64_t)len > rx->unit_bytes) {
		zr_count(&rx->base.counters.malformed, 1);
		return false;
	}
	*packet = (struct zring_packet){
		.data = (const uint8_t *)frame + mac,
		.len = len,
		.wire_len = frame->tp_len,
		.frame = frame,
	};
	if (len < packet->wire_len)
		zr_count(&rx->base.counters.truncated, 1);
	if ((frame->tp_status & TP_STATUS_VLAN_VALID) && rx->reinsert_vlan)
		reinsert_vlan(rx, frame, packet);
	return true;
}

static uint64_t time_ns(const struct tpacket2_hdr *frame)
{
	return frame->tp_sec * UINT64_C(1000000000) + frame->tp_nsec;
}

static void describe(struct zr_rx *rx, struct zring_batch *batch)
{
	const struct zring_packet *const last = &batch->packets[batch->nr_packets - 1];
	const struct tpacket2_hdr *const newest = last->frame;

	batch->block_seq = ZRING_UNAVAILABLE;
	batch->gap_blocks = ZRING_UNAVAILABLE;
	batch->first_ns = time_ns(batch->packets[0].frame);
	batch->last_ns = time_ns(newest);
	batch->gap_ns = rx->last_ns && batch->first_ns > rx->last_ns ? batch->first_ns - rx->last_ns
								     : 0;
	batch->flags = newest->tp_status & TP_STATUS_LOSING ? ZRING_BATCH_LOSING : 0;
	rx->last_ns = batch->last_ns;
}

/* A batch spans frames first..first+nr, those left out as malformed among them. */
static uint64_t token(uint32_t first, uint32_t nr)
{
	return (uint64_t)nr << 32 | first;
}

static void give_back(struct zr_rx *rx, uint64_t span)
{
	uint32_t frame = (uint32_t)span;

	for (uint32_t nr = (uint32_t)(span >> 32); nr; nr--) {
		rx->holders[frame] = 0;
		zr_store_release(&header(rx, frame)->tp_status, TP_STATUS_KERNEL); /* D */
		frame = zr_rx_after(rx, frame);
	}
}

static int borrow(struct zring_capture *capture, struct zring_batch *batch)
{
	struct zr_rx *rx = zr_rx(capture);
	uint32_t nr = 0;

	do {
		const uint32_t first = rx->cursor;
		uint32_t spanned = 0;

		while (nr < batch->nr_allocated && is_ready(rx, rx->cursor)) {
			nr += view(rx, header(rx, rx->cursor), &batch->packets[nr]);
			rx->holders[rx->cursor] = 1;
			rx->cursor = zr_rx_after(rx, rx->cursor);
			spanned++;
		}
		batch->token = token(first, spanned);
		if (!nr)
			give_back(rx, batch->token);
	} while (!nr && is_ready(rx, rx->cursor));
	batch->nr_packets = nr;
	if (nr)
		describe(rx, batch);
	return (int)nr;
}

static void release(struct zring_capture *capture, struct zring_batch *batch)
{
	give_back(zr_rx(capture), batch->token);
}

static void packet_info(const struct zring_capture *capture, const struct zring_packet *packet,
			struct zring_packet_info *ret_info)
{
	const struct tpacket2_hdr *frame = packet->frame;
	const uint32_t status = frame->tp_status;
	const uint8_t *const bytes = packet->frame;

	(void)capture;
	zr_rx_common_info(packet, status, bytes + ZR_V2_ADDRESS_OFFSET, ret_info);
	ret_info->timestamp_ns = time_ns(frame);
	if (status & TP_STATUS_LOSING)
		ret_info->flags |= ZRING_PACKET_LOSING;
	zr_rx_vlan_info(packet, status, frame->tp_mac, frame->tp_vlan_tci, frame->tp_vlan_tpid,
			ret_info);
}

static uint64_t packet_ns(const struct zring_capture *capture, const struct zring_packet *packet)
{
	(void)capture;
	return time_ns(packet->frame);
}

const struct zr_capture_ops zr_rx_v2_ops = {
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
