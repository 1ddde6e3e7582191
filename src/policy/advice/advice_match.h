/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which sections hold for a listener. Internal. */
#pragma once

#include "model/program.h"
#include "policy/advice/advice_table.h"

/* How much of the processes is read: they may be many, and hostile. */
#define ADVICE_PROCESSES_MAX 4
#define ADVICE_WORDS_MAX     128  /* words of a command line */
#define ADVICE_NAMES_MAX     3    /* script, name by which it was called, comm */
#define ADVICE_NAME_SIZE     64   /* a longer one is no tool's that we know */
#define ADVICE_COMMAND_SIZE  2048 /* of the joined command line */

/* A process as the sections' keys see it. */
typedef struct AdviceProcess {
    const Holder *holder;
    Program program;
    const char *exe; /* basename, or NULL */
    char names[ADVICE_NAMES_MAX][ADVICE_NAME_SIZE];
    size_t n_names;
    char command[ADVICE_COMMAND_SIZE];      /* words joined by blanks */
    char command_port[ADVICE_COMMAND_SIZE]; /* the same with PORT_MARK for the listener's port */
} AdviceProcess;

/* A listener that sections are tried on. */
typedef struct AdviceCase {
    const Listener *listener;
    size_t n_processes;
    AdviceProcess processes[ADVICE_PROCESSES_MAX];
} AdviceCase;

void advice_case_init(AdviceCase *ret, const Listener *listener);

/*
 * Whether all keys of the section hold. *ret_process is the process for which they do (the first,
 * where no key is about a process), or NULL: none is known.
 */
bool advice_section_matches(const AdviceSection *section, const AdviceCase *tried,
                            const AdviceProcess **ret_process);

/*
 * Whether a section that holds knows the program: by its file, its script, its package or its
 * arguments. An interpreter's file together with a port is a guess.
 */
bool advice_section_recognises(const AdviceSection *section, const AdviceProcess *process);

/*
 * The advice of the section with its placeholders filled in, freed by the caller. Returns 1, 0 when
 * one of them is not known or may not stand in a command, -ENOMEM.
 */
int advice_fill(const AdviceSection *section, const AdviceCase *tried, const AdviceProcess *process,
                char **ret);
