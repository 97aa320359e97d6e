/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef BENCH_ECHO_H
#define BENCH_ECHO_H

#include <stdint.h>
#include <string.h>

#include "frames.h"

/* Whether the frame wants an answer. */
static inline int echo_wanted(const uint8_t *frame, uint32_t len)
{
	return len >= FRAME_BYTES_MIN && frame[FRAME_PORT_AT] == 0 &&
	       frame[FRAME_PORT_AT + 1] == FRAME_PORT_ECHO;
}

/* Sends it back to where it came from. */
static inline void echo_swap(uint8_t *frame)
{
	uint8_t address[6];

	memcpy(address, frame, 6);
	memcpy(frame, frame + 6, 6);
	memcpy(frame + 6, address, 6);
}

#endif
