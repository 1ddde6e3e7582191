/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `rules`: the policy in force, in order: the daemon's, with what each rule decided, where one
 * answers; else that of the files. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/daemon.h"
#include "ctl/print/json.h"
#include "ctl/print/report.h"
#include "ctl/print/tell.h"
#include "ctl/ruleset.h"
#include "ctl/verbs.h"
#include "util/cleanup.h"
#include "util/escape.h"
#include "util/memory.h"

/* A row. */
typedef struct NumberedRule {
    size_t number; /* from 1; 0: the default */
    const RuleInfo *rule;
    bool counted; /* by a daemon */
    uint64_t hits;
} NumberedRule;

typedef struct RuleList {
    NumberedRule *rules; /* in order, then the default */
    size_t count;
    char *const *files;
    bool builtin, last_valid;
    size_t n_errors;
    /* What they are of: one or the other. */
    Policy *policy;
    BusRules told;
    BusStatusRead status;
} RuleList;

static char *or_nothing(const char *raw) {
    return raw ? text_escape_string(raw) : strdup("-");
}

/* `text` is a new string, computed from `numbered` and its rule. */
#define CELL(name, text)                                                                           \
    static char *cell_##name(__attribute__((unused)) const void *context, const void *row) {       \
        const NumberedRule *numbered = row;                                                        \
        __attribute__((unused)) const RuleInfo *rule = numbered->rule;                             \
        return text;                                                                               \
    }
CELL(number, numbered->number ? string_format("%zu", numbered->number) : strdup("-"))
CELL(hits, numbered->counted ? string_format("%" PRIu64, numbered->hits) : strdup("-"))
CELL(place, rule_place(rule))
CELL(text, rule_text(rule))
CELL(action, strdup(action_name(rule->action)))
CELL(severity, strdup(rule->action == ACTION_FLAG ? severity_name(rule->severity) : "-"))
CELL(id, or_nothing(rule->id))
CELL(note, or_nothing(rule->note))
CELL(advice, or_nothing(rule->advice))

const Column rules_columns[] = {
    {"number", "#", "position; the first matching rule applies", cell_number, .shown = true,
     .right = true},
    {"hits", "HITS", "number of matches counted by the daemon", cell_hits, .shown = true,
     .right = true},
    {"place", "WHERE", "file and line", cell_place, .shown = true},
    {"text", "RULE", "the rule as written", cell_text, .shown = true, .shrinks = true},
    {"action", "ACTION", "allow, ignore, flag", cell_action},
    {"severity", "SEVERITY", "of a flag", cell_severity},
    {"id", "ID", "the rule's own id", cell_id},
    {"note", "NOTE", "the rule's note", cell_note, .shrinks = true},
    {"advice", "ADVICE", "its advice", cell_advice, .shrinks = true},
    {},
};

static int number_policy(RuleList *list) {
    size_t n_rules = policy_n_rules(list->policy);
    list->rules = calloc(n_rules + 1, sizeof(*list->rules));
    if (!list->rules)
        return -ENOMEM;
    for (size_t i = 0; i < n_rules; i++)
        list->rules[i] = (NumberedRule){i + 1, policy_rule(list->policy, i), false, 0};
    list->rules[n_rules] = (NumberedRule){0, policy_default(list->policy), false, 0};
    list->count = n_rules + 1;
    list->files = policy_files(list->policy);
    return 0;
}

static int number_told(RuleList *list) {
    const BusRules *told = &list->told;
    if (told->n_rules == 0)
        return -EPROTO;
    list->rules = calloc(told->n_rules, sizeof(*list->rules));
    if (!list->rules)
        return -ENOMEM;
    for (size_t i = 0; i < told->n_rules; i++)
        list->rules[i] = (NumberedRule){i + 1 < told->n_rules ? i + 1 : 0, &told->rules[i].info,
                                        true, told->rules[i].hits};
    list->count = told->n_rules;
    list->files = list->status.status.policy_files;
    list->builtin = list->status.status.policy_builtin;
    list->last_valid = list->status.status.policy_last_valid;
    return 0;
}

static void rule_list_done(RuleList *list) {
    free(list->rules);
    policy_free(list->policy);
    bus_rules_done(&list->told);
    bus_status_done(&list->status);
}

/* Returns whether the daemon told its rules; that there is none is nothing to tell. */
static bool ask_daemon(const Options *options, RuleList *list) {
    _cleanup_bus_client_ BusClient *client = NULL;

    if (options_have(options, OPTIONS_POLICY) ||
        bus_client_open(daemon_directory(options), false, &client) < 0)
        return false;
    int r = bus_client_rules(client, &list->told);
    if (r >= 0)
        r = bus_client_status(client, &list->status);
    if (r >= 0)
        r = number_told(list);
    return r >= 0;
}

static ExitStatus read_files(const Options *options, RuleList *list) {
    Ruleset ruleset;
    ExitStatus status = ruleset_load(options, &ruleset);
    if (status != STATUS_DONE)
        return status;
    list->policy = ruleset.policy;
    list->builtin = ruleset.builtin;
    list->n_errors = ruleset.n_errors;
    return number_policy(list) < 0 ? tell_errno(-ENOMEM, "Failed to list") : STATUS_DONE;
}

static char *rules_table(const NumberedRule *rules, size_t count, const ColumnChoice *choice,
                         bool headings) {
    Terminal terminal = terminal_look();
    TableLook look = {headings, terminal.colour, terminal.width};
    _cleanup_free_ const void **rows = calloc(count + 1, sizeof(*rows));
    char *text;

    if (!rows)
        return NULL;
    for (size_t i = 0; i < count; i++)
        rows[i] = &rules[i];
    return table_render(choice, &look, NULL, rows, count, &text) < 0 ? NULL : text;
}

static json_t *rule_json(const NumberedRule *numbered) {
    const RuleInfo *rule = numbered->rule;
    return json_merged(
        json_rule(rule),
        json_pack("{so,ss,so,so,so,so}", "number",
                  numbered->number ? json_integer((json_int_t)numbered->number) : json_null(),
                  "action", action_name(rule->action), "severity",
                  json_severity(rule->action, rule->severity), "hits",
                  numbered->counted ? json_integer((json_int_t)numbered->hits) : json_null(),
                  "note", json_text(rule->note), "advice", json_text(rule->advice)));
}

static json_t *rules_json(const RuleList *rules) {
    json_t *list = json_array(), *files = json_array();
    int r = 0;

    for (char *const *file = rules->files; file && *file; file++)
        r |= json_array_append_new(files, json_text(*file));
    for (size_t i = 0; i + 1 < rules->count; i++)
        r |= json_array_append_new(list, rule_json(&rules->rules[i]));
    json_t *document = json_pack("{si,sb,sb,so,so,so}", "schema", 1, "builtin", rules->builtin,
                                 "last_valid", rules->last_valid, "files", files, "rules", list,
                                 "default", rule_json(&rules->rules[rules->count - 1]));
    if (r == 0)
        return document;
    json_decref(document);
    return NULL;
}

static ExitStatus print_rules(const Options *options, const RuleList *list,
                              const ColumnChoice *choice) {
    _cleanup_free_ char *text = options_have(options, OPTION_JSON)
                                    ? json_document(rules_json(list))
                                    : rules_table(list->rules, list->count, choice,
                                                  !options_have(options, OPTION_NO_LEGEND));
    ExitStatus status = verb_print(options, text);
    if (list->last_valid)
        tell_warning(
            "These are the last valid rules. The rules on disk contain errors; run '%s check'",
            tell_name());
    return status == STATUS_DONE && list->n_errors > 0 ? STATUS_FAILED : status;
}

ExitStatus verb_rules(const Options *options) {
    ColumnChoice choice;
    RuleList list = {};

    ExitStatus status = columns_choose(rules_columns, options->columns, &choice);
    if (status == STATUS_DONE && !ask_daemon(options, &list)) {
        rule_list_done(&list); /* half an answer */
        list = (RuleList){};
        status = read_files(options, &list);
    }
    if (status == STATUS_DONE)
        status = print_rules(options, &list, &choice);
    rule_list_done(&list);
    return status;
}
