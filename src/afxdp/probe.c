/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../core/cleanup.h"
#include "../syscall.h"
#include "if_xdp.h"
#include "open.h"
#include "program.h"

static void probe_program(struct zring_backend_probe *ret_probe)
{
	const int err = zr_program_ops->probe();

	ret_probe->capture = !err;
	if (!err)
		return;
	ret_probe->error = (uint32_t)-err;
	if (err == -EPERM || err == -EACCES)
		snprintf(
			ret_probe->missing, sizeof(ret_probe->missing),
			"capturing needs CAP_BPF and CAP_NET_ADMIN outside of user namespaces: run "
			"as root, or `setcap cap_bpf,cap_net_admin,cap_net_raw+ep PROGRAM`");
	else
		snprintf(ret_probe->missing, sizeof(ret_probe->missing),
			 "capturing needs an XDP program, bpf(2) failed: %s", strerror(-err));
}

void zr_afxdp_probe(struct zring_backend_probe *ret_probe)
{
	ZR_AUTO_FD fd = zr_socket(AF_XDP, SOCK_RAW, 0);

	ret_probe->backend = ZRING_BACKEND_AFXDP;
	if (fd >= 0) {
		ret_probe->inject = 1;
		probe_program(ret_probe);
		return;
	}
	ret_probe->error = (uint32_t)-fd;
	if (fd == -EPERM || fd == -EACCES)
		snprintf(ret_probe->missing, sizeof(ret_probe->missing),
			 "CAP_NET_RAW is missing: run as root, or `setcap "
			 "cap_bpf,cap_net_admin,cap_net_raw+ep PROGRAM`");
	else if (fd == -EAFNOSUPPORT)
		snprintf(ret_probe->missing, sizeof(ret_probe->missing),
			 "no AF_XDP here: a kernel without CONFIG_XDP_SOCKETS, or a sandbox that "
			 "forbids the family");
	else
		snprintf(ret_probe->missing, sizeof(ret_probe->missing),
			 "socket(AF_XDP) failed: %s", strerror(-fd));
}
