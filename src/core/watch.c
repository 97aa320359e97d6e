/* SPDX-License-Identifier: BSD-2-Clause */
#include "watch.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/ioctl.h>

#include "../syscall.h"

/*
 * The kernel reports "down" only to sockets that receive (packet_notifier), so
 * it listens to an Ethertype that nobody sends, and refuses even that.
 */
#define NOBODYS_ETHERTYPE 0xffff

static int bind_deaf(int fd, uint32_t ifindex)
{
	struct sock_filter nothing = BPF_STMT(BPF_RET | BPF_K, 0);
	const struct sock_fprog program = {.len = 1, .filter = &nothing};
	const struct sockaddr_ll address = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(NOBODYS_ETHERTYPE),
		.sll_ifindex = (int)ifindex,
	};
	const int err = zr_setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));

	return err ? err : zr_bind(fd, &address, sizeof(address));
}

int zr_watch_open(uint32_t ifindex)
{
	const int fd = zr_socket(AF_PACKET, SOCK_RAW, 0);
	int err;

	if (fd < 0)
		return fd;
	err = bind_deaf(fd, ifindex);
	if (!err)
		return fd;
	zr_close(fd);
	return err;
}

int zr_watch_check(int fd, uint32_t ifindex)
{
	struct sockaddr_ll address = {0};
	int pending = 0, err;

	err = zr_getsockopt(fd, SOL_SOCKET, SO_ERROR, &pending, sizeof(pending));
	if (err)
		return err;
	/* packet_notifier() sets -1 when the device goes, and reports no error then. */
	err = zr_getsockname(fd, &address, sizeof(address));
	if (err)
		return err;
	return (uint32_t)address.sll_ifindex != ifindex ? -ENODEV : -pending;
}

int zr_watch_mtu(int fd, uint32_t ifindex)
{
	struct ifreq request = {0};
	int err;

	/* By index: the interface may have been renamed. */
	request.ifr_ifindex = (int)ifindex;
	err = zr_ioctl(fd, SIOCGIFNAME, &request);
	if (!err)
		err = zr_ioctl(fd, SIOCGIFMTU, &request);
	if (err)
		return err == -ENXIO ? -ENODEV : err;
	return request.ifr_mtu;
}

int zr_watch_promiscuous(int fd, uint32_t ifindex)
{
	const struct packet_mreq membership = {
		.mr_ifindex = (int)ifindex,
		.mr_type = PACKET_MR_PROMISC,
	};

	return zr_setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &membership,
			     sizeof(membership));
}
