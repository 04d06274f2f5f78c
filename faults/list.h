/* list.h -- every fault, once each, in the order that help shows them. No guard: it is
 * included again with another meaning of FAULT. */
FAULT(latency)
FAULT(bandwidth)
FAULT(hang)
FAULT(close)
FAULT(reset)
FAULT(limit)
FAULT(slice)
