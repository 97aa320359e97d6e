/* SPDX-License-Identifier: BSD-2-Clause */
#include "afxdp.h"
#include "open.h"

const struct zr_backend zr_afxdp_backend = {
	.name = "afxdp",
	.id = ZRING_BACKEND_AFXDP,
	.capture_open = zr_afxdp_capture_open,
	.injector_open = zr_afxdp_injector_open,
	.probe = zr_afxdp_probe,
};
