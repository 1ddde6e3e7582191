/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `suggest`: rules that would allow what is flagged now, to be read before they are used. Written
 * here and not by the daemon, of what the caller may see. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/daemon.h"
#include "ctl/print/json.h"
#include "ctl/print/names.h"
#include "ctl/print/tell.h"
#include "ctl/verbs.h"
#include "model/sentence.h"
#include "policy/suggest.h"
#include "util/cleanup.h"
#include "util/memory.h"

typedef struct Suggestions {
    char **rules; /* NULL-terminated; of the listing's rows, without those that are twice */
    const Listener **listeners; /* which each is of */
    size_t n, n_without;
} Suggestions;

static bool is_known(const Suggestions *suggestions, const char *rule) {
    for (size_t i = 0; i < suggestions->n; i++)
        if (strcmp(suggestions->rules[i], rule) == 0)
            return true;
    return false;
}

static int add(Suggestions *suggestions, const Listener *listener) {
    _cleanup_free_ char *rule = NULL;
    int r = rule_suggest(listener, USEC_INFINITY, NULL, &rule);

    suggestions->n_without += r == -EINVAL;
    if (r == -EINVAL || (r == 0 && is_known(suggestions, rule)))
        return 0;
    if (r < 0)
        return r;
    suggestions->listeners[suggestions->n] = listener;
    suggestions->rules[suggestions->n++] = TAKE_PTR(rule);
    return 0;
}

static int suggest_all(const Listing *listing, Suggestions *ret) {
    *ret = (Suggestions){
        .rules = calloc(listing->n_rows + 1, sizeof(char *)),
        .listeners = calloc(listing->n_rows + 1, sizeof(Listener *)),
    };
    if (!ret->rules || !ret->listeners)
        return -ENOMEM;
    for (size_t i = 0; i < listing->n_rows; i++) {
        int r = add(ret, listing->rows[i]);
        if (r < 0)
            return r;
    }
    return 0;
}

/* A rules file: each rule below a comment that says what it is for. */
static char *render(const Suggestions *suggestions, const LinkTable *links) {
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    if (!out)
        return NULL;
    if (suggestions->n == 0)
        fputs("# Nothing is flagged.\n", out);
    for (size_t i = 0; i < suggestions->n; i++) {
        const Listener *listener = suggestions->listeners[i];
        _cleanup_free_ char *sentence =
            listener_sentence(listener, links, user_name(listener->uid));
        fprintf(out, "%s# %s\n%s\n", i > 0 ? "\n" : "", sentence ?: "", suggestions->rules[i]);
    }
    if (fclose(out) != 0) {
        free(text);
        return NULL;
    }
    return text;
}

static json_t *suggestions_json(const Suggestions *suggestions, const Netns *netns) {
    json_t *array = json_array();
    for (size_t i = 0; i < suggestions->n; i++) {
        char id[LISTENER_ID_SIZE];
        listener_id(suggestions->listeners[i], netns, id);
        json_array_append_new(
            array, json_pack("{ss,so?}", "id", id, "rule", json_text(suggestions->rules[i])));
    }
    return json_pack("{si,so}", "schema", 1, "suggestions", array);
}

static ExitStatus print(const Options *options, const BusView *view, const Listing *listing) {
    Suggestions suggestions;
    int r = suggest_all(listing, &suggestions);
    ExitStatus status = r < 0 ? tell_errno(r, "cannot suggest rules") : STATUS_DONE;

    if (status == STATUS_DONE) {
        _cleanup_free_ char *text =
            options_have(options, OPTION_JSON)
                ? json_document(suggestions_json(&suggestions, &view->snapshot->netns))
                : render(&suggestions, view->snapshot->links);
        status = verb_print(options, text);
    }
    if (suggestions.n_without > 0)
        tell_warning("for %zu of them no rule can be written: who holds it is not known",
                     suggestions.n_without);
    strv_free(suggestions.rules);
    free(suggestions.listeners);
    return status;
}

ExitStatus verb_suggest(const Options *options) {
    _cleanup_bus_client_ BusClient *client = NULL;
    _cleanup_bus_view_ BusView view = {};
    Listing listing;

    if (options->n_words > 0) {
        tell_error("suggest takes no arguments");
        return STATUS_USAGE;
    }
    ExitStatus status = daemon_open(options, &client);
    if (status == STATUS_DONE)
        status = daemon_fetch(client, "flagged", NULL, &view);
    if (status != STATUS_DONE)
        return status;
    if (listing_make(view.snapshot, LISTING_FLAGGED, NULL, NULL, &listing) < 0)
        return tell_errno(-ENOMEM, "cannot suggest rules");
    status = print(options, &view, &listing);
    listing_done(&listing);
    return status;
}
