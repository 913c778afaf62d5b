#include "x402/spent.h"

void x402_spent_close(struct x402_spent *spent)
{
    if (spent != NULL) {
        spent->ops->close(spent);
    }
}
