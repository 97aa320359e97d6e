/* SPDX-License-Identifier: BSD-2-Clause */
/* The symmetric flow hash as a classic program: the same for both directions of a flow. */
#ifndef ZR_FLOW_H
#define ZR_FLOW_H

#include <linux/filter.h>
#include <stdint.h>

/* As zring_fanout_flow_program(). */
int zr_flow_program(uint32_t flow_key, struct sock_filter *insns, uint32_t room);

#endif
