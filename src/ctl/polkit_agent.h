/* SPDX-License-Identifier: GPL-2.0-or-later */
/* polkit's text agent, which asks for a password on the terminal, as systemctl(1) has it. */
#pragma once

/*
 * Starts pkttyagent(1) for this process and waits until it is registered. Does nothing for root,
 * where standard input is not a terminal, where it is not installed, and if it runs already.
 */
void polkit_agent_open(void);
/* Ends it, if it was started. */
void polkit_agent_close(void);
