/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A token bucket kept in time: what a frame costs is the time that it takes at
 * the rate, what is saved up is at most a burst's worth. Pure: the clock is an
 * argument.
 */
#ifndef ZR_PACER_H
#define ZR_PACER_H

#include <stdint.h>

struct zr_pacer {
	double ns_per_frame; /* 0: no limit */
	double ns_per_byte;  /* 0: no limit */
	double burst_ns;     /* most that can be saved up */
	double credit_ns;    /* below 0 after a frame dearer than a burst */
	uint64_t updated_ns; /* 0: never */
	int first;           /* no frame has left yet */
};

/* @max_len: bytes of the longest usual frame, the unit of @burst_frames. */
void zr_pacer_init(struct zr_pacer *pacer, uint64_t rate_pps, uint64_t rate_bps,
		   uint32_t burst_frames, uint32_t max_len);
static inline int zr_pacer_active(const struct zr_pacer *pacer)
{
	return pacer->burst_ns > 0;
}
/* Saves up until @now_ns. */
void zr_pacer_update(struct zr_pacer *pacer, uint64_t now_ns);
/* Whether a frame of @len may leave; if so it is paid for. */
int zr_pacer_take(struct zr_pacer *pacer, uint32_t len);
/* Paid for in any case: the bucket may be in debt afterwards. */
void zr_pacer_charge(struct zr_pacer *pacer, uint32_t len);
/* Gives back what a frame cost that did not leave. */
void zr_pacer_refund(struct zr_pacer *pacer, uint32_t len);
/* From the last update on, ns until a frame of @len may leave. */
uint64_t zr_pacer_delay_ns(const struct zr_pacer *pacer, uint32_t len);

#endif
