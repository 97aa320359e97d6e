/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A packet as a capture lends it, what else is known of it, and a copy to keep.
 *
 *        ring memory of the capture
 *   ... [frame header | link-layer address | headroom | frame bytes ...] ...
 *        ^ packet.frame                               ^ packet.data
 *                                                     |<-- packet.len -->|
 */
#ifndef ZRING_PACKET_H
#define ZRING_PACKET_H

#include <zring/api.h>

struct zring_capture;

/* A view into ring memory. The ring owns the bytes. */
struct zring_packet {
	const uint8_t *data; /* first byte of the link-layer header */
	uint32_t len;        /* bytes readable at data */
	uint32_t wire_len;   /* bytes on the wire, >= len */
	const void *frame;   /* for zring_packet_get_info(); not to be read */
};

/* zring_packet_info.flags */
#define ZRING_PACKET_VLAN            (1u << 0) /* vlan_tci and vlan_tpid are valid */
#define ZRING_PACKET_VLAN_REINSERTED (1u << 1) /* and the tag stands in data again */
#define ZRING_PACKET_RXHASH          (1u << 2) /* rxhash is valid */
#define ZRING_PACKET_HW_TIMESTAMP    (1u << 3) /* the NIC took timestamp_ns */
#define ZRING_PACKET_LOSING          (1u << 4) /* the ring dropped some before; never on AF_XDP */
#define ZRING_PACKET_TRUNCATED       (1u << 5) /* len < wire_len */
#define ZRING_PACKET_GSO             (1u << 6) /* a TCP super-frame, cut on a real wire */
#define ZRING_PACKET_MORE            (1u << 7) /* the next view of the batch goes on with it */
#define ZRING_PACKET_COPIED          (1u << 8) /* put together from several chunks */

/* zring_packet_info.timestamp_source */
enum zring_timestamp_source {
	ZRING_TIMESTAMP_BY_KERNEL = 0,  /* on arrival */
	ZRING_TIMESTAMP_BY_NIC = 1,     /* of the NIC's clock */
	ZRING_TIMESTAMP_BY_PROGRAM = 2, /* the XDP program's, on arrival */
	ZRING_TIMESTAMP_BY_LIBRARY = 3, /* when the batch was taken out of the ring */
};

/* zring_packet_info.direction, the values of linux/if_packet.h */
enum zring_direction {
	ZRING_DIRECTION_HOST = 0, /* to this host */
	ZRING_DIRECTION_BROADCAST = 1,
	ZRING_DIRECTION_MULTICAST = 2,
	ZRING_DIRECTION_OTHER_HOST = 3, /* seen in promiscuous mode */
	ZRING_DIRECTION_OUTGOING = 4,   /* sent by this host */
};

/* zring_packet_info.checksum */
enum zring_checksum {
	ZRING_CHECKSUM_UNKNOWN = 0,   /* nobody looked */
	ZRING_CHECKSUM_VALID = 1,     /* the kernel or the NIC verified it */
	ZRING_CHECKSUM_NOT_READY = 2, /* still to be filled in: a packet of the local stack */
};

#define ZRING_LINK_ADDRESS_BYTES 8

/* What the frame's header tells beside the bytes. */
struct zring_packet_info {
	uint64_t timestamp_ns;                    /* of the clock in zring_capture_info.clock */
	uint32_t flags;                           /* ZRING_PACKET_* */
	uint32_t rxhash;                          /* flow hash of the kernel, if asked for */
	uint32_t ifindex;                         /* interface that the packet was seen on */
	uint16_t vlan_tci;                        /* host byte order */
	uint16_t vlan_tpid;                       /* host byte order, 0x8100 or 0x88a8 */
	uint16_t protocol;                        /* Ethertype behind the tag, host byte order */
	uint16_t link_type;                       /* ARPHRD_*, 1 is Ethernet */
	uint8_t direction;                        /* enum zring_direction */
	uint8_t checksum;                         /* enum zring_checksum */
	uint8_t source_bytes;                     /* valid bytes of source */
	uint8_t timestamp_source;                 /* enum zring_timestamp_source */
	uint8_t source[ZRING_LINK_ADDRESS_BYTES]; /* link-layer sender */
	uint32_t queue;                           /* AF_XDP: receive queue; UINT32_MAX: not known */
	uint32_t padding;
};

/* A packet that outlives the ring. Free with zring_packet_free(). */
struct zring_owned_packet {
	struct zring_packet_info info;
	uint32_t len;      /* bytes at data */
	uint32_t wire_len; /* bytes on the wire */
	uint8_t data[];
};

ZRING_BEGIN_DECLS

/**
 * zring_packet_get_info() - decode what the frame's header tells of a packet
 * @capture:  the capture that lent the packet
 * @packet:   a packet that has not been released
 * @ret_info: filled
 *
 * Costs some 40 instructions; a program that reads only bytes and lengths
 * does not pay for it.
 *
 * Owner:   nothing changes hands
 * Threads: any thread that holds the packet
 * Since:   0.1
 */
ZRING_API void zring_packet_get_info(const struct zring_capture *capture,
				     const struct zring_packet *packet,
				     struct zring_packet_info *ret_info);

/**
 * zring_packet_copy() - copy a packet out of the ring
 * @capture:  the capture that lent the packet
 * @packet:   a packet that has not been released
 * @ret_copy: the copy, untouched on failure
 *
 * Owner:   the caller owns the copy, zring_packet_free() ends it
 * Threads: any thread that holds the packet
 * Return:  0; -ENOMEM
 * Since:   0.1
 */
ZRING_API int zring_packet_copy(const struct zring_capture *capture,
				const struct zring_packet *packet,
				struct zring_owned_packet **ret_copy);

/**
 * zring_packet_free() - end a copy; NULL is allowed
 * @copy: from zring_packet_copy()
 *
 * Threads: any
 * Since:   0.1
 */
ZRING_API void zring_packet_free(struct zring_owned_packet *copy);

ZRING_END_DECLS

#endif
