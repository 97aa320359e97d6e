/* SPDX-License-Identifier: BSD-2-Clause */
#include "filter.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <string.h>

#include "../core/diag.h"
#include "../filter/translate.h"
#include "../syscall.h"

#ifndef CAP_PERFMON
#define CAP_PERFMON 38 /* Linux 5.8 */
#endif

/* What the classic program keeps of a packet: almost always one constant. */
static void find_snaplen(const struct zring_filter *filter, struct zr_xdp_capture_filter *ret)
{
	ret->snaplen = 0;
	for (uint32_t i = 0; i < filter->nr_insns; i++) {
		const struct sock_filter *insn = &filter->insns[i];

		if (BPF_CLASS(insn->code) != BPF_RET || insn->code == (BPF_RET | BPF_K | BPF_X))
			continue;
		if (BPF_RVAL(insn->code) == BPF_A)
			ret->snaplen_varies = true;
		else if (insn->k && ret->snaplen && insn->k != ret->snaplen)
			ret->snaplen_varies = true;
		else if (insn->k)
			ret->snaplen = insn->k;
	}
	if (ret->snaplen_varies || !ret->snaplen)
		ret->snaplen = UINT32_MAX;
}

static int translate(const struct zring_filter *filter, const struct zring_interface *interface,
		     bool frags, struct zring_diag *diag, struct zr_xdp_capture_filter *ret)
{
	const uint64_t capabilities = zr_capabilities();
	struct zr_translate_options options = {
		.vlan_stripped = true,
		.frags = frags,
		.without_perfmon = !(capabilities >> CAP_PERFMON & 1) &&
				   !(capabilities >> CAP_SYS_ADMIN & 1),
		.hatype = (uint16_t)interface->link_type,
		.ifindex = interface->index,
	};

	memcpy(options.mac, interface->mac, sizeof(options.mac));
	return zr_filter_translate(filter->insns, filter->nr_insns, &options, diag, &ret->owned,
				   &ret->filter.nr_insns);
}

int zr_xdp_capture_filter(const struct zring_capture_options *options,
			  const struct zring_interface *interface, bool frags,
			  struct zring_diag *diag, struct zr_xdp_capture_filter *ret_filter)
{
	const struct zring_filter *filter = options->filter;
	struct zr_xdp_capture_filter made = {.snaplen = UINT32_MAX};
	int err = 0;

	if (filter && filter->reserved)
		return zr_fail(diag, -EINVAL, "filter", "filter.reserved must be 0");
	if (filter && filter->type > ZRING_FILTER_XDP)
		return zr_fail(diag, -EINVAL, "filter",
			       "filter.type %u is no enum zring_filter_type", filter->type);
	if (filter && filter->type == ZRING_FILTER_EBPF)
		return zr_fail(diag, -ENOTSUP, "filter",
			       "a socket filter can't run in XDP: give a classic program or "
			       "ZRING_FILTER_XDP");
	if (filter && filter->type == ZRING_FILTER_XDP && !filter->xdp)
		return zr_fail(diag, -EINVAL, "filter", "ZRING_FILTER_XDP without filter.xdp");
	if (filter && filter->type == ZRING_FILTER_XDP) {
		made.filter = *filter->xdp;
	} else if (filter && filter->type == ZRING_FILTER_CBPF) {
		err = translate(filter, interface, frags, diag, &made);
		made.filter.insns = made.owned;
		find_snaplen(filter, &made);
	}
	if (!err)
		*ret_filter = made;
	return err;
}
