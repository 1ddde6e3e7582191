/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where a D-Bus message ends, told from its first bytes. sd-bus would take a message of 128 MiB
 * from anybody and make room for it at once; so what a peer sends is cut into messages first, and
 * those that are too large never reach it. Pure.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <sys/types.h>

/* Lines of the authentication (D-Bus Specification, "Authentication Protocol") are this long at
 * most, with their "\r\n"; a uid in hexadecimal of its decimal digits is 20 bytes. */
#define FRAME_LINE_MAX 256

/*
 * The length of the first line of data[0..length), with its "\r\n". 0: it is not whole yet.
 * -EMSGSIZE: it is too long.
 */
ssize_t frame_line(const uint8_t *data, size_t length);

/*
 * The length of the first message of data[0..length), of `max` bytes at most. 0: it is not whole
 * yet. -EBADMSG: it is none. -EMSGSIZE: it is too long.
 */
ssize_t frame_message(const uint8_t *data, size_t length, size_t max);
