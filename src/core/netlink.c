/* SPDX-License-Identifier: BSD-2-Clause */
#include "netlink.h"

#include <errno.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/time.h>

#include "../syscall.h"
#include "cleanup.h"
#include "diag.h"

/* Dumps come in messages of at most 32 KiB (af_netlink.c), a single link without VFs is smaller. */
#define ANSWER_BYTES 65536
/* The kernel answers at once; this bounds what nobody has seen. */
#define ANSWER_SECONDS 10
/* Reads that may be spoilt by an interface that comes or goes meanwhile. */
#define MAX_ATTEMPTS 16
#define SEQUENCE     1

static int open_socket(void)
{
	const struct timeval patience = {.tv_sec = ANSWER_SECONDS};
	const int fd = zr_socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);

	if (fd < 0)
		return fd;
	/*
	 * Either may fail without harm: before Linux 4.20 there is no strict check,
	 * the kernel then sends more than asked for and take() leaves it out.
	 */
	zr_setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	zr_setsockopt_int(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, 1);
	return fd;
}

/* One datagram of the kernel's. */
static ssize_t receive(int fd, void *answer)
{
	struct sockaddr_nl from = {0};
	struct iovec part = {.iov_base = answer, .iov_len = ANSWER_BYTES};
	struct msghdr message = {.msg_name = &from, .msg_iov = &part, .msg_iovlen = 1};
	ssize_t bytes;

	do {
		message.msg_namelen = sizeof(from);
		bytes = zr_recvmsg(fd, &message, 0);
	} while (bytes >= 0 && from.nl_pid != 0);
	if (bytes == -EAGAIN)
		return -ETIMEDOUT;
	if (bytes >= 0 && (message.msg_flags & MSG_TRUNC))
		return -EMSGSIZE;
	return bytes;
}

/* NLMSG_ERROR and NLMSG_DONE begin with an errno; a DONE may be without. */
static int end_code(const struct nlmsghdr *message)
{
	int32_t code = 0;

	if (mnl_nlmsg_get_payload_len(message) >= sizeof(code))
		memcpy(&code, mnl_nlmsg_get_payload(message), sizeof(code));
	return code;
}

/* 0: more is to come; 1: that was all; -EINTR: what came is not of one moment. */
static int take_datagram(const struct zr_netlink_query *query, const void *answer, size_t bytes)
{
	const struct nlmsghdr *message = answer;
	int left = (int)bytes;
	int err;

	for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left)) {
		if (message->nlmsg_seq != SEQUENCE)
			continue;
		if (message->nlmsg_flags & NLM_F_DUMP_INTR)
			return -EINTR;
		if (message->nlmsg_type == NLMSG_ERROR || message->nlmsg_type == NLMSG_DONE) {
			err = end_code(message);
			return err ? err : 1;
		}
		if (message->nlmsg_type < NLMSG_MIN_TYPE)
			continue;
		err = query->take(message, query->data);
		if (err)
			return err;
	}
	return 0;
}

/* A socket an attempt: the rest of an interrupted dump goes away with it. */
static int attempt(const struct zr_netlink_query *query, void *answer)
{
	ssize_t bytes;
	int end;

	ZR_AUTO_FD fd = open_socket();
	if (fd < 0)
		return fd;
	bytes = zr_sendto(fd, query->request, query->request->nlmsg_len, 0);
	if (bytes < 0)
		return (int)bytes;
	do {
		bytes = receive(fd, answer);
		if (bytes < 0)
			return (int)bytes;
		end = take_datagram(query, answer, (size_t)bytes);
	} while (end == 0);
	return end < 0 ? end : 0;
}

int zr_netlink_fail(const struct zr_netlink_query *query, int err, struct zring_diag *diag)
{
	switch (-err) {
	case EINTR:
		/* The netlink word for an interrupted dump; the caller would take it for a signal.
		 */
		return zr_fail(diag, -EAGAIN, query->step,
			       "interfaces changed during each of %d reads: try again",
			       MAX_ATTEMPTS);
	case EMFILE:
	case ENFILE:
		return zr_fail(diag, err, query->step,
			       "no descriptor is free for a netlink socket: close some or raise "
			       "`ulimit -n`");
	case EAFNOSUPPORT:
	case EPERM:
	case EACCES:
		return zr_fail(diag, err, query->step,
			       "netlink is refused (errno %d): allow AF_NETLINK in this sandbox",
			       -err);
	case ENOMEM:
	case ENOBUFS:
		return zr_fail(diag, err, query->step, "out of memory");
	default:
		return zr_fail(diag, err, query->step,
			       "rtnetlink answers with errno %d: see rtnetlink(7)", -err);
	}
}

int zr_netlink_run(const struct zr_netlink_query *query)
{
	int err = -EINTR;

	ZR_AUTO_FREE void *answer = malloc(ANSWER_BYTES);
	if (!answer)
		return -ENOMEM;
	for (int i = 0; i < MAX_ATTEMPTS && err == -EINTR; i++) {
		query->reset(query->data);
		err = attempt(query, answer);
	}
	return err;
}

struct nlmsghdr *zr_netlink_start(void *buffer, uint16_t type, uint16_t flags)
{
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);

	request->nlmsg_type = type;
	/* Without a dump's NLMSG_DONE it is the acknowledgement that ends the answer. */
	request->nlmsg_flags = NLM_F_REQUEST | (flags ? flags : NLM_F_ACK);
	request->nlmsg_seq = SEQUENCE;
	return request;
}
