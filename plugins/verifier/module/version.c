/* Alone, so that a build can be given another one. */
#include "plugins/verifier/module/module.h"

#define STRING_OF(x) #x
#define STRING(x)    STRING_OF(x)

const char verifier_version[] = VERIFIER_VERSION "+rules." STRING(APPRAISAL_RULES_VERSION);
