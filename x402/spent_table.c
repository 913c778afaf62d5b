#include "x402/spent_table_internal.h"

#include <stdlib.h>

#include "base/assert.h"

enum lucid_error spent_table_init(struct spent_table *table)
{
    *table = (struct spent_table){.buckets = calloc(SPENT_TABLE_BUCKETS, sizeof(*table->buckets))};
    if (table->buckets == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    lucid_random(table->hash_key, sizeof(table->hash_key));
    return LUCID_OK;
}

void spent_table_fini(struct spent_table *table)
{
    struct spent_hold *hold = table->oldest;
    while (hold != NULL) {
        struct spent_hold *after = hold->after;
        free(hold);
        hold = after;
    }
    free(table->buckets);
    *table = (struct spent_table){.buckets = NULL};
}

static uint64_t key_hash(const struct spent_table *table, const struct x402_spent_key *key)
{
    return lucid_keyed_hash(table->hash_key, lucid_span_str(key->text));
}

static struct spent_hold **bucket_of(const struct spent_table *table, uint64_t hash)
{
    return &table->buckets[hash & (SPENT_TABLE_BUCKETS - 1)];
}

struct spent_hold *spent_table_find(const struct spent_table *table,
                                    const struct x402_spent_key *key)
{
    uint64_t hash = key_hash(table, key);
    struct spent_hold *hold = *bucket_of(table, hash);
    while (hold != NULL && (hold->hash != hash || strcmp(hold->key.text, key->text) != 0)) {
        hold = hold->next_in_bucket;
    }
    return hold;
}

static void list_append(struct spent_table *table, struct spent_hold *hold)
{
    hold->before = table->newest;
    hold->after = NULL;
    *(table->newest != NULL ? &table->newest->after : &table->oldest) = hold;
    table->newest = hold;
}

static void list_unlink(struct spent_table *table, struct spent_hold *hold)
{
    *(hold->before != NULL ? &hold->before->after : &table->oldest) = hold->after;
    *(hold->after != NULL ? &hold->after->before : &table->newest) = hold->before;
}

void spent_table_touch(struct spent_table *table, struct spent_hold *hold)
{
    list_unlink(table, hold);
    list_append(table, hold);
}

struct spent_hold *spent_table_add(struct spent_table *table, const struct x402_spent_key *key,
                                   uint64_t token, const uint8_t digest[32])
{
    lucid_assert(spent_table_find(table, key) == NULL);
    struct spent_hold *hold = table->count < X402_SPENT_HOLDS_MAX ? calloc(1, sizeof(*hold)) : NULL;
    if (hold == NULL) {
        return NULL;
    }
    hold->hash = key_hash(table, key);
    hold->token = token;
    hold->key = *key;
    memcpy(hold->digest, digest, sizeof(hold->digest));
    struct spent_hold **bucket = bucket_of(table, hold->hash);
    hold->next_in_bucket = *bucket;
    *bucket = hold;
    list_append(table, hold);
    table->count++;
    return hold;
}

void spent_table_remove(struct spent_table *table, struct spent_hold *hold)
{
    struct spent_hold **at = bucket_of(table, hold->hash);
    while (*at != hold) {
        lucid_assert(*at != NULL);
        at = &(*at)->next_in_bucket;
    }
    *at = hold->next_in_bucket;
    list_unlink(table, hold);
    table->count--;
    free(hold);
}

void spent_queue_put(struct spent_queue *queue, struct x402_claim *claim)
{
    claim->next = NULL;
    *(queue->last != NULL ? &queue->last->next : &queue->first) = claim;
    queue->last = claim;
}

struct x402_claim *spent_queue_take(struct spent_queue *queue)
{
    struct x402_claim *claim = queue->first;
    if (claim != NULL) {
        (void)spent_queue_drop(queue, claim);
    }
    return claim;
}

bool spent_queue_drop(struct spent_queue *queue, const struct x402_claim *claim)
{
    struct x402_claim *before = NULL;
    struct x402_claim *at = queue->first;
    while (at != NULL && at != claim) {
        before = at;
        at = at->next;
    }
    if (at == NULL) {
        return false;
    }
    *(before != NULL ? &before->next : &queue->first) = at->next;
    if (queue->last == at) {
        queue->last = before;
    }
    at->next = NULL;
    return true;
}

enum x402_claim_outcome spent_log_ask(const struct x402_spent_log *log,
                                      const struct x402_spent_key *key, struct x402_claim *claim)
{
    uint8_t payment_id[X402_PAYMENT_ID_BYTES];
    uint8_t digest[32];
    bool pending;
    enum lucid_error error =
        log->find(log->context, lucid_span_str(key->text), payment_id, digest, &pending);
    if (error == LUCID_NOTE_ABSENT) {
        return X402_CLAIMED;
    }
    if (error != LUCID_OK) {
        return X402_CLAIM_UNREADY;
    }
    memcpy(claim->payment_id, payment_id, sizeof(payment_id));
    claim->same_request = memcmp(digest, claim->digest, sizeof(digest)) == 0;
    claim->here = true;
    return X402_CLAIM_SPENT;
}
