/* SPDX-License-Identifier: BSD-2-Clause */
#include "socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "../core/diag.h"
#include "../syscall.h"
#include "frame.h"

int zr_afpacket_socket(struct zring_diag *diag)
{
	const int fd = zr_socket(AF_PACKET, SOCK_RAW, 0);

	if (fd == -EPERM || fd == -EACCES)
		return zr_fail(diag, fd, "socket",
			       "packet sockets need CAP_NET_RAW: run as root, "
			       "`setcap cap_net_raw+ep PROGRAM`, or enter `unshare -Urn`");
	if (fd == -EAFNOSUPPORT)
		return zr_fail(diag, fd, "socket",
			       "this kernel has no packet sockets: load af_packet (CONFIG_PACKET)");
	if (fd < 0)
		return zr_fail(diag, fd, "socket", "packet socket: %s", strerror(-fd));
	return fd;
}

int zr_afpacket_lookup(int fd, const char *name, struct zring_diag *diag,
		       struct zr_device *ret_device)
{
	struct ifreq request = {0};
	struct zr_device device = {0};
	int err;

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	snprintf(device.name, sizeof(device.name), "%s", name);
	err = zr_ioctl(fd, SIOCGIFINDEX, &request);
	if (err == -ENODEV)
		return zr_fail(diag, err, "interface",
			       "no interface \"%s\" in this network namespace: see `ip link`",
			       name);
	if (!err) {
		device.ifindex = (uint32_t)request.ifr_ifindex;
		err = zr_ioctl(fd, SIOCGIFMTU, &request);
	}
	if (!err) {
		device.mtu = (uint32_t)request.ifr_mtu;
		err = zr_ioctl(fd, SIOCGIFHWADDR, &request);
	}
	if (err)
		return zr_fail(diag, err, "interface", "%s: %s", name, strerror(-err));
	device.link_type = request.ifr_hwaddr.sa_family;
	*ret_device = device;
	return 0;
}

int zr_afpacket_bind(int fd, const struct zr_device *device, uint16_t protocol,
		     struct zring_diag *diag)
{
	const struct sockaddr_ll address = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(protocol),
		.sll_ifindex = (int)device->ifindex,
	};
	const int err = zr_bind(fd, &address, sizeof(address));

	if (err == -ENODEV || err == -ENXIO)
		return zr_fail(diag, -ENODEV, "bind", "interface %s was deleted just now",
			       device->name);
	return err ? zr_fail(diag, err, "bind", "%s: %s", device->name, strerror(-err)) : 0;
}

int zr_afpacket_set(int fd, int name, int value, const char *what, struct zring_diag *diag)
{
	const int err = zr_setsockopt_int(fd, SOL_PACKET, name, value);

	if (err == -ENOPROTOOPT)
		return zr_fail(diag, -ENOTSUP, what, "this kernel does not know %s", what);
	return err ? zr_fail(diag, err, what, "%s = %d: %s", what, value, strerror(-err)) : 0;
}

static int set_ring(int fd, int which, const struct zr_layout *layout, bool fill_rxhash)
{
	const struct tpacket_req3 request = {
		.tp_block_size = layout->block_bytes,
		.tp_block_nr = layout->nr_blocks,
		.tp_frame_size = layout->frame_bytes,
		.tp_frame_nr = zr_layout_frames(layout),
		.tp_retire_blk_tov = layout->latency_ms,
		.tp_feature_req_word = fill_rxhash ? TP_FT_REQ_FILL_RXHASH : 0,
	};
	/* V1 and V2 take the first four fields alone. */
	const size_t bytes = layout->version == 3 ? sizeof(request) : sizeof(struct tpacket_req);

	return zr_setsockopt(fd, SOL_PACKET, which, &request, bytes);
}

int zr_afpacket_ring(int fd, int which, struct zr_layout *layout, bool fill_rxhash,
		     struct zring_diag *diag)
{
	const char *const step = which == PACKET_RX_RING ? "PACKET_RX_RING" : "PACKET_TX_RING";
	int err;

	do
		err = set_ring(fd, which, layout, fill_rxhash);
	while (err == -ENOMEM && zr_layout_shrink(layout));
	if (err == -ENOMEM)
		return zr_fail(diag, err, step,
			       "no memory for even %u blocks of %u bytes: ask for smaller blocks",
			       layout->nr_blocks, layout->block_bytes);
	return err ? zr_fail(diag, err, step, "%u blocks of %u bytes: %s", layout->nr_blocks,
			     layout->block_bytes, strerror(-err))
		   : 0;
}

int zr_afpacket_map(int fd, size_t bytes, struct zring_diag *diag, void **ret_ring,
		    bool *ret_locked)
{
	const int protection = PROT_READ | PROT_WRITE;
	int err = zr_mmap(bytes, protection, MAP_SHARED | MAP_LOCKED, fd, 0, ret_ring);

	*ret_locked = !err;
	if (err)
		err = zr_mmap(bytes, protection, MAP_SHARED, fd, 0, ret_ring);
	return err ? zr_fail(diag, err, "mmap", "a ring of %zu bytes: %s", bytes, strerror(-err))
		   : 0;
}
