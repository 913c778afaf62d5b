/* A kind whose commands log an event with postings as a test says: registered with core_world_use,
 * it stands for those that pay. */
#ifndef LUCID_TESTS_TILL_H
#define LUCID_TESTS_TILL_H

#include "gas/books.h"

enum { TILL_POSTINGS_MAX = 5 };

struct till_command {
    struct ledger_command command;
    const char *type;
    struct gas_posting_draft postings[TILL_POSTINGS_MAX];
    size_t count;
};

static inline enum lucid_error till_decide(struct ledger_txn *txn, struct ledger_command *base,
                                           struct lucid_why *why)
{
    struct till_command *till = (struct till_command *)base;
    struct lucid_buf out;
    enum lucid_error error = gas_postings_check(txn, till->postings, till->count, "amount", why);
    if (error != LUCID_OK) {
        return error;
    }
    lucid_buf_init(&out, STORE_PAYLOAD_BYTES_MAX);
    lucid_buf_char(&out, '{');
    gas_postings_write(&out, till->postings, till->count);
    lucid_buf_char(&out, '}');
    struct lucid_span payload = lucid_arena_copy(ledger_txn_arena(txn), lucid_buf_span(&out));
    lucid_buf_fini(&out);
    struct ledger_draft draft = {.type = till->type, .payload = payload};
    return ledger_txn_draft(txn, &draft, NULL);
}

static const char till_payment[] = "payment.recorded";
static const char till_release[] = "suspense.released";
static const struct ledger_event_type till_types[] = {
    {.name = till_payment, .version = 1}, {.name = till_release, .version = 1}, {.name = NULL}};
static const struct ledger_kind till_kind = {
    .name = "till", .fold_version = 1, .types = till_types, .decide = till_decide};

static inline void till_init(struct till_command *till, const char *type)
{
    *till = (struct till_command){.command = {.kind = &till_kind}, .type = type};
}

static inline void till_post(struct till_command *till, const char *debit, const char *credit,
                             uint64_t amount, const char *what)
{
    till->postings[till->count++] = (struct gas_posting_draft){
        .debit = debit, .credit = credit, .amount = amount, .what = what};
}

#endif
