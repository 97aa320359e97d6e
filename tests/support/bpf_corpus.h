/* SPDX-License-Identifier: BSD-2-Clause */
/* Classic programs and frames for tests of what runs them. */
#ifndef BPF_CORPUS_H
#define BPF_CORPUS_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stdint.h>

#include "sim_bpf.h"

#define BPF_CORPUS_FRAME_MAX 9014u

struct bpf_corpus_frame {
	const char *name;
	uint32_t len;
	uint8_t data[BPF_CORPUS_FRAME_MAX];
};

/* The address that frames of the corpus go to when they go to the host. */
extern const uint8_t bpf_corpus_mac[6];

/* How many frames there are. The last few are longer than a page. */
uint32_t bpf_corpus_count(void);
/* Frame @index, the same each time. */
void bpf_corpus_frame(uint32_t index, struct bpf_corpus_frame *ret_frame);

/*
 * The frame as a packet socket's filter sees it: with @stripped without its
 * outer tag. False: the kernel shows no such frame (a tag and too little behind
 * it). @room takes the bytes.
 */
bool bpf_corpus_view(const struct bpf_corpus_frame *frame, bool stripped,
		     uint8_t room[BPF_CORPUS_FRAME_MAX], struct sim_bpf_packet *ret_packet);

/*
 * A random program of @nr >= 8 instructions that the kernel takes. It loads
 * every ancillary value that a frame alone decides on, and uses offsets at which
 * something may go wrong.
 */
void bpf_corpus_program(uint64_t *random, struct sock_filter *insns, uint32_t nr);

#endif
