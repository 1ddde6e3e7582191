/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>

#include "ctl/print/pager.h"
#include "ctl/print/tell.h"
#include "ctl/verbs.h"

ExitStatus verb_print(const Options *options, const char *text) {
    Terminal terminal = terminal_look();

    if (!text)
        return tell_errno(-ENOMEM, "Failed to print");
    bool paged = !options_have(options, OPTION_NO_PAGER) && !options_have(options, OPTION_JSON);
    int r = pager_write(&terminal, paged, text, strlen(text));
    return r < 0 ? tell_errno(r, "Failed to write") : STATUS_DONE;
}
