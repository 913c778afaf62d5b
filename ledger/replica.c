#include "ledger/replica.h"

#include "base/sha256.h"
#include "ledger/blob.h"
#include "ledger/ed25519.h"
#include "ledger/epoch_internal.h"
#include "ledger/ledger_internal.h"
#include "ledger/log_internal.h"
#include "ledger/receipt_internal.h"

static enum lucid_error unverified(struct lucid_why *why, const struct store_event *event,
                                   const char *param, const char *text)
{
    return lucid_refuse(why, LUCID_REFUSE_INVALID, "EVENT_UNVERIFIED", param, "event %llu: %s",
                        (unsigned long long)event->sequence, text);
}

enum lucid_error ledger_replica_init(struct ledger_replica *replica, struct ledger *ledger,
                                     struct lucid_span vkey, struct lucid_why *why)
{
    *replica = (struct ledger_replica){.ledger = ledger, .covered = true};
    enum lucid_error error = ledger_vkey_parse(vkey, &replica->vkey, why);
    if (error == LUCID_OK) {
        size_t len = ledger_vkey_format(&replica->vkey, replica->vkey_text);
        replica->vkey_text[len] = '\0';
    }
    return error;
}

static bool identity_is_pinned(const struct ledger_replica *replica,
                               const struct ledger_identity *identity)
{
    return lucid_span_is(ledger_vkey_name(&replica->vkey), identity->origin) &&
           strcmp(identity->vkey, replica->vkey_text) == 0 &&
           memcmp(identity->log_key, replica->vkey.public_key, sizeof(identity->log_key)) == 0;
}

enum lucid_error ledger_replica_check(const struct ledger_replica *replica, struct lucid_why *why)
{
    const struct ledger_identity *identity;
    if (!ledger_identity(replica->ledger, &identity) || identity_is_pinned(replica, identity)) {
        return LUCID_OK;
    }
    return lucid_refuse(why, LUCID_REFUSE_CONFLICT, "WRONG_KEY", "vkey",
                        "the copy is of the log %.100s and its key, not of the one given",
                        identity->origin);
}

/* --- what each kind of event must say --------------------------------------------------------- */

static enum lucid_error init_check(const struct ledger_replica *replica,
                                   const struct store_event *event, struct lucid_why *why)
{
    struct ledger_identity identity;
    if (log_init_parse(event, &identity) != LUCID_OK) {
        return unverified(why, event, "payload", "a log begins with log.init");
    }
    if (!identity_is_pinned(replica, &identity)) {
        return unverified(why, event, "payload", "this is not the log of the pinned key");
    }
    return LUCID_OK;
}

static enum lucid_error receipt_check(struct ledger_replica *replica,
                                      const struct ledger_event_record *record,
                                      struct lucid_why *why)
{
    const struct store_event *event = &record->event;
    struct receipt_payload payload;
    uint8_t hash[LUCID_SHA256_BYTES];
    if (event->entry == NULL || !receipt_payload_decode(event->payload, &payload)) {
        return unverified(why, event, "payload", "a receipt's payload is malformed");
    }
    lucid_sha256(lucid_span(payload.signer, LEDGER_ED25519_PUBLIC_BYTES), hash);
    if (memcmp(hash, event->entry + 32, sizeof(hash)) != 0) {
        return unverified(why, event, "entry", "the entry is not of the signer in the payload");
    }
    if (!ledger_ed25519_verify(payload.signer, lucid_span(event->entry, 32), event->entry + 64)) {
        return unverified(why, event, "entry", "the receipt's signature does not verify");
    }
    if (record->body.data == NULL && !record->body_erased) {
        return unverified(why, event, "body", "the receipt's body is missing");
    }
    replica->signatures++;
    return LUCID_OK;
}

static enum lucid_error head_check(struct ledger_replica *replica, const struct store_event *event,
                                   struct lucid_why *why)
{
    struct ledger_checkpoint checkpoint;
    struct lucid_why inner = {0};
    struct mmr_hash root;
    uint64_t leaves = ledger_batch_leaves(replica->ledger);
    enum lucid_error error =
        ledger_checkpoint_open(event->payload, &replica->vkey, &checkpoint, &inner);
    if (error == LUCID_RETRY_MEMORY) {
        return error;
    }
    if (error != LUCID_OK) {
        return unverified(why, event, "payload", inner.text);
    }
    if (checkpoint.size != leaves) {
        return unverified(why, event, "payload", "the head is not of as many leaves as were told");
    }
    error = ledger_batch_root(replica->ledger, leaves, &root);
    if (error == LUCID_OK && memcmp(&root, &checkpoint.root, sizeof(root)) != 0) {
        return unverified(why, event, "payload", "the head's root is not that of the leaves told");
    }
    return error;
}

static enum lucid_error epoch_check(struct ledger_replica *replica, const struct store_event *event,
                                    struct lucid_why *why)
{
    struct ledger_epoch epoch;
    struct mmr_hash root;
    uint64_t leaves = ledger_batch_leaves(replica->ledger);
    if (epoch_closed_parse(event->payload, &epoch) != LUCID_OK) {
        return unverified(why, event, "payload", "an epoch's payload is malformed");
    }
    if (epoch.end_leaf != leaves) {
        return unverified(why, event, "payload", "the epoch does not end at the newest leaf");
    }
    enum lucid_error error = ledger_batch_root(replica->ledger, leaves, &root);
    if (error == LUCID_OK && memcmp(&root, &epoch.root, sizeof(root)) != 0) {
        return unverified(why, event, "payload", "the epoch's root is not that of the leaves told");
    }
    return error;
}

static enum lucid_error content_check(struct ledger_replica *replica,
                                      const struct ledger_event_record *record,
                                      struct lucid_why *why)
{
    const struct store_event *event = &record->event;
    if (event->entry != NULL && record->leaf != ledger_batch_leaves(replica->ledger)) {
        return unverified(why, event, "leaf_index", "this is not the next leaf");
    }
    if (event->sequence == 1) {
        return init_check(replica, event, why);
    }
    if (event->version != 1) {
        return LUCID_OK; /* the fold knows, or refuses */
    }
    if (lucid_span_is(event->type, RECEIPT_EVENT_TYPE)) {
        return receipt_check(replica, record, why);
    }
    if (lucid_span_is(event->type, ledger_blob_kind.types[0].name) && record->body.data == NULL &&
        !record->body_erased) {
        return unverified(why, event, "body", "the bytes of the blob's part are missing");
    }
    if (lucid_span_is(event->type, "head")) {
        return head_check(replica, event, why);
    }
    if (lucid_span_is(event->type, "epoch.closed")) {
        return epoch_check(replica, event, why);
    }
    return LUCID_OK;
}

static enum lucid_error replay_refuse(enum lucid_error error, const struct store_event *event,
                                      struct lucid_why *why)
{
    if (error == LUCID_REFUSE_INVALID) {
        return unverified(why, event, "sequence", "it is not the next event, or malformed");
    }
    if (error == LUCID_FATAL_CORRUPT) {
        return unverified(why, event, "hash",
                          "its hash is not that of the chain, its body not that of its entry, or "
                          "it cannot follow what came before");
    }
    if (error == LUCID_REFUSE_UNKNOWN_KEY) {
        return lucid_refuse(why, error, "EVENT_NEWER", "version",
                            "event %llu is of a newer version than this program knows",
                            (unsigned long long)event->sequence);
    }
    return error;
}

enum lucid_error ledger_replica_take(struct ledger_replica *replica,
                                     const struct ledger_event_record *record,
                                     struct lucid_why *why)
{
    const struct store_event *event = &record->event;
    enum lucid_error error = content_check(replica, record, why);
    if (error != LUCID_OK) {
        return error;
    }
    struct lucid_span body = record->body_erased ? store_body_erased : record->body;
    error = ledger_batch_replay(replica->ledger, event, body);
    if (error != LUCID_OK) {
        return replay_refuse(error, event, why);
    }
    bool head = lucid_span_is(event->type, "head");
    replica->covered = head || (replica->covered && event->entry == NULL);
    replica->heads += head;
    replica->bodies += record->body.data != NULL;
    replica->erased += record->body_erased;
    replica->unknown += ledger_type_find(replica->ledger, event->type) == NULL;
    return LUCID_OK;
}
