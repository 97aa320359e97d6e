/* SPDX-License-Identifier: BSD-2-Clause */
/* Packets larger than a chunk: joined in buffers, of which there are few, or shown as pieces. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <zring/zring.h>

#include "afxdp/capture.h"
#include "support/sim.h"
#include "support/sim_kernel.h"
#include "support/sim_xdp.h"

#define NR_CHUNKS   512u
#define CHUNK_BYTES 2048u
#define PIECE_BYTES 1792u
#define NR_PIECES   3u
#define BYTES       (NR_PIECES * PIECE_BYTES)
#define MAX_HELD    (ZR_XDP_NR_LINEAR / ZR_XDP_BATCH)

static struct zring_capture *capture;
static struct sim_xdp *kernel;

static void start(const char *what, bool pieces, uint32_t wait)
{
	static const struct sim_xdp_config device;
	const struct sim_config config = {
		.seed = 1, .virtual_time = true, .mtu = BYTES, .xdp = &device};
	const struct zring_capture_options options = {.size = sizeof(options),
						      .backend = ZRING_BACKEND_AFXDP,
						      .wait = wait,
						      .frame_bytes = CHUNK_BYTES,
						      .memory_bytes = NR_CHUNKS * CHUNK_BYTES,
						      .pieces = pieces};
	struct zring_diag diag = {0};

	sim_say_seed(what, wait);
	sim_start(&config);
	SIM_CHECK(zring_capture_open(SIM_INTERFACE, &options, &diag, &capture) == 0, "%s",
		  diag.message);
	kernel = sim_xdp_find(0);
}

static void receive(uint64_t number, uint32_t len)
{
	static uint8_t data[BYTES];

	sim_frame_fill(data, len, number);
	SIM_CHECK(sim_xdp_receive(kernel, data, len) == SIM_XDP_STORED, "no room");
	sim_xdp_publish(kernel);
}

static void take(struct zring_batch *batch, uint64_t number, uint32_t nr, uint32_t len)
{
	const int got = zring_capture_next(capture, batch, 5);

	SIM_CHECK(got == (int)nr, "%d packets, not %u", got, nr);
	for (uint32_t i = 0; i < nr; i++)
		SIM_CHECK(batch->packets[i].len == len &&
				  sim_frame_matches(batch->packets[i].data, len, len, number + i),
			  "packet %u", i);
}

/* Who holds all buffers gets no further packet in pieces, and every wait ends in time. */
static void all_buffers_held(uint32_t wait)
{
	struct zring_batch batches[MAX_HELD], more;

	start(__func__, false, wait);
	SIM_CHECK(zring_batch_init(&more, 0) == 0, "init");
	for (uint32_t i = 0; i < MAX_HELD; i++) {
		SIM_CHECK(zring_batch_init(&batches[i], 0) == 0, "init");
		for (uint32_t packet = 0; packet < ZR_XDP_BATCH; packet++)
			receive(packet, BYTES);
		take(&batches[i], 0, ZR_XDP_BATCH, BYTES);
	}
	receive(7, BYTES);
	take(&more, 0, 0, 0);
	zring_batch_release(&batches[0]);
	take(&more, 7, 1, BYTES);
	zring_batch_release(&more);
	receive(8, 60); /* needs no buffer */
	take(&more, 8, 1, 60);
	zring_batch_fini(&more);
	for (uint32_t i = 0; i < MAX_HELD; i++)
		zring_batch_fini(&batches[i]);
	zring_capture_close(capture);
	sim_stop();
}

static void a_batch_without_room_for_the_pieces(uint32_t wait)
{
	struct zring_batch small, large;
	static uint8_t whole[BYTES];
	uint32_t len = 0;

	start(__func__, true, wait);
	SIM_CHECK(!zring_batch_init(&small, NR_PIECES - 1) && !zring_batch_init(&large, NR_PIECES),
		  "init");
	receive(9, BYTES);
	SIM_CHECK(zring_capture_next(capture, &small, 5) == -EMSGSIZE, "two views");
	SIM_CHECK(zring_capture_next(capture, &large, 5) == NR_PIECES, "three views");
	for (uint32_t i = 0; i < NR_PIECES; i++) {
		struct zring_packet_info info;

		zring_packet_get_info(capture, &large.packets[i], &info);
		SIM_CHECK(!(info.flags & ZRING_PACKET_MORE) == (i + 1 == NR_PIECES), "piece %u", i);
		memcpy(whole + len, large.packets[i].data, large.packets[i].len);
		len += large.packets[i].len;
	}
	SIM_CHECK(len == BYTES && sim_frame_matches(whole, BYTES, BYTES, 9), "bytes");
	zring_batch_fini(&small);
	zring_batch_fini(&large);
	zring_capture_close(capture);
	sim_stop();
}

int main(void)
{
	for (uint32_t wait = ZRING_WAIT_BLOCK; wait <= ZRING_WAIT_AUTO; wait++) {
		all_buffers_held(wait);
		a_batch_without_room_for_the_pieces(wait);
	}
	puts("packets in pieces: all hold");
	return 0;
}
