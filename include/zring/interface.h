/* SPDX-License-Identifier: BSD-2-Clause */
/* The network interfaces of this host, and what this process may do with them. */
#ifndef ZRING_INTERFACE_H
#define ZRING_INTERFACE_H

#include <stddef.h>

#include <zring/diag.h>

#define ZRING_INTERFACE_MAX_ADDRESSES 16

struct zring_address {
	uint16_t family; /* AF_INET or AF_INET6 */
	uint16_t prefix_bits;
	uint8_t bytes[16]; /* network byte order; IPv4 uses the first four */
};

/* zring_interface.offloads: what makes a capture differ from the wire */
#define ZRING_FEATURE_GRO         (1u << 0) /* frames arrive merged */
#define ZRING_FEATURE_LRO         (1u << 1) /* frames arrive merged, by the NIC */
#define ZRING_FEATURE_RX_VLAN     (1u << 2) /* the NIC strips the tag on receive */
#define ZRING_FEATURE_TX_VLAN     (1u << 3) /* and inserts it on send */
#define ZRING_FEATURE_TSO         (1u << 4) /* TCP super-frames are seen on send */
#define ZRING_FEATURE_GSO         (1u << 5) /* cut in software, after a sniffer */
#define ZRING_FEATURE_RX_CHECKSUM (1u << 6)
#define ZRING_FEATURE_TX_CHECKSUM (1u << 7) /* checksums of sent frames are not there yet */
#define ZRING_FEATURE_UDP_GSO     (1u << 8) /* UDP super-frames leave the host whole */

enum zring_xdp_attached {
	ZRING_XDP_ATTACHED_NONE = 0,
	ZRING_XDP_ATTACHED_NATIVE = 1,
	ZRING_XDP_ATTACHED_GENERIC = 2,
	ZRING_XDP_ATTACHED_HARDWARE = 3,
	ZRING_XDP_ATTACHED_MULTI = 4,
};

struct zring_interface {
	char name[16];
	char driver[32]; /* "" where the device has none (lo) */
	uint32_t index;
	uint32_t flags;        /* IFF_* of net/if.h */
	uint32_t mtu;          /* bytes */
	uint32_t link_type;    /* ARPHRD_* */
	uint32_t speed_mbps;   /* 0: unknown */
	uint32_t nr_rx_queues; /* in use (ethtool channels), else allocated */
	uint32_t nr_tx_queues;
	int32_t numa_node; /* -1: none */
	uint32_t offloads; /* ZRING_FEATURE_* that are on */
	uint32_t xdp_mode; /* enum zring_xdp_attached */
	uint32_t xdp_program_id;
	uint32_t nr_addresses; /* of addresses[]; more are left out */
	uint8_t mac[8];
	uint8_t mac_bytes;  /* valid bytes of mac; 0: none, or longer than mac */
	uint8_t carrier;    /* 1: the link is there */
	uint8_t has_device; /* 1: a bus device stands behind it, not only software */
	uint8_t reserved[5];
	struct zring_address addresses[ZRING_INTERFACE_MAX_ADDRESSES];
};

/* What one backend offers to this process. */
struct zring_backend_probe {
	uint32_t backend;  /* enum zring_backend */
	uint32_t capture;  /* 1: may capture */
	uint32_t inject;   /* 1: may inject */
	uint32_t error;    /* positive errno of the refusal, 0: none */
	char missing[160]; /* capability, kernel or sysctl that is missing, and the fix; "" */
};

ZRING_BEGIN_DECLS

/**
 * zring_interface_list() - all interfaces of the network namespace, by index
 * @diag:      NULL, or where to say what went wrong
 * @ret_list:  array, untouched on failure
 * @ret_count: its length, untouched on failure
 *
 * Owner:   the caller frees the array with zring_interface_list_free()
 * Threads: any
 * Return:  0; -ENOMEM; -EAGAIN the interfaces kept changing; -ETIMEDOUT no
 *          answer; errors of netlink(7)
 * Since:   0.1
 */
ZRING_API int zring_interface_list(struct zring_diag *diag, struct zring_interface **ret_list,
				   size_t *ret_count);

/**
 * zring_interface_list_free() - free what zring_interface_list() gave; NULL is allowed
 * @list: the array
 *
 * Threads: any
 * Since:   0.1
 */
ZRING_API void zring_interface_list_free(struct zring_interface *list);

/**
 * zring_interface_get() - look one interface up
 * @name:          its name
 * @diag:          NULL, or where to say what went wrong
 * @ret_interface: filled on success
 *
 * Threads: any
 * Return:  0; -ENODEV no such interface; -EINVAL not a name; else as
 *          zring_interface_list()
 * Since:   0.1
 */
ZRING_API int zring_interface_get(const char *name, struct zring_diag *diag,
				  struct zring_interface *ret_interface);

/**
 * zring_interface_default() - the interface that a program takes when it is told none
 * @diag:          NULL, or where to say what went wrong
 * @ret_interface: filled on success
 *
 * The one of the default route (IPv4 first, lowest metric); without one the
 * first that is up, has carrier and is not lo.
 *
 * Threads: any
 * Return:  0; -ENODEV there is none; else as zring_interface_list()
 * Since:   0.1
 */
ZRING_API int zring_interface_default(struct zring_diag *diag,
				      struct zring_interface *ret_interface);

/**
 * zring_probe() - which backends this process may use, and what is missing
 * @probes: array to fill
 * @nr:     its length
 *
 * Opens and closes sockets; no interface is touched.
 *
 * Threads: any
 * Return:  backends known to the library; at most @nr were filled
 * Since:   0.1
 */
ZRING_API int zring_probe(struct zring_backend_probe *probes, size_t nr);

ZRING_END_DECLS

#endif
