/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the translator refuses, and the shape of what it makes. That programs do
 * the right thing is for the kernel to say: tests/netns/test_translate.c.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "filter/check.h"
#include "filter/translate.h"
#include "support/bpf_corpus.h"
#include "support/bpf_shape.h"
#include "support/sim.h"

#define MAX_INSNS    48u
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- the checker, judged by the kernel ---- */

static int kernel_check(int fd, const struct sock_filter *insns, uint32_t nr)
{
	struct sock_filter copy[BPF_MAXINSNS + 1];
	const struct sock_fprog program = {.len = (uint16_t)nr, .filter = copy};

	memcpy(copy, insns, nr * sizeof(*insns));
	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) == 0)
		return 0;
	/* Up to 6.6 a socket's optmem_max is 20 KiB; that is asked once the program is checked. */
	return errno == ENOMEM ? 0 : -errno;
}

static void expect_same(int fd, const struct sock_filter *insns, uint32_t nr, const char *what,
			uint32_t number)
{
	struct zring_diag diag = {0};
	const int kernel = kernel_check(fd, insns, nr);
	const int ours = zr_filter_check(insns, nr, &diag);

	cr_assert(ours == kernel, "%s %u: %d (%s), the kernel %d", what, number, ours, diag.message,
		  kernel);
	cr_assert(!ours == !diag.message[0]);
}

static int any_socket(void)
{
	const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	cr_assert(fd >= 0);
	return fd;
}

/* Damages one field of one instruction, near the limits more often than not. */
static void damage(uint64_t *random, struct sock_filter *insns, uint32_t nr)
{
	struct sock_filter *insn = &insns[sim_below(random, nr)];

	switch (sim_below(random, 5)) {
	case 0:
		insn->code = (uint16_t)sim_below(random, 256);
		break;
	case 1:
		insn->code = (uint16_t)sim_random(random);
		break;
	case 2:
		insn->k = sim_chance(random, 500) ? sim_below(random, 34)
						  : (uint32_t)SKF_AD_OFF + sim_below(random, 80);
		break;
	case 3:
		insn->jt = (uint8_t)sim_below(random, nr);
		insn->jf = (uint8_t)sim_below(random, nr);
		break;
	default:
		*insn = (struct sock_filter)BPF_STMT(BPF_LD | BPF_MEM,
						     sim_below(random, BPF_MEMWORDS + 2));
		break;
	}
}

Test(translate, the_checker_takes_what_the_kernel_takes)
{
	struct sock_filter insns[MAX_INSNS];
	const int fd = any_socket();
	uint32_t taken = 0, refused = 0;
	uint64_t random = 3;

	for (uint32_t i = 0; i < 20000; i++) {
		const uint32_t nr = 8 + sim_below(&random, MAX_INSNS - 8);

		bpf_corpus_program(&random, insns, nr);
		for (uint32_t times = sim_below(&random, 3); times; times--)
			damage(&random, insns, nr);
		expect_same(fd, insns, nr, "program", i);
		if (zr_filter_check(insns, nr, NULL))
			refused++;
		else
			taken++;
	}
	close(fd);
	cr_assert(taken > 4000 && refused > 4000, "%u %u", taken, refused);
}

/* Every operation alone, with operands at which something changes. */
Test(translate, the_checker_takes_each_operation_that_the_kernel_takes)
{
	static const uint32_t operands[] = {0,
					    1,
					    2,
					    15,
					    16,
					    31,
					    32,
					    0x7fffffff,
					    0xffffefff,
					    0xfffff000,
					    0xfffff001,
					    (uint32_t)SKF_AD_OFF + SKF_AD_VLAN_TPID,
					    (uint32_t)SKF_AD_OFF + SKF_AD_MAX};
	struct sock_filter insns[3] = {[2] = BPF_STMT(BPF_RET | BPF_A, 0)};
	const int fd = any_socket();

	insns[0] = (struct sock_filter)BPF_STMT(BPF_LDX | BPF_IMM, 1);
	for (uint32_t code = 0; code < 0x300; code++)
		for (size_t i = 0; i < COUNT(operands); i++) {
			insns[1] = (struct sock_filter)BPF_STMT((uint16_t)code, operands[i]);
			expect_same(fd, insns, 3, "operation", code);
			expect_same(fd, insns, 2, "last operation", code);
		}
	close(fd);
}

Test(translate, the_checker_knows_the_limits_of_length)
{
	static struct sock_filter insns[BPF_MAXINSNS + 1];
	const int fd = any_socket();

	for (uint32_t i = 0; i <= BPF_MAXINSNS; i++)
		insns[i] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_A, 0);
	expect_same(fd, insns, 0, "length", 0);
	expect_same(fd, insns, 1, "length", 1);
	expect_same(fd, insns, BPF_MAXINSNS, "length", BPF_MAXINSNS);
	expect_same(fd, insns, BPF_MAXINSNS + 1, "length", BPF_MAXINSNS + 1);
	cr_assert(zr_filter_check(NULL, 1, NULL) == -EINVAL);
	close(fd);
}

/* ---- the translation ---- */

static struct zr_translate_options options_number(uint32_t number)
{
	return (struct zr_translate_options){.vlan_stripped = number & 1,
					     .frags = number >> 1 & 1,
					     .without_perfmon = number >> 2 & 1};
}

static uint32_t translate(const struct sock_filter *insns, uint32_t nr,
			  const struct zr_translate_options *options, struct bpf_insn **ret_body)
{
	struct zring_diag diag = {0};
	uint32_t nr_body = 0;
	const int err = zr_filter_translate(insns, nr, options, &diag, ret_body, &nr_body);

	cr_assert(err == 0, "%d: %s", err, diag.message);
	return nr_body;
}

Test(translate, what_is_made_is_in_shape)
{
	struct sock_filter insns[MAX_INSNS];
	uint64_t random = 9;

	for (uint32_t i = 0; i < 8000; i++) {
		const uint32_t nr = 8 + sim_below(&random, MAX_INSNS - 8);
		const struct zr_translate_options options = options_number(i);
		struct bpf_insn *body;
		const char *fault;
		uint32_t nr_body;

		bpf_corpus_program(&random, insns, nr);
		nr_body = translate(insns, nr, &options, &body);
		fault = bpf_shape_fault(body, nr_body);
		cr_assert(!fault, "program %u: %s", i, fault);
		free(body);
	}
}

/* "return 0" is jumped to from everywhere: in a long program it has to be near more than once. */
Test(translate, the_longest_programs_are_in_shape)
{
	static struct sock_filter insns[BPF_MAXINSNS];

	for (uint32_t i = 0; i < BPF_MAXINSNS - 1; i++)
		insns[i] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_IND, UINT32_MAX - i);
	insns[BPF_MAXINSNS - 1] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_A, 0);
	for (uint32_t i = 0; i < 8; i++) {
		const struct zr_translate_options options = options_number(i);
		struct bpf_insn *body;
		const uint32_t nr = translate(insns, BPF_MAXINSNS, &options, &body);

		cr_assert(nr > 4 * INT16_MAX / 2, "%u: the program is too short for this test", nr);
		cr_assert(!bpf_shape_fault(body, nr), "%s", bpf_shape_fault(body, nr));
		free(body);
	}
}

Test(translate, a_jump_too_long_for_ebpf_is_refused)
{
	static struct sock_filter insns[BPF_MAXINSNS];
	const struct zr_translate_options options = {.frags = true, .vlan_stripped = true};
	struct bpf_insn *body = NULL;
	struct zring_diag diag = {0};
	uint32_t nr = 7;

	insns[0] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0);
	insns[1] = (struct sock_filter)BPF_STMT(BPF_JMP | BPF_JA, BPF_MAXINSNS - 3);
	for (uint32_t i = 2; i < BPF_MAXINSNS - 1; i++)
		insns[i] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_IND, 14);
	insns[BPF_MAXINSNS - 1] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_A, 0);
	cr_assert(zr_filter_translate(insns, BPF_MAXINSNS, &options, &diag, &body, &nr) == -E2BIG);
	cr_assert(!body && nr == 7, "outputs are touched");
	cr_assert(strstr(diag.message, "make it shorter"), "%s", diag.message);
}

Test(translate, what_only_an_skb_knows_is_refused_with_its_name)
{
	static const struct {
		uint32_t which;
		const char *name;
	} unknown[] = {
		{SKF_AD_NLATTR, "SKF_AD_NLATTR "},
		{SKF_AD_NLATTR_NEST, "SKF_AD_NLATTR_NEST"},
		{SKF_AD_MARK, "SKF_AD_MARK"},
		{SKF_AD_RXHASH, "SKF_AD_RXHASH"},
		{SKF_AD_PAY_OFFSET, "SKF_AD_PAY_OFFSET"},
	};
	const struct zr_translate_options options = {0};

	for (size_t i = 0; i < COUNT(unknown); i++) {
		const struct sock_filter insns[] = {
			BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)SKF_AD_OFF + unknown[i].which),
			BPF_STMT(BPF_RET | BPF_A, 0),
		};
		struct bpf_insn *body = NULL;
		struct zring_diag diag = {0};
		uint32_t nr = 7;

		cr_assert(zr_filter_translate(insns, 2, &options, &diag, &body, &nr) == -ENOTSUP);
		cr_assert(!body && nr == 7, "outputs are touched");
		cr_assert(strstr(diag.message, unknown[i].name), "%s", diag.message);
		cr_assert(strstr(diag.message, "AF_PACKET"), "%s", diag.message);
		cr_assert(diag.error == ENOTSUP);
	}
}

Test(translate, an_invalid_program_is_refused_before_anything_is_made)
{
	static const struct sock_filter loop[] = {BPF_STMT(BPF_JMP | BPF_JA, UINT32_MAX),
						  BPF_STMT(BPF_RET | BPF_K, 1)};
	const struct zr_translate_options options = {0};
	struct bpf_insn *body = NULL;
	struct zring_diag diag = {0};
	uint32_t nr = 7;

	cr_assert(zr_filter_translate(loop, 2, &options, &diag, &body, &nr) == -EINVAL);
	cr_assert(!body && nr == 7, "outputs are touched");
	cr_assert(strstr(diag.message, "instruction 0"), "%s", diag.message);
	cr_assert(zr_filter_translate(loop, 2, &options, NULL, &body, &nr) == -EINVAL);
}

/* Loads on one way are checked once: the tests of ports read four places behind one comparison. */
Test(translate, what_is_known_to_be_there_is_not_checked_again)
{
	const struct sock_filter insns[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 30), BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 26),
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 12), BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 33),
		BPF_STMT(BPF_RET | BPF_A, 0),
	};
	const struct zr_translate_options options = {0};
	uint32_t nr, nr_checks = 0;
	struct bpf_insn *body;

	nr = translate(insns, COUNT(insns), &options, &body);
	for (uint32_t i = 0; i < nr; i++)
		nr_checks += body[i].code == (BPF_JMP | BPF_JGT | BPF_X);
	free(body);
	cr_assert(nr_checks == 1, "%u", nr_checks);
}
