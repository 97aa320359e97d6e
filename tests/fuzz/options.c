/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any bytes as options of a capture and of an injector: read within their
 * bounds, and laid out into a ring that a kernel takes. First 4 bytes of MTU.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "afpacket/layout.h"
#include "core/options.h"
#include "support/sim.h"

#define PAGE 4096u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_layout(const struct zr_layout *layout)
{
	SIM_CHECK(layout->block_bytes && layout->block_bytes % PAGE == 0 &&
			  layout->block_bytes <= 1u << 30 && layout->nr_blocks,
		  "%u blocks of %u", layout->nr_blocks, layout->block_bytes);
	SIM_CHECK(layout->frame_bytes && layout->frame_bytes % 16 == 0 &&
			  layout->frame_bytes <= layout->block_bytes,
		  "frames of %u", layout->frame_bytes);
	SIM_CHECK(zr_layout_bytes(layout) <= UINT64_C(1) << 32, "too large");
	SIM_CHECK((uint64_t)zr_layout_frames(layout) * layout->frame_bytes <=
			  zr_layout_bytes(layout),
		  "more frames than there is room for");
	SIM_CHECK(layout->max_packet_bytes < layout->frame_bytes, "a packet larger than its frame");
}

/* What was read is what was given, filled up with zeros. */
static int read_options(const uint8_t *data, size_t bytes, size_t known, void *ret_options)
{
	struct zring_diag diag = {0};
	size_t given;
	uint8_t *copy;
	int err;

	if (bytes < sizeof(given))
		return -EINVAL;
	memcpy(&given, data, sizeof(given));
	/* A program's size field is true; but for those that no program can mean. */
	if (given <= 4096 && given > bytes)
		given = bytes;
	copy = malloc(bytes);
	SIM_CHECK(copy, "out of memory");
	memcpy(copy, data, bytes);
	memcpy(copy, &given, sizeof(given));
	err = zr_options_read(copy, known, ret_options, &diag);
	SIM_CHECK(diag.error == -err, "the words do not fit the errno");
	for (size_t at = 0; !err && at < known; at++)
		SIM_CHECK(((uint8_t *)ret_options)[at] == (at < given ? copy[at] : 0), "byte %zu",
			  at);
	free(copy);
	return err;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct zring_capture_options capture;
	struct zring_injector_options injector;
	struct zr_layout layout;
	uint32_t mtu;

	if (size < sizeof(mtu))
		return 0;
	memcpy(&mtu, data, sizeof(mtu));
	mtu &= INT32_MAX; /* an int in struct ifreq */
	data += sizeof(mtu);
	size -= sizeof(mtu);
	if (read_options(data, size, sizeof(capture), &capture) == 0) {
		capture.profile %= ZRING_PROFILE_JUMBO + 1;
		if (zr_layout_rx(&capture, mtu, PAGE, NULL, &layout) == 0)
			check_layout(&layout);
	}
	if (read_options(data, size, sizeof(injector), &injector) == 0 &&
	    zr_layout_tx(&injector, mtu, PAGE, NULL, &layout) == 0)
		check_layout(&layout);
	return 0;
}
