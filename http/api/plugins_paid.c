/* Routes of plugins that are sold: handle runs once a payment that fits is shown, before any money
 * moves; what it answers or refuses itself costs nothing, and a command that it submits is
 * committed with the payment. */
#include "http/api/plugins_internal.h"

/* Nothing about the request is known before its handler has seen it. */
static bool plugin_rehearse(struct paid_call *paid)
{
    (void)paid;
    return true;
}

/* False: it has answered. */
static bool plugin_consider(struct paid_call *paid)
{
    struct lucid_plugin_call *call = plugin_call_open(paid->request, paid->route);
    if (call == NULL) {
        return false;
    }
    call->paid = paid;
    call->is_private = true;
    paid->prepared = call;
    if (!plugin_call_give(call)) {
        plugin_call_busy(paid->request);
        return false;
    }
    return true;
}

void plugin_paid_back(struct lucid_plugin_call *call)
{
    struct paid_call *paid = call->paid;
    if (paid->request != NULL && call->said == PLUGIN_SAID_COMMAND) {
        paid->entry.job.paid = &call->command->command;
        paid_enter(paid);
        return;
    }
    struct http_request *request = paid_leave(paid);
    if (request != NULL) {
        http_keep_private(request);
        plugin_call_answer(call, request);
    }
    paid_end(paid);
}

static void plugin_unserved(struct paid_call *paid)
{
    plugin_call_refused(paid->prepared, paid->request);
}

/* From here on the call is no longer the payment's. */
static void plugin_serve(struct paid_call *paid)
{
    struct lucid_plugin_call *call = paid->prepared;
    paid->prepared = NULL;
    call->paid = NULL;
    plugin_call_committed(call, paid->request);
}

static void plugin_fini(struct paid_call *paid)
{
    if (paid->prepared != NULL) {
        plugin_call_close(paid->prepared);
    }
}

#define CLASS(words)                                                                               \
    {                                                                                              \
        .description = (words), .mime_type = API_JSON, .rehearse = plugin_rehearse,                \
        .consider = plugin_consider, .unserved = plugin_unserved, .serve = plugin_serve,           \
        .fini = plugin_fini                                                                        \
    }

const struct paid_class plugin_match_class = CLASS("a match made and logged");
const struct paid_class plugin_appraise_class = CLASS("an appraisal made and logged");
const struct paid_class plugin_passport_class = CLASS("a passport issued and logged");
