/* SPDX-License-Identifier: BSD-2-Clause */
/* Sets of CPUs and the choice among them, on machines that are made up. */
#include <criterion/criterion.h>
#include <string.h>

#include "core/cpus.h"
#include "support/sim.h"

static struct zr_cpus cpus(const char *text)
{
	struct zr_cpus set;

	cr_assert(zr_cpus_parse(text, &set), "%s", text);
	return set;
}

Test(cpus, lists_are_read)
{
	struct zr_cpus set = cpus("0-3,8,62-65,8191\n");

	cr_assert(zr_cpus_count(&set) == 10);
	for (uint32_t cpu = 0; cpu < ZR_MAX_CPUS; cpu++)
		cr_assert(zr_cpus_has(&set, cpu) ==
				  (cpu <= 3 || cpu == 8 || (cpu >= 62 && cpu <= 65) || cpu == 8191),
			  "CPU %u", cpu);
	cr_assert(!zr_cpus_has(&set, ZR_MAX_CPUS));
	cr_assert(zr_cpus_next(&set, 4) == 8 && zr_cpus_next(&set, 9) == 62);
	cr_assert(zr_cpus_next(&set, 8191) == 8191);
	set = cpus("\n");
	cr_assert(zr_cpus_count(&set) == 0 && zr_cpus_next(&set, 0) == ZR_MAX_CPUS);
}

Test(cpus, what_is_no_list_is_refused)
{
	static const char *const wrong[] = {"a",    "0-",  "-3",    "3-1", "8192",
					    "0,,1", "0 1", "1-2-3", "0x1", "99999999999999999999"};
	struct zr_cpus set;

	memset(&set, 7, sizeof(set));
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		cr_assert(!zr_cpus_parse(wrong[i], &set), "%s", wrong[i]);
	cr_assert(set.words[0] == 0x0707070707070707ul || sizeof(long) == 4, "untouched");
}

Test(cpus, sets_are_cut)
{
	struct zr_cpus set = cpus("0-7,100"), other = cpus("4-9,100,200");

	zr_cpus_and(&set, &other);
	cr_assert(zr_cpus_count(&set) == 5 && zr_cpus_has(&set, 100) && !zr_cpus_has(&set, 200));
}

Test(cpus, receive_interrupts_are_known_by_name)
{
	static const char *const receive[] = {"eth0-TxRx-3",
					      "virtio3-input.0",
					      "virtio3-rx",
					      "mlx5_comp2@pci:0000:08:00.0",
					      "i40e-enp1s0f0-TxRx-11",
					      "eth0-rx-1",
					      "eth0-5",
					      "ena-Tx-Rx-0",
					      "gve-ntfy-blk3",
					      "eth0"};
	static const char *const other[] = {"virtio3-output.0",
					    "virtio3-config",
					    "virtio3-event",
					    "eth0-tx-0",
					    "mlx5_async0@pci:0000:08:00.0",
					    "ice-0000:01:00.0:misc",
					    "ena-mgmnt@pci:0000:00:05.0"};

	for (size_t i = 0; i < sizeof(receive) / sizeof(*receive); i++)
		cr_assert(zr_irq_is_receive(receive[i]), "%s", receive[i]);
	for (size_t i = 0; i < sizeof(other) / sizeof(*other); i++)
		cr_assert(!zr_irq_is_receive(other[i]), "%s", other[i]);
}

/* ---- plans ---- */

struct machine {
	struct zr_cpus allowed, local;
	struct zr_irq irqs[16];
	struct zr_plan_input input;
};

/* Interrupts number 40 and on, one a CPU of @irq_cpus in that order; @local "": no node. */
static void make_machine(struct machine *machine, const char *allowed, const char *local,
			 const uint32_t *irq_cpus, uint32_t nr_irqs)
{
	machine->allowed = cpus(allowed);
	machine->local = cpus(local);
	for (uint32_t i = 0; i < nr_irqs; i++)
		machine->irqs[i] = (struct zr_irq){40 + i, irq_cpus[i]};
	machine->input = (struct zr_plan_input){
		.allowed = &machine->allowed,
		.local = *local ? &machine->local : NULL,
		.irqs = machine->irqs,
		.nr_irqs = nr_irqs,
	};
}

static struct zring_worker_plan plan(const struct machine *machine, uint32_t nr, uint32_t policy)
{
	struct zring_worker_plan made = {.policy = policy, .nr_workers = nr};

	zr_plan_make(&machine->input, &made);
	return made;
}

static void expect_cpus(const struct zring_worker_plan *made, const uint32_t *expected, uint32_t nr)
{
	cr_assert(made->nr_workers == nr, "%u workers, not %u", made->nr_workers, nr);
	for (uint32_t i = 0; i < nr; i++)
		cr_assert(made->places[i].cpu == expected[i], "worker %u on CPU %u, not %u", i,
			  made->places[i].cpu, expected[i]);
}

#define EXPECT_CPUS(made, ...)                                                        \
	do {                                                                          \
		static const uint32_t expected_[] = {__VA_ARGS__};                    \
                                                                                      \
		expect_cpus(made, expected_, sizeof(expected_) / sizeof(*expected_)); \
	} while (0)

/* Eight CPUs in two nodes; the interface is on the second and its two queues go to 4 and 6. */
Test(cpus, workers_stand_apart_from_interrupts_on_the_node)
{
	static const uint32_t irq_cpus[] = {6, 4};
	struct zring_worker_plan made;
	struct machine machine;

	make_machine(&machine, "0-7", "4-7", irq_cpus, 2);
	made = plan(&machine, 0, ZRING_PLACE_APART);
	EXPECT_CPUS(&made, 5, 7);
	cr_assert(made.nr_cpus == 8 && made.nr_local_cpus == 4 && made.nr_irqs == 2);
	for (uint32_t i = 0; i < 2; i++)
		cr_assert(made.places[i].flags == ZRING_PLACE_LOCAL && made.places[i].queue == -1 &&
			  made.places[i].irq == -1);
	/* More: those with interrupts, then the other node, then all over again. */
	made = plan(&machine, 10, ZRING_PLACE_APART);
	EXPECT_CPUS(&made, 5, 7, 4, 6, 0, 1, 2, 3, 5, 7);
	cr_assert(made.places[2].flags == (ZRING_PLACE_LOCAL | ZRING_PLACE_INTERRUPTS) &&
		  made.places[2].queue == 1 && made.places[2].irq == 41);
	cr_assert(made.places[4].flags == 0);
	cr_assert(made.places[0].flags == (ZRING_PLACE_LOCAL | ZRING_PLACE_SHARED) &&
		  made.places[9].flags == made.places[0].flags);
}

Test(cpus, workers_stand_with_their_queues)
{
	static const uint32_t irq_cpus[] = {6, 4, 1};
	struct zring_worker_plan made;
	struct machine machine;

	make_machine(&machine, "0-7", "4-7", irq_cpus, 3);
	made = plan(&machine, 0, ZRING_PLACE_WITH_QUEUE);
	EXPECT_CPUS(&made, 6, 4, 1);
	for (uint32_t i = 0; i < 3; i++)
		cr_assert(made.places[i].queue == (int32_t)i &&
			  made.places[i].irq == 40 + (int32_t)i);
	/* A queue whose CPU may not be used, or is unknown, gives its worker the best other one. */
	machine.irqs[1].cpu = ZR_MAX_CPUS;
	machine.allowed = cpus("0,4-7");
	made = plan(&machine, 4, ZRING_PLACE_WITH_QUEUE);
	EXPECT_CPUS(&made, 6, 4, 5, 6);
	cr_assert(made.places[3].flags & ZRING_PLACE_SHARED);
}

/* One that all interrupts go to, or all CPUs that take some. */
Test(cpus, small_machines_have_a_plan)
{
	static const uint32_t both[] = {0, 1};
	struct zring_worker_plan made;
	struct machine machine;

	make_machine(&machine, "0-1", "", both, 2);
	made = plan(&machine, 0, ZRING_PLACE_APART);
	EXPECT_CPUS(&made, 0, 1);
	make_machine(&machine, "0-1", "", both, 1);
	made = plan(&machine, 0, ZRING_PLACE_APART);
	EXPECT_CPUS(&made, 1);
	make_machine(&machine, "3", "", both, 0);
	made = plan(&machine, 3, ZRING_PLACE_WITH_QUEUE);
	EXPECT_CPUS(&made, 3, 3, 3);
	cr_assert(made.places[1].flags == (ZRING_PLACE_LOCAL | ZRING_PLACE_SHARED));
	/* A node none of whose CPUs may be used. */
	make_machine(&machine, "0-2", "8-9", both, 0);
	made = plan(&machine, 0, ZRING_PLACE_APART);
	EXPECT_CPUS(&made, 0, 1, 2);
	cr_assert(made.nr_local_cpus == 0 && made.places[0].flags == 0);
}

Test(cpus, a_large_machine_is_cut_to_the_most_workers)
{
	struct zring_worker_plan made;
	struct machine machine;

	make_machine(&machine, "0-8191", "", NULL, 0);
	made = plan(&machine, 0, ZRING_PLACE_APART);
	cr_assert(made.nr_workers == ZRING_MAX_WORKERS && made.nr_cpus == 8192);
	cr_assert(made.places[255].cpu == 255);
}

/* Whatever the machine is: every place is allowed, and a CPU is shared only when all are taken. */
Test(cpus, no_plan_breaks_the_rules)
{
	uint64_t random = 1;

	for (uint32_t round = 0; round < 3000; round++) {
		struct machine machine;
		struct zring_worker_plan made;
		uint32_t irq_cpus[8], nr_irqs = sim_below(&random, 8);

		for (uint32_t i = 0; i < nr_irqs; i++)
			irq_cpus[i] = sim_below(&random, 24);
		make_machine(&machine, "0", sim_below(&random, 2) ? "0" : "", irq_cpus, nr_irqs);
		for (uint32_t cpu = 0; cpu < 20; cpu++) {
			if (sim_below(&random, 2))
				zr_cpus_add(&machine.allowed, cpu);
			if (sim_below(&random, 2))
				zr_cpus_add(&machine.local, cpu);
		}
		made = plan(&machine, sim_below(&random, 30), sim_below(&random, 2));
		cr_assert(made.nr_workers >= 1);
		for (uint32_t i = 0; i < made.nr_workers; i++) {
			const struct zring_worker_place *place = &made.places[i];

			cr_assert(zr_cpus_has(&machine.allowed, place->cpu));
			if (made.policy == ZRING_PLACE_APART && made.nr_workers <= made.nr_cpus)
				cr_assert(!(place->flags & ZRING_PLACE_SHARED), "round %u", round);
		}
	}
}
