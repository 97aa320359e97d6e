/* SPDX-License-Identifier: BSD-2-Clause */
/* Between the parts of the played kernel. */
#ifndef SIM_INTERNAL_H
#define SIM_INTERNAL_H

#include <linux/filter.h>
#include <linux/if_packet.h>
#include <pthread.h>
#include <sys/socket.h>

#include "sim.h"
#include "sim_kernel.h"
#include "sim_xdp.h"

#include "core/barrier.h"
#include "syscall.h"

#define SIM_MAX_FDS  32
#define SIM_FIRST_FD 1000

enum sim_fd_kind {
	SIM_FD_FREE,
	SIM_FD_PACKET,
	SIM_FD_EVENT,
	SIM_FD_NETNS,
	SIM_FD_XDP,
	SIM_FD_NETLINK,
	SIM_FD_EPOLL,
	SIM_FD_MEMORY,
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
	bool in_fanout;
	uint32_t fanout; /* as getsockopt(PACKET_FANOUT) tells */
	bool has_program;
	struct sim_ring rx_ring;
	struct sim_ring tx_ring;
	struct sim_rx rx;
	uint32_t tx_head;
	struct sim_xdp *xdp;
	uint16_t question; /* netlink: the type of the request, 0: answered */
	bool is_known;     /* and it names the interface */
};

struct sim_kernel {
	struct sim_config config;
	struct zr_syscalls table;
	struct sim_fd fds[SIM_MAX_FDS];
	pthread_t owner;
	uint64_t random;
	uint64_t now_ns;
	uint32_t mtu;
	int ifindex; /* -1: deleted */
	int down;
	int namespace; /* of the thread */
	uint32_t nr_mapped;
	uint32_t nr_programs;
	uint32_t nr_busy_binds;
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
int sim_fail_with(int error);
int sim_new_fd(enum sim_fd_kind kind);
/* Zeroed memory that ends at a page which nobody may touch. */
void *sim_map(size_t len);
/* What the device says to any frame: 0 or an errno. */
int sim_device_error(void);
/* A moment in which the library waits: things happen. */
void sim_idle(void);

/* sim_host.c */
int sim_dup(int fd);
ssize_t sim_getdents(int fd, void *entries, size_t len);
int sim_sched_getaffinity(pid_t thread, size_t len, cpu_set_t *ret_cpus);
int sim_pthread_create(pthread_t *ret_thread, const pthread_attr_t *attributes,
		       void *(*run)(void *), void *argument);
int sim_memfd_create(const char *name, unsigned int flags);
int sim_ftruncate(int fd, off_t len);
long sim_mbind(void *address, unsigned long len, int mode, const unsigned long *nodes,
	       unsigned long max_node, unsigned int flags);
int sim_epoll_create1(int flags);
int sim_epoll_ctl(int epoll_fd, int operation, int fd, struct epoll_event *event);
int sim_getrusage(int who, struct rusage *ret_usage);

/* sim_tx.c */
ssize_t sim_sendto(int fd, const void *data, size_t len, int flags, const struct sockaddr *address,
		   socklen_t address_len);
ssize_t sim_sendmsg(int fd, const struct msghdr *message, int flags);
int sim_sendmmsg(int fd, struct mmsghdr *messages, unsigned int nr, int flags);
/* Keeps a frame that left. Returns the copy. */
uint8_t *sim_wire_log(const uint8_t *data, uint32_t len);
void sim_tx_reset(void);
void sim_tx_end(void);

/* sim_rx.c */
void sim_rx_begin(struct sim_fd *socket);
bool sim_rx_readable(const struct sim_rx *rx);

/* sim_netlink.c: one interface, no addresses */
ssize_t sim_netlink_ask(struct sim_fd *socket, const void *data, size_t len);
ssize_t sim_netlink_answer(struct sim_fd *socket, struct msghdr *message);

/* sim_xdp.c */
extern const struct zr_program_ops sim_program_ops;
void sim_xdp_new(struct sim_fd *file);
void sim_xdp_end(struct sim_xdp *socket);
int sim_xdp_setsockopt(struct sim_xdp *socket, int name, const void *value, socklen_t len);
int sim_xdp_getsockopt(struct sim_xdp *socket, int name, void *value, socklen_t *len);
int sim_xdp_bind(struct sim_xdp *socket, const struct sockaddr *address, socklen_t len);
void *sim_xdp_mmap(struct sim_xdp *socket, size_t len, off_t offset);
void sim_xdp_munmap(struct sim_xdp *socket, const void *address, size_t len);

/* sim_xdp_io.c */
bool sim_xdp_readable(const struct sim_xdp *socket);
ssize_t sim_xdp_sendto(struct sim_xdp *socket);
/* Some of what the kernel holds completes. */
void sim_xdp_idle(struct sim_xdp *socket);

#endif
