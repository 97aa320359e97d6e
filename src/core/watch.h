/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a packet socket tells about its interface, whatever it is used for: some
 * sockets of other families do not say that theirs went down, or was deleted.
 */
#ifndef ZR_WATCH_H
#define ZR_WATCH_H

#include <stdint.h>

/*
 * A packet socket bound to an interface that receives nothing. Its poll() says
 * POLLERR when the interface goes down. Returns the descriptor or -errno.
 */
int zr_watch_open(uint32_t ifindex);

/* What became of the interface: 0, -ENETDOWN (said once), -ENODEV, another error of the socket. */
int zr_watch_check(int fd, uint32_t ifindex);

/* The interface's MTU now, or -errno. */
int zr_watch_mtu(int fd, uint32_t ifindex);

/* Promiscuous mode that ends with the socket. */
int zr_watch_promiscuous(int fd, uint32_t ifindex);

#endif
