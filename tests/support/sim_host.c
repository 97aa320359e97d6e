/* SPDX-License-Identifier: BSD-2-Clause */
/* What the played kernel says of files, memory, threads and CPUs: mostly that it can fail. */
#include "sim_internal.h"

#include <errno.h>
#include <string.h>

#include "syscall.h"

int sim_dup(int fd)
{
	if (sim_fault("dup", 0, 0))
		return -1;
	(void)fd;
	return sim_new_fd(SIM_FD_NETNS);
}

ssize_t sim_getdents(int fd, void *entries, size_t len)
{
	(void)fd, (void)entries, (void)len;
	return sim_fail_with(ENOTDIR);
}

/* Two CPUs, whatever the machine has. */
int sim_sched_getaffinity(pid_t thread, size_t len, cpu_set_t *ret_cpus)
{
	const unsigned char two = 3;

	(void)thread;
	if (sim_fault("sched_getaffinity", 0, 0))
		return -1;
	memset(ret_cpus, 0, len);
	memcpy(ret_cpus, &two, 1);
	return 0;
}

/* Without errno: it returns what is wrong. */
int sim_pthread_create(pthread_t *ret_thread, const pthread_attr_t *attributes,
		       void *(*run)(void *), void *argument)
{
	if (sim_fault("pthread_create", 0, 0))
		return errno;
	return pthread_create(ret_thread, attributes, run, argument);
}

int sim_memfd_create(const char *name, unsigned int flags)
{
	(void)name, (void)flags;
	return sim_fault("memfd_create", 0, 0) ? -1 : sim_new_fd(SIM_FD_MEMORY);
}

int sim_ftruncate(int fd, off_t len)
{
	SIM_CHECK(sim_fd(fd)->kind == SIM_FD_MEMORY && len > 0, "%lld bytes", (long long)len);
	return sim_fault("ftruncate", 0, 0) ? -1 : 0;
}

long sim_mbind(void *address, unsigned long len, int mode, const unsigned long *nodes,
	       unsigned long max_node, unsigned int flags)
{
	(void)address, (void)len, (void)mode, (void)nodes, (void)max_node, (void)flags;
	return sim_fault("mbind", 0, 0) ? -1 : 0;
}

int sim_epoll_create1(int flags)
{
	(void)flags;
	return sim_fault("epoll_create1", 0, 0) ? -1 : sim_new_fd(SIM_FD_EPOLL);
}

int sim_epoll_ctl(int epoll_fd, int operation, int fd, struct epoll_event *event)
{
	SIM_CHECK(sim_fd(epoll_fd)->kind == SIM_FD_EPOLL && sim_fd(fd) && event, "operation %d",
		  operation);
	return sim_fault("epoll_ctl", operation, 0) ? -1 : 0;
}

/* A CPU of its own: nobody preempts the reader. */
int sim_getrusage(int who, struct rusage *ret_usage)
{
	(void)who;
	*ret_usage = (struct rusage){0};
	return 0;
}
