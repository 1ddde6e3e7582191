/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The program of a process: the script or module if its executable is an interpreter, the title if
 * the process replaced its command line. Pure. A process chooses all of this. It is used to
 * recognise and to name a program, never to allow it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "model/owner.h"

/* The longest package name of npm, with its scope, has 214 bytes. */
#define PROGRAM_PACKAGE_SIZE 216

/* All strings except `interpreter` are borrowed from the holder. */
typedef struct Program {
    const char *interpreter; /* `python`, `node`, `deno`, `bun`, `ruby`, `java`, `php`, `perl`,
                              * `shell` or `busybox`; NULL: the file itself is the program */
    const char *script; /* as typed: a path, or the name of a module, main class or task; NULL: no
                         * interpreter, or not known (`-c CODE`, standard input, retitled) */
    bool is_module;     /* `script` is not a path: python -m, a main class, deno task, an applet */
    const char *title;  /* what the process wrote over its command line; NULL: it did not */
    size_t arguments;   /* index in the command line of the first argument behind the script, or
                         * behind the program's own name; that of its end: there is none */
    char
        package[PROGRAM_PACKAGE_SIZE]; /* the last NAME or @SCOPE/NAME below a `node_modules` in the
                                        * script's path (or the file's); empty: there is none */
} Program;

/*
 * Fills *ret from the exe and cmdline of the holder. If the exe is unknown, the interpreter is
 * derived from argv[0].
 */
void program_init(Program *ret, const Holder *holder);

static inline bool program_is_interpreted(const Program *program) {
    return program->interpreter != NULL;
}

/*
 * Returns what distinguishes two programs of one interpreter, in addition to the working directory:
 * the script or module, otherwise the title. NULL: neither is known, as for a native program. A
 * process may set its title late and remains the same program.
 */
static inline const char *program_subject(const Program *program) {
    return program->script ? program->script : program->title;
}

/* Returns the part of a path after its last `/`. */
const char *path_base_name(const char *path);
