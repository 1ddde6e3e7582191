/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ctl/ruleset.h"

#include <errno.h>
#include <unistd.h>

#include "ctl/print/tell.h"
#include "ctl/print/terminal.h"
#include "util/cleanup.h"
#include "util/escape.h"

PolicySource ruleset_source(const Options *options) {
    return (PolicySource){
        .root = options->root,
        .rules = options->rules,
        .trusted_uid = options->root || options->rules ? getuid() : 0,
    };
}

void ruleset_tell(const Diagnostics *diagnostics) {
    diagnostics_print_coloured(diagnostics, terminal_stderr_colour(), stderr);
}

ExitStatus ruleset_tell_denied(void) {
    tell_error("You cannot read the rules. Run with sudo.");
    return STATUS_NOT_PERMITTED;
}

static ExitStatus use_builtin(Ruleset *ret, size_t n_errors) {
    Ruleset ruleset = {.policy = policy_new_builtin(), .builtin = true, .n_errors = n_errors};
    if (!ruleset.policy)
        return tell_errno(-ENOMEM, "Failed to evaluate");
    *ret = ruleset;
    return STATUS_DONE;
}

ExitStatus ruleset_load(const Options *options, Ruleset *ret) {
    _cleanup_diagnostics_ Diagnostics *diagnostics = diagnostics_new();
    PolicySource source = ruleset_source(options);
    Ruleset ruleset = {};

    if (!diagnostics)
        return tell_errno(-ENOMEM, "Failed to read the rules");
    int r = policy_load(&source, diagnostics, &ruleset.policy);
    ruleset_tell(diagnostics);
    if (r == 0) {
        *ret = ruleset;
        return STATUS_DONE;
    }
    if (diagnostics->is_denied)
        return ruleset_tell_denied();
    if (options->rules && r == -EBADMSG)
        return STATUS_FAILED;
    if (options->rules || (r != -EBADMSG && r != -ENOENT)) {
        _cleanup_free_ char *file = text_escape_string(options->rules);
        return tell_errno(r, "Failed to read the rules%s%s", file ? " of " : "", file ?: "");
    }
    if (r == -EBADMSG)
        tell_warning(
            "The rules contain %zu error%s. Using the built-in rules instead (allow loopback, "
            "flag everything else)",
            diagnostics->n_errors, diagnostics->n_errors == 1 ? "" : "s");
    else
        tell_warning("No rules in %s/sockaudit. Using the built-in rules (allow loopback, flag "
                     "everything else)",
                     SYSCONFDIR);
    return use_builtin(ret, diagnostics->n_errors);
}
