/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "policy/policy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/build.h"
#include "policy/language/parser.h"
#include "util/cleanup.h"
#include "util/memory.h"

Policy *policy_free(Policy *policy) {
    if (!policy)
        return NULL;
    free(policy->sources);
    free(policy->files);
    free(policy->rules);
    free(policy->lets);
    free(policy->exes);
    arena_done(&policy->arena);
    free(policy);
    return NULL;
}

Policy *policy_new(void) {
    Policy *policy = calloc(1, sizeof(*policy));
    if (!policy)
        return NULL;
    policy->settings = (PolicySettings){
        .poll = USEC_PER_SEC,
        .udp_grace = 2 * USEC_PER_SEC,
        .settle = 300 * USEC_PER_MSEC,
        .remind = USEC_PER_DAY,
        .burst = 20,
    };
    policy->default_rule = (Rule){
        .info = {.text = "set default flag warning",
                 .action = ACTION_FLAG,
                 .severity = SEVERITY_WARNING},
        .until = USEC_INFINITY,
    };
    return policy;
}

SourceFile *policy_add_source(Policy *policy, const char *name, const char *text, size_t length) {
    SourceFile *source = arena_alloc(&policy->arena, sizeof(*source));
    SourceFile **sources =
        reallocarray(policy->sources, policy->n_sources + 1, sizeof(*policy->sources));

    if (sources)
        policy->sources = sources;
    if (!source || !sources)
        return NULL;
    *source = (SourceFile){
        .name = name ? arena_text(&policy->arena, name, strlen(name)) : NULL,
        .text = arena_text(&policy->arena, text, length),
        .length = (uint32_t)length,
    };
    if (!source->text || (name && !source->name))
        return NULL;
    policy->sources[policy->n_sources++] = source;
    return source;
}

/* Reads all files' statements; -ENOMEM or 0: what is wrong stands in the diagnostics. */
static int read_sources(Policy *policy, const RulesFiles *files, Diagnostics *diagnostics) {
    _cleanup_names_ Names *names = names_new();
    Parser parser = {.policy = policy, .diagnostics = diagnostics, .names = names};

    if (!names)
        return -ENOMEM;
    policy->files = calloc(files->n_files + 1, sizeof(*policy->files));
    if (!policy->files)
        return -ENOMEM;
    for (size_t i = 0; i < files->n_files && !parser.out_of_memory; i++) {
        const RulesFile *file = &files->files[i];
        SourceFile *source = policy_add_source(policy, file->name, file->text, file->length);
        if (!source) {
            parser.out_of_memory = true;
            break;
        }
        policy->files[i] = (char *)source->name;
        parser_read_file(&parser, source);
    }
    policy->lacks_names = names_missed(names);
    parser_done(&parser);
    return parser.out_of_memory ? -ENOMEM : 0;
}

int policy_build(const RulesFiles *files, Diagnostics *diagnostics, Policy **ret) {
    size_t n_errors = diagnostics->n_errors;
    _cleanup_policy_ Policy *policy = policy_new();

    if (!policy)
        return -ENOMEM;
    int r = read_sources(policy, files, diagnostics);
    if (r < 0)
        return r;
    if (diagnostics->n_errors > n_errors)
        return -EBADMSG;
    *ret = TAKE_PTR(policy);
    return 0;
}

int policy_parse(const char *name, const char *text, size_t length, Diagnostics *diagnostics,
                 Policy **ret) {
    if (length > FILE_SIZE_MAX) {
        SourcePlace place = {.file = name};
        diagnostics_add(diagnostics, DIAGNOSTIC_ERROR, &place, "the file is larger than %zu bytes",
                        FILE_SIZE_MAX);
        return -EBADMSG;
    }
    RulesFile file = {.name = (char *)name, .text = (char *)text, .length = length};
    RulesFiles files = {.files = &file, .n_files = 1};
    return policy_build(&files, diagnostics, ret);
}

Policy *policy_new_builtin(void) {
    static const char text[] = "allow scope loopback, unreachable\n";
    _cleanup_diagnostics_ Diagnostics *diagnostics = diagnostics_new();
    Policy *policy = NULL;

    if (!diagnostics || policy_parse(NULL, text, sizeof(text) - 1, diagnostics, &policy) < 0)
        return NULL;
    return policy;
}

int policy_load(const PolicySource *source, Diagnostics *diagnostics, Policy **ret) {
    size_t n_errors = diagnostics->n_errors;
    RulesFiles files = {};
    _cleanup_policy_ Policy *policy = NULL;

    int r = rules_files_read(source, diagnostics, &files);
    /* What could be read is parsed also where a file was refused: all is told at once. */
    int n_found = r;
    if (r > 0)
        r = policy_build(&files, diagnostics, &policy);
    rules_files_done(&files);
    if (r < 0)
        return r;
    if (diagnostics->n_errors > n_errors)
        return -EBADMSG;
    if (n_found == 0)
        return -ENOENT;
    *ret = TAKE_PTR(policy);
    return 0;
}

size_t policy_n_rules(const Policy *policy) {
    return policy->n_rules;
}

const RuleInfo *policy_rule(const Policy *policy, size_t index) {
    return &policy->rules[index].info;
}

const RuleInfo *policy_default(const Policy *policy) {
    return &policy->default_rule.info;
}

size_t policy_rule_index(const Policy *policy, const RuleInfo *rule) {
    if (rule == &policy->default_rule.info)
        return policy->n_rules;
    return (size_t)((const Rule *)rule - policy->rules);
}

bool policy_lacks_names(const Policy *policy) {
    return policy->lacks_names;
}

const PolicySettings *policy_settings(const Policy *policy) {
    return &policy->settings;
}

char *const *policy_files(const Policy *policy) {
    return policy->files;
}
