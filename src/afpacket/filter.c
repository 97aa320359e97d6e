/* SPDX-License-Identifier: BSD-2-Clause */
#include "filter.h"

#include <errno.h>
#include <linux/if_packet.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <zring/fanout.h>

#include "../core/diag.h"
#include "../syscall.h"

#define PRELUDE 4u /* direction */
#define TAIL    3u /* snaplen for programs that return A */

static uint32_t smaller(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/*
 * Whether the filter must refuse what this host sends. Otherwise the socket's own
 * PACKET_IGNORE_OUTGOING does; in a group it is the group's that counts, which kernels
 * that do not know the flag accept and ignore.
 */
static bool refuses_outgoing(const struct zring_capture_options *options)
{
	const struct zring_fanout *fanout = options->fanout;

	return fanout && (options->direction == ZRING_CAPTURE_IN ||
			  (fanout->flags & ZRING_FANOUT_FLAG_IGNORE_OUTGOING));
}

/* Drops one direction, and leaves A as a program expects to find it. */
static uint32_t emit_direction(struct sock_filter *insns, bool outgoing)
{
	insns[0] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
						(uint32_t)(SKF_AD_OFF + SKF_AD_PKTTYPE));
	insns[1] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PACKET_OUTGOING,
						outgoing ? 1 : 0, outgoing ? 0 : 1);
	insns[2] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, 0);
	insns[3] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_IMM, 0);
	return PRELUDE;
}

/*
 * Copies the user's program with its returns cut to @snaplen. A return of A
 * becomes a jump to a tail, so that no offset in between changes.
 */
static uint32_t emit_program(struct sock_filter *insns, const struct zring_filter *filter,
			     uint32_t snaplen)
{
	const uint32_t nr = filter->nr_insns;

	for (uint32_t i = 0; i < nr; i++) {
		insns[i] = filter->insns[i];
		if (insns[i].code == (BPF_RET | BPF_K))
			insns[i].k = smaller(insns[i].k, snaplen);
		else if (insns[i].code == (BPF_RET | BPF_A))
			insns[i] = (struct sock_filter)BPF_STMT(BPF_JMP | BPF_JA, nr - i - 1);
	}
	insns[nr] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, snaplen, 0, 1);
	insns[nr + 1] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, snaplen);
	insns[nr + 2] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_A, 0);
	return nr + TAIL;
}

static int check_program(const struct zring_filter *filter, struct zring_diag *diag)
{
	if (!filter->insns || !filter->nr_insns)
		return zr_fail(diag, -EINVAL, "filter", "the classic program has no instructions");
	if (filter->nr_insns > BPF_MAXINSNS - PRELUDE - TAIL)
		return zr_fail(diag, -EINVAL, "filter",
			       "%u instructions: the kernel takes %d, of which %u serve direction "
			       "and snaplen",
			       filter->nr_insns, BPF_MAXINSNS, PRELUDE + TAIL);
	return 0;
}

int zr_filter_compose(const struct zring_capture_options *options, struct zring_diag *diag,
		      struct sock_filter **ret_insns, uint16_t *ret_nr)
{
	const struct zring_filter *filter = options->filter;
	const uint32_t snaplen = options->snaplen ? options->snaplen : UINT32_MAX;
	const bool has_program = filter && filter->type == ZRING_FILTER_CBPF;
	const bool has_direction = options->direction == ZRING_CAPTURE_OUT ||
				   refuses_outgoing(options);
	struct sock_filter *insns;
	uint32_t nr = 0;
	int err;

	*ret_insns = NULL;
	*ret_nr = 0;
	if (!has_program && !options->snaplen && !has_direction)
		return 0;
	err = has_program ? check_program(filter, diag) : 0;
	if (err)
		return err;
	insns = calloc(PRELUDE + (has_program ? filter->nr_insns : 1) + TAIL, sizeof(*insns));
	if (!insns)
		return zr_fail(diag, -ENOMEM, "filter", "no memory for the program");
	if (has_direction)
		nr += emit_direction(insns, options->direction == ZRING_CAPTURE_OUT);
	if (has_program)
		nr += emit_program(insns + nr, filter, snaplen);
	else
		insns[nr++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, snaplen);
	*ret_insns = insns;
	*ret_nr = (uint16_t)nr;
	return 0;
}

static int attach_ebpf(int fd, int program_fd, struct zring_diag *diag)
{
	const int err =
		zr_setsockopt(fd, SOL_SOCKET, SO_ATTACH_BPF, &program_fd, sizeof(program_fd));

	return err ? zr_fail(diag, err, "SO_ATTACH_BPF",
			     "descriptor %d: %s (wants a loaded BPF_PROG_TYPE_SOCKET_FILTER)",
			     program_fd, strerror(-err))
		   : 0;
}

static int attach_classic(int fd, struct sock_filter *insns, uint16_t nr, struct zring_diag *diag)
{
	const struct sock_fprog program = {.len = nr, .filter = insns};
	const int err = zr_setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));

	return err ? zr_fail(diag, err, "SO_ATTACH_FILTER",
			     "the kernel refused a program of %u instructions: %s", nr,
			     strerror(-err))
		   : 0;
}

/* The program may be closed after the open: a descriptor of our own is needed to set it again. */
static int keep_ebpf(struct zr_filter *filter, int fd, const struct zring_capture_options *options,
		     struct zring_diag *diag)
{
	int err;

	if (options->snaplen || options->direction == ZRING_CAPTURE_OUT)
		return zr_fail(diag, -EINVAL, "filter",
			       "an eBPF filter returns its own length and judges the direction: "
			       "leave snaplen 0 and direction BOTH or IN");
	if (options->fanout && options->direction == ZRING_CAPTURE_IN)
		return zr_fail(diag, -EINVAL, "filter",
			       "in a fanout group an eBPF filter judges the direction: leave it "
			       "BOTH, or set ZRING_FANOUT_FLAG_IGNORE_OUTGOING");
	err = attach_ebpf(fd, options->filter->program_fd, diag);
	if (err || !(options->fanout || options->paused))
		return err;
	err = zr_dup(options->filter->program_fd);
	if (err < 0)
		return zr_fail(diag, err, "filter", "no descriptor for the program: %s",
			       strerror(-err));
	filter->program_fd = err;
	return 0;
}

int zr_filter_init(struct zr_filter *filter, int fd, const struct zring_capture_options *options,
		   struct zring_diag *diag)
{
	int err;

	if (options->filter && options->filter->reserved)
		return zr_fail(diag, -EINVAL, "filter", "filter.reserved must be 0");
	if (options->filter && options->filter->type == ZRING_FILTER_XDP)
		return zr_fail(
			diag, -ENOTSUP, "filter",
			"a packet socket can't run ZRING_FILTER_XDP: give a classic program");
	if (options->filter && options->filter->type > ZRING_FILTER_XDP)
		return zr_fail(diag, -EINVAL, "filter",
			       "filter.type %u is no enum zring_filter_type",
			       options->filter->type);
	if (options->filter && options->filter->type == ZRING_FILTER_EBPF)
		return keep_ebpf(filter, fd, options, diag);
	err = zr_filter_compose(options, diag, &filter->insns, &filter->nr_insns);
	if (err || !filter->nr_insns)
		return err;
	return attach_classic(fd, filter->insns, filter->nr_insns, diag);
}

int zr_filter_shut(int fd, struct zring_diag *diag)
{
	struct sock_filter nothing = BPF_STMT(BPF_RET | BPF_K, 0);

	return attach_classic(fd, &nothing, 1, diag);
}

int zr_filter_open(const struct zr_filter *filter, int fd, struct zring_diag *diag)
{
	int err;

	if (filter->program_fd >= 0)
		return attach_ebpf(fd, filter->program_fd, diag);
	if (filter->nr_insns)
		return attach_classic(fd, filter->insns, filter->nr_insns, diag);
	err = zr_setsockopt_int(fd, SOL_SOCKET, SO_DETACH_FILTER, 0);
	return err ? zr_fail(diag, err, "SO_DETACH_FILTER", "the capture stays shut: %s",
			     strerror(-err))
		   : 0;
}

void zr_filter_fini(struct zr_filter *filter)
{
	free(filter->insns);
	if (filter->program_fd >= 0)
		zr_close(filter->program_fd);
}
