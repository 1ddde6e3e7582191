/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Parses a rules file, then uses the policy: verdicts with and without a table of files, the
 * explanation, the linter. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "policy/lint/lint.h"
#include "policy/match/match.h"
#include "util/cleanup.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int file_identity(void *userdata, const char *path, FileId *ret) {
    size_t length = strlen(path);
    (void)userdata;
    if (length % 5 == 0)
        return -2;
    *ret = (FileId){.device = 1, .inode = length};
    return 0;
}

static int user_in_group(void *userdata, uid_t uid, gid_t gid) {
    (void)userdata;
    return uid == gid;
}

static int take_step(void *userdata, const TraceStep *step) {
    *(size_t *)userdata += strlen(step->rule->text) + (step->failed ? strlen(step->failed) : 0) +
                           (step->why ? strlen(step->why) : 0);
    return 0;
}

static int path_is_safe(void *userdata, const char *path, char **ret_place) {
    (void)userdata;
    if (strlen(path) % 3 == 0)
        return -2;
    *ret_place = strlen(path) % 3 == 1 ? strdup("/home") : NULL;
    return *ret_place ? -1 : 0;
}

static void judge(const Policy *policy, JudgeContext *context, const Listener *listener) {
    _cleanup_exe_table_ ExeTable *exes = NULL;
    Verdict asked, tabled;
    size_t length = 0;

    policy_judge(policy, context, listener, &asked);
    if (exe_table_new(policy, context, &exes) < 0)
        return;
    context->exes = exes;
    policy_judge(policy, context, listener, &tabled);
    context->exes = NULL;
    if (tabled.rule != asked.rule)
        abort();
    policy_explain(policy, context, listener, take_step, &length);
    policy_next_until(policy, context->now);
    policy_next_age(policy, 0);
}

static void judge_some(const Policy *policy) {
    Link links[] = {{.index = 1, .name = "eth0", .up = true}};
    LinkAddress addresses[] = {{.index = 1, .address = {AF_INET, {10, 0, 0, 1}}}};
    LinkTable table = {links, 1, addresses, 1};
    Holder holders[] = {{.pid = 1,
                         .exe = (char *)"/usr/bin/node",
                         .exe_state = EXE_VERIFIED,
                         .exe_id = {.device = 1, .inode = 13}},
                        {.pid = 2, .exe_state = EXE_UNKNOWN}};
    Owner owner = {.complete = true,
                   .cgroup = (char *)"/x",
                   .unit = (char *)"ssh.service",
                   .holders = holders,
                   .n_holders = 1,
                   .n_holders_seen = 1,
                   .created = 5};
    JudgeContext context = {.links = &table,
                            .netns = {.inode = 1, .host = true},
                            .now = UINT64_C(1795219200) * USEC_PER_SEC,
                            .ephemeral_first = 32768,
                            .ephemeral_last = 60999,
                            .file_identity = file_identity,
                            .user_in_group = user_in_group};
    Listener listeners[] = {
        {.endpoint = {.port = 22, .address = {AF_INET, {0}}}, .scope = SCOPE_WILDCARD},
        {.endpoint = {.proto = PROTO_UDP, .port = 40000, .address = {AF_INET6, {0xfe, 0x80}}}},
        {.endpoint = {.port = 3000, .address = {AF_INET6, {[10] = 0xff, [11] = 0xff, 10}}},
         .scope = SCOPE_PRIVATE,
         .uid = 1000},
    };
    for (size_t i = 0; i < sizeof(listeners) / sizeof(*listeners); i++) {
        judge(policy, &context, &listeners[i]);
        listeners[i].owner = &owner;
        judge(policy, &context, &listeners[i]);
        owner.n_holders = owner.n_holders_seen = 2;
        owner.complete = false;
        judge(policy, &context, &listeners[i]);
        owner.n_holders = owner.n_holders_seen = 1;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const LintContext lint = {.now = 1, .path_is_safe = path_is_safe};
    _cleanup_diagnostics_ Diagnostics *diagnostics = diagnostics_new();
    _cleanup_policy_ Policy *policy = NULL;
    _cleanup_fclose_ FILE *out = fopen("/dev/null", "we");

    if (!diagnostics || !out)
        return 0;
    int r = policy_parse("x.rules", (const char *)data, size, diagnostics, &policy);
    /* What is refused is told, and what is told is refused. */
    if ((r == 0) != (diagnostics->n_errors == 0) || (r == 0) != (policy != NULL))
        abort();
    if (policy) {
        judge_some(policy);
        policy_lint(policy, &lint, diagnostics);
    }
    diagnostics_print(diagnostics, out);
    return 0;
}
