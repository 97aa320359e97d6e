/* SPDX-License-Identifier: BSD-2-Clause */
/* Entering network namespaces of the real kernel, and coming back. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <zring/interface.h>

#include "core/netns.h"
#include "support/net.h"

static int count_fds(void)
{
	DIR *directory = opendir("/proc/self/fd");
	int nr = 0;

	cr_assert(directory);
	while (readdir(directory))
		nr++;
	closedir(directory);
	return nr;
}

/* For a child that only holds a namespace: until its parent ends it, or ends, or fails. */
static _Noreturn void stay(void)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	alarm(60);
	pause();
	_exit(0);
}

static int look_up(const char *name)
{
	struct zring_interface interface;

	return zring_interface_get(name, NULL, &interface);
}

/* A namespace with one pair of its own; *ret_id is its number. */
static int other_namespace(uint64_t *ret_id)
{
	const int home = net_namespace_current();
	const int other = net_namespace_new();

	net_namespace_enter(other);
	net_run("ip link add only type veth peer name mate");
	*ret_id = net_namespace_id();
	net_namespace_enter(home);
	close(home);
	return other;
}

static void expect_other(const char *netns, uint64_t id)
{
	const uint64_t home = net_namespace_id();
	const int before = count_fds();
	struct zring_diag diag = {0};
	int previous = -2;

	cr_assert(zr_netns_enter(netns, &diag, &previous) == 0, "%s: %s", netns, diag.message);
	check_eq(net_namespace_id(), id);
	check_eq(look_up("only"), 0);
	check_eq(look_up(NET_NEAR), -ENODEV);
	check_eq(zr_netns_leave(previous, &diag), 0);
	check_eq(net_namespace_id(), home);
	check_eq(look_up("only"), -ENODEV);
	check_eq(look_up(NET_NEAR), 0);
	check_eq(count_fds(), before);
	check_eq(diag.error, 0);
}

Test(namespace, entered_by_path_and_left, .init = net_lab_open)
{
	char path[64];
	uint64_t id;
	const int other = other_namespace(&id);

	expect_other(net_namespace_path(other, path, sizeof(path)), id);
	close(other);
}

Test(namespace, entered_by_pid_and_left, .init = net_lab_open)
{
	const int home = net_namespace_current();
	char text[16];
	uint64_t id;
	const int other = other_namespace(&id);
	pid_t child;

	/* A child stays where it was born. */
	net_namespace_enter(other);
	child = fork();
	cr_assert(child >= 0);
	if (child == 0)
		stay();
	net_namespace_enter(home);
	close(other);
	close(home);
	snprintf(text, sizeof(text), "%d", (int)child);
	expect_other(text, id);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
}

/* ip-netns(8)'s way: a file in /run/netns over which the namespace is mounted. */
static void mount_name(const char *name, int namespace_fd)
{
	char from[64], to[64];
	int fd;

	cr_assert(unshare(CLONE_NEWNS) == 0, "unshare(CLONE_NEWNS): %s", strerror(errno));
	check_eq(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	cr_assert(mount("tmpfs", "/run", "tmpfs", 0, NULL) == 0, "/run: %s", strerror(errno));
	check_eq(mkdir("/run/netns", 0755), 0);
	snprintf(to, sizeof(to), "/run/netns/%s", name);
	fd = creat(to, 0600);
	cr_assert(fd >= 0, "%s: %s", to, strerror(errno));
	close(fd);
	net_namespace_path(namespace_fd, from, sizeof(from));
	cr_assert(mount(from, to, NULL, MS_BIND, NULL) == 0, "%s: %s", to, strerror(errno));
}

Test(namespace, entered_by_name_and_left, .init = net_lab_open)
{
	struct zring_diag diag = {0};
	int previous = -2;
	uint64_t id;
	const int other = other_namespace(&id);

	mount_name("zring-other", other);
	expect_other("zring-other", id);
	check_eq(zr_netns_enter("zring-nobody", &diag, &previous), -ENOENT);
	cr_assert(strstr(diag.message, "ip netns list"), "%s", diag.message);
	check_eq(previous, -2);
	close(other);
}

Test(namespace, a_file_that_is_no_namespace_is_refused, .init = net_lab_open)
{
	const uint64_t home = net_namespace_id();
	const int before = count_fds();
	struct zring_diag diag = {0};
	int previous = -2;

	check_eq(zr_netns_enter("/proc/self/ns/uts", &diag, &previous), -EINVAL);
	cr_assert(strstr(diag.message, "not a network namespace"), "%s", diag.message);
	check_eq(zr_netns_enter("/dev/null", &diag, &previous), -EINVAL);
	check_eq(zr_netns_enter("/dev/no-such", &diag, &previous), -ENOENT);
	check_eq(zr_netns_enter("99999999", &diag, &previous), -ENOENT);
	cr_assert(strstr(diag.message, "no process 99999999"), "%s", diag.message);
	check_eq(previous, -2);
	check_eq(net_namespace_id(), home);
	check_eq(count_fds(), before);
}

Test(namespace, a_fifo_does_not_hang, .init = net_lab_open, .timeout = 20)
{
	char directory[] = "/tmp/zring-fifo-XXXXXX";
	char fifo[64];
	int previous = -2;

	cr_assert(mkdtemp(directory), "%s", strerror(errno));
	snprintf(fifo, sizeof(fifo), "%s/fifo", directory);
	check_eq(mkfifo(fifo, 0600), 0);
	check_eq(zr_netns_enter(fifo, NULL, &previous), -EINVAL);
	unlink(fifo);
	rmdir(directory);
}

enum outcome {
	OUTCOME_REFUSED, /* and still at home: right */
	OUTCOME_CANNOT_TEST,
	OUTCOME_ENTERED,
	OUTCOME_LOST, /* refused, but moved */
};

/* A child with a namespace that belongs to its user namespace. */
static pid_t start_holder(void)
{
	int ready[2];
	char byte;
	pid_t holder;

	if (pipe(ready) < 0)
		return -1;
	holder = fork();
	if (holder == 0) {
		close(ready[0]);
		if (unshare(CLONE_NEWNET) < 0 || write(ready[1], "r", 1) != 1)
			_exit(1);
		stay();
	}
	close(ready[1]);
	if (holder > 0 && read(ready[0], &byte, 1) != 1) {
		waitpid(holder, NULL, 0);
		holder = -1;
	}
	close(ready[0]);
	return holder;
}

static enum outcome enter_from_foreign_home(void)
{
	const uint64_t home = net_namespace_id();
	enum outcome outcome;
	char text[16];
	int previous = -2;
	int err;
	pid_t holder;

	/* From here on the namespace that we are in belongs to somebody else. */
	if (unshare(CLONE_NEWUSER) < 0)
		return OUTCOME_CANNOT_TEST;
	holder = start_holder();
	if (holder < 0)
		return OUTCOME_CANNOT_TEST;
	snprintf(text, sizeof(text), "%d", (int)holder);
	err = zr_netns_enter(text, NULL, &previous);
	if (err != -EPERM || previous != -2)
		outcome = OUTCOME_ENTERED;
	else
		outcome = net_namespace_id() == home ? OUTCOME_REFUSED : OUTCOME_LOST;
	kill(holder, SIGKILL);
	waitpid(holder, NULL, 0);
	return outcome;
}

/*
 * Power over the target but none over home: the way in is open and the way
 * back is shut. That has to be found out before the thread moves.
 */
Test(namespace, without_a_way_back_nothing_is_entered, .init = net_lab_open)
{
	pid_t child;
	int status;

	fflush(NULL);
	/* A process of its own: user namespaces want a single thread. */
	child = fork();
	cr_assert(child >= 0);
	if (child == 0)
		_exit((int)enter_from_foreign_home());
	cr_assert(waitpid(child, &status, 0) == child && WIFEXITED(status));
	if (WEXITSTATUS(status) == OUTCOME_CANNOT_TEST)
		cr_skip_test("no user namespaces here");
	check_eq(WEXITSTATUS(status), OUTCOME_REFUSED);
}
