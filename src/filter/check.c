/* SPDX-License-Identifier: BSD-2-Clause */
#include "check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../core/diag.h"

#define FIRST_ANCILLARY ((uint32_t)SKF_AD_OFF)

static const bool known_codes[256] = {
	[BPF_ALU | BPF_ADD | BPF_K] = true,
	[BPF_ALU | BPF_ADD | BPF_X] = true,
	[BPF_ALU | BPF_SUB | BPF_K] = true,
	[BPF_ALU | BPF_SUB | BPF_X] = true,
	[BPF_ALU | BPF_MUL | BPF_K] = true,
	[BPF_ALU | BPF_MUL | BPF_X] = true,
	[BPF_ALU | BPF_DIV | BPF_K] = true,
	[BPF_ALU | BPF_DIV | BPF_X] = true,
	[BPF_ALU | BPF_MOD | BPF_K] = true,
	[BPF_ALU | BPF_MOD | BPF_X] = true,
	[BPF_ALU | BPF_AND | BPF_K] = true,
	[BPF_ALU | BPF_AND | BPF_X] = true,
	[BPF_ALU | BPF_OR | BPF_K] = true,
	[BPF_ALU | BPF_OR | BPF_X] = true,
	[BPF_ALU | BPF_XOR | BPF_K] = true,
	[BPF_ALU | BPF_XOR | BPF_X] = true,
	[BPF_ALU | BPF_LSH | BPF_K] = true,
	[BPF_ALU | BPF_LSH | BPF_X] = true,
	[BPF_ALU | BPF_RSH | BPF_K] = true,
	[BPF_ALU | BPF_RSH | BPF_X] = true,
	[BPF_ALU | BPF_NEG] = true,
	[BPF_LD | BPF_W | BPF_ABS] = true,
	[BPF_LD | BPF_H | BPF_ABS] = true,
	[BPF_LD | BPF_B | BPF_ABS] = true,
	[BPF_LD | BPF_W | BPF_IND] = true,
	[BPF_LD | BPF_H | BPF_IND] = true,
	[BPF_LD | BPF_B | BPF_IND] = true,
	[BPF_LD | BPF_W | BPF_LEN] = true,
	[BPF_LD | BPF_IMM] = true,
	[BPF_LD | BPF_MEM] = true,
	[BPF_LDX | BPF_W | BPF_LEN] = true,
	[BPF_LDX | BPF_B | BPF_MSH] = true,
	[BPF_LDX | BPF_IMM] = true,
	[BPF_LDX | BPF_MEM] = true,
	[BPF_ST] = true,
	[BPF_STX] = true,
	[BPF_MISC | BPF_TAX] = true,
	[BPF_MISC | BPF_TXA] = true,
	[BPF_RET | BPF_K] = true,
	[BPF_RET | BPF_A] = true,
	[BPF_JMP | BPF_JA] = true,
	[BPF_JMP | BPF_JEQ | BPF_K] = true,
	[BPF_JMP | BPF_JEQ | BPF_X] = true,
	[BPF_JMP | BPF_JGT | BPF_K] = true,
	[BPF_JMP | BPF_JGT | BPF_X] = true,
	[BPF_JMP | BPF_JGE | BPF_K] = true,
	[BPF_JMP | BPF_JGE | BPF_X] = true,
	[BPF_JMP | BPF_JSET | BPF_K] = true,
	[BPF_JMP | BPF_JSET | BPF_X] = true,
};

bool zr_filter_ancillary(const struct sock_filter *insn, uint32_t *ret_which)
{
	const uint32_t which = insn->k - FIRST_ANCILLARY;

	if (BPF_CLASS(insn->code) != BPF_LD || BPF_MODE(insn->code) != BPF_ABS ||
	    insn->k < FIRST_ANCILLARY || which >= SKF_AD_MAX || which % 4)
		return false;
	*ret_which = which;
	return true;
}

static bool is_memory(uint16_t code)
{
	return code == (BPF_LD | BPF_MEM) || code == (BPF_LDX | BPF_MEM) || code == BPF_ST ||
	       code == BPF_STX;
}

/* What is wrong with one instruction that has @behind others behind it; NULL if nothing. */
static const char *find_fault(const struct sock_filter *insn, uint32_t behind)
{
	uint32_t which;

	if (insn->code >= sizeof(known_codes) || !known_codes[insn->code])
		return "is no operation of classic BPF";
	if (is_memory(insn->code))
		return insn->k < BPF_MEMWORDS ? NULL : "names scratch memory beyond M[15]";
	switch (insn->code) {
	case BPF_ALU | BPF_DIV | BPF_K:
	case BPF_ALU | BPF_MOD | BPF_K:
		return insn->k ? NULL : "divides by 0";
	case BPF_ALU | BPF_LSH | BPF_K:
	case BPF_ALU | BPF_RSH | BPF_K:
		return insn->k < 32 ? NULL : "shifts by more than 31";
	case BPF_JMP | BPF_JA:
		return insn->k < behind ? NULL : "jumps beyond the program's end";
	case BPF_LD | BPF_W | BPF_ABS:
	case BPF_LD | BPF_H | BPF_ABS:
	case BPF_LD | BPF_B | BPF_ABS:
		return insn->k < FIRST_ANCILLARY || zr_filter_ancillary(insn, &which)
			       ? NULL
			       : "loads an ancillary value that does not exist";
	default:
		return BPF_CLASS(insn->code) != BPF_JMP || (insn->jt < behind && insn->jf < behind)
			       ? NULL
			       : "jumps beyond the program's end";
	}
}

/*
 * Scratch memory must be written on each way to a read. Jumps lead forward
 * only, so that one pass knows all ways; @written has a word an instruction
 * and stands at all ones.
 */
static int check_memory(const struct sock_filter *insns, uint32_t nr_insns, uint16_t *written,
			struct zring_diag *diag)
{
	uint16_t now = 0;

	for (uint32_t i = 0; i < nr_insns; i++) {
		const struct sock_filter *insn = &insns[i];

		now &= written[i];
		if (insn->code == BPF_ST || insn->code == BPF_STX) {
			now |= (uint16_t)(1u << insn->k);
		} else if (is_memory(insn->code)) {
			if (!(now >> insn->k & 1))
				return zr_fail(diag, -EINVAL, "filter",
					       "instruction %u reads M[%u], which not every way "
					       "there has written",
					       i, insn->k);
		} else if (BPF_CLASS(insn->code) == BPF_JMP) {
			const bool always = BPF_OP(insn->code) == BPF_JA;

			written[i + 1 + (always ? insn->k : insn->jt)] &= now;
			written[i + 1 + (always ? insn->k : insn->jf)] &= now;
			now = UINT16_MAX;
		}
	}
	return 0;
}

int zr_filter_check(const struct sock_filter *insns, uint32_t nr_insns, struct zring_diag *diag)
{
	uint16_t *written;
	int err;

	if (!insns || !nr_insns)
		return zr_fail(diag, -EINVAL, "filter", "the classic program has no instructions");
	if (nr_insns > BPF_MAXINSNS)
		return zr_fail(diag, -EINVAL, "filter", "%u instructions: the kernel takes %d",
			       nr_insns, BPF_MAXINSNS);
	for (uint32_t i = 0; i < nr_insns; i++) {
		const char *fault = find_fault(&insns[i], nr_insns - i - 1);

		if (fault)
			return zr_fail(diag, -EINVAL, "filter",
				       "instruction %u (code 0x%02x, k 0x%x) %s", i, insns[i].code,
				       insns[i].k, fault);
	}
	if (BPF_CLASS(insns[nr_insns - 1].code) != BPF_RET)
		return zr_fail(diag, -EINVAL, "filter", "the last of %u instructions is no return",
			       nr_insns);
	written = malloc(nr_insns * sizeof(*written));
	if (!written)
		return zr_fail(diag, -ENOMEM, "filter", "no memory to check the program");
	memset(written, 0xff, nr_insns * sizeof(*written));
	err = check_memory(insns, nr_insns, written, diag);
	free(written);
	return err;
}
