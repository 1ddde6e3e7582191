/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ctl/print/report.h"

#include <stdlib.h>
#include <string.h>

#include "model/sentence.h"
#include "util/cleanup.h"
#include "util/escape.h"
#include "util/memory.h"
#include "util/text_stream.h"

/* The severity's column; what belongs to it stands under the sentence. */
#define INDENT 9

char *rule_place(const RuleInfo *rule) {
    if (!rule->file)
        return strdup("the default");
    _cleanup_free_ char *file = text_escape_string(rule->file);
    return file ? string_format("%s:%u", file, rule->line) : NULL;
}

char *rule_text(const RuleInfo *rule) {
    return text_escape_string(rule->text ?: "");
}

void report_flagged(const ListingView *view, const Listener *listener, const Terminal *terminal,
                    FILE *out) {
    const Verdict *verdict = &listener->verdict;
    const char *user = listing_user(view, listener);
    _cleanup_free_ char *sentence = listener_sentence(listener, view->snapshot->links, user);
    _cleanup_free_ char *place = verdict->rule ? rule_place(verdict->rule) : NULL;
    _cleanup_free_ char *rule = verdict->rule ? rule_text(verdict->rule) : NULL;
    _cleanup_free_ char *note = text_escape_string(verdict->rule ? verdict->rule->note : NULL);
    _cleanup_free_ char *advice = text_escape_string(listener->advice);

    fprintf(out, "%s%-*s%s%s\n", terminal->colour ? verdict_colour(verdict) : "", INDENT,
            verdict_word(verdict), terminal->colour ? COLOUR_NONE : "", sentence ?: "");
    if (place)
        fprintf(out, "%*s%s: %s\n", INDENT, "", place, rule ?: "");
    if (note)
        fprintf(out, "%*snote: %s\n", INDENT, "", note);
    if (advice)
        fprintf(out, "%*s%s to make it local: %s\n", INDENT, "", terminal->utf8 ? "→" : "->",
                advice);
}

static void print_sum(const ListingCounts *counts, FILE *out) {
    fprintf(out, "%zu listener%s: %zu flagged, %zu allowed, %zu ignored", counts->n_all,
            counts->n_all == 1 ? "" : "s", counts->n_flagged, counts->n_allowed, counts->n_ignored);
    if (counts->n_unheld > 0)
        fprintf(out, "; %zu without a process", counts->n_unheld);
    if (counts->n_unknown > 0)
        fprintf(out, "; %zu with unknown process", counts->n_unknown);
    fputs(".\n", out);
}

static void print_below(const ListingView *view, const Listing *listing, const Terminal *terminal,
                        FILE *out) {
    if (listing->n_rows > 0)
        fputc('\n', out);
    for (size_t i = 0; i < listing->n_rows; i++) {
        if (listing->rows[i]->verdict.action != ACTION_FLAG)
            continue;
        report_flagged(view, listing->rows[i], terminal, out);
        fputc('\n', out);
    }
    print_sum(&listing->counts, out);
}

char *report_render(const ListingView *view, const Listing *listing, const ColumnChoice *choice,
                    const Terminal *terminal, bool legend) {
    TableLook look = {
        .headings = legend,
        .colour = terminal->colour,
        .width = terminal->width,
    };
    _cleanup_free_ char *table = NULL;
    char *text = NULL;
    size_t size;

    if (table_render(choice, &look, view, (const void *const *)listing->rows, listing->n_rows,
                     &table) < 0)
        return NULL;
    FILE *out = text_stream_open(&text, &size);
    if (!out)
        return NULL;
    fputs(table, out);
    if (legend)
        print_below(view, listing, terminal, out);
    fclose(out);
    return text;
}
