/* SPDX-License-Identifier: BSD-2-Clause */
/* Attaching: the ladder of modes, a link that ends with the process, errors that name who is there.
 */
#include "program.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_link.h>
#include <stdlib.h>
#include <string.h>

#include "../core/diag.h"
#include "../core/options.h"
#include "../syscall.h"
#include "if_xdp.h"
#include "steps.h"
#include "xsk.h"

#define ALL_METADATA (ZRING_XDP_META_TIMESTAMP | ZRING_XDP_META_HW_TIMESTAMP | ZRING_XDP_META_HASH)
#define NEEDS_HINTS  (ZRING_XDP_META_HW_TIMESTAMP | ZRING_XDP_META_HASH)
/* The first bytes of a filter stay where the debug information expects single instructions. */
#define MAX_FILTER_INSNS 65536u

static const char *mode_name(uint32_t mode)
{
	return mode == ZRING_XDP_MODE_GENERIC ? "generic" : "native";
}

static int check_options(const struct zring_xdp_program_options *options, struct zring_diag *diag)
{
	const struct zring_xdp_filter *filter = options->filter;

	if (options->mode > ZRING_XDP_MODE_GENERIC || options->metadata & ~ALL_METADATA ||
	    options->multi_buffer > 1 || options->restore_vlan > 1 || options->dispatcher > 1 ||
	    memcmp(options->reserved, (uint8_t[5]){0}, sizeof(options->reserved)) != 0)
		return zr_fail(diag, -EINVAL, "options",
			       "mode, metadata, multi_buffer, restore_vlan, dispatcher or reserved "
			       "is out of range: see struct zring_xdp_program_options");
	if (options->dispatcher && filter)
		return zr_fail(diag, -ENOTSUP, "options",
			       "libxdp loads what goes into a dispatcher: there is no place for a "
			       "filter");
	if (filter && (!filter->insns || filter->reserved || filter->nr_insns < 2 ||
		       filter->nr_insns > MAX_FILTER_INSNS))
		return zr_fail(diag, -EINVAL, "filter",
			       "a filter has 2 to %u instructions, the last one of them an exit",
			       MAX_FILTER_INSNS);
	return 0;
}

static int attach(struct zring_xdp_program *program, uint32_t mode)
{
	const struct bpf_link_create_opts options = {
		.sz = sizeof(options),
		.flags = mode == ZRING_XDP_MODE_GENERIC ? XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE,
	};
	const int fd = bpf_link_create(program->fd, (int)program->info.ifindex, BPF_XDP, &options);

	if (fd < 0)
		return fd;
	program->link_fd = fd;
	return 0;
}

static int try_once(struct zring_xdp_program *program, const struct zr_program_plan *plan)
{
	int err = zr_program_load(program, plan);

	if (err)
		return err;
	err = attach(program, plan->mode);
	if (err)
		zr_program_unload(program);
	return err;
}

/* What the kernel's answer means, in words that say what to do. */
static void explain(int err, const struct zr_program_plan *plan, char *ret_why, size_t bytes)
{
	char owner[160];

	switch (-err) {
	case EPERM:
	case EACCES:
		snprintf(ret_why, bytes,
			 "not permitted: CAP_BPF and CAP_NET_ADMIN are needed (run as root, or "
			 "`setcap cap_bpf,cap_net_admin,cap_net_raw+ep PROGRAM`)");
		return;
	case EBUSY:
	case EEXIST:
		if (plan->interface->xdp_program_id)
			zr_program_owner(plan->interface->xdp_program_id, owner, sizeof(owner));
		else
			snprintf(owner, sizeof(owner), "another program");
		snprintf(ret_why, bytes,
			 "the hook is taken: %s; end it, or detach it with `ip link set dev %s xdp "
			 "off`",
			 owner, plan->interface->name);
		return;
	case ERANGE:
		snprintf(ret_why, bytes,
			 "MTU %u is too large for a frame in one piece: lower it, or set "
			 "multi_buffer, or use generic mode",
			 plan->interface->mtu);
		return;
	case EOPNOTSUPP:
		snprintf(ret_why, bytes, "driver %s does not run XDP programs itself",
			 plan->interface->driver[0] ? plan->interface->driver : "?");
		return;
	default:
		snprintf(ret_why, bytes, "%s", strerror(-err));
		return;
	}
}

/* Beside other programs. False: not to be had, the reason is told. */
static bool try_dispatcher(struct zring_xdp_program *program, const struct zr_program_plan *plan)
{
	struct zring_xdp_program_info *info = &program->info;
	const int err = zr_dispatcher_attach(program, plan);

	info->dispatcher = !err;
	if (err)
		zr_step(info->steps, sizeof(info->steps), "dispatcher",
			err == -EOPNOTSUPP ? "this kernel takes none" : strerror(-err));
	return !err;
}

/* With what the driver knows of a packet. 1: not to be had, the reason is told; else final. */
static int try_hints(struct zring_xdp_program *program, struct zr_program_plan *plan)
{
	struct zring_xdp_program_info *info = &program->info;
	int err = -EOPNOTSUPP;

	if (plan->mode != ZRING_XDP_MODE_GENERIC) {
		plan->hints = true;
		err = try_once(program, plan);
		if (!err || err == -EBUSY || err == -EPERM || err == -ERANGE)
			return err;
		plan->hints = false;
	}
	zr_step(info->steps, sizeof(info->steps), "driver's hints",
		plan->mode == ZRING_XDP_MODE_GENERIC ? "not in generic mode" : strerror(-err));
	return 1;
}

static int try_mode(struct zring_xdp_program *program, struct zr_program_plan *plan)
{
	struct zring_xdp_program_info *info = &program->info;
	const struct zring_xdp_program_options *options = plan->options;
	int err = 1;

	plan->hints = false;
	if (options->dispatcher && try_dispatcher(program, plan))
		err = 0;
	else if ((options->metadata & NEEDS_HINTS) || options->restore_vlan)
		err = try_hints(program, plan);
	if (err == 1)
		err = try_once(program, plan);
	if (err)
		return err;
	info->mode = plan->mode;
	info->metadata = options->metadata & (plan->hints ? ALL_METADATA : ~NEEDS_HINTS);
	info->restore_vlan = plan->hints && options->restore_vlan;
	return 0;
}

static int climb_down(struct zring_xdp_program *program, struct zr_program_plan *plan,
		      struct zring_diag *diag)
{
	const bool ladder = plan->options->mode == ZRING_XDP_MODE_AUTO;
	struct zring_xdp_program_info *info = &program->info;
	char why[ZRING_DIAG_MESSAGE_BYTES - 64];
	int err;

	plan->mode = plan->options->mode == ZRING_XDP_MODE_GENERIC ? ZRING_XDP_MODE_GENERIC
								   : ZRING_XDP_MODE_NATIVE;
	err = try_mode(program, plan);
	/* Neither a missing right nor a taken hook gets better in generic mode. */
	if (err && ladder && err != -EPERM && err != -EBUSY) {
		explain(err, plan, why, sizeof(why));
		zr_step(info->steps, sizeof(info->steps), "native", why);
		plan->mode = ZRING_XDP_MODE_GENERIC;
		err = try_mode(program, plan);
	}
	if (!err)
		return 0;
	explain(err, plan, why, sizeof(why));
	return zr_fail(diag, err == -EEXIST ? -EBUSY : err, "XDP program", "%s, %s mode: %s",
		       plan->interface->name, mode_name(plan->mode), why);
}

static void describe(struct zring_xdp_program *program, const struct zr_program_plan *plan)
{
	struct zring_xdp_program_info *info = &program->info;
	struct bpf_prog_info bpf = {0};
	uint32_t bytes = sizeof(bpf);

	if (!info->id && !bpf_obj_get_info_by_fd(program->fd, &bpf, &bytes))
		info->id = bpf.id;
	info->nr_queues = plan->interface->nr_rx_queues ? plan->interface->nr_rx_queues : 1;
	info->multi_buffer = plan->options->multi_buffer;
}

static int build(struct zring_xdp_program *program, const char *interface,
		 const struct zring_xdp_program_options *options, struct zring_diag *diag)
{
	struct zring_interface found;
	struct zr_program_plan plan = {.options = options, .interface = &found};
	int err = check_options(options, diag);

	if (!err)
		err = zring_interface_get(interface, diag, &found);
	if (err)
		return err;
	memcpy(program->info.interface, found.name, sizeof(found.name));
	program->info.ifindex = found.index;
	err = climb_down(program, &plan, diag);
	if (!err)
		describe(program, &plan);
	return err;
}

static void close_program(struct zring_xdp_program *program)
{
	if (program->link_fd >= 0)
		zr_close(program->link_fd);
	if (program->dispatched)
		zr_dispatcher_detach(program);
	else
		zr_program_unload(program);
	free(program);
}

static int open_program(const char *interface, const struct zring_xdp_program_options *options,
			struct zring_diag *diag, struct zring_xdp_program **ret_program)
{
	struct zring_xdp_program *program = calloc(1, sizeof(*program));
	int err;

	if (!program)
		return zr_fail(diag, -ENOMEM, "memory", "no memory for a program");
	program->fd = -1;
	program->link_fd = -1;
	err = build(program, interface, options, diag);
	if (err)
		close_program(program);
	else
		*ret_program = program;
	return err;
}

static int set_socket(struct zring_xdp_program *program, uint32_t queue, int fd)
{
	return bpf_map_update_elem(program->sockets_fd, &queue, &fd, BPF_ANY);
}

static int sum_counter(int fd, uint32_t which, uint64_t *per_cpu, int nr_cpus, uint64_t *ret_sum)
{
	const int err = bpf_map_lookup_elem(fd, &which, per_cpu);

	if (err)
		return err;
	*ret_sum = 0;
	for (int cpu = 0; cpu < nr_cpus; cpu++)
		*ret_sum += per_cpu[cpu];
	return 0;
}

static int stats(const struct zring_xdp_program *program, struct zring_xdp_program_stats *ret_stats)
{
	const int nr_cpus = libbpf_num_possible_cpus();
	struct zring_xdp_program_stats sums = {0};
	uint64_t *per_cpu;
	int err;

	if (nr_cpus < 0)
		return nr_cpus;
	per_cpu = calloc((size_t)nr_cpus, sizeof(*per_cpu));
	if (!per_cpu)
		return -ENOMEM;
	err = sum_counter(program->counts_fd, XSK_COUNT_REDIRECTED, per_cpu, nr_cpus,
			  &sums.redirected);
	if (!err)
		err = sum_counter(program->counts_fd, XSK_COUNT_PASSED, per_cpu, nr_cpus,
				  &sums.passed);
	free(per_cpu);
	if (!err)
		*ret_stats = sums;
	return err;
}

static int attached_mode(const struct zring_xdp_program *program)
{
	struct bpf_xdp_query_opts query = {.sz = sizeof(query)};
	const int err = bpf_xdp_query((int)program->info.ifindex, 0, &query);

	if (err)
		return err;
	/* The hook has the dispatcher then, whatever its id. */
	if (query.drv_prog_id == program->info.id || (program->dispatched && query.drv_prog_id))
		return ZRING_XDP_MODE_NATIVE;
	if (query.skb_prog_id == program->info.id || (program->dispatched && query.skb_prog_id))
		return ZRING_XDP_MODE_GENERIC;
	return 0;
}

/* The only honest way to know: in a user namespace capabilities say less than they seem to. */
static int probe(void)
{
	const struct bpf_insn pass[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = XDP_PASS},
		{.code = BPF_JMP | BPF_EXIT},
	};
	const int fd =
		bpf_prog_load(BPF_PROG_TYPE_XDP, "zring_probe", "Dual BSD/GPL", pass, 2, NULL);

	if (fd < 0)
		return fd;
	zr_close(fd);
	return 0;
}

const struct zr_program_ops zr_program_ops_kernel = {
	.probe = probe,
	.open = open_program,
	.close = close_program,
	.set_socket = set_socket,
	.stats = stats,
	.attached_mode = attached_mode,
};

const struct zr_program_ops *zr_program_ops = &zr_program_ops_kernel;

int zring_xdp_program_open(const char *interface, const struct zring_xdp_program_options *options,
			   struct zring_diag *diag, struct zring_xdp_program **ret_program)
{
	struct zring_xdp_program_options complete;
	const int err = zr_options_read(options, sizeof(complete), &complete, diag);

	return err ? err : zr_program_ops->open(interface, &complete, diag, ret_program);
}

void zring_xdp_program_close(struct zring_xdp_program *program)
{
	if (program)
		zr_program_ops->close(program);
}

void zring_xdp_program_get_info(const struct zring_xdp_program *program,
				struct zring_xdp_program_info *ret_info)
{
	*ret_info = program->info;
}

int zring_xdp_program_get_stats(const struct zring_xdp_program *program,
				struct zring_xdp_program_stats *ret_stats)
{
	return zr_program_ops->stats(program, ret_stats);
}
