/* SPDX-License-Identifier: BSD-2-Clause */
#include "bare_xsk.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <linux/if_link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "xskall.skel.h"

#ifndef XDP_MAX_TX_SKB_BUDGET
#define XDP_MAX_TX_SKB_BUDGET 9 /* Linux 6.18 */
#endif

static int open_memory(struct xsk *xsk, enum xsk_use use, uint32_t largest)
{
	/* What the UMEM counts against, unless CAP_IPC_LOCK is there. */
	const struct rlimit unlimited = {RLIM_INFINITY, RLIM_INFINITY};
	void *memory;

	setrlimit(RLIMIT_MEMLOCK, &unlimited);
	xsk->chunk_bytes = largest + XSK_HEADROOM > XSK_SMALL ? XSK_LARGE : XSK_SMALL;
	/* The ring's entries bound what can be out; half of 8 MiB leaves room beside another. */
	xsk->nr_chunks = use == XSK_TX ? XSK_RING : XSK_CHUNKS;
	xsk->memory_bytes = (size_t)xsk->nr_chunks * xsk->chunk_bytes;
	memory = mmap(NULL, xsk->memory_bytes, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (memory == MAP_FAILED)
		return -errno;
	xsk->memory = memory;
	return 0;
}

/* A link and not a netlink attach: it goes away with this process, however that ends. */
static int attach(struct xsk *xsk, const struct link *link)
{
	static const struct {
		uint32_t flags;
		const char *mode;
	} modes[] = {{XDP_FLAGS_DRV_MODE, "native"}, {XDP_FLAGS_SKB_MODE, "generic"}};
	const int program = bpf_program__fd(xsk->program->progs.xskall);
	int fd = -EOPNOTSUPP;

	for (size_t i = 0; i < 2 && fd == -EOPNOTSUPP; i++) {
		const struct bpf_link_create_opts options = {
			.sz = sizeof(options),
			.flags = modes[i].flags,
		};

		xsk->mode = modes[i].mode;
		fd = bpf_link_create(program, link->index, BPF_XDP, &options);
		if (fd < 0)
			fd = -errno;
	}
	if (fd < 0)
		return fd;
	xsk->program_link = fd;
	return 0;
}

static int open_program(struct xsk *xsk, const struct link *link)
{
	int err;

	libbpf_set_print(NULL);
	xsk->program = xskall__open_and_load();
	if (!xsk->program)
		return -errno;
	err = attach(xsk, link);
	for (int i = 0; err == -EBUSY && i < XSK_RETRIES; i++) {
		cpu_sleep_ns(XSK_RETRY_NS);
		err = attach(xsk, link);
	}
	return err;
}

static int open_rings(struct xsk *xsk, const struct link *link, enum xsk_use use)
{
	const struct xsk_umem_config umem = {
		.fill_size = XSK_CHUNKS,
		.comp_size = XSK_RING,
		.frame_size = xsk->chunk_bytes,
	};
	const struct xsk_socket_config config = {
		.rx_size = XSK_RING,
		.tx_size = XSK_RING,
		.libxdp_flags = XSK_LIBXDP_FLAGS__INHIBIT_PROG_LOAD,
		.bind_flags = XDP_USE_NEED_WAKEUP,
	};
	int err = xsk_umem__create(&xsk->umem, xsk->memory, xsk->memory_bytes, &xsk->fill,
				   &xsk->completion, &umem);

	if (err)
		return err;
	err = xsk_socket__create(&xsk->socket, link->name, 0, xsk->umem,
				 use == XSK_TX ? NULL : &xsk->rx, use == XSK_RX ? NULL : &xsk->tx,
				 &config);
	if (err) {
		xsk_umem__delete(xsk->umem);
		xsk->umem = NULL;
		return err;
	}
	xsk->fd = xsk_socket__fd(xsk->socket);
	/* As many frames a kick as the ring holds, where the kernel can; else they are 32. */
	setsockopt(xsk->fd, SOL_XDP, XDP_MAX_TX_SKB_BUDGET, &config.tx_size,
		   sizeof(config.tx_size));
	return 0;
}

static void fill_first(struct xsk *xsk, uint32_t nr)
{
	uint32_t at;

	if (xsk_ring_prod__reserve(&xsk->fill, nr, &at) != nr)
		return;
	for (uint32_t i = 0; i < nr; i++)
		*xsk_ring_prod__fill_addr(&xsk->fill, at + i) = (uint64_t)i * xsk->chunk_bytes;
	xsk_ring_prod__submit(&xsk->fill, nr);
}

static int open_socket(struct xsk *xsk, const struct link *link, enum xsk_use use)
{
	int err = open_rings(xsk, link, use);

	/* The kernel lets go of the queue and of the locked memory some time after a close. */
	for (int i = 0; (err == -EBUSY || err == -ENOBUFS) && i < XSK_RETRIES; i++) {
		cpu_sleep_ns(XSK_RETRY_NS);
		err = open_rings(xsk, link, use);
	}
	if (!err && use != XSK_TX)
		fill_first(xsk, use == XSK_RX ? XSK_CHUNKS : XSK_CHUNKS / 2);
	return err;
}

static int admit(const struct xsk *xsk)
{
	const uint32_t queue = 0;

	return bpf_map_update_elem(bpf_map__fd(xsk->program->maps.sockets), &queue, &xsk->fd,
				   BPF_ANY) < 0
		       ? -errno
		       : 0;
}

int xsk_open(struct child_side *side, const struct link *link, enum xsk_use use, uint32_t largest,
	     struct xsk *ret_xsk)
{
	struct xsk xsk = {.fd = -1, .program_link = -1, .mode = ""};
	const char *cure = "CAP_NET_RAW, CAP_NET_ADMIN and CAP_BPF are needed, and nobody else on "
			   "that queue";
	const char *step = "its memory";
	int err = open_memory(&xsk, use, largest);

	if (!err) {
		step = "the socket on queue 0";
		err = open_socket(&xsk, link, use);
	}
	if (!err && use != XSK_TX) {
		step = "the XDP program";
		err = open_program(&xsk, link);
		if (!err)
			err = admit(&xsk);
	}
	if (err == -ENOBUFS)
		cure = "its chunks are more than RLIMIT_MEMLOCK allows: raise it (`ulimit -l`)";
	if (err) {
		child_fail(side, err, "bare AF_XDP on %s: %s: %s; %s", link->name, step,
			   strerror(-err), cure);
		xsk_close(&xsk);
		return err;
	}
	*ret_xsk = xsk;
	return 0;
}

void xsk_note(const struct xsk *xsk, char *note, size_t note_bytes)
{
	struct xdp_options options = {0};
	socklen_t options_bytes = sizeof(options);
	const char *zerocopy = "copy";

	if (getsockopt(xsk->fd, SOL_XDP, XDP_OPTIONS, &options, &options_bytes) == 0 &&
	    options.flags & XDP_OPTIONS_ZEROCOPY)
		zerocopy = "zero-copy";
	snprintf(note, note_bytes, "%s%s%s, %u chunks of %u bytes", xsk->mode,
		 xsk->mode[0] ? " " : "", zerocopy, xsk->nr_chunks, xsk->chunk_bytes);
}

void xsk_close(struct xsk *xsk)
{
	if (xsk->program_link >= 0)
		close(xsk->program_link);
	xskall__destroy(xsk->program);
	if (xsk->socket)
		xsk_socket__delete(xsk->socket);
	if (xsk->umem)
		xsk_umem__delete(xsk->umem);
	if (xsk->memory)
		munmap(xsk->memory, xsk->memory_bytes);
}
