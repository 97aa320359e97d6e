/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The library's only way to the kernel. Every wrapper returns -errno on
 * failure and never -EINTR. Tests replace the table behind them.
 */
#ifndef ZR_SYSCALL_H
#define ZR_SYSCALL_H

#include <poll.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <time.h>

struct zr_syscalls {
	int (*socket)(int domain, int type, int protocol);
	int (*setsockopt)(int fd, int level, int name, const void *value, socklen_t len);
	int (*getsockopt)(int fd, int level, int name, void *value, socklen_t *len);
	int (*getsockname)(int fd, struct sockaddr *address, socklen_t *len);
	int (*bind)(int fd, const struct sockaddr *address, socklen_t len);
	ssize_t (*sendto)(int fd, const void *data, size_t len, int flags,
			  const struct sockaddr *address, socklen_t address_len);
	ssize_t (*sendmsg)(int fd, const struct msghdr *message, int flags);
	int (*sendmmsg)(int fd, struct mmsghdr *messages, unsigned int nr, int flags);
	ssize_t (*recvmsg)(int fd, struct msghdr *message, int flags);
	int (*ppoll)(struct pollfd *fds, nfds_t nr, const struct timespec *timeout,
		     const sigset_t *mask);
	int (*ioctl)(int fd, unsigned long request, void *argument);
	void *(*mmap)(void *address, size_t len, int prot, int flags, int fd, off_t offset);
	int (*munmap)(void *address, size_t len);
	int (*memfd_create)(const char *name, unsigned int flags);
	int (*ftruncate)(int fd, off_t len);
	long (*mbind)(void *address, unsigned long len, int mode, const unsigned long *nodes,
		      unsigned long max_node, unsigned int flags);
	int (*open)(const char *path, int flags);
	ssize_t (*read)(int fd, void *data, size_t len);
	ssize_t (*write)(int fd, const void *data, size_t len);
	int (*close)(int fd);
	int (*eventfd)(unsigned int value, int flags);
	int (*epoll_create1)(int flags);
	int (*epoll_ctl)(int epoll_fd, int operation, int fd, struct epoll_event *event);
	int (*dup)(int fd);
	int (*setns)(int fd, int type);
	int (*getrusage)(int who, struct rusage *ret_usage);
	ssize_t (*getdents)(int fd, void *entries, size_t len);
	int (*sched_getaffinity)(pid_t thread, size_t len, cpu_set_t *ret_cpus);
	int (*pthread_create)(pthread_t *ret_thread, const pthread_attr_t *attributes,
			      void *(*run)(void *), void *argument);
	int (*pthread_join)(pthread_t thread, void **ret_value);
	int (*clock_gettime)(clockid_t clock, struct timespec *ret_time);
	int (*clock_nanosleep)(clockid_t clock, int flags, const struct timespec *time,
			       struct timespec *remaining);
};

/* The table in use; tests point it elsewhere before the first call. */
extern const struct zr_syscalls *zr_sys;
/* The kernel's own calls. */
extern const struct zr_syscalls zr_sys_kernel;

#define ZR_FOREVER UINT64_MAX

int zr_socket(int domain, int type, int protocol);
int zr_setsockopt(int fd, int level, int name, const void *value, size_t len);
int zr_setsockopt_int(int fd, int level, int name, int value);
int zr_getsockopt(int fd, int level, int name, void *value, size_t len);
int zr_getsockname(int fd, void *address, size_t len);
int zr_bind(int fd, const void *address, size_t len);
/* Bytes accepted. Restarted on EINTR: nothing of a request was taken then. */
ssize_t zr_sendto(int fd, const void *data, size_t len, int flags);
ssize_t zr_sendmsg(int fd, const struct msghdr *message, int flags);
int zr_sendmmsg(int fd, struct mmsghdr *messages, unsigned int nr, int flags);
ssize_t zr_recvmsg(int fd, struct msghdr *message, int flags);
/* Wakes the receiving side of a socket: nothing is read. */
void zr_recv_wakeup(int fd);
int zr_ioctl(int fd, unsigned long request, void *argument);
/* *ret_mapping is untouched on failure. */
int zr_mmap(size_t len, int prot, int flags, int fd, off_t offset, void **ret_mapping);
void zr_munmap(void *mapping, size_t len);
/* A memory file of @len bytes. Returns the descriptor. */
int zr_memfd(const char *name, size_t len);
int zr_mbind(void *address, size_t len, int mode, const unsigned long *nodes,
	     unsigned long max_node, unsigned int flags);
uint32_t zr_page_bytes(void);
int zr_open(const char *path, int flags);
ssize_t zr_read(int fd, void *data, size_t len);
ssize_t zr_write(int fd, const void *data, size_t len);
void zr_close(int fd);
int zr_eventfd(void);
/* A descriptor that is readable while one of @nr @fds is. */
int zr_epoll(const int *fds, size_t nr);
/* A second descriptor of the same file, not inherited either. */
int zr_dup(int fd);
int zr_setns(int fd, int type);
/* The calling thread's effective capabilities, a bit each (linux/capability.h). */
uint64_t zr_capabilities(void);
/* How often the calling thread lost its CPU to another one. */
uint64_t zr_preemptions(void);

/* Bytes of struct dirent64 records; 0: the end. */
ssize_t zr_getdents(int fd, void *entries, size_t len);
/* CPUs that the calling thread may use, as bits of @len bytes. */
int zr_getaffinity(void *ret_cpus, size_t len);

/*
 * Starts a thread that takes no signals, on @cpus (bits of @len bytes; NULL: where the
 * caller may run). *ret_thread is untouched on failure.
 */
int zr_thread_start(void *(*run)(void *), void *argument, const void *cpus, size_t len,
		    pthread_t *ret_thread);
void zr_thread_join(pthread_t thread);

/* CLOCK_MONOTONIC in ns; the coarse one is some ms behind and costs nothing. */
uint64_t zr_now_ns(void);
uint64_t zr_now_coarse_ns(void);
uint64_t zr_clock_ns(clockid_t clock);
/* Sleeps until @deadline_ns of CLOCK_MONOTONIC, through signals. */
void zr_sleep_until(uint64_t deadline_ns);
/* The deadline for a timeout in ms: -1 is ZR_FOREVER. */
uint64_t zr_deadline_ns(int timeout_ms);
/* As ppoll(2), until @deadline_ns of CLOCK_MONOTONIC, through signals. */
int zr_poll(struct pollfd *fds, nfds_t nr, uint64_t deadline_ns);

#endif
