/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef ZR_AFPACKET_PROBE_H
#define ZR_AFPACKET_PROBE_H

#include <zring/interface.h>

/* Opens an unbound packet socket and closes it: no packet can reach it. */
void zr_afpacket_probe(struct zring_backend_probe *ret_probe);

#endif
