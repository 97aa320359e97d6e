/* SPDX-License-Identifier: BSD-2-Clause */
/* Scope-bound ownership for functions that acquire more than one thing. */
#ifndef ZR_CLEANUP_H
#define ZR_CLEANUP_H

#include <stdlib.h>

#include "../syscall.h"

static inline void zr_cleanup_fd(const int *fd)
{
	if (*fd >= 0)
		zr_close(*fd);
}

static inline void zr_cleanup_free(void *pointer)
{
	free(*(void **)pointer);
}

#define ZR_AUTO_FD   __attribute__((cleanup(zr_cleanup_fd))) int
#define ZR_AUTO_FREE __attribute__((cleanup(zr_cleanup_free)))

/* Passes a descriptor on: the scope no longer closes it. */
static inline int zr_take_fd(int *fd)
{
	const int taken = *fd;

	*fd = -1;
	return taken;
}

#endif
