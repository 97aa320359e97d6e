/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The contract between the public calls (core) and the backends. A backend
 * fills one of these; src/backends.c lists them all.
 */
#ifndef ZR_BACKEND_H
#define ZR_BACKEND_H

#include <zring/capture.h>
#include <zring/injector.h>
#include <zring/interface.h>

struct zr_backend {
	const char *name;
	uint32_t id; /* enum zring_backend */
	/* @options are complete (zr_options_read); the namespace is entered already. */
	int (*capture_open)(const char *interface, const struct zring_capture_options *options,
			    struct zring_diag *diag, struct zring_capture **ret_capture);
	int (*injector_open)(const char *interface, const struct zring_injector_options *options,
			     struct zring_diag *diag, struct zring_injector **ret_injector);
	void (*probe)(struct zring_backend_probe *ret_probe);
};

/* NULL-terminated; AUTO's order is core/open.c's. */
extern const struct zr_backend *const zr_backends[];

#endif
