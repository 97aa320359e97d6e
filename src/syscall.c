/* SPDX-License-Identifier: BSD-2-Clause */
#include "syscall.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sched.h>
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

static int kernel_eventfd(unsigned int value, int flags)
{
	return eventfd(value, flags);
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

static int kernel_sendmmsg(int fd, struct mmsghdr *messages, unsigned int nr, int flags)
{
	return sendmmsg(fd, messages, nr, flags);
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
	.open = kernel_open,
	.read = read,
	.write = write,
	.close = close,
	.eventfd = kernel_eventfd,
	.setns = setns,
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

int zr_setns(int fd, int type)
{
	return RESTART(int, zr_sys->setns(fd, type));
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
