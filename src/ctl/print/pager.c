/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ctl/print/pager.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "util/memory.h"

#define PAGER_WORDS_MAX 15

/* systemctl's: quit if it fits, colours, long lines not folded, no clearing of the screen. */
#define LESS_OPTIONS "FRSXMK"

static int write_all(int fd, const char *text, size_t length) {
    while (length > 0) {
        ssize_t n = write(fd, text, length);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno == EPIPE ? 0 : -errno;
        text += n;
        length -= (size_t)n;
    }
    return 0;
}

static bool is_longer(const char *text, size_t length, size_t height) {
    size_t n_lines = 0;
    for (size_t i = 0; i < length; i++)
        n_lines += text[i] == '\n';
    return height > 0 && n_lines >= height;
}

static bool pager_must_be_secure(void) {
    const char *wish = getenv("SYSTEMD_PAGERSECURE");
    if (!string_is_empty(wish))
        return strcmp(wish, "0") != 0 && strcmp(wish, "no") != 0 && strcmp(wish, "false") != 0;
    return geteuid() != getuid() || getenv("SUDO_UID") || getenv("PKEXEC_UID") ||
           getenv("DOAS_USER");
}

/* The command, split at blanks into words; false when there is to be no pager. */
static bool split_command(char *command, char *words[static PAGER_WORDS_MAX + 1]) {
    size_t n_words = 0;
    char *rest = command, *word;

    while (n_words < PAGER_WORDS_MAX && (word = strsep(&rest, " \t")))
        if (*word)
            words[n_words++] = word;
    words[n_words] = NULL;
    return n_words > 0 && strcmp(words[0], "cat") != 0;
}

/* Freed by the caller; NULL when out of memory. Empty: no pager. */
static char *pager_command(bool secure) {
    const char *command = getenv("SYSTEMD_PAGER") ?: getenv("PAGER");
    if (!command || (secure && *command && strcmp(command, "cat") != 0))
        command = "less";
    return strdup(command);
}

static void prepare_less(bool secure) {
    const char *options = getenv("SYSTEMD_LESS");
    setenv("LESS", options && !secure ? options : LESS_OPTIONS, true);
    setenv("LESSCHARSET", "utf-8", false);
    if (!secure)
        return;
    setenv("LESSSECURE", "1", true);
    unsetenv("LESSOPEN");
    unsetenv("LESSCLOSE");
    unsetenv("LESSKEYIN");
    unsetenv("LESSKEY");
    unsetenv("LESSEDIT");
}

/* Runs the pager with the read end as its stdin; returns its pid or a negative errno. */
static int pager_spawn(char *const *words, bool secure, int read_end, int write_end) {
    pid_t pid = fork();
    if (pid < 0)
        return -errno;
    if (pid > 0)
        return pid;
    close(write_end);
    signal(SIGPIPE, SIG_DFL);
    if (dup2(read_end, STDIN_FILENO) < 0)
        _exit(EXIT_FAILURE);
    close(read_end);
    prepare_less(secure);
    execvp(words[0], words);

    /* No such pager: what it should have shown goes straight through. */
    char buffer[4096];
    ssize_t n;
    while ((n = read(STDIN_FILENO, buffer, sizeof(buffer))) > 0)
        write_all(STDOUT_FILENO, buffer, (size_t)n);
    _exit(EXIT_SUCCESS);
}

static int write_through(char *const *words, bool secure, const char *text, size_t length) {
    int ends[2], status;

    if (pipe(ends) < 0)
        return -errno;
    int pid = pager_spawn(words, secure, ends[0], ends[1]);
    close(ends[0]);
    if (pid < 0) {
        close(ends[1]);
        return pid;
    }
    /* Ctrl-C is the pager's while it runs. */
    signal(SIGINT, SIG_IGN);
    int r = write_all(ends[1], text, length);
    close(ends[1]);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    signal(SIGINT, SIG_DFL);
    return r;
}

int pager_write(const Terminal *terminal, bool allowed, const char *text, size_t length) {
    bool secure = pager_must_be_secure();
    char *words[PAGER_WORDS_MAX + 1];

    signal(SIGPIPE, SIG_IGN);
    if (allowed && terminal->is_terminal && is_longer(text, length, terminal->height)) {
        _cleanup_free_ char *command = pager_command(secure);
        if (command && split_command(command, words) &&
            write_through(words, secure, text, length) == 0)
            return 0;
    }
    return write_all(STDOUT_FILENO, text, length);
}
