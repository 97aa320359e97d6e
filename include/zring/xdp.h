/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * AF_XDP sockets for programs that want the UMEM and its four rings. Capture
 * and Injector with ZRING_BACKEND_AFXDP are made of these.
 *
 *	              the kernel                      the program
 *	fill ring         <-- free chunks --------- zring_xdp_fill()
 *	RX ring           --- received frames ----> zring_xdp_receive()
 *	TX ring           <-- frames to send ------ zring_xdp_transmit(), zring_xdp_kick()
 *	completion ring   --- chunks sent --------> zring_xdp_complete()
 *
 * Each socket serves one queue of one interface. An XDP program steers what
 * arrives there into the RX ring; those packets do not reach the host's stack.
 */
#ifndef ZRING_XDP_H
#define ZRING_XDP_H

#include <zring/umem.h>

struct zring_xdp;
struct zring_xdp_program;
struct bpf_insn; /* linux/bpf.h */

/* How frames get between the interface and the UMEM; the best first. */
enum zring_xdp_mode {
	ZRING_XDP_MODE_AUTO = 0,     /* the best that the driver takes; each step down is told */
	ZRING_XDP_MODE_ZEROCOPY = 1, /* the device reads and writes the chunks */
	ZRING_XDP_MODE_NATIVE = 2,   /* the driver runs the program, the kernel copies */
	ZRING_XDP_MODE_GENERIC = 3,  /* the stack runs the program on its own buffers and copies */
};

/* What a socket is for. */
enum zring_xdp_use {
	ZRING_XDP_RXTX = 0,
	ZRING_XDP_RX = 1,
	ZRING_XDP_TX = 2, /* no program is attached */
};

/* What the program writes in front of each packet, as far as driver and kernel have it. */
#define ZRING_XDP_META_TIMESTAMP    (1u << 0) /* CLOCK_TAI when the program ran */
#define ZRING_XDP_META_HW_TIMESTAMP (1u << 1) /* of the NIC; Linux 6.3 and a driver that can */
#define ZRING_XDP_META_HASH         (1u << 2) /* flow hash of the NIC; likewise */

/*
 * An in-kernel filter: the body of an eBPF function. r1 is the struct xdp_md,
 * r0 on exit 0 for "the stack's", anything else for "the socket's". It stands at
 * the end of the attached program, so it calls no function of its own.
 */
struct zring_xdp_filter {
	const struct bpf_insn *insns;
	uint32_t nr_insns;
	uint32_t reserved;
};

struct zring_xdp_program_options {
	size_t size;          /* sizeof(struct zring_xdp_program_options) */
	uint32_t mode;        /* enum zring_xdp_mode; ZEROCOPY attaches as NATIVE does */
	uint32_t metadata;    /* ZRING_XDP_META_* that are wanted */
	uint8_t multi_buffer; /* 1: packets in several pieces, which a large MTU needs; Linux 5.18
			       */
	uint8_t restore_vlan; /* 1: tags that the driver takes out are put back; Linux 6.8 */
	/*
	 * 1: beside other programs, through libxdp's dispatcher where kernel and bpffs take
	 * it, else alone (info.dispatcher tells). It stays attached when the process is
	 * killed: `xdp-loader unload` ends it.
	 */
	uint8_t dispatcher;
	uint8_t reserved[5];
	const struct zring_xdp_filter *filter; /* NULL: all packets; borrowed during the open */
};

#define ZRING_XDP_PROGRAM_OPTIONS_INIT                           \
	{                                                        \
		.size = sizeof(struct zring_xdp_program_options) \
	}

struct zring_xdp_program_info {
	char interface[16];
	uint32_t ifindex;
	uint32_t mode;      /* ZRING_XDP_MODE_NATIVE or _GENERIC */
	uint32_t id;        /* of the program, as `bpftool prog` shows it */
	uint32_t nr_queues; /* room for so many sockets: all receive queues */
	uint32_t metadata;  /* ZRING_XDP_META_* that are written */
	uint8_t multi_buffer;
	uint8_t restore_vlan;
	uint8_t dispatcher;
	uint8_t reserved[5];
	char steps[256]; /* what was tried first and why it failed, "" */
};

/* Since the open, over all queues. */
struct zring_xdp_program_stats {
	uint64_t redirected; /* handed to a socket's rings, with or without room there */
	uint64_t passed;     /* left to the host's stack: refused by the filter, or no socket */
};

struct zring_xdp_options {
	size_t size;    /* sizeof(struct zring_xdp_options) */
	uint32_t queue; /* of the interface, from 0 */
	uint32_t mode;  /* enum zring_xdp_mode */
	uint32_t use;   /* enum zring_xdp_use */
	/*
	 * Chunks put into the fill ring by the open. 0: RX all that are free, RXTX half of
	 * them, so that the other half can be sent; UINT32_MAX: none, fill it yourself.
	 */
	uint32_t rx_chunks;
	uint32_t rx_entries; /* of the rings, powers of two; default 2048 */
	uint32_t tx_entries;
	/* Default: twice rx_chunks. The kernel says late which entries it has taken. */
	uint32_t fill_entries;
	uint32_t completion_entries; /* default: as tx_entries */
	uint32_t busy_poll_us;       /* SO_BUSY_POLL with SO_PREFER_BUSY_POLL */
	uint32_t busy_poll_budget;   /* packets */
	uint8_t multi_buffer;        /* 1: frames in several chunks (XDP_USE_SG); Linux 6.6 */
	uint8_t promiscuous;         /* 1: ends with the socket, also on SIGKILL */
	uint8_t paused;              /* 1: receives nothing until zring_xdp_start() */
	uint8_t reserved[5];
	/* One program serves all queues of an interface. NULL: the socket's own. */
	struct zring_xdp_program *program;
	const struct zring_xdp_filter *filter; /* of the socket's own program */
};

#define ZRING_XDP_OPTIONS_INIT                           \
	{                                                \
		.size = sizeof(struct zring_xdp_options) \
	}

struct zring_xdp_info {
	char interface[16];
	char driver[32];
	uint32_t ifindex;
	uint32_t mtu;
	uint32_t queue;
	uint32_t mode; /* enum zring_xdp_mode that holds: XDP_OPTIONS and the attached program */
	uint32_t use;
	uint32_t rx_entries;
	uint32_t tx_entries;
	uint32_t fill_entries;
	uint32_t completion_entries;
	uint32_t rx_chunks;    /* put into the fill ring */
	uint32_t busy_poll_us; /* 0: off, or the queue has no NAPI to poll */
	uint32_t busy_poll_budget;
	uint32_t program_id; /* 0: none */
	uint8_t multi_buffer;
	uint8_t need_wakeup; /* 1: the kernel says when it wants a kick */
	uint8_t promiscuous;
	uint8_t shared;  /* 1: another socket registered the umem */
	char steps[256]; /* what was tried first and why it failed, "" */
};

/* Since the open. */
struct zring_xdp_stats {
	uint64_t received;   /* frames taken out of the RX ring */
	uint64_t filled;     /* chunks put into the fill ring */
	uint64_t submitted;  /* descriptors put into the TX ring */
	uint64_t completed;  /* and those of them that came back */
	uint64_t refused;    /* by zring_xdp_transmit(): too long, outside, not held */
	uint64_t tx_dropped; /* completed and not sent: the device was full (EBUSY) */
	uint64_t kicks;      /* system calls that woke the kernel */
	/* The kernel's own (XDP_STATISTICS). */
	uint64_t rx_dropped;    /* no chunk in the fill ring, or larger than one */
	uint64_t rx_ring_full;  /* the program did not take frames out in time */
	uint64_t rx_invalid;    /* bad addresses in the fill ring */
	uint64_t rx_fill_empty; /* times that the fill ring was found empty */
	uint64_t tx_invalid;    /* bad descriptors in the TX ring */
	uint64_t tx_ring_empty; /* times that the TX ring was found empty */
};

/* zring_xdp_desc.options, the kernel's (linux/if_xdp.h) */
#define ZRING_XDP_MORE     (1u << 0) /* the packet goes on in the next descriptor */
#define ZRING_XDP_METADATA (1u << 1) /* send: struct zring_xdp_tx_request in front of it */

/* A frame, or a piece of one: the kernel's struct xdp_desc. */
struct zring_xdp_desc {
	uint64_t address; /* of the first byte */
	uint32_t len;
	uint32_t options; /* ZRING_XDP_* */
};

/*
 * What a send asks of the NIC or the kernel. It stands ZRING_XDP_TX_REQUEST_BYTES
 * in front of the frame, in a umem with tx_metadata (struct xsk_tx_metadata).
 * The kernel wants so much room in the chunk in front of everything that is sent
 * from such a umem, also without a request.
 */
#define ZRING_XDP_TX_REQUEST_BYTES 24u
#define ZRING_XDP_TX_TIMESTAMP     (1u << 0) /* when it was sent: read it after completion */
#define ZRING_XDP_TX_CHECKSUM      (1u << 1) /* sum from checksum_start, store at + offset */
#define ZRING_XDP_TX_LAUNCH_TIME   (1u << 2) /* not before launch_time_ns; Linux 6.14 */

struct zring_xdp_tx_request {
	uint64_t flags; /* ZRING_XDP_TX_* */
	union {
		struct {
			uint16_t checksum_start;
			uint16_t checksum_offset;
			uint32_t padding;
			uint64_t launch_time_ns; /* of the NIC's clock */
		};
		uint64_t timestamp_ns; /* after completion: CLOCK_TAI, or the NIC's clock */
	};
};

/* zring_xdp_wait() events */
#define ZRING_XDP_READABLE (1u << 0) /* frames in the RX ring */
#define ZRING_XDP_WRITABLE (1u << 1) /* room in the TX ring, or chunks to complete */

ZRING_BEGIN_DECLS

/**
 * zring_xdp_program_open() - attach the program that steers packets to sockets
 * @interface:   its name
 * @options:     NULL for the defaults
 * @diag:        NULL, or where to say what went wrong
 * @ret_program: the program, untouched on failure
 *
 * Until a queue has a socket its packets go on to the stack. The program goes
 * away with the process that opened it, however it ends (but see dispatcher).
 *
 * Owner:   the caller owns the program, zring_xdp_program_close() ends it
 * Threads: any
 * Return:  0; -ENODEV; -EPERM CAP_BPF and CAP_NET_ADMIN are missing; -EBUSY
 *          another program holds the hook, @diag names it; -ERANGE the MTU is
 *          too large for native mode; -EOPNOTSUPP the driver lacks the mode;
 *          -EINVAL, -E2BIG, -ENOMEM; errors of bpf(2)
 * Since:   0.1
 */
ZRING_API int zring_xdp_program_open(const char *interface,
				     const struct zring_xdp_program_options *options,
				     struct zring_diag *diag,
				     struct zring_xdp_program **ret_program);

/**
 * zring_xdp_program_close() - detach the program; NULL is allowed
 * @program: with all of its sockets closed
 *
 * Threads: no other thread may be in a call on it
 * Since:   0.1
 */
ZRING_API void zring_xdp_program_close(struct zring_xdp_program *program);

/**
 * zring_xdp_program_get_info() - what holds, after all fall-backs
 * @program:  open program
 * @ret_info: filled
 *
 * Threads: any
 * Since:   0.1
 */
ZRING_API void zring_xdp_program_get_info(const struct zring_xdp_program *program,
					  struct zring_xdp_program_info *ret_info);

/**
 * zring_xdp_program_get_stats() - what it did with the packets
 * @program:   open program
 * @ret_stats: filled
 *
 * Threads: any
 * Return:  0; errors of bpf(2)
 * Since:   0.1
 */
ZRING_API int zring_xdp_program_get_stats(const struct zring_xdp_program *program,
					  struct zring_xdp_program_stats *ret_stats);

/**
 * zring_xdp_open() - open a socket on one queue of an interface
 * @interface: its name
 * @umem:      chunks for it; may serve several sockets, of other queues and devices
 * @options:   NULL for the defaults
 * @diag:      NULL, or where to say what went wrong
 * @ret_xdp:   the socket, untouched on failure
 *
 * A queue that was closed a moment ago is waited for: the kernel frees it
 * asynchronously.
 *
 * Owner:   the caller owns the socket, zring_xdp_close() ends it; @umem and
 *          options.program must outlive it
 * Threads: any; the umem's one thread
 * Return:  0; -ENODEV; -EPERM CAP_NET_RAW (and for receiving CAP_BPF and
 *          CAP_NET_ADMIN) are missing; -EBUSY the queue or the hook belongs to
 *          somebody else; -ENOBUFS RLIMIT_MEMLOCK; -EINVAL, also for a queue
 *          that the interface has not; -EOPNOTSUPP the mode asked for;
 *          -E2BIG, -ENOMEM, other errors of socket(2), setsockopt(2), bind(2)
 * Since:   0.1
 */
ZRING_API int zring_xdp_open(const char *interface, struct zring_umem *umem,
			     const struct zring_xdp_options *options, struct zring_diag *diag,
			     struct zring_xdp **ret_xdp);

/**
 * zring_xdp_start() - receive from now on
 * @xdp:  open socket, paused or not
 * @diag: NULL, or where to say what went wrong
 *
 * Until then the queue's packets went on to the stack.
 *
 * Threads: the umem's thread
 * Return:  0; errors of bpf(2)
 * Since:   0.1
 */
ZRING_API int zring_xdp_start(struct zring_xdp *xdp, struct zring_diag *diag);

/**
 * zring_xdp_close() - end a socket; NULL is allowed
 * @xdp: its chunks in the kernel's hands become FREE
 *
 * Threads: the umem's thread; no other thread may be in a call on it
 * Since:   0.1
 */
ZRING_API void zring_xdp_close(struct zring_xdp *xdp);

/**
 * zring_xdp_fill() - give chunks to the kernel to receive into
 * @xdp:       open socket, not for TX alone
 * @addresses: anywhere inside the chunks
 * @nr:        how many
 *
 * Owner:   the kernel's from now on
 * Threads: the umem's thread
 * Return:  chunks taken, less than @nr when the ring is full; -EINVAL when the
 *          first that was not taken is outside the umem or (checks) not the
 *          program's
 * Since:   0.1
 */
ZRING_API int zring_xdp_fill(struct zring_xdp *xdp, const uint64_t *addresses, uint32_t nr);

/**
 * zring_xdp_receive() - take frames out of the RX ring
 * @xdp:   open socket, not for TX alone
 * @descs: filled
 * @nr:    room in @descs
 *
 * Never waits and makes no system call unless the driver asks to be woken. A
 * packet of several pieces (ZRING_XDP_MORE) is never cut: a last one that does
 * not fit is left for the next call.
 *
 * Owner:   the program holds the chunks (RX) until fill, transmit or free
 * Threads: the umem's thread
 * Return:  descriptors, 0: nothing there; -EMSGSIZE @nr is too small for the
 *          packet; -EPROTO a descriptor outside the umem came first: its packet
 *          is passed over
 * Since:   0.1
 */
ZRING_API int zring_xdp_receive(struct zring_xdp *xdp, struct zring_xdp_desc *descs, uint32_t nr);

/**
 * zring_xdp_transmit() - put frames into the TX ring
 * @xdp:   open socket, not for RX alone
 * @descs: what to send; pieces of a packet (at most 17) in one call
 * @nr:    how many
 *
 * Each is checked first: inside the umem and its chunk, 14 bytes at least, not
 * longer than the MTU allows. Nothing is on the wire before zring_xdp_kick().
 *
 * Owner:   the kernel holds the chunks (KERNEL_TX) until zring_xdp_complete()
 * Threads: the umem's thread
 * Return:  descriptors queued, less than @nr when the ring is full or when one
 *          is refused behind others; -EINVAL, -EMSGSIZE the first is refused:
 *          the program still holds it
 * Since:   0.1
 */
ZRING_API int zring_xdp_transmit(struct zring_xdp *xdp, const struct zring_xdp_desc *descs,
				 uint32_t nr);

/**
 * zring_xdp_kick() - let the kernel send what the TX ring holds
 * @xdp: open socket, not for RX alone
 *
 * Kicks again while the kernel makes progress; does nothing where the driver
 * is awake.
 *
 * Threads: the umem's thread
 * Return:  0 the kernel took all; -EAGAIN some wait for room in the device or
 *          for zring_xdp_complete(): kick again later; -ENETDOWN; -ENODEV;
 *          -EIO frames wait and the kernel takes none, without a cause (a
 *          queue that does not exist any more)
 * Since:   0.1
 */
ZRING_API int zring_xdp_kick(struct zring_xdp *xdp);

/**
 * zring_xdp_complete() - take back chunks that were sent
 * @xdp:       open socket, not for RX alone
 * @addresses: filled, in the order in which the kernel was done with them
 * @nr:        room in @addresses
 *
 * Owner:   the program holds them (TX)
 * Threads: the umem's thread
 * Return:  how many; -EPROTO an address outside the umem came first: it is
 *          passed over
 * Since:   0.1
 */
ZRING_API int zring_xdp_complete(struct zring_xdp *xdp, uint64_t *addresses, uint32_t nr);

/**
 * zring_xdp_wait() - sleep until something can be done
 * @xdp:        open socket
 * @events:     ZRING_XDP_READABLE, ZRING_XDP_WRITABLE
 * @timeout_ms: 0 looks only, -1 for ever
 *
 * Threads: the umem's thread
 * Return:  the events that hold, 0 on timeout; -ENETDOWN (said once); -ENODEV
 * Since:   0.1
 */
ZRING_API int zring_xdp_wait(struct zring_xdp *xdp, uint32_t events, int timeout_ms);

/**
 * zring_xdp_warning() - what the rings suffered from since the last call
 * @xdp:  open socket
 * @diag: filled when there is something: the ring, the figure and what helps
 *
 * Threads: the umem's thread
 * Return:  1 with @diag filled; 0 nothing
 * Since:   0.1
 */
ZRING_API int zring_xdp_warning(struct zring_xdp *xdp, struct zring_diag *diag);

/**
 * zring_xdp_fd() - the socket, for poll(2) or to pass on over SCM_RIGHTS
 * @xdp: open socket
 *
 * Owner:   the socket; not to be read from or closed
 * Threads: any
 * Since:   0.1
 */
ZRING_API int zring_xdp_fd(const struct zring_xdp *xdp);

/**
 * zring_xdp_get_stats() - counters since the open
 * @xdp:       open socket
 * @ret_stats: filled
 *
 * Threads: any, but no signal handler
 * Since:   0.1
 */
ZRING_API void zring_xdp_get_stats(const struct zring_xdp *xdp, struct zring_xdp_stats *ret_stats);

/**
 * zring_xdp_get_info() - what holds, after all fall-backs
 * @xdp:      open socket
 * @ret_info: filled
 *
 * Threads: any
 * Since:   0.1
 */
ZRING_API void zring_xdp_get_info(const struct zring_xdp *xdp, struct zring_xdp_info *ret_info);

ZRING_END_DECLS

#endif
