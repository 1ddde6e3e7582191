/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Emulates polkit on the bus of a test: answers every request with `yes` or `no`, or not at all
 * (`silent`), and prints each request, until its stdin is closed. */
#include <stdio.h>
#include <string.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>
#include <unistd.h>

static int check(sd_bus_message *message, void *userdata, sd_bus_error *error) {
    const char *kind, *name, *sender, *action;
    (void)error;

    int r = sd_bus_message_read(message, "(sa{sv})s", &kind, 1, &name, "s", &sender, &action);
    if (r < 0)
        return r;
    printf("%s %s %s\n", kind, name, action);
    fflush(stdout);
    if (strcmp(userdata, "silent") == 0)
        return 1;
    int yes = strcmp(userdata, "yes") == 0;
    return sd_bus_reply_method_return(message, "(bba{ss})", yes, 0, 0);
}

static const sd_bus_vtable vtable[] = {
    SD_BUS_VTABLE_START(0),
    SD_BUS_METHOD("CheckAuthorization", "(sa{sv})sa{ss}us", "(bba{ss})", check,
                  SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_VTABLE_END,
};

static int on_stdin(sd_event_source *source, int fd, uint32_t events, void *userdata) {
    char byte;
    (void)events, (void)userdata;
    return read(fd, &byte, 1) <= 0 ? sd_event_exit(sd_event_source_get_event(source), 0) : 0;
}

int main(int argc, char **argv) {
    sd_event *event = NULL;
    sd_bus *bus = NULL;

    if (argc < 2 || sd_event_new(&event) < 0 || sd_bus_open_system(&bus) < 0 ||
        sd_bus_add_object_vtable(bus, NULL, "/org/freedesktop/PolicyKit1/Authority",
                                 "org.freedesktop.PolicyKit1.Authority", vtable, argv[1]) < 0 ||
        sd_bus_request_name(bus, "org.freedesktop.PolicyKit1", 0) < 0 ||
        sd_bus_attach_event(bus, event, 0) < 0 ||
        sd_event_add_io(event, NULL, STDIN_FILENO, EPOLLIN, on_stdin, NULL) < 0)
        return 1;
    puts("ready");
    fflush(stdout);
    sd_event_loop(event);
    sd_bus_flush_close_unref(bus);
    sd_event_unref(event);
    return 0;
}
