/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Listens on a port of TCP and of UDP: server PORT. Then prints a line and reads one: `exec` runs
 * sleep(1) with both sockets, `leave` passes them to a child and exits.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int open_on(int type, int port) {
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, type, 0);
    if (fd < 0 || bind(fd, (const struct sockaddr *)&name, sizeof(name)) < 0)
        return -1;
    return type == SOCK_STREAM && listen(fd, 1) < 0 ? -1 : fd;
}

int main(int argc, char **argv) {
    int port = argc == 2 ? atoi(argv[1]) : 0;
    char word[16] = "";

    if (port == 0 || open_on(SOCK_STREAM, port) < 0 || open_on(SOCK_DGRAM, port) < 0) {
        perror("server");
        return EXIT_FAILURE;
    }
    puts("ready");
    fflush(stdout);
    if (!fgets(word, sizeof(word), stdin))
        return EXIT_SUCCESS;
    if (strcmp(word, "exec\n") == 0)
        execl("/bin/sleep", "sleep", "1000", (char *)NULL);
    if (strcmp(word, "leave\n") == 0 && fork() > 0)
        return EXIT_SUCCESS;
    return read(STDIN_FILENO, word, sizeof(word)) < 0;
}
