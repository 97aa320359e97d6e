/* SPDX-License-Identifier: BSD-2-Clause */
#include "wire.h"

#include <errno.h>

#include "diag.h"
#include "merge.h"

/* The packet socket's ring when little memory is asked for. */
#define SMALL_RING_BYTES (UINT64_C(1) << 20)

static int check_filter(const struct zring_filter *filter, struct zring_diag *diag)
{
	if (filter && filter->type == ZRING_FILTER_XDP)
		return zr_fail(diag, -ENOTSUP, "options",
			       "ZRING_FILTER_XDP can't judge what this host sends: use direction "
			       "ZRING_CAPTURE_IN, or a classic program (ZRING_FILTER_CBPF)");
	return 0;
}

/* Stamped on arrival: by any other time the two could not be put in order. */
static int open_incoming(const struct zr_backend *xdp, const char *interface,
			 const struct zring_capture_options *options, struct zring_diag *diag,
			 struct zring_capture **ret_capture)
{
	struct zring_capture_options incoming = *options;

	incoming.direction = ZRING_CAPTURE_IN;
	incoming.timestamp = ZRING_TIMESTAMP_ARRIVAL;
	incoming.paused = 1;
	return xdp->capture_open(interface, &incoming, diag, ret_capture);
}

/* A ring that shows each frame at once, or the merged order would not be that of time. */
static int open_outgoing(const struct zr_backend *afpacket, const char *interface,
			 const struct zring_capture_options *options, struct zring_diag *diag,
			 struct zring_capture **ret_capture)
{
	const struct zring_capture_options outgoing = {
		.size = sizeof(outgoing),
		.profile = ZRING_PROFILE_LOW_LATENCY,
		.memory_bytes = options->profile == ZRING_PROFILE_LOW_MEMORY ? SMALL_RING_BYTES : 0,
		.direction = ZRING_CAPTURE_OUT,
		.snaplen = options->snaplen,
		.vlan = options->vlan,
		.paused = 1,
		.filter = options->filter,
	};

	return afpacket->capture_open(interface, &outgoing, diag, ret_capture);
}

/* On success, and on failure as well, the two are not the caller's any more. */
static int merge(struct zring_capture *incoming, struct zring_capture *outgoing,
		 const struct zring_capture_options *options, struct zring_diag *diag,
		 struct zring_capture **ret_capture)
{
	struct zring_capture *const children[] = {incoming, outgoing};
	struct zring_capture *merged;
	int err = zr_merge_open(children, 2, diag, &merged);

	if (err) {
		zring_capture_close(outgoing);
		zring_capture_close(incoming);
		return err;
	}
	merged->info.direction = ZRING_CAPTURE_BOTH;
	/* A NIC's clock is none that packet sockets stamp with. */
	if (options->timestamp == ZRING_TIMESTAMP_RAW_HARDWARE)
		merged->info.adjusted |= ZRING_ADJUSTED_TIMESTAMP;
	if (!options->paused)
		err = zring_capture_start(merged, diag);
	if (err)
		zring_capture_close(merged);
	else
		*ret_capture = merged;
	return err;
}

/*
 * Both are opened paused: to make a ring takes the kernel milliseconds, in which
 * the other side's would overflow.
 */
int zr_wire_open(const struct zr_backend *xdp, const struct zr_backend *afpacket,
		 const char *interface, const struct zring_capture_options *options,
		 struct zring_diag *diag, struct zring_capture **ret_capture)
{
	struct zring_capture *incoming, *outgoing;
	int err = check_filter(options->filter, diag);

	if (!err)
		err = open_incoming(xdp, interface, options, diag, &incoming);
	if (err)
		return err;
	err = open_outgoing(afpacket, interface, options, diag, &outgoing);
	if (err) {
		zring_capture_close(incoming);
		return err;
	}
	return merge(incoming, outgoing, options, diag, ret_capture);
}
