/* model.h -- one session under random rules, and apart from it what must come out.
 *
 * The bytes given are a script: what the peers send and when, in which pieces, how time
 * goes on, which rules come and go. For each lane the model keeps the bytes that must
 * leave it: those that came, but for what a decision that was reported says of a frame.
 * Whatever else happens to a byte is an error, and so is
 *   - an order that is not of the fault's kind (latency that drops),
 *   - a rule acting on the answer to another command than the one it names, or not
 *     acting when it must,
 *   - a byte that leaves while a rule holds it, or before its time,
 *   - more memory held than the bound allows, or any left at the end.
 */
#ifndef MODEL_H
#define MODEL_H

#include <stddef.h>
#include <stdint.h>

#define MODEL_SCRIPT 4096 /* longer scripts are cut */

/* NULL, or what went wrong. */
const char *model_run(const uint8_t *script, size_t n);

#endif
