/* SPDX-License-Identifier: BSD-2-Clause */
#include "pacer.h"

#define NS_PER_S      1e9
#define BITS_PER_BYTE 8.0

static double cost_ns(const struct zr_pacer *pacer, uint32_t len)
{
	const double by_bytes = pacer->ns_per_byte * len;

	return by_bytes > pacer->ns_per_frame ? by_bytes : pacer->ns_per_frame;
}

/* What must be saved up before a frame leaves: no more than can be. */
static double threshold_ns(const struct zr_pacer *pacer, uint32_t len)
{
	const double cost = cost_ns(pacer, len);

	return cost < pacer->burst_ns ? cost : pacer->burst_ns;
}

void zr_pacer_init(struct zr_pacer *pacer, uint64_t rate_pps, uint64_t rate_bps,
		   uint32_t burst_frames, uint32_t max_len)
{
	*pacer = (struct zr_pacer){
		.ns_per_frame = rate_pps ? NS_PER_S / (double)rate_pps : 0,
		.ns_per_byte = rate_bps ? BITS_PER_BYTE * NS_PER_S / (double)rate_bps : 0,
	};
	pacer->burst_ns = burst_frames * cost_ns(pacer, max_len);
}

void zr_pacer_update(struct zr_pacer *pacer, uint64_t now_ns)
{
	const uint64_t elapsed = pacer->updated_ns ? now_ns - pacer->updated_ns : 0;

	pacer->first = !pacer->updated_ns || pacer->first;
	pacer->updated_ns = now_ns;
	pacer->credit_ns += (double)elapsed;
	if (pacer->credit_ns > pacer->burst_ns)
		pacer->credit_ns = pacer->burst_ns;
}

int zr_pacer_take(struct zr_pacer *pacer, uint32_t len)
{
	if (pacer->first) {
		/* As if its price had just been saved up, and nothing more. */
		pacer->first = 0;
		pacer->credit_ns = threshold_ns(pacer, len) - cost_ns(pacer, len);
		return 1;
	}
	if (pacer->credit_ns < threshold_ns(pacer, len))
		return 0;
	pacer->credit_ns -= cost_ns(pacer, len);
	return 1;
}

void zr_pacer_charge(struct zr_pacer *pacer, uint32_t len)
{
	pacer->credit_ns -= cost_ns(pacer, len);
}

void zr_pacer_refund(struct zr_pacer *pacer, uint32_t len)
{
	pacer->credit_ns += cost_ns(pacer, len);
}

uint64_t zr_pacer_delay_ns(const struct zr_pacer *pacer, uint32_t len)
{
	const double missing = pacer->first ? 0 : threshold_ns(pacer, len) - pacer->credit_ns;

	return missing > 0 ? (uint64_t)missing + 1 : 0;
}
