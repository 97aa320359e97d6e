/* SPDX-License-Identifier: BSD-2-Clause */
/* Entering a namespace by name, pid or path, against a kernel that is played here. */
#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

#include "core/netns.h"
#include "syscall.h"

#define OWN       "/proc/thread-self/ns/net"
#define MAX_FILES 8
#define FIRST_FD  100
#define HOME      0 /* the namespace that the thread starts in */

/* Files that exist, and the namespace behind each. */
static const struct {
	const char *path;
	int namespace;
} files[] = {
	{"/run/netns/blue", 1},
	{"/var/run/netns/old", 2},
	{"/proc/4711/ns/net", 3},
	{"/proc/self/fd/9", 4},
	{"./here", 5},
	{"/run/netns/4x", 6},
};

static struct {
	int calls;     /* of open and setns so far */
	int fail_call; /* the one that fails, counted from 1 */
	int fail_errno;
	int current; /* namespace of the thread */
	int fds[MAX_FILES];
	bool open[MAX_FILES];
	int nr_fds;
} kernel;

static bool fails(void)
{
	if (++kernel.calls != kernel.fail_call)
		return false;
	errno = kernel.fail_errno;
	return true;
}

static int namespace_at(const char *path)
{
	if (strcmp(path, OWN) == 0)
		return kernel.current;
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
		if (strcmp(path, files[i].path) == 0)
			return files[i].namespace;
	return -1;
}

static int fake_open(const char *path, int flags)
{
	(void)flags;
	if (fails())
		return -1;
	if (namespace_at(path) < 0) {
		errno = ENOENT;
		return -1;
	}
	cr_assert(kernel.nr_fds < MAX_FILES);
	kernel.fds[kernel.nr_fds] = namespace_at(path);
	kernel.open[kernel.nr_fds] = true;
	return FIRST_FD + kernel.nr_fds++;
}

static int fake_close(int fd)
{
	cr_assert(fd >= FIRST_FD && fd < FIRST_FD + kernel.nr_fds && kernel.open[fd - FIRST_FD],
		  "close of %d, which is not open", fd);
	kernel.open[fd - FIRST_FD] = false;
	return 0;
}

static int fake_setns(int fd, int type)
{
	cr_assert(type == CLONE_NEWNET);
	cr_assert(fd >= FIRST_FD && fd < FIRST_FD + kernel.nr_fds && kernel.open[fd - FIRST_FD]);
	if (fails())
		return -1;
	kernel.current = kernel.fds[fd - FIRST_FD];
	return 0;
}

static int nr_open(void)
{
	int nr = 0;

	for (int i = 0; i < kernel.nr_fds; i++)
		nr += kernel.open[i];
	return nr;
}

static void use_fake_kernel(int fail_call, int fail_errno)
{
	static struct zr_syscalls table;

	memset(&kernel, 0, sizeof(kernel));
	kernel.fail_call = fail_call;
	kernel.fail_errno = fail_errno;
	table = zr_sys_kernel;
	table.open = fake_open;
	table.close = fake_close;
	table.setns = fake_setns;
	zr_sys = &table;
}

static void enters(const char *netns, int expected)
{
	struct zring_diag diag = {0};
	int previous = -2;

	use_fake_kernel(0, 0);
	cr_assert(zr_netns_enter(netns, &diag, &previous) == 0, "%s: %s", netns, diag.message);
	cr_assert(kernel.current == expected, "%s: in %d", netns, kernel.current);
	cr_assert(nr_open() == 1, "only the way back stays open");
	cr_assert(zr_netns_leave(previous, &diag) == 0);
	cr_assert(kernel.current == HOME && nr_open() == 0);
	cr_assert(diag.error == 0, "diag is untouched on success");
}

Test(netns_spec, name_pid_and_path_are_told_apart)
{
	enters("blue", 1);
	enters("old", 2);
	enters("4711", 3);
	enters("/proc/self/fd/9", 4);
	enters("./here", 5);
	/* Digits alone are a pid, nothing else is. */
	enters("4x", 6);
}

Test(netns_spec, null_does_nothing)
{
	int previous = -2;

	use_fake_kernel(0, 0);
	cr_assert(zr_netns_enter(NULL, NULL, &previous) == 0);
	cr_assert(previous == -1);
	cr_assert(zr_netns_leave(previous, NULL) == 0);
	cr_assert(kernel.calls == 0);
}

static void refuses(const char *netns, int expected, const char *word)
{
	struct zring_diag diag = {0};
	int previous = -2;
	int err;

	use_fake_kernel(0, 0);
	err = zr_netns_enter(netns, &diag, &previous);
	cr_assert(err == expected, "%s: %d", netns, err);
	cr_assert(diag.error == -expected && strstr(diag.message, word), "%s: %s", netns,
		  diag.message);
	cr_assert(previous == -2 && kernel.current == HOME && nr_open() == 0);
	cr_assert(zr_netns_enter(netns, NULL, &previous) == expected);
}

Test(netns_spec, what_is_missing_is_named)
{
	static char long_name[PATH_MAX];

	refuses("red", -ENOENT, "ip netns list");
	refuses("1234", -ENOENT, "no process 1234");
	refuses("/no/such", -ENOENT, "/no/such");
	refuses("", -EINVAL, "names no network namespace");
	refuses(".", -EINVAL, "names no network namespace");
	refuses("..", -EINVAL, "names no network namespace");
	memset(long_name, 'n', sizeof(long_name) - 1);
	refuses(long_name, -ENAMETOOLONG, "nnnn");
}

Test(netns_spec, refused_entry_says_what_to_do)
{
	static const struct {
		int error;
		const char *word;
	} cases[] = {{EPERM, "CAP_SYS_ADMIN"}, {EINVAL, "not a network namespace"}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct zring_diag diag = {0};
		int previous = -2;

		/* open, open, setns */
		use_fake_kernel(3, cases[i].error);
		cr_assert(zr_netns_enter("blue", &diag, &previous) == -cases[i].error);
		cr_assert(strstr(diag.message, cases[i].word), "%s", diag.message);
	}
}

Test(netns_spec, nothing_leaks_whichever_call_fails)
{
	static const int errors[] = {EPERM, ENOMEM, EINVAL, EMFILE, EACCES};
	int entered = 0;

	for (size_t e = 0; e < sizeof(errors) / sizeof(*errors); e++)
		for (int n = 1; n <= 8; n++) {
			struct zring_diag diag = {0};
			int previous = -2;
			int err;

			use_fake_kernel(n, errors[e]);
			err = zr_netns_enter("blue", &diag, &previous);
			if (err == 0) {
				entered++;
				err = zr_netns_leave(previous, &diag);
				/* The leave that fails is told, for the thread is not home. */
				cr_assert((kernel.current == HOME) == (err == 0));
			} else {
				cr_assert(previous == -2 && kernel.current == HOME);
			}
			cr_assert(nr_open() == 0, "call %d, errno %d: left open", n, errors[e]);
			cr_assert(err == 0 || (diag.error == errors[e] && *diag.message));
		}
	/* Calls 1 to 4 enter, the 5th leaves. */
	cr_assert(entered == 5 * 4, "%d", entered);
}
