/* Documents as tests write them: one quote for two, and members put in, out or instead. */
#ifndef LUCID_TESTS_UNIT_VERIFIER_DOCUMENT_KIT_H
#define LUCID_TESTS_UNIT_VERIFIER_DOCUMENT_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/assert.h"
#include "base/buf.h"
#include "base/sha256.h"

#define H32 "1111111111111111111111111111111111111111111111111111111111111111"
#define H48 H32 "22222222222222222222222222222222"

/* The text with ' for ", and with the first `from` replaced by `to` (NULL: as it is). */
static inline struct lucid_span kit_text(const char *form, const char *from, const char *to,
                                         struct lucid_buf *out)
{
    const char *at = from == NULL ? NULL : strstr(form, from);
    lucid_assert(from == NULL || at != NULL);
    lucid_buf_clear(out);
    if (at == NULL) {
        lucid_buf_str(out, form);
    } else {
        lucid_buf_put(out, form, (size_t)(at - form));
        lucid_buf_str(out, to);
        lucid_buf_str(out, at + strlen(from));
    }
    for (size_t i = 0; i < out->len; i++) {
        out->data[i] = out->data[i] == '\'' ? '"' : out->data[i];
    }
    return lucid_buf_span(out);
}

/* A change of a good document, and what must be said of it. */
struct kit_fault {
    const char *from;
    const char *to;
    const char *code;  /* NULL: it is still good */
    const char *param; /* "" */
};

typedef enum lucid_error kit_parse_fn(struct lucid_span text, struct lucid_arena *arena,
                                      struct lucid_why *why);

static inline void kit_faults(const char *form, const struct kit_fault *faults, size_t count,
                              kit_parse_fn *parse)
{
    struct lucid_buf text = {.bytes_max = 0};
    for (size_t i = 0; i < count; i++) {
        struct lucid_arena arena;
        struct lucid_why why = {.code = NULL};
        lucid_arena_init(&arena, 4U << 20);
        enum lucid_error error =
            parse(kit_text(form, faults[i].from, faults[i].to, &text), &arena, &why);
        if (faults[i].code == NULL) {
            if (error != LUCID_OK) {
                print_message("%s -> %s: %s %s\n", faults[i].from, faults[i].to, why.param,
                              why.text);
            }
            assert_int_equal(error, LUCID_OK);
        } else {
            if (why.code == NULL || strcmp(why.param, faults[i].param) != 0) {
                print_message("%s -> %s: %s %s\n", faults[i].from, faults[i].to, why.param,
                              why.text);
            }
            assert_int_equal(lucid_category(error), LUCID_CATEGORY_REFUSE);
            assert_string_equal(why.code, faults[i].code);
            assert_string_equal(why.param, faults[i].param);
            assert_true(why.text[0] != '\0');
        }
        lucid_arena_fini(&arena);
    }
    lucid_buf_fini(&text);
}

#endif
