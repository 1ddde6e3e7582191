/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `rules`: the policy in force, in order. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/json.h"
#include "ctl/report.h"
#include "ctl/ruleset.h"
#include "ctl/tell.h"
#include "ctl/verbs.h"
#include "util/cleanup.h"
#include "util/escape.h"

/* A row. */
typedef struct NumberedRule {
    size_t number; /* from 1; 0: the default */
    const RuleInfo *rule;
} NumberedRule;

static char *or_nothing(const char *raw) {
    return raw ? text_escape_string(raw) : strdup("-");
}

static char *cell_number(const void *context, const void *row) {
    const NumberedRule *numbered = row;
    char *text;
    (void)context;
    if (numbered->number == 0)
        return strdup("-");
    return asprintf(&text, "%zu", numbered->number) < 0 ? NULL : text;
}

static char *cell_place(const void *context, const void *row) {
    (void)context;
    return rule_place(((const NumberedRule *)row)->rule);
}

static char *cell_text(const void *context, const void *row) {
    (void)context;
    return rule_text(((const NumberedRule *)row)->rule);
}

static char *cell_action(const void *context, const void *row) {
    (void)context;
    return strdup(action_name(((const NumberedRule *)row)->rule->action));
}

static char *cell_severity(const void *context, const void *row) {
    const RuleInfo *rule = ((const NumberedRule *)row)->rule;
    (void)context;
    return strdup(rule->action == ACTION_FLAG ? severity_name(rule->severity) : "-");
}

static char *cell_id(const void *context, const void *row) {
    (void)context;
    return or_nothing(((const NumberedRule *)row)->rule->id);
}

static char *cell_note(const void *context, const void *row) {
    (void)context;
    return or_nothing(((const NumberedRule *)row)->rule->note);
}

static char *cell_advice(const void *context, const void *row) {
    (void)context;
    return or_nothing(((const NumberedRule *)row)->rule->advice);
}

const Column rules_columns[] = {
    {"number", "#", "place in the order; the first that matches decides", cell_number,
     .shown = true, .right = true},
    {"place", "WHERE", "file and line", cell_place, .shown = true},
    {"text", "RULE", "the rule as written", cell_text, .shown = true, .shrinks = true},
    {"action", "ACTION", "allow, ignore, flag", cell_action},
    {"severity", "SEVERITY", "of a flag", cell_severity},
    {"id", "ID", "the rule's own id", cell_id},
    {"note", "NOTE", "why it stands there", cell_note, .shrinks = true},
    {"advice", "ADVICE", "its advice", cell_advice, .shrinks = true},
    {},
};

/* The rules, then the default; freed by the caller. */
static NumberedRule *number_rules(const Policy *policy, size_t *ret_count) {
    size_t n_rules = policy_n_rules(policy);
    NumberedRule *rules = calloc(n_rules + 1, sizeof(*rules));
    if (!rules)
        return NULL;
    for (size_t i = 0; i < n_rules; i++)
        rules[i] = (NumberedRule){i + 1, policy_rule(policy, i)};
    rules[n_rules] = (NumberedRule){0, policy_default(policy)};
    *ret_count = n_rules + 1;
    return rules;
}

static char *rules_table(const NumberedRule *rules, size_t count, const ColumnChoice *choice,
                         bool headings) {
    Terminal terminal = terminal_look();
    TableLook look = {headings, terminal.colour, terminal.width};
    _cleanup_free_ const void **rows = calloc(count, sizeof(*rows));
    char *text;

    if (!rows)
        return NULL;
    for (size_t i = 0; i < count; i++)
        rows[i] = &rules[i];
    return table_render(choice, &look, NULL, rows, count, &text) < 0 ? NULL : text;
}

static json_t *rule_json(const NumberedRule *numbered) {
    const RuleInfo *rule = numbered->rule;
    json_t *object = json_rule(rule);
    if (!object)
        return NULL;
    bool flags = rule->action == ACTION_FLAG;
    int r = json_object_set_new(object, "number",
                                numbered->number ? json_integer((json_int_t)numbered->number)
                                                 : json_null());
    r |= json_object_set_new(object, "action", json_string(action_name(rule->action)));
    r |= json_object_set_new(object, "severity",
                             flags ? json_string(severity_name(rule->severity)) : json_null());
    r |= json_object_set_new(object, "note", json_text(rule->note));
    r |= json_object_set_new(object, "advice", json_text(rule->advice));
    if (r == 0)
        return object;
    json_decref(object);
    return NULL;
}

static json_t *rules_json(const Ruleset *ruleset, const NumberedRule *rules, size_t count) {
    json_t *document = json_object(), *list = json_array(), *files = json_array();
    char *const *file = policy_files(ruleset->policy);
    int r = 0;

    for (; file && *file; file++)
        r |= json_array_append_new(files, json_text(*file));
    for (size_t i = 0; i + 1 < count; i++)
        r |= json_array_append_new(list, rule_json(&rules[i]));
    r |= json_object_set_new(document, "schema", json_integer(1));
    r |= json_object_set_new(document, "builtin", json_boolean(ruleset->builtin));
    r |= json_object_set_new(document, "files", files);
    r |= json_object_set_new(document, "rules", list);
    r |= json_object_set_new(document, "default", rule_json(&rules[count - 1]));
    if (r == 0)
        return document;
    json_decref(document);
    return NULL;
}

ExitStatus verb_rules(const Options *options) {
    ColumnChoice choice;
    Ruleset ruleset;
    size_t count;

    if (options->n_words > 0) {
        tell_error("rules takes no arguments; with --rules FILE it shows those of a file");
        return STATUS_USAGE;
    }
    ExitStatus status = columns_choose(rules_columns, options->columns, &choice);
    if (status == STATUS_DONE)
        status = ruleset_load(options, &ruleset);
    if (status != STATUS_DONE)
        return status;

    _cleanup_policy_ Policy *policy = ruleset.policy;
    _cleanup_free_ NumberedRule *rules = number_rules(policy, &count);
    _cleanup_free_ char *text = NULL;
    if (rules && options_have(options, OPTION_JSON))
        text = json_document(rules_json(&ruleset, rules, count));
    else if (rules)
        text = rules_table(rules, count, &choice, !options_have(options, OPTION_NO_LEGEND));
    status = verb_print(options, text);
    return status == STATUS_DONE && ruleset.n_errors > 0 ? STATUS_FAILED : status;
}
