/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "util/aside.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "util/clock.h"

#define HELPER_STACK_SIZE (256 * 1024)

/* A helper without work ends after this time: most of the time a program has one thread. */
#define IDLE_MSEC 2000

/* A job that could not even begin is the machine's load, and not its own fault. */
#define BEGIN_MSEC 5000

typedef struct Helper {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    AsideJob *job;  /* to be done, or at work; a reference */
    uint64_t begun; /* ms; 0: not yet */
    bool ended;     /* without work for IDLE_MSEC; the caller frees it */
    bool left;      /* by the caller: it ends, and releases itself, when it comes back */
    bool counted;   /* among those that were left behind at work */
} Helper;

static atomic_uint n_left;
static _Thread_local Helper *own;
static pthread_key_t own_key; /* of the same: tells it when its caller ends */
static pthread_once_t own_key_once = PTHREAD_ONCE_INIT;
static int own_key_error;

static uint64_t now_msec(void) {
    return monotonic_now() / USEC_PER_MSEC + 1;
}

unsigned aside_left(void) {
    return atomic_load(&n_left);
}

void aside_job_ref(AsideJob *job) {
    atomic_fetch_add(&job->refs, 1);
}

void aside_job_unref(AsideJob *job) {
    if (atomic_fetch_sub(&job->refs, 1) == 1)
        job->release(job);
}

static void helper_free(Helper *helper) {
    pthread_cond_destroy(&helper->changed);
    pthread_mutex_destroy(&helper->lock);
    free(helper);
}

/* Waits for a job with the lock held. Returns NULL when there will be none. */
static AsideJob *helper_next(Helper *helper) {
    uint64_t end = now_msec() + IDLE_MSEC;
    const struct timespec until = {.tv_sec = (time_t)(end / 1000),
                                   .tv_nsec = (long)(end % 1000) * 1000000};

    while (!helper->job && !helper->left && !helper->ended)
        helper->ended =
            pthread_cond_timedwait(&helper->changed, &helper->lock, &until) == ETIMEDOUT &&
            !helper->job && !helper->left;
    if (helper->job)
        helper->begun = now_msec();
    return helper->job;
}

static void *helper_run(void *data) {
    Helper *helper = data;
    AsideJob *job;

    pthread_mutex_lock(&helper->lock);
    while ((job = helper_next(helper))) {
        pthread_mutex_unlock(&helper->lock);
        job->work(job);
        aside_job_unref(job);
        pthread_mutex_lock(&helper->lock);
        helper->job = NULL;
        pthread_cond_signal(&helper->changed);
    }
    bool ended = helper->ended;
    if (helper->counted)
        atomic_fetch_sub(&n_left, 1);
    pthread_mutex_unlock(&helper->lock);
    if (!ended)
        helper_free(helper);
    return NULL;
}

static void helper_leave(Helper *helper) {
    pthread_mutex_lock(&helper->lock);
    helper->left = true;
    if (helper->job && !helper->counted) {
        helper->counted = true;
        atomic_fetch_add(&n_left, 1);
    }
    pthread_cond_signal(&helper->changed);
    pthread_mutex_unlock(&helper->lock);
}

/* Frees it if it ended by itself. Returns whether it did. */
static bool helper_reap(Helper *helper) {
    pthread_mutex_lock(&helper->lock);
    bool ended = helper->ended;
    pthread_mutex_unlock(&helper->lock);
    if (ended)
        helper_free(helper);
    return ended;
}

static void on_caller_end(void *helper) {
    if (!helper_reap(helper))
        helper_leave(helper);
}

static void make_key(void) {
    own_key_error = pthread_key_create(&own_key, on_caller_end);
}

/* Signals are not the helper's. */
static int thread_start(Helper *helper) {
    pthread_attr_t attributes;
    pthread_t thread;
    sigset_t all, before;

    int r = pthread_attr_init(&attributes);
    if (r != 0)
        return -r;
    r = pthread_attr_setstacksize(&attributes, HELPER_STACK_SIZE);
    if (r == 0)
        r = pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    if (r == 0) {
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        r = pthread_create(&thread, &attributes, helper_run, helper);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
    }
    pthread_attr_destroy(&attributes);
    return -r;
}

static Helper *helper_alloc(void) {
    pthread_condattr_t attributes;
    Helper *helper = calloc(1, sizeof(*helper));

    if (!helper || pthread_condattr_init(&attributes) != 0) {
        free(helper);
        return NULL;
    }
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&helper->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_mutex_init(&helper->lock, NULL);
    return helper;
}

static int helper_new(void) {
    pthread_once(&own_key_once, make_key);
    if (own_key_error != 0)
        return -own_key_error;
    Helper *helper = helper_alloc();
    if (!helper)
        return -ENOMEM;
    int r = thread_start(helper);
    if (r < 0) {
        helper_free(helper);
        return r;
    }
    own = helper;
    pthread_setspecific(own_key, helper);
    return 0;
}

/* How long it may still be waited for, in ms; with the lock held. */
static uint64_t time_left(const Helper *helper, uint64_t given, unsigned patience_msec) {
    uint64_t until = helper->begun ? helper->begun + patience_msec : given + BEGIN_MSEC;
    uint64_t now = now_msec();
    return until > now ? until - now : 0;
}

/* Waits for the job with the lock held. Returns whether it was done. */
static bool helper_wait(Helper *helper, unsigned patience_msec) {
    uint64_t given = now_msec(), left;

    while (helper->job && (left = time_left(helper, given, patience_msec)) > 0) {
        uint64_t wake = now_msec() + (left < patience_msec ? left : patience_msec);
        const struct timespec until = {.tv_sec = (time_t)(wake / 1000),
                                       .tv_nsec = (long)(wake % 1000) * 1000000};
        pthread_cond_timedwait(&helper->changed, &helper->lock, &until);
    }
    return !helper->job;
}

int aside_begin(AsideJob *job) {
    if (atomic_load(&n_left) >= ASIDE_LEFT_MAX)
        return -EBUSY;
    if (own && helper_reap(own))
        own = NULL;
    int r = own ? 0 : helper_new();
    if (r < 0)
        return r;

    aside_job_ref(job);
    pthread_mutex_lock(&own->lock);
    own->job = job;
    own->begun = 0;
    pthread_cond_signal(&own->changed);
    pthread_mutex_unlock(&own->lock);
    return 0;
}

int aside_end(unsigned patience_msec) {
    pthread_mutex_lock(&own->lock);
    bool done = helper_wait(own, patience_msec);
    pthread_mutex_unlock(&own->lock);
    if (done)
        return 0;
    Helper *helper = own;
    own = NULL;
    pthread_setspecific(own_key, NULL);
    helper_leave(helper);
    return -ETIMEDOUT;
}

int aside_run(AsideJob *job, unsigned patience_msec) {
    int r = aside_begin(job);
    return r < 0 ? r : aside_end(patience_msec);
}

bool aside_may_try(const AsideBlame *blame, uint32_t uid) {
    uint64_t now = now_msec();
    unsigned n_blamed = 0;

    for (unsigned i = 0; i < ASIDE_BLAMED_MAX; i++) {
        if (blame->blamed[i].until <= now)
            continue;
        if (blame->blamed[i].uid == uid)
            return false;
        n_blamed++;
    }
    return n_blamed < ASIDE_BLAMED_MAX || uid == 0;
}

void aside_blame(AsideBlame *blame, uint32_t uid) {
    unsigned first = 0;

    for (unsigned i = 1; i < ASIDE_BLAMED_MAX; i++)
        if (blame->blamed[i].until < blame->blamed[first].until)
            first = i;
    blame->blamed[first].uid = uid;
    blame->blamed[first].until = now_msec() + ASIDE_BLAME_MSEC;
}
