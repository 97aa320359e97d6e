/* SPDX-License-Identifier: BSD-2-Clause */
/* 10,000 flows through a real group: whatever they are dressed in, each stays on one member. */
#include <linux/if_ether.h>
#include <netinet/in.h>
#include <string.h>

#include "support/flow.h"
#include "support/net_zring.h"

#define NR_FLOWS   10000u
#define NR_MEMBERS 4u
#define NR_CHUNK   100u /* flows that are sent before the rings are read */

TestSuite(fanout_flow, .timeout = 120);

struct lab {
	struct zring_capture *members[NR_MEMBERS];
	struct zring_batch batch;
	uint8_t owner[NR_FLOWS]; /* 1 + member, 0: not seen yet */
	uint32_t nr_seen;
};

static struct lab lab;

static void look_at(uint32_t member)
{
	const struct zring_packet *packet;

	zring_batch_for_each (&lab.batch, packet) {
		const uint32_t flow = flow_number(packet->data, packet->len);

		cr_assert(flow < NR_FLOWS, "flow %u", flow);
		cr_assert(!lab.owner[flow] || lab.owner[flow] == member + 1,
			  "flow %u is on members %u and %u", flow, lab.owner[flow] - 1u, member);
		lab.owner[flow] = (uint8_t)(member + 1);
		lab.nr_seen++;
	}
}

static void read_until(uint32_t nr_sent)
{
	const uint64_t end = net_now_ns() + NET_PATIENCE_NS;

	while (lab.nr_seen < nr_sent) {
		cr_assert(net_now_ns() < end, "%u of %u frames came", lab.nr_seen, nr_sent);
		for (uint32_t i = 0; i < NR_MEMBERS; i++)
			while (zring_capture_next(lab.members[i], &lab.batch, 1) > 0) {
				look_at(i);
				zring_batch_release(&lab.batch);
			}
	}
}

/* Both directions, without and with tags of both kinds, whole and in fragments, arriving and
 * leaving. */
static uint32_t send_flow(uint32_t number, bool with_fragments)
{
	static const struct {
		uint32_t nr_tags;
		uint16_t tpid;
	} dress[] = {{0, 0}, {1, ETH_P_8021Q}, {1, ETH_P_8021AD}, {2, ETH_P_8021AD}};
	const struct flow_shape plain = flow_shape(number);
	uint32_t nr = 0;

	for (uint32_t i = 0; i < 8; i++)
		for (uint32_t part = 0; part < (with_fragments ? 3 : 1); part++) {
			struct flow_shape shape = i & 1 ? flow_reversed(&plain) : plain;
			struct flow_frame frame;

			shape.nr_tags = dress[i >> 1].nr_tags;
			shape.tpid = dress[i >> 1].tpid;
			shape.fragment = part > 0;
			shape.offset = part == 2 ? 1480 : 0;
			shape.extension = IPPROTO_HOPOPTS;
			shape.nr_extensions = shape.version == 6 && (i & 2) ? 2 : 0;
			frame = flow_build(&shape);
			net_send_on(i & 1 ? NET_FAR : NET_NEAR, frame.bytes, frame.len);
			nr++;
		}
	return nr;
}

static void expect_spread(void)
{
	uint32_t counts[NR_MEMBERS] = {0};

	for (uint32_t i = 0; i < NR_FLOWS; i++) {
		cr_assert(lab.owner[i], "flow %u never came", i);
		counts[lab.owner[i] - 1]++;
	}
	for (uint32_t i = 0; i < NR_MEMBERS; i++)
		cr_assert(counts[i] > NR_FLOWS / NR_MEMBERS / 2, "member %u has %u flows", i,
			  counts[i]);
}

static void check_flows(uint32_t flow_key, bool with_fragments)
{
	struct zring_capture_options options = net_capture_options(ZRING_PROFILE_THROUGHPUT);
	struct zring_fanout fanout = ZRING_FANOUT_INIT;
	struct zring_diag diag = {0};
	uint32_t nr_sent = 0;

	net_lab_open();
	fanout.flow_key = flow_key;
	fanout.flags = ZRING_FANOUT_FLAG_UNIQUE_ID;
	options.fanout = &fanout;
	cr_assert(zring_fanout_open(NET_FAR, &options, NR_MEMBERS, &diag, lab.members) == 0, "%s",
		  diag.message);
	check_eq(zring_batch_init(&lab.batch, ZRING_BATCH_DEFAULT), 0);
	for (uint32_t i = 0; i < NR_FLOWS; i++) {
		nr_sent += send_flow(i, with_fragments);
		if (i % NR_CHUNK == NR_CHUNK - 1)
			read_until(nr_sent);
	}
	check_eq(lab.nr_seen, nr_sent);
	expect_spread();
	zring_batch_fini(&lab.batch);
	for (uint32_t i = 0; i < NR_MEMBERS; i++)
		zring_capture_close(lab.members[i]);
}

Test(fanout_flow, addresses_keep_fragments_too)
{
	check_flows(ZRING_FLOW_ADDRESSES, true);
}

Test(fanout_flow, ports_keep_what_is_whole)
{
	check_flows(ZRING_FLOW_PORTS, false);
}

Test(fanout_flow, all_ports_keep_what_is_whole)
{
	check_flows(ZRING_FLOW_ALL_PORTS, false);
}
