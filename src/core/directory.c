/* SPDX-License-Identifier: BSD-2-Clause */
#include "directory.h"

#include <dirent.h>
#include <fcntl.h>

#include "cleanup.h"

#define ENTRIES_BYTES 4096u

void zr_directory_list(const char *path, void (*each)(void *context, const char *name),
		       void *context)
{
	char entries[ENTRIES_BYTES] __attribute__((aligned(8)));
	ssize_t nr;

	ZR_AUTO_FD fd = zr_open(path, O_RDONLY | O_DIRECTORY);
	if (fd < 0)
		return;
	while ((nr = zr_getdents(fd, entries, sizeof(entries))) > 0)
		for (ssize_t at = 0; at < nr;) {
			const struct dirent64 *entry = (const void *)(entries + at);

			if (entry->d_name[0] != '.')
				each(context, entry->d_name);
			at += entry->d_reclen;
		}
}
