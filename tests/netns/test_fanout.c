/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fanout groups on real sockets: what was sent arrives once, at one member, byte
 * for byte, and at the member that the mode says.
 */
#include <errno.h>
#include <linux/bpf.h>
#include <linux/filter.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support/net_zring.h"

#define MAX_MEMBERS 8
#define NR_FRAMES   3000u

TestSuite(fanout, .timeout = 60);

struct group {
	struct zring_capture *members[MAX_MEMBERS];
	uint32_t nr;
	struct zring_batch batch;
	uint32_t counts[MAX_MEMBERS]; /* frames that each one has shown */
	uint8_t *seen;                /* by number, who showed it: 0 nobody, 1 member 0 */
	uint32_t nr_seen;
};

static struct zring_fanout new_group(uint32_t mode)
{
	struct zring_fanout fanout = ZRING_FANOUT_INIT;

	fanout.mode = mode;
	fanout.flags = ZRING_FANOUT_FLAG_UNIQUE_ID;
	return fanout;
}

static void open_with(struct group *group, uint32_t nr, const struct zring_fanout *fanout,
		      const struct zring_capture_options *base)
{
	struct zring_capture_options options = *base;
	struct zring_diag diag = {0};

	*group = (struct group){.nr = nr, .seen = calloc(NR_FRAMES, 1)};
	options.fanout = fanout;
	check_eq(zring_batch_init(&group->batch, ZRING_BATCH_DEFAULT), 0);
	cr_assert(zring_fanout_open(NET_FAR, &options, nr, &diag, group->members) == 0, "%s: %s",
		  diag.step, diag.message);
}

static void open_group(struct group *group, uint32_t nr, const struct zring_fanout *fanout)
{
	const struct zring_capture_options options = net_capture_options(ZRING_PROFILE_THROUGHPUT);

	open_with(group, nr, fanout, &options);
}

static void close_group(struct group *group)
{
	zring_batch_fini(&group->batch);
	for (uint32_t i = 0; i < group->nr; i++)
		zring_capture_close(group->members[i]);
	free(group->seen);
}

static void look_at(struct group *group, uint32_t member, net_size_fn *size)
{
	const struct zring_packet *packet;

	zring_batch_for_each (&group->batch, packet) {
		const uint32_t number = net_frame_number(packet->data);

		cr_assert(number < NR_FRAMES && packet->len == size(number) &&
				  net_frame_is(packet->data, packet->len, number, size(number)),
			  "member %u shows a frame that was not sent", member);
		cr_assert(!group->seen[number], "frame %u came to member %u and to %u", number,
			  group->seen[number] - 1u, member);
		group->seen[number] = (uint8_t)(member + 1);
		group->counts[member]++;
		group->nr_seen++;
	}
}

/* What is there now, or comes within @timeout_ms, of every member. */
static void read_some(struct group *group, net_size_fn *size, int timeout_ms)
{
	for (uint32_t i = 0; i < group->nr; i++) {
		int got;

		while ((got = zring_capture_next(group->members[i], &group->batch, timeout_ms)) >
		       0) {
			look_at(group, i, size);
			zring_batch_release(&group->batch);
		}
		cr_assert(got == 0, "member %u: %s", i, strerror(-got));
	}
}

/* All of frames 0 .. count - 1, and not one more. */
static void expect_all(struct group *group, uint32_t count, net_size_fn *size)
{
	const uint64_t end = net_now_ns() + NET_PATIENCE_NS;
	uint64_t received = 0;

	while (group->nr_seen < count) {
		cr_assert(net_now_ns() < end, "%u of %u frames came", group->nr_seen, count);
		read_some(group, size, 2);
	}
	read_some(group, size, 30);
	check_eq(group->nr_seen, count);
	for (uint32_t i = 0; i < group->nr; i++) {
		const struct zring_capture_stats stats = net_capture_stats(group->members[i]);

		check_eq(stats.delivered, group->counts[i]);
		check_eq(stats.dropped, 0);
		received += stats.received;
	}
	check_eq(received, count);
}

/* ---- modes ---- */

/* In parts that one ring holds. */
static void send_all(struct group *group)
{
	for (uint32_t i = 0; i < NR_FRAMES; i += 500) {
		net_send_numbered(NET_NEAR, i, 500, net_size_mixed);
		read_some(group, net_size_mixed, 0);
	}
	expect_all(group, NR_FRAMES, net_size_mixed);
}

/* Opens @nr members in @mode, sends, and finds every frame once; the caller judges counts. */
static void share(struct group *group, uint32_t nr, const struct zring_fanout *fanout)
{
	net_lab_open();
	open_group(group, nr, fanout);
	send_all(group);
}

static void expect_only(const struct group *group, uint32_t member)
{
	for (uint32_t i = 0; i < group->nr; i++)
		check_eq(group->counts[i], i == member ? NR_FRAMES : 0);
}

/* One pair of Ethernet addresses is one flow to both hashes. */
Test(fanout, flow_keeps_a_pair_of_addresses_on_one_member)
{
	const struct zring_fanout fanout = new_group(ZRING_FANOUT_FLOW);
	struct group group;
	uint32_t most = 0;

	share(&group, 4, &fanout);
	for (uint32_t i = 0; i < 4; i++)
		most = group.counts[i] > most ? group.counts[i] : most;
	check_eq(most, NR_FRAMES);
	close_group(&group);
}

Test(fanout, hash_is_the_kernels)
{
	const struct zring_fanout fanout = new_group(ZRING_FANOUT_HASH);
	struct zring_fanout_info info;
	struct group group;

	share(&group, 3, &fanout);
	check_eq(zring_fanout_get_info(group.members[2], &info), 0);
	check_eq(info.mode, ZRING_FANOUT_HASH);
	close_group(&group);
}

Test(fanout, balance_gives_each_the_same)
{
	const struct zring_fanout fanout = new_group(ZRING_FANOUT_BALANCE);
	struct group group;

	share(&group, 5, &fanout);
	for (uint32_t i = 0; i < 5; i++)
		cr_assert(group.counts[i] >= NR_FRAMES / 5 - 1 &&
				  group.counts[i] <= NR_FRAMES / 5 + 1,
			  "member %u has %u", i, group.counts[i]);
	close_group(&group);
}

/* veth receives on the CPU that sends. */
Test(fanout, cpu_is_the_number_of_the_sending_one)
{
	const struct zring_fanout fanout = new_group(ZRING_FANOUT_CPU);
	struct group group;

	share(&group, 3, &fanout);
	expect_only(&group, (uint32_t)sched_getcpu() % 3);
	close_group(&group);
}

Test(fanout, rollover_fills_one_ring_after_the_other)
{
	const struct zring_fanout fanout = new_group(ZRING_FANOUT_ROLLOVER);
	struct zring_capture_options options = net_capture_options(ZRING_PROFILE_LOW_LATENCY);
	uint32_t nr_used = 0;
	struct group group;

	net_lab_open();
	options.memory_bytes = 1 << 20; /* 512 frames or fewer */
	open_with(&group, 8, &fanout, &options);
	net_send_numbered(NET_NEAR, 0, 1500, net_size_60);
	expect_all(&group, 1500, net_size_60);
	for (uint32_t i = 0; i < 8; i++)
		nr_used += group.counts[i] > 0;
	cr_assert(nr_used >= 3 && nr_used < 8, "%u rings", nr_used);
	cr_assert(group.counts[0] > 250, "the first has %u", group.counts[0]);
	close_group(&group);
}

Test(fanout, random_gives_each_some)
{
	const struct zring_fanout fanout = new_group(ZRING_FANOUT_RANDOM);
	struct group group;

	share(&group, 4, &fanout);
	for (uint32_t i = 0; i < 4; i++)
		cr_assert(group.counts[i] > NR_FRAMES / 8, "member %u has %u", i, group.counts[i]);
	close_group(&group);
}

/* veth has one queue here. */
Test(fanout, queue_of_an_interface_with_one_goes_to_one_member)
{
	const struct zring_fanout fanout = new_group(ZRING_FANOUT_QUEUE);
	struct group group;
	uint32_t most = 0;

	share(&group, 3, &fanout);
	for (uint32_t i = 0; i < 3; i++)
		most = group.counts[i] > most ? group.counts[i] : most;
	check_eq(most, NR_FRAMES);
	close_group(&group);
}

/* The number in the frame, which is the first word of the network layer. */
static const struct sock_filter by_number[] = {
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
	BPF_STMT(BPF_RET | BPF_A, 0),
};

static struct zring_fanout numbered_group(void)
{
	struct zring_fanout fanout = new_group(ZRING_FANOUT_CBPF);

	fanout.insns = by_number;
	fanout.nr_insns = 2;
	return fanout;
}

static void expect_by_number(const struct group *group, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		check_eq(group->seen[i], i % group->nr + 1);
}

Test(fanout, a_classic_program_decides)
{
	const struct zring_fanout fanout = numbered_group();
	struct group group;

	share(&group, 7, &fanout);
	expect_by_number(&group, NR_FRAMES);
	close_group(&group);
}

Test(fanout, an_ebpf_program_decides)
{
	const struct bpf_insn insns[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = 6, .src_reg = 1},
		{.code = BPF_LD | BPF_ABS | BPF_W, .imm = 0},
		{.code = BPF_JMP | BPF_EXIT},
	};
	struct zring_fanout fanout = new_group(ZRING_FANOUT_EBPF);
	struct group group;

	net_lab_open();
	fanout.program_fd = net_load_filter(insns, sizeof(insns) / sizeof(*insns));
	open_group(&group, 3, &fanout);
	close(fanout.program_fd);
	send_all(&group);
	expect_by_number(&group, NR_FRAMES);
	close_group(&group);
}

/* ---- flags ---- */

Test(fanout, unique_groups_do_not_share)
{
	const struct zring_fanout fanout = new_group(ZRING_FANOUT_BALANCE);
	struct zring_fanout_info infos[3];
	struct group groups[3];

	net_lab_open();
	for (uint32_t i = 0; i < 3; i++) {
		open_group(&groups[i], 2, &fanout);
		check_eq(zring_fanout_get_info(groups[i].members[0], &infos[i]), 0);
		check_eq(infos[i].flags, 0);
		for (uint32_t j = 0; j < i; j++)
			cr_assert(infos[i].group != infos[j].group, "number %u is taken twice",
				  infos[i].group);
	}
	net_send_numbered(NET_NEAR, 0, 500, net_size_60);
	for (uint32_t i = 0; i < 3; i++) {
		expect_all(&groups[i], 500, net_size_60);
		close_group(&groups[i]);
	}
}

static void send_both_ways(uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		net_send_numbered(i % 2 ? NET_FAR : NET_NEAR, i, 1, net_size_60);
}

/* Who sends and who receives is a matter of the number: even ones arrive. */
static void expect_even_only(struct group *group, uint32_t count)
{
	expect_all(group, count / 2, net_size_60);
	for (uint32_t i = 0; i < count; i++)
		check_eq(group->seen[i] != 0, i % 2 == 0);
}

Test(fanout, outgoing_frames_are_seen_or_ignored)
{
	struct zring_fanout fanout = new_group(ZRING_FANOUT_BALANCE);
	struct zring_capture_options options = net_capture_options(ZRING_PROFILE_THROUGHPUT);
	struct group group;

	net_lab_open();
	open_group(&group, 2, &fanout);
	send_both_ways(200);
	expect_all(&group, 200, net_size_60);
	close_group(&group);
	/* The group's flag; balance counts what is let through only. */
	fanout.flags |= ZRING_FANOUT_FLAG_IGNORE_OUTGOING;
	open_group(&group, 2, &fanout);
	send_both_ways(200);
	expect_even_only(&group, 200);
	check_eq(group.counts[0], 50);
	close_group(&group);
	/* The capture's own option holds in a group too. */
	fanout.flags = ZRING_FANOUT_FLAG_UNIQUE_ID;
	options.direction = ZRING_CAPTURE_IN;
	open_with(&group, 2, &fanout, &options);
	send_both_ways(200);
	expect_even_only(&group, 200);
	close_group(&group);
}

/* All hash to one member, whose ring is too small for them. */
Test(fanout, the_flag_rollover_saves_what_one_ring_cannot_hold)
{
	struct zring_capture_options options = net_capture_options(ZRING_PROFILE_LOW_LATENCY);
	struct zring_fanout fanout = new_group(ZRING_FANOUT_FLOW);
	struct zring_capture_stats stats;
	uint64_t dropped = 0;
	struct group group;

	net_lab_open();
	options.memory_bytes = 1 << 20;
	open_with(&group, 4, &fanout, &options);
	net_send_numbered(NET_NEAR, 0, 1200, net_size_60);
	for (uint32_t i = 0; i < 4; i++) {
		stats = net_capture_stats(group.members[i]);
		dropped += stats.dropped;
	}
	cr_assert(dropped > 400, "only %llu do not fit", (unsigned long long)dropped);
	close_group(&group);
	fanout.flags |= ZRING_FANOUT_FLAG_ROLLOVER;
	open_with(&group, 4, &fanout, &options);
	net_send_numbered(NET_NEAR, 0, 1200, net_size_60);
	expect_all(&group, 1200, net_size_60);
	close_group(&group);
}

#define HALF 64u /* bytes of a fragment */

static void send_fragment(bool last)
{
	uint8_t frame[14 + 20 + HALF] = {0};

	net_frame_fill(frame, sizeof(frame), 1);
	memcpy(frame + 12, "\x08\x00\x45\x00\x00", 5);
	frame[17] = 20 + HALF;
	memcpy(frame + 18, "\x12\x34", 2);
	frame[20] = last ? 0 : 0x20;
	frame[21] = last ? HALF / 8 : 0;
	memcpy(frame + 22, "\x40\x11\x00\x00\x0a\x09\x00\x07\x0a\x09\x00\x08", 12);
	memset(frame + 34, last ? 'b' : 'a', HALF);
	net_send(frame, sizeof(frame));
}

Test(fanout, defrag_puts_datagrams_together_first)
{
	struct zring_fanout fanout = new_group(ZRING_FANOUT_BALANCE);
	const struct zring_packet *packet;
	struct group group;

	net_lab_open();
	open_group(&group, 1, &fanout);
	send_fragment(false);
	send_fragment(true);
	for (int i = 0; i < 2; i++)
		check_eq(net_capture_packet(group.members[0])->len, 34 + HALF);
	close_group(&group);
	fanout.flags |= ZRING_FANOUT_FLAG_DEFRAG;
	open_group(&group, 1, &fanout);
	send_fragment(true);
	send_fragment(false);
	packet = net_capture_packet(group.members[0]);
	check_eq(packet->len, 34 + 2 * HALF);
	cr_assert(packet->data[34] == 'a' && packet->data[33 + HALF] == 'a' &&
		  packet->data[34 + HALF] == 'b' && packet->data[33 + 2 * HALF] == 'b');
	net_capture_expect_none(group.members[0]);
	close_group(&group);
}

/* ---- joining ---- */

/* Another process would do this: the number is all that it needs. */
Test(fanout, a_later_member_joins_by_number)
{
	struct zring_capture_options options = net_capture_options(ZRING_PROFILE_THROUGHPUT);
	struct zring_fanout fanout = numbered_group();
	struct zring_fanout_info info;
	struct group group;

	net_lab_open();
	open_group(&group, 2, &fanout);
	check_eq(zring_fanout_get_info(group.members[0], &info), 0);
	fanout = (struct zring_fanout){
		.size = sizeof(fanout), .mode = ZRING_FANOUT_CBPF, .group = info.group};
	options.fanout = &fanout;
	/* Without a program of its own: the group has one. */
	group.members[group.nr++] = net_capture_open(NET_FAR, &options);
	net_send_numbered(NET_NEAR, 0, 600, net_size_60);
	expect_all(&group, 600, net_size_60);
	expect_by_number(&group, 600);
	close_group(&group);
}

static void refuse(const struct zring_fanout *fanout, const char *interface, int error,
		   const char *word)
{
	struct zring_capture *const untouched = (struct zring_capture *)(uintptr_t)16;
	struct zring_capture *capture = untouched;
	struct zring_capture_options options = net_capture_options(ZRING_PROFILE_THROUGHPUT);
	struct zring_diag diag = {0};
	int got;

	options.fanout = fanout;
	got = zring_capture_open(interface, &options, &diag, &capture);
	if (got == 0)
		zring_capture_close(capture);
	cr_assert(got == error, "%s: %d instead of %d (%s)", word, got, error, diag.message);
	cr_assert(capture == untouched);
	cr_assert(strstr(diag.message, word), "\"%s\" does not name %s", diag.message, word);
	check_eq(diag.error, -error);
}

Test(fanout, who_does_not_fit_the_group_is_refused)
{
	struct zring_fanout fanout = new_group(ZRING_FANOUT_HASH), other;
	struct zring_fanout_info info;
	struct group group;

	net_lab_open();
	fanout.max_members = 2;
	open_group(&group, 2, &fanout);
	check_eq(zring_fanout_get_info(group.members[0], &info), 0);
	fanout.flags = 0;
	fanout.group = info.group;
	refuse(&fanout, NET_FAR, -ENOSPC, "full");
	other = fanout;
	other.mode = ZRING_FANOUT_BALANCE;
	refuse(&other, NET_FAR, -EINVAL, "mode");
	other = fanout;
	other.flags = ZRING_FANOUT_FLAG_ROLLOVER;
	refuse(&other, NET_FAR, -EINVAL, "flags");
	other = fanout;
	other.max_members = 3;
	refuse(&other, NET_FAR, -EINVAL, "max_members");
	refuse(&fanout, NET_NEAR, -EINVAL, "interface");
	close_group(&group);
}

Test(fanout, mistakes_are_named)
{
	struct zring_fanout fanout;

#define REFUSE(mode, word, ...)                          \
	do {                                             \
		fanout = new_group(mode);                \
		__VA_ARGS__;                             \
		refuse(&fanout, NET_FAR, -EINVAL, word); \
	} while (0)

	net_lab_open();
	REFUSE(9, "mode", (void)0);
	REFUSE(0, "flags", fanout.flags = 1 << 4);
	REFUSE(0, "reserved", fanout.reserved = 1);
	REFUSE(0, "size", fanout.size = 1);
	REFUSE(0, "65535", fanout.group = 65536; fanout.flags = 0);
	REFUSE(0, "UNIQUE_ID", fanout.group = 1);
	REFUSE(0, "max_members", fanout.max_members = 65537);
	REFUSE(0, "flow_key", fanout.flow_key = 3);
	REFUSE(ZRING_FANOUT_CPU, "flow_key", fanout.flow_key = ZRING_FLOW_PORTS);
	REFUSE(ZRING_FANOUT_ROLLOVER, "ROLLOVER", fanout.flags |= ZRING_FANOUT_FLAG_ROLLOVER);
	REFUSE(0, "nr_insns", fanout.nr_insns = 1; fanout.insns = by_number);
	REFUSE(ZRING_FANOUT_CBPF, "insns", fanout.nr_insns = 1);
	REFUSE(ZRING_FANOUT_CBPF, "4096", fanout.nr_insns = 4097; fanout.insns = by_number);
	REFUSE(ZRING_FANOUT_CBPF, "first member", (void)0);
	REFUSE(ZRING_FANOUT_CBPF, "program", fanout.nr_insns = 1; fanout.insns = by_number);
#undef REFUSE
	fanout = new_group(ZRING_FANOUT_EBPF);
	fanout.program_fd = -1;
	refuse(&fanout, NET_FAR, -EBADF, "BPF_PROG_TYPE");
}

Test(fanout, direction_out_and_ignore_outgoing_exclude_each_other)
{
	struct zring_capture_options options = net_capture_options(ZRING_PROFILE_THROUGHPUT);
	struct zring_fanout fanout = new_group(ZRING_FANOUT_FLOW);
	struct zring_capture *capture;
	struct zring_diag diag = {0};

	net_lab_open();
	fanout.flags |= ZRING_FANOUT_FLAG_IGNORE_OUTGOING;
	options.direction = ZRING_CAPTURE_OUT;
	options.fanout = &fanout;
	check_eq(zring_capture_open(NET_FAR, &options, &diag, &capture), -EINVAL);
	cr_assert(strstr(diag.message, "IGNORE_OUTGOING"), "%s", diag.message);
}

Test(fanout, what_is_in_no_group_says_so)
{
	struct zring_fanout_info info = {.group = 7};
	struct zring_capture *capture, *captures[1] = {NULL};
	struct zring_diag diag = {0};

	net_lab_open();
	capture = net_capture_open(NET_FAR, NULL);
	check_eq(zring_fanout_get_info(capture, &info), -ENOENT);
	check_eq(info.group, 7);
	zring_capture_close(capture);
	check_eq(zring_fanout_open(NET_FAR, NULL, 0, &diag, captures), -EINVAL);
	cr_assert(!captures[0] && strstr(diag.message, "0 captures"), "%s", diag.message);
}

/* ---- who gets what while a group comes up ---- */

/* From the first packet on each member shows its own numbers only, and nothing twice. */
Test(fanout, nothing_goes_astray_while_a_group_opens)
{
	const struct zring_fanout fanout = numbered_group();
	struct zring_capture_options options = net_capture_options(ZRING_PROFILE_LOW_LATENCY);
	struct net_stream stream = {.interface = NET_NEAR, .size = net_size_60};
	struct zring_capture *members[4];
	uint32_t nr_looked_at = 0;

	net_lab_open();
	options.fanout = &fanout;
	net_stream_start(&stream);
	for (int round = 0; round < 10; round++) {
		struct zring_diag diag = {0};

		cr_assert(zring_fanout_open(NET_FAR, &options, 4, &diag, members) == 0, "%s",
			  diag.message);
		for (uint32_t i = 0; i < 4; i++)
			for (int nr = 0; nr < 200; nr++, nr_looked_at++)
				check_eq(net_frame_number(net_capture_packet(members[i])->data) % 4,
					 i);
		for (uint32_t i = 0; i < 4; i++)
			zring_capture_close(members[i]);
	}
	net_stream_stop(&stream);
	check_eq(nr_looked_at, 10 * 4 * 200);
}

TEST_V3_AND_V2(fanout, a_paused_capture_takes_nothing_until_it_starts)
{
	const struct sock_filter keep_70[] = {BPF_STMT(BPF_RET | BPF_K, 70)};
	const struct zring_filter filter = {
		.type = ZRING_FILTER_CBPF, .nr_insns = 1, .insns = keep_70};
	struct zring_capture_options options = net_capture_options(profile);
	const struct zring_packet *packet;
	struct zring_capture *capture;

	net_lab_open();
	options.paused = 1;
	for (int with_filter = 0; with_filter < 2; with_filter++) {
		options.filter = with_filter ? &filter : NULL;
		capture = net_capture_open(NET_FAR, &options);
		net_send_numbered(NET_NEAR, 0, 10, net_size_mixed);
		net_capture_expect_none(capture);
		check_eq(net_capture_stats(capture).received, 0);
		for (uint32_t i = 0; i < 2; i++) {
			check_eq(zring_capture_start(capture, NULL), 0);
			net_send_numbered(NET_NEAR, 23 + i, 1, net_size_mixed);
			packet = net_capture_packet(capture);
			check_eq(net_frame_number(packet->data), 23 + i);
			check_eq(packet->wire_len, net_size_mixed(23 + i));
			check_eq(packet->len, with_filter ? 70 : packet->wire_len);
		}
		zring_capture_close(capture);
	}
}

Test(fanout, an_ebpf_program_filters_after_a_pause)
{
	const struct bpf_insn insns[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = 66},
		{.code = BPF_JMP | BPF_EXIT},
	};
	struct zring_capture_options options = net_capture_options(ZRING_PROFILE_THROUGHPUT);
	struct zring_fanout fanout = new_group(ZRING_FANOUT_FLOW);
	struct zring_filter filter = {.type = ZRING_FILTER_EBPF};
	struct zring_capture *capture;
	struct zring_diag diag = {0};

	net_lab_open();
	filter.program_fd = net_load_filter(insns, 2);
	options.filter = &filter;
	options.paused = 1;
	capture = net_capture_open(NET_FAR, &options);
	net_send_numbered(NET_NEAR, 0, 5, net_size_mixed);
	net_capture_expect_none(capture);
	/* In a group such a filter has to judge the direction itself. */
	options.fanout = &fanout;
	options.direction = ZRING_CAPTURE_IN;
	check_eq(zring_capture_open(NET_FAR, &options, &diag, &(struct zring_capture *){NULL}),
		 -EINVAL);
	cr_assert(strstr(diag.message, "direction"), "%s", diag.message);
	close(filter.program_fd);
	check_eq(zring_capture_start(capture, NULL), 0);
	net_send_numbered(NET_NEAR, 7, 1, net_size_mixed);
	check_eq(net_capture_packet(capture)->len, 66);
	zring_capture_close(capture);
}

Test(fanout, a_group_opened_paused_starts_member_by_member)
{
	struct zring_capture_options options = net_capture_options(ZRING_PROFILE_THROUGHPUT);
	const struct zring_fanout fanout = numbered_group();
	struct group group;

	net_lab_open();
	options.paused = 1;
	open_with(&group, 2, &fanout, &options);
	check_eq(zring_capture_start(group.members[1], NULL), 0);
	net_send_numbered(NET_NEAR, 0, 100, net_size_60);
	expect_all(&group, 50, net_size_60);
	check_eq(group.counts[1], 50);
	close_group(&group);
}
