/* What signed documents share. */
#ifndef LUCID_PLUGINS_VERIFIER_DOCUMENT_INTERNAL_H
#define LUCID_PLUGINS_VERIFIER_DOCUMENT_INTERNAL_H

#include "plugins/verifier/field.h"
#include "plugins/verifier/policy.h"

/* The member "signature", if it is there: its form, key and value. */
bool document_signature_read(const struct field *document, uint8_t ret_key[DOCUMENT_KEY_BYTES],
                             uint8_t ret_signature[DOCUMENT_SIGNATURE_BYTES]);

/* The canonical bytes of a value, in the arena; data NULL: the reading has failed. */
struct lucid_span document_canonical(const struct field *at);

/* What is signed, of a document that was parsed. */
struct lucid_span document_unsigned(const struct field *document,
                                    const uint8_t key[DOCUMENT_KEY_BYTES]);

#endif
