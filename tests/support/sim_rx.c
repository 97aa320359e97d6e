/* SPDX-License-Identifier: BSD-2-Clause */
/* The played kernel's receiving side: tpacket_rcv() and the block machine of TPACKET_V3. */
#include "sim_internal.h"

#include <arpa/inet.h>
#include <linux/if_arp.h>
#include <string.h>

#include "sim_bpf.h"

#define NS_PER_S           UINT64_C(1000000000)
#define BLOCK_HEADER_BYTES 48u
#define V3_MAC             82u
#define V2_MAC             66u
#define V3_ALIGNMENT       8u

static struct tpacket_hdr_v1 *block_at(const struct sim_rx *rx, uint32_t block)
{
	uint8_t *const at = rx->ring->memory + (size_t)block * rx->ring->block_bytes;

	return &((struct tpacket_block_desc *)(void *)at)->hdr.bh1;
}

static uint8_t *block_bytes(const struct sim_rx *rx)
{
	return rx->ring->memory + (size_t)rx->block * rx->ring->block_bytes;
}

static struct tpacket2_hdr *frame_at(const struct sim_rx *rx, uint32_t frame)
{
	return (struct tpacket2_hdr *)(void *)(rx->ring->memory +
					       (size_t)frame * rx->ring->frame_bytes);
}

/* prb_curr_blk_in_use() */
static bool in_use(const struct sim_rx *rx, uint32_t block)
{
	return zr_load_acquire(&block_at(rx, block)->block_status) != TP_STATUS_KERNEL;
}

static void add(uint32_t *counter)
{
	__atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
}

/* prb_open_block() */
static void open_block(struct sim_rx *rx)
{
	struct tpacket_hdr_v1 *block = block_at(rx, rx->block);

	block->seq_num = rx->next_seq++;
	block->num_pkts = 0;
	block->blk_len = BLOCK_HEADER_BYTES;
	block->offset_to_first_pkt = BLOCK_HEADER_BYTES;
	/* The time of opening, which is not that of a packet. */
	block->ts_first_pkt.ts_sec = 1;
	block->ts_first_pkt.ts_nsec = 0;
	rx->next = BLOCK_HEADER_BYTES;
	rx->previous = 0;
	rx->frozen = false;
}

/* prb_retire_current_block() and prb_close_block() */
static void retire_block(struct sim_rx *rx, uint32_t flags)
{
	struct tpacket_hdr_v1 *block = block_at(rx, rx->block);
	uint32_t status = TP_STATUS_USER | flags;

	if (zr_load_relaxed(&rx->nr_drops))
		status |= TP_STATUS_LOSING;
	if (rx->previous) {
		struct tpacket3_hdr *last = (void *)(block_bytes(rx) + rx->previous);

		last->tp_next_offset = 0;
		block->ts_last_pkt.ts_sec = last->tp_sec;
		block->ts_last_pkt.ts_nsec = last->tp_nsec;
	}
	zr_store_release(&block->block_status, status);
	zr_store_relaxed(&rx->block, rx->block + 1 == rx->ring->nr_blocks ? 0 : rx->block + 1);
}

/* prb_dispatch_next_block(): whether there is a block to go on with. */
static bool next_block(struct sim_rx *rx)
{
	if (in_use(rx, rx->block)) {
		rx->frozen = true;
		add(&rx->nr_freezes);
		return false;
	}
	open_block(rx);
	return true;
}

/* __packet_lookup_frame_in_block(): room for a frame of so many bytes, or NULL. */
static struct tpacket3_hdr *lookup_frame(struct sim_rx *rx, uint32_t bytes)
{
	if (rx->frozen) {
		if (in_use(rx, rx->block))
			return NULL;
		open_block(rx);
	}
	if (rx->next + bytes >= rx->ring->block_bytes) {
		retire_block(rx, 0);
		if (!next_block(rx))
			return NULL;
	}
	return (void *)(block_bytes(rx) + rx->next);
}

static void fill_address(struct sockaddr_ll *address, const struct sim_rx_packet *packet)
{
	*address = (struct sockaddr_ll){
		.sll_family = AF_PACKET,
		.sll_protocol = htons(0x88b5),
		.sll_ifindex = SIM_IFINDEX,
		.sll_hatype = ARPHRD_ETHER,
		.sll_pkttype = packet->pkttype,
		.sll_halen = 6,
	};
	memcpy(address->sll_addr, packet->data + 6, 6);
}

static uint32_t vlan_status(const struct sim_rx_packet *packet)
{
	return packet->vlan_tpid ? TP_STATUS_VLAN_VALID | TP_STATUS_VLAN_TPID_VALID : 0;
}

static enum sim_rx_result store_v3(struct sim_rx *rx, const struct sim_rx_packet *packet,
				   uint32_t snaplen)
{
	const uint32_t cut = V3_MAC + snaplen > rx->most_frame ? rx->most_frame - V3_MAC : snaplen;
	const uint32_t bytes = (V3_MAC + cut + V3_ALIGNMENT - 1) & ~(V3_ALIGNMENT - 1);
	struct tpacket3_hdr *frame = lookup_frame(rx, bytes);
	struct tpacket_hdr_v1 *block;

	if (!frame) {
		add(&rx->nr_drops);
		return SIM_RX_DROPPED;
	}
	block = block_at(rx, rx->block);
	*frame = (struct tpacket3_hdr){
		.tp_next_offset = bytes,
		.tp_sec = (uint32_t)(packet->time_ns / NS_PER_S),
		.tp_nsec = (uint32_t)(packet->time_ns % NS_PER_S),
		.tp_snaplen = cut,
		.tp_len = packet->len,
		.tp_status = vlan_status(packet),
		.tp_mac = V3_MAC,
		.tp_net = V3_MAC + 14,
		.hv1 = {.tp_vlan_tci = packet->vlan_tci, .tp_vlan_tpid = packet->vlan_tpid},
	};
	fill_address((void *)((uint8_t *)frame + sizeof(*frame)), packet);
	memcpy((uint8_t *)frame + V3_MAC, packet->data, cut);
	rx->previous = rx->next;
	rx->next += bytes;
	block->num_pkts++;
	block->blk_len += bytes;
	add(&rx->nr_packets);
	return SIM_RX_STORED;
}

static enum sim_rx_result store_v2(struct sim_rx *rx, const struct sim_rx_packet *packet,
				   uint32_t snaplen)
{
	struct tpacket2_hdr *frame = frame_at(rx, rx->head);
	const uint32_t room = rx->ring->frame_bytes - V2_MAC;
	const uint32_t cut = snaplen < room ? snaplen : room;
	uint32_t status = TP_STATUS_USER | vlan_status(packet);

	if (zr_load_acquire(&frame->tp_status) != TP_STATUS_KERNEL) {
		add(&rx->nr_drops);
		return SIM_RX_DROPPED;
	}
	if (zr_load_relaxed(&rx->nr_drops))
		status |= TP_STATUS_LOSING;
	frame->tp_len = packet->len;
	frame->tp_snaplen = cut;
	frame->tp_mac = V2_MAC;
	frame->tp_net = V2_MAC + 14;
	frame->tp_sec = (uint32_t)(packet->time_ns / NS_PER_S);
	frame->tp_nsec = (uint32_t)(packet->time_ns % NS_PER_S);
	frame->tp_vlan_tci = packet->vlan_tci;
	frame->tp_vlan_tpid = packet->vlan_tpid;
	fill_address((void *)((uint8_t *)frame + sizeof(*frame)), packet);
	memcpy((uint8_t *)frame + V2_MAC, packet->data, cut);
	add(&rx->nr_packets);
	zr_store_release(&frame->tp_status, status);
	zr_store_relaxed(&rx->head, rx->head + 1 == rx->ring->nr_frames ? 0 : rx->head + 1);
	return SIM_RX_STORED;
}

enum sim_rx_result sim_rx_packet(struct sim_rx *rx, const struct sim_rx_packet *packet)
{
	const struct sim_bpf_packet seen = {
		.data = packet->data, .len = packet->len, .pkttype = packet->pkttype};
	uint32_t snaplen = rx->nr_filter ? sim_bpf_run(rx->filter, &seen) : packet->len;

	if (!snaplen)
		return SIM_RX_FILTERED;
	if (snaplen > packet->len)
		snaplen = packet->len;
	return rx->version == TPACKET_V3 ? store_v3(rx, packet, snaplen)
					 : store_v2(rx, packet, snaplen);
}

/* prb_retire_rx_blk_timer_expired() */
void sim_rx_timer(struct sim_rx *rx)
{
	if (rx->version != TPACKET_V3)
		return;
	if (rx->frozen) {
		if (!in_use(rx, rx->block))
			open_block(rx);
	} else if (rx->previous) {
		retire_block(rx, TP_STATUS_BLK_TMO);
		next_block(rx);
	}
}

uint64_t sim_rx_block_seq(const struct sim_rx *rx)
{
	return rx->next_seq - 1;
}

bool sim_rx_frozen(const struct sim_rx *rx)
{
	return rx->frozen;
}

void sim_rx_begin(struct sim_fd *socket)
{
	struct sim_rx *rx = &socket->rx;

	rx->ring = &socket->rx_ring;
	rx->version = socket->version;
	rx->most_frame = socket->rx_ring.block_bytes - BLOCK_HEADER_BYTES;
	rx->next_seq = 1;
	if (rx->version == TPACKET_V3)
		open_block(rx);
}

/* packet_poll(): the block or frame before the kernel's has not come back. */
bool sim_rx_readable(const struct sim_rx *rx)
{
	const uint32_t nr = rx->version == TPACKET_V3 ? rx->ring->nr_blocks : rx->ring->nr_frames;
	const uint32_t at = rx->version == TPACKET_V3 ? zr_load_relaxed(&rx->block)
						      : zr_load_relaxed(&rx->head);
	const uint32_t before = at ? at - 1 : nr - 1;

	/* Relaxed: poll() is no part of the ring's ordering. */
	if (rx->version == TPACKET_V3)
		return zr_load_relaxed(&block_at(rx, before)->block_status) != TP_STATUS_KERNEL;
	return zr_load_relaxed(&frame_at(rx, before)->tp_status) != TP_STATUS_KERNEL;
}

struct sim_rx *sim_rx_find(void)
{
	return sim_rx_nth(0);
}

struct sim_rx *sim_rx_nth(uint32_t nth)
{
	for (int i = 0; i < SIM_MAX_FDS; i++)
		if (sim.fds[i].kind == SIM_FD_PACKET && sim.fds[i].rx_ring.mapped && nth-- == 0)
			return &sim.fds[i].rx;
	return NULL;
}

bool sim_rx_is_shut(const struct sim_rx *rx)
{
	return rx->nr_filter == 1 && rx->filter[0].code == (BPF_RET | BPF_K) && !rx->filter[0].k;
}
