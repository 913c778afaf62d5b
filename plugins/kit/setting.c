#include "plugins/kit/setting.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/jcs/jcs.h"

enum { LABEL_BYTES_MAX = 255, ARENA_BYTES_MAX = 64 * 1024 };

bool setting_file_read(const char *path, size_t max, struct lucid_span *ret)
{
    if (path[0] == '\0') {
        *ret = (struct lucid_span){0};
        return true;
    }
    FILE *file = fopen(path, "re");
    uint8_t *text = file != NULL ? malloc(max + 1) : NULL;
    size_t len = text != NULL ? fread(text, 1, max + 1, file) : 0;
    bool ok = text != NULL && ferror(file) == 0 && len > 0 && len <= max;
    if (file != NULL) {
        (void)fclose(file);
    }
    if (!ok) {
        free(text);
        return false;
    }
    *ret = lucid_span(text, len);
    return true;
}

void setting_file_free(struct lucid_span *file)
{
    free((void *)(uintptr_t)file->data);
    *file = (struct lucid_span){0};
}

bool setting_is_label(const char *text)
{
    static const struct jcs_limits limits = {.depth_max = 1, .values_max = 1};
    const struct jcs_value *root;
    struct lucid_arena arena;
    struct lucid_buf json = {0};
    bool good = strlen(text) <= LABEL_BYTES_MAX;
    for (const char *at = text; *at != '\0'; at++) {
        good = good && (unsigned char)*at >= 0x20 && *at != 0x7f;
    }
    lucid_arena_init(&arena, ARENA_BYTES_MAX);
    lucid_json_string(&json, lucid_span_str(text));
    good = good && lucid_buf_ok(&json) &&
           jcs_parse(lucid_buf_span(&json), &limits, &arena, &root, NULL) == LUCID_OK;
    lucid_buf_fini(&json);
    lucid_arena_fini(&arena);
    return good;
}

enum lucid_error setting_refuse(const char *plugin, const char *key, struct lucid_why *why,
                                const char *text)
{
    char param[64];
    (void)snprintf(param, sizeof(param), "%s.%s", plugin, key);
    return lucid_refuse(why, LUCID_REFUSE_INVALID, "INVALID_CONFIG", param, "%s: %s", param, text);
}
