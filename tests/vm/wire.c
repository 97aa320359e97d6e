/* SPDX-License-Identifier: BSD-2-Clause */
#include "wire.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/ethtool.h>
#include <linux/if_packet.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define ETHERTYPE    0x88b5u /* local experimental 1 */
#define HEADER_BYTES 14u
#define LINK_UP_NS   UINT64_C(5000000000)

uint64_t wire_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void wire_nap(void)
{
	const struct timespec time = {.tv_nsec = 200000};

	nanosleep(&time, NULL);
}

void wire_fatal(const char *what, int error)
{
	printf("not ok %s: %s\n", what, strerror(error < 0 ? -error : error));
	exit(1);
}

void wire_verdict(struct wire *wire, bool good, const char *round, const char *what,
		  const char *format, ...)
{
	char reason[256];
	va_list arguments;

	if (good) {
		printf("ok %s: %s\n", round, what);
		return;
	}
	va_start(arguments, format);
	vsnprintf(reason, sizeof(reason), format, arguments);
	va_end(arguments);
	printf("not ok %s: %s: %s\n", round, what, reason);
	wire->failed = true;
}

/* ---- frames ---- */

void wire_fill(uint8_t *frame, uint32_t number, uint8_t target)
{
	static const uint8_t addresses[12] = {2, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0xff};

	memcpy(frame, addresses, sizeof(addresses));
	frame[5] = target;
	frame[12] = ETHERTYPE >> 8;
	frame[13] = ETHERTYPE & 0xff;
	memcpy(frame + HEADER_BYTES, &number, sizeof(number));
	for (uint32_t i = HEADER_BYTES + sizeof(number); i < WIRE_FRAME_BYTES; i++)
		frame[i] = (uint8_t)(number * 7u + i);
}

bool wire_is_ours(const uint8_t *frame, size_t len)
{
	return len >= HEADER_BYTES + sizeof(uint32_t) && frame[12] == ETHERTYPE >> 8 &&
	       frame[13] == (ETHERTYPE & 0xff);
}

void wire_tally_open(struct wire_tally *tally, uint32_t nr_frames, uint8_t target)
{
	*tally = (struct wire_tally){
		.target = target,
		.nr_frames = nr_frames,
		.seen = calloc(nr_frames, 1),
	};
	if (!tally->seen)
		wire_fatal("memory", ENOMEM);
}

void wire_tally_close(struct wire_tally *tally)
{
	free(tally->seen);
}

void wire_tally_add(struct wire_tally *tally, const uint8_t *frame, size_t len)
{
	uint8_t expected[WIRE_FRAME_BYTES];
	uint32_t number;

	if (!wire_is_ours(frame, len)) {
		tally->nr_foreign++;
		return;
	}
	memcpy(&number, frame + HEADER_BYTES, sizeof(number));
	wire_fill(expected, number, tally->target);
	if (len != WIRE_FRAME_BYTES || memcmp(frame, expected, len) != 0 ||
	    number >= tally->nr_frames || tally->seen[number]) {
		tally->nr_wrong++;
		return;
	}
	tally->seen[number] = 1;
	tally->nr_counted++;
}

void wire_tally_tell(struct wire *wire, const struct wire_tally *tally, const char *round,
		     uint32_t sent)
{
	printf("frames %s sent %" PRIu32 " counted %" PRIu32 "\n", round, sent, tally->nr_counted);
	wire_verdict(wire,
		     sent == tally->nr_frames && tally->nr_counted == sent && !tally->nr_wrong,
		     round, "every frame arrives once, as it was sent",
		     "%" PRIu32 " of %" PRIu32 " sent, %" PRIu32 " counted, %" PRIu32 " wrong",
		     sent, tally->nr_frames, tally->nr_counted, tally->nr_wrong);
}

/* ---- the far end ---- */

static void far_open(struct wire *wire)
{
	const int bytes = 64 << 20;
	struct sockaddr_ll address = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETHERTYPE),
		.sll_ifindex = (int)if_nametoindex(wire->far),
	};

	wire->far_fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (wire->far_fd < 0 ||
	    setsockopt(wire->far_fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) ||
	    bind(wire->far_fd, (const struct sockaddr *)&address, sizeof(address)))
		wire_fatal("packet socket", errno);
}

uint32_t wire_far_count(struct wire *wire, struct wire_tally *tally)
{
	uint8_t frame[2048];
	ssize_t len;
	uint32_t got = 0;

	while ((len = recv(wire->far_fd, frame, sizeof(frame), MSG_TRUNC)) > 0) {
		wire_tally_add(tally, frame, (size_t)len);
		got++;
	}
	return got;
}

bool wire_far_send(struct wire *wire, uint32_t number)
{
	uint8_t frame[WIRE_FRAME_BYTES];

	wire_fill(frame, number, WIRE_NEAR);
	return send(wire->far_fd, frame, sizeof(frame), 0) == (ssize_t)sizeof(frame);
}

/* ---- what the interfaces are ---- */

static void interface_ioctl(const char *interface, unsigned long request, struct ifreq *ifreq)
{
	const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	snprintf(ifreq->ifr_name, sizeof(ifreq->ifr_name), "%s", interface);
	if (fd < 0 || ioctl(fd, request, ifreq))
		wire_fatal(interface, errno);
	close(fd);
}

static void bring_up(const char *interface)
{
	struct ifreq ifreq = {0};

	interface_ioctl(interface, SIOCGIFFLAGS, &ifreq);
	ifreq.ifr_flags = (short)(ifreq.ifr_flags | IFF_UP);
	interface_ioctl(interface, SIOCSIFFLAGS, &ifreq);
}

static void wait_for_carrier(const char *interface)
{
	const uint64_t end = wire_now_ns() + LINK_UP_NS;
	struct ifreq ifreq = {0};

	do {
		interface_ioctl(interface, SIOCGIFFLAGS, &ifreq);
		if (ifreq.ifr_flags & IFF_RUNNING)
			return;
		wire_nap();
	} while (wire_now_ns() < end);
	wire_fatal(interface, ENETDOWN);
}

/* Asked of the kernel here and not of the library, which is what is tested. */
static void tell_driver(const char *interface)
{
	struct ethtool_drvinfo info = {.cmd = ETHTOOL_GDRVINFO};
	struct ifreq ifreq = {.ifr_data = (void *)&info};

	interface_ioctl(interface, SIOCETHTOOL, &ifreq);
	printf("driver %s %s\n", interface, info.driver);
}

/* A kernel without IPv6 has nothing that speaks unasked. */
static void silence_ipv6(const char *interface)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/disable_ipv6", interface);
	file = fopen(path, "we");
	if (file && (fputs("1", file) < 0 || fclose(file)))
		wire_fatal(path, errno);
}

void wire_open(struct wire *wire)
{
	silence_ipv6(wire->near);
	silence_ipv6(wire->far);
	tell_driver(wire->near);
	bring_up(wire->near);
	bring_up(wire->far);
	wait_for_carrier(wire->near);
	wait_for_carrier(wire->far);
	far_open(wire);
}
