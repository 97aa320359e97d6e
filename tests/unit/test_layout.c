/* SPDX-License-Identifier: BSD-2-Clause */
/* Ring geometry over all profiles, MTUs, page sizes and wishes, against the kernel's own rules. */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "afpacket/frame.h"
#include "afpacket/layout.h"
#include "support/sim.h"

#define KIB 1024u
#define MIB (1024u * KIB)
#define GIB (1024u * MIB)

static const uint32_t pages[] = {4 * KIB, 16 * KIB, 64 * KIB};
static const uint32_t mtus[] = {68,   576,  1280, 1499, 1500,  1501,  2000,  3498,  4000,
				4074, 8192, 9000, 9216, 16384, 32768, 65521, 65535, 65536};

/* What packet_set_ring() asks of any ring (net/packet/af_packet.c). */
static bool kernel_takes(const struct zr_layout *layout, uint32_t page)
{
	const uint64_t frames_per_block =
		layout->frame_bytes ? layout->block_bytes / layout->frame_bytes : 0;
	const uint32_t header = layout->version == 3 ? 68 : layout->version == 2 ? 52 : 52;

	return layout->block_bytes && layout->block_bytes <= GIB && layout->nr_blocks &&
	       layout->block_bytes % page == 0 && layout->frame_bytes >= header &&
	       layout->frame_bytes % 16 == 0 && frames_per_block &&
	       frames_per_block * layout->nr_blocks == zr_layout_frames(layout) &&
	       zr_layout_bytes(layout) <= 4ull * GIB;
}

static void check_rx(const struct zring_capture_options *options, uint32_t mtu, uint32_t page,
		     const struct zr_layout *layout)
{
	const bool v2 = options->profile == ZRING_PROFILE_LOW_LATENCY;

	cr_assert(kernel_takes(layout, page), "v%u, %u blocks of %u, frames of %u, page %u, mtu %u",
		  layout->version, layout->nr_blocks, layout->block_bytes, layout->frame_bytes,
		  page, mtu);
	cr_assert(layout->version == (v2 ? 2 : 3));
	cr_assert(v2 ? layout->latency_ms == 0 : layout->latency_ms > 0, "0 would become 8 ms");
	if (!v2)
		cr_assert(layout->max_packet_bytes >= mtu + ZR_LINK_BYTES &&
				  layout->max_packet_bytes == layout->block_bytes -
								      ZR_V3_BLOCK_HEADER_BYTES -
								      ZR_V3_FRAME_OFFSET,
			  "a frame of MTU %u is cut", mtu);
	else
		cr_assert(layout->max_packet_bytes == layout->frame_bytes - ZR_V2_FRAME_OFFSET);
	if (v2 && !options->frame_bytes && !options->snaplen)
		cr_assert(layout->max_packet_bytes >= mtu + ZR_LINK_BYTES, "MTU %u is cut", mtu);
	/* What was asked for is there, or told. */
	if (options->block_bytes && layout->block_bytes != options->block_bytes)
		cr_assert(layout->rounded && layout->block_bytes > options->block_bytes);
	if (options->nr_blocks)
		cr_assert(layout->nr_blocks == options->nr_blocks);
	if (options->memory_bytes && zr_layout_bytes(layout) > options->memory_bytes)
		cr_assert(layout->rounded, "%llu bytes, %llu were asked for, unsaid",
			  (unsigned long long)zr_layout_bytes(layout),
			  (unsigned long long)options->memory_bytes);
}

/* Lays out; a refusal must have its words, and a success leaves none. */
static int lay_out_rx(const struct zring_capture_options *options, uint32_t mtu, uint32_t page,
		      struct zr_layout *ret_layout)
{
	struct zring_diag diag = {0};
	const int err = zr_layout_rx(options, mtu, page, &diag, ret_layout);

	cr_assert(err == 0 || err == -EINVAL, "%d", err);
	cr_assert(diag.error == -err && (!err || (*diag.step && *diag.message)));
	cr_assert(zr_layout_rx(options, mtu, page, NULL, &(struct zr_layout){0}) == err);
	if (!err)
		check_rx(options, mtu, page, ret_layout);
	return err;
}

Test(layout, every_profile_serves_every_mtu_and_page_size)
{
	for (uint32_t profile = 0; profile <= ZRING_PROFILE_JUMBO; profile++)
		for (size_t p = 0; p < 3; p++)
			for (uint32_t mtu = 68; mtu <= 65535; mtu += 13) {
				const struct zring_capture_options options = {.profile = profile};
				struct zr_layout layout;

				cr_assert(lay_out_rx(&options, mtu, pages[p], &layout) == 0);
				cr_assert(!layout.rounded, "nothing was asked for");
			}
}

Test(layout, profiles_have_the_documented_numbers)
{
	static const struct {
		uint32_t block_bytes, nr_blocks, latency_ms;
	} documented[] = {
		[ZRING_PROFILE_THROUGHPUT] = {1 * MIB, 64, 10},
		[ZRING_PROFILE_LOW_MEMORY] = {128 * KIB, 8, 10},
		[ZRING_PROFILE_JUMBO] = {2 * MIB, 64, 10},
	};

	for (uint32_t profile = 0; profile <= ZRING_PROFILE_JUMBO; profile++) {
		const struct zring_capture_options options = {.profile = profile};
		struct zr_layout layout;

		cr_assert(lay_out_rx(&options, 1500, 4096, &layout) == 0);
		if (profile == ZRING_PROFILE_LOW_LATENCY)
			cr_assert(layout.frame_bytes == 2048 && zr_layout_frames(&layout) == 4096);
		else
			cr_assert(layout.block_bytes == documented[profile].block_bytes &&
					  layout.nr_blocks == documented[profile].nr_blocks &&
					  layout.latency_ms == documented[profile].latency_ms,
				  "profile %u: %u blocks of %u, %u ms", profile, layout.nr_blocks,
				  layout.block_bytes, layout.latency_ms);
	}
}

/* Blocks go at each timer: fewer milliseconds want more blocks, up to what the memory gives. */
Test(layout, short_latency_means_more_blocks)
{
	uint32_t before = 0;

	for (uint32_t latency = 64; latency; latency /= 2) {
		const struct zring_capture_options options = {.latency_ms = latency,
							      .memory_bytes = 64 * MIB};
		struct zr_layout layout;

		cr_assert(lay_out_rx(&options, 1500, 4096, &layout) == 0);
		cr_assert(layout.latency_ms == latency && layout.nr_blocks >= before);
		cr_assert(zr_layout_bytes(&layout) == 64 * MIB);
		before = layout.nr_blocks;
	}
	cr_assert(before == 256, "%u", before);
}

Test(layout, wishes_are_met_rounded_or_refused)
{
	static const uint64_t memories[] = {
		0,           1,          4096,       100000,         MIB,       MIB + 1,
		64ull * MIB, 3ull * GIB, 4ull * GIB, 4ull * GIB + 1, UINT64_MAX};
	static const uint32_t blocks[] = {0,       1,       4095, 4096,     4097,    12288,     MIB,
					  MIB + 1, GIB - 1, GIB,  GIB + 1u, 3 * GIB, UINT32_MAX};
	static const uint32_t nrs[] = {0, 1, 2, 3, 64, 1000, 65536, 1u << 20, UINT32_MAX};
	static const uint32_t frames[] = {0,    1,     127,     128,         129,       2048,
					  5000, 65536, 4 * MIB, 4 * MIB + 1, UINT32_MAX};
	uint32_t nr_good = 0, nr_refused = 0;

	for (uint32_t profile = 0; profile < 2; profile++)
		for (size_t m = 0; m < sizeof(memories) / sizeof(*memories); m++)
			for (size_t b = 0; b < sizeof(blocks) / sizeof(*blocks); b++)
				for (size_t n = 0; n < sizeof(nrs) / sizeof(*nrs); n++)
					for (size_t f = 0; f < (profile ? 11 : 1); f++)
						for (size_t t = 0; t < 18; t += 4) {
							const struct zring_capture_options options =
								{
									.profile = profile,
									.memory_bytes = memories[m],
									.block_bytes = blocks[b],
									.nr_blocks = nrs[n],
									.frame_bytes = frames[f],
								};
							struct zr_layout layout;

							if (lay_out_rx(&options, mtus[t],
								       pages[t % 3], &layout))
								nr_refused++;
							else
								nr_good++;
						}
	cr_assert(nr_good > 5000 && nr_refused > 5000, "%u good, %u refused", nr_good, nr_refused);
}

static void refuses(const struct zring_capture_options *options, const char *word)
{
	struct zring_diag diag = {0};
	struct zr_layout layout;

	cr_assert(zr_layout_rx(options, 1500, 4096, &diag, &layout) == -EINVAL, "%s", word);
	cr_assert(strstr(diag.message, word), "%s", diag.message);
}

Test(layout, conflicts_are_named)
{
	refuses(&(struct zring_capture_options){.memory_bytes = MIB,
						.block_bytes = 4096,
						.nr_blocks = 4},
		"memory_bytes");
	refuses(&(struct zring_capture_options){.frame_bytes = 2048}, "frame_bytes");
	refuses(&(struct zring_capture_options){.latency_ms = 10001}, "latency_ms");
	refuses(&(struct zring_capture_options){.block_bytes = GIB + 4096}, "1 GiB");
	refuses(&(struct zring_capture_options){.block_bytes = GIB, .nr_blocks = 5}, "4 GiB");
	refuses(&(struct zring_capture_options){.memory_bytes = 4ull * GIB + 1}, "4 GiB");
	refuses(&(struct zring_capture_options){.profile = ZRING_PROFILE_LOW_LATENCY,
						.latency_ms = 1},
		"latency_ms");
	refuses(&(struct zring_capture_options){.profile = ZRING_PROFILE_LOW_LATENCY, .rxhash = 1},
		"rxhash");
	refuses(&(struct zring_capture_options){.profile = ZRING_PROFILE_LOW_LATENCY,
						.frame_bytes = 4 * MIB + 1},
		"4 MiB");
}

Test(layout, largest_rings_are_taken)
{
	const struct zring_capture_options options[] = {
		{.block_bytes = GIB, .nr_blocks = 4},
		{.memory_bytes = 4ull * GIB},
		{.memory_bytes = 4ull * GIB, .block_bytes = GIB},
		{.profile = ZRING_PROFILE_LOW_LATENCY, .memory_bytes = 4ull * GIB},
	};

	for (size_t i = 0; i < 4; i++) {
		struct zr_layout layout;

		cr_assert(lay_out_rx(&options[i], 1500, 4096, &layout) == 0);
		cr_assert(zr_layout_bytes(&layout) == 4ull * GIB, "%zu", i);
	}
}

Test(layout, odd_blocks_of_whole_pages_are_kept)
{
	const struct zring_capture_options options = {.block_bytes = 12 * KIB, .nr_blocks = 7};
	struct zr_layout layout;

	cr_assert(lay_out_rx(&options, 1500, 4096, &layout) == 0);
	cr_assert(layout.block_bytes == 12 * KIB && layout.nr_blocks == 7 && !layout.rounded);
	cr_assert(lay_out_rx(&options, 1500, 65536, &layout) == 0);
	cr_assert(layout.block_bytes == 64 * KIB && layout.rounded);
	/* A block that a frame of this MTU does not fit in is made larger, and that is said. */
	cr_assert(lay_out_rx(&options, 65535, 4096, &layout) == 0);
	cr_assert(layout.block_bytes == 68 * KIB && layout.rounded);
}

Test(layout, snaplen_makes_v2_frames_smaller)
{
	const struct zring_capture_options options = {.profile = ZRING_PROFILE_LOW_LATENCY,
						      .snaplen = 60};
	struct zr_layout layout;

	cr_assert(lay_out_rx(&options, 65535, 4096, &layout) == 0);
	cr_assert(layout.frame_bytes == 128 && layout.max_packet_bytes >= 60);
}

static void check_tx(const struct zring_injector_options *options, uint32_t mtu, uint32_t page)
{
	const uint32_t wanted = options->nr_frames ? options->nr_frames : 256;
	const uint32_t room = options->frame_bytes ? options->frame_bytes : mtu + ZR_LINK_BYTES;
	struct zring_diag diag = {0};
	struct zr_layout layout;
	const int err = zr_layout_tx(options, mtu, page, &diag, &layout);
	uint32_t nr;

	cr_assert(err == 0 || err == -EINVAL);
	cr_assert(diag.error == -err);
	if (err)
		return;
	nr = zr_layout_frames(&layout);
	cr_assert(kernel_takes(&layout, page), "%u blocks of %u, frames of %u", layout.nr_blocks,
		  layout.block_bytes, layout.frame_bytes);
	cr_assert(layout.version == 1 && !(nr & (nr - 1)) && nr >= wanted, "%u slots of %u", nr,
		  wanted);
	cr_assert(layout.max_packet_bytes >= room &&
			  layout.max_packet_bytes + ZR_V1_FRAME_OFFSET + ZR_VNET_HEADER_BYTES <=
				  layout.frame_bytes,
		  "%u bytes of room in %u", layout.max_packet_bytes, layout.frame_bytes);
	while (zr_layout_shrink(&layout)) {
		nr = zr_layout_frames(&layout);
		cr_assert(kernel_takes(&layout, page) && nr && !(nr & (nr - 1)), "%u slots", nr);
	}
}

Test(layout, sending_rings_hold_a_power_of_two)
{
	static const uint32_t nrs[] = {0,   1,   2,     3,     17,    255,
				       256, 257, 40000, 65536, 65537, UINT32_MAX};
	static const uint32_t frames[] = {0,       1,         14,      2006,         2007,
					  65535,   MIB,       2 * MIB, 2 * MIB - 42, 2 * MIB + 1,
					  4 * MIB, UINT32_MAX};

	for (size_t p = 0; p < 3; p++)
		for (size_t n = 0; n < sizeof(nrs) / sizeof(*nrs); n++)
			for (size_t f = 0; f < sizeof(frames) / sizeof(*frames); f++)
				for (size_t t = 0; t < sizeof(mtus) / sizeof(*mtus); t++) {
					const struct zring_injector_options options = {
						.nr_frames = nrs[n], .frame_bytes = frames[f]};

					check_tx(&options, mtus[t], pages[p]);
				}
}

/* lo takes an MTU of 2^31 - 1. */
Test(layout, absurd_mtus_are_refused_not_wrapped)
{
	static const uint32_t absurd[] = {1u << 22, 1u << 29, 1u << 30, INT32_MAX - 100, INT32_MAX};

	for (size_t i = 0; i < sizeof(absurd) / sizeof(*absurd); i++) {
		const struct zring_injector_options injector = {.nr_frames = 0};
		struct zr_layout layout;

		check_tx(&injector, absurd[i], 4096);
		for (uint32_t profile = 0; profile <= ZRING_PROFILE_JUMBO; profile++) {
			const struct zring_capture_options options = {.profile = profile};

			lay_out_rx(&options, absurd[i], 4096, &layout);
		}
	}
}

Test(layout, shrinking_ends_and_stays_valid)
{
	for (uint32_t profile = 0; profile <= ZRING_PROFILE_JUMBO; profile++)
		for (size_t t = 0; t < sizeof(mtus) / sizeof(*mtus); t++) {
			const struct zring_capture_options options = {.profile = profile};
			struct zr_layout layout;
			uint64_t before;
			uint32_t nr = 0;

			cr_assert(lay_out_rx(&options, mtus[t], 4096, &layout) == 0);
			before = zr_layout_bytes(&layout);
			while (zr_layout_shrink(&layout)) {
				cr_assert(zr_layout_bytes(&layout) < before &&
					  kernel_takes(&layout, 4096));
				before = zr_layout_bytes(&layout);
				cr_assert(++nr < 40, "no end");
			}
			cr_assert(layout.nr_blocks >= 2, "a ring of one block loses all the time");
		}
}
