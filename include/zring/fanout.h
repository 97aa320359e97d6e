/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fanout: several captures share the packets of one interface.
 *
 *	                  +-> capture 0 -> worker 0
 *	interface -> mode +-> capture 1 -> worker 1
 *	                  +-> capture 2 -> worker 2
 *
 * A capture joins a group when it is opened with zring_capture_options.fanout;
 * each packet goes to one member. zring_fanout_open() opens a whole group.
 *
 * Nothing comes twice and nothing comes to the wrong member: a capture refuses
 * every packet from before bind until it has joined and the group's program is
 * set, and while it is paused. What falls to a member that does not take packets
 * yet is lost without a count, as it is before the open; so members that join
 * later, or leave, move flows. zring_fanout_open() starts when all have joined.
 */
#ifndef ZRING_FANOUT_H
#define ZRING_FANOUT_H

#include <zring/capture.h>

/*
 * Who gets a packet. The position of a member is that in which it joined; it may
 * change when one leaves or the interface goes down.
 */
enum zring_fanout_mode {
	ZRING_FANOUT_FLOW = 0,     /* zring_fanout_flow_program(): both directions to one member */
	ZRING_FANOUT_HASH = 1,     /* flow hash of the kernel; fragments go by addresses only */
	ZRING_FANOUT_BALANCE = 2,  /* each packet to the next */
	ZRING_FANOUT_CPU = 3,      /* number of the CPU that handles the packet */
	ZRING_FANOUT_ROLLOVER = 4, /* to the first until its ring is full, then the next */
	ZRING_FANOUT_RANDOM = 5,
	ZRING_FANOUT_QUEUE = 6, /* receive queue that the packet came in on */
	ZRING_FANOUT_CBPF = 7,  /* insns: a classic program, its return value modulo members */
	ZRING_FANOUT_EBPF = 8,  /* program_fd: a loaded BPF_PROG_TYPE_SOCKET_FILTER, the same */
};

/* zring_fanout.flags: of the group, equal in all members but for UNIQUE_ID */
#define ZRING_FANOUT_FLAG_ROLLOVER        (1u << 0) /* a full ring: to the next with room */
#define ZRING_FANOUT_FLAG_UNIQUE_ID       (1u << 1) /* a new group, the kernel picks its number */
#define ZRING_FANOUT_FLAG_IGNORE_OUTGOING (1u << 2) /* not what this host sends */
#define ZRING_FANOUT_FLAG_DEFRAG          (1u << 3) /* IPv4 is reassembled before the choice */

/*
 * What ZRING_FANOUT_FLOW calls a flow. The two directions are one, tags are not
 * looked at, and what is not IP goes by its pair of Ethernet addresses. A packet
 * that ends in front of what is looked at goes to the first member.
 *
 * ADDRESSES   all between two addresses: holds for fragments too, always
 * PORTS       ports count too for TCP and SCTP, whose senders avoid fragments. A
 *             segment that is a fragment all the same goes by its addresses, away
 *             from its flow; UDP and the rest go by addresses, fragmented or not
 * ALL_PORTS   ports count too for TCP, SCTP, UDP and UDP-Lite. The fragments of
 *             a datagram stay together, but not with the whole ones of their flow
 *
 * Ports are found behind up to six IPv6 extension headers.
 */
enum zring_flow_key {
	ZRING_FLOW_ADDRESSES = 0,
	ZRING_FLOW_PORTS = 1,
	ZRING_FLOW_ALL_PORTS = 2,
};

/*
 * Borrowed during the open call only.
 *
 * A program sees what arrives from the network layer on, and what this host sends
 * from the link layer on (SKF_AD_PKTTYPE tells). It is the group's: each member
 * that brings one replaces it, one that brings none (nr_insns 0) leaves it.
 */
struct zring_fanout {
	size_t size;          /* sizeof(struct zring_fanout) */
	uint32_t mode;        /* enum zring_fanout_mode */
	uint32_t flags;       /* ZRING_FANOUT_FLAG_* */
	uint32_t group;       /* number, at most 65535; UNIQUE_ID: 0 */
	uint32_t max_members; /* 0: 256, at most 65536 */
	uint32_t flow_key;    /* enum zring_flow_key, FLOW only */
	uint32_t nr_insns;
	const struct sock_filter *insns;
	int32_t program_fd;
	uint32_t reserved;
};

#define ZRING_FANOUT_INIT                           \
	{                                           \
		.size = sizeof(struct zring_fanout) \
	}

/* The group that a capture is in. */
struct zring_fanout_info {
	uint32_t group; /* for members that join it: group, without UNIQUE_ID */
	uint32_t mode;  /* enum zring_fanout_mode */
	uint32_t flags; /* ZRING_FANOUT_FLAG_*, without UNIQUE_ID */
	uint32_t flow_key;
};

/* Room that zring_fanout_flow_program() never exceeds. */
#define ZRING_FLOW_MAX_INSNS 1024u

ZRING_BEGIN_DECLS

/**
 * zring_fanout_open() - captures of one interface that share its packets
 * @interface:    its name
 * @options:      of each capture; NULL for the defaults
 * @nr:           captures, at least 1
 * @diag:         NULL, or where to say what went wrong
 * @ret_captures: array of @nr, untouched on failure
 *
 * Without options.fanout the group is a new one in mode ZRING_FANOUT_FLOW. All
 * join before the first takes a packet, so that no flow moves. With
 * options.paused none takes one: zring_capture_start() each.
 *
 * Owner:   the caller owns the captures, zring_capture_close() ends each
 * Threads: any; each capture may then go to a thread of its own
 * Return:  0; -EINVAL no capture asked for; else as zring_capture_open()
 * Since:   0.1
 */
ZRING_API int zring_fanout_open(const char *interface, const struct zring_capture_options *options,
				uint32_t nr, struct zring_diag *diag,
				struct zring_capture **ret_captures);

/**
 * zring_fanout_get_info() - the group of a capture
 * @capture:  open capture
 * @ret_info: filled, untouched on failure
 *
 * Threads: any
 * Return:  0; -ENOENT it is in none
 * Since:   0.1
 */
ZRING_API int zring_fanout_get_info(const struct zring_capture *capture,
				    struct zring_fanout_info *ret_info);

/**
 * zring_fanout_flow_program() - the classic program behind ZRING_FANOUT_FLOW
 * @flow_key:  enum zring_flow_key
 * @insns:     where to write it
 * @room:      instructions that fit there, ZRING_FLOW_MAX_INSNS are enough
 *
 * Its return value is a hash of 32 bits. It runs without privileges, as
 * PACKET_FANOUT_DATA of any packet socket.
 *
 * Threads: any
 * Return:  instructions; -EINVAL no such key; -ENOSPC too little room
 * Since:   0.1
 */
ZRING_API int zring_fanout_flow_program(uint32_t flow_key, struct sock_filter *insns,
					uint32_t room);

ZRING_END_DECLS

#endif
