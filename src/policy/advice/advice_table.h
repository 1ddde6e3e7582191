/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What an advice file is read into: shared by its parser, its loader and the look-up. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/advice/advice.h"

/* Bounds of what is read: far above what anybody writes, low enough that nothing can hurt. */
#define ADVICE_FILE_MAX     (256 * 1024) /* bytes */
#define ADVICE_FILES_MAX    512          /* files of one directory */
#define ADVICE_SECTIONS_MAX 2000         /* of all files together */
#define ADVICE_LINE_MAX     1000         /* bytes */
#define ADVICE_ITEMS_MAX    64           /* of one list */

typedef struct PortRange {
    uint16_t first, last;
} PortRange;

/* The values of the key `origin`. */
typedef enum AdviceOrigin {
    ADVICE_ORIGIN_SOCKET,
    ADVICE_ORIGIN_FORWARD,
    ADVICE_ORIGIN_KERNEL,    /* a socket without a process */
    ADVICE_ORIGIN_ACTIVATED, /* a socket that the process was started with */
    ADVICE_ORIGIN_COUNT,
} AdviceOrigin;

/* One entry: holds when every key that it has holds. */
typedef struct AdviceSection {
    char *name;
    char **exe;       /* globs for basenames; NULL, here and below: not given */
    char **script;    /* globs for the name of the program */
    char **package;   /* globs for the package below node_modules */
    char **arguments; /* globs over the joined command line */
    char **option;    /* globs for one argument, or for two consecutive ones */
    char **unit;
    char **user_unit;
    PortRange *ports;
    size_t n_ports;
    unsigned protos;     /* bits 1 << Proto; 0: not given */
    unsigned containers; /* bits 1 << ContainerRuntime; 0: not given */
    unsigned origins;    /* bits 1 << AdviceOrigin; 0: not given */
    char **replaces;     /* options with values, and globs, that {arguments} omits */
    char **drops;        /* options without values that it omits */
    char *advice;
} AdviceSection;

struct AdviceTable {
    AdviceSection *sections; /* in the order in which they are tried */
    size_t n_sections, allocated;
};

void advice_section_done(AdviceSection *section);

/* The words that stand in braces in an advice for what is known of the listener. */
typedef enum Placeholder {
    PLACEHOLDER_ADDRESS,
    PLACEHOLDER_ARGUMENTS,
    PLACEHOLDER_COMMAND,
    PLACEHOLDER_CONFIG,
    PLACEHOLDER_CONTAINER,
    PLACEHOLDER_CONTAINER_PORT,
    PLACEHOLDER_EXE,
    PLACEHOLDER_LOOPBACK,
    PLACEHOLDER_LOOPBACK_HOST,
    PLACEHOLDER_PORT,
    PLACEHOLDER_PROGRAM,
    PLACEHOLDER_PROTOCOL,
    PLACEHOLDER_SCRIPT,
    PLACEHOLDER_SERVICE,
    PLACEHOLDER_TARGET,
    PLACEHOLDER_TARGET_PORT,
    PLACEHOLDER_UNIT,
    PLACEHOLDER_USER_UNIT,
    PLACEHOLDER_COUNT,
} Placeholder;

extern const char *const placeholder_names[PLACEHOLDER_COUNT];

/*
 * The next `{word}` in text[from..], a word of small letters and dashes alone: `{ host: 1 }`, `{}`
 * and `{{.Names}}` are ordinary text. Returns whether there is one: *ret_start is its brace,
 * *ret_length counts both braces, *ret_placeholder is PLACEHOLDER_COUNT for an unknown word.
 */
bool placeholder_next(const char *text, size_t from, size_t *ret_start, size_t *ret_length,
                      Placeholder *ret_placeholder);
