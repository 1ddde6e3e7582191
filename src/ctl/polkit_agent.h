/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The text agent of polkit, which asks for a password on the terminal, as in systemctl(1). */
#pragma once

/*
 * Starts pkttyagent(1) for this process and waits until it is registered. Does nothing for root, if
 * standard input is not a terminal, if it is not installed, or if it is running.
 */
void polkit_agent_open(void);
/* Stops the agent if it was started. */
void polkit_agent_close(void);
