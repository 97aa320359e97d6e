/* SPDX-License-Identifier: BSD-2-Clause */
#include "expressions.h"

#include <pcap/pcap.h>
#include <stdio.h>
#include <string.h>

#define SNAPLEN 262144
#define ROOM    4096u

_Static_assert(sizeof(struct bpf_insn) == 8, "the layout of struct sock_filter");

static pcap_t *open_handle(const char *interface, char words[256])
{
	return interface ? pcap_open_live(interface, SNAPLEN, 0, 10, words)
			 : pcap_open_dead(DLT_EN10MB, SNAPLEN);
}

uint32_t expression_compile(const char *text, const char *interface, bool optimise,
			    struct sock_filter *ret_insns, uint32_t room, char words[256])
{
	pcap_t *handle = open_handle(interface, words);
	struct bpf_program program;
	uint32_t nr = 0;

	if (!handle)
		return 0;
	if (pcap_compile(handle, &program, text, optimise, PCAP_NETMASK_UNKNOWN) < 0) {
		snprintf(words, 256, "%s", pcap_geterr(handle));
	} else {
		if (program.bf_len <= room) {
			nr = program.bf_len;
			memcpy(ret_insns, program.bf_insns, nr * sizeof(*program.bf_insns));
		}
		pcap_freecode(&program);
	}
	pcap_close(handle);
	return nr;
}

uint32_t expression_run(const struct sock_filter *insns, uint32_t nr, const uint8_t *data,
			uint32_t len)
{
	struct bpf_insn copy[ROOM];

	if (nr > ROOM)
		return 0;
	memcpy(copy, insns, nr * sizeof(*copy));
	return bpf_filter(copy, data, len, len);
}
