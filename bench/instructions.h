/* SPDX-License-Identifier: BSD-2-Clause */
/* The kernel's part of one AF_XDP socket, played for the loops of instructions.c. */
#ifndef BENCH_INSTRUCTIONS_H
#define BENCH_INSTRUCTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/types.h>

#define PACKET_BYTES 60u
#define IFINDEX      7
#define MTU          1500

/* What the calls of libc answer for its descriptor. */
int played_xdp_socket(void);
bool played_xdp_is(int fd);
int played_xdp_setsockopt(int name, const void *value, socklen_t len);
int played_xdp_getsockopt(int name, void *value, socklen_t len);
void *played_xdp_mmap(size_t len, off_t offset);

/* In place of what needs bpf(2). */
void played_xdp_program(void);

/* Receives a packet into each chunk of the fill ring, as far as the RX ring has room. */
void played_xdp_receive(void);
/* Takes all of the TX ring, and completes it. */
void played_xdp_send(void);

#endif
