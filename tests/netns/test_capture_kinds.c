/* SPDX-License-Identifier: BSD-2-Clause */
/* Interfaces other than a quiet veth: tun, lo, and a veth with TCP super-frames. */
#include "support/net_zring.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

TestSuite(capture_kinds, .timeout = 120);

/* ---- tun: packets without a link layer ---- */

static int tun_open(void)
{
	struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI};
	const int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		cr_skip_test("no /dev/net/tun");
	memcpy(request.ifr_name, "zt", 3);
	cr_assert(ioctl(fd, TUNSETIFF, &request) == 0, "TUNSETIFF: %s", strerror(errno));
	net_run("ip link set zt up");
	return fd;
}

/* An IPv4 packet with UDP, without a link-layer header. */
static size_t build_packet(uint8_t *packet, uint32_t number)
{
	const struct net_flow flow = {
		.family = AF_INET, .source_port = 5, .target_port = 6, .id = (uint16_t)number};
	uint8_t frame[NET_FRAME_MAX];
	const size_t len = net_udp_build(frame, &flow, 10 + number % 1000, number);

	memcpy(packet, frame + 14, len - 14);
	return len - 14;
}

TEST_V3_AND_V2(capture_kinds, packets_of_a_tun_start_at_the_network_layer)
{
	const struct zring_capture_options options = net_capture_options(profile);
	struct zring_capture_info holds;
	struct zring_capture *capture;
	uint8_t expected[NET_FRAME_MAX];
	int fd;

	net_lab_open();
	fd = tun_open();
	capture = net_capture_open("zt", &options);
	zring_capture_get_info(capture, &holds);
	check_eq(holds.link_type, ARPHRD_NONE);
	for (uint32_t i = 0; i < 300; i++) {
		const size_t len = build_packet(expected, i);

		check_eq(write(fd, expected, len), len);
	}
	for (uint32_t i = 0; i < 300; i++) {
		const size_t len = build_packet(expected, i);
		const struct zring_packet *packet = net_capture_packet(capture);
		struct zring_packet_info info;

		check_eq(packet->len, len);
		check_eq(packet->wire_len, len);
		cr_assert(memcmp(packet->data, expected, len) == 0);
		zring_packet_get_info(capture, packet, &info);
		check_eq(info.protocol, 0x0800);
		check_eq(info.link_type, ARPHRD_NONE);
		check_eq(info.source_bytes, 0);
	}
	check_eq(net_capture_stats(capture).delivered, 300);
	zring_capture_close(capture);
	close(fd);
}

/* ---- lo: each frame leaves and arrives ---- */

TEST_V3_AND_V2(capture_kinds, lo_shows_each_frame_twice)
{
	struct zring_capture_options options = net_capture_options(profile);
	uint32_t nr_out = 0, nr_in = 0;
	struct zring_capture *capture;

	net_lab_open();
	/* lo's MTU is 64 KiB, and each slot of a V2 ring has room for that. */
	options.memory_bytes = 32 << 20;
	net_run("ip link set lo up");
	capture = net_capture_open("lo", &options);
	net_send_numbered("lo", 0, 50, net_size_mixed);
	for (uint32_t i = 0; i < 100; i++) {
		const struct zring_packet *packet = net_capture_packet(capture);
		struct zring_packet_info info;
		uint32_t *nr;

		zring_packet_get_info(capture, packet, &info);
		nr = info.direction == ZRING_DIRECTION_OUTGOING ? &nr_out : &nr_in;
		check_eq(packet->len, net_size_mixed(*nr));
		cr_assert(net_frame_is(packet->data, packet->len, *nr, packet->len));
		check_eq(info.ifindex, net_index("lo"));
		(*nr)++;
	}
	check_eq(nr_out, 50);
	check_eq(nr_in, 50);
	net_capture_expect_none(capture);
	zring_capture_close(capture);
}

/* The kernel does not take tags out on lo: nothing to put back, nothing put in twice. */
TEST_V3_AND_V2(capture_kinds, tags_on_lo_stay_as_they_are)
{
	const struct zring_capture_options options = net_capture_options(profile);
	const struct net_tag tag = {0x8100, 77};
	struct zring_capture *capture;
	uint8_t frame[200];
	size_t len;

	net_lab_open();
	net_run("ip link set lo up");
	capture = net_capture_open("lo", &options);
	net_frame_fill(frame, 100, 3);
	len = net_frame_tag(frame, 100, &tag, 1);
	net_send_on("lo", frame, len);
	for (int i = 0; i < 2; i++) {
		const struct zring_packet *packet = net_capture_packet(capture);

		check_eq(packet->len, len);
		check_eq(packet->wire_len, len);
		cr_assert(memcmp(packet->data, frame, len) == 0);
	}
	zring_capture_close(capture);
}

/* ---- TCP with the stack's default offloads ---- */

#define STREAM_BYTES (8u << 20)

struct tcp_lab {
	int sender;
	int receiver;
	int far_namespace;
	int near_namespace;
};

/* Moves NET_FAR into a namespace of its own and connects a stream from near to far. */
static struct tcp_lab tcp_lab_open(void)
{
	struct tcp_lab lab = {.near_namespace = net_namespace_current(),
			      .far_namespace = net_namespace_new()};
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(5001)};
	char path[64];
	int listener;

	net_run("ip link set " NET_FAR " netns %s",
		net_namespace_path(lab.far_namespace, path, sizeof(path)));
	net_run("ip addr add " NET_NEAR_IPV4 "/24 dev " NET_NEAR);
	inet_pton(AF_INET, NET_FAR_IPV4, &address.sin_addr);
	net_namespace_enter(lab.far_namespace);
	net_run("ip addr add " NET_FAR_IPV4 "/24 dev " NET_FAR " && ip link set " NET_FAR " up");
	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	check_eq(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
	check_eq(listen(listener, 1), 0);
	net_namespace_enter(lab.near_namespace);
	lab.sender = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	net_up(NET_NEAR, NET_NEAR);
	cr_assert(connect(lab.sender, (struct sockaddr *)&address, sizeof(address)) == 0,
		  "connect: %s", strerror(errno));
	lab.receiver = accept(listener, NULL, NULL);
	cr_assert(lab.receiver >= 0);
	close(listener);
	return lab;
}

static void tcp_lab_close(struct tcp_lab *lab)
{
	close(lab->sender);
	close(lab->receiver);
	close(lab->far_namespace);
	close(lab->near_namespace);
}

static uint8_t stream_byte(uint32_t at)
{
	return (uint8_t)(at * 2654435761u >> 21);
}

/* Pushes the whole stream through and reads it at the far end; both in this thread. */
static void transfer(const struct tcp_lab *lab)
{
	const uint64_t end = net_now_ns() + NET_PATIENCE_NS;
	uint8_t *bytes = malloc(STREAM_BYTES), *sink = malloc(1 << 20);
	uint32_t sent = 0, got = 0;

	cr_assert(bytes && sink);
	for (uint32_t i = 0; i < STREAM_BYTES; i++)
		bytes[i] = stream_byte(i);
	while (got < STREAM_BYTES && net_now_ns() < end) {
		const ssize_t out =
			send(lab->sender, bytes + sent, STREAM_BYTES - sent, MSG_DONTWAIT);
		const ssize_t in = recv(lab->receiver, sink, 1 << 20, MSG_DONTWAIT);

		sent += out > 0 ? (uint32_t)out : 0;
		got += in > 0 ? (uint32_t)in : 0;
	}
	check_eq(got, STREAM_BYTES);
	free(bytes);
	free(sink);
}

struct assembly {
	uint8_t *seen; /* a flag a byte of the stream */
	uint32_t base; /* TCP sequence number of its first byte */
	bool based;
	uint32_t nr_super;
	uint32_t nr_gso;
	uint32_t nr_cut;
	uint32_t room;    /* of the test's own: bytes of a packet that fit, 0: all */
	uint32_t nr_over; /* packets longer than that */
};

static uint32_t get32(const uint8_t *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* Sorts the payload of one frame near -> far into the stream and compares it. */
static void assemble(struct assembly *assembly, const struct zring_packet *packet)
{
	const uint8_t *ip = packet->data + 14;
	const uint8_t *tcp = ip + 4 * (ip[0] & 15);
	const uint8_t *payload = tcp + 4 * (tcp[12] >> 4);
	const uint32_t ip_len = (uint32_t)ip[2] << 8 | ip[3];
	const uint32_t len = ip_len - (uint32_t)(payload - ip);
	uint32_t at;

	if (!assembly->based) {
		assembly->base = get32(tcp + 4);
		assembly->based = true;
	}
	check_eq(packet->wire_len, 14 + ip_len);
	check_eq(packet->len, packet->wire_len);
	at = get32(tcp + 4) - assembly->base;
	for (uint32_t i = 0; i < len; i++) {
		cr_assert(at + i < STREAM_BYTES);
		cr_assert(payload[i] == stream_byte(at + i), "byte %u of the stream", at + i);
		assembly->seen[at + i] = 1;
	}
}

static bool is_stream(const struct zring_packet *packet)
{
	const uint8_t *ip = packet->data + 14;

	/* IPv4, TCP, to port 5001. */
	return packet->data[12] == 0x08 && packet->data[13] == 0x00 && ip[9] == 6 &&
	       ip[22] == 5001 >> 8 && ip[23] == (5001 & 0xff);
}

static void note(struct assembly *assembly, const struct zring_capture *capture,
		 const struct zring_packet *packet)
{
	struct zring_packet_info info;

	zring_packet_get_info(capture, packet, &info);
	assembly->nr_super += packet->wire_len > 1514;
	assembly->nr_gso += (info.flags & ZRING_PACKET_GSO) != 0;
	assembly->nr_cut += packet->len < packet->wire_len;
	assembly->nr_over += assembly->room && packet->wire_len > assembly->room;
	check_eq((info.flags & ZRING_PACKET_TRUNCATED) != 0, packet->len < packet->wire_len);
}

/* Captures a whole stream in a ring that holds all of it. */
static struct zring_capture_stats capture_stream(const struct zring_capture_options *options,
						 struct assembly *assembly, bool whole)
{
	struct zring_capture_stats stats;
	struct zring_capture *capture;
	struct zring_batch batch;
	struct tcp_lab lab;

	net_lab_open();
	lab = tcp_lab_open();
	net_namespace_enter(lab.far_namespace);
	capture = net_capture_open(NET_FAR, options);
	check_eq(zring_batch_init(&batch, ZRING_BATCH_DEFAULT), 0);
	transfer(&lab);
	while (zring_capture_next(capture, &batch, 100) > 0) {
		const struct zring_packet *packet;

		zring_batch_for_each (&batch, packet) {
			if (!is_stream(packet))
				continue;
			note(assembly, capture, packet);
			if (whole)
				assemble(assembly, packet);
		}
		zring_batch_release(&batch);
	}
	stats = net_capture_stats(capture);
	zring_batch_fini(&batch);
	zring_capture_close(capture);
	tcp_lab_close(&lab);
	return stats;
}

Test(capture_kinds, a_tcp_stream_with_super_frames_is_captured_whole)
{
	struct zring_capture_options options = ZRING_CAPTURE_OPTIONS_INIT;
	struct assembly assembly = {.seen = calloc(STREAM_BYTES, 1)};
	struct zring_capture_stats stats;

	cr_assert(assembly.seen);
	options.profile = ZRING_PROFILE_JUMBO;
	options.direction = ZRING_CAPTURE_IN;
	stats = capture_stream(&options, &assembly, true);
	check_eq(stats.dropped, 0);
	check_eq(stats.truncated, 0);
	check_eq(stats.malformed, 0);
	for (uint32_t i = 0; i < STREAM_BYTES; i++)
		cr_assert(assembly.seen[i], "byte %u of the stream was not captured", i);
	cr_assert(assembly.nr_super > 10, "%u super-frames: are the offloads off?",
		  assembly.nr_super);
	check_eq(assembly.nr_cut, 0);
	free(assembly.seen);
}

/* The kernel marks them since 6.2; who sees one sees the mark on every one. */
Test(capture_kinds, super_frames_are_marked)
{
	struct zring_capture_options options = ZRING_CAPTURE_OPTIONS_INIT;
	struct assembly assembly = {0};

	options.profile = ZRING_PROFILE_JUMBO;
	options.direction = ZRING_CAPTURE_IN;
	capture_stream(&options, &assembly, false);
	if (assembly.nr_gso == 0)
		cr_skip_test("this kernel does not mark super-frames (before 6.2)");
	check_eq(assembly.nr_gso, assembly.nr_super);
}

/* Slots of 2 KiB: what is longer is cut, and each cut is counted. */
Test(capture_kinds, a_frame_ring_cuts_super_frames_and_counts_them)
{
	struct zring_capture_options options = ZRING_CAPTURE_OPTIONS_INIT;
	struct assembly assembly = {.room = 2048 - 66}; /* less the frame's header */
	struct zring_capture_stats stats;

	options.profile = ZRING_PROFILE_LOW_LATENCY;
	options.direction = ZRING_CAPTURE_IN;
	options.memory_bytes = 64 << 20;
	stats = capture_stream(&options, &assembly, false);
	check_eq(stats.dropped, 0);
	cr_assert(assembly.nr_super > 10);
	cr_assert(assembly.nr_over > 10);
	check_eq(assembly.nr_cut, assembly.nr_over);
	check_eq(stats.truncated, assembly.nr_cut);
}
