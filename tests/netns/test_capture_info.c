/* SPDX-License-Identifier: BSD-2-Clause */
/* What is told of a packet beside its bytes, and what a capture tells of itself. */
#include "support/net_zring.h"

#include <arpa/inet.h>
#include <net/if_arp.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SECOND_NS 1000000000ull

TestSuite(capture_info, .timeout = 60);

static struct zring_packet_info next_info(struct zring_capture *capture)
{
	struct zring_packet_info info;

	memset(&info, 0xa5, sizeof(info));
	zring_packet_get_info(capture, net_capture_packet(capture), &info);
	return info;
}

TEST_V3_AND_V2(capture_info, times_are_those_of_arrival_and_never_fall)
{
	const struct zring_capture_options options = net_capture_options(profile);
	struct zring_capture *capture;
	struct zring_capture_info holds;
	uint64_t before, after, last = 0;

	net_lab_open();
	capture = net_capture_open(NET_FAR, &options);
	zring_capture_get_info(capture, &holds);
	check_eq(holds.clock, CLOCK_REALTIME);
	check_eq(holds.timestamp, ZRING_TIMESTAMP_SOFTWARE);
	/* The kernel begins to stamp on arrival a moment after the first socket asks for it. */
	net_send_numbered(NET_NEAR, 0, 1, net_size_60);
	next_info(capture);
	net_sleep_ms(20);
	before = net_time_ns(CLOCK_REALTIME);
	net_send_numbered(NET_NEAR, 0, 500, net_size_mixed);
	after = net_time_ns(CLOCK_REALTIME);
	for (uint32_t i = 0; i < 500; i++) {
		const struct zring_packet_info info = next_info(capture);

		cr_assert(info.timestamp_ns >= last, "time fell at packet %u", i);
		/* A second of grace: somebody may set the clock. */
		cr_assert(info.timestamp_ns + SECOND_NS >= before &&
			  info.timestamp_ns <= after + SECOND_NS);
		cr_assert(!(info.flags & ZRING_PACKET_HW_TIMESTAMP));
		last = info.timestamp_ns;
	}
	zring_capture_close(capture);
}

static void send_to(const uint8_t *target, uint32_t number)
{
	uint8_t frame[60];

	net_frame_fill(frame, sizeof(frame), number);
	memcpy(frame, target, 6);
	net_send(frame, sizeof(frame));
}

TEST_V3_AND_V2(capture_info, the_link_layer_is_told)
{
	static const uint8_t targets[][6] = {
		{0x02, 0, 0, 0, 0x0b, 0x01},
		{0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
		{0x01, 0x00, 0x5e, 0x00, 0x00, 0x01},
		{0x02, 0, 0, 0, 0x99, 0x99},
	};
	static const uint8_t directions[] = {ZRING_DIRECTION_HOST, ZRING_DIRECTION_BROADCAST,
					     ZRING_DIRECTION_MULTICAST, ZRING_DIRECTION_OTHER_HOST};
	struct zring_capture_options options = net_capture_options(profile);
	struct zring_capture *capture;

	net_lab_open();
	options.promiscuous = 1;
	capture = net_capture_open(NET_FAR, &options);
	for (uint32_t i = 0; i < 4; i++) {
		struct zring_packet_info info;

		send_to(targets[i], i);
		info = next_info(capture);
		check_eq(info.direction, directions[i]);
		check_eq(info.protocol, NET_ETHERTYPE);
		check_eq(info.link_type, ARPHRD_ETHER);
		check_eq(info.ifindex, net_index(NET_FAR));
		check_eq(info.source_bytes, 6);
		cr_assert(memcmp(info.source, net_near_mac, 6) == 0);
		check_eq(info.source[6] | info.source[7], 0);
		check_eq(info.flags, 0);
		check_eq(info.rxhash, 0);
		check_eq(info.checksum, ZRING_CHECKSUM_UNKNOWN);
		check_eq(info.timestamp_source, ZRING_TIMESTAMP_BY_KERNEL);
		check_eq(info.queue, UINT32_MAX);
	}
	zring_capture_close(capture);
}

/* ---- checksums ---- */

/* A datagram of the local stack out of NET_NEAR to a neighbour that is only a MAC. */
static void send_datagram(uint16_t port, const char *text)
{
	const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};

	inet_pton(AF_INET, NET_FAR_IPV4, &to.sin_addr);
	cr_assert(sendto(fd, text, strlen(text), 0, (struct sockaddr *)&to, sizeof(to)) ==
		  (ssize_t)strlen(text));
	close(fd);
}

static void add_addresses(void)
{
	net_run("ip addr add " NET_NEAR_IPV4 "/24 dev " NET_NEAR);
	net_run("ip neigh add " NET_FAR_IPV4 " lladdr 02:00:00:00:0b:01 dev " NET_NEAR);
}

TEST_V3_AND_V2(capture_info, checksums_of_the_local_stack_are_not_ready)
{
	const struct zring_capture_options options = net_capture_options(profile);
	struct zring_capture *capture;
	struct zring_packet_info info;

	net_lab_open();
	add_addresses();
	capture = net_capture_open(NET_FAR, &options);
	send_datagram(4000, "not ready");
	info = next_info(capture);
	check_eq(info.protocol, 0x0800);
	check_eq(info.checksum, ZRING_CHECKSUM_NOT_READY);
	/* Without the offload the stack does it itself, and nobody has verified it. */
	net_run("ethtool -K " NET_NEAR " tx off >/dev/null");
	send_datagram(4000, "filled in");
	info = next_info(capture);
	check_eq(info.checksum, ZRING_CHECKSUM_UNKNOWN);
	zring_capture_close(capture);
}

/* GRO verifies TCP checksums on its way: the kernel says so, and only of right ones. */
TEST_V3_AND_V2(capture_info, a_checksum_that_the_kernel_verified_is_valid)
{
	const struct zring_capture_options options = net_capture_options(profile);
	const struct net_flow flow = {.family = AF_INET, .source_port = 1, .target_port = 2};
	struct zring_capture *capture;
	uint8_t frame[400];
	size_t len;

	net_lab_open();
	/* A veth takes the way through GRO only where its peer does not segment (veth.c). */
	net_run("ethtool -K " NET_FAR " gro on >/dev/null");
	net_run("ethtool -K " NET_NEAR " tso off >/dev/null");
	capture = net_capture_open(NET_FAR, &options);
	len = net_tcp_build(frame, &flow, 200, 1);
	net_send(frame, len);
	check_eq(next_info(capture).checksum, ZRING_CHECKSUM_VALID);
	frame[100] ^= 1;
	net_send(frame, len);
	check_eq(next_info(capture).checksum, ZRING_CHECKSUM_UNKNOWN);
	zring_capture_close(capture);
}

/* ---- flow hash ---- */

static void send_flow(uint16_t port)
{
	const struct net_flow flow = {.family = AF_INET, .source_port = port, .target_port = 7};
	uint8_t frame[200];

	net_send(frame, net_udp_build(frame, &flow, 100, port));
}

Test(capture_info, a_flow_has_one_hash)
{
	struct zring_capture_options options = net_capture_options(ZRING_PROFILE_THROUGHPUT);
	struct zring_packet_info one, same, other;
	struct zring_capture *capture;

	net_lab_open();
	options.rxhash = 1;
	capture = net_capture_open(NET_FAR, &options);
	send_flow(1000);
	send_flow(1000);
	send_flow(1001);
	one = next_info(capture);
	same = next_info(capture);
	other = next_info(capture);
	cr_assert(one.flags & ZRING_PACKET_RXHASH);
	cr_assert(one.rxhash != 0);
	check_eq(one.rxhash, same.rxhash);
	cr_assert(one.rxhash != other.rxhash);
	zring_capture_close(capture);
}

Test(capture_info, no_hash_without_asking)
{
	const struct zring_capture_options options = net_capture_options(ZRING_PROFILE_THROUGHPUT);
	struct zring_packet_info info;
	struct zring_capture *capture;

	net_lab_open();
	capture = net_capture_open(NET_FAR, &options);
	send_flow(1000);
	info = next_info(capture);
	check_eq(info.flags & ZRING_PACKET_RXHASH, 0);
	check_eq(info.rxhash, 0);
	zring_capture_close(capture);
}

/* veth has no clock of its own: software time, and no claim to the contrary. */
TEST_V3_AND_V2(capture_info, hardware_time_falls_back_packet_by_packet)
{
	struct zring_capture_options options = net_capture_options(profile);
	struct zring_packet_info info;
	struct zring_capture *capture;
	const uint64_t before = net_time_ns(CLOCK_REALTIME);

	net_lab_open();
	options.timestamp = ZRING_TIMESTAMP_RAW_HARDWARE;
	capture = net_capture_open(NET_FAR, &options);
	net_send_numbered(NET_NEAR, 0, 1, net_size_60);
	info = next_info(capture);
	check_eq(info.flags & ZRING_PACKET_HW_TIMESTAMP, 0);
	cr_assert(info.timestamp_ns + SECOND_NS >= before);
	zring_capture_close(capture);
}

/* ---- the capture itself ---- */

Test(capture_info, a_default_capture_tells_what_holds)
{
	struct zring_capture_info info;
	struct zring_capture *capture;

	net_lab_open();
	capture = net_capture_open(NET_FAR, NULL);
	memset(&info, 0xa5, sizeof(info));
	zring_capture_get_info(capture, &info);
	cr_assert_str_eq(info.interface, NET_FAR);
	check_eq(info.ifindex, net_index(NET_FAR));
	check_eq(info.link_type, ARPHRD_ETHER);
	check_eq(info.mtu, 1500);
	check_eq(info.backend, ZRING_BACKEND_AFPACKET);
	check_eq(info.tpacket_version, 3);
	check_eq(info.memory_bytes, 64 << 20);
	check_eq(info.block_bytes, 1 << 20);
	check_eq(info.nr_blocks, 64);
	check_eq(info.frame_bytes, 0);
	check_eq(info.nr_frames, 0);
	check_eq(info.latency_ms, 10);
	cr_assert(info.max_packet_bytes > 65550 && info.max_packet_bytes < 1 << 20);
	check_eq(info.snaplen, UINT32_MAX);
	check_eq(info.direction, ZRING_CAPTURE_BOTH);
	check_eq(info.vlan, ZRING_VLAN_REINSERT);
	check_eq(info.timestamp, ZRING_TIMESTAMP_SOFTWARE);
	check_eq(info.clock, CLOCK_REALTIME);
	check_eq(info.wait, ZRING_WAIT_BLOCK);
	check_eq(info.promiscuous, 0);
	check_eq(info.rxhash, 0);
	check_eq(info.adjusted & ~ZRING_ADJUSTED_NOT_LOCKED, 0);
	check_eq(info.locked, !(info.adjusted & ZRING_ADJUSTED_NOT_LOCKED));
	zring_capture_close(capture);
}

static void check_profile(uint32_t profile, uint64_t memory, uint32_t block, uint32_t latency_ms)
{
	struct zring_capture_options options = ZRING_CAPTURE_OPTIONS_INIT;
	struct zring_capture_info info;
	struct zring_capture *capture;

	net_lab_open();
	options.profile = profile;
	capture = net_capture_open(NET_FAR, &options);
	zring_capture_get_info(capture, &info);
	check_eq(info.memory_bytes, memory);
	check_eq((uint64_t)info.block_bytes * info.nr_blocks, memory);
	if (block)
		check_eq(info.block_bytes, block);
	check_eq(info.latency_ms, latency_ms);
	if (profile == ZRING_PROFILE_LOW_LATENCY) {
		check_eq(info.tpacket_version, 2);
		check_eq(info.nr_frames, 4096);
		check_eq(info.frame_bytes, 2048);
		cr_assert(info.max_packet_bytes >= 1518 && info.max_packet_bytes < 2048);
	} else {
		check_eq(info.tpacket_version, 3);
	}
	zring_capture_close(capture);
}

Test(capture_info, low_latency_has_the_ring_that_its_header_promises)
{
	check_profile(ZRING_PROFILE_LOW_LATENCY, 8 << 20, 0, 0);
}

Test(capture_info, low_memory_has_the_ring_that_its_header_promises)
{
	check_profile(ZRING_PROFILE_LOW_MEMORY, 1 << 20, 128 << 10, 10);
}

Test(capture_info, jumbo_has_the_ring_that_its_header_promises)
{
	check_profile(ZRING_PROFILE_JUMBO, 128 << 20, 2 << 20, 10);
}

TEST_V3_AND_V2(capture_info, options_are_read_back)
{
	struct zring_capture_options options = net_capture_options(profile);
	struct zring_capture_info info;
	struct zring_capture *capture;

	net_lab_open();
	options.snaplen = 128;
	options.direction = ZRING_CAPTURE_IN;
	options.vlan = ZRING_VLAN_METADATA;
	options.wait = ZRING_WAIT_SPIN;
	options.promiscuous = 1;
	options.receive_buffer_bytes = 65536;
	if (profile != ZRING_PROFILE_LOW_LATENCY) {
		options.latency_ms = 25;
		options.rxhash = 1;
	}
	capture = net_capture_open(NET_FAR, &options);
	zring_capture_get_info(capture, &info);
	check_eq(info.snaplen, 128);
	check_eq(info.direction, ZRING_CAPTURE_IN);
	check_eq(info.vlan, ZRING_VLAN_METADATA);
	check_eq(info.wait, ZRING_WAIT_SPIN);
	check_eq(info.promiscuous, 1);
	check_eq(info.receive_buffer_bytes, 131072);
	check_eq(info.adjusted & ZRING_ADJUSTED_RECEIVE_BUFFER, 0);
	check_eq(info.latency_ms, options.latency_ms);
	check_eq(info.rxhash, options.rxhash);
	check_eq(info.memory_bytes, options.memory_bytes);
	zring_capture_close(capture);
}

Test(capture_info, a_receive_buffer_that_was_cut_is_told)
{
	struct zring_capture_options options = net_capture_options(ZRING_PROFILE_THROUGHPUT);
	struct zring_capture_info info;
	struct zring_capture *capture;

	net_lab_open();
	/* Above any net.core.rmem_max in use. */
	options.receive_buffer_bytes = 1 << 30;
	capture = net_capture_open(NET_FAR, &options);
	zring_capture_get_info(capture, &info);
	cr_assert(info.adjusted & ZRING_ADJUSTED_RECEIVE_BUFFER);
	cr_assert(info.receive_buffer_bytes < 1u << 30);
	zring_capture_close(capture);
}

Test(capture_info, a_geometry_that_was_rounded_is_told)
{
	struct zring_capture_options options = ZRING_CAPTURE_OPTIONS_INIT;
	struct zring_capture_info info;
	struct zring_capture *capture;

	net_lab_open();
	options.profile = ZRING_PROFILE_LOW_LATENCY;
	options.frame_bytes = 1700;
	capture = net_capture_open(NET_FAR, &options);
	zring_capture_get_info(capture, &info);
	cr_assert(info.frame_bytes >= 1700);
	check_eq(info.frame_bytes % 16, 0);
	cr_assert(info.adjusted & ZRING_ADJUSTED_GEOMETRY);
	zring_capture_close(capture);
}
