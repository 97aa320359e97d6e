/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the library's AF_XDP does on a real driver, for tests/vm/run:
 *
 *	zc_probe [-n FRAMES] NEAR FAR
 *
 * NEAR and FAR are two interfaces of one wire. Rounds, each on queue 0 of NEAR:
 *
 *	TX          an injector sends to FAR, in the best mode that there is
 *	TX-exact    the same with zero-copy or nothing
 *	RX          a capture receives what FAR sends
 *	RX-exact    the same with zero-copy or nothing
 *	starve      a capture holds all of its chunks for a while, then goes on
 *	RXTX        one socket receives and sends the same chunks back
 *	kill        a process that captures is killed; the next one captures
 *
 * Prints a line a fact, "KEY VALUE...", and a line a verdict, "ok ROUND: WHAT" or
 * "not ok ROUND: WHAT: REASON". Exits 0 unless a verdict was bad. Which mode is
 * right for this kernel is for the host to judge: "mode ROUND MODE" tells what
 * holds, "exact ROUND opened" or "refused" (-EOPNOTSUPP) what became of zero-copy
 * alone.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "probe.h"

#define MAX_FRAMES 1000000u

static const char *mode_name(uint32_t mode)
{
	switch (mode) {
	case ZRING_XDP_MODE_ZEROCOPY:
		return "zero-copy";
	case ZRING_XDP_MODE_NATIVE:
		return "copy";
	case ZRING_XDP_MODE_GENERIC:
		return "generic";
	default:
		return "unknown";
	}
}

void probe_tell_mode(const char *round, uint32_t mode, const char *steps)
{
	printf("mode %s %s\n", round, mode_name(mode));
	if (steps[0])
		printf("steps %s %s\n", round, steps);
}

bool probe_tell_exact(const char *round, int err, const struct zring_diag *diag)
{
	printf("exact %s %s\n", round,
	       !err                 ? "opened"
	       : err == -EOPNOTSUPP ? "refused"
				    : strerror(-err));
	if (err)
		printf("refused %s: %s: %s\n", round, diag->step, diag->message);
	return !err;
}

void probe_check_open(int err, const struct zring_diag *diag, const char *round)
{
	if (!err)
		return;
	printf("not ok %s: opens: %s: %s (%d)\n", round, diag->step, diag->message, err);
	exit(1);
}

uint32_t probe_attached(const struct wire *wire)
{
	struct zring_interface interface;
	const int err = zring_interface_get(wire->near, NULL, &interface);

	if (err)
		wire_fatal(wire->near, err);
	return interface.xdp_program_id;
}

void probe_check_no_program(struct wire *wire, const char *round)
{
	const uint64_t end = wire_now_ns() + WIRE_PATIENCE_NS;
	uint32_t program;

	while ((program = probe_attached(wire)) && wire_now_ns() < end)
		wire_nap();
	wire_verdict(wire, !program, round, "no program is left", "program %" PRIu32, program);
}

void probe_far_send(struct wire *wire, const struct wire_tally *tally, uint32_t *sent)
{
	while (*sent < tally->nr_frames && *sent - tally->nr_counted < WIRE_WINDOW &&
	       wire_far_send(wire, *sent))
		++*sent;
}

uint32_t probe_fewer(const struct wire *wire)
{
	return wire->nr_frames < 10 ? 1 : wire->nr_frames / 10;
}

static void usage(void)
{
	fprintf(stderr, "usage: zc_probe [-n FRAMES] NEAR FAR\n");
	exit(2);
}

int main(int argc, char **argv)
{
	struct wire wire = {.nr_frames = 10000};
	int option;

	setlinebuf(stdout);
	while ((option = getopt(argc, argv, "n:")) != -1) {
		const unsigned long frames = optarg ? strtoul(optarg, NULL, 10) : 0;

		if (option != 'n' || frames == 0 || frames > MAX_FRAMES)
			usage();
		wire.nr_frames = (uint32_t)frames;
	}
	if (argc - optind != 2)
		usage();
	wire.near = argv[optind];
	wire.far = argv[optind + 1];
	wire_open(&wire);
	probe_injector(&wire);
	probe_capture(&wire);
	probe_starve(&wire);
	probe_socket(&wire);
	probe_kill(&wire);
	return wire.failed ? 1 : 0;
}
