/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The backend under test. One contract holds for all of them, so the cases of
 * tests/netns/conformance_*.c are written once and run under each name:
 *
 *	ZRING_TEST_BACKEND = afpacket (also when unset) | afxdp-native | afxdp-generic
 */
#ifndef TESTS_CONFORMANCE_H
#define TESTS_CONFORMANCE_H

#include "support/net_zring.h"

bool conform_is_xdp(void);
/* Whether the stack runs the XDP program: then nobody knows of tags that were taken out. */
bool conform_is_generic(void);

/* Skips the test where AF_XDP has no frames in several chunks. */
void conform_need_pieces(void);

/*
 * What arrives, in a ring of 2 MiB. AF_XDP sees nothing else, and packet sockets
 * are told to.
 */
struct zring_capture_options conform_capture(void);
/* The smallest ring that both have: 256 KiB. */
struct zring_capture_options conform_small_capture(void);
/* 64 slots. */
struct zring_injector_options conform_injector(void);

/* Open, or the test fails; so it does when another backend or mode than the one under test holds.
 */
struct zring_capture *conform_capture_open(const char *interface,
					   const struct zring_capture_options *options);
struct zring_injector *conform_injector_open(const char *interface,
					     const struct zring_injector_options *options);

/* The lab, and a capture with conform_capture() on NET_FAR. */
struct zring_capture *conform_lab_capture(void);
/* The lab, a tap on NET_FAR, and an injector with conform_injector() on NET_NEAR. */
struct zring_injector *conform_lab_injector(struct net_tap *tap);
/*
 * Drains and closes: frames first .. first + count - 1 were on the wire, unchanged
 * and in order, and nothing else; @injector has sent so many, and their bytes.
 */
void conform_finish(struct zring_injector *injector, struct net_tap *tap, uint32_t first,
		    uint32_t count, net_size_fn *size);

/* Lends what has arrived, within NET_PATIENCE_NS; at least one packet. */
uint32_t conform_borrow(struct zring_capture *capture, struct zring_batch *batch);
/* Calls until something else than 0 comes back, within NET_PATIENCE_NS. */
int conform_event(struct zring_capture *capture, struct zring_batch *batch, int timeout_ms);
/* Everything that arrived was delivered: no drop, nothing left, nothing cut. */
void conform_all_delivered(struct zring_capture *capture, uint32_t count);

#endif
