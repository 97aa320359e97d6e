/* SPDX-License-Identifier: BSD-2-Clause */
#include "cpu.h"

#include <errno.h>
#include <sched.h>
#include <sys/resource.h>
#include <time.h>

uint64_t cpu_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void cpu_sleep_ns(uint64_t ns)
{
	const struct timespec pause = {
		.tv_sec = (time_t)(ns / 1000000000u),
		.tv_nsec = (long)(ns % 1000000000u),
	};

	nanosleep(&pause, NULL);
}

static double to_ns(const struct timeval *time)
{
	return (double)time->tv_sec * 1e9 + (double)time->tv_usec * 1e3;
}

struct cpu_times cpu_times(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (struct cpu_times){
		.user_ns = to_ns(&usage.ru_utime),
		.system_ns = to_ns(&usage.ru_stime),
	};
}

int cpu_pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((size_t)cpu, &set);
	return sched_setaffinity(0, sizeof(set), &set) < 0 ? -errno : 0;
}

int cpu_usable(int cpu)
{
	cpu_set_t set;

	return cpu >= 0 && cpu < CPU_SETSIZE && sched_getaffinity(0, sizeof(set), &set) == 0 &&
	       CPU_ISSET((size_t)cpu, &set);
}

void cpu_defaults(int *cpus, int nr)
{
	int found = 0;

	for (int cpu = 0; cpu < CPU_SETSIZE && found < nr; cpu++)
		if (cpu_usable(cpu))
			cpus[found++] = cpu;
	for (int i = found; i < nr; i++)
		cpus[i] = found > 0 ? cpus[found - 1] : 0;
}

int cpu_besides(const int *cpus, int nr)
{
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		int i = 0;

		while (i < nr && cpus[i] != cpu)
			i++;
		if (i == nr && cpu_usable(cpu))
			return cpu;
	}
	return cpus[0];
}
