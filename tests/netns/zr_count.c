/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Counts what a capture sees, for tests/netns/test_traffic.sh:
 *
 *	zr_count [-p PROFILE] [-m MIB] INTERFACE	until SIGINT or SIGTERM
 *	zr_count -r FILE				what tcpdump -w wrote
 *
 * Prints READY once packets are received, and at the end one line of figures
 * that is the same for the same packets; their order may differ, for two CPUs
 * write into a ring at once. Ring counters go to a second line.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <zring/zring.h>

#define PCAP_MAGIC_US 0xa1b2c3d4u
#define MAX_PACKET    (1u << 20)

struct count {
	uint64_t packets;
	uint64_t bytes;
	uint64_t arp;
	uint64_t ipv4;
	uint64_t ipv6;
	uint64_t icmp;
	uint64_t tcp;
	uint64_t udp;
	uint64_t fragments;
	uint64_t tagged;
	uint64_t super;
	uint64_t digest; /* sum of the packets' FNV-1a over length and bytes */
};

static struct zring_capture *capture;

static void stop(int signal_number)
{
	(void)signal_number;
	zring_capture_stop(capture);
}

static uint32_t get_be16(const uint8_t *at)
{
	return (uint32_t)at[0] << 8 | at[1];
}

static uint64_t digest(uint64_t start, const void *data, size_t len)
{
	const uint8_t *bytes = data;

	for (size_t i = 0; i < len; i++)
		start = (start ^ bytes[i]) * 0x100000001b3u;
	return start;
}

static void count_protocol(struct count *count, uint8_t protocol)
{
	count->icmp += protocol == 1 || protocol == 58;
	count->tcp += protocol == 6;
	count->udp += protocol == 17;
	count->fragments += protocol == 44; /* IPv6 fragment header */
}

static void count_network(struct count *count, const uint8_t *data, uint32_t len)
{
	uint32_t at = 12;

	if (len >= at + 6 && (get_be16(data + at) == 0x8100 || get_be16(data + at) == 0x88a8)) {
		count->tagged++;
		at += 4;
	}
	if (len < at + 2 + 20)
		return;
	data += at;
	count->arp += get_be16(data) == 0x0806;
	if (get_be16(data) == 0x0800) {
		count->ipv4++;
		count->fragments += (get_be16(data + 2 + 6) & 0x3fff) != 0;
		count_protocol(count, data[2 + 9]);
	} else if (get_be16(data) == 0x86dd) {
		count->ipv6++;
		count_protocol(count, data[2 + 6]);
	}
}

static void count_packet(struct count *count, const uint8_t *data, uint32_t len, uint32_t wire_len)
{
	count->packets++;
	count->bytes += wire_len;
	count->super += wire_len > 1518;
	count_network(count, data, len);
	count->digest +=
		digest(digest(0xcbf29ce484222325u, &wire_len, sizeof(wire_len)), data, len);
}

static void print_count(const struct count *count)
{
	printf("packets=%" PRIu64 " bytes=%" PRIu64 " arp=%" PRIu64 " ipv4=%" PRIu64
	       " ipv6=%" PRIu64 " icmp=%" PRIu64 " tcp=%" PRIu64 " udp=%" PRIu64
	       " fragments=%" PRIu64 " tagged=%" PRIu64 " super=%" PRIu64 " digest=%016" PRIx64
	       "\n",
	       count->packets, count->bytes, count->arp, count->ipv4, count->ipv6, count->icmp,
	       count->tcp, count->udp, count->fragments, count->tagged, count->super,
	       count->digest);
}

static int count_file(const char *path, struct count *count)
{
	uint32_t header[6], record[4];
	uint8_t *data = malloc(MAX_PACKET);
	FILE *file = fopen(path, "rb");
	int error = 1;

	if (!data || !file || fread(header, sizeof(header), 1, file) != 1 ||
	    header[0] != PCAP_MAGIC_US) {
		fprintf(stderr, "zr_count: %s is no pcap file of this machine\n", path);
		goto out;
	}
	while (fread(record, sizeof(record), 1, file) == 1) {
		if (record[2] > MAX_PACKET || fread(data, 1, record[2], file) != record[2]) {
			fprintf(stderr, "zr_count: %s ends within a packet\n", path);
			goto out;
		}
		count_packet(count, data, record[2], record[3]);
	}
	error = 0;
out:
	free(data);
	if (file)
		fclose(file);
	return error;
}

static int count_batch(struct count *count, struct zring_batch *batch, int timeout_ms)
{
	const int got = zring_capture_next(capture, batch, timeout_ms);
	const struct zring_packet *packet;

	if (got <= 0)
		return got;
	zring_batch_for_each (batch, packet)
		count_packet(count, packet->data, packet->len, packet->wire_len);
	zring_batch_release(batch);
	return got;
}

/* What is on its way when the reader is stopped: V3's last block comes with its timer. */
static int count_rest(struct count *count, struct zring_batch *batch)
{
	const struct timespec nap = {0, 1000000};
	struct zring_capture_stats stats;

	for (int i = 0; i < 5000; i++) {
		const int got = count_batch(count, batch, 0);

		if (got < 0)
			return got;
		zring_capture_get_stats(capture, &stats);
		if (got == 0 && stats.pending == 0)
			return 0;
		nanosleep(&nap, NULL);
	}
	return 0;
}

static int count_live(const char *interface, const struct zring_capture_options *options,
		      struct count *count)
{
	const struct sigaction action = {.sa_handler = stop};
	struct zring_capture_stats stats;
	struct zring_diag diag = {0};
	struct zring_batch batch;
	int got;

	if (zring_capture_open(interface, options, &diag, &capture) < 0) {
		fprintf(stderr, "zr_count: %s\n", diag.message);
		return 1;
	}
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	if (zring_batch_init(&batch, ZRING_BATCH_DEFAULT) < 0)
		return 1;
	printf("READY\n");
	fflush(stdout);
	do
		got = count_batch(count, &batch, -1);
	while (got > 0);
	if (got == 0)
		got = count_rest(count, &batch);
	zring_capture_get_stats(capture, &stats);
	print_count(count);
	printf("received=%" PRIu64 " delivered=%" PRIu64 " dropped=%" PRIu64 " pending=%" PRIu64
	       " truncated=%" PRIu64 " malformed=%" PRIu64 "\n",
	       stats.received, stats.delivered, stats.dropped, stats.pending, stats.truncated,
	       stats.malformed);
	zring_batch_fini(&batch);
	zring_capture_close(capture);
	if (got < 0)
		fprintf(stderr, "zr_count: %s: %s\n", interface, strerror(-got));
	return got < 0;
}

int main(int argc, char **argv)
{
	struct zring_capture_options options = ZRING_CAPTURE_OPTIONS_INIT;
	struct count count = {0};
	const char *file = NULL;
	int option, error;

	while ((option = getopt(argc, argv, "p:m:r:")) != -1) {
		if (option == 'p')
			options.profile = (uint32_t)strtoul(optarg, NULL, 10);
		else if (option == 'm')
			options.memory_bytes = strtoull(optarg, NULL, 10) << 20;
		else if (option == 'r')
			file = optarg;
		else
			return 2;
	}
	if (!file && optind + 1 != argc) {
		fprintf(stderr, "usage: zr_count [-p PROFILE] [-m MIB] INTERFACE | -r FILE\n");
		return 2;
	}
	if (!file)
		return count_live(argv[optind], &options, &count);
	error = count_file(file, &count);
	if (!error)
		print_count(&count);
	return error;
}
