/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names of users, remembered: a table asks for the same few again and again. */
#pragma once

#include <sys/types.h>

/* The user's name, raw, or NULL when there is none. Kept until the program ends; not for threads.
 */
const char *user_name(uid_t uid);
