/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Work that may never come back, done aside: by a thread of its own, that is waited for only so
 * long. A read of /proc/PID/cmdline sleeps while that process has its memory map locked, and a
 * stat() while the server of a network file system is away; both for as long as somebody else
 * likes, and no signal but SIGKILL ends it.
 *
 * Each thread that calls has one helper, with its scheduling class and the CPUs of the process,
 * that sleeps between jobs. One that does not come back is left behind, and the next job gets a new
 * one.
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

/* So many helpers may be left behind by all threads together; what matters less stops before. */
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

/* How many are left behind now, of all threads. */
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
