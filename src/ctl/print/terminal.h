/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What stdout and stderr can show. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

typedef struct Terminal {
    bool is_terminal; /* stdout is one */
    bool colour;      /* and may be coloured: NO_COLOR is not set, TERM is not dumb */
    bool utf8;        /* the locale's character set */
    size_t width;     /* cells; 0: not limited (no terminal) */
    size_t height;    /* lines; 0: not limited */
} Terminal;

/* Looks at stdout and the environment (COLUMNS, LINES, NO_COLOR, TERM). */
Terminal terminal_look(void);

/* Whether diagnostics on stderr may be coloured. */
bool terminal_stderr_colour(void);

#define COLOUR_RED    "\033[31m"
#define COLOUR_ALERT  "\033[1;31m"
#define COLOUR_YELLOW "\033[33m"
#define COLOUR_BLUE   "\033[34m"
#define COLOUR_GREEN  "\033[32m"
#define COLOUR_GREY   "\033[90m"
#define COLOUR_BOLD   "\033[1m"
#define COLOUR_NONE   "\033[0m"
