/* SPDX-License-Identifier: BSD-2-Clause */
/* What the backend's entry in the registry points to. */
#ifndef ZR_AFPACKET_OPEN_H
#define ZR_AFPACKET_OPEN_H

#include <zring/capture.h>
#include <zring/injector.h>

int zr_afpacket_capture_open(const char *interface, const struct zring_capture_options *options,
			     struct zring_diag *diag, struct zring_capture **ret_capture);
int zr_afpacket_injector_open(const char *interface, const struct zring_injector_options *options,
			      struct zring_diag *diag, struct zring_injector **ret_injector);

#endif
