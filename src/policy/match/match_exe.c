/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `exe`: which file every holder runs. Names prove nothing, so what counts is the file that the
 * kernel runs, verified to be the one of that path (sockaudit.rules(5), Identity).
 */
#include <errno.h>
#include <string.h>

#include "policy/match/exe_table.h"
#include "policy/match/match.h"

/* Which file the path is now, from the table where there is one. */
static int path_identity(const Case *judged, const Pattern *pattern, FileId *ret) {
    const JudgeContext *context = judged->context;
    if (context->exes)
        return exe_table_find(context->exes, pattern->exe, ret);
    if (!context->file_identity)
        return -EOPNOTSUPP;
    return context->file_identity(context->userdata, pattern->text, ret);
}

static Answer literal_matches(const Case *judged, const Pattern *pattern, const Holder *holder) {
    bool same_path = holder->exe && strcmp(holder->exe, pattern->text) == 0;
    FileId id;

    if (holder->exe_state == EXE_UNKNOWN)
        return ANSWER_UNKNOWN;
    if (same_path && holder->exe_state == EXE_ASSUMED)
        return ANSWER_YES;
    /* Verified: the path led to this file in our root when the process was read. A table may be
     * newer, and takes precedence. */
    if (same_path && holder->exe_state == EXE_VERIFIED && !judged->context->exes)
        return ANSWER_YES;
    if (!file_id_is_known(&holder->exe_id) && holder->exe_state == EXE_ASSUMED)
        return ANSWER_NO;
    int r = path_identity(judged, pattern, &id);
    /* The daemon may not look up this path. The kernel verified exactly the path of the process. */
    if (r == -EACCES && same_path && holder->exe_state == EXE_VERIFIED)
        return ANSWER_YES;
    if (!file_id_is_known(&holder->exe_id))
        return ANSWER_UNKNOWN;
    if (r < 0)
        return r == -ENOENT || r == -ENOTDIR ? ANSWER_NO : ANSWER_UNKNOWN;
    if (!file_id_equal(&id, &holder->exe_id))
        return ANSWER_NO;
    /* The right file under a path that leads elsewhere here: neither this file nor another. */
    return holder->exe_state == EXE_UNVERIFIED ? ANSWER_UNKNOWN : ANSWER_YES;
}

static Answer glob_answer(const Pattern *pattern, const Holder *holder) {
    if (!holder->exe || holder->exe_state == EXE_UNKNOWN || holder->exe_state == EXE_UNVERIFIED)
        return ANSWER_UNKNOWN;
    return glob_matches(pattern->text, holder->exe, GLOB_PATH) ? ANSWER_YES : ANSWER_NO;
}

Answer holder_runs(const Case *judged, const Match *match, const Holder *holder) {
    Answer answer = ANSWER_NO;

    for (uint32_t i = 0; i < match->n_items; i++) {
        const Pattern *pattern = &match->items[i].pattern;
        Answer one = pattern->is_glob ? glob_answer(pattern, holder)
                                      : literal_matches(judged, pattern, holder);
        if (one == ANSWER_YES)
            return one;
        if (one == ANSWER_UNKNOWN)
            answer = one;
    }
    return answer;
}

/* YES: every holder runs one of the files; NO: none does; anything else is not known. */
Answer match_judge_exe(const Case *judged, const Match *match) {
    const Owner *owner = judged->listener->owner;

    if (!owner || owner->n_holders == 0 || owner->n_holders_seen > owner->n_holders)
        return ANSWER_UNKNOWN;
    Answer all = holder_runs(judged, match, &owner->holders[0]);
    for (size_t i = 1; i < owner->n_holders && all != ANSWER_UNKNOWN; i++)
        if (holder_runs(judged, match, &owner->holders[i]) != all)
            all = ANSWER_UNKNOWN;
    return all;
}
