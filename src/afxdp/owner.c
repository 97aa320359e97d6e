/* SPDX-License-Identifier: BSD-2-Clause */
/* Who has the XDP hook: a name, an id and a process instead of "busy". */
#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../core/cleanup.h"
#include "../core/directory.h"
#include "program.h"

#define FDINFO_BYTES 1024

static bool is_number(const char *name)
{
	return *name && strspn(name, "0123456789") == strlen(name);
}

static bool read_text(const char *path, char *ret_text, size_t bytes)
{
	ZR_AUTO_FD fd = zr_open(path, 0);
	const ssize_t nr = fd < 0 ? fd : zr_read(fd, ret_text, bytes - 1);

	if (nr < 0)
		return false;
	ret_text[nr] = 0;
	return true;
}

/* Whether a descriptor is the program, or a link to it (kernel/bpf/syscall.c, *_show_fdinfo). */
static bool leads_to(const char *path, uint32_t id)
{
	char text[FDINFO_BYTES];
	const char *line;

	if (!read_text(path, text, sizeof(text)))
		return false;
	line = strstr(text, "prog_id:");
	return line && strtoul(line + strlen("prog_id:"), NULL, 10) == id;
}

/* The search through all descriptors of all processes. */
struct search {
	uint32_t id;
	const char *pid; /* being looked at */
	bool found;
	char ret_pid[24];
};

static void look_at_descriptor(void *context, const char *name)
{
	struct search *search = context;
	char path[96];

	if (search->found || !is_number(name))
		return;
	snprintf(path, sizeof(path), "/proc/%.20s/fdinfo/%.20s", search->pid, name);
	search->found = leads_to(path, search->id);
}

static void look_at_process(void *context, const char *name)
{
	struct search *search = context;
	char path[64];

	if (search->found || !is_number(name))
		return;
	search->pid = name;
	snprintf(path, sizeof(path), "/proc/%.20s/fdinfo", name);
	zr_directory_list(path, look_at_descriptor, search);
	if (search->found)
		snprintf(search->ret_pid, sizeof(search->ret_pid), "%.20s", name);
}

static void describe_process(uint32_t id, char *ret_text, size_t bytes)
{
	struct search search = {.id = id};
	char path[64], name[64];

	zr_directory_list("/proc", look_at_process, &search);
	if (!search.found) {
		snprintf(ret_text, bytes, "no process holds it: attached with `ip link` or pinned");
		return;
	}
	snprintf(path, sizeof(path), "/proc/%s/comm", search.ret_pid);
	if (!read_text(path, name, sizeof(name)))
		snprintf(name, sizeof(name), "?");
	name[strcspn(name, "\n")] = 0;
	snprintf(ret_text, bytes, "held by process %s (%.32s)", search.ret_pid, name);
}

void zr_program_owner(uint32_t id, char *ret_text, size_t bytes)
{
	struct bpf_prog_info info = {0};
	uint32_t info_bytes = sizeof(info);
	const int fd = bpf_prog_get_fd_by_id(id);
	char who[96];

	if (fd >= 0) {
		bpf_obj_get_info_by_fd(fd, &info, &info_bytes);
		zr_close(fd); /* or this process would be found */
	}
	describe_process(id, who, sizeof(who));
	snprintf(ret_text, bytes, "program %u \"%s\", %s", id, info.name, who);
}
