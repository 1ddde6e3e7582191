/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ctl/print/tell.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "util/cleanup.h"
#include "util/escape.h"
#include "util/nearest.h"
#include "util/text_stream.h"

#define KNOWN_MAX 40

static const char *program_name = "sockauditctl";

void tell_as(const char *program) {
    program_name = program;
}

const char *tell_name(void) {
    return program_name;
}

__attribute__((format(printf, 2, 0))) static void tell(const char *head, const char *format,
                                                       va_list arguments, const char *tail) {
    fprintf(stderr, "%s: %s", program_name, head);
    vfprintf(stderr, format, arguments);
    fprintf(stderr, "%s%s\n", tail ? ": " : "", tail ?: "");
}

void tell_error(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    tell("", format, arguments, NULL);
    va_end(arguments);
}

void tell_warning(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    tell("warning: ", format, arguments, NULL);
    va_end(arguments);
}

ExitStatus tell_errno(int error, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    tell("", format, arguments, strerror(-error));
    va_end(arguments);
    return error == -EPERM || error == -EACCES ? STATUS_NOT_PERMITTED : STATUS_FAILED;
}

ExitStatus tell_no_listener(const char *what, const char *more) {
    _cleanup_free_ char *escaped = text_escape_string(what);

    if (what[strspn(what, "0123456789")] == '\0')
        tell_error("nothing listens on port %s%s", escaped ?: "", more);
    else
        tell_error("no listener has the id '%s'%s", escaped ?: "", more);
    return STATUS_NO_LISTENER;
}

/* All that it might have been: they are few, or it helps nobody. */
static void tell_known(const char *what, const char *escaped, const char *const *candidates,
                       unsigned count) {
    _cleanup_free_ char *known = NULL;
    size_t size;
    FILE *out = count > 0 && count <= KNOWN_MAX ? text_stream_open(&known, &size) : NULL;

    for (unsigned i = 0; out && i < count; i++) {
        _cleanup_free_ char *candidate = text_escape_string(candidates[i]);
        fprintf(out, "%s%s", i > 0 ? ", " : "", candidate ?: "?");
    }
    if (out && fclose(out) == 0)
        tell_error("unknown %s '%s': there are %s", what, escaped, known);
    else
        tell_error("unknown %s '%s'", what, escaped);
}

ExitStatus tell_unknown(const char *what, const char *word, const char *const *candidates,
                        unsigned count) {
    _cleanup_free_ char *escaped = text_escape_string(word);
    const char *nearest = nearest_word(word, candidates, count);

    if (nearest)
        tell_error("unknown %s '%s': did you mean '%s'?", what, escaped ?: "", nearest);
    else
        tell_known(what, escaped ?: "", candidates, count);
    return STATUS_USAGE;
}
