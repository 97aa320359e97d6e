/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any frames: those that are taken for a burst are what a kernel cuts out of
 * one again. First the number of frames, then 2 bytes of length and the bytes
 * of each; a length of 0 repeats the frame before with its IPv4 id one higher.
 */
#include <stdlib.h>
#include <string.h>

#include "core/burst.h"
#include "support/sim.h"

#define MAX_FRAMES 66u
#define ETHERNET   14u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint32_t get16(const uint8_t *at)
{
	return (uint32_t)at[0] << 8 | at[1];
}

static void put16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static void clear_checksums(uint8_t *header, const struct zr_udp_frame *shape)
{
	if (!shape->is_ipv6)
		put16(header + ETHERNET + 10, 0);
	put16(header + ETHERNET + shape->ip_bytes + 6, 0);
}

/* Cuts frame @i out of the super-frame's headers, as udp_gso_segment() does. */
static void check_segment(const struct zring_packet *packets, uint32_t i,
			  const struct zr_udp_frame *shape)
{
	uint8_t cut[ZR_UDP_MAX_HEADER_BYTES], given[ZR_UDP_MAX_HEADER_BYTES];
	const uint32_t udp_len = packets[i].len - ETHERNET - shape->ip_bytes;

	SIM_CHECK(shape->header_bytes <= sizeof(cut) && packets[i].len > shape->header_bytes,
		  "%u bytes of header in %u", shape->header_bytes, packets[i].len);
	memcpy(cut, packets[0].data, shape->header_bytes);
	memcpy(given, packets[i].data, shape->header_bytes);
	if (shape->is_ipv6) {
		put16(cut + ETHERNET + 4, udp_len);
	} else {
		put16(cut + ETHERNET + 2, shape->ip_bytes + udp_len);
		put16(cut + ETHERNET + 4, get16(cut + ETHERNET + 4) + i);
	}
	put16(cut + ETHERNET + shape->ip_bytes + 4, udp_len);
	clear_checksums(cut, shape);
	clear_checksums(given, shape);
	SIM_CHECK(!memcmp(cut, given, shape->header_bytes), "frame %u comes out otherwise", i);
}

static void check_burst(const struct zring_packet *packets, uint32_t nr)
{
	struct zr_udp_frame shape;
	uint64_t sum = 0;

	if (zr_burst_check(packets, nr, &shape))
		return;
	SIM_CHECK(nr >= 2 && nr <= 64, "%u frames", nr);
	for (uint32_t i = 0; i < nr; i++) {
		check_segment(packets, i, &shape);
		sum += packets[i].len - shape.header_bytes;
		SIM_CHECK(packets[i].len == packets[0].len ||
				  (i == nr - 1 && packets[i].len < packets[0].len),
			  "length of frame %u", i);
	}
	SIM_CHECK(sum + shape.header_bytes - ETHERNET <= 65535, "too much for an IP packet");
}

/* A copy that ends where its memory ends. */
static uint8_t *copy_frame(const uint8_t *data, uint32_t len)
{
	uint8_t *copy = malloc(len ? len : 1);

	SIM_CHECK(copy, "out of memory");
	if (len)
		memcpy(copy, data, len);
	return copy;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct zring_packet packets[MAX_FRAMES] = {0};
	uint8_t *frames[MAX_FRAMES];
	uint32_t nr = 0;
	size_t at = 1;

	if (!size)
		return 0;
	for (; nr < data[0] % MAX_FRAMES && at + 2 <= size; nr++) {
		uint32_t len = get16(data + at);

		at += 2;
		if (!len && nr) {
			len = packets[nr - 1].len;
			frames[nr] = copy_frame(frames[nr - 1], len);
			if (len > ETHERNET + 5)
				put16(frames[nr] + ETHERNET + 4,
				      get16(frames[nr] + ETHERNET + 4) + 1);
		} else {
			len = len < size - at ? len : (uint32_t)(size - at);
			frames[nr] = copy_frame(data + at, len);
			at += len;
		}
		packets[nr] =
			(struct zring_packet){.data = frames[nr], .len = len, .wire_len = len};
	}
	if (nr)
		check_burst(packets, nr);
	while (nr)
		free(frames[--nr]);
	return 0;
}
