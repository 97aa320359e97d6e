/* SPDX-License-Identifier: BSD-2-Clause */
/* Opening on AF_XDP: the modes, what stands in the way, and that the words name it. */
#include "support/xdp.h"

#include <errno.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

TestSuite(xdp_open, .timeout = 60);

static struct zring_capture_options xdp_capture(uint32_t mode)
{
	struct zring_capture_options options = ZRING_CAPTURE_OPTIONS_INIT;

	options.backend = ZRING_BACKEND_AFXDP;
	options.xdp_mode = mode;
	options.direction = ZRING_CAPTURE_IN;
	options.memory_bytes = 1 << 20;
	return options;
}

static void refuse(const struct zring_capture_options *options, int error, const char *word)
{
	struct zring_capture *capture = NULL;
	struct zring_diag diag = {0};

	check_eq(zring_capture_open(NET_FAR, options, &diag, &capture), error);
	cr_assert(!capture);
	check_eq(diag.error, -error);
	cr_assert(strstr(diag.message, word), "\"%s\" does not name \"%s\"", diag.message, word);
}

static uint32_t attached(const char *interface, uint32_t *ret_id)
{
	struct zring_interface info;

	check_eq(zring_interface_get(interface, NULL, &info), 0);
	*ret_id = info.xdp_program_id;
	return info.xdp_mode;
}

static void pass(struct zring_capture *capture)
{
	struct zring_batch batch;

	check_eq(zring_batch_init(&batch, ZRING_BATCH_DEFAULT), 0);
	net_send_numbered(NET_NEAR, 0, 20, net_size_mixed);
	net_capture_expect(capture, &batch, 0, 20, net_size_mixed);
	zring_batch_fini(&batch);
}

/* ---- modes ---- */

/* What the capture says, what the interface says, and that all is gone afterwards. */
static void check_mode(uint32_t mode, uint32_t xdp_attached)
{
	struct zring_capture_options options = xdp_capture(mode);
	struct zring_capture_info info;
	struct zring_capture *capture;
	uint32_t id;

	net_lab_open();
	capture = net_capture_open(NET_FAR, &options);
	zring_capture_get_info(capture, &info);
	check_eq(info.xdp_mode, mode);
	check_eq(info.adjusted & ZRING_ADJUSTED_XDP_MODE, 0);
	check_eq(attached(NET_FAR, &id), xdp_attached);
	check_eq(id, info.xdp_program);
	pass(capture);
	zring_capture_close(capture);
	check_eq(attached(NET_FAR, &id), ZRING_XDP_ATTACHED_NONE);
	check_eq(id, 0);
}

Test(xdp_open, native_mode_is_what_is_attached)
{
	check_mode(ZRING_XDP_MODE_NATIVE, ZRING_XDP_ATTACHED_NATIVE);
}

Test(xdp_open, generic_mode_is_what_is_attached)
{
	check_mode(ZRING_XDP_MODE_GENERIC, ZRING_XDP_ATTACHED_GENERIC);
}

Test(xdp_open, the_best_mode_is_taken_and_each_step_told)
{
	struct zring_capture_options options = xdp_capture(ZRING_XDP_MODE_AUTO);
	struct zring_capture_info info;
	struct zring_capture *capture;

	net_lab_open();
	capture = net_capture_open(NET_FAR, &options);
	zring_capture_get_info(capture, &info);
	check_eq(info.xdp_mode, ZRING_XDP_MODE_NATIVE);
	cr_assert(info.adjusted & ZRING_ADJUSTED_XDP_MODE);
	cr_assert(strstr(info.steps, "zero-copy"), "%s", info.steps);
	pass(capture);
	zring_capture_close(capture);
}

Test(xdp_open, zero_copy_is_not_replaced_by_a_copy)
{
	const struct zring_capture_options options = xdp_capture(ZRING_XDP_MODE_ZEROCOPY);
	struct zring_injector_options injector_options = ZRING_INJECTOR_OPTIONS_INIT;
	struct zring_injector *injector = NULL;
	struct zring_diag diag = {0};
	uint32_t id;

	net_lab_open();
	refuse(&options, -EOPNOTSUPP, "zero-copy");
	check_eq(attached(NET_FAR, &id), ZRING_XDP_ATTACHED_NONE);
	injector_options.backend = ZRING_BACKEND_AFXDP;
	injector_options.xdp_mode = ZRING_XDP_MODE_ZEROCOPY;
	check_eq(zring_injector_open(NET_NEAR, &injector_options, &diag, &injector), -EOPNOTSUPP);
	cr_assert(strstr(diag.message, "zero-copy"), "%s", diag.message);
}

/* lo has no native mode: exactly it is refused, and the best of the rest is generic. */
Test(xdp_open, a_driver_without_native_mode)
{
	struct zring_xdp_program_options options = ZRING_XDP_PROGRAM_OPTIONS_INIT;
	struct zring_xdp_program *program = NULL;
	struct zring_xdp_program_info info;
	struct zring_diag diag = {0};

	net_lab_open();
	net_run("ip link set lo up mtu 1500");
	options.mode = ZRING_XDP_MODE_NATIVE;
	check_eq(zring_xdp_program_open("lo", &options, &diag, &program), -EOPNOTSUPP);
	cr_assert(diag.message[0]);
	options.mode = ZRING_XDP_MODE_AUTO;
	program = xdp_program_open("lo", &options);
	zring_xdp_program_get_info(program, &info);
	check_eq(info.mode, ZRING_XDP_MODE_GENERIC);
	cr_assert(strstr(info.steps, "native"), "%s", info.steps);
	zring_xdp_program_close(program);
}

Test(xdp_open, an_mtu_too_large_for_native_mode)
{
	struct zring_xdp_program_options options = ZRING_XDP_PROGRAM_OPTIONS_INIT;
	struct zring_xdp_program *program = NULL;
	struct zring_xdp_program_info info;
	struct zring_diag diag = {0};

	net_lab_open();
	net_run("ip link set " NET_NEAR " mtu 9000 && ip link set " NET_FAR " mtu 9000");
	options.mode = ZRING_XDP_MODE_NATIVE;
	check_eq(zring_xdp_program_open(NET_FAR, &options, &diag, &program), -ERANGE);
	cr_assert(strstr(diag.message, "MTU 9000"), "%s", diag.message);
	cr_assert(strstr(diag.message, "multi_buffer"), "%s", diag.message);
	options.multi_buffer = 1;
	program = xdp_program_open(NET_FAR, &options);
	zring_xdp_program_get_info(program, &info);
	check_eq(info.mode, ZRING_XDP_MODE_NATIVE);
	check_eq(info.multi_buffer, 1);
	zring_xdp_program_close(program);
	options.multi_buffer = 0;
	options.mode = ZRING_XDP_MODE_AUTO;
	program = xdp_program_open(NET_FAR, &options);
	zring_xdp_program_get_info(program, &info);
	check_eq(info.mode, ZRING_XDP_MODE_GENERIC);
	cr_assert(strstr(info.steps, "MTU 9000"), "%s", info.steps);
	zring_xdp_program_close(program);
}

/* ---- others at the hook ---- */

Test(xdp_open, who_holds_the_hook_is_named)
{
	const struct zring_capture_options options = xdp_capture(ZRING_XDP_MODE_AUTO);
	struct zring_xdp_program *program;
	struct zring_xdp_program_info info;
	char word[64];

	net_lab_open();
	program = xdp_program_open(NET_FAR, NULL);
	zring_xdp_program_get_info(program, &info);
	snprintf(word, sizeof(word), "program %u \"zring_xsk\"", info.id);
	refuse(&options, -EBUSY, word);
	snprintf(word, sizeof(word), "process %d (", (int)getpid());
	refuse(&options, -EBUSY, word);
	zring_xdp_program_close(program);
	zring_capture_close(net_capture_open(NET_FAR, &options));
}

/* A second socket on a queue is refused while the first lives, not for ever. */
Test(xdp_open, a_queue_has_one_socket)
{
	struct zring_xdp_options options = ZRING_XDP_OPTIONS_INIT;
	struct zring_umem *umem, *other;
	struct zring_xdp *first, *second = NULL;
	struct zring_diag diag = {0};

	net_lab_open();
	umem = xdp_umem_open(NULL);
	other = xdp_umem_open(NULL);
	options.use = ZRING_XDP_TX;
	first = xdp_socket_open(NET_FAR, umem, &options);
	check_eq(zring_xdp_open(NET_FAR, umem, &options, &diag, &second), -EBUSY);
	cr_assert(strstr(diag.message, "queue 0"), "%s", diag.message);
	check_eq(zring_xdp_open(NET_FAR, other, &options, &diag, &second), -EBUSY);
	cr_assert(strstr(diag.message, "queue 0"), "%s", diag.message);
	zring_xdp_close(first);
	second = xdp_socket_open(NET_FAR, other, &options);
	zring_xdp_close(second);
	zring_umem_close(umem);
	zring_umem_close(other);
}

/* The kernel frees the queue of a closed socket some milliseconds later. */
Test(xdp_open, twenty_times_right_after_the_close)
{
	const struct zring_capture_options options = xdp_capture(ZRING_XDP_MODE_NATIVE);

	net_lab_open();
	for (int i = 0; i < 20; i++) {
		struct zring_capture *capture = net_capture_open(NET_FAR, &options);

		pass(capture);
		zring_capture_close(capture);
	}
}

static pid_t start_reader(void)
{
	const struct zring_capture_options options = xdp_capture(ZRING_XDP_MODE_NATIVE);
	int ready[2];
	char byte;
	pid_t child;

	check_eq(pipe(ready), 0);
	child = fork();
	cr_assert(child >= 0);
	if (child == 0) {
		const struct zring_packet *packet;
		struct zring_capture *capture;

		if (zring_capture_open(NET_FAR, &options, NULL, &capture) == 0 &&
		    write(ready[1], "r", 1) == 1)
			for (uint32_t i = 0; i < 600; i++)
				zring_capture_next_packet(capture, &packet, 100);
		_exit(1);
	}
	close(ready[1]);
	check_eq(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	return child;
}

Test(xdp_open, a_killed_process_leaves_the_interface_free)
{
	const struct zring_capture_options options = xdp_capture(ZRING_XDP_MODE_NATIVE);
	struct net_stream stream = {.interface = NET_NEAR, .count = 0, .size = net_size_mixed};
	const uint64_t patience = net_now_ns() + NET_PATIENCE_NS;
	struct zring_capture *capture;
	uint32_t id;
	pid_t child;

	net_lab_open();
	child = start_reader();
	check_eq(attached(NET_FAR, &id), ZRING_XDP_ATTACHED_NATIVE);
	net_stream_start(&stream);
	net_sleep_ms(50);
	check_eq(kill(child, SIGKILL), 0);
	check_eq(waitpid(child, NULL, 0), child);
	while (attached(NET_FAR, &id) != ZRING_XDP_ATTACHED_NONE)
		cr_assert(net_now_ns() < patience, "program %u is still there", id);
	net_stream_stop(&stream);
	capture = net_capture_open(NET_FAR, &options);
	pass(capture);
	zring_capture_close(capture);
}

/* ---- rights ---- */

struct answer {
	int error;
	struct zring_diag diag;
};

/* Takes capabilities away from a child, for good. */
static void keep_capabilities(uint64_t kept)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {{0}};

	if (syscall(SYS_capget, &header, data))
		_exit(2);
	for (int i = 0; i < 2; i++) {
		data[i].effective &= (uint32_t)(kept >> 32 * i);
		data[i].permitted &= (uint32_t)(kept >> 32 * i);
		data[i].inheritable = 0;
	}
	if (syscall(SYS_capset, &header, data))
		_exit(2);
}

#define AS_IT_IS RLIM_INFINITY

/* What an open in a child says that has @kept alone, and @memlock bytes to lock. */
static struct answer open_in_child(uint64_t kept, rlim_t memlock, uint32_t use)
{
	struct answer answer = {0};
	int channel[2];
	pid_t child;

	check_eq(pipe(channel), 0);
	child = fork();
	cr_assert(child >= 0);
	if (child == 0) {
		struct zring_xdp_options options = ZRING_XDP_OPTIONS_INIT;
		const struct rlimit limit = {memlock, memlock};
		struct zring_umem *umem = NULL;
		struct zring_xdp *xdp;

		options.use = use;
		if ((memlock != AS_IT_IS && setrlimit(RLIMIT_MEMLOCK, &limit)) ||
		    zring_umem_open(NULL, NULL, &umem))
			_exit(2);
		keep_capabilities(kept);
		answer.error = zring_xdp_open(NET_FAR, umem, &options, &answer.diag, &xdp);
		_exit(write(channel[1], &answer, sizeof(answer)) != sizeof(answer));
	}
	close(channel[1]);
	check_eq(read(channel[0], &answer, sizeof(answer)), sizeof(answer));
	close(channel[0]);
	check_eq(waitpid(child, NULL, 0), child);
	return answer;
}

#define BIT(capability) (UINT64_C(1) << (capability))

Test(xdp_open, missing_capabilities_are_named)
{
	struct answer answer;

	net_lab_open();
	answer = open_in_child(0, AS_IT_IS, ZRING_XDP_TX);
	check_eq(answer.error, -EPERM);
	cr_assert(strcasestr(answer.diag.message, "CAP_NET_RAW"), "%s", answer.diag.message);
	/* Enough to open the socket, not to load the program. */
	answer = open_in_child(BIT(CAP_NET_RAW), AS_IT_IS, ZRING_XDP_RXTX);
	check_eq(answer.error, -EPERM);
	cr_assert(strcasestr(answer.diag.message, "CAP_BPF"), "%s", answer.diag.message);
	cr_assert(strcasestr(answer.diag.message, "CAP_NET_ADMIN"), "%s", answer.diag.message);
	/* Who only sends needs no more than that. */
	check_eq(open_in_child(BIT(CAP_NET_RAW) | BIT(CAP_IPC_LOCK), AS_IT_IS, ZRING_XDP_TX).error,
		 0);
}

Test(xdp_open, the_limit_of_locked_memory_is_named)
{
	struct answer answer;

	net_lab_open();
	answer = open_in_child(~BIT(CAP_IPC_LOCK), 65536, ZRING_XDP_TX);
	check_eq(answer.error, -ENOBUFS);
	cr_assert(strstr(answer.diag.message, "RLIMIT_MEMLOCK"), "%s", answer.diag.message);
	check_eq(open_in_child(~UINT64_C(0), 65536, ZRING_XDP_TX).error, 0);
}

/* ---- the filter and the counters of the program ---- */

/* Accepts NET_ETHERTYPE. */
static const struct bpf_insn ours_only[] = {
	{BPF_LDX | BPF_W | BPF_MEM, 2, 1, 0, 0},   /* r2 = data */
	{BPF_LDX | BPF_W | BPF_MEM, 3, 1, 4, 0},   /* r3 = data_end */
	{BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0}, /* r0 = 0 */
	{BPF_ALU64 | BPF_MOV | BPF_X, 4, 2, 0, 0}, /* r4 = r2 + 14 */
	{BPF_ALU64 | BPF_ADD | BPF_K, 4, 0, 0, 14},
	{BPF_JMP | BPF_JGT | BPF_X, 4, 3, 3, 0},  /* too short: leave */
	{BPF_LDX | BPF_H | BPF_MEM, 5, 2, 12, 0}, /* r5 = Ethertype */
	{BPF_JMP | BPF_JNE | BPF_K, 5, 0, 1, __builtin_bswap16(NET_ETHERTYPE)},
	{BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 1}, /* r0 = 1 */
	{BPF_JMP | BPF_EXIT, 0, 0, 0, 0},
};
static const struct zring_xdp_filter ours = {ours_only, sizeof(ours_only) / sizeof(ours_only[0]),
					     0};

/* A frame of somebody else's protocol. */
static void send_other(uint32_t number)
{
	uint8_t frame[60];

	net_frame_fill(frame, sizeof(frame), number);
	frame[13] = 0xb7;
	net_send(frame, sizeof(frame));
}

static void filter_in_mode(uint32_t mode)
{
	struct zring_xdp_program_options program_options = ZRING_XDP_PROGRAM_OPTIONS_INIT;
	struct zring_xdp_options options = ZRING_XDP_OPTIONS_INIT;
	struct zring_xdp_program_stats stats;
	struct zring_xdp_desc descs[100];
	struct net_tap stack;
	struct zring_umem *umem;

	net_lab_open();
	umem = xdp_umem_open(NULL);
	program_options.mode = mode;
	program_options.filter = &ours;
	options.program = xdp_program_open(NET_FAR, &program_options);
	options.use = ZRING_XDP_RX;
	{
		struct zring_xdp *xdp = xdp_socket_open(NET_FAR, umem, &options);

		net_tap_open(&stack, NET_FAR, false);
		for (uint32_t i = 0; i < 100; i++) {
			net_send_numbered(NET_NEAR, i, 1, net_size_60);
			if (i % 4 == 0)
				send_other(i);
		}
		xdp_receive(xdp, descs, 100);
		for (uint32_t i = 0; i < 100; i++)
			cr_assert(net_frame_is(zring_umem_data(umem, descs[i].address),
					       descs[i].len, i, 60));
		check_eq(net_tap_wait(&stack, 25), 25);
		check_eq(zring_xdp_program_get_stats(options.program, &stats), 0);
		check_eq(stats.redirected, 100);
		check_eq(stats.passed, 25);
		check_eq(zring_xdp_receive(xdp, descs, 1), 0);
		zring_xdp_close(xdp);
	}
	/* Without a socket all goes to the stack. */
	net_send_numbered(NET_NEAR, 0, 10, net_size_60);
	check_eq(net_tap_wait(&stack, 35), 35);
	net_tap_stop(&stack);
	net_tap_close(&stack);
	check_eq(zring_xdp_program_get_stats(options.program, &stats), 0);
	check_eq(stats.redirected, 100);
	check_eq(stats.passed, 35);
	zring_xdp_program_close(options.program);
	zring_umem_close(umem);
}

Test(xdp_open, a_filter_leaves_the_rest_to_the_stack_in_native_mode)
{
	filter_in_mode(ZRING_XDP_MODE_NATIVE);
}

Test(xdp_open, a_filter_leaves_the_rest_to_the_stack_in_generic_mode)
{
	filter_in_mode(ZRING_XDP_MODE_GENERIC);
}

Test(xdp_open, a_capture_takes_a_filter)
{
	struct zring_capture_options options = xdp_capture(ZRING_XDP_MODE_NATIVE);
	const struct zring_filter filter = {.type = ZRING_FILTER_XDP, .xdp = &ours};
	struct zring_capture *capture;

	net_lab_open();
	options.filter = &filter;
	capture = net_capture_open(NET_FAR, &options);
	for (uint32_t i = 0; i < 10; i++)
		send_other(i);
	pass(capture);
	check_eq(net_capture_stats(capture).received, 20);
	zring_capture_close(capture);
}

/* The host's stack answers while the capture takes its own. */
Test(xdp_open, the_host_is_reachable_behind_a_filter)
{
	struct zring_capture_options options = xdp_capture(ZRING_XDP_MODE_NATIVE);
	const struct zring_filter filter = {.type = ZRING_FILTER_XDP, .xdp = &ours};
	struct zring_capture *capture;
	char path[64];
	int lab, other;

	net_lab_open();
	lab = net_namespace_current();
	other = net_namespace_new();
	net_run("ip link set " NET_NEAR " netns %s", net_namespace_path(other, path, sizeof(path)));
	net_run("ip addr add " NET_FAR_IPV4 "/24 dev " NET_FAR);
	options.filter = &filter;
	capture = net_capture_open(NET_FAR, &options);
	net_namespace_enter(other);
	net_run("ip addr add " NET_NEAR_IPV4 "/24 dev " NET_NEAR " && ip link set " NET_NEAR " up");
	net_run("ping -c 3 -i 0.2 -W 10 " NET_FAR_IPV4 " >/dev/null");
	net_send_numbered(NET_NEAR, 5, 1, net_size_60);
	cr_assert(net_frame_is(net_capture_packet(capture)->data, 60, 5, 60));
	zring_capture_close(capture);
	close(lab);
	close(other);
}

Test(xdp_open, a_filter_that_the_verifier_refuses_is_told)
{
	/* Reads the packet without a look at its end. */
	const struct bpf_insn reckless[] = {
		{BPF_LDX | BPF_W | BPF_MEM, 2, 1, 0, 0},
		{BPF_LDX | BPF_W | BPF_MEM, 0, 2, 0, 0},
		{BPF_JMP | BPF_EXIT, 0, 0, 0, 0},
	};
	const struct zring_xdp_filter filter = {reckless, 3, 0};
	struct zring_xdp_program_options options = ZRING_XDP_PROGRAM_OPTIONS_INIT;
	struct zring_xdp_program *program = NULL;
	struct zring_diag diag = {0};
	uint32_t id;

	net_lab_open();
	options.filter = &filter;
	cr_assert(zring_xdp_program_open(NET_FAR, &options, &diag, &program) < 0);
	cr_assert(!program);
	cr_assert(diag.message[0]);
	check_eq(attached(NET_FAR, &id), ZRING_XDP_ATTACHED_NONE);
}
