/* SPDX-License-Identifier: BSD-2-Clause */
/* Debug builds: who looks at a packet after its release meets rubbish. */
#include <stdio.h>

#include <zring/zring.h>

#include "support/sim.h"
#include "support/sim_kernel.h"

#ifdef ZR_DEBUG_CHECKS

#define POISON 0xdb
#define BYTES  90u

static void deliver(uint32_t nr)
{
	struct sim_rx *rx = sim_rx_find();
	uint8_t data[BYTES];

	for (uint32_t i = 0; i < nr; i++) {
		sim_frame_fill(data, sizeof(data), i);
		sim_rx_packet(rx, &(struct sim_rx_packet){.data = data, .len = sizeof(data)});
	}
	sim_rx_timer(rx);
}

static void expect_poison(const uint8_t *data)
{
	for (uint32_t at = 0; at < BYTES; at++)
		SIM_CHECK(data[at] == POISON, "byte %u is %x", at, data[at]);
}

static void batch_is_poisoned(struct zring_capture *capture)
{
	struct zring_batch batch;
	const uint8_t *bytes[3];
	const struct zring_packet *views;

	SIM_CHECK(zring_batch_init(&batch, ZRING_BATCH_DEFAULT) == 0, "init");
	deliver(3);
	SIM_CHECK(zring_capture_next(capture, &batch, 0) == 3, "three packets");
	views = batch.packets;
	for (uint32_t i = 0; i < 3; i++) {
		bytes[i] = views[i].data;
		SIM_CHECK(sim_frame_matches(bytes[i], BYTES, BYTES, i), "poisoned too early");
	}
	zring_batch_release(&batch);
	for (uint32_t i = 0; i < 3; i++) {
		expect_poison(bytes[i]);
		SIM_CHECK(!views[i].data && !views[i].len && !views[i].wire_len && !views[i].frame,
			  "view %u is still there", i);
	}
	zring_batch_fini(&batch);
}

/* In debug builds each call gives the packet before back at once. */
static void flat_packet_is_poisoned(struct zring_capture *capture)
{
	const struct zring_packet *packet = NULL;
	const uint8_t *first, *second;

	deliver(2);
	SIM_CHECK(zring_capture_next_packet(capture, &packet, 0) == 1, "first");
	first = packet->data;
	SIM_CHECK(sim_frame_matches(first, BYTES, BYTES, 0), "poisoned too early");
	SIM_CHECK(zring_capture_next_packet(capture, &packet, 0) == 1, "second");
	second = packet->data;
	expect_poison(first);
	SIM_CHECK(sim_frame_matches(second, BYTES, BYTES, 1), "poisoned too early");
	SIM_CHECK(zring_capture_next_packet(capture, &packet, 0) == 0, "no third");
	SIM_CHECK(!packet->data && !packet->len && !packet->frame, "the view is still there");
	expect_poison(second);
}

int main(void)
{
	static const uint32_t profiles[] = {ZRING_PROFILE_THROUGHPUT, ZRING_PROFILE_LOW_LATENCY};

	for (uint32_t i = 0; i < 2; i++) {
		const struct zring_capture_options options = {.size = sizeof(options),
							      .profile = profiles[i]};
		const struct sim_config config = {.seed = 1, .virtual_time = true};
		struct zring_capture *capture = NULL;

		sim_say_seed("poison", i);
		sim_start(&config);
		SIM_CHECK(zring_capture_open(SIM_INTERFACE, &options, NULL, &capture) == 0, "open");
		batch_is_poisoned(capture);
		flat_packet_is_poisoned(capture);
		zring_capture_close(capture);
		sim_stop();
	}
	puts("poison: all hold");
	return 0;
}

#else

int main(void)
{
	puts("released packets are poisoned in debug builds only (-Ddebug_checks=enabled)");
	return 77;
}

#endif
