/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A kernel for one AF_XDP socket on an interface called "recorded": rings in
 * plain memory, filled and emptied when instructions.c says so. It runs on the
 * program's only thread, so that nothing here has to be atomic.
 */
#include "instructions.h"

#include <linux/if_xdp.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <zring/interface.h>

#include "../src/afxdp/program.h"

/* Where each index of a ring stands: lines of their own, as in the kernel (struct xdp_ring). */
#define PRODUCER_AT 0u
#define CONSUMER_AT 64u
#define FLAGS_AT    128u
#define ENTRIES_AT  192u
#define HEADROOM    256u

struct ring {
	uint8_t *memory;
	uint32_t nr_entries;
};

static struct {
	int fd;
	uint8_t *umem;
	uint32_t chunk_bytes;
	struct ring rx, tx, fill, completion;
} played = {.fd = -1};

static uint32_t *producer(const struct ring *ring)
{
	return (uint32_t *)(void *)(ring->memory + PRODUCER_AT);
}

static uint32_t *consumer(const struct ring *ring)
{
	return (uint32_t *)(void *)(ring->memory + CONSUMER_AT);
}

static struct xdp_desc *desc(const struct ring *ring, uint32_t position)
{
	return (struct xdp_desc *)(void *)(ring->memory + ENTRIES_AT) +
	       (position & (ring->nr_entries - 1));
}

static uint64_t *address(const struct ring *ring, uint32_t position)
{
	return (uint64_t *)(void *)(ring->memory + ENTRIES_AT) +
	       (position & (ring->nr_entries - 1));
}

int played_xdp_socket(void)
{
	played.fd = (int)syscall(SYS_socket, AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	return played.fd;
}

bool played_xdp_is(int fd)
{
	return fd >= 0 && fd == played.fd;
}

static int set_umem(const void *value, socklen_t len)
{
	struct xdp_umem_reg request = {0};

	memcpy(&request, value, len < sizeof(request) ? len : sizeof(request));
	played.umem = (uint8_t *)(uintptr_t)request.addr;
	played.chunk_bytes = request.chunk_size;
	return 0;
}

int played_xdp_setsockopt(int name, const void *value, socklen_t len)
{
	uint32_t entries = 0;

	if (name == XDP_UMEM_REG)
		return set_umem(value, len);
	if (len >= sizeof(entries))
		memcpy(&entries, value, sizeof(entries));
	if (name == XDP_RX_RING)
		played.rx.nr_entries = entries;
	else if (name == XDP_TX_RING)
		played.tx.nr_entries = entries;
	else if (name == XDP_UMEM_FILL_RING)
		played.fill.nr_entries = entries;
	else if (name == XDP_UMEM_COMPLETION_RING)
		played.completion.nr_entries = entries;
	return 0;
}

int played_xdp_getsockopt(int name, void *value, socklen_t len)
{
	const struct xdp_ring_offset one = {
		.producer = PRODUCER_AT,
		.consumer = CONSUMER_AT,
		.desc = ENTRIES_AT,
		.flags = FLAGS_AT,
	};
	const struct xdp_mmap_offsets offsets = {one, one, one, one};

	memset(value, 0, len); /* XDP_OPTIONS: copying; XDP_STATISTICS: no drops */
	if (name == XDP_MMAP_OFFSETS)
		memcpy(value, &offsets, len < sizeof(offsets) ? len : sizeof(offsets));
	return 0;
}

void *played_xdp_mmap(size_t len, off_t offset)
{
	const uint64_t place = (uint64_t)offset;
	struct ring *ring = place == XDP_PGOFF_RX_RING          ? &played.rx
			    : place == XDP_PGOFF_TX_RING        ? &played.tx
			    : place == XDP_UMEM_PGOFF_FILL_RING ? &played.fill
								: &played.completion;

	ring->memory = (uint8_t *)syscall(SYS_mmap, NULL, len, PROT_READ | PROT_WRITE,
					  MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	return ring->memory;
}

/* Callgrind counts nothing in here. */
__attribute__((noinline)) void played_xdp_receive(void)
{
	struct ring *fill = &played.fill, *rx = &played.rx;

	while (*consumer(fill) != *producer(fill) &&
	       *producer(rx) - *consumer(rx) < rx->nr_entries) {
		const uint64_t chunk =
			*address(fill, *consumer(fill)) / played.chunk_bytes * played.chunk_bytes;
		uint8_t *frame = played.umem + chunk + HEADROOM;

		memset(frame, 0x5a, PACKET_BYTES);
		*desc(rx, *producer(rx)) = (struct xdp_desc){chunk + HEADROOM, PACKET_BYTES, 0};
		++*consumer(fill);
		++*producer(rx);
	}
}

void played_xdp_send(void)
{
	struct ring *tx = &played.tx, *completion = &played.completion;

	while (*consumer(tx) != *producer(tx) &&
	       *producer(completion) - *consumer(completion) < completion->nr_entries) {
		*address(completion, *producer(completion)) = desc(tx, *consumer(tx))->addr;
		++*producer(completion);
		++*consumer(tx);
	}
}

/* ---- the interface and its program ---- */

/* The linker puts this in the place of zring_interface_get() (bench/meson.build). */
int __wrap_zring_interface_get(const char *name, struct zring_diag *diag,
			       struct zring_interface *ret_interface);

int __wrap_zring_interface_get(const char *name, struct zring_diag *diag,
			       struct zring_interface *ret_interface)
{
	(void)diag;
	*ret_interface = (struct zring_interface){
		.driver = "recorded",
		.index = IFINDEX,
		.flags = IFF_UP | IFF_RUNNING,
		.mtu = MTU,
		.link_type = ARPHRD_ETHER,
		.nr_rx_queues = 1,
		.nr_tx_queues = 1,
		.numa_node = -1,
		.mac_bytes = 6,
		.carrier = 1,
	};
	strncpy(ret_interface->name, name, sizeof(ret_interface->name) - 1);
	return 0;
}

static int open_program(const char *interface, const struct zring_xdp_program_options *options,
			struct zring_diag *diag, struct zring_xdp_program **ret_program)
{
	struct zring_xdp_program *program = calloc(1, sizeof(*program));

	(void)options;
	(void)diag;
	if (!program)
		return -1;
	strncpy(program->info.interface, interface, sizeof(program->info.interface) - 1);
	program->info.ifindex = IFINDEX;
	program->info.mode = ZRING_XDP_MODE_NATIVE;
	program->info.nr_queues = 1;
	*ret_program = program;
	return 0;
}

static void close_program(struct zring_xdp_program *program)
{
	free(program);
}

static int set_socket(struct zring_xdp_program *program, uint32_t queue, int fd)
{
	(void)program;
	(void)queue;
	(void)fd;
	return 0;
}

static int program_stats(const struct zring_xdp_program *program,
			 struct zring_xdp_program_stats *ret_stats)
{
	(void)program;
	*ret_stats = (struct zring_xdp_program_stats){0};
	return 0;
}

static int attached_mode(const struct zring_xdp_program *program)
{
	(void)program;
	return ZRING_XDP_MODE_NATIVE;
}

void played_xdp_program(void)
{
	static const struct zr_program_ops ops = {
		.open = open_program,
		.close = close_program,
		.set_socket = set_socket,
		.stats = program_stats,
		.attached_mode = attached_mode,
	};

	zr_program_ops = &ops;
}
