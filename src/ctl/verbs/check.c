/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `check`: what is wrong with the policy, and what is most likely not meant. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/audit.h"
#include "ctl/print/json.h"
#include "ctl/print/tell.h"
#include "ctl/ruleset.h"
#include "ctl/verbs.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/escape.h"
#include "util/memory.h"
#include "util/text_stream.h"

typedef struct Check {
    const Options *options;
    LintContext lint;
    AdviceTable *advice;
    size_t n_files, n_rules, n_errors, n_warnings;
    json_t *diagnostics; /* NULL: not as JSON */
} Check;

static json_t *diagnostic_json(const Diagnostic *diagnostic) {
    static const char *const levels[] = {
        [DIAGNOSTIC_ERROR] = "error",
        [DIAGNOSTIC_WARNING] = "warning",
        [DIAGNOSTIC_NOTE] = "note",
    };
    return json_pack("{ss,so,sI,sI,sI,so}", "level", levels[diagnostic->level], "file",
                     json_text(diagnostic->file), "line", (json_int_t)diagnostic->line, "column",
                     (json_int_t)diagnostic->column, "length", (json_int_t)diagnostic->length,
                     "message", json_text(diagnostic->message));
}

/* Adds up, and prints or keeps what was found. */
static int take_in(Check *check, const Diagnostics *diagnostics) {
    check->n_errors += diagnostics->n_errors;
    check->n_warnings += diagnostics->n_warnings;
    if (!check->diagnostics) {
        ruleset_tell(diagnostics);
        return 0;
    }
    for (size_t i = 0; i < diagnostics->n_items; i++)
        if (json_array_append_new(check->diagnostics, diagnostic_json(&diagnostics->items[i])) < 0)
            return -ENOMEM;
    return 0;
}

/* Where packages' rules lie, as the names of such files begin in diagnostics; NULL: no memory. */
static char *vendor_prefix(const char *root) {
    size_t length = root ? strlen(root) : 0;

    while (length > 0 && root[length - 1] == '/')
        length--;
    return string_format("%.*s%s", (int)length, root ?: "", VENDORDIR "/rules.d/");
}

static int load_and_lint(Check *check, const PolicySource *source, Diagnostics *diagnostics) {
    _cleanup_policy_ Policy *policy = NULL;
    int r = policy_load(source, diagnostics, &policy);

    if (r == -ENOENT && !source->rules) {
        SourcePlace nowhere = {};
        diagnostics_add(
            diagnostics, DIAGNOSTIC_WARNING, &nowhere,
            "no rules in %s/sockaudit; the built-in rules are used (allow loopback, flag "
            "everything else)",
            SYSCONFDIR);
        return 0;
    }
    if (r < 0)
        return r;
    check->n_files += strv_length(policy_files(policy));
    check->n_rules += policy_n_rules(policy);

    LintContext lint = check->lint;
    _cleanup_free_ char *vendor = source->rules ? NULL : vendor_prefix(source->root);
    if (!source->rules && !vendor)
        return -ENOMEM;
    lint.vendor = vendor;
    return policy_lint(policy, &lint, diagnostics);
}

/* One policy: the machine's, or one file's. */
static ExitStatus check_policy(Check *check, const PolicySource *source) {
    _cleanup_diagnostics_ Diagnostics *diagnostics = diagnostics_new();
    int r = diagnostics ? load_and_lint(check, source, diagnostics) : -ENOMEM;

    if (r < 0 && r != -EBADMSG) {
        _cleanup_free_ char *file = text_escape_string(source->rules);
        return tell_errno(r, "Failed to check %s", file ?: "the policy");
    }
    r = take_in(check, diagnostics);
    if (r < 0)
        return tell_errno(r, "Failed to check the rules");
    return diagnostics->is_denied ? ruleset_tell_denied() : STATUS_DONE;
}

static ExitStatus check_all(Check *check) {
    PolicySource source = ruleset_source(check->options);
    ExitStatus worst = STATUS_DONE;

    if (check->options->n_words == 0)
        return check_policy(check, &source);
    source.trusted_uid = getuid();
    for (size_t i = 0; i < check->options->n_words; i++) {
        source.rules = check->options->words[i];
        ExitStatus status = check_policy(check, &source);
        if (status != STATUS_DONE)
            worst = status;
    }
    return worst;
}

static char *sum_json(Check *check) {
    return json_document(
        json_pack("{si,sI,sI,sI,sI,sO}", "schema", 1, "files", (json_int_t)check->n_files, "rules",
                  (json_int_t)check->n_rules, "errors", (json_int_t)check->n_errors, "warnings",
                  (json_int_t)check->n_warnings, "diagnostics", check->diagnostics));
}

/* `no errors`, `1 error`, `2 errors`. */
static void print_count(FILE *out, size_t count, const char *what) {
    if (count == 0)
        fprintf(out, "no %ss", what);
    else
        fprintf(out, "%zu %s%s", count, what, count == 1 ? "" : "s");
}

static char *sum_text(const Check *check) {
    char *text = NULL;
    size_t size;
    FILE *out = text_stream_open(&text, &size);

    if (!out)
        return NULL;
    if (check->n_files > 0) {
        print_count(out, check->n_files, "file");
        fputs(", ", out);
        print_count(out, check->n_rules, "rule");
        fputs(": ", out);
    }
    print_count(out, check->n_errors, "error");
    fputs(", ", out);
    print_count(out, check->n_warnings, "warning");
    fputc('\n', out);
    fclose(out);
    return text;
}

/* Without any advice, the linter does not check the names of tools. */
static ExitStatus load_advice(Check *check) {
    _cleanup_diagnostics_ Diagnostics *diagnostics = diagnostics_new();
    int r = diagnostics ? advice_load(check->options->root, diagnostics, &check->advice) : -ENOMEM;

    if (r >= 0)
        r = take_in(check, diagnostics);
    if (r < 0)
        return tell_errno(r, "Failed to read the advice");
    if (advice_n_sections(check->advice) > 0)
        check->lint.advice = check->advice;
    return STATUS_DONE;
}

/* The linter asks for this machine's interfaces; without them it does not warn of any. */
static ExitStatus check_run(Check *check) {
    _cleanup_machine_ Machine machine = {};
    _cleanup_snapshot_ Snapshot *snapshot = NULL;
    const LinkTable *links = NULL;

    int r = machine_open(&machine, NULL);
    if (r == 0)
        r = audit_collect(&machine, &snapshot);
    if (r < 0)
        tell_warning(
            "Failed to read the interfaces of this machine. Interface names are not checked");
    else if (snapshot->links_coverage.state == COVERAGE_FULL)
        links = snapshot->links;
    check->lint = machine_lint_context(links, realtime_now());
    ExitStatus status = load_advice(check);
    return status == STATUS_DONE ? check_all(check) : status;
}

ExitStatus verb_check(const Options *options) {
    Check check = {.options = options};
    bool as_json = options_have(options, OPTION_JSON);

    if (options->rules && options->n_words > 0) {
        tell_error("Usage: %s check [--rules FILE | FILE…]", tell_name());
        return STATUS_USAGE;
    }
    if (as_json && !(check.diagnostics = json_array()))
        return tell_errno(-ENOMEM, "Failed to check");

    ExitStatus status = check_run(&check);
    advice_free(check.advice);
    _cleanup_free_ char *text = as_json ? sum_json(&check) : sum_text(&check);
    json_decref(check.diagnostics);
    ExitStatus printed = verb_print(options, text);
    if (status != STATUS_DONE || printed != STATUS_DONE)
        return status != STATUS_DONE ? status : printed;
    return check.n_errors > 0 ? STATUS_FAILED : STATUS_DONE;
}
