/* Signed documents: the signature stands in the document that it signs. */
#include "plugins/verifier/document_internal.h"

static const char algorithm[] = "Ed25519";

bool document_signature_read(const struct field *document, uint8_t ret_key[DOCUMENT_KEY_BYTES],
                             uint8_t ret_signature[DOCUMENT_SIGNATURE_BYTES])
{
    static const char *const names[] = {"algorithm", "publicKey", "value", NULL};
    static const char *const algorithms[] = {algorithm, NULL};
    size_t chosen = 0;
    struct field at = field_member(document, "signature");
    if (at.value == NULL) {
        return document->reading->error == LUCID_OK;
    }
    field_object(&at, names);
    struct field name = field_member(&at, names[0]);
    struct field key = field_member(&at, names[1]);
    struct field value = field_member(&at, names[2]);
    field_required(&name);
    field_choice(&name, algorithms, &chosen);
    field_required(&key);
    field_base64(&key, DOCUMENT_KEY_BYTES, ret_key);
    field_required(&value);
    return field_base64(&value, DOCUMENT_SIGNATURE_BYTES, ret_signature);
}

/* Moves a buffer's bytes into the arena. */
static struct lucid_span settle(struct field_reading *reading, struct lucid_buf *buf)
{
    struct lucid_span ret = {.data = NULL};
    if (lucid_buf_ok(buf)) {
        ret = lucid_arena_copy(reading->arena, lucid_buf_span(buf));
    }
    lucid_buf_fini(buf);
    if (ret.data == NULL && reading->error == LUCID_OK) {
        reading->error = LUCID_RETRY_MEMORY;
    }
    return ret;
}

struct lucid_span document_canonical(const struct field *at)
{
    if (at->reading->error != LUCID_OK) {
        return (struct lucid_span){.data = NULL};
    }
    struct lucid_buf buf;
    lucid_buf_init(&buf, 0);
    jcs_write(at->value, &buf);
    return settle(at->reading, &buf);
}

/* The document with another signature, canonical: written in any order, read and written again.
 * signature NULL: without a value. */
static struct lucid_span document_resigned(const struct field *document,
                                           const uint8_t key[DOCUMENT_KEY_BYTES],
                                           const uint8_t *signature)
{
    struct field_reading *reading = document->reading;
    struct lucid_buf buf;
    lucid_buf_init(&buf, 0);
    lucid_buf_char(&buf, '{');
    struct field member = field_walk(document);
    while (field_next(document, &member)) {
        if (!lucid_span_is(member.name, "signature")) {
            lucid_json_string(&buf, member.name);
            lucid_buf_char(&buf, ':');
            jcs_write(member.value, &buf);
            lucid_buf_char(&buf, ',');
        }
    }
    lucid_buf_printf(&buf, "\"signature\":{\"algorithm\":\"%s\",\"publicKey\":\"", algorithm);
    lucid_buf_base64(&buf, key, DOCUMENT_KEY_BYTES);
    if (signature != NULL) {
        lucid_buf_str(&buf, "\",\"value\":\"");
        lucid_buf_base64(&buf, signature, DOCUMENT_SIGNATURE_BYTES);
    }
    lucid_buf_str(&buf, "\"}}");
    struct lucid_span text = settle(reading, &buf);
    struct field again;
    if (text.data == NULL ||
        field_parse(reading, text, SIZE_MAX, DOCUMENT_DEPTH_MAX, &again) != LUCID_OK) {
        return (struct lucid_span){.data = NULL};
    }
    return document_canonical(&again);
}

struct lucid_span document_unsigned(const struct field *document,
                                    const uint8_t key[DOCUMENT_KEY_BYTES])
{
    return document_resigned(document, key, NULL);
}

enum lucid_error document_check(struct lucid_span text, document_verify_fn *verify, void *context,
                                struct lucid_arena *arena, struct lucid_span *ret_canonical,
                                uint8_t ret_key[DOCUMENT_KEY_BYTES],
                                uint8_t ret_id[LUCID_SHA256_BYTES], struct lucid_why *why)
{
    struct field_reading reading = {.code = "INVALID_DOCUMENT", .arena = arena, .why = why};
    struct field document;
    if (field_parse(&reading, text, POLICY_BYTES_MAX, DOCUMENT_DEPTH_MAX, &document) != LUCID_OK) {
        return reading.error;
    }
    uint8_t key[DOCUMENT_KEY_BYTES];
    uint8_t signature[DOCUMENT_SIGNATURE_BYTES];
    struct field place = field_member(&document, "signature");
    field_required(&place);
    document_signature_read(&document, key, signature);
    if (reading.error != LUCID_OK) {
        return reading.error;
    }
    struct lucid_span canonical = document_canonical(&document);
    struct lucid_span message = document_unsigned(&document, key);
    if (reading.error != LUCID_OK) {
        return reading.error;
    }
    if (canonical.len > POLICY_BYTES_MAX) { /* 1e20 is written with 21 digits */
        return lucid_refuse(why, LUCID_REFUSE_TOO_LARGE, "BODY_TOO_LARGE", NULL,
                            "the canonical form has more than %zu bytes", POLICY_BYTES_MAX);
    }
    if (!verify(key, message, signature, context)) {
        return lucid_refuse(why, LUCID_REFUSE_FORBIDDEN, "SIGNATURE_INVALID", "signature.value",
                            "the signature is not that of the public key over the document");
    }
    lucid_sha256(canonical, ret_id);
    memcpy(ret_key, key, DOCUMENT_KEY_BYTES);
    *ret_canonical = canonical;
    return LUCID_OK;
}

static enum lucid_error sign_step(struct lucid_span text, const uint8_t key[DOCUMENT_KEY_BYTES],
                                  const uint8_t *signature, struct lucid_arena *arena,
                                  struct lucid_span *ret, struct lucid_why *why)
{
    struct field_reading reading = {.code = "INVALID_DOCUMENT", .arena = arena, .why = why};
    struct field document;
    if (field_parse(&reading, text, DOCUMENT_BYTES_MAX, DOCUMENT_DEPTH_MAX, &document) !=
        LUCID_OK) {
        return reading.error;
    }
    struct lucid_span result = document_resigned(&document, key, signature);
    if (reading.error == LUCID_OK) {
        *ret = result;
    }
    return reading.error;
}

enum lucid_error document_signing_input(struct lucid_span text,
                                        const uint8_t key[DOCUMENT_KEY_BYTES],
                                        struct lucid_arena *arena, struct lucid_span *ret,
                                        struct lucid_why *why)
{
    return sign_step(text, key, NULL, arena, ret, why);
}

enum lucid_error document_signed(struct lucid_span text, const uint8_t key[DOCUMENT_KEY_BYTES],
                                 const uint8_t signature[DOCUMENT_SIGNATURE_BYTES],
                                 struct lucid_arena *arena, struct lucid_span *ret,
                                 struct lucid_why *why)
{
    return sign_step(text, key, signature, arena, ret, why);
}
