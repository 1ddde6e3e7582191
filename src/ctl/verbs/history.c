/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `history`: past alerts, read back from the journal by their MESSAGE_IDs. */
#include <errno.h>
#include <glob.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-id128.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#include "ctl/help.h"
#include "ctl/machine.h"
#include "ctl/print/output.h"
#include "ctl/print/tell.h"
#include "ctl/verbs.h"
#include "ctl/verbs/past.h"
#include "ctl/verbs/when.h"
#include "policy/files/file_trust.h"
#include "report/ids.h"
#include "report/lines.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/escape.h"
#include "util/memory.h"
#include "util/text_stream.h"

typedef struct History {
    const Options *options;
    sd_journal *journal;
    Filter *filter;
    Machine machine;
    Snapshot *empty; /* of whose interfaces nothing is known */
    usec_t since, until;
    size_t n_told;
    FILE *out;
} History;

/* The alerts themselves; what the daemon says of itself is in `journalctl -t sockauditd`. */
static const ReportEvent events[] = {
    REPORT_FLAGGED, REPORT_STILL_FLAGGED, REPORT_RESOLVED, REPORT_TRANSIENT, REPORT_SUPPRESSED,
};

static int match_uid(sd_journal *journal, uid_t uid) {
    char match[32];
    snprintf(match, sizeof(match), "_UID=%u", uid);
    return sd_journal_add_match(journal, match, 0);
}

/* Match only entries of the daemon: every user can write an entry that looks like an alert. */
static int match_events(sd_journal *journal) {
    int r = match_uid(journal, 0);
    if (r >= 0)
        r = match_uid(journal, trust_service_uid());
    if (r < 0)
        return r;
    for (size_t i = 0; i < ELEMENTS(events); i++) {
        char match[64];
        snprintf(match, sizeof(match), "MESSAGE_ID=%s", report_event_id(events[i]));
        r = sd_journal_add_match(journal, match, 0);
        if (r < 0)
            return r;
    }
    return 0;
}

static ExitStatus read_when(const char *text, const char *option, usec_t *ret) {
    if (!text || when_parse(text, realtime_now(), ret) == 0)
        return STATUS_DONE;
    _cleanup_free_ char *escaped = text_escape_string(text);
    tell_error("%s: Invalid time '%s', expected for example yesterday, 18:00, -1h or "
               "'2026-11-20 18:00'",
               option, escaped ?: "");
    return STATUS_USAGE;
}

static ExitStatus open_journal(History *history) {
    _cleanup_free_ char *directory = NULL;
    int r;

    if (history->options->root) {
        if (asprintf(&directory, "%s/var/log/journal", history->options->root) < 0)
            return tell_errno(-ENOMEM, "Failed to read the journal");
        r = sd_journal_open_directory(&history->journal, directory, 0);
    } else {
        r = sd_journal_open(&history->journal, SD_JOURNAL_LOCAL_ONLY);
    }
    if (r >= 0)
        r = match_events(history->journal);
    if (r >= 0)
        r = history->since > 0 ? sd_journal_seek_realtime_usec(history->journal, history->since)
                               : sd_journal_seek_head(history->journal);
    return r < 0 ? tell_errno(r, "Failed to read the journal") : STATUS_DONE;
}

static int print_entry(const History *history, const Past *past) {
    size_t length = 0;
    const char *message = record_find(&past->record, "MESSAGE", &length);
    char date[LOCAL_TIME_SIZE];

    if (options_have(history->options, OPTION_JSON))
        return record_write_json(&past->record, history->out);
    _cleanup_free_ char *text = text_escape(message ?: "", length);
    format_local_time(past->record.time, date);
    fprintf(history->out, "%s  %-9s %s\n", date, past_word(past), text ?: "");
    return 0;
}

/* 1: that was the last one of the span. */
static int tell_entry(History *history) {
    Past past;
    int r = past_read(history->journal, &past);

    if (r == 0 && past.record.time > history->until)
        r = 1;
    if (r == 0 && past.record.time >= history->since && past_is_ours(&past)) {
        JudgeContext context =
            machine_judge_context(&history->machine, history->empty, past.record.time);
        if (filter_matches(history->filter, &context, &past.listener)) {
            r = print_entry(history, &past);
            history->n_told++;
        }
    }
    past_done(&past);
    /* An entry that is damaged is no reason to hide the others. */
    return r == -EBADMSG || r == -ENOENT ? 0 : r;
}

static int tell_all(History *history) {
    int r;
    while ((r = sd_journal_next(history->journal)) > 0) {
        r = tell_entry(history);
        if (r != 0)
            return r < 0 ? r : 0;
    }
    return r;
}

static int is_unreadable(const char *path, int error) {
    (void)path;
    return error == EACCES;
}

/* Returns whether a directory or file of the pattern is not readable. */
static bool is_denied(const char *pattern) {
    glob_t found = {};
    bool denied = glob(pattern, 0, is_unreadable, &found) == GLOB_ABORTED;

    for (size_t i = 0; !denied && i < found.gl_pathc; i++)
        denied = euidaccess(found.gl_pathv[i], R_OK) < 0 && errno == EACCES;
    globfree(&found);
    return denied;
}

/* libsystemd skips unreadable files, so that the journal seems to be empty. */
static bool is_journal_denied(const Options *options) {
    static const char *const directories[] = {"/var/log/journal", "/run/log/journal"};
    char id[SD_ID128_STRING_MAX] = "*", pattern[PATH_MAX];
    sd_id128_t machine;

    if (!options->root && sd_id128_get_machine(&machine) >= 0)
        sd_id128_to_string(machine, id);
    for (size_t i = 0; i < ELEMENTS(directories); i++) {
        int n = snprintf(pattern, sizeof(pattern), "%s%s/%s/system*.journal", options->root ?: "",
                         directories[i], id);
        if (n < (int)sizeof(pattern) && is_denied(pattern))
            return true;
    }
    return false;
}

/* Printed after the readable entries. */
static ExitStatus tell_denied(void) {
    tell_error("You cannot read the system journal. Run with sudo, or join the group "
               "'systemd-journal'.");
    return STATUS_NOT_PERMITTED;
}

static ExitStatus history_print(History *history) {
    _cleanup_free_ char *text = NULL;
    size_t size;

    history->out = text_stream_open(&text, &size);
    if (!history->out)
        return tell_errno(-ENOMEM, "Failed to read the journal");
    int r = tell_all(history);
    if (fclose(history->out) != 0 && r >= 0)
        r = -ENOMEM;
    if (r < 0)
        return tell_errno(r, "Failed to read the journal");
    bool denied = is_journal_denied(history->options);
    if (history->n_told == 0 && !denied && !options_have(history->options, OPTION_JSON))
        fputs("No alerts in the journal.\n", stderr);
    ExitStatus status = verb_print(history->options, text);
    return status == STATUS_DONE && denied ? tell_denied() : status;
}

/* By what the journal does not hold nothing would ever be found. */
static ExitStatus check_filter(const Filter *filter) {
    static const char *const known[] = {"port", "bind", "scope",     "user", "group",
                                        "exe",  "unit", "user-unit", "tool", NULL};
    const char *other = filter_other_key(filter, known);

    if (!other)
        return STATUS_DONE;
    tell_error(
        "'%s' is not recorded in the journal; supported filters: protocol, port, bind, scope, "
        "user, group, exe, unit, user-unit, tool",
        other);
    return STATUS_USAGE;
}

static ExitStatus history_run(History *history) {
    ExitStatus status = read_when(history->options->since, "--since", &history->since);
    if (status == STATUS_DONE)
        status = read_when(history->options->until, "--until", &history->until);
    if (status == STATUS_DONE)
        status = filter_read(history->options, &history->filter);
    if (status == STATUS_DONE)
        status = check_filter(history->filter);
    if (status == STATUS_DONE)
        status = open_journal(history);
    if (status != STATUS_DONE)
        return status;
    int r = machine_open(&history->machine, NULL);
    if (r < 0)
        return tell_errno(r, "Failed to read the journal");
    history->empty = snapshot_new();
    if (!history->empty)
        return tell_errno(-ENOMEM, "Failed to read the journal");
    return history_print(history);
}

ExitStatus verb_history(const Options *options) {
    History history = {.options = options, .until = USEC_INFINITY};
    ExitStatus status = history_run(&history);
    snapshot_free(history.empty);
    machine_close(&history.machine);
    filter_free(history.filter);
    sd_journal_close(history.journal);
    return status;
}
