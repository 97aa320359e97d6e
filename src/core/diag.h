/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef ZR_DIAG_H
#define ZR_DIAG_H

#include <zring/diag.h>

/*
 * Fills @diag (NULL is allowed) and returns @error, so that a failing step is
 * one line: return zr_fail(diag, err, "bind", "%s: ...", name).
 * @error is negative. The message names the cause and the fix.
 */
int zr_fail(struct zring_diag *diag, int error, const char *step, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

#endif
