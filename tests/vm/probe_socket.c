/* SPDX-License-Identifier: BSD-2-Clause */
/* One socket for both directions: what it receives it sends back, in the same chunk. */
#include <errno.h>
#include <inttypes.h>

#include "probe.h"

#define BURST 32u

struct echo {
	struct zring_umem *umem;
	struct zring_xdp *xdp;
	uint32_t nr_ours;
	uint32_t nr_foreign;
};

static void give_back(const struct echo *echo, const uint64_t *addresses, uint32_t nr)
{
	const int filled = nr ? zring_xdp_fill(echo->xdp, addresses, nr) : 0;

	if (filled != (int)nr)
		wire_fatal("fill", filled < 0 ? filled : -ENOSPC);
}

/* Our frames go to the TX ring in the chunks that they came in, others to the fill ring. */
static void turn_round(struct echo *echo, const struct zring_xdp_desc *descs, uint32_t nr)
{
	struct zring_xdp_desc out[BURST];
	uint64_t foreign[BURST];
	uint32_t nr_out = 0, nr_foreign = 0;
	int queued;

	for (uint32_t i = 0; i < nr; i++) {
		uint8_t *frame = zring_umem_data(echo->umem, descs[i].address);

		if (wire_is_ours(frame, descs[i].len)) {
			frame[5] = WIRE_FAR;
			out[nr_out++] = descs[i];
		} else {
			foreign[nr_foreign++] = descs[i].address;
		}
	}
	give_back(echo, foreign, nr_foreign);
	/* The window is smaller than the TX ring: there is room. */
	queued = nr_out ? zring_xdp_transmit(echo->xdp, out, nr_out) : 0;
	if (queued != (int)nr_out)
		wire_fatal("transmit", queued < 0 ? queued : -ENOSPC);
	echo->nr_ours += nr_out;
	echo->nr_foreign += nr_foreign;
}

/* One look at all four rings. */
static void echo_once(struct echo *echo)
{
	struct zring_xdp_desc descs[BURST];
	uint64_t addresses[BURST];
	int nr = zring_xdp_receive(echo->xdp, descs, BURST);

	if (nr < 0)
		wire_fatal("receive", nr);
	turn_round(echo, descs, (uint32_t)nr);
	nr = zring_xdp_kick(echo->xdp);
	if (nr && nr != -EAGAIN)
		wire_fatal("kick", nr);
	nr = zring_xdp_complete(echo->xdp, addresses, BURST);
	if (nr < 0)
		wire_fatal("complete", nr);
	give_back(echo, addresses, (uint32_t)nr);
}

static void echo_all(struct wire *wire, struct echo *echo, struct wire_tally *tally, uint32_t *sent)
{
	uint64_t end = wire_now_ns() + WIRE_PATIENCE_NS;

	while (tally->nr_counted < tally->nr_frames && wire_now_ns() < end) {
		int events;

		probe_far_send(wire, tally, sent);
		events = zring_xdp_wait(echo->xdp, ZRING_XDP_READABLE, 1);
		if (events < 0)
			wire_fatal("wait", events);
		echo_once(echo);
		if (wire_far_count(wire, tally))
			end = wire_now_ns() + WIRE_PATIENCE_NS;
	}
}

/* Every chunk is the kernel's to fill or nobody's, once all sends are completed. */
static void check_echo(struct wire *wire, struct echo *echo, uint32_t sent)
{
	const uint64_t end = wire_now_ns() + WIRE_PATIENCE_NS;
	uint32_t held[ZRING_CHUNK_HOLDERS];
	struct zring_xdp_stats stats;

	do {
		echo_once(echo);
		zring_xdp_get_stats(echo->xdp, &stats);
	} while (stats.completed < stats.submitted && wire_now_ns() < end);
	wire_verdict(wire,
		     echo->nr_ours == sent && stats.submitted == sent && stats.completed == sent &&
			     stats.received == (uint64_t)echo->nr_ours + echo->nr_foreign &&
			     !stats.refused && !stats.tx_dropped && !stats.rx_dropped &&
			     !stats.rx_ring_full && !stats.rx_invalid && !stats.tx_invalid,
		     "RXTX", "the counters are what was on the wire",
		     "received %" PRIu64 " submitted %" PRIu64 " completed %" PRIu64
		     " dropped %" PRIu64 " and %" PRIu64,
		     stats.received, stats.submitted, stats.completed, stats.rx_dropped,
		     stats.tx_dropped);
	zring_umem_count(echo->umem, held);
	wire_verdict(wire,
		     !held[ZRING_CHUNK_RX] && !held[ZRING_CHUNK_TX] && !held[ZRING_CHUNK_KERNEL_TX],
		     "RXTX", "no chunk is held", "RX %" PRIu32 ", TX %" PRIu32 ", kernel %" PRIu32,
		     held[ZRING_CHUNK_RX], held[ZRING_CHUNK_TX], held[ZRING_CHUNK_KERNEL_TX]);
}

void probe_socket(struct wire *wire)
{
	const struct zring_umem_options memory = {
		.size = sizeof(memory),
		.nr_chunks = 2048,
		.checks = 1,
	};
	/* All that are sent go back into the fill ring: it has room for the whole UMEM. */
	const struct zring_xdp_options options = {
		.size = sizeof(options),
		.use = ZRING_XDP_RXTX,
		.fill_entries = 2048,
	};
	struct echo echo = {0};
	struct zring_xdp_info info;
	struct wire_tally tally;
	struct zring_diag diag;
	uint32_t sent = 0;

	probe_check_open(zring_umem_open(&memory, &diag, &echo.umem), &diag, "RXTX");
	probe_check_open(zring_xdp_open(wire->near, echo.umem, &options, &diag, &echo.xdp), &diag,
			 "RXTX");
	zring_xdp_get_info(echo.xdp, &info);
	probe_tell_mode("RXTX", info.mode, info.steps);
	wire_tally_open(&tally, wire->nr_frames, WIRE_FAR);
	echo_all(wire, &echo, &tally, &sent);
	wire_tally_tell(wire, &tally, "RXTX", sent);
	check_echo(wire, &echo, sent);
	wire_tally_close(&tally);
	zring_xdp_close(echo.xdp);
	zring_umem_close(echo.umem);
	probe_check_no_program(wire, "RXTX");
}
