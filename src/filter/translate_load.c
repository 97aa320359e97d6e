/* SPDX-License-Identifier: BSD-2-Clause */
#include "translator.h"

#include <linux/if_ether.h>
#include <stddef.h>

static uint32_t bytes_of(unsigned int size)
{
	return size == BPF_W ? 4 : size == BPF_H ? 2 : 1;
}

/* From the wire's order to the host's. */
static void emit_order(struct zr_emitter *code, unsigned int dst, unsigned int size)
{
	if (size != BPF_B)
		zr_emit(code,
			zr_insn(BPF_ALU | BPF_END | BPF_TO_BE, dst, 0, 0, bytes_of(size) * 8));
}

static void emit_end(struct zr_translator *translator)
{
	if (translator->calls)
		zr_emit_load(&translator->code, BPF_W, R_END, R_CTX,
			     offsetof(struct xdp_md, data_end));
}

uint32_t zr_translate_compare(struct zr_translator *translator, unsigned int base, uint32_t bytes,
			      unsigned int condition)
{
	struct zr_emitter *code = &translator->code;

	zr_emit_alu64(code, BPF_MOV, BPF_REG_1, base);
	zr_emit_alu64_imm(code, BPF_ADD, BPF_REG_1, (int32_t)bytes);
	emit_end(translator);
	return zr_emit_jump_if(code, BPF_JMP, condition, BPF_REG_1, R_END);
}

static void reject_beyond(struct zr_translator *translator, unsigned int base, uint32_t bytes)
{
	zr_translate_reject(translator, zr_translate_compare(translator, base, bytes, BPF_JGT));
}

uint32_t zr_translate_fetch(struct zr_translator *translator, uint32_t bytes)
{
	struct zr_emitter *code = &translator->code;

	zr_emit_alu64(code, BPF_MOV, BPF_REG_1, R_CTX);
	zr_emit_alu64(code, BPF_MOV, BPF_REG_3, R_STACK);
	zr_emit_alu64_imm(code, BPF_ADD, BPF_REG_3, AT_BUFFER);
	zr_emit_alu64_imm(code, BPF_MOV, BPF_REG_4, (int32_t)bytes);
	zr_emit_call(code, BPF_FUNC_xdp_load_bytes);
	return zr_emit_jump_if_imm(code, BPF_JMP, BPF_JNE, BPF_REG_0, 0);
}

void zr_translate_add_shift(struct zr_translator *translator)
{
	struct zr_emitter *code = &translator->code;

	if (!translator->options->vlan_stripped)
		return;
	zr_emit_load(code, BPF_DW, BPF_REG_3, R_STACK, AT_SHIFT);
	zr_emit_alu64(code, BPF_ADD, BPF_REG_2, BPF_REG_3);
}

/* Loads from the wire's offset r2 by helper, or rejects. */
static void emit_fetched(struct zr_translator *translator, unsigned int dst, unsigned int size)
{
	zr_translate_reject(translator, zr_translate_fetch(translator, bytes_of(size)));
	zr_emit_load(&translator->code, size, dst, R_STACK, AT_BUFFER);
	emit_order(&translator->code, dst, size);
}

/*
 * The offset r1 lies in the addresses, and the end of the load may lie behind
 * the tag. Both places are read as if all of the number stood there: the upper
 * bytes of the first and the lower bytes of the second are right.
 */
static void emit_low(struct zr_translator *translator, unsigned int dst, unsigned int size)
{
	struct zr_emitter *code = &translator->code;
	uint32_t done;

	zr_emit_store(code, BPF_DW, AT_OFFSET, BPF_REG_1);
	zr_emit_alu64(code, BPF_MOV, BPF_REG_2, BPF_REG_1);
	emit_fetched(translator, dst, size);
	if (size == BPF_B)
		return;
	zr_emit_load(code, BPF_DW, BPF_REG_2, R_STACK, AT_OFFSET);
	zr_translate_add_shift(translator);
	emit_fetched(translator, BPF_REG_3, size);
	/* r1: bytes behind the tag; r2: their mask. */
	zr_emit_load(code, BPF_DW, BPF_REG_1, R_STACK, AT_OFFSET);
	zr_emit_alu64_imm(code, BPF_ADD, BPF_REG_1,
			  (int32_t)bytes_of(size) - (int32_t)ADDRESSES_BYTES);
	done = zr_emit_jump_if_imm(code, BPF_JMP, BPF_JSLE, BPF_REG_1, 0);
	zr_emit_alu32_imm(code, BPF_LSH, BPF_REG_1, 3);
	zr_emit_alu32_imm(code, BPF_MOV, BPF_REG_2, 1);
	zr_emit_alu32(code, BPF_LSH, BPF_REG_2, BPF_REG_1);
	zr_emit_alu32_imm(code, BPF_SUB, BPF_REG_2, 1);
	zr_emit_alu32(code, BPF_AND, BPF_REG_3, BPF_REG_2);
	zr_emit_alu32_imm(code, BPF_XOR, BPF_REG_2, UINT32_MAX);
	zr_emit_alu32(code, BPF_AND, dst, BPF_REG_2);
	zr_emit_alu32(code, BPF_OR, dst, BPF_REG_3);
	zr_emit_land(code, done);
}

/* The bytes at r9 + r1, unless frags lets them lie in another buffer: then r1 is left as it is. */
static uint32_t emit_reach(struct zr_translator *translator, unsigned int size)
{
	const bool frags = translator->options->frags;
	struct zr_emitter *code = &translator->code;
	uint32_t jump;

	zr_emit_alu64(code, BPF_MOV, BPF_REG_2, R_FRAME);
	zr_emit_alu64(code, BPF_ADD, BPF_REG_2, BPF_REG_1);
	zr_emit_alu64(code, BPF_MOV, BPF_REG_3, BPF_REG_2);
	zr_emit_alu64_imm(code, BPF_ADD, BPF_REG_3, (int32_t)bytes_of(size));
	emit_end(translator);
	jump = zr_emit_jump_if(code, BPF_JMP, frags ? BPF_JLE : BPF_JGT, BPF_REG_3, R_END);
	if (!frags)
		zr_translate_reject(translator, jump);
	return jump;
}

/* Loads from the offset r1, at most MAX_OFFSET. */
static void emit_variable(struct zr_translator *translator, unsigned int dst, unsigned int size)
{
	const bool direct = !translator->options->without_perfmon;
	const bool fetches = translator->options->frags || !direct;
	const bool stripped = translator->options->vlan_stripped;
	struct zr_emitter *code = &translator->code;
	uint32_t high = 0, within = 0, over_low = 0, over = 0;

	if (stripped) {
		high = zr_emit_jump_if_imm(code, BPF_JMP, BPF_JGE, BPF_REG_1, ADDRESSES_BYTES);
		emit_low(translator, dst, size);
		over_low = zr_emit_jump(code);
		zr_emit_land(code, high);
	}
	if (direct)
		within = emit_reach(translator, size);
	if (fetches) {
		zr_emit_alu64(code, BPF_MOV, BPF_REG_2, BPF_REG_1);
		zr_translate_add_shift(translator);
		emit_fetched(translator, dst, size);
	}
	if (fetches && direct) {
		over = zr_emit_jump(code);
		zr_emit_land(code, within);
	}
	if (direct) {
		zr_emit_load(code, size, dst, BPF_REG_2, 0);
		emit_order(code, dst, size);
	}
	if (fetches && direct)
		zr_emit_land(code, over);
	if (stripped)
		zr_emit_land(code, over_low);
}

static void emit_fixed(struct zr_translator *translator, unsigned int dst, unsigned int size,
		       uint32_t offset)
{
	const bool frags = translator->options->frags;
	const bool low = translator->options->vlan_stripped && offset < ADDRESSES_BYTES;
	const unsigned int base = low ? BPF_REG_2 : R_FRAME;
	const uint32_t end = offset + bytes_of(size);
	struct zr_emitter *code = &translator->code;
	uint32_t within, over = 0;

	/* Without frags the prologue has seen to it that the addresses are there. */
	if (low)
		zr_emit_load(code, BPF_DW, base, R_STACK, AT_DATA);
	if (frags) {
		within = zr_translate_compare(translator, base, end, BPF_JLE);
		zr_emit_alu64_imm(code, BPF_MOV, BPF_REG_2, (int32_t)offset);
		if (!low)
			zr_translate_add_shift(translator);
		emit_fetched(translator, dst, size);
		over = zr_emit_jump(code);
		zr_emit_land(code, within);
	} else if (!low && end > translator->now.readable) {
		reject_beyond(translator, base, end);
		translator->now.readable = end;
	}
	zr_emit_load(code, size, dst, base, (int32_t)offset);
	emit_order(code, dst, size);
	if (frags)
		zr_emit_land(code, over);
}

void zr_translate_fixed(struct zr_translator *translator, unsigned int dst, unsigned int size,
			uint32_t offset)
{
	const bool straddles = translator->options->vlan_stripped && offset < ADDRESSES_BYTES &&
			       offset + bytes_of(size) > ADDRESSES_BYTES;

	if (offset > MAX_OFFSET) {
		zr_translate_never(translator);
	} else if (offset > MAX_FIXED) {
		zr_emit_alu32_imm(&translator->code, BPF_MOV, BPF_REG_1, offset);
		emit_variable(translator, dst, size);
	} else if (straddles) {
		zr_emit_alu32_imm(&translator->code, BPF_MOV, BPF_REG_1, offset);
		emit_low(translator, dst, size);
	} else {
		emit_fixed(translator, dst, size, offset);
	}
}

/*
 * r1 is beyond MAX_OFFSET, but taken as a negative number it may count from the
 * link or network header, as the kernel does.
 */
static void emit_negative(struct zr_translator *translator)
{
	struct zr_emitter *code = &translator->code;
	uint32_t link, both;

	zr_translate_reject(translator, zr_emit_jump_if_imm(code, BPF_JMP32, BPF_JLT, BPF_REG_1,
							    (uint32_t)SKF_LL_OFF));
	link = zr_emit_jump_if_imm(code, BPF_JMP32, BPF_JLT, BPF_REG_1, (uint32_t)SKF_NET_OFF);
	zr_emit_alu32_imm(code, BPF_ADD, BPF_REG_1, HEADER_BYTES - (uint32_t)SKF_NET_OFF);
	both = zr_emit_jump(code);
	zr_emit_land(code, link);
	zr_emit_alu32_imm(code, BPF_ADD, BPF_REG_1, 0u - (uint32_t)SKF_LL_OFF);
	zr_emit_land(code, both);
	zr_translate_reject(translator,
			    zr_emit_jump_if_imm(code, BPF_JMP, BPF_JGT, BPF_REG_1, MAX_OFFSET));
}

/* X + k is computed in 32 bits, as the kernel does: it may wrap to a small offset. */
static void emit_indirect(struct zr_translator *translator, unsigned int size, uint32_t k)
{
	const bool positive = translator->now.x_small && k < 1u << 30;
	struct zr_emitter *code = &translator->code;
	uint32_t near;

	/*
	 * k + X and not X + k: a copy of X with a constant added stays tied to X in the
	 * verifier since 6.11, and a large constant then makes it refuse r9 + r1.
	 */
	zr_emit_alu32_imm(code, BPF_MOV, BPF_REG_1, k);
	zr_emit_alu32(code, BPF_ADD, BPF_REG_1, R_X);
	if (positive) {
		zr_translate_reject(translator, zr_emit_jump_if_imm(code, BPF_JMP, BPF_JGT,
								    BPF_REG_1, MAX_OFFSET));
	} else {
		near = zr_emit_jump_if_imm(code, BPF_JMP, BPF_JLE, BPF_REG_1, MAX_OFFSET);
		emit_negative(translator);
		zr_emit_land(code, near);
	}
	emit_variable(translator, R_A, size);
}

/* The place in the frame that a constant offset means, UINT32_MAX for none. */
static uint32_t place(uint32_t k)
{
	if (k <= INT32_MAX)
		return k;
	if (k >= (uint32_t)SKF_NET_OFF)
		return k - (uint32_t)SKF_NET_OFF + HEADER_BYTES;
	return k >= (uint32_t)SKF_LL_OFF ? k - (uint32_t)SKF_LL_OFF : UINT32_MAX;
}

void zr_translate_load(struct zr_translator *translator, const struct sock_filter *insn)
{
	const unsigned int size = BPF_SIZE(insn->code);

	if (BPF_CLASS(insn->code) == BPF_LDX) { /* MSH */
		zr_translate_fixed(translator, R_X, BPF_B, place(insn->k));
		if (!translator->now.reached)
			return;
		zr_emit_alu32_imm(&translator->code, BPF_AND, R_X, 0xf);
		zr_emit_alu32_imm(&translator->code, BPF_LSH, R_X, 2);
		translator->now.x_small = true;
		return;
	}
	if (BPF_MODE(insn->code) == BPF_IND)
		emit_indirect(translator, size, insn->k);
	else
		zr_translate_fixed(translator, R_A, size, place(insn->k));
	translator->now.a_small = size != BPF_W;
}

void zr_translate_len(struct zr_translator *translator, unsigned int dst)
{
	const struct zr_translate_options *options = translator->options;
	struct zr_emitter *code = &translator->code;

	if (options->frags || options->without_perfmon) {
		zr_emit_alu64(code, BPF_MOV, BPF_REG_1, R_CTX);
		zr_emit_call(code, BPF_FUNC_xdp_get_buff_len);
		zr_emit_alu32(code, BPF_MOV, dst, BPF_REG_0);
	} else {
		emit_end(translator);
		zr_emit_load(code, BPF_W, BPF_REG_1, R_CTX, offsetof(struct xdp_md, data));
		zr_emit_alu64(code, BPF_MOV, dst, R_END);
		zr_emit_alu64(code, BPF_SUB, dst, BPF_REG_1);
	}
	if (options->vlan_stripped) {
		zr_emit_load(code, BPF_DW, BPF_REG_1, R_STACK, AT_SHIFT);
		zr_emit_alu32(code, BPF_SUB, dst, BPF_REG_1);
	}
}

/* The 16-bit number at @offset of the wire's frame into r2; @bytes from there on must exist. */
static void emit_early(struct zr_translator *translator, uint32_t offset, uint32_t bytes)
{
	struct zr_emitter *code = &translator->code;
	const bool frags = translator->options->frags;
	uint32_t within, over = 0;

	if (frags) {
		within = zr_translate_compare(translator, R_FRAME, offset + bytes, BPF_JLE);
		zr_emit_alu64_imm(code, BPF_MOV, BPF_REG_2, (int32_t)offset);
		zr_translate_reject(translator, zr_translate_fetch(translator, bytes));
		zr_emit_load(code, BPF_H, BPF_REG_2, R_STACK, AT_BUFFER);
		over = zr_emit_jump(code);
		zr_emit_land(code, within);
	} else {
		reject_beyond(translator, R_FRAME, offset + bytes);
	}
	zr_emit_load(code, BPF_H, BPF_REG_2, R_FRAME, (int32_t)offset);
	if (frags)
		zr_emit_land(code, over);
	emit_order(code, BPF_REG_2, BPF_H);
}

/*
 * Two ways on, one moved by a constant: the verifier walks the program once for
 * each, and needs no arithmetic with unknown numbers for it.
 */
static void emit_find_tag(struct zr_translator *translator)
{
	struct zr_emitter *code = &translator->code;
	uint32_t is_tag, is_none;

	zr_emit_store_imm(code, BPF_DW, AT_SHIFT, 0);
	if (translator->reads_tag) {
		zr_emit_store_imm(code, BPF_DW, AT_TPID, 0);
		zr_emit_store_imm(code, BPF_DW, AT_TCI, 0);
	}
	emit_early(translator, ADDRESSES_BYTES, HEADER_BYTES - ADDRESSES_BYTES);
	if (!translator->options->frags)
		translator->now.readable = HEADER_BYTES;
	zr_emit_store(code, BPF_DW, AT_DATA, R_FRAME);
	is_tag = zr_emit_jump_if_imm(code, BPF_JMP32, BPF_JEQ, BPF_REG_2, ETH_P_8021Q);
	is_none = zr_emit_jump_if_imm(code, BPF_JMP32, BPF_JNE, BPF_REG_2, ETH_P_8021AD);
	zr_emit_land(code, is_tag);
	if (translator->reads_tag)
		zr_emit_store(code, BPF_DW, AT_TPID, BPF_REG_2);
	emit_early(translator, HEADER_BYTES, TAGGED_BYTES - HEADER_BYTES);
	if (translator->reads_tag)
		zr_emit_store(code, BPF_DW, AT_TCI, BPF_REG_2);
	zr_emit_store_imm(code, BPF_DW, AT_SHIFT, TAG_BYTES);
	zr_emit_alu64_imm(code, BPF_ADD, R_FRAME, TAG_BYTES);
	zr_emit_land(code, is_none);
}

void zr_translate_prologue(struct zr_translator *translator)
{
	struct zr_emitter *code = &translator->code;

	zr_emit_alu64(code, BPF_MOV, R_CTX, BPF_REG_1);
	zr_emit_load(code, BPF_W, R_FRAME, R_CTX, offsetof(struct xdp_md, data));
	zr_emit_load(code, BPF_W, R_END, R_CTX, offsetof(struct xdp_md, data_end));
	zr_emit_alu32_imm(code, BPF_MOV, R_A, 0);
	zr_emit_alu32_imm(code, BPF_MOV, R_X, 0);
	translator->now = (struct zr_known){.reached = true, .a_small = true, .x_small = true};
	if (translator->options->vlan_stripped)
		emit_find_tag(translator);
}
