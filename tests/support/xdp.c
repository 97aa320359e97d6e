/* SPDX-License-Identifier: BSD-2-Clause */
#include "support/xdp.h"

#include <errno.h>
#include <string.h>

struct zring_umem *xdp_umem_open(const struct zring_umem_options *options)
{
	struct zring_umem *umem = NULL;
	struct zring_diag diag = {0};
	const int error = zring_umem_open(options, &diag, &umem);

	cr_assert(error == 0, "umem: %s at %s: %s", strerror(-error), diag.step, diag.message);
	return umem;
}

struct zring_xdp *xdp_socket_open(const char *interface, struct zring_umem *umem,
				  const struct zring_xdp_options *options)
{
	struct zring_xdp *xdp = NULL;
	struct zring_diag diag = {0};
	const int error = zring_xdp_open(interface, umem, options, &diag, &xdp);

	cr_assert(error == 0, "socket on %s: %s at %s: %s", interface, strerror(-error), diag.step,
		  diag.message);
	return xdp;
}

struct zring_xdp_program *xdp_program_open(const char *interface,
					   const struct zring_xdp_program_options *options)
{
	struct zring_xdp_program *program = NULL;
	struct zring_diag diag = {0};
	const int error = zring_xdp_program_open(interface, options, &diag, &program);

	cr_assert(error == 0, "program on %s: %s at %s: %s", interface, strerror(-error), diag.step,
		  diag.message);
	return program;
}

void xdp_check_chunks(const struct zring_umem *umem, uint32_t holder, uint32_t nr)
{
	uint32_t counts[ZRING_CHUNK_HOLDERS];
	struct zring_umem_info info;
	uint32_t sum = 0;

	zring_umem_get_info(umem, &info);
	zring_umem_count(umem, counts);
	for (uint32_t i = 0; i < ZRING_CHUNK_HOLDERS; i++)
		sum += counts[i];
	check_eq(sum, info.nr_chunks);
	cr_assert(counts[holder] == nr, "party %u holds %u chunks, expected %u", holder,
		  counts[holder], nr);
}

void xdp_receive(struct zring_xdp *xdp, struct zring_xdp_desc *descs, uint32_t nr)
{
	const uint64_t end = net_now_ns() + NET_PATIENCE_NS;
	uint32_t taken = 0;

	while (taken < nr) {
		const int got = zring_xdp_receive(xdp, descs + taken, nr - taken);

		cr_assert(got >= 0, "receive: %s", strerror(-got));
		cr_assert(net_now_ns() < end, "%u of %u frames came", taken, nr);
		taken += (uint32_t)got;
		if (!got)
			cr_assert(zring_xdp_wait(xdp, ZRING_XDP_READABLE, 200) >= 0);
	}
}

struct zring_xdp_desc xdp_write(struct zring_umem *umem, uint32_t number, uint32_t len)
{
	struct zring_xdp_desc desc = {.len = len};

	check_eq(zring_umem_alloc(umem, &desc.address, 1), 1);
	net_frame_fill(zring_umem_data(umem, desc.address), len, number);
	return desc;
}

void xdp_send(struct zring_xdp *xdp, const struct zring_xdp_desc *descs, uint32_t nr,
	      uint64_t *addresses)
{
	const uint64_t end = net_now_ns() + NET_PATIENCE_NS;
	uint32_t completed = 0;

	check_eq(zring_xdp_transmit(xdp, descs, nr), nr);
	while (completed < nr) {
		const int kicked = zring_xdp_kick(xdp);
		int got;

		cr_assert(kicked == 0 || kicked == -EAGAIN, "kick: %s", strerror(-kicked));
		got = zring_xdp_complete(xdp, addresses + completed, nr - completed);
		cr_assert(got >= 0, "complete: %s", strerror(-got));
		cr_assert(net_now_ns() < end, "%u of %u frames completed", completed, nr);
		completed += (uint32_t)got;
	}
}

void xdp_pair_with_queues(const char *near, const char *far)
{
	net_run("ip link add %s address 02:00:00:00:0a:02 numtxqueues 4 numrxqueues 4 type veth "
		"peer name %s address 02:00:00:00:0b:02 numtxqueues 4 numrxqueues 4",
		near, far);
	net_up(near, far);
}
