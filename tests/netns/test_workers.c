/* SPDX-License-Identifier: BSD-2-Clause */
/* Workers on a real interface: what is sent is seen once, by the sum of all, byte for byte. */
#include <errno.h>
#include <linux/filter.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "support/net_zring.h"

#define NR_FRAMES   20000u
#define MAX_WORKERS 8u

TestSuite(workers, .timeout = 60);

struct program {
	net_size_fn *size;
	uint8_t seen[NR_FRAMES]; /* by number; a frame is one worker's */
	uint32_t counts[MAX_WORKERS];
	int cpus[MAX_WORKERS]; /* -1: more than one */
	uint32_t nr_wrong;
	bool hold; /* worker 0 */
};

static struct program program;

static int only_cpu(void)
{
	cpu_set_t set;

	sched_getaffinity(0, sizeof(set), &set);
	return CPU_COUNT(&set) == 1 && CPU_ISSET((size_t)sched_getcpu(), &set) ? sched_getcpu()
									       : -1;
}

static int on_batch(void *context, uint32_t worker, struct zring_capture *capture,
		    const struct zring_batch *batch)
{
	const struct zring_packet *packet;

	(void)context, (void)capture;
	program.cpus[worker] = only_cpu();
	zring_batch_for_each (batch, packet) {
		const uint32_t number = net_frame_number(packet->data);

		if (number >= NR_FRAMES || program.seen[number] ||
		    packet->len != program.size(number) ||
		    !net_frame_is(packet->data, packet->len, number, packet->len))
			__atomic_fetch_add(&program.nr_wrong, 1, __ATOMIC_RELAXED);
		else
			program.seen[number] = 1;
	}
	program.counts[worker] += batch->nr_packets;
	while (worker == 0 && __atomic_load_n(&program.hold, __ATOMIC_ACQUIRE))
		net_sleep_ms(1);
	return 0;
}

/* The lab leaves its thread one CPU; a place on another one shows that a worker is put there. */
static void use_all_cpus(void)
{
	cpu_set_t all;

	memset(&all, 0xff, sizeof(all));
	cr_assert(sched_setaffinity(0, sizeof(all), &all) == 0, "%s", strerror(errno));
}

static struct zring_workers *open_workers(const char *interface, uint32_t nr,
					  const struct zring_capture_options *capture)
{
	struct zring_workers_options options = ZRING_WORKERS_OPTIONS_INIT;
	struct zring_workers *workers = NULL;
	struct zring_diag diag = {0};

	memset(&program, 0, sizeof(program));
	program.size = net_size_mixed;
	options.nr_workers = nr;
	options.capture = capture;
	options.slow_ms = 50;
	options.on_batch = on_batch;
	cr_assert(zring_workers_open(interface, &options, &diag, &workers) == 0, "%s: %s",
		  diag.step, diag.message);
	return workers;
}

static void start(struct zring_workers *workers)
{
	struct zring_diag diag = {0};

	cr_assert(zring_workers_start(workers, &diag) == 0, "%s: %s", diag.step, diag.message);
}

static void wait_delivered(struct zring_workers *workers, uint64_t nr)
{
	const uint64_t end = net_now_ns() + NET_PATIENCE_NS;
	struct zring_capture_stats stats;

	do {
		net_sleep_ms(2);
		zring_workers_get_stats(workers, &stats);
		cr_assert(net_now_ns() < end, "%llu of %llu came, %llu dropped",
			  (unsigned long long)stats.delivered, (unsigned long long)nr,
			  (unsigned long long)stats.dropped);
	} while (stats.delivered < nr);
	check_eq(stats.delivered, nr);
}

/* By number: what is a flow's is another test's matter. */
static const struct sock_filter by_number[] = {
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
	BPF_STMT(BPF_RET | BPF_A, 0),
};

static struct zring_fanout numbered_group(void)
{
	struct zring_fanout fanout = ZRING_FANOUT_INIT;

	fanout.mode = ZRING_FANOUT_CBPF;
	fanout.flags = ZRING_FANOUT_FLAG_UNIQUE_ID;
	fanout.insns = by_number;
	fanout.nr_insns = 2;
	return fanout;
}

TEST_V3_AND_V2(workers, sum_of_all_is_what_was_sent)
{
	struct zring_capture_options capture = net_capture_options(profile);
	const struct zring_fanout fanout = numbered_group();
	struct zring_workers *workers;
	struct zring_worker_plan plan;
	uint32_t nr;

	net_lab_open();
	use_all_cpus();
	capture.memory_bytes = 16 << 20;
	capture.fanout = &fanout;
	workers = open_workers(NET_FAR, 4, &capture);
	net_send_numbered(NET_NEAR, 0, 100, net_size_mixed); /* before the start: not seen */
	start(workers);
	for (uint32_t i = 0; i < NR_FRAMES; i += 1000) {
		net_send_numbered(NET_NEAR, i, 1000, net_size_mixed);
		wait_delivered(workers, i + 1000);
	}
	zring_workers_stop(workers);
	check_eq(zring_workers_join(workers), 0);
	check_eq(program.nr_wrong, 0);
	zring_workers_get_plan(workers, &plan);
	nr = zring_workers_count(workers);
	check_eq(nr, 4);
	check_eq(plan.nr_workers, 4);
	cr_assert_str_eq(plan.interface, NET_FAR);
	for (uint32_t i = 0; i < nr; i++) {
		struct zring_worker_status status;

		check_eq(zring_workers_get_status(workers, i, &status), 0);
		check_eq(program.counts[i], NR_FRAMES / 4);
		check_eq(status.stats.received, NR_FRAMES / 4);
		check_eq(status.state, ZRING_WORKER_ENDED);
		check_eq(program.cpus[i], (int)plan.places[i].cpu);
		check_eq(status.cpu, (int)plan.places[i].cpu);
	}
	for (uint32_t i = 0; i < NR_FRAMES; i++)
		check_eq(program.seen[i], 1);
	zring_workers_close(workers);
}

/* Without any option of the capture: a new group, by flows. */
Test(workers, defaults_share_by_flow)
{
	struct zring_workers *workers;
	struct zring_fanout_info info;

	net_lab_open();
	workers = open_workers(NET_FAR, 2, NULL);
	start(workers);
	net_send_numbered(NET_NEAR, 0, 1000, net_size_mixed);
	wait_delivered(workers, 1000);
	check_eq(zring_fanout_get_info(zring_workers_get_capture(workers, 1), &info), 0);
	check_eq(info.mode, ZRING_FANOUT_FLOW);
	cr_assert(!zring_workers_get_capture(workers, 2));
	check_eq(zring_workers_get_status(workers, 2, &(struct zring_worker_status){0}), -EINVAL);
	zring_workers_close(workers);
	check_eq(program.nr_wrong, 0);
	/* One pair of addresses: all at one worker. */
	check_eq(program.counts[0] + program.counts[1], 1000);
	cr_assert(!program.counts[0] || !program.counts[1]);
}

Test(workers, a_slow_worker_drops_alone_and_is_told)
{
	struct zring_capture_options capture = net_capture_options(ZRING_PROFILE_LOW_LATENCY);
	const struct zring_fanout fanout = numbered_group();
	bool is_told_slow = false, is_told_dropping = false;
	struct zring_worker_event event;
	struct zring_workers *workers;
	struct zring_worker_status status;

	net_lab_open();
	capture.memory_bytes = 1 << 20;
	capture.fanout = &fanout;
	workers = open_workers(NET_FAR, 2, &capture);
	start(workers);
	__atomic_store_n(&program.hold, true, __ATOMIC_RELEASE);
	for (uint32_t i = 0; i < 4000; i += 100) {
		net_send_numbered(NET_NEAR, i, 100, net_size_mixed);
		net_sleep_ms(1);
	}
	while (!is_told_slow || !is_told_dropping) {
		check_eq(zring_workers_next_event(workers, 10000, &event), 1);
		check_eq(event.worker, 0);
		is_told_slow = is_told_slow || event.type == ZRING_WORKER_EVENT_SLOW;
		is_told_dropping = is_told_dropping ||
				   (event.type == ZRING_WORKER_EVENT_DROPPING && event.dropped > 0);
	}
	check_eq(zring_workers_get_status(workers, 0, &status), 0);
	cr_assert(status.slow && status.busy_ms >= 50 && status.stats.dropped > 1000);
	check_eq(zring_workers_get_status(workers, 1, &status), 0);
	check_eq(status.stats.delivered, 2000);
	check_eq(status.stats.dropped, 0);
	__atomic_store_n(&program.hold, false, __ATOMIC_RELEASE);
	zring_workers_close(workers);
	check_eq(program.nr_wrong, 0);
}

Test(workers, a_deleted_interface_ends_them_all)
{
	struct zring_worker_event event;
	struct zring_workers *workers;
	uint32_t nr_failed = 0;
	int got;

	net_lab_open();
	workers = open_workers(NET_FAR, 3, NULL);
	start(workers);
	net_run("ip link del " NET_FAR);
	while ((got = zring_workers_next_event(workers, 10000, &event)) == 1)
		if (event.type == ZRING_WORKER_EVENT_FAILED) {
			check_eq(event.error, -ENODEV);
			nr_failed++;
		}
	check_eq(got, -ECHILD);
	check_eq(nr_failed, 3);
	check_eq(zring_workers_join(workers), -ENODEV);
	zring_workers_close(workers);
}

/* Its interface is looked for there, and no interface of the same name here is mistaken for it. */
Test(workers, another_namespace_is_served)
{
	struct zring_capture_options capture = net_capture_options(ZRING_PROFILE_THROUGHPUT);
	struct zring_worker_plan plan;
	struct zring_workers *workers;
	char path[64];
	int home, away;

	net_lab_open();
	home = net_namespace_current();
	away = net_namespace_new();
	net_namespace_enter(away);
	net_pair_add("far0", "far1");
	net_up("far0", "far1");
	net_namespace_enter(home);
	capture.netns = net_namespace_path(away, path, sizeof(path));
	workers = open_workers("far1", 2, &capture);
	start(workers);
	net_namespace_enter(away);
	net_send_numbered("far0", 0, 100, net_size_mixed);
	net_namespace_enter(home);
	wait_delivered(workers, 100);
	zring_workers_get_plan(workers, &plan);
	check_eq(plan.numa_node, -1);
	check_eq(plan.nr_workers, 2);
	zring_workers_close(workers);
	check_eq(program.nr_wrong, 0);
}

Test(workers, a_cpu_that_may_not_be_used_is_named)
{
	struct zring_workers_options options = ZRING_WORKERS_OPTIONS_INIT;
	struct zring_worker_plan plan;
	struct zring_workers *workers;
	struct zring_worker_event event;
	struct zring_diag diag = {0};

	net_lab_open();
	check_eq(zring_workers_plan(NET_FAR, 2, ZRING_PLACE_APART, &diag, &plan), 0);
	plan.places[1].cpu = 4000;
	options.plan = &plan;
	options.on_batch = on_batch;
	check_eq(zring_workers_open(NET_FAR, &options, &diag, &workers), 0);
	check_eq(zring_workers_start(workers, &diag), -EINVAL);
	cr_assert(strstr(diag.message, "CPU 4000"), "%s", diag.message);
	while (zring_workers_next_event(workers, 0, &event) == 1)
		check_eq(event.type, ZRING_WORKER_EVENT_ENDED);
	zring_workers_close(workers);
}

Test(workers, an_interface_without_a_plan_is_named)
{
	struct zring_worker_plan plan;
	struct zring_diag diag = {0};

	net_lab_open();
	check_eq(zring_workers_plan("zring-none", 1, 0, &diag, &plan), -ENODEV);
	cr_assert(strstr(diag.message, "zring-none"), "%s", diag.message);
	check_eq(zring_workers_plan(NULL, 1, 0, &diag, &plan), -EINVAL);
	check_eq(zring_workers_plan(NET_FAR, 0, 0, &diag, &plan), 0);
	check_eq(plan.nr_irqs, 0);
	/* The lab leaves its thread one CPU. */
	check_eq(plan.nr_cpus, 1);
	check_eq(plan.nr_workers, 1);
}
