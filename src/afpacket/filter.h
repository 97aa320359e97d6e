/* SPDX-License-Identifier: BSD-2-Clause */
/* The socket filter behind filter, snaplen and direction. */
#ifndef ZR_AFPACKET_FILTER_H
#define ZR_AFPACKET_FILTER_H

#include <linux/filter.h>
#include <stdbool.h>

#include <zring/capture.h>

/*
 * One classic program that does all of it: what the kernel keeps of a packet
 * is the program's return value. *ret_nr is 0 when no program is needed. The
 * caller frees *ret_insns. Returns 0, -EINVAL, -ENOMEM.
 */
int zr_filter_compose(const struct zring_capture_options *options, struct zring_diag *diag,
		      struct sock_filter **ret_insns, uint16_t *ret_nr);

/* What stands between the interface and the ring, to be set again after a pause. */
struct zr_filter {
	struct sock_filter *insns; /* NULL: no classic program */
	uint16_t nr_insns;
	int program_fd; /* eBPF, a descriptor of our own; -1: none */
};

/* Makes the filter of @options and attaches it: an invalid one is refused at once. */
int zr_filter_init(struct zr_filter *filter, int fd, const struct zring_capture_options *options,
		   struct zring_diag *diag);
/* Refuses every packet, until zr_filter_open() attaches the filter in its place. */
int zr_filter_shut(int fd, struct zring_diag *diag);
int zr_filter_open(const struct zr_filter *filter, int fd, struct zring_diag *diag);
/* Frees it; one that was never made (program_fd -1) is allowed. */
void zr_filter_fini(struct zr_filter *filter);

#endif
