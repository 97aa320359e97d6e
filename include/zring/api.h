/* SPDX-License-Identifier: BSD-2-Clause */
/* What every public header needs: visibility, version, shared constants. */
#ifndef ZRING_API_H
#define ZRING_API_H

#include <stdint.h>

#define ZRING_VERSION_MAJOR 0
#define ZRING_VERSION_MINOR 1
#define ZRING_VERSION_PATCH 0

#if defined(__GNUC__)
#define ZRING_API __attribute__((visibility("default")))
#else
#define ZRING_API
#endif

/* Expanded where it is used; the library exports the same function for other languages. */
#define ZRING_API_INLINE ZRING_API inline

#ifdef __cplusplus
#define ZRING_BEGIN_DECLS extern "C" {
#define ZRING_END_DECLS   }
#else
#define ZRING_BEGIN_DECLS
#define ZRING_END_DECLS
#endif

/* A 64-bit figure that nobody can supply. It is not 0. */
#define ZRING_UNAVAILABLE UINT64_MAX

/* How packets reach or leave the program. */
enum zring_backend {
	/* AF_XDP where the program allows what comes with it (exclusive), else packet(7) rings */
	ZRING_BACKEND_AUTO = 0,
	ZRING_BACKEND_AFPACKET = 1, /* packet(7) rings: a tap, the host still gets its packets */
	ZRING_BACKEND_AFXDP = 2,    /* AF_XDP: packets are taken away from the host's stack */
};

ZRING_BEGIN_DECLS

/**
 * zring_version() - version of the library in use, "major.minor.patch"
 *
 * Owner:   static storage
 * Threads: any
 * Since:   0.1
 */
ZRING_API const char *zring_version(void);

/**
 * zring_backend_name() - lower-case name of a backend, "unknown" if it has none
 * @backend: an enum zring_backend value
 *
 * Owner:   static storage
 * Threads: any
 * Since:   0.1
 */
ZRING_API const char *zring_backend_name(uint32_t backend);

ZRING_END_DECLS

#endif
