/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `explain`: which rule decides, and why none before it did. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/audit.h"
#include "ctl/print/json.h"
#include "ctl/print/names.h"
#include "ctl/print/report.h"
#include "ctl/print/tell.h"
#include "ctl/ruleset.h"
#include "ctl/verbs.h"
#include "ctl/verbs/hypothesis.h"
#include "model/sentence.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/escape.h"
#include "util/text_stream.h"

const char explain_details[] =
    "  explain tcp 0.0.0.0:3000 user alice exe /usr/bin/node   what if there were one\n"
    "  explain 3000                                            what is there now\n"
    "\n"
    "Keys: user group exe unit user-unit container netns origin age scope\n"
    "interface (bound to that device). A user that is not named is you.\n"
    "\n"
    "Exit status: 0 explained, whatever the verdict; 4 no such listener.\n";

typedef struct Explanation {
    const Options *options;
    const ListingView *view;
    FILE *out;        /* text */
    json_t *steps;    /* or JSON */
    const char *file; /* of the rule before, NULL: none */
    bool colour;
} Explanation;

/* A file's name as a heading over its rules. */
static void print_file(Explanation *explanation, const char *file) {
    if (explanation->file && file && strcmp(explanation->file, file) == 0)
        return;
    if (explanation->file && file)
        fputc('\n', explanation->out);
    if (file) {
        _cleanup_free_ char *escaped = text_escape_string(file);
        fprintf(explanation->out, "%s:\n", escaped ?: "");
    }
    explanation->file = file;
}

static int step_text(Explanation *explanation, const TraceStep *step) {
    FILE *out = explanation->out;
    _cleanup_free_ char *rule = rule_text(step->rule);
    _cleanup_free_ char *failed = text_escape_string(step->failed);
    _cleanup_free_ char *why = text_escape_string(step->why);

    if (!rule)
        return -ENOMEM;
    print_file(explanation, step->rule->file);
    bool bold = step->decides && explanation->colour;
    fprintf(out, "%s%s ", bold ? COLOUR_BOLD : "", step->decides ? "*" : " ");
    if (step->rule->file)
        fprintf(out, "%4u  %s%s\n", step->rule->line, rule, bold ? COLOUR_NONE : "");
    else
        fprintf(out, "   -  %s%s\n", rule, bold ? COLOUR_NONE : "");
    if (step->decides)
        fputs("        decides\n", out);
    else
        fprintf(out, "        no: %s%s%s\n", failed ?: "it has expired", why ? " — " : "",
                why ?: "");
    return 0;
}

static int step_json(Explanation *explanation, const TraceStep *step) {
    json_t *object =
        json_pack("{so,sb,so,so}", "rule", json_rule(step->rule), "decides", step->decides,
                  "failed", json_text(step->failed), "why", json_text(step->why));
    return json_array_append_new(explanation->steps, object) < 0 ? -ENOMEM : 0;
}

static int tell_step(void *userdata, const TraceStep *step) {
    Explanation *explanation = userdata;
    return explanation->steps ? step_json(explanation, step) : step_text(explanation, step);
}

/* What is judged, in the words of the table: for a listener that is not there, too. */
static void print_head(const Explanation *explanation, const Listener *listener) {
    const char *user = listing_user(explanation->view, listener);
    _cleanup_free_ char *endpoint = listener_endpoint(listener, explanation->view->snapshot->links);
    _cleanup_free_ char *name = text_escape_string(user);
    const Holder *holder = listener_holder(listener);
    _cleanup_free_ char *exe = text_escape_string(holder ? holder->exe : NULL);

    fprintf(explanation->out, "%s %s, scope %s, of ", proto_name(listener->endpoint.proto),
            endpoint ?: "", scope_name(listener->scope));
    if (name)
        fputs(name, explanation->out);
    else if (listener->uid == (uint32_t)-1)
        fputs(listener->origin == ORIGIN_FORWARD ? "the kernel" : "an unknown user",
              explanation->out);
    else
        fprintf(explanation->out, "uid %u", listener->uid);
    if (exe)
        fprintf(explanation->out, ", process %s", exe);
    fputs("\n\n", explanation->out);
}

static int explain_text(Explanation *explanation, const Policy *policy, const JudgeContext *context,
                        const Listener *listener, char **ret) {
    char *text = NULL;
    size_t size;
    FILE *out = explanation->out = text_stream_open(&text, &size);

    if (!out)
        return -ENOMEM;
    explanation->file = NULL;
    print_head(explanation, listener);
    int r = policy_explain(policy, context, listener, tell_step, explanation);
    _cleanup_free_ char *advice = text_escape_string(listener->advice);
    _cleanup_free_ char *tool = text_escape_string(listener->tool);
    if (tool)
        fprintf(out, "\ntool: %s", tool);
    fprintf(out, "\nverdict: %s%s\n", listener->verdict.action == ACTION_FLAG ? "flagged, " : "",
            verdict_word(&listener->verdict));
    if (advice)
        fprintf(out, "to make it local: %s\n", advice);
    if (fclose(out) != 0 || r < 0) {
        free(text);
        return r < 0 ? r : -ENOMEM;
    }
    *ret = text;
    return 0;
}

/* The verdict's own fields stand at the top, too: for who asks for nothing else. */
static json_t *explain_json(Explanation *explanation, const Policy *policy,
                            const JudgeContext *context, const Listener *listener) {
    const Verdict *verdict = &listener->verdict;

    explanation->steps = json_array();
    int r = explanation->steps ? policy_explain(policy, context, listener, tell_step, explanation)
                               : -ENOMEM;
    json_t *object = json_pack(
        "{so,ss,so,so,so,so}", "listener", json_listener(explanation->view, listener), "verdict",
        action_name(verdict->action), "severity", json_severity(verdict->action, verdict->severity),
        "rule", json_rule(verdict->rule), "advice", json_text(listener->advice), "steps",
        TAKE_PTR(explanation->steps));
    if (r == 0)
        return object;
    json_decref(object);
    return NULL;
}

/* Explains one after the other; in JSON they are one document. */
static ExitStatus explain_all(const Options *options, const Policy *policy, const ListingView *view,
                              const JudgeContext *context, const Listener *const *listeners,
                              size_t count) {
    Terminal terminal = terminal_look();
    Explanation explanation = {.options = options, .view = view, .colour = terminal.colour};
    _cleanup_json_ json_t *list = options_have(options, OPTION_JSON) ? json_array() : NULL;
    _cleanup_free_ char *all = NULL;
    size_t size;
    FILE *out = text_stream_open(&all, &size);
    int r = out ? 0 : -ENOMEM;

    for (size_t i = 0; r >= 0 && i < count; i++) {
        _cleanup_free_ char *text = NULL;
        if (list) {
            r = json_array_append_new(list,
                                      explain_json(&explanation, policy, context, listeners[i]));
            continue;
        }
        r = explain_text(&explanation, policy, context, listeners[i], &text);
        fprintf(out, "%s%s", i ? "\n" : "", text ?: "");
    }
    if (out)
        fclose(out);
    if (r < 0)
        return tell_errno(-ENOMEM, "Failed to explain");
    if (!list)
        return verb_print(options, all);

    _cleanup_free_ char *text = json_document(json_pack("{si,sO}", "schema", 1, "explained", list));
    return verb_print(options, text);
}

static int user_in_given_group(void *userdata, uid_t uid, gid_t gid) {
    const Hypothesis *hypothesis = userdata;
    (void)uid;
    return hypothesis->group_given && hypothesis->group == gid;
}

static ExitStatus explain_hypothesis(const Options *options, const Policy *policy,
                                     const AdviceTable *advice) {
    _cleanup_machine_ Machine machine = {};
    _cleanup_snapshot_ Snapshot *snapshot = NULL;
    _cleanup_(hypothesis_done) Hypothesis hypothesis = {};
    usec_t now = realtime_now();

    int r = machine_open(&machine, NULL);
    if (r == 0)
        r = audit_collect(&machine, &snapshot);
    if (r < 0)
        return tell_errno(r, "Failed to read the interfaces of this machine");
    ExitStatus status =
        hypothesis_parse(options->words, options->n_words, snapshot->links, now, &hypothesis);
    if (status != STATUS_DONE)
        return status;

    Listener *listener = &hypothesis.listener;
    JudgeContext context = machine_judge_context(&machine, snapshot, now);
    context.netns = snapshot->netns = hypothesis.netns;
    context.assumed_user = hypothesis.assumed_user;
    if (hypothesis.group_given) {
        context.user_in_group = user_in_given_group;
        context.userdata = &hypothesis;
        context.file_identity = NULL;
    }
    context.advice = advice;
    policy_judge(policy, &context, listener, &listener->verdict);
    audit_recognise(advice, listener);
    audit_advise(advice, listener);
    ListingView view = {.snapshot = snapshot,
                        .now = now,
                        .user_name = user_name,
                        .assumed_user = hypothesis.assumed_user};
    const Listener *one = listener;
    return explain_all(options, policy, &view, &context, &one, 1);
}

/* Whether the word, a port or an id, means that listener. */
static bool word_means(const char *word, const Listener *listener, const Netns *netns) {
    char id[LISTENER_ID_SIZE];
    uint64_t port;
    if (parse_unsigned(word, strlen(word), UINT16_MAX, &port) == 0)
        return listener->endpoint.port == port;
    listener_id(listener, netns, id);
    return strcmp(id, word) == 0;
}

static ExitStatus explain_live(const Options *options, const Policy *policy,
                               const AdviceTable *advice) {
    _cleanup_audit_ Audit audit = {};
    const char *word = options->words[0];

    int r = audit_run(&audit, policy, advice, SEARCH_FIRST);
    if (r < 0)
        return tell_errno(r, "Failed to read the sockets of this machine");
    const Snapshot *snapshot = audit.snapshot;
    _cleanup_free_ const Listener **found = calloc(snapshot->n_listeners + 1, sizeof(*found));
    size_t count = 0;
    for (size_t i = 0; found && i < snapshot->n_listeners; i++)
        if (word_means(word, &snapshot->listeners[i], &snapshot->netns))
            found[count++] = &snapshot->listeners[i];
    if (count == 0)
        return tell_no_listener(word, "; for one that is not there: explain tcp 0.0.0.0:3000");
    ListingView view = {.snapshot = snapshot, .now = audit.now, .user_name = user_name};
    return explain_all(options, policy, &view, &audit.context, found, count);
}

/* `s3f`, `f9a0@4026`: no protocol is written so. */
static bool is_id_or_port(const char *word) {
    size_t letters = word[0] == 's' || word[0] == 'f';
    size_t digits = strspn(word + letters, letters ? "0123456789abcdef" : "0123456789");
    char end = word[letters + digits];
    return digits > 0 && (end == '\0' || (letters && end == '@'));
}

ExitStatus verb_explain(const Options *options) {
    Ruleset ruleset;
    _cleanup_advice_ AdviceTable *advice = NULL;
    _cleanup_diagnostics_ Diagnostics *diagnostics = diagnostics_new();

    ExitStatus status = ruleset_load(options, &ruleset);
    if (status != STATUS_DONE)
        return status;
    _cleanup_policy_ Policy *policy = ruleset.policy;
    int r = !diagnostics      ? -ENOMEM
            : ruleset.builtin ? 0
                              : advice_load(options->root, diagnostics, &advice);
    if (r < 0)
        return tell_errno(r, "Failed to read the advice");
    if (options->n_words == 1 && is_id_or_port(options->words[0]))
        return explain_live(options, policy, advice);
    return explain_hypothesis(options, policy, advice);
}
