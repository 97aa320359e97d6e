/* SPDX-License-Identifier: BSD-2-Clause */
#include "afpacket.h"
#include "open.h"
#include "probe.h"

const struct zr_backend zr_afpacket_backend = {
	.name = "afpacket",
	.id = ZRING_BACKEND_AFPACKET,
	.capture_open = zr_afpacket_capture_open,
	.injector_open = zr_afpacket_injector_open,
	.probe = zr_afpacket_probe,
};
