/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <syslog.h>

#include "daemon/daemon.h"
#include "util/cleanup.h"

#define SAVE_DELAY (5 * USEC_PER_SEC)
/* While it fails. */
#define RETRY_DELAY (10 * USEC_PER_SEC)

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
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    if (daemon->state_fd >= 0)
        close(daemon->state_fd);
    daemon->state_fd = -1;
    /* Two would write over each other. Where nothing can be locked, nobody is kept out. */
    if (flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK) {
        close(fd);
        return -EBUSY;
    }
    daemon->state_fd = fd;
    return 0;
}

static const char *state_error(int error) {
    return error == -EBUSY ? "another sockauditd uses it" : strerror(-error);
}

/* Told when it begins and when it ends, however often it is tried between. */
static void tell_saving(Daemon *daemon, int error) {
    const char *directory = daemon->options.state_dir;

    if (error < 0 && !daemon->save_failing)
        tell_of_daemon(daemon, REPORT_SOURCE_DEGRADED, LOG_WARNING,
                       "Failed to save state to %s: %s. Alerts may be repeated after a restart",
                       directory, state_error(error));
    else if (error >= 0 && daemon->save_failing)
        tell_of_daemon(daemon, REPORT_SOURCE_RESTORED, LOG_INFO, "Saved state to %s", directory);
    daemon->save_failing = error < 0;
}

static int save(Daemon *daemon, const StateHits *hits, size_t n_hits) {
    AuditTime now = daemon_now();
    uint64_t generation = daemon->state_generation + 1;

    int r = ledger_save(daemon->ledger, daemon->state_fd, daemon->boot_id, generation, hits, n_hits,
                        daemon->unsure_since, &now);
    /* Not before: the log goes on behind the state that is there. */
    if (r >= 0)
        daemon->state_generation = generation;
    return r;
}

void state_save_now(Daemon *daemon) {
    _cleanup_free_ StateHits *hits = NULL;
    size_t n_hits = 0;

    if (daemon->state_fd < 0)
        return;
    int r = policy_judge_get_hits(daemon->judge, &hits, &n_hits);
    if (r >= 0)
        r = save(daemon, hits, n_hits);
    /* The directory was removed, and perhaps made again. */
    if (r == -ENOENT && open_directory(daemon) >= 0)
        r = save(daemon, hits, n_hits);
    if (r >= 0)
        daemon->saved_revision = ledger_revision(daemon->ledger);
    tell_saving(daemon, r);
    if (r >= 0)
        rules_keep(daemon);
}

/* None or all of them. */
static void load_hits(Daemon *daemon, const State *state) {
    int r;

    do
        r = policy_judge_add_hits(daemon->judge, state->hits, state->n_hits);
    while (r == -ENOMEM && daemon_spend(daemon));
    if (r < 0)
        tell_of_daemon(daemon, REPORT_SOURCE_DEGRADED, LOG_WARNING,
                       "Failed to restore rule hit counters, starting from zero: %s", strerror(-r));
}

void state_open(Daemon *daemon) {
    _cleanup_state_ State state = {};
    char why[STATE_WHY_SIZE] = "";
    AuditTime now = daemon_now();

    read_boot_id(daemon);
    daemon->state_generation = now.realtime;
    int r = open_directory(daemon);
    if (r == 0)
        do
            r = state_load(daemon->state_fd, &state, why);
        while (r == -ENOMEM && daemon_spend(daemon));
    if (r == -EBADMSG)
        tell_of_daemon(daemon, REPORT_SOURCE_DEGRADED, LOG_WARNING,
                       "Saved state is corrupt (%s), moved to %s/state.corrupt; alerts will be "
                       "repeated",
                       why, daemon->options.state_dir);
    else if (r < 0 && r != -ENOENT)
        tell_of_daemon(daemon, REPORT_SOURCE_DEGRADED, LOG_WARNING,
                       "Failed to open %s: %s. Alerts will be repeated after a restart",
                       daemon->options.state_dir, state_error(r));
    if (r == 0) {
        Recall *recall = recall_new(daemon);
        ledger_load(daemon->ledger, &state, daemon->boot_id, recall_was_told, recall, &now);
        recall_free(recall);
        load_hits(daemon, &state);
        if (state.header.generation >= daemon->state_generation)
            daemon->state_generation = state.header.generation + 1;
    }
    /* What is told from now on is logged behind this file: without it the log would be void. */
    state_save_now(daemon);
}

static int on_save(sd_event_source *source, uint64_t time, void *userdata) {
    Daemon *daemon = userdata;

    (void)time;
    if (ledger_revision(daemon->ledger) != daemon->saved_revision)
        state_save_now(daemon);
    if (daemon->save_failing) {
        sd_event_source_set_time(source, monotonic_now() + RETRY_DELAY);
        sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
    }
    return 0;
}

/* Unless it is to be saved earlier already. */
static void save_in(Daemon *daemon, usec_t delay) {
    uint64_t when = monotonic_now() + delay, before = UINT64_MAX;
    int enabled = SD_EVENT_OFF;

    if (!daemon->save_timer) {
        sd_event_add_time(daemon->loop, &daemon->save_timer, CLOCK_MONOTONIC, when,
                          delay ? USEC_PER_SEC : 1, on_save, daemon);
        return;
    }
    sd_event_source_get_enabled(daemon->save_timer, &enabled);
    sd_event_source_get_time(daemon->save_timer, &before);
    if (enabled != SD_EVENT_OFF && before <= when)
        return;
    sd_event_source_set_time(daemon->save_timer, when);
    sd_event_source_set_enabled(daemon->save_timer, SD_EVENT_ONESHOT);
}

void state_note(Daemon *daemon, const LedgerChange *change, StateStatus status) {
    StateFlag flag = ledger_flag_record(change, status);

    if (daemon->state_fd < 0)
        return;
    int r = state_log(daemon->state_fd, &daemon->state_log_fd, daemon->state_generation, &flag,
                      change->event == LEDGER_RESOLVED);
    if (r == 0)
        return;
    /* Too long, or broken: a whole one takes its place, as soon as the ledger is done. */
    daemon->saved_revision = UINT64_MAX;
    if (r < 0)
        tell_saving(daemon, r);
    save_in(daemon, daemon->save_failing ? SAVE_DELAY : 0);
}

void state_unsure(Daemon *daemon, usec_t boottime) {
    if ((BootTime)boottime < daemon->unsure_since)
        daemon->unsure_since = (BootTime)boottime;
}

void state_sure(Daemon *daemon) {
    if (daemon->unsure_since == UNSURE_NONE)
        return;
    daemon->unsure_since = UNSURE_NONE;
    daemon->saved_revision = UINT64_MAX;
    if (daemon->state_fd >= 0)
        save_in(daemon, SAVE_DELAY);
}

void state_save_soon(Daemon *daemon) {
    if (ledger_revision(daemon->ledger) == daemon->saved_revision || daemon->state_fd < 0)
        return;
    save_in(daemon, daemon->save_failing ? RETRY_DELAY : SAVE_DELAY);
}
