/* SPDX-License-Identifier: BSD-2-Clause */
/* What the kernel demands of a classic program, checked before anything acts on it. */
#ifndef ZR_FILTER_CHECK_H
#define ZR_FILTER_CHECK_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stdint.h>

#include <zring/diag.h>

/*
 * Takes exactly what SO_ATTACH_FILTER takes (bpf_check_classic in
 * net/core/filter.c): known operations, forward jumps inside the program,
 * scratch memory within bounds and written before it is read, no division by a
 * constant 0, a return at the end. Any bytes may be given. Returns 0, -EINVAL,
 * -ENOMEM.
 */
int zr_filter_check(const struct sock_filter *insns, uint32_t nr_insns, struct zring_diag *diag);

/*
 * Whether an accepted instruction loads an ancillary value instead of bytes;
 * which one is *ret_which, a SKF_AD_ constant.
 */
bool zr_filter_ancillary(const struct sock_filter *insn, uint32_t *ret_which);

#endif
