/* SPDX-License-Identifier: BSD-2-Clause */
/* The way through a block whose words are anything: nothing outside of it is ever touched. */
#include <criterion/criterion.h>
#include <linux/if_packet.h>
#include <string.h>

#include "afpacket/walk.h"
#include "support/sim.h"

#define BLOCK_BYTES 4096u
#define FIRST       48u
#define MAC         82u
#define NR_FRAMES   5u
/* So many go through the loop that takes packets in groups. */
#define NR_MANY      90u
#define MANY_BYTES   (FIRST + NR_MANY * FRAME_STRIDE)
#define MAX_VIEWS    600u
#define FRAME_STRIDE 160u
/* A header and the link-layer address behind it. */
#define HEADER_BYTES (sizeof(struct tpacket3_hdr) + sizeof(struct sockaddr_ll))

struct seen {
	uint64_t delivered;
	uint64_t malformed;
	uint64_t truncated;
	uint64_t sum; /* of all bytes shown: reads them */
};

static struct sim_guarded block;
static uint32_t nr_frames = NR_FRAMES;
static struct zring_packet views[MAX_VIEWS];

static struct tpacket_hdr_v1 *block_header(void)
{
	return &((struct tpacket_block_desc *)(void *)block.data)->hdr.bh1;
}

static struct tpacket3_hdr *frame(uint32_t i)
{
	return (void *)(block.data + FIRST + i * FRAME_STRIDE);
}

/* A block as the kernel makes it; its last frame ends where the block ends. */
static void make_block(void)
{
	struct tpacket_hdr_v1 *header = block_header();

	memset(block.data, 0, block.bytes);
	header->block_status = TP_STATUS_USER;
	header->num_pkts = nr_frames;
	header->offset_to_first_pkt = FIRST;
	header->blk_len = (uint32_t)block.bytes;
	for (uint32_t i = 0; i < nr_frames; i++) {
		*frame(i) = (struct tpacket3_hdr){
			.tp_next_offset = i + 1 < nr_frames ? FRAME_STRIDE : 0,
			.tp_snaplen = 60 + i % 16,
			.tp_len = 60 + i % 16,
			.tp_status = TP_STATUS_USER,
			.tp_mac = MAC,
		};
		memset((uint8_t *)frame(i) + MAC, (int)i + 1, 60 + i % 16);
	}
}

static void begin(void)
{
	sim_guarded_make(&block, BLOCK_BYTES);
	make_block();
}

static void begin_many(void)
{
	nr_frames = NR_MANY;
	sim_guarded_make(&block, MANY_BYTES);
	make_block();
}

static void end(void)
{
	sim_guarded_end(&block);
	nr_frames = NR_FRAMES;
}

static uint64_t read_bytes(const struct zring_packet *view)
{
	uint64_t sum = 0;

	cr_assert(view->data >= block.data && view->data + view->len <= block.data + block.bytes,
		  "outside of the block");
	cr_assert((const uint8_t *)view->frame >= block.data &&
			  (const uint8_t *)view->frame + HEADER_BYTES <= block.data + block.bytes,
		  "a header or its address outside of the block");
	for (uint32_t i = 0; i < view->len; i++)
		sum += view->data[i];
	return sum;
}

/* Walks through the block with views for @room at a time. */
static struct seen walk_through(uint32_t room, bool may_truncate)
{
	const uint32_t num_pkts = block_header()->num_pkts;
	const void *before = block.data;
	struct seen seen = {0};
	struct zr_walk walk;
	uint32_t nr;

	zr_walk_start(&walk, block.data, (uint32_t)block.bytes, may_truncate);
	do {
		nr = zr_walk_take(&walk, views, room);
		cr_assert(nr <= room, "%u of %u views", nr, room);
		cr_assert(nr || !walk.left, "nothing though %u are left", walk.left);
		for (uint32_t i = 0; i < nr; before = views[i++].frame) {
			seen.sum += read_bytes(&views[i]);
			cr_assert(views[i].frame > before, "a frame twice");
		}
		seen.delivered += nr;
		seen.malformed += walk.malformed;
		seen.truncated += walk.truncated;
		walk.malformed = 0;
		walk.truncated = 0;
		cr_assert(seen.delivered <= block.bytes, "goes round in a ring");
	} while (nr);
	cr_assert(seen.delivered + seen.malformed == num_pkts, "%llu + %llu of %u packets",
		  (unsigned long long)seen.delivered, (unsigned long long)seen.malformed, num_pkts);
	return seen;
}

/* However many at a time: the same. */
static struct seen walk_every_way(void)
{
	static const uint32_t rooms[] = {1, 2, 3, 17, MAX_VIEWS};
	const struct seen first = walk_through(rooms[0], true);

	for (size_t i = 1; i < sizeof(rooms) / sizeof(*rooms); i++) {
		const struct seen seen = walk_through(rooms[i], true);

		cr_assert(!memcmp(&seen, &first, sizeof(seen)), "%u at a time: others", rooms[i]);
	}
	cr_assert(walk_through(MAX_VIEWS, false).delivered == first.delivered);
	return first;
}

/* Values around every border that a word may have here. */
static uint32_t border(uint32_t i)
{
	static const uint32_t values[] = {
		0,
		1,
		2,
		3,
		4,
		7,
		8,
		9,
		16,
		31,
		47,
		48,
		49,
		56,
		63,
		64,
		66,
		81,
		82,
		83,
		96,
		127,
		128,
		129,
		142,
		143,
		144,
		159,
		160,
		161,
		208,
		320,
		688,
		736,
		4000,
		4048,
		4049,
		4050,
		4095,
		4096,
		4097,
		8192,
		65535,
		65536,
		1u << 30,
		(1u << 31) - 1,
		1u << 31,
		(1u << 31) + 1,
		UINT32_MAX - 160,
		UINT32_MAX - 82,
		UINT32_MAX - 48,
		UINT32_MAX - 8,
		UINT32_MAX - 1,
		UINT32_MAX,
	};

	return i < sizeof(values) / sizeof(*values) ? values[i] : UINT32_MAX / 2;
}

#define NR_BORDERS 56u

Test(walk, shows_every_packet_of_a_block)
{
	struct seen seen;

	begin();
	seen = walk_every_way();
	cr_assert(seen.delivered == NR_FRAMES && seen.malformed == 0 && seen.truncated == 0);
	cr_assert(seen.sum == 60 * 1 + 61 * 2 + 62 * 3 + 63 * 4 + 64 * 5);
	walk_through(MAX_VIEWS, true);
	for (uint32_t i = 0; i < NR_FRAMES; i++)
		cr_assert(views[i].len == 60 + i && views[i].wire_len == 60 + i &&
			  views[i].frame == frame(i));
	end();
}

Test(walk, block_without_packets_is_left_at_once)
{
	begin();
	block_header()->num_pkts = 0;
	cr_assert(walk_every_way().delivered == 0);
	end();
}

Test(walk, status_words_of_all_packets_are_collected)
{
	struct zr_walk walk;

	begin();
	frame(1)->tp_status |= TP_STATUS_VLAN_VALID;
	frame(4)->tp_status |= TP_STATUS_CSUMNOTREADY;
	zr_walk_start(&walk, block.data, BLOCK_BYTES, false);
	cr_assert(zr_walk_take(&walk, views, MAX_VIEWS) == NR_FRAMES);
	cr_assert(walk.status == (TP_STATUS_USER | TP_STATUS_VLAN_VALID | TP_STATUS_CSUMNOTREADY));
	end();
}

Test(walk, cut_packets_are_counted)
{
	begin();
	frame(1)->tp_len = 1000;
	cr_assert(walk_every_way().truncated == 1);
	/* The last of a block is compared even where no filter cuts. */
	frame(4)->tp_len = 1000;
	cr_assert(walk_every_way().truncated == 2);
	cr_assert(walk_through(MAX_VIEWS, false).truncated == 1);
	end();
}

Test(walk, early_end_of_the_chain_ends_the_block)
{
	struct seen seen;

	begin();
	for (uint32_t i = 0; i < NR_FRAMES; i++) {
		make_block();
		frame(i)->tp_next_offset = 0;
		seen = walk_every_way();
		cr_assert(seen.delivered == i + 1 && seen.malformed == NR_FRAMES - i - 1,
			  "frame %u", i);
	}
	end();
}

Test(walk, count_above_the_chain_is_malformed_not_followed)
{
	static const uint32_t counts[] = {6, 7, 100, 1u << 31, UINT32_MAX};

	begin();
	for (size_t i = 0; i < sizeof(counts) / sizeof(*counts); i++) {
		struct seen seen;

		make_block();
		block_header()->num_pkts = counts[i];
		seen = walk_every_way();
		cr_assert(seen.delivered == NR_FRAMES && seen.malformed == counts[i] - NR_FRAMES);
	}
	end();
}

Test(walk, packet_that_does_not_fit_costs_itself_only)
{
	struct seen seen;

	begin();
	frame(2)->tp_snaplen = FRAME_STRIDE - MAC + 1; /* into the next header */
	seen = walk_every_way();
	cr_assert(seen.delivered == NR_FRAMES - 1 && seen.malformed == 1);
	frame(2)->tp_snaplen = FRAME_STRIDE - MAC; /* up to it */
	cr_assert(walk_every_way().delivered == NR_FRAMES);
	make_block();
	frame(4)->tp_snaplen =
		BLOCK_BYTES - FIRST - 4 * FRAME_STRIDE - MAC; /* up to the block's end */
	cr_assert(walk_every_way().delivered == NR_FRAMES);
	frame(4)->tp_snaplen++;
	cr_assert(walk_every_way().malformed == 1);
	end();
}

Test(walk, any_word_of_the_block_header_is_survived)
{
	static const size_t words[] = {
		offsetof(struct tpacket_hdr_v1, num_pkts),
		offsetof(struct tpacket_hdr_v1, offset_to_first_pkt),
		offsetof(struct tpacket_hdr_v1, blk_len),
	};

	begin();
	for (uint32_t a = 0; a < 3; a++)
		for (uint32_t b = 0; b < 3; b++)
			for (uint32_t i = 0; i < NR_BORDERS; i++)
				for (uint32_t j = 0; j < NR_BORDERS; j++) {
					const uint32_t values[] = {border(i), border(j)};

					make_block();
					memcpy((uint8_t *)block_header() + words[a], &values[0], 4);
					memcpy((uint8_t *)block_header() + words[b], &values[1], 4);
					walk_through(MAX_VIEWS, true);
				}
	end();
}

Test(walk, any_word_of_a_frame_header_is_survived)
{
	static const uint32_t places[] = {0, 2, NR_FRAMES - 1};

	begin();
	for (uint32_t p = 0; p < 3; p++)
		for (uint32_t i = 0; i < NR_BORDERS; i++)
			for (uint32_t j = 0; j < NR_BORDERS; j++)
				for (uint32_t mac = 0; mac < NR_BORDERS; mac++) {
					struct tpacket3_hdr *at = frame(places[p]);

					*at = (struct tpacket3_hdr){
						.tp_next_offset = border(i),
						.tp_snaplen = border(j),
						.tp_len = border(j),
						.tp_mac = (uint16_t)border(mac),
					};
					walk_through(MAX_VIEWS, true);
					make_block();
				}
	end();
}

/* Blocks of every size around a header, with a first frame wherever it pleases. */
Test(walk, first_frame_at_the_very_end_is_not_read)
{
	static const uint32_t sizes[] = {48, 56, 88, 96, 104, 128, 200};

	for (size_t s = 0; s < sizeof(sizes) / sizeof(*sizes); s++) {
		sim_guarded_make(&block, sizes[s]);
		for (uint32_t first = 0; first <= sizes[s] + 2; first++)
			for (uint32_t used = 0; used <= sizes[s] + 2; used++) {
				memset(block.data, 0, block.bytes);
				block_header()->num_pkts = 3;
				block_header()->offset_to_first_pkt = first;
				block_header()->blk_len = used;
				cr_assert(walk_through(4, true).delivered == 0,
					  "no length, no packet");
			}
		end();
	}
}

/* Every distance to the next header, the last bytes of the block among them. */
Test(walk, no_header_is_read_beyond_the_end)
{
	begin();
	for (uint32_t used = BLOCK_BYTES; used > BLOCK_BYTES - 3; used--)
		for (uint32_t next = 1; next < BLOCK_BYTES; next++) {
			static const struct tpacket3_hdr last = {.tp_snaplen = 1, .tp_mac = 1};
			const uint32_t there = FIRST + next;

			make_block();
			block_header()->blk_len = used;
			frame(0)->tp_next_offset = next;
			frame(0)->tp_snaplen = 0;
			frame(0)->tp_mac = 1;
			if (there + sizeof(last) <= BLOCK_BYTES)
				memcpy(block.data + there, &last, sizeof(last));
			walk_through(MAX_VIEWS, true);
		}
	end();
}

Test(walk, random_words_are_survived)
{
	uint64_t random = 4711;

	begin();
	for (uint32_t round = 0; round < 20000; round++) {
		const uint32_t nr_changes = 1 + sim_below(&random, 6);

		make_block();
		for (uint32_t i = 0; i < nr_changes; i++) {
			const uint32_t value = sim_below(&random, 2)
						       ? border(sim_below(&random, NR_BORDERS))
						       : (uint32_t)sim_random(&random);
			const uint32_t at = sim_below(&random, FIRST + 6 * FRAME_STRIDE - 4);

			memcpy(block.data + at, &value, sizeof(value));
		}
		walk_through(1 + sim_below(&random, 20), sim_below(&random, 2));
	}
	end();
}

Test(walk, groups_of_packets_are_as_single_ones)
{
	struct seen seen;

	begin_many();
	seen = walk_every_way();
	cr_assert(seen.delivered == NR_MANY && seen.malformed == 0);
	walk_through(MAX_VIEWS, false);
	for (uint32_t i = 0; i < NR_MANY; i++)
		cr_assert(views[i].frame == frame(i) &&
			  views[i].data == (uint8_t *)frame(i) + MAC &&
			  views[i].len == 60 + i % 16 && views[i].wire_len == views[i].len);
	end();
}

/* A header of zeros leads to itself: nothing of it is shown, and the block ends there. */
Test(walk, header_of_zeros_ends_the_block_wherever_it_stands)
{
	begin_many();
	for (uint32_t i = 0; i < NR_MANY; i++) {
		struct seen seen;

		make_block();
		memset(frame(i), 0, sizeof(*frame(i)));
		seen = walk_every_way();
		cr_assert(seen.delivered == i && seen.malformed == NR_MANY - i, "frame %u: %llu", i,
			  (unsigned long long)seen.delivered);
		block_header()->num_pkts = UINT32_MAX;
		cr_assert(walk_every_way().delivered == i);
	}
	end();
}

Test(walk, one_bad_packet_in_a_group_costs_itself_only)
{
	begin_many();
	for (uint32_t i = 0; i + 1 < NR_MANY; i++) {
		struct seen seen;

		make_block();
		frame(i)->tp_snaplen = FRAME_STRIDE - MAC + 1;
		seen = walk_every_way();
		cr_assert(seen.delivered == NR_MANY - 1 && seen.malformed == 1, "frame %u", i);
	}
	end();
}

Test(walk, random_words_among_many_packets_are_survived)
{
	uint64_t random = 815;

	begin_many();
	for (uint32_t round = 0; round < 4000; round++) {
		const uint32_t nr_changes = 1 + sim_below(&random, 4);

		make_block();
		for (uint32_t i = 0; i < nr_changes; i++) {
			const uint32_t value = sim_below(&random, 2)
						       ? border(sim_below(&random, NR_BORDERS))
						       : (uint32_t)sim_random(&random);
			const uint32_t at = FIRST + sim_below(&random, NR_MANY) * FRAME_STRIDE +
					    4 * sim_below(&random, 8);

			memcpy(block.data + at, &value, sizeof(value));
		}
		walk_through(1 + sim_below(&random, 100), sim_below(&random, 2));
	}
	end();
}
