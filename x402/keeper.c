/* The keeper: looks after every payment that the log has open, at start and then in rounds, until
 * each has ended. One entry a payment says who owns it: a job of the gate (LENT), or the keeper.
 * What is done with one is keeper_table.c's. */
#include <stdlib.h>

#include "base/log.h"
#include "x402/gate_internal.h"

static struct keeper_entry **bucket_of(struct keeper *keeper,
                                       const uint8_t id[X402_PAYMENT_ID_BYTES])
{
    /* The start of a SHA-256: nothing to crowd. */
    return &keeper->buckets[lucid_get_be32(id) % KEEPER_BUCKETS];
}

struct keeper_entry *keeper_find(struct keeper *keeper, const uint8_t id[X402_PAYMENT_ID_BYTES])
{
    struct keeper_entry *entry = *bucket_of(keeper, id);
    while (entry != NULL && memcmp(entry->id, id, sizeof(entry->id)) != 0) {
        entry = entry->bucket_next;
    }
    return entry;
}

static void open_show(struct x402_gate *gate)
{
    atomic_store_explicit(&gate->counts.open, gate->keeper.count, memory_order_relaxed);
}

/* Makes an entry that is due now; NULL: no room. */
static struct keeper_entry *keeper_add(struct x402_gate *gate,
                                       const uint8_t id[X402_PAYMENT_ID_BYTES], size_t max)
{
    struct keeper *keeper = &gate->keeper;
    lucid_assert(keeper_find(keeper, id) == NULL);
    struct keeper_entry *entry = keeper->count >= max ? NULL : calloc(1, sizeof(*entry));
    if (entry == NULL) {
        return NULL;
    }
    struct keeper_entry **bucket = bucket_of(keeper, id);
    memcpy(entry->id, id, sizeof(entry->id));
    entry->due_ms = gate_now_ms(gate);
    entry->bucket_next = *bucket;
    *bucket = entry;
    entry->next = keeper->first;
    if (entry->next != NULL) {
        entry->next->previous = entry;
    }
    keeper->first = entry;
    keeper->count++;
    open_show(gate);
    return entry;
}

struct keeper_entry *keeper_lend(struct x402_gate *gate, const uint8_t id[X402_PAYMENT_ID_BYTES],
                                 const uint8_t digest[32])
{
    struct keeper_held *held = calloc(1, sizeof(*held));
    struct keeper_entry *entry = held == NULL ? NULL : keeper_add(gate, id, KEEPER_ENTRIES_MAX);
    if (entry == NULL) {
        free(held);
        return NULL;
    }
    memcpy(entry->digest, digest, sizeof(entry->digest));
    entry->state = KEEPER_LENT;
    entry->held = held;
    return entry;
}

static void queue_remove(struct keeper *keeper, struct keeper_entry *entry)
{
    struct keeper_entry **at = &keeper->queue_first;
    struct keeper_entry *before = NULL;
    if (!entry->queued) {
        return;
    }
    while (*at != entry) {
        before = *at;
        at = &before->queue_next;
    }
    *at = entry->queue_next;
    if (keeper->queue_last == entry) {
        keeper->queue_last = before;
    }
    entry->queued = false;
    entry->queue_next = NULL;
}

static void queue_put(struct keeper *keeper, struct keeper_entry *entry)
{
    entry->queued = true;
    entry->queue_next = NULL;
    if (keeper->queue_last == NULL) {
        keeper->queue_first = entry;
    } else {
        keeper->queue_last->queue_next = entry;
    }
    keeper->queue_last = entry;
}

void keeper_remove(struct x402_gate *gate, struct keeper_entry *entry)
{
    struct keeper *keeper = &gate->keeper;
    struct keeper_entry **at = bucket_of(keeper, entry->id);
    lucid_assert(entry->work == NULL);
    while (*at != entry) {
        at = &(*at)->bucket_next;
    }
    *at = entry->bucket_next;
    if (entry->previous == NULL) {
        keeper->first = entry->next;
    } else {
        entry->previous->next = entry->next;
    }
    if (entry->next != NULL) {
        entry->next->previous = entry->previous;
    }
    queue_remove(keeper, entry);
    keeper->count--;
    free(entry->held);
    free(entry);
    open_show(gate);
}

void keeper_rest(struct x402_gate *gate, struct keeper_entry *entry, bool changed)
{
    unsigned shift;
    entry->tries = changed ? 0 : entry->tries + 1;
    shift = entry->tries < KEEPER_BACKOFF_SHIFT_MAX ? entry->tries : KEEPER_BACKOFF_SHIFT_MAX;
    uint64_t after_ms = (uint64_t)gate->options.reconcile_ms << shift;
    if (after_ms > KEEPER_BACKOFF_MS_MAX && after_ms > gate->options.reconcile_ms) {
        after_ms = gate->options.reconcile_ms > KEEPER_BACKOFF_MS_MAX ? gate->options.reconcile_ms
                                                                      : KEEPER_BACKOFF_MS_MAX;
    }
    entry->state = KEEPER_IDLE;
    entry->asked_ms = gate_now_ms(gate);
    entry->due_ms = entry->asked_ms + after_ms;
}

void keeper_take(struct x402_gate *gate, struct keeper_entry *entry, const struct x402_claim *claim,
                 const struct x402_payment *unrecorded)
{
    lucid_assert(entry->state == KEEPER_LENT);
    if (claim == NULL) {
        free(entry->held);
        entry->held = NULL;
    } else {
        entry->held->claim = *claim;
        if (unrecorded != NULL) {
            entry->held->has_unrecorded = true;
            entry->held->unrecorded = *unrecorded;
        }
    }
    keeper_rest(gate, entry, true);
}

void keeper_hear(struct keeper_entry *entry, const struct x402_charge *charge)
{
    if (charge->has_transaction) {
        entry->has_sent = true;
        entry->sent = charge->sent;
    }
}

void keeper_hurry(struct x402_gate *gate, const uint8_t id[X402_PAYMENT_ID_BYTES])
{
    struct keeper_entry *entry = keeper_find(&gate->keeper, id);
    /* Not more often than without back-off, however many ask. */
    if (entry != NULL && entry->state == KEEPER_IDLE &&
        entry->due_ms > entry->asked_ms + gate->options.reconcile_ms) {
        entry->due_ms = entry->asked_ms + gate->options.reconcile_ms;
    }
}

/* --- rounds ----------------------------------------------------------------------------------- */

/* Makes entries for open payments of the log; false: the end was not reached. */
static bool round_scan(struct x402_gate *gate)
{
    struct keeper *keeper = &gate->keeper;
    struct x402_payment payment;
    enum lucid_error error = ledger_view_begin(gate->view);
    if (error != LUCID_OK) {
        return false;
    }
    for (size_t i = 0; i < KEEPER_SCAN_ROWS_MAX; i++) {
        error = x402_payment_open_next(gate->view, keeper->cursor, &payment);
        if (error != LUCID_OK) {
            break;
        }
        if (keeper_find(keeper, payment.id) == NULL &&
            keeper_add(gate, payment.id, KEEPER_SCAN_ENTRIES_MAX) == NULL) {
            break; /* no room: from here on when there is */
        }
        keeper->cursor = payment.first_sequence;
    }
    ledger_view_end(gate->view);
    if (error == LUCID_NOTE_ABSENT) {
        keeper->cursor = 0;
    } else if (error != LUCID_OK) {
        lucid_log(LUCID_LOG_ERROR, "x402.keeper", "open payments cannot be read: %s",
                  lucid_error_name(error));
    }
    return error == LUCID_NOTE_ABSENT;
}

void keeper_pump(struct x402_gate *gate)
{
    struct keeper *keeper = &gate->keeper;
    if (keeper->pumping) {
        return; /* a piece of work ended at once: not one stack frame more for each */
    }
    keeper->pumping = true;
    while (!gate->stopping && keeper->working < KEEPER_WORK_MAX && keeper->queue_first != NULL) {
        struct keeper_entry *entry = keeper->queue_first;
        queue_remove(keeper, entry);
        (void)keeper_begin(gate, entry, NULL);
    }
    keeper->pumping = false;
}

bool keeper_resolve(struct x402_gate *gate, struct x402_resolution *resolution)
{
    struct keeper_entry *entry = keeper_find(&gate->keeper, resolution->id);
    if (entry == NULL) {
        entry = keeper_add(gate, resolution->id, KEEPER_ENTRIES_MAX);
    } else if (keeper_work_is_asking(entry)) {
        keeper_work_cancel(gate, entry);
        keeper_rest(gate, entry, false);
    }
    if (entry == NULL || entry->state != KEEPER_IDLE) {
        return false;
    }
    queue_remove(&gate->keeper, entry);
    return keeper_begin(gate, entry, resolution);
}

static void round_turn(struct lucid_timer *timer)
{
    struct keeper *keeper = lucid_owner(timer, struct keeper, round);
    struct x402_gate *gate = lucid_owner(keeper, struct x402_gate, keeper);
    bool whole = round_scan(gate);
    uint64_t now_ms = gate_now_ms(gate);
    for (struct keeper_entry *entry = keeper->first; entry != NULL; entry = entry->next) {
        if (entry->state == KEEPER_IDLE && !entry->queued && entry->due_ms <= now_ms) {
            queue_put(keeper, entry);
        }
    }
    keeper_pump(gate);
    keeper_finish_flush(gate);
    /* What is left of a long list, or of a list that could not be read, need not wait long. */
    uint64_t after_ms = gate->options.reconcile_ms;
    if (!whole && after_ms > 100) {
        after_ms = 100;
    }
    if (lucid_timer_set(gate->options.loop, &keeper->round, after_ms) != LUCID_OK) {
        lucid_log(LUCID_LOG_ERROR, "x402.keeper", "no memory: open payments are not looked after");
    }
}

/* --- life ------------------------------------------------------------------------------------- */

enum lucid_error keeper_open(struct x402_gate *gate)
{
    struct keeper *keeper = &gate->keeper;
    keeper->round.fire = round_turn;
    keeper->buckets = calloc(KEEPER_BUCKETS, sizeof(struct keeper_entry *));
    if (keeper->buckets == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    return lucid_timer_set(gate->options.loop, &keeper->round, 0);
}

void keeper_stop(struct x402_gate *gate)
{
    struct keeper *keeper = &gate->keeper;
    lucid_timer_clear(gate->options.loop, &keeper->round);
    for (struct keeper_entry *entry = keeper->first; entry != NULL; entry = entry->next) {
        if (keeper_work_is_asking(entry)) {
            keeper_work_cancel(gate, entry);
            keeper_rest(gate, entry, false);
        }
    }
}

bool keeper_is_idle(const struct x402_gate *gate)
{
    return gate->keeper.working == 0 && !gate->keeper.finishing;
}

void keeper_close(struct x402_gate *gate)
{
    struct keeper *keeper = &gate->keeper;
    lucid_timer_clear(gate->options.loop, &keeper->round);
    while (keeper->buckets != NULL && keeper->first != NULL) {
        struct keeper_entry *entry = keeper->first;
        if (entry->work != NULL) {
            keeper_work_cancel(gate, entry);
        }
        keeper_remove(gate, entry);
    }
    free(keeper->buckets);
}
