/* SPDX-License-Identifier: BSD-2-Clause */
/* What the two captures behind direction BOTH are asked for, and what becomes of them. */
#include <criterion/criterion.h>
#include <errno.h>
#include <linux/filter.h>
#include <string.h>

#include <zring/zring.h>

#include "core/capture.h"
#include "core/diag.h"
#include "core/wire.h"
#include "syscall.h"

struct fake {
	struct zring_capture base;
	struct zring_capture_options asked;
	int fails;
	int start_fails;
	bool open;
	bool started;
};

static struct fake incoming, outgoing;

static void fake_close(struct zring_capture *capture)
{
	((struct fake *)capture)->open = false;
	zr_capture_fini(capture);
}

static int fake_start(struct zring_capture *capture, struct zring_diag *diag)
{
	struct fake *fake = (struct fake *)capture;

	/* Neither ring overflows while the other one is made. */
	cr_assert(incoming.open && outgoing.open && fake->asked.paused);
	fake->started = true;
	return fake->start_fails ? zr_fail(diag, fake->start_fails, "fake", "on purpose") : 0;
}

static const struct zr_capture_ops fake_ops = {.start = fake_start, .close = fake_close};

static int fake_open(struct fake *fake, const struct zring_capture_options *options,
		     struct zring_diag *diag, struct zring_capture **ret_capture)
{
	struct zring_capture *const base = &fake->base;

	fake->asked = *options;
	if (fake->fails)
		return zr_fail(diag, fake->fails, "fake", "on purpose");
	memset(base, 0, sizeof(*base));
	cr_assert(zr_capture_init(base, &fake_ops) == 0);
	base->fd = zr_eventfd();
	base->waiter.own_polls[0] = (struct pollfd){.fd = base->fd, .events = POLLIN};
	zr_capture_set_polls(base, base->waiter.own_polls, 1);
	base->info.direction = options->direction;
	fake->open = true;
	fake->started = false;
	*ret_capture = base;
	return 0;
}

static int open_incoming(const char *interface, const struct zring_capture_options *options,
			 struct zring_diag *diag, struct zring_capture **ret_capture)
{
	cr_assert(strcmp(interface, "sim0") == 0);
	return fake_open(&incoming, options, diag, ret_capture);
}

static int open_outgoing(const char *interface, const struct zring_capture_options *options,
			 struct zring_diag *diag, struct zring_capture **ret_capture)
{
	cr_assert(strcmp(interface, "sim0") == 0);
	return fake_open(&outgoing, options, diag, ret_capture);
}

static int open_wire(const struct zring_capture_options *options, struct zring_diag *diag,
		     struct zring_capture **ret_capture)
{
	const struct zr_backend xdp = {.name = "xdp", .capture_open = open_incoming};
	const struct zr_backend afpacket = {.name = "afpacket", .capture_open = open_outgoing};

	return zr_wire_open(&xdp, &afpacket, "sim0", options, diag, ret_capture);
}

Test(wire, what_both_sides_can_do_goes_to_both)
{
	struct sock_filter all = BPF_STMT(BPF_RET | BPF_K, UINT32_MAX);
	const struct zring_filter filter = {
		.type = ZRING_FILTER_CBPF, .insns = &all, .nr_insns = 1};
	struct zring_capture_options options = ZRING_CAPTURE_OPTIONS_INIT;
	struct zring_capture *capture = NULL;
	struct zring_capture_info info;

	options.snaplen = 99;
	options.vlan = ZRING_VLAN_METADATA;
	options.filter = &filter;
	options.paused = 1;
	options.promiscuous = 1;
	options.memory_bytes = 1 << 22;
	options.nr_queues = 3;
	cr_assert(open_wire(&options, NULL, &capture) == 0);
	cr_assert(incoming.asked.direction == ZRING_CAPTURE_IN);
	cr_assert(incoming.asked.timestamp == ZRING_TIMESTAMP_ARRIVAL);
	cr_assert(incoming.asked.promiscuous && incoming.asked.memory_bytes == 1 << 22 &&
		  incoming.asked.nr_queues == 3);
	cr_assert(outgoing.asked.direction == ZRING_CAPTURE_OUT);
	cr_assert(outgoing.asked.profile == ZRING_PROFILE_LOW_LATENCY);
	cr_assert(!outgoing.asked.promiscuous && !outgoing.asked.memory_bytes &&
		  !outgoing.asked.nr_queues);
	for (int i = 0; i < 2; i++) {
		const struct zring_capture_options *asked = i ? &incoming.asked : &outgoing.asked;

		cr_assert(asked->size == sizeof(options) && asked->snaplen == 99 &&
			  asked->vlan == ZRING_VLAN_METADATA && asked->filter == &filter &&
			  asked->paused);
	}
	cr_assert(!incoming.started && !outgoing.started);
	cr_assert(zring_capture_start(capture, NULL) == 0);
	cr_assert(incoming.started && outgoing.started);
	zring_capture_get_info(capture, &info);
	cr_assert(info.direction == ZRING_CAPTURE_BOTH && info.adjusted == 0);
	zring_capture_close(capture);
	cr_assert(!incoming.open && !outgoing.open);
}

Test(wire, a_clock_that_one_side_lacks_is_told)
{
	struct zring_capture_options options = ZRING_CAPTURE_OPTIONS_INIT;
	struct zring_capture *capture = NULL;
	struct zring_capture_info info;

	options.timestamp = ZRING_TIMESTAMP_RAW_HARDWARE;
	options.profile = ZRING_PROFILE_LOW_MEMORY;
	cr_assert(open_wire(&options, NULL, &capture) == 0);
	cr_assert(incoming.asked.timestamp == ZRING_TIMESTAMP_ARRIVAL);
	cr_assert(outgoing.asked.memory_bytes == 1 << 20);
	cr_assert(incoming.started && outgoing.started);
	zring_capture_get_info(capture, &info);
	cr_assert(info.adjusted == ZRING_ADJUSTED_TIMESTAMP);
	zring_capture_close(capture);
}

Test(wire, a_side_that_fails_ends_the_other)
{
	for (int which = 0; which < 4; which++) {
		const struct zring_capture_options options = ZRING_CAPTURE_OPTIONS_INIT;
		struct zring_capture *capture = NULL;
		struct zring_diag diag = {0};

		incoming.fails = which == 0 ? -EBUSY : 0;
		outgoing.fails = which == 1 ? -EBUSY : 0;
		incoming.start_fails = which == 2 ? -EBUSY : 0;
		outgoing.start_fails = which == 3 ? -EBUSY : 0;
		cr_assert(open_wire(&options, &diag, &capture) == -EBUSY);
		cr_assert(!capture && !incoming.open && !outgoing.open);
		cr_assert(strcmp(diag.message, "on purpose") == 0);
	}
}

Test(wire, an_xdp_filter_is_refused_before_anything_is_opened)
{
	const struct zring_filter filter = {.type = ZRING_FILTER_XDP};
	struct zring_capture_options options = ZRING_CAPTURE_OPTIONS_INIT;
	struct zring_capture *capture = NULL;
	struct zring_diag diag = {0};

	options.filter = &filter;
	cr_assert(open_wire(&options, &diag, &capture) == -ENOTSUP);
	cr_assert(!capture && incoming.asked.size == 0 && strstr(diag.message, "ZRING_CAPTURE_IN"));
}
