/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A program that listens as its environment says, so that all of its arguments are the test's: on
 * CALLER_PORT of 127.0.0.1; before it removes CALLER_UNLINK, a file, or with CALLER_UNMAP its own
 * arguments from memory; after it executes CALLER_EXEC, a program. Says on CALLER_READY, an fd,
 * that it is done, and waits.
 */
#include <arpa/inet.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

static int port, ready = -1;
static char **arguments;

static void listen_on_port(void) {
    const struct sockaddr_in at = {.sin_family = AF_INET,
                                   .sin_port = htons((uint16_t)port),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || bind(fd, (const struct sockaddr *)&at, sizeof(at)) < 0 || listen(fd, 1) < 0)
        _exit(3);
}

static void wait_for_end(void) {
    if (write(ready, "x", 1) != 1)
        _exit(4);
    for (;;)
        pause();
}

/* On another stack than the one that they lie on. */
static void *listen_without_arguments(void *data) {
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), begin = (uintptr_t)arguments[0], end = 0;

    for (char **at = arguments; *at; at++)
        end = (uintptr_t)*at + strlen(*at) + 1;
    begin -= begin % page;
    if (munmap((void *)begin, (end - begin + page - 1) / page * page) < 0)
        _exit(5);
    listen_on_port();
    wait_for_end();
    return data;
}

int main(int argc, char **argv) {
    const char *unlinked = getenv("CALLER_UNLINK"), *next = getenv("CALLER_EXEC");

    (void)argc;
    arguments = argv;
    port = atoi(getenv("CALLER_PORT") ?: "0");
    ready = atoi(getenv("CALLER_READY") ?: "-1");
    if (unlinked && unlink(unlinked) < 0)
        return 2;
    if (getenv("CALLER_UNMAP")) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, listen_without_arguments, NULL) != 0)
            return 6;
        pthread_join(thread, NULL);
    }
    if (port > 0)
        listen_on_port();
    if (next) {
        unsetenv("CALLER_PORT");
        unsetenv("CALLER_EXEC");
        execv(next, argv);
        return 7;
    }
    wait_for_end();
}
