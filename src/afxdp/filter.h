/* SPDX-License-Identifier: BSD-2-Clause */
/* A capture's filter as a part of the XDP program. */
#ifndef ZR_AFXDP_FILTER_H
#define ZR_AFXDP_FILTER_H

#include <stdbool.h>

#include <zring/capture.h>
#include <zring/interface.h>

struct zr_xdp_capture_filter {
	struct bpf_insn *owned;         /* of a translated program; free() ends it */
	struct zring_xdp_filter filter; /* nr_insns 0: none */
	uint32_t snaplen;               /* bytes that all of its accepting returns keep */
	bool snaplen_varies;            /* no such: the program must tell each packet's */
};

/*
 * From the options' filter, classic ones translated so that they see frames as
 * a packet socket's filter does. @frags: the program takes packets in pieces.
 */
int zr_xdp_capture_filter(const struct zring_capture_options *options,
			  const struct zring_interface *interface, bool frags,
			  struct zring_diag *diag, struct zr_xdp_capture_filter *ret_filter);

#endif
