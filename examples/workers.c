/* SPDX-License-Identifier: BSD-2-Clause */
/* Counts the packets of an interface with a thread on each CPU that suits it. */
#include <signal.h>
#include <stdio.h>
#include <zring/zring.h>

static struct zring_workers *workers;

static int on_batch(void *context, uint32_t worker, struct zring_capture *capture,
		    const struct zring_batch *batch)
{
	(void)context, (void)worker, (void)capture, (void)batch; /* look at the packets here */
	return 0;
}

static void on_signal(int number)
{
	(void)number;
	zring_workers_stop(workers);
}

static void print_plan(void)
{
	struct zring_worker_plan plan;

	zring_workers_get_plan(workers, &plan);
	for (uint32_t i = 0; i < plan.nr_workers; i++)
		printf("worker %u: CPU %u%s%s\n", i, plan.places[i].cpu,
		       plan.places[i].flags & ZRING_PLACE_LOCAL ? "" : ", far from the interface",
		       plan.places[i].flags & ZRING_PLACE_INTERRUPTS ? ", takes interrupts" : "");
}

static void print_counts(void)
{
	struct zring_worker_status status;

	for (uint32_t i = 0; zring_workers_get_status(workers, i, &status) == 0; i++)
		printf("worker %u: %llu packets, %llu dropped\n", i,
		       (unsigned long long)status.stats.delivered,
		       (unsigned long long)status.stats.dropped);
}

int main(int argc, char **argv)
{
	struct zring_workers_options options = ZRING_WORKERS_OPTIONS_INIT;
	struct zring_worker_event event;
	struct zring_diag diag;
	int err;

	options.on_batch = on_batch;
	if (argc != 2 || zring_workers_open(argv[1], &options, &diag, &workers) < 0) {
		fprintf(stderr, "%s\n", argc == 2 ? diag.message : "usage: workers INTERFACE");
		return argc == 2 ? 1 : 2;
	}
	print_plan();
	signal(SIGINT, on_signal);
	if (zring_workers_start(workers, &diag) < 0)
		fprintf(stderr, "%s\n", diag.message);
	while (zring_workers_next_event(workers, -1, &event) > 0)
		if (event.type == ZRING_WORKER_EVENT_SLOW ||
		    event.type == ZRING_WORKER_EVENT_DROPPING)
			printf("worker %u does not keep up\n", event.worker);
	print_counts();
	err = zring_workers_join(workers);
	zring_workers_close(workers);
	return err ? 1 : 0;
}
