/* SPDX-License-Identifier: BSD-2-Clause */
/* Opening: options, namespace, choice of backend; the same for both kinds of object. */
#include <errno.h>
#include <limits.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "backend.h"
#include "capture.h"
#include "diag.h"
#include "injector.h"
#include "netns.h"
#include "options.h"
#include "wire.h"

#define OUT_OF_RANGE(options, field, last) ((options)->field > (last) ? #field : NULL)

static int check_name(const char *interface, struct zring_diag *diag)
{
	if (!interface || !*interface)
		return zr_fail(diag, -EINVAL, "interface", "no interface named: see `ip link`");
	if (strlen(interface) >= IFNAMSIZ)
		return zr_fail(diag, -EINVAL, "interface",
			       "\"%.64s\" is no interface name: at most %d characters", interface,
			       IFNAMSIZ - 1);
	return 0;
}

/* The first non-NULL of @names, or NULL. */
static const char *first(const char *const *names, size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		if (names[i])
			return names[i];
	return NULL;
}

static bool all_zero(const uint8_t *bytes, size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		if (bytes[i])
			return false;
	return true;
}

static int refuse_option(struct zring_diag *diag, const char *option)
{
	return zr_fail(diag, -EINVAL, "options", "option %s is out of range: see its declaration",
		       option);
}

/* An option that would do nothing. */
static int refuse_alone(struct zring_diag *diag, const char *option, const char *partner)
{
	return zr_fail(diag, -EINVAL, "options", "option %s does nothing without %s", option,
		       partner);
}

/* AF_XDP's own options, with a backend that has no use for them. */
static int check_backend(uint32_t backend, bool has_xdp_options, struct zring_diag *diag)
{
	if (backend == ZRING_BACKEND_AFPACKET && has_xdp_options)
		return zr_fail(diag, -EINVAL, "options",
			       "an option of AF_XDP (xdp_mode, queues, umem, pieces) does nothing "
			       "with packet sockets: choose ZRING_BACKEND_AFXDP or _AUTO");
	return 0;
}

static int check_capture_options(const struct zring_capture_options *options,
				 struct zring_diag *diag)
{
	const char *const wrong[] = {
		OUT_OF_RANGE(options, profile, ZRING_PROFILE_JUMBO),
		OUT_OF_RANGE(options, direction, ZRING_CAPTURE_OUT),
		OUT_OF_RANGE(options, vlan, ZRING_VLAN_METADATA),
		OUT_OF_RANGE(options, timestamp, ZRING_TIMESTAMP_ARRIVAL),
		OUT_OF_RANGE(options, wait, ZRING_WAIT_AUTO),
		OUT_OF_RANGE(options, busy_poll_us, INT_MAX),
		OUT_OF_RANGE(options, busy_poll_budget, UINT16_MAX),
		OUT_OF_RANGE(options, receive_buffer_bytes, INT_MAX),
		OUT_OF_RANGE(options, promiscuous, 1),
		OUT_OF_RANGE(options, prefer_busy_poll, 1),
		OUT_OF_RANGE(options, force_receive_buffer, 1),
		OUT_OF_RANGE(options, rxhash, 1),
		OUT_OF_RANGE(options, exclusive, 1),
		OUT_OF_RANGE(options, pieces, 1),
		OUT_OF_RANGE(options, dispatcher, 1),
		OUT_OF_RANGE(options, xdp_mode, ZRING_XDP_MODE_GENERIC),
		OUT_OF_RANGE(options, umem_memory, ZRING_UMEM_MEMFD),
		OUT_OF_RANGE(options, paused, 1),
		all_zero(options->reserved, sizeof(options->reserved)) ? NULL : "reserved",
	};
	const char *option = first(wrong, sizeof(wrong) / sizeof(*wrong));

	if (!option && options->force_receive_buffer && !options->receive_buffer_bytes)
		return refuse_alone(diag, "force_receive_buffer", "receive_buffer_bytes");
	if (option)
		return refuse_option(diag, option);
	return check_backend(options->backend,
			     options->xdp_mode || options->first_queue || options->nr_queues ||
				     options->umem_memory || options->numa_node ||
				     options->pieces || options->dispatcher,
			     diag);
}

static int check_injector_options(const struct zring_injector_options *options,
				  struct zring_diag *diag)
{
	const char *const wrong[] = {
		OUT_OF_RANGE(options, method, ZRING_METHOD_XDP),
		OUT_OF_RANGE(options, xdp_mode, ZRING_XDP_MODE_GENERIC),
		OUT_OF_RANGE(options, umem_memory, ZRING_UMEM_MEMFD),
		OUT_OF_RANGE(options, send_buffer_bytes, INT_MAX),
		OUT_OF_RANGE(options, timeout_ms, INT_MAX),
		OUT_OF_RANGE(options, nonblocking, 1),
		OUT_OF_RANGE(options, qdisc_bypass, 1),
		OUT_OF_RANGE(options, loss, 1),
		OUT_OF_RANGE(options, vnet_header, 1),
		OUT_OF_RANGE(options, send_time, 1),
		all_zero(options->reserved, sizeof(options->reserved)) ? NULL : "reserved",
	};
	const char *option = first(wrong, sizeof(wrong) / sizeof(*wrong));

	if (!option && options->burst_frames && !options->rate_pps && !options->rate_bps)
		return refuse_alone(diag, "burst_frames", "rate_pps or rate_bps");
	if (!option && options->send_time_clock && !options->send_time)
		return refuse_alone(diag, "send_time_clock", "send_time");
	if (option)
		return refuse_option(diag, option);
	return check_backend(options->backend,
			     options->xdp_mode || options->queue || options->umem_memory ||
				     options->numa_node || options->method == ZRING_METHOD_XDP,
			     diag);
}

static const struct zr_backend *backend_of(uint32_t id)
{
	for (size_t i = 0; zr_backends[i]; i++)
		if (id == zr_backends[i]->id)
			return zr_backends[i];
	return NULL;
}

/* What AUTO tries in turn. AF_XDP changes something for others, so it needs their leave. */
struct ladder {
	const struct zr_backend *rungs[2];
	size_t nr;
	char fallen[200]; /* why the first one was left */
};

static int make_ladder(uint32_t id, bool may_take_over, struct zring_diag *diag,
		       struct ladder *ret_ladder)
{
	struct ladder ladder = {.nr = 0};

	if (id == ZRING_BACKEND_AUTO && may_take_over)
		ladder.rungs[ladder.nr++] = backend_of(ZRING_BACKEND_AFXDP);
	ladder.rungs[ladder.nr++] =
		backend_of(id == ZRING_BACKEND_AUTO ? ZRING_BACKEND_AFPACKET : id);
	*ret_ladder = ladder;
	return ladder.rungs[ladder.nr - 1] ? 0 : refuse_option(diag, "backend");
}

/* Whether the next rung may help. Its words are kept; the caller's diagnosis stays untouched. */
static bool step_down(struct ladder *ladder, size_t rung, int err, const struct zring_diag *why)
{
	if (!err || rung + 1 == ladder->nr || err == -ENODEV)
		return false;
	snprintf(ladder->fallen, sizeof(ladder->fallen), "%s: %.160s", ladder->rungs[rung]->name,
		 why->message);
	return true;
}

static void tell_steps(const struct ladder *ladder, char *steps, size_t bytes)
{
	const size_t fallen = strlen(ladder->fallen);

	if (!fallen)
		return;
	/* In front of what the backend says of itself, whose end may be cut. */
	memmove(steps + fallen + 2, steps, bytes - fallen - 2);
	memcpy(steps, ladder->fallen, fallen);
	memcpy(steps + fallen, steps[fallen + 2] ? "; " : "\0\0", 2);
	steps[bytes - 1] = 0;
}

/* Leaves the namespace after @err of what was done there. The first error counts. */
static int leave(int previous_netns, int err, struct zring_diag *diag)
{
	const int left = zr_netns_leave(previous_netns, err ? NULL : diag);

	return err ? err : left;
}

/* An XDP program sees only what arrives: the other direction takes a second capture. */
static int open_capture_on(const struct zr_backend *backend, const char *interface,
			   const struct zring_capture_options *options, struct zring_diag *diag,
			   struct zring_capture **ret_capture)
{
	if (backend->id == ZRING_BACKEND_AFXDP && options->direction == ZRING_CAPTURE_BOTH)
		return zr_wire_open(backend, backend_of(ZRING_BACKEND_AFPACKET), interface, options,
				    diag, ret_capture);
	return backend->capture_open(interface, options, diag, ret_capture);
}

static int open_capture(const char *interface, const struct zring_capture_options *options,
			struct ladder *ladder, struct zring_diag *diag,
			struct zring_capture **ret_capture)
{
	struct zring_diag why = {0};
	size_t rung = 0;
	int err;

	do
		err = open_capture_on(ladder->rungs[rung], interface, options, &why, ret_capture);
	while (step_down(ladder, rung++, err, &why));
	if (err && diag)
		*diag = why;
	return err;
}

int zring_capture_open(const char *interface, const struct zring_capture_options *options,
		       struct zring_diag *diag, struct zring_capture **ret_capture)
{
	struct zring_capture_options complete;
	struct zring_capture *capture = NULL;
	struct ladder ladder;
	int previous_netns = -1, err;

	err = check_name(interface, diag);
	if (!err)
		err = zr_options_read(options, sizeof(complete), &complete, diag);
	if (!err)
		err = check_capture_options(&complete, diag);
	if (!err)
		err = make_ladder(complete.backend, complete.exclusive, diag, &ladder);
	if (!err)
		err = zr_netns_enter(complete.netns, diag, &previous_netns);
	if (err)
		return err;
	err = open_capture(interface, &complete, &ladder, diag, &capture);
	err = leave(previous_netns, err, diag);
	if (err) {
		zring_capture_close(capture);
		return err;
	}
	if (ladder.fallen[0])
		capture->info.adjusted |= ZRING_ADJUSTED_BACKEND;
	tell_steps(&ladder, capture->info.steps, sizeof(capture->info.steps));
	*ret_capture = capture;
	return 0;
}

static int open_injector(const char *interface, const struct zring_injector_options *options,
			 struct ladder *ladder, struct zring_diag *diag,
			 struct zring_injector **ret_injector)
{
	struct zring_diag why = {0};
	size_t rung = 0;
	int err;

	do
		err = ladder->rungs[rung]->injector_open(interface, options, &why, ret_injector);
	while (step_down(ladder, rung++, err, &why));
	if (err && diag)
		*diag = why;
	return err;
}

/* AF_XDP goes past the qdisc in any case, and has nothing of what else may be asked for. */
static bool may_bypass(const struct zring_injector_options *options)
{
	return options->qdisc_bypass && !options->method && !options->loss && !options->send_time &&
	       !options->vnet_header;
}

int zring_injector_open(const char *interface, const struct zring_injector_options *options,
			struct zring_diag *diag, struct zring_injector **ret_injector)
{
	struct zring_injector_options complete;
	struct zring_injector *injector = NULL;
	struct ladder ladder;
	int previous_netns = -1, err;

	err = check_name(interface, diag);
	if (!err)
		err = zr_options_read(options, sizeof(complete), &complete, diag);
	if (!err)
		err = check_injector_options(&complete, diag);
	if (!err)
		err = make_ladder(complete.method == ZRING_METHOD_XDP ? ZRING_BACKEND_AFXDP
								      : complete.backend,
				  may_bypass(&complete), diag, &ladder);
	if (!err)
		err = zr_netns_enter(complete.netns, diag, &previous_netns);
	if (err)
		return err;
	err = open_injector(interface, &complete, &ladder, diag, &injector);
	err = leave(previous_netns, err, diag);
	if (err) {
		zring_injector_close(injector);
		return err;
	}
	tell_steps(&ladder, injector->info.steps, sizeof(injector->info.steps));
	*ret_injector = injector;
	return 0;
}
