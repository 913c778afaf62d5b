/* TEST ONLY: LUCID_TEST_KILL_AT=claimed|intent|settled|recorded makes the service kill itself (as
 * kill -9 would) when a payment gets there, so that tests need no luck to crash between two steps
 * (x402/gate.h, `at`); treasury_started|ordered|sent|mined|recorded when a transfer of the treasury
 * does (x402/treasury.h). Stores that were not made by `lucid log init --test` never see it. */
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "lucidd/cashier_internal.h"

#define KILL_AT "LUCID_TEST_KILL_AT"

static void kill_at(void *context, const char *state)
{
    const char *wanted = getenv(KILL_AT);
    (void)context;
    if (wanted != NULL && strcmp(wanted, state) == 0) {
        (void)kill(getpid(), SIGKILL);
    }
}

cashier_at_fn *cashier_test_at(const struct ledger *ledger)
{
    const struct ledger_identity *identity;
    if (getenv(KILL_AT) == NULL) {
        return NULL;
    }
    if (!ledger_identity(ledger, &identity) || !identity->test) {
        lucid_log(LUCID_LOG_WARN, "cashier.test", KILL_AT " is ignored: this is no test log");
        return NULL;
    }
    lucid_log(LUCID_LOG_WARN, "cashier.test", "a payment will kill this service at: %.16s",
              getenv(KILL_AT));
    return kill_at;
}
