/* SPDX-License-Identifier: BSD-2-Clause */
#include "options.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "diag.h"

/* More than this is a size that was never set. */
#define SIZE_LIMIT 4096

int zr_options_read(const void *options, size_t size, void *ret_options, struct zring_diag *diag)
{
	size_t given = size;

	memset(ret_options, 0, size);
	if (!options)
		return 0;
	memcpy(&given, options, sizeof(given));
	if (given < sizeof(given) || given > SIZE_LIMIT)
		return zr_fail(diag, -EINVAL, "options",
			       "options.size is %zu: start from ZRING_..._OPTIONS_INIT", given);
	for (size_t i = size; i < given; i++)
		if (((const uint8_t *)options)[i])
			return zr_fail(
				diag, -E2BIG, "options",
				"the option at byte %zu is unknown to this library, whose "
				"options end at byte %zu: link a newer libzring or leave it 0",
				i, size);
	memcpy(ret_options, options, given < size ? given : size);
	return 0;
}
