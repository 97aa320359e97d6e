/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Receive: a capture owns a socket and the ring that the kernel fills.
 *
 * Every option is 0 for "the default"; what holds in the end is read back with
 * zring_capture_get_info().
 */
#ifndef ZRING_CAPTURE_H
#define ZRING_CAPTURE_H

#include <stddef.h>

#include <zring/batch.h>
#include <zring/diag.h>
#include <zring/xdp.h>

struct sock_filter;  /* linux/filter.h */
struct zring_fanout; /* zring/fanout.h */

/*
 * What the ring is built for. Figures are those of an interface with MTU 1500.
 *
 * THROUGHPUT  64 blocks of 1 MiB, handed over when full or after 10 ms
 * LOW_LATENCY a TPACKET_V2 ring of 4096 frames of 2 KiB (8 MiB): each frame is
 *             there as soon as the kernel has written it
 * LOW_MEMORY  8 blocks of 128 KiB (1 MiB), 10 ms
 * JUMBO       64 blocks of 2 MiB (128 MiB), 10 ms: frames of 64 KiB pack well
 *
 * A V3 block that holds a packet is handed over after its time however empty it
 * is: a reader may pause for no longer than blocks x time, LOW_MEMORY for 80 ms.
 * A V2 frame has room for the MTU: lo, with 64 KiB, has few of them.
 *
 * AF_XDP hands over each frame at once; its profiles are numbers of chunks a
 * queue: 4096, 2048, 512, and 4096 of a page. With ZRING_WAIT_NAP or _AUTO the
 * first is 16384, for what arrives during a sleep.
 */
enum zring_profile {
	ZRING_PROFILE_THROUGHPUT = 0,
	ZRING_PROFILE_LOW_LATENCY = 1,
	ZRING_PROFILE_LOW_MEMORY = 2,
	ZRING_PROFILE_JUMBO = 3,
};

/* How zring_capture_next() waits while there is nothing. */
enum zring_wait {
	ZRING_WAIT_BLOCK = 0, /* sleep in poll() */
	/* Look at the ring until the deadline: a CPU at 100 %. Where others need that CPU, the
	 * kernel's own packet work above all, it naps. */
	ZRING_WAIT_SPIN = 1,
	/* Sleep by time, for as long as half of the ring takes to fill: no wake-ups slow the
	 * sender down. The latency is that sleep, 50 us to 1 ms. */
	ZRING_WAIT_NAP = 2,
	ZRING_WAIT_AUTO = 3, /* nap while many packets come, poll() while few do */
};

enum zring_timestamp {
	/* CLOCK_REALTIME: the kernel's on arrival; AF_XDP: when the batch was taken out */
	ZRING_TIMESTAMP_SOFTWARE = 0,
	ZRING_TIMESTAMP_RAW_HARDWARE = 1, /* the NIC's clock where the NIC stamps, else software */
	ZRING_TIMESTAMP_ARRIVAL = 2,      /* CLOCK_REALTIME on arrival, also on AF_XDP */
};

enum zring_vlan {
	ZRING_VLAN_REINSERT = 0, /* the tag that the kernel took out is put back in place */
	ZRING_VLAN_METADATA = 1, /* bytes as the kernel gives them, tag in zring_packet_info */
};

/*
 * Which packets of the interface the capture takes.
 *
 * An XDP program sees only what arrives. So with BOTH, AF_XDP adds a packet
 * socket (8 MiB, LOW_MEMORY 1 MiB) for what this host sends, and a batch shows
 * both in order of time; zring_packet_info.direction tells them apart. All are
 * stamped as ZRING_TIMESTAMP_ARRIVAL does. The order is exact among what the
 * rings show when a batch is filled, and nothing is waited for: a packet that
 * XDP hands over late, some microseconds while many arrive, comes after those
 * that were given out by then. What passes the stack by is not seen to leave:
 * frames of AF_XDP and of qdisc_bypass. IN is the fast path.
 */
enum zring_capture_direction {
	ZRING_CAPTURE_BOTH = 0,
	ZRING_CAPTURE_IN = 1,  /* not those that this host sends */
	ZRING_CAPTURE_OUT = 2, /* only those that this host sends */
};

enum zring_filter_type {
	ZRING_FILTER_NONE = 0,
	ZRING_FILTER_CBPF = 1, /* insns: a classic program, its return value is the snaplen */
	ZRING_FILTER_EBPF =
		2,            /* program_fd: a loaded BPF_PROG_TYPE_SOCKET_FILTER; packet sockets */
	ZRING_FILTER_XDP = 3, /* xdp: a function body; AF_XDP with ZRING_CAPTURE_IN */
};

/* Runs in the kernel before the ring. Borrowed during the open call only. */
struct zring_filter {
	uint32_t type; /* enum zring_filter_type */
	uint32_t nr_insns;
	const struct sock_filter *insns;
	int32_t program_fd;
	uint32_t reserved;
	const struct zring_xdp_filter *xdp;
};

struct zring_capture_options {
	size_t size;      /* sizeof(struct zring_capture_options) */
	uint32_t backend; /* enum zring_backend */
	uint32_t profile; /* enum zring_profile */

	/* The ring. Name a geometry, or memory and latency, or nothing. */
	uint64_t memory_bytes; /* the whole ring */
	uint32_t block_bytes;  /* a multiple of the page size, V3 only */
	uint32_t nr_blocks;
	uint32_t frame_bytes; /* LOW_LATENCY: room for a frame with its header */
	uint32_t latency_ms;  /* a block is handed over after so long, 1 is the least; V3 only */

	uint32_t snaplen;   /* bytes kept of a packet; cut in the kernel */
	uint32_t direction; /* enum zring_capture_direction */
	uint32_t vlan;      /* enum zring_vlan */
	uint32_t timestamp; /* enum zring_timestamp */
	uint32_t wait;      /* enum zring_wait */

	uint32_t busy_poll_us;         /* SO_BUSY_POLL */
	uint32_t busy_poll_budget;     /* SO_BUSY_POLL_BUDGET, packets */
	uint32_t receive_buffer_bytes; /* SO_RCVBUF: does not size the ring */

	uint8_t promiscuous;          /* 1: ends with the capture, also on SIGKILL */
	uint8_t prefer_busy_poll;     /* 1: SO_PREFER_BUSY_POLL */
	uint8_t force_receive_buffer; /* 1: SO_RCVBUFFORCE, beyond rmem_max; CAP_NET_ADMIN */
	uint8_t rxhash;               /* 1: a flow hash a packet; V3, and AF_XDP with a NIC's */
	/*
	 * 1: ZRING_BACKEND_AUTO may take the packets away from the host's stack, as AF_XDP
	 * does. With ZRING_BACKEND_AFXDP that is understood.
	 */
	uint8_t exclusive;
	uint8_t pieces;     /* AF_XDP, 1: packets larger than a chunk come as views with _MORE */
	uint8_t dispatcher; /* AF_XDP, 1: beside other programs; struct zring_xdp_program_options */
	uint8_t paused;     /* 1: takes no packet until zring_capture_start() */

	const struct zring_filter *filter;
	const char *netns; /* of the interface: a name in /run/netns, a pid, or a path */

	/* AF_XDP only. memory_bytes is the UMEM, frame_bytes a chunk. */
	uint32_t xdp_mode; /* enum zring_xdp_mode */
	uint32_t first_queue;
	uint32_t nr_queues;   /* 0: all receive queues from first_queue on */
	uint32_t umem_memory; /* enum zring_umem_memory */
	uint32_t numa_node;   /* of the UMEM: node + 1; 0: the interface's */
	uint8_t reserved[4];
	const struct zring_fanout *fanout; /* packet sockets: the group to join; NULL: none */
};

#define ZRING_CAPTURE_OPTIONS_INIT                           \
	{                                                    \
		.size = sizeof(struct zring_capture_options) \
	}

/* zring_capture_info.adjusted: where the capture differs from what was asked */
#define ZRING_ADJUSTED_RING           (1u << 0)  /* smaller: the kernel had not the memory */
#define ZRING_ADJUSTED_NOT_LOCKED     (1u << 1)  /* mapping not locked (RLIMIT_MEMLOCK) */
#define ZRING_ADJUSTED_BUSY_POLL      (1u << 2)  /* refused: CAP_NET_ADMIN */
#define ZRING_ADJUSTED_RECEIVE_BUFFER (1u << 3)  /* smaller: net.core.rmem_max */
#define ZRING_ADJUSTED_TIMESTAMP      (1u << 4)  /* hardware time refused */
#define ZRING_ADJUSTED_GEOMETRY       (1u << 5)  /* rounded up to what the kernel takes */
#define ZRING_ADJUSTED_BACKEND        (1u << 6)  /* auto: not the best one; steps says why */
#define ZRING_ADJUSTED_XDP_MODE       (1u << 7)  /* auto: not the best one; steps says why */
#define ZRING_ADJUSTED_UMEM           (1u << 8)  /* no hugepages, or not on that NUMA node */
#define ZRING_ADJUSTED_RXHASH         (1u << 9)  /* no flow hash from this driver */
#define ZRING_ADJUSTED_VLAN           (1u << 10) /* tags that the driver takes out are not seen */

/* What holds in an open capture. */
struct zring_capture_info {
	char interface[16];
	uint32_t ifindex;
	uint32_t link_type;       /* ARPHRD_*, 1 is Ethernet, 65534 has no link layer */
	uint32_t mtu;             /* bytes, when opened */
	uint32_t backend;         /* enum zring_backend */
	uint32_t tpacket_version; /* 2 or 3 */
	uint32_t adjusted;        /* ZRING_ADJUSTED_* */
	uint64_t memory_bytes;
	uint32_t block_bytes;
	uint32_t nr_blocks;
	uint32_t frame_bytes;      /* V2: size of a slot; V3: 0 */
	uint32_t nr_frames;        /* V2: slots; V3: 0 */
	uint32_t latency_ms;       /* V2: 0 */
	uint32_t max_packet_bytes; /* the longest packet that the ring takes uncut */
	uint32_t snaplen;          /* UINT32_MAX: whole packets */
	uint32_t direction;
	uint32_t vlan;
	uint32_t timestamp; /* enum zring_timestamp in effect */
	int32_t clock;      /* of timestamp_ns: CLOCK_REALTIME, -1: the NIC's own */
	uint32_t wait;
	uint32_t busy_poll_us;
	uint32_t busy_poll_budget;
	uint32_t receive_buffer_bytes; /* as the kernel accounts it: twice the value set */
	uint8_t promiscuous;
	uint8_t prefer_busy_poll;
	uint8_t rxhash;
	uint8_t locked;    /* 1: the mapping is locked in memory */
	uint32_t xdp_mode; /* enum zring_xdp_mode that holds; 0: not AF_XDP */
	uint32_t first_queue;
	uint32_t nr_queues;   /* AF_XDP: sockets, else 0 */
	uint32_t xdp_program; /* id of the attached program, 0: none */
	char steps[256];      /* what was tried first and why it failed, "" */
};

/*
 * Since the open, monotonic, whole numbers of packets. A figure that the
 * kernel does not give is ZRING_UNAVAILABLE.
 *
 * received = delivered + dropped + malformed + filtered + pending, where
 * pending packets wait in the ring. Packets that a kernel filter refused were
 * never received.
 */
struct zring_capture_stats {
	uint64_t received;  /* passed the kernel filter, with or without room in the ring */
	uint64_t delivered; /* lent to the program */
	uint64_t dropped;   /* by the kernel: the ring was full */
	uint64_t malformed; /* frame headers that do not fit their ring; never lent */
	uint64_t filtered;  /* withheld by this library; 0 as long as filters act before the ring */
	uint64_t pending;   /* in the ring */
	uint64_t truncated; /* taken out of the ring with len < wire_len */
	uint64_t freezes;   /* times that the ring was found full (V2: unavailable) */
};

/*
 * Where zring_capture_next_packet() stands: the head of every capture, here
 * only so that the call can be inline. Not to be touched.
 */
struct zring_capture_window {
	const struct zring_packet *next;
	const struct zring_packet *end;
};

ZRING_BEGIN_DECLS

/**
 * zring_capture_open() - start to receive from an interface
 * @interface:   its name
 * @options:     NULL for the defaults
 * @diag:        NULL, or where to say what went wrong
 * @ret_capture: the capture, untouched on failure
 *
 * Packets arrive from the moment of return. An interface that is down can be
 * opened; the first zring_capture_next() says -ENETDOWN and packets come once
 * it is up.
 *
 * Owner:   the caller owns the capture, zring_capture_close() ends it
 * Threads: any
 * Return:  0; -ENODEV no such interface; -EPERM CAP_NET_RAW is missing;
 *          -EINVAL an option's value; -E2BIG options of a newer library;
 *          -ENOMEM not even the smallest ring; -ENOENT no such namespace;
 *          -ENOSPC the fanout group is full;
 *          other errors of socket(2), setsockopt(2), mmap(2) and bind(2)
 * Since:   0.1
 */
ZRING_API int zring_capture_open(const char *interface, const struct zring_capture_options *options,
				 struct zring_diag *diag, struct zring_capture **ret_capture);

/**
 * zring_capture_start() - let a capture that was opened paused take packets
 * @capture: open capture
 * @diag:    NULL, or where to say what went wrong
 *
 * Does nothing when it takes packets already. What came before is not seen, and
 * counted nowhere.
 *
 * Threads: one thread at a time; another may be in zring_capture_next()
 * Return:  0; errors of setsockopt(2), then the capture is still paused
 * Since:   0.1
 */
ZRING_API int zring_capture_start(struct zring_capture *capture, struct zring_diag *diag);

/**
 * zring_capture_close() - end a capture; NULL is allowed
 * @capture: with no batch borrowed any more
 *
 * Threads: no other thread may be in a call on it
 * Since:   0.1
 */
ZRING_API void zring_capture_close(struct zring_capture *capture);

/**
 * zring_capture_next() - borrow the packets that have arrived
 * @capture:    open capture
 * @batch:      empty batch, filled on success
 * @timeout_ms: 0 returns at once, -1 waits for traffic or stop
 *
 * After zring_capture_stop() nothing waits any more: 0 comes back at once,
 * but timeout_ms = 0 still hands out what the ring holds.
 *
 * Owner:   caller borrows until zring_batch_release(); the capture must outlive it
 * Threads: the capture's thread only
 * Return:  packets borrowed; 0 on timeout or stop; -EBUSY batch not empty;
 *          -EINVAL batch not initialised; -EMSGSIZE (option pieces) the batch
 *          has no room for all pieces of a packet;
 *          -ENETDOWN the interface went down (said once, then the call waits
 *          until it is up again); -ENODEV it was deleted or moved away. What an
 *          open V3 block held then comes with timeout_ms = 0 after latency_ms.
 * Since:   0.1
 */
ZRING_API int zring_capture_next(struct zring_capture *capture, struct zring_batch *batch,
				 int timeout_ms);

/**
 * zring_capture_next_packet() - one packet at a time, for simple programs
 * @capture:    open capture
 * @ret_packet: the packet, untouched unless 1 is returned
 * @timeout_ms: as for zring_capture_next()
 *
 * Owner:   borrowed until the next call on this capture
 * Threads: the capture's thread only
 * Return:  1 with a packet, else as zring_capture_next()
 * Since:   0.1
 */
ZRING_API_INLINE int zring_capture_next_packet(struct zring_capture *capture,
					       const struct zring_packet **ret_packet,
					       int timeout_ms);

/**
 * zring_capture_refill() - what zring_capture_next_packet() does when it has none left
 * @capture:    open capture
 * @ret_packet: as for zring_capture_next_packet()
 * @timeout_ms: as for zring_capture_next_packet()
 *
 * Not meant to be called by programs.
 *
 * Threads: the capture's thread only
 * Return:  as zring_capture_next_packet()
 * Since:   0.1
 */
ZRING_API int zring_capture_refill(struct zring_capture *capture,
				   const struct zring_packet **ret_packet, int timeout_ms);

/**
 * zring_capture_stop() - wake the reader and let it wait no more
 * @capture: open capture
 *
 * Final for this capture.
 *
 * Threads: any thread, and signal handlers
 * Since:   0.1
 */
ZRING_API void zring_capture_stop(struct zring_capture *capture);

/**
 * zring_capture_stopped() - whether zring_capture_stop() was called
 * @capture: open capture
 *
 * Threads: any
 * Return:  1 or 0
 * Since:   0.1
 */
ZRING_API int zring_capture_stopped(const struct zring_capture *capture);

/**
 * zring_capture_fd() - descriptor to wait on in a loop of one's own
 * @capture: open capture
 *
 * Readable or in error: call zring_capture_next() with timeout_ms = 0 until it
 * returns 0 or an error. After -ENETDOWN call it from time to time as well (every
 * 50 ms does): when the interface is deleted next, the kernel raises no event.
 *
 * Owner:   the capture; not to be read from or closed
 * Threads: any
 * Since:   0.1
 */
ZRING_API int zring_capture_fd(const struct zring_capture *capture);

/**
 * zring_capture_xdp() - the AF_XDP socket of one queue
 * @capture: open capture
 * @index:   0 to zring_capture_info.nr_queues - 1
 *
 * For its counters, information and warnings; its rings are the capture's.
 *
 * Owner:   the capture
 * Threads: any
 * Return:  NULL when there is none
 * Since:   0.1
 */
ZRING_API struct zring_xdp *zring_capture_xdp(const struct zring_capture *capture, uint32_t index);

/**
 * zring_capture_get_stats() - packet counters since the open
 * @capture:   open capture
 * @ret_stats: filled
 *
 * Resets nothing, whoever calls it how often. The kernel's own counters have
 * 32 bits: they are folded in here and by the reader as it works.
 *
 * Threads: any, but no signal handler
 * Since:   0.1
 */
ZRING_API void zring_capture_get_stats(struct zring_capture *capture,
				       struct zring_capture_stats *ret_stats);

/**
 * zring_capture_get_info() - what holds, after all fall-backs
 * @capture:  open capture
 * @ret_info: filled
 *
 * Threads: any
 * Since:   0.1
 */
ZRING_API void zring_capture_get_info(const struct zring_capture *capture,
				      struct zring_capture_info *ret_info);

ZRING_API_INLINE int zring_capture_next_packet(struct zring_capture *capture,
					       const struct zring_packet **ret_packet,
					       int timeout_ms)
{
	struct zring_capture_window *window = (struct zring_capture_window *)capture;
	const struct zring_packet *packet = window->next;

	if (packet == window->end)
		return zring_capture_refill(capture, ret_packet, timeout_ms);
	__atomic_store_n(&window->next, packet + 1, __ATOMIC_RELAXED); /* stats look at it */
	*ret_packet = packet;
	return 1;
}

ZRING_END_DECLS

#endif
