/* SPDX-License-Identifier: BSD-2-Clause */
/* What can be said of an eBPF function without the kernel. */
#ifndef BPF_SHAPE_H
#define BPF_SHAPE_H

#include <linux/bpf.h>
#include <stdint.h>

/*
 * NULL, or what is wrong with a translated function: jumps lead forward and
 * stay inside, each instruction is reached, the end is an exit, the stack is used
 * within 176 bytes, only the helpers that the translator knows are called, the
 * first two instructions take one slot.
 */
const char *bpf_shape_fault(const struct bpf_insn *insns, uint32_t nr);

#endif
