/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef ZR_OPTIONS_H
#define ZR_OPTIONS_H

#include <stddef.h>

#include <zring/diag.h>

/*
 * Reads a caller's options struct, whose first field is its size, into the
 * @size bytes at @ret_options of this library's version. A shorter one (an
 * older program) is filled up with zeros, the tail of a longer one must be
 * zero. NULL gives all defaults. Returns 0, -EINVAL or -E2BIG.
 */
int zr_options_read(const void *options, size_t size, void *ret_options, struct zring_diag *diag);

#endif
