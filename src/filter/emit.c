/* SPDX-License-Identifier: BSD-2-Clause */
#include "emit.h"

#include <errno.h>
#include <stdlib.h>

#define FIRST_ROOM 128u

static bool make_room(struct zr_emitter *emitter)
{
	const uint32_t room = emitter->room ? 2 * emitter->room : FIRST_ROOM;
	struct bpf_insn *insns = realloc(emitter->insns, room * sizeof(*insns));

	if (!insns) {
		emitter->error = -ENOMEM;
		return false;
	}
	emitter->insns = insns;
	emitter->room = room;
	return true;
}

uint32_t zr_emit(struct zr_emitter *emitter, struct bpf_insn insn)
{
	if (emitter->error || (emitter->nr == emitter->room && !make_room(emitter)))
		return 0;
	emitter->insns[emitter->nr] = insn;
	return emitter->nr++;
}

void zr_emit_land(struct zr_emitter *emitter, uint32_t from)
{
	const uint32_t distance = emitter->nr - from - 1;

	if (emitter->error)
		return;
	if (distance > INT16_MAX)
		emitter->error = -E2BIG;
	else
		emitter->insns[from].off = (int16_t)distance;
}
