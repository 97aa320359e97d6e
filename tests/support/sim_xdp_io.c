/* SPDX-License-Identifier: BSD-2-Clause */
/* The played kernel's side of the four rings: xsk_rcv(), __xsk_generic_xmit(), a zero-copy driver.
 */
#include <errno.h>
#include <sched.h>
#include <string.h>
#include <time.h>

#include "sim_xdp_internal.h"

/* Descriptors that one sendto(2) takes (TX_BATCH_SIZE). */
#define SEND_BUDGET 32u
/* Nobody sleeps for so long unless a wake-up was lost. */
#define PATIENCE_S 20

static uint64_t chunk_start(const struct sim_xdp *socket, uint64_t address)
{
	const uint64_t base = address & ZRING_UMEM_ADDRESS_MASK;

	return base - base % socket->chunk_bytes;
}

/* xskq_cons_peek(): looks at the producer again when all that was seen is used up. */
static bool peek(struct sim_xdp_ring *ring)
{
	if (ring->position == ring->limit) {
		zr_store_release(sim_xdp_word(ring, SIM_XDP_CONSUMER), ring->position);
		ring->limit = zr_load_acquire(sim_xdp_word(ring, SIM_XDP_PRODUCER));
		SIM_CHECK(ring->limit - ring->position <= ring->nr_entries,
			  "%u entries in a ring of %u", ring->limit - ring->position,
			  ring->nr_entries);
	}
	return ring->position != ring->limit;
}

static bool has_room(struct sim_xdp_ring *ring)
{
	if (ring->position == ring->limit + ring->nr_entries)
		ring->limit = zr_load_acquire(sim_xdp_word(ring, SIM_XDP_CONSUMER));
	return ring->position != ring->limit + ring->nr_entries;
}

/* ---- receiving ---- */

/* xp_alloc(): false when the fill ring is empty. */
static bool take_chunk(struct sim_xdp *socket, uint64_t *ret_address)
{
	struct sim_xdp_ring *fill = &socket->rings[SIM_XDP_FILL];

	if (socket->nr_spare) {
		*ret_address = socket->spare[--socket->nr_spare];
		return true;
	}
	while (peek(fill)) {
		const uint64_t address = *sim_xdp_address(fill, fill->position++);

		if (address < socket->bytes && !(address % socket->chunk_bytes)) {
			*ret_address = address;
			return true;
		}
		sim_xdp_add(&socket->nr_fill_invalid);
	}
	sim_xdp_add(&socket->nr_fill_empty);
	return false;
}

static void give_back(struct sim_xdp *socket, uint64_t address)
{
	SIM_CHECK(socket->nr_spare < SIM_XDP_MAX_SPARE, "too many spare chunks");
	socket->spare[socket->nr_spare++] = address;
}

static void put_piece(struct sim_xdp *socket, uint64_t chunk, const uint8_t *data, uint32_t len,
		      bool more)
{
	struct sim_xdp_ring *rx = &socket->rings[SIM_XDP_RX];
	const uint32_t lead = ZR_XDP_HEADROOM_BYTES + socket->headroom_bytes;

	struct xdp_desc *desc = sim_xdp_desc(rx, rx->position++);

	memcpy(socket->data + chunk + lead, data, len);
	desc->addr = socket->unaligned ? chunk | (uint64_t)lead << ZRING_UMEM_OFFSET_SHIFT
				       : chunk + lead;
	desc->len = len;
	/* Statistics look at it from any thread, and look again whether it was theirs. */
	__atomic_store_n(&desc->options, more ? XDP_PKT_CONTD : 0, __ATOMIC_RELAXED);
}

enum sim_xdp_result sim_xdp_receive(struct sim_xdp *socket, const uint8_t *data, uint32_t len)
{
	const uint32_t room = socket->chunk_bytes - ZR_XDP_HEADROOM_BYTES - socket->headroom_bytes;
	struct sim_xdp_ring *rx = &socket->rings[SIM_XDP_RX];
	const uint32_t start = rx->position;

	SIM_CHECK(socket->steered, "no program steers packets here");
	if (len > room && !socket->pieces) {
		sim_xdp_add(&socket->nr_no_chunk);
		return SIM_XDP_NO_CHUNK;
	}
	for (uint32_t at = 0; at < len;) {
		const uint32_t part = len - at < room ? len - at : room;
		uint64_t chunk = 0;
		const bool has_chunk = take_chunk(socket, &chunk);

		if (has_chunk && has_room(rx)) {
			put_piece(socket, chunk, data + at, part, at + part < len);
			at += part;
			continue;
		}
		/* All or nothing: the pieces before were never visible. */
		if (has_chunk)
			give_back(socket, chunk);
		while (rx->position != start)
			give_back(socket,
				  chunk_start(socket, sim_xdp_desc(rx, --rx->position)->addr));
		if (has_chunk)
			sim_xdp_add(&socket->nr_ring_full);
		else if (!socket->zero_copy)
			sim_xdp_add(&socket->nr_no_chunk);
		return has_chunk ? SIM_XDP_RING_FULL : SIM_XDP_NO_CHUNK;
	}
	return SIM_XDP_STORED;
}

bool sim_xdp_receive_bad(struct sim_xdp *socket, uint64_t address, uint32_t len)
{
	struct sim_xdp_ring *rx = &socket->rings[SIM_XDP_RX];

	if (!has_room(rx))
		return false;
	*sim_xdp_desc(rx, rx->position++) = (struct xdp_desc){.addr = address, .len = len};
	return true;
}

void sim_xdp_spoil_piece(struct sim_xdp *socket, uint32_t back, uint64_t address)
{
	struct sim_xdp_ring *rx = &socket->rings[SIM_XDP_RX];

	sim_xdp_desc(rx, rx->position - 1 - back)->addr = address;
}

void sim_xdp_publish(struct sim_xdp *socket)
{
	const struct sim_xdp_ring *rx = &socket->rings[SIM_XDP_RX];
	const struct sim_xdp_ring *fill = &socket->rings[SIM_XDP_FILL];

	zr_store_release(sim_xdp_word(rx, SIM_XDP_PRODUCER), rx->position);
	zr_store_release(sim_xdp_word(fill, SIM_XDP_CONSUMER), fill->position);
}

/* Relaxed: poll() is no part of the ring's ordering. */
bool sim_xdp_readable(const struct sim_xdp *socket)
{
	const struct sim_xdp_ring *rx = &socket->rings[SIM_XDP_RX];

	return rx->memory && zr_load_relaxed(sim_xdp_word(rx, SIM_XDP_PRODUCER)) !=
				     zr_load_relaxed(sim_xdp_word(rx, SIM_XDP_CONSUMER));
}

/* ---- a driver's sleep ---- */

void sim_xdp_wake(struct sim_xdp *socket)
{
	__atomic_fetch_add(&socket->nr_wakes, 1, __ATOMIC_RELAXED);
}

static bool sleep_until_woken(const struct sim_xdp *socket, uint32_t nr_wakes)
{
	struct timespec start, now;

	clock_gettime(CLOCK_MONOTONIC, &start);
	while (zr_load_relaxed(&socket->nr_wakes) == nr_wakes) {
		sched_yield();
		clock_gettime(CLOCK_MONOTONIC, &now);
		if (now.tv_sec - start.tv_sec > PATIENCE_S)
			return false;
	}
	return true;
}

/*
 * xsk_set_rx_need_wakeup(): the flag, then one more look, or an entry that came in
 * between would lie there for ever.
 */
static bool wait_for_entries(struct sim_xdp *socket, struct sim_xdp_ring *ring)
{
	const uint32_t nr_wakes = zr_load_relaxed(&socket->nr_wakes);
	uint32_t *const flags = sim_xdp_word(ring, SIM_XDP_FLAGS);
	bool woken = true;

	zr_store_relaxed(flags, XDP_RING_NEED_WAKEUP);
	zr_full_fence();
	if (!peek(ring))
		woken = sleep_until_woken(socket, nr_wakes);
	zr_store_relaxed(flags, 0);
	return woken;
}

bool sim_xdp_wait_for_chunks(struct sim_xdp *socket)
{
	return wait_for_entries(socket, &socket->rings[SIM_XDP_FILL]);
}

bool sim_xdp_wait_for_frames(struct sim_xdp *socket)
{
	return wait_for_entries(socket, &socket->rings[SIM_XDP_TX]);
}

/* ---- sending ---- */

/* xskq_cons_is_valid_desc(): what the library let through is never invalid. */
static void check_desc(const struct sim_xdp *socket, const struct xdp_desc *desc)
{
	const uint64_t start =
		(desc->addr & ZRING_UMEM_ADDRESS_MASK) + (desc->addr >> ZRING_UMEM_OFFSET_SHIFT);

	SIM_CHECK(socket->unaligned || desc->addr < socket->bytes, "address %llx",
		  (unsigned long long)desc->addr);
	SIM_CHECK(start < socket->bytes && desc->len && desc->len <= socket->chunk_bytes &&
			  (start + desc->len - 1) / socket->chunk_bytes ==
				  start / socket->chunk_bytes,
		  "%u bytes at %llx", desc->len, (unsigned long long)desc->addr);
	SIM_CHECK(!(desc->options & ~(uint32_t)(XDP_PKT_CONTD | XDP_TX_METADATA)) &&
			  (!(desc->options & XDP_PKT_CONTD) || socket->pieces),
		  "options %x", desc->options);
}

static uint8_t *bytes_of(const struct sim_xdp *socket, const struct xdp_desc *desc)
{
	return socket->data + (desc->addr & ZRING_UMEM_ADDRESS_MASK) +
	       (desc->addr >> ZRING_UMEM_OFFSET_SHIFT);
}

/* The packet in front, whole. Returns its pieces, *ret_len its bytes. */
static uint32_t gather(const struct sim_xdp *socket, uint8_t *data, uint32_t *ret_len)
{
	const struct sim_xdp_ring *tx = &socket->rings[SIM_XDP_TX];
	uint32_t at = tx->position, len = 0;
	bool more = true;

	for (; more; at++) {
		const struct xdp_desc desc = *sim_xdp_desc(tx, at);

		SIM_CHECK(at != tx->limit && at - tx->position < ZR_XDP_MAX_PIECES,
			  "no end after %u pieces", at - tx->position);
		check_desc(socket, &desc);
		memcpy(data + len, bytes_of(socket, &desc), desc.len);
		len += desc.len;
		more = desc.options & XDP_PKT_CONTD;
	}
	*ret_len = len;
	return at - tx->position;
}

/* xsk_cq_reserve(): the library leaves room for all that it has in flight. */
static void reserve(struct sim_xdp *socket, uint32_t nr)
{
	const struct sim_xdp_ring *completion = &socket->rings[SIM_XDP_COMPLETION];

	socket->nr_reserved += nr;
	SIM_CHECK(socket->nr_reserved -
				  zr_load_acquire(sim_xdp_word(completion, SIM_XDP_CONSUMER)) <=
			  completion->nr_entries,
		  "more frames in flight than the completion ring holds");
}

/* Moves over a packet; its chunks complete later. @sent NULL: nobody reads them. */
static void hold(struct sim_xdp *socket, uint32_t pieces, const uint8_t *sent)
{
	struct sim_xdp_ring *tx = &socket->rings[SIM_XDP_TX];
	const uint32_t mask = socket->rings[SIM_XDP_COMPLETION].nr_entries - 1;

	reserve(socket, pieces);
	for (uint32_t i = 0; i < pieces; i++) {
		const struct xdp_desc desc = *sim_xdp_desc(tx, tx->position++);

		socket->queue_of_sent[socket->sent_tail & mask] = (struct sim_xdp_held){
			.address = desc.addr,
			.bytes = bytes_of(socket, &desc),
			.sent = sent,
			.len = sent ? desc.len : 0,
		};
		sent += sent ? desc.len : 0;
		zr_store_release(&socket->sent_tail, socket->sent_tail + 1);
	}
}

/* __xsk_generic_xmit() with its socket lock held. 0 or an errno. */
static int transmit(struct sim_xdp *socket)
{
	const struct sim_xdp_config *config = sim.config.xdp;
	struct sim_xdp_ring *tx = &socket->rings[SIM_XDP_TX];
	uint32_t budget = SEND_BUDGET, len = 0;
	uint8_t data[SIM_XDP_MOST_BYTES];
	bool sent = false;
	int err = 0;

	while (!err && peek(tx)) {
		const uint32_t pieces = gather(socket, data, &len);

		if (pieces > budget) {
			err = EAGAIN;
		} else if (sim_chance(&sim.random, config->full)) {
			err = EAGAIN; /* xskq_cons_cancel_n(): it stays */
		} else if (sim_chance(&sim.random, config->drop)) {
			hold(socket, pieces, NULL);
			socket->nr_dropped++;
			err = EBUSY;
		} else {
			hold(socket, pieces, sim_wire_log(data, len));
			budget -= pieces;
			sent = true;
		}
	}
	if (!err)
		sim_xdp_add(&socket->nr_tx_empty);
	if (sent && !config->lazy)
		zr_store_release(sim_xdp_word(tx, SIM_XDP_CONSUMER), tx->position);
	return err;
}

ssize_t sim_xdp_sendto(struct sim_xdp *socket)
{
	int err = sim_device_error();

	SIM_CHECK(socket->bound && socket->rings[SIM_XDP_TX].memory, "nothing to send with");
	sim_xdp_wake(socket);
	if (socket->zero_copy) /* the driver's thread does the rest */
		return err ? sim_fail_with(err) : 0;
	if (!err)
		err = transmit(socket);
	while (!socket->has_thread && !sim_chance(&socket->random, sim.config.xdp->hold) &&
	       sim_xdp_complete(socket, 1))
		;
	return err ? sim_fail_with(err) : 0;
}

/* ---- completing ---- */

static void take_queue(struct sim_xdp *socket)
{
	const uint32_t tail = zr_load_acquire(&socket->sent_tail);
	const uint32_t mask = socket->rings[SIM_XDP_COMPLETION].nr_entries - 1;

	for (; socket->sent_head != tail; socket->sent_head++)
		socket->held[socket->nr_held++] = socket->queue_of_sent[socket->sent_head & mask];
}

/* xsk_destruct_skb() */
static void complete_one(struct sim_xdp *socket)
{
	struct sim_xdp_ring *completion = &socket->rings[SIM_XDP_COMPLETION];
	const uint32_t at = sim.config.xdp->scattered ? sim_below(&socket->random, socket->nr_held)
						      : 0;
	const struct sim_xdp_held done = socket->held[at];

	SIM_CHECK(!done.len || memcmp(done.bytes, done.sent, done.len) == 0,
		  "the bytes at %llx changed while the kernel had them",
		  (unsigned long long)done.address);
	socket->nr_held--;
	memmove(&socket->held[at], &socket->held[at + 1],
		(socket->nr_held - at) * sizeof(*socket->held));
	*sim_xdp_address(completion, completion->position++) = done.address;
	zr_store_release(sim_xdp_word(completion, SIM_XDP_PRODUCER), completion->position);
}

uint32_t sim_xdp_complete(struct sim_xdp *socket, uint32_t nr)
{
	uint32_t done = 0;

	if (!socket->rings[SIM_XDP_COMPLETION].memory)
		return 0;
	take_queue(socket);
	for (; done < nr && socket->nr_held; done++)
		complete_one(socket);
	return done;
}

void sim_xdp_idle(struct sim_xdp *socket)
{
	if (!socket->has_thread && socket->bound && !socket->zero_copy)
		sim_xdp_complete(socket, 1 + sim_below(&socket->random, 4));
}

void sim_xdp_complete_bad(struct sim_xdp *socket, uint64_t address)
{
	struct sim_xdp_ring *completion = &socket->rings[SIM_XDP_COMPLETION];

	socket->nr_reserved++;
	*sim_xdp_address(completion, completion->position++) = address;
	zr_store_release(sim_xdp_word(completion, SIM_XDP_PRODUCER), completion->position);
}

static void *complete_always(void *argument)
{
	const struct timespec pause = {.tv_nsec = 20000};
	struct sim_xdp *socket = argument;

	while (!zr_load_relaxed(&socket->end_thread))
		if (!sim_xdp_complete(socket, 1 + sim_below(&socket->random, 8)))
			nanosleep(&pause, NULL);
	while (sim_xdp_complete(socket, UINT32_MAX))
		;
	return NULL;
}

void sim_xdp_thread_start(struct sim_xdp *socket)
{
	socket->end_thread = false;
	socket->has_thread = true;
	SIM_CHECK(pthread_create(&socket->thread, NULL, complete_always, socket) == 0, "no thread");
}

void sim_xdp_thread_end(struct sim_xdp *socket)
{
	zr_store_relaxed(&socket->end_thread, true);
	pthread_join(socket->thread, NULL);
	socket->has_thread = false;
}

uint32_t sim_xdp_nr_dropped(const struct sim_xdp *socket)
{
	return socket->nr_dropped;
}

uint32_t sim_xdp_pull(struct sim_xdp *socket, uint8_t *ret_data)
{
	struct sim_xdp_ring *tx = &socket->rings[SIM_XDP_TX];
	uint32_t len = 0;

	if (!peek(tx))
		return 0;
	hold(socket, gather(socket, ret_data, &len), NULL);
	zr_store_release(sim_xdp_word(tx, SIM_XDP_CONSUMER), tx->position);
	sim_xdp_complete(socket, UINT32_MAX);
	return len;
}
