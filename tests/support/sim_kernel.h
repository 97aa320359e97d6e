/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A kernel of packet sockets (and of AF_XDP ones, sim_xdp.h) behind the table of src/syscall.h:
 * rings are ordinary memory with a guard page behind it, descriptors are numbers, the clock is real
 * or advances by itself. What it plays is named in the project's notes on af_packet.c; one thread
 * plays the receiving side of one socket, one the completions of one sending ring, and neither
 * shares a lock with the library's threads, so that ThreadSanitizer sees the ring's own ordering
 * only.
 *
 * One kernel a process at a time: sim_start() .. sim_stop().
 */
#ifndef SIM_KERNEL_H
#define SIM_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SIM_INTERFACE "sim0"
#define SIM_IFINDEX   7
#define SIM_NETNS     "blue"

struct sim_xdp_config;

struct sim_config {
	uint64_t seed;
	bool virtual_time;        /* the clock moves on when the library waits */
	uint32_t mtu;             /* 0: 1500 */
	uint64_t most_ring_bytes; /* a larger ring is ENOMEM; 0: no limit */
	bool refuse_lock;         /* MAP_LOCKED is EAGAIN */
	bool without_vnet_header;
	bool spare_other_threads; /* only the calls of who started the kernel fail */
	/* Chances of 1000 at each frame that is to be sent. */
	uint32_t enobufs;
	uint32_t eagain;
	uint32_t reject;                  /* EMSGSIZE or EINVAL though the frame looks right */
	uint32_t hold;                    /* stays with the kernel after the call; ring only */
	const struct sim_xdp_config *xdp; /* NULL: neither AF_XDP nor netlink */
};

void sim_start(const struct sim_config *config);
/* Everything must be closed and unmapped by now, in the right order. */
void sim_stop(void);

/* The call numbered @nth from now on, and the @times - 1 behind it, fail. 0: none. */
void sim_fail_call(uint32_t nth, int error, uint32_t times);
/* Of the calls that can fail, how many there were since sim_fail_call(). */
uint32_t sim_nr_calls(void);
/* Words for the call that failed, "setsockopt 263/5"; "" when none did. */
const char *sim_failed_call(void);
/* Descriptors (programs count as one) and mappings that are left. */
uint32_t sim_nr_open(void);
uint32_t sim_nr_mapped(void);
/* The thread is in the namespace that it started in. */
bool sim_thread_is_home(void);

void sim_set_mtu(uint32_t mtu);
void sim_set_up(bool up);
void sim_delete_interface(void);

/* Receiving: the thread that plays the kernel calls these, for one socket. */
struct sim_rx;
/* The socket with a receive ring; NULL: there is none. */
struct sim_rx *sim_rx_find(void);
/* The one numbered @nth of them; NULL: there are not so many. */
struct sim_rx *sim_rx_nth(uint32_t nth);
/* Whether the socket takes packets: its filter is not the one that refuses all. */
bool sim_rx_is_shut(const struct sim_rx *rx);

enum sim_rx_result {
	SIM_RX_STORED,
	SIM_RX_DROPPED,  /* counted, the ring was full */
	SIM_RX_FILTERED, /* the filter said 0 */
};

struct sim_rx_packet {
	const uint8_t *data;
	uint32_t len;
	uint64_t time_ns;
	uint16_t vlan_tci; /* with vlan_tpid: the tag that the kernel took out */
	uint16_t vlan_tpid;
	uint8_t pkttype;
};

enum sim_rx_result sim_rx_packet(struct sim_rx *rx, const struct sim_rx_packet *packet);
/* V3: the retire timer runs out. */
void sim_rx_timer(struct sim_rx *rx);
/* V3: sequence number of the block that is being filled. */
uint64_t sim_rx_block_seq(const struct sim_rx *rx);
/* V3: whether the kernel waits for a block to come back. */
bool sim_rx_frozen(const struct sim_rx *rx);

/* Sending: a frame as it left. */
struct sim_wire_frame {
	uint32_t len;
	uint8_t *data;
};

/* What left, in order; the caller is the injector's thread. */
uint32_t sim_wire_count(void);
const struct sim_wire_frame *sim_wire_frame(uint32_t i);
void sim_wire_forget(void);
/* Super-frames that left: the messages as given to sendmsg(2). */
uint32_t sim_nr_superframes(void);
/* Frames refused since the start, for whatever cause. */
uint32_t sim_nr_rejected(void);
/* The ring's next slot to send. */
uint32_t sim_tx_head(void);
/* Completes up to @nr frames that the kernel holds, in random order. Returns how many. */
uint32_t sim_tx_complete(uint32_t nr);
/* Later sends complete what they hold on a thread of their own, until sim_tx_thread_end(). */
void sim_tx_thread_start(void);
void sim_tx_thread_end(void);

#endif
