/* SPDX-License-Identifier: BSD-2-Clause */
/* The played kernel's rtnetlink: it knows one interface, which has no addresses. */
#include "sim_internal.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_arp.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/if.h>
#include <string.h>
#include <sys/uio.h>

#define ANSWER_BYTES 1024

static int find_name(const struct nlattr *attr, void *data)
{
	bool *ret_is_known = data;

	if (mnl_attr_get_type(attr) == IFLA_IFNAME)
		*ret_is_known = strcmp(mnl_attr_get_str(attr), SIM_INTERFACE) == 0;
	return MNL_CB_OK;
}

ssize_t sim_netlink_ask(struct sim_fd *socket, const void *data, size_t len)
{
	const struct nlmsghdr *request = data;

	SIM_CHECK(mnl_nlmsg_ok(request, (int)len), "%zu bytes", len);
	SIM_CHECK(!socket->question, "a question before the answer to the last one");
	socket->question = request->nlmsg_type;
	socket->is_known = zr_load_relaxed(&sim.ifindex) >= 0;
	if (request->nlmsg_type == RTM_GETLINK && socket->is_known)
		mnl_attr_parse(request, sizeof(struct ifinfomsg), find_name, &socket->is_known);
	return (ssize_t)len;
}

static size_t put_link(void *buffer)
{
	static const uint8_t address[] = {2, 0, 0, 0, 0, 1};
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
	struct ifinfomsg *info;

	message->nlmsg_type = RTM_NEWLINK;
	message->nlmsg_seq = 1;
	info = mnl_nlmsg_put_extra_header(message, sizeof(*info));
	info->ifi_index = zr_load_relaxed(&sim.ifindex);
	info->ifi_type = ARPHRD_ETHER;
	info->ifi_flags = IFF_UP | IFF_BROADCAST;
	mnl_attr_put_strz(message, IFLA_IFNAME, SIM_INTERFACE);
	mnl_attr_put_u32(message, IFLA_MTU, zr_load_relaxed(&sim.mtu));
	mnl_attr_put(message, IFLA_ADDRESS, sizeof(address), address);
	mnl_attr_put_u8(message, IFLA_CARRIER, 1);
	mnl_attr_put_u32(message, IFLA_NUM_RX_QUEUES,
			 sim.config.xdp->nr_queues ? sim.config.xdp->nr_queues : 1);
	mnl_attr_put_u32(message, IFLA_NUM_TX_QUEUES,
			 sim.config.xdp->nr_queues ? sim.config.xdp->nr_queues : 1);
	return message->nlmsg_len;
}

static size_t put_end(void *buffer, uint16_t type, int32_t code)
{
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);

	message->nlmsg_type = type;
	message->nlmsg_seq = 1;
	memcpy(mnl_nlmsg_put_extra_header(message, sizeof(struct nlmsgerr)), &code, sizeof(code));
	return message->nlmsg_len;
}

ssize_t sim_netlink_answer(struct sim_fd *socket, struct msghdr *message)
{
	_Alignas(struct nlmsghdr) uint8_t answer[ANSWER_BYTES] = {0};
	struct sockaddr_nl *from = message->msg_name;
	size_t bytes = 0;

	SIM_CHECK(socket->question, "would wait for an answer to nothing");
	if (socket->question == RTM_GETLINK) {
		if (socket->is_known)
			bytes = put_link(answer);
		bytes += put_end(answer + bytes, NLMSG_ERROR, socket->is_known ? 0 : -ENODEV);
	} else {
		bytes = put_end(answer, NLMSG_DONE, 0);
	}
	socket->question = 0;
	SIM_CHECK(message->msg_iovlen == 1 && message->msg_iov->iov_len >= bytes, "no room");
	memcpy(message->msg_iov->iov_base, answer, bytes);
	memset(from, 0, sizeof(*from));
	message->msg_flags = 0;
	return (ssize_t)bytes;
}
