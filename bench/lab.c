/* SPDX-License-Identifier: BSD-2-Clause */
#include "lab.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "console.h"
#include "cpu.h"

#define CARRIER_STEP_NS 2000000u
#define CARRIER_STEPS   1000

/* The kernel's own IPv6 chatter would count as our frames. */
static int disable_ipv6(void)
{
	static const char *const paths[] = {
		"/proc/sys/net/ipv6/conf/all/disable_ipv6",
		"/proc/sys/net/ipv6/conf/default/disable_ipv6",
	};

	for (int i = 0; i < 2; i++) {
		int err = 0, fd = open(paths[i], O_WRONLY | O_CLOEXEC);

		if (fd < 0 && errno == ENOENT)
			return 0; /* a kernel without IPv6 */
		if (fd < 0)
			return -errno;
		if (write(fd, "1", 1) < 0)
			err = -errno;
		close(fd);
		if (err)
			return err;
	}
	return 0;
}

static int enter_namespace(void)
{
	int err;

	if (unshare(CLONE_NEWNET) < 0) {
		err = -errno;
		if (err == -EPERM)
			complain("cannot make a network namespace: CAP_SYS_ADMIN is missing; run "
				 "as root (sudo zring-bench), or as an ordinary user inside "
				 "`unshare -Urn`");
		else
			complain("cannot make a network namespace: %s; a kernel with "
				 "CONFIG_NET_NS is needed, or -i IFACE",
				 strerror(-err));
		return err;
	}
	err = disable_ipv6();
	if (err)
		complain("cannot turn IPv6 off in the lab: %s; mount /proc writable",
			 strerror(-err));
	return err;
}

/* The kernel notices in its own time that a new link has a carrier. */
static int open_soon(const char *name, struct link *ret_link)
{
	int err = link_open(name, ret_link);

	for (int i = 0; err == -ENETDOWN && i < CARRIER_STEPS; i++) {
		cpu_sleep_ns(CARRIER_STEP_NS);
		err = link_open(name, ret_link);
	}
	return err;
}

/* Both ends alike, so that either may send. NAPI (GRO) is what takes redirected XDP frames. */
static int make_wire(struct lab *lab, bool threaded, uint32_t mtu, int napi_cpu)
{
	char names[2][16];
	int err;

	/* The pid makes the names of the NAPI threads our own on the whole host. */
	for (int i = 0; i < 2; i++)
		snprintf(names[i], sizeof(names[i]), "z%c%d%c", threaded ? 't' : 'i', (int)getpid(),
			 'a' + i);
	err = link_create_veth(names[0], names[1], mtu);
	for (int i = 0; !err && i < 2; i++) {
		err = link_set_gro(names[i], 1);
		/* veth hands packets to NAPI only where they may merge: not out of a TSO sender. */
		if (!err && threaded)
			err = link_set_tso(names[i], 0);
		/* Else super-frames pass through whole and count as one. */
		if (!err)
			err = link_set_udp_gso(names[i], 0);
		if (err == -EOPNOTSUPP)
			err = 0; /* nor are there any, then */
		if (!err)
			err = link_set_up(names[i]);
	}
	for (int i = 0; !err && threaded && i < 2; i++)
		err = link_set_threaded(names[i]);
	/* From inside another pid or user namespace it can't be done: the scheduler places them. */
	lab->napi_placed = !err && threaded && !link_place_napi(names[0], napi_cpu) &&
			   !link_place_napi(names[1], napi_cpu);
	if (!err)
		err = open_soon(names[0], &lab->tested);
	if (!err)
		err = open_soon(names[1], &lab->far);
	return err;
}

static int make_lab(struct lab *lab, bool threaded, uint32_t mtu, int napi_cpu)
{
	int err;

	*lab = (struct lab){.name = threaded ? "threaded" : "inline", .has_far = true};
	err = make_wire(lab, threaded, mtu, napi_cpu);
	lab->usable = !err;
	if (err && threaded) {
		snprintf(lab->why, sizeof(lab->why),
			 "no threaded NAPI here (%s); Linux 5.12 and a writable "
			 "/sys/class/net/IFACE/threaded are needed",
			 strerror(-err));
		return 0;
	}
	if (err)
		complain("cannot make a veth pair: %s; is the veth module there?", strerror(-err));
	return err;
}

static uint32_t largest_frame(const struct bench_options *options)
{
	uint32_t largest = 0;

	for (size_t i = 0; i < options->nr_sizes; i++)
		if (options->sizes[i].largest > largest)
			largest = options->sizes[i].largest;
	return largest;
}

static int make_labs(const struct bench_options *options, struct lab labs[LABS_MAX])
{
	uint32_t largest = largest_frame(options);
	int nr = 0, err = enter_namespace();

	if (err)
		return err;
	for (int threaded = 0; threaded < 2; threaded++) {
		if (!(options->labs & (threaded ? BENCH_LAB_THREADED : BENCH_LAB_INLINE)))
			continue;
		err = make_lab(&labs[nr++], threaded, largest < 1514 ? 1500 : largest - 14,
			       options->cpus[1]);
		if (err)
			return err;
	}
	return nr;
}

static int open_real(const char *name, uint32_t largest, struct link *ret_link)
{
	int err = link_open(name, ret_link);

	if (err == -ENODEV)
		complain("%s: no such interface; `ip link` lists them", name);
	else if (err == -ENETDOWN)
		complain("%s: down or without carrier; `ip link set %s up`, then look at its other "
			 "end",
			 name, name);
	else if (err == -EPROTONOSUPPORT)
		complain("%s: not Ethernet; name an interface that is", name);
	else if (err)
		complain("%s: %s", name, strerror(-err));
	else if (largest > ret_link->mtu + 14) {
		complain("%s: frames of %u bytes do not fit its MTU of %u; smaller --sizes, or "
			 "`ip link set %s mtu %u`",
			 name, largest, ret_link->mtu, name, largest - 14);
		err = -EMSGSIZE;
	}
	return err;
}

static int open_real_lab(const struct bench_options *options, struct lab *lab)
{
	const uint32_t largest = largest_frame(options);
	int err;

	*lab = (struct lab){.name = "real", .usable = true, .has_far = options->peer != NULL};
	err = open_real(options->interface, largest, &lab->tested);
	if (!err && options->peer)
		err = open_real(options->peer, largest, &lab->far);
	if (!err && lab->has_far && lab->far.index == lab->tested.index) {
		complain("-i and -p both name %s; -p is the other end of its wire",
			 lab->tested.name);
		err = -EINVAL;
	}
	return err ? err : 1;
}

int labs_open(const struct bench_options *options, struct lab labs[LABS_MAX])
{
	return options->interface ? open_real_lab(options, &labs[0]) : make_labs(options, labs);
}
