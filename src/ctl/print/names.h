/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names of users, remembered: a table asks for the same few again and again. */
#pragma once

#include <sys/types.h>

/*
 * The user's name, raw, or NULL when there is none (or it can't be told now). It lasts until the
 * next call. What is known is asked for no more until it is forgotten; not for threads.
 */
const char *user_name(uid_t uid);

/* Users come, go and are renamed: the next call asks again. */
void user_names_forget(void);
