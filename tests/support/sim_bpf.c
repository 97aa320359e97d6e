/* SPDX-License-Identifier: BSD-2-Clause */
#include "sim_bpf.h"

#include <linux/if_ether.h>

#include "sim.h"

#define OPERATION(code) ((code)&0xf0)
#define SOURCE(code)    ((code)&0x08)

struct machine {
	const struct sim_bpf_packet *packet;
	uint32_t a, x;
	uint32_t memory[BPF_MEMWORDS];
	bool ended;
};

static bool valid_code(uint16_t code)
{
	static const uint16_t codes[] = {
		BPF_ALU | BPF_ADD | BPF_K,
		BPF_ALU | BPF_ADD | BPF_X,
		BPF_ALU | BPF_SUB | BPF_K,
		BPF_ALU | BPF_SUB | BPF_X,
		BPF_ALU | BPF_MUL | BPF_K,
		BPF_ALU | BPF_MUL | BPF_X,
		BPF_ALU | BPF_DIV | BPF_K,
		BPF_ALU | BPF_DIV | BPF_X,
		BPF_ALU | BPF_MOD | BPF_K,
		BPF_ALU | BPF_MOD | BPF_X,
		BPF_ALU | BPF_XOR | BPF_K,
		BPF_ALU | BPF_XOR | BPF_X,
		BPF_ALU | BPF_AND | BPF_K,
		BPF_ALU | BPF_AND | BPF_X,
		BPF_ALU | BPF_OR | BPF_K,
		BPF_ALU | BPF_OR | BPF_X,
		BPF_ALU | BPF_XOR | BPF_K,
		BPF_ALU | BPF_XOR | BPF_X,
		BPF_ALU | BPF_LSH | BPF_K,
		BPF_ALU | BPF_LSH | BPF_X,
		BPF_ALU | BPF_RSH | BPF_K,
		BPF_ALU | BPF_RSH | BPF_X,
		BPF_ALU | BPF_NEG,
		BPF_LD | BPF_W | BPF_ABS,
		BPF_LD | BPF_H | BPF_ABS,
		BPF_LD | BPF_B | BPF_ABS,
		BPF_LD | BPF_W | BPF_LEN,
		BPF_LD | BPF_W | BPF_IND,
		BPF_LD | BPF_H | BPF_IND,
		BPF_LD | BPF_B | BPF_IND,
		BPF_LD | BPF_IMM,
		BPF_LD | BPF_MEM,
		BPF_LDX | BPF_W | BPF_LEN,
		BPF_LDX | BPF_B | BPF_MSH,
		BPF_LDX | BPF_IMM,
		BPF_LDX | BPF_MEM,
		BPF_ST,
		BPF_STX,
		BPF_MISC | BPF_TAX,
		BPF_MISC | BPF_TXA,
		BPF_RET | BPF_K,
		BPF_RET | BPF_A,
		BPF_JMP | BPF_JA,
		BPF_JMP | BPF_JEQ | BPF_K,
		BPF_JMP | BPF_JEQ | BPF_X,
		BPF_JMP | BPF_JGE | BPF_K,
		BPF_JMP | BPF_JGE | BPF_X,
		BPF_JMP | BPF_JGT | BPF_K,
		BPF_JMP | BPF_JGT | BPF_X,
		BPF_JMP | BPF_JSET | BPF_K,
		BPF_JMP | BPF_JSET | BPF_X,
	};

	for (unsigned int i = 0; i < sizeof(codes) / sizeof(*codes); i++)
		if (code == codes[i])
			return true;
	return false;
}

static bool valid_insn(const struct sock_filter *insn, uint32_t behind)
{
	switch (insn->code) {
	case BPF_ALU | BPF_DIV | BPF_K:
	case BPF_ALU | BPF_MOD | BPF_K:
		return insn->k != 0;
	case BPF_ALU | BPF_LSH | BPF_K:
	case BPF_ALU | BPF_RSH | BPF_K:
		return insn->k < 32;
	case BPF_LD | BPF_MEM:
	case BPF_LDX | BPF_MEM:
	case BPF_ST:
	case BPF_STX:
		return insn->k < BPF_MEMWORDS;
	case BPF_JMP | BPF_JA:
		return insn->k < behind;
	default:
		return BPF_CLASS(insn->code) != BPF_JMP || (insn->jt < behind && insn->jf < behind);
	}
}

bool sim_bpf_valid(const struct sock_filter *insns, uint32_t nr)
{
	if (!nr || nr > BPF_MAXINSNS || BPF_CLASS(insns[nr - 1].code) != BPF_RET)
		return false;
	for (uint32_t i = 0; i < nr; i++)
		if (!valid_code(insns[i].code) || !valid_insn(&insns[i], nr - i - 1))
			return false;
	return true;
}

/* Where a negative offset points (bpf_internal_load_pointer_neg_helper); NULL: nowhere. */
static const uint8_t *negative(const struct sim_bpf_packet *packet, uint32_t at, uint32_t bytes)
{
	const bool of_network = at >= (uint32_t)SKF_NET_OFF;
	const uint8_t *from = of_network ? packet->network : packet->link;
	const uint32_t base = of_network ? (uint32_t)SKF_NET_OFF : (uint32_t)SKF_LL_OFF;

	if (!from || at < base || at - base + (uint64_t)bytes > (uint64_t)(packet->end - from))
		return NULL;
	return from + (at - base);
}

static const uint8_t *in_data(const struct sim_bpf_packet *packet, uint64_t at, uint32_t bytes)
{
	return at + bytes <= packet->len ? packet->data + at : NULL;
}

/* Bytes at an offset that, taken as negative, counts from the network or the link header. */
static uint32_t load(struct machine *machine, uint32_t size, uint32_t at)
{
	const struct sim_bpf_packet *packet = machine->packet;
	const uint32_t bytes = size == BPF_W ? 4 : size == BPF_H ? 2 : 1;
	const uint8_t *from = NULL;
	uint32_t value = 0;

	if (at > INT32_MAX && (packet->link || packet->network))
		from = negative(packet, at, bytes);
	else if (at > INT32_MAX && at >= (uint32_t)SKF_NET_OFF)
		from = in_data(packet, at - (uint32_t)SKF_NET_OFF + (uint64_t)ETH_HLEN, bytes);
	else if (at > INT32_MAX && at >= (uint32_t)SKF_LL_OFF)
		from = in_data(packet, at - (uint32_t)SKF_LL_OFF, bytes);
	else
		from = in_data(packet, at, bytes);
	if (!from) {
		machine->ended = true;
		return 0;
	}
	for (uint32_t i = 0; i < bytes; i++)
		value = value << 8 | from[i];
	return value;
}

static uint32_t ancillary(const struct machine *machine, uint32_t which)
{
	const struct sim_bpf_packet *packet = machine->packet;

	switch (which) {
	case SKF_AD_PROTOCOL:
		return packet->protocol;
	case SKF_AD_PKTTYPE:
		return packet->pkttype;
	case SKF_AD_IFINDEX:
		return packet->ifindex;
	case SKF_AD_HATYPE:
		return packet->hatype;
	case SKF_AD_QUEUE:
		return packet->queue;
	case SKF_AD_ALU_XOR_X:
		return machine->a ^ machine->x;
	case SKF_AD_VLAN_TAG:
		return packet->vlan_tci;
	case SKF_AD_VLAN_TAG_PRESENT:
		return packet->vlan_present;
	case SKF_AD_VLAN_TPID:
		return packet->vlan_tpid;
	default:
		return 0;
	}
}

static void load_a(struct machine *machine, const struct sock_filter *insn)
{
	switch (BPF_MODE(insn->code)) {
	case BPF_ABS:
		machine->a = insn->k >= (uint32_t)SKF_AD_OFF
				     ? ancillary(machine, insn->k - (uint32_t)SKF_AD_OFF)
				     : load(machine, BPF_SIZE(insn->code), insn->k);
		break;
	case BPF_IND:
		machine->a = load(machine, BPF_SIZE(insn->code), machine->x + insn->k);
		break;
	case BPF_LEN:
		machine->a = machine->packet->len;
		break;
	case BPF_MEM:
		machine->a = machine->memory[insn->k];
		break;
	default:
		machine->a = insn->k;
		break;
	}
}

static void load_x(struct machine *machine, const struct sock_filter *insn)
{
	switch (BPF_MODE(insn->code)) {
	case BPF_MSH:
		machine->x = (load(machine, BPF_B, insn->k) & 0xf) * 4;
		break;
	case BPF_LEN:
		machine->x = machine->packet->len;
		break;
	case BPF_MEM:
		machine->x = machine->memory[insn->k];
		break;
	default:
		machine->x = insn->k;
		break;
	}
}

static void compute(struct machine *machine, const struct sock_filter *insn)
{
	const uint32_t operand = SOURCE(insn->code) == BPF_X ? machine->x : insn->k;

	switch (OPERATION(insn->code)) {
	case BPF_ADD:
		machine->a += operand;
		break;
	case BPF_SUB:
		machine->a -= operand;
		break;
	case BPF_MUL:
		machine->a *= operand;
		break;
	case BPF_DIV:
		machine->ended = !operand;
		machine->a = operand ? machine->a / operand : 0;
		break;
	case BPF_MOD:
		machine->ended = !operand;
		machine->a = operand ? machine->a % operand : 0;
		break;
	case BPF_XOR:
		machine->a ^= operand;
		break;
	case BPF_AND:
		machine->a &= operand;
		break;
	case BPF_OR:
		machine->a |= operand;
		break;
	case BPF_LSH:
		machine->a <<= operand & 31;
		break;
	case BPF_RSH:
		machine->a >>= operand & 31;
		break;
	default: /* BPF_NEG */
		machine->a = 0 - machine->a;
		break;
	}
}

static uint32_t jump(const struct machine *machine, const struct sock_filter *insn)
{
	const uint32_t operand = SOURCE(insn->code) == BPF_X ? machine->x : insn->k;
	bool holds;

	switch (OPERATION(insn->code)) {
	case BPF_JA:
		return insn->k;
	case BPF_JEQ:
		holds = machine->a == operand;
		break;
	case BPF_JGT:
		holds = machine->a > operand;
		break;
	case BPF_JGE:
		holds = machine->a >= operand;
		break;
	default: /* BPF_JSET */
		holds = machine->a & operand;
		break;
	}
	return holds ? insn->jt : insn->jf;
}

uint32_t sim_bpf_run(const struct sock_filter *insns, const struct sim_bpf_packet *packet)
{
	struct machine machine = {.packet = packet};

	for (uint32_t at = 0; !machine.ended; at++) {
		const struct sock_filter *insn = &insns[at];

		switch (BPF_CLASS(insn->code)) {
		case BPF_LD:
			load_a(&machine, insn);
			break;
		case BPF_LDX:
			load_x(&machine, insn);
			break;
		case BPF_ST:
			machine.memory[insn->k] = machine.a;
			break;
		case BPF_STX:
			machine.memory[insn->k] = machine.x;
			break;
		case BPF_ALU:
			compute(&machine, insn);
			break;
		case BPF_JMP:
			at += jump(&machine, insn);
			break;
		case BPF_RET:
			return BPF_RVAL(insn->code) == BPF_A ? machine.a : insn->k;
		default:
			if (BPF_MISCOP(insn->code) == BPF_TAX)
				machine.x = machine.a;
			else
				machine.a = machine.x;
			break;
		}
	}
	return 0;
}

static struct sock_filter random_insn(uint64_t *random, uint32_t behind)
{
	static const uint16_t plain[] = {
		BPF_ALU | BPF_ADD | BPF_K, BPF_ALU | BPF_SUB | BPF_X, BPF_ALU | BPF_MUL | BPF_K,
		BPF_ALU | BPF_AND | BPF_K, BPF_ALU | BPF_OR | BPF_X,  BPF_ALU | BPF_DIV | BPF_X,
		BPF_ALU | BPF_NEG,         BPF_LD | BPF_W | BPF_ABS,  BPF_LD | BPF_H | BPF_ABS,
		BPF_LD | BPF_B | BPF_IND,  BPF_LD | BPF_W | BPF_LEN,  BPF_LD | BPF_IMM,
		BPF_LDX | BPF_B | BPF_MSH, BPF_LDX | BPF_IMM,         BPF_MISC | BPF_TAX,
		BPF_MISC | BPF_TXA,
	};
	const uint32_t kind = sim_below(random, 16);
	struct sock_filter insn = {.k = sim_below(random, 80)};

	if (kind < 3)
		insn.code = kind ? BPF_RET | BPF_A : BPF_RET | BPF_K;
	else if (kind < 5)
		insn = (struct sock_filter){kind == 3 ? BPF_ST : BPF_LD | BPF_MEM, 0, 0,
					    insn.k % BPF_MEMWORDS};
	else if (kind < 9 && behind)
		insn = (struct sock_filter){
			kind & 1 ? BPF_JMP | BPF_JGT | BPF_K : BPF_JMP | BPF_JSET | BPF_X,
			(uint8_t)sim_below(random, behind < 255 ? behind : 255),
			(uint8_t)sim_below(random, behind < 255 ? behind : 255), insn.k};
	else if (kind == 9 && behind)
		insn = (struct sock_filter){BPF_JMP | BPF_JA, 0, 0, sim_below(random, behind)};
	else
		insn.code = plain[sim_below(random, sizeof(plain) / sizeof(*plain))];
	return insn;
}

void sim_bpf_make(uint64_t *random, struct sock_filter *insns, uint32_t nr)
{
	for (uint32_t i = 0; i + 1 < nr; i++) {
		insns[i] = random_insn(random, nr - i - 1);
		/* Programs that end at once test little. */
		if (BPF_CLASS(insns[i].code) == BPF_RET && sim_below(random, 3))
			insns[i] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_B | BPF_ABS,
								sim_below(random, 64));
	}
	insns[nr - 1] = sim_below(random, 2)
				? (struct sock_filter)BPF_STMT(BPF_RET | BPF_A, 0)
				: (struct sock_filter)BPF_STMT(
					  BPF_RET | BPF_K, sim_below(random, 2) ? UINT32_MAX : 40);
}
