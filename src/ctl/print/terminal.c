/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ctl/print/terminal.h"

#include <langinfo.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "util/memory.h"
#include "util/parse.h"

#define WIDTH_MAX  10000
#define WIDTH_ELSE 80

/* https://no-color.org: set and not empty. */
static bool colour_wanted(int fd) {
    const char *term = getenv("TERM");
    return isatty(fd) && string_is_empty(getenv("NO_COLOR")) && !string_is_empty(term) &&
           strcmp(term, "dumb") != 0;
}

/* A positive number in the environment, or 0. */
static size_t number_of(const char *variable) {
    const char *text = getenv(variable);
    uint64_t number;
    if (!text || parse_unsigned(text, strlen(text), WIDTH_MAX, &number) < 0)
        return 0;
    return (size_t)number;
}

Terminal terminal_look(void) {
    Terminal terminal = {
        .is_terminal = isatty(STDOUT_FILENO),
        .colour = colour_wanted(STDOUT_FILENO),
        .utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0,
    };
    struct winsize size = {};

    if (!terminal.is_terminal)
        return terminal;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0)
        size = (struct winsize){};
    terminal.width = number_of("COLUMNS") ?: size.ws_col ?: WIDTH_ELSE;
    terminal.height = number_of("LINES") ?: size.ws_row;
    return terminal;
}

bool terminal_stderr_colour(void) {
    return colour_wanted(STDERR_FILENO);
}
