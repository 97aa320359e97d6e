/* SPDX-License-Identifier: BSD-2-Clause */
/* What zring_probe() makes of a kernel that refuses. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>
#include <zring/interface.h>

#include "afxdp/program.h"
#include "syscall.h"

static int socket_errno;
static int version_errno;
static int nr_open;

static int fake_socket(int domain, int type, int protocol)
{
	cr_assert((domain == AF_PACKET || domain == AF_XDP) && (type & SOCK_RAW) && protocol == 0,
		  "a socket with a protocol hears every interface");
	if (socket_errno) {
		errno = socket_errno;
		return -1;
	}
	nr_open++;
	return 100;
}

static int fake_setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
	(void)fd, (void)level, (void)name, (void)value, (void)len;
	errno = version_errno;
	return version_errno ? -1 : 0;
}

static int fake_close(int fd)
{
	cr_assert(fd == 100);
	nr_open--;
	return 0;
}

static int program_error;

static int fake_program(void)
{
	return program_error;
}

static const struct zr_program_ops programs = {.probe = fake_program};

static struct zring_backend_probe probe(int of_socket, int of_version)
{
	static struct zr_syscalls table;
	struct zring_backend_probe found;

	socket_errno = of_socket;
	version_errno = of_version;
	table = zr_sys_kernel;
	table.socket = fake_socket;
	table.setsockopt = fake_setsockopt;
	table.close = fake_close;
	zr_sys = &table;
	zr_program_ops = &programs;
	memset(&found, 0xff, sizeof(found));
	cr_assert(zring_probe(&found, 1) >= 1);
	cr_assert(nr_open == 0, "the socket stays open");
	cr_assert(found.backend == ZRING_BACKEND_AFPACKET);
	return found;
}

Test(probe, a_willing_kernel_offers_both)
{
	const struct zring_backend_probe found = probe(0, 0);

	cr_assert(found.capture == 1 && found.inject == 1 && found.error == 0);
	cr_assert_str_eq(found.missing, "");
}

Test(probe, a_refusal_names_what_is_missing)
{
	static const struct {
		int error;
		const char *word;
	} cases[] = {
		{EPERM, "cap_net_raw+ep"}, {EACCES, "CAP_NET_RAW"}, {EAFNOSUPPORT, "CONFIG_PACKET"},
		{EMFILE, "ulimit -n"},     {EIO, "errno 5"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct zring_backend_probe found = probe(cases[i].error, 0);

		cr_assert(found.capture == 0 && found.inject == 0);
		cr_assert(found.error == (uint32_t)cases[i].error);
		cr_assert(strstr(found.missing, cases[i].word), "%s", found.missing);
		cr_assert(strlen(found.missing) + 1 < sizeof(found.missing), "cut: %s",
			  found.missing);
	}
}

Test(probe, without_v3_rings_frames_can_still_be_sent)
{
	const struct zring_backend_probe found = probe(0, EINVAL);

	cr_assert(found.capture == 0 && found.inject == 1 && found.error == EINVAL);
	cr_assert(strstr(found.missing, "TPACKET_V3"), "%s", found.missing);
}

Test(probe, the_count_does_not_depend_on_the_room)
{
	struct zring_backend_probe found[8];
	const int known = (probe(0, 0), zring_probe(NULL, 0));

	cr_assert(known >= 1 && known <= 8);
	memset(found, 0xff, sizeof(found));
	cr_assert(zring_probe(found, 8) == known);
	for (int i = 0; i < known; i++)
		cr_assert(strcmp(zring_backend_name(found[i].backend), "unknown") != 0);
	cr_assert(known == 8 || found[known].backend == UINT32_MAX, "filled more than there are");
}

Test(probe, without_leave_for_a_program_afxdp_only_sends)
{
	struct zring_backend_probe found[2];

	program_error = -EPERM;
	probe(0, 0);
	cr_assert(zring_probe(found, 2) == 2);
	cr_assert(found[1].backend == ZRING_BACKEND_AFXDP);
	cr_assert(found[1].capture == 0 && found[1].inject == 1 && found[1].error == EPERM);
	cr_assert(strstr(found[1].missing, "CAP_BPF"), "%s", found[1].missing);
	cr_assert(strlen(found[1].missing) + 1 < sizeof(found[1].missing), "cut");
	program_error = 0;
	cr_assert(zring_probe(found, 2) == 2 && found[1].capture == 1);
}

Test(probe, backends_have_names)
{
	char version[32];

	cr_assert_str_eq(zring_backend_name(ZRING_BACKEND_AUTO), "auto");
	cr_assert_str_eq(zring_backend_name(ZRING_BACKEND_AFPACKET), "afpacket");
	cr_assert_str_eq(zring_backend_name(ZRING_BACKEND_AFXDP), "afxdp");
	cr_assert_str_eq(zring_backend_name(12345), "unknown");
	snprintf(version, sizeof(version), "%d.%d.%d", ZRING_VERSION_MAJOR, ZRING_VERSION_MINOR,
		 ZRING_VERSION_PATCH);
	cr_assert_str_eq(zring_version(), version);
}
