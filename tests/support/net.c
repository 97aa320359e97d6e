/* SPDX-License-Identifier: BSD-2-Clause */
#include "support/net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <netpacket/packet.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

const uint8_t net_near_mac[6] = {0x02, 0, 0, 0, 0x0a, 0x01};
const uint8_t net_far_mac[6] = {0x02, 0, 0, 0, 0x0b, 0x01};

uint64_t net_time_ns(int clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t net_now_ns(void)
{
	return net_time_ns(CLOCK_MONOTONIC);
}

void net_need_kernel(unsigned int major, unsigned int minor, const char *what)
{
	unsigned int has_major = 0, has_minor = 0;
	struct utsname kernel;

	cr_assert(uname(&kernel) == 0);
	cr_assert(sscanf(kernel.release, "%u.%u", &has_major, &has_minor) == 2, "%s",
		  kernel.release);
	if (has_major < major || (has_major == major && has_minor < minor))
		cr_skip_test("Linux %s has no %s (%u.%u)", kernel.release, what, major, minor);
}

void net_sleep_ms(unsigned int ms)
{
	const uint64_t end = net_now_ns() + ms * 1000000ull;
	const struct timespec until = {(time_t)(end / 1000000000u), (long)(end % 1000000000u)};

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR)
		;
}

void net_wait_count(const uint64_t *counter, uint64_t at_least)
{
	const uint64_t end = net_now_ns() + NET_PATIENCE_NS;

	while (__atomic_load_n(counter, __ATOMIC_RELAXED) < at_least && net_now_ns() < end)
		net_sleep_ms(1);
}

void net_pin(unsigned int which)
{
	static cpu_set_t allowed;
	static bool known;
	cpu_set_t one;
	unsigned int nth;
	size_t cpu = 0;

	/* The first call is the lab's: later threads inherit the narrowed set. */
	if (!known) {
		sched_getaffinity(0, sizeof(allowed), &allowed);
		known = true;
	}
	nth = which % (unsigned int)CPU_COUNT(&allowed);
	while (!CPU_ISSET(cpu, &allowed) || nth-- > 0)
		cpu++;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	sched_setaffinity(0, sizeof(one), &one);
}

/* ---- commands ---- */

static void run(char *buffer, size_t size, const char *format, va_list arguments)
{
	char command[1024];
	size_t len = 0, got;
	FILE *pipe;
	int status;

	vsnprintf(command, sizeof(command), format, arguments);
	pipe = popen(command, "re");
	cr_assert(pipe, "popen: %s", strerror(errno));
	while (len + 1 < size && (got = fread(buffer + len, 1, size - 1 - len, pipe)) > 0)
		len += got;
	buffer[len] = '\0';
	/* A writer must not die of a pipe that nobody reads. */
	while (getc(pipe) != EOF)
		;
	status = pclose(pipe);
	cr_assert(status == 0, "\"%s\" ended with status %d", command, status);
}

void net_run(const char *format, ...)
{
	char output[256];
	va_list arguments;

	va_start(arguments, format);
	run(output, sizeof(output), format, arguments);
	va_end(arguments);
}

void net_output(char *buffer, size_t size, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	run(buffer, size, format, arguments);
	va_end(arguments);
}

long net_number_after(const char *text, const char *key)
{
	const char *at = strstr(text, key);

	return at ? strtol(at + strlen(key), NULL, 10) : -1;
}

/* ---- namespaces ---- */

static void ipv6_off(void)
{
	static const char *const paths[] = {"/proc/sys/net/ipv6/conf/all/disable_ipv6",
					    "/proc/sys/net/ipv6/conf/default/disable_ipv6"};

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		const int fd = open(paths[i], O_WRONLY | O_CLOEXEC);

		/* A kernel without IPv6 has nothing to switch off. */
		if (fd < 0)
			continue;
		cr_assert(write(fd, "1", 1) == 1, "%s: %s", paths[i], strerror(errno));
		close(fd);
	}
}

static void namespace_unshare(void)
{
	cr_assert(unshare(CLONE_NEWNET) == 0,
		  "unshare(CLONE_NEWNET): %s; run as root or with "
		  "\"unshare -Urn\"",
		  strerror(errno));
	ipv6_off();
}

int net_namespace_current(void)
{
	const int fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);

	cr_assert(fd >= 0, "/proc/thread-self/ns/net: %s", strerror(errno));
	return fd;
}

void net_namespace_enter(int namespace_fd)
{
	cr_assert(setns(namespace_fd, CLONE_NEWNET) == 0, "setns: %s", strerror(errno));
}

int net_namespace_new(void)
{
	const int old = net_namespace_current();
	int fresh;

	namespace_unshare();
	fresh = net_namespace_current();
	net_namespace_enter(old);
	close(old);
	return fresh;
}

uint64_t net_namespace_id(void)
{
	struct stat info;

	cr_assert(stat("/proc/thread-self/ns/net", &info) == 0);
	return info.st_ino;
}

const char *net_namespace_path(int namespace_fd, char *buffer, size_t size)
{
	snprintf(buffer, size, "/proc/%d/fd/%d", (int)getpid(), namespace_fd);
	return buffer;
}

/* ---- interfaces ---- */

uint32_t net_index(const char *interface)
{
	const uint32_t index = if_nametoindex(interface);

	cr_assert(index > 0, "%s: %s", interface, strerror(errno));
	return index;
}

static bool is_running(const char *interface)
{
	const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq request = {0};
	bool running;

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", interface);
	running = ioctl(fd, SIOCGIFFLAGS, &request) == 0 && (request.ifr_flags & IFF_RUNNING);
	close(fd);
	return running;
}

void net_up(const char *first, const char *second)
{
	const uint64_t end = net_now_ns() + NET_PATIENCE_NS;

	net_run("ip link set %s up && ip link set %s up", first, second);
	while (!is_running(first) || !is_running(second)) {
		cr_assert(net_now_ns() < end, "%s and %s never came up", first, second);
		net_sleep_ms(1);
	}
	/*
	 * RUNNING is told before the queue is attached, under one lock
	 * (net/core/link_watch.c): the next command that takes it comes after.
	 */
	net_run("ip link set %s up && ip link set %s up", first, second);
}

void net_pair_add(const char *near, const char *far)
{
	net_run("ip link add %s address 02:00:00:00:0a:01 type veth "
		"peer name %s address 02:00:00:00:0b:01",
		near, far);
	net_up(near, far);
}

void net_lab_open(void)
{
	const char *path = getenv("PATH");
	char longer[4096];

	snprintf(longer, sizeof(longer), "%s:/usr/sbin:/sbin", path ? path : "/usr/bin:/bin");
	setenv("PATH", longer, 1);
	namespace_unshare();
	/* Frames of one CPU stay in order: the kernel queues incoming ones by CPU. */
	net_pin(0);
	net_pair_add(NET_NEAR, NET_FAR);
}

long net_promiscuity(const char *interface)
{
	char text[2048];

	net_output(text, sizeof(text), "ip -d link show dev %s", interface);
	return net_number_after(text, "promiscuity ");
}

void net_counters(const char *interface, struct net_counters *ret_counters)
{
	struct ifaddrs *all, *one;
	bool found = false;

	cr_assert(getifaddrs(&all) == 0, "getifaddrs: %s", strerror(errno));
	for (one = all; one; one = one->ifa_next) {
		const struct rtnl_link_stats *stats = one->ifa_data;

		if (!one->ifa_addr || one->ifa_addr->sa_family != AF_PACKET ||
		    strcmp(one->ifa_name, interface) != 0)
			continue;
		*ret_counters = (struct net_counters){stats->rx_packets, stats->tx_packets,
						      stats->rx_dropped, stats->tx_dropped};
		found = true;
	}
	freeifaddrs(all);
	cr_assert(found, "no counters of %s", interface);
}

/* ---- interruptions ---- */

static volatile sig_atomic_t nr_strikes;
static timer_t storm_timer;

static void strike(int signal_number)
{
	(void)signal_number;
	nr_strikes = nr_strikes + 1;
}

void net_storm_start(unsigned int interval_us)
{
	const struct timespec interval = {0, (long)interval_us * 1000};
	const struct itimerspec timing = {interval, interval};
	struct sigaction action = {.sa_handler = strike};
	/* To this thread: a process-wide timer would strike Criterion's thread instead. */
	struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGALRM};

	event._sigev_un._tid = gettid();
	nr_strikes = 0;
	cr_assert(sigaction(SIGALRM, &action, NULL) == 0);
	cr_assert(timer_create(CLOCK_MONOTONIC, &event, &storm_timer) == 0);
	cr_assert(timer_settime(storm_timer, 0, &timing, NULL) == 0);
}

unsigned long net_storm_stop(void)
{
	timer_delete(storm_timer);
	return (unsigned long)nr_strikes;
}
