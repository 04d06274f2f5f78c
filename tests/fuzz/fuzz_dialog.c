/* A whole session with random rules, traffic, time and plan changes; see model.h for what
 * must hold. */
#include <stdio.h>
#include <stdlib.h>

#include "model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *why = model_run(data, size);

    if (why) {
        fprintf(stderr, "%s\n", why);
        abort();
    }
    return 0;
}
