/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Several captures as one, their packets in order of time. Each child is asked
 * for short runs of packets; a merged batch shows the earliest of all runs in
 * hand, at most a part of one run of each source:
 *
 *	run of source 0   1 4 5 | 9        merged batch   1 2 3 4 5 7
 *	run of source 1   2 3 7 |                         (the run of source 1 is used up)
 *
 * A run goes back to its child when no merged batch shows a part of it any more,
 * so merged batches may be held and released in any order.
 *
 * The order is exact among the packets that their rings show when a batch is
 * filled: before a packet is given out, every source was asked for an earlier
 * one, and nothing is waited for. A packet that its ring shows late (XDP hands
 * over what one poll of the driver brought) comes after those given out by then.
 */
#ifndef ZR_MERGE_H
#define ZR_MERGE_H

#include "capture.h"

/* Most packets that a child lends in one run. */
#define ZR_MERGE_RUN 64u

/*
 * Merges @nr captures of one interface, nobody else's: they are the new capture's
 * on success. What holds is told as the first one's, which also says what becomes
 * of the interface. Their clocks must be one.
 */
int zr_merge_open(struct zring_capture *const *children, uint32_t nr, struct zring_diag *diag,
		  struct zring_capture **ret_capture);

#endif
