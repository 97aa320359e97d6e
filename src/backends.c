/* SPDX-License-Identifier: BSD-2-Clause */
/* The one list of backends. */
#include "afpacket/afpacket.h"
#include "afxdp/afxdp.h"
#include "core/backend.h"

const struct zr_backend *const zr_backends[] = {
	&zr_afpacket_backend,
	&zr_afxdp_backend,
	NULL,
};
