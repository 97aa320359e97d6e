/* SPDX-License-Identifier: BSD-2-Clause */
/* AF_XDP sockets in a lab: opened or the test fails, chunks counted with each step. */
#ifndef TESTS_XDP_H
#define TESTS_XDP_H

#include "support/net_zring.h"

struct zring_umem *xdp_umem_open(const struct zring_umem_options *options);
struct zring_xdp *xdp_socket_open(const char *interface, struct zring_umem *umem,
				  const struct zring_xdp_options *options);
struct zring_xdp_program *xdp_program_open(const char *interface,
					   const struct zring_xdp_program_options *options);

/* Fails the test unless the chunks of all parties sum up, and @holder has @nr. */
void xdp_check_chunks(const struct zring_umem *umem, uint32_t holder, uint32_t nr);

/* Takes @nr descriptors, within NET_PATIENCE_NS. */
void xdp_receive(struct zring_xdp *xdp, struct zring_xdp_desc *descs, uint32_t nr);
/* Frame @number in a chunk of the umem that was free. */
struct zring_xdp_desc xdp_write(struct zring_umem *umem, uint32_t number, uint32_t len);
/* Sends them all and waits for their completion; *@addresses come back. */
void xdp_send(struct zring_xdp *xdp, const struct zring_xdp_desc *descs, uint32_t nr,
	      uint64_t *addresses);

/* A veth pair with 4 queues on both sides, up; @near sends, the frames of net_frame_fill() fit. */
void xdp_pair_with_queues(const char *near, const char *far);

#endif
