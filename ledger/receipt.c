/* The receipt kind: identity and admission on the writer, and what readers ask. */
#include "ledger/receipt.h"

#include "base/assert.h"
#include "ledger/epoch_internal.h"
#include "ledger/erasure.h"
#include "ledger/head_internal.h"
#include "ledger/ledger_internal.h"
#include "ledger/receipt_internal.h"
#include "ledger/signer_internal.h"

/* Leaves that share a 64-bit tag are false hits of the map, or made on purpose: sixteen hashes with
 * the same first 8 bytes cost about 2^60 tries. */
enum { CANDIDATES_MAX = 16 };

/* --- the payload --- */

enum {
    PAYLOAD_TYPE_AT = 32,
    PAYLOAD_ZERO_AT = 33,
    PAYLOAD_TIMESTAMP_AT = 34,
};

size_t receipt_payload_encode(const uint8_t signer[32], const struct receipt_facts *facts,
                              uint8_t out[RECEIPT_PAYLOAD_BYTES_MAX])
{
    lucid_assert(facts->run_id.len <= RECEIPT_RUN_ID_BYTES_MAX);
    memcpy(out, signer, 32);
    out[PAYLOAD_TYPE_AT] = (uint8_t)facts->type;
    out[PAYLOAD_ZERO_AT] = 0;
    lucid_put_be64(out + PAYLOAD_TIMESTAMP_AT, facts->timestamp);
    memcpy(out + RECEIPT_PAYLOAD_FIXED_BYTES, facts->run_id.data, facts->run_id.len);
    return RECEIPT_PAYLOAD_FIXED_BYTES + facts->run_id.len;
}

bool receipt_payload_decode(struct lucid_span payload, struct receipt_payload *ret)
{
    if (payload.len < RECEIPT_PAYLOAD_FIXED_BYTES + RECEIPT_RUN_ID_BYTES_MIN ||
        payload.len > RECEIPT_PAYLOAD_BYTES_MAX) {
        return false;
    }
    uint8_t type = payload.data[PAYLOAD_TYPE_AT];
    struct lucid_span run_id = lucid_span(payload.data + RECEIPT_PAYLOAD_FIXED_BYTES,
                                          payload.len - RECEIPT_PAYLOAD_FIXED_BYTES);
    if (type < RECEIPT_INFERENCE || type > RECEIPT_MEMORY || payload.data[PAYLOAD_ZERO_AT] != 0 ||
        !receipt_run_id_ok(run_id)) {
        return false;
    }
    *ret = (struct receipt_payload){
        .signer = payload.data,
        .facts =
            {
                .type = (enum receipt_type)type,
                .run_id = run_id,
                .timestamp = lucid_get_be64(payload.data + PAYLOAD_TIMESTAMP_AT),
            },
    };
    return true;
}

const uint8_t *receipt_payload_signer(struct lucid_span payload)
{
    struct receipt_payload decoded;
    return receipt_payload_decode(payload, &decoded) ? decoded.signer : NULL;
}

/* --- placements --- */

const char *receipt_status_name(enum receipt_status status)
{
    switch (status) {
    case RECEIPT_LOGGED:
        return "logged";
    case RECEIPT_COVERED:
        return "covered";
    case RECEIPT_FINALIZED:
        return "finalized";
    }
    lucid_assert(false);
    return "";
}

static void placement_identify(struct receipt_placement *placement, const uint8_t hash[32],
                               struct lucid_span run_id)
{
    lucid_assert(run_id.len <= RECEIPT_RUN_ID_BYTES_MAX);
    memcpy(placement->receipt_hash, hash, sizeof(placement->receipt_hash));
    memcpy(placement->run_id, run_id.data, run_id.len);
    placement->run_id[run_id.len] = '\0';
}

/* Epoch and status as that view has them; the leaf must be set. */
static enum lucid_error placement_settle(struct receipt_placement *placement,
                                         struct store_view *view, struct store *store)
{
    uint64_t end_leaf = 0;
    enum lucid_error error =
        epoch_place(view, store, placement->leaf_index, &placement->epoch, &end_leaf);
    if (error != LUCID_OK) {
        /* Every leaf has an epoch. */
        return error == LUCID_NOTE_ABSENT ? LUCID_FATAL_CORRUPT : error;
    }
    lucid_assert(end_leaf == 0 || end_leaf > placement->leaf_index);
    uint64_t covered = head_newest_size(view, store);
    placement->status = RECEIPT_LOGGED;
    if (covered > placement->leaf_index) {
        bool finalized = end_leaf != 0 && covered >= end_leaf;
        placement->status = finalized ? RECEIPT_FINALIZED : RECEIPT_COVERED;
    }
    return LUCID_OK;
}

void receipt_placement_write(const struct receipt_placement *placement, struct lucid_buf *out)
{
    lucid_json_member_hex(out, "receipt_hash", placement->receipt_hash,
                          sizeof(placement->receipt_hash));
    if (placement->run_id[0] != '\0') {
        lucid_json_member_cstr(out, "run_id", placement->run_id);
    }
    lucid_json_member_u64(out, "leaf_index", placement->leaf_index);
    lucid_json_member_u64(out, "sequence", placement->sequence);
    lucid_json_member_u64(out, "epoch", placement->epoch);
    lucid_json_member_time(out, "logged_at", placement->logged_ms);
    lucid_json_member_cstr(out, "status", receipt_status_name(placement->status));
    if (placement->run_id[0] != '\0') {
        lucid_json_member_bool(out, "replayed", placement->replayed);
    }
}

/* --- decide: identity, then whether the signer may --- */

static bool is_receipt(const struct store_event *event)
{
    return event->entry != NULL && lucid_span_is(event->type, RECEIPT_EVENT_TYPE);
}

/* The event of a leaf as it was read; what is relied on beyond its entry needs ledger_event_check.
 */
static enum lucid_error leaf_event(struct store_view *view, uint64_t leaf, struct store_event *ret)
{
    struct store_leaf row;
    enum lucid_error error = store_leaf_read(view, leaf, &row);
    if (error == LUCID_OK) {
        error = store_event_read(view, row.sequence, ret);
    }
    /* The core named the leaf, so both rows must be there. */
    return error == LUCID_NOTE_ABSENT ? LUCID_FATAL_CORRUPT : error;
}

/* The event of a leaf as the batch sees it. *ret_payload is set for receipts only; of any other
 * kind the answer is LUCID_NOTE_ABSENT. */
static enum lucid_error leaf_receipt(struct store_view *view, uint64_t leaf,
                                     struct store_event *ret, struct receipt_payload *ret_payload)
{
    struct store_event event;
    enum lucid_error error = leaf_event(view, leaf, &event);
    if (error == LUCID_OK) {
        error = ledger_event_check(view, &event);
    }
    if (error != LUCID_OK) {
        return error;
    }
    if (!is_receipt(&event)) {
        return LUCID_NOTE_ABSENT;
    }
    if (!receipt_payload_decode(event.payload, ret_payload)) {
        return LUCID_FATAL_CORRUPT;
    }
    *ret = event;
    return LUCID_OK;
}

static enum lucid_error run_id_conflict(struct lucid_why *why, const char *text)
{
    return lucid_refuse(why, LUCID_REFUSE_CONFLICT, "RUN_ID_CONFLICT", "body.run_id", "%s", text);
}

/* What a receipt is held against: the writer's batch, or what a reader sees. */
struct sight {
    struct ledger_txn *txn;
    struct ledger_view *view; /* without txn */
    struct ledger *ledger;
};

static struct store_view *sight_store_view(const struct sight *sight)
{
    return sight->txn != NULL ? ledger_txn_view(sight->txn) : ledger_view_store(sight->view);
}

static size_t sight_find(const struct sight *sight, unsigned which, uint64_t tag,
                         uint64_t ret_leaves[CANDIDATES_MAX])
{
    return sight->txn != NULL
               ? ledger_txn_find(sight->txn, which, tag, ret_leaves, CANDIDATES_MAX)
               : ledger_view_find(sight->view, which, tag, ret_leaves, CANDIDATES_MAX);
}

/* Looks for the receipt by its hash. *ret_first: it is a replay, and the command's placement is
 * that of the first. *ret_others: the hash is there, signed by another key. */
static enum lucid_error hash_search(const struct sight *sight, struct receipt_command *command,
                                    bool *ret_first, bool *ret_others)
{
    uint64_t leaves[CANDIDATES_MAX];
    size_t count = sight_find(sight, LEDGER_TAG_HASH, ledger_tag_hash(command->hash), leaves);
    for (size_t i = 0; i < count; i++) {
        struct store_event event;
        struct receipt_payload payload;
        enum lucid_error error = leaf_receipt(sight_store_view(sight), leaves[i], &event, &payload);
        if (error == LUCID_NOTE_ABSENT ||
            (error == LUCID_OK && memcmp(event.entry, command->hash, 32) != 0)) {
            continue;
        }
        if (error != LUCID_OK) {
            return error;
        }
        if (memcmp(event.entry + 32, command->signer_hash, 32) != 0) {
            *ret_others = true;
            continue;
        }
        placement_identify(&command->placement, command->hash, payload.facts.run_id);
        command->placement.leaf_index = leaves[i];
        command->placement.sequence = event.sequence;
        command->placement.logged_ms = event.time_ms;
        command->placement.replayed = true;
        *ret_first = true;
        return LUCID_OK;
    }
    return LUCID_OK;
}

/* Whether a receipt with this run_id is there. Its hash is another one: hash_search came first. */
static enum lucid_error run_id_search(const struct sight *sight, struct lucid_span run_id,
                                      bool *ret_taken)
{
    uint64_t leaves[CANDIDATES_MAX];
    size_t count = sight_find(sight, LEDGER_TAG_RUN_ID, ledger_tag_run_id(run_id), leaves);
    for (size_t i = 0; i < count; i++) {
        struct store_event event;
        struct receipt_payload payload;
        enum lucid_error error = leaf_receipt(sight_store_view(sight), leaves[i], &event, &payload);
        if (error == LUCID_NOTE_ABSENT) {
            continue;
        }
        if (error != LUCID_OK) {
            return error;
        }
        if (lucid_span_equal(payload.facts.run_id, run_id)) {
            *ret_taken = true;
            return LUCID_OK;
        }
    }
    return LUCID_OK;
}

static enum lucid_error signer_check(const struct sight *sight, const uint8_t key[32],
                                     struct lucid_why *why)
{
    struct ledger_signer signer;
    enum lucid_error error =
        signer_lookup(sight_store_view(sight), sight->ledger->store, key, &signer);
    if (error == LUCID_NOTE_ABSENT) {
        return lucid_refuse(why, LUCID_REFUSE_FORBIDDEN, "SIGNER_UNKNOWN", "signer_pubkey",
                            "signer_pubkey is not a registered key");
    }
    if (error == LUCID_OK && signer.revoked_ms != 0) {
        return lucid_refuse(why, LUCID_REFUSE_FORBIDDEN, "SIGNER_REVOKED", "signer_pubkey",
                            "signer_pubkey was revoked");
    }
    return error;
}

static enum lucid_error receipt_draft(struct ledger_txn *txn, struct receipt_command *command)
{
    const struct ledger_draft draft = {
        .type = RECEIPT_EVENT_TYPE,
        .payload = lucid_span(command->payload, command->payload_len),
        .entry = command->entry,
        .body = command->canonical,
    };
    return ledger_txn_draft(txn, &draft, &command->draft);
}

/* A stored row that rotted makes this one receipt undecidable, not the ledger: whoever holds its
 * envelope could otherwise stop the service with it. */
static enum lucid_error undecidable(struct lucid_why *why, enum lucid_error error)
{
    return error == LUCID_FATAL_CORRUPT
               ? lucid_refuse(why, LUCID_RETRY_IO, "CORRUPT", NULL,
                              "a stored receipt that this one must be compared with is damaged")
               : error;
}

/* Whether it may be logged: LUCID_OK; with *ret_first it is there already. */
static enum lucid_error receipt_judge(const struct sight *sight, struct receipt_command *command,
                                      bool *ret_first, struct lucid_why *why)
{
    bool others = false;
    bool taken = false;
    command->placement = (struct receipt_placement){.replayed = false};
    enum lucid_error error = hash_search(sight, command, ret_first, &others);
    if (error != LUCID_OK || *ret_first) {
        return undecidable(why, error);
    }
    error = signer_check(sight, command->signer, why);
    if (error != LUCID_OK) {
        return error;
    }
    if (others) {
        return run_id_conflict(why, "another key has signed this very receipt before");
    }
    error = run_id_search(sight, command->run_id, &taken);
    if (error != LUCID_OK) {
        return undecidable(why, error);
    }
    return taken ? run_id_conflict(why, "run_id belongs to a receipt with another hash") : LUCID_OK;
}

static enum lucid_error receipt_decide(struct ledger_txn *txn, struct ledger_command *base,
                                       struct lucid_why *why)
{
    struct receipt_command *command = (struct receipt_command *)base;
    const struct sight sight = {.txn = txn, .ledger = txn->ledger};
    bool first = false;
    lucid_assert(command->payload_len > RECEIPT_PAYLOAD_FIXED_BYTES);
    command->draft = NULL;
    enum lucid_error error = receipt_judge(&sight, command, &first, why);
    return error == LUCID_OK && !first ? receipt_draft(txn, command) : error;
}

enum lucid_error receipt_foresee(struct receipt_command *command, struct ledger_view *view,
                                 bool *ret_known, struct lucid_why *why)
{
    const struct sight sight = {.view = view, .ledger = view->ledger};
    bool first = false;
    enum lucid_error error = receipt_judge(&sight, command, &first, why);
    if (error == LUCID_OK && first) {
        error = placement_settle(&command->placement, view->store, view->ledger->store);
    }
    if (error == LUCID_OK) {
        *ret_known = first;
    }
    return error;
}

static void receipt_conclude(struct ledger_txn *txn, struct ledger_command *base)
{
    struct receipt_command *command = (struct receipt_command *)base;
    struct receipt_placement *placement = &command->placement;
    if (command->draft != NULL) {
        placement_identify(placement, command->hash, command->run_id);
        placement->leaf_index = command->draft->leaf;
        placement->sequence = command->draft->sequence;
        placement->logged_ms = command->draft->time_ms;
    }
    base->error = placement_settle(placement, ledger_txn_view(txn), txn->ledger->store);
}

/* There is no table to fold receipts into: tree and maps are the core's. */
static enum lucid_error receipt_apply(struct ledger_txn *txn, const struct ledger_event *event)
{
    struct receipt_payload payload;
    (void)txn;
    if (event->entry == NULL || !receipt_payload_decode(event->payload, &payload)) {
        return LUCID_FATAL_CORRUPT;
    }
    return LUCID_OK;
}

static uint64_t receipt_id_tag(struct lucid_span payload)
{
    struct receipt_payload decoded;
    return receipt_payload_decode(payload, &decoded) ? ledger_tag_run_id(decoded.facts.run_id) : 0;
}

static bool receipt_body_fits(const struct ledger_kind *kind, const struct ledger_event *event,
                              struct lucid_span body)
{
    (void)kind;
    uint8_t hash[LUCID_SHA256_BYTES];
    lucid_sha256(body, hash);
    return event->entry != NULL && memcmp(hash, event->entry, sizeof(hash)) == 0;
}

static const struct ledger_event_type receipt_types[] = {
    {.name = RECEIPT_EVENT_TYPE, .version = 1},
    {.name = NULL},
};

const struct ledger_kind ledger_receipt_kind = {
    .name = "receipt",
    .fold_version = 1,
    .types = receipt_types,
    .decide = receipt_decide,
    .apply = receipt_apply,
    .conclude = receipt_conclude,
    .id_tag = receipt_id_tag,
    .body_fits = receipt_body_fits,
};

/* --- queries --- */

enum lucid_error receipt_find(struct ledger_view *view, struct lucid_span id, uint64_t *ret_leaf)
{
    struct store_event event;
    return receipt_find_event(view, id, ret_leaf, &event);
}

/* Whether the leaf is the receipt of that hash. The entry says it, which the tree commits to: it is
 * checked by whoever uses it, so the event is only checked when the answer is no. */
static enum lucid_error leaf_has_hash(struct store_view *view, uint64_t leaf,
                                      const uint8_t hash[LUCID_SHA256_BYTES],
                                      struct store_event *ret)
{
    struct store_event event;
    enum lucid_error error = leaf_event(view, leaf, &event);
    if (error != LUCID_OK) {
        return error;
    }
    if (is_receipt(&event) && memcmp(event.entry, hash, LUCID_SHA256_BYTES) == 0) {
        *ret = event;
        return LUCID_OK;
    }
    error = ledger_event_check(view, &event);
    return error == LUCID_OK ? LUCID_NOTE_ABSENT : error;
}

static enum lucid_error leaf_has_run_id(struct store_view *view, uint64_t leaf,
                                        struct lucid_span run_id, struct store_event *ret)
{
    struct store_event event;
    struct receipt_payload payload;
    enum lucid_error error = leaf_receipt(view, leaf, &event, &payload);
    if (error == LUCID_OK && !lucid_span_equal(payload.facts.run_id, run_id)) {
        error = LUCID_NOTE_ABSENT;
    }
    if (error == LUCID_OK) {
        *ret = event;
    }
    return error;
}

enum lucid_error receipt_find_event(struct ledger_view *view, struct lucid_span id,
                                    uint64_t *ret_leaf, struct store_event *ret_event)
{
    uint8_t hash[LUCID_SHA256_BYTES];
    bool by_hash = lucid_hex_decode(id, hash, sizeof(hash));
    if (!by_hash && !receipt_run_id_ok(id)) {
        return LUCID_NOTE_ABSENT;
    }
    uint64_t leaves[CANDIDATES_MAX];
    size_t count = by_hash ? ledger_view_find(view, LEDGER_TAG_HASH, ledger_tag_hash(hash), leaves,
                                              CANDIDATES_MAX)
                           : ledger_view_find(view, LEDGER_TAG_RUN_ID, ledger_tag_run_id(id),
                                              leaves, CANDIDATES_MAX);
    struct store_view *store = ledger_view_store(view);
    for (size_t i = 0; i < count; i++) {
        enum lucid_error error = by_hash ? leaf_has_hash(store, leaves[i], hash, ret_event)
                                         : leaf_has_run_id(store, leaves[i], id, ret_event);
        if (error == LUCID_OK) {
            *ret_leaf = leaves[i];
        }
        if (error != LUCID_NOTE_ABSENT) {
            return error;
        }
    }
    return LUCID_NOTE_ABSENT;
}

/* Every receipt came with a body: one that is simply not there was lost, unless the log says that
 * it was erased (a log replayed from events never had it). */
static enum lucid_error body_absent(struct ledger_view *view, uint64_t leaf)
{
    struct ledger_erasure erasure;
    enum lucid_error error = ledger_erasure_read(view, leaf, &erasure);
    return error == LUCID_OK ? LUCID_NOTE_ERASED
                             : (error == LUCID_NOTE_ABSENT ? LUCID_FATAL_CORRUPT : error);
}

/* Reads back a body and checks that it is the one that was signed. */
static enum lucid_error body_read(struct ledger_view *view, uint64_t leaf,
                                  const struct store_event *event, struct lucid_span *ret)
{
    struct lucid_span body;
    enum lucid_error error = store_body_read(ledger_view_store(view), event->sequence, &body);
    if (error == LUCID_NOTE_ABSENT) {
        error = body_absent(view, leaf);
    }
    if (error == LUCID_NOTE_ERASED) {
        *ret = lucid_span(NULL, 0);
        return LUCID_OK;
    }
    if (error != LUCID_OK) {
        return error;
    }
    uint8_t hash[LUCID_SHA256_BYTES];
    lucid_sha256(body, hash);
    if (memcmp(hash, event->entry, sizeof(hash)) != 0) {
        return LUCID_FATAL_CORRUPT;
    }
    *ret = body;
    return LUCID_OK;
}

enum lucid_error receipt_read(struct ledger_view *view, uint64_t leaf, bool with_body,
                              struct receipt_record *ret)
{
    struct store_event event;
    enum lucid_error error = ledger_view_leaf_event(view, leaf, &event);
    if (error != LUCID_OK) {
        return error;
    }
    if (!is_receipt(&event)) {
        return LUCID_NOTE_ABSENT;
    }
    struct receipt_payload payload;
    if (!receipt_payload_decode(event.payload, &payload)) {
        return LUCID_FATAL_CORRUPT;
    }
    uint8_t signer_hash[LUCID_SHA256_BYTES];
    lucid_sha256(lucid_span(payload.signer, 32), signer_hash);
    if (memcmp(signer_hash, event.entry + 32, sizeof(signer_hash)) != 0) {
        return LUCID_FATAL_CORRUPT;
    }
    struct receipt_record record = {
        .type = payload.facts.type,
        .timestamp = payload.facts.timestamp,
        .entry = event.entry,
    };
    if (with_body) {
        error = body_read(view, leaf, &event, &record.body);
        if (error != LUCID_OK) {
            return error;
        }
    }
    memcpy(record.signer, payload.signer, sizeof(record.signer));
    memcpy(record.signature, event.entry + 64, sizeof(record.signature));
    placement_identify(&record.placement, event.entry, payload.facts.run_id);
    record.placement.leaf_index = leaf;
    record.placement.sequence = event.sequence;
    record.placement.logged_ms = event.time_ms;
    error = placement_settle(&record.placement, ledger_view_store(view),
                             ledger_store(ledger_view_ledger(view)));
    if (error == LUCID_OK) {
        *ret = record;
    }
    return error;
}

enum lucid_error receipt_place(struct ledger_view *view, uint64_t leaf,
                               struct receipt_placement *ret)
{
    struct store_event event;
    struct receipt_payload payload;
    enum lucid_error error = ledger_view_leaf_event(view, leaf, &event);
    if (error != LUCID_OK) {
        return error;
    }
    struct lucid_span run_id = lucid_span("", 0);
    if (is_receipt(&event)) {
        if (!receipt_payload_decode(event.payload, &payload)) {
            return LUCID_FATAL_CORRUPT;
        }
        run_id = payload.facts.run_id;
    }
    struct receipt_placement placement = {
        .leaf_index = leaf, .sequence = event.sequence, .logged_ms = event.time_ms};
    placement_identify(&placement, event.entry, run_id);
    error = placement_settle(&placement, ledger_view_store(view),
                             ledger_store(ledger_view_ledger(view)));
    if (error == LUCID_OK) {
        *ret = placement;
    }
    return error;
}
