/* SPDX-License-Identifier: BSD-2-Clause */
/* The socket filter behind filter, snaplen and direction. */
#ifndef ZR_AFPACKET_FILTER_H
#define ZR_AFPACKET_FILTER_H

#include <linux/filter.h>

#include <zring/capture.h>

/*
 * One classic program that does all of it: what the kernel keeps of a packet
 * is the program's return value. *ret_nr is 0 when no program is needed. The
 * caller frees *ret_insns. Returns 0, -EINVAL, -ENOMEM.
 */
int zr_filter_compose(const struct zring_capture_options *options, struct zring_diag *diag,
		      struct sock_filter **ret_insns, uint16_t *ret_nr);

int zr_filter_attach(int fd, const struct zring_capture_options *options, struct zring_diag *diag);

#endif
