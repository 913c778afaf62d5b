/* The treasury on the cashier's thread (x402/treasury.h), and what others may see of it. */
#include "base/prom.h"
#include "lucidd/cashier_internal.h"

enum lucid_error cashier_treasury_open(struct cashier *cashier)
{
    const struct shop *shop = cashier->options.shop;
    struct x402_treasury_options options = {
        .loop = http_event_loop_base(cashier->loop),
        .outgoing = http_outgoing_base(cashier->outgoing),
        .ledger = cashier->options.ledger,
        .networks = &shop->networks,
        .submit = cashier->desk.submit,
        .context = cashier,
        .at = cashier_test_at(cashier->options.ledger),
    };
    memcpy(options.keys, shop->treasury_key_of, sizeof(options.keys));
    for (size_t i = 0; i < shop->networks.count; i++) {
        if (options.keys[i] != NULL) {
            return x402_treasury_open(&options, &cashier->desk.treasury);
        }
    }
    return LUCID_OK;
}

void cashier_treasury_look(struct cashier *cashier, size_t network)
{
    struct cashier_treasury_seen *seen = &cashier->seen.treasury[network];
    struct x402_treasury_status status;
    if (!x402_treasury_status(cashier->desk.treasury,
                              &cashier->options.shop->networks.items[network], &status)) {
        return;
    }
    atomic_store(&seen->stuck, status.stuck);
    atomic_store(&seen->rows[TREASURY_ROW_TOKENS], status.token_balance);
    atomic_store(&seen->rows[TREASURY_ROW_GAS], status.gas_balance_wei);
    atomic_store(&seen->rows[TREASURY_ROW_OPEN], status.orders_open);
    atomic_store(&seen->rows[TREASURY_ROW_OLDEST], status.oldest_ms / 1000);
    atomic_store(&seen->rows[TREASURY_ROW_BUDGET], status.budget_left);
    atomic_store(&seen->rows[TREASURY_ROW_WAITING], status.waiting[0] != '\0');
    atomic_store(&seen->rows[TREASURY_ROW_SENT], status.sent);
    atomic_store(&seen->rows[TREASURY_ROW_REPLACED], status.replaced);
    atomic_store(&seen->rows[TREASURY_ROW_RECORDED], status.recorded);
    atomic_store(&seen->rows[TREASURY_ROW_FAILED], status.failed);
}

bool cashier_treasury_is_stuck(const struct cashier *cashier)
{
    for (size_t i = 0; i < cashier->options.shop->networks.count; i++) {
        if (atomic_load(&cashier->seen.treasury[i].stuck)) {
            return true;
        }
    }
    return false;
}

void cashier_treasury_metrics(const struct cashier *cashier, struct lucid_buf *out)
{
    static const struct {
        const char *name;
        const char *type;
        const char *help;
    } families[TREASURY_ROWS] = {
        [TREASURY_ROW_TOKENS] = {"lucid_treasury_token_balance", "gauge",
                                 "Base units of the token that the treasury has."},
        [TREASURY_ROW_GAS] = {"lucid_treasury_gas_balance_wei", "gauge",
                              "What the treasury has for gas."},
        [TREASURY_ROW_OPEN] = {"lucid_treasury_orders_open", "gauge",
                               "Transfers that are ordered and not final yet."},
        [TREASURY_ROW_OLDEST] = {"lucid_treasury_oldest_order_seconds", "gauge",
                                 "Age of the oldest of them."},
        [TREASURY_ROW_BUDGET] = {"lucid_treasury_budget_left", "gauge",
                                 "Base units that may still be ordered this UTC day."},
        [TREASURY_ROW_WAITING] = {"lucid_treasury_waiting", "gauge",
                                  "1 while something is due and cannot be ordered."},
        [TREASURY_ROW_SENT] = {"lucid_treasury_sent_total", "counter", "Transfers given to nodes."},
        [TREASURY_ROW_REPLACED] = {"lucid_treasury_replaced_total", "counter",
                                   "Stuck transfers sent again at a higher fee."},
        [TREASURY_ROW_RECORDED] = {"lucid_treasury_recorded_total", "counter",
                                   "Transfers that became final."},
        [TREASURY_ROW_FAILED] = {"lucid_treasury_failed_total", "counter",
                                 "Transfers that failed; an administrator decides."},
    };
    const struct shop *shop = cashier->options.shop;
    for (size_t row = 0; cashier->desk.treasury != NULL && row < TREASURY_ROWS; row++) {
        lucid_prom_family(out, families[row].name, families[row].type, families[row].help);
        for (size_t i = 0; i < shop->networks.count; i++) {
            if (shop->treasury_key_of[i] != NULL) {
                lucid_buf_printf(
                    out, "%s{network=\"%s\"} %llu\n", families[row].name,
                    shop->networks.items[i].caip2,
                    (unsigned long long)atomic_load(&cashier->seen.treasury[i].rows[row]));
            }
        }
    }
}
