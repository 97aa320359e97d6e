/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory for AF_XDP sockets: sizes, the stack of free chunks, addresses. */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <zring/zring.h>

#include "afxdp/umem.h"

static struct zring_umem *open_umem(struct zring_umem_options options)
{
	struct zring_umem *umem = NULL;
	struct zring_diag diag = {0};

	options.size = sizeof(options);
	options.checks = 1;
	cr_assert(zring_umem_open(&options, &diag, &umem) == 0, "%s: %s", diag.step, diag.message);
	cr_assert(diag.error == 0, "diag is untouched on success");
	return umem;
}

Test(umem, hostile_options_are_refused)
{
	const struct zring_umem_options wrong[] = {
		{.nr_chunks = (1u << 24) + 1},
		{.nr_chunks = UINT32_MAX},
		{.chunk_bytes = 1},
		{.chunk_bytes = 1024},
		{.chunk_bytes = 2047, .unaligned = 1},
		{.chunk_bytes = 3000},
		{.chunk_bytes = 65536},
		{.chunk_bytes = UINT32_MAX, .unaligned = 1},
		{.headroom_bytes = 2048 - 256 - 64 + 1},
		{.headroom_bytes = UINT32_MAX},
		{.memory = ZRING_UMEM_MEMFD + 1},
		{.memory = UINT32_MAX},
		{.numa_node = 1025},
		{.numa_node = UINT32_MAX},
		{.unaligned = 2},
		{.tx_metadata = 2},
		{.tx_software_checksum = 1},
		{.checks = 2},
		{.reserved = {0, 0, 0, 1}},
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		struct zring_umem_options options = wrong[i];
		struct zring_umem *umem = NULL;
		struct zring_diag diag = {0};

		options.size = sizeof(options);
		cr_expect(zring_umem_open(&options, &diag, &umem) == -EINVAL, "options %zu", i);
		cr_expect(!umem, "options %zu: the output was touched", i);
		cr_expect(diag.error == EINVAL && *diag.message, "options %zu: no words", i);
	}
}

Test(umem, sizes_in_effect_are_told)
{
	struct zring_umem *umem = open_umem((struct zring_umem_options){.headroom_bytes = 1728});
	struct zring_umem_info info;

	zring_umem_get_info(umem, &info);
	cr_assert(info.nr_chunks == 8192 && info.chunk_bytes == 2048, "defaults");
	cr_assert(info.memory_bytes == 8192 * 2048 && info.fd == -1, "%llu bytes",
		  (unsigned long long)info.memory_bytes);
	cr_assert(info.frame_bytes == 64, "%u bytes of frame", info.frame_bytes);
	zring_umem_close(umem);
}

Test(umem, a_memfd_shows_the_same_bytes)
{
	struct zring_umem *umem =
		open_umem((struct zring_umem_options){.nr_chunks = 2, .memory = ZRING_UMEM_MEMFD});
	struct zring_umem_info info;
	char text[6] = "";

	zring_umem_get_info(umem, &info);
	cr_assert(info.memory == ZRING_UMEM_MEMFD && info.fd >= 0, "a descriptor");
	memcpy(zring_umem_data(umem, 2048), "zring", 6);
	cr_assert(pread(info.fd, text, 6, 2048) == 6 && !strcmp(text, "zring"), "%s", text);
	zring_umem_close(umem);
}

/* Each chunk is given out once, and a second time only after it came back. */
Test(umem, each_chunk_is_given_out_once)
{
	struct zring_umem *umem = open_umem((struct zring_umem_options){.nr_chunks = 100});
	uint64_t addresses[101];
	bool seen[100] = {false};

	cr_assert(zring_umem_alloc(umem, addresses, 60) == 60, "60");
	cr_assert(zring_umem_alloc(umem, addresses + 60, 41) == 40, "all that are left");
	cr_assert(zring_umem_alloc(umem, addresses + 100, 1) == 0, "none");
	for (uint32_t i = 0; i < 100; i++) {
		const uint64_t chunk = addresses[i] / 2048;

		cr_assert(addresses[i] % 2048 == 0 && chunk < 100 && !seen[chunk], "address %llx",
			  (unsigned long long)addresses[i]);
		seen[chunk] = true;
		cr_assert(zring_umem_holder(umem, addresses[i]) == ZRING_CHUNK_TX, "held");
	}
	addresses[0] += 2047; /* anywhere inside the chunk */
	cr_assert(zring_umem_free(umem, addresses, 100) == 0, "free");
	cr_assert(zring_umem_free(umem, addresses, 1) == -EINVAL, "twice");
	cr_assert(zring_umem_alloc(umem, addresses, 101) == 100, "again");
	zring_umem_close(umem);
}

Test(umem, free_stops_at_the_first_wrong_one)
{
	struct zring_umem *umem = open_umem((struct zring_umem_options){.nr_chunks = 4});
	uint64_t addresses[4];
	uint32_t counts[ZRING_CHUNK_HOLDERS];

	cr_assert(zring_umem_alloc(umem, addresses, 4) == 4, "alloc");
	addresses[2] = 4 * 2048;
	cr_assert(zring_umem_free(umem, addresses, 4) == -EINVAL, "outside");
	zring_umem_count(umem, counts);
	cr_assert(counts[ZRING_CHUNK_FREE] == 2 && counts[ZRING_CHUNK_TX] == 2, "%u free",
		  counts[ZRING_CHUNK_FREE]);
	zring_umem_close(umem);
}

Test(umem, a_frame_lies_in_one_chunk)
{
	struct zring_umem *umem = open_umem((struct zring_umem_options){.nr_chunks = 4});

	cr_assert(zr_umem_contains(umem, 0, 2048) && zr_umem_contains(umem, 8191, 1), "inside");
	cr_assert(!zr_umem_contains(umem, 0, 0), "nothing");
	cr_assert(!zr_umem_contains(umem, 0, 2049) && !zr_umem_contains(umem, 2047, 2), "crosses");
	cr_assert(!zr_umem_contains(umem, 0, UINT32_MAX), "4 GiB");
	cr_assert(!zr_umem_contains(umem, 8192, 1) && !zr_umem_contains(umem, UINT64_MAX, 1),
		  "outside");
	cr_assert(!zr_umem_contains(umem, UINT64_C(1) << 48, 1), "an offset");
	zring_umem_close(umem);
}

Test(umem, unaligned_chunks_may_have_any_size)
{
	struct zring_umem *umem = open_umem(
		(struct zring_umem_options){.nr_chunks = 5, .chunk_bytes = 3000, .unaligned = 1});
	const uint64_t offset = UINT64_C(256) << ZRING_UMEM_OFFSET_SHIFT;

	cr_assert(zr_umem_chunk(umem, 2999) == 0 && zr_umem_chunk(umem, 3000 | offset) == 1,
		  "chunks");
	cr_assert(zring_umem_data(umem, 3000 | offset) == zring_umem_data(umem, 3256), "bytes");
	cr_assert(zr_umem_contains(umem, 3000 | offset, 2744), "to its end");
	cr_assert(!zr_umem_contains(umem, 3000 | offset, 2745), "beyond it");
	cr_assert(!zr_umem_contains(umem, 3000 | UINT64_C(3000) << 48, 1), "into the next one");
	cr_assert(!zr_umem_contains(umem, 15000, 1), "outside");
	zring_umem_close(umem);
}
