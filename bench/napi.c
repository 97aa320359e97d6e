/* SPDX-License-Identifier: BSD-2-Clause */
/* Threaded NAPI: only sysfs offers it on every kernel, and /sys may show another namespace. */
#include "link.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

/* A sysfs of the network namespace that we are in, mounted nowhere. */
static int mount_sysfs(void)
{
	int mount, context = fsopen("sysfs", FSOPEN_CLOEXEC);

	if (context < 0)
		return -errno;
	if (fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		mount = -errno;
	else if ((mount = fsmount(context, FSMOUNT_CLOEXEC, 0)) < 0)
		mount = -errno;
	close(context);
	return mount;
}

static int open_sysfs(void)
{
	int mount = mount_sysfs();

	/* In a user namespace we may mount only in a mount namespace that belongs to it. */
	if (mount == -EPERM && unshare(CLONE_NEWNS) == 0)
		mount = mount_sysfs();
	return mount;
}

/* Whether /proc/@pid is the NAPI thread of @name: "napi/NAME-NUMBER". */
static int is_napi_thread(const char *pid, const char *name)
{
	char path[300], comm[64] = "", wanted[32];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%s/comm", pid);
	file = fopen(path, "re");
	if (!file)
		return 0;
	if (!fgets(comm, sizeof(comm), file))
		comm[0] = '\0';
	fclose(file);
	/* The kernel may cut the name: compare what is left of it. */
	snprintf(wanted, sizeof(wanted), "napi/%s-", name);
	comm[strcspn(comm, "\n")] = '\0';
	return strncmp(comm, wanted, strlen(wanted)) == 0;
}

int link_place_napi(const char *name, int cpu)
{
	DIR *processes = opendir("/proc");
	struct dirent *entry;
	int err = -ESRCH;
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((size_t)cpu, &set);
	while (processes && (entry = readdir(processes))) {
		if (!isdigit((unsigned char)entry->d_name[0]) ||
		    !is_napi_thread(entry->d_name, name))
			continue;
		err = sched_setaffinity(atoi(entry->d_name), sizeof(set), &set) < 0 ? -errno : 0;
		if (err)
			break;
	}
	if (processes)
		closedir(processes);
	return err;
}

int link_set_threaded(const char *name)
{
	char path[64];
	int err = 0, fd, sysfs = open_sysfs();

	if (sysfs < 0)
		return sysfs;
	snprintf(path, sizeof(path), "class/net/%s/threaded", name);
	fd = openat(sysfs, path, O_WRONLY | O_CLOEXEC);
	close(sysfs);
	if (fd < 0)
		return -errno;
	if (write(fd, "1", 1) < 0)
		err = -errno;
	close(fd);
	return err;
}
