/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A listener whose process has locked its memory map for good: whoever reads its /proc/PID/cmdline
 * sleeps until it ends.
 *
 * mmap() of a file that is open for direct I/O first writes back what another mapping has changed,
 * with mmap_lock held (fuse_file_mmap(), nfs_file_mmap()). The file system here is a FUSE of our
 * own that never answers the write. A user can do that in a user namespace; a network file system
 * whose server is away does it to anybody.
 *
 * clot DIRECTORY PORT: mounts there, in a mount namespace of its own, says `listens PID` when it
 * does, and ends with its stdin.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define FILE_NODE 2
#define FILE_SIZE 4096

/* Whatever happens to who started it: others on this machine read command lines, too. */
#define LIFETIME_SEC 120

/* From the file system to the process that locks up: now listen. And back: it does. And between its
 * threads: one is ready to. */
static int go[2], listens[2], ready[2];

static _Noreturn void die(const char *what) {
    perror(what);
    exit(EXIT_FAILURE);
}

/* --- the file system: one file, read as zeros, never written --- */

static struct fuse_attr attributes(uint64_t node) {
    return (struct fuse_attr){
        .ino = node,
        .size = FILE_SIZE,
        .mode = node == FUSE_ROOT_ID ? S_IFDIR | 0755 : S_IFREG | 0666,
        .nlink = 1,
        .blksize = FILE_SIZE,
    };
}

static void answer(int device, uint64_t unique, int error, const void *body, size_t size) {
    char reply[sizeof(struct fuse_out_header) + FILE_SIZE];
    const struct fuse_out_header header = {
        .len = (uint32_t)(sizeof(header) + size), .error = error, .unique = unique};

    memcpy(reply, &header, sizeof(header));
    memcpy(reply + sizeof(header), body, size);
    if (write(device, reply, header.len) < 0 && errno != ENOENT)
        die("/dev/fuse");
}

static void serve(int device, const struct fuse_in_header *request) {
    static const char zeros[FILE_SIZE];
    static unsigned n_opened;
    const struct fuse_init_out init = {.major = FUSE_KERNEL_VERSION,
                                       .minor = 31,
                                       .max_readahead = FILE_SIZE,
                                       .max_background = 16,
                                       .congestion_threshold = 12,
                                       .max_write = FILE_SIZE,
                                       .time_gran = 1};
    const struct fuse_entry_out entry = {.nodeid = FILE_NODE,
                                         .generation = 1,
                                         .entry_valid = 3600,
                                         .attr_valid = 3600,
                                         .attr = attributes(FILE_NODE)};
    const struct fuse_attr_out attr = {.attr_valid = 3600, .attr = attributes(request->nodeid)};
    struct fuse_open_out opened = {};

    switch (request->opcode) {
    case FUSE_INIT:
        return answer(device, request->unique, 0, &init, sizeof(init));
    case FUSE_LOOKUP:
        return answer(device, request->unique, 0, &entry, sizeof(entry));
    case FUSE_GETATTR:
        return answer(device, request->unique, 0, &attr, sizeof(attr));
    case FUSE_OPEN: /* the second time for direct I/O */
        opened.open_flags = FOPEN_KEEP_CACHE | (n_opened++ > 0 ? FOPEN_DIRECT_IO : 0);
        return answer(device, request->unique, 0, &opened, sizeof(opened));
    case FUSE_READ:
        return answer(device, request->unique, 0, zeros, sizeof(zeros));
    case FUSE_WRITE: /* the clot */
        if (write(go[1], "!", 1) != 1)
            die("pipe");
        return;
    case FUSE_FORGET:
    case FUSE_BATCH_FORGET:
    case FUSE_INTERRUPT:
        return;
    default:
        answer(device, request->unique, -ENOSYS, NULL, 0);
    }
}

/* --- the process that locks up --- */

/*
 * Another thread listens, when the first sleeps in mmap(). A page fault may want the lock, too, so
 * it goes through all it will do once before.
 */
static void *listen_when_told(void *data) {
    const int sock = *(const int *)data;
    char c = 0;

    (void)!write(listens[1], &c, 0);
    (void)listen(-1, 0);
    (void)!write(ready[1], "!", 1);
    (void)!read(go[0], &c, 1);
    (void)listen(sock, 1);
    (void)!write(listens[1], "!", 1);
    (void)!read(go[0], &c, 1);
    return NULL;
}

static int bound_socket(const char *port) {
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_port = htons((uint16_t)atoi(port))};
    const int one = 1;
    int sock = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (setsockopt(sock, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
        bind(sock, (const struct sockaddr *)&address, sizeof(address)) < 0)
        die("bind");
    return sock;
}

static _Noreturn void lock_up(const char *path, const char *port) {
    static int sock;
    pthread_t thread;
    char c;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    sock = bound_socket(port);
    if (pthread_create(&thread, NULL, listen_when_told, &sock) != 0)
        die("pthread_create");
    if (read(ready[0], &c, 1) != 1)
        die("pipe");
    int cached = open(path, O_RDWR | O_CLOEXEC);
    char *page = mmap(NULL, FILE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, cached, 0);
    if (cached < 0 || page == MAP_FAILED)
        die(path);
    page[0] = 1;
    int direct = open(path, O_RDWR | O_CLOEXEC);
    (void)mmap(NULL, FILE_SIZE, PROT_READ, MAP_PRIVATE, direct, 0);
    _exit(EXIT_SUCCESS); /* the file system is gone */
}

static int mount_at(const char *directory) {
    char options[80];
    int device = open("/dev/fuse", O_RDWR | O_CLOEXEC);

    if (device < 0)
        die("/dev/fuse");
    if (unshare(CLONE_NEWNS) < 0 || mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        die("unshare");
    snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=%d,group_id=%d", device,
             (int)geteuid(), (int)getegid());
    if (mount("clot", directory, "fuse", MS_NOSUID | MS_NODEV, options) < 0)
        die("mount");
    return device;
}

int main(int argc, char **argv) {
    static _Alignas(8) char request[FUSE_MIN_READ_BUFFER + 65536];
    char path[4096];

    if (argc != 3 || pipe2(go, O_CLOEXEC) < 0 || pipe2(listens, O_CLOEXEC) < 0 ||
        pipe2(ready, O_CLOEXEC) < 0)
        return EXIT_FAILURE;
    alarm(LIFETIME_SEC);
    int device = mount_at(argv[1]);
    snprintf(path, sizeof(path), "%s/file", argv[1]);
    pid_t child = fork();
    if (child == 0) {
        close(device);
        lock_up(path, argv[2]);
    }
    struct pollfd fds[] = {
        {.fd = device, .events = POLLIN},
        {.fd = STDIN_FILENO, .events = POLLIN},
        {.fd = listens[0], .events = POLLIN},
    };
    while (poll(fds, 3, -1) > 0 && !fds[1].revents && !(fds[0].revents & (POLLERR | POLLHUP))) {
        if (fds[0].revents & POLLIN && read(device, request, sizeof(request)) > 0)
            serve(device, (const struct fuse_in_header *)request);
        if (fds[2].revents) {
            printf("listens %d\n", (int)child);
            fflush(stdout);
            fds[2].fd = -1;
        }
    }
    close(device); /* which lets go of who sleeps */
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    return EXIT_SUCCESS;
}
