/* SPDX-License-Identifier: BSD-2-Clause */
/* What this library is and what this process may do with it. */
#include <stdio.h>
#include <string.h>

#include <zring/interface.h>

#include "backend.h"

#define TEXT_(x) #x
#define TEXT(x)  TEXT_(x)

const char *zring_version(void)
{
	return TEXT(ZRING_VERSION_MAJOR) "." TEXT(ZRING_VERSION_MINOR) "." TEXT(
		ZRING_VERSION_PATCH);
}

const char *zring_backend_name(uint32_t backend)
{
	if (backend == ZRING_BACKEND_AUTO)
		return "auto";
	for (size_t i = 0; zr_backends[i]; i++)
		if (zr_backends[i]->id == backend)
			return zr_backends[i]->name;
	return "unknown";
}

int zring_probe(struct zring_backend_probe *probes, size_t nr)
{
	int known = 0;

	for (size_t i = 0; zr_backends[i]; i++, known++) {
		if (i >= nr)
			continue;
		memset(&probes[i], 0, sizeof(probes[i]));
		probes[i].backend = zr_backends[i]->id;
		zr_backends[i]->probe(&probes[i]);
	}
	return known;
}
