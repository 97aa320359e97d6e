/* SPDX-License-Identifier: BSD-2-Clause */
/* The composed program against the program that it was made from, on random programs and packets.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <stdlib.h>
#include <string.h>

#include <zring/fanout.h>

#include "afpacket/filter.h"
#include "support/sim.h"
#include "support/sim_bpf.h"

#define NR_PROGRAMS 4000
#define NR_PACKETS  6
#define MAX_INSNS   40

static uint32_t smaller(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

static void compose(const struct zring_capture_options *options, struct sock_filter **insns,
		    uint16_t *nr)
{
	struct zring_diag diag = {0};

	cr_assert(zr_filter_compose(options, &diag, insns, nr) == 0, "%s", diag.message);
	cr_assert(!*nr == !*insns);
	if (*nr)
		cr_assert(sim_bpf_valid(*insns, *nr), "the kernel would refuse it");
}

/* What the options say, in words: cut what the program keeps; nothing of the other direction. */
static uint32_t expected(const struct zring_capture_options *options,
			 const struct sim_bpf_packet *packet)
{
	const uint32_t snaplen = options->snaplen ? options->snaplen : UINT32_MAX;

	if (options->direction == ZRING_CAPTURE_OUT && packet->pkttype != PACKET_OUTGOING)
		return 0;
	/* Outside a group the socket's own option does that. */
	if (options->fanout && packet->pkttype == PACKET_OUTGOING &&
	    (options->direction == ZRING_CAPTURE_IN ||
	     (options->fanout->flags & ZRING_FANOUT_FLAG_IGNORE_OUTGOING)))
		return 0;
	if (!options->filter)
		return snaplen;
	return smaller(sim_bpf_run(options->filter->insns, packet), snaplen);
}

Test(filter, composed_program_does_what_the_original_does)
{
	static const uint32_t snaplens[] = {0, 1, 60, 96, 65535, UINT32_MAX};
	struct sock_filter program[MAX_INSNS];
	uint64_t random = 1;
	uint8_t data[96];

	for (uint32_t round = 0; round < NR_PROGRAMS; round++) {
		const struct zring_filter filter = {.type = ZRING_FILTER_CBPF,
						    .nr_insns = 1 + sim_below(&random, MAX_INSNS),
						    .insns = program};
		const struct zring_fanout fanout = {
			.flags = sim_below(&random, 2) ? ZRING_FANOUT_FLAG_IGNORE_OUTGOING : 0};
		const uint32_t direction = sim_below(&random, 3);
		/* Ignoring what is all that is wanted is refused at the open. */
		const bool grouped = direction != ZRING_CAPTURE_OUT && sim_below(&random, 2);
		const struct zring_capture_options options = {
			.filter = &filter,
			.fanout = grouped ? &fanout : NULL,
			.snaplen = snaplens[sim_below(&random, 6)],
			.direction = direction,
		};
		struct sock_filter *insns;
		uint16_t nr;

		sim_bpf_make(&random, program, filter.nr_insns);
		cr_assert(sim_bpf_valid(program, filter.nr_insns), "the test's own program");
		compose(&options, &insns, &nr);
		for (uint32_t i = 0; i < NR_PACKETS; i++) {
			const struct sim_bpf_packet packet = {
				.data = data,
				.len = sim_below(&random, sizeof(data)),
				.pkttype = sim_below(&random, 5),
			};

			for (uint32_t at = 0; at < sizeof(data); at++)
				data[at] = (uint8_t)sim_random(&random);
			cr_assert(sim_bpf_run(insns, &packet) == expected(&options, &packet),
				  "program %u: %u, not %u", round, sim_bpf_run(insns, &packet),
				  expected(&options, &packet));
		}
		free(insns);
	}
}

/* Classic programs begin with A and X at 0: what stands in front must not be seen. */
Test(filter, direction_leaves_the_accumulator_alone)
{
	static const struct sock_filter program[] = {BPF_STMT(BPF_RET | BPF_A, 0)};
	const struct zring_filter filter = {
		.type = ZRING_FILTER_CBPF, .nr_insns = 1, .insns = program};
	const struct zring_capture_options options = {.filter = &filter,
						      .direction = ZRING_CAPTURE_OUT};
	const struct sim_bpf_packet packet = {
		.data = (const uint8_t *)"", .len = 1, .pkttype = PACKET_OUTGOING};
	struct sock_filter *insns;
	uint16_t nr;

	compose(&options, &insns, &nr);
	cr_assert(sim_bpf_run(insns, &packet) == 0, "%u", sim_bpf_run(insns, &packet));
	free(insns);
}

Test(filter, without_wishes_there_is_no_program)
{
	const struct zring_filter none = {.type = ZRING_FILTER_NONE};
	const struct zring_capture_options options[] = {
		{0}, {.direction = ZRING_CAPTURE_IN}, {.filter = &none}};

	for (size_t i = 0; i < 3; i++) {
		struct sock_filter *insns = (void *)1;
		uint16_t nr = 1;

		compose(&options[i], &insns, &nr);
		cr_assert(!insns && !nr);
	}
}

Test(filter, snaplen_and_direction_work_alone)
{
	const struct zring_capture_options options[] = {
		{.snaplen = 77},
		{.direction = ZRING_CAPTURE_OUT},
		{.snaplen = 1, .direction = ZRING_CAPTURE_OUT},
	};

	for (size_t i = 0; i < 3; i++)
		for (uint32_t pkttype = 0; pkttype < 5; pkttype++) {
			const struct sim_bpf_packet packet = {.data = (const uint8_t *)"",
							      .pkttype = pkttype};
			struct sock_filter *insns;
			uint16_t nr;

			compose(&options[i], &insns, &nr);
			cr_assert(sim_bpf_run(insns, &packet) == expected(&options[i], &packet));
			free(insns);
		}
}

static int try_size(uint32_t nr_insns, bool with_insns, struct zring_diag *diag, uint16_t *ret_nr)
{
	static struct sock_filter program[BPF_MAXINSNS + 1];
	const struct zring_filter filter = {.type = ZRING_FILTER_CBPF,
					    .nr_insns = nr_insns,
					    .insns = with_insns ? program : NULL};
	const struct zring_capture_options options = {
		.filter = &filter, .snaplen = 60, .direction = ZRING_CAPTURE_OUT};
	struct sock_filter *insns = NULL;
	int err;

	for (uint32_t i = 0; i <= BPF_MAXINSNS; i++)
		program[i] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_A, 0);
	err = zr_filter_compose(&options, diag, &insns, ret_nr);
	cr_assert(err || sim_bpf_valid(insns, *ret_nr), "the kernel would refuse it");
	cr_assert(!err || !insns);
	free(insns);
	return err;
}

Test(filter, limits_are_the_kernels)
{
	struct zring_diag diag = {0};
	uint32_t longest = 0;
	uint16_t nr = 0;

	for (uint32_t nr_insns = 1; nr_insns <= BPF_MAXINSNS; nr_insns += nr_insns < 4000 ? 37 : 1)
		if (try_size(nr_insns, true, &diag, &nr) == 0)
			longest = nr_insns;
	cr_assert(longest >= BPF_MAXINSNS - 8 && longest < BPF_MAXINSNS, "%u", longest);
	cr_assert(diag.error == EINVAL && strstr(diag.message, "4096"), "%s", diag.message);
	cr_assert(try_size(UINT32_MAX, true, &diag, &nr) == -EINVAL);
	cr_assert(try_size(0, true, &diag, &nr) == -EINVAL);
	cr_assert(try_size(1, false, &diag, &nr) == -EINVAL);
	cr_assert(try_size(BPF_MAXINSNS, true, NULL, &nr) == -EINVAL);
}
