/* SPDX-License-Identifier: BSD-2-Clause */
/* A group of captures as one thing to open. */
#include <zring/fanout.h>

#include <errno.h>
#include <stdlib.h>

#include "core/capture.h"
#include "core/cleanup.h"
#include "core/diag.h"
#include "core/flow.h"
#include "core/options.h"

int zring_fanout_flow_program(uint32_t flow_key, struct sock_filter *insns, uint32_t room)
{
	return zr_flow_program(flow_key, insns, room);
}

int zring_fanout_get_info(const struct zring_capture *capture, struct zring_fanout_info *ret_info)
{
	if (!capture->in_fanout)
		return -ENOENT;
	*ret_info = capture->fanout;
	return 0;
}

static void close_all(struct zring_capture **captures, uint32_t nr)
{
	for (uint32_t i = nr; i > 0; i--)
		zring_capture_close(captures[i - 1]);
}

/* Opens them one after the other; the later ones join by the number that the first one got. */
static int open_all(const char *interface, struct zring_capture_options *options,
		    struct zring_fanout *fanout, uint32_t nr, struct zring_diag *diag,
		    struct zring_capture **captures)
{
	options->fanout = fanout;
	options->paused = 1;
	for (uint32_t i = 0; i < nr; i++) {
		const int err = zring_capture_open(interface, options, diag, &captures[i]);

		if (err) {
			close_all(captures, i);
			return err;
		}
		fanout->group = captures[i]->fanout.group;
		fanout->flags &= ~ZRING_FANOUT_FLAG_UNIQUE_ID;
	}
	return 0;
}

static int start_all(struct zring_capture *const *captures, uint32_t nr, struct zring_diag *diag)
{
	for (uint32_t i = 0; i < nr; i++) {
		const int err = zring_capture_start(captures[i], diag);

		if (err)
			return err;
	}
	return 0;
}

static int read_options(const struct zring_capture_options *options, struct zring_diag *diag,
			struct zring_capture_options *ret_complete, struct zring_fanout *ret_fanout)
{
	int err;

	err = zr_options_read(options, sizeof(*ret_complete), ret_complete, diag);
	if (!err)
		err = zr_options_read(ret_complete->fanout, sizeof(*ret_fanout), ret_fanout, diag);
	if (err)
		return err;
	if (!ret_complete->fanout)
		ret_fanout->flags = ZRING_FANOUT_FLAG_UNIQUE_ID;
	/* What was read is complete, whatever the program's own size was. */
	ret_complete->size = sizeof(*ret_complete);
	ret_fanout->size = sizeof(*ret_fanout);
	return 0;
}

int zring_fanout_open(const char *interface, const struct zring_capture_options *options,
		      uint32_t nr, struct zring_diag *diag, struct zring_capture **ret_captures)
{
	struct zring_capture_options complete;
	struct zring_fanout fanout;
	uint8_t paused;
	int err;

	if (!nr)
		return zr_fail(diag, -EINVAL, "fanout",
			       "a group of 0 captures: ask for 1 at least");
	err = read_options(options, diag, &complete, &fanout);
	if (err)
		return err;
	paused = complete.paused;
	if (paused > 1)
		return zr_fail(diag, -EINVAL, "options", "option paused is out of range: 0 or 1");
	ZR_AUTO_FREE struct zring_capture **captures = calloc(nr, sizeof(struct zring_capture *));
	if (!captures)
		return zr_fail(diag, -ENOMEM, "memory", "no memory for %u captures", nr);
	err = open_all(interface, &complete, &fanout, nr, diag, captures);
	if (err)
		return err;
	err = paused ? 0 : start_all(captures, nr, diag);
	if (err) {
		close_all(captures, nr);
		return err;
	}
	for (uint32_t i = 0; i < nr; i++)
		ret_captures[i] = captures[i];
	return 0;
}
