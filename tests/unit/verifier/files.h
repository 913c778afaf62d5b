/* Files of tests/vectors, read whole. */
#ifndef LUCID_TESTS_VERIFIER_FILES_H
#define LUCID_TESTS_VERIFIER_FILES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"

/* name: below tests/vectors/attestation. The caller frees. */
static inline struct lucid_buf file_read(const char *name)
{
    const char *root = getenv("LUCID_TEST_VECTORS");
    assert_non_null(root);
    char path[1024];
    assert_in_range(snprintf(path, sizeof(path), "%s/attestation/%s", root, name), 1,
                    sizeof(path) - 1);
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        fail_msg("cannot open %s", path);
    }
    struct lucid_buf content;
    lucid_buf_init(&content, 0);
    char chunk[4096];
    size_t len;
    while ((len = fread(chunk, 1, sizeof(chunk), file)) > 0) {
        lucid_buf_put(&content, chunk, len);
    }
    fclose(file);
    assert_true(lucid_buf_ok(&content) && content.len > 0);
    return content;
}

#endif
