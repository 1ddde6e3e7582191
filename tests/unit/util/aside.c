/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "util/aside.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

/* A job that waits for a byte, or for nothing. */
typedef struct TestJob {
    AsideJob job;
    int fd; /* -1: nothing */
    pthread_t by;
    atomic_int *n_released;
} TestJob;

static void work(AsideJob *job) {
    TestJob *test = (TestJob *)job;
    char c;
    test->by = pthread_self();
    if (test->fd >= 0 && read(test->fd, &c, 1) != 1)
        abort();
}

static void release(AsideJob *job) {
    TestJob *test = (TestJob *)job;
    atomic_fetch_add(test->n_released, 1);
    free(test);
}

static TestJob *job_new(int fd, atomic_int *n_released) {
    TestJob *test = calloc(1, sizeof(*test));
    cr_assert(test);
    *test = (TestJob){.job = {work, release, 1}, .fd = fd, .n_released = n_released};
    return test;
}

static void until_equal(atomic_int *value, int wanted) {
    while (atomic_load(value) != wanted)
        sched_yield();
}

Test(aside, is_done_by_another_thread_the_same_each_time) {
    atomic_int n_released = 0;
    pthread_t first = pthread_self();

    for (int i = 0; i < 3; i++) {
        TestJob *test = job_new(-1, &n_released);
        cr_assert_eq(aside_run(&test->job, 60000), 0);
        cr_assert(!pthread_equal(test->by, pthread_self()));
        cr_assert(i == 0 || pthread_equal(test->by, first));
        first = test->by;
        aside_job_unref(&test->job);
        /* The helper lets go of its reference before it says that it is done. */
        cr_assert_eq(atomic_load(&n_released), i + 1);
    }
    cr_assert_eq(aside_left(), 0u);
}

Test(aside, leaves_behind_what_does_not_come_back, .timeout = 60) {
    atomic_int n_released = 0;
    int pipes[2];

    cr_assert_eq(pipe(pipes), 0);
    for (unsigned i = 0; i < ASIDE_LEFT_MAX; i++) {
        TestJob *test = job_new(pipes[0], &n_released);
        cr_assert_eq(aside_left(), i);
        cr_assert_eq(aside_run(&test->job, 1), -ETIMEDOUT);
        aside_job_unref(&test->job);
    }
    cr_assert_eq(atomic_load(&n_released), 0);
    TestJob *test = job_new(-1, &n_released);
    cr_assert_eq(aside_run(&test->job, 60000), -EBUSY);

    /* One comes back: there is room for one again. */
    cr_assert_eq(write(pipes[1], "!", 1), 1);
    until_equal(&n_released, 1);
    while (aside_left() != ASIDE_LEFT_MAX - 1)
        sched_yield();
    cr_assert_eq(aside_run(&test->job, 60000), 0);
    aside_job_unref(&test->job);
    for (unsigned i = 1; i < ASIDE_LEFT_MAX; i++)
        cr_assert_eq(write(pipes[1], "!", 1), 1);
    until_equal(&n_released, ASIDE_LEFT_MAX + 1);
    while (aside_left() != 0)
        sched_yield();
}

static void *run_one(void *data) {
    TestJob *test = job_new(-1, data);
    cr_assert_eq(aside_run(&test->job, 60000), 0);
    aside_job_unref(&test->job);
    return NULL;
}

Test(aside, serves_many_threads_and_ends_with_them) {
    atomic_int n_released = 0;
    pthread_t threads[8];

    for (int i = 0; i < 8; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, run_one, &n_released), 0);
    for (int i = 0; i < 8; i++)
        cr_assert_eq(pthread_join(threads[i], NULL), 0);
    cr_assert_eq(atomic_load(&n_released), 8);
    cr_assert_eq(aside_left(), 0u);
}

Test(aside, blames_a_user_and_in_a_flood_all_but_root) {
    AsideBlame blame = {};

    cr_assert(aside_may_try(&blame, 1000));
    aside_blame(&blame, 1000);
    cr_assert_not(aside_may_try(&blame, 1000));
    cr_assert(aside_may_try(&blame, 1001) && aside_may_try(&blame, 0));
    for (uint32_t uid = 1001; uid < 1000 + ASIDE_BLAMED_MAX; uid++)
        aside_blame(&blame, uid);
    cr_assert_not(aside_may_try(&blame, 5000));
    cr_assert(aside_may_try(&blame, 0));
    blame.blamed[3].until = 1; /* long ago */
    cr_assert(aside_may_try(&blame, 5000));
}
