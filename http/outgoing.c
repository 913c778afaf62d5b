#include "http/outgoing.h"

#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/assert.h"
#include "http/transfer_internal.h"

/* Where a call is. */
enum place {
    PLACE_QUEUED,
    PLACE_ACTIVE, /* libcurl has it */
    PLACE_OVER,   /* its done is still to be called */
};

/* One call, from start until done. */
struct exchange {
    struct http_transfer transfer; /* first */
    struct http_outgoing *outgoing;
    struct lucid_outgoing_call *call;
    struct exchange *next; /* in the list of its place */
    struct exchange *previous;
    enum place place;
    uint64_t until_ms; /* boot clock */
    struct lucid_timer queue_end;
};

struct exchange_list {
    struct exchange *first;
    struct exchange *last;
    size_t count;
};

/* A socket that libcurl wants watched. */
struct socket_watch {
    struct lucid_watch watch; /* first */
    struct http_outgoing *outgoing;
};

struct http_outgoing {
    struct lucid_outgoing base;
    struct http_outgoing_options options;
    CURLM *multi;
    struct lucid_timer timer;      /* libcurl's */
    struct exchange_list lists[3]; /* by place */
    /* Calls for which there was no memory, linked by impl. */
    struct lucid_outgoing_call *starved;
    struct lucid_watch soon; /* has the dones called of what is over; needs no memory to be asked */
    bool broken;             /* libcurl gave up on the multi handle */
    bool delivering;
    struct http_outgoing_counters counters;
};

/* --- lists ------------------------------------------------------------------------------------ */

static void list_add(struct exchange *exchange, enum place place)
{
    struct exchange_list *list = &exchange->outgoing->lists[place];
    exchange->place = place;
    exchange->next = NULL;
    exchange->previous = list->last;
    if (list->last == NULL) {
        list->first = exchange;
    } else {
        list->last->next = exchange;
    }
    list->last = exchange;
    list->count++;
}

static void list_remove(struct exchange *exchange)
{
    struct exchange_list *list = &exchange->outgoing->lists[exchange->place];
    if (exchange->previous == NULL) {
        list->first = exchange->next;
    } else {
        exchange->previous->next = exchange->next;
    }
    if (exchange->next == NULL) {
        list->last = exchange->previous;
    } else {
        exchange->next->previous = exchange->previous;
    }
    list->count--;
}

/* Takes the oldest out of a list that is not empty. */
static struct exchange *list_pop(struct exchange_list *list)
{
    struct exchange *exchange = list->first;
    list->first = exchange->next;
    if (list->first == NULL) {
        list->last = NULL;
    } else {
        list->first->previous = NULL;
    }
    list->count--;
    return exchange;
}

/* --- the end of a call ------------------------------------------------------------------------ */

/* Gives back what it has of libcurl. It is in no list. */
static void exchange_release(struct exchange *exchange)
{
    struct http_outgoing *outgoing = exchange->outgoing;
    lucid_timer_clear(outgoing->options.loop, &exchange->queue_end);
    if (exchange->place == PLACE_ACTIVE) {
        curl_multi_remove_handle(outgoing->multi, exchange->transfer.curl);
        http_transfer_end(&exchange->transfer);
        curl_easy_cleanup(exchange->transfer.curl);
        exchange->transfer.curl = NULL;
    }
}

/* It is in no list. */
static void exchange_free(struct exchange *exchange)
{
    exchange_release(exchange);
    exchange->call->impl = NULL;
    free(exchange);
}

static void soon_ask(struct http_outgoing *outgoing)
{
    uint64_t one = 1;
    ssize_t len = write(outgoing->soon.fd, &one, sizeof(one));
    (void)len; /* a full counter has woken it already */
}

/* Its done comes from the loop. */
static void exchange_over(struct exchange *exchange, enum lucid_error error)
{
    exchange->call->error = error;
    if (exchange->place == PLACE_QUEUED) {
        exchange->call->unsent = error != LUCID_OK;
    }
    list_remove(exchange);
    exchange_release(exchange);
    list_add(exchange, PLACE_OVER);
    soon_ask(exchange->outgoing);
}

static void call_done(struct http_outgoing *outgoing, struct lucid_outgoing_call *call)
{
    if (call->error != LUCID_OK) {
        outgoing->counters.failed++;
        call->status = 0;
        call->retry_after_s = 0;
        lucid_buf_fini(&call->answer);
    }
    outgoing->delivering = true;
    call->done(call);
    outgoing->delivering = false;
}

/* --- libcurl ---------------------------------------------------------------------------------- */

static enum lucid_error answer_take(struct http_transfer *transfer, struct lucid_span piece)
{
    struct lucid_outgoing_call *call = ((struct exchange *)transfer)->call;
    lucid_buf_span_put(&call->answer, piece);
    return lucid_buf_ok(&call->answer) ? LUCID_OK : LUCID_RETRY_MEMORY;
}

/* What has ended in the meantime. The dones come later, because this is also called from starts. */
static void ended_collect(struct http_outgoing *outgoing)
{
    CURLMsg *message = NULL;
    int left = 0;
    while ((message = curl_multi_info_read(outgoing->multi, &left)) != NULL) {
        char *private = NULL;
        if (message->msg != CURLMSG_DONE) {
            continue;
        }
        CURLcode code = message->data.result;
        (void)curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &private);
        struct exchange *exchange = (struct exchange *)(void *)private;
        struct lucid_outgoing_call *call = exchange->call;
        http_transfer_status(&exchange->transfer, &call->status, &call->retry_after_s);
        call->unsent = code != CURLE_OK && http_transfer_is_unsent(&exchange->transfer);
        exchange_over(exchange, http_transfer_result(&exchange->transfer, code, NULL));
    }
}

static void queue_advance(struct http_outgoing *outgoing);

/* After every call into libcurl that may move transfers. */
static void multi_settle(struct http_outgoing *outgoing, CURLMcode code)
{
    outgoing->broken = outgoing->broken || (code != CURLM_OK && code != CURLM_BAD_SOCKET);
    if (outgoing->multi != NULL) {
        ended_collect(outgoing);
    }
    queue_advance(outgoing);
}

static void on_timer(struct lucid_timer *timer)
{
    struct http_outgoing *outgoing = lucid_owner(timer, struct http_outgoing, timer);
    int running = 0;
    multi_settle(outgoing,
                 curl_multi_socket_action(outgoing->multi, CURL_SOCKET_TIMEOUT, 0, &running));
}

static void on_socket(struct lucid_watch *watch, bool readable, bool writable)
{
    struct http_outgoing *outgoing = ((struct socket_watch *)watch)->outgoing;
    int what = (readable ? CURL_CSELECT_IN : 0) | (writable ? CURL_CSELECT_OUT : 0);
    int running = 0;
    multi_settle(outgoing, curl_multi_socket_action(outgoing->multi, watch->fd, what, &running));
}

static int timer_wanted(CURLM *multi, long after_ms, void *context)
{
    struct http_outgoing *outgoing = context;
    (void)multi;
    if (after_ms < 0) {
        lucid_timer_clear(outgoing->options.loop, &outgoing->timer);
        return 0;
    }
    return lucid_timer_set(outgoing->options.loop, &outgoing->timer, (uint64_t)after_ms) == LUCID_OK
               ? 0
               : -1;
}

static void socket_forget(struct http_outgoing *outgoing, struct socket_watch *watch)
{
    if (watch != NULL) {
        lucid_watch_clear(outgoing->options.loop, &watch->watch);
        free(watch);
    }
}

static int socket_wanted(CURL *curl, curl_socket_t fd, int what, void *context, void *kept)
{
    struct http_outgoing *outgoing = context;
    struct socket_watch *watch = kept;
    (void)curl;
    if (what == CURL_POLL_REMOVE) {
        socket_forget(outgoing, watch);
        return 0;
    }
    if (watch == NULL) {
        watch = calloc(1, sizeof(*watch));
        if (watch == NULL) {
            return -1;
        }
        watch->watch = (struct lucid_watch){.fd = fd, .ready = on_socket};
        watch->outgoing = outgoing;
        (void)curl_multi_assign(outgoing->multi, fd, watch);
    }
    bool in = what == CURL_POLL_IN || what == CURL_POLL_INOUT;
    bool out = what == CURL_POLL_OUT || what == CURL_POLL_INOUT;
    if (lucid_watch_set(outgoing->options.loop, &watch->watch, in, out) != LUCID_OK) {
        /* libcurl will not say REMOVE of it any more. */
        (void)curl_multi_assign(outgoing->multi, fd, NULL);
        socket_forget(outgoing, watch);
        return -1;
    }
    return 0;
}

static CURLM *multi_new(struct http_outgoing *outgoing)
{
    CURLM *multi = curl_multi_init();
    if (multi == NULL) {
        return NULL;
    }
    long connections = (long)outgoing->options.transfers_max;
    bool ok = curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, socket_wanted) == CURLM_OK &&
              curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, outgoing) == CURLM_OK &&
              curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, timer_wanted) == CURLM_OK &&
              curl_multi_setopt(multi, CURLMOPT_TIMERDATA, outgoing) == CURLM_OK &&
              curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, connections) == CURLM_OK;
    if (!ok) {
        curl_multi_cleanup(multi);
        return NULL;
    }
    return multi;
}

/* Without memory in a callback libcurl gives up on the whole handle: so do its transfers, and the
 * next one gets a new handle. */
static void multi_renew(struct http_outgoing *outgoing)
{
    while (outgoing->lists[PLACE_ACTIVE].first != NULL) {
        exchange_over(outgoing->lists[PLACE_ACTIVE].first, LUCID_RETRY_MEMORY);
    }
    curl_multi_cleanup(outgoing->multi);
    lucid_timer_clear(outgoing->options.loop, &outgoing->timer);
    outgoing->multi = multi_new(outgoing);
    outgoing->broken = false;
}

/* --- the way of a call ------------------------------------------------------------------------ */

static enum lucid_error exchange_set_up(struct exchange *exchange, uint64_t now_ms)
{
    struct http_outgoing *outgoing = exchange->outgoing;
    struct lucid_outgoing_call *call = exchange->call;
    long left_ms = (long)(exchange->until_ms - now_ms);
    long connect_ms = (long)outgoing->options.connect_ms_max;
    struct http_transfer_question what = {.method = call->method,
                                          .url = call->url,
                                          .headers = call->headers,
                                          .headers_max = LUCID_OUTGOING_HEADERS_MAX,
                                          .body = call->body,
                                          .connect_ms = connect_ms < left_ms ? connect_ms : left_ms,
                                          .total_ms = left_ms,
                                          .ca = outgoing->options.ca_file,
                                          .once = call->once};
    CURL *curl = curl_easy_init();
    if (curl == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    enum lucid_error error = http_transfer_begin(&exchange->transfer, curl, &what, NULL);
    if (error != LUCID_OK) {
        curl_easy_cleanup(curl);
        return error;
    }
    /* A cancel or time-out must not wait for a resolver that does not answer. */
    bool ok = curl_easy_setopt(curl, CURLOPT_QUICK_EXIT, 1L) == CURLE_OK &&
              curl_easy_setopt(curl, CURLOPT_PRIVATE, (void *)exchange) == CURLE_OK;
    CURLMcode code = ok ? curl_multi_add_handle(outgoing->multi, curl) : CURLM_OUT_OF_MEMORY;
    if (code != CURLM_OK) {
        outgoing->broken = outgoing->broken || code == CURLM_ABORTED_BY_CALLBACK;
        http_transfer_end(&exchange->transfer);
        curl_easy_cleanup(curl);
        return LUCID_RETRY_MEMORY;
    }
    return LUCID_OK;
}

/* Takes the oldest ones out of the queue while there is room. */
static void queue_advance(struct http_outgoing *outgoing)
{
    struct exchange *exchange = NULL;
    if (outgoing->broken || outgoing->multi == NULL) {
        multi_renew(outgoing);
    }
    while ((exchange = outgoing->lists[PLACE_QUEUED].first) != NULL &&
           outgoing->lists[PLACE_ACTIVE].count < outgoing->options.transfers_max) {
        uint64_t now_ms = lucid_boot_ms(&outgoing->options.loop->clock);
        enum lucid_error error = LUCID_RETRY_MEMORY;
        if (now_ms >= exchange->until_ms) {
            error = LUCID_RETRY_IO;
        } else if (outgoing->multi != NULL) {
            error = exchange_set_up(exchange, now_ms);
        }
        if (error != LUCID_OK) {
            exchange_over(exchange, error);
            continue;
        }
        lucid_timer_clear(outgoing->options.loop, &exchange->queue_end);
        list_remove(exchange);
        list_add(exchange, PLACE_ACTIVE);
    }
}

static void on_queue_end(struct lucid_timer *timer)
{
    struct exchange *exchange = lucid_owner(timer, struct exchange, queue_end);
    exchange_over(exchange, LUCID_RETRY_IO);
}

static void call_start(void *context, struct lucid_outgoing_call *call)
{
    struct http_outgoing *outgoing = context;
    lucid_assert(call->impl == NULL && call->done != NULL && call->answer.data == NULL);
    lucid_assert(call->total_ms_max > 0);
    outgoing->counters.started++;
    call->error = LUCID_RETRY_MEMORY;
    call->unsent = false;
    call->status = 0;
    call->retry_after_s = 0;
    struct exchange *exchange = calloc(1, sizeof(*exchange));
    if (exchange == NULL) {
        call->impl = outgoing->starved != NULL ? (void *)outgoing->starved : (void *)outgoing;
        outgoing->starved = call;
        soon_ask(outgoing);
        return;
    }
    exchange->outgoing = outgoing;
    exchange->call = call;
    exchange->transfer.take = answer_take;
    exchange->transfer.bytes_max = call->answer_bytes_max;
    exchange->until_ms = lucid_boot_ms(&outgoing->options.loop->clock) + call->total_ms_max;
    exchange->queue_end.fire = on_queue_end;
    call->impl = exchange;
    bool full = outgoing->lists[PLACE_QUEUED].count >= outgoing->options.queue_max;
    list_add(exchange, PLACE_QUEUED);
    if (full) {
        outgoing->counters.busy++;
        exchange_over(exchange, LUCID_RETRY_BUSY);
        return;
    }
    queue_advance(outgoing);
    if (exchange->place == PLACE_QUEUED &&
        lucid_timer_set(outgoing->options.loop, &exchange->queue_end, call->total_ms_max) !=
            LUCID_OK) {
        exchange_over(exchange, LUCID_RETRY_MEMORY);
    }
}

/* The last of the list points to outgoing. */
static struct lucid_outgoing_call *starved_next(struct http_outgoing *outgoing,
                                                const struct lucid_outgoing_call *call)
{
    return call->impl == outgoing ? NULL : call->impl;
}

static bool starved_remove(struct http_outgoing *outgoing, struct lucid_outgoing_call *call)
{
    struct lucid_outgoing_call *before = NULL;
    struct lucid_outgoing_call *at = outgoing->starved;
    while (at != NULL && at != call) {
        before = at;
        at = starved_next(outgoing, at);
    }
    if (at == NULL) {
        return false;
    }
    if (before == NULL) {
        outgoing->starved = starved_next(outgoing, call);
    } else {
        before->impl = call->impl;
    }
    call->impl = NULL;
    return true;
}

static void call_cancel(void *context, struct lucid_outgoing_call *call)
{
    struct http_outgoing *outgoing = context;
    if (call->impl == NULL || starved_remove(outgoing, call)) {
        return;
    }
    struct exchange *exchange = call->impl;
    lucid_assert(exchange->outgoing == outgoing && exchange->call == call);
    list_remove(exchange);
    exchange_free(exchange);
    lucid_buf_fini(&call->answer);
    queue_advance(outgoing);
}

/* Calls the dones; each may start and cancel others. What they start and is over at once waits for
 * the next round, so that a loop of failures does not keep the thread. */
static void on_soon(struct lucid_watch *watch, bool readable, bool writable)
{
    struct http_outgoing *outgoing = lucid_owner(watch, struct http_outgoing, soon);
    (void)readable;
    (void)writable;
    uint64_t count;
    ssize_t len = read(watch->fd, &count, sizeof(count));
    (void)len;
    size_t over = outgoing->lists[PLACE_OVER].count;
    for (; over > 0 && outgoing->lists[PLACE_OVER].first != NULL; over--) {
        struct exchange *exchange = list_pop(&outgoing->lists[PLACE_OVER]);
        struct lucid_outgoing_call *ended = exchange->call;
        exchange_free(exchange);
        call_done(outgoing, ended);
    }
    if (outgoing->starved != NULL) {
        struct lucid_outgoing_call *starved = outgoing->starved;
        (void)starved_remove(outgoing, starved);
        soon_ask(outgoing); /* for the next one */
        call_done(outgoing, starved);
    }
}

/* --- life ------------------------------------------------------------------------------------- */

static void options_take(struct http_outgoing *outgoing,
                         const struct http_outgoing_options *options)
{
    outgoing->options = *options;
    if (options->transfers_max == 0) {
        outgoing->options.transfers_max = HTTP_OUTGOING_TRANSFERS_DEFAULT;
    }
    if (options->queue_max == 0) {
        outgoing->options.queue_max = HTTP_OUTGOING_QUEUE_DEFAULT;
    }
    if (options->connect_ms_max == 0) {
        outgoing->options.connect_ms_max = HTTP_OUTGOING_CONNECT_MS_DEFAULT;
    }
}

enum lucid_error http_outgoing_open(const struct http_outgoing_options *options,
                                    struct http_outgoing **ret)
{
    lucid_assert(options->loop != NULL);
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        return LUCID_RETRY_MEMORY;
    }
    struct http_outgoing *outgoing = calloc(1, sizeof(*outgoing));
    if (outgoing == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    options_take(outgoing, options);
    outgoing->base =
        (struct lucid_outgoing){.start = call_start, .cancel = call_cancel, .context = outgoing};
    outgoing->timer.fire = on_timer;
    outgoing->soon.ready = on_soon;
    outgoing->soon.fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (outgoing->soon.fd < 0) {
        free(outgoing);
        return LUCID_RETRY_IO;
    }
    outgoing->multi = multi_new(outgoing);
    enum lucid_error error = lucid_watch_set(options->loop, &outgoing->soon, true, false);
    if (outgoing->multi == NULL || error != LUCID_OK) {
        http_outgoing_close(outgoing);
        return LUCID_RETRY_MEMORY;
    }
    *ret = outgoing;
    return LUCID_OK;
}

void http_outgoing_close(struct http_outgoing *outgoing)
{
    if (outgoing == NULL) {
        return;
    }
    lucid_assert(!outgoing->delivering);
    for (int place = PLACE_QUEUED; place <= PLACE_OVER; place++) {
        while (outgoing->lists[place].first != NULL) {
            struct exchange *exchange = list_pop(&outgoing->lists[place]);
            struct lucid_outgoing_call *call = exchange->call;
            exchange_free(exchange);
            lucid_buf_fini(&call->answer);
        }
    }
    while (outgoing->starved != NULL) {
        (void)starved_remove(outgoing, outgoing->starved);
    }
    curl_multi_cleanup(outgoing->multi);
    lucid_timer_clear(outgoing->options.loop, &outgoing->timer);
    lucid_watch_clear(outgoing->options.loop, &outgoing->soon);
    close(outgoing->soon.fd);
    free(outgoing);
}

struct lucid_outgoing *http_outgoing_base(struct http_outgoing *outgoing)
{
    return &outgoing->base;
}

void http_outgoing_counters_read(const struct http_outgoing *outgoing,
                                 struct http_outgoing_counters *ret)
{
    *ret = outgoing->counters;
    ret->active = outgoing->lists[PLACE_ACTIVE].count;
    ret->queued = outgoing->lists[PLACE_QUEUED].count;
}
