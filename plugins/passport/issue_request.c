/* What asks for a passport: a JSON document, signed by the key that the evidence binds. */
#include "base/assert.h"
#include "plugins/passport/application_internal.h"
#include "plugins/passport/issue.h"
#include "plugins/verifier/canonical.h"
#include "plugins/verifier/field.h"

#define REQUEST_DEPTH_MAX 16
#define TIME_MAX_S        253402300799ULL /* the year 9999 */

static const char *const algorithms[] = {"Ed25519", "ES256", "ES384", NULL};
static const enum jose_alg algorithm_of[] = {JOSE_EDDSA, JOSE_ES256, JOSE_ES384};

static size_t signature_bytes(enum jose_alg alg)
{
    return 2 * jose_coordinate_bytes(alg);
}

/* --- what is signed --------------------------------------------------------------------------- */

/* The canonical document with its signature, of which only the algorithm stands there and, where it
 * is given, a value. */
static enum lucid_error form_write(const struct jcs_value *root, const char *algorithm,
                                   struct lucid_span value, struct lucid_arena *arena,
                                   struct lucid_span *ret)
{
    struct lucid_buf out = {0};
    lucid_buf_char(&out, '{');
    for (const struct jcs_value *at = jcs_next(root, NULL); at != NULL; at = jcs_next(root, at)) {
        if (!lucid_span_is(jcs_name(at), "signature")) {
            lucid_json_string(&out, jcs_name(at));
            lucid_buf_char(&out, ':');
            jcs_write(at, &out);
            lucid_buf_char(&out, ',');
        }
    }
    lucid_buf_str(&out, "\"signature\":{");
    lucid_json_member_cstr(&out, "algorithm", algorithm);
    if (value.len > 0) {
        lucid_json_member(&out, "value");
        lucid_buf_char(&out, '"');
        lucid_buf_base64(&out, value.data, value.len);
        lucid_buf_char(&out, '"');
    }
    lucid_buf_str(&out, "}}");
    enum lucid_error error = lucid_buf_ok(&out)
                                 ? canonical_form(lucid_buf_span(&out), arena, ret, NULL)
                                 : LUCID_RETRY_MEMORY;
    lucid_buf_fini(&out);
    return error;
}

/* --- reading ---------------------------------------------------------------------------------- */

static void ids_read(const struct field *list, size_t max, uint8_t (*ret)[LUCID_SHA256_BYTES],
                     size_t *ret_count)
{
    struct field at = field_walk(list);
    size_t count = 0;
    while (field_array(list, 0, max) && field_next(list, &at)) {
        struct lucid_span raw = {.data = NULL};
        if (!field_hex(&at, LUCID_SHA256_BYTES, LUCID_SHA256_BYTES, &raw)) {
            return;
        }
        memcpy(ret[count], raw.data, LUCID_SHA256_BYTES);
        for (size_t i = 0; i < count; i++) {
            if (memcmp(ret[i], raw.data, LUCID_SHA256_BYTES) == 0) {
                (void)field_refuse(&at, "stands there already");
                return;
            }
        }
        count++;
    }
    *ret_count = count;
}

static void provenance_read(const struct field *list, struct issue_request *ret)
{
    struct field at = field_walk(list);
    while (field_array(list, 1, SLSA_ENVELOPES_MAX) && field_next(list, &at)) {
        if (!field_object(&at, NULL)) {
            return;
        }
        struct lucid_span text = canonical_value(at.value, at.reading->arena);
        if (text.data == NULL) {
            at.reading->error = LUCID_RETRY_MEMORY;
            return;
        }
        if (text.len > SLSA_ENVELOPE_BYTES_MAX) {
            (void)field_refuse(&at, "must have at most %zu bytes", SLSA_ENVELOPE_BYTES_MAX);
            return;
        }
        ret->provenance[ret->provenance_count++] = text;
    }
}

static void signature_read(const struct field *root, struct issue_request *ret)
{
    static const char *const names[] = {"algorithm", "value", NULL};
    struct field signature = field_must(root, "signature");
    size_t chosen = 0;
    (void)field_object(&signature, names);
    struct field algorithm = field_must(&signature, "algorithm");
    struct field value = field_must(&signature, "value");
    if (field_choice(&algorithm, algorithms, &chosen)) {
        ret->alg = algorithm_of[chosen];
        (void)field_base64(&value, signature_bytes(ret->alg), ret->signature);
    }
}

static size_t characters(struct lucid_span text)
{
    size_t count = 0;
    for (size_t i = 0; i < text.len; i++) {
        count += (text.data[i] & 0xc0) != 0x80;
    }
    return count;
}

static void members_read(const struct field *root, struct issue_request *ret)
{
    struct field appraisals = field_must(root, "appraisals");
    struct field version = field_member(root, "version");
    struct field provenance = field_member(root, "provenance");
    struct field interactions = field_member(root, "interactions");
    (void)field_type(root, ISSUE_REQUEST_TYPE);
    field_must_text(root, "application", 1, APPLICATION_NAME_BYTES_MAX, &ret->application);
    (void)field_array(&appraisals, 1, PASSPORT_APPRAISALS_MAX);
    ids_read(&appraisals, PASSPORT_APPRAISALS_MAX, ret->appraisals, &ret->appraisal_count);
    field_must_uint(root, "time", TIME_MAX_S, &ret->time_s);
    if (field_text(&version, 1, 4 * (size_t)PASSPORT_NAME_CHARS_MAX, &ret->version) &&
        characters(ret->version) > PASSPORT_NAME_CHARS_MAX) {
        (void)field_refuse(&version, "must have at most %d characters", PASSPORT_NAME_CHARS_MAX);
    }
    (void)application_shown_check(&version, ret->version);
    if (provenance.value != NULL) {
        provenance_read(&provenance, ret);
    }
    if (interactions.value != NULL) {
        ids_read(&interactions, ISSUE_INTERACTIONS_MAX, ret->interactions, &ret->interaction_count);
    }
    signature_read(root, ret);
}

enum lucid_error issue_request_read(struct lucid_span text, struct lucid_arena *arena,
                                    struct issue_request *ret, struct lucid_why *why)
{
    static const char *const names[] = {"type",         "application", "appraisals",
                                        "time",         "version",     "provenance",
                                        "interactions", "signature",   NULL};
    struct field_reading reading = {.code = "INVALID_REQUEST", .arena = arena, .why = why};
    struct issue_request *request = lucid_arena_zalloc(arena, sizeof(*request));
    struct field root;
    if (request == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    if (field_parse(&reading, text, ISSUE_REQUEST_BYTES, REQUEST_DEPTH_MAX, &root) != LUCID_OK) {
        return reading.error;
    }
    (void)field_object(&root, names);
    members_read(&root, request);
    if (reading.error == LUCID_OK) {
        size_t alg = request->alg == JOSE_EDDSA ? 0 : request->alg == JOSE_ES256 ? 1 : 2;
        request->root = root.value;
        reading.error = form_write(root.value, algorithms[alg], (struct lucid_span){0}, arena,
                                   &request->signing_input);
    }
    if (reading.error == LUCID_OK) {
        lucid_sha256(request->signing_input, request->digest);
        *ret = *request;
    }
    return reading.error;
}

bool issue_request_signed(const struct issue_request *request, const struct jose_key *key,
                          jose_ed25519_fn *ed25519, void *context)
{
    const struct jose_token token = {
        .jws = {.input = request->signing_input,
                .signature = lucid_span(request->signature, signature_bytes(request->alg))},
        .alg = request->alg};
    return jose_verify(&token, key, ed25519, context);
}

/* --- writing ---------------------------------------------------------------------------------- */

static void ids_write(const char *name, const uint8_t (*ids)[LUCID_SHA256_BYTES], size_t count,
                      struct lucid_buf *out)
{
    canonical_open(out, name, '[');
    for (size_t i = 0; i < count; i++) {
        lucid_buf_str(out, i == 0 ? "\"" : ",\"");
        lucid_buf_hex(out, ids[i], LUCID_SHA256_BYTES);
        lucid_buf_char(out, '"');
    }
    lucid_buf_char(out, ']');
}

static void members_write(const struct issue_request *request, struct lucid_buf *out)
{
    lucid_buf_char(out, '{');
    lucid_json_member_cstr(out, "type", ISSUE_REQUEST_TYPE);
    lucid_json_member_str(out, "application", request->application);
    ids_write("appraisals", request->appraisals, request->appraisal_count, out);
    lucid_json_member_u64(out, "time", request->time_s);
    if (request->version.len > 0) {
        lucid_json_member_str(out, "version", request->version);
    }
    if (request->provenance_count > 0) {
        canonical_open(out, "provenance", '[');
        for (size_t i = 0; i < request->provenance_count; i++) {
            lucid_buf_str(out, i == 0 ? "" : ",");
            lucid_buf_span_put(out, request->provenance[i]);
        }
        lucid_buf_char(out, ']');
    }
    if (request->interaction_count > 0) {
        ids_write("interactions", request->interactions, request->interaction_count, out);
    }
    lucid_buf_char(out, '}');
}

bool issue_request_write(const struct issue_request *request, jose_sign_fn *sign, void *context,
                         struct lucid_buf *out)
{
    static const struct jcs_limits limits = {.depth_max = REQUEST_DEPTH_MAX, .values_max = 16384};
    const char *algorithm = algorithms[request->alg == JOSE_EDDSA ? 0 : 1];
    const struct jcs_value *root;
    struct lucid_buf text = {0};
    struct lucid_arena arena;
    struct lucid_span form;
    uint8_t signature[64];
    lucid_assert(signature_bytes(request->alg) == sizeof(signature));
    lucid_arena_init(&arena, 16 * ISSUE_REQUEST_BYTES);
    members_write(request, &text);
    bool made = lucid_buf_ok(&text) &&
                jcs_parse(lucid_buf_span(&text), &limits, &arena, &root, NULL) == LUCID_OK &&
                form_write(root, algorithm, (struct lucid_span){0}, &arena, &form) == LUCID_OK &&
                sign(form, signature, context) &&
                form_write(root, algorithm, lucid_span(signature, sizeof(signature)), &arena,
                           &form) == LUCID_OK;
    if (made) {
        lucid_buf_span_put(out, form);
    }
    lucid_arena_fini(&arena);
    lucid_buf_fini(&text);
    return made && lucid_buf_ok(out);
}
