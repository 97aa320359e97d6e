/* SPDX-License-Identifier: BSD-2-Clause */
#include "support/net.h"

#include <arpa/inet.h>
#include <net/ethernet.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <string.h>

static void put16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static uint32_t get16(const uint8_t *at)
{
	return (uint32_t)at[0] << 8 | at[1];
}

static void put32(uint8_t *at, uint32_t value)
{
	put16(at, value >> 16);
	put16(at + 2, value);
}

static uint8_t pattern(uint32_t number, size_t offset)
{
	const uint32_t mixed = (number + 1u) * 2654435761u + (uint32_t)offset * 40503u;

	return (uint8_t)(mixed ^ mixed >> 13);
}

static void put_addresses(uint8_t *frame, uint32_t ethertype)
{
	memcpy(frame, net_far_mac, 6);
	memcpy(frame + 6, net_near_mac, 6);
	put16(frame + 12, ethertype);
}

void net_frame_fill(uint8_t *frame, size_t len, uint32_t number)
{
	uint8_t head[18];

	put_addresses(head, NET_ETHERTYPE);
	put32(head + 14, number);
	memcpy(frame, head, len < sizeof(head) ? len : sizeof(head));
	for (size_t i = sizeof(head); i < len; i++)
		frame[i] = pattern(number, i);
}

uint32_t net_frame_number(const uint8_t *frame)
{
	return get16(frame + 14) << 16 | get16(frame + 16);
}

bool net_frame_is(const uint8_t *data, size_t len, uint32_t number, size_t frame_len)
{
	uint8_t expected[NET_FRAME_MAX];

	if (len > frame_len)
		return false;
	net_frame_fill(expected, frame_len, number);
	return memcmp(data, expected, len) == 0;
}

uint32_t net_size_60(uint32_t number)
{
	(void)number;
	return 60;
}

static uint32_t size_between(uint32_t number, uint32_t least, uint32_t most)
{
	if (number % 16 == 0)
		return least;
	if (number % 16 == 7)
		return most;
	return least + (number * 2654435761u >> 8) % (most - least + 1);
}

uint32_t net_size_mixed(uint32_t number)
{
	return size_between(number, 60, 1514);
}

uint32_t net_size_small(uint32_t number)
{
	return size_between(number, 60, 180);
}

uint32_t net_size_jumbo(uint32_t number)
{
	return size_between(number, 60, 9014);
}

size_t net_frame_tag(uint8_t *frame, size_t len, const struct net_tag *tags, size_t nr_tags)
{
	memmove(frame + 12 + 4 * nr_tags, frame + 12, len - 12);
	for (size_t i = 0; i < nr_tags; i++) {
		put16(frame + 12 + 4 * i, tags[i].tpid);
		put16(frame + 14 + 4 * i, tags[i].tci);
	}
	return len + 4 * nr_tags;
}

/* ---- IP ---- */

static uint32_t sum16(const uint8_t *data, size_t len, uint32_t sum)
{
	for (size_t i = 0; i + 1 < len; i += 2)
		sum += get16(data + i);
	if (len % 2)
		sum += (uint32_t)data[len - 1] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

struct headers {
	uint8_t *ip;
	uint8_t *transport;
	size_t transport_len;
	size_t checksum_offset;
	uint8_t protocol;
	bool v6;
};

static struct headers find_headers(uint8_t *frame)
{
	struct headers found = {.ip = frame + 14, .v6 = get16(frame + 12) == ETHERTYPE_IPV6};

	if (found.v6) {
		found.transport = found.ip + 40;
		found.transport_len = get16(found.ip + 4);
		found.protocol = found.ip[6];
	} else {
		found.transport = found.ip + 4 * (found.ip[0] & 15);
		found.transport_len = get16(found.ip + 2) - (size_t)(found.transport - found.ip);
		found.protocol = found.ip[9];
	}
	found.checksum_offset = found.protocol == IPPROTO_TCP ? 16 : 6;
	return found;
}

static uint32_t pseudo_sum(const struct headers *headers)
{
	const uint32_t sum = headers->protocol + (uint32_t)headers->transport_len;

	return headers->v6 ? sum16(headers->ip + 8, 32, sum) : sum16(headers->ip + 12, 8, sum);
}

static void put_transport_checksum(uint8_t *frame)
{
	const struct headers headers = find_headers(frame);
	uint32_t sum;

	put16(headers.transport + headers.checksum_offset, 0);
	sum = 0xffff & ~sum16(headers.transport, headers.transport_len, pseudo_sum(&headers));
	/* 0 would mean "no checksum" in UDP. */
	if (sum == 0 && headers.protocol == IPPROTO_UDP)
		sum = 0xffff;
	put16(headers.transport + headers.checksum_offset, sum);
}

void net_checksum_leave(uint8_t *frame)
{
	const struct headers headers = find_headers(frame);

	put16(headers.transport + headers.checksum_offset, pseudo_sum(&headers));
}

bool net_checksums_hold(const uint8_t *frame, size_t len)
{
	uint8_t copy[NET_FRAME_MAX];
	struct headers headers;

	memcpy(copy, frame, len);
	headers = find_headers(copy);
	if (!headers.v6 && sum16(headers.ip, (size_t)(headers.transport - headers.ip), 0) != 0xffff)
		return false;
	return sum16(headers.transport, headers.transport_len, pseudo_sum(&headers)) == 0xffff;
}

/* Ethernet and IP headers; returns where the transport header goes. */
static uint8_t *put_ip(uint8_t *frame, const struct net_flow *flow, uint8_t protocol,
		       size_t transport_len)
{
	uint8_t *ip = frame + 14;

	if (flow->family == AF_INET6) {
		put_addresses(frame, ETHERTYPE_IPV6);
		memset(ip, 0, 40);
		ip[0] = 0x60;
		put16(ip + 4, (uint32_t)transport_len);
		ip[6] = protocol;
		ip[7] = 64;
		ip[8] = ip[24] = 0xfd;
		ip[23] = 1;
		ip[39] = 2;
		return ip + 40;
	}
	put_addresses(frame, ETHERTYPE_IP);
	memset(ip, 0, 20);
	ip[0] = 0x45;
	put16(ip + 2, 20 + (uint32_t)transport_len);
	put16(ip + 4, flow->id);
	put16(ip + 6, 0x4000);
	ip[8] = 64;
	ip[9] = protocol;
	inet_pton(AF_INET, NET_NEAR_IPV4, ip + 12);
	inet_pton(AF_INET, NET_FAR_IPV4, ip + 16);
	put16(ip + 10, 0xffff & ~sum16(ip, 20, 0));
	return ip + 20;
}

static void put_payload(uint8_t *at, size_t len, uint32_t number)
{
	for (size_t i = 0; i < len; i++)
		at[i] = pattern(number, i);
}

size_t net_udp_build(uint8_t *frame, const struct net_flow *flow, size_t payload, uint32_t number)
{
	uint8_t *udp = put_ip(frame, flow, IPPROTO_UDP, 8 + payload);

	put16(udp, flow->source_port);
	put16(udp + 2, flow->target_port);
	put16(udp + 4, 8 + (uint32_t)payload);
	put_payload(udp + 8, payload, number);
	put_transport_checksum(frame);
	return (size_t)(udp + 8 + payload - frame);
}

size_t net_tcp_build(uint8_t *frame, const struct net_flow *flow, size_t payload, uint32_t number)
{
	uint8_t *tcp = put_ip(frame, flow, IPPROTO_TCP, 20 + payload);

	memset(tcp, 0, 20);
	put16(tcp, flow->source_port);
	put16(tcp + 2, flow->target_port);
	put32(tcp + 4, flow->seq);
	put32(tcp + 8, 1);
	tcp[12] = 5 << 4;
	tcp[13] = TH_ACK;
	put16(tcp + 14, 4096);
	put_payload(tcp + 20, payload, number);
	put_transport_checksum(frame);
	return (size_t)(tcp + 20 + payload - frame);
}
