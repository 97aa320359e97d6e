/* SPDX-License-Identifier: BSD-2-Clause */
#include "cpus.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define WORD_BITS (8u * (uint32_t)sizeof(unsigned long))

void zr_cpus_add(struct zr_cpus *cpus, uint32_t cpu)
{
	cpus->words[cpu / WORD_BITS] |= 1ul << cpu % WORD_BITS;
}

bool zr_cpus_has(const struct zr_cpus *cpus, uint32_t cpu)
{
	return cpu < ZR_MAX_CPUS && (cpus->words[cpu / WORD_BITS] >> cpu % WORD_BITS & 1);
}

uint32_t zr_cpus_next(const struct zr_cpus *cpus, uint32_t cpu)
{
	while (cpu < ZR_MAX_CPUS && !zr_cpus_has(cpus, cpu))
		cpu++;
	return cpu;
}

uint32_t zr_cpus_count(const struct zr_cpus *cpus)
{
	uint32_t nr = 0;

	for (uint32_t i = 0; i < ZR_MAX_CPUS / WORD_BITS; i++)
		nr += (uint32_t)__builtin_popcountl(cpus->words[i]);
	return nr;
}

void zr_cpus_and(struct zr_cpus *cpus, const struct zr_cpus *other)
{
	for (uint32_t i = 0; i < ZR_MAX_CPUS / WORD_BITS; i++)
		cpus->words[i] &= other->words[i];
}

static bool parse_number(const char **text, uint32_t *ret_number)
{
	char *end;
	unsigned long number;

	if (!isdigit((unsigned char)**text))
		return false;
	number = strtoul(*text, &end, 10);
	if (number >= ZR_MAX_CPUS)
		return false;
	*text = end;
	*ret_number = (uint32_t)number;
	return true;
}

bool zr_cpus_parse(const char *text, struct zr_cpus *ret_cpus)
{
	struct zr_cpus cpus = {0};
	uint32_t first, last;

	while (*text && *text != '\n') {
		if (!parse_number(&text, &first))
			return false;
		last = first;
		if (*text == '-' && (text++, !parse_number(&text, &last) || last < first))
			return false;
		for (uint32_t cpu = first; cpu <= last; cpu++)
			zr_cpus_add(&cpus, cpu);
		if (*text == ',')
			text++;
		else if (*text && *text != '\n')
			return false;
	}
	*ret_cpus = cpus;
	return true;
}

static bool contains(const char *name, const char *const *words, size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		if (strcasestr(name, words[i]))
			return true;
	return false;
}

/*
 * Drivers name their interrupts as they like: eth0-TxRx-3, virtio3-input.0,
 * mlx5_comp2@pci:0000:08:00.0, eth0-rx-1, eth0-5 for both directions.
 */
bool zr_irq_is_receive(const char *name)
{
	static const char *const receive[] = {"rx", "input", "_comp"};
	static const char *const other[] = {"tx",    "output", "config", "async", "ctrl",
					    "event", "misc",   "mgm",    "aeq",   "control"};
	const size_t len = strlen(name);

	if (contains(name, receive, sizeof(receive) / sizeof(*receive)))
		return true;
	if (contains(name, other, sizeof(other) / sizeof(*other)))
		return false;
	return len && isdigit((unsigned char)name[len - 1]);
}

/* A CPU's worth, smaller is better. */
struct candidate {
	uint32_t cpu;
	uint32_t rank;
};

static uint32_t find_irq(const struct zr_plan_input *input, uint32_t cpu)
{
	uint32_t i = 0;

	while (i < input->nr_irqs && input->irqs[i].cpu != cpu)
		i++;
	return i;
}

static bool is_local(const struct zr_plan_input *input, uint32_t cpu)
{
	return !input->local || zr_cpus_has(input->local, cpu);
}

static bool is_interrupted(const struct zr_plan_input *input, uint32_t cpu)
{
	return find_irq(input, cpu) < input->nr_irqs;
}

/* The allowed CPU of that rank: bit 1 is not local, bit 0 takes interrupts. */
static uint32_t next_of_rank(const struct zr_plan_input *input, uint32_t rank, uint32_t cpu)
{
	for (cpu = zr_cpus_next(input->allowed, cpu); cpu < ZR_MAX_CPUS;
	     cpu = zr_cpus_next(input->allowed, cpu + 1)) {
		const uint32_t here =
			(is_local(input, cpu) ? 0u : 2u) + (is_interrupted(input, cpu) ? 1u : 0u);

		if (here == rank)
			break;
	}
	return cpu;
}

/* The best CPU behind @at in the order of ranks, then numbers; round and round. */
static struct candidate after(const struct zr_plan_input *input, struct candidate at)
{
	for (uint32_t i = 0; i <= 4; i++) {
		const uint32_t rank = (at.rank + i) % 4;
		const uint32_t cpu = next_of_rank(input, rank, i ? 0 : at.cpu + 1);

		if (cpu < ZR_MAX_CPUS)
			return (struct candidate){cpu, rank};
	}
	return at;
}

static uint32_t count_rank(const struct zr_plan_input *input, uint32_t rank)
{
	uint32_t nr = 0;

	for (uint32_t cpu = next_of_rank(input, rank, 0); cpu < ZR_MAX_CPUS;
	     cpu = next_of_rank(input, rank, cpu + 1))
		nr++;
	return nr;
}

/* The whole of the best rank that is not empty; with queues, one a queue. */
static uint32_t choose_number(const struct zr_plan_input *input, uint32_t policy)
{
	uint32_t nr = policy == ZRING_PLACE_WITH_QUEUE ? input->nr_irqs : 0;

	for (uint32_t rank = 0; !nr && rank < 4; rank++)
		nr = count_rank(input, rank);
	return nr < ZRING_MAX_WORKERS ? nr : ZRING_MAX_WORKERS;
}

static struct zring_worker_place describe(const struct zr_plan_input *input, uint32_t cpu)
{
	const uint32_t queue = find_irq(input, cpu);
	const bool interrupted = queue < input->nr_irqs;

	return (struct zring_worker_place){
		.cpu = cpu,
		.numa_node = -1,
		.queue = interrupted ? (int32_t)queue : -1,
		.irq = interrupted ? (int32_t)input->irqs[queue].number : -1,
		.flags = (is_local(input, cpu) ? ZRING_PLACE_LOCAL : 0) |
			 (interrupted ? ZRING_PLACE_INTERRUPTS : 0),
	};
}

static void mark_shared(struct zring_worker_plan *plan)
{
	for (uint32_t i = 0; i < plan->nr_workers; i++)
		for (uint32_t j = 0; j < plan->nr_workers; j++)
			if (i != j && plan->places[i].cpu == plan->places[j].cpu)
				plan->places[i].flags |= ZRING_PLACE_SHARED;
}

/* The CPU of queue @i, if there is such and it may be used. */
static bool queue_cpu(const struct zr_plan_input *input, uint32_t i, uint32_t *ret_cpu)
{
	if (!input->nr_irqs)
		return false;
	*ret_cpu = input->irqs[i % input->nr_irqs].cpu;
	return zr_cpus_has(input->allowed, *ret_cpu);
}

void zr_plan_make(const struct zr_plan_input *input, struct zring_worker_plan *plan)
{
	const bool with_queue = plan->policy == ZRING_PLACE_WITH_QUEUE;
	/* In front of the first: the search goes on behind it and comes round. */
	struct candidate at = {ZR_MAX_CPUS, 3};

	plan->nr_cpus = zr_cpus_count(input->allowed);
	plan->nr_local_cpus = count_rank(input, 0) + count_rank(input, 1);
	plan->nr_irqs = input->nr_irqs;
	if (!plan->nr_workers)
		plan->nr_workers = choose_number(input, plan->policy);
	for (uint32_t i = 0; i < plan->nr_workers; i++) {
		uint32_t cpu;

		if (with_queue && queue_cpu(input, i, &cpu)) {
			plan->places[i] = describe(input, cpu);
			plan->places[i].queue = (int32_t)(i % input->nr_irqs);
			plan->places[i].irq = (int32_t)input->irqs[i % input->nr_irqs].number;
			continue;
		}
		at = after(input, at);
		plan->places[i] = describe(input, at.cpu);
	}
	mark_shared(plan);
}
