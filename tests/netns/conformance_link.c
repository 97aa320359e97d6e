/* SPDX-License-Identifier: BSD-2-Clause */
/* Interfaces that go down, vanish and move; promiscuous mode; namespaces. */
#include "support/conformance.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define FOREVER_MS (-1)

TestSuite(link, .timeout = 60);

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

static struct zring_capture *open_waiting(uint32_t wait, struct zring_batch *batch)
{
	struct zring_capture_options options = conform_capture();

	options.wait = wait;
	check_eq(zring_batch_init(batch, ZRING_BATCH_DEFAULT), 0);
	return conform_capture_open(NET_FAR, &options);
}

static void end(struct zring_capture *capture, struct zring_batch *batch)
{
	zring_batch_fini(batch);
	zring_capture_close(capture);
}

static void pass(struct zring_capture *capture, struct zring_batch *batch, uint32_t first)
{
	net_send_numbered(NET_NEAR, first, 20, net_size_60);
	net_capture_expect(capture, batch, first, 20, net_size_60);
}

/* ---- down and up ---- */

static void go_down_and_up(uint32_t wait, int timeout_ms)
{
	struct zring_capture *capture;
	struct zring_batch batch;
	struct later later;

	net_lab_open();
	capture = open_waiting(wait, &batch);
	for (uint32_t round = 0; round < 2; round++) {
		pass(capture, &batch, 0);
		start_later(&later, "ip link set " NET_FAR " down");
		check_eq(conform_event(capture, &batch, timeout_ms), -ENETDOWN);
		pthread_join(later.thread, NULL);
		/* Said once; then it waits for better times. */
		for (int i = 0; i < 5; i++)
			check_eq(zring_capture_next(capture, &batch, 30), 0);
		check_eq(zring_capture_next(capture, &batch, 0), 0);
		net_up(NET_FAR, NET_NEAR);
		pass(capture, &batch, 100);
	}
	check_eq(net_capture_stats(capture).delivered, 80);
	end(capture, &batch);
}

Test(link, down_is_told_once_and_up_resumes)
{
	go_down_and_up(ZRING_WAIT_BLOCK, FOREVER_MS);
}

Test(link, down_is_told_to_a_timed_reader)
{
	go_down_and_up(ZRING_WAIT_BLOCK, 15000);
}

Test(link, down_is_told_to_a_polling_reader)
{
	go_down_and_up(ZRING_WAIT_BLOCK, 0);
}

Test(link, down_is_told_to_a_spinning_reader)
{
	go_down_and_up(ZRING_WAIT_SPIN, FOREVER_MS);
}

Test(link, down_is_told_to_a_napping_reader)
{
	go_down_and_up(ZRING_WAIT_NAP, FOREVER_MS);
}

Test(link, down_is_told_to_an_automatic_reader)
{
	go_down_and_up(ZRING_WAIT_AUTO, FOREVER_MS);
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

Test(link, a_reader_that_waits_through_down_gets_the_first_packet)
{
	struct zring_capture *capture;
	struct zring_batch batch;
	pthread_t thread;

	net_lab_open();
	capture = open_waiting(ZRING_WAIT_BLOCK, &batch);
	net_run("ip link set " NET_FAR " down");
	check_eq(conform_event(capture, &batch, 100), -ENETDOWN);
	check_eq(pthread_create(&thread, NULL, up_and_send, NULL), 0);
	check_eq(zring_capture_next(capture, &batch, 15000), 1);
	cr_assert(net_frame_is(batch.packets[0].data, 60, 7, 60));
	pthread_join(thread, NULL);
	end(capture, &batch);
}

Test(link, an_interface_that_is_down_can_be_opened)
{
	struct zring_capture *capture;
	struct zring_batch batch;

	net_lab_open();
	net_run("ip link set " NET_FAR " down");
	capture = open_waiting(ZRING_WAIT_BLOCK, &batch);
	check_eq(zring_capture_next(capture, &batch, 15000), -ENETDOWN);
	check_eq(zring_capture_next(capture, &batch, 50), 0);
	net_up(NET_FAR, NET_NEAR);
	pass(capture, &batch, 0);
	end(capture, &batch);
}

/* ---- gone ---- */

/* Unregistering takes the interface down first: that may be told once before. */
static void expect_gone(struct zring_capture *capture, struct zring_batch *batch, int timeout_ms)
{
	int got = conform_event(capture, batch, timeout_ms);

	if (got == -ENETDOWN)
		got = conform_event(capture, batch, timeout_ms);
	check_eq(got, -ENODEV);
	/* And again, however often one asks. */
	check_eq(zring_capture_next(capture, batch, timeout_ms), -ENODEV);
	check_eq(zring_capture_next(capture, batch, 100), -ENODEV);
	check_eq(zring_capture_next(capture, batch, 0), -ENODEV);
}

static void vanish(uint32_t wait, int timeout_ms, const char *command, bool while_waiting)
{
	struct zring_capture *capture;
	struct zring_batch batch;
	struct later later;

	capture = open_waiting(wait, &batch);
	pass(capture, &batch, 0);
	if (while_waiting) {
		start_later(&later, command);
		expect_gone(capture, &batch, timeout_ms);
		pthread_join(later.thread, NULL);
	} else {
		net_run("%s", command);
		expect_gone(capture, &batch, timeout_ms);
	}
	check_eq(net_capture_stats(capture).delivered, 20);
	end(capture, &batch);
}

static void delete_at_each_time(uint32_t wait, int timeout_ms)
{
	net_lab_open();
	vanish(wait, timeout_ms, "ip link del " NET_FAR, true);
	net_pair_add(NET_NEAR, NET_FAR);
	vanish(wait, timeout_ms, "ip link del " NET_FAR, false);
}

Test(link, deletion_ends_an_endless_wait)
{
	delete_at_each_time(ZRING_WAIT_BLOCK, FOREVER_MS);
}

Test(link, deletion_ends_a_timed_wait)
{
	delete_at_each_time(ZRING_WAIT_BLOCK, 15000);
}

Test(link, deletion_is_told_to_a_polling_reader)
{
	delete_at_each_time(ZRING_WAIT_BLOCK, 0);
}

Test(link, deletion_ends_a_spin)
{
	delete_at_each_time(ZRING_WAIT_SPIN, FOREVER_MS);
}

Test(link, deletion_ends_a_nap)
{
	delete_at_each_time(ZRING_WAIT_NAP, FOREVER_MS);
}

Test(link, deletion_ends_an_automatic_wait)
{
	delete_at_each_time(ZRING_WAIT_AUTO, FOREVER_MS);
}

/* Down first, told; then deleted: the kernel has no second error for that. */
Test(link, deletion_after_down_is_told)
{
	struct zring_capture *capture;
	struct zring_batch batch;
	struct later later;

	net_lab_open();
	capture = open_waiting(ZRING_WAIT_BLOCK, &batch);
	net_run("ip link set " NET_FAR " down");
	check_eq(conform_event(capture, &batch, 100), -ENETDOWN);
	check_eq(zring_capture_next(capture, &batch, 50), 0);
	start_later(&later, "ip link del " NET_FAR);
	check_eq(conform_event(capture, &batch, FOREVER_MS), -ENODEV);
	pthread_join(later.thread, NULL);
	end(capture, &batch);
}

/* One of the same name is another interface. */
Test(link, deletion_is_told_although_the_name_is_in_use_again)
{
	struct zring_capture *capture;
	struct zring_batch batch;

	net_lab_open();
	capture = open_waiting(ZRING_WAIT_BLOCK, &batch);
	net_run("ip link del " NET_FAR);
	net_pair_add(NET_NEAR, NET_FAR);
	net_send_numbered(NET_NEAR, 0, 5, net_size_60);
	expect_gone(capture, &batch, 15000);
	end(capture, &batch);
}

Test(link, an_interface_that_moves_away_is_gone)
{
	char command[128], path[64];
	int elsewhere;

	net_lab_open();
	elsewhere = net_namespace_new();
	snprintf(command, sizeof(command), "ip link set " NET_FAR " netns %s",
		 net_namespace_path(elsewhere, path, sizeof(path)));
	vanish(ZRING_WAIT_BLOCK, FOREVER_MS, command, true);
	close(elsewhere);
}

/* What the ring held when it happened is still handed out. */
Test(link, packets_before_the_deletion_are_delivered)
{
	struct zring_capture *capture;
	struct zring_batch batch;

	net_lab_open();
	capture = open_waiting(ZRING_WAIT_BLOCK, &batch);
	net_send_numbered(NET_NEAR, 0, 20, net_size_60);
	/* Until V3's timer has handed the block over. */
	net_sleep_ms(100);
	net_run("ip link del " NET_FAR);
	net_capture_expect(capture, &batch, 0, 20, net_size_60);
	expect_gone(capture, &batch, 15000);
	end(capture, &batch);
}

/* ---- promiscuous mode ---- */

Test(link, promiscuous_mode_ends_with_the_capture)
{
	struct zring_capture_options options = conform_capture();
	struct zring_capture_info info;
	struct zring_capture *capture;

	net_lab_open();
	check_eq(net_promiscuity(NET_FAR), 0);
	for (int round = 0; round < 2; round++) {
		options.promiscuous = 0;
		capture = conform_capture_open(NET_FAR, &options);
		check_eq(net_promiscuity(NET_FAR), 0);
		zring_capture_close(capture);
		options.promiscuous = 1;
		capture = conform_capture_open(NET_FAR, &options);
		check_eq(net_promiscuity(NET_FAR), 1);
		zring_capture_get_info(capture, &info);
		check_eq(info.promiscuous, 1);
		zring_capture_close(capture);
		check_eq(net_promiscuity(NET_FAR), 0);
	}
}

/* Captures until it is killed. */
static pid_t start_reader(void)
{
	struct zring_capture_options options = conform_capture();
	int ready[2];
	char byte;
	pid_t child;

	options.promiscuous = 1;
	check_eq(pipe(ready), 0);
	child = fork();
	cr_assert(child >= 0);
	if (child == 0) {
		const struct zring_packet *packet;
		struct zring_capture *capture;
		const int error = zring_capture_open(NET_FAR, &options, NULL, &capture);

		if (error == 0 && write(ready[1], "r", 1) == 1)
			for (uint32_t i = 0; i < 600; i++)
				zring_capture_next_packet(capture, &packet, 100);
		_exit(1);
	}
	close(ready[1]);
	check_eq(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	return child;
}

/* Nothing of a killed reader stays behind: no mode, no program, no queue. */
Test(link, a_killed_process_leaves_nothing_behind)
{
	struct net_stream stream = {.interface = NET_NEAR, .count = 0, .size = net_size_60};
	struct zring_capture *capture;
	struct zring_batch batch;
	pid_t child;

	net_lab_open();
	child = start_reader();
	check_eq(net_promiscuity(NET_FAR), 1);
	net_stream_start(&stream);
	net_sleep_ms(50);
	check_eq(kill(child, SIGKILL), 0);
	check_eq(waitpid(child, NULL, 0), child);
	net_stream_stop(&stream);
	check_eq(net_promiscuity(NET_FAR), 0);
	capture = open_waiting(ZRING_WAIT_BLOCK, &batch);
	pass(capture, &batch, 0);
	end(capture, &batch);
}

/* ---- namespaces ---- */

/* Opens by @netns from a namespace where the interface is unknown, and receives. */
static void capture_elsewhere(const char *netns, int home, int lab)
{
	struct zring_capture_options options = conform_capture();
	struct zring_capture *capture;
	struct zring_batch batch;
	struct later later;
	uint64_t before;

	net_namespace_enter(home);
	before = net_namespace_id();
	options.netns = netns;
	capture = conform_capture_open(NET_FAR, &options);
	check_eq(net_namespace_id(), before);
	net_namespace_enter(lab);
	cr_assert(net_namespace_id() != before);
	check_eq(zring_batch_init(&batch, ZRING_BATCH_DEFAULT), 0);
	pass(capture, &batch, 0);
	/* The reader's namespace has nothing to do with that of the interface. */
	start_later(&later, "ip link set " NET_FAR " down");
	net_sleep_ms(10);
	net_namespace_enter(home);
	check_eq(conform_event(capture, &batch, FOREVER_MS), -ENETDOWN);
	pthread_join(later.thread, NULL);
	end(capture, &batch);
}

Test(link, a_namespace_by_path)
{
	char path[64];
	int home, lab;

	net_lab_open();
	lab = net_namespace_current();
	home = net_namespace_new();
	capture_elsewhere(net_namespace_path(lab, path, sizeof(path)), home, lab);
}

Test(link, a_namespace_by_pid)
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

Test(link, a_failed_open_comes_back_to_the_own_namespace)
{
	struct zring_capture_options options = conform_capture();
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
	cr_assert(!capture);
	close(other);
}
