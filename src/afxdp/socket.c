/* SPDX-License-Identifier: BSD-2-Clause */
/* Opening and closing AF_XDP sockets: the ladder of modes, the rings, what comes with them. */
#include "socket.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "../core/diag.h"
#include "../core/options.h"
#include "../core/watch.h"
#include "../syscall.h"
#include "steps.h"

#define DEFAULT_ENTRIES 2048u
#define MAX_ENTRIES     (1u << 22)
#define MAX_SOCKETS     UINT8_MAX /* of a umem, 0 is nobody */
#define ETHERNET_BYTES  14u

/* The kernel frees queues and memory asynchronously: 3 to 25 ms after the close were seen. */
#define RELEASE_NS UINT64_C(300000000)
#define RETRY_NS   UINT64_C(2000000)

#ifndef SO_PREFER_BUSY_POLL
#define SO_PREFER_BUSY_POLL 69
#define SO_BUSY_POLL_BUDGET 70
#endif

static uint32_t round_up_to_power(uint32_t value)
{
	return value < 2 ? value : 1u << (32 - __builtin_clz(value - 1));
}

static bool receives(const struct zring_xdp *xdp)
{
	return xdp->info.use != ZRING_XDP_TX;
}

static bool sends(const struct zring_xdp *xdp)
{
	return xdp->info.use != ZRING_XDP_RX;
}

static bool is_ring_size(uint32_t entries)
{
	return entries <= MAX_ENTRIES && !(entries & (entries - 1));
}

static int check_options(const struct zring_xdp_options *options, struct zring_diag *diag)
{
	if (options->mode > ZRING_XDP_MODE_GENERIC || options->use > ZRING_XDP_TX ||
	    options->multi_buffer > 1 || options->promiscuous > 1 || options->paused > 1 ||
	    options->busy_poll_us > INT32_MAX || options->busy_poll_budget > UINT16_MAX ||
	    memcmp(options->reserved, (uint8_t[5]){0}, sizeof(options->reserved)) != 0)
		return zr_fail(
			diag, -EINVAL, "options",
			"mode, use, multi_buffer, promiscuous, paused, busy_poll or reserved "
			"is out of range: see struct zring_xdp_options");
	if (!is_ring_size(options->rx_entries) || !is_ring_size(options->tx_entries) ||
	    !is_ring_size(options->fill_entries) || !is_ring_size(options->completion_entries))
		return zr_fail(diag, -EINVAL, "options",
			       "the entries of a ring are a power of two, at most %u", MAX_ENTRIES);
	if (options->program && options->filter)
		return zr_fail(diag, -EINVAL, "options",
			       "a filter belongs to the program: give it to "
			       "zring_xdp_program_open()");
	return 0;
}

/* The kernel takes a TX queue that is not in use and never sends from it. */
static int check_queue(const struct zring_xdp *xdp, const struct zring_interface *interface,
		       struct zring_diag *diag)
{
	const uint32_t queue = xdp->info.queue;

	if (receives(xdp) && queue >= interface->nr_rx_queues)
		return zr_fail(diag, -EINVAL, "queue",
			       "%s has %u receive queues, there is no queue %u: see `ethtool -l`",
			       interface->name, interface->nr_rx_queues, queue);
	if (sends(xdp) && queue >= interface->nr_tx_queues)
		return zr_fail(diag, -EINVAL, "queue",
			       "%s has %u transmit queues, there is no queue %u: see `ethtool -l`",
			       interface->name, interface->nr_tx_queues, queue);
	return 0;
}

static int open_socket(struct zring_xdp *xdp, struct zring_diag *diag)
{
	const int fd = zr_socket(AF_XDP, SOCK_RAW, 0);

	if (fd == -EPERM || fd == -EACCES)
		return zr_fail(diag, fd, "socket",
			       "AF_XDP sockets need CAP_NET_RAW: run as root, or `setcap "
			       "cap_net_raw,cap_net_admin,cap_bpf+ep PROGRAM`");
	if (fd == -EAFNOSUPPORT)
		return zr_fail(diag, fd, "socket",
			       "this kernel has no AF_XDP sockets (CONFIG_XDP_SOCKETS)");
	if (fd < 0)
		return zr_fail(diag, fd, "socket", "AF_XDP socket: %s", strerror(-fd));
	xdp->fd = fd;
	return 0;
}

/* ---- the UMEM ---- */

/* The locked memory of a umem that was closed a moment ago is still accounted for. */
static int register_patiently(const struct zring_xdp *xdp, const struct zr_xdp_umem_reg *request)
{
	const uint64_t start_ns = zr_now_ns();
	int err;

	for (;;) {
		err = zr_setsockopt(xdp->fd, SOL_XDP, XDP_UMEM_REG, request, sizeof(*request));
		if (err != -ENOBUFS || zr_now_ns() - start_ns >= RELEASE_NS)
			return err;
		zr_sleep_until(zr_now_ns() + RETRY_NS);
	}
}

static int register_umem(const struct zring_xdp *xdp, struct zring_diag *diag)
{
	const struct zring_umem *umem = xdp->umem;
	const struct zr_xdp_umem_reg request = {
		.address = (uintptr_t)umem->window.data,
		.len = umem->bytes,
		.chunk_bytes = umem->chunk_bytes,
		.headroom_bytes = umem->info.headroom_bytes,
		.flags = (umem->info.unaligned ? XDP_UMEM_UNALIGNED_CHUNK_FLAG : 0u) |
			 (umem->info.tx_metadata ? XDP_UMEM_TX_METADATA_LEN : 0u) |
			 (umem->info.tx_software_checksum ? XDP_UMEM_TX_SW_CSUM : 0u),
		.tx_metadata_bytes = umem->info.tx_metadata ? ZRING_XDP_TX_REQUEST_BYTES : 0,
	};
	const int err = register_patiently(xdp, &request);

	if (err == -ENOBUFS)
		return zr_fail(diag, err, "XDP_UMEM_REG",
			       "%llu bytes are more than RLIMIT_MEMLOCK allows: raise it (`ulimit "
			       "-l`), give CAP_IPC_LOCK, or take fewer chunks",
			       (unsigned long long)umem->bytes);
	if (err == -EINVAL && umem->info.tx_metadata)
		return zr_fail(
			diag, -ENOTSUP, "XDP_UMEM_REG",
			"this kernel has no offloads for AF_XDP sends (Linux 6.11): open the "
			"umem without tx_metadata");
	return err ? zr_fail(diag, err, "XDP_UMEM_REG", "%u chunks of %u bytes: %s",
			     umem->nr_chunks, umem->chunk_bytes, strerror(-err))
		   : 0;
}

/* One that is bound already: who shares names a socket, not the memory. */
static const struct zring_xdp *lender(const struct zring_xdp *xdp)
{
	return xdp->umem->sockets;
}

static int join_umem(struct zring_xdp *xdp, struct zring_diag *diag)
{
	bool used[MAX_SOCKETS + 1] = {true};

	for (const struct zring_xdp *other = xdp->umem->sockets; other; other = other->next) {
		if (other->info.ifindex == xdp->info.ifindex &&
		    other->info.queue == xdp->info.queue)
			return zr_fail(diag, -EBUSY, "umem",
				       "queue %u of %s has a socket on this umem already: one is "
				       "enough for both directions",
				       xdp->info.queue, xdp->info.interface);
		used[other->number] = true;
	}
	for (uint32_t number = 1; number <= MAX_SOCKETS; number++)
		if (!used[number]) {
			xdp->number = (uint8_t)number;
			xdp->info.shared = lender(xdp) != NULL;
			return 0;
		}
	return zr_fail(diag, -EBUSY, "umem", "a umem serves at most %u sockets", MAX_SOCKETS);
}

/* ---- the rings ---- */

static int map_ring(struct zr_ring *ring, int fd, uint32_t entries, size_t entry_bytes,
		    const struct xdp_ring_offset *offset, uint64_t page_offset)
{
	const size_t bytes = (size_t)offset->desc + entries * entry_bytes;
	const int flags = MAP_SHARED | MAP_POPULATE;
	void *mapping;
	const int err =
		zr_mmap(bytes, PROT_READ | PROT_WRITE, flags, fd, (off_t)page_offset, &mapping);

	if (err)
		return err;
	*ring = (struct zr_ring){
		.mask = entries - 1,
		.nr_entries = entries,
		.producer = (uint32_t *)((uint8_t *)mapping + offset->producer),
		.consumer = (uint32_t *)((uint8_t *)mapping + offset->consumer),
		.flags = (uint32_t *)((uint8_t *)mapping + offset->flags),
		.entries = (uint8_t *)mapping + offset->desc,
		.mapping = mapping,
		.mapping_bytes = bytes,
	};
	return 0;
}

static void unmap_ring(struct zr_ring *ring)
{
	if (ring->mapping)
		zr_munmap(ring->mapping, ring->mapping_bytes);
	*ring = (struct zr_ring){0};
}

static int make_ring(const struct zring_xdp *xdp, int name, const char *what, uint32_t entries,
		     struct zring_diag *diag)
{
	const int err = zr_setsockopt_int(xdp->fd, SOL_XDP, name, (int)entries);

	return err ? zr_fail(diag, err, what, "%u entries: %s", entries, strerror(-err)) : 0;
}

static int make_rings(const struct zring_xdp *xdp, struct zring_diag *diag)
{
	const struct zring_xdp_info *info = &xdp->info;
	int err = 0;

	if (receives(xdp))
		err = make_ring(xdp, XDP_RX_RING, "XDP_RX_RING", info->rx_entries, diag);
	if (!err && sends(xdp))
		err = make_ring(xdp, XDP_TX_RING, "XDP_TX_RING", info->tx_entries, diag);
	/* The kernel wants both of these from every socket (xsk_validate_queues). */
	if (!err)
		err = make_ring(xdp, XDP_UMEM_FILL_RING, "XDP_UMEM_FILL_RING", info->fill_entries,
				diag);
	if (!err)
		err = make_ring(xdp, XDP_UMEM_COMPLETION_RING, "XDP_UMEM_COMPLETION_RING",
				info->completion_entries, diag);
	return err;
}

static int map_rings(struct zring_xdp *xdp, struct zring_diag *diag)
{
	const struct zring_xdp_info *info = &xdp->info;
	const size_t desc = sizeof(struct zring_xdp_desc), address = sizeof(uint64_t);
	struct xdp_mmap_offsets offsets;
	int err = zr_getsockopt(xdp->fd, SOL_XDP, XDP_MMAP_OFFSETS, &offsets, sizeof(offsets));

	if (!err && receives(xdp))
		err = map_ring(&xdp->rx, xdp->fd, info->rx_entries, desc, &offsets.rx,
			       XDP_PGOFF_RX_RING);
	if (!err && sends(xdp))
		err = map_ring(&xdp->tx, xdp->fd, info->tx_entries, desc, &offsets.tx,
			       XDP_PGOFF_TX_RING);
	if (!err)
		err = map_ring(&xdp->fill, xdp->fd, info->fill_entries, address, &offsets.fr,
			       XDP_UMEM_PGOFF_FILL_RING);
	if (!err)
		err = map_ring(&xdp->completion, xdp->fd, info->completion_entries, address,
			       &offsets.cr, XDP_UMEM_PGOFF_COMPLETION_RING);
	return err ? zr_fail(diag, err, "mmap", "the rings: %s", strerror(-err)) : 0;
}

/* How many chunks the open gives to the kernel, and how large the rings are. */
static void plan_rings(struct zring_xdp *xdp, const struct zring_xdp_options *options)
{
	struct zring_xdp_info *info = &xdp->info;
	const uint32_t nr_free = xdp->umem->nr_free;
	uint32_t chunks = options->rx_chunks;

	if (chunks == UINT32_MAX || !receives(xdp))
		chunks = 0;
	else if (!chunks)
		chunks = sends(xdp) ? nr_free / 2 : nr_free;
	info->rx_chunks = chunks < nr_free ? chunks : nr_free;
	info->rx_entries = options->rx_entries ? options->rx_entries : DEFAULT_ENTRIES;
	info->tx_entries = options->tx_entries ? options->tx_entries : DEFAULT_ENTRIES;
	info->fill_entries = options->fill_entries ? options->fill_entries
			     : info->rx_chunks     ? round_up_to_power(2 * info->rx_chunks)
						   : DEFAULT_ENTRIES;
	info->completion_entries = options->completion_entries ? options->completion_entries
							       : info->tx_entries;
	if (info->rx_chunks > info->fill_entries)
		info->rx_chunks = info->fill_entries;
}

/* The first chunks are there before the first packet is. */
static void prefill(struct zring_xdp *xdp)
{
	const uint32_t nr = xdp->info.rx_chunks;

	for (uint32_t i = 0; i < nr; i++) {
		uint64_t address;
		uint64_t chunk;

		zring_umem_alloc(xdp->umem, &address, 1);
		chunk = zr_umem_chunk(xdp->umem, address);
		xdp->umem->chunks[chunk] = (struct zr_chunk){ZRING_CHUNK_FILL, xdp->number};
		*zr_ring_address(&xdp->fill, i) = address;
	}
	zr_ring_room(&xdp->fill, nr);
	zr_ring_publish(&xdp->fill, nr);
	xdp->counters.filled = nr;
}

/* ---- bind ---- */

/* Waits for a queue that was closed a moment ago. */
static int bind_patiently(const struct zring_xdp *xdp, const struct sockaddr_xdp *address)
{
	const uint64_t start_ns = zr_now_ns();
	int err;

	for (;;) {
		err = zr_bind(xdp->fd, address, sizeof(*address));
		if (err != -EBUSY || zr_now_ns() - start_ns >= RELEASE_NS)
			return err;
		zr_sleep_until(zr_now_ns() + RETRY_NS);
	}
}

static int bind_as(struct zring_xdp *xdp, uint16_t mode_flag)
{
	struct sockaddr_xdp address = {
		.sxdp_family = AF_XDP,
		.sxdp_ifindex = xdp->info.ifindex,
		.sxdp_queue_id = xdp->info.queue,
	};

	/* Who shares a umem takes over mode and flags: no other flag is allowed beside it. */
	if (xdp->info.shared) {
		address.sxdp_flags = XDP_SHARED_UMEM;
		address.sxdp_shared_umem_fd = (uint32_t)lender(xdp)->fd;
	} else {
		address.sxdp_flags = (uint16_t)(mode_flag | XDP_USE_NEED_WAKEUP |
						(xdp->info.multi_buffer ? XDP_USE_SG : 0));
	}
	return bind_patiently(xdp, &address);
}

static int refuse_bind(const struct zring_xdp *xdp, uint32_t mode, int err, struct zring_diag *diag)
{
	const struct zring_xdp_info *info = &xdp->info;

	if (err == -EBUSY)
		return zr_fail(
			diag, err, "bind",
			"queue %u of %s has an AF_XDP socket of somebody else: `ss --xdp -p` "
			"names the process",
			info->queue, info->interface);
	if (err == -EOPNOTSUPP)
		return zr_fail(
			diag, err, "bind",
			"driver %s has no zero-copy for queue %u of %s%s: ask for another mode",
			info->driver[0] ? info->driver : "?", info->queue, info->interface,
			info->shared ? ", which the umem's first socket uses" : "");
	if (err == -EINVAL && info->multi_buffer)
		return zr_fail(diag, err, "bind",
			       "queue %u of %s: this kernel or driver takes no frames in several "
			       "chunks (Linux 6.6)",
			       info->queue, info->interface);
	return zr_fail(diag, err == -ENXIO ? -ENODEV : err, "bind", "queue %u of %s, mode %u: %s",
		       info->queue, info->interface, mode, strerror(-err));
}

/* Zero-copy needs the driver's own hook; only an answer of the kernel tells whether it has it. */
static int bind_socket(struct zring_xdp *xdp, uint32_t mode, struct zring_diag *diag)
{
	const bool generic = xdp->program && xdp->program->info.mode == ZRING_XDP_MODE_GENERIC;
	const bool ladder = mode == ZRING_XDP_MODE_AUTO && !generic && !xdp->info.shared &&
			    !xdp->umem->info.tx_software_checksum;
	char *steps = xdp->info.steps;
	int err;

	if (ladder || mode == ZRING_XDP_MODE_ZEROCOPY) {
		err = bind_as(xdp, XDP_ZEROCOPY);
		if (!err || !ladder || err == -EBUSY)
			return err ? refuse_bind(xdp, mode, err, diag) : 0;
		zr_step(steps, sizeof(xdp->info.steps), "zero-copy",
			err == -EOPNOTSUPP ? "the driver has none" : strerror(-err));
	}
	err = bind_as(xdp, XDP_COPY);
	return err ? refuse_bind(xdp, mode, err, diag) : 0;
}

/* What holds, asked of the kernel and not remembered from what was asked for. */
static int read_mode(struct zring_xdp *xdp, uint32_t wanted, struct zring_diag *diag)
{
	struct xdp_options options = {0};
	const int err = zr_getsockopt(xdp->fd, SOL_XDP, XDP_OPTIONS, &options, sizeof(options));
	int attached;

	if (err)
		return zr_fail(diag, err, "XDP_OPTIONS", "%s", strerror(-err));
	xdp->zero_copy = options.flags & XDP_OPTIONS_ZEROCOPY;
	attached = xdp->program ? zr_program_ops->attached_mode(xdp->program) : 0;
	if (xdp->zero_copy)
		xdp->info.mode = ZRING_XDP_MODE_ZEROCOPY;
	else if (attached > 0)
		xdp->info.mode = (uint32_t)attached;
	else /* without a program there is nothing to tell the two copying modes apart by */
		xdp->info.mode = wanted == ZRING_XDP_MODE_GENERIC ? ZRING_XDP_MODE_GENERIC
								  : ZRING_XDP_MODE_NATIVE;
	if (wanted != ZRING_XDP_MODE_AUTO && wanted != xdp->info.mode)
		return zr_fail(diag, -EOPNOTSUPP, "XDP_OPTIONS",
			       "mode %u was asked for, and the %s makes it %u", wanted,
			       xdp->info.shared ? "umem's first socket" : "attached program",
			       xdp->info.mode);
	return 0;
}

/* ---- what comes with the socket ---- */

static int take_program(struct zring_xdp *xdp, const struct zring_xdp_options *options,
			struct zring_diag *diag)
{
	const struct zring_xdp_program_options own = {
		.size = sizeof(own),
		.mode = options->mode,
		.multi_buffer = options->multi_buffer,
		.filter = options->filter,
	};
	int err = 0;

	if (!receives(xdp))
		return 0;
	if (options->program) {
		if (options->program->info.ifindex != xdp->info.ifindex)
			return zr_fail(diag, -EINVAL, "options", "the program is attached to %s",
				       options->program->info.interface);
		xdp->program = options->program;
	} else {
		err = zr_program_ops->open(xdp->info.interface, &own, diag, &xdp->program);
		xdp->owns_program = !err;
	}
	if (err)
		return err;
	xdp->info.program_id = xdp->program->info.id;
	snprintf(xdp->info.steps, sizeof(xdp->info.steps), "%s", xdp->program->info.steps);
	return 0;
}

/* The kernel polls only a queue with a NAPI id (veth's have none): ask what it made of it. */
static void set_busy_poll(struct zring_xdp *xdp, const struct zring_xdp_options *options)
{
	struct zring_xdp_info *info = &xdp->info;
	int napi = 0, us = 0, budget = 0;

	if (!options->busy_poll_us)
		return;
	if (zr_setsockopt_int(xdp->fd, SOL_SOCKET, SO_PREFER_BUSY_POLL, 1) ||
	    zr_setsockopt_int(xdp->fd, SOL_SOCKET, SO_BUSY_POLL, (int)options->busy_poll_us) ||
	    (options->busy_poll_budget &&
	     zr_setsockopt_int(xdp->fd, SOL_SOCKET, SO_BUSY_POLL_BUDGET,
			       (int)options->busy_poll_budget))) {
		zr_step(info->steps, sizeof(info->steps), "busy polling", "needs CAP_NET_ADMIN");
	} else if (zr_getsockopt(xdp->fd, SOL_SOCKET, SO_INCOMING_NAPI_ID, &napi, sizeof(napi)) ||
		   !napi) {
		zr_step(info->steps, sizeof(info->steps), "busy polling",
			"the queue has no NAPI to poll");
	} else if (!zr_getsockopt(xdp->fd, SOL_SOCKET, SO_BUSY_POLL, &us, sizeof(us)) &&
		   !zr_getsockopt(xdp->fd, SOL_SOCKET, SO_BUSY_POLL_BUDGET, &budget,
				  sizeof(budget))) {
		info->busy_poll_us = (uint32_t)us;
		info->busy_poll_budget = (uint32_t)budget;
		return;
	}
	/* Half of it would only stop the driver's interrupts from being wanted. */
	zr_setsockopt_int(xdp->fd, SOL_SOCKET, SO_PREFER_BUSY_POLL, 0);
	zr_setsockopt_int(xdp->fd, SOL_SOCKET, SO_BUSY_POLL, 0);
}

static int open_watch(struct zring_xdp *xdp, const struct zring_xdp_options *options,
		      struct zring_diag *diag)
{
	const int fd = zr_watch_open(xdp->info.ifindex);
	int err;

	if (fd < 0)
		return zr_fail(diag, fd == -ENXIO ? -ENODEV : fd, "watch", "%s: %s",
			       xdp->info.interface, strerror(-fd));
	xdp->watch_fd = fd;
	err = options->promiscuous ? zr_watch_promiscuous(fd, xdp->info.ifindex) : 0;
	xdp->info.promiscuous = options->promiscuous;
	return err ? zr_fail(diag, err, "PACKET_MR_PROMISC", "%s: %s", xdp->info.interface,
			     strerror(-err))
		   : 0;
}

static void describe(struct zring_xdp *xdp, const struct zring_interface *interface,
		     const struct zring_xdp_options *options)
{
	struct zring_xdp_info *info = &xdp->info;

	memcpy(info->interface, interface->name, sizeof(info->interface));
	memcpy(info->driver, interface->driver, sizeof(info->driver));
	info->ifindex = interface->index;
	info->mtu = interface->mtu;
	info->queue = options->queue;
	info->use = options->use;
	info->multi_buffer = options->multi_buffer;
	info->need_wakeup = 1;
	xdp->max_len = ETHERNET_BYTES + interface->mtu;
	plan_rings(xdp, options);
}

int zring_xdp_start(struct zring_xdp *xdp, struct zring_diag *diag)
{
	const int err = xdp->program
				? zr_program_ops->set_socket(xdp->program, xdp->info.queue, xdp->fd)
				: 0;

	return err ? zr_fail(diag, err, "XSKMAP", "queue %u: %s", xdp->info.queue, strerror(-err))
		   : 0;
}

/* From the bare socket to packets, each step named; the first packet can come with the last one. */
static int build(struct zring_xdp *xdp, const char *interface,
		 const struct zring_xdp_options *options, struct zring_diag *diag)
{
	struct zring_interface found;
	int err = check_options(options, diag);

	if (!err)
		err = zring_interface_get(interface, diag, &found);
	if (err)
		return err;
	describe(xdp, &found, options);
	err = check_queue(xdp, &found, diag);
	if (!err)
		err = join_umem(xdp, diag);
	if (!err)
		err = open_socket(xdp, diag);
	if (!err)
		err = take_program(xdp, options, diag);
	if (!err && !xdp->info.shared)
		err = register_umem(xdp, diag);
	if (!err)
		err = make_rings(xdp, diag);
	if (!err)
		err = map_rings(xdp, diag);
	if (err)
		return err;
	prefill(xdp);
	err = bind_socket(xdp, options->mode, diag);
	if (!err)
		err = read_mode(xdp, options->mode, diag);
	if (!err)
		err = open_watch(xdp, options, diag);
	if (err)
		return err;
	set_busy_poll(xdp, options);
	/* As many frames a kick as the ring holds; before Linux 6.18 it is 32. */
	if (sends(xdp))
		zr_setsockopt_int(xdp->fd, SOL_XDP, ZR_XDP_MAX_TX_SKB_BUDGET,
				  (int)xdp->info.tx_entries);
	return options->paused ? 0 : zring_xdp_start(xdp, diag);
}

int zring_xdp_open(const char *interface, struct zring_umem *umem,
		   const struct zring_xdp_options *options, struct zring_diag *diag,
		   struct zring_xdp **ret_xdp)
{
	struct zring_xdp_options complete;
	struct zring_xdp *xdp;
	int err = zr_options_read(options, sizeof(complete), &complete, diag);

	if (err)
		return err;
	xdp = calloc(1, sizeof(*xdp));
	if (!xdp)
		return zr_fail(diag, -ENOMEM, "memory", "no memory for a socket");
	xdp->umem = umem;
	xdp->fd = -1;
	xdp->watch_fd = -1;
	err = build(xdp, interface, &complete, diag);
	if (err) {
		zring_xdp_close(xdp);
		return err;
	}
	xdp->next = umem->sockets;
	umem->sockets = xdp;
	*ret_xdp = xdp;
	return 0;
}

static void leave_umem(struct zring_xdp *xdp)
{
	for (struct zring_xdp **at = &xdp->umem->sockets; *at; at = &(*at)->next)
		if (*at == xdp) {
			*at = xdp->next;
			break;
		}
	if (xdp->number)
		zr_umem_reclaim(xdp->umem, xdp->number);
}

void zring_xdp_close(struct zring_xdp *xdp)
{
	if (!xdp)
		return;
	unmap_ring(&xdp->completion);
	unmap_ring(&xdp->fill);
	unmap_ring(&xdp->tx);
	unmap_ring(&xdp->rx);
	/* The program first: packets go to the stack again and none is lost in between. */
	if (xdp->owns_program)
		zr_program_ops->close(xdp->program);
	if (xdp->watch_fd >= 0)
		zr_close(xdp->watch_fd);
	if (xdp->fd >= 0)
		zr_close(xdp->fd);
	leave_umem(xdp);
	free(xdp);
}

int zring_xdp_fd(const struct zring_xdp *xdp)
{
	return xdp->fd;
}

void zring_xdp_get_info(const struct zring_xdp *xdp, struct zring_xdp_info *ret_info)
{
	*ret_info = xdp->info;
}

int zr_xdp_check(struct zring_xdp *xdp)
{
	return zr_watch_check(xdp->watch_fd, xdp->info.ifindex);
}
