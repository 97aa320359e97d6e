/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every system call of an AF_XDP open fails once, for every number and each plausible
 * errno, and so does what needs bpf(2): what was opened is closed, in the right order
 * (sim_xdp.c checks), outputs stay untouched, and EINTR never shows.
 */
#include <errno.h>
#include <linux/if_xdp.h>
#include <stdio.h>
#include <string.h>

#include <zring/zring.h>

#include "support/sim.h"
#include "support/sim_kernel.h"
#include "support/sim_xdp.h"

#define MOST_CALLS 400
#define NR_QUEUES  2

/* Calls that may fail without the open failing, with the reason. */
static const struct {
	const char *call; /* or its beginning, with a '*' */
	int error;        /* 0: any */
} falls_back[] = {
	{"ioctl *", 0},           /* ethtool: unknown then */
	{"setsockopt 1/20", 0},   /* SO_RCVTIMEO of netlink */
	{"setsockopt 270/12", 0}, /* NETLINK_GET_STRICT_CHK */
	{"mmap 294946/0", 0},     /* MAP_HUGETLB: ordinary pages */
	{"mbind 0/0", 0},         /* any node: told in fallback */
	{"bind 44/12", 0},        /* zero-copy: copy mode */
	{"bind 44/*", EBUSY},     /* a queue is waited for */
	{"program_mode 0/0", 0},  /* what is attached is not known then */
	{"setsockopt 1/69", 0},   /* busy polling: told in steps */
	{"setsockopt 1/46", 0},
	{"setsockopt 1/70", 0},
	{"getsockopt 1/56", 0},        /* SO_INCOMING_NAPI_ID */
	{"setsockopt 283/9", 0},       /* XDP_MAX_TX_SKB_BUDGET: 32 then */
	{"getsockopt 1/7", 0},         /* SO_SNDBUF: told as 0 */
	{"setsockopt 283/4", EINVAL},  /* XDP_UMEM_REG with tx_metadata: without */
	{"setsockopt 283/4", ENOBUFS}, /* the memory of a closed umem is waited for */
	/* The packet socket for what this host sends. */
	{"mmap 8193/0", 0},           /* MAP_LOCKED */
	{"setsockopt 263/5", ENOMEM}, /* PACKET_RX_RING: tried smaller */
	{"getsockopt 1/46", 0},       /* values in effect are told as 0 then */
	{"getsockopt 1/69", 0},
	{"getsockopt 1/70", 0},
	{"getsockopt 1/8", 0},
};

static bool is_call(const char *call, const char *pattern)
{
	const size_t len = strcspn(pattern, "*");

	return pattern[len] ? !strncmp(call, pattern, len) : !strcmp(call, pattern);
}

static bool may_fall_back(const char *call, int error)
{
	for (size_t i = 0; i < sizeof(falls_back) / sizeof(*falls_back); i++)
		if (is_call(call, falls_back[i].call) &&
		    (!falls_back[i].error || falls_back[i].error == error))
			return true;
	return false;
}

/* What the library makes of an errno at a call. */
static int translated(const char *call, int error)
{
	if (error == ENXIO && (is_call(call, "bind *") || is_call(call, "socket 17/0") ||
			       is_call(call, "setsockopt 1/26")))
		return -ENODEV; /* the interface has gone, whichever socket says so */
	if (is_call(call, "recvmsg *") && error == EAGAIN)
		return -ETIMEDOUT;
	return -error;
}

static const int errors[] = {EPERM,   ENOMEM, EINVAL,   EAGAIN, EMFILE,
			     ENOBUFS, ENXIO,  ENETDOWN, EIO,    EBUSY};

/* An open that failed: nothing is left but what was there before, nothing was written. */
static void check_failed(int err, int error, const void *object, const struct zring_diag *diag,
			 uint32_t nr_open, uint32_t nr_mapped)
{
	const char *const call = sim_failed_call();

	SIM_CHECK(*call, "fails without a fault: %d, %s: %s", err, diag->step, diag->message);
	/* A view of the whole wire has packet sockets of both kinds: of the reader and of the
	 * watch. */
	SIM_CHECK(err == translated(call, error) || (err == -error && error == ENXIO),
		  "%s failed with %d, but open says %d", call, error, err);
	SIM_CHECK(!object, "%s: the output was touched", call);
	SIM_CHECK(diag->error == -err && *diag->step && *diag->message &&
			  !strchr(diag->message, '\n') &&
			  memchr(diag->message, '\0', sizeof(diag->message)),
		  "%s: %d, but the words are %d %s: %s", call, err, diag->error, diag->step,
		  diag->message);
	SIM_CHECK(sim_nr_open() == nr_open, "%s failed with %d: %u descriptors are left", call,
		  error, sim_nr_open());
	SIM_CHECK(sim_nr_mapped() == nr_mapped, "%s failed with %d: %u mappings are left", call,
		  error, sim_nr_mapped());
}

/* What is opened and closed once: by its kind, with its options. */
struct subject {
	const char *name;
	int (*open)(const void *options, struct zring_diag *diag, void **ret_object);
	void (*close)(void *object);
	const void *options;
	struct sim_xdp_config xdp;
	bool has_umem; /* one is there before */
};

static struct zring_umem *shared_umem;

static int open_umem(const void *options, struct zring_diag *diag, void **ret_object)
{
	struct zring_umem *umem = NULL;
	const int err = zring_umem_open(options, diag, &umem);

	*ret_object = umem;
	return err;
}

static void close_umem(void *object)
{
	zring_umem_close(object);
}

static int open_xdp(const void *options, struct zring_diag *diag, void **ret_object)
{
	struct zring_xdp *xdp = NULL;
	const int err = zring_xdp_open(SIM_INTERFACE, shared_umem, options, diag, &xdp);

	*ret_object = xdp;
	return err;
}

static void close_xdp(void *object)
{
	zring_xdp_close(object);
}

static int open_capture(const void *options, struct zring_diag *diag, void **ret_object)
{
	struct zring_capture *capture = NULL;
	const int err = zring_capture_open(SIM_INTERFACE, options, diag, &capture);

	*ret_object = capture;
	return err;
}

static void close_capture(void *object)
{
	zring_capture_close(object);
}

static int open_injector(const void *options, struct zring_diag *diag, void **ret_object)
{
	struct zring_injector *injector = NULL;
	const int err = zring_injector_open(SIM_INTERFACE, options, diag, &injector);

	*ret_object = injector;
	return err;
}

static void close_injector(void *object)
{
	zring_injector_close(object);
}

/* No socket: nobody but the program and the stack of free ones holds a chunk. */
static void check_all_free(void)
{
	uint32_t counts[ZRING_CHUNK_HOLDERS];
	struct zring_umem_info info;

	zring_umem_get_info(shared_umem, &info);
	zring_umem_count(shared_umem, counts);
	SIM_CHECK(counts[ZRING_CHUNK_FREE] == info.nr_chunks, "%u of %u chunks are free",
		  counts[ZRING_CHUNK_FREE], info.nr_chunks);
}

/* One object from open to close. Returns what the open made of the fault. */
static int use(const struct subject *subject, int error, uint32_t nth, uint32_t times,
	       bool *ret_reached)
{
	const struct sim_config config = {.seed = 1, .virtual_time = true, .xdp = &subject->xdp};
	struct zring_diag diag = {0};
	uint32_t nr_open, nr_mapped;
	void *object = NULL;
	int err;

	sim_start(&config);
	if (subject->has_umem)
		SIM_CHECK(zring_umem_open(NULL, NULL, &shared_umem) == 0, "umem");
	nr_open = sim_nr_open();
	nr_mapped = sim_nr_mapped();
	sim_fail_call(nth, error, times);
	err = subject->open(subject->options, &diag, &object);
	*ret_reached = *sim_failed_call() != '\0';
	if (err)
		check_failed(err, error, object, &diag, nr_open, nr_mapped);
	else
		SIM_CHECK(object && diag.error == 0, "%s: diag is untouched on success: %s",
			  sim_failed_call(), diag.message);
	SIM_CHECK(err || !*ret_reached || error == EINTR || may_fall_back(sim_failed_call(), error),
		  "%s failed with %d and nobody said so", sim_failed_call(), error);
	subject->close(object);
	if (subject->has_umem) {
		check_all_free();
		zring_umem_close(shared_umem);
	}
	sim_fail_call(0, 0, 0);
	sim_stop();
	return err;
}

/* Each call of the open fails in its turn. */
static void fail_each(const struct subject *subject, uint32_t least_calls)
{
	uint32_t nr_failed = 0, nth = 1;
	bool reached = true;

	for (; reached; nth++) {
		SIM_CHECK(nth < MOST_CALLS, "no end");
		sim_say_seed(subject->name, nth);
		for (size_t e = 0; e < sizeof(errors) / sizeof(*errors); e++)
			nr_failed += use(subject, errors[e], nth, 1, &reached) != 0;
		/* What is no system call is not interrupted. */
		if (use(subject, EINTR, nth, 3, &reached))
			SIM_CHECK(nr_failed && reached, "EINTR shows");
		use(subject, EMFILE, nth, 1, &reached);
	}
	SIM_CHECK(nth - 2 >= least_calls && nr_failed > nth, "%u calls, %u failures: too few",
		  nth - 2, nr_failed);
	printf("%s: %u calls, %u failed opens\n", subject->name, nth - 2, nr_failed);
}

static void fail_umems(void)
{
	static const struct zring_umem_options options[] = {
		{.size = sizeof(*options), .numa_node = 1},
		{.size = sizeof(*options), .memory = ZRING_UMEM_MEMFD},
	};
	const struct zring_umem_options huge = {.size = sizeof(huge),
						.memory = ZRING_UMEM_HUGEPAGES};
	const struct subject memfd = {.name = "umem, memfd",
				      .open = open_umem,
				      .close = close_umem,
				      .options = &options[1]};
	const struct subject anonymous = {
		.name = "umem", .open = open_umem, .close = close_umem, .options = &options[0]};
	const struct subject hugepages = {.name = "umem, hugepages",
					  .open = open_umem,
					  .close = close_umem,
					  .options = &huge,
					  .xdp = {.with_hugepages = true}};
	bool reached;

	fail_each(&memfd, 3);
	for (uint32_t nth = 1; nth <= 2; nth++)
		for (size_t e = 0; e < sizeof(errors) / sizeof(*errors); e++) {
			use(&anonymous, errors[e], nth, 1, &reached);
			SIM_CHECK(use(&hugepages, errors[e], 1, 1, &reached) == 0 && reached,
				  "ordinary pages do instead");
		}
}

static void fail_sockets(void)
{
	const struct zring_xdp_options both = {
		.size = sizeof(both), .promiscuous = 1, .busy_poll_us = 20, .busy_poll_budget = 16};
	const struct zring_xdp_options tx = {
		.size = sizeof(tx), .use = ZRING_XDP_TX, .mode = ZRING_XDP_MODE_NATIVE};
	const struct subject subjects[] = {
		{.name = "socket", .options = &both, .xdp = {.busy_binds = 2}},
		{.name = "socket, zero-copy", .options = &both, .xdp = {.zero_copy = true}},
		{.name = "socket, TX", .options = &tx},
	};

	for (size_t i = 0; i < sizeof(subjects) / sizeof(*subjects); i++) {
		struct subject subject = subjects[i];

		subject.open = open_xdp;
		subject.close = close_xdp;
		subject.has_umem = true;
		fail_each(&subject, 20);
	}
}

static void fail_captures(void)
{
	const struct zring_capture_options plain = {.size = sizeof(plain),
						    .backend = ZRING_BACKEND_AFXDP};
	const struct zring_capture_options all = {.size = sizeof(all),
						  .backend = ZRING_BACKEND_AFXDP,
						  .umem_memory = ZRING_UMEM_MEMFD,
						  .numa_node = 1,
						  .promiscuous = 1,
						  .busy_poll_us = 20,
						  .netns = SIM_NETNS};
	const struct subject subjects[] = {
		{.name = "capture", .options = &plain, .xdp = {.nr_queues = NR_QUEUES}},
		{.name = "capture, all options",
		 .options = &all,
		 .xdp = {.nr_queues = NR_QUEUES, .zero_copy = true, .busy_binds = 1}},
	};

	for (size_t i = 0; i < sizeof(subjects) / sizeof(*subjects); i++) {
		struct subject subject = subjects[i];

		subject.open = open_capture;
		subject.close = close_capture;
		fail_each(&subject, 40);
	}
}

static void fail_injectors(void)
{
	const struct zring_injector_options plain = {.size = sizeof(plain),
						     .backend = ZRING_BACKEND_AFXDP};
	const struct zring_injector_options all = {.size = sizeof(all),
						   .backend = ZRING_BACKEND_AFXDP,
						   .vnet_header = 1,
						   .mark = 3,
						   .priority = 2,
						   .send_buffer_bytes = 1 << 20};
	const struct subject subjects[] = {
		{.name = "injector", .options = &plain},
		{.name = "injector, all options", .options = &all},
		{.name = "injector, before Linux 6.11",
		 .options = &all,
		 .xdp = {.without_metadata = true}},
	};

	for (size_t i = 0; i < sizeof(subjects) / sizeof(*subjects); i++) {
		struct subject subject = subjects[i];

		subject.open = open_injector;
		subject.close = close_injector;
		fail_each(&subject, 20);
	}
}

int main(void)
{
	fail_umems();
	fail_sockets();
	fail_captures();
	fail_injectors();
	zring_umem_close(NULL);
	zring_xdp_close(NULL);
	zring_xdp_program_close(NULL);
	puts("AF_XDP faults: all hold");
	return 0;
}
