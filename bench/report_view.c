/* SPDX-License-Identifier: BSD-2-Clause */
/* Medians, spreads and ratios of a report's rows; the machine; the way out to a stream. */
#include "report_internal.h"

#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

const char *const report_keys[REPORT_NR_FIGURES] = {
	[REPORT_MPPS] = "mpps",
	[REPORT_OFFERED] = "offered_mpps",
	[REPORT_DROPS] = "drops",
	[REPORT_CPU] = "cpu_ns_per_packet",
	[REPORT_CPU_USER] = "cpu_user_ns_per_packet",
	[REPORT_CPU_SYSTEM] = "cpu_system_ns_per_packet",
	[REPORT_CPU_PERCENT] = "cpu_percent",
	[REPORT_P50] = "p50_ns",
	[REPORT_P90] = "p90_ns",
	[REPORT_P99] = "p99_ns",
	[REPORT_P999] = "p999_ns",
	[REPORT_MAX] = "max_ns",
};

bool report_measured(double value)
{
	return isfinite(value) && value >= 0;
}

static double cpu_of(const struct report_sample *sample)
{
	if (!report_measured(sample->cpu_user_ns) || !report_measured(sample->cpu_system_ns))
		return REPORT_NONE;
	return sample->cpu_user_ns + sample->cpu_system_ns;
}

double report_value(const struct report_sample *sample, enum report_figure figure)
{
	const double values[REPORT_NR_FIGURES] = {
		[REPORT_MPPS] = sample->mpps,
		[REPORT_OFFERED] = sample->offered_mpps,
		[REPORT_DROPS] = sample->drops,
		[REPORT_CPU] = cpu_of(sample),
		[REPORT_CPU_USER] = sample->cpu_user_ns,
		[REPORT_CPU_SYSTEM] = sample->cpu_system_ns,
		[REPORT_CPU_PERCENT] = sample->cpu_percent,
		[REPORT_P50] = sample->p50_ns,
		[REPORT_P90] = sample->p90_ns,
		[REPORT_P99] = sample->p99_ns,
		[REPORT_P999] = sample->p999_ns,
		[REPORT_MAX] = sample->max_ns,
	};

	return report_measured(values[figure]) ? values[figure] : REPORT_NONE;
}

static int by_value(const void *a, const void *b)
{
	double left = *(const double *)a, right = *(const double *)b;

	return (left > right) - (left < right);
}

/* Sorts @values. */
static struct report_spread spread_of(double *values, size_t nr)
{
	struct report_spread spread = {.nr = nr};

	if (!nr)
		return spread;
	qsort(values, nr, sizeof(*values), by_value);
	for (size_t i = 0; i < nr; i++)
		spread.sum += values[i];
	spread.min = values[0];
	spread.max = values[nr - 1];
	/* Halved before they are added: two huge values must not overflow. */
	spread.median = nr % 2 ? values[nr / 2] : values[nr / 2 - 1] / 2 + values[nr / 2] / 2;
	return spread;
}

static struct report_spread figure_spread(const struct report_row *row, enum report_figure figure,
					  double *scratch)
{
	size_t nr = 0;

	for (size_t i = 0; i < row->nr_samples; i++) {
		double value = report_value(&row->samples[i], figure);

		if (report_measured(value))
			scratch[nr++] = value;
	}
	return spread_of(scratch, nr);
}

/*
 * Repeats of a row and of its baseline run in turn, so a ratio of the pair takes
 * out what slows the machine for both; the ratio of two medians would not.
 */
static struct report_spread ratio_spread(const struct report_row *row,
					 const struct report_row *baseline,
					 enum report_figure figure, double *scratch)
{
	size_t nr = 0;

	for (size_t i = 0; i < row->nr_samples && i < baseline->nr_samples; i++) {
		double ours = report_value(&row->samples[i], figure);
		double theirs = report_value(&baseline->samples[i], figure);
		double ratio = theirs > 0 ? ours / theirs : REPORT_NONE;

		if (report_measured(ours) && report_measured(ratio))
			scratch[nr++] = ratio;
	}
	return spread_of(scratch, nr);
}

static const struct report_row *baseline_of(const struct report *report,
					    const struct report_row *row)
{
	if (!row->baseline[0])
		return NULL;
	for (size_t i = 0; i < report->nr_rows; i++) {
		if (!strcmp(report->rows[i].name, row->baseline) &&
		    !strcmp(report->rows[i].lab, row->lab))
			return &report->rows[i];
	}
	return NULL;
}

static void summarise(const struct report *report, const struct report_row *row,
		      struct report_summary *summary, double *scratch)
{
	const struct report_row *baseline = baseline_of(report, row);

	*summary = (struct report_summary){.row = row};
	if (row->skipped)
		return;
	for (unsigned i = 0; i < REPORT_NR_FIGURES; i++)
		summary->figures[i] = figure_spread(row, i, scratch);
	summary->latency = summary->figures[REPORT_P50].nr > 0;
	summary->measured = summary->latency || summary->figures[REPORT_MPPS].nr > 0;
	if (!baseline || baseline->skipped)
		return;
	summary->ratio =
		ratio_spread(row, baseline, summary->latency ? REPORT_P50 : REPORT_MPPS, scratch);
	summary->cpu_ratio = ratio_spread(row, baseline, REPORT_CPU, scratch);
}

double report_shown(const struct report_summary *row, enum report_figure figure)
{
	const struct report_spread *spread = &row->figures[figure];

	if (!spread->nr)
		return REPORT_NONE;
	if (figure == REPORT_DROPS)
		return spread->sum;
	return figure == REPORT_MAX ? spread->max : spread->median;
}

double report_loss(const struct report_summary *row)
{
	double offered = report_shown(row, REPORT_OFFERED),
	       through = report_shown(row, REPORT_MPPS);

	if (offered <= 0 || !report_measured(through))
		return REPORT_NONE;
	return through < offered ? (offered - through) / offered : 0;
}

/* RFC 3629: what a lead byte allows the byte after it to be; overlong forms and surrogates not. */
static bool continues(unsigned char lead, unsigned char second)
{
	unsigned char low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
	unsigned char high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;

	return second >= low && second <= high;
}

size_t report_utf8_length(const char *text)
{
	const unsigned char *at = (const unsigned char *)text;
	size_t length = at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;

	if (at[0] < 0x80)
		return at[0] != 0;
	if (at[0] < 0xc2 || at[0] > 0xf4 || !continues(at[0], at[1]))
		return 0;
	for (size_t i = 2; i < length; i++) {
		if ((at[i] & 0xc0) != 0x80)
			return 0;
	}
	return length;
}

char *report_clean(char *out, size_t size, const char *text, bool printable)
{
	size_t used = 0;

	while (*text) {
		size_t length = report_utf8_length(text);
		bool control = length == 1 && ((unsigned char)*text < ' ' || *text == 0x7f);
		/* C1 controls, U+0080 to U+009F, steer a terminal as well. */
		bool c1 = length == 2 && *text == '\xc2' && (unsigned char)text[1] < 0xa0;
		bool replace = !length || (printable && (control || c1));

		if (used + (replace ? 1 : length) >= size)
			break;
		if (replace)
			out[used++] = '?';
		else
			memcpy(&out[used], text, length);
		used += replace ? 0 : length;
		text += length ? length : 1;
	}
	out[used] = '\0';
	return out;
}

/* x86 and s390 say "model name", many others only what the board is. */
static void read_cpu_model(char *model, size_t size)
{
	static const char *const keys[] = {"model name", "cpu model", "cpu", "Model", "uarch"};
	FILE *file = fopen("/proc/cpuinfo", "re");
	size_t best = sizeof(keys) / sizeof(keys[0]);
	char line[512];

	while (file && best && fgets(line, sizeof(line), file)) {
		char *colon = strchr(line, ':');

		for (size_t i = 0; colon && i < best; i++) {
			size_t length = strlen(keys[i]);

			if (strncmp(line, keys[i], length) || !strchr("\t :", line[length]))
				continue;
			colon[1 + strcspn(colon + 1, "\n")] = '\0';
			report_clean(model, size, colon + 1 + strspn(colon + 1, " \t"), true);
			best = i;
		}
	}
	if (file)
		fclose(file);
}

static void read_machine(struct report_machine *machine)
{
	long pages = sysconf(_SC_PHYS_PAGES), page_size = sysconf(_SC_PAGESIZE);
	struct utsname name;
	time_t now = time(NULL);
	struct tm tm;

	if (!uname(&name)) {
		snprintf(machine->kernel, sizeof(machine->kernel), "%s", name.release);
		snprintf(machine->arch, sizeof(machine->arch), "%s", name.machine);
	}
	read_cpu_model(machine->cpu, sizeof(machine->cpu));
	machine->nr_cpus = sysconf(_SC_NPROCESSORS_ONLN);
	if (pages > 0 && page_size > 0)
		machine->memory_bytes = (uint64_t)pages * (uint64_t)page_size;
	if (gmtime_r(&now, &tm))
		strftime(machine->date, sizeof(machine->date), "%Y-%m-%dT%H:%M:%SZ", &tm);
}

void report_view_fini(struct report_view *view)
{
	free(view->rows);
	free(view->order);
	*view = (struct report_view){0};
}

int report_view_init(struct report_view *view, const struct report *report)
{
	size_t most = 0;
	double *scratch;

	*view = (struct report_view){.report = report};
	for (size_t i = 0; i < report->nr_rows; i++)
		most = report->rows[i].nr_samples > most ? report->rows[i].nr_samples : most;
	/* One more each: an empty report is no lack of memory. */
	scratch = calloc(most + 1, sizeof(*scratch));
	view->rows = calloc(report->nr_rows + 1, sizeof(*view->rows));
	view->order = calloc(report->nr_rows + 1, sizeof(*view->order));
	if (!scratch || !view->rows || !view->order) {
		free(scratch);
		report_view_fini(view);
		return -ENOMEM;
	}
	for (size_t i = 0; i < report->nr_rows; i++)
		summarise(report, &report->rows[i], &view->rows[i], scratch);
	free(scratch);
	report_order(view);
	read_machine(&view->machine);
	return 0;
}

static int write_all(FILE *out, const char *text, size_t length)
{
	errno = 0;
	if (fwrite(text, 1, length, out) == length && !fflush(out))
		return 0;
	return errno ? -errno : -EIO;
}

/* Runs @render into memory. The caller frees *ret_text, set also when @render failed. */
static int render_to_memory(const struct report_view *view, char **ret_text, size_t *ret_length,
			    int (*render)(const struct report_view *, FILE *, void *), void *arg)
{
	FILE *memory = open_memstream(ret_text, ret_length);
	bool failed;
	int ret;

	if (!memory)
		return -ENOMEM;
	ret = render(view, memory, arg);
	failed = ferror(memory) != 0;
	if (fclose(memory) || failed)
		return -ENOMEM;
	return ret;
}

int report_render(const struct report *report, FILE *out,
		  int (*render)(const struct report_view *view, FILE *out, void *arg), void *arg)
{
	locale_t posix = newlocale(LC_ALL_MASK, "C", (locale_t)0), callers;
	struct report_view view;
	char *text = NULL;
	size_t length = 0;
	int ret, err = 0;

	if (!posix)
		return -ENOMEM;
	callers = uselocale(posix);
	ret = report_view_init(&view, report);
	if (!ret) {
		ret = render_to_memory(&view, &text, &length, render, arg);
		report_view_fini(&view);
	}
	uselocale(callers);
	freelocale(posix);
	/* Half a report is worse than none; a refusal tells its cause, and is whole. */
	if (text && ret != -ENOMEM)
		err = write_all(out, text, length);
	free(text);
	return ret < 0 || !err ? ret : err;
}
