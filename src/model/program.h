/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a process runs: the script or module where its file is an interpreter, the title where it
 * wrote one over its command line. Pure. A process chooses all of it: it serves to recognise a
 * program and to name it, never to allow it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "model/owner.h"

/* npm's longest name of a package, with its scope, is 214 bytes. */
#define PROGRAM_PACKAGE_SIZE 216

/* The texts are the holder's, but for `interpreter`, and live as long as it does. */
typedef struct Program {
    const char *interpreter; /* `python`, `node`, `deno`, `bun`, `ruby`, `java`, `php`, `perl`,
                              * `shell` or `busybox`; NULL: the file itself is the program */
    const char *script; /* as typed: a path, or the name of a module, main class or task; NULL: no
                         * interpreter, or not known (`-c CODE`, standard input, retitled) */
    bool is_module;     /* `script` is no path: python -m, a main class, deno task, an applet */
    const char *title;  /* what the process wrote over its command line; NULL: it did not */
    size_t arguments;   /* index in the command line of the first argument behind the script, or
                         * behind the program's own name; that of its end: there is none */
    char
        package[PROGRAM_PACKAGE_SIZE]; /* the last NAME or @SCOPE/NAME below a `node_modules` in the
                                        * script's path (or the file's); empty: there is none */
} Program;

/*
 * Fills *ret from the holder's exe and cmdline. Where the file is unknown, the interpreter is known
 * by the name with which it was called.
 */
void program_init(Program *ret, const Holder *holder);

static inline bool program_is_interpreted(const Program *program) {
    return program->interpreter != NULL;
}

/*
 * What tells two programs of one interpreter apart, beside the working directory: the script or
 * module, or else the title. NULL: neither is known, as for a file that is a program itself. A
 * process may write its title late: the same process is then the same program all the same.
 */
static inline const char *program_subject(const Program *program) {
    return program->script ? program->script : program->title;
}

/* The part of a path behind its last `/`. */
const char *path_base_name(const char *path);
