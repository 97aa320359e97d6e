/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two interfaces of one wire, and who counts what was on it: a packet socket at
 * the far one, which knows nothing of the library. Frames bear a number; the
 * rest of their bytes follows from it.
 */
#ifndef TESTS_VM_WIRE_H
#define TESTS_VM_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WIRE_FRAME_BYTES 200u
#define WIRE_PATIENCE_NS UINT64_C(10000000000)
/* Frames on their way at most: less than a virtio ring, so that nothing overflows. */
#define WIRE_WINDOW 64u
/* The last byte of the interfaces' addresses; a frame is for one of them. */
#define WIRE_NEAR 0x0a
#define WIRE_FAR  0x0b

struct wire {
	const char *near; /* whose AF_XDP is probed */
	const char *far;
	uint32_t nr_frames; /* of a round */
	int far_fd;
	bool failed;
};

/* How often each frame of a round was seen. */
struct wire_tally {
	uint8_t target;
	uint8_t *seen;
	uint32_t nr_frames;
	uint32_t nr_counted; /* the first of each */
	uint32_t nr_wrong;   /* twice, or not as it was sent */
	uint32_t nr_foreign; /* somebody else's */
};

uint64_t wire_now_ns(void);
void wire_nap(void);

/*
 * Silences IPv6, so that all frames are ours, brings both ends up, tells the
 * driver and opens the far end's socket. Ends the program where it can't.
 */
void wire_open(struct wire *wire);

/* Ends the program: what comes next can't be tried. */
_Noreturn void wire_fatal(const char *what, int error);
/* One line: "ok ROUND: WHAT" or "not ok ROUND: WHAT: the reason". */
void wire_verdict(struct wire *wire, bool good, const char *round, const char *what,
		  const char *format, ...) __attribute__((format(printf, 5, 6)));

/* Writes frame @number, for the interface @target. */
void wire_fill(uint8_t *frame, uint32_t number, uint8_t target);
/* True for a frame of ours, right or wrong. */
bool wire_is_ours(const uint8_t *frame, size_t len);

void wire_tally_open(struct wire_tally *tally, uint32_t nr_frames, uint8_t target);
void wire_tally_add(struct wire_tally *tally, const uint8_t *frame, size_t len);
/* The verdict of a round: all @sent frames, each once, as it was sent. */
void wire_tally_tell(struct wire *wire, const struct wire_tally *tally, const char *round,
		     uint32_t sent);
void wire_tally_close(struct wire_tally *tally);

/* What has come to the far end until now. Returns how many frames. */
uint32_t wire_far_count(struct wire *wire, struct wire_tally *tally);
/* Sends frame @number from there; false: try again later. */
bool wire_far_send(struct wire *wire, uint32_t number);

#endif
