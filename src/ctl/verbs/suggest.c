/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `suggest`: the rules that `allow` would write for the flagged listeners, for review. The daemon
 * makes them, so that all users get the same rule for a listener. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/daemon.h"
#include "ctl/print/json.h"
#include "ctl/print/names.h"
#include "ctl/print/tell.h"
#include "ctl/verbs.h"
#include "model/sentence.h"
#include "policy/rule_words.h"
#include "util/cleanup.h"
#include "util/memory.h"
#include "util/text_stream.h"

typedef struct Suggestions {
    char **rules; /* NULL-terminated; of the listing's rows, without those that are twice */
    const Listener **listeners; /* which each is of */
    size_t n, n_without, n_denied;
} Suggestions;

static bool is_known(const Suggestions *suggestions, const char *rule) {
    for (size_t i = 0; i < suggestions->n; i++)
        if (strcmp(suggestions->rules[i], rule) == 0)
            return true;
    return false;
}

/* Returns 0, or a negative errno that does not concern this listener only. */
static int add(Suggestions *suggestions, BusClient *client, const Listener *listener,
               const Netns *netns) {
    _cleanup_free_ char *rule = NULL;
    char id[LISTENER_ID_SIZE];

    listener_id(listener, netns, id);
    int r = bus_client_suggest(client, id, &rule);
    suggestions->n_denied += r == -EACCES;
    suggestions->n_without += r == -EREMOTEIO;
    if (r == -EACCES || r == -EREMOTEIO || r == -ENOENT)
        return 0;
    if (r < 0)
        return r;
    rule[strcspn(rule, "\n")] = '\0';
    if (!*rule || is_known(suggestions, rule))
        return 0;
    suggestions->listeners[suggestions->n] = listener;
    suggestions->rules[suggestions->n++] = TAKE_PTR(rule);
    return 0;
}

static int suggest_all(BusClient *client, const Listing *listing, const Netns *netns,
                       Suggestions *ret) {
    *ret = (Suggestions){
        .rules = calloc(listing->n_rows + 1, sizeof(char *)),
        .listeners = calloc(listing->n_rows + 1, sizeof(Listener *)),
    };
    if (!ret->rules || !ret->listeners)
        return -ENOMEM;
    for (size_t i = 0; i < listing->n_rows; i++) {
        int r = add(ret, client, listing->rows[i], netns);
        if (r < 0)
            return r;
    }
    return 0;
}

static void render_one(const Listener *listener, const char *rule, const LinkTable *links,
                       FILE *out) {
    _cleanup_free_ char *sentence = listener_sentence(listener, links, user_name(listener->uid));
    _cleanup_free_ char *words = NULL;

    fprintf(out, "# %s\n", sentence ?: "");
    if (rule_words(rule, &words) == 0)
        fprintf(out, "# Allows: %s.\n", words);
    fprintf(out, "%s\n", rule);
}

/* A rules file: each rule below a comment that says what it is for. */
static char *render(const Suggestions *suggestions, const LinkTable *links) {
    char *text = NULL;
    size_t size;
    FILE *out = text_stream_open(&text, &size);

    if (!out)
        return NULL;
    if (suggestions->n + suggestions->n_without + suggestions->n_denied == 0)
        fputs("# Nothing is flagged.\n", out);
    for (size_t i = 0; i < suggestions->n; i++) {
        fputs(i > 0 ? "\n" : "", out);
        render_one(suggestions->listeners[i], suggestions->rules[i], links, out);
    }
    fclose(out);
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

/* Prints what is missing, and why. */
static ExitStatus tell_missing(const Suggestions *suggestions) {
    if (suggestions->n_without > 0)
        tell_warning("No rule suggested for %zu listener%s: process unknown",
                     suggestions->n_without, suggestions->n_without == 1 ? "" : "s");
    if (suggestions->n_denied == 0)
        return STATUS_DONE;
    tell_error("You cannot see the processes of %zu flagged listener%s. Run with sudo.",
               suggestions->n_denied, suggestions->n_denied == 1 ? "" : "s");
    return STATUS_NOT_PERMITTED;
}

static ExitStatus print(const Options *options, BusClient *client, const BusView *view,
                        const Listing *listing) {
    Suggestions suggestions;
    int r = suggest_all(client, listing, &view->snapshot->netns, &suggestions);
    ExitStatus status = r < 0 ? daemon_failed(client, r, "Failed to suggest rules") : STATUS_DONE;

    if (status == STATUS_DONE) {
        _cleanup_free_ char *text =
            options_have(options, OPTION_JSON)
                ? json_document(suggestions_json(&suggestions, &view->snapshot->netns))
                : render(&suggestions, view->snapshot->links);
        status = verb_print(options, text);
    }
    if (status == STATUS_DONE)
        status = tell_missing(&suggestions);
    strv_free(suggestions.rules);
    free(suggestions.listeners);
    return status;
}

ExitStatus verb_suggest(const Options *options) {
    _cleanup_bus_client_ BusClient *client = NULL;
    _cleanup_bus_view_ BusView view = {};
    Listing listing;

    ExitStatus status = daemon_open(options, &client);
    if (status == STATUS_DONE)
        status = daemon_fetch(client, "flagged", NULL, &view);
    if (status != STATUS_DONE)
        return status;
    if (listing_make(view.snapshot, LISTING_FLAGGED, NULL, NULL, &listing) < 0)
        return tell_errno(-ENOMEM, "Failed to suggest rules");
    status = print(options, client, &view, &listing);
    listing_done(&listing);
    return status;
}
