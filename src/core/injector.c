/* SPDX-License-Identifier: BSD-2-Clause */
/* The public injector calls: slots, pacing, waiting and accounts for all backends. */
#include "injector.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "../syscall.h"
#include "barrier.h"
#include "deadline.h"

/*
 * Where the kernel can't wake us (a full device, slots in flight: POLLOUT is
 * set all the same, af_packet.c packet_poll) sleep by time, longer and longer.
 */
#define FIRST_NAP_NS   UINT64_C(20000)
#define LONGEST_NAP_NS UINT64_C(1000000)

#define VLAN_BYTES     4u
#define ETHERTYPE_AT   12u
#define MAX_SUPERFRAME 65535u /* with its link-layer header, as the kernel's limit on IP */

/* The exported bodies of the inline calls. */
extern int zring_injector_reserve(struct zring_injector *injector, uint8_t **ret_data,
				  int timeout_ms);
extern int zring_injector_submit(struct zring_injector *injector, size_t len);

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint32_t nr_free(const struct zring_injector *injector)
{
	return injector->nr_slots - (uint32_t)(injector->head - injector->tail);
}

void zr_injector_reject(struct zring_injector *injector, int error)
{
	struct zr_injector_counters *counters = &injector->counters;

	zr_store_relaxed(&counters->last_error, error);
	if (injector->head - injector->taken <= 1) /* the newest frame, the one that send() sent */
		injector->last_reject = error;
	if (error == -EMSGSIZE)
		zr_count_release(&counters->rejected_too_long, 1); /* S */
	else
		zr_count_release(&counters->rejected_kernel, 1); /* S */
}

void zr_injector_set_mtu(struct zring_injector *injector, uint32_t mtu)
{
	struct zring_injector_window *window = &injector->window;
	const uint32_t room = injector->info.frame_bytes;
	const uint32_t longest = injector->header_bytes + mtu;

	injector->min_len = injector->header_bytes ? injector->header_bytes : 1;
	injector->max_len = longest < room ? longest : room;
	if (injector->max_len < injector->min_len)
		injector->max_len = injector->min_len;
	window->room = (int32_t)room;
	window->min_len = injector->min_len;
	window->span = injector->max_len - injector->min_len;
	if (injector->info.vnet_header || injector->info.send_time) {
		/* No length passes: each frame needs its header or its time cleared. */
		window->min_len = SIZE_MAX / 2;
		window->span = 0;
	}
}

void zr_injector_sync(struct zring_injector *injector)
{
	const struct zring_injector_window *window = &injector->window;
	const uint64_t nr = (uint64_t)(window->next - injector->window_start);

	if (!nr)
		return;
	zr_seq_change(&injector->window_seq); /* W */
	zr_store_release(&injector->counters.submitted, injector->counters.submitted + nr);
	zr_store_release(&injector->window_start, window->next);
	zr_seq_change(&injector->window_seq);
	injector->head += nr;
}

/* Shows the free slots that lie side by side from head on. */
static void show(struct zring_injector *injector)
{
	struct zring_slot *const first = zr_slot(injector, injector->head);
	const uint32_t to_wrap = injector->nr_slots - (uint32_t)(first - injector->slots);
	const uint32_t nr = nr_free(injector);

	/* A rejection moved the queue up below the lent slot: its bytes follow at submit. */
	if (injector->window.reserved && injector->window.reserved != first) {
		injector->displaced = injector->window.reserved;
		injector->window.reserved = NULL;
	}
	zr_seq_change(&injector->window_seq); /* W */
	zr_store_release(&injector->window_start, first);
	zr_store_release(&injector->window.next, first);
	zr_seq_change(&injector->window_seq);
	injector->window.end = first + (nr < to_wrap ? nr : to_wrap);
	/* Reserve must find the displaced slot, not a second one. */
	if (injector->displaced)
		injector->window.end = first;
}

/* How many of the queued frames may leave now; they are paid for. */
static uint32_t take_paced(struct zring_injector *injector, uint32_t nr_queued)
{
	uint32_t nr = 0;

	if (!zr_pacer_active(&injector->pacer))
		return nr_queued;
	zr_pacer_update(&injector->pacer, zr_now_ns());
	while (nr < nr_queued &&
	       zr_pacer_take(&injector->pacer, zr_slot(injector, injector->taken + nr)->len))
		nr++;
	return nr;
}

static void refund(struct zring_injector *injector, uint64_t from, uint64_t to)
{
	if (!zr_pacer_active(&injector->pacer))
		return;
	for (; from < to; from++)
		zr_pacer_refund(&injector->pacer, zr_slot(injector, from)->len);
}

/* Hands over what pacing allows. 0, also when frames are left; or as transmit. */
static int push(struct zring_injector *injector)
{
	const uint32_t nr_queued = (uint32_t)(injector->head - injector->taken);
	uint64_t paid_to;
	uint32_t nr;
	int err;

	if (!nr_queued)
		return 0;
	nr = take_paced(injector, nr_queued);
	if (!nr)
		return 0;
	paid_to = injector->taken + nr;
	err = injector->ops->transmit(injector, nr);
	if (err)
		refund(injector, injector->taken, earlier(paid_to, injector->head));
	return err;
}

bool zr_injector_pay(struct zring_injector *injector, const struct zring_packet *packets,
		     uint32_t nr, struct zr_deadline *deadline)
{
	struct zr_pacer *pacer = &injector->pacer;

	if (!zr_pacer_active(pacer))
		return true;
	for (;;) {
		const uint64_t now_ns = zr_now_ns();

		zr_pacer_update(pacer, now_ns);
		if (zr_pacer_take(pacer, packets[0].len))
			break;
		if (now_ns >= zr_deadline_at(deadline))
			return false;
		zr_sleep_until(earlier(deadline->at_ns,
				       now_ns + zr_pacer_delay_ns(pacer, packets[0].len)));
	}
	for (uint32_t i = 1; i < nr; i++)
		zr_pacer_charge(pacer, packets[i].len);
	return true;
}

void zr_injector_unpay(struct zring_injector *injector, const struct zring_packet *packets,
		       uint32_t nr)
{
	for (uint32_t i = 0; i < nr && zr_pacer_active(&injector->pacer); i++)
		zr_pacer_refund(&injector->pacer, packets[i].len);
}

/* Sleeps until something may have changed: room in the socket, a paid frame, or a while. */
static int wait_until_changed(struct zring_injector *injector, int why, uint64_t deadline_ns,
			      uint64_t *nap_ns)
{
	const uint64_t now_ns = zr_now_ns();
	uint64_t until_ns = now_ns + *nap_ns;

	if (why == -EAGAIN) {
		struct pollfd writable = {.fd = injector->fd, .events = POLLOUT};
		const int err =
			zr_poll(&writable, 1, earlier(deadline_ns, now_ns + LONGEST_NAP_NS));

		return err < 0 ? err : 0;
	}
	if (why == 0 && injector->taken < injector->head && injector->tail == injector->taken)
		until_ns = now_ns + zr_pacer_delay_ns(&injector->pacer,
						      zr_slot(injector, injector->taken)->len);
	else
		*nap_ns = earlier(2 * *nap_ns, LONGEST_NAP_NS);
	zr_sleep_until(earlier(deadline_ns, until_ns));
	return 0;
}

static bool is_fatal(int err)
{
	return err && err != -EAGAIN && err != -ENOBUFS;
}

typedef bool done_fn(const struct zring_injector *injector);

static bool all_taken(const struct zring_injector *injector)
{
	return injector->taken == injector->head;
}

static bool all_ended(const struct zring_injector *injector)
{
	return injector->tail == injector->head;
}

static bool has_room(const struct zring_injector *injector)
{
	return nr_free(injector) > 0;
}

/* Whether frames are with the kernel and none has moved since @moved_ns. */
static bool is_stalled(const struct zring_injector *injector, uint64_t moved_ns)
{
	return injector->stall_ns && injector->tail < injector->taken &&
	       zr_now_ns() - moved_ns >= injector->stall_ns;
}

/* Pushes until @done or the deadline. 1: done; 0: deadline; -errno. */
static int push_until(struct zring_injector *injector, done_fn *done, struct zr_deadline *deadline)
{
	uint64_t nap_ns = FIRST_NAP_NS, moved_ns = 0;

	for (;;) {
		const uint64_t taken = injector->taken, tail = injector->tail;
		int err = push(injector);

		injector->ops->reclaim(injector);
		if (done(injector))
			return 1;
		if (is_fatal(err))
			return err;
		if (zr_deadline_at(deadline) != ZR_FOREVER && zr_now_ns() >= deadline->at_ns)
			return 0;
		if (!moved_ns || injector->taken != taken || injector->tail != tail)
			moved_ns = zr_now_ns();
		else if (is_stalled(injector, moved_ns))
			return -EIO;
		if (injector->taken != taken)
			nap_ns = FIRST_NAP_NS;
		else
			err = wait_until_changed(injector, err, deadline->at_ns, &nap_ns);
		if (is_fatal(err))
			return err;
	}
}

struct zr_deadline zr_injector_deadline(const struct zring_injector *injector)
{
	return (struct zr_deadline){injector->nonblocking ? 0 : injector->timeout_ms, 0};
}

/* The error for "nothing moved in time". */
static int too_late(const struct zring_injector *injector)
{
	return injector->nonblocking ? -EAGAIN : -ETIMEDOUT;
}

static void end_reservation(struct zring_injector *injector)
{
	injector->window.reserved = NULL;
	injector->displaced = NULL;
}

int zring_injector_refill(struct zring_injector *injector, uint8_t **ret_data, int timeout_ms)
{
	struct zr_deadline deadline = {.timeout_ms = timeout_ms};
	int found;

	zr_injector_sync(injector);
	if (injector->displaced) {
		*ret_data = injector->displaced->data;
		return injector->window.room;
	}
	if (!nr_free(injector)) {
		found = push_until(injector, has_room, &deadline);
		if (found <= 0)
			return found;
	}
	show(injector);
	return zring_injector_reserve(injector, ret_data, timeout_ms);
}

int zr_injector_check_length(const struct zring_injector *injector, const uint8_t *data, size_t len)
{
	uint32_t allowance = 0;

	if (len < injector->min_len)
		return -EINVAL;
	if (len > injector->info.frame_bytes)
		return -EMSGSIZE;
	/* The kernel's rule too: packet_extra_vlan_len_allowed() knows 802.1Q only. */
	if (injector->header_bytes && data[ETHERTYPE_AT] == 0x81 && data[ETHERTYPE_AT + 1] == 0x00)
		allowance = VLAN_BYTES;
	return len <= injector->max_len + allowance ? 0 : -EMSGSIZE;
}

/* The rare answer: the MTU may have grown since it was last asked for. */
static int check_length(struct zring_injector *injector, const uint8_t *data, size_t len)
{
	int err = zr_injector_check_length(injector, data, len);
	int mtu;

	if (err != -EMSGSIZE || len > injector->info.frame_bytes)
		return err;
	mtu = injector->ops->mtu(injector);
	if (mtu > 0)
		zr_injector_set_mtu(injector, (uint32_t)mtu);
	return zr_injector_check_length(injector, data, len);
}

static int refuse(struct zring_injector *injector, size_t len, int err)
{
	end_reservation(injector);
	/* In this order: a reader must not see more ended than submitted. */
	zr_count(&injector->counters.submitted, 1);
	if (len < injector->min_len) {
		zr_store_relaxed(&injector->counters.last_error, err);
		zr_count_release(&injector->counters.rejected_runt, 1); /* S */
	} else {
		zr_injector_reject(injector, err);
	}
	show(injector);
	return err;
}

/* The slot at head with what the program wrote, wherever it wrote it. */
static struct zring_slot *written_slot(struct zring_injector *injector, size_t len)
{
	struct zring_slot *slot = zr_slot(injector, injector->head);

	if (injector->displaced)
		memcpy(slot->data, injector->displaced->data, len);
	return slot;
}

static void queue(struct zring_injector *injector, size_t len, uint64_t send_time_ns,
		  const struct zring_offload *offload)
{
	struct zring_slot *slot = written_slot(injector, len);

	slot->len = (uint32_t)len;
	if (injector->info.vnet_header)
		injector->ops->offload(injector, slot, offload);
	slot->send_time_ns = send_time_ns;
	end_reservation(injector);
	injector->head++;
	zr_count(&injector->counters.submitted, 1);
	show(injector);
}

static const uint8_t *reserved_data(const struct zring_injector *injector)
{
	return injector->displaced ? injector->displaced->data : injector->window.reserved->data;
}

static int submit(struct zring_injector *injector, size_t len, uint64_t send_time_ns)
{
	int err;

	if (!zr_injector_is_reserved(injector))
		return -EINVAL;
	zr_injector_sync(injector);
	err = check_length(injector, reserved_data(injector), len);
	if (err)
		return refuse(injector, len, err);
	queue(injector, len, send_time_ns, NULL);
	return 0;
}

int zring_injector_submit_checked(struct zring_injector *injector, size_t len)
{
	return submit(injector, len, 0);
}

int zring_injector_submit_at(struct zring_injector *injector, size_t len, uint64_t time_ns)
{
	if (!injector->info.send_time)
		return -ENOTSUP;
	return submit(injector, len, time_ns);
}

static bool is_known(const struct zring_offload *offload)
{
	return !(offload->flags & ~ZRING_OFFLOAD_CHECKSUM) &&
	       (offload->gso_type == ZRING_GSO_NONE || offload->gso_type == ZRING_GSO_TCPV4 ||
		offload->gso_type == ZRING_GSO_TCPV6 || offload->gso_type == ZRING_GSO_UDP);
}

/* With an offload header the kernel looks at no MTU: it is ours to mind. */
static int check_offload(struct zring_injector *injector, const uint8_t *data, size_t len,
			 const struct zring_offload *offload)
{
	const size_t segment = (size_t)offload->header_bytes + offload->segment_bytes;

	if (len < injector->min_len || !is_known(offload))
		return -EINVAL;
	if ((offload->flags & ZRING_OFFLOAD_CHECKSUM) &&
	    (size_t)offload->checksum_start + offload->checksum_offset + 2 > len)
		return -EINVAL;
	if (!offload->gso_type)
		return check_length(injector, data, len);
	if (!offload->segment_bytes || offload->header_bytes > len)
		return -EINVAL;
	if (len > injector->info.frame_bytes || len > MAX_SUPERFRAME)
		return -EMSGSIZE;
	return check_length(injector, data, segment < len ? segment : len);
}

int zring_injector_submit_offload(struct zring_injector *injector, size_t len,
				  const struct zring_offload *offload)
{
	int err;

	if (!injector->info.vnet_header ||
	    (offload->gso_type && injector->info.qdisc_bypass)) /* dropped by the kernel, unsaid */
		return -ENOTSUP;
	if (!zr_injector_is_reserved(injector))
		return -EINVAL;
	zr_injector_sync(injector);
	err = check_offload(injector, reserved_data(injector), len, offload);
	if (err)
		return refuse(injector, len, err);
	queue(injector, len, 0, offload);
	return 0;
}

void zring_injector_cancel(struct zring_injector *injector)
{
	if (!zr_injector_is_reserved(injector))
		return;
	zr_injector_sync(injector);
	end_reservation(injector);
	show(injector);
	zr_count(&injector->counters.cancelled, 1);
}

int zr_injector_flush_until(struct zring_injector *injector, struct zr_deadline *deadline)
{
	int done = 1;

	zr_injector_sync(injector);
	if (all_taken(injector))
		injector->ops->reclaim(injector);
	else
		done = push_until(injector, all_taken, deadline);
	show(injector);
	return done == 1 ? 0 : done < 0 ? done : too_late(injector);
}

int zring_injector_flush(struct zring_injector *injector)
{
	const uint64_t nr_taken = injector->nr_taken;
	struct zr_deadline deadline = zr_injector_deadline(injector);
	const int err = zr_injector_flush_until(injector, &deadline);

	return injector->nr_taken != nr_taken ? (int)(injector->nr_taken - nr_taken) : err;
}

int zring_injector_drain(struct zring_injector *injector, int timeout_ms)
{
	struct zr_deadline deadline = {.timeout_ms = timeout_ms};
	int done;

	zr_injector_sync(injector);
	done = push_until(injector, all_ended, &deadline);
	show(injector);
	return done < 0 ? done : done ? 0 : -ETIMEDOUT;
}

/* Copies a frame into the queue. 1: consumed, *ret_error says how; 0: no room in time; -errno. */
static int enqueue(struct zring_injector *injector, const void *data, size_t len,
		   struct zr_deadline *deadline, int *ret_error)
{
	const uint32_t room = injector->info.frame_bytes;

	zr_injector_sync(injector);
	if (!nr_free(injector)) {
		const int found = push_until(injector, has_room, deadline);

		if (found <= 0)
			return found;
	}
	injector->window.reserved = zr_slot(injector, injector->head);
	memcpy(injector->window.reserved->data, data, len < room ? len : room);
	*ret_error = submit(injector, len, 0);
	return 1;
}

int zring_injector_send(struct zring_injector *injector, const void *data, size_t len)
{
	struct zr_deadline deadline = zr_injector_deadline(injector);
	int consumed, err = 0;

	if (zr_injector_is_reserved(injector))
		return -EBUSY;
	consumed = enqueue(injector, data, len, &deadline, &err);
	if (consumed < 0)
		return consumed;
	if (!consumed)
		return too_late(injector);
	if (err)
		return err;
	injector->last_reject = 0;
	err = zr_injector_flush_until(injector, &deadline);
	/* It is in the queue and leaves with the next flush: not to be sent again. */
	if (err == -EAGAIN || err == -ETIMEDOUT)
		return 0;
	return err < 0 ? err : injector->last_reject;
}

int zring_injector_send_batch(struct zring_injector *injector, const struct zring_packet *packets,
			      uint32_t nr_packets)
{
	struct zr_deadline deadline = zr_injector_deadline(injector);
	int consumed = 1, ignored;
	uint32_t nr = 0;

	if (zr_injector_is_reserved(injector))
		return -EBUSY;
	for (; nr < nr_packets && nr < INT_MAX; nr++) {
		consumed =
			enqueue(injector, packets[nr].data, packets[nr].len, &deadline, &ignored);
		if (consumed <= 0)
			break;
	}
	if (!nr && nr_packets)
		return consumed < 0 ? consumed : too_late(injector);
	zr_injector_flush_until(injector, &deadline);
	return (int)nr;
}

int zring_injector_fd(const struct zring_injector *injector)
{
	return injector->fd;
}

void zring_injector_close(struct zring_injector *injector)
{
	if (injector)
		injector->ops->close(injector);
}

static uint64_t count_submitted(const struct zring_injector *injector)
{
	uint64_t submitted;
	uint32_t seq;

	do {
		seq = zr_seq_read(&injector->window_seq); /* W */
		submitted = zr_load_acquire(&injector->counters.submitted);
		submitted += (uint64_t)(zr_load_acquire(&injector->window.next) -
					zr_load_acquire(&injector->window_start));
	} while (zr_seq_changed(&injector->window_seq, seq));
	return submitted;
}

void zring_injector_get_stats(const struct zring_injector *injector,
			      struct zring_injector_stats *ret_stats)
{
	const struct zr_injector_counters *counters = &injector->counters;
	/* What has ended first: it was submitted before. */
	struct zring_injector_stats stats = {
		.rejected_runt = zr_load_acquire(&counters->rejected_runt),         /* S */
		.rejected_too_long = zr_load_acquire(&counters->rejected_too_long), /* S */
		.rejected_kernel = zr_load_acquire(&counters->rejected_kernel),     /* S */
		.sent = zr_load_acquire(&counters->sent),                           /* S */
		.sent_bytes = zr_load_relaxed(&counters->sent_bytes),
		.cancelled = zr_load_relaxed(&counters->cancelled),
		.kicks = zr_load_relaxed(&counters->kicks),
		.retries = zr_load_relaxed(&counters->retries),
		.bursts = zr_load_relaxed(&counters->bursts),
		.last_error = zr_load_relaxed(&counters->last_error),
	};

	stats.rejected = stats.rejected_runt + stats.rejected_too_long + stats.rejected_kernel;
	stats.submitted = count_submitted(injector);
	stats.pending = stats.submitted - stats.sent - stats.rejected;
	*ret_stats = stats;
}

void zring_injector_get_info(const struct zring_injector *injector,
			     struct zring_injector_info *ret_info)
{
	*ret_info = injector->info;
}
