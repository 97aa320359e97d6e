/* SPDX-License-Identifier: BSD-2-Clause */
/* From the embedded object to a loaded program, with the filter in its place. */
#include "program.h"

#include <assert.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <string.h>

#include "../syscall.h"
#include "xsk.h"
#include "xsk.skel.h"
#include "xsk_hints.skel.h"

#ifndef BPF_F_XDP_HAS_FRAGS
#define BPF_F_XDP_HAS_FRAGS (1U << 5) /* Linux 5.18 */
#endif
#ifndef BPF_F_XDP_DEV_BOUND_ONLY
#define BPF_F_XDP_DEV_BOUND_ONLY (1U << 6) /* Linux 6.3 */
#endif

static_assert(XSK_META_TIMESTAMP == ZRING_XDP_META_TIMESTAMP &&
		      XSK_META_HW_TIMESTAMP == ZRING_XDP_META_HW_TIMESTAMP &&
		      XSK_META_HASH == ZRING_XDP_META_HASH,
	      "one set of bits");

struct bpf_object *zr_program_object(bool hints)
{
	const struct bpf_object_open_opts options = {.sz = sizeof(options), .object_name = "zring"};
	size_t bytes;
	const void *elf = hints ? xsk_hints__elf_bytes(&bytes) : xsk__elf_bytes(&bytes);

	return bpf_object__open_mem(elf, bytes, &options);
}

struct bpf_program *zr_program_main(const struct zring_xdp_program *program)
{
	return bpf_object__find_program_by_name(program->object, "zring_xsk");
}

static uint32_t flags(const struct zr_program_plan *plan)
{
	return (plan->options->multi_buffer ? BPF_F_XDP_HAS_FRAGS : 0) |
	       (plan->hints ? BPF_F_XDP_DEV_BOUND_ONLY : 0);
}

/* The constant in the object's .rodata, frozen by the load. */
static int configure(const struct zring_xdp_program *program, const struct zr_program_plan *plan)
{
	struct bpf_map *rodata = bpf_object__find_map_by_name(program->object, "zring.rodata");
	const struct zring_xdp_program_options *options = plan->options;
	const struct xsk_config config = {
		.is_filtered = options->filter != NULL,
		.metadata = plan->hints ? options->metadata
					: options->metadata &
						  (ZRING_XDP_META_TIMESTAMP | XSK_META_SNAPLEN),
		.restore_vlan = plan->hints && options->restore_vlan,
	};
	size_t bytes = 0;
	void *initial = rodata ? (void *)(uintptr_t)bpf_map__initial_value(rodata, &bytes) : NULL;

	if (!initial || bytes < sizeof(config))
		return -EINVAL;
	memcpy(initial, &config, sizeof(config));
	return 0;
}

int zr_program_prepare(struct zring_xdp_program *program, const struct zr_program_plan *plan)
{
	struct bpf_program *bpf = zr_program_main(program);
	struct bpf_map *sockets = bpf_object__find_map_by_name(program->object, "sockets");
	const uint32_t nr_queues = plan->interface->nr_rx_queues;
	int err = configure(program, plan);

	if (!err)
		err = bpf_map__set_max_entries(sockets, nr_queues ? nr_queues : 1);
	if (!err)
		err = bpf_program__set_flags(bpf, flags(plan));
	if (!err && plan->hints)
		bpf_program__set_ifindex(bpf, plan->interface->index);
	return err;
}

/* Where the function behind the main program begins: what its first call leads to. */
static size_t filter_start(const struct bpf_insn *insns, size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		if (insns[i].code == (BPF_JMP | BPF_CALL) && insns[i].src_reg == BPF_PSEUDO_CALL)
			return (size_t)((int64_t)i + insns[i].imm + 1);
	return nr;
}

/*
 * The function behind the main program, which accepts everything, is replaced
 * by the filter. It is the last one, so nothing else moves. Without the debug
 * information, whose line numbers would no longer fit.
 */
static int load_filtered(struct zring_xdp_program *program, const struct zr_program_plan *plan)
{
	const struct zring_xdp_filter *filter = plan->options->filter;
	const struct bpf_program *bpf = zr_program_main(program);
	const struct bpf_insn *insns = bpf_program__insns(bpf);
	const size_t start = filter_start(insns, bpf_program__insn_cnt(bpf));
	const struct bpf_prog_load_opts options = {
		.sz = sizeof(options),
		.expected_attach_type = BPF_XDP,
		.prog_flags = flags(plan),
		.prog_ifindex = plan->hints ? plan->interface->index : 0,
	};
	struct bpf_insn *spliced;
	int fd;

	if (start >= bpf_program__insn_cnt(bpf))
		return -EINVAL;
	spliced = reallocarray(NULL, start + filter->nr_insns, sizeof(*spliced));
	if (!spliced)
		return -ENOMEM;
	memcpy(spliced, insns, start * sizeof(*spliced));
	memcpy(spliced + start, filter->insns, filter->nr_insns * sizeof(*spliced));
	fd = bpf_prog_load(BPF_PROG_TYPE_XDP, "zring_xsk", "Dual BSD/GPL", spliced,
			   start + filter->nr_insns, &options);
	free(spliced);
	return fd;
}

void zr_program_find_maps(struct zring_xdp_program *program)
{
	program->sockets_fd = bpf_object__find_map_fd_by_name(program->object, "sockets");
	program->counts_fd = bpf_object__find_map_fd_by_name(program->object, "counts");
}

static int load(struct zring_xdp_program *program, const struct zr_program_plan *plan)
{
	int err = zr_program_prepare(program, plan);

	if (!err)
		err = bpf_object__load(program->object);
	if (err)
		return err;
	zr_program_find_maps(program);
	program->fd = plan->options->filter ? load_filtered(program, plan)
					    : bpf_program__fd(zr_program_main(program));
	return program->fd < 0 ? program->fd : 0;
}

int zr_program_load(struct zring_xdp_program *program, const struct zr_program_plan *plan)
{
	/* libbpf prints what went wrong; a library does not. */
	const libbpf_print_fn_t print = libbpf_set_print(NULL);
	int err;

	program->object = zr_program_object(plan->hints);
	err = program->object ? load(program, plan) : -errno;
	libbpf_set_print(print);
	if (err)
		zr_program_unload(program);
	return err;
}

void zr_program_unload(struct zring_xdp_program *program)
{
	/* The filtered one is ours, the other the object's. */
	if (program->object && program->fd >= 0 &&
	    program->fd != bpf_program__fd(zr_program_main(program)))
		zr_close(program->fd);
	program->fd = -1;
	bpf_object__close(program->object);
	program->object = NULL;
}
