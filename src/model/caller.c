/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "model/caller.h"

#include <stdlib.h>

void caller_done(Caller *caller) {
    free(caller->comm);
    free(caller->exe);
    free(caller->cwd);
    free(caller->cgroup);
    free(caller->arguments);
    free(caller->ancestors);
    *caller = (Caller){};
}
