/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef ZR_BATCH_H
#define ZR_BATCH_H

#include <zring/batch.h>

/*
 * Makes room for @wanted views in an empty batch, as far as its capacity and
 * memory allow. Returns the room, at least 1.
 */
uint32_t zr_batch_room(struct zring_batch *batch, uint32_t wanted);

#endif
