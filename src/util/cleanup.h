/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Scope-bound ownership, after systemd's and bubblewrap's kits: a variable marked with _cleanup_()
 * is released when it goes out of scope; TAKE_PTR() and TAKE_FD() hand it on.
 */
#pragma once

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(function) __attribute__((cleanup(function)))

/* Defines a function for _cleanup_() that releases the object of a `type *` variable. `release`
 * must accept NULL. */
#define DEFINE_CLEANUP(type, name, release)                                                        \
    static inline void name(type **pointer) {                                                      \
        release(*pointer);                                                                         \
    }

/* The value of a pointer or fd, leaving the variable empty: ownership moves to the reader. */
#define TAKE_PTR(pointer)                                                                          \
    ({                                                                                             \
        __typeof__(pointer) _taken = (pointer);                                                    \
        (pointer) = NULL;                                                                          \
        _taken;                                                                                    \
    })
#define TAKE_FD(fd)                                                                                \
    ({                                                                                             \
        int _taken = (fd);                                                                         \
        (fd) = -1;                                                                                 \
        _taken;                                                                                    \
    })

#define _cleanup_free_     _cleanup_(cleanup_free)
#define _cleanup_close_    _cleanup_(cleanup_close)
#define _cleanup_fclose_   _cleanup_(cleanup_fclose)
#define _cleanup_closedir_ _cleanup_(cleanup_closedir)

static inline void cleanup_free(void *pointer) {
    free(*(void **)pointer);
}

static inline void cleanup_close(int *fd) {
    if (*fd >= 0)
        close(*fd);
}

static inline void cleanup_fclose(FILE **file) {
    if (*file)
        fclose(*file);
}

static inline void cleanup_closedir(DIR **directory) {
    if (*directory)
        closedir(*directory);
}
