/* SPDX-License-Identifier: BSD-2-Clause */
/* What receiving and sending packet sockets have in common. */
#ifndef ZR_AFPACKET_SOCKET_H
#define ZR_AFPACKET_SOCKET_H

#include <stddef.h>
#include <stdint.h>

#include <zring/diag.h>

#include "layout.h"

struct zr_device {
	char name[16];
	uint32_t ifindex;
	uint32_t mtu;
	uint32_t link_type; /* ARPHRD_* */
};

/*
 * Opens with protocol 0, so that nothing of any interface is received before
 * zr_afpacket_bind(). Returns the descriptor or -errno.
 */
int zr_afpacket_socket(struct zring_diag *diag);
int zr_afpacket_lookup(int fd, const char *name, struct zring_diag *diag,
		       struct zr_device *ret_device);
int zr_afpacket_bind(int fd, const struct zr_device *device, uint16_t protocol,
		     struct zring_diag *diag);
/* setsockopt at SOL_PACKET with a diagnosis that names the option. */
int zr_afpacket_set(int fd, int name, int value, const char *what, struct zring_diag *diag);

/* PACKET_RX_RING or PACKET_TX_RING; shrinks @layout until the kernel has the memory. */
int zr_afpacket_ring(int fd, int which, struct zr_layout *layout, bool fill_rxhash,
		     struct zring_diag *diag);
/* Maps the socket's ring, locked if that is allowed. */
int zr_afpacket_map(int fd, size_t bytes, struct zring_diag *diag, void **ret_ring,
		    bool *ret_locked);

#endif
