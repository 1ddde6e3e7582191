/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <systemd/sd-journal.h>

#include "daemon/daemon.h"
#include "util/cleanup.h"

#define SAVE_DELAY (5 * USEC_PER_SEC)

static void read_boot_id(Daemon *daemon) {
    _cleanup_close_ int fd =
        openat(daemon->machine.proc_fd, "sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, daemon->boot_id, sizeof(daemon->boot_id) - 1) : 0;
    daemon->boot_id[n > 0 ? n : 0] = '\0';
}

static int open_directory(Daemon *daemon) {
    const char *path = daemon->options.state_dir;

    if (mkdir(path, 0700) < 0 && errno != EEXIST)
        return -errno;
    daemon->state_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return daemon->state_fd < 0 ? -errno : 0;
}

void state_save_now(Daemon *daemon) {
    _cleanup_free_ StateHits *hits = NULL;
    size_t n_hits = 0;
    AuditTime now = daemon_now();

    if (daemon->state_fd < 0 || policy_judge_get_hits(daemon->judge, &hits, &n_hits) < 0)
        return;
    int r = ledger_save(daemon->ledger, daemon->state_fd, daemon->boot_id,
                        ++daemon->state_generation, hits, n_hits, &now);
    if (r < 0)
        tell_of_daemon(daemon, REPORT_SOURCE_DEGRADED, LOG_WARNING,
                       "what is known could not be saved in %s: %s", daemon->options.state_dir,
                       strerror(-r));
    daemon->saved_revision = ledger_revision(daemon->ledger);
}

static int match(sd_journal *journal, const char *name, const char *value) {
    char text[160];
    int length = snprintf(text, sizeof(text), "%s=%s", name, value);
    return sd_journal_add_match(journal, text, (size_t)length);
}

/*
 * The daemon was killed as it told that flag: whether the entry was written, the journal knows. An
 * alert that it can't be asked for is told again: twice is better than never.
 */
static bool was_told(void *userdata, const StateFlag *flag) {
    Daemon *daemon = userdata;
    const Listener listener = {.cookie = flag->cookie,
                               .endpoint = flag->identity.endpoint,
                               .origin = flag->identity.origin};
    char id[LISTENER_ID_SIZE];
    sd_journal *journal;
    bool found = false;

    if (!daemon->journal || sd_journal_open(&journal, SD_JOURNAL_LOCAL_ONLY) < 0)
        return false;
    listener_id(&listener, &daemon->netns, id);
    if (match(journal, "SOCKAUDIT_ID", id) >= 0 &&
        match(journal, "SYSLOG_IDENTIFIER", "sockauditd") >= 0 &&
        match(journal, "MESSAGE_ID", report_event_id(REPORT_FLAGGED)) >= 0 &&
        sd_journal_seek_tail(journal) >= 0 && sd_journal_previous(journal) > 0) {
        sd_id128_t boot, entry_boot;
        uint64_t when;
        found = sd_id128_get_boot(&boot) >= 0 &&
                sd_journal_get_monotonic_usec(journal, &when, &entry_boot) >= 0 &&
                sd_id128_equal(boot, entry_boot);
    }
    sd_journal_close(journal);
    return found;
}

void state_open(Daemon *daemon) {
    _cleanup_state_ State state = {};
    char why[STATE_WHY_SIZE] = "";
    AuditTime now = daemon_now();

    read_boot_id(daemon);
    daemon->state_generation = now.realtime;
    int r = open_directory(daemon);
    if (r == 0)
        r = state_load(daemon->state_fd, &state, why);
    if (r == -EBADMSG)
        tell_of_daemon(daemon, REPORT_SOURCE_DEGRADED, LOG_WARNING,
                       "what was known before can't be read (%s), it is kept as %s/state.corrupt; "
                       "alerts that were told already are told again",
                       why, daemon->options.state_dir);
    else if (r < 0 && r != -ENOENT)
        tell_of_daemon(
            daemon, REPORT_SOURCE_DEGRADED, LOG_WARNING,
            "nothing can be kept in %s (%s): after a restart, what was told is told again",
            daemon->options.state_dir, strerror(-r));
    if (r == 0) {
        ledger_load(daemon->ledger, &state, daemon->boot_id, was_told, daemon, &now);
        policy_judge_add_hits(daemon->judge, state.hits, state.n_hits);
        if (state.header.generation >= daemon->state_generation)
            daemon->state_generation = state.header.generation + 1;
    }
    /* What is told from now on is logged behind this file: without it the log would be void. */
    state_save_now(daemon);
}

void state_note(Daemon *daemon, const LedgerChange *change, StateStatus status) {
    AuditTime now = daemon_now();
    StateFlag flag = ledger_flag_record(change, status, &now);

    if (daemon->state_fd < 0 || (change->event == LEDGER_RESOLVED && status != STATE_TOLD))
        return;
    state_log(daemon->state_fd, daemon->state_generation, &flag, change->event == LEDGER_RESOLVED);
}

static int on_save(sd_event_source *source, uint64_t time, void *userdata) {
    Daemon *daemon = userdata;

    (void)source, (void)time;
    if (ledger_revision(daemon->ledger) != daemon->saved_revision)
        state_save_now(daemon);
    return 0;
}

void daemon_settle(Daemon *daemon) {
    AuditTime now = daemon_now();
    usec_t next = ledger_next_deadline(daemon->ledger, &now);

    notify_status_soon(daemon);
    if (next == USEC_INFINITY) {
        sd_event_source_set_enabled(daemon->ledger_timer, SD_EVENT_OFF);
    } else {
        sd_event_source_set_time(daemon->ledger_timer, next);
        sd_event_source_set_enabled(daemon->ledger_timer, SD_EVENT_ONESHOT);
    }
    if (ledger_revision(daemon->ledger) == daemon->saved_revision || daemon->state_fd < 0)
        return;
    int enabled = SD_EVENT_OFF;
    if (daemon->save_timer)
        sd_event_source_get_enabled(daemon->save_timer, &enabled);
    if (enabled != SD_EVENT_OFF)
        return;
    if (!daemon->save_timer) {
        sd_event_add_time(daemon->loop, &daemon->save_timer, CLOCK_MONOTONIC,
                          monotonic_now() + SAVE_DELAY, USEC_PER_SEC, on_save, daemon);
        return;
    }
    sd_event_source_set_time(daemon->save_timer, monotonic_now() + SAVE_DELAY);
    sd_event_source_set_enabled(daemon->save_timer, SD_EVENT_ONESHOT);
}
