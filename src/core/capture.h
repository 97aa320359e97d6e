/* SPDX-License-Identifier: BSD-2-Clause */
/* What all captures share. A backend embeds struct zring_capture first. */
#ifndef ZR_CAPTURE_H
#define ZR_CAPTURE_H

#include <stdbool.h>

#include <zring/capture.h>

struct zr_capture_ops {
	/* Lends what is there; 0: nothing. Fills views, nr_packets, token, times, flags. */
	int (*borrow)(struct zring_capture *capture, struct zring_batch *batch);
	void (*release)(struct zring_capture *capture, struct zring_batch *batch);
	/* Whether borrow would find something: one look at memory, no system call. */
	bool (*ready)(const struct zring_capture *capture);
	/* Pending error of the socket and state of the interface: 0, -ENETDOWN, -ENODEV. */
	int (*check)(struct zring_capture *capture);
	/* Adds the kernel's counters to @capture's, if it resets them on read. */
	void (*fold_stats)(struct zring_capture *capture);
	void (*packet_info)(const struct zring_capture *capture, const struct zring_packet *packet,
			    struct zring_packet_info *ret_info);
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
	bool down;              /* the interface was last seen down */
	bool gone;              /* it was deleted: final */
	bool counts_freezes;    /* counters.freezes is kept */
	uint32_t nr_borrows;    /* since the open, wraps */
	uint64_t last_fold_ns;  /* of ops->fold_stats while waiting, coarse clock */
	uint64_t last_check_ns; /* of ops->check, coarse clock */
	struct zr_capture_counters counters;
	struct zring_capture_info info;
};

/* Prepares the shared part: the stop descriptor, empty counters. */
int zr_capture_init(struct zring_capture *capture, const struct zr_capture_ops *ops);
/* Ends it; a half-built one is allowed. */
void zr_capture_fini(struct zring_capture *capture);

#endif
