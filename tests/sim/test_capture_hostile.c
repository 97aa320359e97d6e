/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ring memory that holds anything, read through the public calls: views lie in
 * their block or frame, every packet is accounted for, and the ring goes on.
 * Behind the ring is a page that nobody may touch.
 */
#include <linux/if_packet.h>
#include <stdio.h>
#include <string.h>

#include <zring/zring.h>

#include "support/sim_internal.h"

#define NR_ROUNDS 4000

static struct zring_capture *capture;
static const struct sim_ring *ring;
static struct zring_batch batch;
static uint64_t random_state;

/* A word that is 0, small, near a border, or anything. */
static uint32_t word(uint32_t border)
{
	switch (sim_below(&random_state, 6)) {
	case 0:
		return 0;
	case 1:
		return sim_below(&random_state, 200);
	case 2:
		return border + sim_below(&random_state, 100) - 50;
	case 3:
		return 8 * sim_below(&random_state, border / 8);
	case 4:
		return UINT32_MAX - sim_below(&random_state, 200);
	default:
		return (uint32_t)sim_random(&random_state);
	}
}

static void look_at(const struct zring_packet *packet, uint32_t unit_bytes)
{
	const size_t unit = (size_t)((const uint8_t *)packet->frame - ring->memory) / unit_bytes;
	const uint8_t *const start = ring->memory + unit * unit_bytes;
	struct zring_owned_packet *copy = NULL;

	SIM_CHECK(unit < (size_t)ring->block_bytes * ring->nr_blocks / unit_bytes, "unit %zu",
		  unit);
	SIM_CHECK(packet->data >= start && packet->data <= start + unit_bytes &&
			  packet->len <= (size_t)(start + unit_bytes - packet->data),
		  "%u bytes outside of block or frame %zu", packet->len, unit);
	/* Reads the header, the link-layer address and all bytes. */
	SIM_CHECK(zring_packet_copy(capture, packet, &copy) == 0, "no memory");
	SIM_CHECK(copy->info.source_bytes <= ZRING_LINK_ADDRESS_BYTES, "source");
	zring_packet_free(copy);
}

/* Reads what there is. Returns how many packets. */
static uint64_t read_all(uint32_t unit_bytes)
{
	const struct zring_packet *packet;
	uint64_t nr_seen = 0;
	int nr;

	while ((nr = zring_capture_next(capture, &batch, 0)) > 0) {
		zring_batch_for_each (&batch, packet)
			look_at(packet, unit_bytes);
		nr_seen += (uint64_t)nr;
		zring_batch_release(&batch);
	}
	SIM_CHECK(nr == 0, "next: %d", nr);
	return nr_seen;
}

static void open_capture(uint32_t profile)
{
	const struct zring_capture_options options = {
		.size = sizeof(options), .profile = profile, .block_bytes = 8192, .nr_blocks = 2};
	const struct sim_config config = {.seed = profile, .virtual_time = true};

	sim_say_seed("hostile", profile);
	sim_start(&config);
	random_state = profile + 1;
	SIM_CHECK(zring_capture_open(SIM_INTERFACE, &options, NULL, &capture) == 0, "open");
	SIM_CHECK(zring_batch_init(&batch, 50) == 0, "init");
	ring = sim_rx_find()->ring;
}

static void close_capture(void)
{
	zring_batch_fini(&batch);
	zring_capture_close(capture);
	sim_stop();
}

static struct zring_capture_stats stats_now(void)
{
	struct zring_capture_stats stats;

	zring_capture_get_stats(capture, &stats);
	return stats;
}

/* Plausible headers at random places, and then some words of anything. */
static void fill_block(uint8_t *block)
{
	struct tpacket_hdr_v1 *header = &((struct tpacket_block_desc *)(void *)block)->hdr.bh1;
	const uint32_t bytes = ring->block_bytes;
	uint32_t at = 48, nr = 0;

	memset(block, 0, bytes);
	while (at + 200 < bytes && nr < 40) {
		const uint32_t stride = 88 + 8 * sim_below(&random_state, 30);
		struct tpacket3_hdr frame = {
			.tp_next_offset = stride,
			.tp_snaplen = sim_below(&random_state, stride - 80),
			.tp_len = 60,
			.tp_status = TP_STATUS_USER | (uint32_t)sim_random(&random_state),
			.tp_mac = (uint16_t)sim_below(&random_state, 100),
			.hv1 = {.tp_vlan_tci = 5, .tp_vlan_tpid = 0x8100},
		};

		if (sim_chance(&random_state, 30))
			frame.tp_next_offset = word(bytes - at) & ~7u;
		if (sim_chance(&random_state, 30))
			frame.tp_snaplen = word(bytes - at);
		memcpy(block + at, &frame, sizeof(frame));
		at += stride;
		nr++;
	}
	header->num_pkts = sim_chance(&random_state, 900) ? nr : word(nr) % 100000;
	header->offset_to_first_pkt = sim_chance(&random_state, 950) ? 48 : word(bytes) & ~7u;
	header->blk_len = sim_chance(&random_state, 900) ? bytes : word(bytes);
}

static void blocks_of_anything(void)
{
	uint64_t nr_expected = 0, nr_seen = 0;

	open_capture(ZRING_PROFILE_THROUGHPUT);
	for (uint32_t round = 0; round < NR_ROUNDS; round++) {
		uint8_t *block = ring->memory + (size_t)(round % 2) * ring->block_bytes;
		struct tpacket_hdr_v1 *header =
			&((struct tpacket_block_desc *)(void *)block)->hdr.bh1;

		fill_block(block);
		nr_expected += header->num_pkts;
		zr_store_release(&header->block_status, TP_STATUS_USER);
		nr_seen += read_all(ring->block_bytes);
		SIM_CHECK(stats_now().delivered == nr_seen &&
				  stats_now().delivered + stats_now().malformed == nr_expected,
			  "round %u: %llu + %llu of %llu packets", round,
			  (unsigned long long)stats_now().delivered,
			  (unsigned long long)stats_now().malformed,
			  (unsigned long long)nr_expected);
		SIM_CHECK(zr_load_acquire(&header->block_status) == TP_STATUS_KERNEL,
			  "the block did not go back");
	}
	SIM_CHECK(nr_seen > NR_ROUNDS && stats_now().malformed > NR_ROUNDS, "tests little");
	close_capture();
}

static void frames_of_anything(void)
{
	uint64_t nr_seen = 0;

	open_capture(ZRING_PROFILE_LOW_LATENCY);
	for (uint32_t round = 0; round < NR_ROUNDS; round++) {
		const uint32_t slot = round % ring->nr_frames;
		uint8_t *const memory = ring->memory + (size_t)slot * ring->frame_bytes;
		struct tpacket2_hdr *frame = (struct tpacket2_hdr *)(void *)memory;
		const uint32_t status = TP_STATUS_USER | (uint32_t)sim_random(&random_state);

		memset(memory, 0, ring->frame_bytes);
		*frame = (struct tpacket2_hdr){
			.tp_snaplen = word(ring->frame_bytes - 66),
			.tp_len = word(60),
			.tp_mac = (uint16_t)word(sim_below(&random_state, 2) ? 66
									     : ring->frame_bytes),
		};
		zr_store_release(&frame->tp_status, status);
		nr_seen += read_all(ring->frame_bytes);
		SIM_CHECK(stats_now().delivered == nr_seen &&
				  nr_seen + stats_now().malformed == round + 1,
			  "round %u: %llu seen, %llu malformed", round, (unsigned long long)nr_seen,
			  (unsigned long long)stats_now().malformed);
		SIM_CHECK(zr_load_acquire(&frame->tp_status) == TP_STATUS_KERNEL,
			  "the frame did not go back");
	}
	SIM_CHECK(nr_seen > NR_ROUNDS / 10 && stats_now().malformed > NR_ROUNDS / 10,
		  "tests little");
	close_capture();
}

/* The largest frame that fits a slot, and one byte more. */
static void frame_ends_at_its_slot(void)
{
	open_capture(ZRING_PROFILE_LOW_LATENCY);
	for (uint32_t slot = 0; slot < ring->nr_frames; slot++)
		for (uint32_t more = 0; more < 2; more++) {
			struct tpacket2_hdr *frame =
				(void *)(ring->memory + (size_t)slot * ring->frame_bytes);
			const uint64_t malformed = stats_now().malformed;

			if (slot % 2 != more)
				continue;
			frame->tp_mac = 66;
			frame->tp_snaplen = ring->frame_bytes - 66 + more;
			frame->tp_len = frame->tp_snaplen;
			zr_store_release(&frame->tp_status, TP_STATUS_USER);
			SIM_CHECK(read_all(ring->frame_bytes) == 1 - more, "slot %u", slot);
			SIM_CHECK(stats_now().malformed == malformed + more, "slot %u", slot);
		}
	close_capture();
}

/* A header that ends where the last block ends: what would stand behind it is not read. */
static void header_ends_with_the_ring(void)
{
	open_capture(ZRING_PROFILE_THROUGHPUT);
	for (uint32_t round = 0; round < 200; round++) {
		uint8_t *block = ring->memory + (size_t)(round % 2) * ring->block_bytes;
		struct tpacket_hdr_v1 *header =
			&((struct tpacket_block_desc *)(void *)block)->hdr.bh1;
		const uint32_t first = ring->block_bytes - 8 * (round / 2);
		struct tpacket3_hdr frame = {.tp_snaplen = 8, .tp_len = 8, .tp_mac = 40};

		memset(block, 0, ring->block_bytes);
		header->num_pkts = 1;
		header->offset_to_first_pkt = first;
		header->blk_len = ring->block_bytes;
		if (first + sizeof(frame) <= ring->block_bytes)
			memcpy(block + first, &frame, sizeof(frame));
		zr_store_release(&header->block_status, TP_STATUS_USER);
		read_all(ring->block_bytes);
	}
	SIM_CHECK(stats_now().delivered > 50 &&
			  stats_now().delivered + stats_now().malformed == 200,
		  "%llu", (unsigned long long)stats_now().delivered);
	close_capture();
}

int main(void)
{
	blocks_of_anything();
	frames_of_anything();
	frame_ends_at_its_slot();
	header_ends_with_the_ring();
	puts("hostile rings: all hold");
	return 0;
}
