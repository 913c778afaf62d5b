/* Bundles: written, and what they hold got out again. */
#include "plugins/verifier/bundle_internal.h"

#include "base/base64url.h"
#include "plugins/verifier/canonical.h"

static const char bundle_type[] = "lucid.attestation.bundle/v1";

static enum lucid_error refuse(struct lucid_why *why, const char *param, const char *text)
{
    return lucid_refuse(why, LUCID_REFUSE_INVALID, "INVALID_BUNDLE", param, "%s", text);
}

/* --- writing ---------------------------------------------------------------------------------- */

size_t bundle_blob_bytes(size_t len)
{
    return lucid_base64_len(len) + sizeof(",\"sha256:\":\"\"}}") + 2 * LUCID_SHA256_BYTES;
}

/* start: where the bundle begins in out. */
static enum lucid_error blobs_write(struct lucid_span record, record_blob_fn *blob, void *context,
                                    struct lucid_arena *arena, size_t start, struct lucid_buf *out,
                                    struct lucid_why *why)
{
    uint8_t(*digests)[LUCID_SHA256_BYTES];
    size_t count;
    enum lucid_error e = record_digests(record, arena, &digests, &count, why);
    for (size_t i = 0; e == LUCID_OK && i < count; i++) {
        struct lucid_span bytes;
        e = blob(context, digests[i], &bytes);
        if (e != LUCID_OK) {
            break;
        }
        if (bundle_blob_bytes(bytes.len) > BUNDLE_BYTES_MAX - (out->len - start)) {
            return lucid_refuse(why, LUCID_REFUSE_TOO_LARGE, "INVALID_BUNDLE", "blobs",
                                "the bundle would be longer than %zu bytes", BUNDLE_BYTES_MAX);
        }
        lucid_buf_str(out, i == 0 ? "" : ",");
        canonical_digest_put(out, digests[i]);
        lucid_buf_str(out, ":\"");
        lucid_buf_base64(out, bytes.data, bytes.len);
        lucid_buf_char(out, '"');
    }
    return e;
}

enum lucid_error bundle_write(struct lucid_span record, struct lucid_span ear,
                              struct lucid_span keys, struct lucid_span members,
                              record_blob_fn *blob, void *context, struct lucid_arena *arena,
                              struct lucid_buf *out, struct lucid_why *why)
{
    size_t start = out->len;
    lucid_buf_char(out, '{');
    lucid_json_member_cstr(out, "type", bundle_type);
    lucid_json_member(out, "record");
    lucid_buf_span_put(out, record);
    lucid_json_member_str(out, "ear", ear);
    lucid_json_member(out, "keys");
    lucid_buf_span_put(out, keys);
    if (members.len > 0) {
        lucid_buf_char(out, ',');
        lucid_buf_span_put(out, members);
    }
    canonical_open(out, "blobs", '{');
    enum lucid_error e = out->len - start <= BUNDLE_REST_BYTES
                             ? blobs_write(record, blob, context, arena, start, out, why)
                             : refuse(why, "record", "it and its proof are too long");
    lucid_buf_str(out, "}}");
    return e == LUCID_OK && !lucid_buf_ok(out) ? LUCID_RETRY_MEMORY : e;
}

/* --- reading ---------------------------------------------------------------------------------- */

static bool is_type(const struct jcs_value *value, enum jcs_type type)
{
    return value != NULL && jcs_type(value) == type;
}

static bool is_text(const struct jcs_value *value, const char *text)
{
    return is_type(value, JCS_STRING) && lucid_span_is(jcs_string(value), text);
}

/* The Ed25519 keys of a JWK set; others, of other uses, are passed over. */
static enum lucid_error keys_read(const struct jcs_value *set, struct bundle *ret,
                                  struct lucid_why *why)
{
    const struct jcs_value *keys = jcs_member(set, "keys");
    if (!is_type(keys, JCS_ARRAY) || jcs_count(keys) > RECORD_KEYS_MAX) {
        return refuse(why, "keys", "it is to be a JWK set of at most 256 keys");
    }
    const struct jcs_value *at = NULL;
    while ((at = jcs_next(keys, at)) != NULL) {
        const struct jcs_value *x = jcs_member(at, "x");
        size_t len = 0;
        if (is_text(jcs_member(at, "kty"), "OKP") && is_text(jcs_member(at, "crv"), "Ed25519") &&
            is_type(x, JCS_STRING) &&
            lucid_base64url_read(jcs_string(x), ret->keys[ret->key_count], DOCUMENT_KEY_BYTES,
                                 &len) &&
            len == DOCUMENT_KEY_BYTES) {
            ret->key_count++;
        }
    }
    return LUCID_OK;
}

enum lucid_error bundle_read(const struct jcs_value *root, struct lucid_arena *arena,
                             struct bundle *ret, struct lucid_why *why)
{
    const struct jcs_value *record = jcs_member(root, "record");
    const struct jcs_value *ear = jcs_member(root, "ear");
    const struct jcs_value *proof = jcs_member(root, "proof");
    ret->arena = arena;
    ret->blobs = jcs_member(root, "blobs");
    if (!is_text(jcs_member(root, "type"), bundle_type)) {
        return refuse(why, "type", "it is not lucid.attestation.bundle/v1");
    }
    if (!is_type(record, JCS_OBJECT)) {
        return refuse(why, "record", "it is to be an object");
    }
    if (!is_type(ear, JCS_STRING)) {
        return refuse(why, "ear", "it is to be a token");
    }
    if (!is_type(ret->blobs, JCS_OBJECT)) {
        return refuse(why, "blobs", "it is to be an object");
    }
    ret->ear = jcs_string(ear);
    ret->record = canonical_value(record, arena);
    bool proven = proof != NULL && jcs_type(proof) != JCS_NULL;
    if (proven) {
        ret->proof = canonical_value(proof, arena);
    }
    return ret->record.data == NULL || (proven && ret->proof.data == NULL)
               ? LUCID_RETRY_MEMORY
               : keys_read(jcs_member(root, "keys"), ret, why);
}

enum lucid_error bundle_blob(void *context, const uint8_t digest[LUCID_SHA256_BYTES],
                             struct lucid_span *ret)
{
    const struct bundle *bundle = context;
    char name[7 + 2 * LUCID_SHA256_BYTES + 1] = "sha256:";
    lucid_hex_encode(digest, LUCID_SHA256_BYTES, name + 7);
    const struct jcs_value *value = jcs_member(bundle->blobs, name);
    if (!is_type(value, JCS_STRING)) {
        return LUCID_NOTE_ABSENT;
    }
    struct lucid_span text = jcs_string(value);
    size_t len = 0;
    uint8_t *bytes = lucid_arena_alloc(bundle->arena, text.len / 4 * 3 + 1);
    if (bytes == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    if (!lucid_base64_decode(text, bytes, text.len / 4 * 3, &len)) {
        return LUCID_NOTE_ABSENT; /* nothing that could be read */
    }
    *ret = lucid_span(bytes, len);
    return LUCID_OK;
}
