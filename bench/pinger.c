/* SPDX-License-Identifier: BSD-2-Clause */
#include "pinger.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "echo.h"
#include "ring_v2.h"
#include "rows.h"

#define NR_FRAMES   1024
#define WARM_UP     64         /* round trips that do not count */
#define LOST_NS     20000000   /* no answer will come any more */
#define LATE_NS     250000000u /* the same after the stop, when one answer will do */
#define PATIENCE_NS 3000000000u
#define TIMES_MAX   (4u << 20) /* of a longer run the last ones count */
#define LOAD_BURST  20
#define LOAD_NS     200000 /* between bursts: 100 kpps */

/* Spins for the answer to frame @wanted. 0: it is not what was sent, or lost. */
static int await(struct ring_v2 *ring, const uint8_t *wanted, uint32_t bytes, uint64_t deadline_ns)
{
	for (;;) {
		struct tpacket2_hdr *header = ring_v2_peek(ring);
		int same;

		if (!header) {
			if (cpu_now_ns() > deadline_ns)
				return 0;
			continue;
		}
		/* Behind the addresses the echo changes nothing. */
		same = header->tp_len == bytes &&
		       !memcmp(ring_v2_data(header) + 12, wanted + 12, bytes - 12);
		ring_v2_pop(ring, header);
		if (same)
			return 1;
	}
}

static int compare(const void *a, const void *b)
{
	const uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;

	return left < right ? -1 : left > right;
}

/* The smallest time that is at or above the share @share of all. */
static double percentile(const uint32_t *times, uint64_t nr, double share)
{
	uint64_t rank = (uint64_t)(share * (double)nr);

	return times[rank < nr ? rank : nr - 1];
}

static void evaluate(uint32_t *times, uint64_t nr, struct child_result *result)
{
	qsort(times, nr, sizeof(*times), compare);
	result->p50_ns = percentile(times, nr, 0.5);
	result->p90_ns = percentile(times, nr, 0.9);
	result->p99_ns = percentile(times, nr, 0.99);
	result->p999_ns = percentile(times, nr, 0.999);
	result->max_ns = times[nr - 1];
}

/* After the stop it goes on for a while if nothing has come back yet. */
static int is_over(const struct child_side *side, uint64_t nr, uint64_t *last_ns)
{
	if (!child_stopped(side))
		return 0;
	if (*last_ns == UINT64_MAX)
		*last_ns = cpu_now_ns() + PATIENCE_NS;
	return nr > 0 || cpu_now_ns() > *last_ns;
}

static int ping(struct child_side *side, const struct job *job, struct ring_v2 *ring,
		uint32_t *times)
{
	struct child_result *result = &side->shared->result;
	uint8_t frame[FRAME_BYTES_MAX];
	uint64_t nr = 0, last_ns = UINT64_MAX;

	for (uint64_t sequence = 0; !is_over(side, nr, &last_ns); sequence++) {
		const uint32_t bytes = frame_set_write(job->set, frame, sequence);
		const uint64_t start_ns = cpu_now_ns();
		int back;

		if (send(ring->fd, frame, bytes, 0) < 0) {
			if (errno == ENOBUFS || errno == EINTR)
				continue;
			return child_fail(side, -errno, "send on %s: %s", job->lab->far.name,
					  strerror(errno));
		}
		/* A starved echo may have lost this one: after the stop a few more are tried. */
		back = await(ring, frame, bytes,
			     start_ns + (last_ns == UINT64_MAX ? LOST_NS : LATE_NS));
		if (sequence < WARM_UP && !child_stopped(side))
			continue;
		if (back)
			times[nr++ % TIMES_MAX] = (uint32_t)(cpu_now_ns() - start_ns);
		else
			result->dropped++;
	}
	result->packets = nr;
	if (!nr)
		return child_fail(side, -EIO, "no frame came back to %s", job->lab->far.name);
	evaluate(times, nr < TIMES_MAX ? nr : TIMES_MAX, result);
	return 0;
}

int pinger_run(struct child_side *side, const void *context)
{
	const struct job *job = context;
	uint32_t *times = malloc(TIMES_MAX * sizeof(*times));
	struct ring_v2 ring;
	int err;

	if (!times)
		return child_fail(side, -ENOMEM, "no memory for the times");
	err = ring_v2_open(side, &job->lab->far, NR_FRAMES, &ring);
	if (!err) {
		child_ready(side);
		err = ping(side, job, &ring, times);
		ring_v2_close(&ring);
	}
	free(times);
	return err;
}

int pinger_run_load(struct child_side *side, const void *context)
{
	const struct job *job = context;
	static struct frame_set set;
	uint8_t frame[FRAME_BYTES_MAX];
	uint64_t sequence = 0, next_ns;
	int fd = bare_socket(side, &job->lab->far, 0);

	if (fd < 0)
		return fd;
	frame_set_init(&set, &job->set->mix, job->lab->far.mac, job->set->frames[0],
		       FRAME_PORT_DISCARD, job->options->seed);
	/* Half a hundred microseconds of slack would be a quarter of the pause. */
	prctl(PR_SET_TIMERSLACK, 1000);
	child_ready(side);
	for (next_ns = cpu_now_ns(); !child_stopped(side); next_ns += LOAD_NS) {
		const uint64_t now_ns = cpu_now_ns();

		if (now_ns < next_ns)
			cpu_sleep_ns(next_ns - now_ns);
		else if (now_ns - next_ns > 10 * LOAD_NS)
			next_ns = now_ns;
		for (int i = 0; i < LOAD_BURST; i++) {
			const uint32_t bytes = frame_set_write(&set, frame, sequence);

			sequence += send(fd, frame, bytes, 0) == (ssize_t)bytes;
		}
	}
	child_account(side);
	side->shared->result.packets = sequence;
	close(fd);
	return 0;
}
