/* SPDX-License-Identifier: BSD-2-Clause */
/* The four rings from the program's side: every address is checked before it crosses over. */
#include <errno.h>

#include "../core/barrier.h"
#include "../core/diag.h"
#include "../syscall.h"
#include "socket.h"

#define ETHERTYPE_AT 12u
#define VLAN_BYTES   4u
#define MIN_BYTES    14u
/* Kicks without progress and without a cause, before it is called a stall. */
#define IDLE_KICKS 2
/* Where poll() can't wait for what is waited for. */
#define NAP_NS UINT64_C(200000)

/* ---- receiving ---- */

void zr_xdp_wake_fill(struct zring_xdp *xdp)
{
	if (!xdp->zero_copy || !zr_ring_needs_wakeup(&xdp->fill))
		return;
	zr_count(&xdp->counters.kicks, 1);
	zr_recv_wakeup(xdp->fd);
}

/* The chunk of an address that the program may give away, or nr_chunks. */
static uint64_t giveable(const struct zring_umem *umem, uint64_t address)
{
	const uint64_t chunk = zr_umem_chunk(umem, address);

	if (chunk >= umem->nr_chunks || (umem->checks && !zr_umem_is_held(umem, chunk)))
		return umem->nr_chunks;
	return chunk;
}

int zring_xdp_fill(struct zring_xdp *xdp, const uint64_t *addresses, uint32_t nr)
{
	struct zring_umem *umem = xdp->umem;
	const uint32_t room = xdp->fill.nr_entries ? zr_ring_room(&xdp->fill, nr) : 0;
	const uint32_t wanted = nr < room ? nr : room;
	uint32_t taken = 0;

	for (; taken < wanted; taken++) {
		const uint64_t chunk = giveable(umem, addresses[taken]);

		if (chunk == umem->nr_chunks)
			break;
		zr_umem_poison(umem, chunk);
		umem->chunks[chunk] = (struct zr_chunk){ZRING_CHUNK_FILL, xdp->number};
		*zr_ring_address(&xdp->fill, xdp->fill.position + taken) =
			zr_umem_address(umem, chunk);
	}
	if (taken) {
		zr_ring_publish(&xdp->fill, taken);
		zr_count(&xdp->counters.filled, taken);
		zr_xdp_wake_fill(xdp);
	}
	return taken < wanted && !taken ? -EINVAL : (int)taken;
}

/* Of @nr descriptors, those of whole packets; the rest of the last one may not be there yet. */
static uint32_t whole_packets(const struct zr_ring *rx, uint32_t nr)
{
	while (nr && (zr_ring_desc(rx, rx->position + nr - 1)->options & ZRING_XDP_MORE))
		nr--;
	return nr;
}

/* Copies @nr descriptors, each read once; returns how many there are of packets without a bad one.
 */
static uint32_t copy_good(const struct zring_xdp *xdp, struct zring_xdp_desc *descs, uint32_t nr)
{
	uint32_t whole = 0;

	for (uint32_t i = 0; i < nr; i++) {
		descs[i] = *zr_ring_desc(&xdp->rx, xdp->rx.position + i);
		if (!zr_umem_contains(xdp->umem, descs[i].address, descs[i].len))
			break;
		if (!xdp->info.multi_buffer || !(descs[i].options & ZRING_XDP_MORE))
			whole = i + 1;
	}
	return whole;
}

/* The packet in front, which ends before @nr: its chunks are lost to both sides. */
static void skip_packet(struct zring_xdp *xdp, uint32_t nr)
{
	uint32_t pieces = 1;

	while (xdp->info.multi_buffer && pieces < nr &&
	       (zr_ring_desc(&xdp->rx, xdp->rx.position + pieces - 1)->options & ZRING_XDP_MORE))
		pieces++;
	zr_ring_take(&xdp->rx, pieces);
	zr_count(&xdp->counters.received, pieces);
}

int zring_xdp_receive(struct zring_xdp *xdp, struct zring_xdp_desc *descs, uint32_t nr)
{
	struct zring_umem *umem = xdp->umem;
	const uint32_t filled = xdp->rx.nr_entries ? zr_ring_filled(&xdp->rx, nr) : 0;
	uint32_t wanted = nr < filled ? nr : filled, good;

	if (!filled)
		zr_xdp_wake_fill(xdp);
	if (xdp->info.multi_buffer && wanted) {
		wanted = whole_packets(&xdp->rx, wanted);
		if (!wanted)
			return nr < filled ? -EMSGSIZE : 0;
	}
	if (!wanted)
		return 0;
	good = copy_good(xdp, descs, wanted);
	if (!good) {
		skip_packet(xdp, wanted);
		return -EPROTO;
	}
	for (uint32_t i = 0; i < good; i++)
		umem->chunks[zr_umem_chunk(umem, descs[i].address)].holder = ZRING_CHUNK_RX;
	zr_ring_take(&xdp->rx, good);
	zr_count(&xdp->counters.received, good);
	return (int)good;
}

/* ---- sending ---- */

int zr_xdp_check_length(const struct zring_xdp *xdp, const uint8_t *data, uint64_t len)
{
	uint32_t allowance = 0;

	if (len < MIN_BYTES)
		return -EINVAL;
	/* As packet sockets allow it; AF_XDP's own check (xsk_build_skb) looks at no MTU. */
	if (data[ETHERTYPE_AT] == 0x81 && data[ETHERTYPE_AT + 1] == 0x00)
		allowance = VLAN_BYTES;
	return len <= xdp->max_len + allowance ? 0 : -EMSGSIZE;
}

/* Whether a piece lies in the chunk of one before it. */
static bool is_twice(const struct zring_umem *umem, const struct zring_xdp_desc *descs,
		     uint32_t piece)
{
	const uint64_t chunk = zr_umem_chunk(umem, descs[piece].address);

	for (uint32_t i = 0; i < piece; i++)
		if (zr_umem_chunk(umem, descs[i].address) == chunk)
			return true;
	return false;
}

/* One packet of one or several pieces. Pieces, or what is wrong with it. */
static int check_packet(const struct zring_xdp *xdp, const struct zring_xdp_desc *descs,
			uint32_t nr)
{
	const struct zring_umem *umem = xdp->umem;
	uint64_t len = 0;
	uint32_t pieces = 0;
	int err;

	do {
		const struct zring_xdp_desc *desc = &descs[pieces];

		if (desc->options & ~(ZRING_XDP_MORE | ZRING_XDP_METADATA) ||
		    !zr_umem_contains(umem, desc->address, desc->len) ||
		    giveable(umem, desc->address) == umem->nr_chunks ||
		    (umem->checks && is_twice(umem, descs, pieces)))
			return -EINVAL;
		/* The kernel wants its room in front of every piece (xp_aligned_validate_desc). */
		if (umem->info.tx_metadata &&
		    !zr_umem_contains(umem, desc->address - ZRING_XDP_TX_REQUEST_BYTES,
				      desc->len + ZRING_XDP_TX_REQUEST_BYTES))
			return -EINVAL;
		if ((desc->options & ZRING_XDP_METADATA) && (!umem->info.tx_metadata || pieces))
			return -EINVAL;
		len += desc->len;
		if (!(desc->options & ZRING_XDP_MORE)) {
			err = zr_xdp_check_length(xdp, zring_umem_data(umem, descs[0].address),
						  len);
			return err ? err : (int)pieces + 1;
		}
	} while (xdp->info.multi_buffer && ++pieces < nr && pieces < ZR_XDP_MAX_PIECES);
	return -EINVAL;
}

static void queue_packet(struct zring_xdp *xdp, const struct zring_xdp_desc *descs, uint32_t at,
			 uint32_t pieces)
{
	for (uint32_t i = 0; i < pieces; i++) {
		const uint64_t chunk = zr_umem_chunk(xdp->umem, descs[i].address);

		xdp->umem->chunks[chunk] = (struct zr_chunk){ZRING_CHUNK_KERNEL_TX, xdp->number};
		*zr_ring_desc(&xdp->tx, xdp->tx.position + at + i) = descs[i];
	}
}

/*
 * Frames that may be in the kernel's hands: it drops none for want of room in the
 * completion ring, and never has to wait for it.
 */
static uint32_t room_to_send(struct zring_xdp *xdp, uint32_t wanted)
{
	const uint32_t in_flight = (uint32_t)(xdp->counters.submitted - xdp->counters.completed);
	const uint32_t room = zr_ring_room(&xdp->tx, wanted);
	const uint32_t spare = xdp->completion.nr_entries - in_flight;

	return room < spare ? room : spare;
}

int zring_xdp_transmit(struct zring_xdp *xdp, const struct zring_xdp_desc *descs, uint32_t nr)
{
	const uint32_t room = xdp->tx.nr_entries ? room_to_send(xdp, nr) : 0;
	uint32_t queued = 0;
	int pieces = 0;

	while (queued < nr) {
		pieces = check_packet(xdp, &descs[queued], nr - queued);
		if (pieces < 0) {
			zr_count(&xdp->counters.refused, 1);
			break;
		}
		if ((uint32_t)pieces > room - queued)
			break;
		queue_packet(xdp, &descs[queued], queued, (uint32_t)pieces);
		queued += (uint32_t)pieces;
	}
	if (queued) {
		zr_count(&xdp->counters.submitted, queued);
		zr_ring_publish(&xdp->tx, queued);
	}
	return queued || pieces >= 0 ? (int)queued : pieces;
}

/* Where the packet ends that has begun before @position. */
static uint32_t packet_end(const struct zring_xdp *xdp, uint32_t position)
{
	while (position != xdp->tx.position &&
	       (zr_ring_desc(&xdp->tx, position - 1)->options & ZRING_XDP_MORE))
		position++;
	return position;
}

/* TX entries that the kernel has taken: it publishes its position late (6.1), completes early. */
static void follow_kernel(struct zring_xdp *xdp)
{
	const uint32_t position = zr_ring_consumed(&xdp->tx);
	const uint32_t completed =
		zr_load_acquire(xdp->completion.producer); /* L: one completion a descriptor */

	if ((int32_t)(position - xdp->taken) > 0)
		xdp->taken = position;
	/* Packets complete whole and in any order: a sum of theirs may end inside another one. */
	if ((int32_t)(completed - xdp->taken) > 0)
		xdp->taken = packet_end(xdp, completed);
}

/*
 * EBUSY: the device refused the last frame that the kernel took; it completes all
 * the same (__xsk_generic_xmit). Where nothing else was taken the kernel has not
 * published its position yet.
 */
static void note_dropped(struct zring_xdp *xdp, uint32_t before)
{
	if (xdp->taken == before)
		xdp->taken = packet_end(xdp, before + 1);
	zr_count(&xdp->counters.tx_dropped, 1);
	if (xdp->dropped)
		xdp->dropped(xdp->context, xdp->taken - 1);
}

static bool all_taken(const struct zring_xdp *xdp)
{
	return xdp->taken == xdp->tx.position;
}

static int kick_once(struct zring_xdp *xdp)
{
	const uint32_t before = xdp->taken;
	const int err = (int)zr_sendto(xdp->fd, NULL, 0, MSG_DONTWAIT);

	zr_count(&xdp->counters.kicks, 1);
	follow_kernel(xdp);
	if (err == -EBUSY && !xdp->zero_copy) {
		note_dropped(xdp, before);
		return 0;
	}
	return err;
}

/* What an errno of a kick means; 0: none. */
static int classify(int err)
{
	switch (err) {
	case 0:
		return 0;
	case -ENXIO:
	case -ENODEV:
		return -ENODEV;
	case -ENETDOWN:
		return -ENETDOWN;
	default: /* EAGAIN, EBUSY, ENOBUFS, ENOMEM: the frames stay where they are */
		return -EAGAIN;
	}
}

/* The driver reads the ring by itself: it is only woken. */
static int kick_zero_copy(struct zring_xdp *xdp)
{
	const int err = zr_ring_needs_wakeup(&xdp->tx) ? kick_once(xdp) : 0;

	follow_kernel(xdp);
	return classify(err);
}

int zr_xdp_kick(struct zring_xdp *xdp)
{
	int idle = 0;

	if (xdp->zero_copy)
		return kick_zero_copy(xdp);
	while (!all_taken(xdp)) {
		const uint32_t before = xdp->taken;
		const int err = classify(kick_once(xdp));

		if (err && err != -EAGAIN)
			return err;
		if (xdp->taken != before)
			idle = 0;
		else if (err) /* the device is full */
			return err;
		else if (++idle > IDLE_KICKS)
			return -EIO;
	}
	return 0;
}

int zring_xdp_kick(struct zring_xdp *xdp)
{
	return xdp->tx.nr_entries ? zr_xdp_kick(xdp) : -EINVAL;
}

int zring_xdp_complete(struct zring_xdp *xdp, uint64_t *addresses, uint32_t nr)
{
	struct zring_umem *umem = xdp->umem;
	const uint32_t filled = zr_ring_filled(&xdp->completion, nr);
	const uint32_t wanted = nr < filled ? nr : filled;
	uint32_t good = 0, taken;

	for (; good < wanted; good++) {
		const uint64_t address =
			*zr_ring_address(&xdp->completion, xdp->completion.position + good);
		const uint64_t chunk = zr_umem_chunk(umem, address);

		if (chunk >= umem->nr_chunks)
			break;
		umem->chunks[chunk].holder = ZRING_CHUNK_TX;
		addresses[good] = address;
	}
	/* A bad one in front is passed over, or those behind it would never come. */
	taken = good || !wanted ? good : 1;
	if (taken) {
		zr_ring_take(&xdp->completion, taken);
		zr_count_release(&xdp->counters.completed, taken); /* S */
	}
	return taken == good ? (int)good : -EPROTO;
}

/* ---- waiting and telling ---- */

static uint32_t events_now(struct zring_xdp *xdp, uint32_t events)
{
	uint32_t now = 0;

	if ((events & ZRING_XDP_READABLE) && xdp->rx.nr_entries && zr_ring_is_filled(&xdp->rx))
		now |= ZRING_XDP_READABLE;
	/* Without chunks taken back there may be no room, however long the wait. */
	if ((events & ZRING_XDP_WRITABLE) && xdp->tx.nr_entries &&
	    (room_to_send(xdp, 1) || zr_ring_is_filled(&xdp->completion)))
		now |= ZRING_XDP_WRITABLE;
	return now;
}

int zring_xdp_wait(struct zring_xdp *xdp, uint32_t events, int timeout_ms)
{
	const uint64_t deadline_ns = zr_deadline_ns(timeout_ms);

	for (;;) {
		struct pollfd fds[] = {
			{.fd = xdp->fd},
			{.fd = xdp->watch_fd},
		};
		const uint32_t now = events_now(xdp, events);
		int err;

		if (now)
			return (int)now;
		fds[0].events = (short)((events & ZRING_XDP_READABLE ? POLLIN : 0) |
					(events & ZRING_XDP_WRITABLE ? POLLOUT : 0));
		err = zr_poll(fds, 2, deadline_ns);
		if (err < 0)
			return err;
		if (fds[1].revents || err == 0) {
			const int state = zr_xdp_check(xdp);

			if (state || err == 0)
				return state;
		}
		/* POLLOUT is set from half a ring on, with or without room for completions. */
		if (events_now(xdp, events))
			continue;
		if (deadline_ns != ZR_FOREVER && zr_now_ns() >= deadline_ns)
			return 0;
		zr_sleep_until(zr_now_ns() + NAP_NS);
	}
}

void zr_xdp_kernel_stats(const struct zring_xdp *xdp, struct zring_xdp_stats *stats)
{
	struct xdp_statistics kernel = {0};

	if (zr_getsockopt(xdp->fd, SOL_XDP, XDP_STATISTICS, &kernel, sizeof(kernel)))
		return;
	stats->rx_dropped = kernel.rx_dropped;
	stats->rx_ring_full = kernel.rx_ring_full;
	stats->rx_invalid = kernel.rx_invalid_descs;
	stats->rx_fill_empty = kernel.rx_fill_ring_empty_descs;
	stats->tx_invalid = kernel.tx_invalid_descs;
	stats->tx_ring_empty = kernel.tx_ring_empty_descs;
}

void zring_xdp_get_stats(const struct zring_xdp *xdp, struct zring_xdp_stats *ret_stats)
{
	const struct zr_xdp_counters *counters = &xdp->counters;
	/* What has ended first: it was submitted before. */
	struct zring_xdp_stats stats = {
		.completed = zr_load_acquire(&counters->completed), /* S */
		.tx_dropped = zr_load_relaxed(&counters->tx_dropped),
		.submitted = zr_load_relaxed(&counters->submitted),
		.refused = zr_load_relaxed(&counters->refused),
		.received = zr_load_relaxed(&counters->received),
		.filled = zr_load_relaxed(&counters->filled),
		.kicks = zr_load_relaxed(&counters->kicks),
	};

	zr_xdp_kernel_stats(xdp, &stats);
	*ret_stats = stats;
}

struct complaint {
	uint64_t before, now;
	const char *ring;
	const char *cure;
};

int zring_xdp_warning(struct zring_xdp *xdp, struct zring_diag *diag)
{
	const struct zring_xdp_stats before = xdp->warned;
	struct zring_xdp_stats now;

	zring_xdp_get_stats(xdp, &now);
	xdp->warned = now;
	const struct complaint complaints[] = {
		{before.rx_ring_full, now.rx_ring_full, "RX ring was full",
		 "take frames out sooner, or ask for more rx_entries"},
		{before.rx_dropped, now.rx_dropped,
		 "fill ring was empty or a frame larger than a chunk: frames lost",
		 "give chunks back sooner, ask for more of them, or set multi_buffer"},
		{before.rx_invalid, now.rx_invalid, "fill ring held a bad address",
		 "fill with addresses of this umem only"},
		{before.tx_invalid, now.tx_invalid, "TX ring held a bad descriptor",
		 "send chunks of this umem only"},
		{before.tx_dropped, now.tx_dropped, "device refused frames of the TX ring",
		 "send slower, or give the device a longer queue"},
	};

	for (size_t i = 0; i < sizeof(complaints) / sizeof(*complaints); i++)
		if (complaints[i].now > complaints[i].before) {
			zr_fail(diag, -ENOBUFS, "rings", "queue %u of %s: %s, %llu times: %s",
				xdp->info.queue, xdp->info.interface, complaints[i].ring,
				(unsigned long long)(complaints[i].now - complaints[i].before),
				complaints[i].cure);
			return 1;
		}
	return 0;
}
