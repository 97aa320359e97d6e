/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef ZR_DIRECTORY_H
#define ZR_DIRECTORY_H

/* Calls @each with every name of a directory; what can't be read is as good as empty. */
void zr_directory_list(const char *path, void (*each)(void *context, const char *name),
		       void *context);

#endif
