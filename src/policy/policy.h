/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The rules, loaded: immutable once built, judged by one matcher. The language is described in
 * sockaudit.rules(5).
 */
#pragma once

#include "model/snapshot.h"
#include "policy/advice/advice.h"
#include "util/diagnostics.h"

typedef struct Policy Policy;

/* Where rules come from. */
typedef struct PolicySource {
    const char *root;  /* the configuration paths are taken below it; NULL: `/` */
    const char *rules; /* judge by this file alone; NULL: the directories and the main file */
    uid_t trusted_uid; /* who, besides root, may own the files: with `rules` the caller, else 0 */
} PolicySource;

/*
 * Reads, parses and checks all files. On any error nothing is built: returns -EBADMSG with the
 * diagnostics, or another negative errno (-ENOMEM) without. Warnings may be added with success.
 * When no file exists at all, returns -ENOENT: policy_new_builtin() is then the one to use.
 */
int policy_load(const PolicySource *source, Diagnostics *diagnostics, Policy **ret);

/* Parses one file from memory, for tests, fuzzers and `allow`. `name` is shown in diagnostics. */
int policy_parse(const char *name, const char *text, size_t length, Diagnostics *diagnostics,
                 Policy **ret);

/* Allow loopback, flag the rest: what is in force when no rules can be read. NULL: out of memory.
 */
Policy *policy_new_builtin(void);

/* Takes NULL, returns NULL. */
Policy *policy_free(Policy *policy);

/*
 * The file identity of each literal `exe` of a policy, looked up once for many verdicts. With the
 * table, a verdict needs no system call. The identities may be outdated: create a new table for
 * each scan, and when exe_table_check() requires it.
 */
typedef struct ExeTable ExeTable;

/* What the matcher has to know of the world, passed in, so that it is a pure function. */
typedef struct JudgeContext {
    const LinkTable *links; /* may be NULL */
    Netns netns;
    usec_t now; /* realtime: `until`, and `age` against Owner.created */
    uint16_t ephemeral_first, ephemeral_last; /* net.ipv4.ip_local_port_range */

    /* Which file an absolute path is now, in the daemon's own root: 0 or a negative errno. */
    int (*file_identity)(void *userdata, const char *path, FileId *ret);
    /* Whether the user is in that group, by primary or supplementary membership: 1, 0, or a
     * negative errno when that can't be told now. */
    int (*user_in_group)(void *userdata, uid_t uid, gid_t gid);
    void *userdata;

    const ExeTable *exes;      /* of the policy that judges, or NULL: file_identity is asked */
    const AdviceTable *advice; /* for the key `tool`; NULL: only Listener.tool is used */
    const char *assumed_user;  /* `explain`: a user that does not exist, compared by name in the
                                * place of the listener's uid; else NULL */
} JudgeContext;

/* Asks context->file_identity (which must not be NULL) for each path. Returns 0 or -ENOMEM. The
 * policy must outlive the table. */
int exe_table_new(const Policy *policy, const JudgeContext *context, ExeTable **ret);
/* Takes NULL, returns NULL. */
ExeTable *exe_table_free(ExeTable *table);

/*
 * Whether the table can still be believed about the file that a process runs. Asks only for those
 * paths that were that file: a number of an inode is given out again when its file is gone, and may
 * then be of a user's file.
 */
typedef enum ExeTableCheck {
    EXE_TABLE_RIGHT,   /* it is as the table says */
    EXE_TABLE_UNNAMED, /* no rule named that file when the table was made; perhaps one does now */
    EXE_TABLE_WRONG,   /* a path is another file now */
} ExeTableCheck;
ExeTableCheck exe_table_check(const ExeTable *table, const JudgeContext *context, const FileId *id);

/* Of how many paths it is not known which file they are, because asking takes too long: no `exe`
 * that names one of them holds. */
size_t exe_table_n_stuck(const ExeTable *table);

/* Whether two tables of one policy say the same. */
bool exe_table_equal(const ExeTable *a, const ExeTable *b);

/*
 * The verdict of the first rule that matches, or of `set default`. Never allocates, never fails.
 * The verdict's rule is the policy's.
 */
void policy_judge(const Policy *policy, const JudgeContext *context, const Listener *listener,
                  Verdict *ret);

/* One rule, looked at for one listener. Strings live until the callback returns. */
typedef struct TraceStep {
    const RuleInfo *rule;
    bool decides;
    const char *failed; /* the first match that did not hold, as written (`user bob`), or NULL */
    const char *why;    /* what the listener has instead, as a sentence part: `it is alice's` */
} TraceStep;

/*
 * Walks all rules in order up to the one that decides (the default comes last), and tells each to
 * `step`, which ends the walk by returning non-zero. Returns what `step` last returned, or -ENOMEM.
 */
int policy_explain(const Policy *policy, const JudgeContext *context, const Listener *listener,
                   int (*step)(void *userdata, const TraceStep *step), void *userdata);

/* The rules in order, without the default; `policy_default` is that one. */
size_t policy_n_rules(const Policy *policy);
const RuleInfo *policy_rule(const Policy *policy, size_t index);
const RuleInfo *policy_default(const Policy *policy);

/* The place of a verdict's rule in that order: what a hit counter is kept by. The default's is
 * policy_n_rules(); so an array needs one more. `rule` must be one of the policy's. */
size_t policy_rule_index(const Policy *policy, const RuleInfo *rule);

/* Returns the first `until` of the rules after `now` (realtime), or USEC_INFINITY. */
usec_t policy_next_until(const Policy *policy, usec_t now);

/* Returns the smallest `age` in the rules above `age`, or USEC_INFINITY. */
usec_t policy_next_age(const Policy *policy, usec_t age);

/* The `set` values. */
typedef struct PolicySettings {
    usec_t poll;      /* `set poll` */
    usec_t udp_grace; /* `set udp-grace` */
    usec_t settle;    /* `set settle`: how long a listener is open before an alert */
    usec_t remind;    /* `set remind`; USEC_INFINITY: never */
    uint64_t burst;   /* `set burst`: alerts a minute a user */
} PolicySettings;
const PolicySettings *policy_settings(const Policy *policy);

/* Whether some user, group or service that its rules name could not be looked up when it was read,
 * as the name services took too long: what that name holds for is not known. Read it again some
 * time. */
bool policy_lacks_names(const Policy *policy);

/* The files that were read, in order, NULL-terminated. */
char *const *policy_files(const Policy *policy);

/*
 * The matches of a rule alone (`tcp port 3000-3999 user alice`): the FILTER of the client's verbs
 * and of D-Bus. An empty one matches everything.
 */
typedef struct Filter Filter;

/* The first of the filter's keys, but of a protocol's, that is none of `known`, NULL-terminated; or
 * NULL. */
const char *filter_other_key(const Filter *filter, const char *const *known);

/* The words joined by blanks are the text. Errors are diagnostics without a file. Returns as
 * policy_load(). */
int filter_parse(char *const *words, size_t n_words, Diagnostics *diagnostics, Filter **ret);
/* The context's `exes`, which is of a policy, is passed over. */
bool filter_matches(const Filter *filter, const JudgeContext *context, const Listener *listener);
Filter *filter_free(Filter *filter);

DEFINE_CLEANUP(Policy, policy_cleanup, policy_free)
DEFINE_CLEANUP(ExeTable, exe_table_cleanup, exe_table_free)
DEFINE_CLEANUP(Filter, filter_cleanup, filter_free)
#define _cleanup_policy_    _cleanup_(policy_cleanup)
#define _cleanup_filter_    _cleanup_(filter_cleanup)
#define _cleanup_exe_table_ _cleanup_(exe_table_cleanup)
