/* fault.c -- the table of faults, from faults/list.h. */
#include "fault.h"

#include <string.h>

#define FAULT(name) extern const struct fault fault_##name;
#include "../faults/list.h"
#undef FAULT

const struct fault *const faults[] = {
#define FAULT(name) &fault_##name,
#include "../faults/list.h"
#undef FAULT
    NULL,
};

size_t fault_count(void)
{
    return sizeof faults / sizeof *faults - 1;
}

const struct fault *fault_named(const char *name)
{
    for (size_t i = 0; faults[i]; i++)
        if (strcmp(faults[i]->name, name) == 0)
            return faults[i];
    return NULL;
}
