/* SPDX-License-Identifier: BSD-2-Clause */
/* The tables of the HTML page: every figure of every row, and the rows without any. */
#include "report_internal.h"

static void print_number(FILE *out, double value, int decimals)
{
	if (report_measured(value))
		fprintf(out, "%.*f", decimals, value);
	else
		fputs("\u2013", out);
}

void report_html_count(FILE *out, double value)
{
	char digits[32];
	size_t length;

	if (!(value < 1e18)) {
		fprintf(out, "%g", value);
		return;
	}
	length = (size_t)snprintf(digits, sizeof(digits), "%.0f", value);
	for (size_t i = 0; i < length; i++)
		fprintf(out, "%s%c", i && (length - i) % 3 == 0 ? "\u202f" : "", digits[i]);
}

static void cell(FILE *out, double value, int decimals)
{
	fputs("<td>", out);
	print_number(out, value, decimals);
	fputs("</td>", out);
}

static void cell_spread(FILE *out, const struct report_spread *spread, double unit, int decimals)
{
	fputs("<td>", out);
	print_number(out, spread->nr ? spread->median / unit : REPORT_NONE, decimals);
	if (spread->nr > 1)
		fprintf(out, " <small>%.*f\u2013%.*f</small>", decimals, spread->min / unit,
			decimals, spread->max / unit);
	fputs("</td>", out);
}

static void cell_time(FILE *out, const struct report_summary *row, enum report_figure figure)
{
	double value = report_shown(row, figure);

	cell(out, report_measured(value) ? value / 1000 : REPORT_NONE, 2);
}

static void cell_text(FILE *out, const char *class, const char *text)
{
	fprintf(out, "<td class=\"%s\">", class);
	report_html_text(out, text);
	fputs("</td>", out);
}

static void row_head(FILE *out, const struct report_row *row)
{
	fputs("<tr><th scope=\"row\">", out);
	report_html_text(out, row->name);
	fputs("</th>", out);
	cell_text(out, "text", row->lab);
}

/* The columns that rates and round trips have in common. */
static void row_tail(FILE *out, const struct report_summary *row)
{
	cell_spread(out, &row->ratio, 1, 2);
	cell_spread(out, &row->cpu_ratio, 1, 2);
	cell_text(out, "text", row->row->baseline);
	fprintf(out, "<td>%zu</td>", row->row->nr_samples);
	cell_text(out, "note", row->row->note);
	fputs("</tr>\n", out);
}

static void cpu_cells(FILE *out, const struct report_summary *row)
{
	cell(out, report_shown(row, REPORT_CPU), 1);
	cell(out, report_shown(row, REPORT_CPU_USER), 1);
	cell(out, report_shown(row, REPORT_CPU_SYSTEM), 1);
	cell(out, report_shown(row, REPORT_CPU_PERCENT), 1);
}

static void rate_row(FILE *out, const struct report_summary *row)
{
	double drops = report_shown(row, REPORT_DROPS);

	row_head(out, row->row);
	cell_spread(out, &row->figures[REPORT_MPPS], 1, 3);
	cell(out, report_shown(row, REPORT_OFFERED), 3);
	fputs(drops > 0 ? "<td class=\"warn\">" : "<td>", out);
	if (report_measured(drops))
		report_html_count(out, drops);
	else
		fputs("\u2013", out);
	fputs("</td>", out);
	cpu_cells(out, row);
	row_tail(out, row);
}

static void latency_row(FILE *out, const struct report_summary *row)
{
	row_head(out, row->row);
	cell_spread(out, &row->figures[REPORT_P50], 1000, 2);
	for (unsigned i = REPORT_P90; i <= REPORT_MAX; i++)
		cell_time(out, row, i);
	cpu_cells(out, row);
	row_tail(out, row);
}

#define HEAD(name, unit) "<th scope=\"col\">" name "<small>" unit "</small></th>"
#define TEXT(name)       "<th scope=\"col\" class=\"text\">" name "</th>"
#define CPU_HEADS                \
	HEAD("CPU", "ns/packet") \
	HEAD("user", "ns/packet") HEAD("system", "ns/packet") HEAD("CPU", "%")
#define TAIL_HEADS(figure)              \
	HEAD("\u00d7 baseline", figure) \
	HEAD("\u00d7 baseline", "CPU")  \
	TEXT("Baseline") HEAD("Repeats", "") "<th scope=\"col\" class=\"text\">Note</th>"

static const char rate_heads[] = TEXT("Row") TEXT("Lab") HEAD("Mpps", "median, min\u2013max")
	HEAD("Offered", "Mpps") HEAD("Drops", "all repeats") CPU_HEADS TAIL_HEADS("rate");

static const char latency_heads[] = TEXT("Row") TEXT("Lab")
	HEAD("p50 \u00b5s", "median, min\u2013max") HEAD("p90", "\u00b5s") HEAD("p99", "\u00b5s")
		HEAD("p99.9", "\u00b5s") HEAD("max", "\u00b5s, all repeats")
			CPU_HEADS TAIL_HEADS("p50");

static const char missing_heads[] = TEXT("Row") TEXT("Lab") TEXT("Reason");

static void open_table(FILE *out, const char *caption, const char *heads)
{
	fprintf(out,
		"<div class=\"scroll\" tabindex=\"0\"><table><caption>%s</caption>\n"
		"<thead><tr>%s</tr></thead>\n<tbody>\n",
		caption, heads);
}

static void close_table(FILE *out)
{
	fputs("</tbody></table></div>\n", out);
}

static bool any(const struct report_view *view, bool measured, bool latency)
{
	for (size_t i = 0; i < view->report->nr_rows; i++) {
		if (view->rows[i].measured == measured && view->rows[i].latency == latency)
			return true;
	}
	return false;
}

static void measured_table(const struct report_view *view, FILE *out, bool latency)
{
	if (!any(view, true, latency))
		return;
	if (latency)
		open_table(out, "Round trips", latency_heads);
	else
		open_table(out, "Rates", rate_heads);
	for (size_t i = 0; i < view->report->nr_rows; i++) {
		const struct report_summary *row = view->order[i];

		if (row->measured && row->latency == latency)
			(latency ? latency_row : rate_row)(out, row);
	}
	close_table(out);
}

static void missing_table(const struct report_view *view, FILE *out)
{
	if (!any(view, false, false))
		return;
	open_table(out, "Not measured", missing_heads);
	for (size_t i = 0; i < view->report->nr_rows; i++) {
		const struct report_row *row = view->order[i]->row;

		if (view->order[i]->measured)
			continue;
		row_head(out, row);
		cell_text(out, "note", row->note[0] ? row->note : "no samples");
		fputs("</tr>\n", out);
	}
	close_table(out);
}

void report_html_tables(const struct report_view *view, FILE *out)
{
	fputs("<section><h2>All figures</h2>\n", out);
	if (!view->report->nr_rows)
		fputs("<p>Nothing was measured.</p>\n", out);
	else
		fputs("<p class=\"soft\">Medians of the repeats. Ratios to a baseline are taken "
		      "repeat by repeat, as row and baseline ran in turn; their median stands "
		      "here.</p>\n",
		      out);
	measured_table(view, out, false);
	measured_table(view, out, true);
	missing_table(view, out);
	fputs("</section>\n", out);
}
