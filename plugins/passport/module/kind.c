/* decide and apply of kind `passport`. */
#include "plugins/passport/module/kind.h"

#include <stdio.h>

#include "base/jcs/jcs.h"
#include "plugins/kit/bytes.h"
#include "plugins/passport/module/kind_internal.h"
#include "plugins/verifier/canonical.h"
#include "plugins/verifier/module/kind.h"

enum { ARENA_BYTES_MAX = 4 << 20, DEPTH_MAX = 8, VALUES_MAX = 4096 };

#define SECOND_MS 1000U

/* --- decide ----------------------------------------------------------------------------------- */

static enum lucid_plugin_result refuse(struct lucid_plugin_why *why, const char *code,
                                       const char *param, const char *text)
{
    why->code = code;
    (void)snprintf(why->param, sizeof(why->param), "%s", param);
    (void)snprintf(why->text, sizeof(why->text), "%s", text);
    return LUCID_PLUGIN_REFUSED;
}

static enum lucid_plugin_result row_get(const struct lucid_plugin_host *host,
                                        struct lucid_plugin_txn *txn, struct lucid_span id,
                                        struct passport_row *ret)
{
    struct lucid_plugin_bytes row;
    enum lucid_plugin_result result = host->txn_get(txn, PASSPORT_PASSPORTS, kit_bytes(id), &row);
    if (result == LUCID_PLUGIN_OK && !passport_row_read(id, kit_span(row), ret)) {
        result = LUCID_PLUGIN_CORRUPT;
    }
    return result;
}

static enum lucid_plugin_result draft(const struct lucid_plugin_host *host,
                                      struct lucid_plugin_txn *txn,
                                      const struct passport_command *command)
{
    const struct lucid_plugin_draft wanted = {
        .type = command->revokes ? "passport.revoked" : "passport.issued",
        .payload = command->payload,
        .entry = command->entry,
        .body = command->body,
    };
    return host->txn_draft(txn, &wanted, NULL);
}

static enum lucid_plugin_result revoke_decide(const struct lucid_plugin_host *host,
                                              struct lucid_plugin_txn *txn,
                                              struct passport_command *command)
{
    struct passport_row row;
    enum lucid_plugin_result result = row_get(host, txn, lucid_span_str(command->id), &row);
    if (result != LUCID_PLUGIN_OK) {
        return result;
    }
    memcpy(command->ret_id, row.id, sizeof(row.id));
    command->ret_known = row.revoked_s != 0;
    return command->ret_known ? LUCID_PLUGIN_OK : draft(host, txn, command);
}

/* A request that has its passport renews none but the one that this follows. */
static enum lucid_plugin_result follows_decide(const struct lucid_plugin_host *host,
                                               struct lucid_plugin_txn *txn,
                                               const struct passport_command *command,
                                               struct lucid_plugin_why *why)
{
    struct passport_row row;
    enum lucid_plugin_result result = row_get(host, txn, lucid_span_str(command->newest), &row);
    if (result != LUCID_PLUGIN_OK) {
        return result == LUCID_PLUGIN_ABSENT ? LUCID_PLUGIN_CORRUPT : result;
    }
    return strcmp(row.successor, command->ret_id) == 0
               ? LUCID_PLUGIN_OK
               : refuse(why, "PASSPORT_CONFLICT", "id",
                        "another passport was issued for this request: sign a new one");
}

/* Whether the same request has its passport: OK, ABSENT. */
static enum lucid_plugin_result known_decide(const struct lucid_plugin_host *host,
                                             struct lucid_plugin_txn *txn,
                                             struct passport_command *command,
                                             struct lucid_plugin_why *why)
{
    struct lucid_plugin_bytes id;
    enum lucid_plugin_result result =
        host->txn_get(txn, PASSPORT_REQUESTS,
                      (struct lucid_plugin_bytes){command->request, LUCID_SHA256_BYTES}, &id);
    if (result != LUCID_PLUGIN_OK) {
        return result;
    }
    if (id.len > PASSPORT_ID_BYTES_MAX) {
        return LUCID_PLUGIN_CORRUPT;
    }
    memcpy(command->ret_id, id.data, id.len);
    command->ret_id[id.len] = '\0';
    command->ret_known = true;
    return command->renews ? follows_decide(host, txn, command, why) : LUCID_PLUGIN_OK;
}

/* Whether the application's newest is still what the passport was made beside. */
static enum lucid_plugin_result newest_decide(const struct lucid_plugin_host *host,
                                              struct lucid_plugin_txn *txn,
                                              const struct passport_command *command,
                                              struct lucid_plugin_why *why)
{
    struct lucid_plugin_bytes id = {NULL, 0};
    struct passport_row row;
    uint64_t now_s = host->txn_now_ms(txn) / SECOND_MS;
    enum lucid_plugin_result result = host->txn_get(
        txn, PASSPORT_APPLICATIONS, kit_bytes(lucid_span_str(command->application)), &id);
    if (result != LUCID_PLUGIN_OK && result != LUCID_PLUGIN_ABSENT) {
        return result;
    }
    if (!lucid_span_is(kit_span(id), command->newest)) {
        return refuse(why, "PASSPORT_CONFLICT", "application",
                      "another passport was issued for it at the same time: ask again");
    }
    if (!command->supersedes) {
        return LUCID_PLUGIN_OK;
    }
    result = row_get(host, txn, lucid_span_str(command->newest), &row);
    if (result != LUCID_PLUGIN_OK) {
        return result == LUCID_PLUGIN_ABSENT ? LUCID_PLUGIN_CORRUPT : result;
    }
    if (row.revoked_s != 0 || row.expires_s <= now_s || row.successor[0] != '\0') {
        return refuse(why, "PASSPORT_CONFLICT", "application",
                      "the passport that this one follows ended at the same time: ask again");
    }
    if (command->renews && now_s < row.renew_after_s) {
        return refuse(why, "TOO_EARLY", "id", "it is not half through its life yet");
    }
    return LUCID_PLUGIN_OK;
}

static enum lucid_plugin_result rests_decide(const struct lucid_plugin_host *host,
                                             struct lucid_plugin_txn *txn,
                                             const struct passport_command *command,
                                             struct lucid_plugin_why *why)
{
    enum lucid_plugin_result result = LUCID_PLUGIN_OK;
    for (size_t i = 0; i < command->rest_count && result == LUCID_PLUGIN_OK; i++) {
        uint8_t key[1 + LUCID_SHA256_BYTES];
        struct lucid_plugin_bytes row;
        key[0] = (uint8_t)command->rests[i].item;
        memcpy(key + 1, command->rests[i].id, LUCID_SHA256_BYTES);
        result = host->txn_peek(txn, KIND_NAME, KIND_ITEMS,
                                (struct lucid_plugin_bytes){key, sizeof(key)}, &row);
        if (result == LUCID_PLUGIN_ABSENT) {
            result =
                refuse(why, "APPRAISAL_UNKNOWN", "appraisals", "no such appraisal is on this log");
        }
    }
    return result;
}

static enum lucid_plugin_result issue_decide(const struct lucid_plugin_host *host,
                                             struct lucid_plugin_txn *txn,
                                             struct passport_command *command,
                                             struct lucid_plugin_why *why)
{
    struct lucid_plugin_bytes row;
    enum lucid_plugin_result result = known_decide(host, txn, command, why);
    if (result != LUCID_PLUGIN_ABSENT) {
        return result;
    }
    memcpy(command->ret_id, command->id, sizeof(command->id));
    result = host->txn_get(txn, PASSPORT_PASSPORTS, kit_bytes(lucid_span_str(command->id)), &row);
    if (result != LUCID_PLUGIN_ABSENT) {
        return result == LUCID_PLUGIN_OK
                   ? refuse(why, "PASSPORT_CONFLICT", "appraisals",
                            "a passport was issued of them in this second: ask again")
                   : result;
    }
    result = newest_decide(host, txn, command, why);
    if (result == LUCID_PLUGIN_OK) {
        result = rests_decide(host, txn, command, why);
    }
    return result == LUCID_PLUGIN_OK ? draft(host, txn, command) : result;
}

static enum lucid_plugin_result kind_decide(void *self, const struct lucid_plugin_host *host,
                                            struct lucid_plugin_txn *txn, void *data,
                                            struct lucid_plugin_why *why)
{
    (void)self;
    struct passport_command *command = data;
    command->ret_known = false;
    return command->revokes ? revoke_decide(host, txn, command)
                            : issue_decide(host, txn, command, why);
}

/* --- apply ------------------------------------------------------------------------------------ */

static bool text_copy(const struct jcs_value *record, const char *name, size_t max, char *ret)
{
    const struct jcs_value *value = jcs_member(record, name);
    if (value == NULL || jcs_type(value) != JCS_STRING || jcs_string(value).len >= max) {
        return false;
    }
    memcpy(ret, jcs_string(value).data, jcs_string(value).len);
    ret[jcs_string(value).len] = '\0';
    return true;
}

static bool number(const struct jcs_value *record, const char *name, uint64_t *ret)
{
    const struct jcs_value *value = jcs_member(record, name);
    return value != NULL && jcs_uint(value, ret);
}

static bool truth(const struct jcs_value *record, const char *name, bool *ret)
{
    const struct jcs_value *value = jcs_member(record, name);
    if (value == NULL || (jcs_type(value) != JCS_TRUE && jcs_type(value) != JCS_FALSE)) {
        return false;
    }
    *ret = jcs_type(value) == JCS_TRUE;
    return true;
}

static bool digest(const struct jcs_value *record, const char *name,
                   uint8_t ret[LUCID_SHA256_BYTES])
{
    const struct jcs_value *value = jcs_member(record, name);
    return value != NULL && jcs_type(value) == JCS_STRING &&
           canonical_digest_read(jcs_string(value), ret);
}

static enum lucid_plugin_result row_put(const struct lucid_plugin_host *host,
                                        struct lucid_plugin_txn *txn,
                                        const struct passport_row *row)
{
    struct lucid_buf bytes = {0};
    passport_row_write(row, &bytes);
    enum lucid_plugin_result result =
        lucid_buf_ok(&bytes)
            ? host->txn_put(txn, PASSPORT_PASSPORTS, kit_bytes(lucid_span_str(row->id)),
                            kit_bytes(lucid_buf_span(&bytes)))
            : LUCID_PLUGIN_BUSY;
    lucid_buf_fini(&bytes);
    return result;
}

static enum lucid_plugin_result ended_put(const struct lucid_plugin_host *host,
                                          struct lucid_plugin_txn *txn,
                                          const struct passport_row *row)
{
    uint8_t key[PASSPORT_ENDED_KEY_BYTES_MAX];
    return host->txn_put(txn, PASSPORT_ENDED,
                         passport_ended_key(row->expires_s, lucid_span_str(row->id), key),
                         kit_bytes(lucid_span("", 0)));
}

static bool issued_read(const struct lucid_plugin_event *event, const struct jcs_value *record,
                        struct passport_row *row, uint8_t request[LUCID_SHA256_BYTES])
{
    row->sequence = event->sequence;
    row->leaf = event->leaf;
    row->logged_ms = event->time_ms;
    return text_copy(record, "passportId", sizeof(row->id), row->id) &&
           text_copy(record, "application", sizeof(row->application), row->application) &&
           digest(record, "passportDigest", row->digest) && digest(record, "request", request) &&
           number(record, "issuedAt", &row->issued_s) &&
           number(record, "expiresAt", &row->expires_s) &&
           number(record, "renewAfter", &row->renew_after_s) && truth(record, "mock", &row->mock) &&
           truth(record, "test", &row->test) && truth(record, "quote", &row->quote);
}

/* Its predecessor gets it as successor. */
static enum lucid_plugin_result supersede(const struct lucid_plugin_host *host,
                                          struct lucid_plugin_txn *txn,
                                          const struct jcs_value *record,
                                          const struct passport_row *row)
{
    char before[PASSPORT_ID_BYTES_MAX + 1];
    struct passport_row old;
    if (jcs_member(record, "supersedes") == NULL) {
        return LUCID_PLUGIN_OK;
    }
    if (!text_copy(record, "supersedes", sizeof(before), before)) {
        return LUCID_PLUGIN_CORRUPT;
    }
    enum lucid_plugin_result result = row_get(host, txn, lucid_span_str(before), &old);
    if (result != LUCID_PLUGIN_OK) {
        return result == LUCID_PLUGIN_ABSENT ? LUCID_PLUGIN_CORRUPT : result;
    }
    memcpy(old.successor, row->id, sizeof(row->id));
    old.succeeded_s = row->issued_s;
    result = row_put(host, txn, &old);
    return result == LUCID_PLUGIN_OK ? ended_put(host, txn, &old) : result;
}

static enum lucid_plugin_result issued_apply(const struct lucid_plugin_host *host,
                                             struct lucid_plugin_txn *txn,
                                             const struct lucid_plugin_event *event,
                                             const struct jcs_value *record)
{
    struct passport_row row = {.sequence = 0};
    uint8_t request[LUCID_SHA256_BYTES];
    uint8_t sequence[8];
    if (!issued_read(event, record, &row, request)) {
        return LUCID_PLUGIN_CORRUPT;
    }
    const struct lucid_plugin_bytes id = kit_bytes(lucid_span_str(row.id));
    lucid_put_be64(sequence, event->sequence);
    enum lucid_plugin_result result = row_put(host, txn, &row);
    if (result == LUCID_PLUGIN_OK) {
        result = host->txn_put(txn, PASSPORT_ORDER,
                               (struct lucid_plugin_bytes){sequence, sizeof(sequence)}, id);
    }
    if (result == LUCID_PLUGIN_OK) {
        result = host->txn_put(txn, PASSPORT_APPLICATIONS,
                               kit_bytes(lucid_span_str(row.application)), id);
    }
    if (result == LUCID_PLUGIN_OK) {
        result = host->txn_put(txn, PASSPORT_REQUESTS,
                               (struct lucid_plugin_bytes){request, sizeof(request)}, id);
    }
    return result == LUCID_PLUGIN_OK ? supersede(host, txn, record, &row) : result;
}

static enum lucid_plugin_result revoked_apply(const struct lucid_plugin_host *host,
                                              struct lucid_plugin_txn *txn,
                                              const struct lucid_plugin_event *event,
                                              const struct jcs_value *record)
{
    char id[PASSPORT_ID_BYTES_MAX + 1];
    char reason[32];
    struct passport_row row;
    enum lucid_plugin_result result = LUCID_PLUGIN_CORRUPT;
    if (text_copy(record, "passportId", sizeof(id), id)) {
        result = row_get(host, txn, lucid_span_str(id), &row);
    }
    if (result != LUCID_PLUGIN_OK) {
        return result == LUCID_PLUGIN_ABSENT ? LUCID_PLUGIN_CORRUPT : result;
    }
    if (!text_copy(record, "reason", sizeof(reason), reason) ||
        !status_reason_find(lucid_span_str(reason), &row.reason) ||
        !number(record, "revokedAt", &row.revoked_s)) {
        return LUCID_PLUGIN_CORRUPT;
    }
    row.revoked_sequence = event->sequence;
    row.revoked_leaf = event->leaf;
    result = row_put(host, txn, &row);
    return result == LUCID_PLUGIN_OK ? ended_put(host, txn, &row) : result;
}

static enum lucid_plugin_result kind_apply(const struct lucid_plugin_host *host,
                                           struct lucid_plugin_txn *txn,
                                           const struct lucid_plugin_event *event)
{
    static const struct jcs_limits limits = {DEPTH_MAX, VALUES_MAX};
    struct lucid_arena arena;
    const struct jcs_value *record;
    enum lucid_plugin_result result = LUCID_PLUGIN_CORRUPT;
    lucid_arena_init(&arena, ARENA_BYTES_MAX);
    if (jcs_parse(kit_span(event->payload), &limits, &arena, &record, NULL) == LUCID_OK &&
        jcs_type(record) == JCS_OBJECT) {
        result = lucid_span_is(kit_span(event->type), "passport.revoked")
                     ? revoked_apply(host, txn, event, record)
                     : issued_apply(host, txn, event, record);
    }
    lucid_arena_fini(&arena);
    return result;
}

/* --- the kind --------------------------------------------------------------------------------- */

static const struct lucid_plugin_event_type types[] = {
    {"passport.issued", 1, NULL},
    {"passport.revoked", 1, NULL},
    {NULL, 0, NULL},
};

static const char *const tables[] = {
    [PASSPORT_PASSPORTS] = "passports",
    [PASSPORT_ORDER] = "order",
    [PASSPORT_APPLICATIONS] = "applications",
    [PASSPORT_REQUESTS] = "requests",
    [PASSPORT_ENDED] = "ended",
    NULL,
};

const struct lucid_plugin_kind passport_kinds[] = {
    {
        .name = PASSPORT_KIND_NAME,
        .fold_version = 1,
        .types = types,
        .tables = tables,
        .decide = kind_decide,
        .apply = kind_apply,
    },
    {.name = NULL},
};
