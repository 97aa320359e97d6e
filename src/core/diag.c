/* SPDX-License-Identifier: BSD-2-Clause */
#include "diag.h"

#include <stdarg.h>
#include <stdio.h>

int zr_fail(struct zring_diag *diag, int error, const char *step, const char *format, ...)
{
	va_list arguments;

	if (!diag)
		return error;
	diag->error = -error;
	snprintf(diag->step, sizeof(diag->step), "%s", step);
	va_start(arguments, format);
	vsnprintf(diag->message, sizeof(diag->message), format, arguments);
	va_end(arguments);
	return error;
}
