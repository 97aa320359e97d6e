/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Translated programs as the kernel runs them. Each is the last function of an
 * XDP program, is run on each frame of a corpus, and has to return what classic
 * BPF returns for the frame as a packet socket sees it.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <arpa/inet.h>
#include <linux/capability.h>
#include <linux/if_arp.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "expressions.h"
#include "filter/check.h"
#include "filter/translate.h"
#include "support/bpf_corpus.h"
#include "support/net.h"
#include "support/sim.h"

/* A kernel in an emulator takes 15 times as long. */
TestSuite(translate, .timeout = 240);

#define IFINDEX   77
#define CALL_EXIT 2u /* instructions in front of the function */
#define LOG_BYTES (1u << 20)

/* call function; return what it returned */
static struct bpf_insn *splice(const struct bpf_insn *body, uint32_t nr)
{
	struct bpf_insn *insns = calloc(CALL_EXIT + nr, sizeof(*insns));

	cr_assert(insns);
	insns[0] = (struct bpf_insn){
		.code = BPF_JMP | BPF_CALL, .src_reg = BPF_PSEUDO_CALL, .imm = CALL_EXIT - 1};
	insns[1] = (struct bpf_insn){.code = BPF_JMP | BPF_EXIT};
	memcpy(insns + CALL_EXIT, body, nr * sizeof(*body));
	return insns;
}

static void show_refusal(struct bpf_insn *insns, uint32_t nr, struct bpf_prog_load_opts *options)
{
	char *log = calloc(1, LOG_BYTES);
	size_t len;

	cr_assert(log);
	options->log_buf = log;
	options->log_size = LOG_BYTES;
	options->log_level = 1;
	bpf_prog_load(BPF_PROG_TYPE_XDP, "translated", "Dual BSD/GPL", insns, nr, options);
	len = strlen(log);
	fprintf(stderr, "%s\n", len > 4000 ? log + len - 4000 : log);
	free(log);
}

/* Loads the translation of a program, or fails the test. */
static int load(const struct sock_filter *insns, uint32_t nr,
		const struct zr_translate_options *translate)
{
	struct bpf_prog_load_opts options = {
		.sz = sizeof(options),
		.prog_flags = translate->frags ? BPF_F_XDP_HAS_FRAGS : 0,
	};
	struct zring_diag diag = {0};
	struct bpf_insn *body, *whole;
	uint32_t nr_body;
	int fd, err;

	err = zr_filter_translate(insns, nr, translate, &diag, &body, &nr_body);
	cr_assert(err == 0, "%s", diag.message);
	whole = splice(body, nr_body);
	fd = bpf_prog_load(BPF_PROG_TYPE_XDP, "translated", "Dual BSD/GPL", whole,
			   CALL_EXIT + nr_body, &options);
	if (fd < 0)
		show_refusal(whole, CALL_EXIT + nr_body, &options);
	cr_assert(fd >= 0, "the kernel refused %u instructions: %s", nr_body, strerror(errno));
	free(whole);
	free(body);
	return fd;
}

/* @linear: bytes in the first buffer, 0 for as many as fit. */
static int run(int fd, const struct bpf_corpus_frame *frame, uint32_t linear, uint32_t *ret_value)
{
	struct xdp_md context = {.data_end = linear};
	struct bpf_test_run_opts options = {
		.sz = sizeof(options),
		.data_in = frame->data,
		.data_size_in = frame->len,
		.repeat = 1,
	};

	if (linear) {
		options.ctx_in = &context;
		options.ctx_size_in = sizeof(context);
	}
	if (bpf_prog_test_run_opts(fd, &options) < 0)
		return -errno;
	*ret_value = options.retval;
	return 0;
}

static struct zr_translate_options options_of(bool vlan_stripped, bool frags, bool without_perfmon)
{
	struct zr_translate_options options = {.vlan_stripped = vlan_stripped,
					       .frags = frags,
					       .without_perfmon = without_perfmon,
					       .hatype = ARPHRD_ETHER,
					       .ifindex = IFINDEX};

	memcpy(options.mac, bpf_corpus_mac, sizeof(options.mac));
	return options;
}

static uint32_t expected(const struct sock_filter *insns, const struct bpf_corpus_frame *frame,
			 bool vlan_stripped)
{
	static uint8_t room[BPF_CORPUS_FRAME_MAX];
	struct sim_bpf_packet packet;

	if (!bpf_corpus_view(frame, vlan_stripped, room, &packet))
		return 0;
	packet.ifindex = IFINDEX;
	packet.hatype = ARPHRD_ETHER;
	return sim_bpf_run(insns, &packet);
}

/* Since 6.18 a test run may say how much lies in the first buffer. */
static bool takes_linear(int fd, const struct bpf_corpus_frame *frame)
{
	uint32_t value;

	return run(fd, frame, 20, &value) == 0;
}

/* Every frame; returns how many of them were wanted. */
static uint32_t compare(const struct sock_filter *insns, uint32_t nr,
			const struct zr_translate_options *options, const char *name)
{
	static const uint32_t linear[] = {0, 14, 15, 22, 30};
	static struct bpf_corpus_frame frame;
	const int fd = load(insns, nr, options);
	uint32_t wanted = 0;

	for (uint32_t i = 0; i < bpf_corpus_count(); i++) {
		uint32_t cut;

		bpf_corpus_frame(i, &frame);
		if (frame.len > 3400 && !options->frags)
			continue;
		cut = options->frags ? linear[i % 5] : 0;
		if (cut >= frame.len || (cut && !takes_linear(fd, &frame)))
			cut = 0;
		for (uint32_t round = 0; round < (cut ? 2 : 1); round++) {
			const uint32_t value = expected(insns, &frame, options->vlan_stripped);
			uint32_t got = 0;

			check_eq(run(fd, &frame, round ? cut : 0, &got), 0);
			cr_assert(got == value,
				  "%s, stripped %d frags %d: frame %u (%s, %u bytes, %u linear): "
				  "0x%x, not 0x%x",
				  name, options->vlan_stripped, options->frags, i, frame.name,
				  frame.len, round ? cut : 0, got, value);
			wanted += got != 0;
		}
	}
	close(fd);
	return wanted;
}

#define NR_PROGRAMS 1200u
#define MAX_INSNS   48u

/* Each way to translate in turn. */
static struct zr_translate_options options_number(uint32_t number)
{
	return options_of(number & 1, number >> 1 & 1, number >> 2 & 1);
}

Test(translate, an_xdp_program_returns_what_the_classic_program_returns)
{
	struct sock_filter insns[MAX_INSNS];
	uint64_t random = 7;
	uint64_t wanted = 0;

	for (uint32_t i = 0; i < NR_PROGRAMS; i++) {
		const uint32_t nr = 8 + sim_below(&random, MAX_INSNS - 8);
		const struct zr_translate_options options = options_number(i);
		char name[32];

		bpf_corpus_program(&random, insns, nr);
		snprintf(name, sizeof(name), "program %u", i);
		wanted += compare(insns, nr, &options, name);
	}
	/* Programs that return 0 all the time prove little. */
	cr_assert(wanted > NR_PROGRAMS * 10, "%llu", (unsigned long long)wanted);
}

/* What is small may be made large on the way to X: by arithmetic, or out of scratch memory. */
Test(translate, an_xdp_program_follows_offsets_that_turn_negative)
{
	static const struct sock_filter insns[][6] = {
		{
			BPF_STMT(BPF_LD | BPF_IMM, 4),
			BPF_STMT(BPF_ALU | BPF_SUB | BPF_K, 4u - (uint32_t)SKF_LL_OFF),
			BPF_STMT(BPF_MISC | BPF_TAX, 0),
			BPF_STMT(BPF_STX, 0),
			BPF_STMT(BPF_LD | BPF_H | BPF_IND, 12),
			BPF_STMT(BPF_RET | BPF_A, 0),
		},
		{
			BPF_STMT(BPF_LDX | BPF_IMM, (uint32_t)SKF_LL_OFF),
			BPF_STMT(BPF_STX, 0),
			BPF_STMT(BPF_LDX | BPF_IMM, 1),
			BPF_STMT(BPF_LDX | BPF_MEM, 0),
			BPF_STMT(BPF_LD | BPF_H | BPF_IND, 12),
			BPF_STMT(BPF_RET | BPF_A, 0),
		},
		{
			BPF_STMT(BPF_LDX | BPF_IMM, (uint32_t)SKF_NET_OFF),
			BPF_STMT(BPF_STX, 0),
			BPF_STMT(BPF_LD | BPF_MEM, 0),
			BPF_STMT(BPF_MISC | BPF_TAX, 0),
			BPF_STMT(BPF_LD | BPF_B | BPF_IND, 0),
			BPF_STMT(BPF_RET | BPF_A, 0),
		},
	};

	for (uint32_t i = 0; i < 3 * 8; i++) {
		const struct zr_translate_options options = options_number(i / 3);

		cr_assert(compare(insns[i % 3], 6, &options, "turns negative") > 20);
	}
}

/* ---- the kernel's own view ---- */

/* Returns 1 to 13 instead of A, which no frame is too short to show; 0 stays 0. */
static uint32_t shorten_returns(struct sock_filter *insns, uint32_t nr)
{
	for (uint32_t i = 0; i < nr; i++) {
		if (insns[i].code == (BPF_RET | BPF_A))
			insns[i] = (struct sock_filter)BPF_STMT(BPF_JMP | BPF_JA, nr - i - 1);
		else if (insns[i].code == (BPF_RET | BPF_K))
			insns[i].k = insns[i].k % 14;
	}
	insns[nr] = (struct sock_filter)BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, 13);
	insns[nr + 1] = (struct sock_filter)BPF_STMT(BPF_ALU | BPF_ADD | BPF_K, 1);
	insns[nr + 2] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_A, 0);
	return nr + 3;
}

static int packet_socket(void)
{
	const struct timeval patience = {.tv_sec = 10};
	const struct sockaddr_ll address = {.sll_family = AF_PACKET,
					    .sll_protocol = htons(ETH_P_ALL),
					    .sll_ifindex = (int)net_index(NET_FAR)};
	const int on = 1, fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	cr_assert(fd >= 0);
	check_eq(setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof(on)), 0);
	check_eq(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
	check_eq(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static void attach(int fd, struct sock_filter *insns, uint32_t nr)
{
	const struct sock_fprog program = {.len = (uint16_t)nr, .filter = insns};

	check_eq(setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)), 0);
}

/* A frame of the corpus that may cross the wire; what goes to the host goes to its address. */
static bool wire_frame(uint32_t index, struct bpf_corpus_frame *ret_frame)
{
	bpf_corpus_frame(index, ret_frame);
	if (memcmp(ret_frame->data, bpf_corpus_mac, ETH_ALEN) == 0)
		memcpy(ret_frame->data, net_far_mac, ETH_ALEN);
	return ret_frame->len <= 1514;
}

/* What the socket's filter returned for the frame: the length that it kept. */
static uint32_t kept(int filtered, int all, const struct bpf_corpus_frame *frame)
{
	static uint8_t room[BPF_CORPUS_FRAME_MAX];
	struct sim_bpf_packet packet;
	uint8_t byte;
	ssize_t len;

	net_send(frame->data, frame->len);
	/* Were it shown all the same, it would be taken for the next frame. */
	if (!bpf_corpus_view(frame, true, room, &packet))
		return 0;
	/* The socket opened last is served first: once @all has the frame, @filtered has it. */
	check_eq(recv(all, &byte, 1, MSG_TRUNC), packet.len);
	len = recv(filtered, &byte, 1, MSG_TRUNC | MSG_DONTWAIT);
	return len > 0 ? (uint32_t)len : 0;
}

#define NR_SOCKET_PROGRAMS 200u

Test(translate, an_xdp_program_returns_what_the_socket_filter_returns)
{
	static struct bpf_corpus_frame frame;
	struct sock_filter insns[MAX_INSNS + 3];
	uint32_t nr_kept = 0, nr_refused = 0;
	uint64_t random = 11;
	int all, filtered;

	net_lab_open();
	all = packet_socket();
	filtered = packet_socket();
	for (uint32_t i = 0; i < NR_SOCKET_PROGRAMS; i++) {
		struct zr_translate_options options = options_of(true, i & 1, i & 2);
		const uint32_t nr_random = 8 + sim_below(&random, MAX_INSNS - 8);
		uint32_t nr;
		int fd;

		memcpy(options.mac, net_far_mac, sizeof(options.mac));
		options.ifindex = net_index(NET_FAR);
		bpf_corpus_program(&random, insns, nr_random);
		nr = shorten_returns(insns, nr_random);
		attach(filtered, insns, nr);
		fd = load(insns, nr, &options);
		for (uint32_t j = 0; j < bpf_corpus_count(); j++) {
			uint32_t value = 0, got = 0;

			if (!wire_frame(j, &frame))
				continue;
			check_eq(run(fd, &frame, 0, &got), 0);
			value = kept(filtered, all, &frame);
			cr_assert(got == value, "program %u, frame %u (%s, %u bytes): %u, not %u",
				  i, j, frame.name, frame.len, got, value);
			nr_kept += value != 0;
			nr_refused += !value;
		}
		close(fd);
	}
	close(filtered);
	close(all);
	cr_assert(nr_kept > 1000 && nr_refused > 1000, "%u %u", nr_kept, nr_refused);
}

/* ---- privileges, size, chance ---- */

/* What is left when an administrator grants just what XDP asks for. */
static void keep_bpf_and_net_admin(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {0};

	data[0].effective = data[0].permitted = 1u << CAP_NET_ADMIN;
	data[1].effective = data[1].permitted = 1u << (CAP_BPF - 32);
	check_eq(syscall(SYS_capset, &header, data), 0);
}

Test(translate, an_xdp_program_loads_without_cap_perfmon_if_asked_to)
{
	struct sock_filter insns[MAX_INSNS];
	uint64_t random = 5;

	keep_bpf_and_net_admin();
	for (uint32_t i = 0; i < 300; i++) {
		const uint32_t nr = 8 + sim_below(&random, MAX_INSNS - 8);
		const struct zr_translate_options options = options_of(i & 1, i & 2, true);
		char name[32];

		bpf_corpus_program(&random, insns, nr);
		snprintf(name, sizeof(name), "program %u", i);
		compare(insns, nr, &options, name);
	}
}

/* As long as the kernel takes them, loads of all kinds, a branch in 16 instructions. */
static void fill_largest(struct sock_filter *insns)
{
	static const uint16_t codes[] = {BPF_LD | BPF_B | BPF_ABS, BPF_LD | BPF_H | BPF_IND,
					 BPF_LDX | BPF_B | BPF_MSH, BPF_LD | BPF_W | BPF_ABS};

	for (uint32_t i = 0; i < BPF_MAXINSNS; i++) {
		insns[i] = (struct sock_filter)BPF_STMT(codes[i % 4], i % 48);
		if (i % 16 == 15 && i + 64 < BPF_MAXINSNS)
			insns[i] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, i, 9, 2);
	}
	insns[BPF_MAXINSNS - 1] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_A, 0);
}

/* The verifier takes a million steps; a translation that doubles them branch by branch fails. */
Test(translate, an_xdp_program_of_the_largest_size_loads)
{
	static struct sock_filter insns[BPF_MAXINSNS];

	fill_largest(insns);
	for (uint32_t i = 0; i < 4; i++) {
		const struct zr_translate_options options = options_of(i & 1, i & 2, false);

		cr_assert(compare(insns, BPF_MAXINSNS, &options, "the largest") > 0);
	}
}

static uint32_t run_ancillary(uint32_t which)
{
	const struct sock_filter insns[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)SKF_AD_OFF + which),
		BPF_STMT(BPF_RET | BPF_A, 0),
	};
	const struct zr_translate_options options = options_of(true, false, false);
	const int fd = load(insns, 2, &options);
	static struct bpf_corpus_frame frame;
	uint32_t value = 0;

	bpf_corpus_frame(1, &frame);
	check_eq(run(fd, &frame, 0, &value), 0);
	close(fd);
	return value;
}

Test(translate, an_xdp_program_knows_its_cpu)
{
	for (unsigned int i = 0; i < 4; i++) {
		net_pin(i);
		check_eq(run_ancillary(SKF_AD_CPU), sched_getcpu());
	}
}

Test(translate, an_xdp_program_draws_random_numbers)
{
	uint32_t ones = 0, zeros = 0;

	for (unsigned int i = 0; i < 32; i++) {
		const uint32_t value = run_ancillary(SKF_AD_RANDOM);

		ones |= value;
		zeros |= ~value;
	}
	/* Each bit was seen as both but for a chance of 1 in 67 million. */
	check_eq(ones, UINT32_MAX);
	check_eq(zeros, UINT32_MAX);
}

/* ---- what users write ---- */

#ifdef HAVE_LIBPCAP
static const char *const expressions[] = {
	"",
	"ip",
	"ip6",
	"arp",
	"rarp",
	"tcp",
	"udp",
	"icmp",
	"icmp6",
	"igmp",
	"sctp",
	"ah",
	"esp",
	"pim",
	"vrrp",
	"atalk",
	"aarp",
	"decnet",
	"iso",
	"stp",
	"ipx",
	"netbeui",
	"llc",
	"clnp",
	"isis",
	"lat",
	"moprc",
	"mopdl",
	"host 10.9.0.1",
	"src host 10.9.0.2",
	"dst host 192.168.1.1",
	"src or dst host 8.8.8.8",
	"src and dst host 10.9.0.1",
	"host 2001:db8::1",
	"src host fe80::1",
	"dst host 2001:db8::2",
	"net 10.9.0.0/16",
	"src net 192.168.0.0/24",
	"dst net 10.0.0.0 mask 255.0.0.0",
	"net 2001:db8::/32",
	"ip6 net fe80::/10",
	"ether host 02:9a:11:22:33:44",
	"ether src 02:00:00:00:00:09",
	"ether dst 02:9a:11:22:33:45",
	"ether broadcast",
	"ether multicast",
	"ip multicast",
	"ip6 multicast",
	"broadcast",
	"multicast",
	"ether proto 0x88b5",
	"ether proto \\arp",
	"ether proto 0x8847",
	"ip proto 17",
	"ip proto 6",
	"ip6 proto 6",
	"ip6 proto 44",
	"proto 1",
	"port 80",
	"src port 80",
	"dst port 443",
	"port 53",
	"tcp port 22",
	"udp port 53",
	"tcp src port 80",
	"udp dst port 5353",
	"portrange 50-90",
	"tcp portrange 1-1023",
	"src portrange 5000-6000",
	"udp dst portrange 53-5353",
	"tcp port 80 or udp port 53",
	"port 80 or port 443 or port 22",
	"less 64",
	"greater 100",
	"len = 60",
	"len > 1000",
	"len - 14 >= 46",
	"tcp[tcpflags] & (tcp-syn|tcp-fin) != 0",
	"tcp[13] = 0x12",
	"tcp[tcpflags] == tcp-syn",
	"tcp[2:2] = 443",
	"tcp[12] >> 4 > 5",
	"udp[4:2] > 8",
	"ip[0] & 0xf != 5",
	"ip[6:2] & 0x1fff = 0",
	"ip[8] < 2",
	"ip[2:2] > 40",
	"ip[1] = 0x10",
	"icmp[icmptype] = icmp-echo",
	"icmp[0] != icmp-echoreply",
	"icmp6[0] = 135",
	"ip6[6] = 17",
	"ip6[4:2] <= 12",
	"ip6[40:2] = 5353",
	"ether[0] & 1 = 0",
	"ether[12:2] = 0x0800",
	"ether[14] = 0x45",
	"ether[9:4] & 1 = 1",
	"ether[10:4] > 0x1000000",
	"ether[11:2] = 0x0908",
	"ether[len - 1] = 8",
	"ether[60:4] != 0",
	"ether[5000] = 1",
	"ether[20:4] = 0x40000640",
	"(ether[12:2] + 1) * 3 % 7 = 2",
	"ip[9] ^ 17 = 0",
	"len / 7 = 5",
	"(ip[2:2] - ((ip[0] & 0xf) << 2)) != 0",
	"tcp port 80 and (((ip[2:2] - ((ip[0]&0xf)<<2)) - ((tcp[12]&0xf0)>>2)) != 0)",
	"vlan",
	"vlan 100",
	"vlan and ip",
	"vlan 101 and vlan 103",
	"vlan and vlan",
	"vlan 7 and tcp port 80",
	"not vlan",
	"vlan or arp",
	"mpls",
	"mpls 24",
	"mpls and ip",
	"pppoed",
	"pppoes",
	"pppoes 1",
	"not ip and not ip6",
	"ip and not tcp",
	"tcp and not port 22",
	"host 10.9.0.1 and not (port 80 or port 53)",
	"(tcp or udp) and (net 10.0.0.0/8 or net 192.168.0.0/16)",
	"ip host 10.9.0.1 and ip host 10.9.0.2",
	"src 10.9.0.2 and dst port 53",
	"arp[6:2] = 1",
	"arp host 10.9.0.1",
	"arp src host 10.9.0.2",
	"ether src 02:00:00:00:00:09 and ip6 and udp",
};
/* With ancillary loads: the VLAN tag, the packet type. */
static const char *const live_expressions[] = {
	"vlan",
	"vlan 100",
	"not vlan",
	"vlan 0",
	"vlan and arp",
	"vlan 100 and tcp port 80",
	"vlan and vlan",
	"vlan 101 and vlan 3847",
	"vlan 102 and vlan 7 and ip6",
	"inbound",
	"inbound and vlan and ip",
	"outbound",
	"vlan and udp port 53",
	"vlan or arp or ip6",
	"vlan and ip6 and portrange 1-6000",
	"tcp port 80 or (vlan and tcp port 80)",
};
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Both interpreters agree about what the kernel is then asked. */
static void compare_interpreters(const struct sock_filter *insns, uint32_t nr, const char *text)
{
	static struct bpf_corpus_frame frame;
	static uint8_t room[BPF_CORPUS_FRAME_MAX];

	for (uint32_t i = 0; i < bpf_corpus_count(); i++) {
		struct sim_bpf_packet packet;

		bpf_corpus_frame(i, &frame);
		if (bpf_corpus_view(&frame, true, room, &packet))
			cr_assert(sim_bpf_run(insns, &packet) ==
					  expression_run(insns, nr, packet.data, packet.len),
				  "%s: frame %u", text, i);
	}
}

/* Returns how often a frame was wanted. */
static uint32_t try_expression(const char *text, const char *interface)
{
	static struct sock_filter insns[BPF_MAXINSNS];
	char words[256] = "";
	uint32_t wanted = 0;

	for (uint32_t optimise = 0; optimise < 2; optimise++) {
		const uint32_t nr =
			expression_compile(text, interface, optimise, insns, BPF_MAXINSNS, words);

		cr_assert(nr, "%s: %s", text, words);
		if (!interface)
			compare_interpreters(insns, nr, text);
		for (uint32_t i = 0; i < 4; i++) {
			const struct zr_translate_options options =
				options_of(i & 1, i & 2, i == 3);

			wanted += compare(insns, nr, &options, text);
		}
	}
	return wanted;
}

Test(translate, an_xdp_program_does_what_an_expression_says)
{
	uint32_t nr_useful = 0;

	for (size_t i = 0; i < COUNT(expressions); i++)
		nr_useful += try_expression(expressions[i], NULL) > 0;
	/* Most find something in the corpus. */
	cr_assert(nr_useful > 90, "%u of %zu", nr_useful, COUNT(expressions));
}

Test(translate, an_xdp_program_does_what_a_live_expression_says)
{
	uint32_t nr_useful = 0;

	net_lab_open();
	for (size_t i = 0; i < COUNT(live_expressions); i++)
		nr_useful += try_expression(live_expressions[i], NET_FAR) > 0;
	cr_assert(nr_useful > 10, "%u of %zu", nr_useful, COUNT(live_expressions));
}
#endif
