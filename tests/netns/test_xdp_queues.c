/* SPDX-License-Identifier: BSD-2-Clause */
/* Several queues: what leaves on queue q of a veth arrives on queue q of its peer. */
#include "support/xdp.h"

#include <errno.h>
#include <string.h>

#define NEAR        "zq"
#define FAR         "zr"
#define NR_QUEUES   4u
#define PER_QUEUE   400u
#define NUMBER(q)   ((q) << 20)
#define QUEUE_OF(n) ((n) >> 20)

TestSuite(xdp_queues, .timeout = 60);

static void open_lab(void)
{
	net_lab_open();
	xdp_pair_with_queues(NEAR, FAR);
}

static struct zring_capture_options xdp_capture(uint32_t mode)
{
	struct zring_capture_options options = ZRING_CAPTURE_OPTIONS_INIT;

	options.backend = ZRING_BACKEND_AFXDP;
	options.xdp_mode = mode;
	options.direction = ZRING_CAPTURE_IN;
	return options;
}

/* Frames NUMBER(queue) and on, out of a queue of NEAR. */
static void send_on_queue(uint32_t queue, uint32_t first, uint32_t count)
{
	struct zring_injector_options options = ZRING_INJECTOR_OPTIONS_INIT;
	struct zring_injector_info info;
	struct zring_injector *injector;

	options.backend = ZRING_BACKEND_AFXDP;
	options.queue = queue;
	injector = net_injector_open(NEAR, &options);
	zring_injector_get_info(injector, &info);
	check_eq(info.queue, queue);
	for (uint32_t i = first; i < first + count; i++) {
		check_eq(net_submit(injector, NUMBER(queue) + i, net_size_mixed(i)), 0);
		if (i % 16 == 15)
			net_drain(injector);
	}
	net_drain(injector);
	check_eq(net_injector_stats(injector).sent, count);
	zring_injector_close(injector);
}

/* Reads @nr frames; each queue's are in order. In native mode the queue is the sender's. */
static void read_queues(struct zring_capture *capture, uint32_t nr, bool same_queue, uint32_t *next)
{
	struct zring_batch batch;

	check_eq(zring_batch_init(&batch, ZRING_BATCH_DEFAULT), 0);
	for (uint32_t seen = 0; seen < nr;) {
		const int got = zring_capture_next(capture, &batch, 10000);
		struct zring_packet_info info;

		cr_assert(got > 0, "next: %d after %u of %u", got, seen, nr);
		for (int i = 0; i < got; i++) {
			const struct zring_packet *packet = &batch.packets[i];
			const uint32_t number = net_frame_number(packet->data);
			const uint32_t queue = QUEUE_OF(number);

			cr_assert(queue < NR_QUEUES);
			check_eq(number, NUMBER(queue) + next[queue]);
			check_eq(packet->len, net_size_mixed(next[queue]));
			cr_assert(net_frame_is(packet->data, packet->len, number, packet->len));
			zring_packet_get_info(capture, packet, &info);
			if (same_queue)
				check_eq(info.queue, queue);
			next[queue]++;
		}
		seen += (uint32_t)got;
		zring_batch_release(&batch);
	}
	zring_batch_fini(&batch);
}

static void capture_all_queues(uint32_t mode)
{
	const struct zring_capture_options options = xdp_capture(mode);
	uint32_t next[NR_QUEUES] = {0};
	struct zring_capture_stats stats;
	struct zring_capture_info info;
	struct zring_capture *capture;

	open_lab();
	capture = net_capture_open(FAR, &options);
	zring_capture_get_info(capture, &info);
	check_eq(info.nr_queues, NR_QUEUES);
	check_eq(info.first_queue, 0);
	for (uint32_t round = 0; round < 2; round++) {
		for (uint32_t queue = 0; queue < NR_QUEUES; queue++)
			send_on_queue(queue, round * PER_QUEUE, PER_QUEUE);
		read_queues(capture, NR_QUEUES * PER_QUEUE, mode == ZRING_XDP_MODE_NATIVE, next);
	}
	for (uint32_t queue = 0; queue < NR_QUEUES; queue++) {
		struct zring_xdp_info socket;

		check_eq(next[queue], 2 * PER_QUEUE);
		cr_assert(zring_capture_xdp(capture, queue));
		zring_xdp_get_info(zring_capture_xdp(capture, queue), &socket);
		check_eq(socket.queue, queue);
		check_eq(socket.shared, queue != 0);
	}
	stats = net_capture_stats(capture);
	check_eq(stats.received, 2 * NR_QUEUES * PER_QUEUE);
	check_eq(stats.delivered, stats.received);
	zring_capture_close(capture);
}

Test(xdp_queues, all_queues_are_captured_in_native_mode)
{
	capture_all_queues(ZRING_XDP_MODE_NATIVE);
}

Test(xdp_queues, all_queues_are_captured_in_generic_mode)
{
	capture_all_queues(ZRING_XDP_MODE_GENERIC);
}

/* Batches of several queues at once, given back in another order. */
Test(xdp_queues, batches_of_several_queues_are_released_in_any_order)
{
	struct zring_capture_options options = xdp_capture(ZRING_XDP_MODE_NATIVE);
	struct zring_batch batches[NR_QUEUES];
	struct zring_capture *capture;

	open_lab();
	/* Few chunks a queue: one that went to another queue's fill ring would be missed. */
	options.memory_bytes = NR_QUEUES * 64 * 2048;
	capture = net_capture_open(FAR, &options);
	for (uint32_t i = 0; i < NR_QUEUES; i++)
		check_eq(zring_batch_init(&batches[i], 64), 0);
	for (uint32_t round = 0; round < 20; round++) {
		for (uint32_t queue = 0; queue < NR_QUEUES; queue++)
			send_on_queue(queue, round * 48, 48);
		for (uint32_t i = 0; i < NR_QUEUES; i++)
			check_eq(zring_capture_next(capture, &batches[i], 10000), 48);
		for (uint32_t i = 0; i < NR_QUEUES; i++) {
			const uint32_t number =
				net_frame_number(batches[(i + round) % NR_QUEUES].packets[0].data);

			check_eq(number & 0xfffff, round * 48);
			zring_batch_release(&batches[(i + round) % NR_QUEUES]);
		}
	}
	check_eq(net_capture_stats(capture).dropped, 0);
	for (uint32_t i = 0; i < NR_QUEUES; i++)
		zring_batch_fini(&batches[i]);
	zring_capture_close(capture);
}

/* A range of queues; the others stay the stack's. */
Test(xdp_queues, a_part_of_the_queues)
{
	struct zring_capture_options options = xdp_capture(ZRING_XDP_MODE_NATIVE);
	uint32_t next[NR_QUEUES] = {0};
	struct zring_capture *capture;
	struct net_tap stack;

	open_lab();
	options.first_queue = 1;
	options.nr_queues = 2;
	capture = net_capture_open(FAR, &options);
	net_tap_open(&stack, FAR, false);
	for (uint32_t queue = 0; queue < NR_QUEUES; queue++)
		send_on_queue(queue, 0, PER_QUEUE);
	read_queues(capture, 2 * PER_QUEUE, true, next);
	check_eq(next[0], 0);
	check_eq(next[1], PER_QUEUE);
	check_eq(next[2], PER_QUEUE);
	check_eq(net_tap_wait(&stack, (size_t)2 * PER_QUEUE), 2 * PER_QUEUE);
	net_tap_stop(&stack);
	for (uint32_t i = 0; i < 2 * PER_QUEUE; i++) {
		size_t len;
		const uint32_t number = net_frame_number(net_tap_frame(&stack, i, &len));

		check_eq(number, i < PER_QUEUE ? i : NUMBER(3u) + i - PER_QUEUE);
	}
	net_tap_close(&stack);
	zring_capture_close(capture);
}

Test(xdp_queues, a_queue_that_is_not_there_is_refused_with_their_number)
{
	struct zring_capture_options options = xdp_capture(ZRING_XDP_MODE_NATIVE);
	struct zring_injector_options injector_options = ZRING_INJECTOR_OPTIONS_INIT;
	struct zring_xdp_options socket_options = ZRING_XDP_OPTIONS_INIT;
	struct zring_injector *injector = NULL;
	struct zring_capture *capture = NULL;
	struct zring_xdp *xdp = NULL;
	struct zring_diag diag = {0};
	struct zring_umem *umem;

	open_lab();
	options.first_queue = 4;
	check_eq(zring_capture_open(FAR, &options, &diag, &capture), -EINVAL);
	cr_assert(strstr(diag.message, "4 receive queues"), "%s", diag.message);
	options.first_queue = 2;
	options.nr_queues = 3;
	check_eq(zring_capture_open(FAR, &options, &diag, &capture), -EINVAL);
	cr_assert(strstr(diag.message, "4 receive queues"), "%s", diag.message);
	injector_options.backend = ZRING_BACKEND_AFXDP;
	injector_options.queue = 7;
	check_eq(zring_injector_open(NEAR, &injector_options, &diag, &injector), -EINVAL);
	cr_assert(strstr(diag.message, "4 transmit queues"), "%s", diag.message);
	umem = xdp_umem_open(NULL);
	socket_options.queue = 1;
	check_eq(zring_xdp_open(NET_FAR, umem, &socket_options, &diag, &xdp), -EINVAL);
	cr_assert(strstr(diag.message, "1 receive queues"), "%s", diag.message);
	socket_options.queue = UINT32_MAX;
	check_eq(zring_xdp_open(FAR, umem, &socket_options, &diag, &xdp), -EINVAL);
	zring_umem_close(umem);
}

/* ---- one umem for several sockets ---- */

Test(xdp_queues, two_queues_share_a_umem_and_a_program)
{
	struct zring_xdp_options options = ZRING_XDP_OPTIONS_INIT;
	struct zring_umem_options umem_options = ZRING_UMEM_OPTIONS_INIT;
	struct zring_xdp *sockets[2];
	struct zring_xdp_info info;
	struct zring_umem *umem;

	open_lab();
	umem_options.nr_chunks = 256;
	umem_options.checks = 1;
	umem = xdp_umem_open(&umem_options);
	options.program = xdp_program_open(FAR, NULL);
	options.use = ZRING_XDP_RX;
	options.rx_chunks = 64;
	options.fill_entries = 128;
	for (uint32_t i = 0; i < 2; i++) {
		options.queue = i;
		sockets[i] = xdp_socket_open(FAR, umem, &options);
		zring_xdp_get_info(sockets[i], &info);
		check_eq(info.shared, i);
		check_eq(info.mode, ZRING_XDP_MODE_NATIVE);
	}
	xdp_check_chunks(umem, ZRING_CHUNK_FILL, 128);
	for (uint32_t round = 0; round < 10; round++) {
		struct zring_xdp_desc descs[32];
		uint64_t addresses[32];

		for (uint32_t i = 0; i < 2; i++) {
			send_on_queue(i, round * 32, 32);
			xdp_receive(sockets[i], descs, 32);
			xdp_check_chunks(umem, ZRING_CHUNK_RX, 32);
			for (uint32_t k = 0; k < 32; k++) {
				const uint32_t number = round * 32 + k;

				cr_assert(net_frame_is(zring_umem_data(umem, descs[k].address),
						       descs[k].len, NUMBER(i) + number,
						       net_size_mixed(number)));
				addresses[k] = descs[k].address;
			}
			/* Crosswise: a chunk is the umem's, not the queue's. */
			check_eq(zring_xdp_fill(sockets[1 - i], addresses, 32), 32);
			xdp_check_chunks(umem, ZRING_CHUNK_FILL, 128);
		}
	}
	zring_xdp_close(sockets[0]);
	/* Who shares lives on without the socket that registered the umem. */
	send_on_queue(1, 0, 16);
	{
		struct zring_xdp_desc descs[16];

		xdp_receive(sockets[1], descs, 16);
		cr_assert(net_frame_is(zring_umem_data(umem, descs[15].address), descs[15].len,
				       NUMBER(1u) + 15, net_size_mixed(15)));
	}
	zring_xdp_close(sockets[1]);
	zring_xdp_program_close(options.program);
	zring_umem_close(umem);
}

#define BURST 32u

/*
 * From one device to the other by the address alone: no byte is touched.
 *
 *	za === zb  (socket) umem (socket)  zq === zr (tap)
 */
Test(xdp_queues, a_frame_moves_between_two_devices_by_its_address)
{
	struct zring_xdp_options options = ZRING_XDP_OPTIONS_INIT;
	struct zring_umem_options umem_options = ZRING_UMEM_OPTIONS_INIT;
	struct zring_xdp_desc descs[BURST];
	uint64_t addresses[BURST];
	struct zring_xdp *in, *out;
	struct zring_xdp_info info;
	struct zring_umem *umem;
	struct net_tap tap;

	open_lab();
	umem_options.nr_chunks = 128;
	umem_options.checks = 1;
	umem = xdp_umem_open(&umem_options);
	options.use = ZRING_XDP_RX;
	options.rx_chunks = 64;
	in = xdp_socket_open(NET_FAR, umem, &options);
	options.use = ZRING_XDP_TX;
	out = xdp_socket_open(NEAR, umem, &options);
	zring_xdp_get_info(out, &info);
	check_eq(info.shared, 1);
	net_tap_open(&tap, FAR, false);
	for (uint32_t round = 0; round < 60; round++) {
		net_send_numbered(NET_NEAR, round * BURST, BURST, net_size_mixed);
		xdp_receive(in, descs, BURST);
		xdp_send(out, descs, BURST, addresses);
		xdp_check_chunks(umem, ZRING_CHUNK_TX, BURST);
		check_eq(zring_xdp_fill(in, addresses, BURST), BURST);
		xdp_check_chunks(umem, ZRING_CHUNK_FILL, 64);
	}
	check_eq(net_tap_wait(&tap, 60ull * BURST), 60 * BURST);
	net_tap_stop(&tap);
	net_tap_expect(&tap, 0, 60 * BURST, net_size_mixed);
	net_tap_close(&tap);
	zring_xdp_close(out);
	zring_xdp_close(in);
	xdp_check_chunks(umem, ZRING_CHUNK_FREE, 128);
	zring_umem_close(umem);
}
