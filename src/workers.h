/* SPDX-License-Identifier: BSD-2-Clause */
/* Between the parts of the workers. */
#ifndef ZR_WORKERS_H
#define ZR_WORKERS_H

#include <zring/interface.h>
#include <zring/workers.h>

/* As zring_workers_plan(); @interface NULL: it can't be seen from here, CPUs alone count. */
int zr_plan_read(const struct zring_interface *interface, uint32_t nr_workers, uint32_t policy,
		 struct zring_diag *diag, struct zring_worker_plan *ret_plan);

#endif
