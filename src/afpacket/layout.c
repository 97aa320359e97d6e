/* SPDX-License-Identifier: BSD-2-Clause */
#include "layout.h"

#include <errno.h>
#include <linux/if_packet.h>

#include "../core/diag.h"
#include "frame.h"

#define KIB 1024u
#define MIB (1024u * KIB)

/* Limits of packet_set_ring() and of its int arithmetic. */
#define MAX_BLOCK_BYTES (1024u * MIB)
#define MAX_RING_BYTES  (4096ull * MIB)
#define MAX_LATENCY_MS  10000u

/* A block that takes a 64 KiB super-frame with room to spare. */
#define MIN_DERIVED_BLOCK (128u * KIB)
#define MAX_DERIVED_BLOCK (4u * MIB)
#define MIN_BLOCKS        2u

/*
 * Blocks are handed over each latency_ms however little they hold: so many
 * milliseconds a reader may sleep at low rates before the ring has gone round.
 */
#define COVERED_MS 256u
/* And at high rates: a reader and the kernel are this many blocks apart at most. */
#define WANTED_BLOCKS 64u

#define DEFAULT_V2_BYTES  (8u * MIB)
#define V2_BLOCK_BYTES    (64u * KIB)
#define MAX_TX_FRAMES     65536u
#define DEFAULT_TX_FRAMES 256u

static const struct {
	uint32_t memory_bytes;
	uint32_t latency_ms;
} v3_profiles[] = {
	[ZRING_PROFILE_THROUGHPUT] = {64u * MIB, 10},
	[ZRING_PROFILE_LOW_MEMORY] = {1u * MIB, 10},
	[ZRING_PROFILE_JUMBO] = {128u * MIB, 10},
};

static uint64_t round_up(uint64_t value, uint64_t unit)
{
	return (value + unit - 1) / unit * unit;
}

static uint64_t power_of_two_up(uint64_t value)
{
	uint64_t power = 1;

	while (power < value)
		power *= 2;
	return power;
}

static uint64_t power_of_two_down(uint64_t value)
{
	const uint64_t up = power_of_two_up(value);

	return up > value ? up / 2 : up;
}

static uint64_t clamp(uint64_t value, uint64_t least, uint64_t most)
{
	return value < least ? least : value > most ? most : value;
}

static int check_limits(const struct zr_layout *layout, struct zring_diag *diag)
{
	if (layout->block_bytes > MAX_BLOCK_BYTES)
		return zr_fail(diag, -EINVAL, "ring geometry",
			       "a block of %u bytes: the kernel takes 1 GiB at most",
			       layout->block_bytes);
	if (zr_layout_bytes(layout) > MAX_RING_BYTES)
		return zr_fail(diag, -EINVAL, "ring geometry",
			       "%u blocks of %u bytes: the kernel takes rings of 4 GiB at most",
			       layout->nr_blocks, layout->block_bytes);
	return 0;
}

static uint64_t derive_block(uint64_t memory, uint32_t nr_blocks, uint64_t least)
{
	const uint64_t block = power_of_two_down(memory / nr_blocks ? memory / nr_blocks : 1);

	return clamp(block, least, MAX_DERIVED_BLOCK > least ? MAX_DERIVED_BLOCK : least);
}

/*
 * Blocks and their number out of what the user gave. @unit is what a block is a
 * multiple of, @least the smallest block that serves, @derived_least the
 * smallest that we choose ourselves.
 */
static int divide(const struct zring_capture_options *options, uint64_t memory, uint32_t nr_wanted,
		  uint64_t unit, uint64_t least, uint64_t derived_least, struct zr_layout *layout,
		  struct zring_diag *diag)
{
	uint64_t block = options->block_bytes, nr = options->nr_blocks;

	if (options->memory_bytes && block && nr)
		return zr_fail(diag, -EINVAL, "ring geometry",
			       "memory_bytes, block_bytes and nr_blocks together say one thing "
			       "twice: leave one 0");
	if (memory > MAX_RING_BYTES)
		return zr_fail(diag, -EINVAL, "ring geometry",
			       "memory_bytes is %llu: the kernel takes rings of 4 GiB at most",
			       (unsigned long long)memory);
	if (!block && nr && options->memory_bytes)
		block = memory / nr;
	else if (!block)
		block = derive_block(memory, nr_wanted, derived_least);
	layout->rounded = block % unit || block < least;
	block = round_up(block < least ? least : block, unit);
	if (!nr)
		nr = clamp(memory / block, MIN_BLOCKS, UINT32_MAX);
	if (block > MAX_BLOCK_BYTES)
		block = MAX_BLOCK_BYTES + unit; /* check_limits() says so */
	layout->block_bytes = (uint32_t)block;
	layout->nr_blocks = (uint32_t)nr;
	if (options->memory_bytes && zr_layout_bytes(layout) > options->memory_bytes)
		layout->rounded = true;
	return check_limits(layout, diag);
}

static int layout_v3(const struct zring_capture_options *options, uint32_t mtu, uint32_t page_bytes,
		     struct zring_diag *diag, struct zr_layout *layout)
{
	const uint64_t memory = options->memory_bytes ? options->memory_bytes
						      : v3_profiles[options->profile].memory_bytes;
	const uint64_t least =
		round_up(ZR_V3_BLOCK_HEADER_BYTES + ZR_V3_FRAME_OFFSET + mtu + ZR_LINK_BYTES + 8,
			 page_bytes);
	const uint64_t derived_least = least > MIN_DERIVED_BLOCK ? least : MIN_DERIVED_BLOCK;
	uint32_t nr_wanted;
	int err;

	if (options->frame_bytes)
		return zr_fail(diag, -EINVAL, "ring geometry",
			       "frame_bytes is for ZRING_PROFILE_LOW_LATENCY: a V3 ring packs "
			       "frames; cut packets with snaplen");
	layout->version = 3;
	layout->latency_ms = options->latency_ms ? options->latency_ms
						 : v3_profiles[options->profile].latency_ms;
	if (layout->latency_ms > MAX_LATENCY_MS)
		return zr_fail(diag, -EINVAL, "ring geometry", "latency_ms is %u: at most %u",
			       layout->latency_ms, MAX_LATENCY_MS);
	nr_wanted = COVERED_MS / layout->latency_ms;
	nr_wanted = nr_wanted > WANTED_BLOCKS ? nr_wanted : WANTED_BLOCKS;
	err = divide(options, memory, nr_wanted, page_bytes, least, derived_least, layout, diag);
	/* Unused by V3 but checked by the kernel: blocks x frames must come out even. */
	layout->frame_bytes = layout->block_bytes;
	layout->max_packet_bytes =
		layout->block_bytes - ZR_V3_BLOCK_HEADER_BYTES - ZR_V3_FRAME_OFFSET;
	return err;
}

static int layout_v2(const struct zring_capture_options *options, uint32_t mtu, uint32_t page_bytes,
		     struct zring_diag *diag, struct zr_layout *layout)
{
	const uint64_t memory = options->memory_bytes ? options->memory_bytes : DEFAULT_V2_BYTES;
	const uint32_t packet = options->snaplen && options->snaplen < mtu + ZR_LINK_BYTES
					? options->snaplen
					: mtu + ZR_LINK_BYTES;
	const uint64_t wanted = options->frame_bytes ? options->frame_bytes
						     : ZR_V2_FRAME_OFFSET + packet;
	const uint64_t frame = power_of_two_up(wanted < 128 ? 128 : wanted);
	const uint64_t unit = frame > page_bytes ? frame : page_bytes;
	int err;

	if (options->latency_ms || options->rxhash)
		return zr_fail(diag, -EINVAL, "ring geometry",
			       "%s is for V3 rings: leave it 0 with ZRING_PROFILE_LOW_LATENCY",
			       options->latency_ms ? "latency_ms" : "rxhash");
	if (frame > MAX_DERIVED_BLOCK)
		return zr_fail(diag, -EINVAL, "ring geometry",
			       "a frame of %llu bytes: at most 4 MiB, set frame_bytes",
			       (unsigned long long)wanted);
	layout->version = 2;
	layout->latency_ms = 0;
	layout->frame_bytes = (uint32_t)frame;
	layout->max_packet_bytes = (uint32_t)frame - ZR_V2_FRAME_OFFSET;
	err = divide(options, memory,
		     (uint32_t)(memory / V2_BLOCK_BYTES ? memory / V2_BLOCK_BYTES : 1), unit, unit,
		     unit, layout, diag);
	layout->rounded = layout->rounded || (options->frame_bytes && frame != wanted);
	return err;
}

int zr_layout_rx(const struct zring_capture_options *options, uint32_t mtu, uint32_t page_bytes,
		 struct zring_diag *diag, struct zr_layout *ret_layout)
{
	*ret_layout = (struct zr_layout){0};
	return options->profile == ZRING_PROFILE_LOW_LATENCY
		       ? layout_v2(options, mtu, page_bytes, diag, ret_layout)
		       : layout_v3(options, mtu, page_bytes, diag, ret_layout);
}

int zr_layout_tx(const struct zring_injector_options *options, uint32_t mtu, uint32_t page_bytes,
		 struct zring_diag *diag, struct zr_layout *ret_layout)
{
	const uint64_t packet = options->frame_bytes ? options->frame_bytes
						     : (uint64_t)mtu + ZR_LINK_BYTES;
	const uint64_t frame = power_of_two_up(ZR_V1_FRAME_OFFSET + ZR_VNET_HEADER_BYTES + packet);
	const uint64_t nr =
		power_of_two_up(options->nr_frames ? options->nr_frames : DEFAULT_TX_FRAMES);
	uint64_t block = clamp(V2_BLOCK_BYTES, page_bytes, UINT32_MAX);

	if (frame > MAX_DERIVED_BLOCK)
		return zr_fail(diag, -EINVAL, "ring geometry",
			       "a slot for %llu bytes: at most 4 MiB, set frame_bytes",
			       (unsigned long long)packet);
	if (nr > MAX_TX_FRAMES)
		return zr_fail(diag, -EINVAL, "ring geometry", "nr_frames is %u: at most %u",
			       options->nr_frames, MAX_TX_FRAMES);
	if (block < frame)
		block = frame;
	if (block > nr * frame)
		block = round_up(nr * frame, page_bytes);
	*ret_layout = (struct zr_layout){
		.version = 1,
		.block_bytes = (uint32_t)block,
		.nr_blocks = (uint32_t)(nr * frame / block ? nr * frame / block : 1),
		.frame_bytes = (uint32_t)frame,
		.max_packet_bytes = (uint32_t)frame - ZR_V1_FRAME_OFFSET - ZR_VNET_HEADER_BYTES,
	};
	return check_limits(ret_layout, diag);
}

bool zr_layout_shrink(struct zr_layout *layout)
{
	if (layout->nr_blocks <= MIN_BLOCKS)
		return false;
	layout->nr_blocks = layout->nr_blocks / 2 < MIN_BLOCKS ? MIN_BLOCKS : layout->nr_blocks / 2;
	return true;
}
