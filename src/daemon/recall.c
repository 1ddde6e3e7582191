/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the journal has of alerts that a killed daemon was about to write. */
#include <errno.h>
#include <stdio.h>
#include <syslog.h>
#include <systemd/sd-journal.h>

#include "daemon/daemon.h"

/* So long may journald take to read what was sent before, and we for all questions together. */
#define RECALL_PATIENCE (2 * USEC_PER_SEC)

struct Recall {
    Daemon *daemon;
    sd_journal *journal; /* NULL: there is none to ask */
    sd_id128_t boot;
    usec_t deadline; /* CLOCK_MONOTONIC; 0: not opened yet */
};

static int match(sd_journal *journal, const char *name, const char *value) {
    char text[160];
    int length = snprintf(text, sizeof(text), "%s=%s", name, value);
    return sd_journal_add_match(journal, text, (size_t)length);
}

/* Matches only entries of the daemon: every user can write an entry that looks like an alert. */
static int match_own(sd_journal *journal) {
    char uid[24];

    snprintf(uid, sizeof(uid), "%u", getuid());
    int r = match(journal, "_UID", "0");
    return r < 0 ? r : match(journal, "_UID", uid);
}

/* Whether the last entry of those that match is of this boot, and not older than `since`. */
static bool is_there(const Recall *recall, usec_t since) {
    sd_id128_t boot;
    uint64_t when;

    return sd_journal_seek_tail(recall->journal) >= 0 && sd_journal_previous(recall->journal) > 0 &&
           sd_journal_get_monotonic_usec(recall->journal, &when, &boot) >= 0 &&
           sd_id128_equal(boot, recall->boot) && when >= since;
}

/*
 * journald takes what is sent to it one after the other: when an entry of this process is in the
 * journal, so is what the last one had sent. There is one: of the policy that was loaded.
 */
static bool wait_for_own_entry(const Recall *recall) {
    char pid[24];

    snprintf(pid, sizeof(pid), "%d", getpid());
    sd_journal_flush_matches(recall->journal);
    if (match(recall->journal, "_PID", pid) < 0 ||
        match(recall->journal, "SYSLOG_IDENTIFIER", "sockauditd") < 0)
        return false;
    while (!is_there(recall, recall->daemon->started_monotonic)) {
        usec_t now = monotonic_now();
        if (now >= recall->deadline || sd_journal_wait(recall->journal, recall->deadline - now) < 0)
            return false;
    }
    return true;
}

static void open_journal(Recall *recall) {
    recall->deadline = monotonic_now() + RECALL_PATIENCE;
    if (!recall->daemon->journal || sd_id128_get_boot(&recall->boot) < 0 ||
        sd_journal_open(&recall->journal, SD_JOURNAL_LOCAL_ONLY) < 0) {
        recall->journal = NULL;
        return;
    }
    /* While journald is away, what is in its files already is all that can be known. */
    if (journal_flush(recall->daemon->journal) == 0 && !wait_for_own_entry(recall))
        tell_of_daemon(recall->daemon, REPORT_SOURCE_DEGRADED, LOG_NOTICE,
                       "Timed out reading previous alerts from the journal; some may be repeated");
}

Recall *recall_new(Daemon *daemon) {
    Recall *recall = calloc(1, sizeof(*recall));
    if (recall)
        recall->daemon = daemon;
    return recall;
}

Recall *recall_free(Recall *recall) {
    if (recall && recall->journal)
        sd_journal_close(recall->journal);
    free(recall);
    return NULL;
}

bool recall_was_told(void *userdata, const StateFlag *flag) {
    Recall *recall = userdata;
    const Listener listener = {.cookie = flag->cookie,
                               .endpoint = flag->identity.endpoint,
                               .origin = flag->identity.origin};
    char id[LISTENER_ID_SIZE];

    if (!recall)
        return false;
    if (recall->deadline == 0)
        open_journal(recall);
    if (!recall->journal || monotonic_now() > recall->deadline)
        return false;
    listener_id(&listener, &recall->daemon->netns, id);
    sd_journal_flush_matches(recall->journal);
    if (match(recall->journal, "SOCKAUDIT_ID", id) < 0 ||
        match(recall->journal, "SYSLOG_IDENTIFIER", "sockauditd") < 0 ||
        match(recall->journal, "MESSAGE_ID", report_event_id(REPORT_FLAGGED)) < 0 ||
        match_own(recall->journal) < 0)
        return false;
    /* The flag's time is CLOCK_BOOTTIME, the journal's CLOCK_MONOTONIC. */
    usec_t slept = daemon_now().boottime - monotonic_now();
    return is_there(recall, flag->told > (BootTime)slept ? (usec_t)flag->told - slept : 0);
}
