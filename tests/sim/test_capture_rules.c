/* SPDX-License-Identifier: BSD-2-Clause */
/* What a capture makes of blocks and frames, step by step against a played kernel. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <zring/zring.h>

#include "core/barrier.h"
#include "syscall.h"
#include "support/sim.h"
#include "support/sim_kernel.h"

static struct zring_capture *capture;
static struct sim_rx *rx;
static struct zring_batch batch;
static uint64_t next_number;

static void start(const struct zring_capture_options *options, const struct sim_config *config,
		  const char *what)
{
	struct zring_diag diag = {0};
	int err;

	sim_say_seed(what, config->seed);
	sim_start(config);
	err = zring_capture_open(SIM_INTERFACE, options, &diag, &capture);
	SIM_CHECK(err == 0, "open: %d, %s: %s", err, diag.step, diag.message);
	rx = sim_rx_find();
	SIM_CHECK(zring_batch_init(&batch, ZRING_BATCH_DEFAULT) == 0, "init");
	next_number = 0;
}

static void end(void)
{
	zring_batch_fini(&batch);
	zring_capture_close(capture);
	sim_stop();
}

static enum sim_rx_result arrive(uint32_t len)
{
	static uint8_t data[200000];
	const struct sim_rx_packet packet = {
		.data = data, .len = len, .time_ns = UINT64_C(5000000000) + next_number * 10};

	sim_frame_fill(data, len, next_number++);
	return sim_rx_packet(rx, &packet);
}

static void arrive_many(uint32_t nr)
{
	while (nr--)
		SIM_CHECK(arrive(100) == SIM_RX_STORED, "the ring is full");
}

static struct zring_capture_stats stats_now(void)
{
	struct zring_capture_stats stats;

	zring_capture_get_stats(capture, &stats);
	SIM_CHECK(stats.received == stats.delivered + stats.dropped + stats.malformed +
					    stats.filtered + stats.pending,
		  "the sum");
	return stats;
}

static const struct zring_capture_options v3_options = {
	.size = sizeof(v3_options), .block_bytes = 4096, .nr_blocks = 4};
static const struct zring_capture_options v2_options = {.size = sizeof(v2_options),
							.profile = ZRING_PROFILE_LOW_LATENCY,
							.block_bytes = 4096,
							.nr_blocks = 2};
static const struct sim_config calm = {.seed = 1, .virtual_time = true};

static void block_tells_about_itself(void)
{
	start(&v3_options, &calm, __func__);
	arrive_many(3);
	SIM_CHECK(zring_capture_next(capture, &batch, 0) == 0, "an open block is not lent");
	sim_rx_timer(rx);
	SIM_CHECK(zring_capture_next(capture, &batch, 0) == 3, "three packets");
	SIM_CHECK(batch.flags == (ZRING_BATCH_TIMED_OUT | ZRING_BATCH_BLOCK_END), "flags %x",
		  batch.flags);
	SIM_CHECK(batch.block_seq == 1 && batch.gap_ns == 0 && batch.gap_blocks == 0, "the first");
	SIM_CHECK(batch.first_ns == UINT64_C(5000000000) && batch.last_ns == batch.first_ns + 20,
		  "times");
	SIM_CHECK(batch.capture == capture, "knows its capture");
	zring_batch_release(&batch);
	SIM_CHECK(!batch.nr_packets && !batch.capture, "empty");
	arrive_many(2);
	sim_rx_timer(rx);
	SIM_CHECK(zring_capture_next(capture, &batch, 0) == 2, "two packets");
	SIM_CHECK(batch.block_seq == 2 && batch.gap_ns == 10 && batch.gap_blocks == 0,
		  "the second");
	end();
}

static void batch_smaller_than_a_block_leaves_the_rest(void)
{
	struct zring_batch small, other;

	start(&v3_options, &calm, __func__);
	SIM_CHECK(zring_batch_init(&small, 2) == 0 && zring_batch_init(&other, 2) == 0, "init");
	arrive_many(5);
	sim_rx_timer(rx);
	SIM_CHECK(zring_capture_next(capture, &small, 0) == 2, "two of five");
	SIM_CHECK(!(small.flags & ZRING_BATCH_BLOCK_END), "flags %x", small.flags);
	SIM_CHECK(zring_capture_next(capture, &other, 0) == 2, "two of three");
	SIM_CHECK(zring_capture_next(capture, &batch, 0) == 1, "the last");
	SIM_CHECK(batch.flags & ZRING_BATCH_BLOCK_END, "flags %x", batch.flags);
	SIM_CHECK(small.block_seq == 1 && batch.block_seq == 1, "the same block");
	/* The block goes back with the last of the three, in whatever order. */
	zring_batch_release(&batch);
	zring_batch_release(&small);
	for (uint32_t i = 0; i < 3; i++) {
		arrive_many(1);
		sim_rx_timer(rx);
	}
	SIM_CHECK(sim_rx_frozen(rx), "block 1 is still held: the ring is full");
	SIM_CHECK(sim_frame_matches(other.packets[0].data, 100, 100, 2), "a lent packet changed");
	zring_batch_release(&other);
	sim_rx_timer(rx);
	SIM_CHECK(!sim_rx_frozen(rx), "the block was given back");
	zring_batch_fini(&small);
	zring_batch_fini(&other);
	end();
}

static void block_goes_back_early_when_read_to_its_end(void)
{
	start(&v3_options, &calm, __func__);
	for (uint32_t round = 0; round < 50; round++) {
		arrive_many(1 + round % 3);
		sim_rx_timer(rx);
		SIM_CHECK(zring_capture_next(capture, &batch, 0) == (int)(1 + round % 3),
			  "packets");
		SIM_CHECK(batch.block_seq == round + 1, "block %llu",
			  (unsigned long long)batch.block_seq);
		SIM_CHECK(!sim_rx_frozen(rx), "the ring is full");
		zring_batch_release(&batch);
	}
	SIM_CHECK(stats_now().dropped == 0 && stats_now().freezes == 0, "nothing was lost");
	end();
}

static void full_ring_is_told(void)
{
	uint32_t nr_lost = 0;
	int nr_seen = 0, nr;

	start(&v3_options, &calm, __func__);
	while (arrive(1000) == SIM_RX_STORED)
		;
	nr_lost++;
	while (nr_lost < 10)
		nr_lost += arrive(1000) == SIM_RX_DROPPED;
	SIM_CHECK(stats_now().dropped == 10 && stats_now().freezes == 1,
		  "%llu dropped, %llu freezes", (unsigned long long)stats_now().dropped,
		  (unsigned long long)stats_now().freezes);
	while ((nr = zring_capture_next(capture, &batch, 0)) > 0) {
		nr_seen += nr;
		zring_batch_release(&batch);
	}
	SIM_CHECK(nr_seen + 10 == (int)next_number, "%d seen", nr_seen);
	SIM_CHECK(stats_now().pending == 0, "nothing is left");
	/* It goes on, and what is dropped from now on marks the next block. */
	while (arrive(1000) == SIM_RX_STORED)
		;
	SIM_CHECK(zring_capture_next(capture, &batch, 0) > 0, "goes on");
	zring_batch_release(&batch);
	SIM_CHECK(arrive(1000) == SIM_RX_STORED, "there is room again");
	sim_rx_timer(rx);
	while ((nr = zring_capture_next(capture, &batch, 0)) > 0) {
		struct zring_packet_info info;

		zring_packet_get_info(capture, &batch.packets[0], &info);
		SIM_CHECK(!!(info.flags & ZRING_PACKET_LOSING) ==
				  !!(batch.flags & ZRING_BATCH_LOSING),
			  "packet and batch agree");
		nr_seen += !!(batch.flags & ZRING_BATCH_LOSING) << 16;
		zring_batch_release(&batch);
	}
	SIM_CHECK(nr_seen >> 16 == 1, "one block was filled after the loss, %d say so",
		  nr_seen >> 16);
	end();
}

static void packet_larger_than_a_block_is_cut(void)
{
	const struct zring_packet *packet;
	int nr;

	start(&v3_options, &calm, __func__);
	arrive_many(1);
	SIM_CHECK(arrive(9000) == SIM_RX_STORED, "stored");
	arrive_many(1);
	sim_rx_timer(rx);
	nr = zring_capture_next(capture, &batch, 0);
	SIM_CHECK(nr == 1 && batch.packets[0].len == 100, "%d packets", nr);
	zring_batch_release(&batch);
	/* Whether in front of it a block without packets stands is no matter. */
	SIM_CHECK(zring_capture_next(capture, &batch, 0) == 1, "the large one");
	packet = &batch.packets[0];
	SIM_CHECK(packet->wire_len == 9000 && packet->len == 4096 - 48 - 82, "%u of %u bytes",
		  packet->len, packet->wire_len);
	SIM_CHECK(sim_frame_matches(packet->data, packet->len, 9000, 1), "bytes");
	zring_batch_release(&batch);
	SIM_CHECK(zring_capture_next(capture, &batch, 0) == 1, "the one behind it");
	SIM_CHECK(stats_now().truncated == 1 && stats_now().malformed == 0, "truncated");
	end();
}

/* A large packet that finds an empty block hands that over without a packet: none is missing. */
static void block_without_packets_is_no_gap(void)
{
	uint64_t seq;

	start(&v3_options, &calm, __func__);
	arrive_many(1);
	sim_rx_timer(rx);
	SIM_CHECK(zring_capture_next(capture, &batch, 0) == 1, "the first");
	seq = batch.block_seq;
	zring_batch_release(&batch);
	SIM_CHECK(arrive(9000) == SIM_RX_STORED, "stored");
	sim_rx_timer(rx);
	SIM_CHECK(zring_capture_next(capture, &batch, 0) == 1, "the large one");
	SIM_CHECK(batch.block_seq == seq + 2, "block %llu", (unsigned long long)batch.block_seq);
	SIM_CHECK(batch.gap_blocks == 0, "%llu blocks missing",
		  (unsigned long long)batch.gap_blocks);
	SIM_CHECK(batch.gap_ns == 10, "%llu ns", (unsigned long long)batch.gap_ns);
	end();
}

static void frames_of_v2_come_at_once(void)
{
	struct zring_batch second;

	start(&v2_options, &calm, __func__);
	SIM_CHECK(zring_batch_init(&second, 2) == 0, "init");
	arrive_many(1);
	SIM_CHECK(zring_capture_next(capture, &batch, 0) == 1, "no timer is waited for");
	SIM_CHECK(batch.block_seq == ZRING_UNAVAILABLE && batch.gap_blocks == ZRING_UNAVAILABLE,
		  "no blocks");
	SIM_CHECK(stats_now().freezes == ZRING_UNAVAILABLE, "unavailable is not 0");
	arrive_many(3);
	SIM_CHECK(arrive(100) == SIM_RX_DROPPED, "four frames of 2 KiB");
	SIM_CHECK(zring_capture_next(capture, &second, 0) == 2, "as many as fit the batch");
	SIM_CHECK(sim_frame_matches(second.packets[1].data, 100, 100, 2), "in order");
	zring_batch_release(&batch);
	SIM_CHECK(arrive(100) == SIM_RX_STORED && arrive(100) == SIM_RX_DROPPED,
		  "one was given back");
	SIM_CHECK(zring_capture_next(capture, &batch, 0) == 2, "the rest");
	SIM_CHECK(batch.flags & ZRING_BATCH_LOSING, "flags %x", batch.flags);
	zring_batch_release(&batch);
	zring_batch_release(&second);
	SIM_CHECK(zring_capture_next(capture, &second, 0) == 0, "nothing twice");
	SIM_CHECK(stats_now().dropped == 2 && stats_now().pending == 0, "accounts");
	zring_batch_fini(&second);
	end();
}

static void flat_calls_count_what_was_given_out(void)
{
	const struct zring_packet *packet = NULL;

	start(&v3_options, &calm, __func__);
	arrive_many(3);
	sim_rx_timer(rx);
	SIM_CHECK(zring_capture_next_packet(capture, &packet, 0) == 1, "first");
	SIM_CHECK(stats_now().delivered == 1 && stats_now().pending == 2, "one of three");
	for (uint64_t i = 0; i < 3; i++) {
		SIM_CHECK(sim_frame_matches(packet->data, packet->len, 100, i), "packet %llu",
			  (unsigned long long)i);
		SIM_CHECK(zring_capture_next_packet(capture, &packet, 0) == (i < 2), "next");
	}
	SIM_CHECK(stats_now().delivered == 3 && stats_now().pending == 0, "all");
	end();
}

static void tag_is_put_back(uint32_t profile, uint32_t vlan, uint32_t snaplen)
{
	const struct zring_capture_options options = {
		.size = sizeof(options), .profile = profile, .vlan = vlan, .snaplen = snaplen};
	const uint32_t kept = snaplen && snaplen < 100 ? snaplen : 100;
	const bool inserted = vlan == ZRING_VLAN_REINSERT;
	const struct zring_packet *packet = NULL;
	struct zring_packet_info info;
	uint8_t data[100];

	start(&options, &calm, __func__);
	sim_frame_fill(data, sizeof(data), 9);
	sim_rx_packet(rx, &(struct sim_rx_packet){.data = data,
						  .len = sizeof(data),
						  .vlan_tci = 0x2123,
						  .vlan_tpid = 0x88a8,
						  .pkttype = 1});
	sim_rx_timer(rx);
	SIM_CHECK(zring_capture_next_packet(capture, &packet, 0) == 1, "a packet");
	zring_packet_get_info(capture, packet, &info);
	SIM_CHECK(info.vlan_tci == 0x2123 && info.vlan_tpid == 0x88a8 && info.protocol == 0x88b5,
		  "tag %x of %x, protocol %x", info.vlan_tci, info.vlan_tpid, info.protocol);
	SIM_CHECK(info.direction == ZRING_DIRECTION_BROADCAST && info.source_bytes == 6 &&
			  !memcmp(info.source, data + 6, 6) && info.ifindex == SIM_IFINDEX,
		  "link layer");
	SIM_CHECK((info.flags & ZRING_PACKET_VLAN) &&
			  !!(info.flags & ZRING_PACKET_VLAN_REINSERTED) == inserted,
		  "flags %x", info.flags);
	SIM_CHECK(packet->wire_len == 100u + (inserted ? 4 : 0), "%u on the wire",
		  packet->wire_len);
	SIM_CHECK(packet->len <= packet->wire_len && packet->len >= kept, "%u bytes", packet->len);
	SIM_CHECK(!snaplen || packet->len <= snaplen, "%u bytes of %u", packet->len, snaplen);
	SIM_CHECK(!!(info.flags & ZRING_PACKET_TRUNCATED) == (packet->len < packet->wire_len),
		  "cut");
	SIM_CHECK(stats_now().truncated == (packet->len < packet->wire_len), "counted");
	if (inserted) {
		static const uint8_t tag[] = {0x88, 0xa8, 0x21, 0x23};

		SIM_CHECK(!memcmp(packet->data, data, 12) && !memcmp(packet->data + 12, tag, 4) &&
				  !memcmp(packet->data + 16, data + 12, packet->len - 16),
			  "bytes around the tag");
	} else {
		SIM_CHECK(!memcmp(packet->data, data, packet->len), "bytes");
	}
	end();
}

static void copy_outlives_the_ring(void)
{
	struct zring_owned_packet *copy = NULL;

	start(&v3_options, &calm, __func__);
	arrive_many(1);
	sim_rx_timer(rx);
	SIM_CHECK(zring_capture_next(capture, &batch, 0) == 1, "a packet");
	SIM_CHECK(zring_packet_copy(capture, &batch.packets[0], &copy) == 0, "copy");
	end();
	SIM_CHECK(copy->len == 100 && copy->wire_len == 100 &&
			  copy->info.timestamp_ns == UINT64_C(5000000000),
		  "copied");
	SIM_CHECK(sim_frame_matches(copy->data, copy->len, copy->wire_len, 0), "bytes");
	zring_packet_free(copy);
}

static void waiting_ends_at_the_deadline(uint32_t profile, uint32_t wait)
{
	struct zring_capture_options options = v3_options;
	const struct zring_packet *packet = NULL;
	uint64_t before_ns;

	options.profile = profile;
	options.wait = wait;
	start(&options, &calm, __func__);
	before_ns = zr_now_ns();
	SIM_CHECK(zring_capture_next(capture, &batch, 250) == 0, "nothing came");
	SIM_CHECK(zr_now_ns() - before_ns >= UINT64_C(250000000), "too early");
	SIM_CHECK(zr_now_ns() - before_ns < UINT64_C(300000000), "too late");
	SIM_CHECK(zring_capture_next_packet(capture, &packet, 1) == 0 && !packet, "nothing came");
	/* Also while the program holds what poll() reports. */
	arrive_many(1);
	sim_rx_timer(rx);
	SIM_CHECK(zring_capture_next(capture, &batch, 250) == 1, "came");
	before_ns = zr_now_ns();
	SIM_CHECK(zring_capture_next_packet(capture, &packet, 250) == 0, "nothing else came");
	SIM_CHECK(zr_now_ns() - before_ns < UINT64_C(300000000), "too late");
	end();
}

static void down_is_said_once_and_deleted_for_good(uint32_t profile, uint32_t wait)
{
	struct zring_capture_options options = v3_options;

	options.profile = profile;
	options.wait = wait;
	start(&options, &calm, __func__);
	sim_set_up(false);
	SIM_CHECK(zring_capture_next(capture, &batch, 1000) == -ENETDOWN, "down");
	SIM_CHECK(zring_capture_next(capture, &batch, 100) == 0, "said once");
	sim_set_up(true);
	arrive_many(1);
	sim_rx_timer(rx);
	SIM_CHECK(zring_capture_next(capture, &batch, 1000) == 1, "resumes");
	zring_batch_release(&batch);
	sim_delete_interface();
	SIM_CHECK(zring_capture_next(capture, &batch, -1) == -ENODEV, "deleted");
	SIM_CHECK(zring_capture_next(capture, &batch, -1) == -ENODEV, "and stays so");
	SIM_CHECK(zring_capture_next(capture, &batch, 0) == -ENODEV, "and stays so");
	end();
}

static void *stop_soon(void *unused)
{
	const struct timespec pause = {.tv_nsec = 3000000};

	(void)unused;
	nanosleep(&pause, NULL);
	zring_capture_stop(capture);
	return NULL;
}

static void stop_wakes_a_waiting_reader(uint32_t profile, uint32_t wait)
{
	const struct sim_config real = {.seed = 1};
	struct zring_capture_options options = v3_options;
	const struct zring_packet *packet = NULL;
	pthread_t stopper;

	options.profile = profile;
	options.wait = wait;
	start(&options, &real, __func__);
	SIM_CHECK(!zring_capture_stopped(capture), "not yet");
	SIM_CHECK(!pthread_create(&stopper, NULL, stop_soon, NULL), "no thread");
	SIM_CHECK(zring_capture_next(capture, &batch, -1) == 0, "woken");
	pthread_join(stopper, NULL);
	SIM_CHECK(zring_capture_stopped(capture), "stopped");
	/* Final, but what the ring holds can be fetched. */
	arrive_many(2);
	sim_rx_timer(rx);
	SIM_CHECK(zring_capture_next(capture, &batch, -1) == 0, "waits no more");
	SIM_CHECK(zring_capture_next_packet(capture, &packet, 0) == 1 &&
			  zring_capture_next_packet(capture, &packet, 0) == 1 &&
			  zring_capture_next_packet(capture, &packet, 0) == 0,
		  "both are there");
	end();
}

int main(void)
{
	block_tells_about_itself();
	batch_smaller_than_a_block_leaves_the_rest();
	block_goes_back_early_when_read_to_its_end();
	full_ring_is_told();
	packet_larger_than_a_block_is_cut();
	block_without_packets_is_no_gap();
	frames_of_v2_come_at_once();
	flat_calls_count_what_was_given_out();
	copy_outlives_the_ring();
	for (uint32_t profile = 0; profile < 2; profile++) {
		static const uint32_t snaplens[] = {0, 60, 100, 102, 104, 200};

		for (uint32_t i = 0; i < sizeof(snaplens) / sizeof(*snaplens); i++)
			for (uint32_t vlan = 0; vlan < 2; vlan++)
				tag_is_put_back(profile, vlan, snaplens[i]);
		for (uint32_t wait = 0; wait < 2; wait++) {
			waiting_ends_at_the_deadline(profile, wait);
			down_is_said_once_and_deleted_for_good(profile, wait);
			stop_wakes_a_waiting_reader(profile, wait);
		}
	}
	puts("capture: all hold");
	return 0;
}
