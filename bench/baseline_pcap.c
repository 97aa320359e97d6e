/* SPDX-License-Identifier: BSD-2-Clause */
/* The reader that most programs have: pcap_dispatch() with a callback. */
#include "rows.h"

#ifdef HAVE_LIBPCAP

#include <errno.h>
#include <pcap/pcap.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#define BUFFER_BYTES (64 << 20) /* as much as the ring of the capture beside it */
#define BLOCK_MS     10         /* and handed over as often */
#define DRAIN_NS     30000000u
#define DRAIN_QUIET  2

struct reader {
	struct rx_sum sum;
	uint64_t packets;
};

static pcap_t *to_break; /* for the signal handler */

static void break_loop(int number)
{
	(void)number;
	pcap_breakloop(to_break);
}

static void look(u_char *user, const struct pcap_pkthdr *header, const u_char *data)
{
	struct reader *reader = (struct reader *)(void *)user;

	rx_look(&reader->sum, data, header->caplen);
	reader->packets++;
}

static int open_pcap(struct child_side *side, const char *name, pcap_t **ret_pcap)
{
	char text[PCAP_ERRBUF_SIZE] = "";
	pcap_t *pcap = pcap_create(name, text);
	int rc;

	if (!pcap) {
		child_fail(side, -EIO, "pcap_create %s: %s", name, text);
		return -EIO;
	}
	pcap_set_buffer_size(pcap, BUFFER_BYTES);
	pcap_set_timeout(pcap, BLOCK_MS);
	pcap_set_snaplen(pcap, FRAME_BYTES_MAX);
	pcap_set_promisc(pcap, 1);
	rc = pcap_activate(pcap);
	if (rc < 0) {
		child_fail(side, -EIO, "pcap_activate %s: %s (%s)", name, pcap_statustostr(rc),
			   pcap_geterr(pcap));
		pcap_close(pcap);
		return -EIO;
	}
	pcap_setdirection(pcap, PCAP_D_IN);
	*ret_pcap = pcap;
	return 0;
}

static int read_all(struct child_side *side, pcap_t *pcap, struct reader *reader)
{
	char text[PCAP_ERRBUF_SIZE];
	int nr = 0;

	/* The stop breaks the loop by a signal: the call may wait for ever without traffic. */
	while (!child_stopped(side)) {
		nr = pcap_dispatch(pcap, -1, look, (u_char *)reader);
		if (nr < 0 && nr != PCAP_ERROR_BREAK)
			return nr;
	}
	signal(SIGUSR1, SIG_IGN);
	if (pcap_setnonblock(pcap, 1, text) < 0)
		return PCAP_ERROR;
	for (int quiet = 0; quiet < DRAIN_QUIET;) {
		nr = pcap_dispatch(pcap, -1, look, (u_char *)reader);
		if (nr < 0 && nr != PCAP_ERROR_BREAK)
			return nr;
		if (nr == 0) {
			quiet++;
			cpu_sleep_ns(DRAIN_NS);
		}
	}
	return 0;
}

int rx_run_libpcap(struct child_side *side, const void *context)
{
	const struct job *job = context;
	const struct sigaction action = {.sa_handler = break_loop};
	struct pcap_stat stats = {0};
	struct reader reader = {0};
	pcap_t *pcap;
	int err = open_pcap(side, job->lab->tested.name, &pcap);

	if (err)
		return err;
	to_break = pcap;
	sigaction(SIGUSR1, &action, NULL);
	child_ready(side);
	err = read_all(side, pcap, &reader);
	child_account(side);
	rx_sum_use(&reader.sum);
	if (!err && pcap_stats(pcap, &stats) == 0) {
		side->shared->result.received = stats.ps_recv;
		side->shared->result.dropped = stats.ps_drop;
	}
	side->shared->result.packets = reader.packets;
	snprintf(side->shared->result.note, sizeof(side->shared->result.note), "%.60s, 64 MiB ring",
		 pcap_lib_version());
	if (err)
		child_fail(side, -EIO, "pcap_dispatch: %s", pcap_geterr(pcap));
	pcap_close(pcap);
	return err ? -EIO : 0;
}

#else

#include <errno.h>

int rx_run_libpcap(struct child_side *side, const void *context)
{
	(void)context;
	return child_fail(side, -ENOTSUP, "built without libpcap");
}

#endif
