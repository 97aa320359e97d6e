/* SPDX-License-Identifier: BSD-2-Clause */
#include "translator.h"

#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <stddef.h>
#include <string.h>

#include "../core/diag.h"

/* As eth_type_trans() has it: below 0x600 stands a length, and the next bytes tell. */
static void emit_protocol(struct zr_translator *translator)
{
	struct zr_emitter *code = &translator->code;
	uint32_t done, missing, other;

	zr_translate_fixed(translator, R_A, BPF_H, ADDRESSES_BYTES);
	done = zr_emit_jump_if_imm(code, BPF_JMP32, BPF_JGE, R_A, ETH_P_802_3_MIN);
	zr_emit_alu32_imm(code, BPF_MOV, R_A, ETH_P_802_2);
	zr_emit_alu64_imm(code, BPF_MOV, BPF_REG_2, HEADER_BYTES);
	zr_translate_add_shift(translator);
	missing = zr_translate_fetch(translator, 2);
	zr_emit_load(code, BPF_H, BPF_REG_1, R_STACK, AT_BUFFER);
	other = zr_emit_jump_if_imm(code, BPF_JMP32, BPF_JNE, BPF_REG_1, 0xffff);
	zr_emit_alu32_imm(code, BPF_MOV, R_A, ETH_P_802_3);
	zr_emit_land(code, done);
	zr_emit_land(code, missing);
	zr_emit_land(code, other);
	translator->now.a_small = true;
}

/* The destination address: its first 4 bytes into r3, the others into r4. */
static void emit_destination(struct zr_translator *translator)
{
	const struct zr_translate_options *options = translator->options;
	const unsigned int base = options->vlan_stripped ? BPF_REG_2 : R_FRAME;
	struct zr_emitter *code = &translator->code;
	uint32_t within, over = 0;

	if (options->vlan_stripped)
		zr_emit_load(code, BPF_DW, base, R_STACK, AT_DATA);
	if (options->frags) {
		within = zr_translate_compare(translator, base, ETH_ALEN, BPF_JLE);
		zr_emit_alu64_imm(code, BPF_MOV, BPF_REG_2, 0);
		zr_translate_reject(translator, zr_translate_fetch(translator, ETH_ALEN));
		zr_emit_load(code, BPF_W, BPF_REG_3, R_STACK, AT_BUFFER);
		zr_emit_load(code, BPF_H, BPF_REG_4, R_STACK, AT_BUFFER + 4);
		over = zr_emit_jump(code);
		zr_emit_land(code, within);
	} else if (!options->vlan_stripped) {
		zr_translate_reject(translator,
				    zr_translate_compare(translator, base, ETH_ALEN, BPF_JGT));
	}
	zr_emit_load(code, BPF_W, BPF_REG_3, base, 0);
	zr_emit_load(code, BPF_H, BPF_REG_4, base, 4);
	if (options->frags)
		zr_emit_land(code, over);
}

static void emit_packet_type(struct zr_translator *translator)
{
	static const uint8_t group_bit[4] = {1};
	struct zr_emitter *code = &translator->code;
	uint32_t first, group, other, is_group, not_ours, done[4];
	uint16_t last;

	memcpy(&first, translator->options->mac, sizeof(first));
	memcpy(&last, translator->options->mac + sizeof(first), sizeof(last));
	memcpy(&group, group_bit, sizeof(group));
	emit_destination(translator);
	zr_emit_alu32_imm(code, BPF_MOV, R_A, PACKET_HOST);
	not_ours = zr_emit_jump_if_imm(code, BPF_JMP32, BPF_JNE, BPF_REG_3, first);
	done[0] = zr_emit_jump_if_imm(code, BPF_JMP32, BPF_JEQ, BPF_REG_4, last);
	zr_emit_land(code, not_ours);
	zr_emit_alu32_imm(code, BPF_MOV, R_A, PACKET_MULTICAST);
	is_group = zr_emit_jump_if_imm(code, BPF_JMP32, BPF_JSET, BPF_REG_3, group);
	zr_emit_alu32_imm(code, BPF_MOV, R_A, PACKET_OTHERHOST);
	done[1] = zr_emit_jump(code);
	zr_emit_land(code, is_group);
	other = zr_emit_jump_if_imm(code, BPF_JMP32, BPF_JNE, BPF_REG_3, UINT32_MAX);
	done[2] = zr_emit_jump_if_imm(code, BPF_JMP32, BPF_JNE, BPF_REG_4, UINT16_MAX);
	zr_emit_alu32_imm(code, BPF_MOV, R_A, PACKET_BROADCAST);
	zr_emit_land(code, other);
	for (uint32_t i = 0; i < 3; i++)
		zr_emit_land(code, done[i]);
	translator->now.a_small = true;
}

static void emit_helper(struct zr_translator *translator, uint32_t helper)
{
	zr_emit_call(&translator->code, helper);
	zr_emit_alu32(&translator->code, BPF_MOV, R_A, BPF_REG_0);
}

static void emit_constant(struct zr_translator *translator, uint32_t value)
{
	zr_emit_alu32_imm(&translator->code, BPF_MOV, R_A, value);
}

/* With the bytes of the wire nothing was taken out: 0, as a packet socket on lo has it. */
static void emit_tag(struct zr_translator *translator, uint32_t which)
{
	struct zr_emitter *code = &translator->code;

	if (!translator->options->vlan_stripped) {
		emit_constant(translator, 0);
	} else if (which == SKF_AD_VLAN_TAG_PRESENT) {
		zr_emit_load(code, BPF_DW, R_A, R_STACK, AT_SHIFT);
		zr_emit_alu32_imm(code, BPF_RSH, R_A, 2); /* TAG_BYTES to 1 */
	} else {
		zr_emit_load(code, BPF_DW, R_A, R_STACK,
			     which == SKF_AD_VLAN_TAG ? AT_TCI : AT_TPID);
	}
}

static const char *name_of(uint32_t which)
{
	switch (which) {
	case SKF_AD_NLATTR:
		return "SKF_AD_NLATTR (a netlink attribute)";
	case SKF_AD_NLATTR_NEST:
		return "SKF_AD_NLATTR_NEST (a netlink attribute)";
	case SKF_AD_MARK:
		return "SKF_AD_MARK (the mark of an skb)";
	case SKF_AD_RXHASH:
		return "SKF_AD_RXHASH (the hash of an skb)";
	default:
		return "SKF_AD_PAY_OFFSET (the kernel's flow dissector)";
	}
}

int zr_translate_ancillary(struct zr_translator *translator, uint32_t index, uint32_t which)
{
	translator->now.a_small = false;
	switch (which) {
	case SKF_AD_PROTOCOL:
		emit_protocol(translator);
		return 0;
	case SKF_AD_PKTTYPE:
		emit_packet_type(translator);
		return 0;
	case SKF_AD_IFINDEX:
		emit_constant(translator, translator->options->ifindex);
		return 0;
	case SKF_AD_HATYPE:
		emit_constant(translator, translator->options->hatype);
		return 0;
	case SKF_AD_QUEUE:
		zr_emit_load(&translator->code, BPF_W, R_A, R_CTX,
			     offsetof(struct xdp_md, rx_queue_index));
		return 0;
	case SKF_AD_CPU:
		emit_helper(translator, BPF_FUNC_get_smp_processor_id);
		return 0;
	case SKF_AD_RANDOM:
		emit_helper(translator, BPF_FUNC_get_prandom_u32);
		return 0;
	case SKF_AD_ALU_XOR_X:
		zr_emit_alu32(&translator->code, BPF_XOR, R_A, R_X);
		return 0;
	case SKF_AD_VLAN_TAG:
	case SKF_AD_VLAN_TAG_PRESENT:
	case SKF_AD_VLAN_TPID:
		emit_tag(translator, which);
		return 0;
	default:
		return zr_fail(translator->diag, -ENOTSUP, "filter",
			       "instruction %u loads %s, which XDP can't know: use a packet socket "
			       "(AF_PACKET) or leave this test to the program that reads",
			       index, name_of(which));
	}
}
