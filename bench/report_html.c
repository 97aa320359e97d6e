/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The report as one page that needs nothing but itself: style and plots are
 * inside, no script, and its own policy forbids it to load anything.
 */
#include "report_internal.h"
#include "report_style.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zring/zring.h>

/* What a section of the page is about: "tx", "rx", "latency", ... */
struct section {
	const char *key;
	const char *title;
	const char *text;
};

static const struct section known_sections[] = {
	{"tx", "Transmit",
	 "Packets counted where they arrive, at the far end of the wire. CPU time is that of "
	 "the sending process."},
	{"rx", "Receive",
	 "Packets that reached the program. CPU time is that of the receiving process: on a "
	 "veth pair the kernel's receive path runs on the sender's CPU, so that rates are "
	 "much alike and loss and CPU time tell receivers apart."},
	{"latency", "Round trip",
	 "From sending a frame until its echo from another process in user space is back."},
};

#define NR_KNOWN (sizeof(known_sections) / sizeof(known_sections[0]))

void report_html_text(FILE *out, const char *text)
{
	char clean[1024];

	for (const char *at = report_clean(clean, sizeof(clean), text, true); *at; at++) {
		if (*at == '&')
			fputs("&amp;", out);
		else if (*at == '<')
			fputs("&lt;", out);
		else if (*at == '>')
			fputs("&gt;", out);
		else if (*at == '"')
			fputs("&quot;", out);
		else if (*at == '\'')
			fputs("&#39;", out);
		else
			fputc(*at, out);
	}
}

static struct section find_section(const struct report_summary *row)
{
	for (size_t i = 0; i < NR_KNOWN; i++) {
		if (!strcmp(known_sections[i].key, row->section))
			return known_sections[i];
	}
	return (struct section){.key = row->section, .title = row->section, .text = ""};
}

/* The best row of zring's own in a section; NULL when there is none. */
static const struct report_summary *best_row(const struct report_view *view, const char *key)
{
	const struct report_summary *best = NULL;

	for (size_t i = 0; i < view->report->nr_rows; i++) {
		const struct report_summary *row = &view->rows[i];
		unsigned figure = row->latency ? REPORT_P50 : REPORT_MPPS;

		if (!row->measured || strcmp(row->section, key) || report_is_baseline(row->row))
			continue;
		if (!best ||
		    (row->latency ? report_shown(row, figure) < report_shown(best, figure)
				  : report_shown(row, figure) > report_shown(best, figure)))
			best = row;
	}
	return best;
}

static void print_card(const struct report_view *view, const struct section *section, FILE *out)
{
	const struct report_summary *row = best_row(view, section->key);
	double drops;

	if (!row)
		return;
	drops = report_shown(row, REPORT_DROPS);
	fprintf(out, "<div class=\"card\"><span class=\"soft\">%s, %s</span><b>", section->title,
		row->latency ? "shortest" : "fastest");
	if (row->latency)
		fprintf(out, "%.2f <small>\u00b5s p50</small>",
			report_shown(row, REPORT_P50) / 1000);
	else
		fprintf(out, "%.3f <small>Mpps</small>", report_shown(row, REPORT_MPPS));
	fputs("</b><code>", out);
	report_html_text(out, row->row->name);
	fputs("</code><p class=\"soft\">", out);
	report_html_text(out, row->row->lab);
	if (row->ratio.nr) {
		fprintf(out, " \u00b7 \u00d7%.2f of ", row->ratio.median);
		report_html_text(out, row->row->baseline);
	}
	if (report_measured(drops)) {
		fputs(" \u00b7 ", out);
		report_html_count(out, drops);
		fputs(drops == 1 ? " drop" : " drops", out);
	}
	fputs("</p></div>\n", out);
}

static void print_term(FILE *out, const char *term, const char *text)
{
	if (!text[0])
		return;
	fprintf(out, "<dt>%s</dt><dd><code>", term);
	report_html_text(out, text);
	fputs("</code></dd>\n", out);
}

static void print_machine(const struct report_view *view, FILE *out)
{
	const struct report_machine *machine = &view->machine;
	char text[256];

	fputs("<dl class=\"machine\">\n", out);
	print_term(out, "Command", view->report->command);
	snprintf(text, sizeof(text), "%llu", (unsigned long long)view->report->seed);
	print_term(out, "Seed", text);
	snprintf(text, sizeof(text), "Linux %s", machine->kernel);
	print_term(out, "Kernel", text);
	snprintf(text, sizeof(text), "%s%s%ld CPUs, %s, %.1f GiB of memory", machine->cpu,
		 machine->cpu[0] ? ", " : "", machine->nr_cpus, machine->arch,
		 (double)machine->memory_bytes / (1024.0 * 1024 * 1024));
	print_term(out, "Machine", text);
	print_term(out, "Date", machine->date);
	fputs("</dl>\n", out);
}

static void print_head(const struct report_view *view, FILE *out)
{
	fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
	      "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
	      "<meta http-equiv=\"Content-Security-Policy\" "
	      "content=\"default-src 'none';style-src 'unsafe-inline';img-src data:\">\n"
	      "<link rel=\"icon\" href=\"data:,\">\n<title>zring-bench</title>\n<style>\n",
	      out);
	fputs(report_style, out);
	fprintf(out,
		"</style>\n</head>\n<body>\n<main>\n<h1>zring-bench</h1>\n"
		"<p class=\"soft\">zring %s on Linux ",
		zring_version());
	report_html_text(out, view->machine.kernel);
	fputs("</p>\n", out);
}

/* What the marks of a section's plots mean. */
static void print_legend(FILE *out, bool latency)
{
	fputs("<p class=\"legend\"><span><i></i>zring</span><span><i "
	      "class=\"base\"></i>baseline</span>"
	      "<span><i class=\"span\"></i>smallest to largest repeat</span>",
	      out);
	if (latency)
		fputs("<span><i class=\"dot\"></i>p50, smaller: p90, p99, p99.9</span>"
		      "<span><i class=\"mark\"></i>max</span>"
		      "<span>\u00d7 times the baseline's p50, below 1 is better</span>",
		      out);
	else
		fputs("<span><i class=\"lost\"></i>offered, lost</span>"
		      "<span><i class=\"user\"></i><i class=\"system\"></i>CPU: user, system</span>"
		      "<span>\u00d7 times the baseline's rate (above 1 is better) or CPU time "
		      "(below 1 "
		      "is better)</span>",
		      out);
	fputs("</p>\n", out);
}

static void print_figure(const struct report_plot *plot, const struct section *section, FILE *out)
{
	fputs("<figure><figcaption>", out);
	report_html_text(out, section->title);
	fputs(" <span>lab ", out);
	report_html_text(out, plot->lanes[0]->row->lab);
	fputs("</span></figcaption><div class=\"plot\" tabindex=\"0\">\n", out);
	report_svg(plot, out);
	fputs("</div></figure>\n", out);
}

/* The measured rows from @first on that share its section and lab. Returns where they end. */
static size_t pick_lanes(const struct report_view *view, size_t first, struct report_plot *plot)
{
	size_t i = first;

	plot->nr_lanes = 0;
	for (; i < view->report->nr_rows; i++) {
		if (!view->order[i]->measured)
			continue;
		if (plot->nr_lanes && !report_same_group(plot->lanes[0], view->order[i]))
			break;
		plot->lanes[plot->nr_lanes++] = view->order[i];
	}
	return i;
}

/* A heading a section, a plot a lab. */
static int print_plots(const struct report_view *view, FILE *out)
{
	struct report_plot plot = {.view = view};
	const char *section_before = "";
	char title[160];

	plot.lanes = calloc(view->report->nr_rows + 1, sizeof(*plot.lanes));
	if (!plot.lanes)
		return -ENOMEM;
	plot.title = title;
	for (size_t i = pick_lanes(view, 0, &plot); plot.nr_lanes; i = pick_lanes(view, i, &plot)) {
		const struct report_summary *first = plot.lanes[0];
		const struct section section = find_section(first);

		if (strcmp(section_before, section.key)) {
			fputs("<h2>", out);
			report_html_text(out, section.title);
			fprintf(out, "</h2>\n<p class=\"soft\">%s</p>\n", section.text);
			print_legend(out, first->latency);
		}
		section_before = section.key;
		plot.id++;
		snprintf(title, sizeof(title),
			 "%s, lab %s: %s of %zu rows, also in the tables below", section.title,
			 first->row->lab,
			 first->latency ? "round-trip times" : "rates and CPU time", plot.nr_lanes);
		print_figure(&plot, &section, out);
	}
	free(plot.lanes);
	return 0;
}

static int render_html(const struct report_view *view, FILE *out, void *arg)
{
	int err;

	(void)arg;
	print_head(view, out);
	print_machine(view, out);
	fputs("<div class=\"cards\">\n", out);
	for (size_t i = 0; i < NR_KNOWN; i++)
		print_card(view, &known_sections[i], out);
	fputs("</div>\n", out);
	err = print_plots(view, out);
	if (err)
		return err;
	report_html_tables(view, out);
	fputs("</main>\n</body>\n</html>\n", out);
	return 0;
}

int report_html(const struct report *report, FILE *out)
{
	return report_render(report, out, render_html, NULL);
}
