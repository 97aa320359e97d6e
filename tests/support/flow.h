/* SPDX-License-Identifier: BSD-2-Clause */
/* Packets of flows in all the dress that they come in; pure functions. */
#ifndef TESTS_FLOW_H
#define TESTS_FLOW_H

#include <stdbool.h>
#include <stdint.h>

#define FLOW_FRAME_MAX 400

struct flow_shape {
	uint8_t version; /* 4, 6; 0: not IP */
	uint8_t protocol;
	uint8_t address[2][16]; /* source, target */
	uint16_t port[2];
	uint32_t nr_tags;
	uint16_t tpid;
	uint32_t nr_extensions;
	uint8_t extension; /* the header number of each */
	bool fragment;
	uint16_t offset;       /* of the fragment, in bytes */
	uint32_t option_words; /* IPv4 */
	uint32_t number;       /* told at the end of the frame */
};

struct flow_frame {
	uint8_t bytes[FLOW_FRAME_MAX];
	uint32_t len;
	uint32_t network; /* offset behind all tags */
};

struct flow_frame flow_build(const struct flow_shape *shape);
/* Flow @number; neighbours have neighbouring addresses, as on a real network. */
struct flow_shape flow_shape(uint32_t number);
/* The same flow in the other direction. */
struct flow_shape flow_reversed(const struct flow_shape *shape);
/* The number that flow_build() was given in shape.number, at the end of a frame of @len. */
uint32_t flow_number(const uint8_t *frame, uint32_t len);

#endif
