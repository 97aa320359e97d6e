/* SPDX-License-Identifier: BSD-2-Clause */
/* What all captures share. A backend embeds struct zring_capture first. */
#ifndef ZR_CAPTURE_H
#define ZR_CAPTURE_H

#include <stdbool.h>

#include <zring/capture.h>
#include <zring/fanout.h>

#include "wait.h"

struct zr_capture_ops {
	/* Lends what is there; 0: nothing. Fills views, nr_packets, token, times, flags. */
	int (*borrow)(struct zring_capture *capture, struct zring_batch *batch);
	/*
	 * The same from one of info.nr_queues queues, each of which is in order of time;
	 * NULL: what borrow lends is.
	 */
	int (*borrow_queue)(struct zring_capture *capture, uint32_t queue,
			    struct zring_batch *batch);
	void (*release)(struct zring_capture *capture, struct zring_batch *batch);
	/* Whether borrow would find something: one look at memory, no system call. */
	bool (*ready)(const struct zring_capture *capture);
	/* Pending error of the socket and state of the interface: 0, -ENETDOWN, -ENODEV. */
	int (*check)(struct zring_capture *capture);
	/* Adds the kernel's counters to @capture's, if it resets them on read. */
	void (*fold_stats)(struct zring_capture *capture);
	void (*packet_info)(const struct zring_capture *capture, const struct zring_packet *packet,
			    struct zring_packet_info *ret_info);
	/* Of what packet_info tells the time alone. */
	uint64_t (*time_ns)(const struct zring_capture *capture, const struct zring_packet *packet);
	/* Whether this capture lent the packet. */
	bool (*owns)(const struct zring_capture *capture, const struct zring_packet *packet);
	/* The AF_XDP socket of a queue; NULL: this backend has none. */
	struct zring_xdp *(*xdp)(const struct zring_capture *capture, uint32_t index);
	/* Takes packets from now on; it was opened paused, or does already. */
	int (*start)(struct zring_capture *capture, struct zring_diag *diag);
	void (*close)(struct zring_capture *capture);
};

/* Written by one thread each (or added to atomically), read by any. */
struct zr_capture_counters {
	uint64_t delivered; /* the reader's */
	uint64_t malformed;
	uint64_t filtered;
	uint64_t truncated;
	uint64_t received; /* folded in by any thread */
	uint64_t dropped;
	uint64_t freezes;
};

struct zring_capture {
	struct zring_capture_window window; /* first: the inline call looks here */
	const struct zring_packet *window_start;
	uint32_t window_seq; /* odd while window and counters.delivered change together */
	const struct zr_capture_ops *ops;
	struct zring_batch flat; /* what the window shows */
	int fd;
	int stop_fd;
	bool stopped;
	bool down;           /* the interface was last seen down */
	bool gone;           /* it was deleted: final */
	bool counts_freezes; /* counters.freezes is kept */
	bool in_fanout;
	bool lends_pieces;   /* several views may be one packet (ZRING_PACKET_MORE) */
	uint32_t nr_borrows; /* since the open, wraps */
	struct zr_waiter waiter;
	uint64_t last_fold_ns;  /* of ops->fold_stats while waiting, coarse clock */
	uint64_t last_check_ns; /* of ops->check, coarse clock */
	struct zr_capture_counters counters;
	struct zring_capture_info info;
	struct zring_fanout_info fanout; /* if in_fanout */
};

/* Prepares the shared part: the stop descriptor, empty counters. */
int zr_capture_init(struct zring_capture *capture, const struct zr_capture_ops *ops);
/* After it: several views may be one packet. 0 or -ENOMEM. */
int zr_capture_lend_pieces(struct zring_capture *capture);
/* Ends it; a half-built one is allowed. */
void zr_capture_fini(struct zring_capture *capture);
/*
 * What poll() looks at, where that is not capture->fd alone. Room for one more
 * behind the @nr is the callee's; the array stays the backend's.
 */
void zr_capture_set_polls(struct zring_capture *capture, struct pollfd *polls, uint32_t nr);

/* Asks for the interface's state and remembers what does not come twice. */
int zr_capture_check(struct zring_capture *capture);
/* The same every 10 ms. */
int zr_capture_check_now_and_then(struct zring_capture *capture);
/* For a reader that takes nothing, while the kernel's counters of 32 bits go on. */
void zr_capture_fold_now_and_then(struct zring_capture *capture, uint64_t now_ns);

#endif
