/* One conformance suite over every spent store (x402/spent.h). */
#ifndef LUCID_TESTS_SPENT_SUITE_H
#define LUCID_TESTS_SPENT_SUITE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "x402/spent.h"

/* A log in memory, in the order of its keys. */
#define SUITE_LOG_MAX 8192

struct suite_entry {
    struct x402_spent_key key;
    uint8_t payment_id[X402_PAYMENT_ID_BYTES];
    uint8_t digest[32];
    bool pending;
};

struct suite_log {
    struct suite_entry *entries;
    size_t count;
    bool broken; /* every question fails */
    uint64_t asked;
};

void suite_log_fini(struct suite_log *log);
struct x402_spent_log suite_log_view(struct suite_log *log);
/* The payment's id is made of the key's text. A key that is there is changed. */
void suite_log_put(struct suite_log *log, const char *key, uint8_t request, bool pending);
void suite_log_drop(struct suite_log *log, const char *key);
void suite_payment_id(const char *key, uint8_t ret[X402_PAYMENT_ID_BYTES]);

/* What a store brings. */
struct suite_fixture {
    void *context;
    /* Empty and ready, over that log; NULL: failed. */
    struct x402_spent *(*open)(void *context, const struct x402_spent_log *log);
    void (*close)(void *context, struct x402_spent *spent);
    /* Lets the loop run once, waiting at most some milliseconds. */
    void (*turn)(void *context);
};

/* A claim and whether it is done. */
struct suite_claim {
    struct x402_claim claim;
    unsigned done;
    bool asking;
};

/* Zeroes it and fills in; the second key may be NULL. */
void suite_claim_init(struct suite_claim *claim, uint8_t request, const char *first,
                      const char *second);
void suite_start(struct x402_spent *spent, struct suite_claim *claim, enum x402_spent_verb verb);
/* Turns until it is done. */
void suite_wait(const struct suite_fixture *fixture, const struct suite_claim *claim);
/* Both. */
enum x402_claim_outcome suite_ask(const struct suite_fixture *fixture, struct x402_spent *spent,
                                  struct suite_claim *claim, enum x402_spent_verb verb);

int suite_run(const char *name, const struct suite_fixture *fixture, const struct CMUnitTest *more,
              size_t more_count);

#endif
