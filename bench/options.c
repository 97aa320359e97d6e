/* SPDX-License-Identifier: BSD-2-Clause */
#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <zring/zring.h>

#include "cpu.h"

enum {
	OPT_SIZES = 256,
	OPT_SECONDS,
	OPT_REPEATS,
	OPT_BATCH,
	OPT_BACKEND,
	OPT_BLOCK_SIZE,
	OPT_BLOCKS,
	OPT_RATE,
	OPT_CPUS,
	OPT_SOURCE,
	OPT_SEED,
	OPT_LAB,
	OPT_OVERLOAD,
	OPT_JSON,
	OPT_CSV,
	OPT_HTML,
	OPT_BASELINE,
	OPT_TOLERANCE,
	OPT_VERSION,
};

#define MEASURE BENCH_ALL

/* clang-format off */
static const struct option long_options[] = {
	{ "interface", required_argument, NULL, 'i' },
	{ "peer", required_argument, NULL, 'p' },
	{ "sizes", required_argument, NULL, OPT_SIZES },
	{ "seconds", required_argument, NULL, OPT_SECONDS },
	{ "repeats", required_argument, NULL, OPT_REPEATS },
	{ "batch", required_argument, NULL, OPT_BATCH },
	{ "backend", required_argument, NULL, OPT_BACKEND },
	{ "block-size", required_argument, NULL, OPT_BLOCK_SIZE },
	{ "blocks", required_argument, NULL, OPT_BLOCKS },
	{ "rate", required_argument, NULL, OPT_RATE },
	{ "cpus", required_argument, NULL, OPT_CPUS },
	{ "source", required_argument, NULL, OPT_SOURCE },
	{ "seed", required_argument, NULL, OPT_SEED },
	{ "lab", required_argument, NULL, OPT_LAB },
	{ "overload", no_argument, NULL, OPT_OVERLOAD },
	{ "json", required_argument, NULL, OPT_JSON },
	{ "csv", required_argument, NULL, OPT_CSV },
	{ "html", required_argument, NULL, OPT_HTML },
	{ "baseline", required_argument, NULL, OPT_BASELINE },
	{ "tolerance", required_argument, NULL, OPT_TOLERANCE },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, OPT_VERSION },
	{ NULL, 0, NULL, 0 },
};
/* clang-format on */

/* Which commands an option means something to; the rest is a mistake, not ignored. */
static const struct {
	int option;
	uint32_t commands;
} scopes[] = {
	{OPT_REPEATS, MEASURE},
	{OPT_BACKEND, MEASURE},
	{OPT_BATCH, BENCH_TX | BENCH_RX | BENCH_GEN},
	{OPT_BLOCK_SIZE, BENCH_RX},
	{OPT_BLOCKS, BENCH_RX},
	{OPT_RATE, BENCH_RX | BENCH_GEN},
	{OPT_LAB, MEASURE},
	{OPT_SOURCE, BENCH_RX | BENCH_GEN},
	{OPT_OVERLOAD, BENCH_RX},
	{OPT_JSON, MEASURE},
	{OPT_CSV, MEASURE},
	{OPT_HTML, MEASURE},
	{OPT_BASELINE, MEASURE},
	{OPT_TOLERANCE, MEASURE},
};

static const char help[] =
	"Usage: zring-bench [tx|rx|latency|all] [OPTION]...\n"
	"       zring-bench gen -i IFACE [OPTION]...\n"
	"Measures zring against bare loops on the same kernel; rates are counted on the wire.\n"
	"Without -i in a network namespace of its own (root), which ends with the run.\n"
	"\n"
	"  tx, rx, latency        measure sending, receiving, the round trip; all (default)\n"
	"  gen                    only send, as fast as the kernel can; Ctrl-C ends it\n"
	"\n"
	"Where\n"
	"  -i, --interface IFACE  the tested interface, a real one; no lab is made\n"
	"  -p, --peer PEER        the interface at the other end of its wire\n"
	"      --lab NAME         inline, threaded (NAPI on the other CPU) or both (default)\n"
	"      --cpus A,B         CPUs of sender and receiver (the first two)\n"
	"What\n"
	"      --sizes LIST       frame bytes without checksum, or imix (64)\n"
	"      --seconds N        of one repeat (0.25; gen: until Ctrl-C)\n"
	"      --repeats N        of every row, interleaved (5)\n"
	"      --batch N          frames a call (tx 64, rx the library's own)\n"
	"      --backend NAME     afpacket, afxdp, or auto: both, but with -i only afpacket\n"
	"      --block-size N     bytes of a receive block, K and M allowed\n"
	"      --blocks N         receive blocks\n"
	"      --rate PPS         offered to rx, or sent by gen, K and M allowed\n"
	"      --source NAME      of traffic: live (XDP test run), injector or auto\n"
	"      --seed N           of the payload (1)\n"
	"      --overload         rx: a reader too slow on purpose; exits 1 unless\n"
	"                         delivered + dropped is what the wire carried\n"
	"Output\n"
	"      --json FILE  --csv FILE  --html FILE\n"
	"                         - is standard output, the table then goes to standard error\n"
	"      --baseline FILE    an earlier --json; exits 1 where a median fell\n"
	"      --tolerance PCT    by more than so much (5)\n"
	"  -h, --help, --version\n"
	"\n"
	"Exit status: 0 done, 1 failed or fell, 2 usage, 128 + N ended by signal N.\n"
	"zring-bench(1) tells how each figure is made.\n";

__attribute__((format(printf, 1, 2))) static int misused(const char *format, ...)
{
	va_list arguments;

	fputs("zring-bench: ", stderr);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputs("\nzring-bench: --help lists the options\n", stderr);
	return -EINVAL;
}

static const char *option_name(int option)
{
	for (const struct option *entry = long_options; entry->name; entry++)
		if (entry->val == option)
			return entry->name;
	return "?";
}

/* A whole number with an optional K, M or G; @unit is 1000 or 1024. */
static int parse_number(int option, const char *text, uint64_t unit, uint64_t least, uint64_t most,
			uint64_t *ret_value)
{
	char *end;
	unsigned long long value;
	uint64_t factor = 1;

	errno = 0;
	value = strtoull(text, &end, 10);
	if (end != text && *end && unit) {
		const char *suffixes = "kKmMgG", *found = strchr(suffixes, *end);

		for (long i = 0; found && i <= (found - suffixes) / 2; i++)
			factor *= unit;
		end += found != NULL;
	}
	if (errno || end == text || *end || strchr(text, '-') || value > most / factor ||
	    value * factor < least)
		return misused("--%s %s: not a whole number from %llu to %llu%s",
			       option_name(option), text, (unsigned long long)least,
			       (unsigned long long)most, unit ? " (K, M and G allowed)" : "");
	*ret_value = value * factor;
	return 0;
}

static int parse_u32(int option, const char *text, uint64_t unit, uint32_t least, uint32_t most,
		     uint32_t *ret_value)
{
	uint64_t value;
	int err = parse_number(option, text, unit, least, most, &value);

	if (!err)
		*ret_value = (uint32_t)value;
	return err;
}

static int parse_real(int option, const char *text, double least, double most, double *ret_value)
{
	char *end;
	const double value = strtod(text, &end);

	if (end == text || *end || !isfinite(value) || value < least || value > most)
		return misused("--%s %s: not a number from %g to %g", option_name(option), text,
			       least, most);
	*ret_value = value;
	return 0;
}

static int parse_sizes(const char *text, struct bench_options *options)
{
	char copy[128], *rest = copy, *item;

	if (strlen(text) >= sizeof(copy))
		return misused("--sizes: the list is too long; %d sizes are allowed",
			       BENCH_SIZES_MAX);
	strcpy(copy, text);
	options->nr_sizes = 0;
	while ((item = strsep(&rest, ","))) {
		if (options->nr_sizes == BENCH_SIZES_MAX)
			return misused("--sizes %s: more than %d sizes; measure in two runs", text,
				       BENCH_SIZES_MAX);
		if (frame_mix_parse(item, &options->sizes[options->nr_sizes]))
			return misused(
				"--sizes %s: '%s' is neither imix nor a length from %d to %d", text,
				item, FRAME_BYTES_MIN, FRAME_BYTES_MAX);
		for (size_t i = 0; i < options->nr_sizes; i++)
			if (!strcmp(options->sizes[i].name, options->sizes[options->nr_sizes].name))
				return misused("--sizes %s: %s stands twice; name it once", text,
					       item);
		options->nr_sizes++;
	}
	return 0;
}

static int parse_cpus(const char *text, struct bench_options *options)
{
	char end;
	int cpus[2];

	if (sscanf(text, "%d,%d%c", &cpus[0], &cpus[1], &end) != 2)
		return misused("--cpus %s: two numbers are needed, sender's and receiver's: 0,1",
			       text);
	for (int i = 0; i < 2; i++) {
		if (!cpu_usable(cpus[i]))
			return misused("--cpus %s: this process may not run on CPU %d; "
				       "`taskset -p $$` shows which it may",
				       text, cpus[i]);
		options->cpus[i] = cpus[i];
	}
	return 0;
}

static int parse_interface(int option, const char *text, const char **ret_name)
{
	if (!*text || strlen(text) >= IFNAMSIZ)
		return misused("--%s '%s': an interface name has 1 to %d characters",
			       option_name(option), text, IFNAMSIZ - 1);
	*ret_name = text;
	return 0;
}

/* One of @names, which ends with NULL: its index. */
static int parse_name(int option, const char *text, const char *const *names)
{
	char list[128] = "";

	for (int i = 0; names[i]; i++) {
		if (strcmp(text, names[i]) == 0)
			return i;
		if (i > 0)
			strcat(list, names[i + 1] ? ", " : " or ");
		strcat(list, names[i]);
	}
	return misused("--%s %s: must be %s", option_name(option), text, list);
}

static int parse_choice(int option, const char *text, struct bench_options *options)
{
	static const char *const sources[] = {"auto", "live", "injector", NULL};
	static const char *const labs[] = {"inline", "threaded", "both", NULL};
	static const char *const backends[] = {"auto", "afpacket", "afxdp", NULL};
	const int i = parse_name(option, text,
				 option == OPT_SOURCE ? sources
				 : option == OPT_LAB  ? labs
						      : backends);

	if (i < 0)
		return i;
	if (option == OPT_SOURCE)
		options->source = (enum bench_source)i;
	else if (option == OPT_LAB)
		options->labs = (uint32_t)i + 1;
	else
		options->backend = (uint32_t)i;
	return 0;
}

static int parse_figure(int option, const char *text, struct bench_options *options)
{
	switch (option) {
	case OPT_SECONDS:
		return parse_real(option, text, 0.05, 86400, &options->seconds);
	case OPT_TOLERANCE:
		return parse_real(option, text, 0, 1000, &options->tolerance_percent);
	case OPT_REPEATS:
		return parse_u32(option, text, 0, 1, 1000, &options->repeats);
	case OPT_BATCH:
		return parse_u32(option, text, 0, 1, 4096, &options->batch);
	case OPT_BLOCK_SIZE:
		return parse_u32(option, text, 1024, 4096, 1u << 30, &options->block_bytes);
	case OPT_BLOCKS:
		return parse_u32(option, text, 0, 1, 1u << 20, &options->nr_blocks);
	case OPT_RATE:
		return parse_number(option, text, 1000, 1, 100000000, &options->rate_pps);
	default:
		return parse_number(option, text, 0, 0, UINT64_MAX, &options->seed);
	}
}

static int parse_option(int option, const char *text, struct bench_options *options)
{
	switch (option) {
	case 'i':
		return parse_interface(option, text, &options->interface);
	case 'p':
		return parse_interface(option, text, &options->peer);
	case OPT_SIZES:
		return parse_sizes(text, options);
	case OPT_CPUS:
		return parse_cpus(text, options);
	case OPT_BACKEND:
	case OPT_SOURCE:
	case OPT_LAB:
		return parse_choice(option, text, options);
	case OPT_OVERLOAD:
		options->overload = true;
		return 0;
	case OPT_JSON:
		options->json = text;
		return 0;
	case OPT_CSV:
		options->csv = text;
		return 0;
	case OPT_HTML:
		options->html = text;
		return 0;
	case OPT_BASELINE:
		options->baseline = text;
		return 0;
	default:
		return parse_figure(option, text, options);
	}
}

static int parse_command(const char *text, struct bench_options *options)
{
	static const struct {
		const char *name;
		uint32_t commands;
	} commands[] = {
		{"all", BENCH_ALL},         {"tx", BENCH_TX},   {"rx", BENCH_RX},
		{"latency", BENCH_LATENCY}, {"gen", BENCH_GEN},
	};

	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(text, commands[i].name) == 0) {
			options->commands = commands[i].commands;
			return 0;
		}
	}
	return misused("'%s' is not a command; say tx, rx, latency, all or gen", text);
}

static int check_scope(const struct bench_options *options, const bool *seen)
{
	for (size_t i = 0; i < sizeof(scopes) / sizeof(scopes[0]); i++)
		if (seen[scopes[i].option - OPT_SIZES] && !(scopes[i].commands & options->commands))
			return misused("--%s means nothing to this command; leave it out",
				       option_name(scopes[i].option));
	return 0;
}

static int check(const struct bench_options *options, const bool *seen)
{
	int nr_stdout = 0;

	for (int i = 0; i < 3; i++) {
		const char *path = i == 0 ? options->json : i == 1 ? options->csv : options->html;

		nr_stdout += path && strcmp(path, "-") == 0;
	}
	if (nr_stdout > 1)
		return misused("only one of --json, --csv and --html can go to standard output; "
			       "name files for the others");
	if (options->commands == BENCH_GEN && !options->interface)
		return misused("gen needs the interface to send on: -i IFACE");
	if (options->commands == BENCH_GEN && options->nr_sizes > 1)
		return misused("gen sends one size: --sizes 64, or --sizes imix for a mix");
	if (options->peer && !options->interface)
		return misused("-p names the other end of -i IFACE; say both, or neither");
	if (options->interface && seen[OPT_LAB - OPT_SIZES])
		return misused("--lab is for runs without -i; leave one of them out");
	if (options->backend == ZRING_BACKEND_AFXDP &&
	    (seen[OPT_BLOCK_SIZE - OPT_SIZES] || seen[OPT_BLOCKS - OPT_SIZES]))
		return misused("--block-size and --blocks shape the rings of packet sockets; "
			       "leave them out with --backend afxdp");
	if (options->overload && options->commands != BENCH_RX)
		return misused("--overload belongs to rx: zring-bench rx --overload");
	if (seen[OPT_TOLERANCE - OPT_SIZES] && !options->baseline)
		return misused("--tolerance needs --baseline FILE to compare with");
	return check_scope(options, seen);
}

static void set_defaults(struct bench_options *options)
{
	*options = (struct bench_options){
		.commands = BENCH_ALL,
		.nr_sizes = 1,
		.repeats = 5,
		.seed = 1,
		.labs = BENCH_LAB_BOTH,
		.tolerance_percent = 5,
	};
	frame_mix_parse("64", &options->sizes[0]);
	cpu_defaults(options->cpus, 2);
}

int bench_options_parse(int argc, char **argv, struct bench_options *ret_options)
{
	struct bench_options options;
	bool seen[OPT_VERSION - OPT_SIZES + 1] = {false};
	int option, err = 0;

	set_defaults(&options);
	while (!err && (option = getopt_long(argc, argv, "hi:p:", long_options, NULL)) != -1) {
		if (option == '?')
			return misused("that option is unknown, or its value is missing");
		if (option == 'h' || option == OPT_VERSION) {
			if (option == 'h')
				fputs(help, stdout);
			else
				printf("zring-bench %s\n", zring_version());
			return 1;
		}
		if (option >= OPT_SIZES)
			seen[option - OPT_SIZES] = true;
		err = parse_option(option, optarg, &options);
	}
	if (!err && optind < argc)
		err = parse_command(argv[optind++], &options);
	if (!err && optind < argc)
		err = misused("'%s' is one word too many; one command a run", argv[optind]);
	if (!err)
		err = check(&options, seen);
	if (err)
		return err;
	if (options.seconds <= 0 && options.commands != BENCH_GEN)
		options.seconds = 0.25;
	*ret_options = options;
	return 0;
}
