/* Policy files from outside bytes; what is accepted must be a policy that can be evaluated, and
 * more cosignatures never make it worse. */
#include "base/assert.h"
#include "ledger/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct ledger_policy policy;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct lucid_why why = {.code = NULL};
    if (ledger_policy_parse(lucid_span(data, size), &policy, &why) != LUCID_OK) {
        lucid_assert(why.code != NULL);
        return 0;
    }
    uint32_t all = policy.witness_count == 32 ? UINT32_MAX : (1U << policy.witness_count) - 1;
    uint32_t cosigned = 0;
    bool before = ledger_policy_satisfied(&policy, 0);
    for (uint32_t i = 0; i < policy.witness_count; i++) {
        cosigned |= 1U << i;
        bool now = ledger_policy_satisfied(&policy, cosigned);
        lucid_assert(now || !before);
        before = now;
    }
    /* Every threshold can be met, so everybody together always makes the quorum. */
    lucid_assert(ledger_policy_satisfied(&policy, all));
    struct ledger_policy_verdict verdict;
    (void)!ledger_policy_check(&policy, NULL, lucid_span(data, size), &verdict, NULL);
    return 0;
}
