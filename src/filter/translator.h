/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The inside of the translator.
 *
 *	r0        return value            fp-64   scratch memory M[16]
 *	r1 - r4   within one instruction  fp-72   what bpf_xdp_load_bytes() fetches
 *	r5        end of the frame        fp-80   first byte of the frame  (vlan_stripped)
 *	r6        struct xdp_md           fp-88   bytes of the tag, 0 or 4 (vlan_stripped)
 *	r7        A                       fp-96   an offset, kept over a helper
 *	r8        X                       fp-104  TCI of the tag           (vlan_stripped)
 *	r9        the frame               fp-112  its TPID                 (vlan_stripped)
 *
 * Every slot is written and read as a whole: without CAP_PERFMON verifiers up to
 * 6.9 take a half that is written beside another for an attack. So M[] has 8
 * bytes a word there, the upper half of it below all the rest.
 *
 * r9 is the first byte of the frame. With vlan_stripped it is moved by the tag,
 * so that r9 + 12 is the protocol in any frame; the addresses are then found
 * through fp-80.
 *
 * With frags each load has two ways: bytes in the first buffer are read at
 * once, others are fetched by a helper. The fetch comes first in the code, so
 * that the verifier walks it first: what it then knows at the end of it is less
 * than on the other way, which ends there. The other way round it would walk the
 * rest of the program once for each length that it has seen in reach.
 */
#ifndef ZR_FILTER_TRANSLATOR_H
#define ZR_FILTER_TRANSLATOR_H

#include "emit.h"
#include "translate.h"

#define R_RETURN BPF_REG_0
#define R_END    BPF_REG_5
#define R_CTX    BPF_REG_6
#define R_A      BPF_REG_7
#define R_X      BPF_REG_8
#define R_FRAME  BPF_REG_9
#define R_STACK  BPF_REG_10

#define AT_MEMORY (-64)
#define AT_BUFFER (-72)
#define AT_DATA   (-80)
#define AT_SHIFT  (-88)
#define AT_OFFSET (-96)
#define AT_TCI    (-104)
#define AT_TPID   (-112)
#define AT_UPPER  (-176)

#define ADDRESSES_BYTES 12u /* a tag stands behind the two addresses */
#define HEADER_BYTES    14u
#define TAG_BYTES       4u
/* The kernel reads 2 bytes behind a tag before it takes it out (skb_vlan_untag). */
#define TAGGED_BYTES 20u
/* The verifier knows packet offsets up to 0xffff: this, a word and a tag stay below. */
#define MAX_OFFSET 0xffe8u
/* An offset that fits into the instruction. */
#define MAX_FIXED 0x7ff0u

/* What holds on all ways to an instruction. */
struct zr_known {
	bool reached;
	bool a_small; /* A, X < 2^20: added to a positive offset, it stays one */
	bool x_small;
	uint32_t readable; /* bytes at r9 that the verifier knows to lie in the frame */
};

/* A translation. The jumps to each instruction are a list through nr_jumps. */
struct zr_translator {
	const struct sock_filter *insns;
	uint32_t nr_insns;
	const struct zr_translate_options *options;
	struct zring_diag *diag;
	struct zr_emitter code;
	bool calls; /* helpers clobber r5: it is read again for each use */
	bool reads_tag;
	struct zr_known now;
	struct zr_target *targets; /* one an instruction */
	struct zr_pending *jumps;
	uint32_t nr_jumps;
	uint32_t rejects[512]; /* jumps to "return 0" */
	uint32_t nr_rejects;
};

/* The jump at @at means "return 0". */
void zr_translate_reject(struct zr_translator *translator, uint32_t at);
/* The instruction returns 0 always; nothing behind it is reached from here. */
void zr_translate_never(struct zr_translator *translator);

/* ---- translate_load.c: bytes of the frame ---- */

/* Sets up the registers and, with vlan_stripped, finds the tag. */
void zr_translate_prologue(struct zr_translator *translator);
/* LD ABS and IND of bytes, LDX MSH. */
void zr_translate_load(struct zr_translator *translator, const struct sock_filter *insn);
void zr_translate_len(struct zr_translator *translator, unsigned int dst);
/* A number at a fixed offset, in host order. */
void zr_translate_fixed(struct zr_translator *translator, unsigned int dst, unsigned int size,
			uint32_t offset);
/* Copies @bytes at the wire's offset r2 to fp-72. Returns the jump that is taken on failure. */
uint32_t zr_translate_fetch(struct zr_translator *translator, uint32_t bytes);
/* Adds the bytes of the tag to r2. */
void zr_translate_add_shift(struct zr_translator *translator);
/* Compares the end of @bytes at @base with that of the first buffer; returns the jump. */
uint32_t zr_translate_compare(struct zr_translator *translator, unsigned int base, uint32_t bytes,
			      unsigned int condition);

/* ---- translate_ancillary.c: what is no byte of the frame ---- */

/* LD of SKF_AD_ values. Returns 0 or -ENOTSUP. */
int zr_translate_ancillary(struct zr_translator *translator, uint32_t index, uint32_t which);

#endif
