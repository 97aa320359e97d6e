/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The flow program against a model in C, on packets as the kernel shows them to
 * a fanout program: with and without tags, arriving and leaving, cut anywhere.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <linux/if_arp.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <string.h>

#include <zring/fanout.h>

#include "support/flow.h"
#include "support/sim.h"
#include "support/sim_bpf.h"

#define NR_FLOWS   10000
#define NR_MEMBERS 7

static struct sock_filter program[ZRING_FLOW_MAX_INSNS];

static void make_program(uint32_t flow_key)
{
	const int nr = zring_fanout_flow_program(flow_key, program, ZRING_FLOW_MAX_INSNS);

	cr_assert(nr > 0, "%d", nr);
	cr_assert(sim_bpf_valid(program, (uint32_t)nr), "the kernel would refuse it");
}

static uint32_t word16(const uint8_t *at)
{
	return (uint32_t)at[0] << 8 | at[1];
}

/*
 * As the kernel shows a frame that arrives: the outer tag is taken out (@untag) and
 * the packet begins behind the Ethertype; or one that leaves: from its first byte.
 */
static struct sim_bpf_packet view(const struct flow_frame *frame, bool leaving, bool untag)
{
	const uint32_t tag = untag && word16(frame->bytes + 12) != ETH_P_IP &&
					     word16(frame->bytes + 12) != ETH_P_IPV6 &&
					     frame->network > ETH_HLEN
				     ? 4
				     : 0;
	const uint32_t start = leaving ? 0 : ETH_HLEN + tag;

	return (struct sim_bpf_packet){
		.data = frame->bytes + start,
		.len = frame->len - start,
		.pkttype = leaving ? PACKET_OUTGOING : PACKET_HOST,
		.protocol = word16(frame->bytes + 12 + tag),
		.hatype = ARPHRD_ETHER,
		.link = frame->bytes + tag, /* moved up over the tag, addresses and all */
		.network = frame->bytes + frame->network,
		.end = frame->bytes + frame->len,
	};
}

/* With the addresses where the kernel moves them when it takes a tag out. */
static uint32_t run(const struct flow_frame *frame, bool leaving)
{
	struct flow_frame copy = *frame;
	struct sim_bpf_packet packet;

	if (!leaving && copy.network > ETH_HLEN)
		memmove(copy.bytes + 4, copy.bytes, 12);
	packet = view(frame, leaving, true);
	packet.data = copy.bytes + (packet.data - frame->bytes);
	packet.link = copy.bytes + (packet.link - frame->bytes);
	packet.network = copy.bytes + frame->network;
	packet.end = copy.bytes + copy.len;
	if (leaving)
		packet.data = packet.link = frame->bytes;
	return sim_bpf_run(program, &packet);
}

/* ---- the model: what the hash is of, and how ---- */

static uint32_t mix(uint32_t value)
{
	value *= 0x85ebca6bu;
	value ^= value >> 15;
	value *= 0xc2b2ae35u;
	return value ^ value >> 13;
}

static uint32_t mix_bytes(const uint8_t *bytes, uint32_t nr)
{
	uint32_t value = 0;

	for (uint32_t i = 0; i < nr; i += 4)
		value = value * 0x01000193u ^ (word16(bytes + i) << 16 | word16(bytes + i + 2));
	return mix(value);
}

static bool counts_ports(const struct flow_shape *shape, uint32_t flow_key)
{
	const bool tcp = shape->protocol == IPPROTO_TCP || shape->protocol == IPPROTO_SCTP;
	const bool udp = shape->protocol == IPPROTO_UDP || shape->protocol == IPPROTO_UDPLITE;

	return !shape->fragment && shape->nr_extensions <= 6 &&
	       ((flow_key >= ZRING_FLOW_PORTS && tcp) || (flow_key == ZRING_FLOW_ALL_PORTS && udp));
}

static uint32_t model(const struct flow_shape *shape, uint32_t flow_key)
{
	const uint32_t nr = shape->version == 4 ? 4 : 16;
	uint32_t sum = mix_bytes(shape->address[0], nr) + mix_bytes(shape->address[1], nr);

	if (counts_ports(shape, flow_key))
		sum += mix(shape->port[0]) + mix(shape->port[1]);
	sum ^= sum >> 16;
	sum *= 0x85ebca6bu;
	return sum ^ sum >> 13;
}

/* ---- shapes ---- */

static struct flow_shape random_shape(uint64_t *random)
{
	static const uint8_t protocols[] = {IPPROTO_TCP,     IPPROTO_UDP,  IPPROTO_SCTP,
					    IPPROTO_UDPLITE, IPPROTO_ICMP, IPPROTO_GRE,
					    IPPROTO_ESP};
	static const uint8_t extensions[] = {IPPROTO_HOPOPTS, IPPROTO_ROUTING,  IPPROTO_DSTOPTS,
					     IPPROTO_AH,      IPPROTO_FRAGMENT, IPPROTO_MH};
	static const uint16_t tpids[] = {ETH_P_8021Q, ETH_P_8021AD, 0x9100};
	struct flow_shape shape = {
		.version = sim_below(random, 2) ? 4 : 6,
		.protocol = protocols[sim_below(random, 7)],
		.port = {(uint16_t)sim_random(random), (uint16_t)sim_random(random)},
		.nr_tags = sim_below(random, 4),
		.tpid = tpids[sim_below(random, 3)],
		.fragment = sim_below(random, 4) == 0,
		.offset = (uint16_t)(8 * sim_below(random, 100)),
		.extension = extensions[sim_below(random, 6)],
		.option_words = sim_below(random, 11),
	};

	shape.nr_extensions = shape.version == 6 ? sim_below(random, 8) : 0;
	for (uint32_t i = 0; i < 32; i++)
		shape.address[i / 16][i % 16] = (uint8_t)sim_random(random);
	return shape;
}

Test(flow, program_hashes_as_the_model_says)
{
	uint64_t random = 1;

	for (uint32_t flow_key = 0; flow_key <= ZRING_FLOW_ALL_PORTS; flow_key++) {
		make_program(flow_key);
		for (uint32_t i = 0; i < 20000; i++) {
			const struct flow_shape shape = random_shape(&random);
			const struct flow_frame frame = flow_build(&shape);
			const bool leaving = sim_below(&random, 2);

			cr_assert(run(&frame, leaving) == model(&shape, flow_key),
				  "key %u, packet %u: IPv%u, protocol %u, %u tags, %u extensions "
				  "of %u%s%s",
				  flow_key, i, shape.version, shape.protocol, shape.nr_tags,
				  shape.nr_extensions, shape.extension,
				  shape.fragment ? ", fragment" : "", leaving ? ", leaving" : "");
		}
	}
}

/* All that can happen to a packet of a flow. */
static void check_flow(const struct flow_shape *plain, bool with_fragments, uint32_t *counts)
{
	const struct flow_frame first = flow_build(plain);
	const uint32_t member = run(&first, false) % NR_MEMBERS;

	counts[member]++;
	for (uint32_t i = 0; i < 64; i++) {
		struct flow_shape shape = i & 1 ? flow_reversed(plain) : *plain;
		struct flow_frame frame;

		shape.nr_tags = i >> 1 & 3;
		shape.tpid = i & 8 ? ETH_P_8021AD : ETH_P_8021Q;
		shape.fragment = with_fragments && (i & 16);
		shape.offset = i & 32 ? 1480 : 0;
		shape.extension = IPPROTO_DSTOPTS;
		shape.nr_extensions = shape.version == 6 ? i >> 3 & 3 : 0;
		frame = flow_build(&shape);
		cr_assert(run(&frame, false) % NR_MEMBERS == member &&
				  run(&frame, true) % NR_MEMBERS == member,
			  "variant %u goes elsewhere", i);
	}
}

static void check_flows(uint32_t flow_key, bool with_fragments)
{
	uint32_t counts[NR_MEMBERS] = {0};

	make_program(flow_key);
	for (uint32_t i = 0; i < NR_FLOWS; i++) {
		const struct flow_shape shape = flow_shape(i);

		check_flow(&shape, with_fragments, counts);
	}
	for (uint32_t i = 0; i < NR_MEMBERS; i++)
		cr_assert(counts[i] > NR_FLOWS / NR_MEMBERS / 2 &&
				  counts[i] < NR_FLOWS / NR_MEMBERS * 2,
			  "member %u has %u of %u flows", i, counts[i], NR_FLOWS);
}

Test(flow, a_flow_has_one_member_with_fragments_and_tags)
{
	check_flows(ZRING_FLOW_ADDRESSES, true);
}

Test(flow, a_flow_has_one_member_with_ports)
{
	check_flows(ZRING_FLOW_PORTS, false);
	check_flows(ZRING_FLOW_ALL_PORTS, false);
}

/* What the header says of PORTS: connections spread, UDP stays with its fragments. */
Test(flow, ports_spread_connections_of_one_pair)
{
	uint32_t counts[NR_MEMBERS] = {0}, udp_member = 0;

	make_program(ZRING_FLOW_PORTS);
	for (uint32_t i = 0; i < 7000; i++) {
		struct flow_shape shape = flow_shape(8);
		struct flow_frame frame;

		shape.port[0] = (uint16_t)i;
		shape.protocol = IPPROTO_TCP;
		frame = flow_build(&shape);
		counts[run(&frame, false) % NR_MEMBERS]++;
		shape.protocol = IPPROTO_UDP;
		shape.fragment = i % 2;
		frame = flow_build(&shape);
		if (i == 0)
			udp_member = run(&frame, false) % NR_MEMBERS;
		cr_assert(run(&frame, false) % NR_MEMBERS == udp_member);
	}
	for (uint32_t i = 0; i < NR_MEMBERS; i++)
		cr_assert(counts[i] > 500 && counts[i] < 2000, "member %u: %u", i, counts[i]);
}

Test(flow, what_is_not_ip_goes_by_ethernet_addresses)
{
	struct flow_shape shape = {.version = 0, .port = {1, 2}};
	struct flow_frame there, back;

	make_program(ZRING_FLOW_ADDRESSES);
	for (shape.nr_tags = 0; shape.nr_tags < 4; shape.nr_tags++) {
		const struct flow_shape other = flow_reversed(&shape);

		there = flow_build(&shape);
		back = flow_build(&other);
		cr_assert(run(&there, false) == run(&back, false));
		cr_assert(run(&there, true) == run(&back, false));
		cr_assert(run(&there, true) != 0, "not just the first");
	}
	there.bytes[5]++;
	cr_assert(run(&there, true) != run(&back, true), "addresses count");
}

/* tun: no link-layer header, in either direction. */
Test(flow, an_interface_without_link_layer_is_understood)
{
	uint64_t random = 2;

	make_program(ZRING_FLOW_ALL_PORTS);
	for (uint32_t i = 0; i < 2000; i++) {
		struct flow_shape shape = random_shape(&random);
		struct flow_frame frame;
		struct sim_bpf_packet packet;

		shape.nr_tags = 0;
		frame = flow_build(&shape);
		packet = view(&frame, false, false);
		packet.hatype = ARPHRD_NONE;
		packet.link = packet.network;
		cr_assert(sim_bpf_run(program, &packet) == model(&shape, ZRING_FLOW_ALL_PORTS));
		packet.pkttype = PACKET_OUTGOING;
		cr_assert(sim_bpf_run(program, &packet) == model(&shape, ZRING_FLOW_ALL_PORTS));
	}
	{
		const uint8_t bytes[20] = {1, 2, 3};
		const struct sim_bpf_packet packet = {.data = bytes,
						      .len = sizeof(bytes),
						      .protocol = 0x88b5,
						      .hatype = ARPHRD_NONE,
						      .link = bytes,
						      .network = bytes,
						      .end = bytes + sizeof(bytes)};

		cr_assert(sim_bpf_run(program, &packet) == 0, "the first member");
	}
}

/* Too short for what is looked at: the first member; else the same as the whole packet. */
Test(flow, a_packet_cut_anywhere_goes_to_its_member_or_the_first)
{
	uint64_t random = 3;

	for (uint32_t flow_key = 0; flow_key <= ZRING_FLOW_ALL_PORTS; flow_key++) {
		make_program(flow_key);
		for (uint32_t i = 0; i < 200; i++) {
			const struct flow_shape shape = random_shape(&random);
			const struct flow_frame whole = flow_build(&shape);

			for (uint32_t len = whole.network; len <= whole.len; len++) {
				struct flow_frame cut = whole;
				uint32_t hash;

				cut.len = len;
				hash = run(&cut, false);
				cr_assert(hash == 0 || hash == model(&shape, flow_key),
					  "%u of %u bytes", len, whole.len);
				cr_assert(len < whole.len || hash);
			}
		}
	}
}

Test(flow, room_and_key_are_checked)
{
	struct sock_filter insns[ZRING_FLOW_MAX_INSNS];
	int nr;

	for (uint32_t flow_key = 0; flow_key <= ZRING_FLOW_ALL_PORTS; flow_key++) {
		nr = zring_fanout_flow_program(flow_key, insns, ZRING_FLOW_MAX_INSNS);
		cr_assert(nr > 0 && nr <= (int)ZRING_FLOW_MAX_INSNS, "%d", nr);
		cr_assert(zring_fanout_flow_program(flow_key, insns, (uint32_t)nr) == nr);
		for (uint32_t room = 0; room < (uint32_t)nr; room++) {
			struct sim_guarded memory;

			sim_guarded_make(&memory, room * sizeof(*insns) + 1);
			cr_assert(zring_fanout_flow_program(
					  flow_key, (struct sock_filter *)(void *)memory.data,
					  room) == -ENOSPC);
			sim_guarded_end(&memory);
		}
	}
	cr_assert(zring_fanout_flow_program(3, insns, ZRING_FLOW_MAX_INSNS) == -EINVAL);
}
