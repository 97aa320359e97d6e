/* SPDX-License-Identifier: BSD-2-Clause */
/* The frames that every sender of the bench puts on the wire: Ethernet, IPv4, UDP. */
#ifndef BENCH_FRAMES_H
#define BENCH_FRAMES_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define FRAME_BYTES_MIN   60 /* the shortest Ethernet frame, without its checksum */
#define FRAME_BYTES_MAX   9014
#define FRAME_SHAPES      12
#define FRAME_SEQUENCE_AT 42 /* behind the headers; 64 bits, big-endian */
#define FRAME_PORT_AT     36 /* UDP destination port */

#define FRAME_PORT_ECHO    7
#define FRAME_PORT_DISCARD 9

/* A station that does not exist: what is sent to it, a stack drops early. */
extern const uint8_t frame_nobody[6];

/* A size as --sizes names it: one length, or the lengths that a mix goes round. */
struct frame_mix {
	char name[8];
	uint32_t nr_shapes;
	uint16_t bytes[FRAME_SHAPES];
	uint16_t largest;
};

/* Frames ready to send, one a shape; only the sequence number is still missing. */
struct frame_set {
	struct frame_mix mix;
	uint32_t burst;  /* frames that leave as one: IPv4 ids go round so far; 0: no ids */
	uint32_t ip_sum; /* with burst: what the checksums cover, without id and number */
	uint32_t udp_sum;
	uint8_t frames[FRAME_SHAPES][FRAME_BYTES_MAX];
};

/* 0; -EINVAL @text is neither "imix" nor a length in range. */
int frame_mix_parse(const char *text, struct frame_mix *ret_mix);

void frame_set_init(struct frame_set *set, const struct frame_mix *mix, const uint8_t source[6],
		    const uint8_t destination[6], uint16_t port, uint64_t seed);

static inline void frame_set_sequence(uint8_t *frame, uint64_t sequence)
{
	sequence = __builtin_bswap64(sequence);
	memcpy(frame + FRAME_SEQUENCE_AT, &sequence, sizeof(sequence));
}

static inline uint64_t frame_sequence(const uint8_t *frame)
{
	uint64_t sequence;

	memcpy(&sequence, frame + FRAME_SEQUENCE_AT, sizeof(sequence));
	return __builtin_bswap64(sequence);
}

/*
 * Frames of one length get an id and a UDP checksum, so that @burst of them may
 * be cut out of one super-frame (segmentation offload) by the kernel.
 */
void frame_set_make_burst(struct frame_set *set, uint32_t burst);
/* Does what a NIC would: fills in the UDP checksum of a frame that left without. */
void frame_finish_checksum(uint8_t *frame, size_t bytes);
void frame_set_checksums(const struct frame_set *set, uint8_t *frame, uint64_t sequence);

/* Writes frame number @sequence and returns its length. */
static inline uint32_t frame_set_write(const struct frame_set *set, uint8_t *data,
				       uint64_t sequence)
{
	const uint32_t shape = set->mix.nr_shapes == 1 ? 0
						       : (uint32_t)(sequence % set->mix.nr_shapes);
	const uint32_t bytes = set->mix.bytes[shape];

	memcpy(data, set->frames[shape], bytes);
	frame_set_sequence(data, sequence);
	if (set->burst)
		frame_set_checksums(set, data, sequence);
	return bytes;
}

#endif
