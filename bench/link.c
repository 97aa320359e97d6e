/* SPDX-License-Identifier: BSD-2-Clause */
#include "link.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* A netlink request under construction. */
struct request {
	struct nlmsghdr header;
	uint8_t body[1024];
};

static struct rtattr *put(struct request *request, uint16_t type, const void *data, size_t bytes)
{
	struct rtattr *attribute =
		(struct rtattr *)((uint8_t *)request + NLMSG_ALIGN(request->header.nlmsg_len));

	attribute->rta_type = type;
	attribute->rta_len = (uint16_t)RTA_LENGTH(bytes);
	if (bytes)
		memcpy(RTA_DATA(attribute), data, bytes);
	request->header.nlmsg_len =
		NLMSG_ALIGN(request->header.nlmsg_len) + (uint32_t)RTA_ALIGN(attribute->rta_len);
	return attribute;
}

static void *put_header(struct request *request, size_t bytes)
{
	void *header = (uint8_t *)request + NLMSG_ALIGN(request->header.nlmsg_len);

	request->header.nlmsg_len =
		(uint32_t)(NLMSG_ALIGN(request->header.nlmsg_len) + NLMSG_ALIGN(bytes));
	return header;
}

static void nest_end(struct request *request, struct rtattr *nest)
{
	nest->rta_len =
		(uint16_t)((uint8_t *)request + request->header.nlmsg_len - (uint8_t *)nest);
}

/* Sends @request; the answer is put into @answer, an acknowledgement is enough without one. */
static int exchange(struct request *request, void *answer, size_t bytes)
{
	struct nlmsghdr *header = answer;
	uint8_t acknowledgement[512];
	ssize_t got;
	int err = 0, fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	if (fd < 0)
		return -errno;
	if (!answer) {
		header = (struct nlmsghdr *)(void *)acknowledgement;
		bytes = sizeof(acknowledgement);
		request->header.nlmsg_flags |= NLM_F_ACK;
	}
	request->header.nlmsg_flags |= NLM_F_REQUEST;
	got = send(fd, request, request->header.nlmsg_len, 0);
	while (got >= 0 && (got = recv(fd, header, bytes, 0)) < 0 && errno == EINTR)
		;
	if (got < 0)
		err = -errno;
	else if (!NLMSG_OK(header, (size_t)got))
		err = -EPROTO;
	else if (header->nlmsg_type == NLMSG_ERROR)
		err = ((struct nlmsgerr *)NLMSG_DATA(header))->error;
	close(fd);
	return err;
}

static int socket_ioctl(unsigned long command, struct ifreq *request)
{
	int err, fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	err = ioctl(fd, command, request) < 0 ? -errno : 0;
	close(fd);
	return err;
}

static struct ifreq request_for(const char *name)
{
	struct ifreq request = {0};

	strncpy(request.ifr_name, name, IFNAMSIZ - 1);
	return request;
}

int link_open(const char *name, struct link *ret_link)
{
	struct link link = {0};
	struct ifreq request = request_for(name);
	int err = socket_ioctl(SIOCGIFINDEX, &request);

	if (err)
		return err;
	link.index = request.ifr_ifindex;
	strncpy(link.name, name, sizeof(link.name) - 1);
	err = socket_ioctl(SIOCGIFHWADDR, &request);
	if (err)
		return err;
	if (request.ifr_hwaddr.sa_family != ARPHRD_ETHER)
		return -EPROTONOSUPPORT;
	memcpy(link.mac, request.ifr_hwaddr.sa_data, sizeof(link.mac));
	err = socket_ioctl(SIOCGIFMTU, &request);
	if (err)
		return err;
	link.mtu = (uint32_t)request.ifr_mtu;
	err = socket_ioctl(SIOCGIFFLAGS, &request);
	if (err)
		return err;
	if (!(request.ifr_flags & IFF_UP) || !(request.ifr_flags & IFF_RUNNING))
		return -ENETDOWN;
	*ret_link = link;
	return 0;
}

int link_counters(const struct link *link, struct link_counters *ret_counters)
{
	_Alignas(struct nlmsghdr) uint8_t answer[2048];
	struct nlmsghdr *header = (struct nlmsghdr *)(void *)answer;
	struct request request = {
		.header = {.nlmsg_len = NLMSG_HDRLEN, .nlmsg_type = RTM_GETSTATS}};
	struct if_stats_msg *stats = put_header(&request, sizeof(*stats));
	struct rtattr *attribute;
	struct rtnl_link_stats64 counters;
	int err;

	stats->ifindex = (uint32_t)link->index;
	stats->filter_mask = IFLA_STATS_FILTER_BIT(IFLA_STATS_LINK_64);
	err = exchange(&request, answer, sizeof(answer));
	if (err)
		return err;
	attribute = (struct rtattr *)((uint8_t *)NLMSG_DATA(header) + NLMSG_ALIGN(sizeof(*stats)));
	if (header->nlmsg_len < NLMSG_LENGTH(sizeof(*stats)) + RTA_LENGTH(sizeof(counters)) ||
	    attribute->rta_type != IFLA_STATS_LINK_64)
		return -EPROTO;
	memcpy(&counters, RTA_DATA(attribute), sizeof(counters));
	*ret_counters = (struct link_counters){
		.rx_packets = counters.rx_packets,
		.tx_packets = counters.tx_packets,
		.rx_dropped = counters.rx_dropped,
		.tx_dropped = counters.tx_dropped,
	};
	return 0;
}

int link_create_veth(const char *name, const char *peer, uint32_t mtu)
{
	struct request request = {.header = {.nlmsg_len = NLMSG_HDRLEN,
					     .nlmsg_type = RTM_NEWLINK,
					     .nlmsg_flags = NLM_F_CREATE | NLM_F_EXCL}};
	struct rtattr *info, *data, *end;

	put_header(&request, sizeof(struct ifinfomsg));
	put(&request, IFLA_IFNAME, name, strlen(name) + 1);
	put(&request, IFLA_MTU, &mtu, sizeof(mtu));
	info = put(&request, IFLA_LINKINFO, NULL, 0);
	put(&request, IFLA_INFO_KIND, "veth", sizeof("veth"));
	data = put(&request, IFLA_INFO_DATA, NULL, 0);
	end = put(&request, VETH_INFO_PEER, NULL, 0);
	put_header(&request, sizeof(struct ifinfomsg));
	put(&request, IFLA_IFNAME, peer, strlen(peer) + 1);
	put(&request, IFLA_MTU, &mtu, sizeof(mtu));
	nest_end(&request, end);
	nest_end(&request, data);
	nest_end(&request, info);
	return exchange(&request, NULL, 0);
}

int link_set_up(const char *name)
{
	struct ifreq request = request_for(name);
	int err = socket_ioctl(SIOCGIFFLAGS, &request);

	if (err)
		return err;
	request.ifr_flags |= IFF_UP;
	return socket_ioctl(SIOCSIFFLAGS, &request);
}
