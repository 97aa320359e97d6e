/* SPDX-License-Identifier: BSD-2-Clause */
/* The ladder in words: each step down with its reason, in one line of an info struct. */
#ifndef ZR_AFXDP_STEPS_H
#define ZR_AFXDP_STEPS_H

#include <stdio.h>
#include <string.h>

/* Adds "what: why" to @text. What does not fit is cut. */
static inline void zr_step(char *text, size_t bytes, const char *what, const char *why)
{
	const size_t used = strlen(text);

	snprintf(text + used, bytes - used, "%s%s: %s", used ? "; " : "", what, why);
}

#endif
