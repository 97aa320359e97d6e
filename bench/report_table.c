/* SPDX-License-Identifier: BSD-2-Clause */
/* The table at the end of a run, for people at a terminal. */
#include "report_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zring/zring.h>

#define MAX_COLUMNS 9
#define WIDTH       110 /* where the notes wrap */

/* Two heading lines, then a line a row. The first two columns are names, the rest numbers. */
struct grid {
	char (*cells)[MAX_COLUMNS][72];
	size_t nr_lines;
	size_t nr_columns;
};

static const char *const rate_heads[2][MAX_COLUMNS] = {
	{"row", "lab", "Mpps", "offered", "drops", "CPU ns", "CPU", "vs baseline", "CPU ns"},
	{"", "", "median (min-max)", "Mpps", "", "a packet", "%", "(min-max)", "ratio"},
};

static const char *const latency_heads[2][MAX_COLUMNS] = {
	{"row", "lab", "p50 us", "p90", "p99", "p99.9", "max", "CPU", "vs baseline"},
	{"", "", "median (min-max)", "us", "us", "us", "us", "%", "p50 (min-max)"},
};

/* The bounds of the spread may be coarser than the median. */
static void cell_spread(char *cell, const struct report_spread *spread, double unit, int decimals,
			int bound_decimals)
{
	if (!spread->nr)
		strcpy(cell, "-");
	else if (spread->nr == 1)
		snprintf(cell, 72, "%.*f", decimals, spread->median / unit);
	else
		snprintf(cell, 72, "%.*f (%.*f-%.*f)", decimals, spread->median / unit,
			 bound_decimals, spread->min / unit, bound_decimals, spread->max / unit);
}

static void cell_number(char *cell, double value, double unit, int decimals)
{
	if (report_measured(value))
		snprintf(cell, 72, "%.*f", decimals, value / unit);
	else
		strcpy(cell, "-");
}

/* Drops: exact up to six digits, so that a single one shows. */
static void cell_count(char *cell, double value)
{
	const double unit = value < 1e9 ? 1e6 : 1e9;

	if (value < 1e6)
		cell_number(cell, value, 1, 0);
	else
		snprintf(cell, 72, "%.*f%c", value / unit < 100 ? 1 : 0, value / unit,
			 value < 1e9 ? 'M' : 'G');
}

static void rate_line(char (*cells)[72], const struct report_summary *row)
{
	const double cpu_ns = report_shown(row, REPORT_CPU);

	cell_spread(cells[2], &row->figures[REPORT_MPPS], 1, 3, 2);
	cell_number(cells[3], report_shown(row, REPORT_OFFERED), 1, 3);
	cell_count(cells[4], report_shown(row, REPORT_DROPS));
	cell_number(cells[5], cpu_ns, 1, cpu_ns < 100 ? 1 : 0);
	cell_number(cells[6], report_shown(row, REPORT_CPU_PERCENT), 1, 0);
	cell_spread(cells[7], &row->ratio, 1, 2, 2);
	cell_number(cells[8], row->cpu_ratio.nr ? row->cpu_ratio.median : REPORT_NONE, 1, 2);
}

static void latency_line(char (*cells)[72], const struct report_summary *row)
{
	cell_spread(cells[2], &row->figures[REPORT_P50], 1000, 2, 1);
	cell_number(cells[3], report_shown(row, REPORT_P90), 1000, 2);
	cell_number(cells[4], report_shown(row, REPORT_P99), 1000, 2);
	cell_number(cells[5], report_shown(row, REPORT_P999), 1000,
		    report_shown(row, REPORT_P999) < 1e6 ? 1 : 0);
	cell_number(cells[6], report_shown(row, REPORT_MAX), 1000, 0);
	cell_number(cells[7], report_shown(row, REPORT_CPU_PERCENT), 1, 0);
	cell_spread(cells[8], &row->ratio, 1, 2, 2);
}

static void print_grid(const struct grid *grid, FILE *out)
{
	int widths[MAX_COLUMNS] = {0};

	for (size_t line = 0; line < grid->nr_lines; line++) {
		for (size_t column = 0; column < grid->nr_columns; column++) {
			int length = (int)strlen(grid->cells[line][column]);

			widths[column] = length > widths[column] ? length : widths[column];
		}
	}
	for (size_t line = 0; line < grid->nr_lines; line++) {
		bool empty = !grid->cells[line][0][0] && line >= 2;

		for (size_t column = 0; !empty && column < grid->nr_columns; column++)
			fprintf(out, "%s%*s", column ? "  " : "",
				column < 2 ? -widths[column] : widths[column],
				grid->cells[line][column]);
		fputc('\n', out);
	}
}

/* The rows of one kind, as a block of its own; nothing when there are none. */
static int print_rows(const struct report_view *view, FILE *out, bool latency)
{
	struct grid grid = {.nr_lines = 2, .nr_columns = MAX_COLUMNS};
	const struct report_summary *before = NULL;

	grid.cells = calloc(2 * view->report->nr_rows + 2, sizeof(*grid.cells));
	if (!grid.cells)
		return -ENOMEM;
	for (size_t line = 0; line < 2; line++) {
		for (size_t column = 0; column < grid.nr_columns; column++)
			strcpy(grid.cells[line][column],
			       (latency ? latency_heads : rate_heads)[line][column]);
	}
	for (size_t i = 0; i < view->report->nr_rows; i++) {
		const struct report_summary *row = view->order[i];
		char(*cells)[72] = grid.cells[grid.nr_lines];

		if (!row->measured || row->latency != latency)
			continue;
		/* An empty line apart: other labs and sections are not for comparing. */
		if (before && !report_same_group(before, row))
			cells = grid.cells[++grid.nr_lines];
		before = row;
		report_clean(cells[0], 72, row->row->name, true);
		report_clean(cells[1], 72, row->row->lab, true);
		(latency ? latency_line : rate_line)(cells, row);
		grid.nr_lines++;
	}
	if (grid.nr_lines > 2) {
		fputc('\n', out);
		print_grid(&grid, out);
	}
	free(grid.cells);
	return 0;
}

/* Prints words from @column on, later lines indented by 4. Returns the column reached. */
static size_t print_wrapped(FILE *out, const char *text, size_t column)
{
	char clean[256];
	const char *at = report_clean(clean, sizeof(clean), text, true);

	while (*(at += strspn(at, " "))) {
		size_t length = strcspn(at, " ");

		if (column + 1 + length > WIDTH)
			column = (size_t)fprintf(out, "\n    %.*s", (int)length, at) - 1;
		else
			column += (size_t)fprintf(out, " %.*s", (int)length, at);
		at += length;
	}
	return column;
}

static const char *note_of(const struct report_summary *row)
{
	if (!row->measured)
		return row->row->note[0] ? row->row->note : "no samples";
	return row->row->note;
}

static bool has_note(const struct report_summary *row, bool measured)
{
	return row->measured == measured && note_of(row)[0];
}

static bool same_note(const struct report_summary *a, const struct report_summary *b)
{
	return a->measured == b->measured && !strcmp(note_of(a), note_of(b));
}

/* The name of row @index and the labs in which it bears its note; "" when that was said before. */
static const char *note_label(const struct report_view *view, size_t index, char label[256])
{
	const struct report_summary *row = &view->rows[index];
	int used = snprintf(label, 256, "%s (%s", row->row->name, row->row->lab);

	for (size_t i = 0; i < view->report->nr_rows; i++) {
		const struct report_summary *other = &view->rows[i];

		if (i == index || !same_note(other, row) ||
		    strcmp(other->row->name, row->row->name))
			continue;
		if (i < index)
			return "";
		if (used < 224)
			used += snprintf(&label[used], 256 - (size_t)used, ", %s", other->row->lab);
	}
	snprintf(&label[used], 256 - (size_t)used, ")");
	return label;
}

/* A note once, after the names of all rows that bear it. */
static void print_note(const struct report_view *view, FILE *out, size_t first)
{
	const struct report_summary *row = &view->rows[first];
	size_t column = (size_t)fprintf(out, " ");

	for (size_t i = first; i < view->report->nr_rows; i++) {
		char text[256];
		const char *label = same_note(&view->rows[i], row) ? note_label(view, i, text) : "";

		if (label[0] && i > first)
			column += (size_t)fprintf(out, ",");
		column = print_wrapped(out, label, column);
	}
	fputc(':', out);
	print_wrapped(out, note_of(row), column + 1);
	fputc('\n', out);
}

static bool noted_before(const struct report_view *view, size_t index)
{
	for (size_t i = 0; i < index; i++) {
		if (same_note(&view->rows[i], &view->rows[index]))
			return true;
	}
	return false;
}

static void print_notes(const struct report_view *view, FILE *out, bool measured)
{
	bool headed = false;

	for (size_t i = 0; i < view->report->nr_rows; i++) {
		if (!has_note(&view->rows[i], measured) || noted_before(view, i))
			continue;
		if (!headed)
			fprintf(out, "\n%s\n", measured ? "Notes" : "Not measured");
		headed = true;
		print_note(view, out, i);
	}
}

static bool set_against_before(const struct report_view *view, size_t index)
{
	for (size_t i = 0; i < index; i++) {
		if (view->rows[i].ratio.nr &&
		    !strcmp(view->rows[i].row->baseline, view->rows[index].row->baseline))
			return true;
	}
	return false;
}

static void print_names_against(const struct report_view *view, FILE *out, size_t first)
{
	const struct report_row *row = view->rows[first].row;
	size_t column = (size_t)fprintf(out, " ");

	column = print_wrapped(out, row->baseline, column);
	column += (size_t)fprintf(out, ":");
	for (size_t i = first; i < view->report->nr_rows; i++) {
		const struct report_row *other = view->rows[i].row;
		bool listed = false;

		for (size_t j = first; j < i; j++)
			listed |= view->rows[j].ratio.nr &&
				  !strcmp(other->name, view->rows[j].row->name);
		if (!listed && view->rows[i].ratio.nr && !strcmp(other->baseline, row->baseline))
			column = print_wrapped(out, other->name, column);
	}
	fputc('\n', out);
}

/* Which row stands against which, and how to read the ratio. */
static void print_baselines(const struct report_view *view, FILE *out)
{
	bool headed = false;

	for (size_t i = 0; i < view->report->nr_rows; i++) {
		if (!view->rows[i].ratio.nr || set_against_before(view, i))
			continue;
		if (!headed)
			fputs("\nBaselines (ratios repeat by repeat; Mpps above 1.00 is faster, "
			      "CPU and p50 below 1.00 cost less)\n",
			      out);
		headed = true;
		print_names_against(view, out, i);
	}
}

static void print_heading(const struct report_view *view, FILE *out)
{
	const struct report_machine *machine = &view->machine;
	size_t most = 0;

	for (size_t i = 0; i < view->report->nr_rows; i++)
		most = view->rows[i].row->nr_samples > most ? view->rows[i].row->nr_samples : most;
	fprintf(out, "zring %s, Linux %s, %s, %ld CPUs", zring_version(), machine->kernel,
		machine->cpu[0] ? machine->cpu : machine->arch, machine->nr_cpus);
	if (most)
		fprintf(out, ", %zu repeat%s", most, most == 1 ? "" : "s");
	fputc('\n', out);
	if (!view->report->nr_rows)
		fputs("\nNothing was measured.\n", out);
}

static int render_table(const struct report_view *view, FILE *out, void *arg)
{
	int err;

	(void)arg;
	print_heading(view, out);
	err = print_rows(view, out, false);
	if (!err)
		err = print_rows(view, out, true);
	if (err)
		return err;
	print_baselines(view, out);
	print_notes(view, out, true);
	print_notes(view, out, false);
	return 0;
}

int report_table(const struct report *report, FILE *out)
{
	return report_render(report, out, render_table, NULL);
}
