/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sending through a TPACKET_V1 ring. The kernel keeps a head of its own and
 * stops at the first slot that is not SEND_REQUEST: slots are requested in
 * order and none is ever skipped, so that our position and its head agree.
 */
#include "tx.h"

#include <errno.h>
#include <string.h>

#include "../core/barrier.h"
#include "../syscall.h"
#include "frame.h"

static struct tpacket_hdr *header(const struct zring_injector *injector, uint64_t position)
{
	const struct zr_tx *tx = (const struct zr_tx *)injector;
	const size_t slot = position & (injector->nr_slots - 1);

	return (struct tpacket_hdr *)(tx->ring + slot * tx->slot_bytes);
}

static unsigned long status(const struct zring_injector *injector, uint64_t position)
{
	return zr_load_acquire(&header(injector, position)->tp_status); /* F */
}

/* The slots from a position on that lie side by side, and their headers. */
struct run {
	struct zring_slot *slot;
	uint8_t *header;
	size_t stride;
	uint64_t nr;
};

static struct run run_of(const struct zring_injector *injector, uint64_t from, uint64_t to)
{
	struct zring_slot *slot = zr_slot(injector, from);
	const uint64_t to_wrap = (uint64_t)(injector->slots + injector->nr_slots - slot);

	return (struct run){
		.slot = slot,
		.header = (uint8_t *)header(injector, from),
		.stride = ((const struct zr_tx *)injector)->slot_bytes,
		.nr = to - from < to_wrap ? to - from : to_wrap,
	};
}

static void step(struct run *run, uint32_t nr)
{
	run->slot += nr;
	run->header += nr * run->stride;
	run->nr -= nr;
}

/* Loops over a run do so many slots a turn; what is left over goes one at a time. */
#define UNROLL 4

static inline uint32_t request_slot(const struct run *run, int i, uint32_t header_bytes)
{
	struct tpacket_hdr *frame = (struct tpacket_hdr *)(run->header + (size_t)i * run->stride);
	const uint32_t len = run->slot[i].len;

	frame->tp_len = len + header_bytes;
	zr_store_release(&frame->tp_status, TP_STATUS_SEND_REQUEST); /* E */
	return len;
}

/*
 * Asks for the slots from..to to be sent. Returns what the kernel reports when
 * it takes all of them: their bytes, without the offload header.
 */
static uint64_t request(struct zring_injector *injector, uint64_t from, uint64_t to)
{
	const uint32_t header_bytes = zr_tx(injector)->header_bytes;
	uint64_t bytes = 0;

	while (from < to) {
		struct run run = run_of(injector, from, to);

		from += run.nr;
		for (; run.nr >= UNROLL; step(&run, UNROLL))
#pragma GCC unroll 4
			for (int i = 0; i < UNROLL; i++)
				bytes += request_slot(&run, i, header_bytes);
		for (; run.nr; step(&run, 1))
			bytes += request_slot(&run, 0, header_bytes);
	}
	return bytes;
}

/*
 * The kernel waits at a slot that it rejected. Its place is taken by the frame
 * behind it, and so on: the queue moves up by one, the rejected frame is gone.
 */
static void close_gap(struct zring_injector *injector, uint64_t rejected)
{
	for (uint64_t at = rejected; at + 1 < injector->head; at++) {
		struct zring_slot *to = zr_slot(injector, at);
		const struct zring_slot *from = zr_slot(injector, at + 1);
		const uint32_t header_bytes = zr_tx(injector)->header_bytes;

		memcpy(to->data - header_bytes, from->data - header_bytes,
		       from->len + header_bytes);
		to->len = from->len;
		header(injector, at)->tp_len = header(injector, at + 1)->tp_len;
		zr_store_release(&header(injector, at)->tp_status,
				 header(injector, at + 1)->tp_status); /* E */
	}
	injector->head--;
	zr_store_release(&header(injector, injector->head)->tp_status, TP_STATUS_AVAILABLE); /* E */
}

/* Moves taken over what the kernel took of the slots up to @end. */
static void follow_kernel(struct zring_injector *injector, uint64_t end)
{
	const uint64_t from = injector->taken;

	while (injector->taken < end && !(status(injector, injector->taken) &
					  (TP_STATUS_SEND_REQUEST | TP_STATUS_WRONG_FORMAT)))
		injector->taken++;
	injector->nr_taken += injector->taken - from;
}

/*
 * In loss mode the kernel passes over a frame in silence: only its byte count
 * is short then. The frames above today's MTU are the ones that it left out.
 */
static void mark_skipped(struct zring_injector *injector, uint64_t from)
{
	const int mtu = zr_tx_mtu(injector);

	if (mtu < 0)
		return;
	zr_injector_set_mtu(injector, (uint32_t)mtu);
	for (; from < injector->taken; from++) {
		struct zring_slot *slot = zr_slot(injector, from);

		if (zr_injector_check_length(injector, slot->data, slot->len)) {
			slot->skipped = 1;
			injector->nr_taken--;
		}
	}
}

/* The kernel stopped at a slot and reported @reported. As transmit; *end moves with the queue. */
static int stopped(struct zring_injector *injector, ssize_t reported, bool progress, uint64_t *end)
{
	int why;

	if (status(injector, injector->taken) & TP_STATUS_WRONG_FORMAT) {
		zr_injector_reject(injector, reported < 0 ? (int)reported : -EINVAL);
		close_gap(injector, injector->taken);
		(*end)--;
		return 0;
	}
	why = reported < 0 ? zr_tx_classify((int)reported) : 0;
	if (!why && progress)
		return 0;
	if (!why || why == -EAGAIN || why == -ENOBUFS)
		zr_count(&injector->counters.retries, 1);
	/* Neither an error nor progress: nothing to poll for, so sleep by time. */
	return why ? why : -ENOBUFS;
}

/* One kick for the slots up to *end, @bytes in all. As transmit. */
static int kick(struct zring_injector *injector, uint64_t bytes, uint64_t *end)
{
	const uint64_t from = injector->taken;
	const ssize_t reported = zr_sendto(injector->fd, NULL, 0, MSG_DONTWAIT);

	zr_count(&injector->counters.kicks, 1);
	if (reported >= 0 && (uint64_t)reported == bytes) {
		injector->nr_taken += *end - from;
		injector->taken = *end;
		return 0;
	}
	follow_kernel(injector, *end);
	if (injector->info.loss)
		mark_skipped(injector, from);
	return injector->taken == *end ? 0
				       : stopped(injector, reported, injector->taken > from, end);
}

static int transmit(struct zring_injector *injector, uint32_t nr)
{
	uint64_t end = injector->taken + nr;
	int err = 0;

	while (!err && injector->taken < end)
		err = kick(injector, request(injector, injector->taken, end), &end);
	return err;
}

/* OR of the status words of the next @nr slots: 0 when the kernel is done with all. */
static inline unsigned long busy(const struct run *run, int nr)
{
	unsigned long status = TP_STATUS_AVAILABLE;

#pragma GCC unroll 4
	for (int i = 0; i < nr; i++)
		status |= zr_load_acquire(
			(unsigned long *)(run->header + (size_t)i * run->stride)); /* F */
	return status;
}

static uint64_t take_skipped(struct zring_slot *slot, const struct zring_slot *end, uint64_t *bytes)
{
	uint64_t nr = 0;

	for (; slot < end; slot++) {
		nr += slot->skipped;
		*bytes -= slot->skipped ? slot->len : 0;
		slot->skipped = 0;
	}
	return nr;
}

/*
 * Ends the slots that lie side by side from tail on, as far as the kernel is
 * done with them. Returns whether all of them were.
 */
static bool reclaim_run(struct zring_injector *injector, uint64_t *bytes, uint64_t *nr_skipped)
{
	struct run run = run_of(injector, injector->tail, injector->taken);
	struct zring_slot *const first = run.slot;

	for (; run.nr >= UNROLL && !busy(&run, UNROLL); step(&run, UNROLL))
#pragma GCC unroll 4
		for (int i = 0; i < UNROLL; i++)
			*bytes += run.slot[i].len;
	for (; run.nr && !busy(&run, 1); step(&run, 1))
		*bytes += run.slot->len;
	if (injector->info.loss)
		*nr_skipped += take_skipped(first, run.slot, bytes);
	injector->tail += (uint64_t)(run.slot - first);
	return !run.nr;
}

static void reclaim(struct zring_injector *injector)
{
	const uint64_t from = injector->tail;
	uint64_t bytes = 0, nr_skipped = 0;

	while (injector->tail < injector->taken && reclaim_run(injector, &bytes, &nr_skipped))
		;
	zr_count(&injector->counters.sent_bytes, bytes);
	zr_count_release(&injector->counters.sent, injector->tail - from - nr_skipped); /* S */
	while (nr_skipped--)
		zr_injector_reject(injector, -EMSGSIZE);
}

const struct zr_injector_ops zr_tx_ring_ops = {
	.transmit = transmit,
	.reclaim = reclaim,
	.offload = zr_tx_offload,
	.burst = zr_tx_burst,
	.mtu = zr_tx_mtu,
	.close = zr_tx_close,
};
