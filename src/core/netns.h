/* SPDX-License-Identifier: BSD-2-Clause */
/* Sockets belong to the namespace that their thread is in when it opens them. */
#ifndef ZR_NETNS_H
#define ZR_NETNS_H

#include <zring/diag.h>

/*
 * Moves the calling thread into @netns: a name in /run/netns, a decimal pid, or
 * a path (it contains '/'). NULL: nothing to do. *ret_previous_fd is what
 * zr_netns_leave() wants back, -1 for nothing, untouched on failure. On failure
 * the thread is where it was.
 */
int zr_netns_enter(const char *netns, struct zring_diag *diag, int *ret_previous_fd);

/* Goes back and closes @previous_fd, also on failure; -1: nothing to do. */
int zr_netns_leave(int previous_fd, struct zring_diag *diag);

#endif
