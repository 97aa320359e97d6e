/* SPDX-License-Identifier: BSD-2-Clause */
/* Sends every frame back to where it came from: one queue, the chunks are never copied. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include <zring/zring.h>

#define BATCH 64

static volatile sig_atomic_t stopped;

static void stop(int signal_number)
{
	(void)signal_number;
	stopped = 1;
}

static void swap_addresses(uint8_t *frame)
{
	uint8_t destination[6];

	memcpy(destination, frame, 6);
	memcpy(frame, frame + 6, 6);
	memcpy(frame + 6, destination, 6);
}

/* What can't be sent goes straight back to be received into. */
static void reflect(struct zring_xdp *xdp, struct zring_umem *umem, struct zring_xdp_desc *frames,
		    int nr)
{
	for (int i = 0; i < nr; i++) {
		if (frames[i].len >= 14)
			swap_addresses(zring_umem_data(umem, frames[i].address));
		if (zring_xdp_transmit(xdp, &frames[i], 1) != 1)
			zring_xdp_fill(xdp, &frames[i].address, 1);
	}
	zring_xdp_kick(xdp);
}

static int run(struct zring_xdp *xdp, struct zring_umem *umem)
{
	struct zring_xdp_desc frames[BATCH];
	uint64_t sent[BATCH];

	while (!stopped) {
		int nr = zring_xdp_complete(xdp, sent, BATCH);

		if (nr > 0)
			zring_xdp_fill(xdp, sent, (uint32_t)nr);
		nr = zring_xdp_receive(xdp, frames, BATCH);
		if (nr > 0)
			reflect(xdp, umem, frames, nr);
		else if (nr == 0)
			nr = zring_xdp_wait(xdp, ZRING_XDP_READABLE, 100);
		if (nr < 0 && nr != -ENETDOWN) {
			fprintf(stderr, "%s\n", strerror(-nr));
			return 1;
		}
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct zring_umem *umem = NULL;
	struct zring_xdp *xdp = NULL;
	struct zring_diag diag;
	int status = 1;

	if (argc != 2) {
		fprintf(stderr, "usage: xdp_reflect INTERFACE\n");
		return 2;
	}
	signal(SIGINT, stop);
	signal(SIGTERM, stop);
	if (!zring_umem_open(NULL, &diag, &umem) &&
	    !zring_xdp_open(argv[1], umem, NULL, &diag, &xdp))
		status = run(xdp, umem);
	else
		fprintf(stderr, "%s: %s\n", diag.step, diag.message);
	zring_xdp_close(xdp);
	zring_umem_close(umem);
	return status;
}
