/* SPDX-License-Identifier: BSD-2-Clause */
/* The whole wire on AF_XDP: what arrives, and what this host sends. */
#ifndef ZR_WIRE_H
#define ZR_WIRE_H

#include "backend.h"

/*
 * As zr_backend.capture_open, for direction BOTH: @xdp takes what arrives, and a
 * packet socket shows what this host sends; merged in order of time.
 */
int zr_wire_open(const struct zr_backend *xdp, const struct zr_backend *afpacket,
		 const char *interface, const struct zring_capture_options *options,
		 struct zring_diag *diag, struct zring_capture **ret_capture);

#endif
