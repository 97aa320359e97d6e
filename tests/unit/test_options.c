/* SPDX-License-Identifier: BSD-2-Clause */
/* Options structs of older, newer and confused programs. */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include <zring/zring.h>

#include "core/options.h"
#include "support/sim.h"

/* What this library knows, and what a newer program might hand over. */
struct known {
	size_t size;
	uint64_t a;
	uint32_t b;
	uint32_t c;
};

#define SIZE sizeof(struct known)

/* Reads @bytes of options that end at a guard page; they hold @fill, their size field @given. */
static int read_options(size_t bytes, size_t given, uint8_t fill, struct known *ret_known,
			struct zring_diag *diag)
{
	struct sim_guarded memory;
	int err;

	sim_guarded_make(&memory, bytes);
	memset(memory.data, fill, bytes);
	memcpy(memory.data, &given, sizeof(given));
	err = zr_options_read(memory.data, SIZE, ret_known, diag);
	sim_guarded_end(&memory);
	return err;
}

Test(options, null_is_all_defaults)
{
	static const struct known zero;
	struct known known;

	memset(&known, 0xff, sizeof(known));
	cr_assert(zr_options_read(NULL, SIZE, &known, NULL) == 0);
	cr_assert(!memcmp((uint8_t *)&known + sizeof(size_t),
			  (const uint8_t *)&zero + sizeof(size_t), SIZE - sizeof(size_t)));
}

Test(options, same_size_is_copied)
{
	struct known known;

	cr_assert(read_options(SIZE, SIZE, 7, &known, NULL) == 0);
	cr_assert(known.a == UINT64_C(0x0707070707070707) && known.c == 0x07070707);
}

Test(options, older_program_gets_defaults_for_the_rest)
{
	struct zring_diag diag = {0};

	for (size_t size = sizeof(size_t); size < SIZE; size++) {
		struct known known;

		memset(&known, 0xff, sizeof(known));
		cr_assert(read_options(size, size, 7, &known, &diag) == 0, "%zu", size);
		for (size_t at = sizeof(size_t); at < SIZE; at++)
			cr_assert(((uint8_t *)&known)[at] == (at < size ? 7 : 0), "%zu at %zu",
				  size, at);
	}
	cr_assert(diag.error == 0, "untouched on success");
}

Test(options, newer_program_may_not_use_what_is_unknown)
{
	for (size_t size = SIZE + 1; size < SIZE + 40; size++) {
		struct zring_diag diag = {0};
		struct known known;

		cr_assert(read_options(size, size, 0, &known, &diag) == 0, "an empty tail");
		cr_assert(diag.error == 0);
		cr_assert(read_options(size, size, 7, &known, &diag) == -E2BIG, "a tail in use");
		cr_assert(diag.error == E2BIG && *diag.step && strstr(diag.message, "24"), "%s",
			  diag.message);
	}
}

/* One byte anywhere in the tail is enough. */
Test(options, every_byte_of_the_tail_counts)
{
	uint8_t memory[SIZE + 16];
	struct known known;
	const size_t size = sizeof(memory);

	for (size_t at = SIZE; at < size; at++) {
		memset(memory, 0, size);
		memcpy(memory, &size, sizeof(size));
		memory[at] = 1;
		cr_assert(zr_options_read(memory, SIZE, &known, NULL) == -E2BIG, "%zu", at);
	}
}

Test(options, size_that_was_never_set_is_refused_unread)
{
	static const size_t sizes[] = {0, 1, 7, 4097, 1 << 20, SIZE_MAX / 2, SIZE_MAX};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		struct zring_diag diag = {0};
		struct known known;

		cr_assert(read_options(sizeof(size_t), sizes[i], 0, &known, &diag) == -EINVAL,
			  "%zu", sizes[i]);
		cr_assert(diag.error == EINVAL && strstr(diag.message, "OPTIONS_INIT"), "%s",
			  diag.message);
	}
}

/* What the calls make of values that no enum has, before any system call. */
Test(options, unknown_values_are_named)
{
	static const struct zring_capture_options captures[] = {
		{.size = sizeof(*captures), .profile = 4},
		{.size = sizeof(*captures), .direction = 3},
		{.size = sizeof(*captures), .vlan = 2},
		{.size = sizeof(*captures), .timestamp = 3},
		{.size = sizeof(*captures), .wait = 4},
		{.size = sizeof(*captures), .promiscuous = 2},
		{.size = sizeof(*captures), .prefer_busy_poll = 2},
		{.size = sizeof(*captures), .force_receive_buffer = 2},
		{.size = sizeof(*captures), .rxhash = 2},
		{.size = sizeof(*captures), .exclusive = 2},
		{.size = sizeof(*captures), .pieces = 2},
		{.size = sizeof(*captures), .xdp_mode = 4},
		{.size = sizeof(*captures), .umem_memory = 3},
		{.size = sizeof(*captures), .paused = 2},
		{.size = sizeof(*captures), .reserved = {0, 1}},
		{.size = sizeof(*captures), .backend = 99},
	};
	static const char *const names[] = {
		"profile",     "direction",     "vlan",     "timestamp", "wait",   "promiscuous",
		"prefer_busy", "force_receive", "rxhash",   "exclusive", "pieces", "xdp_mode",
		"umem_memory", "paused",        "reserved", "backend"};

	for (size_t i = 0; i < sizeof(captures) / sizeof(*captures); i++) {
		struct zring_capture *capture = NULL;
		struct zring_diag diag = {0};

		cr_assert(zring_capture_open("lo", &captures[i], &diag, &capture) == -EINVAL, "%s",
			  names[i]);
		cr_assert(!capture && strstr(diag.message, names[i]), "%s", diag.message);
	}
}

Test(options, unknown_values_of_injectors_are_named)
{
	static const struct zring_injector_options injectors[] = {
		{.size = sizeof(*injectors), .method = 4},
		{.size = sizeof(*injectors), .nonblocking = 2},
		{.size = sizeof(*injectors), .qdisc_bypass = 2},
		{.size = sizeof(*injectors), .loss = 2},
		{.size = sizeof(*injectors), .vnet_header = 2},
		{.size = sizeof(*injectors), .send_time = 2},
		{.size = sizeof(*injectors), .xdp_mode = 4},
		{.size = sizeof(*injectors), .umem_memory = 3},
		{.size = sizeof(*injectors), .reserved = {1}},
		{.size = sizeof(*injectors), .backend = 99},
	};
	static const char *const names[] = {"method",   "nonblocking", "qdisc_bypass",
					    "loss",     "vnet_header", "send_time",
					    "xdp_mode", "umem_memory", "reserved",
					    "backend"};

	for (size_t i = 0; i < sizeof(injectors) / sizeof(*injectors); i++) {
		struct zring_injector *injector = NULL;
		struct zring_diag diag = {0};

		cr_assert(zring_injector_open("lo", &injectors[i], &diag, &injector) == -EINVAL,
			  "%s", names[i]);
		cr_assert(!injector && strstr(diag.message, names[i]), "%s", diag.message);
	}
}

Test(options, interface_names_are_checked_first)
{
	static const char *const names[] = {NULL, "", "sixteen-letters-", "../../x/../../../../y"};

	for (size_t i = 0; i < 4; i++) {
		struct zring_injector *injector = NULL;
		struct zring_capture *capture = NULL;
		struct zring_diag diag = {0};

		cr_assert(zring_capture_open(names[i], NULL, &diag, &capture) == -EINVAL &&
			  !capture);
		cr_assert(diag.error == EINVAL && !strcmp(diag.step, "interface"));
		cr_assert(zring_injector_open(names[i], NULL, NULL, &injector) == -EINVAL &&
			  !injector);
	}
}
