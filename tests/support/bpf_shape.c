/* SPDX-License-Identifier: BSD-2-Clause */
#include "bpf_shape.h"

#include <stdbool.h>
#include <stdlib.h>

#define STACK_BYTES 176

static bool is_jump(const struct bpf_insn *insn)
{
	const unsigned int class = BPF_CLASS(insn->code);

	return (class == BPF_JMP || class == BPF_JMP32) && BPF_OP(insn->code) != BPF_CALL &&
	       BPF_OP(insn->code) != BPF_EXIT;
}

static bool ends(const struct bpf_insn *insn)
{
	return insn->code == (BPF_JMP | BPF_EXIT) || insn->code == (BPF_JMP | BPF_JA);
}

static bool known_helper(const struct bpf_insn *insn)
{
	return !insn->src_reg &&
	       (insn->imm == BPF_FUNC_xdp_load_bytes || insn->imm == BPF_FUNC_xdp_get_buff_len ||
		insn->imm == BPF_FUNC_get_prandom_u32 ||
		insn->imm == BPF_FUNC_get_smp_processor_id);
}

static const char *memory_fault(const struct bpf_insn *insn)
{
	const unsigned int class = BPF_CLASS(insn->code);
	const bool store = class == BPF_ST || class == BPF_STX;
	const unsigned int base = class == BPF_LDX ? insn->src_reg : insn->dst_reg;

	if (class == BPF_LD)
		return "takes two slots, or loads as classic BPF does";
	if (store && base != BPF_REG_10)
		return "writes elsewhere than on the stack";
	if ((store || class == BPF_LDX) && base == BPF_REG_10 &&
	    (insn->off >= 0 || insn->off < -STACK_BYTES))
		return "leaves the stack";
	return NULL;
}

static const char *find_fault(const struct bpf_insn *insns, uint32_t nr, bool *reached)
{
	reached[0] = true;
	for (uint32_t i = 0; i < nr; i++) {
		const struct bpf_insn *insn = &insns[i];
		const char *fault = memory_fault(insn);
		uint32_t target;

		if (fault)
			return fault;
		if (!reached[i])
			return "is not reached";
		if (insn->code == (BPF_JMP | BPF_CALL) && !known_helper(insn))
			return "calls an unknown function";
		if (is_jump(insn)) {
			if (insn->off < 0)
				return "jumps backwards";
			target = i + 1 + (uint16_t)insn->off;
			if (target >= nr)
				return "jumps beyond the end";
			reached[target] = true;
		}
		if (!ends(insn) && i + 1 == nr)
			return "falls out of the function";
		if (!ends(insn))
			reached[i + 1] = true;
	}
	return NULL;
}

const char *bpf_shape_fault(const struct bpf_insn *insns, uint32_t nr)
{
	bool *reached = calloc(nr ? nr : 1, sizeof(*reached));
	const char *fault = "there is nothing, or no memory";

	if (nr && reached)
		fault = find_fault(insns, nr, reached);
	free(reached);
	return fault;
}
