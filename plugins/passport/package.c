/* Packages: everything that a verification needs, in one document. */
#include "plugins/passport/package.h"

#include "base/assert.h"
#include "plugins/verifier/canonical.h"
#include "plugins/verifier/crypto/jose.h"
#include "plugins/verifier/field.h"

#define DEPTH_MAX        28 /* that of a bundle, in a list */
#define VALUES_MAX       ((uint32_t)262144)
#define PROOF_BYTES_MAX  ((size_t)64 * 1024)
#define KEYS_BYTES_MAX   ((size_t)64 * 1024)
#define KEYS_DEPTH_MAX   8
#define KEYS_VALUES_MAX  2048
#define KEY_ELEMENTS_MAX 256

static const char refusal[] = "INVALID_PASSPORT";

/* --- writing ---------------------------------------------------------------------------------- */

/* A member of JSON text; none: null. */
static void json_write(struct lucid_buf *out, const char *name, struct lucid_span json)
{
    lucid_json_member(out, name);
    if (json.len == 0) {
        lucid_buf_str(out, "null");
    } else {
        lucid_buf_span_put(out, json);
    }
}

static void there_write(struct lucid_buf *out, const char *name, struct lucid_span json)
{
    if (json.len > 0) {
        json_write(out, name, json);
    }
}

void package_write(const struct package *package, struct lucid_buf *out)
{
    lucid_buf_char(out, '{');
    canonical_open(out, "appraisals", '[');
    for (size_t i = 0; i < package->appraisal_count; i++) {
        if (i > 0) {
            lucid_buf_char(out, ',');
        }
        lucid_buf_span_put(out, package->appraisals[i]);
    }
    lucid_buf_char(out, ']');
    if (package->has_entry) {
        lucid_json_member(out, "entry");
        lucid_buf_char(out, '"');
        lucid_buf_base64(out, package->entry, LUCID_PLUGIN_ENTRY_BYTES);
        lucid_buf_char(out, '"');
    }
    there_write(out, "keys", package->keys);
    there_write(out, "passport", package->passport);
    json_write(out, "proof", package->proof);
    there_write(out, "record", package->record);
    if (package->status.len > 0) {
        lucid_json_member_str(out, "status", package->status);
    }
    lucid_json_member_cstr(out, "type", PACKAGE_TYPE);
    lucid_buf_char(out, '}');
}

/* --- reading ---------------------------------------------------------------------------------- */

/* A member that is an object, in canonical form and at most max bytes; null as none. */
static void object_read(const struct field *document, const char *name, size_t max,
                        struct lucid_span *ret)
{
    struct field at = field_member(document, name);
    if (at.value == NULL || jcs_type(at.value) == JCS_NULL || !field_object(&at, NULL)) {
        return;
    }
    struct lucid_span form = canonical_value(at.value, at.reading->arena);
    if (form.data == NULL) {
        at.reading->error = LUCID_RETRY_MEMORY;
    } else if (form.len > max) {
        field_refuse(&at, "must have at most %zu bytes", max);
    } else {
        *ret = form;
    }
}

static void entry_read(const struct field *document, struct package *package)
{
    struct field at = field_member(document, "entry");
    package->has_entry =
        field_base64(&at, LUCID_PLUGIN_ENTRY_BYTES, package->entry) && at.value != NULL;
}

static void appraisals_read(const struct field *document, struct package *package)
{
    struct field at = field_member(document, "appraisals");
    field_array(&at, 0, PASSPORT_APPRAISALS_MAX);
    struct field element = field_walk(&at);
    while (field_next(&at, &element) && field_object(&element, NULL)) {
        struct lucid_span form = canonical_value(element.value, at.reading->arena);
        if (form.data == NULL) {
            at.reading->error = LUCID_RETRY_MEMORY;
            return;
        }
        package->appraisals[package->appraisal_count++] = form;
    }
}

static void members_read(const struct field *document, struct package *package)
{
    struct field passport = field_must(document, "passport");
    struct field status = field_member(document, "status");
    field_object(&passport, NULL);
    object_read(document, "passport", PASSPORT_BYTES_MAX, &package->passport);
    if (package->passport.len == 0) {
        field_refuse(&passport, "must be an object");
    }
    object_read(document, "record", PASSPORT_BYTES_MAX, &package->record);
    object_read(document, "proof", PROOF_BYTES_MAX, &package->proof);
    object_read(document, "keys", KEYS_BYTES_MAX, &package->keys);
    entry_read(document, package);
    if (status.value != NULL && jcs_type(status.value) != JCS_NULL) {
        field_text(&status, 1, STATUS_BYTES_MAX, &package->status);
    }
    appraisals_read(document, package);
}

static bool is_package(const struct jcs_value *root)
{
    const struct jcs_value *type = jcs_member(root, "type");
    return type != NULL && jcs_type(type) == JCS_STRING &&
           lucid_span_is(jcs_string(type), PACKAGE_TYPE);
}

enum lucid_error package_read(struct lucid_span text, struct lucid_arena *arena,
                              struct package *ret, struct lucid_why *why)
{
    static const struct jcs_limits limits = {.depth_max = DEPTH_MAX, .values_max = VALUES_MAX};
    struct field_reading reading = {.code = refusal, .arena = arena, .why = why};
    const struct jcs_value *root;
    struct package package = {.appraisal_count = 0};
    if (text.len > PACKAGE_BYTES_MAX) {
        return lucid_refuse(why, LUCID_REFUSE_TOO_LARGE, "BODY_TOO_LARGE", NULL,
                            "the document has more than %zu bytes", PACKAGE_BYTES_MAX);
    }
    struct lucid_span copy = lucid_arena_copy(arena, text);
    if (copy.data == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    enum lucid_error error = jcs_parse(copy, &limits, arena, &root, why);
    if (error != LUCID_OK) {
        return error;
    }
    if (is_package(root)) {
        struct field document = {.reading = &reading, .value = root};
        members_read(&document, &package);
    } else {
        package.passport = copy;
    }
    if (reading.error == LUCID_OK) {
        *ret = package;
    }
    return reading.error;
}

/* --- keys ------------------------------------------------------------------------------------- */

static bool is_ed25519(const struct field *jwk)
{
    const struct jcs_value *kty = jcs_member(jwk->value, "kty");
    const struct jcs_value *crv = jcs_member(jwk->value, "crv");
    return kty != NULL && jcs_type(kty) == JCS_STRING && lucid_span_is(jcs_string(kty), "OKP") &&
           crv != NULL && jcs_type(crv) == JCS_STRING && lucid_span_is(jcs_string(crv), "Ed25519");
}

/* A key as it is read, and whose it is. */
struct owned_key {
    uint8_t key[PASSPORT_KEY_BYTES];
    struct lucid_span issuer; /* len 0: not said */
};

static bool owned_key_read(const struct field *jwk, struct owned_key *ret)
{
    struct jose_key key;
    struct lucid_why said = {.code = NULL};
    if (jose_key_read(jwk->value, &key, &said) != LUCID_OK) {
        return field_refuse(jwk, "%s", said.text);
    }
    *ret = (struct owned_key){.issuer = {.data = NULL}};
    memcpy(ret->key, key.x, PASSPORT_KEY_BYTES);
    if (jcs_member(jwk->value, "iss") == NULL) {
        return true;
    }
    struct field issuer = field_must(jwk, "iss");
    return field_text(&issuer, 1, 4 * PASSPORT_ISSUER_CHARS_MAX, &ret->issuer);
}

static uint8_t issuer_number(const struct owned_key *keys, size_t at)
{
    size_t first = 0;
    while (first < at &&
           (keys[at].issuer.len == 0 || !lucid_span_equal(keys[first].issuer, keys[at].issuer))) {
        first++;
    }
    return (uint8_t)first;
}

enum lucid_error package_keys_read(struct lucid_span jwks, struct lucid_arena *arena,
                                   uint8_t (*ret)[PASSPORT_KEY_BYTES], uint8_t *ret_issuers,
                                   size_t max, size_t *ret_count, struct lucid_why *why)
{
    static const struct jcs_limits limits = {.depth_max = KEYS_DEPTH_MAX,
                                             .values_max = KEYS_VALUES_MAX};
    struct field_reading reading = {.code = "INVALID_KEY", .arena = arena, .why = why};
    const struct jcs_value *root = NULL;
    size_t count = 0;
    lucid_assert(max <= UINT8_MAX + 1);
    struct owned_key *keys = lucid_arena_alloc(arena, (max + 1) * sizeof(*keys));
    struct lucid_span copy = lucid_arena_copy(arena, jwks);
    if (keys == NULL || copy.data == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    enum lucid_error error = copy.len > KEYS_BYTES_MAX
                                 ? LUCID_REFUSE_TOO_LARGE
                                 : jcs_parse(copy, &limits, arena, &root, NULL);
    if (error != LUCID_OK) {
        return error == LUCID_RETRY_MEMORY
                   ? error
                   : lucid_refuse(why, LUCID_REFUSE_INVALID, "INVALID_KEY", NULL,
                                  "the key set is no good JSON, or too large");
    }
    struct field document = {.reading = &reading, .value = root};
    field_object(&document, NULL);
    struct field list = field_must(&document, "keys");
    field_array(&list, 0, KEY_ELEMENTS_MAX);
    struct field element = field_walk(&list);
    while (field_next(&list, &element) && field_object(&element, NULL)) {
        if (!is_ed25519(&element)) {
            continue;
        }
        if (count == max) {
            field_refuse(&list, "must have at most %zu Ed25519 keys", max);
        } else if (owned_key_read(&element, &keys[count])) {
            count++;
        }
    }
    if (reading.error != LUCID_OK) {
        return reading.error;
    }
    for (size_t i = 0; i < count; i++) {
        memcpy(ret[i], keys[i].key, PASSPORT_KEY_BYTES);
        if (ret_issuers != NULL) {
            ret_issuers[i] = issuer_number(keys, i);
        }
    }
    *ret_count = count;
    return LUCID_OK;
}
