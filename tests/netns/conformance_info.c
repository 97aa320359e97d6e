/* SPDX-License-Identifier: BSD-2-Clause */
/* Tags, cut packets, and what is told of a packet and of a capture beside the bytes. */
#include "support/conformance.h"

#include <errno.h>
#include <net/if_arp.h>
#include <string.h>
#include <time.h>

#define SECOND_NS 1000000000ull

TestSuite(info, .timeout = 60);

static struct zring_packet_info info_of(struct zring_capture *capture,
					const struct zring_packet *packet)
{
	struct zring_packet_info info;

	memset(&info, 0xa5, sizeof(info));
	zring_packet_get_info(capture, packet, &info);
	return info;
}

static struct zring_packet_info next_info(struct zring_capture *capture)
{
	return info_of(capture, net_capture_packet(capture));
}

static struct zring_capture_info what_holds(const struct zring_capture *capture)
{
	struct zring_capture_info info;

	memset(&info, 0xa5, sizeof(info));
	zring_capture_get_info(capture, &info);
	return info;
}

/* ---- snaplen ---- */

Test(info, snaplen_cuts_and_tells)
{
	struct zring_capture_options options = conform_capture();
	struct zring_capture *capture;
	uint64_t nr_cut = 0;

	net_lab_open();
	options.snaplen = 100;
	capture = conform_capture_open(NET_FAR, &options);
	check_eq(what_holds(capture).snaplen, 100);
	net_send_numbered(NET_NEAR, 0, 300, net_size_mixed);
	for (uint32_t i = 0; i < 300; i++) {
		const struct zring_packet *packet = net_capture_packet(capture);
		const struct zring_packet_info info = info_of(capture, packet);
		const uint32_t size = net_size_mixed(i);

		check_eq(packet->wire_len, size);
		check_eq(packet->len, size < 100 ? size : 100);
		cr_assert(net_frame_is(packet->data, packet->len, i, size));
		check_eq(info.flags, size > 100 ? ZRING_PACKET_TRUNCATED : 0);
		nr_cut += size > 100;
	}
	cr_assert(nr_cut > 0 && nr_cut < 300);
	check_eq(net_capture_stats(capture).truncated, nr_cut);
	zring_capture_close(capture);
}

Test(info, a_snaplen_of_the_frame_cuts_nothing)
{
	struct zring_capture_options options = conform_capture();
	struct zring_capture *capture;

	net_lab_open();
	options.snaplen = 1514;
	capture = conform_capture_open(NET_FAR, &options);
	net_send_numbered(NET_NEAR, 7, 1, net_size_mixed);
	check_eq(net_size_mixed(7), 1514);
	check_eq(next_info(capture).flags, 0);
	check_eq(net_capture_stats(capture).truncated, 0);
	zring_capture_close(capture);
}

/* One byte is a snaplen too; who was the sender is told as far as the bytes go. */
Test(info, a_snaplen_of_one)
{
	struct zring_capture_options options = conform_capture();
	const struct zring_packet *packet;
	struct zring_owned_packet *copy;
	struct zring_capture *capture;

	net_lab_open();
	options.snaplen = 1;
	capture = conform_capture_open(NET_FAR, &options);
	net_send_numbered(NET_NEAR, 0, 1, net_size_60);
	packet = net_capture_packet(capture);
	check_eq(packet->len, 1);
	check_eq(packet->wire_len, 60);
	check_eq(packet->data[0], net_far_mac[0]);
	check_eq(info_of(capture, packet).flags, ZRING_PACKET_TRUNCATED);
	check_eq(zring_packet_copy(capture, packet, &copy), 0);
	check_eq(copy->len, 1);
	check_eq(copy->wire_len, 60);
	check_eq(copy->data[0], net_far_mac[0]);
	zring_packet_free(copy);
	zring_capture_close(capture);
}

/* A copy of a cut packet has its bytes and no more. */
Test(info, a_copy_of_a_cut_packet)
{
	struct zring_capture_options options = conform_capture();
	struct zring_owned_packet *copy;
	struct zring_capture *capture;

	net_lab_open();
	options.snaplen = 80;
	capture = conform_capture_open(NET_FAR, &options);
	net_send_numbered(NET_NEAR, 7, 1, net_size_mixed);
	check_eq(zring_packet_copy(capture, net_capture_packet(capture), &copy), 0);
	zring_capture_close(capture);
	check_eq(copy->len, 80);
	check_eq(copy->wire_len, 1514);
	check_eq(copy->info.flags, ZRING_PACKET_TRUNCATED);
	cr_assert(net_frame_is(copy->data, 80, 7, 1514));
	zring_packet_free(copy);
}

/* ---- tags ---- */

static const struct net_tag one_tag[] = {{0x8100, 0x6123}};
static const struct net_tag service_tag[] = {{0x88a8, 0x0042}};
static const struct net_tag two_tags[] = {{0x88a8, 0x0042}, {0x8100, 0x0123}};

/*
 * The next packet is frame @number with these tags on the wire: all of them in the
 * bytes (reinserted), or the outer one beside them.
 */
static void expect_tagged(struct zring_capture *capture, uint32_t number, size_t len,
			  const struct net_tag *tags, size_t nr_tags)
{
	const bool beside = what_holds(capture).vlan == ZRING_VLAN_METADATA;
	const struct zring_packet *packet = net_capture_packet(capture);
	const struct zring_packet_info info = info_of(capture, packet);
	const size_t first = beside ? 1 : 0;
	uint8_t expected[1600];

	net_frame_fill(expected, len, number);
	len = net_frame_tag(expected, len, tags + first, nr_tags - first);
	check_eq(packet->len, len);
	check_eq(packet->wire_len, len);
	cr_assert(memcmp(packet->data, expected, len) == 0, "frame %u changed", number);
	check_eq(info.flags, ZRING_PACKET_VLAN | (beside ? 0 : ZRING_PACKET_VLAN_REINSERTED));
	check_eq(info.vlan_tpid, tags[0].tpid);
	check_eq(info.vlan_tci, tags[0].tci);
	check_eq(info.protocol, nr_tags > 1 ? tags[1].tpid : NET_ETHERTYPE);
	check_eq(info.direction, ZRING_DIRECTION_HOST);
	check_eq(info.source_bytes, 6);
	cr_assert(memcmp(info.source, net_near_mac, 6) == 0);
}

/* Frame @number with the tags in its bytes, as packet sockets send them. */
static void send_tagged_on(const char *interface, uint32_t number, size_t len,
			   const struct net_tag *tags, size_t nr_tags)
{
	uint8_t frame[1600];

	net_frame_fill(frame, len, number);
	net_send_on(interface, frame, net_frame_tag(frame, len, tags, nr_tags));
}

static void send_tagged(uint32_t number, size_t len, const struct net_tag *tags, size_t nr_tags)
{
	send_tagged_on(NET_NEAR, number, len, tags, nr_tags);
}

static void tags_in_the_bytes(uint32_t vlan)
{
	struct zring_capture_options options = conform_capture();
	struct zring_packet_info plain;
	struct zring_capture *capture;

	net_lab_open();
	options.vlan = vlan;
	capture = conform_capture_open(NET_FAR, &options);
	check_eq(what_holds(capture).vlan, vlan);
	for (uint32_t i = 0; i < 20; i++) {
		send_tagged(4 * i, 60 + 10 * i, one_tag, 1);
		send_tagged(4 * i + 1, 61 + 10 * i, service_tag, 1);
		send_tagged(4 * i + 2, 62 + 10 * i, two_tags, 2);
		net_send_numbered(NET_NEAR, 4 * i + 3, 1, net_size_mixed);
		expect_tagged(capture, 4 * i, 60 + 10 * i, one_tag, 1);
		expect_tagged(capture, 4 * i + 1, 61 + 10 * i, service_tag, 1);
		expect_tagged(capture, 4 * i + 2, 62 + 10 * i, two_tags, 2);
		plain = next_info(capture);
		check_eq(plain.flags, 0);
		check_eq(plain.vlan_tci | plain.vlan_tpid, 0);
		check_eq(plain.protocol, NET_ETHERTYPE);
	}
	/* The longest tagged frame. */
	send_tagged(1, 1514, one_tag, 1);
	expect_tagged(capture, 1, 1514, one_tag, 1);
	check_eq(net_capture_stats(capture).truncated, 0);
	zring_capture_close(capture);
}

Test(info, tags_in_the_bytes_stay_there)
{
	tags_in_the_bytes(ZRING_VLAN_REINSERT);
}

Test(info, tags_in_the_bytes_are_taken_out_for_metadata)
{
	tags_in_the_bytes(ZRING_VLAN_METADATA);
}

/*
 * The stack takes a tag out of the bytes when a frame comes in, and leaves it to the
 * device to put it in when it sends the frame on: as VLAN interfaces do, and a bridge.
 *
 *	zc ===== zd [bridge] NET_NEAR ===== NET_FAR
 *
 * A veth hands it over beside the bytes. Where the stack runs the XDP program nobody
 * asks for it there: that is told.
 */
static void bridge_up(void)
{
	net_run("ip link add zbridge type bridge mcast_snooping 0 && ip link set zbridge up");
	net_run("ip link add zc type veth peer name zd");
	net_up("zc", "zd");
	net_run("ip link set " NET_NEAR " master zbridge && ip link set zd master zbridge");
}

static void tags_beside_the_bytes(uint32_t vlan)
{
	struct zring_capture_options options = conform_capture();
	struct zring_capture *capture;
	uint32_t adjusted;

	if (conform_is_xdp())
		net_need_kernel(6, 8, "way for an XDP program to ask for a tag");
	net_lab_open();
	bridge_up();
	options.vlan = vlan;
	capture = conform_capture_open(NET_FAR, &options);
	adjusted = what_holds(capture).adjusted & ZRING_ADJUSTED_VLAN;
	check_eq(adjusted, conform_is_generic() ? ZRING_ADJUSTED_VLAN : 0);
	for (uint32_t i = 0; i < 20 && !adjusted; i++) {
		send_tagged_on("zc", 3 * i, 60 + i, one_tag, 1);
		send_tagged_on("zc", 3 * i + 1, 300 + i, service_tag, 1);
		send_tagged_on("zc", 3 * i + 2, 1506, two_tags, 2);
		expect_tagged(capture, 3 * i, 60 + i, one_tag, 1);
		expect_tagged(capture, 3 * i + 1, 300 + i, service_tag, 1);
		expect_tagged(capture, 3 * i + 2, 1506, two_tags, 2);
	}
	if (adjusted) {
		const char *steps = what_holds(capture).steps;

		cr_assert(strstr(steps, "hints"), "%s", steps);
		send_tagged_on("zc", 0, 60, one_tag, 1);
		check_eq(next_info(capture).flags, 0);
	}
	zring_capture_close(capture);
}

Test(info, tags_beside_the_bytes_are_put_back)
{
	tags_beside_the_bytes(ZRING_VLAN_REINSERT);
}

Test(info, tags_beside_the_bytes_come_as_metadata)
{
	tags_beside_the_bytes(ZRING_VLAN_METADATA);
}

/* A tag counts as four bytes of what is kept only where it stands in the bytes. */
Test(info, snaplen_and_tags)
{
	struct zring_capture_options options = conform_capture();
	const struct zring_packet *packet;
	struct zring_packet_info info;
	struct zring_capture *capture;
	uint8_t expected[1600];

	net_lab_open();
	options.snaplen = 90;
	options.vlan = ZRING_VLAN_METADATA;
	capture = conform_capture_open(NET_FAR, &options);
	send_tagged(3, 400, one_tag, 1);
	packet = net_capture_packet(capture);
	info = info_of(capture, packet);
	check_eq(packet->len, 90);
	check_eq(packet->wire_len, 400);
	check_eq(info.flags, ZRING_PACKET_VLAN | ZRING_PACKET_TRUNCATED);
	check_eq(info.vlan_tci, one_tag[0].tci);
	cr_assert(net_frame_is(packet->data, 90, 3, 400));
	zring_capture_close(capture);

	options.vlan = ZRING_VLAN_REINSERT;
	capture = conform_capture_open(NET_FAR, &options);
	send_tagged(3, 400, one_tag, 1);
	packet = net_capture_packet(capture);
	info = info_of(capture, packet);
	check_eq(packet->wire_len, 404);
	check_eq(packet->len, 90);
	check_eq(info.flags,
		 ZRING_PACKET_VLAN | ZRING_PACKET_VLAN_REINSERTED | ZRING_PACKET_TRUNCATED);
	net_frame_fill(expected, 400, 3);
	net_frame_tag(expected, 400, one_tag, 1);
	cr_assert(memcmp(packet->data, expected, packet->len) == 0);
	zring_capture_close(capture);
}

/* ---- the link layer ---- */

static void send_to(const uint8_t *target, uint32_t number)
{
	uint8_t frame[60];

	net_frame_fill(frame, sizeof(frame), number);
	memcpy(frame, target, 6);
	net_send(frame, sizeof(frame));
}

Test(info, the_link_layer_is_told)
{
	static const uint8_t targets[][6] = {
		{0x02, 0, 0, 0, 0x0b, 0x01},
		{0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
		{0x01, 0x00, 0x5e, 0x00, 0x00, 0x01},
		{0x02, 0, 0, 0, 0x99, 0x99},
	};
	static const uint8_t directions[] = {ZRING_DIRECTION_HOST, ZRING_DIRECTION_BROADCAST,
					     ZRING_DIRECTION_MULTICAST, ZRING_DIRECTION_OTHER_HOST};
	struct zring_capture_options options = conform_capture();
	struct zring_capture *capture;

	net_lab_open();
	options.promiscuous = 1;
	capture = conform_capture_open(NET_FAR, &options);
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
		check_eq(info.queue, conform_is_xdp() ? 0 : UINT32_MAX);
		check_eq(info.padding, 0);
	}
	zring_capture_close(capture);
}

/* What this host sends out of the interface is no packet of a capture IN. */
Test(info, own_frames_are_not_captured)
{
	struct zring_capture *capture = conform_lab_capture();

	net_send_numbered(NET_FAR, 50, 10, net_size_60);
	net_send_numbered(NET_NEAR, 0, 1, net_size_60);
	check_eq(net_frame_number(net_capture_packet(capture)->data), 0);
	net_capture_expect_none(capture);
	conform_all_delivered(capture, 1);
	check_eq(what_holds(capture).direction, ZRING_CAPTURE_IN);
	zring_capture_close(capture);
}

/* ---- times ---- */

static void check_times(uint32_t timestamp, uint8_t source)
{
	struct zring_capture_options options = conform_capture();
	struct zring_capture *capture;
	uint64_t before, last = 0;

	net_lab_open();
	options.timestamp = timestamp;
	capture = conform_capture_open(NET_FAR, &options);
	check_eq(what_holds(capture).clock, CLOCK_REALTIME);
	check_eq(what_holds(capture).timestamp, timestamp);
	/* The kernel begins to stamp on arrival a moment after the first socket asks for it. */
	net_send_numbered(NET_NEAR, 0, 1, net_size_60);
	next_info(capture);
	net_sleep_ms(20);
	before = net_time_ns(CLOCK_REALTIME);
	net_send_numbered(NET_NEAR, 0, 500, net_size_mixed);
	for (uint32_t i = 0; i < 500; i++) {
		const struct zring_packet_info info = next_info(capture);

		cr_assert(info.timestamp_ns >= last, "time fell at packet %u", i);
		/* A moment of grace: the clock is disciplined while we look. */
		cr_assert(info.timestamp_ns + SECOND_NS / 100 >= before, "packet %u is older", i);
		cr_assert(info.timestamp_ns <= net_time_ns(CLOCK_REALTIME) + SECOND_NS / 100,
			  "packet %u is of the future", i);
		check_eq(info.timestamp_source, source);
		check_eq(info.flags, 0);
		last = info.timestamp_ns;
	}
	zring_capture_close(capture);
}

Test(info, times_lie_between_sending_and_reading_and_never_fall)
{
	check_times(ZRING_TIMESTAMP_SOFTWARE,
		    conform_is_xdp() ? ZRING_TIMESTAMP_BY_LIBRARY : ZRING_TIMESTAMP_BY_KERNEL);
}

Test(info, arrival_times_never_fall)
{
	check_times(ZRING_TIMESTAMP_ARRIVAL,
		    conform_is_xdp() ? ZRING_TIMESTAMP_BY_PROGRAM : ZRING_TIMESTAMP_BY_KERNEL);
}

/* A packet that waits in the ring does not grow younger. */
Test(info, arrival_is_not_when_it_is_read)
{
	struct zring_capture_options options = conform_capture();
	struct zring_packet_info info;
	struct zring_capture *capture;
	uint64_t before, sent;

	net_lab_open();
	options.timestamp = ZRING_TIMESTAMP_ARRIVAL;
	capture = conform_capture_open(NET_FAR, &options);
	before = net_time_ns(CLOCK_REALTIME);
	net_send_numbered(NET_NEAR, 0, 1, net_size_60);
	check_eq(net_capture_stats(capture).pending, 1);
	sent = net_time_ns(CLOCK_REALTIME);
	net_sleep_ms(300);
	info = next_info(capture);
	cr_assert(info.timestamp_ns + SECOND_NS / 100 >= before);
	cr_assert(info.timestamp_ns <= sent + SECOND_NS / 100, "%llu ns after it was there",
		  (unsigned long long)(info.timestamp_ns - sent));
	zring_capture_close(capture);
}

/* Large frames have an arrival too, also where they are put together from pieces. */
Test(info, arrival_of_large_frames_is_not_when_they_are_read)
{
	struct zring_capture_options options = conform_capture();
	struct zring_capture *capture;
	uint64_t before, sent;

	conform_need_pieces();
	net_lab_open();
	net_run("ip link set " NET_NEAR " mtu 9000 && ip link set " NET_FAR " mtu 9000");
	options.timestamp = ZRING_TIMESTAMP_ARRIVAL;
	options.memory_bytes = 8 << 20;
	capture = conform_capture_open(NET_FAR, &options);
	for (uint32_t round = 0; round < 3; round++) {
		before = net_time_ns(CLOCK_REALTIME);
		net_send_numbered(NET_NEAR, 0, 60, net_size_jumbo);
		check_eq(net_capture_stats(capture).pending, 60);
		sent = net_time_ns(CLOCK_REALTIME);
		net_sleep_ms(200);
		for (uint32_t i = 0; i < 60; i++) {
			const struct zring_packet_info info = next_info(capture);

			cr_assert(info.timestamp_ns + SECOND_NS / 100 >= before,
				  "packet %u is older", i);
			cr_assert(info.timestamp_ns <= sent + SECOND_NS / 100,
				  "packet %u is younger", i);
		}
	}
	zring_capture_close(capture);
}

/* The times of a batch are those of its packets, whoever took them. */
static void check_batch_times(uint32_t timestamp)
{
	struct zring_capture_options options = conform_capture();
	struct zring_capture *capture;
	struct zring_batch batch;
	uint64_t last_ns = 0;

	net_lab_open();
	options.timestamp = timestamp;
	capture = conform_capture_open(NET_FAR, &options);
	check_eq(zring_batch_init(&batch, ZRING_BATCH_BLOCK), 0);
	for (uint32_t round = 0; round < 10; round++) {
		net_send_numbered(NET_NEAR, 0, 3, net_size_60);
		while (zring_capture_next(capture, &batch, 30) > 0) {
			const struct zring_packet *last = &batch.packets[batch.nr_packets - 1];

			check_eq(batch.first_ns, info_of(capture, &batch.packets[0]).timestamp_ns);
			check_eq(batch.last_ns, info_of(capture, last).timestamp_ns);
			check_eq(batch.gap_ns, last_ns ? batch.first_ns - last_ns : 0);
			last_ns = batch.last_ns;
			zring_batch_release(&batch);
		}
	}
	cr_assert(last_ns);
	conform_all_delivered(capture, 30);
	zring_batch_fini(&batch);
	zring_capture_close(capture);
}

Test(info, a_batch_has_the_times_of_its_packets)
{
	check_batch_times(ZRING_TIMESTAMP_SOFTWARE);
}

Test(info, a_batch_has_the_arrival_times_of_its_packets)
{
	check_batch_times(ZRING_TIMESTAMP_ARRIVAL);
}

/* veth has no clock of its own: software time, and no claim to the contrary. */
Test(info, hardware_time_falls_back_packet_by_packet)
{
	struct zring_capture_options options = conform_capture();
	const uint64_t before = net_time_ns(CLOCK_REALTIME);
	struct zring_packet_info info;
	struct zring_capture *capture;

	net_lab_open();
	options.timestamp = ZRING_TIMESTAMP_RAW_HARDWARE;
	capture = conform_capture_open(NET_FAR, &options);
	net_send_numbered(NET_NEAR, 0, 1, net_size_60);
	info = next_info(capture);
	check_eq(info.flags & ZRING_PACKET_HW_TIMESTAMP, 0);
	cr_assert(info.timestamp_source != ZRING_TIMESTAMP_BY_NIC);
	cr_assert(info.timestamp_ns + SECOND_NS / 100 >= before);
	cr_assert(info.timestamp_ns <= net_time_ns(CLOCK_REALTIME) + SECOND_NS / 100);
	zring_capture_close(capture);
}

/* ---- flow hash ---- */

static void send_flow(uint16_t port)
{
	const struct net_flow flow = {.family = AF_INET, .source_port = port, .target_port = 7};
	uint8_t frame[200];

	net_send(frame, net_udp_build(frame, &flow, 100, port));
}

/* Either a flow has one hash, or the capture says that there is none. */
Test(info, a_flow_has_one_hash)
{
	struct zring_capture_options options = conform_capture();
	struct zring_packet_info one, same, other;
	struct zring_capture *capture;

	if (conform_is_xdp())
		net_need_kernel(6, 3, "way for an XDP program to ask for a hash");
	net_lab_open();
	options.rxhash = 1;
	capture = conform_capture_open(NET_FAR, &options);
	check_eq(what_holds(capture).rxhash, !conform_is_generic());
	check_eq(!!(what_holds(capture).adjusted & ZRING_ADJUSTED_RXHASH), conform_is_generic());
	send_flow(1000);
	send_flow(1000);
	send_flow(1001);
	one = next_info(capture);
	same = next_info(capture);
	other = next_info(capture);
	check_eq(!!(one.flags & ZRING_PACKET_RXHASH), one.rxhash != 0);
	check_eq(one.rxhash, same.rxhash);
	if (conform_is_generic())
		check_eq(one.rxhash | other.rxhash, 0);
	else if (!conform_is_xdp())
		cr_assert(one.rxhash && one.rxhash != other.rxhash);
	zring_capture_close(capture);
}

/* ---- the capture itself ---- */

Test(info, a_capture_tells_what_holds)
{
	struct zring_capture_options options = conform_capture();
	struct zring_capture_info info;
	struct zring_capture *capture;

	if (conform_is_xdp())
		net_need_kernel(6, 8, "way for an XDP program to ask for a tag");
	net_lab_open();
	capture = conform_capture_open(NET_FAR, &options);
	info = what_holds(capture);
	cr_assert_str_eq(info.interface, NET_FAR);
	check_eq(info.ifindex, net_index(NET_FAR));
	check_eq(info.link_type, ARPHRD_ETHER);
	check_eq(info.mtu, 1500);
	check_eq(info.memory_bytes, 2 << 20);
	cr_assert(info.max_packet_bytes >= 1518);
	check_eq(info.snaplen, UINT32_MAX);
	check_eq(info.direction, ZRING_CAPTURE_IN);
	check_eq(info.vlan, ZRING_VLAN_REINSERT);
	check_eq(info.timestamp, ZRING_TIMESTAMP_SOFTWARE);
	check_eq(info.clock, CLOCK_REALTIME);
	check_eq(info.wait, ZRING_WAIT_BLOCK);
	check_eq(info.promiscuous, 0);
	check_eq(info.rxhash, 0);
	check_eq(info.nr_queues, conform_is_xdp() ? 1 : 0);
	check_eq(!!info.xdp_program, conform_is_xdp());
	cr_assert(!!zring_capture_xdp(capture, 0) == conform_is_xdp());
	cr_assert(!zring_capture_xdp(capture, 1));
	check_eq(info.adjusted & ~(ZRING_ADJUSTED_NOT_LOCKED |
				   (conform_is_generic() ? ZRING_ADJUSTED_VLAN : 0u)),
		 0);
	zring_capture_close(capture);
}

Test(info, options_are_read_back)
{
	struct zring_capture_options options = conform_capture();
	struct zring_capture_info info;
	struct zring_capture *capture;

	net_lab_open();
	options.snaplen = 128;
	options.vlan = ZRING_VLAN_METADATA;
	options.wait = ZRING_WAIT_SPIN;
	options.timestamp = ZRING_TIMESTAMP_ARRIVAL;
	options.promiscuous = 1;
	options.memory_bytes = 4 << 20;
	capture = conform_capture_open(NET_FAR, &options);
	info = what_holds(capture);
	check_eq(info.snaplen, 128);
	check_eq(info.vlan, ZRING_VLAN_METADATA);
	check_eq(info.wait, ZRING_WAIT_SPIN);
	check_eq(info.timestamp, ZRING_TIMESTAMP_ARRIVAL);
	check_eq(info.promiscuous, 1);
	check_eq(info.memory_bytes, 4 << 20);
	zring_capture_close(capture);
}
