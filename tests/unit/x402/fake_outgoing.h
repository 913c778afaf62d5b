/* base/outgoing.h by a script: the test answers each question, at once through a function or later
 * by hand. Nothing is answered but from within the fake loop (fake_loop.h). One thread. */
#ifndef LUCID_TESTS_FAKE_OUTGOING_H
#define LUCID_TESTS_FAKE_OUTGOING_H

#include "base/outgoing.h"
#include "fake_loop.h"

#define FAKE_RPC_METHOD_MAX 63
#define FAKE_RPC_PARAMS_MAX 8191

struct fake_outgoing;

/* A question that was started and is not answered or cancelled yet. */
struct fake_question {
    struct fake_question *next;
    struct fake_outgoing *fake;
    struct lucid_outgoing_call *call; /* url, headers, body … */
    size_t number;                    /* from 0, in the order of the starts */

    /* Of a JSON-RPC question; method "" when it is none. */
    char method[FAKE_RPC_METHOD_MAX + 1];
    char params[FAKE_RPC_PARAMS_MAX + 1]; /* compact JSON text of the array */
    uint64_t id;

    bool answered; /* its answer is under way */
    struct lucid_timer timer;
    enum lucid_error error;
    bool unsent;
    int status;
    uint32_t retry_after_s;
    struct lucid_buf answer;
};

struct fake_outgoing {
    struct lucid_outgoing outgoing; /* give this away */
    struct fake_loop *loop;
    /* Called for each start: answers it (fake_answer …), or leaves it open for later. NULL: all are
     * left open. An open one ends with LUCID_RETRY_IO after its total_ms_max. */
    void (*ask)(struct fake_question *question);
    void *context; /* the test's own */

    size_t started;
    size_t cancelled;
    struct fake_question *open; /* oldest first */
};

void fake_outgoing_init(struct fake_outgoing *fake, struct fake_loop *loop);
/* No question may be open. */
void fake_outgoing_fini(struct fake_outgoing *fake);

/* The oldest one that waits for an answer; to that URL, where url is not NULL. NULL: there is none.
 */
struct fake_question *fake_question_open(struct fake_outgoing *fake, const char *url);

/* Answers after so many milliseconds of the fake loop; each once. Texts are copied. More bytes than
 * answer_bytes_max become LUCID_REFUSE_TOO_LARGE, a time after total_ms_max LUCID_RETRY_IO. */
void fake_answer(struct fake_question *question, int status, const char *text, uint32_t after_ms);
void fake_answer_error(struct fake_question *question, enum lucid_error error, uint32_t after_ms);
/* LUCID_RETRY_IO, and for certain nothing of the question went out. */
void fake_answer_unsent(struct fake_question *question, uint32_t after_ms);
/* {"jsonrpc":"2.0","id":…,"result":RESULT}, status 200. */
void fake_answer_result(struct fake_question *question, const char *result, uint32_t after_ms);
/* {…,"error":{"code":CODE,"message":MESSAGE[,"data":DATA]}}; data is JSON text or NULL. */
void fake_answer_refusal(struct fake_question *question, int code, const char *message,
                         const char *data, uint32_t after_ms);

#endif
