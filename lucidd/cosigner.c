#include "lucidd/cosigner.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/log.h"
#include "ledger/witness.h"
#include "lucidd/cosigner_internal.h"

enum {
    ATTEMPTS_MAX = 4,        /* questions in one round: what a 409 says is tried at once */
    BACKOFF_MS_MAX = 300000, /* between rounds that fail */
    BACKOFF_DOUBLINGS_MAX = 16,
    HEADS_LOOKED_AT_MAX = 4096, /* at start, for the newest witnessed one */
};

/* One witness. Atomics are written by its thread and read by any. */
struct asker {
    struct cosigner *cosigner;
    size_t witness; /* its number in the policy */
    struct client *client;
    struct ledger_view *view;
    int wake; /* eventfd: the stop */
    int done; /* eventfd: the writer has given the job back */
    pthread_t thread;

    /* the thread's own */
    bool knows;         /* confirmed is what the witness said or cosigned */
    uint64_t confirmed; /* size of the newest head that it has */
    uint32_t failures;  /* rounds in a row */
    uint32_t retry_after_s;
    int told_cause; /* the cause that was logged last; -1 = none */
    struct lucid_buf body;
    struct lucid_buf text;
    struct ask_answer answer;

    _Atomic bool cosigned;
    _Atomic bool ahead;
    _Atomic uint64_t size;
    _Atomic uint64_t cosigned_ms;
    _Atomic uint64_t cosignatures;
    _Atomic uint64_t failed[API_WITNESS_CAUSES];
};

struct cosigner {
    struct cosigner_options options;
    struct api_witnesses witnesses;
    volatile int stopping;      /* as the client has it */
    _Atomic uint64_t witnessed; /* size + 1 of the newest head with a quorum; 0 = none */
    size_t count;               /* askers: witnesses with a URL */
    struct asker askers[LEDGER_POLICY_WITNESSES_MAX];
};

/* --- eventfds --------------------------------------------------------------------------------- */

static void event_set(int fd)
{
    uint64_t one = 1;
    ssize_t written = write(fd, &one, sizeof(one));
    lucid_assert(written == (ssize_t)sizeof(one));
}

/* Waits for the event and takes it; ms < 0: as long as it takes. False: the time is over. */
static bool event_wait(int fd, int ms)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    int ready;
    do {
        ready = poll(&poll_fd, 1, ms);
    } while (ready < 0 && errno == EINTR);
    lucid_assert(ready >= 0);
    if (ready == 0) {
        return false;
    }
    uint64_t count;
    ssize_t got = read(fd, &count, sizeof(count));
    lucid_assert(got == (ssize_t)sizeof(count));
    return true;
}

/* --- one round -------------------------------------------------------------------------------- */

static void fail(struct asker *asker, enum api_witness_cause cause, const char *text)
{
    asker->answer.result = ASK_FAILED;
    asker->answer.cause = cause;
    asker->answer.text = text;
}

/* A head to be cosigned and the proof that leads to it, taken in one view. */
enum work { WORK_NONE, WORK_ASK, WORK_FAILED };

static bool has_line(struct asker *asker, uint64_t size)
{
    uint32_t cosigned = 0;
    return ledger_witness_cosigned(asker->view, asker->cosigner->options.policy, size, &cosigned) ==
               LUCID_OK &&
           (cosigned >> asker->witness & 1) != 0;
}

/* The request for the newest head, from the size that the witness has. */
static enum work request_build(struct asker *asker, const struct ledger_head *head)
{
    struct ledger_witness_request request = {.old_size = asker->confirmed,
                                             .checkpoint = head->checkpoint};
    struct mmr_nodes nodes = ledger_view_nodes(asker->view);
    struct mmr_path path;
    struct lucid_span text;
    if (mmr_consistency_path(&nodes, asker->confirmed, head->size, &path) != LUCID_OK ||
        path.count > LEDGER_WITNESS_PROOF_MAX || !ledger_note_text(head->checkpoint, &text)) {
        fail(asker, API_WITNESS_NOT_KEPT, "the proof for it cannot be made");
        return WORK_FAILED;
    }
    memcpy(request.proof, path.hash, path.count * sizeof(path.hash[0]));
    request.proof_count = path.count;
    lucid_buf_clear(&asker->body);
    lucid_buf_clear(&asker->text);
    ledger_witness_request_write(&request, &asker->body);
    lucid_buf_span_put(&asker->text, text);
    if (!lucid_buf_ok(&asker->body) || !lucid_buf_ok(&asker->text)) {
        fail(asker, API_WITNESS_NOT_KEPT, "no memory for the question");
        return WORK_FAILED;
    }
    return WORK_ASK;
}

/* Looks whether there is something to ask, and writes it to body and text. */
static enum work work_find(struct asker *asker, uint64_t *ret_size)
{
    struct ledger_head head;
    if (ledger_view_begin(asker->view) != LUCID_OK) {
        fail(asker, API_WITNESS_NOT_KEPT, "the store cannot be read now");
        return WORK_FAILED;
    }
    enum work work;
    enum lucid_error error = ledger_head_newest(asker->view, &head);
    if (error != LUCID_OK) {
        fail(asker, API_WITNESS_NOT_KEPT, "the newest head cannot be read");
        work = error == LUCID_NOTE_ABSENT ? WORK_NONE : WORK_FAILED;
    } else if (has_line(asker, head.size)) {
        work = WORK_NONE;
    } else if (asker->confirmed > head.size) {
        fail(asker, API_WITNESS_AHEAD, "it has seen a larger head of this log than we have");
        work = WORK_FAILED;
    } else {
        *ret_size = head.size;
        work = request_build(asker, &head);
    }
    ledger_view_end(asker->view);
    return work;
}

/* A line on its way to the writer and back. */
struct keeper {
    struct api_job job; /* first member */
    struct asker *asker;
};

/* On the writer's thread; the keeper may be gone as soon as the event is set. */
static void keeper_done(struct api_job *job)
{
    event_set(((struct keeper *)job)->asker->done);
}

/* The newest head with a quorum, for readers: never back. */
static void witnessed_raise(struct cosigner *cosigner, uint64_t size)
{
    uint64_t known = atomic_load(&cosigner->witnessed);
    while (known < size + 1 &&
           !atomic_compare_exchange_weak(&cosigner->witnessed, &known, size + 1)) {
    }
}

static void witnessed_look(struct asker *asker, uint64_t size)
{
    const struct ledger_policy *policy = asker->cosigner->options.policy;
    uint32_t cosigned = 0;
    if (ledger_view_begin(asker->view) != LUCID_OK) {
        return;
    }
    bool enough = ledger_witness_cosigned(asker->view, policy, size, &cosigned) == LUCID_OK &&
                  ledger_policy_satisfied(policy, cosigned);
    ledger_view_end(asker->view);
    if (enough) {
        witnessed_raise(asker->cosigner, size);
    }
}

/* Has the line logged. False: it could not be. */
static bool line_keep(struct asker *asker, uint64_t size)
{
    const struct cosigner_options *options = &asker->cosigner->options;
    struct ledger_witness_command command;
    ledger_witness_command_init(&command, size, lucid_buf_span(&asker->answer.line));
    struct keeper keeper = {.job = {.command = &command.command, .done = keeper_done},
                            .asker = asker};
    if (options->submit(options->context, &keeper.job, 1) != LUCID_OK) {
        fail(asker, API_WITNESS_NOT_KEPT, "the writer takes nothing now");
        return false;
    }
    (void)event_wait(asker->done, -1);
    if (command.command.error != LUCID_OK) {
        fail(asker, API_WITNESS_NOT_KEPT, "its cosignature could not be logged");
        return false;
    }
    return true;
}

static void cosigned_count(struct asker *asker, uint64_t size)
{
    atomic_store(&asker->size, size);
    atomic_store(&asker->cosigned_ms, lucid_wall_ms(&asker->cosigner->options.clock));
    atomic_store(&asker->cosigned, true);
    atomic_store(&asker->ahead, false);
    atomic_fetch_add(&asker->cosignatures, 1);
}

static struct ask ask_of(struct asker *asker)
{
    const struct cosigner_options *options = &asker->cosigner->options;
    return (struct ask){
        .witness = &options->policy->witnesses[asker->witness],
        .log = options->log,
        .client = asker->client,
        .stop = &asker->cosigner->stopping,
        .timeout_ms = options->timeout_ms,
    };
}

/* What the witness has, from its read side; else 0, and a 409 will say. */
static void confirmed_ask(struct asker *asker)
{
    struct ask ask = ask_of(asker);
    if (!ask_checkpoint(&ask, &asker->body, &asker->confirmed)) {
        asker->confirmed = 0;
    }
    asker->knows = true;
}

/* A 409's size: where the next question starts. False: it makes no sense. */
static bool size_take(struct asker *asker)
{
    if (asker->answer.size == asker->confirmed) {
        fail(asker, API_WITNESS_CONFLICT,
             "it refuses the very size that it says it has, or has another root of it");
        return false;
    }
    asker->confirmed = asker->answer.size;
    return true;
}

/* Asks until it has cosigned the newest head or there is no sense in it. True: nothing is left to
 * do now. */
static bool round_run(struct asker *asker)
{
    struct ask ask = ask_of(asker);
    uint64_t size = 0;
    for (unsigned attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
        enum work work = work_find(asker, &size);
        if (work == WORK_ASK && !asker->knows) {
            confirmed_ask(asker);
            continue;
        }
        if (work != WORK_ASK) {
            return work == WORK_NONE;
        }
        ask_cosignature(&ask, lucid_buf_span(&asker->body), lucid_buf_span(&asker->text),
                        &asker->answer);
        if (asker->answer.result == ASK_FAILED ||
            (asker->answer.result == ASK_SIZE && !size_take(asker))) {
            return false;
        }
        if (asker->answer.result == ASK_COSIGNED) {
            asker->confirmed = size;
            bool kept = line_keep(asker, size);
            if (kept) {
                cosigned_count(asker, size);
                witnessed_look(asker, size);
            }
            return kept;
        }
    }
    fail(asker, API_WITNESS_CONFLICT, "each of its answers names another size");
    return false;
}

/* --- the thread ------------------------------------------------------------------------------- */

static void failure_tell(struct asker *asker)
{
    const struct ask_answer *answer = &asker->answer;
    struct lucid_span name =
        ledger_vkey_name(&asker->cosigner->options.policy->witnesses[asker->witness].vkey);
    atomic_fetch_add(&asker->failed[answer->cause], 1);
    atomic_store(&asker->ahead, answer->cause == API_WITNESS_AHEAD);
    if (answer->cause == API_WITNESS_AHEAD) {
        lucid_log(LUCID_LOG_ERROR, "witness.ahead",
                  "witness %.*s says that it has cosigned %llu leaves of this log, more than our "
                  "newest head has: was this store rolled back?",
                  (int)name.len, (const char *)name.data, (unsigned long long)asker->confirmed);
    } else if (asker->told_cause != (int)answer->cause) {
        bool fork =
            answer->cause == API_WITNESS_INCONSISTENT || answer->cause == API_WITNESS_CONFLICT;
        lucid_log(fork ? LUCID_LOG_ERROR : LUCID_LOG_WARN, "witness.failed",
                  "witness %.*s has not cosigned: %s", (int)name.len, (const char *)name.data,
                  answer->text);
    }
    asker->told_cause = (int)answer->cause;
}

static void success_tell(struct asker *asker)
{
    struct lucid_span name =
        ledger_vkey_name(&asker->cosigner->options.policy->witnesses[asker->witness].vkey);
    if (asker->told_cause >= 0) {
        lucid_log(LUCID_LOG_INFO, "witness.back", "witness %.*s cosigns again", (int)name.len,
                  (const char *)name.data);
    }
    asker->told_cause = -1;
}

/* The time to the next round: the interval, doubled for each failure in a row, spread by a half so
 * that many logs do not ask one witness in step; what a witness asks for if that is longer. */
static int delay_ms(const struct asker *asker)
{
    uint64_t ms = asker->cosigner->options.interval_ms;
    uint32_t doublings =
        asker->failures < BACKOFF_DOUBLINGS_MAX ? asker->failures : BACKOFF_DOUBLINGS_MAX;
    if (doublings > 0) {
        uint32_t spread;
        uint64_t max = ms > BACKOFF_MS_MAX ? ms : BACKOFF_MS_MAX;
        ms = ms << doublings > max ? max : ms << doublings;
        lucid_random(&spread, sizeof(spread));
        ms = ms - ms / 4 + ms / 2 * (spread % 1024) / 1024;
    }
    uint64_t asked_ms = (uint64_t)asker->retry_after_s * 1000;
    asked_ms = asked_ms > BACKOFF_MS_MAX ? BACKOFF_MS_MAX : asked_ms;
    return (int)(ms > asked_ms ? ms : asked_ms);
}

static bool is_stopping(const struct asker *asker)
{
    return __atomic_load_n(&asker->cosigner->stopping, __ATOMIC_SEQ_CST) != 0;
}

static void *asker_main(void *context)
{
    struct asker *asker = context;
    while (!is_stopping(asker)) {
        asker->retry_after_s = 0;
        asker->answer.retry_after_s = 0;
        bool ok = round_run(asker);
        if (is_stopping(asker)) {
            break;
        }
        if (ok) {
            asker->failures = 0;
            success_tell(asker);
        } else {
            asker->failures++;
            asker->retry_after_s = asker->answer.retry_after_s;
            failure_tell(asker);
            /* What it has is asked for again before the next question. */
            asker->knows = asker->knows && asker->answer.cause == API_WITNESS_UNREACHABLE;
            asker->confirmed = asker->knows ? asker->confirmed : 0;
        }
        (void)event_wait(asker->wake, delay_ms(asker));
    }
    return NULL;
}

/* --- opening and closing ---------------------------------------------------------------------- */

static enum lucid_error asker_open(struct cosigner *cosigner, size_t witness)
{
    struct asker *asker = &cosigner->askers[cosigner->count++];
    asker->cosigner = cosigner;
    asker->witness = witness;
    asker->told_cause = -1;
    asker->wake = eventfd(0, EFD_CLOEXEC);
    asker->done = eventfd(0, EFD_CLOEXEC);
    if (asker->wake < 0 || asker->done < 0) {
        return LUCID_RETRY_MEMORY;
    }
    enum lucid_error error = client_open(&asker->client);
    return error == LUCID_OK ? ledger_view_open(cosigner->options.ledger, &asker->view) : error;
}

static void asker_close(struct asker *asker)
{
    ledger_view_close(asker->view);
    client_close(asker->client);
    lucid_buf_fini(&asker->body);
    lucid_buf_fini(&asker->text);
    lucid_buf_fini(&asker->answer.line);
    if (asker->wake >= 0) {
        close(asker->wake);
    }
    if (asker->done >= 0) {
        close(asker->done);
    }
}

/* What the log says was witnessed before this start. */
static enum lucid_error witnessed_load(struct cosigner *cosigner)
{
    struct ledger_view *view;
    uint64_t size;
    enum lucid_error error = ledger_view_open(cosigner->options.ledger, &view);
    if (error != LUCID_OK) {
        return error;
    }
    error = ledger_view_begin(view);
    if (error == LUCID_OK) {
        error = ledger_witness_newest(view, cosigner->options.policy, HEADS_LOOKED_AT_MAX, &size);
        if (error == LUCID_OK) {
            witnessed_raise(cosigner, size);
        }
        ledger_view_end(view);
    }
    ledger_view_close(view);
    return error == LUCID_NOTE_ABSENT ? LUCID_OK : error;
}

enum lucid_error cosigner_open(const struct cosigner_options *options, struct cosigner **ret)
{
    if (options->policy == NULL) {
        *ret = NULL;
        return LUCID_OK;
    }
    struct cosigner *cosigner = calloc(1, sizeof(*cosigner));
    if (cosigner == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    cosigner->options = *options;
    cosigner->witnesses = (struct api_witnesses){
        .policy = options->policy,
        .witnessed = cosigner_witnessed,
        .status = cosigner_status,
        .context = cosigner,
    };
    enum lucid_error error = witnessed_load(cosigner);
    for (uint32_t i = 0; error == LUCID_OK && i < options->policy->witness_count; i++) {
        if (options->policy->witnesses[i].url[0] != '\0') {
            error = asker_open(cosigner, i);
        }
    }
    if (error != LUCID_OK) {
        cosigner_close(cosigner);
        return error;
    }
    *ret = cosigner;
    return LUCID_OK;
}

void cosigner_close(struct cosigner *cosigner)
{
    if (cosigner == NULL) {
        return;
    }
    for (size_t i = 0; i < cosigner->count; i++) {
        asker_close(&cosigner->askers[i]);
    }
    free(cosigner);
}

void cosigner_start(struct cosigner *cosigner)
{
    for (size_t i = 0; cosigner != NULL && i < cosigner->count; i++) {
        struct asker *asker = &cosigner->askers[i];
        lucid_assert(pthread_create(&asker->thread, NULL, asker_main, asker) == 0);
    }
}

void cosigner_stop(struct cosigner *cosigner)
{
    if (cosigner == NULL) {
        return;
    }
    __atomic_store_n(&cosigner->stopping, 1, __ATOMIC_SEQ_CST);
    for (size_t i = 0; i < cosigner->count; i++) {
        event_set(cosigner->askers[i].wake);
    }
    for (size_t i = 0; i < cosigner->count; i++) {
        lucid_assert(pthread_join(cosigner->askers[i].thread, NULL) == 0);
    }
}

/* --- for readers ------------------------------------------------------------------------------ */

bool cosigner_witnessed(void *context, uint64_t *ret_size)
{
    struct cosigner *cosigner = context;
    uint64_t witnessed = atomic_load(&cosigner->witnessed);
    if (witnessed == 0) {
        return false;
    }
    *ret_size = witnessed - 1;
    return true;
}

const struct api_witnesses *cosigner_witnesses(const struct cosigner *cosigner)
{
    return cosigner == NULL ? NULL : &cosigner->witnesses;
}

const struct cosigner_options *cosigner_options_of(const struct cosigner *cosigner)
{
    return &cosigner->options;
}

void cosigner_status(void *context, size_t witness, struct api_witness_status *ret)
{
    const struct cosigner *cosigner = context;
    struct api_witness_status status = {.cosigned = false};
    for (size_t i = 0; i < cosigner->count; i++) {
        const struct asker *asker = &cosigner->askers[i];
        if (asker->witness != witness) {
            continue;
        }
        status.cosigned = atomic_load(&asker->cosigned);
        status.size = atomic_load(&asker->size);
        status.cosigned_ms = atomic_load(&asker->cosigned_ms);
        status.cosignatures = atomic_load(&asker->cosignatures);
        status.ahead = atomic_load(&asker->ahead);
        for (size_t cause = 0; cause < API_WITNESS_CAUSES; cause++) {
            status.failures[cause] = atomic_load(&asker->failed[cause]);
        }
    }
    *ret = status;
}
