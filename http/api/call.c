/* One command of one request, to the writer and back. */
#include "http/api/api_internal.h"

void api_job_init(struct api_job *job, struct http_loop *loop, struct ledger_command *command,
                  void (*done)(struct api_job *job))
{
    *job = (struct api_job){.loop = loop, .command = command, .done = done};
}

static void call_over(struct api_call *call)
{
    struct http_request *request = call->request;
    if (call->fini != NULL) {
        call->fini(call);
    }
    http_release(request); /* call lives in the request's arena: nothing may follow */
}

static void call_done(struct api_job *job)
{
    struct api_call *call = (struct api_call *)job; /* job is the first member */
    const struct ledger_command *command = job->command;
    if (command->error == LUCID_OK) {
        call->answer(call);
    } else {
        api_refuse(call->request, command->error, &command->why);
    }
    call_over(call);
}

void api_call_submit(struct api_call *call, struct http_request *request, struct api *api,
                     struct ledger_command *command)
{
    call->request = request;
    call->api = api;
    api_job_init(&call->job, http_request_loop(request), command, call_done);
    http_hold(request);
    enum lucid_error error = api->options.submit(api->options.context, &call->job, 1);
    if (error == LUCID_OK) {
        return;
    }
    if (error == LUCID_FATAL_STORE) { /* not accepting any more; this command was never tried */
        api_problem(request, 503, "OVERLOADED", NULL, "the service is stopping");
    } else {
        api_refuse(request, error, NULL);
    }
    call_over(call);
}
