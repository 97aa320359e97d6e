/* SPDX-License-Identifier: BSD-2-Clause */
/* Captures as one in order of time, over children that lend packets by a script. */
#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <string.h>

#include <zring/zring.h>

#include "core/merge.h"
#include "support/sim.h"
#include "syscall.h"

#define FAKE_PACKETS 400u
#define FAKE_QUEUES  3u
#define MOST_HELD    9u

TestSuite(merge, .timeout = 60);

/* A packet of the script. It is lent once and comes back once. */
struct fake_packet {
	uint64_t ns;
	uint64_t bytes;
	bool more; /* the next one goes on with it */
	bool lent;
	bool back;
	uint32_t shown_by; /* merged batches that hold it now */
	bool seen;
};

struct fake_queue {
	struct fake_packet packets[FAKE_PACKETS];
	uint32_t nr;      /* in the script */
	uint32_t visible; /* of them, in the ring */
	uint32_t next;    /* to lend */
};

struct fake {
	struct zring_capture base;
	struct fake_queue queues[FAKE_QUEUES];
	uint32_t most; /* packets a batch */
	int state;     /* what check says next, then 0 */
	int error;     /* what borrow says */
	bool closed;
	/* When this one is asked, that one's next packet comes to be seen. */
	struct fake_queue *shows;
};

static struct fake children[2];
static struct zr_capture_ops child_ops[2]; /* the first one's has queues */

static struct fake *fake_of(const struct zring_capture *capture)
{
	return (struct fake *)(uintptr_t)capture;
}

static struct fake_packet *packet_of(const struct zring_packet *view)
{
	return (struct fake_packet *)(uintptr_t)view->frame;
}

static int fake_borrow_queue(struct zring_capture *capture, uint32_t which,
			     struct zring_batch *batch)
{
	struct fake *fake = fake_of(capture);
	struct fake_queue *queue = &fake->queues[which];
	uint32_t nr = 0;

	if (fake->shows)
		fake->shows->visible++;
	fake->shows = NULL;
	if (fake->error)
		return fake->error;
	while (nr < fake->most && nr < batch->nr_allocated && queue->next < queue->visible) {
		struct fake_packet *packet = &queue->packets[queue->next++];

		cr_assert(!packet->lent);
		packet->lent = true;
		batch->packets[nr++] = (struct zring_packet){
			.data = (const uint8_t *)&packet->bytes,
			.len = sizeof(packet->bytes),
			.wire_len = sizeof(packet->bytes),
			.frame = packet,
		};
	}
	batch->nr_packets = nr;
	batch->flags = which ? ZRING_BATCH_LOSING | ZRING_BATCH_BLOCK_END : 0;
	return (int)nr;
}

static int fake_borrow(struct zring_capture *capture, struct zring_batch *batch)
{
	return fake_borrow_queue(capture, 0, batch);
}

static void fake_release(struct zring_capture *capture, struct zring_batch *batch)
{
	const struct zring_packet *view;

	(void)capture;
	zring_batch_for_each (batch, view) {
		cr_assert(packet_of(view)->lent && !packet_of(view)->back);
		cr_assert(packet_of(view)->shown_by == 0, "given back while it is shown");
		packet_of(view)->back = true;
	}
}

static bool fake_ready(const struct zring_capture *capture)
{
	const struct fake *fake = fake_of(capture);

	for (uint32_t i = 0; i < FAKE_QUEUES; i++)
		if (fake->queues[i].next < fake->queues[i].visible)
			return true;
	return false;
}

static int fake_check(struct zring_capture *capture)
{
	const int state = fake_of(capture)->state;

	if (state != -ENODEV)
		fake_of(capture)->state = 0;
	return state;
}

static void fake_fold_stats(struct zring_capture *capture)
{
	(void)capture; /* the counters are set by the tests */
}

static uint64_t fake_time_ns(const struct zring_capture *capture, const struct zring_packet *packet)
{
	(void)capture;
	return packet_of(packet)->ns;
}

static bool fake_owns(const struct zring_capture *capture, const struct zring_packet *packet)
{
	return (uintptr_t)packet->frame - (uintptr_t)capture < sizeof(struct fake);
}

static void fake_packet_info(const struct zring_capture *capture, const struct zring_packet *packet,
			     struct zring_packet_info *ret_info)
{
	cr_assert(fake_owns(capture, packet), "the wrong child was asked");
	*ret_info = (struct zring_packet_info){
		.timestamp_ns = packet_of(packet)->ns,
		.ifindex = capture->info.ifindex,
		.flags = packet_of(packet)->more ? ZRING_PACKET_MORE : 0,
	};
}

static void fake_close(struct zring_capture *capture)
{
	fake_of(capture)->closed = true;
	zr_capture_fini(capture);
}

static const struct zr_capture_ops fake_ops = {
	.borrow = fake_borrow,
	.release = fake_release,
	.ready = fake_ready,
	.check = fake_check,
	.fold_stats = fake_fold_stats,
	.packet_info = fake_packet_info,
	.time_ns = fake_time_ns,
	.owns = fake_owns,
	.close = fake_close,
};

/* Two children with nothing to lend; the first has queues. */
static void make_children(uint32_t nr_queues, uint32_t most)
{
	memset(children, 0, sizeof(children));
	child_ops[0] = child_ops[1] = fake_ops;
	child_ops[0].borrow_queue = fake_borrow_queue;
	for (uint32_t i = 0; i < 2; i++) {
		struct zring_capture *base = &children[i].base;

		cr_assert(zr_capture_init(base, &child_ops[i]) == 0);
		base->fd = zr_eventfd();
		cr_assert(base->fd >= 0);
		base->waiter.own_polls[0] = (struct pollfd){.fd = base->fd, .events = POLLIN};
		zr_capture_set_polls(base, base->waiter.own_polls, 1);
		base->waiter.capacity = i ? 100 : 200;
		base->info.ifindex = 10 + i;
		base->info.nr_queues = i ? 0 : nr_queues;
		base->info.adjusted = i ? ZRING_ADJUSTED_RING : ZRING_ADJUSTED_UMEM;
		children[i].most = most;
	}
}

static struct zring_capture *merge_children(void)
{
	struct zring_capture *const both[] = {&children[0].base, &children[1].base};
	struct zring_capture *merged = NULL;

	cr_assert(zr_merge_open(both, 2, NULL, &merged) == 0);
	return merged;
}

static struct zring_capture *make(uint32_t nr_queues, uint32_t most)
{
	make_children(nr_queues, most);
	return merge_children();
}

static void script(struct fake_queue *queue, const uint64_t *times, uint32_t nr)
{
	for (uint32_t i = 0; i < nr; i++) {
		queue->packets[queue->nr].bytes = UINT64_C(0xabcdef) << 32 | times[i];
		queue->packets[queue->nr++].ns = times[i];
	}
	queue->visible = queue->nr;
}

#define SCRIPT(queue, ...)                               \
	script((queue), (const uint64_t[]){__VA_ARGS__}, \
	       sizeof((const uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t))

/* The batch shows packets of these times, unchanged. */
static void expect(const struct zring_batch *batch, const uint64_t *times, uint32_t nr)
{
	cr_assert(batch->nr_packets == nr, "%u packets, expected %u", batch->nr_packets, nr);
	for (uint32_t i = 0; i < nr; i++) {
		uint64_t bytes;

		cr_assert(batch->packets[i].len == sizeof(bytes));
		memcpy(&bytes, batch->packets[i].data, sizeof(bytes));
		cr_assert(bytes == (UINT64_C(0xabcdef) << 32 | times[i]), "packet %u", i);
		cr_assert(packet_of(&batch->packets[i])->ns == times[i]);
	}
	cr_assert(batch->first_ns == times[0] && batch->last_ns == times[nr - 1]);
}

#define EXPECT(batch, ...)                               \
	expect((batch), (const uint64_t[]){__VA_ARGS__}, \
	       sizeof((const uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t))

static struct zring_batch new_batch(uint32_t capacity)
{
	struct zring_batch batch;

	cr_assert(zring_batch_init(&batch, capacity) == 0);
	return batch;
}

/* Everything lent came back, and the children end with the merged capture. */
static void end(struct zring_capture *merged)
{
	for (uint32_t i = 0; i < 2; i++)
		cr_assert(!children[i].closed);
	zring_capture_close(merged);
	for (uint32_t i = 0; i < 2; i++) {
		cr_assert(children[i].closed);
		for (uint32_t q = 0; q < FAKE_QUEUES; q++)
			for (uint32_t p = 0; p < children[i].queues[q].nr; p++)
				cr_assert(children[i].queues[q].packets[p].lent ==
					  children[i].queues[q].packets[p].back);
	}
}

Test(merge, packets_of_two_captures_come_in_order_of_time)
{
	struct zring_capture *merged = make(1, 64);
	struct zring_batch batch = new_batch(0);

	SCRIPT(&children[0].queues[0], 1, 4, 5, 9);
	SCRIPT(&children[1].queues[0], 2, 3, 7, 20, 21);
	/* Behind 9 the first child must be asked again. */
	cr_assert(zring_capture_next(merged, &batch, 0) == 7);
	EXPECT(&batch, 1, 2, 3, 4, 5, 7, 9);
	cr_assert(batch.gap_ns == 0 && batch.block_seq == ZRING_UNAVAILABLE &&
		  batch.gap_blocks == ZRING_UNAVAILABLE);
	zring_batch_release(&batch);
	SCRIPT(&children[0].queues[0], 19);
	cr_assert(zring_capture_next(merged, &batch, 0) == 1);
	EXPECT(&batch, 19);
	cr_assert(batch.gap_ns == 10);
	zring_batch_release(&batch);
	cr_assert(zring_capture_next(merged, &batch, 0) == 2);
	EXPECT(&batch, 20, 21);
	zring_batch_fini(&batch);
	end(merged);
}

Test(merge, a_silent_side_holds_nothing_up)
{
	for (uint32_t silent = 0; silent < 2; silent++) {
		struct zring_capture *merged = make(1, 64);
		struct zring_batch batch = new_batch(0);

		cr_assert(zring_capture_next(merged, &batch, 0) == 0);
		cr_assert(zring_capture_next(merged, &batch, 5) == 0);
		SCRIPT(&children[!silent].queues[0], 3, 4);
		cr_assert(zring_capture_next(merged, &batch, -1) == 2);
		EXPECT(&batch, 3, 4);
		zring_batch_release(&batch);
		cr_assert(zring_capture_next(merged, &batch, 0) == 0);
		zring_batch_fini(&batch);
		end(merged);
	}
}

Test(merge, what_comes_while_the_other_side_is_asked_is_not_overtaken)
{
	struct zring_capture *merged = make(1, 64);
	struct zring_batch batch = new_batch(0);

	SCRIPT(&children[0].queues[0], 5);
	children[0].queues[0].visible = 0;
	SCRIPT(&children[1].queues[0], 6, 7);
	children[1].shows = &children[0].queues[0];
	cr_assert(zring_capture_next(merged, &batch, 0) == 1);
	EXPECT(&batch, 5);
	zring_batch_release(&batch);
	cr_assert(zring_capture_next(merged, &batch, 0) == 2);
	EXPECT(&batch, 6, 7);
	zring_batch_fini(&batch);
	end(merged);
}

Test(merge, each_queue_is_a_source_of_its_own)
{
	struct zring_capture *merged = make(3, 64);
	struct zring_batch batch = new_batch(0);

	SCRIPT(&children[0].queues[0], 10, 30);
	SCRIPT(&children[0].queues[1], 5, 20);
	SCRIPT(&children[0].queues[2], 1, 40);
	SCRIPT(&children[1].queues[0], 15, 35);
	cr_assert(zring_capture_next(merged, &batch, 0) == 5);
	EXPECT(&batch, 1, 5, 10, 15, 20);
	cr_assert(batch.flags == ZRING_BATCH_LOSING);
	zring_batch_release(&batch);
	cr_assert(zring_capture_next(merged, &batch, 0) == 1);
	EXPECT(&batch, 30);
	cr_assert(batch.flags == 0);
	zring_batch_release(&batch);
	cr_assert(zring_capture_next(merged, &batch, 0) == 1);
	EXPECT(&batch, 35);
	zring_batch_release(&batch);
	cr_assert(zring_capture_next(merged, &batch, 0) == 1);
	EXPECT(&batch, 40);
	zring_batch_fini(&batch);
	end(merged);
}

Test(merge, information_is_that_of_the_child_that_lent_the_packet)
{
	struct zring_capture *merged = make(1, 64);
	struct zring_batch batch = new_batch(0);
	struct zring_owned_packet *copy;

	SCRIPT(&children[0].queues[0], 1, 3);
	SCRIPT(&children[1].queues[0], 2, 4);
	cr_assert(zring_capture_next(merged, &batch, 0) == 3);
	for (uint32_t i = 0; i < 3; i++) {
		struct zring_packet_info info;

		zring_packet_get_info(merged, &batch.packets[i], &info);
		cr_assert(info.ifindex == 10 + i % 2 && info.timestamp_ns == i + 1);
		cr_assert(merged->ops->time_ns(merged, &batch.packets[i]) == i + 1);
		cr_assert(merged->ops->owns(merged, &batch.packets[i]));
	}
	cr_assert(!merged->ops->owns(merged, &(struct zring_packet){.frame = &copy}));
	cr_assert(zring_packet_copy(merged, &batch.packets[1], &copy) == 0);
	zring_batch_fini(&batch);
	cr_assert(copy->info.ifindex == 11 && copy->len == 8);
	zring_packet_free(copy);
	end(merged);
}

/* A run goes back with the last batch that shows a part of it, whichever that is. */
Test(merge, a_held_part_keeps_the_whole_run)
{
	for (uint32_t order = 0; order < 2; order++) {
		struct zring_capture *merged = make(1, 64);
		struct zring_batch first = new_batch(2), second = new_batch(2);
		const struct fake_packet *ours = children[0].queues[0].packets;

		SCRIPT(&children[0].queues[0], 1, 2, 3, 4);
		cr_assert(zring_capture_next(merged, &first, 0) == 2);
		cr_assert(zring_capture_next(merged, &second, 0) == 2);
		EXPECT(&first, 1, 2);
		EXPECT(&second, 3, 4);
		zring_batch_release(order ? &second : &first);
		cr_assert(!ours[0].back && !ours[3].back);
		if (order)
			EXPECT(&first, 1, 2);
		else
			EXPECT(&second, 3, 4);
		zring_batch_release(order ? &first : &second);
		cr_assert(ours[0].back && ours[3].back);
		zring_batch_fini(&first);
		zring_batch_fini(&second);
		end(merged);
	}
}

Test(merge, what_was_not_given_out_goes_back_at_the_end)
{
	struct zring_capture *merged = make(1, 64);
	struct zring_batch batch = new_batch(1);

	SCRIPT(&children[0].queues[0], 1, 2);
	SCRIPT(&children[1].queues[0], 3);
	cr_assert(zring_capture_next(merged, &batch, 0) == 1);
	zring_batch_fini(&batch);
	end(merged);
	cr_assert(children[1].queues[0].packets[0].back);
}

Test(merge, the_pieces_of_a_packet_stay_together)
{
	struct zring_capture *merged;
	struct zring_batch batch = new_batch(4);

	make_children(1, 64);
	children[0].base.lends_pieces = true;
	merged = merge_children();
	/* The times of later pieces say nothing. */
	SCRIPT(&children[0].queues[0], 5, 90, 1, 8);
	children[0].queues[0].packets[0].more = true;
	children[0].queues[0].packets[1].more = true;
	SCRIPT(&children[1].queues[0], 2, 4, 6, 9);
	cr_assert(zring_capture_next(merged, &batch, 0) == 2, "no room for three pieces");
	zring_batch_release(&batch);
	cr_assert(zring_capture_next(merged, &batch, 0) == 4);
	cr_assert(packet_of(&batch.packets[0])->ns == 5 && packet_of(&batch.packets[1])->ns == 90 &&
		  packet_of(&batch.packets[2])->ns == 1 && packet_of(&batch.packets[3])->ns == 6);
	zring_batch_fini(&batch);
	end(merged);
}

Test(merge, a_packet_of_more_pieces_than_fit_is_told_and_not_lost)
{
	struct zring_capture *merged;
	struct zring_batch small = new_batch(1), batch = new_batch(2);

	make_children(1, 64);
	children[0].base.lends_pieces = true;
	merged = merge_children();
	SCRIPT(&children[0].queues[0], 5, 5);
	children[0].queues[0].packets[0].more = true;
	cr_assert(zring_capture_next(merged, &small, 0) == -EMSGSIZE);
	cr_assert(zring_capture_next(merged, &small, 100) == -EMSGSIZE);
	cr_assert(zring_capture_next(merged, &batch, 0) == 2);
	EXPECT(&batch, 5, 5);
	zring_batch_fini(&small);
	zring_batch_fini(&batch);
	end(merged);
}

Test(merge, an_error_of_a_child_loses_nothing)
{
	struct zring_capture *merged = make(1, 64);
	struct zring_batch batch = new_batch(0);

	SCRIPT(&children[0].queues[0], 1);
	children[1].error = -EPROTO;
	cr_assert(zring_capture_next(merged, &batch, 0) == -EPROTO);
	children[1].error = 0;
	cr_assert(zring_capture_next(merged, &batch, 0) == 1);
	zring_batch_fini(&batch);
	end(merged);
}

Test(merge, counters_are_the_sums_and_add_up)
{
	struct zring_capture *merged = make(1, 64);
	struct zring_batch batch = new_batch(3);
	struct zring_capture_stats stats;

	SCRIPT(&children[0].queues[0], 1, 3, 5);
	SCRIPT(&children[1].queues[0], 2, 4, 6);
	for (uint32_t i = 0; i < 2; i++) {
		struct zr_capture_counters *counters = &children[i].base.counters;

		counters->truncated = 1 + i;
		counters->malformed = 10 + i;
		counters->filtered = 20 + i;
		counters->dropped = 30 + i;
		counters->received = 3 + 10 + 20 + 30 + 3 * i;
	}
	cr_assert(zring_capture_next(merged, &batch, 0) == 3);
	zring_capture_get_stats(merged, &stats);
	cr_assert(stats.truncated == 3 && stats.malformed == 21 && stats.filtered == 41 &&
		  stats.dropped == 61 && stats.delivered == 3);
	/* In hand and not given out: still pending. */
	cr_assert(stats.received == 129 && stats.pending == 3);
	cr_assert(stats.freezes == ZRING_UNAVAILABLE);
	zring_batch_fini(&batch);
	end(merged);
}

/* ---- the interface, and what is told of the capture ---- */

static int next_state(struct zring_capture *merged, struct zring_batch *batch)
{
	merged->last_check_ns = 0; /* as if 10 ms had passed */
	return zring_capture_next(merged, batch, 0);
}

Test(merge, down_is_said_once_whoever_sees_it_first)
{
	struct zring_capture *merged = make(1, 64);
	struct zring_batch batch = new_batch(0);

	for (uint32_t first = 0; first < 3; first++) {
		int said = 0;

		for (uint32_t look = 0; look < 4; look++) {
			if (look < 2)
				children[look ^ (first & 1)].state = -ENETDOWN;
			if (first == 2 && look == 0)
				children[1].state = -ENETDOWN; /* both at once */
			said += next_state(merged, &batch) == -ENETDOWN;
			cr_assert(children[1].state == 0, "poll() would go on to report it");
			if (first == 2)
				children[1].state = 0;
		}
		cr_assert(said == 1, "said %d times in case %u", said, first);
	}
	zring_batch_fini(&batch);
	end(merged);
}

Test(merge, a_deleted_interface_is_final)
{
	for (uint32_t which = 0; which < 2; which++) {
		struct zring_capture *merged = make(1, 64);
		struct zring_batch batch = new_batch(0);

		children[which].state = -ENODEV;
		children[!which].state = -ENETDOWN;
		cr_assert(next_state(merged, &batch) == -ENODEV);
		children[which].state = 0;
		cr_assert(next_state(merged, &batch) == -ENODEV);
		/* What the rings hold is given out all the same. */
		SCRIPT(&children[1].queues[0], 1);
		cr_assert(zring_capture_next(merged, &batch, 0) == 1);
		zring_batch_fini(&batch);
		end(merged);
	}
}

Test(merge, what_holds_is_told_as_of_the_first)
{
	struct zring_capture *merged = make(2, 64);
	struct zring_capture_info info;

	zring_capture_get_info(merged, &info);
	cr_assert(info.ifindex == 10 && info.nr_queues == 2);
	cr_assert(info.adjusted == (ZRING_ADJUSTED_RING | ZRING_ADJUSTED_UMEM));
	cr_assert(merged->waiter.capacity == 100);
	cr_assert(!zring_capture_xdp(merged, 0));
	end(merged);
}

Test(merge, one_descriptor_and_poll_see_both_children)
{
	for (uint32_t which = 0; which < 2; which++) {
		struct zring_capture *merged = make(1, 64);
		struct pollfd own = {.fd = zring_capture_fd(merged), .events = POLLIN};
		const uint64_t one = 1;

		cr_assert(poll(&own, 1, 0) == 0);
		cr_assert(zr_poll(merged->waiter.polls, merged->waiter.nr_polls + 1, 0) == 0);
		cr_assert(zr_write(children[which].base.fd, &one, sizeof(one)) == sizeof(one));
		cr_assert(poll(&own, 1, 0) == 1);
		cr_assert(zr_poll(merged->waiter.polls, merged->waiter.nr_polls + 1, 0) == 1);
		end(merged);
	}
}

Test(merge, stop_ends_the_waiting_and_leaves_what_is_there)
{
	struct zring_capture *merged = make(1, 64);
	struct zring_batch batch = new_batch(0);

	zring_capture_stop(merged);
	SCRIPT(&children[0].queues[0], 1);
	cr_assert(zring_capture_next(merged, &batch, -1) == 0);
	cr_assert(zring_capture_next(merged, &batch, 0) == 1);
	zring_batch_fini(&batch);
	end(merged);
}

/* ---- at random ---- */

struct play {
	uint64_t seed;
	uint64_t random;
	struct zring_capture *merged;
	struct zring_batch held[MOST_HELD];
	uint64_t last_ns;
	uint64_t now_ns;
	uint32_t given;
};

static struct fake_queue *queue_at(uint32_t source)
{
	return source < FAKE_QUEUES ? &children[0].queues[source] : &children[1].queues[0];
}

#define NR_SOURCES (FAKE_QUEUES + 1)

/* Some packets arrive: later than all before, now and then at the same time. */
static void arrive(struct play *play)
{
	for (uint32_t nr = sim_below(&play->random, 40); nr; nr--) {
		struct fake_queue *queue = queue_at(sim_below(&play->random, NR_SOURCES));

		if (queue->nr == FAKE_PACKETS)
			continue;
		play->now_ns += sim_below(&play->random, 3);
		SCRIPT(queue, play->now_ns);
	}
}

static void check_batch(struct play *play, const struct zring_batch *batch)
{
	const struct zring_packet *view;

	zring_batch_for_each (batch, view) {
		struct fake_packet *packet = packet_of(view);

		cr_assert(packet->ns >= play->last_ns, "out of order, seed %llu",
			  (unsigned long long)play->seed);
		cr_assert(!packet->seen && !packet->back && packet->lent);
		packet->seen = true;
		packet->shown_by++;
		play->last_ns = packet->ns;
		play->given++;
	}
	/* Nothing that was there and not given out is earlier. */
	for (uint32_t i = 0; i < NR_SOURCES; i++)
		for (uint32_t p = queue_at(i)->visible; p--;)
			if (!queue_at(i)->packets[p].seen)
				cr_assert(queue_at(i)->packets[p].ns >= play->last_ns,
					  "overtaken, seed %llu", (unsigned long long)play->seed);
}

static void give_back(struct zring_batch *batch)
{
	const struct zring_packet *view;

	zring_batch_for_each (batch, view)
		packet_of(view)->shown_by--;
	zring_batch_release(batch);
}

static void step(struct play *play)
{
	struct zring_batch *batch = &play->held[sim_below(&play->random, MOST_HELD)];

	if (sim_chance(&play->random, 400))
		arrive(play);
	if (batch->nr_packets)
		give_back(batch);
	else if (zring_capture_next(play->merged, batch, 0) > 0)
		check_batch(play, batch);
}

static void play_once(uint64_t seed)
{
	struct play play = {.seed = seed, .random = seed, .now_ns = 1};
	uint32_t sent = 0;

	play.merged = make(FAKE_QUEUES, 1 + sim_below(&play.random, 80));
	for (uint32_t i = 0; i < MOST_HELD; i++)
		play.held[i] = new_batch(1 + sim_below(&play.random, 100));
	for (uint32_t i = 0; i < 150; i++)
		step(&play);
	/* To the end: each packet was given out once, and all came back. */
	for (uint32_t i = 0; i < MOST_HELD; i++)
		give_back(&play.held[i]);
	while (zring_capture_next(play.merged, &play.held[0], 0) > 0) {
		check_batch(&play, &play.held[0]);
		give_back(&play.held[0]);
	}
	for (uint32_t i = 0; i < NR_SOURCES; i++) {
		sent += queue_at(i)->nr;
		for (uint32_t p = 0; p < queue_at(i)->nr; p++)
			cr_assert(queue_at(i)->packets[p].seen && queue_at(i)->packets[p].back);
	}
	cr_assert(play.given == sent, "seed %llu: %u of %u", (unsigned long long)seed, play.given,
		  sent);
	for (uint32_t i = 0; i < MOST_HELD; i++)
		zring_batch_fini(&play.held[i]);
	end(play.merged);
}

Test(merge, any_interleaving_is_in_order_and_complete)
{
	for (uint64_t seed = 1; seed <= 2000; seed++)
		play_once(seed);
}
