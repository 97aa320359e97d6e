/* SPDX-License-Identifier: BSD-2-Clause */
/* The token bucket against a clock of the test's own. */
#include <criterion/criterion.h>

#include "core/pacer.h"
#include "support/sim.h"

#define START_NS UINT64_C(123456789)
#define NS_PER_S UINT64_C(1000000000)

/* Sends frames of @len as fast as it may, asking each @step_ns. Returns how many in @span_ns. */
static uint64_t send_for(struct zr_pacer *pacer, uint64_t from_ns, uint64_t span_ns,
			 uint64_t step_ns, uint32_t len)
{
	uint64_t nr = 0;

	for (uint64_t now = from_ns; now <= from_ns + span_ns; now += step_ns) {
		zr_pacer_update(pacer, now);
		while (zr_pacer_take(pacer, len))
			nr++;
	}
	return nr;
}

Test(pacer, without_a_rate_nothing_is_held)
{
	struct zr_pacer pacer;

	zr_pacer_init(&pacer, 0, 0, 64, 1514);
	cr_assert(!zr_pacer_active(&pacer));
	zr_pacer_init(&pacer, 1, 0, 1, 1514);
	cr_assert(zr_pacer_active(&pacer));
}

Test(pacer, frames_a_second_are_exact_over_an_hour)
{
	static const uint64_t rates[] = {1, 3, 7, 1000, 99999};

	for (size_t i = 0; i < sizeof(rates) / sizeof(*rates); i++) {
		const uint64_t seconds = rates[i] > 5000 ? 100 : 3600;
		struct zr_pacer pacer;
		uint64_t nr;

		zr_pacer_init(&pacer, rates[i], 0, 64, 1514);
		/* Asked rarely enough to need bursts, often enough to lose nothing to their limit.
		 */
		nr = send_for(&pacer, START_NS, seconds * NS_PER_S, 8 * NS_PER_S / rates[i] + 13,
			      60);
		cr_assert(nr <= seconds * rates[i] + 1, "%llu frames at %llu/s",
			  (unsigned long long)nr, (unsigned long long)rates[i]);
		cr_assert(nr + 10 >= seconds * rates[i], "%llu frames at %llu/s",
			  (unsigned long long)nr, (unsigned long long)rates[i]);
	}
}

Test(pacer, bits_a_second_count_the_frames_own_bytes)
{
	static const uint32_t lens[] = {60, 64, 512, 1514};

	for (size_t i = 0; i < sizeof(lens) / sizeof(*lens); i++) {
		const uint64_t rate = 10000000, seconds = 60;
		const uint64_t wanted = rate * seconds / 8 / lens[i];
		struct zr_pacer pacer;
		uint64_t nr;

		zr_pacer_init(&pacer, 0, rate, 64, 1514);
		nr = send_for(&pacer, START_NS, seconds * NS_PER_S, 20000, lens[i]);
		cr_assert(nr <= wanted + 1 && nr + 2 >= wanted, "%llu frames of %u, not %llu",
			  (unsigned long long)nr, lens[i], (unsigned long long)wanted);
	}
}

Test(pacer, of_two_rates_the_slower_holds)
{
	struct zr_pacer pacer;
	uint64_t nr;

	/* 1000 frames of 1000 bytes are 8 Mbit. */
	zr_pacer_init(&pacer, 1000, 4000000, 8, 1514);
	nr = send_for(&pacer, START_NS, 10 * NS_PER_S, 100000, 1000);
	cr_assert(nr >= 4998 && nr <= 5001, "%llu", (unsigned long long)nr);
	zr_pacer_init(&pacer, 1000, 16000000, 8, 1514);
	nr = send_for(&pacer, START_NS, 10 * NS_PER_S, 100000, 1000);
	cr_assert(nr >= 9998 && nr <= 10001, "%llu", (unsigned long long)nr);
}

Test(pacer, pause_saves_up_no_more_than_a_burst)
{
	for (uint32_t burst = 1; burst < 100; burst += 9) {
		struct zr_pacer pacer;
		uint64_t nr;

		zr_pacer_init(&pacer, 1000, 0, burst, 1514);
		send_for(&pacer, START_NS, NS_PER_S, 1000000, 60);
		nr = send_for(&pacer, START_NS + 3600 * NS_PER_S, 0, 1, 60);
		cr_assert(nr <= burst && nr + 1 >= burst, "%llu after a pause, burst %u",
			  (unsigned long long)nr, burst);
	}
}

Test(pacer, start_lets_no_burst_out)
{
	struct zr_pacer pacer;

	zr_pacer_init(&pacer, 1000, 0, 64, 1514);
	cr_assert(send_for(&pacer, START_NS, 0, 1, 60) == 1, "one frame may leave at once");
}

/* A frame that costs more than can be saved up leaves all the same, and is paid for afterwards. */
Test(pacer, frame_dearer_than_a_burst_is_not_held_for_ever)
{
	const uint64_t rate = 1000000, seconds = 100;
	struct zr_pacer pacer;
	uint64_t nr;

	zr_pacer_init(&pacer, 0, rate, 1, 100);
	nr = send_for(&pacer, START_NS, seconds * NS_PER_S, 10000, 60000);
	cr_assert(nr > 0, "held for ever");
	cr_assert(nr <= rate * seconds / 8 / 60000 + 1 && nr + 2 >= rate * seconds / 8 / 60000,
		  "%llu", (unsigned long long)nr);
}

Test(pacer, delay_is_the_time_until_a_frame_may_leave)
{
	uint64_t random = 5, now = START_NS;
	struct zr_pacer pacer;

	zr_pacer_init(&pacer, 12345, 7654321, 5, 1514);
	zr_pacer_update(&pacer, now);
	for (uint32_t i = 0; i < 20000; i++) {
		const uint32_t len = 60 + sim_below(&random, 3000);
		uint64_t delay;

		while (zr_pacer_take(&pacer, len))
			;
		delay = zr_pacer_delay_ns(&pacer, len);
		cr_assert(delay > 0);
		if (delay > 2) {
			zr_pacer_update(&pacer, now += delay - 2);
			cr_assert(!zr_pacer_take(&pacer, len), "too early");
			delay = 2;
		}
		zr_pacer_update(&pacer, now += delay);
		cr_assert(zr_pacer_delay_ns(&pacer, len) == 0);
		cr_assert(zr_pacer_take(&pacer, len), "too late");
	}
}

Test(pacer, what_is_given_back_may_leave_again)
{
	uint64_t random = 6, now = START_NS, nr_sent = 0;
	const uint64_t rate = 100000;
	struct zr_pacer pacer;

	zr_pacer_init(&pacer, rate, 0, 16, 1514);
	zr_pacer_update(&pacer, now);
	for (uint32_t i = 0; i < 100000; i++) {
		uint32_t taken = 0, refused;

		zr_pacer_update(&pacer, now += 20000);
		while (zr_pacer_take(&pacer, 60))
			taken++;
		refused = taken ? sim_below(&random, taken + 1) : 0;
		for (uint32_t r = 0; r < refused; r++)
			zr_pacer_refund(&pacer, 60);
		if (refused && zr_pacer_delay_ns(&pacer, 60))
			cr_assert_fail("the frame given back must wait");
		nr_sent += taken - refused;
	}
	/* Never faster than the rate, however much was given back. */
	cr_assert(nr_sent <= (now - START_NS) * rate / NS_PER_S + 17, "%llu",
		  (unsigned long long)nr_sent);
	cr_assert(nr_sent >= (now - START_NS) * rate / NS_PER_S / 2, "%llu",
		  (unsigned long long)nr_sent);
}

Test(pacer, clock_that_stands_still_gives_nothing)
{
	struct zr_pacer pacer;

	zr_pacer_init(&pacer, 1000000, 0, 64, 1514);
	cr_assert(send_for(&pacer, START_NS, 0, 1, 60) == 1);
	for (uint32_t i = 0; i < 1000; i++)
		cr_assert(send_for(&pacer, START_NS, 0, 1, 60) == 0);
}
