/* SPDX-License-Identifier: BSD-2-Clause */
/* Where workers are best placed: what sysfs and procfs tell of CPUs, nodes and interrupts. */
#include "workers.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/cleanup.h"
#include "core/cpus.h"
#include "core/diag.h"
#include "core/directory.h"

#define TEXT_BYTES 4096u /* a list of CPUs; one that is longer is left out */
#define MAX_NODES  1024u

/* -errno, or the bytes of a small file; cut files are refused. */
static int read_text(const char *path, char text[TEXT_BYTES])
{
	uint32_t nr = 0;
	ssize_t got = 1;

	ZR_AUTO_FD fd = zr_open(path, O_RDONLY);
	if (fd < 0)
		return fd;
	while (got > 0 && nr < TEXT_BYTES) {
		got = zr_read(fd, text + nr, TEXT_BYTES - nr);
		if (got < 0)
			return (int)got;
		nr += (uint32_t)got;
	}
	if (nr == TEXT_BYTES)
		return -EFBIG;
	text[nr] = '\0';
	return (int)nr;
}

static bool read_cpus(const char *path, struct zr_cpus *ret_cpus)
{
	char text[TEXT_BYTES];

	return read_text(path, text) > 0 && zr_cpus_parse(text, ret_cpus);
}

static void node_path(char *path, size_t size, uint32_t node)
{
	snprintf(path, size, "/sys/devices/system/node/node%u/cpulist", node);
}

/* ---- interrupts ---- */

struct irqs {
	struct zr_irq list[ZR_MAX_IRQS];
	uint32_t nr;
};

static void add_irq(void *context, const char *name)
{
	struct irqs *irqs = context;
	char *end;
	const unsigned long number = strtoul(name, &end, 10);

	if (*end || end == name || number > UINT32_MAX || irqs->nr == ZR_MAX_IRQS)
		return;
	irqs->list[irqs->nr++] = (struct zr_irq){.number = (uint32_t)number, .cpu = ZR_MAX_CPUS};
}

static int by_number(const void *a, const void *b)
{
	const uint32_t left = ((const struct zr_irq *)a)->number;
	const uint32_t right = ((const struct zr_irq *)b)->number;

	return (left > right) - (left < right);
}

/* The handler's name is a directory beside the files of an interrupt. */
static void find_receive_name(void *context, const char *name)
{
	static const char *const files[] = {
		"affinity_hint", "effective_affinity", "effective_affinity_list",
		"node",          "smp_affinity",       "smp_affinity_list",
		"spurious"};
	bool *is_receive = context;

	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
		if (strcmp(name, files[i]) == 0)
			return;
	*is_receive = *is_receive || zr_irq_is_receive(name);
}

static bool is_receive_irq(uint32_t number)
{
	bool is_receive = false;
	char path[64];

	snprintf(path, sizeof(path), "/proc/irq/%u", number);
	zr_directory_list(path, find_receive_name, &is_receive);
	return is_receive;
}

/* Where it really goes; before Linux 4.15 only where it may go is known. */
static uint32_t irq_cpu(uint32_t number)
{
	static const char *const files[] = {"effective_affinity_list", "smp_affinity_list"};
	struct zr_cpus cpus;
	char path[96];

	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		snprintf(path, sizeof(path), "/proc/irq/%u/%s", number, files[i]);
		if (read_cpus(path, &cpus))
			return zr_cpus_next(&cpus, 0);
	}
	return ZR_MAX_CPUS;
}

/* Of the device itself, or of the bus device behind it (virtio). Those of receive queues stay. */
static void read_irqs(const char *interface, struct irqs *irqs)
{
	static const char *const places[] = {"device/msi_irqs", "device/../msi_irqs"};
	uint32_t nr = 0;
	char path[128];

	for (size_t i = 0; i < sizeof(places) / sizeof(*places) && !irqs->nr; i++) {
		snprintf(path, sizeof(path), "/sys/class/net/%s/%s", interface, places[i]);
		zr_directory_list(path, add_irq, irqs);
	}
	qsort(irqs->list, irqs->nr, sizeof(*irqs->list), by_number);
	for (uint32_t i = 0; i < irqs->nr; i++)
		if (is_receive_irq(irqs->list[i].number)) {
			irqs->list[nr] = irqs->list[i];
			irqs->list[nr++].cpu = irq_cpu(irqs->list[i].number);
		}
	irqs->nr = nr;
}

/* ---- the plan ---- */

/* The node of each chosen CPU; where the kernel knows none, it stays -1. */
static void tell_nodes(struct zring_worker_plan *plan)
{
	struct zr_cpus nodes, cpus;
	char path[96];

	if (!read_cpus("/sys/devices/system/node/online", &nodes))
		return;
	for (uint32_t node = zr_cpus_next(&nodes, 0); node < MAX_NODES;
	     node = zr_cpus_next(&nodes, node + 1)) {
		node_path(path, sizeof(path), node);
		if (!read_cpus(path, &cpus))
			continue;
		for (uint32_t i = 0; i < plan->nr_workers; i++)
			if (zr_cpus_has(&cpus, plan->places[i].cpu))
				plan->places[i].numa_node = (int32_t)node;
	}
}

/* The node of the interface, as far as it has CPUs that may be used. */
static bool read_local(int32_t node, const struct zr_cpus *allowed, struct zr_cpus *ret_local)
{
	char path[96];

	if (node < 0)
		return false;
	node_path(path, sizeof(path), (uint32_t)node);
	if (!read_cpus(path, ret_local))
		return false;
	zr_cpus_and(ret_local, allowed);
	return true;
}

static void read_interface(const struct zring_interface *interface, struct irqs *irqs,
			   struct zring_worker_plan *plan)
{
	memcpy(plan->interface, interface->name, sizeof(plan->interface));
	plan->numa_node = interface->numa_node;
	if (interface->has_device)
		read_irqs(interface->name, irqs);
}

static int check(uint32_t nr_workers, uint32_t policy, struct zring_diag *diag)
{
	if (nr_workers > ZRING_MAX_WORKERS)
		return zr_fail(diag, -EINVAL, "plan", "%u workers: at most %u", nr_workers,
			       ZRING_MAX_WORKERS);
	if (policy > ZRING_PLACE_WITH_QUEUE)
		return zr_fail(diag, -EINVAL, "plan", "policy %u is no enum zring_place_policy",
			       policy);
	return 0;
}

int zr_plan_read(const struct zring_interface *interface, uint32_t nr_workers, uint32_t policy,
		 struct zring_diag *diag, struct zring_worker_plan *ret_plan)
{
	struct zring_worker_plan plan = {
		.numa_node = -1, .policy = policy, .nr_workers = nr_workers};
	struct zr_cpus allowed = {0}, local = {0};
	struct irqs irqs = {.nr = 0};
	struct zr_plan_input input = {.allowed = &allowed, .irqs = irqs.list};
	int err;

	err = check(nr_workers, policy, diag);
	if (err)
		return err;
	if (interface)
		read_interface(interface, &irqs, &plan);
	err = zr_getaffinity(&allowed, sizeof(allowed));
	if (err < 0)
		return zr_fail(diag, err, "plan", "the CPUs that may be used: %s", strerror(-err));
	if (read_local(plan.numa_node, &allowed, &local))
		input.local = &local;
	input.nr_irqs = irqs.nr;
	zr_plan_make(&input, &plan);
	tell_nodes(&plan);
	*ret_plan = plan;
	return 0;
}

int zring_workers_plan(const char *interface, uint32_t nr_workers, uint32_t policy,
		       struct zring_diag *diag, struct zring_worker_plan *ret_plan)
{
	struct zring_interface looked_up;
	int err;

	err = zring_interface_get(interface, diag, &looked_up);
	if (err)
		return err;
	return zr_plan_read(&looked_up, nr_workers, policy, diag, ret_plan);
}
