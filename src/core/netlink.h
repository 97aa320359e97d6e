/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One question to rtnetlink(7) and its answer. libmnl builds and takes apart
 * the messages; the socket calls are src/syscall.h's.
 */
#ifndef ZR_NETLINK_H
#define ZR_NETLINK_H

#include <libmnl/libmnl.h>
#include <stdint.h>

#include <zring/diag.h>

#define ZR_NETLINK_REQUEST_BYTES 256

struct zr_netlink_query {
	const char *step;
	struct nlmsghdr *request;
	/* One message of the answer: 0 or -errno. */
	int (*take)(const struct nlmsghdr *message, void *data);
	/* Forgets what was taken: the read begins, or begins again. */
	void (*reset)(void *data);
	void *data;
};

/*
 * Begins a request in @buffer, which has ZR_NETLINK_REQUEST_BYTES and is
 * aligned for a message. @flags: NLM_F_DUMP, or 0 for a single object.
 */
struct nlmsghdr *zr_netlink_start(void *buffer, uint16_t type, uint16_t flags);

/*
 * Asks, over a socket of its own. 0 or -errno, without words: the caller knows
 * which codes have a meaning for it. -EINTR: the tables changed during every one
 * of a number of dumps.
 */
int zr_netlink_run(const struct zr_netlink_query *query);

/* The words for what zr_netlink_run() returned; returns what the public call shall. */
int zr_netlink_fail(const struct zr_netlink_query *query, int err, struct zring_diag *diag);

#endif
