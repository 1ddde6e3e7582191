/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "events.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util/memory.h"

static KernelHandles program;
static Ring *ring;
static Events events;
static size_t allocated;
static int child_ready, child_go_on; /* of this process, as a child */

void events_enter(void) {
    world_enter();
    world_program(world_cgroup_root(), &program);
    cr_assert_eq(ring_open(program.fds[KERNEL_RING], program.fds[KERNEL_DROPPED], &ring), 0);
}

void events_leave(void) {
    events_forget();
    free(events.events);
    ring_close(ring);
    kernel_handles_close(&program);
}

const KernelHandles *events_program(void) {
    return &program;
}

static int take(const void *record, size_t size, void *data) {
    (void)data;
    cr_assert_eq(ARRAY_RESERVE(events.events, allocated, events.n + 1), 0);
    int r = kernel_event_parse(record, size, &events.events[events.n]);
    cr_assert_eq(r, 1, "a record of %zu bytes: %d", size, r);
    events.n++;
    return 0;
}

const Events *events_read(void) {
    cr_assert_geq(ring_read(ring, take, NULL), 0);
    return &events;
}

void events_forget(void) {
    for (size_t i = 0; i < events.n; i++)
        caller_done(&events.events[i].caller);
    events.n = 0;
}

static const KernelEvent *find(enum RecordKind kind, uint16_t port, size_t *ret_n) {
    const KernelEvent *found = NULL;

    *ret_n = 0;
    events_read();
    for (size_t i = 0; i < events.n; i++)
        if (events.events[i].kind == kind && events.events[i].listener.endpoint.port == port) {
            found = &events.events[i];
            ++*ret_n;
        }
    return found;
}

const KernelEvent *events_one(enum RecordKind kind, uint16_t port) {
    static const KernelEvent none;
    size_t n;
    const KernelEvent *found = find(kind, port, &n);

    cr_assert_eq(n, 1, "%zu records of kind %d for port %u, of %zu", n, (int)kind, port, events.n);
    return found ?: &none;
}

const KernelEvent *events_wait(enum RecordKind kind, uint16_t port) {
    int64_t start = 0;
    size_t n;

    while (!find(kind, port, &n) && !world_waited(&start, PATIENCE))
        usleep(1000);
    return events_one(kind, port);
}

uint64_t events_dropped(void) {
    return ring_take_dropped(ring);
}

EventsChild events_fork(void) {
    int ready[2], go_on[2];

    cr_assert(pipe(ready) == 0 && pipe(go_on) == 0);
    EventsChild child = {.pid = fork()};
    cr_assert_geq(child.pid, 0);
    if (child.pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        close(ready[0]);
        close(go_on[1]);
        child_ready = ready[1];
        child_go_on = go_on[0];
        return child;
    }
    close(ready[1]);
    close(go_on[0]);
    child.ready = ready[0];
    child.go_on = go_on[1];
    return child;
}

int events_child_fd(void) {
    return child_ready;
}

void events_child_ready(void) {
    char byte = 'x';

    if (write(child_ready, &byte, 1) != 1 || read(child_go_on, &byte, 1) != 1)
        _exit(99);
}

void events_child_await(EventsChild *child) {
    char byte;
    int status = 0;

    if (read(child->ready, &byte, 1) == 1)
        return;
    waitpid(child->pid, &status, 0);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
        world_skip("the child may not do that here");
    cr_assert(false, "the child ended early: %x", status);
}

void events_child_go_on(EventsChild *child) {
    cr_assert_eq(write(child->go_on, "x", 1), 1);
}

void events_child_end(EventsChild *child) {
    kill(child->pid, SIGKILL);
    waitpid(child->pid, NULL, 0);
    close(child->ready);
    close(child->go_on);
}
