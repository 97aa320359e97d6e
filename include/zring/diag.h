/* SPDX-License-Identifier: BSD-2-Clause */
/* Why a call failed, in words. The library never prints. */
#ifndef ZRING_DIAG_H
#define ZRING_DIAG_H

#include <zring/api.h>

#define ZRING_DIAG_MESSAGE_BYTES 384

/*
 * Storage of the caller, handed to the calls that open things. NULL is
 * allowed everywhere: the errno stays the same, only the words are lost.
 * Untouched on success.
 */
struct zring_diag {
	int32_t error;                          /* the errno, positive */
	char step[28];                          /* what was being done, "bind", "PACKET_RX_RING" */
	char message[ZRING_DIAG_MESSAGE_BYTES]; /* cause and fix, one line, no newline */
};

#endif
