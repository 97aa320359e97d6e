/* SPDX-License-Identifier: BSD-2-Clause */
/* A packet socket in a fanout group. */
#ifndef ZR_AFPACKET_FANOUT_H
#define ZR_AFPACKET_FANOUT_H

#include <zring/fanout.h>

/* Reads and checks options->fanout. Returns 0, -EINVAL, -E2BIG. */
int zr_fanout_read(const struct zring_capture_options *options, struct zring_diag *diag,
		   struct zring_fanout *ret_fanout);

/* Joins the group and sets its program; @fd is bound to @interface. */
int zr_fanout_join(int fd, const struct zring_fanout *fanout, const char *interface,
		   struct zring_diag *diag, struct zring_fanout_info *ret_info);

#endif
