/* SPDX-License-Identifier: BSD-2-Clause */
#include "syscall.h"

#include <errno.h>
#include <dirent.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NS_PER_S  UINT64_C(1000000000)
#define NS_PER_MS UINT64_C(1000000)

/* Variadic, or with transparent unions for addresses; the table wants plain functions. */
static int kernel_ioctl(int fd, unsigned long request, void *argument)
{
	return ioctl(fd, request, argument);
}

static int kernel_open(const char *path, int flags)
{
	return open(path, flags);
}

/* glibc has no wrapper, and libnuma is more than is needed. */
static long kernel_mbind(void *address, unsigned long len, int mode, const unsigned long *nodes,
			 unsigned long max_node, unsigned int flags)
{
	return syscall(SYS_mbind, address, len, mode, nodes, max_node, flags);
}

static int kernel_eventfd(unsigned int value, int flags)
{
	return eventfd(value, flags);
}

static int kernel_dup(int fd)
{
	return fcntl(fd, F_DUPFD_CLOEXEC, 0);
}

static ssize_t kernel_sendto(int fd, const void *data, size_t len, int flags,
			     const struct sockaddr *address, socklen_t address_len)
{
	return sendto(fd, data, len, flags, address, address_len);
}

static int kernel_getsockname(int fd, struct sockaddr *address, socklen_t *len)
{
	return getsockname(fd, address, len);
}

static int kernel_bind(int fd, const struct sockaddr *address, socklen_t len)
{
	return bind(fd, address, len);
}

static int kernel_getrusage(int who, struct rusage *ret_usage)
{
	return getrusage(who, ret_usage);
}

static int kernel_sendmmsg(int fd, struct mmsghdr *messages, unsigned int nr, int flags)
{
	return sendmmsg(fd, messages, nr, flags);
}

static ssize_t kernel_getdents(int fd, void *entries, size_t len)
{
	return getdents64(fd, entries, len);
}

const struct zr_syscalls zr_sys_kernel = {
	.socket = socket,
	.setsockopt = setsockopt,
	.getsockopt = getsockopt,
	.getsockname = kernel_getsockname,
	.bind = kernel_bind,
	.sendto = kernel_sendto,
	.sendmsg = sendmsg,
	.sendmmsg = kernel_sendmmsg,
	.recvmsg = recvmsg,
	.ppoll = ppoll,
	.ioctl = kernel_ioctl,
	.mmap = mmap,
	.munmap = munmap,
	.memfd_create = memfd_create,
	.ftruncate = ftruncate,
	.mbind = kernel_mbind,
	.open = kernel_open,
	.read = read,
	.write = write,
	.close = close,
	.eventfd = kernel_eventfd,
	.epoll_create1 = epoll_create1,
	.epoll_ctl = epoll_ctl,
	.dup = kernel_dup,
	.setns = setns,
	.getrusage = kernel_getrusage,
	.getdents = kernel_getdents,
	.sched_getaffinity = sched_getaffinity,
	.pthread_create = pthread_create,
	.pthread_join = pthread_join,
	.clock_gettime = clock_gettime,
	.clock_nanosleep = clock_nanosleep,
};

const struct zr_syscalls *zr_sys = &zr_sys_kernel;

/* Repeats a call that a signal cut short before it did anything. */
#define RESTART(type, call)                            \
	__extension__({                                \
		type result_;                          \
		do                                     \
			result_ = (call);              \
		while (result_ < 0 && errno == EINTR); \
		result_ < 0 ? (type)-errno : result_;  \
	})

int zr_socket(int domain, int type, int protocol)
{
	return RESTART(int, zr_sys->socket(domain, type | SOCK_CLOEXEC, protocol));
}

int zr_setsockopt(int fd, int level, int name, const void *value, size_t len)
{
	return RESTART(int, zr_sys->setsockopt(fd, level, name, value, (socklen_t)len));
}

int zr_setsockopt_int(int fd, int level, int name, int value)
{
	return zr_setsockopt(fd, level, name, &value, sizeof(value));
}

int zr_getsockopt(int fd, int level, int name, void *value, size_t len)
{
	socklen_t bytes = (socklen_t)len;

	return RESTART(int, zr_sys->getsockopt(fd, level, name, value, &bytes));
}

int zr_getsockname(int fd, void *address, size_t len)
{
	socklen_t bytes = (socklen_t)len;

	return RESTART(int, zr_sys->getsockname(fd, address, &bytes));
}

int zr_bind(int fd, const void *address, size_t len)
{
	return RESTART(int, zr_sys->bind(fd, address, (socklen_t)len));
}

ssize_t zr_sendto(int fd, const void *data, size_t len, int flags)
{
	return RESTART(ssize_t, zr_sys->sendto(fd, data, len, flags, NULL, 0));
}

ssize_t zr_sendmsg(int fd, const struct msghdr *message, int flags)
{
	return RESTART(ssize_t, zr_sys->sendmsg(fd, message, flags));
}

int zr_sendmmsg(int fd, struct mmsghdr *messages, unsigned int nr, int flags)
{
	return RESTART(int, zr_sys->sendmmsg(fd, messages, nr, flags));
}

ssize_t zr_recvmsg(int fd, struct msghdr *message, int flags)
{
	return RESTART(ssize_t, zr_sys->recvmsg(fd, message, flags));
}

void zr_recv_wakeup(int fd)
{
	struct msghdr nothing = {0};

	(void)zr_recvmsg(fd, &nothing, MSG_DONTWAIT);
}

int zr_ioctl(int fd, unsigned long request, void *argument)
{
	return RESTART(int, zr_sys->ioctl(fd, request, argument));
}

int zr_mmap(size_t len, int prot, int flags, int fd, off_t offset, void **ret_mapping)
{
	void *mapping = zr_sys->mmap(NULL, len, prot, flags, fd, offset);

	if (mapping == MAP_FAILED)
		return -errno;
	*ret_mapping = mapping;
	return 0;
}

void zr_munmap(void *mapping, size_t len)
{
	zr_sys->munmap(mapping, len);
}

int zr_memfd(const char *name, size_t len)
{
	const int fd = RESTART(int, zr_sys->memfd_create(name, MFD_CLOEXEC));
	const int err = fd < 0 ? fd : RESTART(int, zr_sys->ftruncate(fd, (off_t)len));

	if (err < 0 && fd >= 0)
		zr_close(fd);
	return err < 0 ? err : fd;
}

int zr_mbind(void *address, size_t len, int mode, const unsigned long *nodes,
	     unsigned long max_node, unsigned int flags)
{
	return (int)RESTART(long, zr_sys->mbind(address, len, mode, nodes, max_node, flags));
}

uint32_t zr_page_bytes(void)
{
	return (uint32_t)sysconf(_SC_PAGESIZE);
}

int zr_open(const char *path, int flags)
{
	return RESTART(int, zr_sys->open(path, flags | O_CLOEXEC));
}

ssize_t zr_read(int fd, void *data, size_t len)
{
	return RESTART(ssize_t, zr_sys->read(fd, data, len));
}

ssize_t zr_write(int fd, const void *data, size_t len)
{
	return RESTART(ssize_t, zr_sys->write(fd, data, len));
}

void zr_close(int fd)
{
	/* Never repeated: Linux has freed the number even when it says EINTR. */
	zr_sys->close(fd);
}

int zr_eventfd(void)
{
	return RESTART(int, zr_sys->eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
}

int zr_epoll(const int *fds, size_t nr)
{
	const int epoll_fd = RESTART(int, zr_sys->epoll_create1(EPOLL_CLOEXEC));
	int err = epoll_fd < 0 ? epoll_fd : 0;

	for (size_t i = 0; i < nr && !err; i++) {
		struct epoll_event event = {.events = EPOLLIN};

		err = RESTART(int, zr_sys->epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fds[i], &event));
	}
	if (err < 0 && epoll_fd >= 0)
		zr_close(epoll_fd);
	return err < 0 ? err : epoll_fd;
}

int zr_dup(int fd)
{
	return RESTART(int, zr_sys->dup(fd));
}

int zr_setns(int fd, int type)
{
	return RESTART(int, zr_sys->setns(fd, type));
}

uint64_t zr_capabilities(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {0};

	syscall(SYS_capget, &header, data);
	return (uint64_t)data[1].effective << 32 | data[0].effective;
}

uint64_t zr_preemptions(void)
{
	struct rusage usage = {0};

	zr_sys->getrusage(RUSAGE_THREAD, &usage);
	return (uint64_t)usage.ru_nivcsw;
}

ssize_t zr_getdents(int fd, void *entries, size_t len)
{
	return RESTART(ssize_t, zr_sys->getdents(fd, entries, len));
}

int zr_getaffinity(void *ret_cpus, size_t len)
{
	return RESTART(int, zr_sys->sched_getaffinity(0, len, ret_cpus));
}

int zr_thread_start(void *(*run)(void *), void *argument, const void *cpus, size_t len,
		    pthread_t *ret_thread)
{
	sigset_t all, before;
	pthread_attr_t attributes;
	pthread_t thread;
	int err;

	err = pthread_attr_init(&attributes);
	if (err)
		return -err;
	if (cpus)
		err = pthread_attr_setaffinity_np(&attributes, len, cpus);
	/* Inherited from the first instruction on: no handler of the program runs there. */
	sigfillset(&all);
	if (!err) {
		pthread_sigmask(SIG_SETMASK, &all, &before);
		err = zr_sys->pthread_create(&thread, &attributes, run, argument);
		pthread_sigmask(SIG_SETMASK, &before, NULL);
	}
	pthread_attr_destroy(&attributes);
	if (!err)
		*ret_thread = thread;
	return -err;
}

void zr_thread_join(pthread_t thread)
{
	zr_sys->pthread_join(thread, NULL);
}

uint64_t zr_clock_ns(clockid_t clock)
{
	struct timespec now = {0};

	zr_sys->clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

uint64_t zr_now_ns(void)
{
	return zr_clock_ns(CLOCK_MONOTONIC);
}

uint64_t zr_now_coarse_ns(void)
{
	return zr_clock_ns(CLOCK_MONOTONIC_COARSE);
}

static struct timespec to_timespec(uint64_t ns)
{
	return (struct timespec){
		.tv_sec = (time_t)(ns / NS_PER_S),
		.tv_nsec = (long)(ns % NS_PER_S),
	};
}

void zr_sleep_until(uint64_t deadline_ns)
{
	const struct timespec deadline = to_timespec(deadline_ns);

	while (zr_sys->clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &deadline, NULL) == EINTR)
		;
}

uint64_t zr_deadline_ns(int timeout_ms)
{
	return timeout_ms < 0 ? ZR_FOREVER : zr_now_ns() + (uint64_t)timeout_ms * NS_PER_MS;
}

int zr_poll(struct pollfd *fds, nfds_t nr, uint64_t deadline_ns)
{
	for (;;) {
		const uint64_t now = deadline_ns == ZR_FOREVER ? 0 : zr_now_ns();
		const struct timespec left = to_timespec(deadline_ns > now ? deadline_ns - now : 0);
		const int ready =
			zr_sys->ppoll(fds, nr, deadline_ns == ZR_FOREVER ? NULL : &left, NULL);

		if (ready >= 0)
			return ready;
		if (errno != EINTR)
			return -errno;
	}
}
