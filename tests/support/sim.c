/* SPDX-License-Identifier: BSD-2-Clause */
#include "sim.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define ETHERTYPE_AT 12u
#define NUMBER_AT    14u

static const char *seed_part = "";
static uint64_t seed_value;

void sim_say_seed(const char *part, uint64_t seed)
{
	seed_part = part;
	seed_value = seed;
}

_Noreturn void sim_fail(const char *file, int line, const char *condition, const char *format, ...)
{
	va_list arguments;

	fflush(stdout);
	fprintf(stderr, "%s:%d: [%s, seed %llu] (%s) does not hold: ", file, line, seed_part,
		(unsigned long long)seed_value, condition);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	fflush(stderr);
	_exit(1);
}

uint64_t sim_random(uint64_t *state)
{
	uint64_t value = *state += UINT64_C(0x9e3779b97f4a7c15);

	value = (value ^ value >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	value = (value ^ value >> 27) * UINT64_C(0x94d049bb133111eb);
	return value ^ value >> 31;
}

uint32_t sim_below(uint64_t *state, uint32_t limit)
{
	return (uint32_t)(sim_random(state) % limit);
}

bool sim_chance(uint64_t *state, uint32_t permille)
{
	return sim_below(state, 1000) < permille;
}

/* The byte at @at, behind the number, of frame @number. */
static uint8_t byte_of(uint64_t number, uint32_t len, uint32_t at)
{
	return (uint8_t)((number * 31 + len * 7 + at) * UINT64_C(0x9e3779b97f4a7c15) >> 56);
}

void sim_frame_fill(uint8_t *data, uint32_t len, uint64_t number)
{
	static const uint8_t head[NUMBER_AT] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x88, 0xb5};

	memcpy(data, head, len < NUMBER_AT ? len : NUMBER_AT);
	if (len < SIM_LEAST_BYTES)
		return;
	memcpy(data + NUMBER_AT, &number, sizeof(number));
	for (uint32_t at = SIM_LEAST_BYTES; at < len; at++)
		data[at] = byte_of(number, len, at);
}

uint64_t sim_frame_number(const uint8_t *data)
{
	uint64_t number;

	memcpy(&number, data + NUMBER_AT, sizeof(number));
	return number;
}

bool sim_frame_matches(const uint8_t *data, uint32_t len, uint32_t wire_len, uint64_t number)
{
	if (len > wire_len || data[0] != 2 || data[ETHERTYPE_AT] != 0x88 ||
	    data[ETHERTYPE_AT + 1] != 0xb5)
		return false;
	if (len < SIM_LEAST_BYTES)
		return true;
	if (sim_frame_number(data) != number)
		return false;
	for (uint32_t at = SIM_LEAST_BYTES; at < len; at++)
		if (data[at] != byte_of(number, wire_len, at))
			return false;
	return true;
}

void sim_guarded_make(struct sim_guarded *guarded, size_t bytes)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	const size_t usable = (bytes + page - 1) / page * page;
	uint8_t *mapping = mmap(NULL, usable + page, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (mapping == MAP_FAILED || mprotect(mapping + usable, page, PROT_NONE)) {
		perror("guarded memory");
		abort();
	}
	*guarded = (struct sim_guarded){
		.data = mapping + usable - bytes,
		.bytes = bytes,
		.mapping = mapping,
		.mapping_bytes = usable + page,
	};
}

void sim_guarded_end(struct sim_guarded *guarded)
{
	munmap(guarded->mapping, guarded->mapping_bytes);
	*guarded = (struct sim_guarded){0};
}
