/* SPDX-License-Identifier: BSD-2-Clause */
/* The public capture calls: waiting, stopping and counting for all backends. */
#include "capture.h"

#include <errno.h>

#include "../syscall.h"
#include "barrier.h"

#define NS_PER_MS UINT64_C(1000000)

/* How often a reader that never sleeps in poll() looks at the socket's state. */
#define CHECK_INTERVAL_NS (10 * NS_PER_MS)
/* The kernel's counters have 32 bits: fold them in after so many batches. */
#define FOLD_INTERVAL_BATCHES 4096u
#define FOLD_INTERVAL_NS      (1000 * NS_PER_MS)
/* In debug builds one packet a time, so that the one before is poisoned with each call. */
#ifdef ZR_DEBUG_CHECKS
#define FLAT_CAPACITY 1u
#else
#define FLAT_CAPACITY ZRING_BATCH_DEFAULT
#endif

/* The exported body of the inline call. */
extern int zring_capture_next_packet(struct zring_capture *capture,
				     const struct zring_packet **ret_packet, int timeout_ms);

int zr_capture_init(struct zring_capture *capture, const struct zr_capture_ops *ops)
{
	int err;

	capture->ops = ops;
	capture->fd = -1;
	capture->stop_fd = -1;
	err = zring_batch_init(&capture->flat, FLAT_CAPACITY);
	if (err)
		return err;
	capture->stop_fd = zr_eventfd();
	return capture->stop_fd < 0 ? capture->stop_fd : 0;
}

int zr_capture_lend_pieces(struct zring_capture *capture)
{
	capture->lends_pieces = true;
	/* The pieces of a packet stay together: one view a time is not enough for them. */
	zring_batch_fini(&capture->flat);
	return zring_batch_init(&capture->flat, ZRING_BATCH_DEFAULT);
}

void zr_capture_set_polls(struct zring_capture *capture, struct pollfd *polls, uint32_t nr)
{
	polls[nr] = (struct pollfd){.fd = capture->stop_fd, .events = POLLIN};
	capture->waiter.polls = polls;
	capture->waiter.nr_polls = nr;
}

void zr_capture_fini(struct zring_capture *capture)
{
	zring_batch_fini(&capture->flat);
	if (capture->stop_fd >= 0)
		zr_close(capture->stop_fd);
	if (capture->fd >= 0)
		zr_close(capture->fd);
}

void zring_capture_close(struct zring_capture *capture)
{
	if (!capture)
		return;
	zring_batch_release(&capture->flat);
	capture->ops->close(capture);
}

int zring_capture_start(struct zring_capture *capture, struct zring_diag *diag)
{
	return capture->ops->start(capture, diag);
}

static int borrow(struct zring_capture *capture, struct zring_batch *batch)
{
	const int nr = capture->ops->borrow(capture, batch);

	if (nr > 0) {
		batch->capture = capture;
		capture->waiter.nr_lent += (uint64_t)nr;
		if (++capture->nr_borrows % FOLD_INTERVAL_BATCHES == 0)
			capture->ops->fold_stats(capture);
	}
	return nr;
}

void zr_capture_fold_now_and_then(struct zring_capture *capture, uint64_t now_ns)
{
	if (now_ns - capture->last_fold_ns < FOLD_INTERVAL_NS)
		return;
	capture->last_fold_ns = now_ns;
	capture->ops->fold_stats(capture);
}

int zr_capture_check(struct zring_capture *capture)
{
	int err;

	capture->last_check_ns = zr_now_coarse_ns();
	zr_capture_fold_now_and_then(capture, capture->last_check_ns);
	err = capture->ops->check(capture);
	if (err)
		capture->down = true;
	capture->gone = capture->gone || err == -ENODEV;
	return err;
}

int zr_capture_check_now_and_then(struct zring_capture *capture)
{
	if (capture->gone)
		return -ENODEV;
	if (zr_now_coarse_ns() - capture->last_check_ns < CHECK_INTERVAL_NS)
		return 0;
	return zr_capture_check(capture);
}

/* The ring was empty. */
static int next_slow(struct zring_capture *capture, struct zring_batch *batch, int timeout_ms)
{
	const uint64_t deadline_ns = zr_deadline_ns(timeout_ms);

	if (timeout_ms == 0 || capture->gone)
		return zr_capture_check_now_and_then(capture);
	for (;;) {
		const int found = zr_wait(capture, deadline_ns);
		int nr;

		if (found <= 0)
			return found;
		nr = borrow(capture, batch);
		if (nr) {
			capture->down = false;
			return nr;
		}
	}
}

static int next(struct zring_capture *capture, struct zring_batch *batch, int timeout_ms)
{
	int nr;

	if (batch->nr_packets)
		return -EBUSY;
	if (!batch->nr_allocated) /* nothing would ever fit */
		return -EINVAL;
	if (timeout_ms && zring_capture_stopped(capture))
		return 0;
	nr = borrow(capture, batch);
	return nr ? nr : next_slow(capture, batch, timeout_ms);
}

int zring_capture_next(struct zring_capture *capture, struct zring_batch *batch, int timeout_ms)
{
	const int nr = next(capture, batch, timeout_ms);

	if (nr > 0)
		zr_count(&capture->counters.delivered, (uint64_t)nr);
	return nr;
}

/* Shows @nr packets of the flat batch; those shown before count as delivered for good. */
static void show(struct zring_capture *capture, uint32_t nr)
{
	struct zring_capture_window *window = &capture->window;
	const uint64_t shown = (uint64_t)(window->next - capture->window_start);
	const struct zring_packet *const packets = capture->flat.packets;

	zr_seq_change(&capture->window_seq); /* W */
	zr_store_release(&capture->counters.delivered, capture->counters.delivered + shown);
	zr_store_release(&capture->window_start, packets);
	zr_store_release(&window->next, packets);
	zr_seq_change(&capture->window_seq);
	window->end = packets + nr;
}

int zring_capture_refill(struct zring_capture *capture, const struct zring_packet **ret_packet,
			 int timeout_ms)
{
	int nr;

	show(capture, 0);
	zring_batch_release(&capture->flat);
	nr = next(capture, &capture->flat, timeout_ms);
	if (nr <= 0)
		return nr;
	show(capture, (uint32_t)nr);
	return zring_capture_next_packet(capture, ret_packet, timeout_ms);
}

/* Packets lent for good, and those of the window that were given out. */
static uint64_t count_delivered(const struct zring_capture *capture)
{
	uint64_t delivered;
	uint32_t seq;

	do {
		seq = zr_seq_read(&capture->window_seq); /* W */
		delivered = zr_load_acquire(&capture->counters.delivered);
		delivered += (uint64_t)(zr_load_acquire(&capture->window.next) -
					zr_load_acquire(&capture->window_start));
	} while (zr_seq_changed(&capture->window_seq, seq));
	return delivered;
}

void zring_capture_stop(struct zring_capture *capture)
{
	const uint64_t one = 1;
	const int saved_errno = errno;

	zr_store_release(&capture->stopped, true); /* T */
	/* Fails only when it was written 2^64 times: then the reader is awake. */
	(void)zr_write(capture->stop_fd, &one, sizeof(one));
	errno = saved_errno;
}

int zring_capture_stopped(const struct zring_capture *capture)
{
	return zr_load_acquire(&capture->stopped); /* T */
}

struct zring_xdp *zring_capture_xdp(const struct zring_capture *capture, uint32_t index)
{
	return capture->ops->xdp ? capture->ops->xdp(capture, index) : NULL;
}

int zring_capture_fd(const struct zring_capture *capture)
{
	return capture->fd;
}

void zring_capture_get_stats(struct zring_capture *capture, struct zring_capture_stats *ret_stats)
{
	const struct zr_capture_counters *counters = &capture->counters;
	struct zring_capture_stats stats;
	uint64_t ended;

	/* What has left the ring first: what came into it is never less then. */
	stats.truncated = zr_load_relaxed(&counters->truncated);
	stats.delivered = count_delivered(capture);
	stats.malformed = zr_load_relaxed(&counters->malformed);
	stats.filtered = zr_load_relaxed(&counters->filtered);
	capture->ops->fold_stats(capture);
	stats.freezes = capture->counts_freezes ? zr_load_relaxed(&counters->freezes)
						: ZRING_UNAVAILABLE;
	stats.dropped = zr_load_acquire(&counters->dropped); /* S */
	stats.received = zr_load_relaxed(&counters->received);
	ended = stats.delivered + stats.dropped + stats.malformed + stats.filtered;
	/* Another thread may hold figures that it has read from the kernel and not added yet. */
	if (stats.received < ended)
		stats.received = ended;
	stats.pending = stats.received - ended;
	*ret_stats = stats;
}

void zring_capture_get_info(const struct zring_capture *capture,
			    struct zring_capture_info *ret_info)
{
	*ret_info = capture->info;
}
