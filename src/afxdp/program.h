/* SPDX-License-Identifier: BSD-2-Clause */
/* The attached XDP program and its maps. */
#ifndef ZR_AFXDP_PROGRAM_H
#define ZR_AFXDP_PROGRAM_H

#include <stdbool.h>

#include <zring/interface.h>
#include <zring/xdp.h>

struct bpf_object;
struct bpf_program;
struct xdp_program;

struct zring_xdp_program {
	struct bpf_object *object;      /* owns the maps */
	struct xdp_program *dispatched; /* libxdp's part of a dispatcher, or NULL */
	int fd;
	int link_fd; /* its end detaches the program */
	int sockets_fd;
	int counts_fd;
	struct zring_xdp_program_info info;
};

/*
 * What needs bpf(2). Tests that play the kernel put their own in place; all
 * return 0 or -errno.
 */
struct zr_program_ops {
	/* Whether this process may load a program at all. */
	int (*probe)(void);
	int (*open)(const char *interface, const struct zring_xdp_program_options *options,
		    struct zring_diag *diag, struct zring_xdp_program **ret_program);
	void (*close)(struct zring_xdp_program *program);
	/* Steers a queue into a socket. */
	int (*set_socket)(struct zring_xdp_program *program, uint32_t queue, int fd);
	int (*stats)(const struct zring_xdp_program *program,
		     struct zring_xdp_program_stats *ret_stats);
	/* What is attached to an interface now: enum zring_xdp_mode, 0 nothing, or -errno. */
	int (*attached_mode)(const struct zring_xdp_program *program);
};

extern const struct zr_program_ops *zr_program_ops;
extern const struct zr_program_ops zr_program_ops_kernel;

/* One attempt at a program: what is asked of it, and its outcome. */
struct zr_program_plan {
	uint32_t mode;
	bool hints; /* what the driver knows of a packet is wanted, a program bound to it */
	const struct zring_xdp_program_options *options;
	const struct zring_interface *interface;
};

/* The steps of a load. The object is opened, set up and then loaded, here or by libxdp. */
struct bpf_object *zr_program_object(bool hints);
struct bpf_program *zr_program_main(const struct zring_xdp_program *program);
int zr_program_prepare(struct zring_xdp_program *program, const struct zr_program_plan *plan);
void zr_program_find_maps(struct zring_xdp_program *program);

/* Loads the program and its maps. 0 or -errno, without words. */
int zr_program_load(struct zring_xdp_program *program, const struct zr_program_plan *plan);
void zr_program_unload(struct zring_xdp_program *program);

/*
 * Loads and attaches beside other programs, through libxdp's dispatcher. 0;
 * -EOPNOTSUPP this kernel takes none; -errno. Without words.
 */
int zr_dispatcher_attach(struct zring_xdp_program *program, const struct zr_program_plan *plan);
void zr_dispatcher_detach(struct zring_xdp_program *program);

/* Names the program with that id and who has it, as far as /proc tells. */
void zr_program_owner(uint32_t id, char *ret_text, size_t bytes);

#endif
