/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Beside other programs: libxdp puts one program, the dispatcher, on the hook and
 * ours into a slot of it. What it attaches is pinned in bpffs and outlives a
 * process that is killed; a link of our own would not.
 */
#include <errno.h>
#include <xdp/libxdp.h>

#include "program.h"

static enum xdp_attach_mode attach_mode(uint32_t mode)
{
	return mode == ZRING_XDP_MODE_GENERIC ? XDP_MODE_SKB : XDP_MODE_NATIVE;
}

/* Where the kernel takes no dispatcher libxdp puts the program there alone: not what was asked. */
static bool is_alone(const struct zring_xdp_program *program)
{
	struct xdp_multiprog *all = xdp_multiprog__get_from_ifindex((int)program->info.ifindex);
	const bool alone = libxdp_get_error(all) || xdp_multiprog__is_legacy(all);

	if (!libxdp_get_error(all))
		xdp_multiprog__close(all);
	return alone;
}

static int attach(struct zring_xdp_program *program, const struct zr_program_plan *plan)
{
	struct xdp_program_opts options = {
		.sz = sizeof(options),
		.obj = program->object,
		.prog_name = "zring_xsk",
	};
	struct xdp_program *dispatched = xdp_program__create(&options);
	int err = (int)libxdp_get_error(dispatched);

	if (err)
		return err;
	err = xdp_program__attach(dispatched, (int)program->info.ifindex, attach_mode(plan->mode),
				  0);
	if (err) {
		xdp_program__close(dispatched);
		return err;
	}
	program->dispatched = dispatched;
	program->info.mode = plan->mode;
	if (is_alone(program))
		return -EOPNOTSUPP;
	program->fd = xdp_program__fd(dispatched);
	program->info.id = xdp_program__id(dispatched);
	zr_program_find_maps(program);
	return 0;
}

int zr_dispatcher_attach(struct zring_xdp_program *program, const struct zr_program_plan *plan)
{
	/* Both libraries print what went wrong; this one does not. */
	const libxdp_print_fn_t print_xdp = libxdp_set_print(NULL);
	const libbpf_print_fn_t print_bpf = libbpf_set_print(NULL);
	int err;

	program->object = zr_program_object(false);
	err = program->object ? zr_program_prepare(program, plan) : -errno;
	if (!err)
		err = attach(program, plan);
	if (err)
		zr_dispatcher_detach(program);
	libbpf_set_print(print_bpf);
	libxdp_set_print(print_xdp);
	return err;
}

void zr_dispatcher_detach(struct zring_xdp_program *program)
{
	if (program->dispatched) {
		xdp_program__detach(program->dispatched, (int)program->info.ifindex,
				    attach_mode(program->info.mode), 0);
		xdp_program__close(program->dispatched);
	}
	program->dispatched = NULL;
	program->fd = -1;
	bpf_object__close(program->object);
	program->object = NULL;
}
