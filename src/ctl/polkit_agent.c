/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ctl/polkit_agent.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util/cleanup.h"

#define AGENT "pkttyagent"
/* The agent registers within milliseconds. An agent that hangs must not delay the reply. */
#define REGISTER_MSEC 10000

static pid_t agent;

/* The agent closes its end of the pipe when it has registered or failed to. */
static void exec_agent(int notify_fd) {
    char number[12];

    snprintf(number, sizeof(number), "%d", notify_fd);
    if (fcntl(notify_fd, F_SETFD, 0) == 0)
        execlp(AGENT, AGENT, "--notify-fd", number, "--fallback", (char *)NULL);
    _exit(EXIT_FAILURE);
}

static void wait_for_hangup(int fd) {
    struct pollfd waited = {.fd = fd};
    while (poll(&waited, 1, REGISTER_MSEC) < 0 && errno == EINTR)
        continue;
}

void polkit_agent_open(void) {
    int ends[2];

    if (agent > 0 || geteuid() == 0 || !isatty(STDIN_FILENO) || pipe2(ends, O_CLOEXEC) < 0)
        return;
    _cleanup_close_ int read_end = ends[0];
    agent = fork();
    if (agent == 0)
        exec_agent(ends[1]);
    close(ends[1]);
    if (agent > 0)
        wait_for_hangup(read_end);
}

void polkit_agent_close(void) {
    if (agent <= 0)
        return;
    /* The terminal may have stopped the agent. */
    (void)kill(agent, SIGTERM);
    (void)kill(agent, SIGCONT);
    while (waitpid(agent, NULL, 0) < 0 && errno == EINTR)
        continue;
    agent = 0;
}
