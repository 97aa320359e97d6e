/* SPDX-License-Identifier: BSD-2-Clause */
/* The backend on packet(7) sockets, as the registry sees it. */
#ifndef ZR_AFPACKET_H
#define ZR_AFPACKET_H

#include "../core/backend.h"

extern const struct zr_backend zr_afpacket_backend;

#endif
