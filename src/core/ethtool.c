/* SPDX-License-Identifier: BSD-2-Clause */
#include "ethtool.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/netlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "../syscall.h"
#include "cleanup.h"

#define BITS_A_BLOCK 32u

/* The kernel's names (net/ethtool/common.c); their bit numbers differ between versions. */
static const struct {
	const char *name;
	uint32_t feature;
} feature_names[] = {
	{"rx-gro", ZRING_FEATURE_GRO},
	{"rx-gro-hw", ZRING_FEATURE_GRO},
	{"rx-lro", ZRING_FEATURE_LRO},
	{"rx-vlan-hw-parse", ZRING_FEATURE_RX_VLAN},
	{"rx-vlan-stag-hw-parse", ZRING_FEATURE_RX_VLAN},
	{"tx-vlan-hw-insert", ZRING_FEATURE_TX_VLAN},
	{"tx-vlan-stag-hw-insert", ZRING_FEATURE_TX_VLAN},
	{"tx-tcp-segmentation", ZRING_FEATURE_TSO},
	{"tx-tcp6-segmentation", ZRING_FEATURE_TSO},
	{"tx-generic-segmentation", ZRING_FEATURE_GSO},
	{"rx-checksum", ZRING_FEATURE_RX_CHECKSUM},
	{"tx-checksum-ipv4", ZRING_FEATURE_TX_CHECKSUM},
	{"tx-checksum-ipv6", ZRING_FEATURE_TX_CHECKSUM},
	{"tx-checksum-ip-generic", ZRING_FEATURE_TX_CHECKSUM},
	{"tx-udp-segmentation", ZRING_FEATURE_UDP_GSO},
};

int zr_ethtool_open(struct zr_ethtool *ethtool)
{
	memset(ethtool, 0, sizeof(*ethtool));
	/* Any socket does; this family is the one that the rest of the look-up needs. */
	ethtool->fd = zr_socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
	return ethtool->fd < 0 ? ethtool->fd : 0;
}

void zr_ethtool_close(struct zr_ethtool *ethtool)
{
	if (ethtool->fd >= 0)
		zr_close(ethtool->fd);
	ethtool->fd = -1;
}

static int command(const struct zr_ethtool *ethtool, const char *name, void *data)
{
	struct ifreq request = {0};

	memcpy(request.ifr_name, name, strnlen(name, sizeof(request.ifr_name) - 1));
	request.ifr_data = data;
	return zr_ioctl(ethtool->fd, SIOCETHTOOL, &request);
}

static void read_driver(const struct zr_ethtool *ethtool, struct zring_interface *interface,
			char *bus_info)
{
	struct ethtool_drvinfo info = {.cmd = ETHTOOL_GDRVINFO};

	bus_info[0] = '\0';
	if (command(ethtool, interface->name, &info) < 0)
		return;
	memcpy(interface->driver, info.driver, sizeof(interface->driver));
	interface->driver[sizeof(interface->driver) - 1] = '\0';
	memcpy(bus_info, info.bus_info, ZR_BUS_INFO_BYTES);
	bus_info[ZR_BUS_INFO_BYTES - 1] = '\0';
}

static void read_speed(const struct zr_ethtool *ethtool, struct zring_interface *interface)
{
	union {
		struct ethtool_link_settings settings;
		/* Three masks of at most SCHAR_MAX words follow the settings. */
		char bytes[sizeof(struct ethtool_link_settings) + 3 * 127 * sizeof(uint32_t)];
	} link;
	int8_t words;

	/* The first call only asks how long the masks are; the answer is negative. */
	memset(&link, 0, sizeof(link));
	link.settings.cmd = ETHTOOL_GLINKSETTINGS;
	if (command(ethtool, interface->name, &link) < 0 ||
	    link.settings.link_mode_masks_nwords >= 0)
		return;
	words = (int8_t)-link.settings.link_mode_masks_nwords;
	memset(&link, 0, sizeof(link));
	link.settings.cmd = ETHTOOL_GLINKSETTINGS;
	link.settings.link_mode_masks_nwords = words;
	if (command(ethtool, interface->name, &link) < 0 ||
	    link.settings.speed == (uint32_t)SPEED_UNKNOWN)
		return;
	interface->speed_mbps = link.settings.speed;
}

/* Queues in use. rtnetlink's counts are those allocated, often one a possible CPU. */
static void read_channels(const struct zr_ethtool *ethtool, struct zring_interface *interface)
{
	struct ethtool_channels channels = {.cmd = ETHTOOL_GCHANNELS};

	if (command(ethtool, interface->name, &channels) < 0)
		return;
	if (channels.rx_count + channels.combined_count)
		interface->nr_rx_queues = channels.rx_count + channels.combined_count;
	if (channels.tx_count + channels.combined_count)
		interface->nr_tx_queues = channels.tx_count + channels.combined_count;
}

static uint32_t feature_of(const char *name)
{
	for (size_t i = 0; i < sizeof(feature_names) / sizeof(*feature_names); i++)
		if (strncmp(name, feature_names[i].name, ETH_GSTRING_LEN) == 0)
			return feature_names[i].feature;
	return 0;
}

static uint32_t count_features(const struct zr_ethtool *ethtool, const char *name)
{
	union {
		struct ethtool_sset_info sets;
		char bytes[sizeof(struct ethtool_sset_info) + sizeof(uint32_t)];
	} answer = {.sets = {.cmd = ETHTOOL_GSSET_INFO, .sset_mask = 1ull << ETH_SS_FEATURES}};
	uint32_t nr;

	if (command(ethtool, name, &answer) < 0 || !answer.sets.sset_mask)
		return 0;
	memcpy(&nr, answer.sets.data, sizeof(nr));
	return nr <= ZR_MAX_FEATURES ? nr : 0;
}

/* The names are the kernel's, not the device's: one reading serves all. */
static void read_feature_names(struct zr_ethtool *ethtool, const char *name)
{
	const uint32_t nr = count_features(ethtool, name);
	const size_t bytes = sizeof(struct ethtool_gstrings) + (size_t)nr * ETH_GSTRING_LEN;

	ZR_AUTO_FREE struct ethtool_gstrings *strings = calloc(1, bytes);
	if (!strings || !nr)
		return;
	strings->cmd = ETHTOOL_GSTRINGS;
	strings->string_set = ETH_SS_FEATURES;
	strings->len = nr;
	if (command(ethtool, name, strings) < 0 || strings->len > nr)
		return;
	for (uint32_t i = 0; i < strings->len; i++)
		ethtool->features[i] =
			feature_of((const char *)&strings->data[(size_t)i * ETH_GSTRING_LEN]);
	ethtool->nr_features = strings->len;
}

static void read_offloads(struct zr_ethtool *ethtool, struct zring_interface *interface)
{
	union {
		struct ethtool_gfeatures head;
		char bytes[sizeof(struct ethtool_gfeatures) +
			   ZR_MAX_FEATURES / BITS_A_BLOCK *
				   sizeof(struct ethtool_get_features_block)];
	} answer = {.head = {.cmd = ETHTOOL_GFEATURES, .size = ZR_MAX_FEATURES / BITS_A_BLOCK}};

	if (!ethtool->nr_features)
		read_feature_names(ethtool, interface->name);
	if (command(ethtool, interface->name, &answer) < 0)
		return;
	for (uint32_t i = 0; i < ethtool->nr_features && i / BITS_A_BLOCK < answer.head.size; i++)
		if (answer.head.features[i / BITS_A_BLOCK].active & (1u << i % BITS_A_BLOCK))
			interface->offloads |= ethtool->features[i];
}

void zr_ethtool_read(struct zr_ethtool *ethtool, struct zring_interface *interface,
		     char bus_info[static ZR_BUS_INFO_BYTES])
{
	read_driver(ethtool, interface, bus_info);
	read_speed(ethtool, interface);
	read_channels(ethtool, interface);
	read_offloads(ethtool, interface);
}
