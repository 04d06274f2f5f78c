/* list.h -- every fault, once each, in the order that help shows them. No guard: it is
 * included again with another meaning of FAULT. */

/* the stream */
FAULT(latency)
FAULT(bandwidth)
FAULT(throttle)
FAULT(slice)
FAULT(limit)
FAULT(hang)
FAULT(swallow)
FAULT(freeze)
FAULT(close)
FAULT(reset)
FAULT(slow_close)
FAULT(slow_connect)
FAULT(refuse)

/* RESP */
FAULT(error)
FAULT(lose_reply)
FAULT(swallow_request)
FAULT(duplicate_request)
FAULT(duplicate_reply)
FAULT(reply)
FAULT(cut)
FAULT(hold)
FAULT(push)

/* replication */
FAULT(lag)
FAULT(hold_at)
FAULT(drop_acks)
FAULT(full_resync)
FAULT(rdb_cut)
FAULT(veto_capa)
FAULT(silent_loss)
FAULT(flip)
FAULT(swallow_exec)

/* the wire */
FAULT(blackhole)
FAULT(loss)

/* the host */
FAULT(netem)
FAULT(rate)
FAULT(kill)
