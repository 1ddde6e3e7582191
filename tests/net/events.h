/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The program of the events, loaded for a test's own namespace, and what it tells. */
#pragma once

#include "collect/events/kernel_event.h"
#include "collect/events/ring.h"
#include "world.h"

/* Enters a world (world.h) with the program in it, as the test's init. */
void events_enter(void);
void events_leave(void);
const KernelHandles *events_program(void);

typedef struct Events {
    KernelEvent *events;
    size_t n;
} Events;

/* Reads what there is, beside what was read before. A record that is malformed fails the test. */
const Events *events_read(void);
/* Forgets what was read. */
void events_forget(void);
/* The one record of that kind with that port; fails if there is none, or more. Valid until the next
 * read. */
const KernelEvent *events_one(enum RecordKind kind, uint16_t port);
/* The same, which may come late: as close() does where others look at the file. */
const KernelEvent *events_wait(enum RecordKind kind, uint16_t port);
/* Records dropped since it was last asked. */
uint64_t events_dropped(void);

/* A child that does something, says so, and waits for its end. It ends with the test. */
typedef struct EventsChild {
    pid_t pid; /* 0: this is the child */
    int ready, go_on;
} EventsChild;

EventsChild events_fork(void);
/* In the child: says that it is ready, and waits for events_child_go_on(). */
void events_child_ready(void);
/* Waits until it is ready; fails if it ends before. */
void events_child_await(EventsChild *child);
void events_child_go_on(EventsChild *child);
void events_child_end(EventsChild *child);
/* The write end on which a child says that it is ready: for a program that it runs. */
int events_child_fd(void);
