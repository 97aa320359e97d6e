/* SPDX-License-Identifier: BSD-2-Clause */
#include "wait.h"

#include <errno.h>

#include "../syscall.h"
#include "barrier.h"
#include "capture.h"

#define NS_PER_US UINT64_C(1000)
#define NS_PER_MS UINT64_C(1000000)

/* A deleted interface raises no second error: one that is down is looked at so often. */
#define DOWN_SLICE_NS (50 * NS_PER_MS)
/* While the program holds what poll() reports, look again after so long. */
#define HELD_NAP_NS (NS_PER_MS / 2)
/* Looks at the ring between two pauses, each of which may be 50 ns, and looks at the clock. */
#define SPIN_ROUND 64

/*
 * A nap lasts until half of the ring may be full, within these. Longer ones save
 * no more CPU and cost cache; an idle link is looked at less often.
 */
#define SHORTEST_NAP_NS (50 * NS_PER_US)
#define LONGEST_NAP_NS  (150 * NS_PER_US)
#define IDLE_NAP_NS     NS_PER_MS
/* AUTO naps from so many packets a second on: below, a wake-up each is cheap. */
#define AUTO_NAP_PACKET_NS (20 * NS_PER_US)

/* Somebody else wants the CPU of a spinning reader when it is preempted in each of so many looks.
 */
#define CROWDED_LOOK_NS UINT64_C(10000000)
#define CROWDED_LOOKS   3
#define YIELD_NS        (1000 * NS_PER_MS)

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static bool is_over(uint64_t deadline_ns)
{
	return deadline_ns != ZR_FOREVER && zr_now_ns() >= deadline_ns;
}

/* ---- sleeping in poll() ---- */

/*
 * poll() stays readable while the block before the kernel's is not given back
 * (af_packet.c, packet_poll), also when the program holds it: then sleep by time.
 */
static int sleep_held(struct zring_capture *capture, uint64_t deadline_ns)
{
	struct pollfd stop = {.fd = capture->stop_fd, .events = POLLIN};
	const int ready = zr_poll(&stop, 1, earlier(deadline_ns, zr_now_ns() + HELD_NAP_NS));

	zr_capture_fold_now_and_then(capture, zr_now_coarse_ns());
	return ready < 0 ? ready : 0;
}

/* poll(); returns the events of all descriptors but the stop's, or -errno. */
static int poll_all(struct zr_waiter *waiter, uint64_t until_ns)
{
	const int err = zr_poll(waiter->polls, waiter->nr_polls + 1, until_ns);
	int events = 0;

	if (err < 0)
		return err;
	for (uint32_t i = 0; i < waiter->nr_polls; i++)
		events |= waiter->polls[i].revents;
	return events;
}

static int wait_block(struct zring_capture *capture, uint64_t deadline_ns)
{
	while (!zring_capture_stopped(capture)) {
		uint64_t until = deadline_ns;
		int events, err;

		if (capture->down)
			until = earlier(until, zr_now_ns() + DOWN_SLICE_NS);
		events = poll_all(&capture->waiter, until);
		if (events < 0)
			return events;
		if (capture->ops->ready(capture))
			return 1;
		if (capture->down || (events & ~POLLIN)) {
			err = zr_capture_check(capture);
			if (err)
				return err;
		}
		if (events) {
			err = sleep_held(capture, deadline_ns);
			if (err)
				return err;
		}
		if (is_over(deadline_ns))
			return 0;
	}
	return 0;
}

/* ---- sleeping by time ---- */

/* How far apart packets are, from what was lent since the last wait. */
static void measure(struct zr_waiter *waiter)
{
	const uint64_t now_ns = zr_now_ns();
	const uint64_t nr = waiter->nr_lent - waiter->nr_lent_before;
	const uint64_t elapsed_ns = now_ns - waiter->before_ns;

	if (waiter->before_ns && nr) {
		const uint64_t packet_ns = elapsed_ns / nr + 1;

		waiter->packet_ns = waiter->packet_ns ? (3 * waiter->packet_ns + packet_ns) / 4
						      : packet_ns;
	} else if (waiter->before_ns && elapsed_ns > waiter->packet_ns) {
		waiter->packet_ns = elapsed_ns; /* longer than that since the last one */
	}
	waiter->nr_lent_before = waiter->nr_lent;
	waiter->before_ns = now_ns;
}

static uint64_t nap_ns(const struct zr_waiter *waiter)
{
	uint64_t fills_ns;

	if (waiter->packet_ns >= IDLE_NAP_NS)
		return IDLE_NAP_NS;
	fills_ns = waiter->packet_ns * (waiter->capacity / 2);
	if (!waiter->packet_ns || fills_ns < SHORTEST_NAP_NS)
		return SHORTEST_NAP_NS;
	return earlier(fills_ns, LONGEST_NAP_NS);
}

/* One nap. As zr_wait(), but 0 also when nothing came yet. */
static int nap(struct zring_capture *capture, uint64_t deadline_ns)
{
	zr_sleep_until(earlier(deadline_ns, zr_now_ns() + nap_ns(&capture->waiter)));
	return capture->ops->ready(capture) ? 1 : zr_capture_check_now_and_then(capture);
}

static int wait_nap(struct zring_capture *capture, uint64_t deadline_ns)
{
	measure(&capture->waiter);
	for (;;) {
		const int found = nap(capture, deadline_ns);

		if (found)
			return found;
		if (zring_capture_stopped(capture) || is_over(deadline_ns))
			return 0;
		measure(&capture->waiter);
	}
}

/* Nap as long as many packets come, then poll(). */
static int wait_auto(struct zring_capture *capture, uint64_t deadline_ns)
{
	struct zr_waiter *waiter = &capture->waiter;

	measure(waiter);
	while (waiter->packet_ns && waiter->packet_ns < AUTO_NAP_PACKET_NS) {
		const int found = nap(capture, deadline_ns);

		if (found)
			return found;
		if (zring_capture_stopped(capture) || is_over(deadline_ns))
			return 0;
		measure(waiter);
	}
	return wait_block(capture, deadline_ns);
}

/* ---- spinning ---- */

/*
 * Whether to leave the CPU to others for a while. A reader that spins where the
 * kernel's NAPI thread runs takes from it the time to bring packets.
 */
static bool is_crowded(struct zr_waiter *waiter, uint64_t now_ns)
{
	uint64_t preemptions;

	if (now_ns < waiter->yield_until_ns)
		return true;
	if (now_ns - waiter->preemptions_ns < CROWDED_LOOK_NS)
		return false;
	preemptions = zr_preemptions();
	waiter->crowded = preemptions != waiter->preemptions && waiter->preemptions_ns
				  ? waiter->crowded + 1
				  : 0;
	waiter->preemptions = preemptions;
	waiter->preemptions_ns = now_ns;
	if (waiter->crowded < CROWDED_LOOKS)
		return false;
	waiter->crowded = 0;
	waiter->yield_until_ns = now_ns + YIELD_NS;
	return true;
}

static int wait_spin(struct zring_capture *capture, uint64_t deadline_ns)
{
	for (;;) {
		int err;

		for (int i = 0; i < SPIN_ROUND; i++)
			if (capture->ops->ready(capture))
				return 1;
		zr_cpu_relax();
		if (zring_capture_stopped(capture))
			return 0;
		err = zr_capture_check_now_and_then(capture);
		if (err)
			return err;
		if (is_over(deadline_ns))
			return 0;
		if (is_crowded(&capture->waiter, zr_now_coarse_ns()))
			return wait_nap(capture, deadline_ns);
	}
}

int zr_wait(struct zring_capture *capture, uint64_t deadline_ns)
{
	switch (capture->info.wait) {
	case ZRING_WAIT_SPIN:
		return wait_spin(capture, deadline_ns);
	case ZRING_WAIT_NAP:
		return wait_nap(capture, deadline_ns);
	case ZRING_WAIT_AUTO:
		return wait_auto(capture, deadline_ns);
	default:
		return wait_block(capture, deadline_ns);
	}
}
