/* The witnesses in /metrics. */
#include <stdio.h>

#include "base/prom.h"
#include "lucidd/cosigner.h"
#include "lucidd/cosigner_internal.h"

static const char *const cause_names[API_WITNESS_CAUSES] = {
    [API_WITNESS_UNREACHABLE] = "unreachable",
    [API_WITNESS_TOO_LARGE] = "too_large",
    [API_WITNESS_REDIRECT] = "redirect",
    [API_WITNESS_REFUSED] = "refused",
    [API_WITNESS_FORBIDDEN] = "forbidden",
    [API_WITNESS_UNKNOWN_LOG] = "unknown_log",
    [API_WITNESS_CONFLICT] = "conflict",
    [API_WITNESS_INCONSISTENT] = "inconsistent",
    [API_WITNESS_BUSY] = "busy",
    [API_WITNESS_SERVER] = "server",
    [API_WITNESS_STATUS] = "status",
    [API_WITNESS_MALFORMED] = "malformed",
    [API_WITNESS_SIGNATURE] = "signature",
    [API_WITNESS_AHEAD] = "ahead",
    [API_WITNESS_NOT_KEPT] = "not_kept",
};

/* name{witness="…" */
static void sample_begin(const char *name, const struct ledger_policy_witness *witness,
                         struct lucid_buf *out)
{
    char text[LEDGER_NAME_BYTES_MAX + 1];
    memcpy(text, witness->vkey.name, witness->vkey.name_len);
    text[witness->vkey.name_len] = '\0';
    lucid_buf_printf(out, "%s{witness=", name);
    lucid_prom_label(out, text);
}

struct family {
    const char *name;
    const char *type;
    const char *help;
    bool since_cosigned; /* no sample before the first cosignature */
};

enum { FAMILY_SIZE, FAMILY_AGE, FAMILY_COSIGNATURES, FAMILY_AHEAD, FAMILIES };

static const struct family families[FAMILIES] = {
    {"lucid_witness_size", "gauge", "Leaves of the newest head that the witness cosigned.", true},
    {"lucid_witness_age_seconds", "gauge", "Time since the witness's newest cosignature.", true},
    {"lucid_witness_cosignatures_total", "counter", "Cosignatures got and logged since the start.",
     false},
    {"lucid_witness_ahead", "gauge",
     "1 while the witness speaks of a larger head than we have: was the log rolled back?", false},
};

static uint64_t family_value(size_t family, const struct api_witness_status *status,
                             uint64_t now_ms)
{
    switch (family) {
    case FAMILY_SIZE:
        return status->size;
    case FAMILY_AGE:
        return now_ms > status->cosigned_ms ? (now_ms - status->cosigned_ms) / 1000 : 0;
    case FAMILY_COSIGNATURES:
        return status->cosignatures;
    default:
        return status->ahead ? 1 : 0;
    }
}

static void family_write(struct cosigner *cosigner, size_t number, struct lucid_buf *out)
{
    const struct cosigner_options *options = cosigner_options_of(cosigner);
    const struct family *family = &families[number];
    lucid_prom_family(out, family->name, family->type, family->help);
    for (uint32_t i = 0; i < options->policy->witness_count; i++) {
        struct api_witness_status status;
        cosigner_status(cosigner, i, &status);
        if (family->since_cosigned && !status.cosigned) {
            continue;
        }
        sample_begin(family->name, &options->policy->witnesses[i], out);
        lucid_buf_printf(
            out, "} %llu\n",
            (unsigned long long)family_value(number, &status, lucid_wall_ms(&options->clock)));
    }
}

static void failures_write(struct cosigner *cosigner, struct lucid_buf *out)
{
    static const char name[] = "lucid_witness_failures_total";
    const struct cosigner_options *options = cosigner_options_of(cosigner);
    lucid_prom_family(out, name, "counter", "Rounds in which a witness did not cosign, by cause.");
    for (uint32_t i = 0; i < options->policy->witness_count; i++) {
        struct api_witness_status status;
        cosigner_status(cosigner, i, &status);
        for (size_t cause = 0; cause < API_WITNESS_CAUSES; cause++) {
            if (status.failures[cause] == 0) {
                continue;
            }
            sample_begin(name, &options->policy->witnesses[i], out);
            lucid_buf_printf(out, ",cause=\"%s\"} %llu\n", cause_names[cause],
                             (unsigned long long)status.failures[cause]);
        }
    }
}

void cosigner_metrics_write(struct cosigner *cosigner, struct lucid_buf *out)
{
    uint64_t size;
    if (cosigner == NULL) {
        return;
    }
    if (cosigner_witnessed(cosigner, &size)) {
        lucid_prom_gauge(out, "lucid_witnessed_size", size,
                         "Leaves of the newest head that satisfies the witness policy.");
    }
    for (size_t i = 0; i < FAMILIES; i++) {
        family_write(cosigner, i, out);
    }
    failures_write(cosigner, out);
}
