/* One question to one witness, without threads or state. */
#ifndef LUCID_LUCIDD_COSIGNER_INTERNAL_H
#define LUCID_LUCIDD_COSIGNER_INTERNAL_H

#include "http/api/api.h"
#include "http/client.h"
#include "ledger/policy.h"

/* A witness and how it is asked. */
struct ask {
    const struct ledger_policy_witness *witness;
    const struct ledger_vkey *log;
    struct client *client;
    const volatile int *stop; /* as struct client_question has it; or NULL */
    uint32_t timeout_ms;
};

enum ask_result {
    ASK_COSIGNED, /* line is good */
    ASK_SIZE,     /* 409: size is what the witness has */
    ASK_FAILED,   /* cause says why */
};

struct ask_answer {
    enum ask_result result;
    enum api_witness_cause cause;
    uint64_t size;
    int status;             /* HTTP status, 0 when there was none */
    uint32_t retry_after_s; /* 0 = not said */
    struct lucid_buf line;  /* with its LF; the caller's, initialised */
    const char *text;       /* for the log: our own words, static */
};

/* POST add-checkpoint; text is that of the note in the body. */
void ask_cosignature(const struct ask *ask, struct lucid_span body, struct lucid_span text,
                     struct ask_answer *answer);

/* Asks for the newest checkpoint of our origin. True: it is signed by our own key; note then holds
 * its bytes, size its size. */
bool ask_checkpoint(const struct ask *ask, struct lucid_buf *note, uint64_t *ret_size);

struct cosigner;
const struct cosigner_options *cosigner_options_of(const struct cosigner *cosigner);

/* For struct api_witnesses; context is the cosigner. Thread: any, without locks. */
bool cosigner_witnessed(void *context, uint64_t *ret_size);
void cosigner_status(void *context, size_t witness, struct api_witness_status *ret);

#endif
