#include "plugins/verifier/canonical.h"

#include "base/base64url.h"

static const char digest_prefix[] = "sha256:";

#define DEPTH_MAX  24
#define VALUES_MAX 16384

struct lucid_span canonical_keep(struct lucid_buf *out, struct lucid_arena *arena)
{
    struct lucid_span copy = {NULL, 0};
    if (lucid_buf_ok(out)) {
        copy = lucid_arena_copy(arena, lucid_buf_span(out));
    }
    lucid_buf_fini(out);
    return copy;
}

struct lucid_span canonical_value(const struct jcs_value *value, struct lucid_arena *arena)
{
    struct lucid_buf out = {0};
    jcs_write(value, &out);
    return canonical_keep(&out, arena);
}

enum lucid_error canonical_form(struct lucid_span text, struct lucid_arena *arena,
                                struct lucid_span *ret, struct lucid_why *why)
{
    static const struct jcs_limits limits = {.depth_max = DEPTH_MAX, .values_max = VALUES_MAX};
    const struct jcs_value *root;
    enum lucid_error e = jcs_parse(text, &limits, arena, &root, why);
    if (e != LUCID_OK) {
        return e;
    }
    struct lucid_span form = canonical_value(root, arena);
    if (form.data == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    *ret = form;
    return LUCID_OK;
}

bool canonical_digest_read(struct lucid_span text, uint8_t ret[LUCID_SHA256_BYTES])
{
    const size_t skip = sizeof(digest_prefix) - 1;
    return text.len > skip && memcmp(text.data, digest_prefix, skip) == 0 &&
           lucid_hex_decode(lucid_span(text.data + skip, text.len - skip), ret, LUCID_SHA256_BYTES);
}

void canonical_digest_put(struct lucid_buf *out, const uint8_t hash[LUCID_SHA256_BYTES])
{
    lucid_buf_char(out, '"');
    lucid_buf_str(out, digest_prefix);
    lucid_buf_hex(out, hash, LUCID_SHA256_BYTES);
    lucid_buf_char(out, '"');
}

void canonical_digest(struct lucid_buf *out, const char *name,
                      const uint8_t hash[LUCID_SHA256_BYTES])
{
    lucid_json_member(out, name);
    canonical_digest_put(out, hash);
}

void canonical_digest_of(struct lucid_buf *out, const char *name, struct lucid_span bytes)
{
    uint8_t hash[LUCID_SHA256_BYTES];
    lucid_sha256(bytes, hash);
    canonical_digest(out, name, hash);
}

void canonical_base64url(struct lucid_buf *out, const char *name, struct lucid_span bytes)
{
    lucid_json_member(out, name);
    lucid_buf_char(out, '"');
    lucid_base64url_write(out, bytes);
    lucid_buf_char(out, '"');
}

void canonical_open(struct lucid_buf *out, const char *name, char bracket)
{
    lucid_json_member(out, name);
    lucid_buf_char(out, bracket);
}
