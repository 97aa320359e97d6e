/* SPDX-License-Identifier: BSD-2-Clause */
/* The played kernel's AF_XDP sockets from socket() to bind(), and the program that needs no bpf(2).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sim_xdp_internal.h"

#include "afxdp/program.h"
#include "afxdp/socket.h"
#include "core/diag.h"

#define PROGRAM_ID 77u

static bool is_power_of_two(uint32_t value)
{
	return value && !(value & (value - 1));
}

static uint32_t nr_queues(void)
{
	return sim.config.xdp->nr_queues ? sim.config.xdp->nr_queues : 1;
}

void sim_xdp_new(struct sim_fd *file)
{
	file->xdp = calloc(1, sizeof(*file->xdp));
	SIM_CHECK(file->xdp, "out of memory");
	file->xdp->random = ~sim.config.seed;
}

void sim_xdp_end(struct sim_xdp *socket)
{
	for (int i = 0; i < SIM_XDP_RINGS; i++)
		SIM_CHECK(!socket->rings[i].memory, "closed while ring %d is mapped", i);
	SIM_CHECK(!socket->has_thread, "the completing thread still runs");
	free(socket->queue_of_sent);
	free(socket->held);
	free(socket);
}

/* ---- options ---- */

/* xdp_umem_reg(). The newest member is read when the caller's struct has it. */
static int register_umem(struct sim_xdp *socket, const void *value, socklen_t len)
{
	const uint32_t known = XDP_UMEM_UNALIGNED_CHUNK_FLAG | XDP_UMEM_TX_SW_CSUM |
			       (sim.config.xdp->without_metadata ? 0 : XDP_UMEM_TX_METADATA_LEN);
	struct zr_xdp_umem_reg request;

	SIM_CHECK(len == sizeof(request), "%u bytes", len);
	memcpy(&request, value, sizeof(request));
	SIM_CHECK(!socket->data, "a second umem");
	if (request.flags & ~known || request.chunk_bytes < 2048 ||
	    request.chunk_bytes > (uint32_t)sysconf(_SC_PAGESIZE) ||
	    (!is_power_of_two(request.chunk_bytes) &&
	     !(request.flags & XDP_UMEM_UNALIGNED_CHUNK_FLAG)) ||
	    request.address % (uint32_t)sysconf(_SC_PAGESIZE) || !request.len ||
	    request.headroom_bytes >= request.chunk_bytes - ZR_XDP_HEADROOM_BYTES)
		return sim_fail_with(EINVAL);
	socket->data = (uint8_t *)(uintptr_t)request.address;
	socket->bytes = request.len;
	socket->chunk_bytes = request.chunk_bytes;
	socket->headroom_bytes = request.headroom_bytes;
	socket->unaligned = request.flags & XDP_UMEM_UNALIGNED_CHUNK_FLAG;
	socket->owns_umem = true;
	return 0;
}

static int make_ring(struct sim_xdp *socket, enum sim_xdp_ring_name name, const void *value)
{
	uint32_t nr_entries;

	memcpy(&nr_entries, value, sizeof(nr_entries));
	if (!is_power_of_two(nr_entries))
		return sim_fail_with(EINVAL);
	SIM_CHECK(!socket->rings[name].nr_entries && !socket->bound, "ring %d again", name);
	socket->rings[name].nr_entries = nr_entries;
	if (name != SIM_XDP_COMPLETION)
		return 0;
	socket->queue_of_sent = calloc(nr_entries, sizeof(*socket->queue_of_sent));
	socket->held = calloc(nr_entries, sizeof(*socket->held));
	SIM_CHECK(socket->queue_of_sent && socket->held, "out of memory");
	return 0;
}

int sim_xdp_setsockopt(struct sim_xdp *socket, int name, const void *value, socklen_t len)
{
	switch (name) {
	case XDP_UMEM_REG:
		return register_umem(socket, value, len);
	case XDP_RX_RING:
		return make_ring(socket, SIM_XDP_RX, value);
	case XDP_TX_RING:
		return make_ring(socket, SIM_XDP_TX, value);
	case XDP_UMEM_FILL_RING:
		return make_ring(socket, SIM_XDP_FILL, value);
	case XDP_UMEM_COMPLETION_RING:
		return make_ring(socket, SIM_XDP_COMPLETION, value);
	default: /* XDP_MAX_TX_SKB_BUDGET comes with Linux 6.18 */
		return sim_fail_with(ENOPROTOOPT);
	}
}

static void copy_out(void *value, socklen_t room, const void *answer, size_t bytes)
{
	SIM_CHECK(room >= bytes, "%u bytes", room);
	memcpy(value, answer, bytes);
}

int sim_xdp_getsockopt(struct sim_xdp *socket, int name, void *value, socklen_t *len)
{
	const struct xdp_ring_offset place = {.producer = SIM_XDP_PRODUCER,
					      .consumer = SIM_XDP_CONSUMER,
					      .desc = SIM_XDP_ENTRIES,
					      .flags = SIM_XDP_FLAGS};
	const struct xdp_mmap_offsets offsets = {place, place, place, place};
	const struct xdp_options options = {.flags = socket->zero_copy ? XDP_OPTIONS_ZEROCOPY : 0};
	const struct xdp_statistics statistics = {
		.rx_dropped = zr_load_relaxed(&socket->nr_no_chunk),
		.rx_invalid_descs = zr_load_relaxed(&socket->nr_fill_invalid),
		.rx_ring_full = zr_load_relaxed(&socket->nr_ring_full),
		.rx_fill_ring_empty_descs = zr_load_relaxed(&socket->nr_fill_empty),
		.tx_ring_empty_descs = zr_load_relaxed(&socket->nr_tx_empty),
	};

	switch (name) {
	case XDP_MMAP_OFFSETS:
		copy_out(value, *len, &offsets, sizeof(offsets));
		return 0;
	case XDP_STATISTICS:
		copy_out(value, *len, &statistics, sizeof(statistics));
		return 0;
	case XDP_OPTIONS:
		copy_out(value, *len, &options, sizeof(options));
		return 0;
	default:
		return sim_fail_with(ENOPROTOOPT);
	}
}

/* ---- mapping ---- */

static int ring_at(off_t offset)
{
	switch ((uint64_t)offset) {
	case XDP_PGOFF_RX_RING:
		return SIM_XDP_RX;
	case XDP_PGOFF_TX_RING:
		return SIM_XDP_TX;
	case XDP_UMEM_PGOFF_FILL_RING:
		return SIM_XDP_FILL;
	case XDP_UMEM_PGOFF_COMPLETION_RING:
		return SIM_XDP_COMPLETION;
	default:
		return -1;
	}
}

void *sim_xdp_mmap(struct sim_xdp *socket, size_t len, off_t offset)
{
	const int name = ring_at(offset);
	struct sim_xdp_ring *ring = &socket->rings[name < 0 ? 0 : name];
	const size_t entry_bytes = name == SIM_XDP_RX || name == SIM_XDP_TX
					   ? sizeof(struct xdp_desc)
					   : sizeof(uint64_t);
	void *memory;

	if (name < 0 || !ring->nr_entries ||
	    len != SIM_XDP_ENTRIES + ring->nr_entries * entry_bytes)
		return sim_fail_with(EINVAL), (void *)-1;
	memory = sim_map(len);
	if (memory == (void *)-1)
		return memory;
	ring->memory = memory;
	ring->bytes = len;
	return memory;
}

void sim_xdp_munmap(struct sim_xdp *socket, const void *address, size_t len)
{
	for (int i = 0; i < SIM_XDP_RINGS; i++)
		if (address && socket->rings[i].memory == address) {
			SIM_CHECK(len == socket->rings[i].bytes, "unmaps %zu bytes", len);
			socket->rings[i].memory = NULL;
		}
	SIM_CHECK(!socket->owns_umem || address != socket->data || !socket->bound,
		  "the umem goes before its socket");
}

/* ---- bind ---- */

static struct sim_xdp *bound_to(uint32_t queue)
{
	for (int i = 0; i < SIM_MAX_FDS; i++)
		if (sim.fds[i].kind == SIM_FD_XDP && sim.fds[i].xdp->bound &&
		    sim.fds[i].xdp->queue == queue)
			return sim.fds[i].xdp;
	return NULL;
}

struct sim_xdp *sim_xdp_find(uint32_t queue)
{
	return bound_to(queue);
}

/* Who shares takes everything over; no other flag is allowed beside it (xsk_bind). */
static int share(struct sim_xdp *socket, const struct sockaddr_xdp *address)
{
	const struct sim_fd *file = sim_fd((int)address->sxdp_shared_umem_fd);

	if (address->sxdp_flags != XDP_SHARED_UMEM || file->kind != SIM_FD_XDP || socket->data ||
	    !file->xdp->bound || !file->xdp->data)
		return sim_fail_with(EINVAL);
	socket->data = file->xdp->data;
	socket->bytes = file->xdp->bytes;
	socket->chunk_bytes = file->xdp->chunk_bytes;
	socket->headroom_bytes = file->xdp->headroom_bytes;
	socket->unaligned = file->xdp->unaligned;
	socket->zero_copy = file->xdp->zero_copy;
	socket->pieces = file->xdp->pieces;
	return 0;
}

static int choose_mode(struct sim_xdp *socket, uint16_t flags)
{
	SIM_CHECK(flags & XDP_USE_NEED_WAKEUP, "the driver could not sleep");
	SIM_CHECK(!(flags & XDP_COPY) != !(flags & XDP_ZEROCOPY), "flags %x: one mode", flags);
	if (!socket->data || ((flags & XDP_USE_SG) && sim.config.xdp->without_pieces))
		return sim_fail_with(EINVAL);
	if ((flags & XDP_ZEROCOPY) && !sim.config.xdp->zero_copy)
		return sim_fail_with(EOPNOTSUPP);
	socket->zero_copy = flags & XDP_ZEROCOPY;
	socket->pieces = flags & XDP_USE_SG;
	return 0;
}

int sim_xdp_bind(struct sim_xdp *socket, const struct sockaddr *address, socklen_t len)
{
	const struct sockaddr_xdp *xdp = (const struct sockaddr_xdp *)(const void *)address;
	const struct sim_xdp_ring *rings = socket->rings;
	int err;

	SIM_CHECK(len == sizeof(*xdp) && xdp->sxdp_family == AF_XDP, "no AF_XDP address");
	if (sim_fault("bind", AF_XDP, xdp->sxdp_flags))
		return -1;
	SIM_CHECK(rings[SIM_XDP_FILL].memory && rings[SIM_XDP_COMPLETION].memory &&
			  (rings[SIM_XDP_RX].memory || rings[SIM_XDP_TX].memory) && !socket->bound,
		  "bound before its rings are there");
	if ((int)xdp->sxdp_ifindex != zr_load_relaxed(&sim.ifindex))
		return sim_fail_with(ENODEV);
	if (xdp->sxdp_queue_id >= nr_queues())
		return sim_fail_with(EINVAL);
	if (bound_to(xdp->sxdp_queue_id) || sim.nr_busy_binds++ < sim.config.xdp->busy_binds)
		return sim_fail_with(EBUSY);
	err = xdp->sxdp_flags & XDP_SHARED_UMEM ? share(socket, xdp)
						: choose_mode(socket, xdp->sxdp_flags);
	if (err)
		return err;
	socket->queue = xdp->sxdp_queue_id;
	socket->bound = true;
	return 0;
}

/* ---- aging ---- */

static void age_ring(struct sim_xdp_ring *mine, struct zr_ring *ring, uint32_t nr)
{
	if (!mine->memory)
		return;
	SIM_CHECK(nr % mine->nr_entries == 0, "%u is no multiple of %u", nr, mine->nr_entries);
	mine->position += nr;
	mine->limit += nr;
	ring->position += nr;
	ring->limit += nr;
	*ring->producer += nr;
	*ring->consumer += nr;
}

void sim_xdp_age(struct zring_xdp *xdp, uint32_t nr)
{
	struct sim_xdp *socket = sim_fd(xdp->fd)->xdp;

	age_ring(&socket->rings[SIM_XDP_RX], &xdp->rx, nr);
	age_ring(&socket->rings[SIM_XDP_TX], &xdp->tx, nr);
	age_ring(&socket->rings[SIM_XDP_FILL], &xdp->fill, nr);
	age_ring(&socket->rings[SIM_XDP_COMPLETION], &xdp->completion, nr);
	socket->nr_reserved += nr;
	xdp->taken += nr;
	xdp->counters.received += nr;
	xdp->counters.filled += nr;
	xdp->counters.submitted += nr;
	xdp->counters.completed += nr;
}

/* ---- the program ---- */

static int open_program(const char *interface, const struct zring_xdp_program_options *options,
			struct zring_diag *diag, struct zring_xdp_program **ret_program)
{
	struct zring_xdp_program *program;

	if (sim_fault("program", 0, 0))
		return zr_fail(diag, -errno, "XDP program", "%s: the load fails", interface);
	program = calloc(1, sizeof(*program));
	SIM_CHECK(program, "out of memory");
	snprintf(program->info.interface, sizeof(program->info.interface), "%s", interface);
	program->info.ifindex = SIM_IFINDEX;
	program->info.mode = options->mode == ZRING_XDP_MODE_GENERIC ? ZRING_XDP_MODE_GENERIC
								     : ZRING_XDP_MODE_NATIVE;
	program->info.id = PROGRAM_ID;
	program->info.nr_queues = nr_queues();
	sim.nr_programs++;
	*ret_program = program;
	return 0;
}

static void close_program(struct zring_xdp_program *program)
{
	SIM_CHECK(sim.nr_programs > 0, "no program is open");
	sim.nr_programs--;
	free(program);
}

static int set_socket(struct zring_xdp_program *program, uint32_t queue, int fd)
{
	struct sim_xdp *socket = sim_fd(fd)->xdp;

	if (sim_fault("program_socket", 0, 0))
		return -errno;
	SIM_CHECK(program->info.id == PROGRAM_ID && socket && socket->bound &&
			  socket->queue == queue,
		  "queue %u is steered into another one's socket", queue);
	socket->steered = true;
	return 0;
}

static int program_stats(const struct zring_xdp_program *program,
			 struct zring_xdp_program_stats *ret_stats)
{
	(void)program;
	*ret_stats = (struct zring_xdp_program_stats){0};
	return 0;
}

/* What the library makes of a refusal is "not known". */
static int attached_mode(const struct zring_xdp_program *program)
{
	return sim_fault("program_mode", 0, 0) ? -errno : (int)program->info.mode;
}

static int probe_program(void)
{
	return sim_fault("program_probe", 0, 0) ? -errno : 0;
}

const struct zr_program_ops sim_program_ops = {
	.probe = probe_program,
	.open = open_program,
	.close = close_program,
	.set_socket = set_socket,
	.stats = program_stats,
	.attached_mode = attached_mode,
};
