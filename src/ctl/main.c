/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The client: finds the verb and runs it. */
#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/help.h"
#include "ctl/print/tell.h"
#include "ctl/verbs.h"
#include "util/cleanup.h"
#include "util/escape.h"
#include "util/memory.h"
#include "util/standard_fds.h"

static const Verb *find_verb(const char *name) {
    for (const Verb *verb = verbs; verb->name; verb++)
        if (strcmp(verb->name, name) == 0)
            return verb;
    return NULL;
}

static ExitStatus unknown_verb(const char *name) {
    const char *names[32];
    unsigned count = 0;

    for (const Verb *verb = verbs; verb->name; verb++)
        names[count++] = verb->name;
    names[count++] = "help";
    return tell_unknown("verb", name, names, count);
}

static ExitStatus run_help(const Options *options) {
    const char *name = options->n_words > 0 ? options->words[0] : "help";
    const Verb *verb = find_verb(name);
    if (!verb && strcmp(name, "help") != 0)
        return unknown_verb(name);
    return help_print(options, verb);
}

static ExitStatus run(const Options *options) {
    if (options_have(options, OPTION_VERSION)) {
        puts("sockaudit " PACKAGE_VERSION);
        return STATUS_DONE;
    }
    if (!options->verb && options_have(options, OPTION_HELP))
        return help_print(options, NULL);
    const char *name = options->verb ?: "status";
    if (strcmp(name, "help") == 0)
        return run_help(options);

    const Verb *verb = find_verb(name);
    if (!verb)
        return unknown_verb(name);
    if (options_have(options, OPTION_HELP))
        return help_print(options, verb);
    ExitStatus status = options_check(options, verb->options | OPTIONS_ALWAYS);
    if (status != STATUS_DONE)
        return status;
    if (options->n_words < verb->least || options->n_words > verb->most) {
        tell_error("Usage: %s %s%s%s", tell_name(), verb->name, *verb->arguments ? " " : "",
                   verb->arguments);
        return STATUS_USAGE;
    }
    return verb->run(options);
}

int main(int argc, char **argv) {
    const char *slash = argc > 0 ? strrchr(argv[0], '/') : NULL;
    const char *program = slash ? slash + 1 : argc > 0 ? argv[0] : "";
    bool is_short_name = strcmp(program, "auditctl") == 0;
    Options options;

    if (standard_fds_fill() < 0)
        return STATUS_FAILED;
    /* How wide characters are; numbers and messages stay as they are. */
    setlocale(LC_CTYPE, "");
    tell_as(is_short_name ? "auditctl" : "sockauditctl");
    if (is_short_name && argc > 1 && is_linux_audit_option(argv[1])) {
        _cleanup_free_ char *option = text_escape_string(argv[1]);
        tell_error("%s is for Linux Audit's auditctl (/usr/sbin/auditctl, package auditd); this is "
                   "sockaudit's, also called sockauditctl: see 'auditctl --help'",
                   option ?: "");
        return STATUS_USAGE;
    }
    ExitStatus status = options_parse(argc, argv, &options);
    if (status == STATUS_DONE)
        status = run(&options);
    if (fflush(stdout) != 0 && errno != EPIPE)
        status = tell_errno(-errno, "Failed to write");
    return (int)status;
}
