/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The bus. First the cutting of bytes into messages. Then the reading of dictionaries: bytes can't
 * be made a message of sd-bus without a connection, so they say what to put into one: which key,
 * which type, which value.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "bus/frame.h"
#include "bus/unmarshal.h"
#include "bus/wire.h"
#include "unit/bus/message.h"
#include "util/memory.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct Input {
    const uint8_t *data;
    size_t size;
} Input;

static uint8_t take(Input *input) {
    if (input->size == 0)
        return 0;
    input->size--;
    return *input->data++;
}

static void cut(const uint8_t *data, size_t size) {
    ssize_t line = frame_line(data, size);
    if (line > 0 && ((size_t)line > size || line > FRAME_LINE_MAX || data[line - 1] != '\n'))
        abort();
    for (size_t at = 0; at < size;) {
        ssize_t n = frame_message(data + at, size - at, 4096);
        if (n <= 0)
            break;
        if ((size_t)n > size - at || n < 16 || n > 4096)
            abort();
        at += (size_t)n;
    }
}

static const Field *const tables[] = {
    wire_listener, wire_owner,    wire_rule,   wire_standing, wire_machine, wire_link,
    wire_address,  wire_coverage, wire_status, wire_source,   wire_holder,  wire_hits,
};
static const char *const extra[] = {"holders", "advice", "links",   "addresses", "coverage",
                                    "sources", "hidden", "version", "tcp"};

static const char *take_key(Input *input) {
    size_t table = take(input) % (ELEMENTS(tables) + 1), key = take(input);
    if (table == ELEMENTS(tables))
        return extra[key % ELEMENTS(extra)];
    size_t n = 0;
    while (tables[table][n].name)
        n++;
    return tables[table][key % n].name;
}

static const char *const words[] = {"tcp",      "flag",    "full",    "loopback", "verified",
                                    "physical", "1.2.3.4", "fe80::1", "",         "docker"};

static void put_dict(sd_bus_message *message, Input *input, unsigned depth);

static void put_bytes(sd_bus_message *message, Input *input) {
    size_t n = take(input);
    n = n < input->size ? n : input->size;
    sd_bus_message_append_array(message, 'y', input->data, n);
    input->data += n;
    input->size -= n;
}

static void put_array(sd_bus_message *message, Input *input, const char *contents, unsigned depth) {
    sd_bus_message_open_container(message, 'a', contents);
    for (size_t n = take(input) % 5; n > 0; n--)
        if (contents[0] == 's')
            sd_bus_message_append_basic(message, 's', words[take(input) % ELEMENTS(words)]);
        else if (strcmp(contents, "ay") == 0)
            put_bytes(message, input);
        else
            put_dict(message, input, depth + 1);
    sd_bus_message_close_container(message);
}

static void put_value(sd_bus_message *message, Input *input, unsigned depth) {
    static const char *const types[] = {"b", "y",  "q",  "u",   "i",      "t",
                                        "s", "ay", "as", "aay", "aa{sv}", "a{sv}"};
    const char *type = types[take(input) % (depth > 3 ? 10 : ELEMENTS(types))];
    uint64_t number = 0;

    sd_bus_message_open_container(message, 'v', type);
    if (type[0] == 's')
        sd_bus_message_append_basic(message, 's', words[take(input) % ELEMENTS(words)]);
    else if (strcmp(type, "ay") == 0)
        put_bytes(message, input);
    else if (strcmp(type, "a{sv}") == 0)
        put_dict(message, input, depth + 1);
    else if (type[0] == 'a')
        put_array(message, input, type + 1, depth);
    else {
        for (size_t i = 0; i < 3; i++)
            number = number << 8 | take(input);
        int truth = number & 1;
        sd_bus_message_append_basic(message, type[0], type[0] == 'b' ? (void *)&truth : &number);
    }
    sd_bus_message_close_container(message);
}

static void put_dict(sd_bus_message *message, Input *input, unsigned depth) {
    sd_bus_message_open_container(message, 'a', "{sv}");
    for (size_t n = take(input) % 12; n > 0; n--) {
        sd_bus_message_open_container(message, 'e', "sv");
        sd_bus_message_append_basic(message, 's', take_key(input));
        put_value(message, input, depth);
        sd_bus_message_close_container(message);
    }
    sd_bus_message_close_container(message);
}

static void read_as(sd_bus_message *message, uint8_t what) {
    BusStatusRead status;
    BusRule rule;
    BusView view;

    if (bus_view_init(&view) < 0)
        return;
    switch (what % 4) {
    case 0:
        (void)unmarshal_listener(message, &view);
        break;
    case 1:
        (void)unmarshal_machine(message, &view);
        break;
    case 2:
        (void)unmarshal_status(message, &status);
        bus_status_done(&status);
        break;
    default:
        (void)unmarshal_rule(message, &rule);
        bus_rule_done(&rule);
    }
    bus_view_done(&view);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    Input input = {data, size};

    cut(data, size);
    uint8_t what = take(&input);
    sd_bus_message *message = message_new();
    if (!message)
        abort();
    put_dict(message, &input, 0);
    if (message_turn(message) == 0)
        read_as(message, what);
    sd_bus_message_unref(message);
    return 0;
}
