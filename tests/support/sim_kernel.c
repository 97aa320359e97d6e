/* SPDX-License-Identifier: BSD-2-Clause */
/* The played kernel: descriptors, options, memory, time, faults. */
#include "sim_bpf.h"
#include "sim_internal.h"

#include <errno.h>
#include <linux/if.h>
#include <linux/if_arp.h>
#include <linux/net_tstamp.h>
#include <linux/sockios.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "afxdp/if_xdp.h"
#include "afxdp/program.h"

#define NS_PER_S         UINT64_C(1000000000)
#define REAL_SLICE_NS    50000
#define VIRTUAL_STEP_NS  2000
#define SIM_FANOUT_ID    7u /* what UNIQUE_ID gives */
#define VIRTUAL_START_NS (1000 * NS_PER_S)

struct sim_kernel sim;

int sim_fail_with(int error)
{
	errno = error;
	return -1;
}

bool sim_fault(const char *call, int a, int b)
{
	uint32_t nr;

	if (sim.config.spare_other_threads && !pthread_equal(pthread_self(), sim.owner))
		return false;
	nr = __atomic_add_fetch(&sim.nr_calls, 1, __ATOMIC_RELAXED);
	if (!sim.fail_nth || nr < sim.fail_nth || nr - sim.fail_nth >= sim.fail_times)
		return false;
	/* mmap(2) is not interrupted. */
	if (sim.fail_error == EINTR && strcmp(call, "mmap") == 0)
		return false;
	snprintf(sim.failed, sizeof(sim.failed), "%s %d/%d", call, a, b);
	errno = sim.fail_error;
	return true;
}

struct sim_fd *sim_fd(int fd)
{
	SIM_CHECK(fd >= SIM_FIRST_FD && fd < SIM_FIRST_FD + SIM_MAX_FDS &&
			  sim.fds[fd - SIM_FIRST_FD].kind != SIM_FD_FREE,
		  "descriptor %d is not open", fd);
	return &sim.fds[fd - SIM_FIRST_FD];
}

int sim_new_fd(enum sim_fd_kind kind)
{
	for (int i = 0; i < SIM_MAX_FDS; i++)
		if (sim.fds[i].kind == SIM_FD_FREE) {
			memset(&sim.fds[i], 0, sizeof(sim.fds[i]));
			sim.fds[i].kind = kind;
			return SIM_FIRST_FD + i;
		}
	return sim_fail_with(EMFILE);
}

static int new_xdp_fd(void)
{
	const int fd = sim_new_fd(SIM_FD_XDP);

	if (fd >= 0)
		sim_xdp_new(sim_fd(fd));
	return fd;
}

static int fake_socket(int domain, int type, int protocol)
{
	if (sim_fault("socket", domain, protocol))
		return -1;
	if (domain == AF_NETLINK && sim.config.xdp)
		return sim_new_fd(SIM_FD_NETLINK);
	if (domain == AF_XDP && sim.config.xdp)
		return new_xdp_fd();
	if (domain != AF_PACKET)
		return sim_fail_with(EAFNOSUPPORT); /* no netlink here: the library does without */
	SIM_CHECK(protocol == 0, "a socket with a protocol hears every interface");
	SIM_CHECK(type & SOCK_CLOEXEC, "the descriptor is inherited");
	return sim_new_fd(SIM_FD_PACKET);
}

/* packet_set_ring() */
static int make_ring(struct sim_fd *socket, struct sim_ring *ring, const void *value, socklen_t len)
{
	const bool v3 = socket->version == TPACKET_V3;
	struct tpacket_req3 request = {0};

	if (len < (v3 ? sizeof(request) : sizeof(struct tpacket_req)))
		return sim_fail_with(EINVAL);
	memcpy(&request, value, v3 ? sizeof(request) : sizeof(struct tpacket_req));
	if (ring->exists)
		return sim_fail_with(EBUSY);
	if ((int)request.tp_block_size <= 0 ||
	    request.tp_block_size % (uint32_t)sysconf(_SC_PAGESIZE) || !request.tp_frame_size ||
	    request.tp_frame_size % TPACKET_ALIGNMENT || !request.tp_block_nr ||
	    request.tp_block_size / request.tp_frame_size * request.tp_block_nr !=
		    request.tp_frame_nr)
		return sim_fail_with(EINVAL);
	if (sim.config.most_ring_bytes &&
	    (uint64_t)request.tp_block_size * request.tp_block_nr > sim.config.most_ring_bytes)
		return sim_fail_with(ENOMEM);
	*ring = (struct sim_ring){
		.block_bytes = request.tp_block_size,
		.nr_blocks = request.tp_block_nr,
		.frame_bytes = request.tp_frame_size,
		.nr_frames = request.tp_frame_nr,
		.retire_ms = v3 ? request.tp_retire_blk_tov : 0,
		.exists = true,
	};
	return 0;
}

/* fanout_add(): of groups only what one socket shows of them. */
static int join_fanout(struct sim_fd *socket, const void *value)
{
	uint32_t word;

	memcpy(&word, value, sizeof(word));
	if (!socket->bound)
		return sim_fail_with(EINVAL);
	if (socket->in_fanout)
		return sim_fail_with(EALREADY);
	/* Before the group's program all goes to the first member, before the join to each. */
	SIM_CHECK(sim_rx_is_shut(&socket->rx), "joins while it takes packets");
	if (word >> 16 & PACKET_FANOUT_FLAG_UNIQUEID) {
		if (word & UINT16_MAX)
			return sim_fail_with(EINVAL);
		word = (word & ~((uint32_t)PACKET_FANOUT_FLAG_UNIQUEID << 16)) | SIM_FANOUT_ID;
	}
	socket->in_fanout = true;
	socket->fanout = word;
	return 0;
}

static int set_fanout_program(struct sim_fd *socket, const void *value, socklen_t len)
{
	const struct sock_fprog *program = value;
	const bool takes_one = (socket->fanout >> 16 & 0xff) == PACKET_FANOUT_CBPF;

	if (!socket->in_fanout || !takes_one || len != sizeof(*program))
		return sim_fail_with(EINVAL);
	SIM_CHECK(sim_bpf_valid(program->filter, program->len), "the kernel would refuse it");
	SIM_CHECK(sim_rx_is_shut(&socket->rx), "packets came before the program");
	socket->has_program = true;
	return 0;
}

static int set_packet_option(struct sim_fd *socket, int name, const void *value, socklen_t len)
{
	int number = 0;

	if (name == PACKET_FANOUT)
		return join_fanout(socket, value);
	if (name == PACKET_FANOUT_DATA)
		return set_fanout_program(socket, value, len);
	if (name == PACKET_RX_RING)
		return make_ring(socket, &socket->rx_ring, value, len);
	if (name == PACKET_TX_RING)
		return make_ring(socket, &socket->tx_ring, value, len);
	if (name == PACKET_ADD_MEMBERSHIP)
		return 0;
	memcpy(&number, value, sizeof(number));
	if (socket->rx_ring.exists || socket->tx_ring.exists)
		return sim_fail_with(EBUSY);
	switch (name) {
	case PACKET_VERSION:
		socket->version = number;
		return 0;
	case PACKET_LOSS:
		socket->loss = number;
		return 0;
	case PACKET_VNET_HDR:
		socket->vnet_header = number;
		return sim.config.without_vnet_header ? sim_fail_with(EINVAL) : 0;
	case PACKET_TIMESTAMP:
	case PACKET_IGNORE_OUTGOING:
	case PACKET_QDISC_BYPASS:
		return 0;
	default:
		return sim_fail_with(ENOPROTOOPT);
	}
}

static int fake_setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
	struct sim_fd *socket = sim_fd(fd);

	if (sim_fault("setsockopt", level, name))
		return -1;
	if (level == SOL_XDP)
		return sim_xdp_setsockopt(socket->xdp, name, value, len);
	if (level == SOL_PACKET)
		return set_packet_option(socket, name, value, len);
	if (name == SO_ATTACH_FILTER) {
		const struct sock_fprog *program = value;

		memcpy(socket->rx.filter, program->filter, program->len * sizeof(*program->filter));
		socket->rx.nr_filter = program->len;
	}
	if (name == SO_DETACH_FILTER)
		socket->rx.nr_filter = 0;
	return 0;
}

static uint32_t take(uint32_t *counter)
{
	return __atomic_exchange_n(counter, 0, __ATOMIC_RELAXED);
}

static int fake_getsockopt(int fd, int level, int name, void *value, socklen_t *len)
{
	struct sim_fd *socket = sim_fd(fd);
	int number = 0;

	if (sim_fault("getsockopt", level, name))
		return -1;
	if (level == SOL_XDP)
		return sim_xdp_getsockopt(socket->xdp, name, value, len);
	if (level == SOL_PACKET && name == PACKET_STATISTICS) {
		struct tpacket_stats_v3 stats = {
			.tp_drops = take(&socket->rx.nr_drops),
			.tp_freeze_q_cnt = take(&socket->rx.nr_freezes),
		};

		/* The kernel's word for "received" includes the drops. */
		stats.tp_packets = take(&socket->rx.nr_packets) + stats.tp_drops;
		SIM_CHECK(*len >= sizeof(stats), "%u bytes", *len);
		memcpy(value, &stats, sizeof(stats));
		return 0;
	}
	if (level == SOL_PACKET && name == PACKET_FANOUT)
		number = (int)socket->fanout;
	else if (name == SO_ERROR)
		number = __atomic_exchange_n(&socket->error, 0, __ATOMIC_RELAXED);
	memcpy(value, &number, sizeof(number));
	return 0;
}

static int fake_getsockname(int fd, struct sockaddr *address, socklen_t *len)
{
	struct sockaddr_ll *link = (struct sockaddr_ll *)(void *)address;

	sim_fd(fd);
	if (sim_fault("getsockname", 0, 0))
		return -1;
	SIM_CHECK(*len >= sizeof(*link), "%u bytes", *len);
	link->sll_ifindex = zr_load_relaxed(&sim.ifindex);
	return 0;
}

static int fake_bind(int fd, const struct sockaddr *address, socklen_t len)
{
	const struct sockaddr_ll *link = (const struct sockaddr_ll *)(const void *)address;
	struct sim_fd *socket = sim_fd(fd);

	if (socket->kind == SIM_FD_XDP)
		return sim_xdp_bind(socket->xdp, address, len);
	if (sim_fault("bind", 0, 0))
		return -1;
	SIM_CHECK(len >= sizeof(*link) && link->sll_family == AF_PACKET, "no packet address");
	if (link->sll_ifindex != zr_load_relaxed(&sim.ifindex))
		return sim_fail_with(ENODEV);
	socket->bound = link->sll_ifindex;
	if (socket->rx_ring.mapped)
		sim_rx_begin(socket);
	return 0;
}

static int fake_ioctl(int fd, unsigned long request, void *argument)
{
	struct ifreq *interface = argument;

	sim_fd(fd);
	if (sim_fault("ioctl", (int)request, 0))
		return -1;
	if (request == SIOCGIFNAME) {
		snprintf(interface->ifr_name, sizeof(interface->ifr_name), SIM_INTERFACE);
		return interface->ifr_ifindex == zr_load_relaxed(&sim.ifindex)
			       ? 0
			       : sim_fail_with(ENODEV);
	}
	if (strcmp(interface->ifr_name, SIM_INTERFACE) != 0)
		return sim_fail_with(ENODEV);
	if (request == SIOCGIFINDEX)
		interface->ifr_ifindex = zr_load_relaxed(&sim.ifindex);
	else if (request == SIOCGIFMTU)
		interface->ifr_mtu = (int)zr_load_relaxed(&sim.mtu);
	else if (request == SIOCGIFHWADDR)
		interface->ifr_hwaddr.sa_family = ARPHRD_ETHER;
	else
		return sim_fail_with(EOPNOTSUPP);
	return 0;
}

static struct sim_ring *ring_of(struct sim_fd *socket)
{
	return socket->rx_ring.exists ? &socket->rx_ring : &socket->tx_ring;
}

static size_t whole_pages(size_t len)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);

	return (len + page - 1) / page * page;
}

void *sim_map(size_t len)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	const size_t usable = whole_pages(len);
	uint8_t *memory = mmap(NULL, usable + page, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (memory == MAP_FAILED)
		return MAP_FAILED;
	mprotect(memory + usable, page, PROT_NONE);
	sim.nr_mapped++;
	return memory;
}

static void *map_hugepages(size_t len, int flags)
{
	if (sim_fault("mmap", flags, 0))
		return MAP_FAILED;
	if (!sim.config.xdp || !sim.config.xdp->with_hugepages)
		return sim_fail_with(ENOMEM), MAP_FAILED;
	return sim_map(len);
}

static void *fake_mmap(void *address, size_t len, int prot, int flags, int fd, off_t offset)
{
	struct sim_ring *ring;
	struct sim_fd *file;
	void *memory;

	(void)address, (void)prot;
	if (flags & MAP_HUGETLB)
		return map_hugepages(len, flags);
	if (sim_fault("mmap", flags, 0))
		return MAP_FAILED;
	if (flags & MAP_ANONYMOUS)
		return sim_map(len);
	file = sim_fd(fd);
	if (file->kind == SIM_FD_XDP)
		return sim_xdp_mmap(file->xdp, len, offset);
	if (file->kind == SIM_FD_MEMORY)
		return sim_map(len);
	ring = ring_of(file);
	if (!ring->exists || offset || len != (size_t)ring->block_bytes * ring->nr_blocks)
		return sim_fail_with(EINVAL), MAP_FAILED;
	if ((flags & MAP_LOCKED) && sim.config.refuse_lock)
		return sim_fail_with(EAGAIN), MAP_FAILED;
	memory = sim_map(len);
	if (memory != MAP_FAILED) {
		ring->memory = memory;
		ring->mapped = true;
	}
	return memory;
}

static int fake_munmap(void *address, size_t len)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);

	for (int i = 0; i < SIM_MAX_FDS; i++) {
		struct sim_ring *ring = ring_of(&sim.fds[i]);

		if (ring->mapped && ring->memory == address) {
			SIM_CHECK(len == (size_t)ring->block_bytes * ring->nr_blocks,
				  "unmaps %zu bytes", len);
			ring->mapped = false;
		}
		if (sim.fds[i].kind == SIM_FD_XDP)
			sim_xdp_munmap(sim.fds[i].xdp, address, len);
	}
	SIM_CHECK(sim.nr_mapped > 0, "nothing is mapped");
	sim.nr_mapped--;
	return munmap(address, whole_pages(len) + page);
}

static int fake_close(int fd)
{
	struct sim_fd *file = sim_fd(fd);

	SIM_CHECK(!file->rx_ring.mapped && !file->tx_ring.mapped,
		  "descriptor %d is closed while its ring is mapped", fd);
	if (file->kind == SIM_FD_XDP)
		sim_xdp_end(file->xdp);
	file->kind = SIM_FD_FREE;
	return 0;
}

static int fake_open(const char *path, int flags)
{
	int fd;

	(void)flags;
	if (sim_fault("open", 0, 0))
		return -1;
	if (strcmp(path, "/run/netns/" SIM_NETNS) != 0 &&
	    strcmp(path, "/proc/thread-self/ns/net") != 0)
		return sim_fail_with(ENOENT);
	fd = sim_new_fd(SIM_FD_NETNS);
	if (fd >= 0)
		sim_fd(fd)->namespace = strstr(path, SIM_NETNS) ? 1 : sim.namespace;
	return fd;
}

static int fake_setns(int fd, int type)
{
	(void)type;
	if (sim_fault("setns", 0, 0))
		return -1;
	sim.namespace = sim_fd(fd)->namespace;
	return 0;
}

static int fake_eventfd(unsigned int value, int flags)
{
	(void)flags;
	if (sim_fault("eventfd", 0, 0))
		return -1;
	SIM_CHECK(value == 0, "starts at %u", value);
	return sim_new_fd(SIM_FD_EVENT);
}

static ssize_t fake_write(int fd, const void *data, size_t len)
{
	uint64_t value;

	memcpy(&value, data, sizeof(value));
	__atomic_fetch_add(&sim_fd(fd)->events, value, __ATOMIC_RELAXED);
	return (ssize_t)len;
}

static short poll_events(const struct pollfd *asked)
{
	struct sim_fd *file = sim_fd(asked->fd);
	int events = 0;

	if (file->kind == SIM_FD_EVENT)
		return zr_load_relaxed(&file->events) ? POLLIN : 0;
	if (file->kind == SIM_FD_XDP && sim_xdp_readable(file->xdp))
		events |= POLLIN;
	if (file->rx_ring.mapped && sim_rx_readable(&file->rx))
		events |= POLLIN;
	if (zr_load_relaxed(&file->error))
		events |= POLLERR;
	events |= POLLOUT;
	return (short)(events & (asked->events | POLLERR | POLLHUP));
}

static int look(struct pollfd *fds, nfds_t nr)
{
	int ready = 0;

	for (nfds_t i = 0; i < nr; i++) {
		fds[i].revents = poll_events(&fds[i]);
		ready += fds[i].revents != 0;
	}
	return ready;
}

static uint64_t to_ns(const struct timespec *time)
{
	return (uint64_t)time->tv_sec * NS_PER_S + (uint64_t)time->tv_nsec;
}

static uint64_t now_ns(void)
{
	struct timespec now;

	if (sim.config.virtual_time)
		return sim.now_ns += VIRTUAL_STEP_NS;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return to_ns(&now);
}

void sim_idle(void)
{
	if (sim.config.virtual_time && sim.config.hold)
		sim_tx_complete(1 + sim_below(&sim.random, 4));
	for (int i = 0; i < SIM_MAX_FDS && sim.config.xdp && sim.config.virtual_time; i++)
		if (sim.fds[i].kind == SIM_FD_XDP)
			sim_xdp_idle(sim.fds[i].xdp);
}

static int fake_ppoll(struct pollfd *fds, nfds_t nr, const struct timespec *timeout,
		      const sigset_t *mask)
{
	const struct timespec slice = {.tv_nsec = REAL_SLICE_NS};
	const uint64_t until_ns = timeout ? now_ns() + to_ns(timeout) : UINT64_MAX;

	(void)mask;
	if (sim_fault("ppoll", (int)nr, 0))
		return -1;
	for (;;) {
		const int ready = look(fds, nr);

		if (ready || (timeout && now_ns() >= until_ns))
			return ready;
		SIM_CHECK(timeout || !sim.config.virtual_time, "waits for ever");
		sim_idle();
		if (sim.config.virtual_time)
			sim.now_ns = until_ns;
		else
			nanosleep(&slice, NULL);
	}
}

static int fake_clock_gettime(clockid_t clock, struct timespec *ret_time)
{
	const uint64_t now = now_ns();

	(void)clock;
	*ret_time = (struct timespec){(time_t)(now / NS_PER_S), (long)(now % NS_PER_S)};
	return 0;
}

static int fake_clock_nanosleep(clockid_t clock, int flags, const struct timespec *time,
				struct timespec *remaining)
{
	SIM_CHECK(flags == TIMER_ABSTIME, "sleeps for a span: a signal would lengthen it");
	sim_idle();
	if (!sim.config.virtual_time)
		return clock_nanosleep(clock, flags, time, remaining);
	if (to_ns(time) > sim.now_ns)
		sim.now_ns = to_ns(time);
	return 0;
}

static ssize_t fake_recvmsg(int fd, struct msghdr *message, int flags)
{
	struct sim_fd *file = sim_fd(fd);

	if (sim_fault("recvmsg", (int)file->kind, 0))
		return -1;
	if (file->kind == SIM_FD_NETLINK)
		return sim_netlink_answer(file, message);
	SIM_CHECK(flags & MSG_DONTWAIT, "a wake-up that can block");
	if (file->kind == SIM_FD_XDP)
		sim_xdp_wake(file->xdp);
	return sim_fail_with(EAGAIN);
}

static ssize_t fake_read(int fd, void *data, size_t len)
{
	struct sim_fd *file = sim_fd(fd);
	const uint64_t events = __atomic_exchange_n(&file->events, 0, __ATOMIC_RELAXED);

	if (!events)
		return sim_fail_with(EAGAIN);
	SIM_CHECK(len == sizeof(events), "%zu bytes of an eventfd", len);
	memcpy(data, &events, len);
	return (ssize_t)len;
}

static const struct zr_syscalls sim_table = {
	.socket = fake_socket,
	.setsockopt = fake_setsockopt,
	.getsockopt = fake_getsockopt,
	.getsockname = fake_getsockname,
	.bind = fake_bind,
	.sendto = sim_sendto,
	.sendmsg = sim_sendmsg,
	.sendmmsg = sim_sendmmsg,
	.recvmsg = fake_recvmsg,
	.ppoll = fake_ppoll,
	.ioctl = fake_ioctl,
	.mmap = fake_mmap,
	.munmap = fake_munmap,
	.memfd_create = sim_memfd_create,
	.ftruncate = sim_ftruncate,
	.mbind = sim_mbind,
	.open = fake_open,
	.read = fake_read,
	.write = fake_write,
	.close = fake_close,
	.eventfd = fake_eventfd,
	.epoll_create1 = sim_epoll_create1,
	.epoll_ctl = sim_epoll_ctl,
	.setns = fake_setns,
	.getrusage = sim_getrusage,
	.dup = sim_dup,
	.getdents = sim_getdents,
	.sched_getaffinity = sim_sched_getaffinity,
	.pthread_create = sim_pthread_create,
	.pthread_join = pthread_join,
	.clock_gettime = fake_clock_gettime,
	.clock_nanosleep = fake_clock_nanosleep,
};

void sim_start(const struct sim_config *config)
{
	memset(&sim, 0, sizeof(sim));
	sim.config = *config;
	sim.owner = pthread_self();
	sim.random = config->seed;
	sim.now_ns = VIRTUAL_START_NS;
	sim.mtu = config->mtu ? config->mtu : 1500;
	sim.ifindex = SIM_IFINDEX;
	sim_tx_reset();
	zr_sys = &sim_table;
	zr_program_ops = config->xdp ? &sim_program_ops : &zr_program_ops_kernel;
}

void sim_stop(void)
{
	SIM_CHECK(sim_nr_mapped() == 0, "%u mappings are left", sim_nr_mapped());
	SIM_CHECK(sim_nr_open() == 0, "%u descriptors are left", sim_nr_open());
	sim_tx_end();
	zr_sys = &zr_sys_kernel;
	zr_program_ops = &zr_program_ops_kernel;
}

void sim_fail_call(uint32_t nth, int error, uint32_t times)
{
	sim.nr_calls = 0;
	sim.fail_nth = nth;
	sim.fail_error = error;
	sim.fail_times = times;
	sim.failed[0] = '\0';
}

uint32_t sim_nr_calls(void)
{
	return sim.nr_calls;
}

const char *sim_failed_call(void)
{
	return sim.failed;
}

uint32_t sim_nr_open(void)
{
	uint32_t nr = sim.nr_programs;

	for (int i = 0; i < SIM_MAX_FDS; i++)
		nr += sim.fds[i].kind != SIM_FD_FREE;
	return nr;
}

uint32_t sim_nr_mapped(void)
{
	return sim.nr_mapped;
}

bool sim_thread_is_home(void)
{
	return sim.namespace == 0;
}

void sim_set_mtu(uint32_t mtu)
{
	zr_store_relaxed(&sim.mtu, mtu);
}

static void raise_error(int error)
{
	for (int i = 0; i < SIM_MAX_FDS; i++)
		if (sim.fds[i].kind == SIM_FD_PACKET && sim.fds[i].bound)
			zr_store_relaxed(&sim.fds[i].error, error);
}

void sim_set_up(bool up)
{
	zr_store_relaxed(&sim.down, !up);
	if (!up)
		raise_error(ENETDOWN);
}

void sim_delete_interface(void)
{
	zr_store_relaxed(&sim.ifindex, -1);
	raise_error(ENETDOWN);
}
