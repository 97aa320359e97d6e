/* SPDX-License-Identifier: BSD-2-Clause */
/* Classic BPF as a part of an XDP program. Pure functions: no system call is made here. */
#ifndef ZR_FILTER_TRANSLATE_H
#define ZR_FILTER_TRANSLATE_H

#include <linux/bpf.h>
#include <linux/filter.h>
#include <stdbool.h>
#include <stdint.h>

#include <zring/diag.h>

/* What the program could ask about a frame that XDP does not tell. All zero is valid. */
struct zr_translate_options {
	/*
	 * Show frames as a packet socket's filter sees them: without the outer
	 * tag, which the VLAN loads tell instead. False: the bytes on the wire,
	 * and the VLAN loads say that no tag was taken out.
	 */
	bool vlan_stripped;
	/* The program is attached as xdp.frags: a frame may lie in several buffers. */
	bool frags;
	/*
	 * Arithmetic with unknown numbers on packet pointers wants CAP_PERFMON.
	 * True does without it: indirect loads and the length call helpers.
	 */
	bool without_perfmon;
	uint8_t mac[6]; /* of the interface: tells HOST from OTHERHOST */
	uint16_t hatype;
	uint32_t ifindex;
};

/*
 * Translates a classic program into the body of a function that an XDP program
 * calls: r1 is its struct xdp_md, r0 becomes the classic return value (0: not
 * wanted, else the bytes to keep). The body is self-contained: forward jumps,
 * no maps, no calls but of helpers, at most 112 bytes of stack (176 with
 * without_perfmon and scratch memory beyond M[7]), and its first two
 * instructions take one slot each. It loads on Linux 5.18 and later.
 *
 * Loads beyond the frame return 0, as the kernel's classic filters do; so do
 * offsets above 65,512, where XDP can't look. What a packet socket is
 * never shown (vlan_stripped: a tag without 2 bytes behind it) returns 0 too.
 *
 * SKF_AD_QUEUE is XDP's index; an skb of a driver that records its queue says
 * one more. Shifts by X >= 32 use its lower 5 bits, as the kernel's do.
 *
 * The caller frees *ret_insns. Returns 0; -EINVAL for what SO_ATTACH_FILTER
 * would refuse; -ENOTSUP for what only an skb knows; -E2BIG when a jump is too
 * long for eBPF; -ENOMEM.
 */
int zr_filter_translate(const struct sock_filter *insns, uint32_t nr_insns,
			const struct zr_translate_options *options, struct zring_diag *diag,
			struct bpf_insn **ret_insns, uint32_t *ret_nr);

#endif
