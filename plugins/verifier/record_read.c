/* A record, read, and made an input again. */
#include "base/assert.h"
#include "base/base64url.h"
#include "plugins/verifier/field.h"
#include "plugins/verifier/record.h"
#include "plugins/verifier/rules.h"

#define RECORD_DEPTH_MAX 8
#define TIME_MAX_S       253402300799ULL
#define TEXT_BYTES_MAX   512

/* A list of digests; *ret_count is 0 where the reading failed. */
static void digests_read(const struct field *object, const char *name, size_t max,
                         uint8_t (*ret)[LUCID_SHA256_BYTES], size_t *ret_count)
{
    struct field list = field_must(object, name);
    size_t count = 0;
    *ret_count = 0;
    if (!field_array(&list, 0, max)) {
        return;
    }
    struct field at = field_walk(&list);
    while (field_next(&list, &at)) {
        if (!field_digest(&at, ret[count])) {
            return;
        }
        count++;
    }
    *ret_count = count;
}

static void session_read(const struct field *root, struct record *ret)
{
    static const char *const names[] = {"sessionId", "nonce",     "audience",
                                        "issuedAt",  "expiresAt", NULL};
    struct field session = field_must(root, "session");
    struct lucid_span nonce = {.data = NULL};
    size_t len = 0;
    (void)field_object(&session, names);
    field_must_text(&session, "sessionId", 1, 128, &ret->challenge.session_id);
    field_must_text(&session, "audience", 1, 255, &ret->challenge.audience);
    field_must_uint(&session, "issuedAt", TIME_MAX_S, &ret->challenge.issued_s);
    field_must_uint(&session, "expiresAt", TIME_MAX_S, &ret->challenge.expires_s);
    field_must_text(&session, "nonce", 1, 64, &nonce);
    if (root->reading->error == LUCID_OK &&
        (!lucid_base64url_read(nonce, ret->challenge.nonce, APPRAISAL_NONCE_BYTES, &len) ||
         len != APPRAISAL_NONCE_BYTES)) {
        (void)field_refuse(&session, "must have a nonce of 32 bytes in base64url");
    }
}

static void evidences_read(const struct field *root, struct record *ret)
{
    static const char *const names[] = {"name",         "type",     "evidence",
                                        "endorsements", "eventLog", NULL};
    struct field list = field_must(root, "evidences");
    if (!field_array(&list, 1, APPRAISAL_EVIDENCES_MAX)) {
        return;
    }
    struct field at = field_walk(&list);
    while (field_next(&list, &at)) {
        struct record_evidence *evidence = &ret->evidences[ret->evidence_count];
        struct field event_log = field_member(&at, "eventLog");
        (void)field_object(&at, names);
        field_must_text(&at, "name", 1, APPRAISAL_NAME_BYTES_MAX, &evidence->name);
        field_must_text(&at, "type", 1, APPRAISAL_NAME_BYTES_MAX, &evidence->type);
        field_must_digest(&at, "evidence", evidence->evidence);
        digests_read(&at, "endorsements", RECORD_ENDORSEMENTS_MAX, evidence->endorsements,
                     &evidence->endorsement_count);
        evidence->has_event_log = event_log.value != NULL;
        if (!field_digest(&event_log, evidence->event_log)) {
            return;
        }
        ret->evidence_count++;
    }
}

static void collateral_read(const struct field *root, struct record *ret)
{
    static const char *const names[] = {"key", "digest", "importedAt", NULL};
    struct field list = field_must(root, "collateral");
    if (!field_array(&list, 0, APPRAISAL_COLLATERAL_MAX)) {
        return;
    }
    struct field at = field_walk(&list);
    while (field_next(&list, &at)) {
        struct record_collateral *item = &ret->collateral[ret->collateral_count];
        (void)field_object(&at, names);
        field_must_text(&at, "key", 1, TEXT_BYTES_MAX, &item->key);
        field_must_digest(&at, "digest", item->digest);
        field_must_uint(&at, "importedAt", TIME_MAX_S, &item->imported_s);
        if (at.reading->error != LUCID_OK) {
            return;
        }
        ret->collateral_count++;
    }
}

static void head_read(const struct field *root, struct record *ret)
{
    static const char *const verifier_names[] = {"developer", "build", NULL};
    uint64_t version = 0;
    struct field verifier = field_must(root, "verifier");
    struct field version_field = field_must(root, "version");
    (void)field_type(root, "attestation.appraisal");
    (void)field_uint(&version_field, RECORD_VERSION, RECORD_VERSION, &version);
    field_must_uint(root, "rulesVersion", UINT32_MAX, &ret->rules_version);
    field_must_uint(root, "time", TIME_MAX_S, &ret->time_s);
    field_must_uint(root, "received", TIME_MAX_S, &ret->received_s);
    field_must_uint(root, "lifetime", TIME_MAX_S, &ret->lifetime_s);
    field_must_text(root, "issuer", 0, TEXT_BYTES_MAX, &ret->issuer);
    (void)field_object(&verifier, verifier_names);
    field_must_text(&verifier, "developer", 0, TEXT_BYTES_MAX, &ret->developer);
    field_must_text(&verifier, "build", 0, TEXT_BYTES_MAX, &ret->build);
}

static void rest_read(const struct field *root, struct record *ret)
{
    struct field bound = field_member(root, "testBoundData");
    struct field submods = field_must(root, "submods");
    field_must_digest(root, "runtimeData", ret->runtime_data);
    field_must_digest(root, "policy", ret->policy);
    digests_read(root, "references", POLICY_REFERENCES_MAX, ret->references, &ret->reference_count);
    field_must_bool(root, "allowMock", &ret->allow_mock);
    field_must_bool(root, "mock", &ret->mock);
    field_must_bool(root, "test", &ret->test);
    (void)field_hex(&bound, 1, APPRAISAL_BOUND_BYTES_MAX, &ret->test_bound_data);
    field_must_text(root, "status", 1, 32, &ret->status);
    (void)field_object(&submods, NULL);
    field_must_digest(root, "claims", ret->claims);
    field_must_digest(root, "ear", ret->ear);
}

enum lucid_error record_read(struct lucid_span text, struct lucid_arena *arena,
                             const struct record **ret, struct lucid_why *why)
{
    static const char *const names[] = {
        "type",   "version",    "rulesVersion", "time",        "received",  "lifetime",
        "issuer", "verifier",   "session",      "runtimeData", "evidences", "collateral",
        "policy", "references", "allowMock",    "mock",        "test",      "testBoundData",
        "status", "submods",    "claims",       "ear",         NULL};
    struct field_reading reading = {.code = "INVALID_RECORD", .arena = arena, .why = why};
    struct field root;
    struct record *record = lucid_arena_zalloc(arena, sizeof(*record));
    if (record == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    enum lucid_error e = field_parse(&reading, text, RECORD_BYTES_MAX, RECORD_DEPTH_MAX, &root);
    if (e != LUCID_OK) {
        return e;
    }
    record->root = root.value;
    (void)field_object(&root, names);
    head_read(&root, record);
    session_read(&root, record);
    evidences_read(&root, record);
    collateral_read(&root, record);
    rest_read(&root, record);
    if (reading.error == LUCID_OK) {
        *ret = record;
    }
    return reading.error;
}

void record_bound(bool test, const struct policy *policy, uint64_t time_s, uint64_t *received_s,
                  uint64_t *lifetime_s)
{
    *received_s = test ? *received_s : time_s;
    *lifetime_s = *lifetime_s < policy->result_lifetime_s ? *lifetime_s : policy->result_lifetime_s;
}

/* --- an input again --------------------------------------------------------------------------- */

static enum lucid_error incomplete(const struct record_getter *getter, const uint8_t *digest,
                                   const char *text)
{
    char param[80] = "sha256:";
    lucid_hex_encode(digest, LUCID_SHA256_BYTES, param + 7);
    param[7 + 2 * LUCID_SHA256_BYTES] = '\0';
    return lucid_refuse(getter->why, LUCID_REFUSE_INVALID, "INCOMPLETE_BUNDLE", param, "%s", text);
}

enum lucid_error record_get(const struct record_getter *getter,
                            const uint8_t digest[LUCID_SHA256_BYTES], struct lucid_span *ret)
{
    uint8_t hash[LUCID_SHA256_BYTES];
    struct lucid_span bytes;
    enum lucid_error e = getter->blob(getter->context, digest, &bytes);
    if (e == LUCID_NOTE_ABSENT) {
        return incomplete(getter, digest, "what the record names by this digest is not there");
    }
    if (e != LUCID_OK) {
        return e;
    }
    lucid_sha256(bytes, hash);
    if (memcmp(hash, digest, sizeof(hash)) != 0) {
        return incomplete(getter, digest, "what is there has another digest");
    }
    *ret = bytes;
    return LUCID_OK;
}

static enum lucid_error evidences_get(const struct record_getter *getter,
                                      const struct record *record, struct appraisal_input *ret)
{
    for (size_t i = 0; i < record->evidence_count; i++) {
        const struct record_evidence *from = &record->evidences[i];
        struct appraisal_evidence *to = &ret->evidences[i];
        memcpy(to->name, from->name.data, from->name.len);
        to->type = from->type;
        enum lucid_error e = record_get(getter, from->evidence, &to->bytes);
        for (size_t j = 0; e == LUCID_OK && j < from->endorsement_count; j++) {
            e = record_get(getter, from->endorsements[j], &to->endorsements[j]);
            to->endorsement_count++;
        }
        if (e == LUCID_OK && from->has_event_log) {
            e = record_get(getter, from->event_log, &to->event_log);
        }
        if (e != LUCID_OK) {
            return e;
        }
    }
    ret->evidence_count = record->evidence_count;
    return LUCID_OK;
}

static enum lucid_error collateral_get(const struct record_getter *getter,
                                       const struct record *record, struct appraisal_input *ret)
{
    size_t bytes = (record->collateral_count + 1) * sizeof(struct appraisal_collateral);
    struct appraisal_collateral *items = lucid_arena_zalloc(getter->arena, bytes);
    if (items == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    for (size_t i = 0; i < record->collateral_count; i++) {
        items[i].key = record->collateral[i].key;
        items[i].imported_s = record->collateral[i].imported_s;
        enum lucid_error e = record_get(getter, record->collateral[i].digest, &items[i].bytes);
        if (e != LUCID_OK) {
            return e;
        }
    }
    ret->collateral = items;
    ret->collateral_count = record->collateral_count;
    return LUCID_OK;
}

/* A document's id is the digest of its canonical bytes, and it is kept so. */
static enum lucid_error id_check(const struct record_getter *getter, const uint8_t *id,
                                 const uint8_t *digest)
{
    return memcmp(id, digest, LUCID_SHA256_BYTES) == 0
               ? LUCID_OK
               : incomplete(getter, digest, "this document is not in canonical form");
}

static enum lucid_error policy_get(const struct record_getter *getter, const struct record *record,
                                   struct appraisal_input *ret)
{
    struct policy *policy = lucid_arena_zalloc(getter->arena, sizeof(*policy));
    if (policy == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    enum lucid_error e = record_get(getter, record->policy, &ret->policy_bytes);
    if (e == LUCID_OK) {
        e = policy_parse(ret->policy_bytes, getter->arena, policy, getter->why);
    }
    if (e == LUCID_OK) {
        e = id_check(getter, policy->id, record->policy);
    }
    ret->policy = policy;
    return e;
}

/* Those that the policy names, whatever the record says of them: one that was left out shows. */
static enum lucid_error references_get(const struct record_getter *getter,
                                       struct appraisal_input *ret)
{
    const uint8_t(*ids)[LUCID_SHA256_BYTES] = ret->policy->references;
    size_t count = ret->policy->reference_count;
    struct reference_set *sets = lucid_arena_zalloc(getter->arena, (count + 1) * sizeof(*sets));
    struct lucid_span *bytes = lucid_arena_zalloc(getter->arena, (count + 1) * sizeof(*bytes));
    if (sets == NULL || bytes == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    for (size_t i = 0; i < count; i++) {
        enum lucid_error e = record_get(getter, ids[i], &bytes[i]);
        if (e == LUCID_OK) {
            e = reference_parse(bytes[i], getter->arena, &sets[i], getter->why);
        }
        if (e == LUCID_OK) {
            e = id_check(getter, sets[i].id, ids[i]);
        }
        if (e != LUCID_OK) {
            return e;
        }
    }
    ret->references = sets;
    ret->reference_bytes = bytes;
    ret->reference_count = count;
    return LUCID_OK;
}

static void members_take(const struct record *record, struct appraisal_input *ret)
{
    ret->time_s = record->time_s;
    ret->received_s = record->received_s;
    ret->challenge = record->challenge;
    ret->allow_mock = record->allow_mock;
    ret->test = record->test;
    ret->has_test_bound_data = record->test_bound_data.len > 0;
    ret->test_bound_len = record->test_bound_data.len;
    if (ret->has_test_bound_data) {
        memcpy(ret->test_bound_data, record->test_bound_data.data, ret->test_bound_len);
    }
    ret->developer = record->developer;
    ret->build = record->build;
    ret->issuer = record->issuer;
    ret->lifetime_s = record->lifetime_s;
}

enum lucid_error record_input(struct lucid_span text, record_blob_fn *blob, void *context,
                              struct lucid_arena *arena, struct appraisal_input *ret,
                              struct lucid_why *why)
{
    const struct record_getter getter = {blob, context, arena, why};
    const struct record *record;
    struct appraisal_input input = {0};
    enum lucid_error e = record_read(text, arena, &record, why);
    if (e != LUCID_OK) {
        return e;
    }
    members_take(record, &input);
    e = record_get(&getter, record->runtime_data, &input.runtime_data);
    if (e == LUCID_OK) {
        e = evidences_get(&getter, record, &input);
    }
    if (e == LUCID_OK) {
        e = collateral_get(&getter, record, &input);
    }
    if (e == LUCID_OK) {
        e = policy_get(&getter, record, &input);
    }
    if (e == LUCID_OK) {
        e = references_get(&getter, &input);
    }
    if (e == LUCID_OK) {
        record_bound(record->test, input.policy, input.time_s, &input.received_s,
                     &input.lifetime_s);
        *ret = input;
    }
    return e;
}

/* --- what it names ---------------------------------------------------------------------------- */

struct digests {
    uint8_t (*items)[LUCID_SHA256_BYTES];
    size_t count;
};

static void digest_add(struct digests *digests, const uint8_t digest[LUCID_SHA256_BYTES])
{
    for (size_t i = 0; i < digests->count; i++) {
        if (memcmp(digests->items[i], digest, LUCID_SHA256_BYTES) == 0) {
            return;
        }
    }
    lucid_assert(digests->count < RECORD_DIGESTS_MAX);
    memcpy(digests->items[digests->count++], digest, LUCID_SHA256_BYTES);
}

static enum lucid_error claims_digests(struct lucid_span text, struct lucid_arena *arena,
                                       struct digests *ret, struct lucid_why *why)
{
    const struct rules_record *record;
    enum lucid_error e = rules_record_read(text, arena, &record, why);
    if (e != LUCID_OK) {
        return e;
    }
    for (size_t i = 0; i < record->document_count; i++) {
        digest_add(ret, record->documents[i]);
    }
    digest_add(ret, record->policy);
    if (record->has_hardware) {
        digest_add(ret, record->hardware_record);
        digest_add(ret, record->hardware_runtime);
    }
    return LUCID_OK;
}

static enum lucid_error evidence_digests(struct lucid_span text, struct lucid_arena *arena,
                                         struct digests *ret, struct lucid_why *why)
{
    const struct record *record;
    enum lucid_error e = record_read(text, arena, &record, why);
    if (e != LUCID_OK) {
        return e;
    }
    digest_add(ret, record->runtime_data);
    for (size_t i = 0; i < record->evidence_count; i++) {
        const struct record_evidence *evidence = &record->evidences[i];
        digest_add(ret, evidence->evidence);
        for (size_t j = 0; j < evidence->endorsement_count; j++) {
            digest_add(ret, evidence->endorsements[j]);
        }
        if (evidence->has_event_log) {
            digest_add(ret, evidence->event_log);
        }
    }
    for (size_t i = 0; i < record->collateral_count; i++) {
        digest_add(ret, record->collateral[i].digest);
    }
    digest_add(ret, record->policy);
    for (size_t i = 0; i < record->reference_count; i++) {
        digest_add(ret, record->references[i]);
    }
    return LUCID_OK;
}

enum lucid_error record_digests(struct lucid_span text, struct lucid_arena *arena,
                                uint8_t (**ret)[LUCID_SHA256_BYTES], size_t *ret_count,
                                struct lucid_why *why)
{
    struct digests digests = {
        .items = lucid_arena_alloc(arena, (size_t)RECORD_DIGESTS_MAX * LUCID_SHA256_BYTES)};
    if (digests.items == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    enum lucid_error e = rules_record_is(text, arena)
                             ? claims_digests(text, arena, &digests, why)
                             : evidence_digests(text, arena, &digests, why);
    if (e == LUCID_OK) {
        *ret = digests.items;
        *ret_count = digests.count;
    }
    return e;
}
