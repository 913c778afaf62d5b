/* Event `payee.address_set`, payload JCS: {"address":"0x…","network":text,"payee":text}.
 * Event `payee.address_removed`, payload JCS: the same, with the address that it ends.
 * Table `payee_addresses`: key = payee ‖ 0 ‖ network; value = address 20 ‖ sequence u64 ‖ its time
 * u64. */
#include "x402/payee.h"

#include "base/assert.h"
#include "ledger/payload.h"
#include "ledger/row.h"
#include "x402/payload_read.h"

static const char type_set[] = "payee.address_set";
static const char type_removed[] = "payee.address_removed";
static const struct ledger_event_type types[] = {
    {.name = type_set, .version = 1}, {.name = type_removed, .version = 1}, {.name = NULL}};
static const char *const tables[] = {"payee_addresses", NULL};

enum {
    TABLE_ADDRESSES,
    KEY_BYTES_MAX = GAS_NAME_BYTES_MAX + 1 + X402_CAIP2_BYTES_MAX,
    VALUE_BYTES = EVM_ADDRESS_BYTES + 16,
    PAYLOAD_BYTES_MAX = 1024,
    PAYLOAD_ARENA_BYTES = 16384,
};

/* --- rows ------------------------------------------------------------------------------------- */

static struct lucid_span key_of(struct lucid_span payee, struct lucid_span network,
                                uint8_t key[KEY_BYTES_MAX])
{
    lucid_assert(payee.len <= GAS_NAME_BYTES_MAX && network.len <= X402_CAIP2_BYTES_MAX);
    memcpy(key, payee.data, payee.len);
    key[payee.len] = 0;
    if (network.len > 0) {
        memcpy(key + payee.len + 1, network.data, network.len);
    }
    return lucid_span(key, payee.len + 1 + network.len);
}

static enum lucid_error row_parse(struct lucid_span key, struct lucid_span value,
                                  struct x402_payee_address *ret)
{
    struct x402_payee_address address = {.payee = ""};
    const uint8_t *end = key.len > 0 ? memchr(key.data, 0, key.len) : NULL;
    if (end == NULL || value.len != VALUE_BYTES) {
        return LUCID_FATAL_CORRUPT;
    }
    size_t len = (size_t)(end - key.data);
    enum lucid_error error =
        payload_copy(lucid_span(key.data, len), address.payee, sizeof(address.payee));
    if (error == LUCID_OK) {
        error = payload_copy(lucid_span(end + 1, key.len - len - 1), address.network,
                             sizeof(address.network));
    }
    if (error != LUCID_OK) {
        return error;
    }
    memcpy(address.address.bytes, value.data, EVM_ADDRESS_BYTES);
    address.sequence = lucid_get_be64(value.data + EVM_ADDRESS_BYTES);
    address.time_ms = lucid_get_be64(value.data + EVM_ADDRESS_BYTES + 8);
    *ret = address;
    return LUCID_OK;
}

/* --- preparing -------------------------------------------------------------------------------- */

static bool is_mixed(struct lucid_span text)
{
    bool lower = false;
    bool upper = false;
    for (size_t i = 2; i < text.len; i++) {
        lower = lower || (text.data[i] >= 'a' && text.data[i] <= 'f');
        upper = upper || (text.data[i] >= 'A' && text.data[i] <= 'F');
    }
    return lower && upper;
}

bool x402_payee_address_parse(struct lucid_span text, struct evm_address *ret)
{
    struct evm_address address;
    char sum[EVM_ADDRESS_TEXT_BYTES + 1];
    if (!evm_address_parse(text, &address)) {
        return false;
    }
    evm_address_eip55(&address, sum);
    if (is_mixed(text) && memcmp(text.data + 2, sum + 2, EVM_ADDRESS_TEXT_BYTES - 2) != 0) {
        return false;
    }
    *ret = address;
    return true;
}

static bool same_address(const struct evm_address *a, const struct evm_address *b)
{
    return memcmp(a->bytes, b->bytes, EVM_ADDRESS_BYTES) == 0;
}

/* Whether a price in force is paid to that address there. */
static enum lucid_error is_pay_to(struct ledger_view *view, const struct x402_network *network,
                                  const struct evm_address *address, bool *ret)
{
    struct gas_price price;
    char last[GAS_NAME_BYTES_MAX + 1] = "";
    enum lucid_error error = gas_price_next(view, lucid_span_str(last), &price);
    *ret = false;
    while (error == LUCID_OK && !*ret) {
        struct evm_address pay_to;
        *ret = strcmp(price.network, network->caip2) == 0 &&
               evm_address_parse(lucid_span_str(price.pay_to), &pay_to) &&
               same_address(&pay_to, address);
        memcpy(last, price.asset, sizeof(last));
        error = gas_price_next(view, lucid_span_str(last), &price);
    }
    return error == LUCID_NOTE_ABSENT ? LUCID_OK : error;
}

enum lucid_error x402_payee_address_ours(struct ledger_view *view,
                                         const struct x402_network *network,
                                         const struct evm_address *address, const char **ret)
{
    static const struct evm_address zero = {{0}};
    const char *what = NULL;
    if (same_address(address, &zero)) {
        what = "the zero address";
    } else if (same_address(address, &network->token)) {
        what = "the token's contract";
    } else if (network->has_treasury && same_address(address, &network->treasury)) {
        what = "the treasury";
    } else if (network->has_gas && same_address(address, &network->gas)) {
        what = "the gas key's address";
    }
    if (what == NULL) {
        bool pay_to;
        enum lucid_error error = is_pay_to(view, network, address, &pay_to);
        if (error != LUCID_OK) {
            return error;
        }
        what = pay_to ? "an address that prices are paid to" : NULL;
    }
    *ret = what;
    return LUCID_OK;
}

static enum lucid_error invalid(struct lucid_why *why, const char *param, const char *text)
{
    return lucid_refuse(why, LUCID_REFUSE_INVALID, "INVALID_PAYEE", param, "%s", text);
}

static enum lucid_error names_take(struct lucid_span payee, struct lucid_span network,
                                   struct x402_payee_address *ret, struct lucid_why *why)
{
    if (!gas_name_ok(payee, GAS_NAME_BYTES_MAX) ||
        payload_copy(payee, ret->payee, sizeof(ret->payee)) != LUCID_OK) {
        return invalid(why, "payee", "a payee is 1 to 128 of A-Za-z0-9._:-");
    }
    if (!gas_name_ok(network, X402_CAIP2_BYTES_MAX) ||
        payload_copy(network, ret->network, sizeof(ret->network)) != LUCID_OK) {
        return invalid(why, "network", "a network is a CAIP-2 name, like eip155:8453");
    }
    return LUCID_OK;
}

enum lucid_error x402_payee_set_prepare(struct x402_payee_command *command,
                                        struct ledger_view *view,
                                        const struct x402_networks *networks,
                                        struct lucid_span payee, struct lucid_span network,
                                        struct lucid_span address, struct lucid_why *why)
{
    struct x402_payee_address taken = {.sequence = 0};
    enum lucid_error error = names_take(payee, network, &taken, why);
    if (error != LUCID_OK) {
        return error;
    }
    const struct x402_network *at = networks == NULL ? NULL : x402_network_find(networks, network);
    if (at == NULL || at->solana) {
        return invalid(why, "network", "the network is no EVM network of this service's file");
    }
    if (!x402_payee_address_parse(address, &taken.address)) {
        return invalid(why, "address",
                       "an address is 0x and 40 hex digits; of mixed case as EIP-55 has it");
    }
    const char *ours;
    error = x402_payee_address_ours(view, at, &taken.address, &ours);
    if (error != LUCID_OK) {
        return error;
    }
    if (ours != NULL) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "INVALID_PAYEE", "address",
                            "the address is %s", ours);
    }
    *command = (struct x402_payee_command){
        .command = {.kind = &x402_payee_kind, .verb = X402_PAYEE_SET}, .address = taken};
    return LUCID_OK;
}

enum lucid_error x402_payee_remove_prepare(struct x402_payee_command *command,
                                           struct lucid_span payee, struct lucid_span network,
                                           struct lucid_why *why)
{
    struct x402_payee_address taken = {.sequence = 0};
    enum lucid_error error = names_take(payee, network, &taken, why);
    if (error == LUCID_OK) {
        *command = (struct x402_payee_command){
            .command = {.kind = &x402_payee_kind, .verb = X402_PAYEE_REMOVE}, .address = taken};
    }
    return error;
}

/* --- deciding --------------------------------------------------------------------------------- */

enum lucid_error x402_payee_peek(struct ledger_txn *txn, struct lucid_span payee,
                                 struct lucid_span network, struct x402_payee_address *ret)
{
    uint8_t bytes[KEY_BYTES_MAX];
    struct lucid_span value;
    if (!gas_name_ok(payee, GAS_NAME_BYTES_MAX) || !gas_name_ok(network, X402_CAIP2_BYTES_MAX)) {
        return LUCID_NOTE_ABSENT;
    }
    struct lucid_span key = key_of(payee, network, bytes);
    enum lucid_error error = ledger_txn_peek(txn, &x402_payee_kind, TABLE_ADDRESSES, key, &value);
    return error == LUCID_OK ? row_parse(key, value, ret) : error;
}

static enum lucid_error draft(struct ledger_txn *txn, struct x402_payee_command *command,
                              const char *type)
{
    struct lucid_buf text;
    char address[EVM_ADDRESS_TEXT_BYTES + 1];
    evm_address_text(&command->address.address, address);
    lucid_buf_init(&text, PAYLOAD_BYTES_MAX);
    lucid_buf_char(&text, '{');
    lucid_json_member_cstr(&text, "address", address);
    lucid_json_member_cstr(&text, "network", command->address.network);
    lucid_json_member_cstr(&text, "payee", command->address.payee);
    lucid_buf_char(&text, '}');
    return payload_draft(txn, type, &text, &command->draft);
}

static enum lucid_error payee_decide(struct ledger_txn *txn, struct ledger_command *base,
                                     struct lucid_why *why)
{
    struct x402_payee_command *command = (struct x402_payee_command *)base; /* first member */
    struct x402_payee_address *asked = &command->address;
    struct x402_payee_address now;
    command->ret_known = command->ret_replaced = false;
    command->draft = NULL;
    enum lucid_error error =
        x402_payee_peek(txn, lucid_span_str(asked->payee), lucid_span_str(asked->network), &now);
    bool set = base->verb == X402_PAYEE_SET;
    if (error == LUCID_NOTE_ABSENT) {
        return set ? draft(txn, command, type_set)
                   : lucid_refuse(why, LUCID_REFUSE_INVALID, "NOT_FOUND", "payee",
                                  "this payee has no address there");
    }
    if (error != LUCID_OK) {
        return error;
    }
    command->ret_known = set && same_address(&now.address, &asked->address);
    command->ret_replaced = set && !command->ret_known;
    if (!command->ret_replaced) {
        *asked = now;
    }
    return command->ret_known ? LUCID_OK : draft(txn, command, set ? type_set : type_removed);
}

static void payee_conclude(struct ledger_txn *txn, struct ledger_command *base)
{
    struct x402_payee_command *command = (struct x402_payee_command *)base;
    (void)txn;
    if (command->draft != NULL) {
        command->address.sequence = command->draft->sequence;
        command->address.time_ms = command->draft->time_ms;
    }
}

/* --- folding ---------------------------------------------------------------------------------- */

static enum lucid_error payload_read(struct lucid_span payload, struct x402_payee_address *ret)
{
    struct lucid_arena arena;
    const struct jcs_value *root;
    lucid_arena_init(&arena, PAYLOAD_ARENA_BYTES);
    enum lucid_error error = payload_parse(payload, &arena, &root);
    if (error == LUCID_OK) {
        error = payload_read_text(root, "payee", ret->payee, sizeof(ret->payee));
    }
    if (error == LUCID_OK) {
        error = payload_read_text(root, "network", ret->network, sizeof(ret->network));
    }
    if (error == LUCID_OK) {
        error = payload_read_address(root, "address", &ret->address);
    }
    lucid_arena_fini(&arena);
    return error;
}

static enum lucid_error payee_apply(struct ledger_txn *txn, const struct ledger_event *event)
{
    uint8_t bytes[KEY_BYTES_MAX];
    uint8_t value[VALUE_BYTES];
    struct x402_payee_address address = {.sequence = event->sequence};
    enum lucid_error error = payload_read(event->payload, &address);
    if (error != LUCID_OK) {
        return error;
    }
    struct lucid_span key =
        key_of(lucid_span_str(address.payee), lucid_span_str(address.network), bytes);
    if (lucid_span_is(event->type, type_removed)) {
        error = ledger_txn_del(txn, TABLE_ADDRESSES, key);
        return error == LUCID_NOTE_ABSENT ? LUCID_FATAL_CORRUPT : error;
    }
    memcpy(value, address.address.bytes, EVM_ADDRESS_BYTES);
    lucid_put_be64(value + EVM_ADDRESS_BYTES, event->sequence);
    lucid_put_be64(value + EVM_ADDRESS_BYTES + 8, event->time_ms);
    return ledger_txn_put(txn, TABLE_ADDRESSES, key, lucid_span(value, sizeof(value)));
}

const struct ledger_kind x402_payee_kind = {
    .name = "payee",
    .fold_version = 1,
    .types = types,
    .tables = tables,
    .decide = payee_decide,
    .apply = payee_apply,
    .conclude = payee_conclude,
};

/* --- queries ---------------------------------------------------------------------------------- */

enum lucid_error x402_payee_read(struct ledger_view *view, struct lucid_span payee,
                                 struct lucid_span network, struct x402_payee_address *ret)
{
    uint8_t bytes[KEY_BYTES_MAX];
    struct lucid_span value;
    if (!gas_name_ok(payee, GAS_NAME_BYTES_MAX) || !gas_name_ok(network, X402_CAIP2_BYTES_MAX)) {
        return LUCID_NOTE_ABSENT;
    }
    struct lucid_span key = key_of(payee, network, bytes);
    enum lucid_error error =
        row_get(ledger_view_store(view), ledger_view_table(view, &x402_payee_kind, TABLE_ADDRESSES),
                key, &value);
    return error == LUCID_OK ? row_parse(key, value, ret) : error;
}

enum lucid_error x402_payee_next(struct ledger_view *view, struct lucid_span payee,
                                 struct lucid_span network, struct x402_payee_address *ret)
{
    uint8_t bytes[KEY_BYTES_MAX];
    struct lucid_span key;
    struct lucid_span value;
    bool first = payee.len == 0;
    if ((!first && !gas_name_ok(payee, GAS_NAME_BYTES_MAX)) ||
        (network.len > 0 && (first || !gas_name_ok(network, X402_CAIP2_BYTES_MAX)))) {
        return LUCID_NOTE_ABSENT;
    }
    enum lucid_error error = row_seek(
        ledger_view_store(view), ledger_view_table(view, &x402_payee_kind, TABLE_ADDRESSES),
        STORE_SEEK_GT, first ? lucid_span("", 0) : key_of(payee, network, bytes), &key, &value);
    return error == LUCID_OK ? row_parse(key, value, ret) : error;
}
