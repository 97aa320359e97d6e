/* SPDX-License-Identifier: BSD-2-Clause */
/* eBPF instructions one behind the other, with jumps that are aimed later. */
#ifndef ZR_FILTER_EMIT_H
#define ZR_FILTER_EMIT_H

#include <linux/bpf.h>
#include <stdbool.h>
#include <stdint.h>

/* All zero at first. After an error nothing more is emitted; it is looked at once, at the end. */
struct zr_emitter {
	struct bpf_insn *insns;
	uint32_t nr;
	uint32_t room;
	int error; /* -ENOMEM, -E2BIG: a jump is too long */
};

/* Returns where the instruction stands. */
uint32_t zr_emit(struct zr_emitter *emitter, struct bpf_insn insn);
/* Aims the jump at @from to the instruction that comes next. */
void zr_emit_land(struct zr_emitter *emitter, uint32_t from);

static inline struct bpf_insn zr_insn(unsigned int code, unsigned int dst, unsigned int src,
				      int32_t off, uint32_t imm)
{
	return (struct bpf_insn){.code = (uint8_t)code,
				 .dst_reg = dst & 0xf,
				 .src_reg = src & 0xf,
				 .off = (int16_t)off,
				 .imm = (int32_t)imm};
}

/* 32-bit arithmetic clears the upper half of its target. */
static inline void zr_emit_alu32(struct zr_emitter *emitter, unsigned int operation,
				 unsigned int dst, unsigned int src)
{
	zr_emit(emitter, zr_insn(BPF_ALU | operation | BPF_X, dst, src, 0, 0));
}

static inline void zr_emit_alu32_imm(struct zr_emitter *emitter, unsigned int operation,
				     unsigned int dst, uint32_t imm)
{
	zr_emit(emitter, zr_insn(BPF_ALU | operation | BPF_K, dst, 0, 0, imm));
}

/* 64 bits: what pointers need. */
static inline void zr_emit_alu64(struct zr_emitter *emitter, unsigned int operation,
				 unsigned int dst, unsigned int src)
{
	zr_emit(emitter, zr_insn(BPF_ALU64 | operation | BPF_X, dst, src, 0, 0));
}

static inline void zr_emit_alu64_imm(struct zr_emitter *emitter, unsigned int operation,
				     unsigned int dst, int32_t imm)
{
	zr_emit(emitter, zr_insn(BPF_ALU64 | operation | BPF_K, dst, 0, 0, (uint32_t)imm));
}

static inline void zr_emit_load(struct zr_emitter *emitter, unsigned int size, unsigned int dst,
				unsigned int base, int32_t off)
{
	zr_emit(emitter, zr_insn(BPF_LDX | BPF_MEM | size, dst, base, off, 0));
}

static inline void zr_emit_store(struct zr_emitter *emitter, unsigned int size, int32_t off,
				 unsigned int src)
{
	zr_emit(emitter, zr_insn(BPF_STX | BPF_MEM | size, BPF_REG_10, src, off, 0));
}

static inline void zr_emit_store_imm(struct zr_emitter *emitter, unsigned int size, int32_t off,
				     uint32_t imm)
{
	zr_emit(emitter, zr_insn(BPF_ST | BPF_MEM | size, BPF_REG_10, 0, off, imm));
}

static inline void zr_emit_call(struct zr_emitter *emitter, uint32_t helper)
{
	zr_emit(emitter, zr_insn(BPF_JMP | BPF_CALL, 0, 0, 0, helper));
}

static inline void zr_emit_exit(struct zr_emitter *emitter)
{
	zr_emit(emitter, zr_insn(BPF_JMP | BPF_EXIT, 0, 0, 0, 0));
}

/* Jumps: @class is BPF_JMP for 64 bits and pointers, BPF_JMP32. */
static inline uint32_t zr_emit_jump(struct zr_emitter *emitter)
{
	return zr_emit(emitter, zr_insn(BPF_JMP | BPF_JA, 0, 0, 0, 0));
}

static inline uint32_t zr_emit_jump_if(struct zr_emitter *emitter, unsigned int class,
				       unsigned int condition, unsigned int dst, unsigned int src)
{
	return zr_emit(emitter, zr_insn(class | condition | BPF_X, dst, src, 0, 0));
}

static inline uint32_t zr_emit_jump_if_imm(struct zr_emitter *emitter, unsigned int class,
					   unsigned int condition, unsigned int dst, uint32_t imm)
{
	return zr_emit(emitter, zr_insn(class | condition | BPF_K, dst, 0, 0, imm));
}

#endif
