/* SPDX-License-Identifier: BSD-2-Clause */
/* Which frames may become one super-frame: every byte that has a say, each way. */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "core/burst.h"
#include "support/sim.h"

#define MAX_FRAMES 65u
#define ETHERNET   14u

struct burst {
	struct sim_guarded memory[MAX_FRAMES]; /* each frame ends at a guard page */
	struct zring_packet packets[MAX_FRAMES];
	uint32_t nr;
	uint32_t ip_bytes;
	bool is_ipv6;
};

static void put16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static uint8_t *data_of(const struct burst *burst, uint32_t i)
{
	return burst->memory[i].data;
}

static uint8_t *udp_of(const struct burst *burst, uint32_t i)
{
	return data_of(burst, i) + ETHERNET + burst->ip_bytes;
}

static void make_ip(struct burst *burst, uint32_t i, uint32_t len)
{
	uint8_t *const ip = data_of(burst, i) + ETHERNET;

	if (burst->is_ipv6) {
		ip[0] = 0x60;
		put16(ip + 4, len - ETHERNET - 40);
		ip[6] = 17;
		ip[7] = 64;
		memset(ip + 8, 0x20, 32);
		return;
	}
	ip[0] = (uint8_t)(0x40 | burst->ip_bytes / 4);
	put16(ip + 2, len - ETHERNET);
	put16(ip + 4, 65534 + i); /* wraps on the way */
	put16(ip + 6, 0x4000);
	ip[8] = 64;
	ip[9] = 17;
	put16(ip + 10, 0x1111 + i); /* differs, and may */
	memset(ip + 12, 10, 8);
	memset(ip + 20, 1, burst->ip_bytes - 20); /* options: NOPs */
}

static void make_frame(struct burst *burst, uint32_t i, uint32_t payload)
{
	const uint32_t len = ETHERNET + burst->ip_bytes + 8 + payload;
	uint8_t *data;

	sim_guarded_make(&burst->memory[i], len);
	data = data_of(burst, i);
	memset(data, 2, 12);
	put16(data + 12, burst->is_ipv6 ? 0x86dd : 0x0800);
	make_ip(burst, i, len);
	put16(udp_of(burst, i), 1234);
	put16(udp_of(burst, i) + 2, 4321);
	put16(udp_of(burst, i) + 4, 8 + payload);
	put16(udp_of(burst, i) + 6, 0x2222 + i);
	memset(udp_of(burst, i) + 8, (int)i, payload);
	burst->packets[i] = (struct zring_packet){.data = data, .len = len, .wire_len = len};
}

static void make_burst(struct burst *burst, uint32_t nr, uint32_t ip_bytes, uint32_t payload)
{
	*burst = (struct burst){.nr = nr, .ip_bytes = ip_bytes, .is_ipv6 = ip_bytes == 40};
	for (uint32_t i = 0; i < nr; i++)
		make_frame(burst, i, payload);
}

static void end_burst(struct burst *burst)
{
	for (uint32_t i = 0; i < burst->nr; i++)
		sim_guarded_end(&burst->memory[i]);
}

static int check(const struct burst *burst)
{
	struct zr_udp_frame shape = {0};
	const int err = zr_burst_check(burst->packets, burst->nr, &shape);

	if (!err)
		cr_assert(shape.ip_bytes == burst->ip_bytes && shape.is_ipv6 == burst->is_ipv6 &&
			  shape.header_bytes == ETHERNET + burst->ip_bytes + 8);
	return err;
}

static const uint32_t ip_sizes[] = {20, 24, 60, 40};

Test(burst, good_ones_are_taken)
{
	static const uint32_t nrs[] = {2, 3, 40, 64};

	for (size_t s = 0; s < 4; s++)
		for (size_t n = 0; n < 4; n++)
			for (uint32_t payload = 1; payload < 1000; payload += 333) {
				struct burst burst;

				make_burst(&burst, nrs[n], ip_sizes[s], payload);
				cr_assert(check(&burst) == 0, "%u frames", nrs[n]);
				end_burst(&burst);
			}
}

Test(burst, counts_out_of_range_are_refused)
{
	struct burst burst;

	make_burst(&burst, 65, 20, 100);
	cr_assert(check(&burst) == -EINVAL, "65");
	burst.packets[1].len = 0; /* not to be looked at */
	cr_assert(zr_burst_check(burst.packets, 1, &(struct zr_udp_frame){0}) == -EINVAL, "1");
	cr_assert(zr_burst_check(burst.packets, 0, &(struct zr_udp_frame){0}) == -EINVAL, "0");
	cr_assert(zr_burst_check(burst.packets, UINT32_MAX, &(struct zr_udp_frame){0}) == -EINVAL,
		  "many");
	end_burst(&burst);
}

Test(burst, last_one_alone_may_be_shorter)
{
	for (uint32_t i = 0; i < 4; i++) {
		struct burst burst;

		make_burst(&burst, 4, 20, 100);
		sim_guarded_end(&burst.memory[i]);
		make_frame(&burst, i, 99);
		cr_assert(check(&burst) == (i == 3 ? 0 : -EINVAL), "frame %u shorter", i);
		sim_guarded_end(&burst.memory[i]);
		make_frame(&burst, i, 101);
		/* The first one longer makes all behind it shorter. */
		cr_assert(check(&burst) == -EINVAL, "frame %u longer", i);
		end_burst(&burst);
	}
}

Test(burst, payload_must_be_there)
{
	for (size_t s = 0; s < 4; s++) {
		struct burst burst;

		make_burst(&burst, 2, ip_sizes[s], 0);
		cr_assert(check(&burst) == -EINVAL);
		end_burst(&burst);
	}
}

Test(burst, sum_of_all_must_fit_an_ip_packet)
{
	struct burst burst;

	/* 64 payloads of 1023 with 28 bytes of headers: 65500, of 1024: 65564. */
	make_burst(&burst, 64, 20, 1023);
	cr_assert(check(&burst) == 0);
	end_burst(&burst);
	make_burst(&burst, 64, 20, 1024);
	cr_assert(check(&burst) == -EMSGSIZE);
	end_burst(&burst);
}

/* Bytes of the header that one frame may have otherwise than the rest. */
static bool may_differ(const struct burst *burst, uint32_t at)
{
	const uint32_t udp = ETHERNET + burst->ip_bytes;

	if (at == udp + 6 || at == udp + 7) /* checksums are made anew */
		return true;
	return !burst->is_ipv6 && (at == ETHERNET + 10 || at == ETHERNET + 11);
}

Test(burst, every_byte_of_the_headers_has_a_say)
{
	for (size_t s = 0; s < 4; s++)
		for (uint32_t i = 0; i < 3; i++)
			for (uint32_t at = 0; at < ETHERNET + ip_sizes[s] + 8; at++) {
				struct burst burst;

				make_burst(&burst, 3, ip_sizes[s], 50);
				data_of(&burst, i)[at] ^= 0x10;
				cr_assert(check(&burst) == (may_differ(&burst, at) ? 0 : -EINVAL),
					  "IP header of %u: byte %u of frame %u", ip_sizes[s], at,
					  i);
				end_burst(&burst);
			}
}

/* The same change in all frames: what the kernel could not cut is refused, the rest is taken. */
static int changed_in_all(uint32_t ip_bytes, uint32_t at, uint32_t value)
{
	struct burst burst;
	int err;

	make_burst(&burst, 3, ip_bytes, 50);
	for (uint32_t i = 0; i < 3; i++)
		put16(data_of(&burst, i) + at, value);
	err = check(&burst);
	end_burst(&burst);
	return err;
}

Test(burst, what_is_no_whole_udp_is_refused)
{
	cr_assert(changed_in_all(20, 12, 0x0806) == -EINVAL, "ARP");
	cr_assert(changed_in_all(20, 12, 0x8100) == -EINVAL, "a tag");
	cr_assert(changed_in_all(20, 12, 0x86dd) == -EINVAL, "IPv4 that calls itself IPv6");
	cr_assert(changed_in_all(40, 12, 0x0800) == -EINVAL, "IPv6 that calls itself IPv4");
	cr_assert(changed_in_all(20, ETHERNET, 0x4400) == -EINVAL, "an IP header of 16 bytes");
	cr_assert(changed_in_all(20, ETHERNET, 0x4f00) == -EINVAL, "one that is longer than it is");
	cr_assert(changed_in_all(20, ETHERNET + 6, 0x2000) == -EINVAL, "a first fragment");
	cr_assert(changed_in_all(20, ETHERNET + 6, 0x0001) == -EINVAL, "a later fragment");
	cr_assert(changed_in_all(20, ETHERNET + 6, 0x8000) == -EINVAL, "the reserved flag");
	cr_assert(changed_in_all(20, ETHERNET + 6, 0) == 0, "fragments are allowed");
	cr_assert(changed_in_all(20, ETHERNET + 8, 0x4006) == -EINVAL, "TCP");
	cr_assert(changed_in_all(40, ETHERNET + 6, 0x0640) == -EINVAL, "TCP");
	cr_assert(changed_in_all(40, ETHERNET + 6, 0x0040) == -EINVAL, "an extension header");
	cr_assert(changed_in_all(20, ETHERNET + 26, 0) == -EINVAL, "no checksum");
	cr_assert(changed_in_all(40, ETHERNET + 46, 0) == -EINVAL, "no checksum");
	cr_assert(changed_in_all(20, ETHERNET + 2, 77) == -EINVAL, "IP shorter than the frame");
	cr_assert(changed_in_all(20, ETHERNET + 24, 57) == -EINVAL, "UDP shorter than the frame");
	cr_assert(changed_in_all(20, ETHERNET + 20, 1) == 0, "another port");
	cr_assert(changed_in_all(40, ETHERNET, 0x6123) == 0, "traffic class and flow label");
}

Test(burst, ids_must_rise_by_one)
{
	struct burst burst;

	make_burst(&burst, 4, 20, 50);
	for (uint32_t i = 0; i < 4; i++)
		put16(data_of(&burst, i) + ETHERNET + 4, 7);
	cr_assert(check(&burst) == -EINVAL, "all the same");
	for (uint32_t i = 0; i < 4; i++)
		put16(data_of(&burst, i) + ETHERNET + 4, 7 + i);
	cr_assert(check(&burst) == 0);
	put16(data_of(&burst, 3) + ETHERNET + 4, 11);
	cr_assert(check(&burst) == -EINVAL, "a gap");
	end_burst(&burst);
}

/* Frames that end anywhere: nothing behind them is read (guard page). */
Test(burst, frames_cut_anywhere_are_refused)
{
	for (size_t s = 0; s < 4; s++)
		for (uint32_t i = 0; i < 2; i++)
			for (uint32_t len = 0; len < ETHERNET + ip_sizes[s] + 8 + 20; len++) {
				struct burst burst;
				struct sim_guarded whole;

				make_burst(&burst, 2, ip_sizes[s], 20);
				whole = burst.memory[i];
				sim_guarded_make(&burst.memory[i], len);
				memcpy(burst.memory[i].data, whole.data, len);
				burst.packets[i].data = burst.memory[i].data;
				burst.packets[i].len = len;
				cr_assert(check(&burst) == -EINVAL, "%u bytes", len);
				sim_guarded_end(&whole);
				end_burst(&burst);
			}
}
