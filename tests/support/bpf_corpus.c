/* SPDX-License-Identifier: BSD-2-Clause */
#include "bpf_corpus.h"

#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <string.h>

#include "sim.h"

#define ADDRESSES    12u
#define COUNT(array) ((uint32_t)(sizeof(array) / sizeof((array)[0])))

const uint8_t bpf_corpus_mac[6] = {0x02, 0x9a, 0x11, 0x22, 0x33, 0x44};

/* ---- frames ---- */

static const uint8_t arp[] = {0x08, 0x06, 0, 1, 8, 0, 6, 4, 0, 1, 2, 0,  0, 0, 0,
			      2,    10,   9, 0, 2, 0, 0, 0, 0, 0, 0, 10, 9, 0, 1};
/* 10.9.0.2:80 > 10.9.0.1:443, options in the TCP header */
static const uint8_t tcp_options[] = {
	0x08, 0x00, 0x45, 0,    0, 60, 0, 1, 0x40, 0, 64, 6, 0,    0, 10,   9,    0, 2, 10, 9, 0, 1,
	0,    80,   1,    0xbb, 0, 0,  0, 1, 0,    0, 0,  0, 0xa0, 2, 0xff, 0xff, 0, 0, 0,  0, 2, 4,
	5,    0xb4, 4,    2,    8, 10, 0, 0, 0,    1, 0,  0, 0,    0, 1,    3,    3, 7};
/* the same ports behind 12 bytes of IP options */
static const uint8_t ip_options[] = {0x08, 0x00, 0x48, 0, 0,    52,   0, 1,  0, 0,  64, 6, 0, 0,
				     192,  168,  1,    2, 192,  168,  1, 1,  7, 11, 4,  0, 0, 0,
				     0,    0,    0,    0, 0,    0,    0, 80, 0, 22, 0,  0, 0, 9,
				     0,    0,    0,    8, 0x50, 0x12, 1, 0,  0, 0,  0,  0};
static const uint8_t udp_dns[] = {0x08, 0x00, 0x45, 0, 0, 36, 0, 7, 0, 0,    64,   17, 0,
				  0,    10,   9,    0, 2, 8,  8, 8, 8, 0xd4, 0x31, 0,  53,
				  0,    16,   0,    0, 1, 2,  3, 4, 5, 6,    7,    8};
static const uint8_t fragment[] = {0x08, 0x00, 0x45, 0x10, 0, 36, 0, 7, 0x20, 0x05, 64, 17, 0,
				   0,    10,   9,    0,    2, 10, 9, 0, 1,    0,    80, 0,  53,
				   0,    16,   0,    0,    1, 2,  3, 4, 5,    6,    7,  8};
static const uint8_t icmp[] = {0x08, 0x00, 0x45, 0,  0, 28, 0, 1, 0, 0,    1,    1, 0, 0, 10,
			       9,    0,    2,    10, 9, 0,  1, 8, 0, 0xf7, 0xff, 0, 0, 0, 0};
/* 2001:db8::1 > 2001:db8::2, UDP 5353 */
static const uint8_t udp6[] = {0x86, 0xdd, 0x60, 0,    0, 0,  0, 12, 17, 64, 0x20, 1, 0xd,  0xb8,
			       0,    0,    0,    0,    0, 0,  0, 0,  0,  0,  0,    1, 0x20, 1,
			       0xd,  0xb8, 0,    0,    0, 0,  0, 0,  0,  0,  0,    0, 0,    2,
			       0x14, 0xe9, 0x14, 0xe9, 0, 12, 0, 0,  1,  2,  3,    4};
static const uint8_t tcp6[] = {0x86, 0xdd, 0x60, 0,    0,  0,    0, 20, 6, 255, 0xfe, 0x80, 0,
			       0,    0,    0,    0,    0,  0,    0, 0,  0, 0,   0,    0,    1,
			       0xff, 2,    0,    0,    0,  0,    0, 0,  0, 0,   0,    0,    0,
			       0,    0,    1,    0,    22, 0xc0, 0, 0,  0, 0,   1,    0,    0,
			       0,    2,    0x50, 0x18, 1,  0,    0, 0,  0, 0};
/* a fragment header in front of UDP */
static const uint8_t fragment6[] = {0x86, 0xdd, 0x60, 0,  0,   0,    0,  16, 44, 64, 0x20, 1,
				    0xd,  0xb8, 0,    0,  0,   0,    0,  0,  0,  0,  0,    0,
				    0,    1,    0x20, 1,  0xd, 0xb8, 0,  0,  0,  0,  0,    0,
				    0,    0,    0,    0,  0,   2,    17, 0,  0,  1,  0,    0,
				    0,    5,    0,    53, 0,   53,   0,  8,  0,  0};
static const uint8_t stp[] = {0, 38, 0x42, 0x42, 3, 0, 0, 0, 0, 0, 0x80, 0, 0, 1, 2, 3};
static const uint8_t ipx[] = {0, 34, 0xff, 0xff, 0, 34, 0, 17, 0, 0};
/* The longest length, the first type, and between them. */
static const uint8_t length_max[] = {5, 0xff, 0xaa, 0xaa, 3};
static const uint8_t type_min[] = {6, 0, 1, 2, 3};
static const uint8_t pppoe[] = {0x88, 0x64, 0x11, 0, 0, 1, 0, 22, 0, 0x21, 0x45, 0, 0, 20, 0, 1};
static const uint8_t mpls[] = {0x88, 0x47, 0, 1, 0x81, 64, 0x45, 0, 0, 20, 0, 1, 0, 0, 64, 17};
static const uint8_t bare[] = {0x88, 0xb5};
static const uint8_t empty_sap[] = {0, 0};

struct kind {
	const char *name;
	const uint8_t *data;
	uint32_t len;
};
#define KIND(array)                          \
	{                                    \
#array, array, sizeof(array) \
	}

static const struct kind kinds[] = {
	KIND(arp),        KIND(tcp_options), KIND(ip_options), KIND(udp_dns),   KIND(fragment),
	KIND(icmp),       KIND(udp6),        KIND(tcp6),       KIND(fragment6), KIND(stp),
	KIND(ipx),        KIND(pppoe),       KIND(mpls),       KIND(bare),      KIND(empty_sap),
	KIND(length_max), KIND(type_min),
};

static const uint8_t tag_bytes[][9] = {
	{0},                                              /* none */
	{4, 0x81, 0x00, 0x20, 0x64},                      /* 802.1Q, VLAN 100 */
	{4, 0x88, 0xa8, 0x00, 0x00},                      /* 802.1ad, all zero */
	{8, 0x88, 0xa8, 0x00, 0x65, 0x81, 0x00, 0xff, 7}, /* QinQ */
	{8, 0x81, 0x00, 0x00, 0x66, 0x81, 0x00, 0x00, 7}, /* QinQ of old */
};

static const uint8_t destinations[][6] = {
	{0x02, 0x9a, 0x11, 0x22, 0x33, 0x44}, {0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
	{0x01, 0x00, 0x5e, 0x00, 0x00, 0xfb}, {0x02, 0x9a, 0x11, 0x22, 0x33, 0x45},
	{0x02, 0x9a, 0x11, 0x23, 0x33, 0x44}, {0xff, 0xff, 0xff, 0xff, 0xfe, 0xff},
};

/* Noise, of these lengths; the second half of them with a tag in front of it. */
static const uint32_t noise_lengths[] = {14, 15, 16, 17, 18, 19, 20, 21, 22, 26, 40, 64, 300, 1514};
static const uint32_t long_lengths[] = {3000, 4200, 5001, 9014};

#define NR_KINDS (COUNT(kinds) * COUNT(tag_bytes))
#define NR_NOISE (2 * COUNT(noise_lengths))

uint32_t bpf_corpus_count(void)
{
	return NR_KINDS + NR_NOISE + 2 * COUNT(long_lengths);
}

static void put(struct bpf_corpus_frame *frame, const uint8_t *data, uint32_t len)
{
	memcpy(frame->data + frame->len, data, len);
	frame->len += len;
}

static void fill(struct bpf_corpus_frame *frame, uint32_t index, uint32_t len)
{
	uint64_t random = index;

	while (frame->len < len)
		frame->data[frame->len++] = (uint8_t)sim_random(&random);
	frame->len = len;
}

void bpf_corpus_frame(uint32_t index, struct bpf_corpus_frame *ret_frame)
{
	static const uint8_t source[6] = {2, 0, 0, 0, 0, 9};
	const uint8_t *tags = tag_bytes[index % COUNT(tag_bytes)];

	ret_frame->len = 0;
	put(ret_frame, destinations[index % COUNT(destinations)], ETH_ALEN);
	put(ret_frame, source, ETH_ALEN);
	if (index < NR_KINDS) {
		const struct kind *kind = &kinds[index / COUNT(tag_bytes)];

		ret_frame->name = kind->name;
		put(ret_frame, tags + 1, tags[0]);
		put(ret_frame, kind->data, kind->len);
		/* Some end where their content does, others are padded. */
		if (index % 3)
			fill(ret_frame, index, ret_frame->len + index % 7 * 5);
		return;
	}
	index -= NR_KINDS;
	if (index % 2)
		put(ret_frame, tag_bytes[1 + index % 4] + 1, 4);
	ret_frame->name = index < NR_NOISE ? "noise" : "long";
	fill(ret_frame, index + 1000,
	     index < NR_NOISE ? noise_lengths[index / 2] : long_lengths[(index - NR_NOISE) / 2]);
}

static uint32_t number_at(const uint8_t *data, uint32_t at)
{
	return (uint32_t)data[at] << 8 | data[at + 1];
}

static uint32_t packet_type(const uint8_t *data)
{
	if (memcmp(data, bpf_corpus_mac, ETH_ALEN) == 0)
		return PACKET_HOST;
	if (memcmp(data, destinations[1], ETH_ALEN) == 0)
		return PACKET_BROADCAST;
	return data[0] & 1 ? PACKET_MULTICAST : PACKET_OTHERHOST;
}

static uint32_t protocol(const uint8_t *data, uint32_t len)
{
	const uint32_t type = number_at(data, ADDRESSES);

	if (type >= ETH_P_802_3_MIN)
		return type;
	return len >= 16 && number_at(data, ETH_HLEN) == 0xffff ? ETH_P_802_3 : ETH_P_802_2;
}

bool bpf_corpus_view(const struct bpf_corpus_frame *frame, bool stripped,
		     uint8_t room[BPF_CORPUS_FRAME_MAX], struct sim_bpf_packet *ret_packet)
{
	const uint32_t type = number_at(frame->data, ADDRESSES);
	const bool tagged = stripped && (type == ETH_P_8021Q || type == ETH_P_8021AD);
	const uint32_t tag = tagged ? 4 : 0;

	if (tagged && frame->len < 20)
		return false;
	memcpy(room, frame->data, ADDRESSES);
	memcpy(room + ADDRESSES, frame->data + ADDRESSES + tag, frame->len - ADDRESSES - tag);
	*ret_packet = (struct sim_bpf_packet){.data = room, .len = frame->len - tag};
	ret_packet->pkttype = packet_type(room);
	ret_packet->protocol = protocol(room, ret_packet->len);
	ret_packet->vlan_present = tagged;
	ret_packet->vlan_tpid = tagged ? type : 0;
	ret_packet->vlan_tci = tagged ? number_at(frame->data, ETH_HLEN) : 0;
	return true;
}

/* ---- programs ---- */

/* Scratch words that each program writes first. */
static const uint32_t written[] = {0, 1, 7, 8, 15};
#define NR_WRITTEN COUNT(written)

static uint32_t random_offset(uint64_t *random)
{
	static const uint32_t odd[] = {0x7fffffff, 0x80000000, 0xffe00000, 0xffe0000a, 0xfff00000,
				       0xfff00002, 0xffdfffff, 0xffefffff, 0xffff,     0xffe8,
				       0xffe9,     0x7ff0,     0x7ff1,     0x8000,     0xffffefff};

	switch (sim_below(random, 16)) {
	case 0:
		return odd[sim_below(random, COUNT(odd))];
	case 1:
		return sim_below(random, 1600);
	case 2:
		return sim_below(random, 9100);
	case 3:
	case 4:
	case 5:
	case 6:
		return 6 + sim_below(random, 12);
	default:
		return sim_below(random, 64);
	}
}

static uint32_t random_number(uint64_t *random)
{
	static const uint32_t odd[] = {0,          1,          0x800,      0x86dd,
				       0x8100,     0x7fffffff, 0xffff,     0x1fff,
				       0x80000000, 0xffffffff, 0xfffffff0, 0x600,
				       0xffe00000, 0xfff00000, 0xffdffff8, 0xffeffff8};

	switch (sim_below(random, 4)) {
	case 0:
		return odd[sim_below(random, COUNT(odd))];
	case 1:
		return (uint32_t)sim_random(random);
	default:
		return sim_below(random, 64);
	}
}

static struct sock_filter random_load(uint64_t *random)
{
	static const uint16_t codes[] = {
		BPF_LD | BPF_W | BPF_ABS,  BPF_LD | BPF_H | BPF_ABS,  BPF_LD | BPF_B | BPF_ABS,
		BPF_LD | BPF_W | BPF_IND,  BPF_LD | BPF_H | BPF_IND,  BPF_LD | BPF_B | BPF_IND,
		BPF_LDX | BPF_B | BPF_MSH, BPF_LDX | BPF_B | BPF_MSH,
	};
	struct sock_filter insn = {.code = codes[sim_below(random, COUNT(codes))],
				   .k = random_offset(random)};

	/* What makes X + k wrap: an X near 2^32 is loaded often. */
	if (BPF_MODE(insn.code) == BPF_IND && sim_chance(random, 100))
		insn.k = 0u - sim_below(random, 64);
	/* An absolute offset there would be an ancillary value. */
	if (BPF_MODE(insn.code) == BPF_ABS && insn.k >= (uint32_t)SKF_AD_OFF)
		insn.k = 12;
	return insn;
}

static struct sock_filter random_ancillary(uint64_t *random)
{
	static const uint32_t which[] = {
		SKF_AD_PROTOCOL,         SKF_AD_PKTTYPE,  SKF_AD_IFINDEX,
		SKF_AD_HATYPE,           SKF_AD_QUEUE,    SKF_AD_ALU_XOR_X,
		SKF_AD_VLAN_TAG_PRESENT, SKF_AD_VLAN_TAG, SKF_AD_VLAN_TPID,
	};
	static const uint16_t sizes[] = {BPF_W, BPF_H, BPF_B};

	return (struct sock_filter){
		.code = (uint16_t)(BPF_LD | BPF_ABS | sizes[sim_below(random, 3)]),
		.k = (uint32_t)SKF_AD_OFF + which[sim_below(random, COUNT(which))]};
}

static struct sock_filter random_alu(uint64_t *random)
{
	static const uint16_t operations[] = {BPF_ADD, BPF_SUB, BPF_MUL, BPF_DIV, BPF_OR, BPF_AND,
					      BPF_LSH, BPF_RSH, BPF_NEG, BPF_MOD, BPF_XOR};
	const uint16_t operation = operations[sim_below(random, COUNT(operations))];
	struct sock_filter insn = {.code = BPF_ALU | operation, .k = random_number(random)};

	if (operation != BPF_NEG && sim_chance(random, 500))
		insn.code |= BPF_X;
	else if (operation == BPF_LSH || operation == BPF_RSH)
		insn.k %= 32;
	else if ((operation == BPF_DIV || operation == BPF_MOD) && !insn.k)
		insn.k = 3;
	return insn;
}

static struct sock_filter random_jump(uint64_t *random, uint32_t behind)
{
	static const uint16_t conditions[] = {BPF_JA, BPF_JEQ, BPF_JGT, BPF_JGE, BPF_JSET};
	const uint16_t condition = conditions[sim_below(random, COUNT(conditions))];
	const uint32_t reach = behind < 8 ? behind : 8;
	struct sock_filter insn = {.code = BPF_JMP | condition, .k = random_number(random)};

	if (condition == BPF_JA) {
		insn.k = sim_below(random, reach);
		return insn;
	}
	insn.code |= sim_chance(random, 300) ? BPF_X : BPF_K;
	insn.jt = (uint8_t)sim_below(random, reach);
	insn.jf = sim_chance(random, 300) ? 0 : (uint8_t)sim_below(random, reach);
	return insn;
}

static struct sock_filter random_move(uint64_t *random)
{
	static const uint16_t codes[] = {BPF_LD | BPF_IMM,
					 BPF_LDX | BPF_IMM,
					 BPF_LD | BPF_MEM,
					 BPF_LDX | BPF_MEM,
					 BPF_LD | BPF_LEN,
					 BPF_LDX | BPF_LEN,
					 BPF_MISC | BPF_TAX,
					 BPF_MISC | BPF_TXA,
					 BPF_ST,
					 BPF_STX};
	struct sock_filter insn = {.code = codes[sim_below(random, COUNT(codes))],
				   .k = random_number(random)};

	if (insn.code == (BPF_LD | BPF_MEM) || insn.code == (BPF_LDX | BPF_MEM))
		insn.k = written[insn.k % NR_WRITTEN];
	else if (insn.code == BPF_ST || insn.code == BPF_STX)
		insn.k %= BPF_MEMWORDS;
	return insn;
}

static struct sock_filter random_return(uint64_t *random)
{
	if (sim_chance(random, 800))
		return (struct sock_filter)BPF_STMT(BPF_RET | BPF_A, 0);
	return (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, random_number(random));
}

void bpf_corpus_program(uint64_t *random, struct sock_filter *insns, uint32_t nr)
{
	for (uint32_t i = 0; i < NR_WRITTEN; i++)
		insns[i] = (struct sock_filter)BPF_STMT(i % 2 ? BPF_STX : BPF_ST, written[i]);
	for (uint32_t i = NR_WRITTEN; i + 1 < nr; i++) {
		const uint32_t kind = sim_below(random, 20);

		if (kind < 6)
			insns[i] = random_load(random);
		else if (kind < 8)
			insns[i] = random_ancillary(random);
		else if (kind < 12)
			insns[i] = random_alu(random);
		else if (kind < 15)
			insns[i] = random_jump(random, nr - i - 1);
		else if (kind < 19 || sim_chance(random, 700))
			insns[i] = random_move(random);
		else
			insns[i] = random_return(random);
	}
	insns[nr - 1] = random_return(random);
}
