"""Mixed traffic, made from a seed: what a client sends and what a server answers.

Inline commands, RESP2 and RESP3 of every type and size, pushes in between; the same on
both ends without a word between them, because both draw it from the same seed.
"""

import random

# Values to take pieces of: drawing 64 MiB of random bytes anew would be the bottleneck.
NOISE = random.Random("noise").randbytes(1 << 21)


def blob(rng, longest=1 << 20):
    """Binary, of a length that is small, or not at all, or huge."""
    n = rng.choice((0, 1, 2, rng.randrange(64), rng.randrange(64), rng.randrange(20000)))
    if rng.random() < 0.004:
        n = rng.randrange(longest)
    at = rng.randrange(len(NOISE) - n)
    return NOISE[at:at + n]


def bulk(data, kind=b"$"):
    return b"%b%d\r\n%b\r\n" % (kind, len(data), data)


def line(rng, n=40):
    return b"".join(rng.choice((b"x", b"-", b" ", b"\xc3\xa9", b":")) for _ in range(n))


def request(rng):
    key = b"key:%d" % rng.randrange(1000)
    kind = rng.randrange(10)
    if kind == 0:
        return rng.choice((b"PING", b"get " + key, b'set k "a b"', b"incr  n ")) + \
            rng.choice((b"\r\n", b"\n"))
    words = {1: [b"PING"], 2: [b"MSET"] + [blob(rng, 4096)] * rng.randrange(2, 40, 2),
             3: [b"EVAL", blob(rng), b"0"]}.get(kind) or rng.choice(
                 ([b"SET", key, blob(rng)], [b"GET", key], [b"HGETALL", key],
                  [b"lpush", key, blob(rng), blob(rng)]))
    return b"*%d\r\n" % len(words) + b"".join(map(bulk, words))


def scalar(rng):
    kind = rng.randrange(12)
    return (lambda: bulk(blob(rng)), lambda: b"+" + line(rng) + b"\r\n",
            lambda: b"-ERR " + line(rng) + b"\r\n",
            lambda: b":%d\r\n" % rng.randrange(-2 ** 63, 2 ** 63), lambda: b"$-1\r\n",
            lambda: b"*-1\r\n", lambda: b"_\r\n", lambda: b"#t\r\n",
            lambda: b",-1.5e3\r\n", lambda: b"(%d\r\n" % rng.randrange(2 ** 200),
            lambda: bulk(b"txt:" + blob(rng), b"="),
            lambda: bulk(blob(rng), b"!"))[kind]()


def value(rng, depth=0):
    if depth > 4 or rng.random() < 0.7:
        return scalar(rng)
    kind, n = rng.choice(b"*~%*"), rng.randrange(6)
    count = n * 2 if kind == ord("%") else n
    return b"%c%d\r\n" % (kind, n) + b"".join(value(rng, depth + 1) for _ in range(count))


def reply(rng):
    push = b">2\r\n" + bulk(b"invalidate") + b"*1\r\n" + bulk(b"key:1")
    attribute = b"|1\r\n+ttl\r\n:3600\r\n"
    return (push if rng.random() < 0.03 else b"") + \
        (attribute if rng.random() < 0.02 else b"") + value(rng)


class Batches:
    """Batches of requests, each with the replies to them, size bytes in all."""

    def __init__(self, seed, size, batch=1 << 18):
        self.seed, self.size, self.batch = seed, size, batch

    def __iter__(self):
        rng, made = random.Random(self.seed), 0
        while made < self.size:
            requests, replies, n = [], [], 0
            while n < self.batch:
                requests.append(request(rng))
                replies.append(reply(rng))
                n += len(requests[-1]) + len(replies[-1])
            made += n
            yield b"".join(requests), b"".join(replies)


def slices(rng, data):
    """The same bytes, cut anywhere: mostly long runs, at times a byte at a time."""
    view, at = memoryview(data), 0
    while at < len(view):
        longest = rng.choice((1, 3, 40, 1500, 30000, 200000, 200000))
        n = rng.randrange(1, longest + 1)
        yield view[at:at + n]
        at += n
