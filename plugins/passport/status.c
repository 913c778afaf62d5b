/* The signed list of passports that are no longer good. */
#include "plugins/passport/status.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/base64url.h"
#include "plugins/verifier/canonical.h"
#include "plugins/verifier/field.h"

#define CLAIMS_DEPTH_MAX     3
#define CLAIMS_VALUES_MAX    (4 * STATUS_ENTRIES_MAX + 16)
#define CHECKPOINT_BYTES_MAX 4096

static const char refusal[] = "INVALID_STATUS";

/* --- order ------------------------------------------------------------------------------------ */

static int id_compare(struct lucid_span a, struct lucid_span b)
{
    size_t len = a.len < b.len ? a.len : b.len;
    int order = len == 0 ? 0 : memcmp(a.data, b.data, len);
    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

static int entry_compare(const void *left, const void *right)
{
    const struct status_entry *a = left;
    const struct status_entry *b = right;
    if (a->kind != b->kind) {
        return a->kind == STATUS_REVOKED ? -1 : 1;
    }
    return id_compare(a->id, b->id);
}

void status_entries_sort(struct status_entry *entries, size_t count)
{
    if (count > 1) {
        qsort(entries, count, sizeof(*entries), entry_compare);
    }
}

/* Where the superseded ones begin. */
static size_t revoked_count(const struct status_list *list)
{
    size_t low = 0;
    size_t high = list->entry_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (list->entries[middle].kind == STATUS_REVOKED) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static const struct status_entry *find(const struct status_entry *entries, size_t count,
                                       struct lucid_span id)
{
    size_t low = 0;
    while (count > 0) {
        size_t half = count / 2;
        int order = id_compare(id, entries[low + half].id);
        if (order == 0) {
            return &entries[low + half];
        }
        if (order > 0) {
            low += half + 1;
            count -= half + 1;
        } else {
            count = half;
        }
    }
    return NULL;
}

const struct status_entry *status_list_find(const struct status_list *list, struct lucid_span id)
{
    size_t revoked = revoked_count(list);
    const struct status_entry *found = find(list->entries, revoked, id);
    return found != NULL ? found : find(list->entries + revoked, list->entry_count - revoked, id);
}

/* --- writing ---------------------------------------------------------------------------------- */

static void entry_write(const struct status_entry *entry, struct lucid_buf *out)
{
    lucid_buf_char(out, '{');
    lucid_json_member_u64(out, "at", entry->at_s);
    if (entry->kind == STATUS_REVOKED) {
        lucid_json_member_str(out, "id", entry->id);
        lucid_json_member_cstr(out, "reason", status_reason_name(entry->reason));
    } else {
        lucid_json_member_str(out, "by", entry->by);
        lucid_json_member_str(out, "id", entry->id);
    }
    lucid_buf_char(out, '}');
}

static void entries_write(const struct status_list *list, enum status_kind kind, size_t from,
                          size_t to, struct lucid_buf *out)
{
    canonical_open(out, status_kind_name(kind), '[');
    for (size_t i = from; i < to; i++) {
        const struct status_entry *entry = &list->entries[i];
        lucid_assert(entry->kind == kind && (i == from || entry_compare(entry - 1, entry) < 0));
        if (i > from) {
            lucid_buf_char(out, ',');
        }
        entry_write(entry, out);
    }
    lucid_buf_char(out, ']');
}

void status_claims_write(const struct status_list *list, struct lucid_buf *out)
{
    size_t revoked = revoked_count(list);
    lucid_buf_char(out, '{');
    lucid_json_member(out, "checkpoint");
    if (list->checkpoint.len == 0) {
        lucid_buf_str(out, "null");
    } else {
        lucid_json_string(out, list->checkpoint);
    }
    lucid_json_member_u64(out, "exp", list->exp_s);
    lucid_json_member_u64(out, "iat", list->iat_s);
    lucid_json_member_str(out, "iss", list->issuer);
    entries_write(list, STATUS_REVOKED, 0, revoked, out);
    entries_write(list, STATUS_SUPERSEDED, revoked, list->entry_count, out);
    lucid_json_member_bool(out, "test", list->test);
    lucid_json_member_u64(out, "treeSize", list->tree_size);
    lucid_buf_char(out, '}');
}

enum lucid_error status_token_write(struct lucid_span claims, struct lucid_span kid,
                                    jose_sign_fn *sign, void *context, struct lucid_buf *out)
{
    struct lucid_buf header = {.bytes_max = 0};
    bool done = false;
    lucid_buf_char(&header, '{');
    lucid_json_member_cstr(&header, "alg", "EdDSA");
    lucid_json_member_str(&header, "kid", kid);
    lucid_json_member_cstr(&header, "typ", STATUS_TYP);
    lucid_buf_char(&header, '}');
    if (lucid_buf_ok(&header)) {
        done = jose_write(lucid_buf_span(&header), claims, sign, context, out);
    }
    lucid_buf_fini(&header);
    return done ? LUCID_OK : LUCID_RETRY_MEMORY;
}

/* --- reading ---------------------------------------------------------------------------------- */

static bool passport_text(const struct field *object, const char *name, struct lucid_span *ret)
{
    struct field at = field_must(object, name);
    struct lucid_span text = {.data = NULL};
    if (!field_text(&at, 1, PASSPORT_ID_BYTES_MAX, &text)) {
        return false;
    }
    *ret = text;
    return passport_id_is_good(text) || field_refuse(&at, "must be the id of a passport");
}

static bool entry_read(const struct field *at, enum status_kind kind, struct status_entry *entry)
{
    static const char *const revoked[] = {"at", "id", "reason", NULL};
    static const char *const superseded[] = {"at", "by", "id", NULL};
    entry->kind = kind;
    if (!field_object(at, kind == STATUS_REVOKED ? revoked : superseded) ||
        !field_must_uint(at, "at", UINT64_MAX, &entry->at_s) ||
        !passport_text(at, "id", &entry->id)) {
        return false;
    }
    if (kind == STATUS_SUPERSEDED) {
        return passport_text(at, "by", &entry->by);
    }
    struct field reason = field_must(at, "reason");
    struct lucid_span name = {.data = NULL};
    if (!field_text(&reason, 0, 64, &name)) {
        return false;
    }
    return status_reason_find(name, &entry->reason) ||
           field_refuse(&reason, "is no reason that is known");
}

static void entries_read(const struct field *list, enum status_kind kind, struct status_list *ret)
{
    size_t first = ret->entry_count;
    struct field element = field_walk(list);
    while (field_next(list, &element)) {
        struct status_entry *entry = &ret->entries[ret->entry_count];
        if (!entry_read(&element, kind, entry)) {
            return;
        }
        if (ret->entry_count > first && entry_compare(entry - 1, entry) >= 0) {
            field_refuse(&element, "must come before the one above it: they stand in order of id");
            return;
        }
        ret->entry_count++;
    }
}

/* A note: lines. */
static void checkpoint_read(const struct field *document, struct lucid_span *ret)
{
    struct field at = field_must(document, "checkpoint");
    if (at.value == NULL || jcs_type(at.value) == JCS_NULL) {
        return;
    }
    if (jcs_type(at.value) != JCS_STRING || jcs_string(at.value).len == 0 ||
        jcs_string(at.value).len > CHECKPOINT_BYTES_MAX) {
        field_refuse(&at, "must be null or a text of 1 to %d bytes", CHECKPOINT_BYTES_MAX);
        return;
    }
    *ret = jcs_string(at.value);
}

static void claims_read(const struct field *document, struct status_list *list)
{
    static const char *const names[] = {"checkpoint", "exp",  "iat",      "iss", "revoked",
                                        "superseded", "test", "treeSize", NULL};
    struct field revoked = field_must(document, "revoked");
    struct field superseded = field_must(document, "superseded");
    struct field exp = field_must(document, "exp");
    field_object(document, names);
    checkpoint_read(document, &list->checkpoint);
    field_uint(&exp, 0, UINT64_MAX, &list->exp_s);
    field_must_uint(document, "iat", UINT64_MAX, &list->iat_s);
    field_must_text(document, "iss", 1, 4 * PASSPORT_ISSUER_CHARS_MAX, &list->issuer);
    field_must_bool(document, "test", &list->test);
    field_must_uint(document, "treeSize", UINT64_MAX, &list->tree_size);
    field_array(&revoked, 0, STATUS_ENTRIES_MAX);
    field_array(&superseded, 0, STATUS_ENTRIES_MAX);
    if (document->reading->error != LUCID_OK) {
        return;
    }
    if (list->exp_s <= list->iat_s || list->exp_s - list->iat_s > STATUS_LIFETIME_S) {
        field_refuse(&exp, "must be after iat, by at most %d seconds", STATUS_LIFETIME_S);
        return;
    }
    size_t count = jcs_count(revoked.value) + jcs_count(superseded.value);
    if (count > STATUS_ENTRIES_MAX) {
        field_refuse(&superseded, "the lists have more than %d entries", STATUS_ENTRIES_MAX);
        return;
    }
    list->entries = field_alloc(document, count * sizeof(*list->entries));
    if (list->entries != NULL) {
        entries_read(&revoked, STATUS_REVOKED, list);
        entries_read(&superseded, STATUS_SUPERSEDED, list);
    }
}

static enum lucid_error list_read(struct lucid_span claims, struct lucid_arena *arena,
                                  struct status_list *ret, struct lucid_why *why)
{
    static const struct jcs_limits limits = {.depth_max = CLAIMS_DEPTH_MAX,
                                             .values_max = CLAIMS_VALUES_MAX};
    struct field_reading reading = {.code = refusal, .arena = arena, .why = why};
    struct status_list list = {.iat_s = 0};
    const struct jcs_value *root;
    enum lucid_error error = jcs_parse(claims, &limits, arena, &root, NULL);
    if (error != LUCID_OK) {
        return error == LUCID_RETRY_MEMORY
                   ? error
                   : lucid_refuse(why, error, refusal, NULL, "the status list is no good JSON");
    }
    struct field document = {.reading = &reading, .value = root};
    struct lucid_span form = canonical_value(root, arena);
    if (form.data == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    if (jcs_type(root) != JCS_OBJECT || !lucid_span_equal(form, claims)) {
        field_refuse(&document, "the status list is not in canonical form");
    } else {
        claims_read(&document, &list);
    }
    if (reading.error == LUCID_OK) {
        *ret = list;
    }
    return reading.error;
}

/* The kid chooses (RFC 7638), so that a long list is hashed once and not for every key. */
static enum lucid_error key_find(const struct jose_token *token,
                                 const uint8_t (*keys)[PASSPORT_KEY_BYTES], size_t key_count,
                                 jose_ed25519_fn *ed25519, void *context, size_t *ret)
{
    uint8_t kid[LUCID_SHA256_BYTES];
    size_t len = 0;
    *ret = STATUS_NO_KEY;
    if (!lucid_base64url_read(token->kid, kid, sizeof(kid), &len) || len != sizeof(kid)) {
        return LUCID_OK;
    }
    for (size_t i = 0; i < key_count; i++) {
        uint8_t thumbprint[LUCID_SHA256_BYTES];
        struct jose_key key = {.alg = JOSE_EDDSA};
        memcpy(key.x, keys[i], PASSPORT_KEY_BYTES);
        if (!jose_key_thumbprint(&key, thumbprint)) {
            return LUCID_RETRY_MEMORY;
        }
        if (memcmp(thumbprint, kid, sizeof(kid)) == 0) {
            *ret = jose_verify(token, &key, ed25519, context) ? i : STATUS_NO_KEY;
            return LUCID_OK;
        }
    }
    return LUCID_OK;
}

enum lucid_error status_list_read(struct lucid_span token,
                                  const uint8_t (*keys)[PASSPORT_KEY_BYTES], size_t key_count,
                                  jose_ed25519_fn *ed25519, void *context,
                                  struct lucid_arena *arena, struct status_list *ret,
                                  size_t *ret_key, struct lucid_why *why)
{
    struct jose_token read;
    enum lucid_error error = jose_read_long(token, STATUS_BYTES_MAX, JOSE_EDDSA, arena, &read, why);
    if (error == LUCID_RETRY_MEMORY) {
        return error;
    }
    if (error != LUCID_OK) {
        return lucid_refuse(why, error, refusal, NULL, "the status list is no token that is read");
    }
    if (!lucid_span_is(read.typ, STATUS_TYP)) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, refusal, "typ", "the token's typ is not %s",
                            STATUS_TYP);
    }
    struct status_list list;
    size_t key = STATUS_NO_KEY;
    error = list_read(read.jws.payload, arena, &list, why);
    if (error == LUCID_OK) {
        error = key_find(&read, keys, key_count, ed25519, context, &key);
    }
    if (error == LUCID_OK) {
        *ret = list;
        *ret_key = key;
    }
    return error;
}
