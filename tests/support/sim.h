/* SPDX-License-Identifier: BSD-2-Clause */
/* What the simulations share: checks that end the program, seeded chance, frames with a number. */
#ifndef SIM_H
#define SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Ends the program with the place and the words unless @condition holds. Any thread. */
#define SIM_CHECK(condition, ...) \
	((condition) ? (void)0 : sim_fail(__FILE__, __LINE__, #condition, __VA_ARGS__))

_Noreturn void sim_fail(const char *file, int line, const char *condition, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
/* Said in front of each failure, so that it can be repeated. */
void sim_say_seed(const char *part, uint64_t seed);

/* splitmix64: the same numbers from the same seed, everywhere. */
uint64_t sim_random(uint64_t *state);
uint32_t sim_below(uint64_t *state, uint32_t limit);
/* True in so many of 1000 cases. */
bool sim_chance(uint64_t *state, uint32_t permille);

#define SIM_LEAST_BYTES 22u /* Ethernet header and the number */

/* Writes frame number @number: its bytes follow from number and length. */
void sim_frame_fill(uint8_t *data, uint32_t len, uint64_t number);
uint64_t sim_frame_number(const uint8_t *data);
/* The first @len bytes are those of frame @number as it was made with @wire_len. */
bool sim_frame_matches(const uint8_t *data, uint32_t len, uint32_t wire_len, uint64_t number);

/* Memory whose last byte stands in front of a page that may not be touched. */
struct sim_guarded {
	uint8_t *data;
	size_t bytes;
	void *mapping;
	size_t mapping_bytes;
};

void sim_guarded_make(struct sim_guarded *guarded, size_t bytes);
void sim_guarded_end(struct sim_guarded *guarded);

#endif
