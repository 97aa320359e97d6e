/* SPDX-License-Identifier: BSD-2-Clause */
#include "frames.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <net/ethernet.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <stdlib.h>

static_assert(FRAME_SEQUENCE_AT ==
		      sizeof(struct ether_header) + sizeof(struct iphdr) + sizeof(struct udphdr),
	      "the sequence number stands behind the headers");

/* Seven short, four medium, one long, spread as evenly as twelve places allow. */
static const struct frame_mix imix = {
	.name = "imix",
	.nr_shapes = 12,
	.bytes = {64, 590, 64, 64, 590, 64, 1514, 64, 590, 64, 590, 64},
	.largest = 1514,
};

int frame_mix_parse(const char *text, struct frame_mix *ret_mix)
{
	char *end;
	unsigned long bytes;

	if (strcmp(text, imix.name) == 0) {
		*ret_mix = imix;
		return 0;
	}
	errno = 0;
	bytes = strtoul(text, &end, 10);
	if (errno || end == text || *end || text[0] == '-' || bytes < FRAME_BYTES_MIN ||
	    bytes > FRAME_BYTES_MAX)
		return -EINVAL;
	*ret_mix = (struct frame_mix){
		.nr_shapes = 1,
		.bytes = {(uint16_t)bytes},
		.largest = (uint16_t)bytes,
	};
	snprintf(ret_mix->name, sizeof(ret_mix->name), "%lu", bytes);
	return 0;
}

const uint8_t frame_nobody[6] = {0x02, 0x7a, 0x72, 0x69, 0x6e, 0x67};

#define IP_AT           sizeof(struct ether_header)
#define UDP_AT          (IP_AT + sizeof(struct iphdr))
#define IP_ID_AT        (IP_AT + offsetof(struct iphdr, id))
#define IP_CHECKSUM_AT  (IP_AT + offsetof(struct iphdr, check))
#define UDP_CHECKSUM_AT (UDP_AT + offsetof(struct udphdr, check))

/* The sum that IP checksums are made of (RFC 1071). */
static uint32_t sum_up(const uint8_t *bytes, size_t nr)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < nr; i++)
		sum += i & 1 ? bytes[i] : (uint32_t)bytes[i] << 8;
	return sum;
}

static void put_u16(uint8_t *bytes, uint32_t value)
{
	bytes[0] = (uint8_t)(value >> 8);
	bytes[1] = (uint8_t)value;
}

static void put_checksum(uint8_t *bytes, uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	put_u16(bytes, ~(sum + (sum >> 16)));
}

/* What a UDP checksum covers: both addresses, the protocol, the length, header and payload. */
static uint32_t udp_sum(const uint8_t *frame, size_t bytes)
{
	const size_t udp_bytes = bytes - UDP_AT;

	return sum_up(frame + IP_AT + offsetof(struct iphdr, saddr), 8) + IPPROTO_UDP +
	       (uint32_t)udp_bytes + sum_up(frame + UDP_AT, udp_bytes);
}

static void put_udp_checksum(uint8_t *frame, uint32_t sum)
{
	put_checksum(frame + UDP_CHECKSUM_AT, sum);
	/* 0 would mean that there is none. */
	if (!frame[UDP_CHECKSUM_AT] && !frame[UDP_CHECKSUM_AT + 1])
		put_u16(frame + UDP_CHECKSUM_AT, 0xffff);
}

void frame_set_make_burst(struct frame_set *set, uint32_t burst)
{
	uint8_t *frame = set->frames[0];

	put_u16(frame + IP_CHECKSUM_AT, 0);
	set->burst = burst;
	set->ip_sum = sum_up(frame + IP_AT, sizeof(struct iphdr));
	set->udp_sum = udp_sum(frame, set->mix.bytes[0]);
}

void frame_set_checksums(const struct frame_set *set, uint8_t *frame, uint64_t sequence)
{
	const uint32_t id = (uint32_t)(sequence % set->burst);

	put_u16(frame + IP_ID_AT, id);
	put_checksum(frame + IP_CHECKSUM_AT, set->ip_sum + id);
	put_udp_checksum(frame, set->udp_sum + sum_up(frame + FRAME_SEQUENCE_AT, sizeof(sequence)));
}

void frame_finish_checksum(uint8_t *frame, size_t bytes)
{
	put_u16(frame + UDP_CHECKSUM_AT, 0);
	put_udp_checksum(frame, udp_sum(frame, bytes));
}

static uint64_t next_random(uint64_t *state)
{
	*state += 0x9e3779b97f4a7c15u; /* splitmix64: any seed will do, 0 too */
	uint64_t value = *state;

	value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9u;
	value = (value ^ value >> 27) * 0x94d049bb133111ebu;
	return value ^ value >> 31;
}

static void build(uint8_t *frame, uint16_t bytes, const uint8_t source[6],
		  const uint8_t destination[6], uint16_t port)
{
	const uint16_t ip_bytes = (uint16_t)(bytes - sizeof(struct ether_header));
	struct ether_header ether = {.ether_type = htons(ETHERTYPE_IP)};
	struct iphdr ip = {
		.version = 4,
		.ihl = 5,
		.tot_len = htons(ip_bytes),
		.ttl = 64,
		.protocol = IPPROTO_UDP,
		/* 198.18.0.0/15 is set aside for benchmarks (RFC 2544). */
		.saddr = htonl(0xc6120001),
		.daddr = htonl(0xc6120002),
	};
	/* No checksum: every frame carries a number of its own. */
	const struct udphdr udp = {
		.source = htons(49152),
		.dest = htons(port),
		.len = htons((uint16_t)(ip_bytes - sizeof(ip))),
	};

	memcpy(ether.ether_shost, source, sizeof(ether.ether_shost));
	memcpy(ether.ether_dhost, destination, sizeof(ether.ether_dhost));
	memcpy(frame, &ether, sizeof(ether));
	memcpy(frame + IP_AT, &ip, sizeof(ip));
	put_checksum(frame + IP_CHECKSUM_AT, sum_up(frame + IP_AT, sizeof(ip)));
	memcpy(frame + UDP_AT, &udp, sizeof(udp));
}

void frame_set_init(struct frame_set *set, const struct frame_mix *mix, const uint8_t source[6],
		    const uint8_t destination[6], uint16_t port, uint64_t seed)
{
	uint8_t payload[FRAME_BYTES_MAX];

	/* One payload for all shapes: a generator that cuts the longest gets the others. */
	for (size_t i = 0; i < sizeof(payload); i++)
		payload[i] = (uint8_t)next_random(&seed);
	set->mix = *mix;
	for (uint32_t i = 0; i < mix->nr_shapes; i++) {
		memcpy(set->frames[i], payload, mix->bytes[i]);
		build(set->frames[i], mix->bytes[i], source, destination, port);
		frame_set_sequence(set->frames[i], 0);
	}
}
