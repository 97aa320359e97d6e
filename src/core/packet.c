/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "capture.h"

void zring_packet_get_info(const struct zring_capture *capture, const struct zring_packet *packet,
			   struct zring_packet_info *ret_info)
{
	capture->ops->packet_info(capture, packet, ret_info);
}

int zring_packet_copy(const struct zring_capture *capture, const struct zring_packet *packet,
		      struct zring_owned_packet **ret_copy)
{
	struct zring_owned_packet *copy = malloc(sizeof(*copy) + packet->len);

	if (!copy)
		return -ENOMEM;
	zring_packet_get_info(capture, packet, &copy->info);
	copy->len = packet->len;
	copy->wire_len = packet->wire_len;
	memcpy(copy->data, packet->data, packet->len);
	*ret_copy = copy;
	return 0;
}

void zring_packet_free(struct zring_owned_packet *copy)
{
	free(copy);
}
