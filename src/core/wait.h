/* SPDX-License-Identifier: BSD-2-Clause */
/* The ways in which a reader waits for packets (enum zring_wait). */
#ifndef ZR_WAIT_H
#define ZR_WAIT_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

struct zring_capture;

/* What a capture knows of its own traffic and of its CPU. */
struct zr_waiter {
	struct pollfd own_polls[2];
	struct pollfd *polls; /* nr_polls of the backend, and the stop descriptor behind them */
	uint32_t nr_polls;
	uint32_t capacity; /* packets that the ring holds while nobody reads */
	/* Rate: packets lent since the last wait. */
	uint64_t nr_lent;
	uint64_t nr_lent_before;
	uint64_t before_ns;
	uint64_t packet_ns; /* smoothed time between two packets; 0: not known */
	/* Spinning: does somebody else want this CPU? */
	uint64_t preemptions;
	uint64_t preemptions_ns; /* when they were looked at */
	uint32_t crowded;        /* looks in a row that found some */
	uint64_t yield_until_ns; /* nap instead of spinning until then */
};

/* The ring is empty. 1: look again; 0: deadline or stop; -errno. */
int zr_wait(struct zring_capture *capture, uint64_t deadline_ns);

#endif
