/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What all injectors share: a queue of slots and its accounts. A backend
 * embeds struct zring_injector first.
 *
 * Three positions run over the slots and only grow (reclaim of sendmmsg may skip
 * some), so a slot's index is position & (nr_slots - 1):
 *
 *	tail <= taken <= head <= tail + nr_slots
 *
 *	tail..taken   the kernel has them
 *	taken..head   submitted, not handed over
 *	head          the slot that reserve lends
 */
#ifndef ZR_INJECTOR_H
#define ZR_INJECTOR_H

#include <stdbool.h>

#include <zring/injector.h>

#include "burst.h"
#include "deadline.h"
#include "pacer.h"

struct zr_injector_ops {
	/*
	 * Hands slots taken..taken+nr to the kernel and advances taken over those
	 * that it took (nr_taken counts them) and those it rejected. Where the
	 * kernel copies tail goes along. Returns 0 when that was all; -EAGAIN or
	 * -ENOBUFS: not now; -ENETDOWN or -ENODEV: the interface. The frames that
	 * are left stay queued.
	 */
	int (*transmit)(struct zring_injector *injector, uint32_t nr);
	/* Advances tail over the slots that the kernel is done with. */
	void (*reclaim)(struct zring_injector *injector);
	/* Has a slot's frame completed as it leaves, or does it; NULL @offload: nothing to do. */
	void (*offload)(struct zring_injector *injector, struct zring_slot *slot,
			const struct zring_offload *offload);
	/* One super-frame: 0; -ETIMEDOUT or -EAGAIN no room until the deadline; -ENOTSUP; -errno.
	 */
	int (*burst)(struct zring_injector *injector, const struct zring_packet *packets,
		     uint32_t nr, const struct zr_udp_frame *frame, struct zr_deadline *deadline);
	/* The interface's MTU now, or -errno. */
	int (*mtu)(struct zring_injector *injector);
	void (*close)(struct zring_injector *injector);
};

/* Written by the injector's thread, read by any. */
struct zr_injector_counters {
	uint64_t submitted;
	uint64_t sent;
	uint64_t rejected_runt;
	uint64_t rejected_too_long;
	uint64_t rejected_kernel;
	uint64_t sent_bytes;
	uint64_t cancelled;
	uint64_t kicks;
	uint64_t retries;
	uint64_t bursts;
	int32_t last_error; /* of the frame rejected last */
};

struct zring_injector {
	struct zring_injector_window window; /* first: the inline calls look here */
	/* From here to window.next: submitted, not counted in head yet. */
	struct zring_slot *window_start;
	uint32_t window_seq; /* odd while window and counters.submitted change together */
	uint32_t nr_slots;   /* a power of two */
	/*
	 * The slot lent to the program, after the queue moved up below it because
	 * the kernel rejected a frame: what is written there goes to head.
	 */
	struct zring_slot *displaced;
	const struct zr_injector_ops *ops;
	struct zring_slot *slots;
	uint64_t head;
	uint64_t taken;
	uint64_t tail;
	uint64_t nr_taken;     /* frames that the kernel took since the open */
	uint32_t header_bytes; /* of the link layer: 14, or 0 where there is none */
	uint32_t min_len;
	uint32_t max_len; /* of an untagged frame: header_bytes + MTU, at most the room */
	int timeout_ms;
	int fd;
	int last_reject; /* errno of the newest frame, if it was rejected */
	bool nonblocking;
	uint64_t stall_ns; /* without any progress for so long waiting ends in -EIO; 0: never */
	struct zr_pacer pacer;
	struct zr_injector_counters counters;
	struct zring_injector_info info;
};

static inline struct zring_slot *zr_slot(const struct zring_injector *injector, uint64_t position)
{
	return &injector->slots[position & (injector->nr_slots - 1)];
}

/* Whether a slot is lent to the program. */
static inline bool zr_injector_is_reserved(const struct zring_injector *injector)
{
	return injector->window.reserved || injector->displaced;
}

/* Sets the limits of a frame's length from the MTU. */
void zr_injector_set_mtu(struct zring_injector *injector, uint32_t mtu);

/* Whether a frame of that length may leave under the limits: 0, -EINVAL, -EMSGSIZE. */
int zr_injector_check_length(const struct zring_injector *injector, const uint8_t *data,
			     size_t len);

/*
 * Pays for a super-frame as soon as its first frame may leave; the rest is owed.
 * False: not in time.
 */
bool zr_injector_pay(struct zring_injector *injector, const struct zring_packet *packets,
		     uint32_t nr, struct zr_deadline *deadline);
void zr_injector_unpay(struct zring_injector *injector, const struct zring_packet *packets,
		       uint32_t nr);
/* Hands over all that is queued. 0; -EAGAIN, -ETIMEDOUT, -ENETDOWN, -ENODEV: some are left. */
int zr_injector_flush_until(struct zring_injector *injector, struct zr_deadline *deadline);
/* How long send, send_batch, flush and burst wait. */
struct zr_deadline zr_injector_deadline(const struct zring_injector *injector);

/* Counts the frames of the window into head: before head is looked at. */
void zr_injector_sync(struct zring_injector *injector);

/* Counts a frame that will not leave, by the cause. */
void zr_injector_reject(struct zring_injector *injector, int error);

#endif
