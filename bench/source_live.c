/* SPDX-License-Identifier: BSD-2-Clause */
/* The kernel as a generator: an XDP test run whose frames are real ones. */
#include "source.h"

#include <arpa/inet.h>
#include <assert.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <net/ethernet.h>
#include <netinet/ip.h>
#include <netinet/udp.h>

#include "livegen.h"
#include "livegen.skel.h"

static_assert(FRAME_SHAPES <= LIVEGEN_SHAPES, "the program has room for every mix");
static_assert(FRAME_SEQUENCE_AT == LIVEGEN_SEQUENCE_AT, "one place for the number");

/* Each call ends with an RCU grace period, so one call goes on until a signal ends it. */
#define REPEAT    4000000000u
#define BATCH_MAX 256u

static void set_shapes(struct livegen *program, const struct frame_set *set)
{
	for (uint32_t i = 0; i < set->mix.nr_shapes; i++) {
		const uint8_t *ip = set->frames[i] + sizeof(struct ether_header);
		struct livegen_shape *shape = (struct livegen_shape *)&program->rodata->shapes[i];

		shape->bytes = set->mix.bytes[i];
		memcpy(&shape->ip_bytes, ip + offsetof(struct iphdr, tot_len), 2);
		memcpy(&shape->ip_checksum, ip + offsetof(struct iphdr, check), 2);
		memcpy(&shape->udp_bytes, ip + sizeof(struct iphdr) + offsetof(struct udphdr, len),
		       2);
	}
}

static int load(struct child_side *side, const struct source *source, struct livegen **ret_program)
{
	const uint32_t key = 0, index = (uint32_t)source->link->index;
	struct livegen *program;
	int err;

	libbpf_set_print(NULL);
	program = livegen__open();
	if (!program)
		return child_fail(side, -errno, "cannot open the generator program: %s",
				  strerror(errno));
	program->rodata->nr_shapes = source->set->mix.nr_shapes;
	program->rodata->largest = source->set->mix.largest;
	program->rodata->interval_fp =
		source->rate_pps ? (256000000000u + source->rate_pps / 2) / source->rate_pps : 0;
	set_shapes(program, source->set);
	err = livegen__load(program);
	if (!err && bpf_map_update_elem(bpf_map__fd(program->maps.port), &key, &index, BPF_ANY) < 0)
		err = -errno;
	if (err) {
		child_fail(side, err,
			   "the kernel does not take the generator program (%s); CAP_BPF and "
			   "CAP_NET_ADMIN are needed, or --source injector",
			   strerror(-err));
		livegen__destroy(program);
		return err;
	}
	*ret_program = program;
	return 0;
}

/* The longest frame: the program cuts it to the others. */
static const uint8_t *longest(const struct frame_set *set)
{
	uint32_t i = 0;

	while (set->mix.bytes[i] != set->mix.largest)
		i++;
	return set->frames[i];
}

int source_run_live(struct child_side *side, const void *context)
{
	const struct source *source = context;
	struct bpf_test_run_opts run = {
		.sz = sizeof(run),
		.data_in = longest(source->set),
		.data_size_in = source->set->mix.largest,
		.repeat = (int)REPEAT,
		.flags = BPF_F_TEST_XDP_LIVE_FRAMES,
	};
	struct livegen *program = NULL;
	int err = load(side, source, &program);

	if (err)
		return err;
	run.batch_size = source->batch < BATCH_MAX ? source->batch : BATCH_MAX;
	child_ready(side);
	while (!err && !child_stopped(side)) {
		err = bpf_prog_test_run_opts(bpf_program__fd(program->progs.livegen), &run);
		if (err == -EINTR || err == -EAGAIN)
			err = 0;
	}
	child_account(side);
	side->shared->result.packets = program->bss->sequence;
	livegen__destroy(program);
	if (err)
		return child_fail(side, err,
				  "XDP test run of %u-byte live frames: %s; Linux 5.18 and frames "
				  "below a page are needed, or --source injector",
				  source->set->mix.largest, strerror(-err));
	return 0;
}
