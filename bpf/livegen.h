/* SPDX-License-Identifier: BSD-2-Clause */
/* What the generator program and its loader share. */
#ifndef LIVEGEN_H
#define LIVEGEN_H

#define LIVEGEN_SHAPES      16 /* a power of two, so that the index can be masked */
#define LIVEGEN_SEQUENCE_AT 42 /* behind Ethernet, IPv4 and UDP headers; big-endian, 64 bits */

/* Length fields of one frame of the mix, in network byte order where headers hold them. */
struct livegen_shape {
	unsigned short bytes;
	unsigned short ip_bytes;
	unsigned short ip_checksum;
	unsigned short udp_bytes;
};

#endif
