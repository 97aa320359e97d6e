/* SPDX-License-Identifier: BSD-2-Clause */
#include "fanout.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

#include "../core/diag.h"
#include "../core/flow.h"
#include "../core/options.h"
#include "../syscall.h"

#ifndef PACKET_FANOUT_FLAG_IGNORE_OUTGOING
#define PACKET_FANOUT_FLAG_IGNORE_OUTGOING 0x4000
#endif

#define STEP            "PACKET_FANOUT"
#define MAX_MEMBERS     65536u
#define DEFAULT_MEMBERS 256u

/* By enum zring_fanout_mode. */
static const uint16_t kernel_modes[] = {
	PACKET_FANOUT_CBPF, PACKET_FANOUT_HASH,     PACKET_FANOUT_LB,
	PACKET_FANOUT_CPU,  PACKET_FANOUT_ROLLOVER, PACKET_FANOUT_RND,
	PACKET_FANOUT_QM,   PACKET_FANOUT_CBPF,     PACKET_FANOUT_EBPF,
};

/* By position in zring_fanout.flags. */
static const uint16_t kernel_flags[] = {
	PACKET_FANOUT_FLAG_ROLLOVER,
	PACKET_FANOUT_FLAG_UNIQUEID,
	PACKET_FANOUT_FLAG_IGNORE_OUTGOING,
	PACKET_FANOUT_FLAG_DEFRAG,
};

#define NR_MODES  (sizeof(kernel_modes) / sizeof(*kernel_modes))
#define NR_FLAGS  (sizeof(kernel_flags) / sizeof(*kernel_flags))
#define ALL_FLAGS ((1u << NR_FLAGS) - 1)

static uint32_t to_kernel(const struct zring_fanout *fanout)
{
	uint32_t type = kernel_modes[fanout->mode];

	for (uint32_t i = 0; i < NR_FLAGS; i++)
		if (fanout->flags & (1u << i))
			type |= kernel_flags[i];
	return fanout->group | type << 16;
}

/* What is wrong by itself, whatever the group is; NULL: nothing. */
static const char *find_mistake(const struct zring_fanout *fanout, uint32_t direction)
{
	const bool unique = fanout->flags & ZRING_FANOUT_FLAG_UNIQUE_ID;

	if (fanout->mode >= NR_MODES)
		return "fanout.mode is no enum zring_fanout_mode";
	if (fanout->flags & ~ALL_FLAGS)
		return "fanout.flags has a bit that is no ZRING_FANOUT_FLAG";
	if (fanout->reserved)
		return "fanout.reserved must be 0";
	if (fanout->group > UINT16_MAX)
		return "fanout.group is at most 65535";
	if (unique && fanout->group)
		return "fanout.group must be 0 with UNIQUE_ID: the kernel picks the number";
	if (fanout->max_members > MAX_MEMBERS)
		return "fanout.max_members is at most 65536";
	if (fanout->flow_key > ZRING_FLOW_ALL_PORTS)
		return "fanout.flow_key is no enum zring_flow_key";
	if (fanout->flow_key && fanout->mode != ZRING_FANOUT_FLOW)
		return "fanout.flow_key does nothing without mode FLOW";
	if (fanout->mode == ZRING_FANOUT_ROLLOVER && (fanout->flags & ZRING_FANOUT_FLAG_ROLLOVER))
		return "mode ROLLOVER excludes the flag ROLLOVER";
	if ((fanout->flags & ZRING_FANOUT_FLAG_IGNORE_OUTGOING) && direction == ZRING_CAPTURE_OUT)
		return "direction OUT and the flag IGNORE_OUTGOING leave no packet";
	if (fanout->nr_insns && fanout->mode != ZRING_FANOUT_CBPF)
		return "fanout.nr_insns does nothing without mode CBPF";
	if (fanout->nr_insns && !fanout->insns)
		return "fanout.nr_insns without insns";
	if (fanout->nr_insns > BPF_MAXINSNS)
		return "fanout.nr_insns is at most 4096";
	if (fanout->mode == ZRING_FANOUT_CBPF && unique && !fanout->nr_insns)
		return "a new group in mode CBPF needs insns: without them the first member gets "
		       "all";
	return NULL;
}

int zr_fanout_read(const struct zring_capture_options *options, struct zring_diag *diag,
		   struct zring_fanout *ret_fanout)
{
	struct zring_fanout fanout;
	const char *mistake;
	int err;

	err = zr_options_read(options->fanout, sizeof(fanout), &fanout, diag);
	if (err)
		return err;
	mistake = find_mistake(&fanout, options->direction);
	if (mistake)
		return zr_fail(diag, -EINVAL, "fanout", "%s", mistake);
	*ret_fanout = fanout;
	return 0;
}

static int fail_join(int err, const struct zring_fanout *fanout, const char *interface,
		     struct zring_diag *diag)
{
	const uint32_t most = fanout->max_members ? fanout->max_members : DEFAULT_MEMBERS;

	switch (err) {
	case -EINVAL:
		return zr_fail(diag, err, STEP,
			       "group %u on %s: it exists with another interface, mode, flags or "
			       "max_members (take ZRING_FANOUT_FLAG_UNIQUE_ID for a new one), or "
			       "the kernel is too old for the mode or for a group on an interface "
			       "that is down",
			       fanout->group, interface);
	case -ENOSPC:
		return zr_fail(diag, err, STEP,
			       "group %u is full: its first member set max_members (%u if this "
			       "one did)",
			       fanout->group, most);
	case -EALREADY:
		return zr_fail(diag, err, STEP, "the socket is in a group already");
	case -ENOMEM:
		return zr_fail(diag, err, STEP,
			       "no memory for a group of %u members, or all numbers are taken",
			       most);
	default:
		return zr_fail(diag, err, STEP, "group %u on %s: %s", fanout->group, interface,
			       strerror(-err));
	}
}

static int join(int fd, const struct zring_fanout *fanout, const char *interface,
		struct zring_diag *diag)
{
	/* struct fanout_args in words, which kernels before it take the first of. */
	const uint32_t arguments[] = {to_kernel(fanout), fanout->max_members};
	const size_t bytes = fanout->max_members ? sizeof(arguments) : sizeof(*arguments);
	const int err = zr_setsockopt(fd, SOL_PACKET, PACKET_FANOUT, arguments, bytes);

	return err ? fail_join(err, fanout, interface, diag) : 0;
}

/* With UNIQUE_ID the kernel has picked a number, which may be 0. */
static int read_group(int fd, const struct zring_fanout *fanout, struct zring_diag *diag,
		      uint32_t *ret_group)
{
	uint32_t value = 0;
	int err;

	*ret_group = fanout->group;
	if (!(fanout->flags & ZRING_FANOUT_FLAG_UNIQUE_ID))
		return 0;
	err = zr_getsockopt(fd, SOL_PACKET, PACKET_FANOUT, &value, sizeof(value));
	if (err)
		return zr_fail(diag, err, STEP, "reading the number of the group: %s",
			       strerror(-err));
	*ret_group = value & UINT16_MAX;
	return 0;
}

static int set_classic(int fd, struct sock_filter *insns, uint16_t nr, struct zring_diag *diag)
{
	const struct sock_fprog program = {.len = nr, .filter = insns};
	const int err =
		zr_setsockopt(fd, SOL_PACKET, PACKET_FANOUT_DATA, &program, sizeof(program));

	return err ? zr_fail(diag, err, "PACKET_FANOUT_DATA",
			     "the kernel refused a program of %u instructions: %s", nr,
			     strerror(-err))
		   : 0;
}

static int set_flow(int fd, uint32_t flow_key, struct zring_diag *diag)
{
	struct sock_filter insns[ZRING_FLOW_MAX_INSNS];
	const int nr = zr_flow_program(flow_key, insns, ZRING_FLOW_MAX_INSNS);

	return nr < 0 ? nr : set_classic(fd, insns, (uint16_t)nr, diag);
}

static int set_program(int fd, const struct zring_fanout *fanout, struct zring_diag *diag)
{
	int err;

	switch (fanout->mode) {
	case ZRING_FANOUT_FLOW:
		return set_flow(fd, fanout->flow_key, diag);
	case ZRING_FANOUT_CBPF:
		if (!fanout->nr_insns)
			return 0;
		/* Not written to; the kernel's struct knows no const. */
		return set_classic(fd, (struct sock_filter *)(uintptr_t)fanout->insns,
				   (uint16_t)fanout->nr_insns, diag);
	case ZRING_FANOUT_EBPF:
		err = zr_setsockopt(fd, SOL_PACKET, PACKET_FANOUT_DATA, &fanout->program_fd,
				    sizeof(fanout->program_fd));
		return err ? zr_fail(diag, err, "PACKET_FANOUT_DATA",
				     "descriptor %d: %s (wants a loaded "
				     "BPF_PROG_TYPE_SOCKET_FILTER)",
				     fanout->program_fd, strerror(-err))
			   : 0;
	default:
		return 0;
	}
}

int zr_fanout_join(int fd, const struct zring_fanout *fanout, const char *interface,
		   struct zring_diag *diag, struct zring_fanout_info *ret_info)
{
	uint32_t group;
	int err;

	err = join(fd, fanout, interface, diag);
	if (!err)
		err = read_group(fd, fanout, diag, &group);
	if (!err)
		err = set_program(fd, fanout, diag);
	if (err)
		return err;
	*ret_info = (struct zring_fanout_info){
		.group = group,
		.mode = fanout->mode,
		.flags = fanout->flags & ~ZRING_FANOUT_FLAG_UNIQUE_ID,
		.flow_key = fanout->flow_key,
	};
	return 0;
}
