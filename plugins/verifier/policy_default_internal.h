/* The default policy as the build embeds it: policy_default.json in its canonical form. */
#ifndef LUCID_PLUGINS_VERIFIER_POLICY_DEFAULT_INTERNAL_H
#define LUCID_PLUGINS_VERIFIER_POLICY_DEFAULT_INTERNAL_H

#include <stddef.h>

extern const unsigned char policy_default_document[];
extern const size_t policy_default_document_len;

#endif
