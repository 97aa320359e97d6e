/* SPDX-License-Identifier: BSD-2-Clause */
/* Opening: options, namespace, choice of backend; the same for both kinds of object. */
#include <errno.h>
#include <limits.h>
#include <net/if.h>
#include <stdbool.h>
#include <string.h>

#include "backend.h"
#include "diag.h"
#include "netns.h"
#include "options.h"

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

static int check_capture_options(const struct zring_capture_options *options,
				 struct zring_diag *diag)
{
	const char *const wrong[] = {
		OUT_OF_RANGE(options, profile, ZRING_PROFILE_JUMBO),
		OUT_OF_RANGE(options, direction, ZRING_CAPTURE_OUT),
		OUT_OF_RANGE(options, vlan, ZRING_VLAN_METADATA),
		OUT_OF_RANGE(options, timestamp, ZRING_TIMESTAMP_RAW_HARDWARE),
		OUT_OF_RANGE(options, wait, ZRING_WAIT_SPIN),
		OUT_OF_RANGE(options, busy_poll_us, INT_MAX),
		OUT_OF_RANGE(options, busy_poll_budget, UINT16_MAX),
		OUT_OF_RANGE(options, receive_buffer_bytes, INT_MAX),
		OUT_OF_RANGE(options, promiscuous, 1),
		OUT_OF_RANGE(options, prefer_busy_poll, 1),
		OUT_OF_RANGE(options, force_receive_buffer, 1),
		OUT_OF_RANGE(options, rxhash, 1),
		all_zero(options->reserved, sizeof(options->reserved)) ? NULL : "reserved",
	};
	const char *option = first(wrong, sizeof(wrong) / sizeof(*wrong));

	if (!option && options->force_receive_buffer && !options->receive_buffer_bytes)
		return refuse_alone(diag, "force_receive_buffer", "receive_buffer_bytes");
	return option ? refuse_option(diag, option) : 0;
}

static int check_injector_options(const struct zring_injector_options *options,
				  struct zring_diag *diag)
{
	const char *const wrong[] = {
		OUT_OF_RANGE(options, method, ZRING_METHOD_SENDMMSG),
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
	return option ? refuse_option(diag, option) : 0;
}

/* The backend of that number; AUTO is the first, which is the best. */
static int find_backend(uint32_t id, struct zring_diag *diag, const struct zr_backend **ret_backend)
{
	for (size_t i = 0; zr_backends[i]; i++)
		if (id == ZRING_BACKEND_AUTO || id == zr_backends[i]->id) {
			*ret_backend = zr_backends[i];
			return 0;
		}
	return refuse_option(diag, "backend");
}

/* Finds the backend and enters the namespace; leave() goes back. */
static int enter(uint32_t backend_id, const char *netns, struct zring_diag *diag,
		 const struct zr_backend **ret_backend, int *ret_previous_netns)
{
	const int err = find_backend(backend_id, diag, ret_backend);

	return err ? err : zr_netns_enter(netns, diag, ret_previous_netns);
}

/* Leaves the namespace after @err of what was done there. The first error counts. */
static int leave(int previous_netns, int err, struct zring_diag *diag)
{
	const int left = zr_netns_leave(previous_netns, err ? NULL : diag);

	return err ? err : left;
}

int zring_capture_open(const char *interface, const struct zring_capture_options *options,
		       struct zring_diag *diag, struct zring_capture **ret_capture)
{
	struct zring_capture_options complete;
	struct zring_capture *capture = NULL;
	const struct zr_backend *backend = NULL;
	int previous_netns = -1, err;

	err = check_name(interface, diag);
	if (!err)
		err = zr_options_read(options, sizeof(complete), &complete, diag);
	if (!err)
		err = check_capture_options(&complete, diag);
	if (!err)
		err = enter(complete.backend, complete.netns, diag, &backend, &previous_netns);
	if (err)
		return err;
	err = backend->capture_open(interface, &complete, diag, &capture);
	err = leave(previous_netns, err, diag);
	if (err)
		zring_capture_close(capture);
	else
		*ret_capture = capture;
	return err;
}

int zring_injector_open(const char *interface, const struct zring_injector_options *options,
			struct zring_diag *diag, struct zring_injector **ret_injector)
{
	struct zring_injector_options complete;
	struct zring_injector *injector = NULL;
	const struct zr_backend *backend = NULL;
	int previous_netns = -1, err;

	err = check_name(interface, diag);
	if (!err)
		err = zr_options_read(options, sizeof(complete), &complete, diag);
	if (!err)
		err = check_injector_options(&complete, diag);
	if (!err)
		err = enter(complete.backend, complete.netns, diag, &backend, &previous_netns);
	if (err)
		return err;
	err = backend->injector_open(interface, &complete, diag, &injector);
	err = leave(previous_netns, err, diag);
	if (err)
		zring_injector_close(injector);
	else
		*ret_injector = injector;
	return err;
}
