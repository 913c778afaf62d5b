/* POST /v1/receipts/batch: NDJSON in, NDJSON out, in order, as it streams.
 *
 *   data → input → (a slice of lines each turn) prepare → pending → writer → emit in order → out
 *
 * Everything is bounded. Lines in flight, the memory they hold and the output that waits each stop
 * the taking of lines; lines that wait stop the reading of the body. A full queue is waited for.
 *
 * A line keeps its slot until its answer is written; then the next one takes it over.
 *
 * Output: a client that sends all before it reads anything must not hang because we stop reading
 * while it does not read. Therefore up to OUT_BYTES_MAX of answers may wait here for a client whose
 * socket is full, as long as all batches together hold less than API_BATCH_UNSENT_MAX. */
#include <stdlib.h>

#include "base/assert.h"
#include "http/api/api_internal.h"
#include "http/api/lines_internal.h"

enum {
    LINE_BYTES_MAX = 512 * 1024,
    LINES_IN_FLIGHT = 1024,
    SLICE_LINES = 16, /* about a millisecond of signature checks */
    SLICE_BYTES = 64 * 1024,
    INPUT_BYTES_READY = 64 * 1024,    /* whole lines waiting over this: reading pauses */
    HELD_BYTES_MAX = 8 * 1024 * 1024, /* arenas of lines in flight */
    KEPT_BYTES_MAX = 8 * 1024,        /* an arena that grew over this is not kept for reuse */
    FLUSH_BYTES = 32 * 1024,          /* one write for about a hundred answers */
    OUT_BYTES_MAX = 4 * 1024 * 1024,
    RESERVED_BYTES_MAX = 1024 * 1024, /* of the limit on request bodies held, per batch */
    ARENA_BYTES_MAX = RECEIPT_ARENA_BYTES_MAX + LINE_BYTES_MAX, /* and the copy of the line */
};

struct batch_line {
    struct api_job job; /* first member */
    struct batch *batch;
    struct batch_line *next; /* of the spare ones */
    bool done;
    int status; /* 0: as the code says */
    size_t held;
    struct lucid_arena arena;
    struct receipt_command command; /* its error and why are the line's, whoever refused it */
};

struct batch {
    struct http_post post; /* first member: the next slice */
    struct api *api;
    struct http_request *request;
    size_t refs; /* callbacks running or to come; the request is held while there are any */
    bool deferred;
    bool over;     /* http is done with the request */
    bool begun;    /* the answer */
    bool answered; /* to its end */
    bool blocked;  /* the client does not take its answer fast enough */
    bool cut;      /* the body is too long: to be said after the last whole line */

    uint64_t client;   /* for the limit on lines; 0: none */
    uint64_t received; /* bytes of the body */
    struct api_lines input;
    struct lucid_span rest; /* of a body that was read whole: not yet in input */
    uint64_t taken;         /* lines that got a slot */
    uint64_t emitted;       /* lines whose answer is in out or beyond */
    size_t in_flight;       /* at the writer */
    size_t held;
    struct batch_line *pending[SLICE_LINES]; /* prepared, not yet at the writer */
    size_t pending_count;
    struct lucid_buf out;
    size_t out_counted; /* of out.len, in the sum over all batches */
    struct batch_line *spare;
    struct batch_line *lines[LINES_IN_FLIGHT]; /* by line number modulo; NULL: free */
};

/* --- life ------------------------------------------------------------------------------------- */

static void out_count(struct batch *batch)
{
    _Atomic uint64_t *sum = &batch->api->metrics.batch_unsent_bytes;
    if (batch->out.len > batch->out_counted) {
        atomic_fetch_add_explicit(sum, batch->out.len - batch->out_counted, memory_order_relaxed);
    } else if (batch->out.len < batch->out_counted) {
        atomic_fetch_sub_explicit(sum, batch->out_counted - batch->out.len, memory_order_relaxed);
    }
    batch->out_counted = batch->out.len;
}

static void line_free(struct batch_line *line)
{
    if (line != NULL) {
        lucid_arena_fini(&line->arena);
        free(line);
    }
}

static void batch_free(struct batch *batch)
{
    for (size_t i = 0; i < LINES_IN_FLIGHT; i++) {
        line_free(batch->lines[i]);
    }
    while (batch->spare != NULL) {
        struct batch_line *line = batch->spare;
        batch->spare = line->next;
        line_free(line);
    }
    lucid_buf_fini(&batch->out);
    out_count(batch);
    api_lines_fini(&batch->input);
    free(batch);
}

static void batch_ref(struct batch *batch)
{
    if (batch->refs++ == 0) {
        http_hold(batch->request);
    }
}

/* Nothing may touch the batch after it. */
static void batch_unref(struct batch *batch)
{
    lucid_assert(batch->refs > 0);
    if (--batch->refs > 0) {
        return;
    }
    struct http_request *request = batch->request;
    if (batch->over) {
        batch_free(batch);
    }
    http_release(request);
}

static void batch_over(struct http_request *request, void *user)
{
    (void)request;
    struct batch *batch = user;
    batch->over = true;
    if (batch->refs == 0) {
        batch_free(batch);
    }
}

static bool batch_is_dead(const struct batch *batch)
{
    return batch->over || batch->answered || http_is_gone(batch->request);
}

/* Out of memory for the bookkeeping itself: the client sees a cut answer, not a wrong one. */
static void batch_abort(struct batch *batch)
{
    if (batch_is_dead(batch)) {
        return;
    }
    batch->answered = true;
    if (batch->begun) {
        http_respond_abort(batch->request);
    } else {
        api_refuse(batch->request, LUCID_RETRY_MEMORY, NULL);
    }
}

/* --- slots ------------------------------------------------------------------------------------ */

/* The slot of the next line, cleared. NULL without memory. */
static struct batch_line *line_open(struct batch *batch)
{
    lucid_assert(batch->taken - batch->emitted < LINES_IN_FLIGHT);
    struct batch_line *line = batch->spare;
    if (line != NULL) {
        batch->spare = line->next;
        memset(&line->command, 0, sizeof(line->command));
        line->done = false;
        line->status = 0;
    } else {
        line = calloc(1, sizeof(*line));
        if (line == NULL) {
            return NULL;
        }
        lucid_arena_init(&line->arena, ARENA_BYTES_MAX);
        line->batch = batch;
    }
    batch->lines[batch->taken % LINES_IN_FLIGHT] = line;
    batch->taken++;
    atomic_fetch_add_explicit(&batch->api->metrics.batch_lines, 1, memory_order_relaxed);
    return line;
}

/* The line's outcome stands; its memory is not needed any more. */
static void line_done(struct batch_line *line)
{
    struct batch *batch = line->batch;
    lucid_assert(!line->done && batch->held >= line->held);
    batch->held -= line->held;
    line->held = 0;
    line->done = true;
    if (line->arena.total > KEPT_BYTES_MAX) {
        lucid_arena_fini(&line->arena);
    } else {
        lucid_arena_reset(&line->arena);
    }
}

static void line_refuse(struct batch_line *line, int status, const char *code, const char *text)
{
    line->status = status;
    line->command.command.error =
        lucid_refuse(&line->command.command.why, LUCID_REFUSE_INVALID, code, NULL, "%s", text);
    line_done(line);
}

static void line_prepare(struct batch_line *line, struct lucid_span text, struct ledger_view *view)
{
    struct batch *batch = line->batch;
    const struct api_options *options = &batch->api->options;
    struct receipt_rules rules = {
        .now_ms = lucid_wall_ms(&options->clock),
        .future_seconds_max = options->receipt_future_seconds_max,
    };
    struct receipt_command *command = &line->command;
    enum lucid_error error = LUCID_RETRY_MEMORY;
    struct lucid_span copy = lucid_arena_copy(&line->arena, text);
    if (copy.data != NULL) {
        error = receipt_prepare(command, copy, &rules, view, &line->arena, &command->command.why);
    }
    if (error != LUCID_OK) {
        command->command.error = error;
        line_done(line);
        return;
    }
    line->held = line->arena.total;
    batch->held += line->held;
    batch->pending[batch->pending_count++] = line;
}

/* --- taking lines ----------------------------------------------------------------------------- */

static bool out_has_room(const struct batch *batch)
{
    return !batch->blocked || (batch->out.len < OUT_BYTES_MAX &&
                               atomic_load_explicit(&batch->api->metrics.batch_unsent_bytes,
                                                    memory_order_relaxed) < API_BATCH_UNSENT_MAX);
}

static bool has_lines(struct batch *batch)
{
    return api_lines_ready(&batch->input) || batch->cut ||
           (batch->rest.len > 0 && !batch->input.ended);
}

static bool may_take(const struct batch *batch)
{
    return batch->pending_count < SLICE_LINES && batch->taken - batch->emitted < LINES_IN_FLIGHT &&
           (batch->held < HELD_BYTES_MAX || batch->in_flight + batch->pending_count == 0) &&
           out_has_room(batch);
}

static bool line_within_quota(const struct batch *batch)
{
    if (batch->client == 0) {
        return true;
    }
    struct api *api = batch->api;
    struct http_limit_state state;
    http_limit_take(api->lines_limit, batch->client, 1, lucid_boot_ms(&api->options.clock), &state);
    if (!state.admitted) {
        atomic_fetch_add_explicit(&api->metrics.quota_refusals, 1, memory_order_relaxed);
    }
    return state.admitted;
}

/* Takes one line into a slot. Returns the bytes used, 0 when there is no line. */
static size_t line_take(struct batch *batch, struct ledger_view *view)
{
    size_t left = api_lines_left(&batch->input);
    struct lucid_span text;
    enum api_line kind = api_lines_next(&batch->input, &text);
    size_t used = left - api_lines_left(&batch->input);
    bool too_long = kind == API_LINE_NONE && batch->cut;
    if (kind == API_LINE_NONE && !too_long) {
        return used;
    }
    struct batch_line *line = line_open(batch);
    if (line == NULL) {
        batch_abort(batch);
        return 0;
    }
    if (too_long) {
        batch->cut = false;
        line_refuse(line, 413, "BATCH_TOO_LARGE", "a batch has at most 33554432 bytes");
    } else if (batch->taken > API_BATCH_LINES_MAX) { /* the answer ends here */
        batch->cut = false;
        line_refuse(line, 413, "BATCH_TOO_LARGE", "a batch has at most 10000 lines");
        api_lines_stop(&batch->input);
    } else if (kind == API_LINE_EMPTY) {
        line_refuse(line, 0, "INVALID_JSON", "the line is empty");
    } else if (kind == API_LINE_TOO_LONG) {
        line_refuse(line, 413, "BODY_TOO_LARGE", "a line has at most 524288 bytes");
    } else if (!line_within_quota(batch)) {
        line_refuse(line, 429, "QUOTA_EXCEEDED", "too many lines; send it again later");
    } else {
        line_prepare(line, text, view);
    }
    return used + 1;
}

static void slice_take(struct batch *batch)
{
    if (!may_take(batch) || !has_lines(batch)) {
        return;
    }
    struct ledger_view *view =
        ((struct api_loop *)http_loop_user(http_request_loop(batch->request)))->view;
    enum lucid_error error = ledger_view_begin(view);
    if (error != LUCID_OK) {
        if (error != LUCID_RETRY_BUSY) { /* that passes: batch_settle has us try again */
            batch_abort(batch);
        }
        return;
    }
    size_t bytes = 0;
    for (size_t lines = 0; lines < SLICE_LINES && bytes < SLICE_BYTES; lines++) {
        size_t used = may_take(batch) ? line_take(batch, view) : 0;
        if (used == 0 || batch->answered) {
            break;
        }
        bytes += used;
    }
    ledger_view_end(view);
}

/* --- to the writer ---------------------------------------------------------------------------- */

static void line_back(struct api_job *job);

static enum lucid_error pending_offer(struct batch *batch, size_t count)
{
    struct http_loop *loop = http_request_loop(batch->request);
    for (size_t i = 0; i < count; i++) {
        struct batch_line *line = batch->pending[i];
        api_job_init(&line->job, loop, &line->command.command, line_back);
        line->job.more_follows = i + 1 < count || count < batch->pending_count ||
                                 !batch->input.ended || api_lines_left(&batch->input) > 0;
        line->job.next = i + 1 < count ? &batch->pending[i + 1]->job : NULL;
        batch_ref(batch);
    }
    /* Counted before: the writer may be quicker than this function. */
    batch->in_flight += count;
    struct api_job *first = &batch->pending[0]->job;
    const struct api_options *options = &batch->api->options;
    enum lucid_error error = options->submit(options->context, first, count);
    if (error != LUCID_OK) {
        batch->in_flight -= count;
        for (size_t i = 0; i < count; i++) {
            batch_unref(batch);
        }
    }
    return error;
}

static void pending_drop(struct batch *batch, size_t count)
{
    batch->pending_count -= count;
    memmove(batch->pending, batch->pending + count,
            batch->pending_count * sizeof(batch->pending[0]));
}

/* Gives the writer as many prepared lines as its queue takes. */
static void pending_submit(struct batch *batch)
{
    size_t count = batch->pending_count;
    while (batch->pending_count > 0 && count > 0) {
        enum lucid_error error = pending_offer(batch, count);
        if (error == LUCID_RETRY_BUSY) {
            count /= 2;
            continue;
        }
        for (size_t i = 0; error != LUCID_OK && i < count; i++) {
            struct batch_line *line = batch->pending[i];
            if (error == LUCID_FATAL_STORE) {
                line_refuse(line, 503, "OVERLOADED", "the service is stopping");
            } else {
                line->command.command.error = error;
                line_done(line);
            }
        }
        pending_drop(batch, count);
        count = count > batch->pending_count ? batch->pending_count : count;
    }
}

/* --- to the client ---------------------------------------------------------------------------- */

static void line_emit(const struct api *api, const struct batch_line *line, struct lucid_buf *out)
{
    const struct ledger_command *command = &line->command.command;
    int status = line->command.placement.replayed ? 200 : 201;
    if (command->error == LUCID_OK) {
        lucid_buf_char(out, '{');
        api_placement_write(api, &line->command.placement, out);
    } else {
        struct api_code code;
        const char *text;
        api_code_of(command->error, &command->why, &code, &text);
        status = line->status != 0 ? line->status : code.status;
        http_problem_write(out, status, code.code, command->why.param, text,
                           http_request_id(line->batch->request));
        if (!lucid_buf_ok(out)) {
            return;
        }
        lucid_assert(out->len > 0 && out->data[out->len - 1] == '}');
        out->len--; /* opened again for one more member */
    }
    lucid_json_member_u64(out, "http_status", (uint64_t)status);
    lucid_buf_str(out, "}\n");
}

static void batch_emit(struct batch *batch)
{
    while (batch->emitted < batch->taken) {
        struct batch_line **slot = &batch->lines[batch->emitted % LINES_IN_FLIGHT];
        struct batch_line *line = *slot;
        if (!line->done) {
            break;
        }
        line_emit(batch->api, line, &batch->out);
        *slot = NULL;
        line->next = batch->spare;
        batch->spare = line;
        batch->emitted++;
    }
    out_count(batch);
}

static void batch_begin(struct batch *batch)
{
    if (!batch->begun) {
        batch->begun = true;
        http_add_header(batch->request, "Cache-Control", "no-cache");
        http_respond_begin(batch->request, 200, API_NDJSON);
    }
}

static void batch_drained(struct http_request *request);

static void batch_send(struct batch *batch)
{
    batch_begin(batch);
    if (batch->out.len > 0 || !lucid_buf_ok(&batch->out)) {
        bool room = http_respond_data(batch->request, &batch->out);
        batch->blocked = !room;
        out_count(batch);
    }
}

static bool batch_is_idle(struct batch *batch)
{
    return batch->in_flight == 0 && batch->pending_count == 0 && batch->emitted == batch->taken &&
           !has_lines(batch);
}

/* What is ready goes out in pieces worth a write; the last piece ends the answer. */
static void batch_flush(struct batch *batch)
{
    if (batch->blocked) {
        return;
    }
    bool idle = batch_is_idle(batch);
    if (batch->out.len >= FLUSH_BYTES || (idle && batch->out.len > 0) ||
        (idle && batch->input.ended)) {
        batch_send(batch);
    }
    if (idle && batch->input.ended && !batch_is_dead(batch)) {
        batch->answered = true;
        http_respond_end(batch->request);
    }
}

/* --- the turns -------------------------------------------------------------------------------- */

static void batch_slice(struct http_post *post);

static void batch_later(struct batch *batch,
                        void (*when)(struct http_loop *loop, struct http_post *post))
{
    if (!batch->deferred) {
        batch->deferred = true;
        batch_ref(batch);
        batch->post = (struct http_post){.run = batch_slice};
        when(http_request_loop(batch->request), &batch->post);
    }
}

/* After every change: answers what is ready, and sees to it that the rest goes on. */
static void batch_settle(struct batch *batch)
{
    if (!batch_is_dead(batch)) {
        batch_emit(batch);
        batch_flush(batch);
    }
    if (batch_is_dead(batch)) {
        return;
    }
    bool ready = has_lines(batch);
    if (batch->pending_count > 0) {
        /* The queue was full, perhaps of others' work: nothing tells us when it is not any more. */
        batch_later(batch, http_loop_delay);
    } else if (ready && may_take(batch)) {
        batch_later(batch, http_loop_defer);
    }
    if (ready && api_lines_left(&batch->input) > INPUT_BYTES_READY) {
        http_pause(batch->request);
    } else {
        http_resume(batch->request);
    }
}

static void rest_put(struct batch *batch);

static void batch_work(struct batch *batch)
{
    if (!batch_is_dead(batch)) {
        rest_put(batch);
        pending_submit(batch);
        slice_take(batch);
        pending_submit(batch);
    }
    batch_settle(batch);
}

static void batch_slice(struct http_post *post)
{
    struct batch *batch = (struct batch *)post; /* post is the first member */
    batch->deferred = false;
    batch_work(batch);
    batch_unref(batch); /* the one that batch_settle took for the post */
}

static void line_back(struct api_job *job)
{
    struct batch_line *line = (struct batch_line *)job; /* job is the first member */
    struct batch *batch = line->batch;
    lucid_assert(batch->in_flight > 0);
    batch->in_flight--;
    line_done(line);
    batch_settle(batch);
    batch_unref(batch); /* the one that pending_offer took for the job */
}

static void batch_drained(struct http_request *request)
{
    struct batch *batch = http_user(request);
    batch_ref(batch);
    batch->blocked = false;
    batch_settle(batch);
    batch_unref(batch);
}

/* What is over the limit is not looked at; nor is the line that it cuts. */
static bool input_put(struct batch *batch, struct lucid_span piece, bool last)
{
    uint64_t room = API_BATCH_BYTES_MAX - batch->received;
    bool over = piece.len > room;
    if (over) {
        piece.len = (size_t)room;
    }
    batch->received += piece.len;
    bool ok = api_lines_put(&batch->input, piece, last && !over);
    if (ok && over) {
        api_lines_cut(&batch->input);
        batch->cut = true;
    }
    return ok;
}

/* Of a body that is held whole only as much is copied as is worked on. */
static void rest_put(struct batch *batch)
{
    while (batch->rest.len > 0 && !batch->input.ended && !api_lines_ready(&batch->input)) {
        struct lucid_span piece = batch->rest;
        piece.len = piece.len < INPUT_BYTES_READY ? piece.len : INPUT_BYTES_READY;
        batch->rest = lucid_span(batch->rest.data + piece.len, batch->rest.len - piece.len);
        if (!input_put(batch, piece, batch->rest.len == 0)) {
            batch_abort(batch);
            return;
        }
    }
}

void api_batch_data(struct http_request *request, struct lucid_span piece, bool last)
{
    struct batch *batch = http_user(request);
    batch_ref(batch);
    if (!batch->input.ended && !input_put(batch, piece, last)) {
        batch_abort(batch);
    }
    if (batch->deferred) {
        batch_settle(batch); /* the slice to come takes it */
    } else {
        batch_work(batch);
    }
    batch_unref(batch);
}

/* A share of the bytes that request bodies may hold over all connections: of a large batch never
 * more than a part is here at a time. */
static bool share_take(struct http_request *request)
{
    int64_t length = http_body_length(request);
    size_t share = RESERVED_BYTES_MAX;
    if (length >= 0 && length < RESERVED_BYTES_MAX) {
        share = (size_t)length;
    }
    if (!http_reserve(request, share)) {
        api_refuse(request, LUCID_RETRY_BUSY, NULL);
        return false;
    }
    return true;
}

void api_batch_post(struct http_request *request, const struct http_route *route)
{
    if (!api_media_ok(request) || !share_take(request)) {
        return;
    }
    struct batch *batch = calloc(1, sizeof(*batch));
    if (batch == NULL) {
        api_refuse(request, LUCID_RETRY_MEMORY, NULL);
        return;
    }
    batch->api = api_of_route(route);
    batch->request = request;
    batch->client = api_lines_client(request, batch->api);
    api_lines_init(&batch->input, LINE_BYTES_MAX);
    http_set_user(request, batch, batch_over);
    http_on_drained(request, batch_drained);
}

/* --- sold: read whole before anybody pays ------------------------------------------------------
 */

/* Lines as lines_internal.h counts them: what is empty at the end is none. */
static uint64_t lines_count(struct lucid_span body)
{
    size_t len = body.len;
    uint64_t count = 0;
    while (len > 0 && (body.data[len - 1] == '\n' || body.data[len - 1] == '\r')) {
        len--;
    }
    for (size_t i = 0; i < len; i++) {
        count += body.data[i] == '\n';
    }
    return len > 0 ? count + 1 : 0;
}

bool api_batch_check(struct http_request *request)
{
    if (!api_media_ok(request)) {
        return false;
    }
    uint64_t count = lines_count(http_body(request));
    if (count == 0) {
        api_problem(request, 400, "INVALID_JSON", NULL, "the batch is empty");
    } else if (count > API_BATCH_LINES_MAX) {
        api_problem(request, 413, "BATCH_TOO_LARGE", NULL, "a batch has at most 10000 lines");
    }
    return count > 0 && count <= API_BATCH_LINES_MAX;
}

void api_batch_whole_post(struct http_request *request, const struct http_route *route)
{
    http_hold(request);
    api_batch_post(request, route);
    struct batch *batch = http_user(request);
    struct lucid_span body = http_body(request);
    if (batch != NULL && !http_is_gone(request)) {
        size_t begin = body.len < INPUT_BYTES_READY ? body.len : INPUT_BYTES_READY;
        batch->rest = lucid_span(body.data + begin, body.len - begin);
        api_batch_data(request, lucid_span(body.data, begin), begin == body.len);
    }
    http_release(request);
}
