/* SPDX-License-Identifier: BSD-2-Clause */
/* Which packets come, how much of them, and with which VLAN tags. */
#include "support/net_zring.h"

#include <errno.h>
#include <linux/bpf.h>
#include <linux/filter.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

TestSuite(capture_filter, .timeout = 60);

/* The frame of @frame_len bytes with that number is seen as @len bytes of @frame_len. */
static void expect_cut(struct zring_capture *capture, uint32_t number, uint32_t frame_len,
		       uint32_t len)
{
	const struct zring_packet *packet = net_capture_packet(capture);
	struct zring_packet_info info;

	check_eq(packet->len, len);
	check_eq(packet->wire_len, frame_len);
	cr_assert(net_frame_is(packet->data, packet->len, number, frame_len));
	zring_packet_get_info(capture, packet, &info);
	check_eq((info.flags & ZRING_PACKET_TRUNCATED) != 0, len < frame_len);
}

static void send_frame(uint32_t number, uint32_t len)
{
	uint8_t frame[NET_FRAME_MAX];

	net_frame_fill(frame, len, number);
	net_send(frame, len);
}

static const uint32_t lengths[] = {60, 99, 100, 101, 700, 1514};
#define NR_LENGTHS (sizeof(lengths) / sizeof(lengths[0]))

/* Sends a frame of each length, expects it cut at @cut; returns how many were. */
static uint32_t expect_lengths_cut(struct zring_capture *capture, uint32_t cut)
{
	uint32_t nr_cut = 0;

	for (uint32_t i = 0; i < NR_LENGTHS; i++)
		send_frame(i, lengths[i]);
	for (uint32_t i = 0; i < NR_LENGTHS; i++) {
		expect_cut(capture, i, lengths[i], lengths[i] < cut ? lengths[i] : cut);
		nr_cut += lengths[i] > cut;
	}
	net_capture_expect_none(capture);
	return nr_cut;
}

TEST_V3_AND_V2(capture_filter, snaplen_cuts_and_the_true_length_stays)
{
	struct zring_capture_options options = net_capture_options(profile);
	struct zring_capture_info info;
	struct zring_capture *capture;

	net_lab_open();
	options.snaplen = 100;
	capture = net_capture_open(NET_FAR, &options);
	zring_capture_get_info(capture, &info);
	check_eq(info.snaplen, 100);
	check_eq(expect_lengths_cut(capture, 100), 3);
	check_eq(net_capture_stats(capture).truncated, 3);
	check_eq(net_capture_stats(capture).received, NR_LENGTHS);
	zring_capture_close(capture);
}

TEST_V3_AND_V2(capture_filter, a_snaplen_of_one_byte)
{
	struct zring_capture_options options = net_capture_options(profile);
	struct zring_capture *capture;

	net_lab_open();
	options.snaplen = 1;
	capture = net_capture_open(NET_FAR, &options);
	check_eq(expect_lengths_cut(capture, 1), NR_LENGTHS);
	zring_capture_close(capture);
}

/* ---- classic filters ---- */

static struct zring_capture *open_with_program(uint32_t profile, const struct sock_filter *insns,
					       uint32_t nr, uint32_t snaplen, uint32_t direction)
{
	struct zring_capture_options options = net_capture_options(profile);
	const struct zring_filter filter = {
		.type = ZRING_FILTER_CBPF, .nr_insns = nr, .insns = insns};

	options.filter = &filter;
	options.snaplen = snaplen;
	options.direction = direction;
	return net_capture_open(NET_FAR, &options);
}

TEST_V3_AND_V2(capture_filter, a_program_that_returns_the_length_is_cut_at_snaplen)
{
	const struct sock_filter insns[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_LEN, 0),
		BPF_STMT(BPF_RET | BPF_A, 0),
	};
	struct zring_capture *capture;

	net_lab_open();
	capture = open_with_program(profile, insns, 2, 100, ZRING_CAPTURE_BOTH);
	check_eq(expect_lengths_cut(capture, 100), 3);
	check_eq(net_capture_stats(capture).truncated, 3);
	zring_capture_close(capture);
	capture = open_with_program(profile, insns, 2, 0, ZRING_CAPTURE_BOTH);
	check_eq(expect_lengths_cut(capture, 65535), 0);
	check_eq(net_capture_stats(capture).truncated, 0);
	zring_capture_close(capture);
}

TEST_V3_AND_V2(capture_filter, a_program_that_returns_a_constant_is_cut_at_snaplen)
{
	const struct sock_filter all[] = {BPF_STMT(BPF_RET | BPF_K, 0xffffffff)};
	const struct sock_filter some[] = {BPF_STMT(BPF_RET | BPF_K, 80)};
	struct zring_capture *capture;

	net_lab_open();
	capture = open_with_program(profile, all, 1, 100, ZRING_CAPTURE_BOTH);
	check_eq(expect_lengths_cut(capture, 100), 3);
	zring_capture_close(capture);
	/* The program asks for less than snaplen allows. */
	capture = open_with_program(profile, some, 1, 100, ZRING_CAPTURE_BOTH);
	check_eq(expect_lengths_cut(capture, 80), 5);
	zring_capture_close(capture);
	capture = open_with_program(profile, some, 1, 0, ZRING_CAPTURE_BOTH);
	check_eq(expect_lengths_cut(capture, 80), 5);
	zring_capture_close(capture);
}

/* Frames whose number is odd are refused; the others have 90 bytes kept. */
TEST_V3_AND_V2(capture_filter, what_a_program_refuses_is_not_received)
{
	const struct sock_filter insns[] = {
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 17),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 1, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, 0),
		BPF_STMT(BPF_LD | BPF_IMM, 90),
		BPF_STMT(BPF_RET | BPF_A, 0),
	};
	struct zring_capture *capture;

	net_lab_open();
	capture = open_with_program(profile, insns, 5, 200, ZRING_CAPTURE_BOTH);
	for (uint32_t i = 0; i < 200; i++)
		send_frame(i, 120);
	for (uint32_t i = 0; i < 200; i += 2)
		expect_cut(capture, i, 120, 90);
	net_capture_expect_none(capture);
	check_eq(net_capture_stats(capture).received, 100);
	check_eq(net_capture_stats(capture).delivered, 100);
	zring_capture_close(capture);
}

/* Jumps as far as they go, over returns that snaplen concerns. */
TEST_V3_AND_V2(capture_filter, long_jumps_survive_snaplen)
{
	struct sock_filter insns[300];
	struct zring_capture *capture;
	uint32_t nr = 0;

	insns[nr++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 17);
	insns[nr++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 1, 255, 0);
	while (nr < 257)
		insns[nr++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_A, 0);
	insns[nr++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_IMM, 70);
	insns[nr++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_A, 0);
	net_lab_open();
	capture = open_with_program(profile, insns, nr, 64, ZRING_CAPTURE_IN);
	/* An even number returns itself as the length: 40. An odd one 70, cut at 64. */
	send_frame(40, 120);
	send_frame(41, 120);
	expect_cut(capture, 40, 120, 40);
	expect_cut(capture, 41, 120, 64);
	zring_capture_close(capture);
}

/* The kernel starts a program with A = 0; what zring puts in front must not change that. */
TEST_V3_AND_V2(capture_filter, a_program_starts_with_an_empty_accumulator)
{
	const struct sock_filter insns[] = {
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, 0xffff),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct zring_capture *capture;

	net_lab_open();
	capture = open_with_program(profile, insns, 3, 0, ZRING_CAPTURE_OUT);
	net_send_numbered(NET_FAR, 1, 1, net_size_60);
	expect_cut(capture, 1, 60, 60);
	zring_capture_close(capture);
}

/* ---- eBPF ---- */

/* Odd numbers are refused, of the others 77 bytes are kept. */
static int load_even_77(void)
{
	const struct bpf_insn insns[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = 6, .src_reg = 1},
		{.code = BPF_LD | BPF_ABS | BPF_B, .imm = 17},
		{.code = BPF_ALU64 | BPF_AND | BPF_K, .dst_reg = 0, .imm = 1},
		{.code = BPF_JMP | BPF_JEQ | BPF_K, .dst_reg = 0, .imm = 0, .off = 2},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = 0},
		{.code = BPF_JMP | BPF_EXIT},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = 77},
		{.code = BPF_JMP | BPF_EXIT},
	};

	return net_load_filter(insns, sizeof(insns) / sizeof(insns[0]));
}

TEST_V3_AND_V2(capture_filter, an_ebpf_program_refuses_and_cuts)
{
	struct zring_capture_options options = net_capture_options(profile);
	struct zring_filter filter = {.type = ZRING_FILTER_EBPF};
	struct zring_capture *capture;

	net_lab_open();
	filter.program_fd = load_even_77();
	options.filter = &filter;
	capture = net_capture_open(NET_FAR, &options);
	/* The capture keeps the program. */
	close(filter.program_fd);
	for (uint32_t i = 0; i < 20; i++)
		send_frame(i, 120);
	for (uint32_t i = 0; i < 20; i += 2)
		expect_cut(capture, i, 120, 77);
	net_capture_expect_none(capture);
	check_eq(net_capture_stats(capture).received, 10);
	check_eq(net_capture_stats(capture).truncated, 10);
	zring_capture_close(capture);
}

Test(capture_filter, a_descriptor_that_is_no_program_is_refused)
{
	struct zring_capture_options options = ZRING_CAPTURE_OPTIONS_INIT;
	struct zring_filter filter = {.type = ZRING_FILTER_EBPF, .program_fd = 0};
	struct zring_capture *capture = NULL;
	struct zring_diag diag = {0};

	net_lab_open();
	options.filter = &filter;
	filter.program_fd = net_namespace_current();
	cr_assert(zring_capture_open(NET_FAR, &options, &diag, &capture) < 0);
	cr_assert(!capture);
	cr_assert(diag.error > 0 && diag.message[0]);
	close(filter.program_fd);
}

/* ---- VLAN ---- */

struct tagged {
	struct net_tag tags[2];
	uint32_t nr_tags;
};

static const struct tagged tagged_frames[] = {
	{{{0x8100, 0x0064}, {0}}, 1},              /* 802.1Q */
	{{{0x88a8, 0x0065}, {0}}, 1},              /* 802.1ad */
	{{{0x8100, 0xa000}, {0}}, 1},              /* priority 5, no VLAN */
	{{{0x8100, 0x0000}, {0}}, 1},              /* all zero: a tag nevertheless */
	{{{0x8100, 0xffff}, {0}}, 1},              /* all bits */
	{{{0x88a8, 0x2066}, {0x8100, 0x0067}}, 2}, /* QinQ */
	{{{0x8100, 0x0068}, {0x8100, 0x0069}}, 2}, /* QinQ of old */
};
#define NR_TAGGED (sizeof(tagged_frames) / sizeof(tagged_frames[0]))

static size_t build_tagged(uint8_t *frame, uint32_t i, size_t len)
{
	net_frame_fill(frame, len, i);
	return net_frame_tag(frame, len, tagged_frames[i].tags, tagged_frames[i].nr_tags);
}

static void check_tag(const struct zring_packet_info *info, uint32_t i)
{
	cr_assert(info->flags & ZRING_PACKET_VLAN);
	check_eq(info->vlan_tpid, tagged_frames[i].tags[0].tpid);
	check_eq(info->vlan_tci, tagged_frames[i].tags[0].tci);
	check_eq(info->protocol,
		 tagged_frames[i].nr_tags == 2 ? tagged_frames[i].tags[1].tpid : NET_ETHERTYPE);
}

TEST_V3_AND_V2(capture_filter, tags_stand_where_they_stood_on_the_wire)
{
	struct zring_capture_options options = net_capture_options(profile);
	struct zring_capture *capture;

	net_lab_open();
	capture = net_capture_open(NET_FAR, &options);
	for (uint32_t len = 56; len <= 1506; len += 725) {
		for (uint32_t i = 0; i < NR_TAGGED; i++) {
			uint8_t frame[1600];
			const size_t size = build_tagged(frame, i, len);
			const struct zring_packet *packet;
			struct zring_packet_info info;

			net_send(frame, size);
			packet = net_capture_packet(capture);
			check_eq(packet->len, size);
			check_eq(packet->wire_len, size);
			cr_assert(memcmp(packet->data, frame, size) == 0, "frame %u changed", i);
			zring_packet_get_info(capture, packet, &info);
			check_tag(&info, i);
			cr_assert(info.flags & ZRING_PACKET_VLAN_REINSERTED);
		}
	}
	check_eq(net_capture_stats(capture).truncated, 0);
	zring_capture_close(capture);
}

TEST_V3_AND_V2(capture_filter, untagged_frames_have_no_tag)
{
	struct zring_capture_options options = net_capture_options(profile);
	struct zring_packet_info info;
	struct zring_capture *capture;

	net_lab_open();
	capture = net_capture_open(NET_FAR, &options);
	send_frame(1, 100);
	zring_packet_get_info(capture, net_capture_packet(capture), &info);
	check_eq(info.flags & (ZRING_PACKET_VLAN | ZRING_PACKET_VLAN_REINSERTED), 0);
	check_eq(info.protocol, NET_ETHERTYPE);
	zring_capture_close(capture);
}

/* Tagged and plain ones in one batch: each keeps its own. */
TEST_V3_AND_V2(capture_filter, tagged_and_plain_frames_mix)
{
	struct zring_capture_options options = net_capture_options(profile);
	struct zring_capture *capture;
	uint8_t frame[200];

	net_lab_open();
	capture = net_capture_open(NET_FAR, &options);
	for (uint32_t i = 0; i < 100; i++) {
		const size_t size = i % 3 ? 100 : build_tagged(frame, i % NR_TAGGED, 100);

		if (i % 3)
			net_frame_fill(frame, 100, i);
		net_send(frame, size);
	}
	for (uint32_t i = 0; i < 100; i++) {
		const struct zring_packet *packet = net_capture_packet(capture);
		const size_t size = i % 3 ? 100 : build_tagged(frame, i % NR_TAGGED, 100);

		if (i % 3)
			net_frame_fill(frame, 100, i);
		check_eq(packet->len, size);
		cr_assert(memcmp(packet->data, frame, size) == 0, "frame %u changed", i);
	}
	zring_capture_close(capture);
}

TEST_V3_AND_V2(capture_filter, metadata_mode_leaves_the_bytes_as_the_kernel_gives_them)
{
	struct zring_capture_options options = net_capture_options(profile);
	struct zring_capture *capture;

	net_lab_open();
	options.vlan = ZRING_VLAN_METADATA;
	capture = net_capture_open(NET_FAR, &options);
	for (uint32_t i = 0; i < NR_TAGGED; i++) {
		uint8_t frame[200];
		const size_t size = build_tagged(frame, i, 100);
		const struct zring_packet *packet;
		struct zring_packet_info info;

		net_send(frame, size);
		packet = net_capture_packet(capture);
		check_eq(packet->len, size - 4);
		cr_assert(memcmp(packet->data, frame, 12) == 0);
		cr_assert(memcmp(packet->data + 12, frame + 16, size - 16) == 0);
		zring_packet_get_info(capture, packet, &info);
		check_tag(&info, i);
		cr_assert(!(info.flags & ZRING_PACKET_VLAN_REINSERTED));
		cr_assert(!(info.flags & ZRING_PACKET_TRUNCATED));
	}
	zring_capture_close(capture);
}

static const uint32_t snaplens[] = {10, 11, 12,  13,  14,  15,  16,  18, 20,
				    60, 99, 100, 101, 102, 103, 104, 105};

/* The tag counts: len is snaplen bytes of the frame as it was on the wire. */
TEST_V3_AND_V2(capture_filter, snaplen_cuts_tagged_frames_too)
{
	struct zring_capture_options options = net_capture_options(profile);
	uint8_t frame[200];
	size_t size;

	net_lab_open();
	size = build_tagged(frame, 0, 100);
	for (size_t i = 0; i < sizeof(snaplens) / sizeof(snaplens[0]); i++) {
		const uint32_t len = snaplens[i] < size ? snaplens[i] : (uint32_t)size;
		const struct zring_packet *packet;
		struct zring_packet_info info;
		struct zring_capture *capture;

		options.snaplen = snaplens[i];
		capture = net_capture_open(NET_FAR, &options);
		net_send(frame, size);
		packet = net_capture_packet(capture);
		cr_assert(packet->len == len, "snaplen %u: %u bytes", snaplens[i], packet->len);
		cr_assert(packet->wire_len == size, "snaplen %u: wire_len %u", snaplens[i],
			  packet->wire_len);
		cr_assert(memcmp(packet->data, frame, len) == 0, "snaplen %u", snaplens[i]);
		zring_packet_get_info(capture, packet, &info);
		check_tag(&info, 0);
		cr_assert((info.flags & ZRING_PACKET_TRUNCATED) == 0 ? len == size : len < size);
		cr_assert(net_capture_stats(capture).truncated == (len < size),
			  "snaplen %u: truncated is counted wrong", snaplens[i]);
		zring_capture_close(capture);
	}
}

/* ---- direction ---- */

static void exchange(uint32_t profile, uint32_t direction, uint32_t expected)
{
	struct zring_capture_options options = net_capture_options(profile);
	struct zring_capture_stats stats;
	struct zring_capture *capture;
	uint32_t seen = 0;

	net_lab_open();
	options.direction = direction;
	capture = net_capture_open(NET_NEAR, &options);
	for (uint32_t i = 0; i < 20; i++) {
		net_send_numbered(NET_NEAR, 2 * i, 1, net_size_60);
		net_send_numbered(NET_FAR, 2 * i + 1, 1, net_size_60);
	}
	for (uint32_t i = 0; i < expected; i++) {
		const struct zring_packet *packet = net_capture_packet(capture);
		const bool out = net_frame_number(packet->data) % 2 == 0;
		struct zring_packet_info info;

		zring_packet_get_info(capture, packet, &info);
		check_eq(info.direction == ZRING_DIRECTION_OUTGOING, out);
		cr_assert(out ? direction != ZRING_CAPTURE_IN : direction != ZRING_CAPTURE_OUT);
		seen++;
	}
	net_capture_expect_none(capture);
	stats = net_capture_stats(capture);
	check_eq(stats.delivered, seen);
	check_eq(stats.received - stats.filtered, expected);
	zring_capture_close(capture);
}

TEST_V3_AND_V2(capture_filter, both_directions_by_default)
{
	exchange(profile, ZRING_CAPTURE_BOTH, 40);
}

TEST_V3_AND_V2(capture_filter, incoming_only)
{
	exchange(profile, ZRING_CAPTURE_IN, 20);
}

TEST_V3_AND_V2(capture_filter, outgoing_only)
{
	exchange(profile, ZRING_CAPTURE_OUT, 20);
}

/* ---- other interfaces ---- */

/* Heavy traffic elsewhere while the capture is made: not one packet of it. */
TEST_V3_AND_V2(capture_filter, packets_of_other_interfaces_are_never_seen)
{
	struct net_stream foreign = {.interface = "zc", .first = 1u << 31, .size = net_size_60};
	struct zring_capture_options options = net_capture_options(profile);

	net_lab_open();
	net_pair_add("zc", "zd");
	net_stream_start(&foreign);
	for (uint32_t round = 0; round < 40; round++) {
		struct zring_capture *capture = net_capture_open(NET_FAR, &options);

		net_send_numbered(NET_NEAR, round * 10, 10, net_size_60);
		for (uint32_t i = 0; i < 10; i++) {
			const struct zring_packet *packet = net_capture_packet(capture);
			struct zring_packet_info info;

			zring_packet_get_info(capture, packet, &info);
			check_eq(info.ifindex, net_index(NET_FAR));
			check_eq(net_frame_number(packet->data), round * 10 + i);
		}
		check_eq(net_capture_stats(capture).received, 10);
		zring_capture_close(capture);
	}
	cr_assert(net_stream_stop(&foreign) > 1000);
}
