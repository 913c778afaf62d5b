/* What a plugin's verbs may do with the writer's transaction, each call counted and checked. A rule
 * that is broken is noted here and judged by kind.c when the verb returns: whatever the plugin made
 * of the refused call, nothing of it is written. */
#include "base/assert.h"
#include "base/sha256.h"
#include "plugins/host/kind_internal.h"

static _Thread_local struct lucid_plugin_txn *running;

void plugin_txn_enter(struct lucid_plugin_txn *txn)
{
    txn->outer = running;
    txn->end = &txn->first;
    lucid_arena_init(&txn->scratch, PLUGIN_TXN_BYTES_MAX);
    running = txn;
}

void plugin_txn_leave(struct lucid_plugin_txn *txn)
{
    lucid_assert(running == txn);
    running = txn->outer;
    lucid_arena_fini(&txn->scratch);
}

static enum lucid_plugin_result rule_broken(struct lucid_plugin_txn *txn, const char *rule)
{
    if (txn->broken == NULL) {
        txn->broken = rule;
    }
    return LUCID_PLUGIN_REFUSED;
}

static bool step(struct lucid_plugin_txn *txn)
{
    txn->steps += txn->steps <= LUCID_PLUGIN_STEPS_MAX;
    txn->limit = txn->limit || txn->steps > LUCID_PLUGIN_STEPS_MAX;
    return !txn->limit;
}

bool plugin_util_step(const char *rule)
{
    if (running == NULL) {
        return true;
    }
    if (rule != NULL) {
        (void)rule_broken(running, rule);
        return false;
    }
    (void)step(running);
    return true;
}

/* What the ledger said, as the plugin hears it. */
static enum lucid_plugin_result result_of(struct lucid_plugin_txn *txn, enum lucid_error error)
{
    if (error == LUCID_OK) {
        return LUCID_PLUGIN_OK;
    }
    if (lucid_category(error) == LUCID_CATEGORY_NOTE) {
        return LUCID_PLUGIN_ABSENT;
    }
    if (error == LUCID_FATAL_CORRUPT) {
        txn->corrupt = true;
        return LUCID_PLUGIN_CORRUPT;
    }
    if (txn->error == LUCID_OK) {
        txn->error = error;
    }
    return LUCID_PLUGIN_BUSY;
}

/* Whether a call may go on: budget, verb, table, key. */
static enum lucid_plugin_result call_check(struct lucid_plugin_txn *txn, bool verb_fits,
                                           unsigned table, struct lucid_plugin_bytes key,
                                           size_t key_min)
{
    if (!step(txn)) {
        return LUCID_PLUGIN_REFUSED;
    }
    if (txn->txn == NULL || !verb_fits) {
        return rule_broken(txn, "a call that this verb may not make");
    }
    if (table >= txn->kind->table_count) {
        return rule_broken(txn, "a table that is not the kind's own");
    }
    if (key.len < key_min || key.len > LUCID_PLUGIN_KEY_BYTES_MAX) {
        return rule_broken(txn, "a key of no bytes, or of too many");
    }
    return LUCID_PLUGIN_OK;
}

static bool verb_is_live(const struct lucid_plugin_txn *txn)
{
    return txn->verb == PLUGIN_VERB_DECIDE || txn->verb == PLUGIN_VERB_REACT;
}

static uint64_t txn_now_ms(struct lucid_plugin_txn *txn)
{
    if (!step(txn)) {
        return 0;
    }
    if (!verb_is_live(txn)) {
        (void)rule_broken(txn, "apply reads no clock");
        return 0;
    }
    return ledger_txn_now_ms(txn->txn);
}

static void *txn_alloc(struct lucid_plugin_txn *txn, size_t len)
{
    if (!step(txn) || txn->txn == NULL || len > PLUGIN_TXN_BYTES_MAX - txn->bytes) {
        return NULL;
    }
    txn->bytes += len;
    return lucid_arena_zalloc(ledger_txn_arena(txn->txn), len);
}

static const char *type_find(const struct plugin_kind *kind, const char *name)
{
    for (const struct ledger_event_type *type = kind->types; type->name != NULL; type++) {
        if (strcmp(type->name, name) == 0) {
            return type->name;
        }
    }
    return NULL;
}

/* The draft in the batch's memory: what the plugin gave may be gone before the commit. */
static bool draft_copy(struct lucid_plugin_txn *txn, const struct lucid_plugin_draft *draft,
                       struct plugin_given *given)
{
    struct lucid_arena *arena = ledger_txn_arena(txn->txn);
    given->draft.payload = lucid_arena_copy(arena, plugin_span(draft->payload));
    bool ok = given->draft.payload.data != NULL;
    if (ok && draft->body.data != NULL) {
        given->draft.body = lucid_arena_copy(arena, plugin_span(draft->body));
        ok = given->draft.body.data != NULL;
    }
    if (ok && draft->entry != NULL) {
        given->draft.entry =
            lucid_arena_copy(arena, lucid_span(draft->entry, STORE_ENTRY_BYTES)).data;
        ok = given->draft.entry != NULL;
    }
    return ok;
}

/* Whether an entry names the plugin's key of now: what it logs as signed by another, or with no
 * signature at all (zeros), would stand there for ever. */
static bool entry_is_own(const struct lucid_plugin_txn *txn, const uint8_t *entry)
{
    const struct ledger_ed25519_key *key = txn->kind->plugin->key;
    uint8_t hash[LUCID_SHA256_BYTES];
    if (key == NULL) {
        return false;
    }
    lucid_sha256(lucid_span(key->public_key, sizeof(key->public_key)), hash);
    return memcmp(entry + LUCID_SHA256_BYTES, hash, sizeof(hash)) == 0;
}

static enum lucid_plugin_result txn_draft(struct lucid_plugin_txn *txn,
                                          const struct lucid_plugin_draft *draft,
                                          struct lucid_plugin_event *ret)
{
    if (!step(txn)) {
        return LUCID_PLUGIN_REFUSED;
    }
    if (!verb_is_live(txn)) {
        return rule_broken(txn, "apply drafts no event");
    }
    const char *type = draft->type == NULL ? NULL : type_find(txn->kind, draft->type);
    if (type == NULL) {
        return rule_broken(txn, "an event of a type that is not the kind's own");
    }
    if (draft->payload.len > LUCID_PLUGIN_PAYLOAD_BYTES_MAX ||
        draft->body.len > LUCID_PLUGIN_BODY_BYTES_MAX) {
        return rule_broken(txn, "an event whose payload or body is too large");
    }
    if ((draft->payload.data == NULL && draft->payload.len > 0) ||
        (draft->body.data == NULL && draft->body.len > 0)) {
        return rule_broken(txn, "an event of bytes that are nowhere");
    }
    if (draft->entry != NULL && !entry_is_own(txn, draft->entry)) {
        return rule_broken(txn, "an entry that was not made with the plugin's key");
    }
    if (txn->drafts == LUCID_PLUGIN_DRAFTS_MAX) {
        txn->limit = true;
        return LUCID_PLUGIN_REFUSED;
    }
    struct plugin_given *given = lucid_arena_zalloc(ledger_txn_arena(txn->txn), sizeof(*given));
    if (given == NULL || !draft_copy(txn, draft, given)) {
        return result_of(txn, LUCID_RETRY_MEMORY);
    }
    given->draft.type = type;
    given->payload = draft->payload;
    given->entry = draft->entry;
    given->ret = ret;
    *txn->end = given;
    txn->end = &given->next;
    txn->drafts++;
    return LUCID_PLUGIN_OK;
}

/* --- rows ------------------------------------------------------------------------------------- */

/* A span as the plugin gets it: in apply a copy, since its next write may move the page. */
static enum lucid_plugin_result span_give(struct lucid_plugin_txn *txn, struct lucid_span span,
                                          struct lucid_plugin_bytes *ret)
{
    if (txn->verb == PLUGIN_VERB_APPLY) {
        span = lucid_arena_copy(&txn->scratch, span);
        if (span.data == NULL) {
            return result_of(txn, LUCID_RETRY_MEMORY);
        }
    }
    *ret = plugin_bytes(span);
    return LUCID_PLUGIN_OK;
}

static enum lucid_plugin_result txn_get(struct lucid_plugin_txn *txn, unsigned table,
                                        struct lucid_plugin_bytes key,
                                        struct lucid_plugin_bytes *ret)
{
    enum lucid_plugin_result result = call_check(txn, true, table, key, 1);
    struct lucid_span value = {NULL, 0};
    if (result == LUCID_PLUGIN_OK) {
        result = result_of(txn, ledger_txn_get(txn->txn, table, plugin_span(key), &value));
    }
    return result == LUCID_PLUGIN_OK ? span_give(txn, value, ret) : result;
}

bool plugin_seek_how(enum lucid_plugin_seek how, struct lucid_plugin_bytes key,
                     enum store_seek *ret_how, struct lucid_span *ret_from)
{
    struct lucid_span none = lucid_span("", 0);
    enum store_seek seek = STORE_SEEK_LT;
    bool any = key.len <= LUCID_PLUGIN_KEY_BYTES_MAX;
    *ret_from = key.len == 0 ? none : plugin_span(key);
    switch (how) {
    case LUCID_PLUGIN_SEEK_GE:
        seek = key.len == 0 ? STORE_SEEK_GT : STORE_SEEK_GE;
        break;
    case LUCID_PLUGIN_SEEK_GT:
        seek = STORE_SEEK_GT;
        break;
    case LUCID_PLUGIN_SEEK_LE:
        seek = STORE_SEEK_LE;
        any = any && key.len > 0;
        break;
    case LUCID_PLUGIN_SEEK_LAST:
        *ret_from = none;
        break;
    }
    *ret_how = seek;
    return any;
}

static enum lucid_plugin_result txn_seek(struct lucid_plugin_txn *txn, unsigned table,
                                         enum lucid_plugin_seek how, struct lucid_plugin_bytes key,
                                         struct lucid_plugin_bytes *ret_key,
                                         struct lucid_plugin_bytes *ret_value)
{
    enum lucid_plugin_result result = call_check(txn, true, table, key, 0);
    struct lucid_span from;
    struct lucid_span found;
    struct lucid_span value;
    enum store_seek seek;
    struct lucid_plugin_bytes row[2];
    if (result != LUCID_PLUGIN_OK || !plugin_seek_how(how, key, &seek, &from)) {
        return result == LUCID_PLUGIN_OK ? LUCID_PLUGIN_ABSENT : result;
    }
    result = result_of(txn, ledger_txn_seek(txn->txn, table, seek, from, &found, &value));
    if (result == LUCID_PLUGIN_OK) {
        result = span_give(txn, found, &row[0]);
    }
    if (result == LUCID_PLUGIN_OK) {
        result = span_give(txn, value, &row[1]);
    }
    if (result == LUCID_PLUGIN_OK) {
        *ret_key = row[0];
        *ret_value = row[1];
    }
    return result;
}

static enum lucid_plugin_result txn_peek(struct lucid_plugin_txn *txn, const char *kind,
                                         unsigned table, struct lucid_plugin_bytes key,
                                         struct lucid_plugin_bytes *ret)
{
    if (!step(txn)) {
        return LUCID_PLUGIN_REFUSED;
    }
    if (!verb_is_live(txn)) {
        return rule_broken(txn, "apply reads no other kind");
    }
    const struct ledger_kind *found = ledger_txn_kind_find(txn->txn, kind);
    if (found == NULL) {
        return LUCID_PLUGIN_ABSENT; /* its plugin is not loaded */
    }
    const struct plugin_kind *other = plugin_kind_of(found);
    if (other == NULL || table >= other->table_count || key.len == 0 ||
        key.len > LUCID_PLUGIN_KEY_BYTES_MAX) {
        return rule_broken(txn, "a row of no plugin's kind");
    }
    struct lucid_span value;
    enum lucid_plugin_result result =
        result_of(txn, ledger_txn_peek(txn->txn, found, table, plugin_span(key), &value));
    if (result == LUCID_PLUGIN_OK) {
        *ret = plugin_bytes(value);
    }
    return result;
}

static enum lucid_plugin_result txn_put(struct lucid_plugin_txn *txn, unsigned table,
                                        struct lucid_plugin_bytes key,
                                        struct lucid_plugin_bytes value)
{
    enum lucid_plugin_result result =
        call_check(txn, txn->verb == PLUGIN_VERB_APPLY, table, key, 1);
    if (result == LUCID_PLUGIN_OK && value.len > LUCID_PLUGIN_ROW_BYTES_MAX) {
        result = rule_broken(txn, "a row that is too large");
    }
    return result == LUCID_PLUGIN_OK
               ? result_of(txn,
                           ledger_txn_put(txn->txn, table, plugin_span(key), plugin_span(value)))
               : result;
}

static enum lucid_plugin_result txn_del(struct lucid_plugin_txn *txn, unsigned table,
                                        struct lucid_plugin_bytes key)
{
    enum lucid_plugin_result result =
        call_check(txn, txn->verb == PLUGIN_VERB_APPLY, table, key, 1);
    return result == LUCID_PLUGIN_OK
               ? result_of(txn, ledger_txn_del(txn->txn, table, plugin_span(key)))
               : result;
}

void plugin_host_txn_init(struct lucid_plugin_host *host)
{
    host->txn_now_ms = txn_now_ms;
    host->txn_alloc = txn_alloc;
    host->txn_draft = txn_draft;
    host->txn_get = txn_get;
    host->txn_seek = txn_seek;
    host->txn_peek = txn_peek;
    host->txn_put = txn_put;
    host->txn_del = txn_del;
}
