/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <zring/zring.h>

int main(int argc, char **argv)
{
	struct zring_capture *capture;
	const struct zring_packet *packet;
	struct zring_diag diag;
	int got;

	if (argc != 2 || zring_capture_open(argv[1], NULL, &diag, &capture) < 0) {
		fprintf(stderr, "%s\n", argc == 2 ? diag.message : "usage: capture INTERFACE");
		return argc == 2 ? 1 : 2;
	}
	while ((got = zring_capture_next_packet(capture, &packet, -1)) > 0)
		printf("%u bytes, %u captured\n", packet->wire_len, packet->len);
	zring_capture_close(capture);
	return got < 0;
}
