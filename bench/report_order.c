/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The order in which people read the rows: by section, then lab, then setting
 * (frame size, spinning or not). A run measures them in another one, row and baseline in turn.
 */
#include "report_internal.h"

#include <stdlib.h>
#include <string.h>

bool report_is_baseline(const struct report_row *row)
{
	return !strncmp(row->name, "baseline/", 9);
}

/* What follows section and subject, "64" or "64/spin": rows of one setting share it. */
static const char *setting(const struct report_row *row)
{
	const char *subject = strchr(row->name, '/');
	const char *rest = subject ? strchr(subject + 1, '/') : NULL;

	return rest ? rest : subject ? subject : row->name;
}

/* The next row that is no baseline and no round trip, from @index on in steps of @step. */
static const struct report_row *neighbour(const struct report_view *view, size_t index, int step)
{
	/* A step below 0 wraps to a huge index, which ends the loop as well. */
	for (size_t i = index; i < view->report->nr_rows; i += (size_t)step) {
		if (!report_is_baseline(view->rows[i].row) && !view->rows[i].latency)
			return view->rows[i].row;
	}
	return NULL;
}

/*
 * The part before the first '/'. A baseline belongs where the rows are that name
 * it; one that no row names (a second one, libpcap beside recvmmsg) to the rows
 * that it ran among.
 */
static void find_section(const struct report_view *view, size_t index)
{
	struct report_summary *row = &view->rows[index];
	const struct report_row *kin = report_is_baseline(row->row) ? NULL : row->row;

	if (row->latency) {
		strcpy(row->section, "latency");
		return;
	}
	for (size_t i = 0; !kin && i < view->report->nr_rows; i++) {
		if (!strcmp(view->report->rows[i].baseline, row->row->name))
			kin = &view->report->rows[i];
	}
	if (!kin)
		kin = neighbour(view, index, -1);
	if (!kin)
		kin = neighbour(view, index, 1);
	if (!kin)
		kin = row->row;
	snprintf(row->section, sizeof(row->section), "%.*s", (int)strcspn(kin->name, "/"),
		 kin->name);
}

/* The sections that everyone knows come first, others as they first appear. */
static size_t section_rank(const struct report_view *view, const struct report_summary *row)
{
	static const char *const known[] = {"tx", "rx", "latency"};
	const size_t nr_known = sizeof(known) / sizeof(known[0]);
	size_t i;

	for (i = 0; i < nr_known; i++) {
		if (!strcmp(row->section, known[i]))
			return i;
	}
	for (i = 0; strcmp(view->rows[i].section, row->section); i++)
		;
	return nr_known + i;
}

static void rank_row(const struct report_view *view, struct report_summary *row)
{
	size_t i;

	row->rank[0] = section_rank(view, row);
	for (i = 0; strcmp(view->rows[i].row->lab, row->row->lab); i++)
		;
	row->rank[1] = i;
	for (i = 0; strcmp(setting(view->rows[i].row), setting(row->row)); i++)
		;
	row->rank[2] = i;
}

static int by_rank(const void *a, const void *b)
{
	const struct report_summary *left = *(const struct report_summary *const *)a;
	const struct report_summary *right = *(const struct report_summary *const *)b;

	for (size_t i = 0; i < 3; i++) {
		if (left->rank[i] != right->rank[i])
			return left->rank[i] < right->rank[i] ? -1 : 1;
	}
	return (left > right) - (left < right); /* as they ran */
}

void report_order(struct report_view *view)
{
	const size_t nr = view->report->nr_rows;

	for (size_t i = 0; i < nr; i++)
		find_section(view, i);
	for (size_t i = 0; i < nr; i++) {
		rank_row(view, &view->rows[i]);
		view->order[i] = &view->rows[i];
	}
	qsort(view->order, nr, sizeof(*view->order), by_rank);
}

bool report_same_group(const struct report_summary *a, const struct report_summary *b)
{
	return a->rank[0] == b->rank[0] && a->rank[1] == b->rank[1] && a->latency == b->latency;
}
