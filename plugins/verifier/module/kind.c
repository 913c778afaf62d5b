/* decide, apply and the tables of kind `attestation`. */

#include <stdio.h>

#include "base/assert.h"
#include "base/base64url.h"
#include "base/jcs/jcs.h"
#include "plugins/verifier/appraisal.h"
#include "plugins/verifier/canonical.h"
#include "plugins/verifier/module/kind_internal.h"

enum {
    ARENA_BYTES_MAX = 8 << 20,
    DEPTH_MAX = 16,
    VALUES_MAX = 65536,
    AGAIN_S = 3600,
};

/* --- decide ----------------------------------------------------------------------------------- */

void kind_used_say(const uint8_t id[HASH_BYTES], struct lucid_plugin_why *ret)
{
    char hex[2 * HASH_BYTES + 1];
    lucid_hex_encode(id, HASH_BYTES, hex);
    hex[2 * HASH_BYTES] = '\0';
    ret->code = "NONCE_USED";
    (void)snprintf(ret->param, sizeof(ret->param), "sessionId");
    (void)snprintf(ret->text, sizeof(ret->text),
                   "this challenge was answered before, by appraisal %s: ask for a new one", hex);
}

/* ABSENT: the nonce is free. */
static enum lucid_plugin_result nonce_decide(const struct lucid_plugin_host *host,
                                             struct lucid_plugin_txn *txn,
                                             struct kind_command *command,
                                             struct lucid_plugin_why *why)
{
    struct lucid_plugin_bytes row;
    enum lucid_plugin_result result = host->txn_get(
        txn, KIND_NONCES, (struct lucid_plugin_bytes){command->nonce, HASH_BYTES}, &row);
    if (result != LUCID_PLUGIN_OK) {
        return result;
    }
    if (row.len != NONCE_ROW_BYTES) {
        return LUCID_PLUGIN_CORRUPT;
    }
    if (!command->repeatable || memcmp(row.data + HASH_BYTES, command->asked, HASH_BYTES) != 0) {
        kind_used_say(row.data, why);
        return LUCID_PLUGIN_REFUSED;
    }
    command->ret_known = true;
    memcpy(command->ret_id, row.data, HASH_BYTES);
    return LUCID_PLUGIN_OK;
}

static enum lucid_plugin_result refuse_overtaken(struct lucid_plugin_why *why)
{
    why->code = "COLLATERAL_OLDER";
    (void)snprintf(why->param, sizeof(why->param), "item");
    (void)snprintf(why->text, sizeof(why->text),
                   "another revocation list was imported at the same moment: if yours is newer, "
                   "import it again");
    return LUCID_PLUGIN_REFUSED;
}

static enum lucid_plugin_result collateral_decide(const struct lucid_plugin_host *host,
                                                  struct lucid_plugin_txn *txn,
                                                  const struct kind_command *command,
                                                  struct lucid_plugin_why *why)
{
    struct lucid_plugin_bytes row;
    enum lucid_plugin_result result = host->txn_get(txn, KIND_COLLATERAL, command->key, &row);
    if (result == LUCID_PLUGIN_OK && row.len != COLLATERAL_ROW_BYTES) {
        return LUCID_PLUGIN_CORRUPT;
    }
    /* The same imported again says that it is still what its maker serves: worth an event, but not
     * each time. */
    bool same = result == LUCID_PLUGIN_OK && memcmp(row.data, command->sha256, HASH_BYTES) == 0;
    if (result == LUCID_PLUGIN_OK && !same && command->ordered &&
        lucid_get_be64(row.data + HASH_BYTES + 8) != command->seen) {
        return refuse_overtaken(why);
    }
    bool known = same && command->imported_s < lucid_get_be64(row.data + HASH_BYTES) + AGAIN_S;
    return result == LUCID_PLUGIN_OK && !known ? LUCID_PLUGIN_ABSENT : result;
}

/* Whether what is to be logged is there: OK, ABSENT. */
static enum lucid_plugin_result known_decide(const struct lucid_plugin_host *host,
                                             struct lucid_plugin_txn *txn,
                                             const struct kind_command *command,
                                             struct lucid_plugin_why *why)
{
    uint8_t key[ITEM_KEY_BYTES];
    struct lucid_plugin_bytes row;
    return command->is_collateral
               ? collateral_decide(host, txn, command, why)
               : host->txn_get(txn, KIND_ITEMS, kind_item_key(key, command->item, command->id),
                               &row);
}

static enum lucid_plugin_result kind_decide(void *self, const struct lucid_plugin_host *host,
                                            struct lucid_plugin_txn *txn, void *data,
                                            struct lucid_plugin_why *why)
{
    (void)self;
    struct kind_command *command = data;
    enum lucid_plugin_result result = LUCID_PLUGIN_ABSENT;
    command->ret_known = false;
    memcpy(command->ret_id, command->id, HASH_BYTES);
    if (command->nonce != NULL) {
        result = nonce_decide(host, txn, command, why);
    }
    if (result == LUCID_PLUGIN_ABSENT) {
        result = known_decide(host, txn, command, why);
    }
    if (result != LUCID_PLUGIN_ABSENT) {
        command->ret_known = result == LUCID_PLUGIN_OK;
        return result;
    }
    const struct lucid_plugin_draft draft = {
        .type = command->type,
        .payload = command->payload,
        .entry = command->entry,
        .body = command->body,
    };
    return host->txn_draft(txn, &draft, NULL);
}

/* --- apply ------------------------------------------------------------------------------------ */

static bool parse(struct lucid_span text, struct lucid_arena *arena, const struct jcs_value **ret)
{
    static const struct jcs_limits limits = {DEPTH_MAX, VALUES_MAX};
    return jcs_parse(text, &limits, arena, ret, NULL) == LUCID_OK && jcs_type(*ret) == JCS_OBJECT;
}

static bool text_member(const struct jcs_value *object, const char *name, struct lucid_span *ret)
{
    const struct jcs_value *value = jcs_member(object, name);
    if (value == NULL || jcs_type(value) != JCS_STRING) {
        return false;
    }
    *ret = jcs_string(value);
    return true;
}

/* Copies a member into a summary, whatever it is; what is not there is left out. */
static void member_copy(const struct jcs_value *object, const char *name, struct lucid_buf *out)
{
    const struct jcs_value *value = jcs_member(object, name);
    if (value != NULL) {
        lucid_json_member(out, name);
        jcs_write(value, out);
    }
}

/* The kinds of evidence of a record, each once. */
static void types_write(const struct jcs_value *evidences, struct lucid_buf *out)
{
    lucid_json_member(out, "types");
    lucid_buf_char(out, '[');
    bool first = true;
    for (const struct jcs_value *at = jcs_next(evidences, NULL); at != NULL;
         at = jcs_next(evidences, at)) {
        struct lucid_span type;
        bool seen = !text_member(at, "type", &type);
        for (const struct jcs_value *other = jcs_next(evidences, NULL); other != at && !seen;
             other = jcs_next(evidences, other)) {
            struct lucid_span before;
            seen = text_member(other, "type", &before) && lucid_span_equal(before, type);
        }
        if (!seen) {
            lucid_buf_str(out, first ? "" : ",");
            lucid_json_string(out, type);
            first = false;
        }
    }
    lucid_buf_char(out, ']');
}

static void appraisal_summary(const struct jcs_value *record, struct lucid_buf *out)
{
    lucid_buf_char(out, '{');
    member_copy(record, "status", out);
    member_copy(record, "mock", out);
    member_copy(record, "test", out);
    member_copy(record, "time", out);
    types_write(jcs_member(record, "evidences"), out);
    member_copy(jcs_member(record, "session"), "audience", out);
    member_copy(record, "policy", out);
    lucid_buf_char(out, '}');
}

/* What a list shows of claims; `test` and the token are the answer's to say. */
static void claims_summary(const struct jcs_value *record, struct lucid_buf *out)
{
    lucid_buf_char(out, '{');
    member_copy(record, "status", out);
    member_copy(record, "decision", out);
    member_copy(record, "mock", out);
    member_copy(record, "time", out);
    member_copy(record, "policy", out);
    lucid_buf_char(out, '}');
}

/* A record's own summary: its members that are text, numbers or truths, not what lies in them. A
 * document's id is the row's. */
static void flat_summary(const struct jcs_value *record, bool document, struct lucid_buf *out)
{
    lucid_buf_char(out, '{');
    for (const struct jcs_value *at = jcs_next(record, NULL); at != NULL;
         at = jcs_next(record, at)) {
        if (jcs_type(at) == JCS_OBJECT || jcs_type(at) == JCS_ARRAY ||
            (document && lucid_span_is(jcs_name(at), "id"))) {
            continue;
        }
        if (out->len > 1) {
            lucid_buf_char(out, ',');
        }
        lucid_json_string(out, jcs_name(at));
        lucid_buf_char(out, ':');
        jcs_write(at, out);
    }
    lucid_buf_char(out, '}');
}

static enum lucid_plugin_result item_put(const struct lucid_plugin_host *host,
                                         struct lucid_plugin_txn *txn,
                                         const struct lucid_plugin_event *event,
                                         enum kind_item item, const uint8_t id[HASH_BYTES],
                                         struct lucid_span summary)
{
    uint8_t key[ITEM_KEY_BYTES];
    uint8_t order[ORDER_KEY_BYTES];
    uint8_t head[ROW_HEAD_BYTES];
    struct lucid_buf row = {0};
    lucid_put_be64(head, event->sequence);
    lucid_put_be64(head + 8, event->leaf);
    lucid_put_be64(head + 16, event->time_ms);
    lucid_buf_put(&row, head, sizeof(head));
    lucid_buf_span_put(&row, summary);
    enum lucid_plugin_result result =
        lucid_buf_ok(&row) ? host->txn_put(txn, KIND_ITEMS, kind_item_key(key, item, id),
                                           kit_bytes(lucid_buf_span(&row)))
                           : LUCID_PLUGIN_BUSY;
    lucid_buf_fini(&row);
    if (result == LUCID_PLUGIN_OK) {
        result = host->txn_put(txn, KIND_ORDER, kind_order_key(order, item, event->sequence),
                               (struct lucid_plugin_bytes){id, HASH_BYTES});
    }
    return result;
}

static bool digest_member(const struct jcs_value *object, const char *name, uint8_t ret[HASH_BYTES])
{
    struct lucid_span text;
    return text_member(object, name, &text) && canonical_digest_read(text, ret);
}

/* What kind_asked makes of the bytes themselves, made of their digests in a record. */
static bool asked_of(const struct jcs_value *record, uint8_t ret[HASH_BYTES])
{
    uint8_t digests[ASKED_FIRST + APPRAISAL_EVIDENCES_MAX][HASH_BYTES];
    const struct jcs_value *evidences = jcs_member(record, "evidences");
    size_t count = ASKED_FIRST;
    if (!digest_member(record, "policy", digests[0]) ||
        !digest_member(record, "runtimeData", digests[1])) {
        return false;
    }
    for (const struct jcs_value *at = jcs_next(evidences, NULL); at != NULL;
         at = jcs_next(evidences, at)) {
        if (count >= ASKED_FIRST + APPRAISAL_EVIDENCES_MAX ||
            !digest_member(at, "evidence", digests[count])) {
            return false;
        }
        count++;
    }
    lucid_sha256(lucid_span(digests, count * HASH_BYTES), ret);
    return true;
}

/* holder: what has the member "nonce". */
static enum lucid_plugin_result nonce_put(const struct lucid_plugin_host *host,
                                          struct lucid_plugin_txn *txn,
                                          const struct lucid_plugin_event *event,
                                          const struct jcs_value *holder,
                                          const struct jcs_value *record)
{
    uint8_t nonce[APPRAISAL_NONCE_BYTES];
    uint8_t row[NONCE_ROW_BYTES];
    struct lucid_span text;
    size_t len = 0;
    if (!text_member(holder, "nonce", &text) ||
        !lucid_base64url_read(text, nonce, sizeof(nonce), &len) || len != sizeof(nonce)) {
        return LUCID_PLUGIN_CORRUPT;
    }
    if (!asked_of(record, row + HASH_BYTES)) {
        memset(row + HASH_BYTES, 0, HASH_BYTES); /* nothing that can be asked for again */
    }
    memcpy(row, event->entry, HASH_BYTES);
    return host->txn_put(txn, KIND_NONCES, (struct lucid_plugin_bytes){nonce, sizeof(nonce)},
                         (struct lucid_plugin_bytes){row, sizeof(row)});
}

static enum lucid_plugin_result collateral_put(const struct lucid_plugin_host *host,
                                               struct lucid_plugin_txn *txn,
                                               const struct lucid_plugin_event *event,
                                               const struct jcs_value *record)
{
    uint8_t row[COLLATERAL_ROW_BYTES];
    uint8_t sequence[8];
    struct lucid_span key;
    struct lucid_span digest;
    uint64_t imported_s;
    const struct jcs_value *imported = jcs_member(record, "importedAt");
    if (!text_member(record, "key", &key) || !text_member(record, "sha256", &digest) ||
        !lucid_hex_decode(digest, row, HASH_BYTES) || imported == NULL ||
        !jcs_uint(imported, &imported_s) || key.len == 0 || key.len > LUCID_PLUGIN_KEY_BYTES_MAX) {
        return LUCID_PLUGIN_CORRUPT;
    }
    lucid_put_be64(row + HASH_BYTES, imported_s);
    lucid_put_be64(row + HASH_BYTES + 8, event->sequence);
    lucid_put_be64(sequence, event->sequence);
    enum lucid_plugin_result result = host->txn_put(txn, KIND_COLLATERAL, kit_bytes(key),
                                                    (struct lucid_plugin_bytes){row, sizeof(row)});
    uint8_t import[IMPORT_HEAD_BYTES + LUCID_PLUGIN_KEY_BYTES_MAX];
    memcpy(import, row, IMPORT_HEAD_BYTES);
    memcpy(import + IMPORT_HEAD_BYTES, key.data, key.len);
    if (result == LUCID_PLUGIN_OK) {
        result = host->txn_put(txn, KIND_IMPORTS, (struct lucid_plugin_bytes){sequence, 8},
                               (struct lucid_plugin_bytes){import, IMPORT_HEAD_BYTES + key.len});
    }
    return result;
}

/* The documents of claims, so that an interaction finds what it names, and their nonce. */
static enum lucid_plugin_result claims_put(const struct lucid_plugin_host *host,
                                           struct lucid_plugin_txn *txn,
                                           const struct lucid_plugin_event *event,
                                           const struct jcs_value *record)
{
    enum lucid_plugin_result result = LUCID_PLUGIN_OK;
    const struct jcs_value *documents = jcs_member(record, "documents");
    for (const struct jcs_value *at = jcs_next(documents, NULL);
         at != NULL && result == LUCID_PLUGIN_OK; at = jcs_next(documents, at)) {
        uint8_t id[HASH_BYTES];
        uint8_t key[ITEM_KEY_BYTES];
        uint8_t head[ROW_HEAD_BYTES];
        lucid_put_be64(head, event->sequence);
        lucid_put_be64(head + 8, event->leaf);
        lucid_put_be64(head + 16, event->time_ms);
        result = digest_member(at, "document", id)
                     ? host->txn_put(txn, KIND_ITEMS, kind_item_key(key, KIND_CLAIMS_DOCUMENT, id),
                                     (struct lucid_plugin_bytes){head, sizeof(head)})
                     : LUCID_PLUGIN_CORRUPT;
    }
    if (result == LUCID_PLUGIN_OK && jcs_member(record, "nonce") != NULL) {
        result = nonce_put(host, txn, event, record, record);
    }
    return result;
}

static enum lucid_plugin_result item_apply(const struct lucid_plugin_host *host,
                                           struct lucid_plugin_txn *txn,
                                           const struct lucid_plugin_event *event,
                                           enum kind_item item, const struct jcs_value *record)
{
    uint8_t id[HASH_BYTES];
    struct lucid_span hex;
    struct lucid_buf summary = {0};
    if (event->entry == NULL) {
        return LUCID_PLUGIN_CORRUPT;
    }
    memcpy(id, event->entry, HASH_BYTES);
    bool document = item == KIND_POLICY || item == KIND_REFERENCE;
    if (document && (!text_member(record, "id", &hex) || !lucid_hex_decode(hex, id, HASH_BYTES))) {
        return LUCID_PLUGIN_CORRUPT;
    }
    if (item == KIND_APPRAISAL) {
        appraisal_summary(record, &summary);
    } else if (item == KIND_CLAIMS) {
        claims_summary(record, &summary);
    } else {
        flat_summary(record, document, &summary);
    }
    enum lucid_plugin_result result =
        lucid_buf_ok(&summary) ? item_put(host, txn, event, item, id, lucid_buf_span(&summary))
                               : LUCID_PLUGIN_BUSY;
    lucid_buf_fini(&summary);
    if (result == LUCID_PLUGIN_OK && item == KIND_APPRAISAL) {
        result = nonce_put(host, txn, event, jcs_member(record, "session"), record);
    }
    if (result == LUCID_PLUGIN_OK && item == KIND_CLAIMS) {
        result = claims_put(host, txn, event, record);
    }
    return result;
}

static const struct {
    const char *type;
    enum kind_item item;
} item_types[] = {
    {"attestation.appraisal", KIND_APPRAISAL},     {"attestation.claims", KIND_CLAIMS},
    {"attestation.interaction", KIND_INTERACTION}, {"attestation.policy", KIND_POLICY},
    {"attestation.reference", KIND_REFERENCE},
};

static enum lucid_plugin_result kind_apply(const struct lucid_plugin_host *host,
                                           struct lucid_plugin_txn *txn,
                                           const struct lucid_plugin_event *event)
{
    struct lucid_arena arena;
    const struct jcs_value *record;
    enum lucid_plugin_result result = LUCID_PLUGIN_CORRUPT;
    lucid_arena_init(&arena, ARENA_BYTES_MAX);
    if (parse(kit_span(event->payload), &arena, &record)) {
        if (lucid_span_is(kit_span(event->type), "attestation.collateral")) {
            result = collateral_put(host, txn, event, record);
        }
        for (size_t i = 0; i < sizeof(item_types) / sizeof(item_types[0]); i++) {
            if (lucid_span_is(kit_span(event->type), item_types[i].type)) {
                result = item_apply(host, txn, event, item_types[i].item, record);
            }
        }
    }
    lucid_arena_fini(&arena);
    return result;
}

/* The body of an appraisal, of evidence or claims, is the token whose digest stands in its record.
 */
static bool kind_body_fits(const struct lucid_plugin_host *host,
                           const struct lucid_plugin_event *event, struct lucid_plugin_bytes body)
{
    struct lucid_arena arena;
    const struct jcs_value *record;
    uint8_t named[HASH_BYTES];
    uint8_t hash[HASH_BYTES];
    host->sha256(host, &body, 1, hash);
    lucid_arena_init(&arena, ARENA_BYTES_MAX);
    bool fits = parse(kit_span(event->payload), &arena, &record) &&
                digest_member(record, "ear", named) && memcmp(named, hash, HASH_BYTES) == 0;
    lucid_arena_fini(&arena);
    return fits;
}

/* --- the kind --------------------------------------------------------------------------------- */

static const struct lucid_plugin_event_type types[] = {
    {"attestation.appraisal", 1, NULL},
    {"attestation.claims", 1, NULL},
    {"attestation.collateral", 1, NULL},
    {"attestation.interaction", 1, NULL},
    {"attestation.policy", 1, NULL},
    {"attestation.reference", 1, NULL},
    {NULL, 0, NULL},
};

static const char *const tables[] = {
    [KIND_ITEMS] = "items",           [KIND_ORDER] = "order",     [KIND_NONCES] = "nonces",
    [KIND_COLLATERAL] = "collateral", [KIND_IMPORTS] = "imports", NULL,
};

const struct lucid_plugin_kind kind_attestation[] = {
    {
        .name = KIND_NAME,
        .fold_version = 2,
        .types = types,
        .tables = tables,
        .decide = kind_decide,
        .apply = kind_apply,
        .body_fits = kind_body_fits,
    },
    {.name = NULL},
};
