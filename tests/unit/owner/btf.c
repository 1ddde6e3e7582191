/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "owner/btf.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <linux/btf.h>
#include <stdlib.h>
#include <string.h>

/* struct s { int a; union { struct { int b; }; }; int c : 3; }; and the function f. */
typedef struct Image {
    struct btf_header header;
    struct btf_type s;
    struct btf_member members[3];
    struct btf_type u;
    struct btf_member of_u[1];
    struct btf_type inner;
    struct btf_member of_inner[1];
    struct btf_type f;
    char strings[13];
} Image;

#define INFO(kind, n, flag) ((uint32_t)(flag) << 31 | (uint32_t)(kind) << 24 | (uint32_t)(n))
#define TYPES_SIZE          (offsetof(Image, strings) - sizeof(struct btf_header))

static Image image(void) {
    Image i = {
        .header = {.magic = BTF_MAGIC, .version = 1, .hdr_len = sizeof(struct btf_header)},
        .s = {.name_off = 1, .info = INFO(BTF_KIND_STRUCT, 3, 1)},
        .members = {{.name_off = 3, .type = 9, .offset = 0},
                    {.name_off = 0, .type = 2, .offset = 64},
                    {.name_off = 7, .type = 9, .offset = 3u << 24 | 128}},
        .u = {.info = INFO(BTF_KIND_UNION, 1, 0)},
        .of_u = {{.name_off = 0, .type = 3, .offset = 0}},
        .inner = {.info = INFO(BTF_KIND_STRUCT, 1, 0)},
        .of_inner = {{.name_off = 5, .type = 9, .offset = 32}},
        .f = {.name_off = 9, .info = INFO(BTF_KIND_FUNC, 0, 0)},
        .strings = "\0s\0a\0b\0c\0f\0\0",
    };
    i.header.type_len = TYPES_SIZE;
    i.header.str_off = TYPES_SIZE;
    i.header.str_len = sizeof(i.strings);
    return i;
}

Test(btf, members_and_functions_are_found) {
    Image i = image();
    Btf btf;
    uint32_t offset = 77;
    cr_assert_eq(btf_open(&btf, &i, sizeof(i)), 0);
    cr_assert_eq(btf.n_types, 4);
    cr_assert(btf_member(&btf, "s", "a", &offset) == 0 && offset == 0);
    cr_assert(btf_member(&btf, "s", "b", &offset) == 0 && offset == 12);
    cr_assert_eq(btf_member(&btf, "s", "c", &offset), -EINVAL);
    cr_assert_eq(btf_member(&btf, "s", "x", &offset), -ENOENT);
    cr_assert_eq(btf_member(&btf, "t", "a", &offset), -ENOENT);
    cr_assert_eq(offset, 12);
    cr_assert_eq(btf_function(&btf, "f"), 4);
    cr_assert_eq(btf_function(&btf, "s"), 0);
    btf_done(&btf);
}

Test(btf, a_union_that_holds_itself_ends) {
    Image i = image();
    Btf btf;
    uint32_t offset;
    i.of_u[0].type = 2;
    cr_assert_eq(btf_open(&btf, &i, sizeof(i)), 0);
    cr_assert_eq(btf_member(&btf, "s", "b", &offset), -ENOENT);
    btf_done(&btf);
}

Test(btf, every_flipped_and_cut_image_is_survived) {
    for (size_t size = 0; size <= sizeof(Image); size++) {
        Image whole = image();
        char *cut = malloc(size ? size : 1);
        memcpy(cut, &whole, size);
        Btf btf;
        if (btf_open(&btf, cut, size) == 0)
            btf_done(&btf);
        free(cut);
    }
    for (size_t at = 0; at < sizeof(Image); at++)
        for (unsigned value = 0; value < 256; value += 5) {
            Image *bent = malloc(sizeof(*bent));
            *bent = image();
            ((unsigned char *)bent)[at] = (unsigned char)value;
            Btf btf;
            uint32_t offset;
            if (btf_open(&btf, bent, sizeof(*bent)) == 0) {
                (void)btf_member(&btf, "s", "b", &offset);
                (void)btf_function(&btf, "f");
                btf_done(&btf);
            }
            free(bent);
        }
}
