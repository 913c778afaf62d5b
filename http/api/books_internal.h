/* What the routes of the books share: accounts.c, postings.c, trial.c, gas.c. */
#ifndef LUCID_HTTP_API_BOOKS_INTERNAL_H
#define LUCID_HTTP_API_BOOKS_INTERNAL_H

#include "gas/books.h"
#include "http/api/api_internal.h"

/* The event that an answer holds after. */
struct api_as_of {
    bool given; /* else the newest */
    uint64_t sequence;
};
/* Reads ?as_of=. False: it has answered 400; beyond the newest event is refused, too. */
bool api_as_of_read(struct http_request *request, struct ledger_view *view,
                    struct api_as_of *ret) LUCID_WARN_UNUSED;

/* An account by its id; that of a registered signer which was never charged nor paid is there with
 * totals of 0, and *ret_opened is false. LUCID_NOTE_ABSENT. */
enum lucid_error api_account_find(struct ledger_view *view, struct lucid_span id,
                                  struct gas_account *ret, bool *ret_opened) LUCID_WARN_UNUSED;

/* --- routes ----------------------------------------------------------------------------------- */

api_handler api_gas_tariff_get, api_gas_tariff_put, api_gas_tariff_history_get; /* gas.c */
api_handler api_accounts_get, api_account_get;                                  /* accounts.c */
api_handler api_account_deposits_post, api_account_limit_put;                   /* accounts.c */
api_handler api_postings_get, api_account_postings_get;                         /* postings.c */
api_handler api_trial_balance_get;                                              /* trial.c */

#endif
