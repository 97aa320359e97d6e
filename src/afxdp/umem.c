/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory for chunks, and the account of who holds each of them. */
#include "umem.h"

#include <errno.h>
#include <linux/mempolicy.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../core/diag.h"
#include "../core/options.h"
#include "../syscall.h"
#include "if_xdp.h"
#include "socket.h"

#define DEFAULT_CHUNKS      8192u
#define DEFAULT_CHUNK_BYTES 2048u
#define MIN_CHUNK_BYTES     2048u /* XDP_UMEM_MIN_CHUNK_SIZE */
#define MIN_FRAME_BYTES     64u
#define MAX_CHUNKS          (1u << 24)
#define MAX_NODES           1024u
#define HUGEPAGE_BYTES      (UINT64_C(2) << 20) /* a length that fits larger ones fits these */

/* The exported body of the inline call. */
extern uint8_t *zring_umem_data(const struct zring_umem *umem, uint64_t address);

static bool is_power_of_two(uint32_t value)
{
	return value && !(value & (value - 1));
}

static int check_options(const struct zring_umem_options *options, uint32_t page_bytes,
			 struct zring_diag *diag)
{
	const uint32_t chunk = options->chunk_bytes;

	if (options->memory > ZRING_UMEM_MEMFD || options->unaligned > 1 ||
	    options->tx_metadata > 1 || options->checks > 1 ||
	    options->tx_software_checksum > options->tx_metadata ||
	    memcmp(options->reserved, (uint8_t[8]){0}, sizeof(options->reserved)) != 0)
		return zr_fail(diag, -EINVAL, "umem",
			       "memory, unaligned, tx_metadata, tx_software_checksum, checks or "
			       "reserved is out of range: see struct zring_umem_options");
	if (options->nr_chunks > MAX_CHUNKS)
		return zr_fail(diag, -EINVAL, "umem", "%u chunks: at most %u", options->nr_chunks,
			       MAX_CHUNKS);
	if (options->numa_node > MAX_NODES)
		return zr_fail(diag, -EINVAL, "umem", "numa_node is node + 1, at most %u",
			       MAX_NODES);
	if (chunk < MIN_CHUNK_BYTES || chunk > page_bytes ||
	    (!options->unaligned && !is_power_of_two(chunk)))
		return zr_fail(diag, -EINVAL, "umem",
			       "chunks of %u bytes: the kernel takes %u to %u, a power of two "
			       "unless unaligned",
			       chunk, MIN_CHUNK_BYTES, page_bytes);
	if (options->headroom_bytes > chunk - ZR_XDP_HEADROOM_BYTES - MIN_FRAME_BYTES)
		return zr_fail(diag, -EINVAL, "umem",
			       "headroom of %u bytes leaves no room for a frame in %u",
			       options->headroom_bytes, chunk);
	return 0;
}

static size_t round_up(uint64_t bytes, uint64_t unit)
{
	return (size_t)((bytes + unit - 1) / unit * unit);
}

static int map_hugepages(struct zring_umem *umem, void **ret_mapping)
{
	const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE | MAP_HUGETLB;
	const size_t bytes = round_up(umem->bytes, HUGEPAGE_BYTES);
	const int err = zr_mmap(bytes, PROT_READ | PROT_WRITE, flags, -1, 0, ret_mapping);

	if (!err)
		umem->mapping_bytes = bytes; /* what munmap wants back, not what was asked for */
	return err;
}

static int map_memfd(struct zring_umem *umem, struct zring_diag *diag, void **ret_mapping)
{
	const int fd = zr_memfd("zring-umem", umem->mapping_bytes);
	int err;

	if (fd < 0)
		return zr_fail(diag, fd, "memfd_create", "%zu bytes: %s", umem->mapping_bytes,
			       strerror(-fd));
	umem->info.fd = fd;
	err = zr_mmap(umem->mapping_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0,
		      ret_mapping);
	return err ? zr_fail(diag, err, "mmap", "a umem of %zu bytes: %s", umem->mapping_bytes,
			     strerror(-err))
		   : 0;
}

static int map_anonymous(struct zring_umem *umem, struct zring_diag *diag, void **ret_mapping)
{
	const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE;
	const int err =
		zr_mmap(umem->mapping_bytes, PROT_READ | PROT_WRITE, flags, -1, 0, ret_mapping);

	return err ? zr_fail(diag, err, "mmap", "a umem of %zu bytes: %s", umem->mapping_bytes,
			     strerror(-err))
		   : 0;
}

static int map(struct zring_umem *umem, const struct zring_umem_options *options,
	       uint32_t page_bytes, struct zring_diag *diag)
{
	void *mapping = NULL;
	int err = 0;

	umem->mapping_bytes = round_up(umem->bytes, page_bytes);
	umem->info.memory = options->memory;
	if (options->memory == ZRING_UMEM_HUGEPAGES) {
		err = map_hugepages(umem, &mapping);
		if (err) {
			umem->info.memory = ZRING_UMEM_ANONYMOUS;
			snprintf(umem->info.fallback, sizeof(umem->info.fallback),
				 "no hugepages: %s (vm.nr_hugepages)", strerror(-err));
		}
	}
	if (umem->info.memory == ZRING_UMEM_MEMFD)
		err = map_memfd(umem, diag, &mapping);
	else if (umem->info.memory == ZRING_UMEM_ANONYMOUS)
		err = map_anonymous(umem, diag, &mapping);
	if (mapping)
		umem->window.data = mapping;
	return mapping ? 0 : err;
}

/* Moves the pages; those that were touched already too. */
static void bind_node(struct zring_umem *umem, uint32_t node_plus_1)
{
	unsigned long mask[MAX_NODES / (8 * sizeof(unsigned long))] = {0};
	const uint32_t node = node_plus_1 - 1, word = 8 * sizeof(*mask);
	int err;

	umem->info.numa_node = -1;
	if (!node_plus_1)
		return;
	mask[node / word] = 1ul << node % word;
	err = zr_mbind(umem->window.data, umem->mapping_bytes, MPOL_BIND, mask, MAX_NODES,
		       MPOL_MF_MOVE);
	if (!err)
		umem->info.numa_node = (int32_t)node;
	else
		snprintf(umem->info.fallback, sizeof(umem->info.fallback), "NUMA node %u: %s", node,
			 strerror(-err));
}

static int make_chunks(struct zring_umem *umem, struct zring_diag *diag)
{
	umem->free = calloc(umem->nr_chunks, sizeof(*umem->free));
	umem->chunks = calloc(umem->nr_chunks, sizeof(*umem->chunks));
	if (!umem->free || !umem->chunks)
		return zr_fail(diag, -ENOMEM, "memory", "no memory for the account of %u chunks",
			       umem->nr_chunks);
	for (uint32_t chunk = umem->nr_chunks; chunk > 0; chunk--)
		zr_umem_push_free(umem, chunk - 1);
	return 0;
}

static void describe(struct zring_umem *umem, const struct zring_umem_options *options)
{
	struct zring_umem_info *info = &umem->info;

	info->memory_bytes = umem->bytes;
	info->nr_chunks = umem->nr_chunks;
	info->chunk_bytes = umem->chunk_bytes;
	info->headroom_bytes = options->headroom_bytes;
	info->frame_bytes = umem->chunk_bytes - ZR_XDP_HEADROOM_BYTES - options->headroom_bytes;
	info->unaligned = options->unaligned;
	info->tx_metadata = options->tx_metadata;
	info->tx_software_checksum = options->tx_software_checksum;
#ifdef ZR_DEBUG_CHECKS
	umem->checks = true;
#else
	umem->checks = options->checks;
#endif
	info->checks = umem->checks;
}

static int build(struct zring_umem *umem, const struct zring_umem_options *options,
		 struct zring_diag *diag)
{
	const uint32_t page_bytes = zr_page_bytes();
	int err;

	umem->nr_chunks = options->nr_chunks;
	umem->chunk_bytes = options->chunk_bytes;
	umem->chunk_shift =
		is_power_of_two(umem->chunk_bytes) ? (uint32_t)__builtin_ctz(umem->chunk_bytes) : 0;
	umem->base_mask = options->unaligned ? ZRING_UMEM_ADDRESS_MASK : UINT64_MAX;
	umem->bytes = (uint64_t)umem->nr_chunks * umem->chunk_bytes;
	err = check_options(options, page_bytes, diag);
	if (!err)
		err = map(umem, options, page_bytes, diag);
	if (!err)
		err = make_chunks(umem, diag);
	if (err)
		return err;
	bind_node(umem, options->numa_node);
	describe(umem, options);
	return 0;
}

int zring_umem_open(const struct zring_umem_options *options, struct zring_diag *diag,
		    struct zring_umem **ret_umem)
{
	struct zring_umem_options complete;
	struct zring_umem *umem;
	int err = zr_options_read(options, sizeof(complete), &complete, diag);

	if (err)
		return err;
	complete.nr_chunks = complete.nr_chunks ? complete.nr_chunks : DEFAULT_CHUNKS;
	complete.chunk_bytes = complete.chunk_bytes ? complete.chunk_bytes : DEFAULT_CHUNK_BYTES;
	umem = calloc(1, sizeof(*umem));
	if (!umem)
		return zr_fail(diag, -ENOMEM, "memory", "no memory for a umem");
	umem->info.fd = -1;
	err = build(umem, &complete, diag);
	if (err) {
		zring_umem_close(umem);
		return err;
	}
	*ret_umem = umem;
	return 0;
}

void zring_umem_close(struct zring_umem *umem)
{
	if (!umem)
		return;
	if (umem->window.data)
		zr_munmap(umem->window.data, umem->mapping_bytes);
	if (umem->info.fd >= 0)
		zr_close(umem->info.fd);
	free(umem->chunks);
	free(umem->free);
	free(umem);
}

bool zr_umem_contains(const struct zring_umem *umem, uint64_t address, uint32_t len)
{
	const uint64_t chunk = zr_umem_chunk(umem, address);
	const uint64_t first =
		(address & ZRING_UMEM_ADDRESS_MASK) + (address >> ZRING_UMEM_OFFSET_SHIFT);

	if (!len || len > umem->chunk_bytes || chunk >= umem->nr_chunks)
		return false;
	/* The offset of an unaligned address may lead into another chunk. */
	return zr_umem_chunk(umem, first) == chunk && zr_umem_chunk(umem, first + len - 1) == chunk;
}

void zr_umem_poison(const struct zring_umem *umem, uint64_t chunk)
{
	if (umem->checks)
		memset(umem->window.data + zr_umem_address(umem, chunk), 0xdb, umem->chunk_bytes);
}

uint32_t zring_umem_alloc(struct zring_umem *umem, uint64_t *addresses, uint32_t nr)
{
	const uint32_t given = nr < umem->nr_free ? nr : umem->nr_free;

	for (uint32_t i = 0; i < given; i++) {
		const uint32_t chunk = umem->free[--umem->nr_free];

		umem->chunks[chunk].holder = ZRING_CHUNK_TX;
		addresses[i] = zr_umem_address(umem, chunk);
	}
	return given;
}

int zring_umem_free(struct zring_umem *umem, const uint64_t *addresses, uint32_t nr)
{
	for (uint32_t i = 0; i < nr; i++) {
		const uint64_t chunk = zr_umem_chunk(umem, addresses[i]);

		/* Freed twice it would be given out twice: refused with or without checks. */
		if (chunk >= umem->nr_chunks || !zr_umem_is_held(umem, chunk))
			return -EINVAL;
		zr_umem_poison(umem, chunk);
		zr_umem_push_free(umem, (uint32_t)chunk);
	}
	return 0;
}

void zr_umem_reclaim(struct zring_umem *umem, uint8_t socket)
{
	for (uint32_t chunk = 0; chunk < umem->nr_chunks; chunk++) {
		const struct zr_chunk *state = &umem->chunks[chunk];

		if (state->socket == socket &&
		    (state->holder == ZRING_CHUNK_FILL || state->holder == ZRING_CHUNK_KERNEL_TX))
			zr_umem_push_free(umem, chunk);
	}
}

int zring_umem_holder(const struct zring_umem *umem, uint64_t address)
{
	const uint64_t chunk = zr_umem_chunk(umem, address);

	return chunk < umem->nr_chunks ? umem->chunks[chunk].holder : -EINVAL;
}

void zring_umem_count(const struct zring_umem *umem, uint32_t *ret_counts)
{
	memset(ret_counts, 0, ZRING_CHUNK_HOLDERS * sizeof(*ret_counts));
	for (uint32_t chunk = 0; chunk < umem->nr_chunks; chunk++)
		ret_counts[umem->chunks[chunk].holder]++;
}

void zring_umem_get_info(const struct zring_umem *umem, struct zring_umem_info *ret_info)
{
	*ret_info = umem->info;
}
