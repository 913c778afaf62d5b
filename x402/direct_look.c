/* LOOK: a transfer that went out, by the transaction that an admin names. */
#include "base/assert.h"
#include "x402/direct_internal.h"

/* Why none fits, in the words of who is paid out. By the reasons of direct_pick. */
static const char *misfit(const struct direct_sight *sight)
{
    static const struct {
        const char *reason;
        const char *text;
    } texts[] = {
        {"invalid_exact_evm_transfer_event_mismatch",
         "the transaction has no such transfer of the network's token"},
        {"invalid_exact_evm_recipient_mismatch", "the transfer goes to somebody else"},
        {"invalid_exact_evm_payload_authorization_value_mismatch",
         "the transfer is of another amount"},
        {"invalid_exact_evm_signature", "the transfer does not come from an account of ours"},
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (strcmp(sight->refusal.reason, texts[i].reason) == 0) {
            return texts[i].text;
        }
    }
    return sight->refusal.text;
}

static void looked(struct direct_job *job)
{
    const struct direct_sight *sight = &job->sight;
    struct x402_charge *charge = job->charge;
    if (!sight->found) {
        direct_finish(job, X402_CHARGE_PENDING, NULL,
                      "the transaction is not known, or not in a block yet");
    } else if (!sight->picked && ++job->looks < charge->sender_count && sight->succeeded) {
        job->sight.wanted.payer = charge->senders[job->looks];
        direct_sight(job, looked);
    } else if (!sight->picked) {
        direct_finish(job, X402_CHARGE_BAD, NULL, "%s", misfit(sight));
    } else if (!sight->transfer.final) {
        direct_finish(job, X402_CHARGE_PENDING, NULL,
                      "the transfer is in block %llu, which is not final yet",
                      (unsigned long long)sight->transfer.block);
    } else {
        charge->transfer = sight->transfer;
        direct_finish(job, X402_CHARGE_GOOD, NULL, "transfer %llu of the transaction fits",
                      (unsigned long long)sight->transfer.log_index);
    }
}

void direct_look(struct direct_job *job)
{
    const struct x402_charge *charge = job->charge;
    struct direct_sight *sight = &job->sight;
    lucid_assert(charge->sender_count > 0);
    sight->transaction = charge->transaction;
    sight->wanted = (struct direct_wanted){.token = job->net->network->token,
                                           .has_log_index = charge->has_log_index,
                                           .log_index = charge->log_index,
                                           .has_recipient = true,
                                           .recipient = charge->pay_to,
                                           .amount_min = charge->amount_min,
                                           .amount_max = charge->amount_min,
                                           .has_payer = true,
                                           .payer = charge->senders[0]};
    sight->hurried = true;
    direct_sight(job, looked);
}
