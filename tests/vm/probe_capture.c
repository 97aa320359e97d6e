/* SPDX-License-Identifier: BSD-2-Clause */
/* A capture receives: at ease, with every chunk held, and after another was killed. */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "probe.h"

#define BURST         32u
#define IDLE_LOOKS    20  /* of PROBE_NAP_MS: nothing more comes */
#define HOARD_BATCHES 600 /* more than the smallest profile has chunks */
#define CHILD_SECONDS 60u

/* Batches of one capture that are held at once. */
struct hoard {
	struct zring_batch batches[HOARD_BATCHES];
	uint32_t nr;
};

static int open_capture(const struct wire *wire, uint32_t mode, uint32_t profile,
			struct zring_diag *diag, struct zring_capture **ret_capture)
{
	const struct zring_capture_options options = {
		.size = sizeof(options),
		.backend = ZRING_BACKEND_AFXDP,
		.profile = profile,
		.direction = ZRING_CAPTURE_IN,
		.xdp_mode = mode,
	};

	return zring_capture_open(wire->near, &options, diag, ret_capture);
}

static void receive_all(struct wire *wire, struct zring_capture *capture, struct wire_tally *tally,
			uint32_t *sent)
{
	uint64_t end = wire_now_ns() + WIRE_PATIENCE_NS;
	const struct zring_packet *packet;
	struct zring_batch batch;
	int got = zring_batch_init(&batch, ZRING_BATCH_DEFAULT);

	if (got)
		wire_fatal("batch", got);
	while (tally->nr_counted < tally->nr_frames && wire_now_ns() < end) {
		probe_far_send(wire, tally, sent);
		got = zring_capture_next(capture, &batch, PROBE_NAP_MS);
		if (got < 0)
			wire_fatal("capture", got);
		zring_batch_for_each (&batch, packet)
			wire_tally_add(tally, packet->data, packet->len);
		zring_batch_release(&batch);
		if (got)
			end = wire_now_ns() + WIRE_PATIENCE_NS;
	}
	zring_batch_fini(&batch);
}

static void check_capture_stats(struct wire *wire, struct zring_capture *capture, const char *round,
				const struct wire_tally *tally)
{
	struct zring_capture_stats stats;

	zring_capture_get_stats(capture, &stats);
	wire_verdict(wire,
		     stats.received == stats.delivered + stats.dropped + stats.malformed +
					       stats.filtered + stats.pending &&
			     stats.delivered == (uint64_t)tally->nr_counted + tally->nr_wrong +
							tally->nr_foreign &&
			     !stats.dropped && !stats.malformed && !stats.filtered,
		     round, "the counters are what was on the wire",
		     "received %" PRIu64 " delivered %" PRIu64 " dropped %" PRIu64
		     " malformed %" PRIu64 " pending %" PRIu64 " foreign %" PRIu32,
		     stats.received, stats.delivered, stats.dropped, stats.malformed, stats.pending,
		     tally->nr_foreign);
}

/* The capture, its socket and the kernel agree on mode and program. */
static void check_capture_info(struct wire *wire, struct zring_capture *capture, const char *round)
{
	const uint32_t attached = probe_attached(wire);
	struct zring_capture_info info;
	struct zring_xdp_info socket;

	zring_capture_get_info(capture, &info);
	zring_xdp_get_info(zring_capture_xdp(capture, 0), &socket);
	probe_tell_mode(round, info.xdp_mode, info.steps);
	wire_verdict(wire, info.xdp_mode == socket.mode, round, "capture and socket agree",
		     "mode %" PRIu32 " and %" PRIu32, info.xdp_mode, socket.mode);
	wire_verdict(wire, attached && attached == info.xdp_program, round,
		     "the program is attached", "%" PRIu32 " is, the capture says %" PRIu32,
		     attached, info.xdp_program);
}

static void receive_round(struct wire *wire, struct zring_capture *capture, const char *round,
			  uint32_t nr_frames)
{
	struct wire_tally tally;
	uint32_t sent = 0;

	check_capture_info(wire, capture, round);
	wire_tally_open(&tally, nr_frames, WIRE_NEAR);
	receive_all(wire, capture, &tally, &sent);
	wire_tally_tell(wire, &tally, round, sent);
	check_capture_stats(wire, capture, round, &tally);
	wire_tally_close(&tally);
}

void probe_capture(struct wire *wire)
{
	struct zring_capture *capture;
	struct zring_diag diag;

	probe_check_open(open_capture(wire, ZRING_XDP_MODE_AUTO, ZRING_PROFILE_THROUGHPUT, &diag,
				      &capture),
			 &diag, "RX");
	receive_round(wire, capture, "RX", wire->nr_frames);
	zring_capture_close(capture);
	probe_check_no_program(wire, "RX");
	if (probe_tell_exact("RX-exact",
			     open_capture(wire, ZRING_XDP_MODE_ZEROCOPY, ZRING_PROFILE_THROUGHPUT,
					  &diag, &capture),
			     &diag)) {
		receive_round(wire, capture, "RX-exact", probe_fewer(wire));
		zring_capture_close(capture);
	}
	probe_check_no_program(wire, "RX-exact");
}

/* ---- starve ---- */

/* Sends and takes batches without giving one back, until nothing comes and nothing goes. */
static void hoard_all(struct wire *wire, struct zring_capture *capture, struct hoard *hoard,
		      struct wire_tally *tally, uint32_t *sent)
{
	const uint64_t end = wire_now_ns() + WIRE_PATIENCE_NS;
	const struct zring_packet *packet;
	uint32_t idle = 0;

	while (idle < IDLE_LOOKS && hoard->nr < HOARD_BATCHES && wire_now_ns() < end) {
		struct zring_batch *batch = &hoard->batches[hoard->nr];
		uint32_t burst = 0;
		int got;

		while (*sent < tally->nr_frames && burst < BURST && wire_far_send(wire, *sent)) {
			++*sent;
			burst++;
		}
		got = zring_capture_next(capture, batch, PROBE_NAP_MS);
		if (got < 0)
			wire_fatal("capture", got);
		zring_batch_for_each (batch, packet)
			wire_tally_add(tally, packet->data, packet->len);
		hoard->nr += got > 0;
		idle = got || burst ? 0 : idle + 1;
	}
}

/* Gives all back, the last one first, and takes what has waited for chunks. */
static void end_hoard(struct zring_capture *capture, struct hoard *hoard, struct wire_tally *tally)
{
	const struct zring_packet *packet;
	int got;

	while (hoard->nr)
		zring_batch_release(&hoard->batches[--hoard->nr]);
	while ((got = zring_capture_next_packet(capture, &packet, IDLE_LOOKS * PROBE_NAP_MS)) == 1)
		wire_tally_add(tally, packet->data, packet->len);
	if (got < 0)
		wire_fatal("capture", got);
}

/* Nobody else is on the wire: each frame was delivered or is counted as dropped. */
static void check_starved(struct wire *wire, struct zring_capture *capture,
			  const struct wire_tally *tally, uint32_t sent)
{
	struct zring_capture_stats stats;

	zring_capture_get_stats(capture, &stats);
	printf("dropped starve %" PRIu64 "\n", stats.dropped);
	wire_verdict(wire,
		     tally->nr_counted + stats.dropped == sent && !tally->nr_wrong &&
			     stats.delivered == (uint64_t)tally->nr_counted + tally->nr_foreign &&
			     stats.received == stats.delivered + stats.dropped,
		     "starve", "a frame that is not delivered is counted",
		     "sent %" PRIu32 " counted %" PRIu32 " wrong %" PRIu32 " foreign %" PRIu32
		     ", received %" PRIu64 " delivered %" PRIu64 " dropped %" PRIu64,
		     sent, tally->nr_counted, tally->nr_wrong, tally->nr_foreign, stats.received,
		     stats.delivered, stats.dropped);
}

static void starve_round(struct wire *wire, struct zring_capture *capture, struct hoard *hoard)
{
	struct zring_capture_info info;
	struct wire_tally tally;
	uint32_t sent = 0, held;

	zring_capture_get_info(capture, &info);
	probe_tell_mode("starve", info.xdp_mode, info.steps);
	wire_tally_open(&tally, 2 * info.nr_frames, WIRE_NEAR);
	hoard_all(wire, capture, hoard, &tally, &sent);
	held = tally.nr_counted + tally.nr_foreign;
	wire_verdict(wire, held == info.nr_frames, "starve", "every chunk is lent",
		     "%" PRIu32 " of %" PRIu32, held, info.nr_frames);
	end_hoard(capture, hoard, &tally);
	check_starved(wire, capture, &tally, sent);
	wire_tally_close(&tally);

	sent = 0;
	wire_tally_open(&tally, probe_fewer(wire), WIRE_NEAR);
	receive_all(wire, capture, &tally, &sent);
	wire_tally_tell(wire, &tally, "starve", sent);
	wire_tally_close(&tally);
}

void probe_starve(struct wire *wire)
{
	static struct hoard hoard;
	struct zring_capture *capture;
	struct zring_diag diag;

	probe_check_open(open_capture(wire, ZRING_XDP_MODE_AUTO, ZRING_PROFILE_LOW_MEMORY, &diag,
				      &capture),
			 &diag, "starve");
	for (uint32_t i = 0; i < HOARD_BATCHES; i++)
		if (zring_batch_init(&hoard.batches[i], ZRING_BATCH_DEFAULT))
			wire_fatal("batch", ENOMEM);
	starve_round(wire, capture, &hoard);
	for (uint32_t i = 0; i < HOARD_BATCHES; i++)
		zring_batch_fini(&hoard.batches[i]);
	zring_capture_close(capture);
	probe_check_no_program(wire, "starve");
}

/* ---- kill ---- */

/* Says over @ready that it is open, then that it has a frame; goes on until it is killed. */
static _Noreturn void capture_for_ever(const struct wire *wire, int ready)
{
	const struct zring_packet *packet;
	struct zring_capture *capture;
	bool captured = false;

	alarm(CHILD_SECONDS);
	if (open_capture(wire, ZRING_XDP_MODE_AUTO, ZRING_PROFILE_THROUGHPUT, NULL, &capture) ||
	    write(ready, "", 1) != 1)
		_exit(1);
	while (zring_capture_next_packet(capture, &packet, -1) == 1) {
		if (captured || !wire_is_ours(packet->data, packet->len))
			continue;
		captured = true;
		if (write(ready, "", 1) != 1)
			break;
	}
	_exit(1);
}

/* The child's next word; false: it does not come. */
static bool hear(int ready)
{
	struct pollfd poll_fd = {.fd = ready, .events = POLLIN};
	char byte;

	return poll(&poll_fd, 1, WIRE_PATIENCE_NS / 1000000) == 1 && read(ready, &byte, 1) == 1;
}

/* One frame, which has arrived when this is over: none is left for who comes next. */
static void check_child(struct wire *wire, int ready)
{
	const bool open = hear(ready);
	uint32_t program;

	wire_verdict(wire, open && wire_far_send(wire, 0) && hear(ready), "kill",
		     "the child captures", "%s", open ? "no frame" : "it did not open");
	program = probe_attached(wire);
	wire_verdict(wire, program != 0, "kill", "the child's program is attached", "none is");
}

void probe_kill(struct wire *wire)
{
	struct zring_capture *capture;
	struct zring_diag diag;
	int fds[2], status;
	pid_t child;

	if (pipe(fds))
		wire_fatal("pipe", errno);
	child = fork();
	if (child < 0)
		wire_fatal("fork", errno);
	if (child == 0) {
		close(fds[0]);
		capture_for_ever(wire, fds[1]);
	}
	close(fds[1]);
	check_child(wire, fds[0]);
	kill(child, SIGKILL);
	waitpid(child, &status, 0);
	close(fds[0]);
	wire_verdict(wire, WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "kill",
		     "the child is killed", "status %d", status);
	probe_check_no_program(wire, "kill");
	probe_check_open(open_capture(wire, ZRING_XDP_MODE_AUTO, ZRING_PROFILE_THROUGHPUT, &diag,
				      &capture),
			 &diag, "kill");
	receive_round(wire, capture, "kill", probe_fewer(wire));
	zring_capture_close(capture);
	probe_check_no_program(wire, "kill, then close");
}
