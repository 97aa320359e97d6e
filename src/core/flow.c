/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A fanout program meets the packet at different places. What arrives begins at
 * the network header, without the outer tag, which the kernel keeps beside it;
 * a second one stands in front of the packet. What this host sends begins at the
 * link-layer header (net/core/dev.c, dev_queue_xmit_nit). So all loads are
 * relative to X, which steps over what is found.
 *
 * Each address is mixed on its own and the two are added: a sum does not know
 * which one was the source.
 */
#include "flow.h"

#include <errno.h>
#include <linux/if_arp.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <stdbool.h>

#include <zring/fanout.h>

#define MAX_TAGS       3 /* in the packet */
#define MAX_EXTENSIONS 6
#define MAX_LABELS     64

#define ETH_P_QINQ1_OLD 0x9100 /* before 802.1ad had a number of its own */
#define IPPROTO_HIP     139
#define IPPROTO_SHIM6   140

#define V4_FRAGMENT 0x3fffu /* offset, more to come */
#define V6_FRAGMENT 0xfff9u

/* Odd constants of good multiplicative hashes (Murmur3, 32 bits). */
#define MIX_1 0x85ebca6bu
#define MIX_2 0xc2b2ae35u
#define FOLD  0x01000193u

/* Scratch words. */
enum {
	M_BASE, /* where the IP header begins */
	M_SUM,
	M_NEXT, /* while X moves */
	M_HASH,
};

/* Jumps name labels until the end: a conditional one reaches 255 instructions only. */
struct program {
	struct sock_filter *insns;
	uint32_t room, nr; /* nr goes on without room */
	uint32_t nr_labels;
	uint32_t positions[MAX_LABELS];
};

static void emit(struct program *program, unsigned int code, uint32_t k)
{
	if (program->nr < program->room)
		program->insns[program->nr] = (struct sock_filter)BPF_STMT((uint16_t)code, k);
	program->nr++;
}

static uint32_t new_label(struct program *program)
{
	return program->nr_labels++;
}

static void place(struct program *program, uint32_t label)
{
	program->positions[label] = program->nr;
}

static void jump(struct program *program, uint32_t label)
{
	emit(program, BPF_JMP | BPF_JA, label);
}

/* To @label if the comparison of A with @k holds. */
static void jump_if(struct program *program, unsigned int comparison, uint32_t k, uint32_t label)
{
	const struct sock_filter over = BPF_JUMP((uint16_t)(BPF_JMP | comparison | BPF_K), k, 0, 1);

	if (program->nr < program->room)
		program->insns[program->nr] = over;
	program->nr++;
	jump(program, label);
}

static void resolve(struct program *program)
{
	for (uint32_t i = 0; i < program->nr; i++) {
		struct sock_filter *insn = &program->insns[i];

		if (insn->code == (BPF_JMP | BPF_JA))
			insn->k = program->positions[insn->k] - i - 1;
	}
}

static void load(struct program *program, unsigned int size, uint32_t offset)
{
	emit(program, BPF_LD | size | BPF_IND, offset);
}

/* X += bytes, A is kept. */
static void step(struct program *program, uint32_t bytes)
{
	emit(program, BPF_ST, M_NEXT);
	emit(program, BPF_MISC | BPF_TXA, 0);
	emit(program, BPF_ALU | BPF_ADD | BPF_K, bytes);
	emit(program, BPF_MISC | BPF_TAX, 0);
	emit(program, BPF_LD | BPF_MEM, M_NEXT);
}

/* A ^= A >> bits; loses X. */
static void fold_down(struct program *program, uint32_t bits)
{
	emit(program, BPF_MISC | BPF_TAX, 0);
	emit(program, BPF_ALU | BPF_RSH | BPF_K, bits);
	emit(program, BPF_ALU | BPF_XOR | BPF_X, 0);
}

/* A becomes its hash, M_SUM grows by it; loses X. */
static void add_to_sum(struct program *program)
{
	emit(program, BPF_ALU | BPF_MUL | BPF_K, MIX_1);
	fold_down(program, 15);
	emit(program, BPF_ALU | BPF_MUL | BPF_K, MIX_2);
	fold_down(program, 13);
	emit(program, BPF_LDX | BPF_MEM, M_SUM);
	emit(program, BPF_ALU | BPF_ADD | BPF_X, 0);
	emit(program, BPF_ST, M_SUM);
}

/* The @nr_words at X + @offset as one word in A; X is the base again. */
static void add_words(struct program *program, uint32_t offset, uint32_t nr_words)
{
	load(program, BPF_W, offset);
	for (uint32_t i = 1; i < nr_words; i++) {
		emit(program, BPF_ALU | BPF_MUL | BPF_K, FOLD);
		emit(program, BPF_ST, M_HASH);
		load(program, BPF_W, offset + 4 * i);
		emit(program, BPF_LDX | BPF_MEM, M_HASH);
		emit(program, BPF_ALU | BPF_XOR | BPF_X, 0);
		emit(program, BPF_LDX | BPF_MEM, M_BASE);
	}
	add_to_sum(program);
	emit(program, BPF_LDX | BPF_MEM, M_BASE);
}

/* X: where the network layer begins; A: its protocol, or that of a tag. */
static void find_network_layer(struct program *program)
{
	const uint32_t outgoing = new_label(program), ethernet = new_label(program);
	const uint32_t found = new_label(program);

	emit(program, BPF_LD | BPF_W | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_PKTTYPE));
	jump_if(program, BPF_JEQ, PACKET_OUTGOING, outgoing);
	emit(program, BPF_LDX | BPF_IMM, 0);
	emit(program, BPF_LD | BPF_W | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_PROTOCOL));
	jump(program, found);
	place(program, outgoing);
	emit(program, BPF_LD | BPF_W | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_HATYPE));
	jump_if(program, BPF_JEQ, ARPHRD_ETHER, ethernet);
	jump_if(program, BPF_JEQ, ARPHRD_LOOPBACK, ethernet);
	emit(program, BPF_LDX | BPF_IMM, (uint32_t)SKF_NET_OFF);
	emit(program, BPF_LD | BPF_W | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_PROTOCOL));
	jump(program, found);
	place(program, ethernet);
	emit(program, BPF_LDX | BPF_IMM, ETH_HLEN);
	emit(program, BPF_LD | BPF_H | BPF_ABS, 2 * ETH_ALEN);
	place(program, found);
}

/* Over the tags that stand in the packet. */
static void skip_tags(struct program *program)
{
	const uint32_t done = new_label(program);

	for (int i = 0; i < MAX_TAGS; i++) {
		const uint32_t tag = new_label(program);

		jump_if(program, BPF_JEQ, ETH_P_8021Q, tag);
		jump_if(program, BPF_JEQ, ETH_P_8021AD, tag);
		jump_if(program, BPF_JEQ, ETH_P_QINQ1_OLD, tag);
		jump(program, done);
		place(program, tag);
		load(program, BPF_H, 2);
		step(program, 4);
	}
	place(program, done);
}

/* To @ports if protocol A is one whose ports count. */
static void jump_if_ports(struct program *program, uint32_t flow_key, uint32_t ports)
{
	jump_if(program, BPF_JEQ, IPPROTO_TCP, ports);
	jump_if(program, BPF_JEQ, IPPROTO_SCTP, ports);
	if (flow_key != ZRING_FLOW_ALL_PORTS)
		return;
	jump_if(program, BPF_JEQ, IPPROTO_UDP, ports);
	jump_if(program, BPF_JEQ, IPPROTO_UDPLITE, ports);
}

static void hash_ipv4(struct program *program, uint32_t flow_key, uint32_t ports, uint32_t finish)
{
	const uint32_t behind = new_label(program);

	add_words(program, 12, 1);
	add_words(program, 16, 1);
	if (flow_key == ZRING_FLOW_ADDRESSES) {
		jump(program, finish);
		return;
	}
	load(program, BPF_H, 6);
	jump_if(program, BPF_JSET, V4_FRAGMENT, finish);
	load(program, BPF_B, 9);
	jump_if_ports(program, flow_key, behind);
	jump(program, finish);
	place(program, behind);
	load(program, BPF_B, 0);
	emit(program, BPF_ALU | BPF_AND | BPF_K, 0xf);
	emit(program, BPF_ALU | BPF_LSH | BPF_K, 2);
	emit(program, BPF_ALU | BPF_ADD | BPF_X, 0);
	emit(program, BPF_MISC | BPF_TAX, 0);
	jump(program, ports);
}

/* Over an extension header whose length in A is in units of 1 << @shift, @extra not counted. */
static void skip_extension(struct program *program, uint32_t extra, uint32_t shift)
{
	load(program, BPF_B, 0);
	emit(program, BPF_ST, M_NEXT);
	load(program, BPF_B, 1);
	emit(program, BPF_ALU | BPF_ADD | BPF_K, extra);
	emit(program, BPF_ALU | BPF_LSH | BPF_K, shift);
	emit(program, BPF_ALU | BPF_ADD | BPF_X, 0);
	emit(program, BPF_MISC | BPF_TAX, 0);
	emit(program, BPF_LD | BPF_MEM, M_NEXT);
}

/* A: what header stands at X. Falls through to the one behind it, unless it is the end. */
static void walk_extension(struct program *program, uint32_t finish)
{
	static const uint8_t in_eights[] = {IPPROTO_HOPOPTS, IPPROTO_ROUTING, IPPROTO_DSTOPTS,
					    IPPROTO_MH,      IPPROTO_HIP,     IPPROTO_SHIM6};
	const uint32_t eights = new_label(program), fragment = new_label(program);
	const uint32_t authentication = new_label(program), next = new_label(program);

	for (uint32_t i = 0; i < sizeof(in_eights); i++)
		jump_if(program, BPF_JEQ, in_eights[i], eights);
	jump_if(program, BPF_JEQ, IPPROTO_FRAGMENT, fragment);
	jump_if(program, BPF_JEQ, IPPROTO_AH, authentication);
	jump(program, finish);
	place(program, fragment);
	load(program, BPF_H, 2);
	jump_if(program, BPF_JSET, V6_FRAGMENT, finish);
	load(program, BPF_B, 0); /* whole all the same: RFC 6946 */
	step(program, 8);
	jump(program, next);
	place(program, authentication);
	skip_extension(program, 2, 2);
	jump(program, next);
	place(program, eights);
	skip_extension(program, 1, 3);
	place(program, next);
}

static void hash_ipv6(struct program *program, uint32_t flow_key, uint32_t ports, uint32_t finish)
{
	add_words(program, 8, 4);
	add_words(program, 24, 4);
	if (flow_key == ZRING_FLOW_ADDRESSES) {
		jump(program, finish);
		return;
	}
	load(program, BPF_B, 6);
	step(program, 40);
	for (int i = 0; i < MAX_EXTENSIONS; i++) {
		jump_if_ports(program, flow_key, ports);
		walk_extension(program, finish);
	}
	jump_if_ports(program, flow_key, ports);
	jump(program, finish);
}

/* What is not IP: the last four bytes of the Ethernet addresses, where there are such. */
static void hash_link_layer(struct program *program, uint32_t finish)
{
	const uint32_t ethernet = new_label(program);

	emit(program, BPF_LD | BPF_W | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_HATYPE));
	jump_if(program, BPF_JEQ, ARPHRD_ETHER, ethernet);
	emit(program, BPF_RET | BPF_K, 0);
	place(program, ethernet);
	for (uint32_t i = 0; i < 2; i++) {
		emit(program, BPF_LD | BPF_W | BPF_ABS,
		     (uint32_t)SKF_LL_OFF + 2 + i * (uint32_t)ETH_ALEN);
		add_to_sum(program);
	}
	jump(program, finish);
}

static void hash_packet(struct program *program, uint32_t flow_key)
{
	const uint32_t ipv4 = new_label(program), ipv6 = new_label(program);
	const uint32_t ports = new_label(program), finish = new_label(program);

	emit(program, BPF_LD | BPF_IMM, 0);
	emit(program, BPF_ST, M_SUM);
	find_network_layer(program);
	skip_tags(program);
	emit(program, BPF_STX, M_BASE);
	jump_if(program, BPF_JEQ, ETH_P_IP, ipv4);
	jump_if(program, BPF_JEQ, ETH_P_IPV6, ipv6);
	hash_link_layer(program, finish);
	place(program, ipv4);
	hash_ipv4(program, flow_key, ports, finish);
	place(program, ipv6);
	hash_ipv6(program, flow_key, ports, finish);
	place(program, ports);
	if (flow_key != ZRING_FLOW_ADDRESSES) {
		emit(program, BPF_STX, M_BASE);
		load(program, BPF_H, 0);
		add_to_sum(program);
		emit(program, BPF_LDX | BPF_MEM, M_BASE);
		load(program, BPF_H, 2);
		add_to_sum(program);
	}
	place(program, finish);
	emit(program, BPF_LD | BPF_MEM, M_SUM);
	fold_down(program, 16);
	emit(program, BPF_ALU | BPF_MUL | BPF_K, MIX_1);
	fold_down(program, 13);
	emit(program, BPF_RET | BPF_A, 0);
}

int zr_flow_program(uint32_t flow_key, struct sock_filter *insns, uint32_t room)
{
	struct program program = {.insns = insns, .room = room};

	if (flow_key > ZRING_FLOW_ALL_PORTS)
		return -EINVAL;
	hash_packet(&program, flow_key);
	if (program.nr > room)
		return -ENOSPC;
	resolve(&program);
	return (int)program.nr;
}
