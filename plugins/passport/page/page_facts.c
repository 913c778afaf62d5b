/* The page: what the passport says. */
#include <inttypes.h>
#include <stdio.h>

#include "plugins/passport/discovery.h"
#include "plugins/passport/page/page_internal.h"

enum { POINTER_BYTES = 64 };

static const struct jcs_value *member(const struct passport *passport, const char *name)
{
    return passport->root != NULL && jcs_type(passport->root) == JCS_OBJECT
               ? jcs_member(passport->root, name)
               : NULL;
}

/* A member that other parts of the document may spell differently: as it stands there. */
static void code_member(struct lucid_buf *out, const char *pointer, struct lucid_span text)
{
    lucid_buf_str(out, "<code>");
    page_member(out, pointer, text);
    lucid_buf_str(out, "</code>");
}

/* "declared" is never shown as good. has false: a document of others need not say it. */
static void source_write(struct lucid_buf *out, const char *pointer, bool has,
                         enum passport_source source)
{
    enum passport_source said = has ? source : PASSPORT_DECLARED;
    static const char *const texts[] = {
        [PASSPORT_BOUND] = "Bound: named in what the hardware evidence vouches for",
        [PASSPORT_REFERENCE] = "Reference: in a signed set that the issuer's appraisal used",
        [PASSPORT_DECLARED] = "Declared: the operator's word alone, nothing confirms it",
    };
    lucid_buf_printf(out, "<span class=\"source%s\" data-is=\"%s\" data-value=\"%s\">%s</span>",
                     said == PASSPORT_DECLARED ? " warn" : "", pointer, passport_source_name(said),
                     texts[said]);
}

/* --- application --------------------------------------------------------------------------------
 */

static void application_write(const struct page *page, struct lucid_buf *out)
{
    const struct passport *passport = page->passport;
    page_fact_begin(out, "Application");
    page_member(out, "/appName", passport->app_name);
    lucid_buf_str(out, ", version ");
    page_member(out, "/version", passport->version);
    page_fact_end(out);
    page_fact_begin(out, "Passport");
    code_member(out, "/passportId", passport->id);
    page_fact_end(out);
    page_fact_begin(out, "For use at");
    if (passport->endpoint_count == 0) {
        lucid_buf_str(out, "No address is named: nothing ties it to a site.");
    } else {
        lucid_buf_str(out, "<ul class=\"plain\" data-count=\"/endpoints\">");
        for (size_t i = 0; i < passport->endpoint_count; i++) {
            char pointer[POINTER_BYTES];
            (void)snprintf(pointer, sizeof(pointer), "/endpoints/%zu", i);
            lucid_buf_str(out, "<li>");
            page_uri(out, pointer, passport->endpoints[i]);
            lucid_buf_str(out, "</li>");
        }
        lucid_buf_str(out, "</ul><p class=\"quiet\">Compare with the address bar of the "
                           "application. Shown anywhere else, this passport says nothing.</p>");
    }
    page_fact_end(out);
    page_fact_begin(out, "Valid from");
    page_time(out, "/issuedAt", passport->issued_s);
    page_fact_end(out);
    page_fact_begin(out, "Valid until");
    page_time(out, "/expiresAt", passport->expires_s);
    page_fact_end(out);
    page_fact_begin(out, "Issuer");
    if (passport->issuer.len > 0) {
        page_member(out, "/issuer", passport->issuer);
    } else {
        page_text(out, page->origin);
    }
    lucid_buf_str(out, ", signing with the key <code>");
    page_member(out, "/signature/publicKey",
                page_find_text(member(passport, "signature"), "publicKey"));
    lucid_buf_str(out, "</code>");
    page_fact_end(out);
}

/* --- what it runs in ---------------------------------------------------------------------------
 */

static const char *type_text(struct lucid_span type)
{
    static const char *const texts[][2] = {
        {"AMD_SEV_SNP", "AMD SEV-SNP: a virtual machine whose memory the processor encrypts, and "
                        "whose first contents it has measured"},
        {"INTEL_TDX", "Intel TDX: a virtual machine that the processor keeps apart from its host, "
                      "and has measured"},
        {"INTEL_SGX", "Intel SGX: an enclave, a part of a program that the processor keeps apart "
                      "and has measured"},
        {"AWS_NITRO", "AWS Nitro: an enclave that the cloud's own hypervisor keeps apart and has "
                      "measured"},
        {"MOCK", "Mock: no trusted hardware at all"},
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (lucid_span_is(type, texts[i][0])) {
            return texts[i][1];
        }
    }
    return "A kind that this page has no words for";
}

static void quote_write(const struct page *page, struct lucid_buf *out)
{
    const struct passport *passport = page->passport;
    page_fact_begin(out, "Evidence");
    if (passport->tee.quote.len > 0) {
        lucid_buf_printf(out, "Published: %zu bytes, in the document", passport->tee.quote.len);
    } else {
        lucid_buf_str(out, "Not published");
    }
    if (page->evidence_public) {
        lucid_buf_str(out, "; <a href=\"../v1/passports/");
        discovery_html_write(out, passport->id);
        lucid_buf_str(out, "/evidence\">with everything needed to appraise it again</a>");
    }
    page_fact_end(out);
}

static void tee_write(const struct page *page, struct lucid_buf *out)
{
    const struct passport *passport = page->passport;
    const struct jcs_value *tee = member(passport, "tee");
    page_fact_begin(out, "Runs in");
    lucid_buf_printf(out, "%s (", type_text(passport->tee.type));
    code_member(out, "/tee/type", page_find_text(tee, "type"));
    lucid_buf_str(out, ")");
    page_fact_end(out);
    page_fact_begin(out, "Measurement");
    page_digest(out, "/tee/measurementHash", passport->tee.measurement_hash);
    if (passport->tee.measurement.len > 0) {
        lucid_buf_str(out, "<br><span class=\"quiet\">as the hardware has it, ");
        page_text(out, passport->tee.measurement_alg);
        lucid_buf_str(out, ":</span> <code>");
        lucid_buf_hex(out, passport->tee.measurement.data, passport->tee.measurement.len);
        lucid_buf_str(out, "</code>");
    }
    lucid_buf_str(out, "<p class=\"quiet\">A fingerprint of the software that was started. It is "
                       "worth as much as your knowledge of what it is the fingerprint of.</p>");
    page_fact_end(out);
    quote_write(page, out);
}

static void container_write(const struct passport *passport, struct lucid_buf *out)
{
    if (!passport->container.present) {
        return;
    }
    page_fact_begin(out, "Container");
    page_digest(out, "/container/digest", passport->container.digest);
    if (passport->container.registry.len > 0) {
        lucid_buf_str(out, "<br><span class=\"quiet\">from</span> ");
        page_member(out, "/container/registry", passport->container.registry);
    }
    lucid_buf_str(out, "<br>");
    source_write(out, "/container/source", passport->container.has_source,
                 passport->container.source);
    page_fact_end(out);
}

static void model_write(const struct passport *passport, struct lucid_buf *out)
{
    const struct jcs_value *model = member(passport, "model");
    struct lucid_span name = page_find_text(model, "name");
    struct lucid_span digest = page_find_text(model, "digest");
    if (name.len == 0 && digest.len == 0) {
        return;
    }
    page_fact_begin(out, "Model");
    page_member(out, "/model/name", name);
    lucid_buf_char(out, ' ');
    code_member(out, "/model/digest", digest);
    lucid_buf_str(out, "<p class=\"quiet\">The operator's statement: no evidence of the hardware "
                       "says which model answers.</p>");
    page_fact_end(out);
}

/* --- supply chain ------------------------------------------------------------------------------
 */

static const char *level_text(unsigned level)
{
    static const char *const texts[] = {
        "nothing was shown about how it was built",
        "a statement of how it was built names this container",
        "and that statement is signed by a builder that the issuer knows",
        "and that builder works isolated, from the expected source by the expected recipe",
        "and a second, different builder came to the very same container",
    };
    return level < sizeof(texts) / sizeof(texts[0]) ? texts[level] : "no such level is known";
}

static void slsa_write(const struct passport *passport, struct lucid_buf *out)
{
    if (!passport->slsa.present) {
        return;
    }
    page_fact_begin(out, "Supply chain");
    lucid_buf_printf(out, "<span data-is=\"/slsa/level\" data-value=\"%u\">Level %u of 4</span>: ",
                     passport->slsa.level, passport->slsa.level);
    if (passport->slsa.level > 1) {
        lucid_buf_str(out, "<ul>");
        for (unsigned i = 1; i <= passport->slsa.level && i <= 4; i++) {
            lucid_buf_printf(out, "<li>%s</li>", level_text(i));
        }
        lucid_buf_str(out, "</ul>");
    } else {
        lucid_buf_printf(out, "%s. ", level_text(passport->slsa.level));
    }
    if (passport->slsa.track.len > 0) {
        lucid_buf_str(out, "<span class=\"quiet\">Track:</span> ");
        code_member(out, "/slsa/track", passport->slsa.track);
        lucid_buf_str(out, "<br>");
    }
    if (passport->slsa.provenance_uri.len > 0) {
        lucid_buf_str(out, "<span class=\"quiet\">Provenance:</span> ");
        page_uri(out, "/slsa/provenanceUri", passport->slsa.provenance_uri);
    }
    if (passport->slsa.has_provenance) {
        lucid_buf_str(out, "<br>");
        page_digest(out, "/slsa/provenanceDigest", passport->slsa.provenance);
    }
    page_fact_end(out);
}

static void omitted_write(const struct passport *passport, struct lucid_buf *out)
{
    page_fact_begin(out, "Left out");
    if (passport->omitted_count == 0) {
        lucid_buf_str(out, "Nothing is said to have been left out.");
    } else {
        lucid_buf_str(out, "<ul class=\"plain\" data-count=\"/omitted\">");
        for (size_t i = 0; i < passport->omitted_count; i++) {
            lucid_buf_str(out, "<li><code>");
            page_text(out, passport->omitted[i].name);
            lucid_buf_str(out, "</code></li>");
        }
        lucid_buf_str(out, "</ul><p class=\"quiet\">The operator chose not to publish these. A "
                           "salted fingerprint of each is signed, so that an auditor who is shown "
                           "one can check it.</p>");
    }
    page_fact_end(out);
}

/* --- auditors ----------------------------------------------------------------------------------
 */

static void auditor_write(const struct passport_auditor *auditor, size_t index,
                          struct lucid_buf *out)
{
    char pointer[POINTER_BYTES];
    lucid_buf_str(out, "<li class=\"auditor\"><h3>");
    (void)snprintf(pointer, sizeof(pointer), "/auditors/%zu/name", index);
    page_member(out, pointer, auditor->name);
    lucid_buf_str(out, "</h3><dl>");
    page_fact_begin(out, "Id");
    (void)snprintf(pointer, sizeof(pointer), "/auditors/%zu/id", index);
    code_member(out, pointer, auditor->id);
    page_fact_end(out);
    page_fact_begin(out, "Status");
    (void)snprintf(pointer, sizeof(pointer), "/auditors/%zu/status", index);
    lucid_buf_printf(out, "<span%s>",
                     auditor->status == PASSPORT_ACTIVE ? "" : " class=\"source warn\"");
    page_member(out, pointer, lucid_span_str(passport_auditor_status_name(auditor->status)));
    lucid_buf_str(out, "</span>");
    page_fact_end(out);
    page_fact_begin(out, "Last check");
    (void)snprintf(pointer, sizeof(pointer), "/auditors/%zu/lastCheck", index);
    if (auditor->last_check_s > 0) {
        page_time(out, pointer, auditor->last_check_s);
    } else {
        lucid_buf_str(out, "not said");
    }
    page_fact_end(out);
    page_fact_begin(out, "By whose word");
    (void)snprintf(pointer, sizeof(pointer), "/auditors/%zu/source", index);
    source_write(out, pointer, auditor->has_source, auditor->source);
    page_fact_end(out);
    if (auditor->has_digest) {
        page_fact_begin(out, "Image");
        (void)snprintf(pointer, sizeof(pointer), "/auditors/%zu/digest", index);
        page_digest(out, pointer, auditor->digest);
        page_fact_end(out);
    }
    lucid_buf_str(out, "</dl></li>\n");
}

static void auditors_write(const struct passport *passport, struct lucid_buf *out)
{
    lucid_buf_str(out, "<section aria-labelledby=\"auditors-title\">\n"
                       "<h2 id=\"auditors-title\">Auditors</h2>\n");
    if (passport->auditor_count == 0) {
        lucid_buf_str(out, "<p>The passport names none.</p>\n");
    } else {
        lucid_buf_str(out, "<ul class=\"auditors\" data-count=\"/auditors\">\n");
        for (size_t i = 0; i < passport->auditor_count; i++) {
            auditor_write(&passport->auditors[i], i, out);
        }
        lucid_buf_str(out, "</ul>\n");
    }
    lucid_buf_str(out, "</section>\n");
}

void page_facts_write(const struct page *page, struct lucid_buf *out)
{
    lucid_buf_str(out, "<section aria-labelledby=\"facts-title\">\n<h2 id=\"facts-title\">What the "
                       "passport says</h2>\n<dl>\n");
    application_write(page, out);
    tee_write(page, out);
    container_write(page->passport, out);
    model_write(page->passport, out);
    slsa_write(page->passport, out);
    omitted_write(page->passport, out);
    lucid_buf_str(out, "</dl>\n</section>\n");
    auditors_write(page->passport, out);
}
