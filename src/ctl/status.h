/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The exit status of the client's verbs: a contract, see sockauditctl(1). */
#pragma once

typedef enum ExitStatus {
    STATUS_DONE = 0,
    STATUS_FAILED = 1, /* something is flagged, the policy has an error, or it failed, said why */
    STATUS_USAGE = 2,
    STATUS_NO_DAEMON = 3,
    STATUS_NO_LISTENER = 4,
    STATUS_NOT_PERMITTED = 5,
    STATUS_UNSEEN = 6, /* scan --strict: nothing flagged, but not everything could be seen */
} ExitStatus;
