/* SPDX-License-Identifier: BSD-2-Clause */
#include "child.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "console.h"

#define READY_MS 10000
#define NUDGE_MS 20 /* between signals to a child that is to stop */

static void ignore(int number)
{
	(void)number;
}

static void child_signals(void)
{
	const struct sigaction nudge = {.sa_handler = ignore};

	/* Ctrl-C reaches the whole group: the parent alone answers to it. */
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	sigaction(SIGUSR1, &nudge, NULL);
}

static void child_main(struct child_side *side, pid_t parent, int cpu, child_run *run,
		       const void *context)
{
	int err;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1); /* it died before the line above */
	child_signals();
	err = cpu_pin(cpu);
	if (err)
		err = child_fail(side, err, "cannot run on CPU %d: %s; choose with --cpus", cpu,
				 strerror(-err));
	if (!err)
		err = run(side, context);
	if (!err && send(side->fd, "D", 1, MSG_NOSIGNAL) < 0)
		err = -errno;
	/* No exit handlers: the stdio buffers are the parent's. */
	_exit(err ? 1 : 0);
}

int child_start(struct child *child, const char *role, int cpu, child_run *run, const void *context)
{
	const pid_t parent = getpid();
	int fds[2], err = 0;

	*child = (struct child){.fd = -1};
	snprintf(child->role, sizeof(child->role), "%s", role);
	child->shared = mmap(NULL, sizeof(*child->shared), PROT_READ | PROT_WRITE,
			     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (child->shared == MAP_FAILED) {
		child->shared = NULL;
		err = -errno;
	}
	if (!err && socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
		err = -errno;
	if (!err) {
		child->fd = fds[0];
		child->pid = fork();
		if (child->pid == 0) {
			struct child_side side = {.shared = child->shared, .fd = fds[1]};

			close(fds[0]);
			child_main(&side, parent, cpu, run, context);
		}
		err = child->pid < 0 ? -errno : 0;
		close(fds[1]);
	}
	if (err) {
		child->pid = 0;
		complain("cannot start the %s: %s", role, strerror(-err));
		child_end(child);
	}
	return err;
}

/* The child ended early: says why. */
static int report_death(struct child *child)
{
	const pid_t pid = child->pid;
	int status = 0;

	/* Its side of the socket is closed, so it is dead or dying. */
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	child->pid = 0;
	if (interrupted())
		return -EINTR;
	if (WIFSIGNALED(status))
		complain("the %s (pid %d) was killed by signal %d (%s); the run ends here",
			 child->role, (int)pid, WTERMSIG(status), strsignal(WTERMSIG(status)));
	else if (child->shared->result.error[0])
		complain("%s: %s", child->role, child->shared->result.error);
	else
		complain("the %s (pid %d) ended early with status %d", child->role, (int)pid,
			 WEXITSTATUS(status));
	return -ECHILD;
}

/* Waits for the message @wanted. */
static int wait_message(struct child *child, char wanted, uint64_t deadline_ns)
{
	struct pollfd wait = {.fd = child->fd, .events = POLLIN};

	for (;;) {
		const uint64_t now_ns = cpu_now_ns();
		char message;
		int rc;

		if (interrupted())
			return -EINTR;
		if (now_ns >= deadline_ns)
			return -ETIMEDOUT;
		rc = poll(&wait, 1, (int)((deadline_ns - now_ns) / 1000000) + 1);
		if (rc < 0 && errno != EINTR)
			return -errno;
		if (rc <= 0)
			continue;
		if (recv(child->fd, &message, 1, 0) != 1)
			return report_death(child);
		if (message == wanted)
			return 0;
	}
}

static uint64_t deadline_in(int ms)
{
	return cpu_now_ns() + (uint64_t)ms * 1000000;
}

int child_wait_ready(struct child *child)
{
	int err = wait_message(child, 'R', deadline_in(READY_MS));

	if (err == -ETIMEDOUT)
		complain("the %s was not ready within %d s", child->role, READY_MS / 1000);
	return err;
}

int child_go(struct child *child)
{
	if (send(child->fd, "G", 1, MSG_NOSIGNAL) == 1)
		return 0;
	return report_death(child);
}

void child_stop(struct child *child)
{
	if (!child->pid)
		return;
	__atomic_store_n(&child->shared->stop, 1, __ATOMIC_RELAXED);
	kill(child->pid, SIGUSR1);
}

int child_wait_done(struct child *child, int timeout_ms)
{
	const uint64_t deadline_ns = deadline_in(timeout_ms);
	int err, status;

	/* One signal may come just before the system call that it is to end: more follow. */
	do {
		err = wait_message(child, 'D', deadline_in(NUDGE_MS));
		if (err == -ETIMEDOUT && __atomic_load_n(&child->shared->stop, __ATOMIC_RELAXED))
			kill(child->pid, SIGUSR1);
	} while (err == -ETIMEDOUT && cpu_now_ns() < deadline_ns);
	if (err == -ETIMEDOUT)
		complain("the %s (pid %d) did not end within %d ms", child->role, (int)child->pid,
			 timeout_ms);
	if (err)
		return err;
	while (waitpid(child->pid, &status, 0) < 0 && errno == EINTR)
		;
	child->pid = 0;
	return 0;
}

int children_watch(struct child *const *children, size_t nr, uint64_t ns)
{
	const uint64_t deadline_ns = cpu_now_ns() + ns;
	struct pollfd waits[4];

	for (size_t i = 0; i < nr; i++)
		waits[i] = (struct pollfd){.fd = children[i]->fd};
	for (;;) {
		const uint64_t now_ns = cpu_now_ns();
		struct timespec left;
		int rc;

		if (interrupted())
			return -EINTR;
		if (now_ns >= deadline_ns)
			return 0;
		left.tv_sec = (time_t)((deadline_ns - now_ns) / 1000000000);
		left.tv_nsec = (long)((deadline_ns - now_ns) % 1000000000);
		rc = ppoll(waits, nr, &left, NULL);
		if (rc < 0 && errno != EINTR)
			return -errno;
		for (size_t i = 0; rc > 0 && i < nr; i++)
			if (waits[i].revents & POLLHUP)
				return report_death(children[i]);
	}
}

void child_end(struct child *child)
{
	if (child->pid) {
		kill(child->pid, SIGKILL);
		while (waitpid(child->pid, NULL, 0) < 0 && errno == EINTR)
			;
		child->pid = 0;
	}
	if (child->shared) {
		if (child->fd >= 0)
			close(child->fd);
		munmap(child->shared, sizeof(*child->shared));
		child->shared = NULL;
	}
}

void child_ready(struct child_side *side)
{
	char message;

	if (send(side->fd, "R", 1, MSG_NOSIGNAL) != 1)
		_exit(1);
	while (recv(side->fd, &message, 1, 0) < 0)
		if (errno != EINTR)
			_exit(1);
	side->cpu_at_go = cpu_times();
	side->ns_at_go = cpu_now_ns();
}

void child_account(struct child_side *side)
{
	const struct cpu_times now = cpu_times();
	struct child_result *result = &side->shared->result;

	result->cpu.user_ns = now.user_ns - side->cpu_at_go.user_ns;
	result->cpu.system_ns = now.system_ns - side->cpu_at_go.system_ns;
	result->elapsed_ns = cpu_now_ns() - side->ns_at_go;
}

int child_fail(struct child_side *side, int error, const char *format, ...)
{
	struct child_result *result = &side->shared->result;
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(result->error, sizeof(result->error), format, arguments);
	va_end(arguments);
	return error ? error : -EIO;
}
