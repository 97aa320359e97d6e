/* SPDX-License-Identifier: BSD-2-Clause */
/* The rounds of zc_probe, and what they share. */
#ifndef TESTS_VM_PROBE_H
#define TESTS_VM_PROBE_H

#include <zring/zring.h>

#include "wire.h"

#define PROBE_NAP_MS 10

/* probe_injector.c: rounds TX and TX-exact */
void probe_injector(struct wire *wire);
/* probe_capture.c: rounds RX and RX-exact; starve; kill */
void probe_capture(struct wire *wire);
void probe_starve(struct wire *wire);
void probe_kill(struct wire *wire);
/* probe_socket.c: round RXTX */
void probe_socket(struct wire *wire);

void probe_tell_mode(const char *round, uint32_t mode, const char *steps);
/* What zero-copy or nothing was answered; true: it opened. */
bool probe_tell_exact(const char *round, int err, const struct zring_diag *diag);
/* Ends the program unless @err is 0. */
void probe_check_open(int err, const struct zring_diag *diag, const char *round);
/* The program that NEAR has now, 0: none. */
uint32_t probe_attached(const struct wire *wire);
void probe_check_no_program(struct wire *wire, const char *round);
/* Sends frames from the far end as far as the window reaches. */
void probe_far_send(struct wire *wire, const struct wire_tally *tally, uint32_t *sent);
/* A tenth of the frames, for the rounds that come again with another way to open. */
uint32_t probe_fewer(const struct wire *wire);

#endif
