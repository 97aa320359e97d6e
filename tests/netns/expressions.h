/* SPDX-License-Identifier: BSD-2-Clause */
/* libpcap's compiler and interpreter, apart: its struct bpf_insn is not that of the kernel. */
#ifndef TESTS_EXPRESSIONS_H
#define TESTS_EXPRESSIONS_H

#include <stdbool.h>
#include <stdint.h>

struct sock_filter;

/*
 * Compiles a pcap-filter(7) expression for Ethernet: for files, or with
 * @interface as for a capture there, which may use what the kernel knows of a
 * packet. Returns the number of instructions, 0 with libpcap's words.
 */
uint32_t expression_compile(const char *text, const char *interface, bool optimise,
			    struct sock_filter *ret_insns, uint32_t room, char words[256]);
/* What libpcap's own interpreter returns. */
uint32_t expression_run(const struct sock_filter *insns, uint32_t nr, const uint8_t *data,
			uint32_t len);

#endif
