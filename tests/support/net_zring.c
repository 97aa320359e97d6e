/* SPDX-License-Identifier: BSD-2-Clause */
#include "support/net_zring.h"

#include <errno.h>
#include <linux/bpf.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

struct zring_capture *net_capture_open(const char *interface,
				       const struct zring_capture_options *options)
{
	struct zring_capture *capture = NULL;
	struct zring_diag diag = {0};
	const int error = zring_capture_open(interface, options, &diag, &capture);

	cr_assert(error == 0, "capture on %s: %s at %s: %s", interface, strerror(-error), diag.step,
		  diag.message);
	return capture;
}

struct zring_capture_options net_capture_options(uint32_t profile)
{
	struct zring_capture_options options = ZRING_CAPTURE_OPTIONS_INIT;

	options.profile = profile;
	options.memory_bytes = 2 << 20;
	return options;
}

static struct zring_packet const *wait_packet(struct zring_capture *capture)
{
	const uint64_t end = net_now_ns() + NET_PATIENCE_NS;
	const struct zring_packet *packet;

	while (net_now_ns() < end) {
		const int got = zring_capture_next_packet(capture, &packet, 200);

		cr_assert(got >= 0, "next_packet: %s", strerror(-got));
		if (got)
			return packet;
	}
	return NULL;
}

const struct zring_packet *net_capture_packet(struct zring_capture *capture)
{
	const struct zring_packet *packet = wait_packet(capture);

	cr_assert(packet, "no packet came");
	return packet;
}

static uint32_t check_batch(const struct zring_batch *batch, uint32_t next, net_size_fn *size)
{
	const struct zring_packet *packet;

	zring_batch_for_each (batch, packet) {
		const uint32_t len = size(next);

		cr_assert(packet->len == len && packet->wire_len == len &&
				  net_frame_is(packet->data, packet->len, next, len),
			  "got frame %u of %u bytes (%u on the wire), expected frame %u of %u",
			  packet->len >= 18 ? net_frame_number(packet->data) : 0, packet->len,
			  packet->wire_len, next, len);
		next++;
	}
	return next;
}

void net_capture_expect(struct zring_capture *capture, struct zring_batch *batch, uint32_t first,
			uint32_t count, net_size_fn *size)
{
	const uint64_t end = net_now_ns() + NET_PATIENCE_NS;
	uint32_t next = first;

	while (next < first + count) {
		const int got = zring_capture_next(capture, batch, 200);

		cr_assert(got >= 0, "next: %s", strerror(-got));
		cr_assert(net_now_ns() < end, "%u of %u frames came", next - first, count);
		check_eq(batch->nr_packets, got);
		next = check_batch(batch, next, size);
		zring_batch_release(batch);
	}
	check_eq(next - first, count);
}

void net_capture_expect_none(struct zring_capture *capture)
{
	const struct zring_packet *packet;
	const int got = zring_capture_next_packet(capture, &packet, 50);

	cr_assert(got == 0, "next_packet gave %d where nothing was sent", got);
}

struct zring_capture_stats net_capture_stats(struct zring_capture *capture)
{
	struct zring_capture_stats stats;

	zring_capture_get_stats(capture, &stats);
	check_eq(stats.delivered + stats.dropped + stats.malformed + stats.filtered + stats.pending,
		 stats.received);
	cr_assert(stats.truncated <= stats.delivered);
	return stats;
}

int net_load_filter(const struct bpf_insn *insns, uint32_t nr)
{
	union bpf_attr attr = {
		.prog_type = BPF_PROG_TYPE_SOCKET_FILTER,
		.insn_cnt = nr,
		.insns = (uint64_t)(uintptr_t)insns,
		.license = (uint64_t)(uintptr_t) "GPL",
	};
	const int fd = (int)syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr));

	if (fd < 0 && errno == EPERM)
		cr_skip_test("loading eBPF needs CAP_BPF (kernel.unprivileged_bpf_disabled)");
	cr_assert(fd >= 0, "BPF_PROG_LOAD: %s", strerror(errno));
	return fd;
}

struct zring_injector *net_injector_open(const char *interface,
					 const struct zring_injector_options *options)
{
	struct zring_injector *injector = NULL;
	struct zring_diag diag = {0};
	const int error = zring_injector_open(interface, options, &diag, &injector);

	cr_assert(error == 0, "injector on %s: %s at %s: %s", interface, strerror(-error),
		  diag.step, diag.message);
	return injector;
}

struct zring_injector_options net_injector_options(uint32_t method)
{
	struct zring_injector_options options = ZRING_INJECTOR_OPTIONS_INIT;

	options.method = method;
	options.nr_frames = 64;
	return options;
}

int net_submit(struct zring_injector *injector, uint32_t number, size_t len)
{
	uint8_t *data = NULL;
	const int room = zring_injector_reserve(injector, &data, 5000);

	cr_assert(room > 0, "reserve: %d", room);
	if (len <= (size_t)room)
		net_frame_fill(data, len, number);
	return zring_injector_submit(injector, len);
}

void net_inject_numbered(struct zring_injector *injector, struct net_tap *tap, uint32_t first,
			 uint32_t count, net_size_fn *size)
{
	const size_t before = net_tap_count(tap);

	for (uint32_t i = 0; i < count; i++) {
		check_eq(net_submit(injector, first + i, size(first + i)), 0);
		if (i % 32 == 31) {
			const int taken = zring_injector_flush(injector);

			cr_assert(taken >= 0, "flush: %s", strerror(-taken));
			net_tap_pace(tap, before + i, 1518);
		}
	}
	net_drain(injector);
}

void net_drain(struct zring_injector *injector)
{
	const int error = zring_injector_drain(injector, (int)(NET_PATIENCE_NS / 1000000));

	cr_assert(error == 0, "drain: %s", strerror(-error));
	check_eq(net_injector_stats(injector).pending, 0);
}

struct zring_injector_stats net_injector_stats(const struct zring_injector *injector)
{
	struct zring_injector_stats stats;

	zring_injector_get_stats(injector, &stats);
	check_eq(stats.sent + stats.rejected + stats.pending, stats.submitted);
	check_eq(stats.rejected_runt + stats.rejected_too_long + stats.rejected_kernel,
		 stats.rejected);
	return stats;
}
