/* SPDX-License-Identifier: BSD-2-Clause */
/* What the backend's entry in the registry points to. */
#ifndef ZR_AFXDP_OPEN_H
#define ZR_AFXDP_OPEN_H

#include <zring/capture.h>
#include <zring/injector.h>
#include <zring/interface.h>

int zr_afxdp_capture_open(const char *interface, const struct zring_capture_options *options,
			  struct zring_diag *diag, struct zring_capture **ret_capture);
int zr_afxdp_injector_open(const char *interface, const struct zring_injector_options *options,
			   struct zring_diag *diag, struct zring_injector **ret_injector);
/* Opens a socket and closes it, and looks at the capabilities: no interface is touched. */
void zr_afxdp_probe(struct zring_backend_probe *ret_probe);

#endif
