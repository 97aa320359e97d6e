/* SPDX-License-Identifier: BSD-2-Clause */
/* An injector sends, and counts what the far end sees. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "probe.h"

#define DRAIN_MS 10000

static int open_injector(const struct wire *wire, uint32_t mode, struct zring_diag *diag,
			 struct zring_injector **ret_injector)
{
	const struct zring_injector_options options = {
		.size = sizeof(options),
		.backend = ZRING_BACKEND_AFXDP,
		.xdp_mode = mode,
		.nonblocking = 1,
	};

	return zring_injector_open(wire->near, &options, diag, ret_injector);
}

static bool submit(struct zring_injector *injector, uint32_t number)
{
	uint8_t *frame;
	const int room = zring_injector_reserve(injector, &frame, 0);
	int err;

	if (room < 0)
		wire_fatal("reserve", room);
	if (room == 0)
		return false;
	wire_fill(frame, number, WIRE_FAR);
	err = zring_injector_submit(injector, WIRE_FRAME_BYTES);
	if (err)
		wire_fatal("submit", err);
	return true;
}

/* A frame that nobody may ever see: it has the number of one that comes later. */
static void submit_refused(struct wire *wire, struct zring_injector *injector, const char *round,
			   const char *what, size_t len, int expected)
{
	uint8_t *frame;
	const int room = zring_injector_reserve(injector, &frame, DRAIN_MS);
	int err;

	if (room <= 0)
		wire_fatal("reserve", room ? room : -ETIMEDOUT);
	wire_fill(frame, wire->nr_frames - 1, WIRE_FAR);
	err = zring_injector_submit(injector, len);
	wire_verdict(wire, err == expected, round, what, "%zu bytes: %d", len, err);
}

static bool adds_up(const struct zring_injector *injector)
{
	struct zring_injector_stats stats;

	zring_injector_get_stats(injector, &stats);
	return stats.submitted == stats.sent + stats.rejected + stats.pending;
}

/* Sends until the far end has them all. False: the counters did not add up on the way. */
static bool send_all(struct wire *wire, struct zring_injector *injector, struct wire_tally *tally,
		     uint32_t *sent)
{
	uint64_t end = wire_now_ns() + WIRE_PATIENCE_NS;
	bool good = true;
	int err;

	while (tally->nr_counted < tally->nr_frames && wire_now_ns() < end) {
		while (*sent < tally->nr_frames && *sent - tally->nr_counted < WIRE_WINDOW &&
		       submit(injector, *sent))
			++*sent;
		err = zring_injector_flush(injector);
		if (err < 0 && err != -EAGAIN)
			wire_fatal("flush", err);
		good = good && adds_up(injector);
		if (wire_far_count(wire, tally))
			end = wire_now_ns() + WIRE_PATIENCE_NS;
		else
			wire_nap();
	}
	return good;
}

static void check_injector_stats(struct wire *wire, const struct zring_injector *injector,
				 const char *round, const struct wire_tally *tally)
{
	struct zring_injector_stats stats;

	zring_injector_get_stats(injector, &stats);
	wire_verdict(wire,
		     stats.submitted == tally->nr_counted + 2u && stats.sent == tally->nr_counted &&
			     stats.rejected == 2 && stats.rejected_runt == 1 &&
			     stats.rejected_too_long == 1 && stats.pending == 0 &&
			     stats.sent_bytes == (uint64_t)tally->nr_counted * WIRE_FRAME_BYTES,
		     round, "the counters are what was on the wire",
		     "submitted %" PRIu64 " sent %" PRIu64 " rejected %" PRIu64 " pending %" PRIu64
		     " bytes %" PRIu64,
		     stats.submitted, stats.sent, stats.rejected, stats.pending, stats.sent_bytes);
	printf("kicks %s %" PRIu64 "\n", round, stats.kicks);
}

static void send_round(struct wire *wire, struct zring_injector *injector, const char *round,
		       uint32_t nr_frames)
{
	struct zring_injector_info info;
	struct wire_tally tally;
	uint32_t sent = 0;
	bool good;
	int err;

	zring_injector_get_info(injector, &info);
	probe_tell_mode(round, info.xdp_mode, info.steps);
	wire_tally_open(&tally, nr_frames, WIRE_FAR);
	submit_refused(wire, injector, round, "a runt is refused", 13, -EINVAL);
	submit_refused(wire, injector, round, "a frame above the MTU is refused", info.mtu + 15,
		       -EMSGSIZE);
	good = send_all(wire, injector, &tally, &sent);
	wire_verdict(wire, good, round, "submitted = sent + rejected + pending at all times",
		     "it was not");
	err = zring_injector_drain(injector, DRAIN_MS);
	wire_verdict(wire, err == 0, round, "everything is completed", "%s", strerror(-err));
	wire_far_count(wire, &tally);
	wire_tally_tell(wire, &tally, round, sent);
	check_injector_stats(wire, injector, round, &tally);
	wire_verdict(wire, !probe_attached(wire), round, "sending attaches no program",
		     "program %" PRIu32, probe_attached(wire));
	wire_tally_close(&tally);
}

void probe_injector(struct wire *wire)
{
	struct zring_injector *injector;
	struct zring_diag diag;

	probe_check_open(open_injector(wire, ZRING_XDP_MODE_AUTO, &diag, &injector), &diag, "TX");
	send_round(wire, injector, "TX", wire->nr_frames);
	zring_injector_close(injector);
	if (!probe_tell_exact("TX-exact",
			      open_injector(wire, ZRING_XDP_MODE_ZEROCOPY, &diag, &injector),
			      &diag))
		return;
	send_round(wire, injector, "TX-exact", probe_fewer(wire));
	zring_injector_close(injector);
}
