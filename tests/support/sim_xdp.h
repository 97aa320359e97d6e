/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * AF_XDP sockets of the played kernel (sim_kernel.h), on the memory that the
 * library maps. Copy mode sends inside sendto(2), as the kernel does; a driver
 * with zero-copy is a thread of the test that pulls frames out and sleeps until
 * it is woken. One thread plays the receiving side of a socket, one its
 * completions; no lock is shared with the library's threads, so that
 * ThreadSanitizer sees the rings' own ordering only.
 *
 * What is played: net/xdp/xsk.c and xsk_queue.h, with the differences between
 * Linux 6.1 and 6.18 as switches.
 */
#ifndef SIM_XDP_H
#define SIM_XDP_H

#include <stdbool.h>
#include <stdint.h>

struct zring_xdp;
struct sim_xdp;

struct sim_xdp_config {
	uint32_t nr_queues;    /* 0: 1 */
	uint32_t busy_binds;   /* so many binds are EBUSY before one succeeds */
	bool zero_copy;        /* the driver has it */
	bool without_pieces;   /* XDP_USE_SG is EINVAL, as before Linux 6.6 */
	bool without_metadata; /* XDP_UMEM_TX_METADATA_LEN is EINVAL, as before Linux 6.11 */
	bool with_hugepages;
	bool lazy;      /* a send does not publish the consumer, as before Linux 6.12 */
	bool scattered; /* completions come in any order */
	/* Chances of 1000 at each packet that is to be sent. */
	uint32_t full; /* NETDEV_TX_BUSY: EAGAIN, it stays in the ring */
	uint32_t drop; /* NET_XMIT_DROP: EBUSY, it completes and has not left */
	uint32_t hold; /* no completion before the call returns */
};

/* The socket of a queue; NULL: there is none. */
struct sim_xdp *sim_xdp_find(uint32_t queue);
/* As if so many entries, a multiple of every ring's size, had gone through each ring. */
void sim_xdp_age(struct zring_xdp *xdp, uint32_t nr);

/* ---- receiving ---- */

enum sim_xdp_result {
	SIM_XDP_STORED,
	/* The fill ring was empty, or the frame too long. Counted, but by no zero-copy driver. */
	SIM_XDP_NO_CHUNK,
	SIM_XDP_RING_FULL, /* counted */
};

/* In the RX ring, but not visible before sim_xdp_publish(). */
enum sim_xdp_result sim_xdp_receive(struct sim_xdp *socket, const uint8_t *data, uint32_t len);
/* A descriptor that no kernel would write. False: no room. */
bool sim_xdp_receive_bad(struct sim_xdp *socket, uint64_t address, uint32_t len);
/* Moves the descriptor @back before the newest, which is not published yet. */
void sim_xdp_spoil_piece(struct sim_xdp *socket, uint32_t back, uint64_t address);
void sim_xdp_publish(struct sim_xdp *socket);
/* A driver without chunks: sleeps until it is woken. False: nobody did so in time. */
bool sim_xdp_wait_for_chunks(struct sim_xdp *socket);

/* ---- sending ---- */

/* Completes up to @nr descriptors that the kernel is done with. Returns how many. */
uint32_t sim_xdp_complete(struct sim_xdp *socket, uint32_t nr);
/* Sends complete on a thread of their own from here on, until sim_xdp_thread_end(). */
void sim_xdp_thread_start(struct sim_xdp *socket);
void sim_xdp_thread_end(struct sim_xdp *socket);
/* Frames dropped by the device since the open. */
uint32_t sim_xdp_nr_dropped(const struct sim_xdp *socket);

#define SIM_XDP_MOST_BYTES 70000u

/* A zero-copy driver: takes the next packet out and completes it. Its length, 0: none. */
uint32_t sim_xdp_pull(struct sim_xdp *socket, uint8_t *ret_data);
/* Wakes a driver, as the system calls do. */
void sim_xdp_wake(struct sim_xdp *socket);
/* And sleeps while there is none, until it is woken. False: nobody did so in time. */
bool sim_xdp_wait_for_frames(struct sim_xdp *socket);

/* A completion that no kernel would write. */
void sim_xdp_complete_bad(struct sim_xdp *socket, uint64_t address);

#endif
