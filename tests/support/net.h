/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A wire for tests: a private network namespace with a silent veth pair.
 *
 *	test's namespace
 *	  za (NET_NEAR) ============ zb (NET_FAR)
 *	  injectors, net_send()      captures, net_tap
 *
 * IPv6 and ARP stay quiet, so what a test does not send is not on the wire.
 * The namespace has no name and goes away with the test, however it ends.
 *
 * All calls here fail the Criterion test when something does not work; they
 * are for the test's own thread unless they say otherwise.
 */
#ifndef TESTS_NET_H
#define TESTS_NET_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <criterion/criterion.h>

#define NET_NEAR      "za"
#define NET_FAR       "zb"
#define NET_NEAR_IPV4 "10.9.0.1"
#define NET_FAR_IPV4  "10.9.0.2"

#define NET_FRAME_MAX     65550u         /* a super-frame of 64 KiB with its header */
#define NET_ETHERTYPE     0x88b5u        /* local experimental 1: the frames of a test */
#define NET_ETHERTYPE_END 0x88b6u        /* local experimental 2: the end marker of a tap */
#define NET_PATIENCE_NS   20000000000ull /* no wait lasts longer */

/* Compares whole numbers and shows both. */
#define check_eq(actual, expected)                                                             \
	do {                                                                                   \
		const long long actual_ = (long long)(actual);                                 \
		const long long expected_ = (long long)(expected);                             \
                                                                                               \
		cr_assert(actual_ == expected_, "%s is %lld, expected %lld", #actual, actual_, \
			  expected_);                                                          \
	} while (0)

extern const uint8_t net_near_mac[6];
extern const uint8_t net_far_mac[6];

/* Enters a fresh namespace with the pair up, pins the calling thread to one CPU. */
void net_lab_open(void);
/* The pair in the namespace that the thread is in. */
void net_pair_add(const char *near, const char *far);
/* A namespace beside the current one; IPv6 is off in it. The descriptor keeps it. */
int net_namespace_new(void);
/* The calling thread's own; the descriptor keeps it. */
int net_namespace_current(void);
void net_namespace_enter(int namespace_fd);
/* A number that is the same for the same namespace. */
uint64_t net_namespace_id(void);
/* A path to hand to ip(8): /proc/PID/fd/N. */
const char *net_namespace_path(int namespace_fd, char *buffer, size_t size);

/* Skips the Criterion test on a kernel older than that, which has not @what. */
void net_need_kernel(unsigned int major, unsigned int minor, const char *what);

/* Runs a shell command in the thread's namespace; it must succeed. */
void net_run(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Its output, cut to fit. */
void net_output(char *buffer, size_t size, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* The number behind the first @key in the text, -1 without. */
long net_number_after(const char *text, const char *key);
/* Brings both up and waits until frames can pass: until then the kernel drops them silently. */
void net_up(const char *first, const char *second);
uint32_t net_index(const char *interface);
/* How many users hold the interface in promiscuous mode. */
long net_promiscuity(const char *interface);

struct net_counters {
	uint32_t rx_packets;
	uint32_t tx_packets;
	uint32_t rx_dropped;
	uint32_t tx_dropped;
};
/* The kernel's counters of an interface in the thread's namespace. */
void net_counters(const char *interface, struct net_counters *ret_counters);

uint64_t net_now_ns(void); /* CLOCK_MONOTONIC */
uint64_t net_time_ns(int clock);
void net_sleep_ms(unsigned int ms);
/* Until another thread has counted so far (atomically), at most NET_PATIENCE_NS. Any thread. */
void net_wait_count(const uint64_t *counter, uint64_t at_least);
/* Puts the calling thread on one of the CPUs it may use, @which counts round. Any thread. */
void net_pin(unsigned int which);

/*
 * A timer that interrupts the calling thread's system calls (no SA_RESTART)
 * every @interval_us until net_storm_stop().
 */
void net_storm_start(unsigned int interval_us);
/* Returns how often it struck. */
unsigned long net_storm_stop(void);

/* ---- frames (net_frame.c); pure functions, any thread ---- */

/* near -> far, NET_ETHERTYPE, the number, then bytes that depend on it. */
void net_frame_fill(uint8_t *frame, size_t len, uint32_t number);
/* Whether @data is the start (@len bytes) of frame @number, which is @frame_len long. */
bool net_frame_is(const uint8_t *data, size_t len, uint32_t number, size_t frame_len);
/* The number in a frame of net_frame_fill(). */
uint32_t net_frame_number(const uint8_t *frame);

/* Lengths by frame number. */
typedef uint32_t net_size_fn(uint32_t number);
uint32_t net_size_60(uint32_t number);
uint32_t net_size_mixed(uint32_t number); /* 60 to 1514, both occur */
uint32_t net_size_small(uint32_t number); /* 60 to 180 */
uint32_t net_size_jumbo(uint32_t number); /* 60 to 9014, both occur */

struct net_tag {
	uint16_t tpid;
	uint16_t tci;
};
/* Puts tags behind the addresses, outermost first; returns the new length. */
size_t net_frame_tag(uint8_t *frame, size_t len, const struct net_tag *tags, size_t nr_tags);

struct net_flow {
	int family; /* AF_INET or AF_INET6 */
	uint16_t source_port;
	uint16_t target_port;
	uint16_t id;  /* IPv4 */
	uint32_t seq; /* TCP */
};
#define NET_UDP_HEADERS(family) ((family) == AF_INET ? 42u : 62u)
#define NET_TCP_HEADERS(family) ((family) == AF_INET ? 54u : 74u)
/* A whole frame near -> far with right checksums; payload bytes depend on @number. */
size_t net_udp_build(uint8_t *frame, const struct net_flow *flow, size_t payload, uint32_t number);
size_t net_tcp_build(uint8_t *frame, const struct net_flow *flow, size_t payload, uint32_t number);
/* Replaces the transport checksum by that of the pseudo header, as offloads want it. */
void net_checksum_leave(uint8_t *frame);
/* Whether IP (v4) and transport checksums of an untagged frame hold. */
bool net_checksums_hold(const uint8_t *frame, size_t len);

/* ---- plain senders (net_send.c): sockets of the test, not of zring ---- */

/* A raw socket bound to the interface, for sending only. */
int net_sender_open(const char *interface);
/* Sends one frame; a full queue (ENOBUFS) is waited for. 0 or -errno. Any thread. */
int net_sender_send(int fd, const void *frame, size_t len);
/* One frame out of NET_NEAR, or out of another interface. The test's thread only. */
void net_send(const void *frame, size_t len);
void net_send_on(const char *interface, const void *frame, size_t len);
/* Frames first .. first + count - 1 of net_frame_fill() out of an interface. */
void net_send_numbered(const char *interface, uint32_t first, uint32_t count, net_size_fn *size);

/* The same from a thread of its own, and for ever (count 0) until stopped. */
struct net_stream {
	const char *interface;
	uint32_t first;
	uint32_t count;
	net_size_fn *size;
	/* private */
	pthread_t thread;
	int fd;
	int error;
	uint32_t sent;
	bool stop;
};
void net_stream_start(struct net_stream *stream);
/* Waits for the last frame, or stops an endless one; returns the frames sent. */
uint32_t net_stream_end(struct net_stream *stream);
uint32_t net_stream_stop(struct net_stream *stream);

/* ---- the tap (net_tap.c): what was on the wire, byte for byte ---- */

struct net_record {
	size_t offset;
	uint32_t len;      /* with the tag that the kernel took out */
	uint8_t direction; /* enum zring_direction */
	bool checksum_ready;
};

struct net_tap {
	/* private */
	char interface[16];
	int fd;
	int wake_fd;
	int buffer_bytes;
	pthread_t thread;
	pthread_mutex_t lock;
	uint8_t *bytes;
	size_t nr_bytes;
	size_t room_bytes;
	struct net_record *records;
	size_t nr_records;
	size_t room_records;
	int error;
	bool stop;
	bool running;
};

/* Records what arrives at the interface (@outgoing: also what it sends), from return on. */
void net_tap_open(struct net_tap *tap, const char *interface, bool outgoing);
/* Waits until @nr frames are recorded, at most NET_PATIENCE_NS; returns how many are. */
size_t net_tap_wait(struct net_tap *tap, size_t nr);
size_t net_tap_count(struct net_tap *tap);
/*
 * Lets the tap catch up after @sent frames of at most @largest bytes. Only an
 * ordinary user's tap has a buffer so small that it must; root's returns at once.
 */
void net_tap_pace(struct net_tap *tap, size_t sent, size_t largest);
/*
 * Ends the recording; returns the number of frames. Nothing that the kernel
 * took in can be missing: the tap's own drops fail the test.
 */
size_t net_tap_stop(struct net_tap *tap);
/* The same, once a marker sent out of NET_NEAR behind all other frames was seen. */
size_t net_tap_finish(struct net_tap *tap);
/* A recorded frame; after stop or finish. */
const uint8_t *net_tap_frame(const struct net_tap *tap, size_t index, size_t *ret_len);
/* Fails the test unless exactly frames first .. first + count - 1 were recorded, in order. */
void net_tap_expect(const struct net_tap *tap, uint32_t first, uint32_t count, net_size_fn *size);
void net_tap_close(struct net_tap *tap);

#endif
