/* The sentence of every code that a check can say, sorted by code. Who says a new one adds its line
 * here: a test looks through the sources. A code that comes with several outcomes has a sentence
 * that is true of each. */
#include "plugins/passport/verify.h"

static const struct {
    const char *code;
    const char *sentence;
} sentences[] = {
    {"algorithm.ok", "the signature names the algorithm that passports are signed by"},
    {"algorithm.unsupported", "the signature names another algorithm than Ed25519"},
    {"auditors.declared", "an auditor stands there by the operator's word alone"},
    {"auditors.none", "the passport names no auditors"},
    {"auditors.not_active", "an auditor is not active, or its check failed"},
    {"auditors.ok", "every auditor is active and was checked within a day before issue"},
    {"auditors.old", "an auditor was last checked more than a day before the passport was issued"},
    {"auditors.omitted", "the operator chose not to publish the auditors"},
    {"auditors.unchecked", "the passport does not say when an auditor was last checked"},
    {"check.not_reached", "this was not checked, because an earlier check failed"},
    {"evidence.absent", "the evidence was not looked at: neither the log nor a bundle was at hand"},
    {"evidence.contradicts", "the passport says something else than the appraisal it rests on"},
    {"evidence.differs", "appraising the evidence again gives another result than was recorded"},
    {"evidence.key_unknown", "the appraisal is signed by a key that is not known here"},
    {"evidence.mock", "the evidence is made by a program for tests, no hardware vouches for it"},
    {"evidence.not_looked_at",
     "the evidence was not looked at: no key that is trusted signed the passport"},
    {"evidence.recorded", "the passport says what the recorded appraisal says"},
    {"evidence.revoked_since", "what the evidence rests on was revoked since the appraisal"},
    {"evidence.same", "the evidence was appraised again, with the same result"},
    {"evidence.test", "the passport was issued for tests: the age of its evidence proves nothing"},
    {"evidence.worse", "appraised with what is known today, the evidence is found worse"},
    {"key.trusted", "the key that signed is one that is trusted"},
    {"key.unknown", "nobody who is trusted here vouches for the key in the passport"},
    {"log.absent", "it was not checked whether the passport stands in a public log"},
    {"log.contradicts", "what is shown of the log is not of this passport, or does not hold"},
    {"log.differs", "the log has another passport under this id"},
    {"log.logged", "the passport stands in the log, under a published head"},
    {"log.not_here", "it is signed by a key of this log, which does not have it"},
    {"log.pending", "the passport stands in the log, but no published head covers it yet"},
    {"log.unknown", "no head that is signed by the log's key shows that the passport stands in it"},
    {"origin.not_asked", "it was not asked which site the passport is shown on"},
    {"origin.not_stated", "the passport names no sites, so it may have been copied from another"},
    {"origin.ok", "the passport is issued for this site"},
    {"origin.other", "the passport is issued for another site"},
    {"parse.malformed", "the document is not well-formed JSON, or has a member twice"},
    {"parse.ok", "the document is well-formed"},
    {"parse.too_large", "the document is larger than a passport may be"},
    {"schema.invalid", "the document has not the form of a passport"},
    {"schema.ok", "the document has the form of a passport"},
    {"signature.ok", "the passport is signed by that key, nothing was changed since"},
    {"signature.unproven",
     "the signature fits the key in the passport, which anybody could have put there"},
    {"signature.wrong", "the signature does not fit: the passport was changed or never signed"},
    {"status.absent", "it was not checked whether the passport was revoked"},
    {"status.expired", "the passport has expired"},
    {"status.good", "the passport is neither revoked nor superseded"},
    {"status.list_ahead", "the status list is dated in the future"},
    {"status.list_before", "the status list is older than the passport"},
    {"status.list_malformed", "the status list cannot be read"},
    {"status.list_old", "the status list is too old to say that the passport is still good"},
    {"status.list_other", "the status list is of another issuer, and says nothing of this one"},
    {"status.list_untrusted", "the status list is not signed by a key that is trusted"},
    {"status.renewed", "the passport is good still; a newer one has been issued"},
    {"status.revoked", "the passport was revoked"},
    {"status.superseded", "a newer passport has taken its place"},
    {"supply_chain.declared", "the container stands there by the operator's word alone"},
    {"supply_chain.level", "the supply chain is of a lower level than is asked for"},
    {"supply_chain.no_container", "the level of a supply chain is named, but not the container"},
    {"supply_chain.no_level", "a level of the supply chain is asked for, the passport names none"},
    {"supply_chain.none", "the passport names no container"},
    {"supply_chain.ok", "the container is the one that the evidence or the references name"},
    {"supply_chain.omitted", "the operator chose not to publish the container"},
    {"times.expired", "the passport has expired"},
    {"times.not_yet", "the passport is not valid yet"},
    {"times.ok", "the passport is in the time that it is valid for"},
};

size_t verify_code_count(void)
{
    return sizeof(sentences) / sizeof(sentences[0]);
}

const char *verify_code_at(size_t index)
{
    return index < verify_code_count() ? sentences[index].code : NULL;
}

const char *verify_code_text(const char *code)
{
    size_t low = 0;
    size_t high = verify_code_count();
    while (code != NULL && low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(code, sentences[middle].code);
        if (order == 0) {
            return sentences[middle].sentence;
        }
        if (order < 0) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return NULL;
}
