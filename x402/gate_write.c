/* What gate and keeper share: keys, and what facilitator and writer said. */
#include "x402/gate_internal.h"
#include "x402/payment_internal.h"

void gate_payment_keys(const struct x402_payment *payment, struct x402_claim *claim)
{
    claim->key_count = payment_keys(payment, claim->keys);
    lucid_assert(claim->key_count > 0);
}

enum gate_event gate_charge_event(const struct x402_gate *gate, const struct x402_charge *charge)
{
    enum x402_charge_verb verb = charge->verb;
    switch (charge->outcome) {
    case X402_CHARGE_GOOD:
        return GATE_GOOD;
    case X402_CHARGE_BAD:
        return verb == X402_CHARGE_WATCH ? GATE_AWAY : GATE_BAD;
    case X402_CHARGE_PENDING:
        return GATE_PENDING;
    case X402_CHARGE_STRAY:
        if (verb == X402_CHARGE_OBSERVE || verb == X402_CHARGE_WATCH) {
            break;
        }
        if (charge->network->solana) {
            return verb == X402_CHARGE_VERIFY ? GATE_AWAY : GATE_PENDING; /* nobody can say so */
        }
        /* Before the intent it only says how to go on (GATE_WRITTEN_SETTLED). */
        return gate->options.pay_to_exclusive && verb != X402_CHARGE_VERIFY ? GATE_GOOD
                                                                            : GATE_STRAY;
    case X402_CHARGE_LOST:
        return verb == X402_CHARGE_WATCH ? GATE_LOST : GATE_AWAY;
    case X402_CHARGE_AWAY:
        break;
    }
    return GATE_AWAY;
}

static void write_count(struct x402_gate *gate, enum x402_payment_verb verb)
{
    struct gate_counts *counts = &gate->counts;
    switch (verb) {
    case X402_INTEND:
        gate_count(&counts->intents);
        break;
    case X402_SETTLE:
        gate_count(&counts->settled);
        break;
    case X402_FAIL:
        gate_count(&counts->failed);
        break;
    case X402_RECORD_STRAY:
        gate_count(&counts->stray);
        break;
    case X402_REVERSE:
        gate_count(&counts->reversed);
        break;
    case X402_SERVE:
    case X402_FINISH:
        break;
    }
}

static bool refused(const struct ledger_command *command)
{
    return lucid_category(command->error) > LUCID_CATEGORY_NOTE;
}

enum gate_event gate_write_event(struct x402_gate *gate, const struct x402_payment_command *write)
{
    const struct ledger_command *command = &write->command;
    const char *code = command->why.code;
    if (!refused(command)) {
        if (!write->ret_known) {
            write_count(gate, (enum x402_payment_verb)command->verb);
        }
        return write->paid != NULL && refused(write->paid) ? GATE_PAID_REFUSED : GATE_WRITTEN;
    }
    if (command->error == LUCID_REFUSE_CONFLICT) {
        bool identified = code != NULL && strcmp(code, "PAYMENT_IDENTIFIER_CONFLICT") == 0;
        return identified ? GATE_IDENTIFIED : GATE_CONFLICT;
    }
    if (command->error == LUCID_RETRY_BUSY && code != NULL &&
        strcmp(code, "PAYMENT_PENDING") == 0) {
        return GATE_STILL_OPEN;
    }
    return lucid_category(command->error) == LUCID_CATEGORY_FATAL ? GATE_UNKNOWN : GATE_UNWRITTEN;
}

const char *gate_settler(const struct x402_charge *charge)
{
    return charge->facilitator[0] != '\0' ? charge->facilitator : X402_DIRECT;
}

void gate_test_at(struct x402_gate *gate, const char *state)
{
    if (gate->options.at != NULL) {
        gate->options.at(gate->options.context, state);
    }
}
