/* SPDX-License-Identifier: BSD-2-Clause */
/* Offloads of an interface, as `ethtool -K` sets them. */
#include "link.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static int ethtool(const char *name, void *command)
{
	struct ifreq request = {0};
	int err, fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	strncpy(request.ifr_name, name, IFNAMSIZ - 1);
	request.ifr_data = command;
	err = ioctl(fd, SIOCETHTOOL, &request) < 0 ? -errno : 0;
	close(fd);
	return err;
}

static int set_flag(const char *name, uint32_t command, int on)
{
	struct ethtool_value value = {.cmd = command, .data = on ? 1 : 0};

	return ethtool(name, &value);
}

int link_set_gro(const char *name, int on)
{
	return set_flag(name, ETHTOOL_SGRO, on);
}

int link_set_tso(const char *name, int on)
{
	return set_flag(name, ETHTOOL_STSO, on);
}

static int count_features(const char *name, uint32_t *ret_nr)
{
	const size_t bytes = sizeof(struct ethtool_sset_info) + sizeof(uint32_t);
	struct ethtool_sset_info *info = calloc(1, bytes);
	int err;

	if (!info)
		return -ENOMEM;
	info->cmd = ETHTOOL_GSSET_INFO;
	info->sset_mask = 1ull << ETH_SS_FEATURES;
	err = ethtool(name, info);
	if (!err)
		*ret_nr = info->data[0];
	free(info);
	return err;
}

/* The number of the feature called @feature: it differs from kernel to kernel. */
static int find_feature(const char *name, const char *feature)
{
	struct ethtool_gstrings *names;
	uint32_t nr;
	int found = -EOPNOTSUPP, err = count_features(name, &nr);

	if (err)
		return err;
	names = calloc(1, sizeof(*names) + (size_t)nr * ETH_GSTRING_LEN);
	if (!names)
		return -ENOMEM;
	names->cmd = ETHTOOL_GSTRINGS;
	names->string_set = ETH_SS_FEATURES;
	names->len = nr;
	err = ethtool(name, names);
	for (uint32_t i = 0; !err && i < names->len && i < nr; i++)
		if (!strncmp((const char *)names->data + (size_t)i * ETH_GSTRING_LEN, feature,
			     ETH_GSTRING_LEN))
			found = (int)i;
	free(names);
	return err ? err : found;
}

int link_set_udp_gso(const char *name, int on)
{
	const int number = find_feature(name, "tx-udp-segmentation");
	struct ethtool_sfeatures *request;
	uint32_t block, bit;
	int err;

	if (number < 0)
		return number;
	block = (uint32_t)number / 32;
	bit = 1u << (number % 32);
	request = calloc(1, sizeof(*request) + (block + 1) * sizeof(request->features[0]));
	if (!request)
		return -ENOMEM;
	request->cmd = ETHTOOL_SFEATURES;
	request->size = block + 1;
	request->features[block].valid = bit;
	request->features[block].requested = on ? bit : 0;
	err = ethtool(name, request);
	free(request);
	return err;
}
