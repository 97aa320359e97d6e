/* SPDX-License-Identifier: BSD-2-Clause */
/* All of libzring. */
#ifndef ZRING_ZRING_H
#define ZRING_ZRING_H

#include <zring/api.h>
#include <zring/batch.h>
#include <zring/capture.h>
#include <zring/diag.h>
#include <zring/fanout.h>
#include <zring/injector.h>
#include <zring/interface.h>
#include <zring/packet.h>
#include <zring/umem.h>
#include <zring/workers.h>
#include <zring/xdp.h>

#endif
