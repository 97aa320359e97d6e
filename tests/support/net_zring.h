/* SPDX-License-Identifier: BSD-2-Clause */
/* zring objects in a lab: opened or the test fails, read and counted with a bound. */
#ifndef TESTS_NET_ZRING_H
#define TESTS_NET_ZRING_H

#include <zring/zring.h>

#include "support/net.h"

/* The test body once on a V3 ring and once on a V2 ring; it takes the profile. */
#define TEST_V3_AND_V2(suite, name)              \
	static void name(uint32_t profile);      \
	Test(suite, name##_v3)                   \
	{                                        \
		name(ZRING_PROFILE_THROUGHPUT);  \
	}                                        \
	Test(suite, name##_v2)                   \
	{                                        \
		name(ZRING_PROFILE_LOW_LATENCY); \
	}                                        \
	static void name(uint32_t profile)

/* The same for the injector's two methods. */
#define TEST_RING_AND_SENDMMSG(suite, name)  \
	static void name(uint32_t method);   \
	Test(suite, name##_ring)             \
	{                                    \
		name(ZRING_METHOD_RING);     \
	}                                    \
	Test(suite, name##_sendmmsg)         \
	{                                    \
		name(ZRING_METHOD_SENDMMSG); \
	}                                    \
	static void name(uint32_t method)

/* ---- capture ---- */

struct zring_capture *net_capture_open(const char *interface,
				       const struct zring_capture_options *options);
/* Options with that profile and a ring of 1 to 2 MiB: quickly made. */
struct zring_capture_options net_capture_options(uint32_t profile);
/* The next packet, with zring_capture_next_packet(); without one in time the test fails. */
const struct zring_packet *net_capture_packet(struct zring_capture *capture);
/* Reads frames first .. first + count - 1 of net_frame_fill(): each once, unchanged, in order. */
void net_capture_expect(struct zring_capture *capture, struct zring_batch *batch, uint32_t first,
			uint32_t count, net_size_fn *size);
/* Nothing more comes within 50 ms. */
void net_capture_expect_none(struct zring_capture *capture);
/* The accounts: received is the sum of all ends that a packet can take. */
struct zring_capture_stats net_capture_stats(struct zring_capture *capture);

struct bpf_insn; /* linux/bpf.h */

/* Loads a socket filter in eBPF, or skips the test where that is not allowed. */
int net_load_filter(const struct bpf_insn *insns, uint32_t nr);

/* ---- injector ---- */

struct zring_injector *net_injector_open(const char *interface,
					 const struct zring_injector_options *options);
struct zring_injector_options net_injector_options(uint32_t method);
/* Reserves, fills frame @number and submits it; what submit returns. */
int net_submit(struct zring_injector *injector, uint32_t number, size_t len);
/* Frames first .. first + count - 1, flushed every 32; the tap keeps up. */
void net_inject_numbered(struct zring_injector *injector, struct net_tap *tap, uint32_t first,
			 uint32_t count, net_size_fn *size);
/* flush and drain, within NET_PATIENCE_NS. */
void net_drain(struct zring_injector *injector);
/* submitted = sent + rejected + pending, and the reasons sum up. */
struct zring_injector_stats net_injector_stats(const struct zring_injector *injector);

#endif
