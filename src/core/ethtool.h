/* SPDX-License-Identifier: BSD-2-Clause */
/* What only the driver tells about an interface: ethtool's ioctl. */
#ifndef ZR_ETHTOOL_H
#define ZR_ETHTOOL_H

#include <zring/interface.h>

#define ZR_BUS_INFO_BYTES 32

/* The kernel has about 64 features; more than this are not looked at. */
#define ZR_MAX_FEATURES 256

struct zr_ethtool {
	int fd;
	uint32_t nr_features;               /* 0: names not read yet */
	uint32_t features[ZR_MAX_FEATURES]; /* bit number -> ZRING_FEATURE_*, or 0 */
};

/* The thread's network namespace is the one that answers. */
int zr_ethtool_open(struct zr_ethtool *ethtool);
void zr_ethtool_close(struct zr_ethtool *ethtool);

/*
 * Fills driver, speed, offloads and queue counts of @interface, by its name.
 * What the driver does not tell stays as it is. @bus_info: "" where there is none.
 */
void zr_ethtool_read(struct zr_ethtool *ethtool, struct zring_interface *interface,
		     char bus_info[static ZR_BUS_INFO_BYTES]);

#endif
