/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Runs work that may block forever in a helper thread, and waits for it for a limited time. A read
 * of /proc/PID/cmdline sleeps while that process has its memory map locked, and a stat() while the
 * server of a network file system is away. Both last for as long as somebody else likes, and only
 * SIGKILL ends them.
 *
 * The calling thread has one helper, which is started by a job and ends after two seconds without
 * one. A helper that does not return from a job is abandoned, and the next job gets a new one. Only
 * the main thread of a program calls; a second thread would have a helper of its own.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct AsideJob AsideJob;
/* Embedded in what the job is about. All that the work uses must be owned by it. */
struct AsideJob {
    void (*work)(AsideJob *job);    /* in the helper */
    void (*release)(AsideJob *job); /* when neither side needs it any more, in either */
    atomic_uint refs;               /* begins at 1: the caller's */
};

/* The limit of abandoned helpers. Less important work is refused earlier. */
#define ASIDE_LEFT_MAX      24
#define ASIDE_LEFT_LESS_MAX 16

/*
 * Gives the job to this thread's helper and comes back at once; aside_end() must follow, before
 * anything else is given. Returns 0; -EBUSY when too many were left behind already, or another
 * negative errno when there is no helper: then the job never begins. The reference stays the
 * caller's.
 */
int aside_begin(AsideJob *job);
/*
 * Waits for it. Returns 0 when it was done; -ETIMEDOUT when not within patience_msec of its
 * beginning: it may still be at work, and will be, until it comes back.
 */
int aside_end(unsigned patience_msec);
/* Both. */
int aside_run(AsideJob *job, unsigned patience_msec);

void aside_job_ref(AsideJob *job);
void aside_job_unref(AsideJob *job);

/* The number of helpers that are abandoned and still at work. */
unsigned aside_left(void);

/* Whose work was waited for in vain lately, so that one who makes us wait does not do it often. */
#define ASIDE_BLAMED_MAX 8
#define ASIDE_BLAME_MSEC 30000

typedef struct AsideBlame {
    struct {
        uint32_t uid;
        uint64_t until; /* CLOCK_MONOTONIC, ms; 0: free */
    } blamed[ASIDE_BLAMED_MAX];
} AsideBlame;

/* Whether to try again for that user. While all places are taken, for root alone: a user may have
 * thousands of uids (subuid(5)). */
bool aside_may_try(const AsideBlame *blame, uint32_t uid);
void aside_blame(AsideBlame *blame, uint32_t uid);
