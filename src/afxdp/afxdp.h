/* SPDX-License-Identifier: BSD-2-Clause */
/* The backend on AF_XDP sockets, as the registry sees it. */
#ifndef ZR_AFXDP_H
#define ZR_AFXDP_H

#include "../core/backend.h"

extern const struct zr_backend zr_afxdp_backend;

#endif
