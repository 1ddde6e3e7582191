/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "report/journal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "report/alert.h"
#include "report/journal_socket.h"
#include "util/cleanup.h"

struct Journal {
    char *path;
    JournalSocket socket;
    Record kept[JOURNAL_KEPT_MAX]; /* a ring: the oldest stands at `first` */
    size_t first, n_kept;
    uint64_t n_dropped; /* since the last time that it was told */
};

int journal_new(const char *path, Journal **ret) {
    Journal *journal = calloc(1, sizeof(*journal));
    if (!journal)
        return -ENOMEM;
    journal->path = strdup(path);
    int r = journal->path ? journal_socket_open(journal->path, &journal->socket) : -ENOMEM;
    if (r < 0) {
        free(journal->path);
        free(journal);
        return r;
    }
    *ret = journal;
    return 0;
}

Journal *journal_free(Journal *journal) {
    if (!journal)
        return NULL;
    journal_flush(journal);
    for (size_t i = 0; i < journal->n_kept; i++)
        record_done(&journal->kept[(journal->first + i) % JOURNAL_KEPT_MAX]);
    close(journal->socket.fd);
    free(journal->path);
    free(journal);
    return NULL;
}

static int send_now(Journal *journal, const Record *record) {
    return journal_socket_send(&journal->socket, record->fields, record->n_fields);
}

static void keep(Journal *journal, Record *record) {
    alert_forget_process(record);
    if (journal->n_kept == JOURNAL_KEPT_MAX) {
        record_done(&journal->kept[journal->first]);
        journal->first = (journal->first + 1) % JOURNAL_KEPT_MAX;
        journal->n_kept--;
        journal->n_dropped++;
    }
    journal->kept[(journal->first + journal->n_kept++) % JOURNAL_KEPT_MAX] = *record;
    *record = (Record){};
}

/* Returns whether it is told, or there was nothing to tell. */
static bool tell_dropped(Journal *journal) {
    _cleanup_(record_done) Record record = {.priority = LOG_WARNING};

    if (journal->n_dropped == 0)
        return true;
    record_add_number(&record, "PRIORITY", LOG_WARNING);
    record_add(&record, "SYSLOG_IDENTIFIER", "sockauditd");
    record_addf(&record, "MESSAGE",
                "Dropped %" PRIu64 " log entries while journald was unavailable; run "
                "'sockauditctl list --flagged' for the current state",
                journal->n_dropped);
    record_add_number(&record, "SOCKAUDIT_DROPPED", journal->n_dropped);
    if (record_end(&record) < 0 || send_now(journal, &record) < 0)
        return false;
    journal->n_dropped = 0;
    return true;
}

size_t journal_kept(const Journal *journal) {
    return journal->n_kept;
}

size_t journal_flush(Journal *journal) {
    if (journal->n_kept == 0 || !tell_dropped(journal))
        return journal->n_kept;
    while (journal->n_kept > 0 && send_now(journal, &journal->kept[journal->first]) >= 0) {
        record_done(&journal->kept[journal->first]);
        journal->first = (journal->first + 1) % JOURNAL_KEPT_MAX;
        journal->n_kept--;
    }
    return journal->n_kept;
}

int journal_send(Journal *journal, Record *record) {
    if (record_end(record) < 0)
        return -ENOMEM;
    if (journal_flush(journal) == 0 && send_now(journal, record) >= 0)
        return 1;
    keep(journal, record);
    return 0;
}
