/* SPDX-License-Identifier: BSD-2-Clause */
/* Interfaces that go down, vanish and move; promiscuous mode; namespaces. */
#include "support/net_zring.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#define FOREVER_MS (-1)

TestSuite(capture_link, .timeout = 60);

/* A command in the namespace of the test, some time after its call. */
struct later {
	pthread_t thread;
	const char *command;
};

static void *run_later(void *argument)
{
	struct later *later = argument;

	net_pin(1);
	net_sleep_ms(150);
	net_run("%s", later->command);
	return NULL;
}

static void start_later(struct later *later, const char *command)
{
	later->command = command;
	check_eq(pthread_create(&later->thread, NULL, run_later, later), 0);
}

static struct zring_capture *open_waiting(uint32_t profile, uint32_t wait)
{
	struct zring_capture_options options = net_capture_options(profile);

	options.wait = wait;
	return net_capture_open(NET_FAR, &options);
}

/* Calls until something else than 0 comes back, within NET_PATIENCE_NS. */
static int next_event(struct zring_capture *capture, struct zring_batch *batch, int timeout_ms)
{
	const uint64_t end = net_now_ns() + NET_PATIENCE_NS;
	int got;

	do
		got = zring_capture_next(capture, batch, timeout_ms);
	while (got == 0 && net_now_ns() < end);
	return got;
}

/* ---- down and up ---- */

static void go_down_and_up(uint32_t profile, uint32_t wait, int timeout_ms)
{
	struct zring_capture *capture;
	struct zring_batch batch;
	struct later later;

	net_lab_open();
	check_eq(zring_batch_init(&batch, ZRING_BATCH_DEFAULT), 0);
	capture = open_waiting(profile, wait);
	for (uint32_t round = 0; round < 2; round++) {
		net_send_numbered(NET_NEAR, 0, 20, net_size_60);
		net_capture_expect(capture, &batch, 0, 20, net_size_60);
		start_later(&later, "ip link set " NET_FAR " down");
		check_eq(next_event(capture, &batch, timeout_ms), -ENETDOWN);
		pthread_join(later.thread, NULL);
		/* Said once; then it waits for better times. */
		for (int i = 0; i < 5; i++)
			check_eq(zring_capture_next(capture, &batch, 30), 0);
		check_eq(zring_capture_next(capture, &batch, 0), 0);
		net_up(NET_FAR, NET_NEAR);
		net_send_numbered(NET_NEAR, 100, 20, net_size_60);
		net_capture_expect(capture, &batch, 100, 20, net_size_60);
	}
	zring_batch_fini(&batch);
	zring_capture_close(capture);
}

TEST_V3_AND_V2(capture_link, down_is_told_once_and_up_resumes)
{
	go_down_and_up(profile, ZRING_WAIT_BLOCK, FOREVER_MS);
}

TEST_V3_AND_V2(capture_link, down_is_told_to_a_timed_reader)
{
	go_down_and_up(profile, ZRING_WAIT_BLOCK, 15000);
}

TEST_V3_AND_V2(capture_link, down_is_told_to_a_polling_reader)
{
	go_down_and_up(profile, ZRING_WAIT_BLOCK, 0);
}

TEST_V3_AND_V2(capture_link, down_is_told_to_a_spinning_reader)
{
	go_down_and_up(profile, ZRING_WAIT_SPIN, FOREVER_MS);
}

/* A reader that was told waits on, and the same call sees the packets after up. */
static void *up_and_send(void *argument)
{
	(void)argument;
	net_pin(1);
	net_sleep_ms(150);
	net_up(NET_FAR, NET_NEAR);
	net_send_numbered(NET_NEAR, 7, 1, net_size_60);
	return NULL;
}

TEST_V3_AND_V2(capture_link, a_reader_that_waits_through_down_gets_the_first_packet)
{
	struct zring_capture *capture;
	struct zring_batch batch;
	pthread_t thread;

	net_lab_open();
	check_eq(zring_batch_init(&batch, ZRING_BATCH_DEFAULT), 0);
	capture = open_waiting(profile, ZRING_WAIT_BLOCK);
	net_run("ip link set " NET_FAR " down");
	check_eq(next_event(capture, &batch, 100), -ENETDOWN);
	check_eq(pthread_create(&thread, NULL, up_and_send, NULL), 0);
	check_eq(zring_capture_next(capture, &batch, 15000), 1);
	cr_assert(net_frame_is(batch.packets[0].data, 60, 7, 60));
	pthread_join(thread, NULL);
	zring_batch_fini(&batch);
	zring_capture_close(capture);
}

TEST_V3_AND_V2(capture_link, an_interface_that_is_down_can_be_opened)
{
	struct zring_capture *capture;
	struct zring_batch batch;

	net_lab_open();
	check_eq(zring_batch_init(&batch, ZRING_BATCH_DEFAULT), 0);
	net_run("ip link set " NET_FAR " down");
	capture = open_waiting(profile, ZRING_WAIT_BLOCK);
	check_eq(zring_capture_next(capture, &batch, 15000), -ENETDOWN);
	check_eq(zring_capture_next(capture, &batch, 50), 0);
	net_up(NET_FAR, NET_NEAR);
	net_send_numbered(NET_NEAR, 0, 20, net_size_60);
	net_capture_expect(capture, &batch, 0, 20, net_size_60);
	zring_batch_fini(&batch);
	zring_capture_close(capture);
}

/* ---- gone ---- */

/* Unregistering takes the interface down first: that may be told once before. */
static void expect_gone(struct zring_capture *capture, struct zring_batch *batch, int timeout_ms)
{
	int got = next_event(capture, batch, timeout_ms);

	if (got == -ENETDOWN)
		got = next_event(capture, batch, timeout_ms);
	check_eq(got, -ENODEV);
	/* And again, however often one asks. */
	check_eq(zring_capture_next(capture, batch, timeout_ms), -ENODEV);
	check_eq(zring_capture_next(capture, batch, 100), -ENODEV);
	check_eq(zring_capture_next(capture, batch, 0), -ENODEV);
}

static void vanish(uint32_t profile, uint32_t wait, int timeout_ms, const char *command,
		   bool while_waiting)
{
	struct zring_capture *capture;
	struct zring_batch batch;
	struct later later;

	check_eq(zring_batch_init(&batch, ZRING_BATCH_DEFAULT), 0);
	capture = open_waiting(profile, wait);
	net_send_numbered(NET_NEAR, 0, 20, net_size_60);
	net_capture_expect(capture, &batch, 0, 20, net_size_60);
	if (while_waiting) {
		start_later(&later, command);
		expect_gone(capture, &batch, timeout_ms);
		pthread_join(later.thread, NULL);
	} else {
		net_run("%s", command);
		expect_gone(capture, &batch, timeout_ms);
	}
	check_eq(net_capture_stats(capture).delivered, 20);
	zring_batch_fini(&batch);
	zring_capture_close(capture);
}

static void delete_at_each_time(uint32_t profile, uint32_t wait, int timeout_ms)
{
	net_lab_open();
	vanish(profile, wait, timeout_ms, "ip link del " NET_FAR, true);
	net_pair_add(NET_NEAR, NET_FAR);
	vanish(profile, wait, timeout_ms, "ip link del " NET_FAR, false);
}

TEST_V3_AND_V2(capture_link, deletion_ends_an_endless_wait)
{
	delete_at_each_time(profile, ZRING_WAIT_BLOCK, FOREVER_MS);
}

TEST_V3_AND_V2(capture_link, deletion_ends_a_timed_wait)
{
	delete_at_each_time(profile, ZRING_WAIT_BLOCK, 15000);
}

TEST_V3_AND_V2(capture_link, deletion_is_told_to_a_polling_reader)
{
	delete_at_each_time(profile, ZRING_WAIT_BLOCK, 0);
}

TEST_V3_AND_V2(capture_link, deletion_ends_a_spin)
{
	delete_at_each_time(profile, ZRING_WAIT_SPIN, FOREVER_MS);
}

/* Down first, told; then deleted: the kernel has no second error for that. */
TEST_V3_AND_V2(capture_link, deletion_after_down_is_told)
{
	struct zring_capture *capture;
	struct zring_batch batch;
	struct later later;

	net_lab_open();
	check_eq(zring_batch_init(&batch, ZRING_BATCH_DEFAULT), 0);
	capture = open_waiting(profile, ZRING_WAIT_BLOCK);
	net_run("ip link set " NET_FAR " down");
	check_eq(next_event(capture, &batch, 100), -ENETDOWN);
	check_eq(zring_capture_next(capture, &batch, 50), 0);
	start_later(&later, "ip link del " NET_FAR);
	check_eq(next_event(capture, &batch, FOREVER_MS), -ENODEV);
	pthread_join(later.thread, NULL);
	zring_batch_fini(&batch);
	zring_capture_close(capture);
}

/* One of the same name is another interface. */
TEST_V3_AND_V2(capture_link, deletion_is_told_although_the_name_is_in_use_again)
{
	struct zring_capture *capture;
	struct zring_batch batch;

	net_lab_open();
	check_eq(zring_batch_init(&batch, ZRING_BATCH_DEFAULT), 0);
	capture = open_waiting(profile, ZRING_WAIT_BLOCK);
	net_run("ip link del " NET_FAR);
	net_pair_add(NET_NEAR, NET_FAR);
	net_send_numbered(NET_NEAR, 0, 5, net_size_60);
	expect_gone(capture, &batch, 15000);
	zring_batch_fini(&batch);
	zring_capture_close(capture);
}

TEST_V3_AND_V2(capture_link, an_interface_that_moves_away_is_gone)
{
	char command[128], path[64];
	int elsewhere;

	net_lab_open();
	elsewhere = net_namespace_new();
	snprintf(command, sizeof(command), "ip link set " NET_FAR " netns %s",
		 net_namespace_path(elsewhere, path, sizeof(path)));
	vanish(profile, ZRING_WAIT_BLOCK, FOREVER_MS, command, true);
	close(elsewhere);
}

/* What the ring held when it happened is still handed out. */
TEST_V3_AND_V2(capture_link, packets_before_the_deletion_are_delivered)
{
	struct zring_capture *capture;
	struct zring_batch batch;

	net_lab_open();
	check_eq(zring_batch_init(&batch, ZRING_BATCH_DEFAULT), 0);
	capture = open_waiting(profile, ZRING_WAIT_BLOCK);
	net_send_numbered(NET_NEAR, 0, 20, net_size_60);
	/* Until V3's timer has handed the block over. */
	net_sleep_ms(100);
	net_run("ip link del " NET_FAR);
	net_capture_expect(capture, &batch, 0, 20, net_size_60);
	expect_gone(capture, &batch, 15000);
	zring_batch_fini(&batch);
	zring_capture_close(capture);
}

/* ---- promiscuous mode ---- */

TEST_V3_AND_V2(capture_link, promiscuous_mode_ends_with_the_capture)
{
	struct zring_capture_options options = net_capture_options(profile);
	struct zring_capture *capture, *second;

	net_lab_open();
	check_eq(net_promiscuity(NET_FAR), 0);
	capture = net_capture_open(NET_FAR, &options);
	check_eq(net_promiscuity(NET_FAR), 0);
	zring_capture_close(capture);
	options.promiscuous = 1;
	capture = net_capture_open(NET_FAR, &options);
	second = net_capture_open(NET_FAR, &options);
	check_eq(net_promiscuity(NET_FAR), 2);
	zring_capture_close(second);
	check_eq(net_promiscuity(NET_FAR), 1);
	zring_capture_close(capture);
	check_eq(net_promiscuity(NET_FAR), 0);
}

TEST_V3_AND_V2(capture_link, promiscuous_mode_ends_with_a_killed_process)
{
	struct zring_capture_options options = net_capture_options(profile);
	int ready[2];
	char byte;
	pid_t child;

	net_lab_open();
	options.promiscuous = 1;
	check_eq(pipe(ready), 0);
	child = fork();
	cr_assert(child >= 0);
	if (child == 0) {
		struct zring_capture *capture;
		const int error = zring_capture_open(NET_FAR, &options, NULL, &capture);

		if (error == 0 && write(ready[1], "r", 1) == 1)
			sleep(60);
		_exit(1);
	}
	close(ready[1]);
	check_eq(read(ready[0], &byte, 1), 1);
	check_eq(net_promiscuity(NET_FAR), 1);
	check_eq(kill(child, SIGKILL), 0);
	check_eq(waitpid(child, NULL, 0), child);
	check_eq(net_promiscuity(NET_FAR), 0);
	close(ready[0]);
}

/* ---- namespaces ---- */

/* Opens by @netns from a namespace where the interface is unknown, and receives. */
static void capture_elsewhere(const char *netns, int home, int lab)
{
	struct zring_capture_options options = net_capture_options(ZRING_PROFILE_THROUGHPUT);
	struct zring_capture *capture;
	struct zring_batch batch;
	uint64_t before;

	net_namespace_enter(home);
	before = net_namespace_id();
	options.netns = netns;
	capture = net_capture_open(NET_FAR, &options);
	check_eq(net_namespace_id(), before);
	net_namespace_enter(lab);
	cr_assert(net_namespace_id() != before);
	check_eq(zring_batch_init(&batch, ZRING_BATCH_DEFAULT), 0);
	net_send_numbered(NET_NEAR, 0, 10, net_size_60);
	net_capture_expect(capture, &batch, 0, 10, net_size_60);
	zring_batch_fini(&batch);
	zring_capture_close(capture);
}

Test(capture_link, a_namespace_by_path)
{
	char path[64];
	int home, lab;

	net_lab_open();
	lab = net_namespace_current();
	home = net_namespace_new();
	capture_elsewhere(net_namespace_path(lab, path, sizeof(path)), home, lab);
}

Test(capture_link, a_namespace_by_pid)
{
	char pid[16];
	int home, lab;
	pid_t child;

	net_lab_open();
	lab = net_namespace_current();
	home = net_namespace_new();
	child = fork();
	cr_assert(child >= 0);
	if (child == 0) {
		sleep(60);
		_exit(0);
	}
	snprintf(pid, sizeof(pid), "%d", (int)child);
	capture_elsewhere(pid, home, lab);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
}

/* In a /run of the test's own: the name is nobody else's, and nothing is left behind. */
Test(capture_link, a_namespace_by_name)
{
	int home, lab;

	net_lab_open();
	cr_assert(unshare(CLONE_NEWNS) == 0, "unshare(CLONE_NEWNS): %s", strerror(errno));
	cr_assert(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0, "mount: %s",
		  strerror(errno));
	cr_assert(mount("run", "/run", "tmpfs", 0, NULL) == 0, "mount: %s", strerror(errno));
	lab = net_namespace_current();
	home = net_namespace_new();
	net_run("mkdir /run/netns && touch /run/netns/zring-test && "
		"mount --bind /proc/thread-self/ns/net /run/netns/zring-test");
	capture_elsewhere("zring-test", home, lab);
}

Test(capture_link, a_failed_open_comes_back_to_the_own_namespace)
{
	struct zring_capture_options options = ZRING_CAPTURE_OPTIONS_INIT;
	struct zring_capture *capture = NULL;
	struct zring_diag diag = {0};
	char path[64];
	uint64_t before;
	int other;

	net_lab_open();
	other = net_namespace_new();
	before = net_namespace_id();
	options.netns = net_namespace_path(other, path, sizeof(path));
	check_eq(zring_capture_open(NET_FAR, &options, &diag, &capture), -ENODEV);
	check_eq(diag.error, ENODEV);
	check_eq(net_namespace_id(), before);
	options.netns = "zring-no-such-namespace";
	check_eq(zring_capture_open(NET_FAR, &options, &diag, &capture), -ENOENT);
	cr_assert(strstr(diag.message, "zring-no-such-namespace"), "%s", diag.message);
	check_eq(net_namespace_id(), before);
	options.netns = "4194399";
	check_eq(zring_capture_open(NET_FAR, &options, &diag, &capture), -ENOENT);
	options.netns = "/dev/null";
	cr_assert(zring_capture_open(NET_FAR, &options, &diag, &capture) < 0);
	check_eq(net_namespace_id(), before);
	cr_assert(!capture);
	close(other);
}
