/* SPDX-License-Identifier: BSD-2-Clause */
#include "support/flow.h"

#include <linux/if_ether.h>
#include <netinet/in.h>
#include <string.h>

#define PAYLOAD_BYTES 28u /* ports, filling, number */

static void put16(struct flow_frame *frame, uint32_t value)
{
	frame->bytes[frame->len++] = (uint8_t)(value >> 8);
	frame->bytes[frame->len++] = (uint8_t)value;
}

static void put(struct flow_frame *frame, const uint8_t *bytes, uint32_t nr)
{
	memcpy(frame->bytes + frame->len, bytes, nr);
	frame->len += nr;
}

static void put_payload(struct flow_frame *frame, const struct flow_shape *shape)
{
	/* A fragment behind the first has no ports: rubbish that must not count. */
	const bool rubbish = shape->fragment && shape->offset;

	put16(frame, rubbish ? shape->port[0] * 7u + shape->offset : shape->port[0]);
	put16(frame, rubbish ? shape->offset : shape->port[1]);
	for (int i = 0; i < 10; i++)
		put16(frame, (uint32_t)i * shape->port[0]);
	put16(frame, shape->number >> 16);
	put16(frame, shape->number);
}

static void put_ipv4(struct flow_frame *frame, const struct flow_shape *shape)
{
	put16(frame, 0x4500 + (shape->option_words << 8));
	put16(frame, 20 + 4 * shape->option_words + PAYLOAD_BYTES);
	put16(frame, 1);
	put16(frame, shape->fragment ? (shape->offset ? shape->offset / 8u : 0x2000) : 0x4000);
	put16(frame, 0x4000u | shape->protocol);
	put16(frame, 0);
	put(frame, shape->address[0], 4);
	put(frame, shape->address[1], 4);
	for (uint32_t i = 0; i < 2 * shape->option_words; i++)
		put16(frame, 0x0101);
	put_payload(frame, shape);
}

/* Of the lengths that each kind of header has: AH counts in words, the others in eights. */
static void put_extension(struct flow_frame *frame, uint8_t extension, uint8_t next)
{
	const uint32_t nr = extension == IPPROTO_FRAGMENT ? 8 : extension == IPPROTO_AH ? 20 : 16;

	put16(frame, (uint32_t)next << 8 | (extension == IPPROTO_FRAGMENT ? 0
					    : extension == IPPROTO_AH     ? 3u
									  : 1u));
	for (uint32_t i = 2; i < nr; i += 2)
		put16(frame, 0);
}

static void put_ipv6(struct flow_frame *frame, const struct flow_shape *shape)
{
	const uint8_t last = shape->fragment ? IPPROTO_FRAGMENT : shape->protocol;

	put16(frame, 0x6000);
	put16(frame, shape->address[0][15]); /* a flow label, of one direction */
	put16(frame, 40);
	put16(frame, (uint32_t)(shape->nr_extensions ? shape->extension : last) << 8 | 64);
	put(frame, shape->address[0], 16);
	put(frame, shape->address[1], 16);
	for (uint32_t i = 0; i < shape->nr_extensions; i++)
		put_extension(frame, shape->extension,
			      i + 1 < shape->nr_extensions ? shape->extension : last);
	if (shape->fragment) {
		put16(frame, (uint32_t)shape->protocol << 8);
		put16(frame, shape->offset ? shape->offset : 1);
		put16(frame, 0);
		put16(frame, 9);
	}
	put_payload(frame, shape);
}

struct flow_frame flow_build(const struct flow_shape *shape)
{
	static const uint8_t macs[2][6] = {{2, 0, 0, 0, 7, 1}, {2, 0, 0, 0, 9, 2}};
	const bool back = shape->port[0] < shape->port[1];
	struct flow_frame frame = {.len = 0};

	put(&frame, macs[back], 6);
	put(&frame, macs[!back], 6);
	for (uint32_t i = 0; i < shape->nr_tags; i++) {
		put16(&frame, i ? ETH_P_8021Q : shape->tpid);
		put16(&frame, 0x4564 + i); /* looks like IPv4 where one is not stepped over */
	}
	put16(&frame, shape->version == 4 ? ETH_P_IP : shape->version ? ETH_P_IPV6 : 0x88b5);
	frame.network = frame.len;
	if (shape->version == 4)
		put_ipv4(&frame, shape);
	else if (shape->version == 6)
		put_ipv6(&frame, shape);
	else
		put_payload(&frame, shape);
	return frame;
}

struct flow_shape flow_shape(uint32_t number)
{
	struct flow_shape shape = {
		.number = number,
		.version = number % 2 ? 6 : 4,
		.protocol = number % 3 ? IPPROTO_TCP : IPPROTO_UDP,
		.address = {{10, 0, (uint8_t)(number >> 8), (uint8_t)number},
			    {10, 1, (uint8_t)(number >> 6), 1}},
		.port = {(uint16_t)(40000 + number), 443},
	};

	if (shape.version == 6)
		for (uint32_t i = 0; i < 2; i++) {
			memmove(shape.address[i] + 12, shape.address[i], 4);
			memcpy(shape.address[i], "\x20\x01\x0d\xb8", 4);
		}
	return shape;
}

struct flow_shape flow_reversed(const struct flow_shape *shape)
{
	struct flow_shape back = *shape;

	memcpy(back.address[0], shape->address[1], 16);
	memcpy(back.address[1], shape->address[0], 16);
	back.port[0] = shape->port[1];
	back.port[1] = shape->port[0];
	return back;
}

uint32_t flow_number(const uint8_t *frame, uint32_t len)
{
	const uint8_t *const at = frame + len - 4;

	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}
