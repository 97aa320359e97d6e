/* SPDX-License-Identifier: BSD-2-Clause */
/* What the user sees while it runs, and how the run is ended from outside. */
#ifndef BENCH_CONSOLE_H
#define BENCH_CONSOLE_H

#include <stddef.h>

/* An error: one line on standard error. */
void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The line at the bottom of a terminal; nothing where standard error is not one. */
void progress(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Takes that line away. */
void progress_clear(void);

/* Ctrl-C and SIGTERM end the run in order. */
void interrupts_catch(void);
/* The signal that came, 0 none. */
int interrupted(void);
/* The signal has been answered; the next one counts again. */
void interrupts_forget(void);

#endif
