/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The items of the keys, from text. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/language/key.h"
#include "util/cleanup.h"
#include "util/glob.h"
#include "util/memory.h"
#include "util/name_service.h"
#include "util/nearest.h"

/* Says what is wrong with an item; always false. */
__attribute__((format(printf, 2, 3))) static bool wrong(ItemReader *reader, const char *format,
                                                        ...) {
    va_list arguments;
    va_start(arguments, format);
    free(reader->message);
    if (vasprintf(&reader->message, format, arguments) < 0) {
        reader->message = NULL;
        reader->out_of_memory = true;
    }
    va_end(arguments);
    return false;
}

static bool no_memory(ItemReader *reader) {
    reader->out_of_memory = true;
    return false;
}

/* The same with the nearest of the words that would do. */
static bool wrong_word(ItemReader *reader, const char *text, const char *kind,
                       const char *const *words, size_t count) {
    const char *nearest = nearest_word(text, words, count);
    if (nearest)
        return wrong(reader, "%s is not %s: did you mean `%s`?", show(text).text, kind, nearest);

    char list[160] = "";
    for (size_t i = 0, used = 0; i < count && used < sizeof(list); i++)
        used += (size_t)snprintf(list + used, sizeof(list) - used, "%s`%s`",
                                 i == 0           ? ""
                                 : i + 1 == count ? " or "
                                                  : ", ",
                                 words[i]);
    return wrong(reader, "%s is not %s: it is %s", show(text).text, kind, list);
}

/* Digits, or digits "-" digits: nothing else is meant as a number. */
static bool looks_like_ports(const char *text) {
    size_t first = strspn(text, "0123456789");
    if (first == 0 || text[first] == '\0')
        return first > 0;
    size_t second = strspn(text + first + 1, "0123456789");
    return text[first] == '-' && second > 0 && text[first + 1 + second] == '\0';
}

static bool parse_port_number(ItemReader *reader, const char *text, size_t length, uint16_t *ret) {
    uint64_t port;
    if (parse_unsigned(text, length, UINT16_MAX, &port) < 0)
        return wrong(reader, "port %.*s is not in 0-65535", (int)(length < 20 ? length : 20), text);
    *ret = (uint16_t)port;
    return true;
}

static bool parse_service(ItemReader *reader, const char *text, Item *ret) {
    uint32_t port;
    int r = names_service(reader->names, text, &port);
    if (r == 0) {
        ret->port.first = ret->port.last = (uint16_t)port;
        return true;
    }
    if (r == -ENOMEM)
        return no_memory(reader);
    if (r != -ENOENT) {
        ret->untold = true;
        return true;
    }
    if (text[0] >= '0' && text[0] <= '9')
        return wrong(reader, "%s is not a port, a range such as `3000-3999` or a service's name",
                     show(text).text);
    if (name_any_service() == 0)
        return wrong(reader,
                     "no service is known by name here, so not %s: write the port's number, "
                     "or install /etc/services (Debian: netbase)",
                     show(text).text);
    char nearest[NAME_TEXT_SIZE];
    return name_near_service(text, nearest) == 0
               ? wrong(reader, "no service is named %s: did you mean %s?", show(text).text,
                       show(nearest).text)
               : wrong(reader, "no service is named %s in /etc/services", show(text).text);
}

bool item_parse_port(ItemReader *reader, const char *text, Item *ret) {
    if (strcmp(text, "any") == 0) {
        ret->port.first = 0;
        ret->port.last = UINT16_MAX;
        return true;
    }
    if (!looks_like_ports(text))
        return parse_service(reader, text, ret);

    size_t first = strcspn(text, "-");
    if (!parse_port_number(reader, text, first, &ret->port.first))
        return false;
    ret->port.last = ret->port.first;
    if (text[first] == '\0')
        return true;
    if (!parse_port_number(reader, text + first + 1, strlen(text + first + 1), &ret->port.last))
        return false;
    if (ret->port.first > ret->port.last)
        return wrong(reader, "the range is backwards: %u-%u is meant?", ret->port.last,
                     ret->port.first);
    return true;
}

/* The prefix with its host bits cleared, for the one who set them. */
static bool wrong_host_bits(ItemReader *reader, const char *text) {
    char copy[ADDRESS_SIZE], fixed[ADDRESS_SIZE];
    const char *slash = strchr(text, '/');
    Address address;

    snprintf(copy, sizeof(copy), "%.*s", (int)(slash - text), text);
    if (address_parse(copy, &address) < 0)
        return wrong(reader, "%s has bits set beyond its prefix length", show(text).text);
    unsigned length = (unsigned)strtoul(slash + 1, NULL, 10);
    for (unsigned bit = length; bit < (address.family == AF_INET ? 32 : 128); bit++)
        address.bytes[bit / 8] &= (uint8_t) ~(0x80u >> bit % 8);
    address_format(&address, fixed);
    return wrong(reader, "%s has bits set beyond /%u: did you mean `%s/%u`?", show(text).text,
                 length, fixed, length);
}

bool item_parse_bind(ItemReader *reader, const char *text, Item *ret) {
    Prefix *prefix = &ret->bind.prefix;
    int r = prefix_parse(text, prefix);
    if (r == -EDOM)
        return wrong_host_bits(reader, text);
    if (r < 0 && text[0] == '[')
        return wrong(reader, "%s is not an address: write it without brackets", show(text).text);
    if (r < 0 && strchr(text, '%'))
        return wrong(reader, "%s is not an address: a device is matched by `interface`",
                     show(text).text);
    if (r < 0)
        return wrong(reader, "%s is not an address or a prefix such as `192.168.0.0/16`",
                     show(text).text);
    /* A v4-mapped prefix is the IPv4 one: it is what addresses are compared as. */
    if (address_is_mapped(&prefix->address) && prefix->length >= 96) {
        prefix->address = address_unmapped(&prefix->address);
        prefix->length = (uint8_t)(prefix->length - 96);
    }
    unsigned bits = prefix->address.family == AF_INET ? 32 : 128;
    ret->bind.wildcard = prefix->length == bits && address_is_wildcard(&prefix->address);
    return true;
}

/* Splits `10.0.0.5`, `10.0.0.5:80`, `fd00::5`, `[fd00::5]:80`; *ret_port: NULL without one. */
static bool split_target(const char *text, char host[static ADDRESS_SIZE], const char **ret_port) {
    bool is_bracketed = text[0] == '[';
    const char *colon = strchr(text, ':'), *end = text + strlen(text);

    *ret_port = NULL;
    if (is_bracketed) {
        text++;
        end = strchr(text, ']');
        if (!end || end[1] != ':')
            return false;
        *ret_port = end + 2;
    } else if (colon && !strchr(colon + 1, ':')) {
        end = colon;
        *ret_port = colon + 1;
    }
    if (end - text >= ADDRESS_SIZE)
        return false;
    memcpy(host, text, (size_t)(end - text));
    host[end - text] = '\0';
    return is_bracketed == (strchr(host, ':') && *ret_port);
}

bool item_parse_target(ItemReader *reader, const char *text, Item *ret) {
    char host[ADDRESS_SIZE];
    const char *port;

    ret->target.port = 0;
    ret->target.address = (Address){};
    if (!split_target(text, host, &port) ||
        (strcmp(host, "self") != 0 && address_parse(host, &ret->target.address) < 0) ||
        (port && (!*port || port[strspn(port, "0123456789")])))
        return wrong(reader,
                     "%s is not a target such as `10.0.0.5`, `10.0.0.5:80`, `[fd00::5]:80` or "
                     "`self:80`",
                     show(text).text);
    ret->target.address = address_unmapped(&ret->target.address);
    if (port && !parse_port_number(reader, port, strlen(port), &ret->target.port))
        return false;
    return !port || ret->target.port != 0 || wrong(reader, "port 0 is not a valid target");
}

bool item_parse_scope(ItemReader *reader, const char *text, Item *ret) {
    const char *names[SCOPE_COUNT];
    if (scope_parse(text, &ret->scope) == 0)
        return true;
    for (Scope scope = 0; scope < SCOPE_COUNT; scope++)
        names[scope] = scope_name(scope);
    return wrong_word(reader, text, "a scope", names, SCOPE_COUNT);
}

bool item_parse_interface(ItemReader *reader, const char *text, Item *ret) {
    bool is_glob = glob_is_pattern(text);
    if (*text == '\0' || strchr(text, '/'))
        return wrong(reader, "%s is not an interface's name or glob", show(text).text);
    if (!is_glob && strlen(text) >= IFNAMSIZ)
        return wrong(reader, "%s is not an interface name: names have at most %d bytes",
                     show(text).text, IFNAMSIZ - 1);
    ret->pattern = (Pattern){.text = text, .is_glob = is_glob};
    return true;
}

/* (uid_t) -1 is nobody's: chown(2) takes it as "leave as it is". */
static bool parse_account(ItemReader *reader, const char *text, Item *ret,
                          int (*find)(Names *, const char *, uint32_t *), const char *kind) {
    uint64_t id;
    int r = parse_unsigned(text, strlen(text), UINT32_MAX - 1, &id);
    if (r == -ERANGE)
        return wrong(reader, "%s %s is not in 0-%u", kind, show(text).text, UINT32_MAX - 1);
    if (r == 0) {
        ret->account = (Account){.id = (uint32_t)id, .known = true};
        return true;
    }
    if (*text == '\0' || strpbrk(text, ":/ \t"))
        return wrong(reader, "%s is not a %s's name or number", show(text).text, kind);

    /* A name that does not exist (yet) matches no one; the linter says so. */
    ret->account = (Account){.name = text};
    r = find(reader->names, text, &ret->account.id);
    if (r == -ENOMEM)
        return no_memory(reader);
    ret->account.known = r == 0;
    ret->untold = r < 0 && r != -ENOENT;
    return true;
}

bool item_parse_user(ItemReader *reader, const char *text, Item *ret) {
    return parse_account(reader, text, ret, names_user, "user");
}

bool item_parse_group(ItemReader *reader, const char *text, Item *ret) {
    return parse_account(reader, text, ret, names_group, "group");
}

/* Whether a path is as the kernel writes one: no empty, `.` or `..` part. */
static bool path_is_plain(const char *path) {
    while (*path == '/') {
        size_t length = strcspn(path + 1, "/");
        const char *part = path + 1;
        if (length == 0 || (length == 1 && part[0] == '.') ||
            (length == 2 && part[0] == '.' && part[1] == '.'))
            return false;
        path = part + length;
    }
    return true;
}

bool item_parse_exe(ItemReader *reader, const char *text, Item *ret) {
    if (text[0] != '/')
        return wrong(reader, "%s is not an absolute path or glob: it must begin with `/`",
                     show(text).text);
    if (strlen(text) >= 4096)
        return wrong(reader, "the path is longer than 4095 bytes");
    if (!path_is_plain(text))
        return wrong(reader,
                     "%s has an empty, `.` or `..` part, or ends with `/`: write the path "
                     "without it",
                     show(text).text);
    ret->pattern = (Pattern){.text = text, .is_glob = glob_is_pattern(text)};
    return true;
}

bool item_parse_tool(ItemReader *reader, const char *text, Item *ret) {
    if (*text == '\0' || strlen(text) > 255)
        return wrong(reader, "%s is not a tool's name or glob", show(text).text);
    ret->pattern = (Pattern){.text = text, .is_glob = glob_is_pattern(text)};
    return true;
}

static bool unit_has_suffix(const char *name) {
    static const char *const suffixes[] = {".service", ".socket",    ".scope", ".slice",
                                           ".mount",   ".automount", ".swap",  ".timer",
                                           ".path",    ".target",    ".device"};
    const char *dot = strrchr(name, '.');
    return dot && dot != name && string_find(dot, suffixes, ELEMENTS(suffixes)) >= 0;
}

/* A unit's name may hold `\x2d`, which is no glob's escape: the globs of units know none. */
static char *unit_glob(Arena *arena, const char *text) {
    char *glob = arena_array(arena, strlen(text) * 2 + 1, 1), *out = glob;
    if (!glob)
        return NULL;
    for (; *text; text++) {
        if (*text == '\\')
            *out++ = '\\';
        *out++ = *text;
    }
    return glob;
}

bool item_parse_unit(ItemReader *reader, const char *text, Item *ret) {
    bool is_glob = strpbrk(text, "*?[") != NULL;

    if (*text == '\0' || strlen(text) > 255 || strpbrk(text, "/ \t"))
        return wrong(reader, "%s is not a unit's name or glob", show(text).text);
    if (!is_glob && !unit_has_suffix(text))
        return wrong(reader, "%s is not a full unit name: is `.service` missing?", show(text).text);
    if (is_glob) {
        text = unit_glob(&reader->policy->arena, text);
        if (!text)
            return no_memory(reader);
    }
    ret->pattern = (Pattern){.text = text, .is_glob = is_glob};
    return true;
}

bool item_parse_container(ItemReader *reader, const char *text, Item *ret) {
    ret->container.pattern = (Pattern){.text = text, .is_glob = glob_is_pattern(text)};
    if (*text == '\0' || strpbrk(text, "/ \t"))
        return wrong(reader, "%s is not a container's name, id or glob", show(text).text);
    if (strcmp(text, "none") == 0)
        ret->container.word = CONTAINER_NONE;
    else if (strcmp(text, "any") == 0)
        ret->container.word = CONTAINER_ANY;
    else if (strlen(text) >= 12 && text[strspn(text, "0123456789abcdef")] == '\0')
        ret->container.word = CONTAINER_ID;
    else
        for (ContainerRuntime runtime = 1; runtime < RUNTIME_COUNT; runtime++)
            if (strcmp(text, container_runtime_name(runtime)) == 0) {
                ret->container.word = CONTAINER_RUNTIME;
                ret->container.runtime = runtime;
            }
    return true;
}

static bool parse_choice(ItemReader *reader, const char *text, const char *kind,
                         const char *const words[2], bool *ret) {
    int index = string_find(text, words, 2);
    *ret = index > 0;
    return index >= 0 || wrong_word(reader, text, kind, words, 2);
}

bool item_parse_netns(ItemReader *reader, const char *text, Item *ret) {
    static const char *const words[] = {"other", "host"};
    return parse_choice(reader, text, "a network namespace", words, &ret->yes);
}

bool item_parse_origin(ItemReader *reader, const char *text, Item *ret) {
    static const char *const words[] = {"socket", "forward"};
    return parse_choice(reader, text, "an origin", words, &ret->yes);
}

bool item_parse_ephemeral(ItemReader *reader, const char *text, Item *ret) {
    static const char *const words[] = {"no", "yes"};
    return parse_choice(reader, text, "an answer", words, &ret->yes);
}

bool item_parse_age(ItemReader *reader, const char *text, Item *ret) {
    int r = parse_duration(text, strlen(text), &ret->age);
    if (r == -ERANGE)
        return wrong(reader, "the age %s is too long", show(text).text);
    if (r < 0)
        return wrong(reader, "%s is not an age such as `30s`, `5m` or `1h30m`", show(text).text);
    return true;
}
