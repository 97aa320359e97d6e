/* SPDX-License-Identifier: BSD-2-Clause */
/* The UMEM and its four rings: who holds a chunk, kinds of memory, pieces, offloads. */
#include "support/xdp.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>

TestSuite(xdp_socket, .timeout = 60);

static struct zring_umem_options checked_umem(uint32_t nr_chunks)
{
	struct zring_umem_options options = ZRING_UMEM_OPTIONS_INIT;

	options.nr_chunks = nr_chunks;
	options.checks = 1;
	return options;
}

/* ---- who holds a chunk ---- */

Test(xdp_socket, a_chunk_has_one_holder_at_any_time)
{
	const struct zring_umem_options umem_options = checked_umem(64);
	struct zring_xdp_options options = ZRING_XDP_OPTIONS_INIT;
	struct zring_xdp_desc descs[8], sent;
	uint64_t addresses[64];
	struct zring_umem *umem;
	struct zring_xdp *xdp;

	net_lab_open();
	umem = xdp_umem_open(&umem_options);
	xdp_check_chunks(umem, ZRING_CHUNK_FREE, 64);
	xdp = xdp_socket_open(NET_FAR, umem, &options);
	/* Half of them, so that the other half can be sent. */
	xdp_check_chunks(umem, ZRING_CHUNK_FILL, 32);
	xdp_check_chunks(umem, ZRING_CHUNK_FREE, 32);
	check_eq(zring_umem_alloc(umem, addresses, 64), 32);
	check_eq(zring_umem_alloc(umem, addresses + 32, 1), 0);
	xdp_check_chunks(umem, ZRING_CHUNK_TX, 32);
	check_eq(zring_umem_holder(umem, addresses[0] + 17), ZRING_CHUNK_TX);
	check_eq(zring_umem_free(umem, addresses, 32), 0);
	xdp_check_chunks(umem, ZRING_CHUNK_FREE, 32);
	net_send_numbered(NET_NEAR, 0, 8, net_size_mixed);
	xdp_receive(xdp, descs, 8);
	xdp_check_chunks(umem, ZRING_CHUNK_RX, 8);
	xdp_check_chunks(umem, ZRING_CHUNK_FILL, 24);
	sent = xdp_write(umem, 1, 60);
	check_eq(zring_xdp_transmit(xdp, &sent, 1), 1);
	xdp_check_chunks(umem, ZRING_CHUNK_KERNEL_TX, 1);
	for (uint32_t i = 0; i < 8; i++)
		addresses[i] = descs[i].address;
	check_eq(zring_umem_free(umem, addresses, 4), 0);
	check_eq(zring_xdp_fill(xdp, addresses + 4, 4), 4);
	xdp_check_chunks(umem, ZRING_CHUNK_FILL, 28);
	xdp_check_chunks(umem, ZRING_CHUNK_FREE, 35);
	/* What the kernel held, sent or not, is free after the close. */
	zring_xdp_close(xdp);
	xdp_check_chunks(umem, ZRING_CHUNK_FREE, 64);
	zring_umem_close(umem);
}

Test(xdp_socket, what_is_not_held_is_refused)
{
	const struct zring_umem_options umem_options = checked_umem(64);
	struct zring_xdp_options options = ZRING_XDP_OPTIONS_INIT;
	struct zring_xdp_desc desc;
	struct zring_xdp_stats stats;
	struct zring_umem *umem;
	struct zring_xdp *xdp;
	uint64_t outside, one;

	net_lab_open();
	umem = xdp_umem_open(&umem_options);
	options.rx_chunks = 16;
	options.fill_entries = 64;
	xdp = xdp_socket_open(NET_FAR, umem, &options);
	outside = 64 * 2048;
	check_eq(zring_umem_alloc(umem, &one, 1), 1);
	check_eq(zring_umem_free(umem, &one, 1), 0);
	check_eq(zring_umem_free(umem, &one, 1), -EINVAL);
	check_eq(zring_umem_free(umem, &outside, 1), -EINVAL);
	check_eq(zring_umem_holder(umem, outside), -EINVAL);
	check_eq(zring_xdp_fill(xdp, &one, 1), -EINVAL);
	check_eq(zring_xdp_fill(xdp, &outside, 1), -EINVAL);
	desc = (struct zring_xdp_desc){.address = one, .len = 60};
	check_eq(zring_xdp_transmit(xdp, &desc, 1), -EINVAL);
	desc.address = outside;
	check_eq(zring_xdp_transmit(xdp, &desc, 1), -EINVAL);
	/* A chunk that the kernel fills is nobody's to send. */
	for (uint64_t chunk = 0; chunk < 64; chunk++)
		if (zring_umem_holder(umem, chunk * 2048) == ZRING_CHUNK_FILL)
			desc.address = chunk * 2048;
	check_eq(zring_xdp_transmit(xdp, &desc, 1), -EINVAL);
	check_eq(zring_umem_free(umem, &desc.address, 1), -EINVAL);
	desc = xdp_write(umem, 0, 60);
	check_eq(zring_xdp_transmit(xdp, &desc, 1), 1);
	check_eq(zring_xdp_transmit(xdp, &desc, 1), -EINVAL);
	check_eq(zring_umem_free(umem, &desc.address, 1), -EINVAL);
	zring_xdp_get_stats(xdp, &stats);
	check_eq(stats.refused, 4);
	check_eq(stats.submitted, 1);
	xdp_check_chunks(umem, ZRING_CHUNK_FILL, 16);
	zring_xdp_close(xdp);
	zring_umem_close(umem);
}

/* Over the end of its chunk, a runt, longer than the MTU; those in front of it go. */
Test(xdp_socket, a_bad_descriptor_costs_itself_only)
{
	const struct zring_umem_options umem_options = checked_umem(64);
	struct zring_xdp_options options = ZRING_XDP_OPTIONS_INIT;
	struct zring_xdp_desc descs[3];
	uint64_t addresses[3];
	struct net_tap tap;
	struct zring_umem *umem;
	struct zring_xdp *xdp;

	net_lab_open();
	net_tap_open(&tap, NET_FAR, false);
	umem = xdp_umem_open(&umem_options);
	options.use = ZRING_XDP_TX;
	xdp = xdp_socket_open(NET_NEAR, umem, &options);
	for (uint32_t i = 0; i < 3; i++)
		descs[i] = xdp_write(umem, i, net_size_mixed(i));
	descs[1].len = 1515;
	check_eq(zring_xdp_transmit(xdp, descs, 3), 1);
	check_eq(zring_xdp_transmit(xdp, descs + 1, 2), -EMSGSIZE);
	descs[1].len = 13;
	check_eq(zring_xdp_transmit(xdp, descs + 1, 2), -EINVAL);
	descs[1].address += 2000;
	descs[1].len = 60;
	check_eq(zring_xdp_transmit(xdp, descs + 1, 2), -EINVAL);
	descs[1].address -= 2000;
	descs[1].options = ZRING_XDP_MORE;
	check_eq(zring_xdp_transmit(xdp, descs + 1, 2), -EINVAL);
	descs[1].options = ZRING_XDP_METADATA;
	check_eq(zring_xdp_transmit(xdp, descs + 1, 2), -EINVAL);
	check_eq(zring_umem_holder(umem, descs[1].address), ZRING_CHUNK_TX);
	descs[1].options = 0;
	descs[1].len = net_size_mixed(1);
	xdp_send(xdp, descs + 1, 1, addresses);
	check_eq(net_tap_wait(&tap, 2), 2);
	net_tap_finish(&tap);
	net_tap_expect(&tap, 0, 2, net_size_mixed);
	net_tap_close(&tap);
	zring_xdp_close(xdp);
	zring_umem_close(umem);
}

/* ---- rings that overflow ---- */

Test(xdp_socket, a_warning_names_the_ring)
{
	const struct zring_umem_options umem_options = checked_umem(512);
	struct zring_xdp_options options = ZRING_XDP_OPTIONS_INIT;
	struct zring_xdp_desc descs[64];
	struct zring_xdp_stats stats;
	struct zring_diag diag = {0};
	struct zring_umem *umem;
	struct zring_xdp *xdp;

	net_lab_open();
	umem = xdp_umem_open(&umem_options);
	options.use = ZRING_XDP_RX;
	options.rx_entries = 64;
	options.rx_chunks = 256;
	xdp = xdp_socket_open(NET_FAR, umem, &options);
	net_send_numbered(NET_NEAR, 0, 64, net_size_60);
	check_eq(zring_xdp_warning(xdp, &diag), 0);
	net_send_numbered(NET_NEAR, 64, 36, net_size_60);
	check_eq(zring_xdp_warning(xdp, &diag), 1);
	cr_assert(strstr(diag.message, "RX ring"), "%s", diag.message);
	cr_assert(strstr(diag.message, " 36 times"), "%s", diag.message);
	cr_assert(strstr(diag.message, NET_FAR), "%s", diag.message);
	check_eq(zring_xdp_warning(xdp, &diag), 0);
	xdp_receive(xdp, descs, 64);
	zring_xdp_get_stats(xdp, &stats);
	check_eq(stats.received, 64);
	check_eq(stats.rx_ring_full, 36);
	zring_xdp_close(xdp);
	/* Now the fill ring is the one that is empty. */
	options.rx_entries = 256;
	options.rx_chunks = 16;
	xdp = xdp_socket_open(NET_FAR, umem, &options);
	net_send_numbered(NET_NEAR, 0, 50, net_size_60);
	check_eq(zring_xdp_warning(xdp, &diag), 1);
	cr_assert(strstr(diag.message, "fill ring"), "%s", diag.message);
	zring_xdp_get_stats(xdp, &stats);
	check_eq(stats.rx_dropped, 34);
	cr_assert(stats.rx_fill_empty > 0);
	zring_xdp_close(xdp);
	zring_umem_close(umem);
}

Test(xdp_socket, promiscuous_mode_ends_with_the_socket)
{
	struct zring_xdp_options options = ZRING_XDP_OPTIONS_INIT;
	struct zring_umem *umem;
	struct zring_xdp *xdp;

	net_lab_open();
	umem = xdp_umem_open(NULL);
	options.promiscuous = 1;
	xdp = xdp_socket_open(NET_FAR, umem, &options);
	check_eq(net_promiscuity(NET_FAR), 1);
	zring_xdp_close(xdp);
	check_eq(net_promiscuity(NET_FAR), 0);
	zring_umem_close(umem);
}

Test(xdp_socket, wait_keeps_its_deadline_and_tells_of_the_link)
{
	struct zring_xdp_options options = ZRING_XDP_OPTIONS_INIT;
	struct zring_umem *umem;
	struct zring_xdp *xdp;
	uint64_t start;

	net_lab_open();
	umem = xdp_umem_open(NULL);
	xdp = xdp_socket_open(NET_FAR, umem, &options);
	start = net_now_ns();
	check_eq(zring_xdp_wait(xdp, ZRING_XDP_READABLE, 50), 0);
	cr_assert(net_now_ns() - start >= 50000000);
	check_eq(zring_xdp_wait(xdp, ZRING_XDP_READABLE | ZRING_XDP_WRITABLE, -1),
		 ZRING_XDP_WRITABLE);
	net_send_numbered(NET_NEAR, 0, 1, net_size_60);
	check_eq(zring_xdp_wait(xdp, ZRING_XDP_READABLE, -1), ZRING_XDP_READABLE);
	{
		struct zring_xdp_desc desc;

		xdp_receive(xdp, &desc, 1);
	}
	net_run("ip link set " NET_FAR " down");
	check_eq(zring_xdp_wait(xdp, ZRING_XDP_READABLE, 15000), -ENETDOWN);
	check_eq(zring_xdp_wait(xdp, ZRING_XDP_READABLE, 20), 0);
	net_run("ip link del " NET_FAR);
	check_eq(zring_xdp_wait(xdp, ZRING_XDP_READABLE, 100), -ENODEV);
	zring_xdp_close(xdp);
	zring_umem_close(umem);
}

/* ---- memory ---- */

/* Sends and receives on one umem, round after round. */
static void go_round(struct zring_umem *umem)
{
	struct zring_xdp_options options = ZRING_XDP_OPTIONS_INIT;
	struct zring_xdp_desc descs[32];
	uint64_t addresses[32];
	struct zring_umem_info info;
	struct zring_xdp *in, *out;

	zring_umem_get_info(umem, &info);
	options.use = ZRING_XDP_RX;
	options.rx_chunks = 64;
	in = xdp_socket_open(NET_FAR, umem, &options);
	options.use = ZRING_XDP_TX;
	out = xdp_socket_open(NET_NEAR, umem, &options);
	for (uint32_t round = 0; round < 30; round++) {
		for (uint32_t i = 0; i < 32; i++)
			descs[i] = xdp_write(umem, 32 * round + i, net_size_mixed(32 * round + i));
		xdp_send(out, descs, 32, addresses);
		check_eq(zring_umem_free(umem, addresses, 32), 0);
		xdp_receive(in, descs, 32);
		for (uint32_t i = 0; i < 32; i++) {
			check_eq(descs[i].len, net_size_mixed(32 * round + i));
			cr_assert(net_frame_is(zring_umem_data(umem, descs[i].address),
					       descs[i].len, 32 * round + i, descs[i].len));
			addresses[i] = descs[i].address;
		}
		check_eq(zring_xdp_fill(in, addresses, 32), 32);
		xdp_check_chunks(umem, ZRING_CHUNK_FILL, 64);
		xdp_check_chunks(umem, ZRING_CHUNK_FREE, info.nr_chunks - 64);
	}
	zring_xdp_close(out);
	zring_xdp_close(in);
	xdp_check_chunks(umem, ZRING_CHUNK_FREE, info.nr_chunks);
}

Test(xdp_socket, headroom_and_page_sized_chunks)
{
	struct zring_umem_options options = checked_umem(256);
	struct zring_umem_info info;
	struct zring_umem *umem;

	net_lab_open();
	options.chunk_bytes = 4096;
	options.headroom_bytes = 100;
	umem = xdp_umem_open(&options);
	zring_umem_get_info(umem, &info);
	check_eq(info.frame_bytes, 4096 - 256 - 100);
	go_round(umem);
	zring_umem_close(umem);
}

Test(xdp_socket, unaligned_chunks)
{
	struct zring_umem_options options = checked_umem(300);
	struct zring_umem_info info;
	struct zring_umem *umem;

	net_lab_open();
	options.chunk_bytes = 2500;
	options.unaligned = 1;
	umem = xdp_umem_open(&options);
	zring_umem_get_info(umem, &info);
	check_eq(info.unaligned, 1);
	check_eq(info.memory_bytes, 300 * 2500);
	go_round(umem);
	zring_umem_close(umem);
}

/* Hugepages, or the words why there are none; the frames pass all the same. */
Test(xdp_socket, hugepages_or_what_stands_in_the_way)
{
	struct zring_umem_options options = checked_umem(256);
	struct zring_umem_info info;
	struct zring_umem *umem;

	net_lab_open();
	options.memory = ZRING_UMEM_HUGEPAGES;
	umem = xdp_umem_open(&options);
	zring_umem_get_info(umem, &info);
	if (info.memory == ZRING_UMEM_HUGEPAGES) {
		cr_assert_str_eq(info.fallback, "");
	} else {
		check_eq(info.memory, ZRING_UMEM_ANONYMOUS);
		cr_assert(strstr(info.fallback, "nr_hugepages"), "%s", info.fallback);
	}
	go_round(umem);
	zring_umem_close(umem);
}

/* Somebody else with the descriptor sees the frames too. */
Test(xdp_socket, a_memfd_shows_the_frames_to_others)
{
	struct zring_umem_options options = checked_umem(256);
	struct zring_xdp_options socket_options = ZRING_XDP_OPTIONS_INIT;
	struct zring_umem_info info;
	struct zring_xdp_desc desc;
	struct zring_umem *umem;
	struct zring_xdp *xdp;
	const uint8_t *other;

	net_lab_open();
	options.memory = ZRING_UMEM_MEMFD;
	umem = xdp_umem_open(&options);
	zring_umem_get_info(umem, &info);
	check_eq(info.memory, ZRING_UMEM_MEMFD);
	cr_assert(info.fd >= 0);
	other = mmap(NULL, info.memory_bytes, PROT_READ, MAP_SHARED, info.fd, 0);
	cr_assert(other != MAP_FAILED);
	xdp = xdp_socket_open(NET_FAR, umem, &socket_options);
	net_send_numbered(NET_NEAR, 9, 1, net_size_mixed);
	xdp_receive(xdp, &desc, 1);
	cr_assert(net_frame_is(other + desc.address, desc.len, 9, net_size_mixed(9)));
	check_eq(zring_umem_free(umem, &desc.address, 1), 0);
	zring_xdp_close(xdp);
	go_round(umem);
	zring_umem_close(umem);
}

/* ---- frames in several chunks ---- */

#define LARGE 9014u

static void set_mtu_9000(void)
{
	net_lab_open();
	net_run("ip link set " NET_NEAR " mtu 9000 && ip link set " NET_FAR " mtu 9000");
}

Test(xdp_socket, a_large_frame_comes_in_pieces)
{
	const struct zring_umem_options umem_options = checked_umem(256);
	struct zring_xdp_options options = ZRING_XDP_OPTIONS_INIT;
	struct zring_xdp_desc descs[16];
	uint8_t whole[NET_FRAME_MAX];
	struct zring_umem *umem;
	struct zring_xdp *xdp;

	net_need_kernel(6, 6, "AF_XDP frames in several chunks");
	set_mtu_9000();
	umem = xdp_umem_open(&umem_options);
	options.multi_buffer = 1;
	options.use = ZRING_XDP_RX;
	options.rx_chunks = 128;
	xdp = xdp_socket_open(NET_FAR, umem, &options);
	for (uint32_t number = 0; number < 20; number++) {
		const uint64_t patience = net_now_ns() + NET_PATIENCE_NS;
		uint64_t addresses[16];
		uint32_t len = 0;
		uint8_t frame[LARGE];
		int got;

		net_frame_fill(frame, LARGE, number);
		net_send(frame, LARGE);
		/* Never cut: where the whole frame has no room nothing is taken. */
		cr_assert(zring_xdp_wait(xdp, ZRING_XDP_READABLE, 10000) > 0);
		check_eq(zring_xdp_receive(xdp, descs, 2), -EMSGSIZE);
		while ((got = zring_xdp_receive(xdp, descs, 16)) == 0)
			cr_assert(net_now_ns() < patience);
		cr_assert(got > 3);
		for (int i = 0; i < got; i++) {
			check_eq(descs[i].options, i + 1 < got ? ZRING_XDP_MORE : 0);
			memcpy(whole + len, zring_umem_data(umem, descs[i].address), descs[i].len);
			len += descs[i].len;
			addresses[i] = descs[i].address;
		}
		check_eq(len, LARGE);
		cr_assert(net_frame_is(whole, LARGE, number, LARGE));
		check_eq(zring_xdp_fill(xdp, addresses, (uint32_t)got), got);
	}
	xdp_check_chunks(umem, ZRING_CHUNK_FILL, 128);
	zring_xdp_close(xdp);
	zring_umem_close(umem);
}

static uint32_t size_large(uint32_t number)
{
	(void)number;
	return LARGE;
}

Test(xdp_socket, a_large_frame_leaves_in_pieces)
{
	const struct zring_umem_options umem_options = checked_umem(64);
	struct zring_xdp_options options = ZRING_XDP_OPTIONS_INIT;
	struct zring_xdp_desc descs[5];
	uint64_t addresses[5];
	uint8_t frame[LARGE];
	struct net_tap tap;
	struct zring_umem *umem;
	struct zring_xdp *xdp;

	net_need_kernel(6, 6, "AF_XDP frames in several chunks");
	set_mtu_9000();
	net_tap_open(&tap, NET_FAR, false);
	umem = xdp_umem_open(&umem_options);
	options.multi_buffer = 1;
	options.use = ZRING_XDP_TX;
	xdp = xdp_socket_open(NET_NEAR, umem, &options);
	for (uint32_t number = 0; number < 40; number++) {
		net_frame_fill(frame, LARGE, number);
		check_eq(zring_umem_alloc(umem, addresses, 5), 5);
		for (uint32_t i = 0, at = 0; i < 5; i++, at += 1900) {
			const uint32_t len = at + 1900 < LARGE ? 1900 : LARGE - at;

			descs[i] = (struct zring_xdp_desc){addresses[i], len,
							   i < 4 ? ZRING_XDP_MORE : 0};
			memcpy(zring_umem_data(umem, addresses[i]), frame + at, len);
		}
		xdp_send(xdp, descs, 5, addresses);
		check_eq(zring_umem_free(umem, addresses, 5), 0);
	}
	check_eq(net_tap_wait(&tap, 40), 40);
	net_tap_finish(&tap);
	net_tap_expect(&tap, 0, 40, size_large);
	net_tap_close(&tap);
	xdp_check_chunks(umem, ZRING_CHUNK_FREE, 64);
	zring_xdp_close(xdp);
	zring_umem_close(umem);
}

/* A capture shows the same as views of one packet, if it is asked to. */
static void capture_in_pieces(uint32_t mode)
{
	struct zring_capture_options options = ZRING_CAPTURE_OPTIONS_INIT;
	struct zring_capture *capture;
	uint8_t whole[NET_FRAME_MAX];

	set_mtu_9000();
	options.backend = ZRING_BACKEND_AFXDP;
	options.xdp_mode = mode;
	options.direction = ZRING_CAPTURE_IN;
	options.pieces = 1;
	options.frame_bytes = 2048;
	capture = net_capture_open(NET_FAR, &options);
	net_send_numbered(NET_NEAR, 0, 64, net_size_jumbo);
	for (uint32_t number = 0; number < 64; number++) {
		struct zring_packet_info info = {.flags = ZRING_PACKET_MORE};
		uint32_t len = 0;

		while (info.flags & ZRING_PACKET_MORE) {
			const struct zring_packet *packet = net_capture_packet(capture);

			zring_packet_get_info(capture, packet, &info);
			memcpy(whole + len, packet->data, packet->len);
			len += packet->len;
			cr_assert(len <= LARGE);
		}
		check_eq(len, net_size_jumbo(number));
		cr_assert(net_frame_is(whole, len, number, len));
	}
	net_capture_expect_none(capture);
	check_eq(net_capture_stats(capture).pending, 0);
	zring_capture_close(capture);
}

Test(xdp_socket, a_capture_in_pieces_in_native_mode)
{
	net_need_kernel(6, 6, "AF_XDP frames in several chunks");
	capture_in_pieces(ZRING_XDP_MODE_NATIVE);
}

Test(xdp_socket, a_capture_in_pieces_in_generic_mode)
{
	net_need_kernel(6, 6, "AF_XDP frames in several chunks");
	capture_in_pieces(ZRING_XDP_MODE_GENERIC);
}

/* Bytes in the middle of a frame are no header, whatever they look like. */
Test(xdp_socket, a_view_that_goes_on_with_a_packet_has_no_header)
{
	struct zring_capture_options options = ZRING_CAPTURE_OPTIONS_INIT;
	uint8_t frame[LARGE], whole[LARGE];
	struct zring_packet_info info;
	struct zring_capture *capture;
	uint32_t nr_rest = 0;

	net_need_kernel(6, 6, "AF_XDP frames in several chunks");
	set_mtu_9000();
	options.backend = ZRING_BACKEND_AFXDP;
	options.xdp_mode = ZRING_XDP_MODE_NATIVE;
	options.direction = ZRING_CAPTURE_IN;
	options.vlan = ZRING_VLAN_METADATA;
	options.timestamp = ZRING_TIMESTAMP_ARRIVAL;
	options.pieces = 1;
	options.frame_bytes = 2048;
	capture = net_capture_open(NET_FAR, &options);
	net_frame_fill(frame, LARGE, 0);
	for (uint32_t i = 18; i < LARGE; i++)
		frame[i] = i % 2 ? 0x00 : 0x81;
	for (uint32_t round = 0; round < 20; round++) {
		uint32_t len = 0;

		net_send(frame, LARGE);
		do {
			const struct zring_packet *packet = net_capture_packet(capture);

			zring_packet_get_info(capture, packet, &info);
			check_eq(info.flags & ~ZRING_PACKET_MORE, 0);
			check_eq(info.source_bytes, len ? 0 : 6);
			check_eq(info.protocol, len ? 0 : NET_ETHERTYPE);
			cr_assert(len + packet->len <= LARGE);
			memcpy(whole + len, packet->data, packet->len);
			nr_rest += len != 0;
			len += packet->len;
		} while (info.flags & ZRING_PACKET_MORE);
		check_eq(len, LARGE);
		cr_assert(memcmp(whole, frame, LARGE) == 0);
	}
	cr_assert(nr_rest >= 20);
	zring_capture_close(capture);
}

/* ---- what a send asks of the kernel ---- */

static struct zring_umem *umem_with_requests(void)
{
	struct zring_umem_options options = checked_umem(64);

	options.tx_metadata = 1;
	options.tx_software_checksum = 1;
	return xdp_umem_open(&options);
}

/* Or skips with the kernel's reason. */
static struct zring_xdp *sender_with_requests(struct zring_umem *umem)
{
	struct zring_xdp_options options = ZRING_XDP_OPTIONS_INIT;
	struct zring_diag diag = {0};
	struct zring_xdp *xdp = NULL;
	int error;

	options.use = ZRING_XDP_TX;
	error = zring_xdp_open(NET_NEAR, umem, &options, &diag, &xdp);
	if (error == -ENOTSUP)
		cr_skip_test("%s", diag.message);
	cr_assert(error == 0, "%s: %s", diag.step, diag.message);
	return xdp;
}

Test(xdp_socket, checksum_time_and_launch_are_served)
{
	const struct net_flow flow = {.family = AF_INET, .source_port = 9, .target_port = 10};
	struct zring_xdp_tx_request request = {
		.flags = ZRING_XDP_TX_TIMESTAMP | ZRING_XDP_TX_CHECKSUM | ZRING_XDP_TX_LAUNCH_TIME,
		.checksum_start = 34,
		.checksum_offset = 6,
	};
	struct zring_xdp_desc desc = {.options = ZRING_XDP_METADATA};
	struct zring_umem *umem;
	struct zring_xdp *xdp;
	struct net_tap tap;
	uint8_t expected[1514];

	net_lab_open();
	net_tap_open(&tap, NET_FAR, false);
	umem = umem_with_requests();
	xdp = sender_with_requests(umem);
	for (uint32_t i = 0; i < 20; i++) {
		const uint64_t before = net_time_ns(CLOCK_TAI);
		struct zring_xdp_tx_request answer;
		uint64_t address;
		uint8_t *at;

		check_eq(zring_umem_alloc(umem, &address, 1), 1);
		desc.address = address + ZRING_XDP_TX_REQUEST_BYTES;
		at = zring_umem_data(umem, desc.address);
		desc.len = (uint32_t)net_udp_build(at, &flow, 100 + i, i);
		net_checksum_leave(at);
		request.launch_time_ns = before;
		memcpy(at - sizeof(request), &request, sizeof(request));
		xdp_send(xdp, &desc, 1, &address);
		memcpy(&answer, at - sizeof(answer), sizeof(answer));
		cr_assert(answer.timestamp_ns >= before &&
				  answer.timestamp_ns <= net_time_ns(CLOCK_TAI),
			  "sent at %llu, asked at %llu", (unsigned long long)answer.timestamp_ns,
			  (unsigned long long)before);
		check_eq(zring_umem_free(umem, &address, 1), 0);
	}
	check_eq(net_tap_wait(&tap, 20), 20);
	net_tap_finish(&tap);
	for (uint32_t i = 0; i < 20; i++) {
		size_t len;
		const uint8_t *frame = net_tap_frame(&tap, i, &len);

		check_eq(len, net_udp_build(expected, &flow, 100 + i, i));
		cr_assert(memcmp(frame, expected, len) == 0, "frame %u is not as it should be", i);
	}
	net_tap_close(&tap);
	zring_xdp_close(xdp);
	zring_umem_close(umem);
}

/* Frames without a request leave a umem with requests as they are, where there is room for one. */
Test(xdp_socket, a_frame_without_a_request_stays_as_it_is)
{
	struct zring_xdp_desc descs[16];
	uint64_t addresses[16];
	struct zring_umem *umem;
	struct zring_xdp *xdp;
	struct net_tap tap;

	net_lab_open();
	net_tap_open(&tap, NET_FAR, false);
	umem = umem_with_requests();
	xdp = sender_with_requests(umem);
	for (uint32_t i = 0; i < 16; i++)
		descs[i] = xdp_write(umem, i, net_size_mixed(i));
	/* The kernel takes no frame without it, and never sends it. */
	check_eq(zring_xdp_transmit(xdp, descs, 16), -EINVAL);
	for (uint32_t i = 0; i < 16; i++) {
		descs[i].address += ZRING_XDP_TX_REQUEST_BYTES;
		net_frame_fill(zring_umem_data(umem, descs[i].address), descs[i].len, i);
	}
	xdp_send(xdp, descs, 16, addresses);
	check_eq(net_tap_wait(&tap, 16), 16);
	net_tap_finish(&tap);
	net_tap_expect(&tap, 0, 16, net_size_mixed);
	net_tap_close(&tap);
	zring_xdp_close(xdp);
	zring_umem_close(umem);
}
