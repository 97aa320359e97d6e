/* SPDX-License-Identifier: BSD-2-Clause */
/* Between the parts of the played kernel. */
#ifndef SIM_INTERNAL_H
#define SIM_INTERNAL_H

#include <linux/filter.h>
#include <linux/if_packet.h>
#include <sys/socket.h>

#include "sim.h"
#include "sim_kernel.h"

#include "core/barrier.h"
#include "syscall.h"

#define SIM_MAX_FDS  16
#define SIM_FIRST_FD 1000

enum sim_fd_kind {
	SIM_FD_FREE,
	SIM_FD_PACKET,
	SIM_FD_EVENT,
	SIM_FD_NETNS,
};

struct sim_ring {
	uint8_t *memory;
	uint32_t block_bytes;
	uint32_t nr_blocks;
	uint32_t frame_bytes;
	uint32_t nr_frames;
	uint32_t retire_ms;
	bool exists;
	bool mapped;
};

/* The receiving side; written by the thread that plays the kernel alone. */
struct sim_rx {
	struct sim_ring *ring;
	int version;
	struct sock_filter filter[BPF_MAXINSNS];
	uint32_t nr_filter;
	/* V3: the block being filled */
	uint32_t block;
	uint32_t next;     /* offset of the next frame's header */
	uint32_t previous; /* offset of the last one's, 0: none */
	uint64_t next_seq;
	uint32_t most_frame;
	bool frozen;
	uint32_t head; /* V2 */
	/* Read and reset by whoever asks for the statistics. */
	uint32_t nr_packets;
	uint32_t nr_drops;
	uint32_t nr_freezes;
};

struct sim_fd {
	enum sim_fd_kind kind;
	int version;
	int namespace;
	uint64_t events;
	bool loss;
	bool vnet_header;
	int bound; /* ifindex */
	int error; /* SO_ERROR */
	struct sim_ring rx_ring;
	struct sim_ring tx_ring;
	struct sim_rx rx;
	uint32_t tx_head;
};

struct sim_kernel {
	struct sim_config config;
	struct zr_syscalls table;
	struct sim_fd fds[SIM_MAX_FDS];
	uint64_t random;
	uint64_t now_ns;
	uint32_t mtu;
	int ifindex; /* -1: deleted */
	int down;
	int namespace; /* of the thread */
	uint32_t nr_mapped;
	/* faults */
	uint32_t nr_calls;
	uint32_t fail_nth;
	uint32_t fail_times;
	int fail_error;
	char failed[64];
};

extern struct sim_kernel sim;

/* Counts a call; true: it fails, errno is set. */
bool sim_fault(const char *call, int a, int b);
struct sim_fd *sim_fd(int fd);
/* A moment in which the library waits: things happen. */
void sim_idle(void);

/* sim_tx.c */
ssize_t sim_sendto(int fd, const void *data, size_t len, int flags, const struct sockaddr *address,
		   socklen_t address_len);
ssize_t sim_sendmsg(int fd, const struct msghdr *message, int flags);
int sim_sendmmsg(int fd, struct mmsghdr *messages, unsigned int nr, int flags);
void sim_tx_reset(void);
void sim_tx_end(void);

/* sim_rx.c */
void sim_rx_begin(struct sim_fd *socket);
bool sim_rx_readable(const struct sim_rx *rx);

#endif
