/* SPDX-License-Identifier: BSD-2-Clause */
/* What is read of sysfs and procfs for a plan, out of a tree of the test's own. */
#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "syscall.h"
#include "workers.h"

static char root[64];

/* Absolute paths are those of the tree. */
static int open_in_tree(const char *path, int flags)
{
	char inside[512];

	snprintf(inside, sizeof(inside), "%s%s", root, path);
	return open(inside, flags);
}

static int two_nodes_of_four(pid_t thread, size_t len, cpu_set_t *ret_cpus)
{
	const unsigned char eight = 0xff;

	(void)thread;
	memset(ret_cpus, 0, len);
	memcpy(ret_cpus, &eight, 1);
	return 0;
}

static void write_file(const char *path, const char *text)
{
	char inside[512];
	FILE *file;

	snprintf(inside, sizeof(inside), "%s%s", root, path);
	for (char *at = inside + strlen(root) + 1; (at = strchr(at, '/')); at++) {
		*at = '\0';
		mkdir(inside, 0755);
		*at = '/';
	}
	file = fopen(inside, "w");
	cr_assert(file, "%s: %s", inside, strerror(errno));
	fputs(text, file);
	fclose(file);
}

static void write_irq(uint32_t number, const char *name, const char *effective, const char *allowed)
{
	char path[128];

	snprintf(path, sizeof(path), "/proc/irq/%u/%s/.keep", number, name);
	write_file(path, "");
	snprintf(path, sizeof(path), "/proc/irq/%u/smp_affinity_list", number);
	write_file(path, allowed);
	snprintf(path, sizeof(path), "/proc/irq/%u/effective_affinity_list", number);
	if (*effective)
		write_file(path, effective);
}

static struct zr_syscalls table;

static void make_tree(void)
{
	snprintf(root, sizeof(root), "/tmp/zring-plan-XXXXXX");
	cr_assert(mkdtemp(root));
	table = zr_sys_kernel;
	table.open = open_in_tree;
	table.sched_getaffinity = two_nodes_of_four;
	zr_sys = &table;
	write_file("/sys/devices/system/node/online", "0-1\n");
	write_file("/sys/devices/system/node/node0/cpulist", "0-3\n");
	write_file("/sys/devices/system/node/node1/cpulist", "4-7\n");
}

static void remove_tree(void)
{
	char command[128];

	zr_sys = &zr_sys_kernel;
	snprintf(command, sizeof(command), "rm -rf %s", root);
	cr_assert(system(command) == 0);
}

TestSuite(workers_plan, .init = make_tree, .fini = remove_tree);

static struct zring_worker_plan read_plan(const struct zring_interface *interface, uint32_t nr,
					  uint32_t policy)
{
	struct zring_worker_plan plan;
	struct zring_diag diag = {0};

	cr_assert(zr_plan_read(interface, nr, policy, &diag, &plan) == 0, "%s", diag.message);
	return plan;
}

static const struct zring_interface nic = {.name = "eth7", .numa_node = 1, .has_device = 1};

Test(workers_plan, a_nic_is_read_with_its_interrupts)
{
	struct zring_worker_plan plan;

	write_file("/sys/class/net/eth7/device/msi_irqs/101", "");
	write_file("/sys/class/net/eth7/device/msi_irqs/99", "");
	write_file("/sys/class/net/eth7/device/msi_irqs/100", "");
	write_irq(99, "eth7-ctrl", "4\n", "0-7\n");
	write_irq(100, "eth7-TxRx-0", "5\n", "0-7\n");
	write_irq(101, "eth7-TxRx-1", "", "6-7\n");
	plan = read_plan(&nic, 0, ZRING_PLACE_APART);
	cr_assert_str_eq(plan.interface, "eth7");
	cr_assert(plan.numa_node == 1 && plan.nr_irqs == 2 && plan.nr_cpus == 8 &&
			  plan.nr_local_cpus == 4,
		  "%u interrupts", plan.nr_irqs);
	cr_assert(plan.nr_workers == 2 && plan.places[0].cpu == 4 && plan.places[1].cpu == 7);
	cr_assert(plan.places[0].numa_node == 1);
	plan = read_plan(&nic, 0, ZRING_PLACE_WITH_QUEUE);
	cr_assert(plan.nr_workers == 2 && plan.places[0].cpu == 5 && plan.places[1].cpu == 6);
	cr_assert(plan.places[0].irq == 100 && plan.places[1].irq == 101);
	plan = read_plan(&nic, 5, ZRING_PLACE_APART);
	cr_assert(plan.places[4].cpu == 0 && plan.places[4].numa_node == 0);
}

/* The interrupts belong to the PCI device behind the virtio device. */
Test(workers_plan, a_virtio_nic_is_read_one_level_up)
{
	struct zring_worker_plan plan;

	write_file("/sys/class/net/eth7/device/.keep", "");
	write_file("/sys/class/net/eth7/msi_irqs/40", "");
	write_file("/sys/class/net/eth7/msi_irqs/41", "");
	write_irq(40, "virtio3-input.0", "2\n", "0-7\n");
	write_irq(41, "virtio3-output.0", "3\n", "0-7\n");
	plan = read_plan(&nic, 1, ZRING_PLACE_WITH_QUEUE);
	cr_assert(plan.nr_irqs == 1 && plan.places[0].cpu == 2 && plan.places[0].irq == 40);
	cr_assert(plan.places[0].flags == ZRING_PLACE_INTERRUPTS, "not on its node");
}

Test(workers_plan, more_interrupts_than_one_read_gives_are_sorted)
{
	struct zring_worker_plan plan;

	for (uint32_t i = 0; i < 300; i++) {
		char path[128], name[32], cpu[16];

		snprintf(path, sizeof(path), "/sys/class/net/eth7/device/msi_irqs/%u", 1000 + i);
		write_file(path, "");
		snprintf(name, sizeof(name), "eth7-rx-%u", i);
		snprintf(cpu, sizeof(cpu), "%u\n", i % 8);
		write_irq(1000 + i, name, cpu, "0-7\n");
	}
	plan = read_plan(&nic, 256, ZRING_PLACE_WITH_QUEUE);
	cr_assert(plan.nr_irqs == 300, "%u", plan.nr_irqs);
	for (uint32_t i = 0; i < 256; i++)
		cr_assert(plan.places[i].cpu == i % 8 && plan.places[i].irq == 1000 + (int32_t)i);
}

/* Software devices, and what is hidden: the CPUs in order. */
Test(workers_plan, what_cannot_be_seen_is_left_out)
{
	const struct zring_interface soft = {.name = "veth0", .numa_node = -1};
	struct zring_worker_plan plan;

	plan = read_plan(&soft, 0, ZRING_PLACE_APART);
	cr_assert(plan.nr_workers == 8 && plan.nr_irqs == 0 && plan.numa_node == -1);
	for (uint32_t i = 0; i < 8; i++)
		cr_assert(plan.places[i].cpu == i && plan.places[i].flags == ZRING_PLACE_LOCAL &&
			  plan.places[i].numa_node == (int32_t)i / 4);
	plan = read_plan(&nic, 3, ZRING_PLACE_APART);
	cr_assert(plan.nr_irqs == 0 && plan.places[0].cpu == 4, "no msi_irqs, but a node");
	write_file("/sys/devices/system/node/node1/cpulist", "nonsense");
	write_file("/sys/class/net/eth7/device/msi_irqs/7", "");
	write_file("/sys/class/net/eth7/device/msi_irqs/power", "");
	plan = read_plan(&nic, 3, ZRING_PLACE_APART);
	cr_assert(plan.nr_irqs == 0 && plan.places[0].cpu == 0);
	plan = read_plan(NULL, 2, ZRING_PLACE_APART);
	cr_assert(plan.interface[0] == '\0' && plan.nr_workers == 2 && plan.places[1].cpu == 1);
}

Test(workers_plan, what_is_out_of_range_is_refused)
{
	struct zring_worker_plan plan = {.nr_workers = 77};
	struct zring_diag diag = {0};

	cr_assert(zr_plan_read(&nic, ZRING_MAX_WORKERS + 1, 0, &diag, &plan) == -EINVAL);
	cr_assert(strstr(diag.message, "257 workers"), "%s", diag.message);
	cr_assert(zr_plan_read(&nic, 1, 2, &diag, &plan) == -EINVAL);
	cr_assert(strstr(diag.message, "policy 2"), "%s", diag.message);
	cr_assert(plan.nr_workers == 77, "untouched");
}
