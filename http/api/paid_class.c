/* What can be sold. */
#include "base/assert.h"
#include "http/api/plugins_internal.h"

/* --- proof: a read; repeats are answered afresh ------------------------------------------------
 */

static bool proof_rehearse(struct paid_call *call)
{
    return api_proof_check(call->request, &call->prepared);
}

static void proof_serve(struct paid_call *call)
{
    api_proof_serve(call->request, call->route, call->prepared);
}

/* --- receipt: a write, committed with the payment ----------------------------------------------
 */

static bool receipt_rehearse(struct paid_call *call)
{
    struct receipt_command *command = lucid_arena_zalloc(&call->arena, sizeof(*command));
    struct lucid_span text = lucid_arena_copy(&call->arena, http_body(call->request));
    if (command == NULL || text.data == NULL) {
        api_refuse(call->request, LUCID_RETRY_MEMORY, NULL);
        return false;
    }
    call->prepared = command;
    call->entry.job.paid = &command->command;
    return api_receipt_prepare(call->request, command, text, &call->arena);
}

/* What is logged already costs nothing: nothing is written, and whoever has lost an answer and the
 * payment with it need not pay twice. */
static bool receipt_foreseen(struct paid_call *call)
{
    return api_receipt_foresee(call->request, call->prepared);
}

static void receipt_serve(struct paid_call *call)
{
    api_receipt_answer(call->request, call->prepared);
}

/* --- batch: its admission is paid for; the lines stand alone -----------------------------------
 */

static bool batch_rehearse(struct paid_call *call)
{
    return api_batch_check(call->request);
}

static void batch_serve(struct paid_call *call)
{
    api_batch_whole_post(call->request, call->route);
}

static const struct paid_class proof_class = {.description = "inclusion proof of a receipt",
                                              .mime_type = API_JSON,
                                              .rehearse = proof_rehearse,
                                              .serve = proof_serve};
static const struct paid_class receipt_class = {.description = "one receipt logged",
                                                .mime_type = API_JSON,
                                                .rehearse = receipt_rehearse,
                                                .foresee = receipt_foreseen,
                                                .serve = receipt_serve};
static const struct paid_class batch_class = {.description = "a batch of receipts admitted",
                                              .mime_type = API_NDJSON,
                                              .rehearse = batch_rehearse,
                                              .serve = batch_serve};

const struct paid_class *paid_class_of(enum api_price_class which)
{
    static const struct paid_class *const classes[API_PRICE_CLASSES] = {
        [API_SELLS_PROOF] = &proof_class,
        [API_SELLS_RECEIPT] = &receipt_class,
        [API_SELLS_BATCH] = &batch_class,
        [API_SELLS_MATCH] = &plugin_match_class,
        [API_SELLS_APPRAISE] = &plugin_appraise_class,
        [API_SELLS_PASSPORT] = &plugin_passport_class,
    };
    lucid_assert(which > API_NOT_SOLD && which < API_PRICE_CLASSES);
    return classes[which];
}
