/* POST /v1/verify: the verifier of ledger/proof.h for callers without the command line. Looks at
 * nothing of the store but who this log is. */
#include "http/api/api_internal.h"
#include "ledger/cose.h"
#include "ledger/proof.h"

struct question {
    struct lucid_buf receipt; /* JSON */
    struct lucid_buf proof;
    enum ledger_form form;
    struct ledger_trust trust; /* in the request's arena, the ledger, or service_hex */
    char service_hex[2 * LEDGER_ED25519_PUBLIC_BYTES];
};

static bool refuse(struct http_request *request, const char *param, const char *text)
{
    api_problem(request, 422, strcmp(param, "receipt") == 0 ? "INVALID_RECEIPT" : "INVALID_PROOF",
                param, text);
    return false;
}

/* {"cose": base64}. What it decodes to is the verifier's matter. */
static bool cose_take(struct http_request *request, const struct jcs_value *cose,
                      struct question *question)
{
    question->form = LEDGER_FORM_COSE;
    if (jcs_type(cose) != JCS_STRING) {
        return refuse(request, "proof.cose", "proof.cose is not a string");
    }
    struct lucid_span text = jcs_string(cose);
    size_t max = text.len / 4 * 3;
    uint8_t *out = lucid_buf_extend(&question->proof, max + 1);
    size_t len = 0;
    if (out == NULL) {
        return true; /* seen when it is used */
    }
    if (!lucid_base64_decode(text, out, max, &len)) {
        return refuse(request, "proof.cose", "proof.cose is not padded base64");
    }
    question->proof.len = len;
    return true;
}

static bool proof_take(struct http_request *request, const struct jcs_value *proof,
                       struct question *question)
{
    if (proof != NULL && jcs_type(proof) == JCS_STRING) {
        question->form = LEDGER_FORM_TLOG;
        lucid_buf_span_put(&question->proof, jcs_string(proof));
        return true;
    }
    if (proof == NULL || jcs_type(proof) != JCS_OBJECT) {
        return refuse(request, "proof", "proof is neither an object nor a tlog-proof in a string");
    }
    const struct jcs_value *cose = jcs_member(proof, "cose");
    if (cose != NULL) {
        return cose_take(request, cose, question);
    }
    question->form = LEDGER_FORM_JSON;
    jcs_write(proof, &question->proof);
    return true;
}

/* This log's keys, unless others are named. Well-formed keys of unknown types are the verdict's
 * matter. */
static bool trust_take(struct http_request *request, const struct jcs_value *root,
                       struct question *question)
{
    const struct jcs_value *vkey = jcs_member(root, "vkey");
    const struct jcs_value *service = jcs_member(root, "service_key");
    const struct ledger_identity *identity;
    if (ledger_identity(api_of(request)->options.ledger, &identity)) {
        question->trust.vkey = lucid_span_str(identity->vkey);
        lucid_hex_encode(identity->service_key, sizeof(identity->service_key),
                         question->service_hex);
        question->trust.service_key =
            lucid_span(question->service_hex, sizeof(question->service_hex));
    }
    if (vkey != NULL) {
        struct ledger_vkey parsed;
        if (jcs_type(vkey) != JCS_STRING ||
            ledger_vkey_parse(jcs_string(vkey), &parsed, NULL) == LUCID_REFUSE_INVALID) {
            return refuse(request, "vkey", "vkey is not a verifier key in C2SP's text form");
        }
        question->trust.vkey = jcs_string(vkey);
    }
    if (service != NULL) {
        if (jcs_type(service) != JCS_STRING ||
            !lucid_is_hex(jcs_string(service), 2 * LEDGER_ED25519_PUBLIC_BYTES)) {
            return refuse(request, "service_key", "service_key is not 64 hex digits");
        }
        question->trust.service_key = jcs_string(service);
    }
    return true;
}

static bool question_take(struct http_request *request, const struct jcs_value *root,
                          struct question *question)
{
    const struct jcs_value *receipt = jcs_member(root, "receipt");
    if (receipt == NULL || jcs_type(receipt) != JCS_OBJECT) {
        return refuse(request, "receipt", "receipt is not an object");
    }
    jcs_write(receipt, &question->receipt);
    return proof_take(request, jcs_member(root, "proof"), question) &&
           trust_take(request, root, question);
}

static void question_answer(struct http_request *request, const struct question *question)
{
    struct ledger_report report;
    struct lucid_buf out = {0};
    enum lucid_error error = LUCID_RETRY_MEMORY;
    if (lucid_buf_ok(&question->receipt) && lucid_buf_ok(&question->proof)) {
        error = ledger_proof_verify(lucid_buf_span(&question->receipt), question->form,
                                    lucid_buf_span(&question->proof), &question->trust, &report);
    }
    if (error != LUCID_OK) {
        api_refuse(request, error, NULL);
        return;
    }
    ledger_report_write_json(&out, &report);
    api_answer(request, 200, API_JSON, &out);
}

void api_verify_post(struct http_request *request, const struct http_route *route)
{
    /* A receipt may nest as deep as its body and two more. */
    static const struct jcs_limits limits = {.depth_max = LEDGER_BODY_DEPTH_MAX + 2,
                                             .values_max = 65536};
    (void)route;
    struct question question = {.form = LEDGER_FORM_JSON};
    const struct jcs_value *root = api_document_within(request, &limits);
    if (root != NULL && question_take(request, root, &question)) {
        question_answer(request, &question);
    }
    lucid_buf_fini(&question.receipt);
    lucid_buf_fini(&question.proof);
}
