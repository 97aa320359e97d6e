/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Transmit: an injector owns a socket and a ring of frame slots.
 *
 *	uint8_t *data;
 *	int room = zring_injector_reserve(injector, &data, -1);
 *
 *	if (room > 0) {
 *		size_t len = build_frame(data, room);
 *		zring_injector_submit(injector, len);
 *	}
 *	zring_injector_flush(injector);
 *
 * A frame passes through reserved -> submitted -> sent or rejected; it is in
 * exactly one counter at any time (struct zring_injector_stats).
 */
#ifndef ZRING_INJECTOR_H
#define ZRING_INJECTOR_H

#include <stddef.h>

#include <zring/diag.h>
#include <zring/packet.h>
#include <zring/xdp.h>

struct zring_injector;

/* How slots reach the kernel. */
enum zring_method {
	ZRING_METHOD_AUTO = 0,     /* ring on a device with hardware behind it, else sendmmsg */
	ZRING_METHOD_RING = 1,     /* TPACKET_V1 ring: the NIC reads the slot; not on lo */
	ZRING_METHOD_SENDMMSG = 2, /* sendmmsg(2) from the slots: the kernel copies */
	ZRING_METHOD_XDP = 3,      /* an AF_XDP TX ring; goes with ZRING_BACKEND_AFXDP */
};

struct zring_injector_options {
	size_t size;      /* sizeof(struct zring_injector_options) */
	uint32_t backend; /* enum zring_backend */
	uint32_t method;  /* enum zring_method */

	uint32_t frame_bytes; /* room of a slot; default: the MTU with link-layer header and tag */
	uint32_t nr_frames;   /* slots, rounded up to a power of two; default 256 */
	uint32_t priority;    /* SO_PRIORITY */
	uint32_t mark;        /* SO_MARK; CAP_NET_ADMIN */
	uint32_t send_buffer_bytes; /* SO_SNDBUF; default: the system's, net.core.wmem_default */
	uint32_t timeout_ms; /* most that send, send_batch and flush wait for room; default 1000 */

	uint8_t nonblocking; /* 1: these never wait, -EAGAIN instead */
	/* 1: past the qdisc; sniffers on this host do not see the frames. AF_XDP never does
	 * otherwise, so this is what lets ZRING_BACKEND_AUTO take it. */
	uint8_t qdisc_bypass;
	uint8_t loss;        /* 1: PACKET_LOSS, the kernel skips what it can't send; ring only,
			      * without vnet_header */
	uint8_t vnet_header; /* 1: zring_injector_submit_offload() is possible */
	uint8_t send_time;   /* 1: zring_injector_submit_at() is possible; not with a ring */
	uint8_t reserved[3];

	/* Pacing: frames leave no faster. Both may be given; 0 is unlimited. */
	uint64_t rate_pps;
	uint64_t rate_bps; /* bits of the frames as submitted, per second */
	uint32_t
		burst_frames; /* of the MTU's length, may leave at once after a pause; default 64 */
	int32_t send_time_clock; /* of send times; 0 means CLOCK_TAI, the qdiscs' usual one */

	const char *netns; /* of the interface: a name in /run/netns, a pid, or a path */

	/* AF_XDP only. */
	uint32_t xdp_mode; /* enum zring_xdp_mode */
	uint32_t queue;
	uint32_t umem_memory; /* enum zring_umem_memory */
	uint32_t numa_node;   /* of the UMEM: node + 1; 0: the interface's */
};

#define ZRING_INJECTOR_OPTIONS_INIT                           \
	{                                                     \
		.size = sizeof(struct zring_injector_options) \
	}

/* What holds in an open injector. */
struct zring_injector_info {
	char interface[16];
	uint32_t ifindex;
	uint32_t link_type;   /* ARPHRD_* */
	uint32_t mtu;         /* bytes, when opened */
	uint32_t backend;     /* enum zring_backend */
	uint32_t method;      /* enum zring_method, never AUTO */
	uint32_t frame_bytes; /* room of a slot, what reserve returns */
	uint32_t nr_frames;
	uint32_t send_buffer_bytes; /* as the kernel accounts it */
	uint64_t memory_bytes;
	uint64_t rate_pps;
	uint64_t rate_bps;
	uint32_t burst_frames;
	uint8_t qdisc_bypass;
	uint8_t loss;
	uint8_t vnet_header;
	uint8_t send_time;
	char method_reason[64]; /* why this method */
	uint32_t xdp_mode;      /* enum zring_xdp_mode that holds; 0: not AF_XDP */
	uint32_t queue;
	uint32_t checksum_by; /* enum zring_checksum_by, of zring_injector_submit_offload() */
	uint32_t padding;
	char steps[256]; /* what was tried first and why it failed, "" */
};

/* Who completes a checksum that was left open. */
enum zring_checksum_by {
	ZRING_CHECKSUM_BY_NOBODY = 0,  /* opened without vnet_header */
	ZRING_CHECKSUM_BY_DEVICE = 1,  /* the NIC where it can, else the kernel */
	ZRING_CHECKSUM_BY_KERNEL = 2,  /* in software */
	ZRING_CHECKSUM_BY_LIBRARY = 3, /* at submit */
};

/*
 * Since the open, monotonic. submitted = sent + rejected + pending at any
 * time; sent means that the kernel took the frame and is done with it.
 */
struct zring_injector_stats {
	uint64_t submitted;
	uint64_t sent;
	uint64_t rejected;          /* the sum of the rejected_* below */
	uint64_t pending;           /* submitted, not yet sent or rejected */
	uint64_t rejected_runt;     /* shorter than the link-layer header: -EINVAL */
	uint64_t rejected_too_long; /* longer than the MTU allows: -EMSGSIZE */
	uint64_t rejected_kernel;   /* for another cause: refused by the kernel, a broken offload */
	uint64_t sent_bytes;
	uint64_t cancelled; /* reservations given back; not part of submitted */
	uint64_t kicks;     /* system calls that handed frames over */
	uint64_t retries;   /* ENOBUFS and EAGAIN: the frame was kept and sent again */
	uint64_t bursts;    /* super-frames of zring_injector_send_burst() */
	int32_t last_error; /* why the last rejected frame was: -EMSGSIZE, ...; 0: none was */
	uint32_t padding;
};

/* Work left to the NIC or the kernel. Offsets count from the first frame byte. */
#define ZRING_OFFLOAD_CHECKSUM (1u << 0) /* sum from checksum_start, store at + checksum_offset */

enum zring_gso {
	ZRING_GSO_NONE = 0,
	ZRING_GSO_TCPV4 = 1, /* the values of linux/virtio_net.h */
	ZRING_GSO_TCPV6 = 4,
	ZRING_GSO_UDP = 5, /* UDP_L4; Linux 6.2 */
};

struct zring_offload {
	uint8_t flags;          /* ZRING_OFFLOAD_* */
	uint8_t gso_type;       /* enum zring_gso */
	uint16_t header_bytes;  /* with GSO: all headers up to the payload */
	uint16_t segment_bytes; /* with GSO: payload bytes of a segment */
	uint16_t checksum_start;
	uint16_t checksum_offset;
};

/*
 * The free slots that lie side by side from the next one on: the head of every
 * injector, here only so that reserve and submit can be inline. Not to be touched.
 */
struct zring_slot {
	uint8_t *data;
	uint32_t len;
	uint32_t skipped;
	uint64_t send_time_ns;
};

struct zring_injector_window {
	struct zring_slot *next;
	struct zring_slot *end;
	struct zring_slot *reserved; /* lent to the program, or NULL */
	size_t min_len;
	size_t span; /* of lengths from min_len on that need no closer look */
	int32_t room;
	uint32_t padding;
};

ZRING_BEGIN_DECLS

/**
 * zring_injector_open() - make ready to send on an interface
 * @interface:    its name
 * @options:      NULL for the defaults
 * @diag:         NULL, or where to say what went wrong
 * @ret_injector: the injector, untouched on failure
 *
 * Owner:   the caller owns the injector, zring_injector_close() ends it
 * Threads: any
 * Return:  0; -ENODEV, -EPERM, -EINVAL, -E2BIG, -ENOMEM, -ENOENT as for
 *          zring_capture_open(); -ENOTSUP an option that this kernel or this
 *          method can't serve
 * Since:   0.1
 */
ZRING_API int zring_injector_open(const char *interface,
				  const struct zring_injector_options *options,
				  struct zring_diag *diag, struct zring_injector **ret_injector);

/**
 * zring_injector_close() - end an injector; NULL is allowed
 * @injector: frames still pending are not waited for
 *
 * Threads: no other thread may be in a call on it
 * Since:   0.1
 */
ZRING_API void zring_injector_close(struct zring_injector *injector);

/**
 * zring_injector_reserve() - borrow the next slot
 * @injector:   open injector
 * @ret_data:   first byte to write, untouched unless room is returned
 * @timeout_ms: how long to wait for a free slot; 0 not at all, -1 for ever
 *
 * When no slot is free what was submitted is flushed. A second call before
 * submit or cancel returns the same slot.
 *
 * Owner:   the caller borrows until submit or cancel
 * Threads: the injector's thread only
 * Return:  bytes of room; 0 no slot in time; -ENETDOWN, -ENODEV nothing can
 *          leave any more
 * Since:   0.1
 */
ZRING_API_INLINE int zring_injector_reserve(struct zring_injector *injector, uint8_t **ret_data,
					    int timeout_ms);

/**
 * zring_injector_refill() - what zring_injector_reserve() does when its window is used up
 * @injector:   open injector
 * @ret_data:   as for zring_injector_reserve()
 * @timeout_ms: as for zring_injector_reserve()
 *
 * Not meant to be called by programs.
 *
 * Threads: the injector's thread only
 * Return:  as zring_injector_reserve()
 * Since:   0.1
 */
ZRING_API int zring_injector_refill(struct zring_injector *injector, uint8_t **ret_data,
				    int timeout_ms);

/**
 * zring_injector_submit() - queue the reserved slot
 * @injector: with a slot reserved
 * @len:      bytes written, from the link-layer header on, without FCS
 *
 * The slot is consumed, also on error; then the frame counts as rejected.
 * Nothing is on the wire before zring_injector_flush().
 *
 * Threads: the injector's thread only
 * Return:  0; -EINVAL a runt, or nothing is reserved; -EMSGSIZE longer than
 *          the MTU (with its tag) or the slot
 * Since:   0.1
 */
ZRING_API_INLINE int zring_injector_submit(struct zring_injector *injector, size_t len);

/**
 * zring_injector_submit_checked() - what zring_injector_submit() does with an unusual frame
 * @injector: open injector
 * @len:      as for zring_injector_submit()
 *
 * Not meant to be called by programs.
 *
 * Threads: the injector's thread only
 * Return:  as zring_injector_submit()
 * Since:   0.1
 */
ZRING_API int zring_injector_submit_checked(struct zring_injector *injector, size_t len);

/**
 * zring_injector_submit_at() - queue the reserved slot, to leave at a time
 * @injector: opened with send_time
 * @len:      as for zring_injector_submit()
 * @time_ns:  on the clock of send_time_clock
 *
 * The kernel keeps the time only where a qdisc (etf, fq) does so; elsewhere
 * the frame leaves at once.
 *
 * Threads: the injector's thread only
 * Return:  as zring_injector_submit(); -ENOTSUP opened without send_time
 * Since:   0.1
 */
ZRING_API int zring_injector_submit_at(struct zring_injector *injector, size_t len,
				       uint64_t time_ns);

/**
 * zring_injector_submit_offload() - queue the reserved slot with work left to do
 * @injector: opened with vnet_header
 * @len:      may exceed the MTU when @offload has a GSO type
 * @offload:  what the NIC or the kernel completes
 *
 * Threads: the injector's thread only
 * Return:  as zring_injector_submit(), -EINVAL also for an offload that does not
 *          fit the frame; -EMSGSIZE also for segments above the MTU (as it was
 *          at the open or the last refusal: the kernel looks at none); -ENOTSUP
 *          opened without vnet_header, or GSO with qdisc_bypass
 * Since:   0.1
 */
ZRING_API int zring_injector_submit_offload(struct zring_injector *injector, size_t len,
					    const struct zring_offload *offload);

/**
 * zring_injector_cancel() - give the reserved slot back unused
 * @injector: open injector
 *
 * Threads: the injector's thread only
 * Since:   0.1
 */
ZRING_API void zring_injector_cancel(struct zring_injector *injector);

/**
 * zring_injector_flush() - hand what was submitted to the kernel
 * @injector: open injector
 *
 * Kicks until the kernel has taken all, waiting at most timeout_ms where the
 * device or the pacing holds frames back. A frame that the kernel rejects is
 * counted, and the ones behind it go on.
 *
 * Threads: the injector's thread only
 * Return:  frames that the kernel took in this call; -EAGAIN none (nonblocking);
 *          -ETIMEDOUT none in time; -ENETDOWN, -ENODEV: the frames stay pending
 * Since:   0.1
 */
ZRING_API int zring_injector_flush(struct zring_injector *injector);

/**
 * zring_injector_drain() - flush and wait until nothing is pending
 * @injector:   open injector
 * @timeout_ms: -1 for ever
 *
 * Threads: the injector's thread only
 * Return:  0 nothing pending; -ETIMEDOUT; -ENETDOWN, -ENODEV
 * Since:   0.1
 */
ZRING_API int zring_injector_drain(struct zring_injector *injector, int timeout_ms);

/**
 * zring_injector_send() - copy one frame and flush it
 * @injector: without a slot reserved
 * @data:     the frame
 * @len:      its bytes
 *
 * Owner:   @data stays the caller's
 * Threads: the injector's thread only
 * Return:  0 the kernel took it, or it waits in a slot for the next flush
 *          because the device is full; -EBUSY a slot is reserved; -EAGAIN or
 *          -ETIMEDOUT no slot was free, the frame was not submitted;
 *          -ENETDOWN, -ENODEV: it stays pending if a slot was free; other
 *          errors as submit
 * Since:   0.1
 */
ZRING_API int zring_injector_send(struct zring_injector *injector, const void *data, size_t len);

/**
 * zring_injector_send_batch() - copy frames and flush them
 * @injector:   without a slot reserved
 * @packets:    data and len are read
 * @nr_packets: how many
 *
 * Frames that are refused (runt, too long) are counted as rejected and passed
 * over.
 *
 * Owner:   @packets stay the caller's
 * Threads: the injector's thread only
 * Return:  packets consumed (submitted, rejected ones included); less than
 *          nr_packets when no room came in time; an error when none was consumed
 * Since:   0.1
 */
ZRING_API int zring_injector_send_batch(struct zring_injector *injector,
					const struct zring_packet *packets, uint32_t nr_packets);

/**
 * zring_injector_send_burst() - send UDP frames of one flow as one super-frame
 * @injector:   open injector
 * @packets:    2 to 64 Ethernet frames with IPv4 or IPv6 and UDP; headers equal
 *              but for IPv4 ids that rise by one, lengths equal but for a
 *              shorter last one, UDP checksum in use
 * @nr_packets: how many
 *
 * The kernel (or the NIC) cuts it into exactly these frames again, checksums
 * computed anew. What was submitted before is flushed first. Goes through the
 * qdisc, whatever qdisc_bypass says.
 *
 * Owner:   @packets stay the caller's; not copied in user space
 * Threads: the injector's thread only
 * Return:  nr_packets; -EINVAL the frames are not such a burst; -ENOTSUP this
 *          kernel can't (before 6.2); -EMSGSIZE longer than the MTU, or in all
 *          than an IP packet; -EBUSY a slot is reserved; -EAGAIN, -ETIMEDOUT,
 *          -ENETDOWN, -ENODEV: the burst was not sent
 * Since:   0.1
 */
ZRING_API int zring_injector_send_burst(struct zring_injector *injector,
					const struct zring_packet *packets, uint32_t nr_packets);

/**
 * zring_injector_fd() - descriptor to wait on in a loop of one's own
 * @injector: open injector
 *
 * Owner:   the injector; not to be written to or closed
 * Threads: any
 * Since:   0.1
 */
ZRING_API int zring_injector_fd(const struct zring_injector *injector);

/**
 * zring_injector_get_stats() - frame counters since the open
 * @injector:  open injector
 * @ret_stats: filled
 *
 * Threads: any, but no signal handler
 * Since:   0.1
 */
ZRING_API void zring_injector_get_stats(const struct zring_injector *injector,
					struct zring_injector_stats *ret_stats);

/**
 * zring_injector_get_info() - what holds, after all fall-backs
 * @injector: open injector
 * @ret_info: filled
 *
 * Threads: any
 * Since:   0.1
 */
ZRING_API void zring_injector_get_info(const struct zring_injector *injector,
				       struct zring_injector_info *ret_info);

ZRING_API_INLINE int zring_injector_reserve(struct zring_injector *injector, uint8_t **ret_data,
					    int timeout_ms)
{
	struct zring_injector_window *window = (struct zring_injector_window *)injector;
	struct zring_slot *slot = window->next;
	const int32_t room = window->room;

	if (slot == window->end)
		return zring_injector_refill(injector, ret_data, timeout_ms);
	if (room <= 0) /* never: spares the caller's test for an error */
		__builtin_unreachable();
	window->reserved = slot;
	*ret_data = slot->data;
	return room;
}

ZRING_API_INLINE int zring_injector_submit(struct zring_injector *injector, size_t len)
{
	struct zring_injector_window *window = (struct zring_injector_window *)injector;
	struct zring_slot *slot = window->reserved;

	if (!slot || len - window->min_len > window->span)
		return zring_injector_submit_checked(injector, len);
	slot->len = (uint32_t)len;
	window->reserved = NULL;
	__atomic_store_n(&window->next, slot + 1, __ATOMIC_RELAXED); /* stats look at it */
	return 0;
}

ZRING_END_DECLS

#endif
