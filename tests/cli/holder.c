/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Listens, and stays: holder ADDRESS PORT [name NAME] [share PROGRAM]. `name` sets the command name
 * (prctl), `share` lets a second process hold the socket, too, which runs PROGRAM. Prints a line
 * when it listens; ends, with its child, when its stdin does.
 */
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static int listen_on(const char *address, const char *port) {
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
    int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    if (fd < 0 || inet_pton(AF_INET, address, &name.sin_addr) != 1 ||
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
        bind(fd, (const struct sockaddr *)&name, sizeof(name)) < 0 || listen(fd, 1) < 0)
        return -1;
    return fd;
}

/* The child keeps the socket over exec: it has no FD_CLOEXEC. */
static pid_t share_with(const char *program) {
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    execl(program, program, "600", (char *)NULL);
    _exit(127);
}

int main(int argc, char **argv) {
    pid_t child = 0;
    char byte;

    if (argc < 3 || listen_on(argv[1], argv[2]) < 0) {
        perror("holder");
        return EXIT_FAILURE;
    }
    for (int i = 3; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "name") == 0)
            prctl(PR_SET_NAME, argv[i + 1]);
        else if (strcmp(argv[i], "share") == 0)
            child = share_with(argv[i + 1]);
    }
    if (child > 0)
        usleep(100000); /* until it has run exec */
    puts("listens");
    fflush(stdout);
    while (read(STDIN_FILENO, &byte, 1) > 0)
        continue;
    if (child > 0) {
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
    }
    return EXIT_SUCCESS;
}
