/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A bare AF_XDP socket as programs have it that are written against libxdp: one
 * queue, one UMEM. What the baselines of the afxdp rows run on; as little code as
 * such a loop needs.
 */
#ifndef BENCH_BARE_XSK_H
#define BENCH_BARE_XSK_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <xdp/xsk.h>

#include "child.h"
#include "link.h"

/* Sizes of the library's default, so that both sides have the same room. */
#define XSK_CHUNKS   4096u
#define XSK_RING     2048u
#define XSK_BATCH    64u
#define XSK_HEADROOM 256u  /* the kernel's, in front of a frame that is received */
#define XSK_SMALL    2048u /* bytes of a chunk */
#define XSK_LARGE    4096u
#define XSK_RETRY_NS 5000000u
#define XSK_RETRIES  200 /* 1 s */

enum xsk_use {
	XSK_RX,   /* all chunks to receive into */
	XSK_TX,   /* no program, all chunks to send */
	XSK_ECHO, /* half of them to receive into; what was received is sent */
};

struct xsk {
	struct xsk_ring_cons rx;
	struct xsk_ring_prod tx;
	struct xsk_ring_prod fill;
	struct xsk_ring_cons completion;
	uint8_t *memory;
	size_t memory_bytes;
	uint32_t nr_chunks;
	uint32_t chunk_bytes;
	int fd;
	struct xsk_umem *umem;
	struct xsk_socket *socket;
	struct xskall *program;
	int program_link; /* fd, -1: none */
	const char *mode; /* "native" or "generic", "" without a program */
};

/* Frames up to @largest bytes. 0, or -errno after child_fail(). */
int xsk_open(struct child_side *side, const struct link *link, enum xsk_use use, uint32_t largest,
	     struct xsk *ret_xsk);
void xsk_close(struct xsk *xsk);

/* "native copy, 4096 chunks of 2048 bytes" */
void xsk_note(const struct xsk *xsk, char *note, size_t note_bytes);

/*
 * One kick: 0 the kernel took all that the TX ring holds, -EAGAIN not yet (it has a
 * budget, and completions may have to be taken first), or -errno.
 */
static inline int xsk_kick(const struct xsk *xsk)
{
	if (sendto(xsk->fd, NULL, 0, MSG_DONTWAIT, NULL, 0) >= 0)
		return 0;
	return errno == EBUSY || errno == ENOBUFS || errno == EINTR ? -EAGAIN : -errno;
}

static inline uint8_t *xsk_data(const struct xsk *xsk, uint64_t address)
{
	return xsk->memory + address;
}

#endif
