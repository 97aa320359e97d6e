/* SPDX-License-Identifier: BSD-2-Clause */
#include "translate.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../core/diag.h"
#include "check.h"
#include "translator.h"

#define NO_JUMP UINT32_MAX
/* "return 0" is repeated before the first jump to it gets too long, or before they are too many. */
#define REJECT_DISTANCE 30000u
#define REJECT_MARGIN   16u /* no instruction rejects at more places */

struct zr_target {
	struct zr_known known;
	uint32_t first_jump;
};

struct zr_pending {
	uint32_t at;
	uint32_t next;
};

void zr_translate_reject(struct zr_translator *translator, uint32_t at)
{
	translator->rejects[translator->nr_rejects++] = at;
}

static void emit_return_imm(struct zr_emitter *code, uint32_t value)
{
	zr_emit_alu32_imm(code, BPF_MOV, R_RETURN, value);
	zr_emit_exit(code);
}

void zr_translate_never(struct zr_translator *translator)
{
	emit_return_imm(&translator->code, 0);
	translator->now.reached = false;
}

static void land_rejects(struct zr_translator *translator)
{
	if (!translator->nr_rejects)
		return;
	for (uint32_t i = 0; i < translator->nr_rejects; i++)
		zr_emit_land(&translator->code, translator->rejects[i]);
	translator->nr_rejects = 0;
	emit_return_imm(&translator->code, 0);
}

/* A "return 0" between two instructions. Where none falls through none has to jump over it. */
static void place_island(struct zr_translator *translator)
{
	const uint32_t room = sizeof(translator->rejects) / sizeof(*translator->rejects);
	struct zr_emitter *code = &translator->code;
	uint32_t over = 0;

	if (!translator->nr_rejects || (translator->nr_rejects < room - REJECT_MARGIN &&
					code->nr - translator->rejects[0] < REJECT_DISTANCE))
		return;
	if (translator->now.reached)
		over = zr_emit_jump(code);
	land_rejects(translator);
	if (translator->now.reached)
		zr_emit_land(code, over);
}

/* What is known now holds on one more way to @target. */
static void meet(struct zr_translator *translator, uint32_t target)
{
	struct zr_known *known = &translator->targets[target].known;
	const struct zr_known *now = &translator->now;

	if (!known->reached) {
		*known = *now;
		return;
	}
	known->a_small &= now->a_small;
	known->x_small &= now->x_small;
	if (known->readable > now->readable)
		known->readable = now->readable;
}

/* The jump at @at leads to the classic instruction @target. */
static void aim(struct zr_translator *translator, uint32_t at, uint32_t target)
{
	struct zr_target *aimed = &translator->targets[target];

	translator->jumps[translator->nr_jumps] = (struct zr_pending){at, aimed->first_jump};
	aimed->first_jump = translator->nr_jumps++;
	meet(translator, target);
}

static void land_jumps(struct zr_translator *translator, uint32_t target)
{
	for (uint32_t i = translator->targets[target].first_jump; i != NO_JUMP;
	     i = translator->jumps[i].next)
		zr_emit_land(&translator->code, translator->jumps[i].at);
}

/* ---- instructions ---- */

static void go_to(struct zr_translator *translator, uint32_t index, uint32_t target)
{
	if (target == index + 1)
		return;
	aim(translator, zr_emit_jump(&translator->code), target);
	translator->now.reached = false;
}

static uint32_t emit_condition(struct zr_translator *translator, const struct sock_filter *insn,
			       unsigned int condition)
{
	if (BPF_SRC(insn->code) == BPF_X)
		return zr_emit_jump_if(&translator->code, BPF_JMP32, condition, R_A, R_X);
	return zr_emit_jump_if_imm(&translator->code, BPF_JMP32, condition, R_A, insn->k);
}

static unsigned int opposite(unsigned int condition)
{
	return condition == BPF_JEQ ? BPF_JNE : condition == BPF_JGT ? BPF_JLE : BPF_JLT;
}

static void translate_jump(struct zr_translator *translator, uint32_t index)
{
	const struct sock_filter *insn = &translator->insns[index];
	const unsigned int condition = BPF_OP(insn->code);
	const uint32_t next = index + 1;

	if (condition == BPF_JA) {
		go_to(translator, index, next + insn->k);
	} else if (insn->jt == insn->jf) {
		go_to(translator, index, next + insn->jt);
	} else if (!insn->jt && condition != BPF_JSET) {
		aim(translator, emit_condition(translator, insn, opposite(condition)),
		    next + insn->jf);
	} else {
		aim(translator, emit_condition(translator, insn, condition), next + insn->jt);
		go_to(translator, index, next + insn->jf);
	}
}

static void translate_alu(struct zr_translator *translator, const struct sock_filter *insn)
{
	const unsigned int operation = BPF_OP(insn->code);
	const bool by_x = BPF_SRC(insn->code) == BPF_X;
	struct zr_emitter *code = &translator->code;

	/* eBPF goes on after a division by 0. */
	if (by_x && (operation == BPF_DIV || operation == BPF_MOD))
		zr_translate_reject(translator,
				    zr_emit_jump_if_imm(code, BPF_JMP32, BPF_JEQ, R_X, 0));
	if (by_x)
		zr_emit_alu32(code, operation, R_A, R_X);
	else
		zr_emit_alu32_imm(code, operation, R_A, operation == BPF_NEG ? 0 : insn->k);
	translator->now.a_small = !by_x && operation == BPF_AND && insn->k < 1u << 20;
}

static void translate_return(struct zr_translator *translator, const struct sock_filter *insn)
{
	struct zr_emitter *code = &translator->code;

	if (BPF_RVAL(insn->code) == BPF_A)
		zr_emit_alu32(code, BPF_MOV, R_RETURN, R_A);
	else
		zr_emit_alu32_imm(code, BPF_MOV, R_RETURN, insn->k);
	zr_emit_exit(code);
	translator->now.reached = false;
}

/* The size and the place of a scratch word; A and X have upper halves of 0. */
static unsigned int memory_size(const struct zr_translator *translator)
{
	return translator->options->without_perfmon ? BPF_DW : BPF_W;
}

static int32_t memory_at(const struct zr_translator *translator, uint32_t index)
{
	const int32_t word = (int32_t)index;

	if (!translator->options->without_perfmon)
		return AT_MEMORY + 4 * word;
	return word < 8 ? AT_MEMORY + 8 * word : AT_UPPER + 8 * (word - 8);
}

static int translate_ld(struct zr_translator *translator, uint32_t index)
{
	const struct sock_filter *insn = &translator->insns[index];
	const bool is_ld = BPF_CLASS(insn->code) == BPF_LD;
	const unsigned int dst = is_ld ? R_A : R_X;
	bool *small = is_ld ? &translator->now.a_small : &translator->now.x_small;
	struct zr_emitter *code = &translator->code;
	uint32_t which;

	switch (BPF_MODE(insn->code)) {
	case BPF_IMM:
		zr_emit_alu32_imm(code, BPF_MOV, dst, insn->k);
		*small = insn->k < 1u << 20;
		return 0;
	case BPF_MEM:
		zr_emit_load(code, memory_size(translator), dst, R_STACK,
			     memory_at(translator, insn->k));
		*small = false;
		return 0;
	case BPF_LEN:
		zr_translate_len(translator, dst);
		*small = true;
		return 0;
	default:
		if (zr_filter_ancillary(insn, &which))
			return zr_translate_ancillary(translator, index, which);
		zr_translate_load(translator, insn);
		return 0;
	}
}

static void translate_misc(struct zr_translator *translator, const struct sock_filter *insn)
{
	if (BPF_MISCOP(insn->code) == BPF_TAX) {
		zr_emit_alu32(&translator->code, BPF_MOV, R_X, R_A);
		translator->now.x_small = translator->now.a_small;
	} else {
		zr_emit_alu32(&translator->code, BPF_MOV, R_A, R_X);
		translator->now.a_small = translator->now.x_small;
	}
}

static int translate_insn(struct zr_translator *translator, uint32_t index)
{
	const struct sock_filter *insn = &translator->insns[index];

	switch (BPF_CLASS(insn->code)) {
	case BPF_LD:
	case BPF_LDX:
		return translate_ld(translator, index);
	case BPF_ST:
		zr_emit_store(&translator->code, memory_size(translator),
			      memory_at(translator, insn->k), R_A);
		return 0;
	case BPF_STX:
		zr_emit_store(&translator->code, memory_size(translator),
			      memory_at(translator, insn->k), R_X);
		return 0;
	case BPF_ALU:
		translate_alu(translator, insn);
		return 0;
	case BPF_JMP:
		translate_jump(translator, index);
		return 0;
	case BPF_RET:
		translate_return(translator, insn);
		return 0;
	default:
		translate_misc(translator, insn);
		return 0;
	}
}

/* What no way leads to is left out: the verifier refuses unreachable code. */
static int translate_all(struct zr_translator *translator)
{
	zr_translate_prologue(translator);
	for (uint32_t i = 0; i < translator->nr_insns; i++) {
		struct zr_target *target = &translator->targets[i];
		int err;

		place_island(translator);
		if (translator->now.reached)
			meet(translator, i);
		translator->now = target->known;
		if (!translator->now.reached)
			continue;
		land_jumps(translator, i);
		err = translate_insn(translator, i);
		if (err)
			return err;
	}
	land_rejects(translator);
	return translator->code.error;
}

/* ---- the whole ---- */

/* Finds out what the prologue and the first load have to know about the rest. */
static void look_ahead(struct zr_translator *translator)
{
	const struct zr_translate_options *options = translator->options;

	translator->calls = options->frags;
	for (uint32_t i = 0; i < translator->nr_insns; i++) {
		const struct sock_filter *insn = &translator->insns[i];
		const bool is_load = BPF_CLASS(insn->code) == BPF_LD ||
				     BPF_CLASS(insn->code) == BPF_LDX;
		const unsigned int mode = BPF_MODE(insn->code);
		uint32_t which;

		if (!is_load || mode == BPF_IMM || mode == BPF_MEM)
			continue;
		if (zr_filter_ancillary(insn, &which)) {
			translator->reads_tag |=
				options->vlan_stripped &&
				(which == SKF_AD_VLAN_TAG || which == SKF_AD_VLAN_TPID);
			translator->calls |= which == SKF_AD_PROTOCOL || which == SKF_AD_CPU ||
					     which == SKF_AD_RANDOM;
		} else if (mode == BPF_LEN) {
			translator->calls |= options->without_perfmon;
		} else {
			/* Far, negative or across the tag. */
			translator->calls |=
				(options->without_perfmon || options->vlan_stripped) &&
				(mode == BPF_IND || insn->k > MAX_FIXED || insn->k - 9 < 3);
		}
	}
}

static int allocate(struct zr_translator *translator)
{
	const uint32_t nr = translator->nr_insns;

	translator->targets = calloc(nr, sizeof(*translator->targets));
	/* A conditional jump becomes two at most. */
	translator->jumps = calloc(2 * (size_t)nr, sizeof(*translator->jumps));
	if (!translator->targets || !translator->jumps)
		return -ENOMEM;
	for (uint32_t i = 0; i < nr; i++)
		translator->targets[i].first_jump = NO_JUMP;
	return 0;
}

static int explain(struct zr_translator *translator, int err)
{
	if (err == -ENOMEM)
		return zr_fail(translator->diag, err, "filter",
			       "no memory to translate %u "
			       "instructions",
			       translator->nr_insns);
	if (err == -E2BIG)
		return zr_fail(translator->diag, err, "filter",
			       "the program has %u instructions, and one of its jumps is too long "
			       "for eBPF: make it shorter",
			       translator->nr_insns);
	return err;
}

int zr_filter_translate(const struct sock_filter *insns, uint32_t nr_insns,
			const struct zr_translate_options *options, struct zring_diag *diag,
			struct bpf_insn **ret_insns, uint32_t *ret_nr)
{
	struct zr_translator translator = {
		.insns = insns, .nr_insns = nr_insns, .options = options, .diag = diag};
	int err = zr_filter_check(insns, nr_insns, diag);

	if (err)
		return err;
	look_ahead(&translator);
	err = allocate(&translator);
	if (!err)
		err = translate_all(&translator);
	free(translator.targets);
	free(translator.jumps);
	if (err) {
		free(translator.code.insns);
		return explain(&translator, err);
	}
	*ret_insns = translator.code.insns;
	*ret_nr = translator.code.nr;
	return 0;
}
