/* SPDX-License-Identifier: BSD-2-Clause */
#include "netns.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "../syscall.h"
#include "cleanup.h"
#include "diag.h"

#define STEP       "netns"
#define PATH_BYTES 512

/* The calling thread's own: the process may have others elsewhere. */
#define OWN_NETNS "/proc/thread-self/ns/net"

/* The first is iproute2's own; the second where /var/run is no link to /run. */
static const char *const name_directories[] = {"/run/netns/", "/var/run/netns/"};

enum spec {
	SPEC_NAME,
	SPEC_PID,
	SPEC_PATH,
};

static enum spec classify(const char *netns)
{
	if (strchr(netns, '/'))
		return SPEC_PATH;
	return netns[strspn(netns, "0123456789")] ? SPEC_NAME : SPEC_PID;
}

static int fail_open(struct zring_diag *diag, int err, const char *netns, enum spec spec)
{
	/* EACCES and EPERM are ptrace's refusal to show another process's namespace. */
	if (err == -EACCES || err == -EPERM)
		return zr_fail(diag, err, STEP,
			       "%s: not allowed to open this network namespace: run as root, or "
			       "with CAP_SYS_PTRACE for another user's process",
			       netns);
	if (err != -ENOENT && err != -ENOTDIR && err != -ESRCH)
		return zr_fail(diag, err, STEP, "%s: cannot open the network namespace (errno %d)",
			       netns, -err);
	switch (spec) {
	case SPEC_PID:
		return zr_fail(diag, err, STEP,
			       "no process %s, or no /proc here: a pid must be one that "
			       "this process sees",
			       netns);
	case SPEC_PATH:
		return zr_fail(diag, err, STEP,
			       "no file %s: name a namespace file such as "
			       "/proc/PID/ns/net",
			       netns);
	case SPEC_NAME:
	default:
		return zr_fail(diag, err, STEP,
			       "no network namespace %s: `ip netns list` shows those there are",
			       netns);
	}
}

static int fail_enter(struct zring_diag *diag, int err, const char *netns)
{
	if (err == -EPERM)
		return zr_fail(diag, err, STEP,
			       "%s: entering a network namespace needs CAP_SYS_ADMIN: run as root, "
			       "or inside `unshare -Urn`",
			       netns);
	if (err == -EINVAL)
		return zr_fail(diag, err, STEP,
			       "%s is not a network namespace: `ip netns list` shows those there "
			       "are",
			       netns);
	return zr_fail(diag, err, STEP, "%s: cannot enter the network namespace (errno %d)", netns,
		       -err);
}

/* O_NONBLOCK: a path that turns out to be a FIFO must not hang the caller. */
static int open_at(const char *directory, const char *netns, const char *tail)
{
	char path[PATH_BYTES];
	const int len = snprintf(path, sizeof(path), "%s%s%s", directory, netns, tail);

	if (len < 0 || (size_t)len >= sizeof(path))
		return -ENAMETOOLONG;
	return zr_open(path, O_RDONLY | O_NONBLOCK);
}

static int open_name(const char *netns)
{
	int fd = -ENOENT;

	for (size_t i = 0; i < sizeof(name_directories) / sizeof(*name_directories); i++) {
		fd = open_at(name_directories[i], netns, "");
		if (fd != -ENOENT)
			break;
	}
	return fd;
}

static int open_netns(const char *netns, struct zring_diag *diag)
{
	const enum spec spec = classify(netns);
	int fd;

	/* "." and ".." would open a directory, "" is an option given without its value. */
	if (!*netns || strcmp(netns, ".") == 0 || strcmp(netns, "..") == 0)
		return zr_fail(diag, -EINVAL, STEP,
			       "\"%s\" names no network namespace: give a name of "
			       "`ip netns list`, a pid, or a path",
			       netns);
	switch (spec) {
	case SPEC_PID:
		fd = open_at("/proc/", netns, "/ns/net");
		break;
	case SPEC_PATH:
		fd = open_at("", netns, "");
		break;
	case SPEC_NAME:
	default:
		fd = open_name(netns);
		break;
	}
	return fd < 0 ? fail_open(diag, fd, netns, spec) : fd;
}

int zr_netns_enter(const char *netns, struct zring_diag *diag, int *ret_previous_fd)
{
	int err;

	if (!netns) {
		*ret_previous_fd = -1;
		return 0;
	}

	ZR_AUTO_FD target = open_netns(netns, diag);
	if (target < 0)
		return target;
	ZR_AUTO_FD previous = zr_open(OWN_NETNS, O_RDONLY);
	if (previous < 0)
		return zr_fail(diag, previous, STEP,
			       "cannot open " OWN_NETNS " (errno %d): is /proc mounted?",
			       -previous);
	/*
	 * Proves the way back before going: setns() asks for CAP_SYS_ADMIN in the
	 * owner of the namespace it enters (kernel/nsproxy.c, net/core/net_namespace.c
	 * netns_install), and the one we come from may have another owner.
	 */
	err = zr_setns(previous, CLONE_NEWNET);
	if (err == 0)
		err = zr_setns(target, CLONE_NEWNET);
	if (err < 0)
		return fail_enter(diag, err, netns);
	*ret_previous_fd = zr_take_fd(&previous);
	return 0;
}

int zr_netns_leave(int previous_fd, struct zring_diag *diag)
{
	int err;

	if (previous_fd < 0)
		return 0;
	err = zr_setns(previous_fd, CLONE_NEWNET);
	zr_close(previous_fd);
	if (err < 0)
		return zr_fail(diag, err, STEP,
			       "the thread could not return to its network namespace (errno %d) "
			       "and stays in the other one: end it",
			       -err);
	return 0;
}
