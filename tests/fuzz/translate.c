/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any bytes as a program: one byte of options, then instructions of 8 bytes.
 * What is made of them is in shape; what is refused is refused with words.
 */
#include <stdlib.h>
#include <string.h>

#include "filter/check.h"
#include "filter/translate.h"
#include "support/bpf_shape.h"
#include "support/sim.h"

#define MAX_INSNS 4200u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct sock_filter program[MAX_INSNS];
	struct zr_translate_options options = {.mac = {2, 0, 0, 0, 0, 1}, .ifindex = 1};
	struct zring_diag diag = {0};
	struct bpf_insn *body = NULL;
	uint32_t nr = 0, nr_insns;
	int err;

	if (!size)
		return 0;
	options.vlan_stripped = data[0] & 1;
	options.frags = data[0] & 2;
	options.without_perfmon = data[0] & 4;
	nr_insns = (uint32_t)((size - 1) / sizeof(*program));
	if (nr_insns > MAX_INSNS)
		nr_insns = MAX_INSNS;
	memcpy(program, data + 1, nr_insns * sizeof(*program));
	err = zr_filter_translate(program, nr_insns, &options, &diag, &body, &nr);
	if (err) {
		SIM_CHECK(!body && !nr, "outputs of a refused program");
		SIM_CHECK(diag.error == -err && diag.message[0], "no words for %d", err);
	} else {
		const char *fault = bpf_shape_fault(body, nr);

		SIM_CHECK(zr_filter_check(program, nr_insns, NULL) == 0, "an invalid program");
		SIM_CHECK(!fault, "%s", fault);
	}
	free(body);
	return 0;
}
