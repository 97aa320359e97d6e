/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The plots of the HTML page: a lane a row, its name on the left, then two panels.
 * Rates: Mpps with the spread of the repeats | CPU time a packet, user and system.
 * Round trips: p50 with its spread | p50 to max on a logarithmic axis.
 * Colours come from the page's style sheet, so that they follow light and dark.
 */
#include "report_internal.h"

#include <math.h>
#include <string.h>

#define LANE      30.0 /* height of a lane */
#define BAR       16.0
#define CLUSTER   12.0  /* gap before the rows of another setting */
#define HEAD      34.0  /* the panels' titles */
#define FOOT      26.0  /* the axes' figures */
#define CHARACTER 7.3   /* width of one, in the font of the labels */
#define LEFT      300.0 /* width of the left panel's axis */
#define RIGHT     250.0
#define VALUES    205.0 /* room for the text after the bars */

struct axis {
	double x; /* left end on the page */
	double width;
	double low; /* values at both ends */
	double high;
	bool logarithmic;
};

struct drawing {
	const struct report_plot *plot;
	FILE *out;
	struct axis left;
	struct axis right; /* width 0: nothing to show there */
	double height;     /* where the lanes end and the axes' figures begin */
	bool latency;
};

/* The smallest of 1, 2, 5, 10, 20, ... that is not below @value. */
static double round_up(double value)
{
	double decade = pow(10, floor(log10(value)));

	for (int i = 0; i < 3; i++) {
		double step = (double[]){1, 2, 5}[i] * decade;

		if (step >= value * (1 - 1e-9))
			return step;
	}
	return decade * 10;
}

static double round_down(double value)
{
	return 1 / round_up(1 / value);
}

static double linear_step(const struct axis *axis)
{
	return round_up((axis->high - axis->low) / 5);
}

static struct axis linear_axis(double x, double width, double most)
{
	struct axis axis = {.x = x, .width = width, .high = most > 0 ? most : 1};
	double step = linear_step(&axis);

	axis.high = ceil(axis.high / step - 1e-9) * step;
	return axis;
}

static double position(const struct axis *axis, double value)
{
	double share = axis->logarithmic ? log(fmax(value, axis->low) / axis->low) /
						   log(axis->high / axis->low)
					 : (value - axis->low) / (axis->high - axis->low);

	return axis->x + axis->width * fmin(fmax(share, 0), 1);
}

/* A figure with three digits, no more than the repeats are good for. */
static void print_figure(FILE *out, double value)
{
	if (value >= 100 || value == 0)
		fprintf(out, "%.0f", value);
	else
		fprintf(out, "%.*f", value >= 10 ? 1 : value >= 0.1 ? 2 : 3, value);
}

static void draw_tick(const struct drawing *drawing, const struct axis *axis, double value,
		      bool labelled)
{
	double x = position(axis, value);

	fprintf(drawing->out, "<path class=\"grid\" d=\"M%.1f %.1fV%.1f\"/>", x, HEAD,
		drawing->height);
	if (labelled)
		fprintf(drawing->out,
			"<text class=\"tick\" x=\"%.1f\" y=\"%.1f\" "
			"text-anchor=\"middle\">%g</text>",
			x, drawing->height + 17, value);
}

static void draw_axis(const struct drawing *drawing, const struct axis *axis)
{
	double step = linear_step(axis);

	if (!axis->logarithmic) {
		/* Counted, not summed up: sums of 0.2 miss the last tick. */
		for (int i = 0; i * step <= axis->high * (1 + 1e-9); i++)
			draw_tick(drawing, axis, i * step, true);
		return;
	}
	for (double at = axis->low; at <= axis->high * (1 + 1e-9); at = round_up(at * 1.5)) {
		bool decade = fabs(log10(at) - round(log10(at))) < 1e-6;

		draw_tick(drawing, axis, at, decade || axis->high / axis->low <= 200);
	}
}

static void draw_bar(const struct drawing *drawing, const char *class, double x, double end,
		     double y)
{
	fprintf(drawing->out,
		"<rect class=\"%s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" "
		"rx=\"2\"/>",
		class, x, y - BAR / 2, fmax(end - x, 1), BAR);
}

static void draw_whisker(const struct drawing *drawing, const struct report_spread *spread,
			 double unit, double y)
{
	double low = position(&drawing->left, spread->min / unit);
	double high = position(&drawing->left, spread->max / unit);

	if (spread->nr > 1)
		fprintf(drawing->out,
			"<path class=\"whisker\" d=\"M%.1f %.1fH%.1fM%.1f %.1fv8M%.1f %.1fv8\"/>",
			low, y, high, low, y - 4, high, y - 4);
}

static void print_ratio(FILE *out, const struct report_summary *row)
{
	if (row->ratio.nr)
		fprintf(out, "<tspan class=\"soft\"> \u00b7 \u00d7%.2f</tspan>", row->ratio.median);
}

/* Lost packets, unless the source never said what it offered. */
static void print_loss(FILE *out, const struct report_summary *row)
{
	double drops = report_shown(row, REPORT_DROPS), loss = report_loss(row);

	if (!report_measured(drops))
		return;
	if (drops <= 0 && strcmp(row->section, "rx"))
		return; /* a sender is paced by its own far end: only a loss is news there */
	if (drops <= 0)
		fputs("<tspan class=\"soft\"> \u00b7 no loss</tspan>", out);
	else if (loss >= 0.001)
		fprintf(out, "<tspan class=\"warn\"> \u00b7 %.1f\u00a0%% lost</tspan>", loss * 100);
	else
		fprintf(out, "<tspan class=\"warn\"> \u00b7 %.0f lost</tspan>", drops);
}

static void draw_rate(const struct drawing *drawing, const struct report_summary *row, double y)
{
	const struct report_spread *mpps = &row->figures[REPORT_MPPS];
	double end = position(&drawing->left, mpps->median);
	double offered = report_shown(row, REPORT_OFFERED);
	double text = position(&drawing->left, mpps->max);

	if (offered > mpps->median) {
		draw_bar(drawing, "lost", end, position(&drawing->left, offered), y);
		text = fmax(text, position(&drawing->left, offered));
	}
	draw_bar(drawing, report_is_baseline(row->row) ? "bar base" : "bar", drawing->left.x, end,
		 y);
	draw_whisker(drawing, mpps, 1, y);
	fprintf(drawing->out, "<text class=\"value\" x=\"%.1f\" y=\"%.1f\">", text + 8, y + 4);
	print_figure(drawing->out, mpps->median);
	print_ratio(drawing->out, row);
	print_loss(drawing->out, row);
	fputs("</text>", drawing->out);
}

static void draw_cpu(const struct drawing *drawing, const struct report_summary *row, double y)
{
	double user = report_shown(row, REPORT_CPU_USER), total = report_shown(row, REPORT_CPU);
	double middle = position(&drawing->right, user), end = position(&drawing->right, total);

	if (!report_measured(total))
		return;
	draw_bar(drawing, report_is_baseline(row->row) ? "system base" : "system", middle, end, y);
	draw_bar(drawing, report_is_baseline(row->row) ? "bar base" : "bar", drawing->right.x,
		 middle, y);
	fprintf(drawing->out, "<text class=\"value\" x=\"%.1f\" y=\"%.1f\">", end + 8, y + 4);
	print_figure(drawing->out, total);
	if (row->cpu_ratio.nr)
		fprintf(drawing->out, "<tspan class=\"soft\"> \u00b7 \u00d7%.2f</tspan>",
			row->cpu_ratio.median);
	fputs("</text>", drawing->out);
}

static void draw_p50(const struct drawing *drawing, const struct report_summary *row, double y)
{
	const struct report_spread *p50 = &row->figures[REPORT_P50];

	draw_bar(drawing, report_is_baseline(row->row) ? "bar base" : "bar", drawing->left.x,
		 position(&drawing->left, p50->median / 1000), y);
	draw_whisker(drawing, p50, 1000, y);
	fprintf(drawing->out, "<text class=\"value\" x=\"%.1f\" y=\"%.1f\">",
		position(&drawing->left, p50->max / 1000) + 8, y + 4);
	print_figure(drawing->out, p50->median / 1000);
	print_ratio(drawing->out, row);
	fputs("</text>", drawing->out);
}

/* p50 to max along a line: the further out, the smaller the dot; max is a tick. */
static void draw_percentiles(const struct drawing *drawing, const struct report_summary *row,
			     double y)
{
	static const double radius[] = {6, 5, 4, 3};
	const char *class = report_is_baseline(row->row) ? "dot base" : "dot";
	double max = report_shown(row, REPORT_MAX), last = report_shown(row, REPORT_P50);

	for (unsigned i = REPORT_P50; i <= REPORT_MAX; i++)
		last = fmax(last, report_shown(row, i));
	fprintf(drawing->out, "<path class=\"range\" d=\"M%.1f %.1fH%.1f\"/>",
		position(&drawing->right, report_shown(row, REPORT_P50) / 1000), y,
		position(&drawing->right, last / 1000));
	for (unsigned i = REPORT_P50; i < REPORT_MAX; i++) {
		double value = report_shown(row, i);

		if (report_measured(value))
			fprintf(drawing->out,
				"<circle class=\"%s\" cx=\"%.1f\" cy=\"%.1f\" r=\"%.0f\"/>", class,
				position(&drawing->right, value / 1000), y, radius[i - REPORT_P50]);
	}
	if (report_measured(max))
		fprintf(drawing->out, "<path class=\"whisker\" d=\"M%.1f %.1fv12\"/>",
			position(&drawing->right, max / 1000), y - 6);
	fprintf(drawing->out, "<text class=\"value\" x=\"%.1f\" y=\"%.1f\">",
		position(&drawing->right, last / 1000) + 10, y + 4);
	print_figure(drawing->out, last / 1000);
	fputs("</text>", drawing->out);
}

static void print_lane_title(FILE *out, const struct report_summary *row)
{
	const struct report_spread *spread = &row->figures[row->latency ? REPORT_P50 : REPORT_MPPS];
	double unit = row->latency ? 1000 : 1;

	fputs("<title>", out);
	report_html_text(out, row->row->name);
	fprintf(out, ", %s ", row->latency ? "p50" : "median");
	print_figure(out, spread->median / unit);
	fputs(row->latency ? " \u00b5s, repeats from " : " Mpps, repeats from ", out);
	print_figure(out, spread->min / unit);
	fputs(" to ", out);
	print_figure(out, spread->max / unit);
	if (row->ratio.nr) {
		fprintf(out, ", %.2f times ", row->ratio.median);
		report_html_text(out, row->row->baseline);
	}
	fputs("</title>", out);
}

static void draw_lane(const struct drawing *drawing, const struct report_summary *row, double y)
{
	fputs("<g class=\"lane\">", drawing->out);
	print_lane_title(drawing->out, row);
	fprintf(drawing->out, "<text class=\"%s\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"end\">",
		report_is_baseline(row->row) ? "name base" : "name", drawing->left.x - 10, y + 4);
	report_html_text(drawing->out, row->row->name);
	fputs("</text>", drawing->out);
	if (drawing->latency) {
		draw_p50(drawing, row, y);
		draw_percentiles(drawing, row, y);
	} else {
		draw_rate(drawing, row, y);
		draw_cpu(drawing, row, y);
	}
	fputs("</g>\n", drawing->out);
}

/* Where lane @lane lies; rows of one setting stand together. */
static double lane_y(const struct report_plot *plot, size_t lane)
{
	double y = HEAD + LANE / 2;

	for (size_t i = 1; i <= lane; i++) {
		bool other = plot->lanes[i]->rank[2] != plot->lanes[i - 1]->rank[2];

		y += LANE + (other ? CLUSTER : 0);
	}
	return y;
}

static double label_width(const struct report_view *view)
{
	size_t longest = 0;

	/* Of all rows, not only of this plot's: the plots of a page line up. */
	for (size_t i = 0; i < view->report->nr_rows; i++) {
		size_t length = view->rows[i].measured ? strlen(view->rows[i].row->name) : 0;

		longest = length > longest ? length : longest;
	}
	return CHARACTER * (double)longest + 12;
}

static void lay_out_rates(struct drawing *drawing, double x)
{
	double most = 0, offered = 0, cpu = 0;

	for (size_t i = 0; i < drawing->plot->nr_lanes; i++) {
		const struct report_summary *row = drawing->plot->lanes[i];

		most = fmax(most, row->figures[REPORT_MPPS].max);
		offered = fmax(offered, row->figures[REPORT_OFFERED].median);
		cpu = fmax(cpu, row->figures[REPORT_CPU].median);
	}
	/* A source far above what anyone takes must not flatten all the bars. */
	drawing->left = linear_axis(x, LEFT, fmin(fmax(most, offered), most * 1.5));
	if (cpu > 0)
		drawing->right = linear_axis(x + LEFT + VALUES, RIGHT, cpu);
}

static void lay_out_latencies(struct drawing *drawing, double x)
{
	double p50 = 0, low = INFINITY, high = 0;

	for (size_t i = 0; i < drawing->plot->nr_lanes; i++) {
		const struct report_summary *row = drawing->plot->lanes[i];

		p50 = fmax(p50, row->figures[REPORT_P50].max / 1000);
		low = fmin(low, report_shown(row, REPORT_P50) / 1000);
		for (unsigned k = REPORT_P50; k <= REPORT_MAX; k++)
			high = fmax(high, report_shown(row, k) / 1000);
	}
	low = round_down(fmax(low, 1e-3));
	high = round_up(fmax(high, 1e-3));
	drawing->left = linear_axis(x, LEFT, p50);
	drawing->right = (struct axis){
		.x = x + LEFT + VALUES,
		.width = RIGHT,
		.low = low,
		.high = high > low ? high : low * 10,
		.logarithmic = true,
	};
}

static void draw_panel_head(const struct drawing *drawing, const struct axis *axis,
			    const char *title)
{
	fprintf(drawing->out, "<text class=\"head\" x=\"%.1f\" y=\"14\">%s</text>", axis->x, title);
	draw_axis(drawing, axis);
}

void report_svg(const struct report_plot *plot, FILE *out)
{
	struct drawing drawing = {.plot = plot, .out = out, .latency = plot->lanes[0]->latency};
	double x = label_width(plot->view), width;

	(drawing.latency ? lay_out_latencies : lay_out_rates)(&drawing, x);
	drawing.height = lane_y(plot, plot->nr_lanes - 1) + LANE / 2;
	width = x + LEFT + VALUES + (drawing.right.width > 0 ? RIGHT + VALUES / 2 : 0);
	fprintf(out,
		"<svg role=\"img\" aria-labelledby=\"plot%u\" viewBox=\"0 0 %.0f %.0f\" "
		"width=\"%.0f\" height=\"%.0f\"><title id=\"plot%u\">",
		plot->id, width, drawing.height + FOOT, width, drawing.height + FOOT, plot->id);
	report_html_text(out, plot->title);
	fputs("</title>\n", out);
	draw_panel_head(&drawing, &drawing.left,
			drawing.latency ? "Round trip p50, \u00b5s" : "Rate, Mpps");
	if (drawing.right.width > 0)
		draw_panel_head(&drawing, &drawing.right,
				drawing.latency ? "p50 to max, \u00b5s, logarithmic"
						: "CPU time, ns a packet");
	fputc('\n', out);
	for (size_t i = 0; i < plot->nr_lanes; i++)
		draw_lane(&drawing, plot->lanes[i], lane_y(plot, i));
	fputs("</svg>\n", out);
}
