/* The cashier in /metrics. */
#include "base/prom.h"
#include "lucidd/cashier_internal.h"
#include "x402/facilitation.h"

static void outcomes_write(const struct x402_gate_counters *counters, struct lucid_buf *out)
{
    static const char name[] = "lucid_x402_requests_total";
    const struct {
        const char *outcome;
        uint64_t value;
    } rows[] = {
        {"admitted", counters->admitted},
        {"not_paid", counters->not_paid},
        {"spent", counters->spent},
        {"outstanding", counters->outstanding},
        {"unavailable", counters->unavailable},
        {"unserved", counters->unserved},
        {"broken", counters->broken},
    };
    lucid_prom_family(out, name, "counter", "Requests with a payment, by what the gate said.");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        lucid_buf_printf(out, "%s{outcome=\"%s\"} %llu\n", name, rows[i].outcome,
                         (unsigned long long)rows[i].value);
    }
}

static void events_write(const struct x402_gate_counters *counters, struct lucid_buf *out)
{
    static const char name[] = "lucid_x402_payment_events_total";
    const struct {
        const char *event;
        uint64_t value;
    } rows[] = {
        {"intent", counters->intents},    {"settled", counters->settled},
        {"failed", counters->failed},     {"stray", counters->stray},
        {"reversed", counters->reversed},
    };
    lucid_prom_family(out, name, "counter", "Events of payments logged since the start.");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        lucid_buf_printf(out, "%s{event=\"%s\"} %llu\n", name, rows[i].event,
                         (unsigned long long)rows[i].value);
    }
}

enum {
    ROW_REACHABLE,
    ROW_BLOCK,
    ROW_GAS,
    ROW_SENT,
    ROW_REPLACED,
    ROW_QUESTIONS,
    ROW_FAILURES,
    ROW_CONTRADICTIONS,
    ROWS
};

static const struct {
    const char *name;
    const char *type;
    const char *help;
} families[ROWS] = {
    {"lucid_x402_network_reachable", "gauge", "1 while the network's nodes answer."},
    {"lucid_x402_network_block", "gauge", "The newest height seen."},
    {"lucid_x402_gas_balance_wei", "gauge", "What our gas key has; 2^64 - 1 when it is more."},
    {"lucid_x402_transactions_sent_total", "counter", "Transactions of our gas key."},
    {"lucid_x402_transactions_replaced_total", "counter",
     "Stuck transactions sent again at a higher fee."},
    {"lucid_x402_rpc_questions_total", "counter", "Questions to the network's nodes."},
    {"lucid_x402_rpc_failures_total", "counter", "Nodes that gave no answer, or none that is one."},
    {"lucid_x402_rpc_contradictions_total", "counter", "Answers of nodes that contradict another."},
};

static uint64_t row_value(const struct cashier *cashier, size_t row, size_t network)
{
    switch (row) {
    case ROW_REACHABLE:
        return atomic_load(&cashier->seen.networks[network].reachable);
    case ROW_BLOCK:
        return atomic_load(&cashier->seen.networks[network].block);
    case ROW_GAS:
        return atomic_load(&cashier->seen.networks[network].gas_balance_wei);
    case ROW_SENT:
        return atomic_load(&cashier->seen.networks[network].sent);
    case ROW_REPLACED:
        return atomic_load(&cashier->seen.networks[network].replaced);
    case ROW_QUESTIONS:
        return atomic_load(&cashier->seen.networks[network].questions);
    case ROW_FAILURES:
        return atomic_load(&cashier->seen.networks[network].failures);
    default:
        return atomic_load(&cashier->seen.networks[network].contradictions);
    }
}

static void networks_write(const struct cashier *cashier, struct lucid_buf *out)
{
    const struct x402_networks *networks = &cashier->options.shop->networks;
    for (size_t row = 0; row < ROWS; row++) {
        lucid_prom_family(out, families[row].name, families[row].type, families[row].help);
        for (size_t i = 0; i < networks->count; i++) {
            bool gas = row == ROW_GAS || row == ROW_SENT || row == ROW_REPLACED;
            if (networks->items[i].solana ||
                (gas && cashier->options.shop->gas_key_of[i] == NULL)) {
                continue;
            }
            lucid_buf_printf(out, "%s{network=\"%s\"} %llu\n", families[row].name,
                             networks->items[i].caip2,
                             (unsigned long long)row_value(cashier, row, i));
        }
    }
}

static void members_write(const struct cashier *cashier, struct lucid_buf *out)
{
    static const struct {
        const char *name;
        const char *type;
        const char *help;
    } rows[] = {
        {"lucid_x402_facilitator_reachable", "gauge",
         "1 while a facilitator answers, and has said what it supports."},
        {"lucid_x402_facilitator_questions_total", "counter", "Questions to a facilitator."},
        {"lucid_x402_facilitator_failures_total", "counter", "Of them without an answer."},
        {"lucid_x402_facilitator_settled_total", "counter", "Payments that it has settled."},
        {"lucid_x402_facilitator_refused_total", "counter", "Payments that it has refused."},
        {"lucid_x402_facilitator_pending_total", "counter",
         "Settlements that were left without an end for the time being."},
        {"lucid_x402_facilitator_lies_total", "counter",
         "Answers that contradict the chain or the question."},
    };
    size_t count = cashier->options.shop->facilitators.member_count;
    for (size_t row = 0; count > 1 && row < sizeof(rows) / sizeof(rows[0]); row++) {
        lucid_prom_family(out, rows[row].name, rows[row].type, rows[row].help);
        for (size_t i = 1; i < count; i++) {
            struct x402_member_status status;
            x402_roster_member_status(cashier->roster, i, &status);
            const uint64_t values[] = {status.known && status.reachable,
                                       status.questions,
                                       status.failures,
                                       status.settled,
                                       status.refused,
                                       status.pending,
                                       status.lies};
            lucid_buf_printf(out, "%s{facilitator=\"%s\"} %llu\n", rows[row].name,
                             cashier->options.shop->facilitators.members[i].name,
                             (unsigned long long)values[row]);
        }
    }
}

static void facilitations_write(const struct cashier *cashier, struct lucid_buf *out)
{
    static const char name[] = "lucid_x402_facilitations_total";
    struct x402_facilitation_counters counters;
    x402_facilitation_counters_read(cashier->desk.facilitation, &counters);
    const struct {
        const char *outcome;
        uint64_t count;
    } rows[] = {{"valid", counters.verified[1]}, {"invalid", counters.verified[0]},
                {"begun", counters.begun},       {"settled", counters.settled},
                {"failed", counters.failed},     {"refused", counters.refused}};
    lucid_prom_family(out, name, "counter",
                      "What other servers asked of this facilitator, by what became of it.");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        lucid_buf_printf(out, "%s{outcome=\"%s\"} %llu\n", name, rows[i].outcome,
                         (unsigned long long)rows[i].count);
    }
    lucid_prom_gauge(out, "lucid_x402_open_facilitations", counters.open,
                     "Settlements for others without an end.");
    lucid_prom_counter(out, "lucid_x402_facilitation_gas_wei_total", counters.gas_wei,
                       "Gas money that counts against clients of this facilitator.");
}

void cashier_metrics_write(const struct cashier *cashier, struct lucid_buf *out)
{
    if (cashier == NULL) {
        return;
    }
    struct x402_gate_counters counters;
    x402_gate_counters_read(cashier->gate, &counters);
    outcomes_write(&counters, out);
    events_write(&counters, out);
    lucid_prom_gauge(out, "lucid_x402_open_payments", counters.open,
                     "Payments that are looked after: without an end, or not final yet.");
    facilitations_write(cashier, out);
    lucid_prom_gauge(out, "lucid_spent_store_ready", atomic_load(&cashier->seen.store_ready),
                     "1 while the store of spent proofs can be asked.");
    lucid_prom_gauge(out, "lucid_spent_store_claims", atomic_load(&cashier->seen.claims),
                     "Payments being dealt with just now.");
    lucid_prom_counter(out, "lucid_spent_store_losses_total", atomic_load(&cashier->seen.losses),
                       "Times that the store was found emptied.");
    lucid_prom_counter(out, "lucid_spent_store_reconnects_total",
                       atomic_load(&cashier->seen.reconnects), "New connections to the store.");
    networks_write(cashier, out);
    cashier_treasury_metrics(cashier, out);
    members_write(cashier, out);
}
