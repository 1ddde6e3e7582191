/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Matching advice sections against listeners. Internal. */
#pragma once

#include "model/program.h"
#include "policy/advice/advice_table.h"

/* Limits on the processes that are read, which may be many and hostile. */
#define ADVICE_PROCESSES_MAX 4
#define ADVICE_WORDS_MAX     128  /* words of a command line */
#define ADVICE_NAMES_MAX     3    /* script, name by which it was called, comm */
#define ADVICE_NAME_SIZE     64   /* no known tool has a longer name */
#define ADVICE_COMMAND_SIZE  2048 /* of the joined command line */

/* A process in the form that the keys of sections compare. */
typedef struct AdviceProcess {
    const Holder *holder;
    Program program;
    const char *exe; /* basename, or NULL */
    char names[ADVICE_NAMES_MAX][ADVICE_NAME_SIZE];
    size_t n_names;
    char command[ADVICE_COMMAND_SIZE];      /* arguments joined by spaces */
    char command_port[ADVICE_COMMAND_SIZE]; /* the same with PORT_MARK for the listener's port */
} AdviceProcess;

/* A listener in the form that sections are matched against. */
typedef struct AdviceCase {
    const Listener *listener;
    size_t n_processes;
    AdviceProcess processes[ADVICE_PROCESSES_MAX];
} AdviceCase;

void advice_case_init(AdviceCase *ret, const Listener *listener);

/*
 * Returns whether all keys of the section match. *ret_process is the matching process (the first
 * one if no key is about a process), or NULL if no process is known.
 */
bool advice_section_matches(const AdviceSection *section, const AdviceCase *tried,
                            const AdviceProcess **ret_process);

/*
 * Returns whether a matching section recognises the program, by executable, script, package or
 * arguments. An interpreter's executable together with a port is only a guess.
 */
bool advice_section_recognises(const AdviceSection *section, const AdviceProcess *process);

/*
 * Fills in the placeholders of the section's advice. *ret is freed by the caller. Returns 1, 0 if a
 * value is unknown or not safe in a command, or -ENOMEM.
 */
int advice_fill(const AdviceSection *section, const AdviceCase *tried, const AdviceProcess *process,
                char **ret);
