/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The calls on umem and rings, with checks on: whoever hands over what it does not
 * hold is refused, the holders always sum up, and a kernel that writes rubbish is
 * told and passed over.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <zring/zring.h>

#include "support/sim.h"
#include "support/sim_kernel.h"
#include "support/sim_xdp.h"

#define NR_CHUNKS   64u
#define CHUNK_BYTES 2048u
#define ENTRIES     32u
#define FRAME       60u
#define HEADROOM    256u
#define MAX_PIECES  17u
#define NOWHERE     ((uint64_t)NR_CHUNKS * CHUNK_BYTES)

static struct zring_umem *umem;
static struct zring_xdp *xdp;
static struct sim_xdp *kernel;

static uint32_t count(enum zring_chunk_holder holder)
{
	uint32_t counts[ZRING_CHUNK_HOLDERS], sum = 0;

	zring_umem_count(umem, counts);
	for (uint32_t i = 0; i < ZRING_CHUNK_HOLDERS; i++)
		sum += counts[i];
	SIM_CHECK(sum == NR_CHUNKS, "%u chunks are held by somebody", sum);
	return counts[holder];
}

static void check_counts(uint32_t free, uint32_t fill, uint32_t rx, uint32_t tx, uint32_t kernel_tx)
{
	SIM_CHECK(count(ZRING_CHUNK_FREE) == free && count(ZRING_CHUNK_FILL) == fill &&
			  count(ZRING_CHUNK_RX) == rx && count(ZRING_CHUNK_TX) == tx &&
			  count(ZRING_CHUNK_KERNEL_TX) == kernel_tx,
		  "free %u, fill %u, rx %u, tx %u, kernel %u", count(ZRING_CHUNK_FREE),
		  count(ZRING_CHUNK_FILL), count(ZRING_CHUNK_RX), count(ZRING_CHUNK_TX),
		  count(ZRING_CHUNK_KERNEL_TX));
}

static void start(const char *what, const struct sim_xdp_config *device, uint32_t mtu,
		  bool unaligned)
{
	const struct sim_config config = {
		.seed = 1, .virtual_time = true, .mtu = mtu, .xdp = device};
	const struct zring_umem_options memory = {.size = sizeof(memory),
						  .nr_chunks = NR_CHUNKS,
						  .chunk_bytes = CHUNK_BYTES,
						  .unaligned = unaligned,
						  .checks = 1};
	const struct zring_xdp_options options = {.size = sizeof(options),
						  .rx_chunks = UINT32_MAX,
						  .rx_entries = ENTRIES,
						  .tx_entries = ENTRIES,
						  .fill_entries = ENTRIES,
						  .completion_entries = ENTRIES,
						  .multi_buffer = mtu > CHUNK_BYTES};
	struct zring_diag diag = {0};

	sim_say_seed(what, 1);
	sim_start(&config);
	SIM_CHECK(zring_umem_open(&memory, &diag, &umem) == 0, "%s", diag.message);
	SIM_CHECK(zring_xdp_open(SIM_INTERFACE, umem, &options, &diag, &xdp) == 0, "%s",
		  diag.message);
	kernel = sim_xdp_find(0);
	check_counts(NR_CHUNKS, 0, 0, 0, 0);
}

/* What the kernel held becomes free; the program's own stays its own. */
static void stop(void)
{
	const uint32_t held = count(ZRING_CHUNK_RX) + count(ZRING_CHUNK_TX);

	zring_xdp_close(xdp);
	check_counts(NR_CHUNKS - held, 0, count(ZRING_CHUNK_RX), count(ZRING_CHUNK_TX), 0);
	zring_umem_close(umem);
	sim_stop();
}

static uint64_t alloc(void)
{
	uint64_t address;

	SIM_CHECK(zring_umem_alloc(umem, &address, 1) == 1, "no chunk");
	return address;
}

static struct zring_xdp_desc make_frame(uint32_t len)
{
	const struct zring_xdp_desc desc = {.address = alloc() + HEADROOM, .len = len};

	sim_frame_fill(zring_umem_data(umem, desc.address), len, 1);
	return desc;
}

static void fill_takes_what_the_program_holds(void)
{
	static const struct sim_xdp_config device;
	const uint64_t wrong[] = {NOWHERE, UINT64_MAX, UINT64_C(1) << 48};
	uint64_t addresses[ENTRIES + 2], mixed[3];

	start(__func__, &device, 0, false);
	addresses[0] = 0;
	SIM_CHECK(zring_xdp_fill(xdp, addresses, 1) == -EINVAL, "a chunk that nobody has taken");
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		SIM_CHECK(zring_xdp_fill(xdp, &wrong[i], 1) == -EINVAL, "address %zu", i);
		SIM_CHECK(zring_umem_free(umem, &wrong[i], 1) == -EINVAL, "address %zu", i);
		SIM_CHECK(zring_umem_holder(umem, wrong[i]) == -EINVAL, "address %zu", i);
	}
	mixed[0] = alloc() + 100;
	mixed[1] = mixed[0];
	mixed[2] = alloc();
	SIM_CHECK(zring_xdp_fill(xdp, mixed, 3) == 1, "up to the one that comes twice");
	SIM_CHECK(zring_xdp_fill(xdp, mixed, 1) == -EINVAL, "a double fill");
	SIM_CHECK(zring_umem_free(umem, mixed, 1) == -EINVAL, "the kernel has it");
	SIM_CHECK(zring_xdp_fill(xdp, &mixed[2], 1) == 1, "the last one");
	check_counts(NR_CHUNKS - 2, 2, 0, 0, 0);
	SIM_CHECK(zring_umem_alloc(umem, addresses, ENTRIES) == ENTRIES, "alloc");
	SIM_CHECK(zring_xdp_fill(xdp, addresses, ENTRIES) == ENTRIES - 2, "until it is full");
	SIM_CHECK(zring_xdp_fill(xdp, &addresses[ENTRIES - 1], 1) == 0, "full");
	check_counts(NR_CHUNKS - ENTRIES - 2, ENTRIES, 0, 2, 0);
	SIM_CHECK(zring_umem_free(umem, &addresses[ENTRIES - 2], 2) == 0, "free");
	SIM_CHECK(zring_umem_free(umem, &addresses[ENTRIES - 1], 1) == -EINVAL, "a double free");
	stop();
}

static void receive_into(uint64_t number)
{
	uint8_t data[FRAME];

	sim_frame_fill(data, FRAME, number);
	SIM_CHECK(sim_xdp_receive(kernel, data, FRAME) == SIM_XDP_STORED, "no room");
}

static void fill(uint32_t nr)
{
	for (uint32_t i = 0; i < nr; i++) {
		const uint64_t address = alloc();

		SIM_CHECK(zring_xdp_fill(xdp, &address, 1) == 1, "fill");
	}
}

static void bad_descriptors_are_told_and_passed_over(void)
{
	static const struct sim_xdp_config device;
	struct zring_xdp_desc descs[8];
	struct zring_xdp_stats stats;

	start(__func__, &device, 0, false);
	fill(8);
	receive_into(1);
	receive_into(2);
	sim_xdp_receive_bad(kernel, NOWHERE, FRAME);
	sim_xdp_receive_bad(kernel, HEADROOM, CHUNK_BYTES);
	receive_into(3);
	sim_xdp_publish(kernel);
	SIM_CHECK(zring_xdp_receive(xdp, descs, 8) == 2, "those in front of it");
	check_counts(NR_CHUNKS - 8, 6, 2, 0, 0);
	SIM_CHECK(zring_xdp_receive(xdp, descs, 8) == -EPROTO, "outside");
	SIM_CHECK(zring_xdp_receive(xdp, descs, 8) == -EPROTO, "beyond its chunk");
	SIM_CHECK(zring_xdp_receive(xdp, descs, 8) == 1, "the one behind them");
	SIM_CHECK(sim_frame_matches(zring_umem_data(umem, descs[0].address), descs[0].len, FRAME,
				    3),
		  "bytes");
	SIM_CHECK(zring_xdp_receive(xdp, descs, 8) == 0, "no more");
	/* A frame that was received may be sent, or given back. */
	SIM_CHECK(zring_xdp_transmit(xdp, descs, 1) == 1, "forward");
	SIM_CHECK(zring_xdp_fill(xdp, &descs[0].address, 1) == -EINVAL, "and not filled as well");
	check_counts(NR_CHUNKS - 8, 5, 2, 0, 1);
	zring_xdp_get_stats(xdp, &stats);
	SIM_CHECK(stats.received == 5 && stats.filled == 8 && stats.submitted == 1, "figures");
	stop();
}

/* Refused, and the chunk is still the program's. */
static void refuse(struct zring_xdp_desc desc, int expected, const char *why)
{
	const int err = zring_xdp_transmit(xdp, &desc, 1);
	struct zring_xdp_stats stats;

	SIM_CHECK(err == expected, "%s: %d", why, err);
	zring_xdp_get_stats(xdp, &stats);
	SIM_CHECK(!stats.submitted && stats.refused, "%s: counted", why);
	check_counts(NR_CHUNKS - 1, 0, 0, 1, 0);
}

static void wrong_frames_are_refused(void)
{
	static const struct sim_xdp_config device;
	struct zring_xdp_desc good, desc;
	uint8_t *data;

	start(__func__, &device, 1400, false);
	good = make_frame(FRAME);
	data = zring_umem_data(umem, good.address);
	desc = good;
	desc.len = 13;
	refuse(desc, -EINVAL, "a runt");
	desc.len = 0;
	refuse(desc, -EINVAL, "nothing");
	desc.len = 1415;
	refuse(desc, -EMSGSIZE, "over the MTU");
	desc.len = CHUNK_BYTES - HEADROOM + 1;
	refuse(desc, -EINVAL, "across its chunk");
	desc.len = UINT32_MAX;
	refuse(desc, -EINVAL, "4 GiB");
	desc = good;
	desc.address = NOWHERE;
	refuse(desc, -EINVAL, "outside");
	desc.address = good.address | UINT64_C(1) << 48;
	refuse(desc, -EINVAL, "with an offset that only unaligned umems have");
	desc.address = UINT64_MAX - 10;
	refuse(desc, -EINVAL, "far outside");
	desc.address = good.address + 2 * CHUNK_BYTES;
	refuse(desc, -EINVAL, "not held");
	desc = good;
	desc.options = ZRING_XDP_MORE;
	refuse(desc, -EINVAL, "pieces without multi_buffer");
	desc.options = ZRING_XDP_METADATA;
	refuse(desc, -EINVAL, "a request in a umem without");
	desc.options = 1u << 7;
	refuse(desc, -EINVAL, "an unknown option");
	/* A tag of 802.1Q is not part of the MTU, as everywhere. */
	data[12] = 0x81;
	data[13] = 0x00;
	desc = good;
	desc.len = 1418;
	SIM_CHECK(zring_xdp_transmit(xdp, &desc, 1) == 1, "tagged");
	SIM_CHECK(zring_xdp_transmit(xdp, &desc, 1) == -EINVAL, "a double transmit");
	check_counts(NR_CHUNKS - 1, 0, 0, 0, 1);
	stop();
}

static void every_frame_comes_back_once(void)
{
	static const struct sim_xdp_config device = {.scattered = true, .hold = 700};
	uint64_t addresses[ENTRIES];
	uint32_t nr_back = 0;

	start(__func__, &device, 0, false);
	for (uint32_t i = 0; i < ENTRIES; i++) {
		const struct zring_xdp_desc desc = make_frame(FRAME + i);

		SIM_CHECK(zring_xdp_transmit(xdp, &desc, 1) == 1, "transmit");
	}
	check_counts(NR_CHUNKS - ENTRIES, 0, 0, 0, ENTRIES);
	SIM_CHECK(zring_xdp_kick(xdp) == 0, "kick");
	SIM_CHECK(sim_wire_count() == ENTRIES, "%u on the wire", sim_wire_count());
	while (nr_back < ENTRIES) {
		const int nr = zring_xdp_complete(xdp, addresses, ENTRIES);

		SIM_CHECK(nr >= 0, "complete: %d", nr);
		SIM_CHECK(nr || zring_xdp_wait(xdp, ZRING_XDP_READABLE, 1) == 0, "nothing comes");
		SIM_CHECK(zring_umem_free(umem, addresses, (uint32_t)nr) == 0, "twice");
		nr_back += (uint32_t)nr;
	}
	check_counts(NR_CHUNKS, 0, 0, 0, 0);
	sim_xdp_complete_bad(kernel, NOWHERE);
	SIM_CHECK(zring_xdp_complete(xdp, addresses, ENTRIES) == -EPROTO, "outside");
	SIM_CHECK(zring_xdp_complete(xdp, addresses, ENTRIES) == 0, "passed over");
	stop();
}

/* All entries are in flight: only who takes chunks back makes room. */
static void wait_for_room_ends(void)
{
	static const struct sim_xdp_config late = {.hold = 1000};
	uint64_t addresses[ENTRIES];
	struct zring_xdp_desc desc;

	start(__func__, &late, 0, false);
	for (uint32_t i = 0; i < ENTRIES; i++) {
		desc = make_frame(FRAME);
		SIM_CHECK(zring_xdp_transmit(xdp, &desc, 1) == 1, "transmit");
	}
	SIM_CHECK(zring_xdp_kick(xdp) == 0, "kick");
	desc = make_frame(FRAME);
	SIM_CHECK(zring_xdp_transmit(xdp, &desc, 1) == 0, "no room");
	SIM_CHECK(zring_xdp_wait(xdp, ZRING_XDP_WRITABLE, 0) == 0, "nothing is done yet");
	SIM_CHECK(zring_xdp_wait(xdp, ZRING_XDP_READABLE, 2) == 0, "and nothing comes");
	SIM_CHECK(zring_xdp_wait(xdp, ZRING_XDP_WRITABLE, -1) == ZRING_XDP_WRITABLE, "done");
	SIM_CHECK(zring_xdp_complete(xdp, addresses, ENTRIES) > 0, "complete");
	SIM_CHECK(zring_xdp_transmit(xdp, &desc, 1) == 1, "room");
	stop();
}

static void frames_in_pieces(void)
{
	static const struct sim_xdp_config device;
	struct zring_xdp_desc descs[MAX_PIECES + 1] = {{0}};

	start(__func__, &device, 1500 * MAX_PIECES, false);
	for (uint32_t i = 0; i <= MAX_PIECES; i++) {
		descs[i] = make_frame(64);
		descs[i].options = ZRING_XDP_MORE;
	}
	SIM_CHECK(zring_xdp_transmit(xdp, descs, 2) == -EINVAL, "without an end");
	descs[MAX_PIECES].options = 0;
	SIM_CHECK(zring_xdp_transmit(xdp, descs, MAX_PIECES + 1) == -EINVAL, "18 pieces");
	check_counts(NR_CHUNKS - MAX_PIECES - 1, 0, 0, MAX_PIECES + 1, 0);
	descs[MAX_PIECES].address = descs[MAX_PIECES - 2].address + 64;
	SIM_CHECK(zring_xdp_transmit(xdp, &descs[MAX_PIECES - 2], 3) == -EINVAL,
		  "two pieces in one chunk complete twice");
	descs[MAX_PIECES - 1].options = 0;
	SIM_CHECK(zring_xdp_transmit(xdp, descs, MAX_PIECES) == MAX_PIECES, "17 pieces");
	check_counts(NR_CHUNKS - MAX_PIECES - 1, 0, 0, 1, MAX_PIECES);
	SIM_CHECK(zring_xdp_kick(xdp) == 0 && sim_wire_count() == 1 &&
			  sim_wire_frame(0)->len == MAX_PIECES * 64,
		  "one frame");
	stop();
}

/* A packet is never cut: not by the caller's room, and not by a bad piece. */
static void packets_in_pieces(void)
{
	static const struct sim_xdp_config device;
	static uint8_t data[3 * 1792];
	struct zring_xdp_desc descs[8];

	start(__func__, &device, 9000, false);
	fill(12);
	sim_frame_fill(data, sizeof(data), 1);
	SIM_CHECK(sim_xdp_receive(kernel, data, sizeof(data)) == SIM_XDP_STORED, "no room");
	SIM_CHECK(sim_xdp_receive(kernel, data, sizeof(data)) == SIM_XDP_STORED, "no room");
	sim_xdp_publish(kernel);
	SIM_CHECK(zring_xdp_receive(xdp, descs, 2) == -EMSGSIZE, "no room for three");
	SIM_CHECK(zring_xdp_receive(xdp, descs, 5) == 3, "one packet");
	SIM_CHECK(zring_xdp_receive(xdp, descs, 5) == 3, "the other");
	check_counts(NR_CHUNKS - 12, 6, 6, 0, 0);
	SIM_CHECK(sim_xdp_receive(kernel, data, sizeof(data)) == SIM_XDP_STORED, "no room");
	sim_xdp_spoil_piece(kernel, 1, NOWHERE);
	receive_into(2);
	sim_xdp_publish(kernel);
	SIM_CHECK(zring_xdp_receive(xdp, descs, 8) == -EPROTO, "its second piece is bad");
	SIM_CHECK(zring_xdp_receive(xdp, descs, 8) == 1 && descs[0].len == FRAME, "the next");
	stop();
}

static void unaligned_addresses(void)
{
	static const struct sim_xdp_config device;
	struct zring_xdp_desc desc, received;

	start(__func__, &device, 0, true);
	fill(1);
	receive_into(5);
	sim_xdp_publish(kernel);
	SIM_CHECK(zring_xdp_receive(xdp, &received, 1) == 1, "receive");
	SIM_CHECK(received.address >> ZRING_UMEM_OFFSET_SHIFT, "the offset stands above");
	SIM_CHECK(sim_frame_matches(zring_umem_data(umem, received.address), FRAME, FRAME, 5),
		  "bytes");
	desc = received;
	desc.address += (uint64_t)CHUNK_BYTES << ZRING_UMEM_OFFSET_SHIFT;
	SIM_CHECK(zring_xdp_transmit(xdp, &desc, 1) == -EINVAL,
		  "an offset that leads into a chunk which is not held");
	SIM_CHECK(zring_xdp_transmit(xdp, &received, 1) == 1, "as it came");
	SIM_CHECK(zring_xdp_kick(xdp) == 0 && sim_wire_count() == 1, "kick");
	stop();
}

int main(void)
{
	fill_takes_what_the_program_holds();
	bad_descriptors_are_told_and_passed_over();
	wrong_frames_are_refused();
	every_frame_comes_back_once();
	wait_for_room_ends();
	frames_in_pieces();
	packets_in_pieces();
	unaligned_addresses();
	puts("AF_XDP calls: all hold");
	return 0;
}
