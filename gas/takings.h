/* What assets have taken in by day, by facilitator and by payer: sums of payments, of what a
 * reorganisation took back and of what was refunded, for dashboards. Rows of the revenue kind
 * (gas/revenue.h), written with its others; so they follow from the log alone.
 *
 * A day is of UTC and of the event's own time: what was taken back or refunded counts on the day it
 * happened, so that a day that is over does not change. Payer and facilitator are the payment's.
 *
 * Queries: any thread, within a view. */
#ifndef LUCID_GAS_TAKINGS_H
#define LUCID_GAS_TAKINGS_H

#include "gas/revenue.h"

enum gas_dimension { GAS_BY_DAY = 1, GAS_BY_FACILITATOR, GAS_BY_PAYER, GAS_BY_ASSET };
#define GAS_DIMENSIONS 4
/* "day", "facilitator", "payer", "asset"; static storage. */
const char *gas_dimension_name(enum gas_dimension dimension);
bool gas_dimension_parse(struct lucid_span name, enum gas_dimension *ret) LUCID_WARN_UNUSED;

struct gas_takings {
    enum gas_unit unit;
    enum gas_dimension dimension;
    /* "2026-11-21", a facilitator, a payer ("": payments that name none), an asset. */
    char key[GAS_PAYER_BYTES_MAX + 1];
    uint64_t payments;
    uint64_t reversals;
    uint64_t refunds;
    unsigned __int128 gross;
    unsigned __int128 reversed;
    unsigned __int128 refunded;
    uint64_t last_sequence; /* of the newest event in it */
};

/* What was kept: gross less what went back. Below zero on a day on which more went back than came
 * in. */
static inline __int128 gas_takings_net(const struct gas_takings *takings)
{
    return (__int128)takings->gross - (__int128)takings->reversed - (__int128)takings->refunded;
}

/* Where a list goes on; zero: before the first. */
struct gas_takings_at {
    bool set;
    char key[GAS_PAYER_BYTES_MAX + 1];
};

/* The next row after that key, in the keys' order (days ascend), of one asset, or with len 0 of all
 * together; GAS_BY_ASSET only of all. LUCID_NOTE_ABSENT, LUCID_FATAL_CORRUPT. */
enum lucid_error gas_takings_next(struct ledger_view *view, struct lucid_span asset,
                                  enum gas_unit unit, enum gas_dimension dimension,
                                  const struct gas_takings_at *after,
                                  struct gas_takings *ret) LUCID_WARN_UNUSED;

#endif
