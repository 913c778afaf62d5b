/* The ledger as arrays: CONTRACT 1 and 2 written down a second time, without any of its code. */
#include "tests/unit/sim/ledger_sim.h"

void model_batch_begin(struct model *model, uint64_t now_ms)
{
    model->now_ms = now_ms > model->time_ms ? now_ms : model->time_ms;
}

uint64_t model_event_add(struct model *model)
{
    model->time_ms = model->now_ms;
    return ++model->events;
}

static void head_add(struct model *model)
{
    lucid_assert(model->head_count < SIM_HEADS_MAX);
    uint64_t sequence = model_event_add(model);
    model->heads[model->head_count++] =
        (struct model_head){.size = model->leaves, .sequence = sequence, .time_ms = model->now_ms};
}

static bool head_grows(const struct model *model)
{
    return model->head_count == 0 || model->leaves > model->heads[model->head_count - 1].size;
}

static void epoch_close(struct model *model, enum epoch_closed_by by)
{
    lucid_assert(model->epochs_closed < SIM_EPOCHS_MAX);
    (void)model_event_add(model);
    model_gas_epoch(&model->gas);
    model->epochs[model->epochs_closed++] = (struct model_epoch){
        .first = model->open_first,
        .end = model->leaves,
        .opened_ms = model->open_ms,
        .closed_ms = model->now_ms,
        .by = by,
    };
    model->open_first = model->leaves;
    model->open_ms = 0;
    if (head_grows(model)) {
        head_add(model);
    }
    model_market_epoch(model);
}

uint64_t model_epoch_of(const struct model *model, uint64_t leaf, uint64_t *ret_end)
{
    size_t low = 0;
    size_t high = model->epochs_closed;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (model->epochs[middle].end <= leaf) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    *ret_end = low == model->epochs_closed ? 0 : model->epochs[low].end;
    return low;
}

bool model_signer_known(const struct model *model, unsigned signer)
{
    return model->signers[signer].registered_ms != 0;
}

static void placement_of(const struct model *model, const struct model_run *run,
                         struct expect *expect)
{
    uint64_t end;
    uint64_t covered = model->head_count == 0 ? 0 : model->heads[model->head_count - 1].size;
    expect->placed = *run;
    expect->epoch = model_epoch_of(model, run->leaf, &end);
    expect->status = RECEIPT_LOGGED;
    if (covered > run->leaf) {
        expect->status = end != 0 && covered >= end ? RECEIPT_FINALIZED : RECEIPT_COVERED;
    }
}

struct expect model_receipt(struct model *model, unsigned run_index, uint8_t variant,
                            uint8_t signer)
{
    struct model_run *run = &model->runs[run_index];
    struct expect expect = {.error = LUCID_OK};
    if (run->taken && run->variant == variant && run->signer == signer) {
        expect.replayed = true;
        placement_of(model, run, &expect);
        return expect;
    }
    if (model->signers[signer].revoked_ms != 0) {
        return (struct expect){.error = LUCID_REFUSE_FORBIDDEN, .code = "SIGNER_REVOKED"};
    }
    if (run->taken) {
        return (struct expect){.error = LUCID_REFUSE_CONFLICT, .code = "RUN_ID_CONFLICT"};
    }
    if (!model_gas_charge(&model->gas, signer, &expect)) {
        return expect;
    }
    *run = (struct model_run){
        .taken = true,
        .variant = variant,
        .signer = signer,
        .leaf = model->leaves,
        .sequence = model_event_add(model),
        .time_ms = model->now_ms,
    };
    if (model->leaves == model->open_first) {
        model->open_ms = model->now_ms;
    }
    model->leaves++;
    if (model->leaves - model->open_first >= model->receipts_max) {
        epoch_close(model, EPOCH_BY_COUNT);
    }
    placement_of(model, run, &expect);
    return expect;
}

struct expect model_signer_do(struct model *model, enum signer_verb verb, unsigned signer)
{
    struct model_signer *row = &model->signers[signer];
    if (verb == SIGNER_REVOKE && row->registered_ms == 0) {
        return (struct expect){.error = LUCID_REFUSE_INVALID, .code = "NOT_FOUND"};
    }
    if (verb == SIGNER_REGISTER && row->revoked_ms != 0) {
        return (struct expect){.error = LUCID_REFUSE_FORBIDDEN, .code = "SIGNER_REVOKED"};
    }
    if (verb == SIGNER_REGISTER ? row->registered_ms != 0 : row->revoked_ms != 0) {
        return (struct expect){.known = true};
    }
    (void)model_event_add(model);
    *(verb == SIGNER_REGISTER ? &row->registered_ms : &row->revoked_ms) = model->now_ms;
    return (struct expect){.known = false};
}

struct expect model_token_create(struct model *model, unsigned token, uint64_t expires_ms)
{
    (void)model_event_add(model);
    model->tokens[token] =
        (struct model_token){.created_ms = model->now_ms, .expires_ms = expires_ms};
    return (struct expect){.error = LUCID_OK};
}

struct expect model_token_revoke(struct model *model, unsigned token)
{
    struct model_token *row = &model->tokens[token];
    if (row->created_ms == 0) {
        return (struct expect){.error = LUCID_REFUSE_INVALID, .code = "NOT_FOUND"};
    }
    if (row->revoked_ms == 0) {
        (void)model_event_add(model);
        row->revoked_ms = model->now_ms;
    }
    return (struct expect){.error = LUCID_OK};
}

struct expect model_epoch_do(struct model *model, enum epoch_verb verb)
{
    struct expect expect = {.number = model->epochs_closed};
    bool open = model->leaves > model->open_first;
    if (!open && verb == EPOCH_FINALIZE) {
        return (struct expect){.error = LUCID_REFUSE_CONFLICT, .code = "EPOCH_NOT_OPEN"};
    }
    bool old = open && model->now_ms - model->open_ms >= model->seconds_max * 1000;
    if (open && (old || verb == EPOCH_FINALIZE)) {
        expect.closed = true;
        epoch_close(model, verb == EPOCH_TICK ? EPOCH_BY_AGE : EPOCH_BY_OPERATOR);
    }
    return expect;
}

struct expect model_head_tick(struct model *model)
{
    bool due = model->head_count == 0 ||
               model->now_ms - model->heads[model->head_count - 1].time_ms >= model->interval_ms;
    if (due && head_grows(model)) {
        head_add(model);
    }
    return (struct expect){.error = LUCID_OK};
}
