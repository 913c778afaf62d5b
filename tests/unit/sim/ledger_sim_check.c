/* What readers see against the model. */
#include "base/sha256.h"
#include "tests/unit/sim/ledger_sim.h"

enum { SOME = 8, PAIRS = 400 };

static void check_counts(struct sim *sim)
{
    struct store_counts counts;
    store_counts_read(ledger_view_store(sim->world.view), &counts);
    sim_check(sim, counts.events == sim->kept->events);
    sim_check(sim, counts.leaves == sim->kept->leaves);
    sim_check(sim, ledger_view_leaves(sim->world.view) == sim->kept->leaves);
    sim_check(sim, ledger_time_ms(sim->world.ledger) == sim->kept->time_ms);
}

static void check_placement(struct sim *sim, const struct model_run *run,
                            const struct receipt_record *record, const uint8_t hash[32])
{
    const struct receipt_placement *placement = &record->placement;
    const struct model *model = sim->kept;
    uint64_t end;
    uint64_t covered = model->head_count == 0 ? 0 : model->heads[model->head_count - 1].size;
    sim_check(sim, placement->leaf_index == run->leaf);
    sim_check(sim, placement->sequence == run->sequence);
    sim_check(sim, placement->logged_ms == run->time_ms);
    sim_check(sim, placement->epoch == model_epoch_of(model, run->leaf, &end));
    enum receipt_status status = RECEIPT_LOGGED;
    if (covered > run->leaf) {
        status = end != 0 && covered >= end ? RECEIPT_FINALIZED : RECEIPT_COVERED;
    }
    sim_check(sim, placement->status == status);
    sim_check(sim, memcmp(placement->receipt_hash, hash, 32) == 0);
    sim_check(sim, memcmp(record->signer, sim->keys[run->signer].public_key, 32) == 0);
    sim_check(sim, ledger_ed25519_verify(record->signer, lucid_span(hash, 32), record->signature));
}

static void check_run(struct sim *sim, unsigned index)
{
    const struct model_run *run = &sim->kept->runs[index];
    char run_id[RECEIPT_RUN_ID_BYTES_MAX];
    uint64_t leaf = 0;
    sim_run_id(index, run_id);
    enum lucid_error error = receipt_find(sim->world.view, lucid_span_str(run_id), &leaf);
    if (!run->taken) {
        sim_check(sim, error == LUCID_NOTE_ABSENT);
        return;
    }
    char body[SIM_BODY_BYTES_MAX];
    char hex[64];
    uint8_t hash[32];
    struct receipt_record record;
    sim_check(sim, error == LUCID_OK && leaf == run->leaf);
    size_t len = sim_body(index, run->variant, body, hash);
    lucid_hex_encode(hash, sizeof(hash), hex);
    leaf = UINT64_MAX;
    sim_check(sim, receipt_find(sim->world.view, lucid_span(hex, sizeof(hex)), &leaf) == LUCID_OK);
    sim_check(sim, leaf == run->leaf);
    sim_check(sim, receipt_read(sim->world.view, leaf, true, &record) == LUCID_OK);
    sim_check(sim, lucid_span_equal(record.body, lucid_span(body, len)));
    sim_check(sim, lucid_span_is(lucid_span_str(record.placement.run_id), run_id));
    check_placement(sim, run, &record, hash);
}

static void check_open_epoch(struct sim *sim)
{
    const struct model *model = sim->kept;
    struct ledger_epoch epoch;
    enum lucid_error error = ledger_epoch_current(sim->world.view, &epoch);
    bool open = model->leaves > model->open_first;
    sim_check(sim, ledger_epoch_count(sim->world.view) == model->epochs_closed + open);
    if (!open) {
        sim_check(sim, error == LUCID_NOTE_ABSENT);
        return;
    }
    sim_check(sim, error == LUCID_OK && epoch.number == model->epochs_closed);
    sim_check(sim, epoch.first_leaf == model->open_first && epoch.end_leaf == model->leaves);
    sim_check(sim, epoch.opened_ms == model->open_ms && epoch.closed_by == EPOCH_OPEN);
}

void sim_check_some(struct sim *sim)
{
    sim_check(sim, ledger_view_begin(sim->world.view) == LUCID_OK);
    check_counts(sim);
    check_open_epoch(sim);
    sim_gas_check(sim);
    for (unsigned i = 0; i < SOME && sim->run_count > 0; i++) {
        check_run(sim, (unsigned)sim_random(sim, sim->run_count));
    }
    ledger_view_end(sim->world.view);
}

static void check_epochs(struct sim *sim)
{
    const struct model *model = sim->kept;
    struct mmr_nodes nodes = ledger_view_nodes(sim->world.view);
    for (size_t i = 0; i < model->epochs_closed; i++) {
        const struct model_epoch *row = &model->epochs[i];
        struct ledger_epoch epoch;
        struct ledger_head head;
        struct mmr_hash root;
        sim_check(sim, ledger_epoch_read(sim->world.view, i, &epoch) == LUCID_OK);
        sim_check(sim, epoch.first_leaf == row->first && epoch.end_leaf == row->end);
        sim_check(sim, epoch.end_leaf - epoch.first_leaf <= model->receipts_max);
        sim_check(sim, epoch.end_leaf > epoch.first_leaf);
        sim_check(sim, epoch.opened_ms == row->opened_ms && epoch.closed_ms == row->closed_ms);
        sim_check(sim, epoch.closed_by == row->by);
        sim_check(sim, mmr_root(&nodes, row->end, &root) == LUCID_OK);
        sim_check(sim, memcmp(&root, &epoch.root, sizeof(root)) == 0);
        sim_check(sim, ledger_head_of_size(sim->world.view, row->end, &head) == LUCID_OK);
        sim_check(sim, memcmp(&head.root, &root, sizeof(root)) == 0);
    }
    struct ledger_epoch epoch;
    bool open = model->leaves > model->open_first;
    sim_check(sim, ledger_epoch_read(sim->world.view, model->epochs_closed + open, &epoch) ==
                       LUCID_NOTE_ABSENT);
}

/* The head of that place in the model: as signed, and with the root of the tree at its size. */
static void check_head(struct sim *sim, size_t index, struct ledger_head *ret)
{
    const struct model_head *row = &sim->kept->heads[index];
    struct ledger_checkpoint checkpoint;
    sim_check(sim, ledger_head_of_size(sim->world.view, row->size, ret) == LUCID_OK);
    sim_check(sim, ret->sequence == row->sequence && ret->signed_ms == row->time_ms);
    sim_check(sim, ledger_checkpoint_open(ret->checkpoint, &sim->world.log_key.vkey, &checkpoint,
                                          NULL) == LUCID_OK);
    sim_check(sim, checkpoint.size == row->size);
    sim_check(sim, memcmp(&checkpoint.root, &ret->root, sizeof(ret->root)) == 0);
}

static void check_pair(struct sim *sim, const struct ledger_head *from,
                       const struct ledger_head *to)
{
    struct mmr_nodes nodes = ledger_view_nodes(sim->world.view);
    struct mmr_path path;
    sim_check(sim, mmr_consistency_path(&nodes, from->size, to->size, &path) == LUCID_OK);
    sim_check(sim, mmr_verify_consistency(from->size, to->size, &from->root, &to->root, path.hash,
                                          path.count));
}

/* Each head against the next, and many pairs far apart. */
static void check_heads(struct sim *sim)
{
    size_t count = sim->kept->head_count;
    struct ledger_head before;
    struct ledger_head head;
    if (count == 0) {
        sim_check(sim, ledger_head_newest(sim->world.view, &head) == LUCID_NOTE_ABSENT);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        check_head(sim, i, &head);
        if (i > 0) {
            check_pair(sim, &before, &head);
        }
        before = head;
    }
    sim_check(sim, ledger_head_newest(sim->world.view, &head) == LUCID_OK);
    sim_check(sim, head.sequence == before.sequence);
    for (unsigned i = 0; i < PAIRS; i++) {
        size_t to = (size_t)sim_random(sim, count);
        check_head(sim, (size_t)sim_random(sim, to + 1), &before);
        check_head(sim, to, &head);
        check_pair(sim, &before, &head);
    }
}

static void check_signers(struct sim *sim)
{
    for (unsigned i = 0; i < SIM_SIGNERS; i++) {
        const struct model_signer *row = &sim->kept->signers[i];
        struct ledger_signer signer;
        enum lucid_error error =
            ledger_signer_read(sim->world.view, sim->keys[i].public_key, &signer);
        sim_check(sim, error == (row->registered_ms == 0 ? LUCID_NOTE_ABSENT : LUCID_OK));
        if (error == LUCID_OK) {
            sim_check(sim, signer.registered_ms == row->registered_ms);
            sim_check(sim, signer.revoked_ms == row->revoked_ms);
        }
    }
}

static void check_tokens(struct sim *sim)
{
    uint64_t now_ms = sim->now_ms;
    for (unsigned i = 0; i < sim->token_count; i++) {
        const struct model_token *row = &sim->kept->tokens[i];
        struct ledger_token token;
        bool live = row->created_ms != 0 && row->revoked_ms == 0 &&
                    (row->expires_ms == 0 || now_ms < row->expires_ms);
        enum lucid_error error = ledger_token_check(
            sim->world.view, lucid_span_str(sim->token_texts[i]), now_ms, &token);
        sim_check(sim, error == (live ? LUCID_OK : LUCID_NOTE_ABSENT));
        sim_check(sim, !live || token.created_ms == row->created_ms);
    }
}

void sim_check_all(struct sim *sim, bool past)
{
    uint64_t taken = 0;
    sim_check(sim, ledger_view_begin(sim->world.view) == LUCID_OK);
    check_counts(sim);
    check_open_epoch(sim);
    check_epochs(sim);
    check_heads(sim);
    check_signers(sim);
    check_tokens(sim);
    sim_gas_check(sim);
    if (past) {
        sim_gas_check_past(sim);
    }
    for (unsigned i = 0; i < sim->run_count; i++) {
        check_run(sim, i);
        taken += sim->kept->runs[i].taken;
    }
    /* Each at a leaf of its own, and no leaf besides: present exactly once. */
    sim_check(sim, taken == sim->kept->leaves);
    ledger_view_end(sim->world.view);
}

struct replay {
    struct sim *sim;
    struct ledger *ledger;
    uint64_t in_batch;
};

static enum lucid_error replay_event(void *context, const struct store_event *event)
{
    enum { BATCH = 777 };
    struct replay *replay = context;
    if (replay->in_batch == 0) {
        sim_check(replay->sim, ledger_batch_begin(replay->ledger, 0) == LUCID_OK);
    }
    sim_check(replay->sim,
              ledger_batch_replay(replay->ledger, event, lucid_span(NULL, 0)) == LUCID_OK);
    replay->in_batch++;
    if (replay->in_batch == BATCH) {
        sim_check(replay->sim, ledger_batch_commit(replay->ledger) == LUCID_OK);
        replay->in_batch = 0;
    }
    return LUCID_OK;
}

static void folds_forget(struct sim *sim, struct store *store)
{
    struct store_batch *batch = NULL;
    uint32_t table;
    sim_check(sim, store_table_find(store, LEDGER_FOLDS_TABLE, &table) == LUCID_OK);
    sim_check(sim, store_batch_begin(store, &batch) == LUCID_OK);
    sim_check(sim, store_table_clear(batch, table) == LUCID_OK);
    sim_check(sim, store_batch_commit(batch) == LUCID_OK);
}

void sim_check_replay(struct sim *sim)
{
    struct store *store = NULL;
    struct replay replay = {.sim = sim};
    uint8_t here[32];
    uint8_t there[32];
    sim_check(sim, store_memory_open(&store) == LUCID_OK);
    core_tables_create(&sim->world, store);
    sim_check(sim, core_ledger_open(&sim->world, store, &replay.ledger) == LUCID_OK);
    sim_check(sim, ledger_view_begin(sim->world.view) == LUCID_OK);
    sim_check(sim, store_event_scan(ledger_view_store(sim->world.view), 1, replay_event, &replay) ==
                       LUCID_OK);
    ledger_view_end(sim->world.view);
    if (replay.in_batch > 0) {
        sim_check(sim, ledger_batch_commit(replay.ledger) == LUCID_OK);
    }
    ledger_close(replay.ledger);
    core_store_digest(&sim->world, sim->world.store, here);
    core_store_digest(&sim->world, store, there);
    sim_check(sim, memcmp(here, there, sizeof(here)) == 0);
    folds_forget(sim, store);
    sim_check(sim, core_ledger_open(&sim->world, store, &replay.ledger) == LUCID_OK);
    ledger_close(replay.ledger);
    core_store_digest(&sim->world, store, there);
    sim_check(sim, memcmp(here, there, sizeof(here)) == 0);
    store_close(store);
}
