/* SPDX-License-Identifier: BSD-2-Clause */
/* Sending with sendmmsg(2) from the slots: the kernel copies, so a slot is free at once. */
#include "tx.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../core/barrier.h"
#include "../core/diag.h"
#include "../syscall.h"

#ifndef SCM_TXTIME
#define SCM_TXTIME 61
#endif

#define CONTROL_BYTES CMSG_SPACE(sizeof(uint64_t))

int zr_tx_mmsg_prepare(struct zr_tx *tx, struct zring_diag *diag)
{
	const struct zring_injector *injector = &tx->base;
	const uint32_t nr = injector->nr_slots;

	tx->messages = calloc(nr, sizeof(*tx->messages));
	tx->vectors = calloc(nr, sizeof(*tx->vectors));
	if (injector->info.send_time)
		tx->controls = calloc(nr, CONTROL_BYTES);
	if (!tx->messages || !tx->vectors || (injector->info.send_time && !tx->controls))
		return zr_fail(diag, -ENOMEM, "memory", "no memory for %u messages", nr);
	for (uint32_t i = 0; i < nr; i++) {
		tx->vectors[i].iov_base = injector->slots[i].data - tx->header_bytes;
		tx->messages[i].msg_hdr.msg_iov = &tx->vectors[i];
		tx->messages[i].msg_hdr.msg_iovlen = 1;
	}
	return 0;
}

static void set_time(struct zr_tx *tx, uint32_t i, uint64_t time_ns)
{
	struct msghdr *message = &tx->messages[i].msg_hdr;
	struct cmsghdr *control;

	message->msg_control = time_ns ? tx->controls + i * CONTROL_BYTES : NULL;
	message->msg_controllen = time_ns ? CONTROL_BYTES : 0;
	if (!time_ns)
		return;
	control = CMSG_FIRSTHDR(message);
	control->cmsg_level = SOL_SOCKET;
	control->cmsg_type = SCM_TXTIME;
	control->cmsg_len = CMSG_LEN(sizeof(time_ns));
	memcpy(CMSG_DATA(control), &time_ns, sizeof(time_ns));
}

static void fill(struct zr_tx *tx, uint32_t first, uint32_t nr)
{
	for (uint32_t i = first; i < first + nr; i++) {
		tx->vectors[i].iov_len = tx->base.slots[i].len + tx->header_bytes;
		if (tx->controls)
			set_time(tx, i, tx->base.slots[i].send_time_ns);
	}
}

/* One system call over slots that lie side by side. Frames taken, or -errno of the first. */
static int send_run(struct zr_tx *tx, uint32_t first, uint32_t nr)
{
	const int fd = tx->base.fd;
	ssize_t sent;

	zr_count(&tx->base.counters.kicks, 1);
	if (nr > 1 || tx->controls)
		return zr_sendmmsg(fd, &tx->messages[first], nr, MSG_DONTWAIT);
	sent = zr_sendto(fd, tx->vectors[first].iov_base, tx->vectors[first].iov_len, MSG_DONTWAIT);
	return sent < 0 ? (int)sent : 1;
}

static void pass(struct zring_injector *injector, uint32_t nr)
{
	injector->taken += nr;
	injector->tail = injector->taken;
}

static void count_sent(struct zring_injector *injector, uint32_t first, uint32_t nr)
{
	uint64_t bytes = 0;

	for (uint32_t i = first; i < first + nr; i++)
		bytes += injector->slots[i].len;
	zr_count(&injector->counters.sent_bytes, bytes);
	injector->nr_taken += nr;
	zr_count_release(&injector->counters.sent, nr); /* S */
}

static int transmit(struct zring_injector *injector, uint32_t nr)
{
	struct zr_tx *tx = zr_tx(injector);
	const uint64_t end = injector->taken + nr;

	while (injector->taken < end) {
		const uint32_t first = (uint32_t)injector->taken & (injector->nr_slots - 1);
		const uint32_t left = (uint32_t)(end - injector->taken);
		const uint32_t to_wrap = injector->nr_slots - first;
		const uint32_t run = left < to_wrap ? left : to_wrap;
		int sent, why;

		fill(tx, first, run);
		sent = send_run(tx, first, run);
		if (sent > 0) {
			count_sent(injector, first, (uint32_t)sent);
			pass(injector, (uint32_t)sent);
			continue;
		}
		why = zr_tx_classify(sent);
		if (why == -EAGAIN || why == -ENOBUFS)
			zr_count(&injector->counters.retries, 1);
		if (why)
			return why;
		zr_injector_reject(injector, sent);
		pass(injector, 1);
	}
	return 0;
}

/*
 * transmit leaves nothing behind. An empty queue starts over at the first slot,
 * so that a program that flushes often writes where the cache is warm.
 */
static void reclaim(struct zring_injector *injector)
{
	if (injector->tail != injector->head || zr_injector_is_reserved(injector))
		return;
	injector->head = (injector->head + injector->nr_slots - 1) & ~(injector->nr_slots - 1ull);
	injector->taken = injector->head;
	injector->tail = injector->head;
}

const struct zr_injector_ops zr_tx_mmsg_ops = {
	.transmit = transmit,
	.reclaim = reclaim,
	.offload = zr_tx_offload,
	.burst = zr_tx_burst,
	.mtu = zr_tx_mtu,
	.close = zr_tx_close,
};
