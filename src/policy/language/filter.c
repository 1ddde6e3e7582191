/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The matches of a rule alone, typed on a command line. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/build.h"
#include "policy/language/key.h"
#include "policy/language/parser.h"
#include "policy/lint/lint.h"
#include "policy/match/match.h"
#include "util/cleanup.h"
#include "util/text_stream.h"

/* What a command line may hold. */
#define FILTER_SIZE_MAX ((size_t)64 * 1024)

Filter *filter_free(Filter *filter) {
    if (!filter)
        return NULL;
    policy_free(filter->policy);
    free(filter);
    return NULL;
}

/* The name of a tool may contain spaces, and the shell has removed the quotes. */
static bool needs_quotes(char *const *words, size_t index) {
    return index > 0 && strcmp(words[index - 1], "tool") == 0 && strchr(words[index], ' ') &&
           !strpbrk(words[index], "\",\\");
}

/* The words with a blank between them, in a new string; NULL: out of memory. */
static char *join_words(char *const *words, size_t n_words, size_t *ret_length) {
    char *joined = NULL;
    FILE *out = text_stream_open(&joined, ret_length);
    if (!out)
        return NULL;
    for (size_t i = 0; i < n_words; i++) {
        const char *quote = needs_quotes(words, i) ? "\"" : "";
        fprintf(out, "%s%s%s%s", i > 0 ? " " : "", quote, words[i], quote);
    }
    fclose(out);
    return joined;
}

static int read_filter(Policy *policy, const char *text, size_t length, Diagnostics *diagnostics) {
    _cleanup_names_ Names *names = names_new();
    Parser parser = {.policy = policy, .diagnostics = diagnostics, .names = names};
    SourceFile *source = policy_add_source(policy, NULL, text, length);

    policy->rules = calloc(1, sizeof(*policy->rules));
    if (!names || !source || !policy->rules)
        return -ENOMEM;
    source->is_line = true;
    /* As for `flag`: with `not` it shows also what can't be told. */
    policy->rules[0] = (Rule){.info.action = ACTION_FLAG, .until = USEC_INFINITY};
    policy->n_rules = 1;
    parser_read_filter(&parser, source);
    parser_done(&parser);
    if (names_missed(names)) {
        SourcePlace place = {};
        diagnostics_add(
            diagnostics, DIAGNOSTIC_ERROR, &place,
            "the names in the filter are unresolved: the name service does not respond");
    }
    return parser.out_of_memory ? -ENOMEM : 0;
}

int filter_parse(char *const *words, size_t n_words, Diagnostics *diagnostics, Filter **ret) {
    size_t n_errors = diagnostics->n_errors, length;
    _cleanup_free_ char *text = join_words(words, n_words, &length);
    _cleanup_filter_ Filter *filter = calloc(1, sizeof(*filter));

    if (!text || !filter || !(filter->policy = policy_new()))
        return -ENOMEM;
    if (length > FILTER_SIZE_MAX) {
        SourcePlace place = {};
        diagnostics_add(diagnostics, DIAGNOSTIC_ERROR, &place,
                        "the filter is longer than %zu bytes", FILTER_SIZE_MAX);
        return -EBADMSG;
    }
    int r = read_filter(filter->policy, text, length, diagnostics);
    if (r < 0)
        return r;
    if (diagnostics->n_errors > n_errors)
        return -EBADMSG;
    /* Nothing found is to mean that there is nothing. */
    if ((r = policy_lint_accounts(filter->policy, diagnostics)) < 0)
        return r;
    *ret = TAKE_PTR(filter);
    return 0;
}

bool filter_matches(const Filter *filter, const JudgeContext *context, const Listener *listener) {
    JudgeContext own = *context;
    own.exes = NULL; /* it numbers another policy's files */
    Recognition recognition = {};
    const Case judged = {filter->policy, &own, listener, &recognition};
    bool needs_holders = false;
    return rule_matches(&filter->policy->rules[0], &judged, &needs_holders);
}

const char *filter_other_key(const Filter *filter, const char *const *known) {
    const Rule *rule = &filter->policy->rules[0];

    for (uint32_t i = 0; i < rule->n_matches; i++) {
        const char *name = key_table[rule->matches[i].key].name;
        bool is_known = rule->matches[i].key == KEY_PROTO;
        for (const char *const *one = known; *one && !is_known; one++)
            is_known = strcmp(*one, name) == 0;
        if (!is_known)
            return name;
    }
    return NULL;
}
