/* SPDX-License-Identifier: BSD-2-Clause */
#include "console.h"

#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

static volatile sig_atomic_t caught;
static bool progress_shown;

void progress_clear(void)
{
	if (progress_shown)
		fputs("\r\033[K", stderr);
	progress_shown = false;
}

void complain(const char *format, ...)
{
	va_list arguments;

	progress_clear();
	fputs("zring-bench: ", stderr);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
}

void progress(const char *format, ...)
{
	va_list arguments;

	if (!isatty(STDERR_FILENO))
		return;
	progress_clear();
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fflush(stderr);
	progress_shown = true;
}

static void catch (int number)
{
	caught = number;
}

void interrupts_catch(void)
{
	/* No SA_RESTART: what waits must look at interrupted(). */
	const struct sigaction action = {.sa_handler = catch};

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	signal(SIGPIPE, SIG_IGN);
}

int interrupted(void)
{
	return (int)caught;
}

void interrupts_forget(void)
{
	caught = 0;
}
