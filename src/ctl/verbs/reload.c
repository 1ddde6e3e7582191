/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `reload`: the daemon reads the policy again. */
#include <stdlib.h>

#include "ctl/daemon.h"
#include "ctl/print/json.h"
#include "ctl/print/tell.h"
#include "ctl/verbs.h"
#include "util/cleanup.h"

ExitStatus verb_reload(const Options *options) {
    _cleanup_bus_client_ BusClient *client = NULL;
    _cleanup_free_ char *warnings = NULL;

    ExitStatus status = daemon_open(options, &client);
    if (status != STATUS_DONE)
        return status;
    int r = bus_client_reload(client, &warnings);
    if (r < 0)
        return daemon_failed(client, r, "Rules were not reloaded; the active rules are unchanged");
    if (options_have(options, OPTION_JSON)) {
        _cleanup_free_ char *text =
            json_document(json_pack("{si,so?}", "schema", 1, "warnings", json_lines(warnings)));
        return verb_print(options, text);
    }
    print_lines(warnings, "", stderr);
    puts("Rules were reloaded.");
    return STATUS_DONE;
}
