/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Paths of cgroups: the first byte says how much of the path is root's (255: all of it). */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "owner/cgroup_path.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0)
        return 0;
    char *path = strndup((const char *)data + 1, size - 1);
    if (!path)
        return 0;
    size_t owned_from = data[0] == 255 ? SIZE_MAX : data[0];

    CgroupIdentity identity;
    if (cgroup_path_interpret(path, owned_from, &identity) == 0) {
        /* What is named was there to name, and nothing is named by others than root. */
        if (identity.unit && (!unit_name_is_valid(identity.unit, strlen(identity.unit)) ||
                              strlen(identity.unit) > owned_from || strchr(identity.unit, '/')))
            abort();
        if (identity.user_unit && !identity.unit)
            abort();
        if (identity.container_id &&
            (identity.runtime == RUNTIME_NONE || strlen(identity.container_id) > owned_from))
            abort();
        cgroup_identity_done(&identity);
    }
    free(path);
    return 0;
}
