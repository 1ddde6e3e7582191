/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The client: finds the verb and runs it. */
#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/help.h"
#include "ctl/tell.h"
#include "ctl/verbs.h"
#include "util/cleanup.h"
#include "util/escape.h"
#include "util/memory.h"

/* The daemon's, which this version has not: known, so that they are not taken for mistyped. */
static const char *const daemon_verbs[] = {
    "status", "list", "show", "watch", "history", "reload", "allow", "snooze", "suggest",
};

static ExitStatus no_daemon(const char *verb) {
    tell_error("%s needs the daemon sockauditd, which this version does not have yet; "
               "'%s scan' answers now, without one",
               verb, tell_name());
    return STATUS_NO_DAEMON;
}

static const Verb *find_verb(const char *name) {
    for (const Verb *verb = verbs; verb->name; verb++)
        if (strcmp(verb->name, name) == 0)
            return verb;
    return NULL;
}

static bool needs_daemon(const char *name) {
    for (size_t i = 0; i < ELEMENTS(daemon_verbs); i++)
        if (strcmp(daemon_verbs[i], name) == 0)
            return true;
    return false;
}

static ExitStatus unknown_verb(const char *name) {
    const char *names[32];
    unsigned count = 0;

    for (const Verb *verb = verbs; verb->name; verb++)
        names[count++] = verb->name;
    names[count++] = "help";
    for (size_t i = 0; i < ELEMENTS(daemon_verbs); i++)
        names[count++] = daemon_verbs[i];
    return tell_unknown("verb", name, names, count);
}

static ExitStatus run_help(const Options *options) {
    const Verb *verb = options->n_words > 0 ? find_verb(options->words[0]) : NULL;
    if (options->n_words > 0 && !verb)
        return unknown_verb(options->words[0]);
    return help_print(options, verb);
}

static ExitStatus run(const Options *options) {
    if (options_have(options, OPTION_VERSION)) {
        puts("sockaudit " PACKAGE_VERSION);
        return STATUS_DONE;
    }
    if (!options->verb)
        return options_have(options, OPTION_HELP)
                   ? help_print(options, NULL)
                   : no_daemon("'status', which no verb stands for,");
    if (strcmp(options->verb, "help") == 0)
        return run_help(options);
    if (needs_daemon(options->verb))
        return no_daemon(options->verb);

    const Verb *verb = find_verb(options->verb);
    if (!verb)
        return unknown_verb(options->verb);
    if (options_have(options, OPTION_HELP))
        return help_print(options, verb);
    ExitStatus status = options_check(options, verb->options | OPTIONS_ALWAYS);
    return status == STATUS_DONE ? verb->run(options) : status;
}

int main(int argc, char **argv) {
    const char *slash = argc > 0 ? strrchr(argv[0], '/') : NULL;
    const char *program = slash ? slash + 1 : argc > 0 ? argv[0] : "";
    bool is_short_name = strcmp(program, "auditctl") == 0;
    Options options;

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
        status = tell_errno(-errno, "cannot write");
    return (int)status;
}
