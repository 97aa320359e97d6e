/* SPDX-License-Identifier: BSD-2-Clause */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "core/diag.h"
#include "support/sim.h"

Test(diag, words_are_filled_in_and_the_errno_comes_back)
{
	struct zring_diag diag = {0};

	cr_assert(zr_fail(&diag, -ENODEV, "bind", "%s: index %d", "eth9", 4) == -ENODEV);
	cr_assert(diag.error == ENODEV);
	cr_assert_str_eq(diag.step, "bind");
	cr_assert_str_eq(diag.message, "eth9: index 4");
}

Test(diag, null_loses_the_words_only)
{
	cr_assert(zr_fail(NULL, -EPERM, "socket", "%s", "x") == -EPERM);
}

Test(diag, long_words_are_cut_with_their_end_kept)
{
	struct sim_guarded memory;
	struct zring_diag *diag;
	char words[2000];

	sim_guarded_make(&memory, sizeof(*diag));
	diag = (struct zring_diag *)(void *)memory.data;
	memset(words, 'w', sizeof(words) - 1);
	words[sizeof(words) - 1] = '\0';
	cr_assert(zr_fail(diag, -E2BIG, words, "%s", words) == -E2BIG);
	cr_assert(strlen(diag->step) == sizeof(diag->step) - 1);
	cr_assert(strlen(diag->message) == sizeof(diag->message) - 1);
	sim_guarded_end(&memory);
}

Test(diag, later_words_replace_earlier_ones)
{
	struct zring_diag diag = {0};

	zr_fail(&diag, -EPERM, "a long step name", "a long message");
	zr_fail(&diag, -EIO, "b", "c");
	cr_assert(diag.error == EIO);
	cr_assert_str_eq(diag.step, "b");
	cr_assert_str_eq(diag.message, "c");
}
