/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe.h"

#include <errno.h>
#include <linux/if_packet.h>
#include <stdio.h>
#include <string.h>

#include "../core/cleanup.h"
#include "../syscall.h"

static void refuse_socket(struct zring_backend_probe *ret_probe, int err)
{
	char *missing = ret_probe->missing;
	const size_t bytes = sizeof(ret_probe->missing);

	ret_probe->error = (uint32_t)-err;
	switch (-err) {
	case EPERM:
	case EACCES:
		snprintf(missing, bytes,
			 "CAP_NET_RAW is missing: run as root, `setcap cap_net_raw+ep PROGRAM`, or "
			 "try it inside `unshare -Urn`");
		break;
	case EAFNOSUPPORT:
	case EPROTONOSUPPORT:
		snprintf(missing, bytes,
			 "no AF_PACKET here: a kernel without CONFIG_PACKET (modprobe af_packet), "
			 "or a sandbox that forbids the family");
		break;
	case EMFILE:
	case ENFILE:
		snprintf(missing, bytes, "no descriptor is free: close some or raise `ulimit -n`");
		break;
	default:
		snprintf(missing, bytes, "socket(AF_PACKET) failed with errno %d", -err);
		break;
	}
}

void zr_afpacket_probe(struct zring_backend_probe *ret_probe)
{
	int err;

	memset(ret_probe, 0, sizeof(*ret_probe));
	ret_probe->backend = ZRING_BACKEND_AFPACKET;

	/* Protocol 0: an unbound socket with another one hears every interface. */
	ZR_AUTO_FD fd = zr_socket(AF_PACKET, SOCK_RAW, 0);
	if (fd < 0) {
		refuse_socket(ret_probe, fd);
		return;
	}
	/* The rings for sending need no version of their own: TPACKET_V1 is as old as they are. */
	ret_probe->inject = 1;
	err = zr_setsockopt_int(fd, SOL_PACKET, PACKET_VERSION, TPACKET_V3);
	if (err < 0) {
		ret_probe->error = (uint32_t)-err;
		snprintf(ret_probe->missing, sizeof(ret_probe->missing),
			 "capturing needs TPACKET_V3, Linux 3.2 or newer with PACKET_MMAP: "
			 "PACKET_VERSION failed with errno %d",
			 -err);
		return;
	}
	ret_probe->capture = 1;
}
