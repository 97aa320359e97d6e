/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any program, composed with any snaplen and direction, does what it did
 * alone: 4 bytes snaplen, direction, packet type, packet length, the packet,
 * then instructions of 8 bytes.
 */
#include <linux/if_packet.h>
#include <stdlib.h>
#include <string.h>

#include "afpacket/filter.h"
#include "support/sim.h"
#include "support/sim_bpf.h"

#define HEAD_BYTES 7u
#define MAX_INSNS  4200u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint32_t smaller(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

static void compare(const struct zring_capture_options *options, const struct sock_filter *composed,
		    const struct sim_bpf_packet *packet)
{
	const uint32_t snaplen = options->snaplen ? options->snaplen : UINT32_MAX;
	uint32_t expected = smaller(sim_bpf_run(options->filter->insns, packet), snaplen);

	if (options->direction == ZRING_CAPTURE_OUT && packet->pkttype != PACKET_OUTGOING)
		expected = 0;
	SIM_CHECK(sim_bpf_run(composed, packet) == expected, "%u, not %u",
		  sim_bpf_run(composed, packet), expected);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct sock_filter program[MAX_INSNS];
	struct zring_filter filter = {.type = ZRING_FILTER_CBPF, .insns = program};
	struct zring_capture_options options = {.filter = &filter};
	struct sim_bpf_packet packet;
	struct sock_filter *composed = NULL;
	uint16_t nr = 0;
	size_t used;

	if (size < HEAD_BYTES)
		return 0;
	memcpy(&options.snaplen, data, sizeof(options.snaplen));
	options.direction = data[4] % 3;
	used = HEAD_BYTES + smaller(data[6], (uint32_t)(size - HEAD_BYTES));
	packet = (struct sim_bpf_packet){.data = data + HEAD_BYTES,
					 .len = (uint32_t)(used - HEAD_BYTES),
					 .pkttype = data[5] % 5};
	filter.nr_insns = (uint32_t)((size - used) / sizeof(*program));
	filter.nr_insns = smaller(filter.nr_insns, MAX_INSNS);
	memcpy(program, data + used, filter.nr_insns * sizeof(*program));
	if (zr_filter_compose(&options, NULL, &composed, &nr) == 0 &&
	    sim_bpf_valid(program, filter.nr_insns)) {
		SIM_CHECK(sim_bpf_valid(composed, nr), "the kernel would refuse it");
		compare(&options, composed, &packet);
	}
	free(composed);
	return 0;
}
