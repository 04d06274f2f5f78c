#!/usr/bin/python3
"""What sunder costs, beside HAProxy in TCP mode and nutcracker: `make bench`.

Each round runs every measure through every peer, in an order that turns from round to
round, so that what else the machine does hits all alike. A ratio is taken within a round;
the table shows the median over the rounds. A peer that is not installed is left out, and
the table says so.

    bench.py [--rounds 7] [--quick] [--only TEXT] [--write docs/performance.md]
"""

import argparse
import contextlib
import csv
import glob
import io
import os
import re
import resource
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

PATH = os.environ["PATH"] + ":/usr/sbin:/sbin"
IDLE = 10_000  # connections, or what the limit on descriptors leaves of them
BEGIN, END = "<!-- bench: begin -->", "<!-- bench: end -->"

# name: (redis-benchmark's words, requests, requests with --quick)
LOADS = {
    "P1": (["-t", "get", "-c", "50", "-P", "1"], 50_000, 20_000),
    "P16": (["-t", "get", "-c", "50", "-P", "16"], 480_000, 160_000),
    "P64": (["-t", "get", "-c", "50", "-P", "64"], 960_000, 320_000),
    "1conn": (["-t", "get", "-c", "1", "-P", "1"], 12_000, 4_000),
    "1MiB": (["-t", "set", "-c", "10", "-d", str(1 << 20)], 2_000, 600),
    "connect": (["-t", "get", "-c", "50", "-k", "0"], 5_000, 2_000),
}


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def more_descriptors():
    """For this process and, as they inherit it, for all it starts."""
    for n in (65536, resource.getrlimit(resource.RLIMIT_NOFILE)[1]):
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (n, n))
            break


def most_idle():
    """A proxy needs two descriptors a connection, and some of its own."""
    return min(IDLE, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2 - 64)


class Process:
    """A server of ours, ready when its port takes a connection."""

    def __init__(self, name, argv, port):
        self.name, self.port = name, port
        self.log = tempfile.TemporaryFile("w+")
        self.popen = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=self.log,
                                      stderr=subprocess.STDOUT)
        end = time.monotonic() + 10
        while not self.listens():
            if self.popen.poll() is not None or time.monotonic() > end:
                self.log.seek(0)
                sys.exit(f"bench: {name} does not start: {self.log.read()[-500:]}")
            time.sleep(0.01)

    def listens(self):
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", self.port)) == 0

    def cpu(self):
        """Seconds on a CPU, all threads."""
        total = 0
        for path in glob.glob(f"/proc/{self.popen.pid}/task/*/schedstat"):
            with open(path, encoding="ascii") as f:
                total += int(f.read().split()[0])
        return total / 1e9

    def rss(self):
        with open(f"/proc/{self.popen.pid}/status", encoding="ascii") as f:
            return next(int(s.split()[1]) * 1024 for s in f if s.startswith("VmRSS"))

    def stop(self):
        self.popen.send_signal(signal.SIGTERM)
        try:
            self.popen.wait(3)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait()
        self.log.close()


def redis(folder):
    port = free_port()
    return Process("direct", [
        "redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "",
        "--appendonly", "no", "--dir", folder, "--maxclients", str(most_idle() + 50),
        "--tcp-backlog", "4096"], port)


def sunder(name, binary, folder, target, *rules):
    del folder
    port = free_port()
    argv = [binary, "proxy", "--listen", f"127.0.0.1:{port}", "--upstream",
            f"127.0.0.1:{target}", "--api", "off", "--console", "off"]
    for rule in rules:
        argv += ["--rule", rule]
    return Process(name, argv, port)


def haproxy(binary, folder, target):
    port, path = free_port(), os.path.join(folder, "haproxy.cfg")
    with open(path, "w", encoding="ascii") as f:
        f.write(f"""global
    maxconn {most_idle()}
    nbthread 1
defaults
    mode tcp
    timeout connect 5s
    timeout client 1h
    timeout server 1h
listen redis
    bind 127.0.0.1:{port} backlog 4096
    server r1 127.0.0.1:{target}
""")
    return Process("haproxy", [binary, "-db", "-f", path], port)


def nutcracker(binary, folder, target):
    port, stats = free_port(), free_port()
    path = os.path.join(folder, "nutcracker.yml")
    with open(path, "w", encoding="ascii") as f:
        f.write(f"""pool:
  listen: 127.0.0.1:{port}
  redis: true
  hash: fnv1a_64
  distribution: ketama
  auto_eject_hosts: false
  backlog: 4096
  servers:
   - 127.0.0.1:{target}:1
""")
    return Process("nutcracker", [binary, "-c", path, "-s", str(stats), "-o",
                                  os.path.join(folder, "nutcracker.log")], port)


def peers(args, folder, stack):
    """{name: Process or the reason why not}, direct first."""
    def start(make, *rest):
        process = make(*rest)
        stack.callback(process.stop)
        return process
    server = start(redis, folder)
    found = {"direct": server}
    idle = "on * -> * when command=NOSUCH do latency 1s"
    zero = "on * -> * both do latency 0"
    drawn = "on * -> * both chance=50% do latency 0"
    for name, *rules in (("sunder",), ("one idle rule", idle), ("0 ms rule", zero),
                         ("drawn rule", drawn)):
        found[name] = start(sunder, name, args.sunder, folder, server.port, *rules)
    for name, make in (("haproxy", haproxy), ("nutcracker", nutcracker)):
        binary = shutil.which(name, path=PATH)
        found[name] = start(make, binary, folder, server.port) if binary else \
            f"skipped: {name} is not installed"
    return found


def small_value(server):
    """What redis-benchmark reads: the load with 1 MiB values has left one there."""
    with socket.create_connection(("127.0.0.1", server.port)) as s:
        s.sendall(b"SET key:__rand_int__ xxx\r\n")
        assert s.recv(10) == b"+OK\r\n"


def load(peer, name, quick):
    """One run: {what: figure}."""
    words, n, n_quick = LOADS[name]
    n = n_quick if quick else n
    before = peer.cpu()
    argv = ["redis-benchmark", "-p", str(peer.port), "-n", str(n), "--csv", *words]
    out = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=True)
    cpu = peer.cpu() - before
    table = out.stdout[out.stdout.index('"test"'):]
    row = next(csv.DictReader(io.StringIO(table)))
    return {"rps": float(row["rps"]), "p50": float(row["p50_latency_ms"]) * 1000,
            "cpu": cpu / n * 100_000, "gbs": float(row["rps"]) * (1 << 20) / 1e9,
            "cpugb": cpu / (n * (1 << 20) / 1e9)}


def idle(peer, n):
    """Memory with n connections that have said nothing."""
    before, open_now = peer.rss(), []
    try:
        for _ in range(n):
            open_now.append(socket.create_connection(("127.0.0.1", peer.port), 10))
        # A proxy accepts and connects on in its own time: wait until it is done.
        last, still = -1, 0
        while still < 5:
            time.sleep(0.1)
            now = peer.rss()
            still, last = (still + 1 if now == last else 0), now
        return {"rss": last, "each": (last - before) / n}
    finally:
        for s in open_now:
            s.close()


# title, load, figure, unit, digits, targets: ((peer, the better sign, bound), ...)
ROWS = [
    ("GET, P=1", "P1", "rps", "req/s", 0, (("haproxy", ">=", 0.95),)),
    ("GET, P=1, p50", "P1", "p50", "us", 0, ()),
    ("GET, P=1, CPU", "P1", "cpu", "s/100k", 3, (("haproxy", "<=", 1.00),)),
    ("GET, P=16", "P16", "rps", "req/s", 0, (("haproxy", ">=", 0.95),
                                             ("nutcracker", ">=", 1.25))),
    ("GET, P=16, CPU", "P16", "cpu", "s/100k", 4, (("haproxy", "<=", 1.00),)),
    ("GET, P=64", "P64", "rps", "req/s", 0, (("haproxy", ">=", 0.85),
                                             ("nutcracker", ">=", 3.3))),
    ("GET, P=64, CPU", "P64", "cpu", "s/100k", 4, (("haproxy", "<=", 1.15),)),
    ("1 connection, p50", "1conn", "p50", "us", 0, (("haproxy", "<=", 1.05),)),
    ("SET 1 MiB", "1MiB", "gbs", "GB/s", 2, (("haproxy", ">=", 1.10),)),
    ("SET 1 MiB, CPU", "1MiB", "cpugb", "s/GB", 3, (("haproxy", "<=", 0.70),)),
    ("new connections", "connect", "rps", "conn/s", 0, (("haproxy", ">=", 0.93),)),
    ("idle connection", "idle", "each", "bytes", 0, ((None, "<=", 1280),)),
    ("RSS, 10 000 idle", "idle", "rss", "MiB", 1, ((None, "<=", 16 << 20),)),
]
RULES = [("one idle rule", 0.97), ("0 ms rule", 0.85), ("drawn rule", None)]


def measure(args, found):
    """{(load, figure, peer): [a value a round]}"""
    out, alive = {}, [(n, p) for n, p in found.items() if isinstance(p, Process)]
    loads = [l for l in LOADS if args.only in l]
    for r in range(args.rounds):
        for i, name in enumerate(loads):
            turn = (r + i) % len(alive)
            for peer_name, peer in alive[turn:] + alive[:turn]:
                show(f"round {r + 1} of {args.rounds}: {name} through {peer_name}")
                small_value(found["direct"])
                for figure, value in load(peer, name, args.quick).items():
                    out.setdefault((name, figure, peer_name), []).append(value)
    if args.only in "idle":
        n = most_idle() - 100
        for peer_name, peer in alive[1:]:
            if peer_name in ("sunder", "haproxy", "nutcracker"):
                show(f"{n} idle connections through {peer_name}")
                for figure, value in idle(peer, n).items():
                    out[("idle", figure, peer_name)] = [value]
    show("")
    return out


def show(text):
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def ratio(out, name, figure, over, under="sunder"):
    a, b = out.get((name, figure, under)), out.get((name, figure, over))
    return statistics.median(x / y for x, y in zip(a, b) if y) if a and b else None


def verdict(value, sign, bound):
    good = value >= bound if sign == ">=" else value <= bound
    return "met" if good else "**missed**"


def figures_row(out, title, name, figure, unit, digits):
    cells = []
    for peer in ("direct", "sunder", "haproxy", "nutcracker"):
        values = out.get((name, figure, peer))
        scale = 1 << 20 if unit == "MiB" else 1
        none = not values or (peer == "direct" and "CPU" in title)
        cells.append("–" if none else f"{statistics.median(values) / scale:,.{digits}f}")
    return f"| {title} | {unit} | " + " | ".join(cells) + " |"


def target_rows(out):
    for title, name, figure, unit, _, targets in ROWS:
        for over, sign, bound in targets:
            if over is None:
                values = out.get((name, figure, "sunder"))
                value = statistics.median(values) if values else None
                scale = 1 << 20 if unit == "MiB" else 1
                text, limit = "sunder", f"{bound / scale:,.0f} {unit}"
                shown = f"{value / scale:,.0f}" if value else None
            else:
                value = ratio(out, name, figure, over)
                text, limit = f"to {over}", f"{bound:.2f}"
                shown = value and f"{value:.2f}"
            if value is not None:
                yield (f"| {title} | {text} | {sign} {limit} | {shown} "
                       f"| {verdict(value, sign, bound)} |")
    for rule, bound in RULES:
        for name in ("P1", "P16", "P64"):
            value = ratio(out, name, "cpu", rule)
            if value is not None:
                target, met = (f">= {bound:.2f}", verdict(value, ">=", bound)) if bound \
                    else ("–", "")
                yield (f"| {rule}, P={name[1:]} | requests per CPU second, to no rule "
                       f"| {target} | {value:.2f} | {met} |")


def version(*argv):
    """The first number with dots in what a program says of itself."""
    out = subprocess.run(argv, capture_output=True, text=True, check=False)
    found = re.search(r"\d+(\.\d+)+", out.stdout + out.stderr)
    return found.group() if found else "?"


def setting(args, found):
    """Where and what of a measurement, in a sentence."""
    words = [f"{args.rounds} rounds{' of small loads' if args.quick else ''}",
             f"{os.cpu_count()} cores with a load of {args.load:.1f} before",
             f"Linux {version('uname', '-r')}",
             f"redis-server {version('redis-server', '--version')}"]
    for name, flag in (("haproxy", "-v"), ("nutcracker", "-V")):
        if isinstance(found[name], Process):
            words.append(f"{name} {version(shutil.which(name, path=PATH), flag)}")
    return f"Measured {time.strftime('%Y-%m-%d')}, medians: {', '.join(words)}."


def report(args, found, out):
    lines = [setting(args, found), ""]
    lines += [why for why in found.values() if isinstance(why, str)]
    lines += ["| measure | unit | direct | sunder | haproxy | nutcracker |",
              "|---|---|---:|---:|---:|---:|"]
    lines += [figures_row(out, *row[:5]) for row in ROWS if any(
        (row[1], row[2], p) in out for p in found)]
    lines += ["", "| measure | ratio | target | measured | |", "|---|---|---:|---:|---|"]
    return "\n".join(lines + list(target_rows(out)))


def write(path, table):
    with open(path, encoding="utf-8") as f:
        before, _, rest = f.read().partition(BEGIN)
    after = rest.partition(END)[2]
    with open(path, "w", encoding="utf-8") as f:
        f.write(f"{before}{BEGIN}\n{table}\n{END}{after}")


def main():
    args = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    args.add_argument("--sunder", default="build/sunder")
    args.add_argument("--rounds", type=int, default=7)
    args.add_argument("--quick", action="store_true", help="smaller loads")
    args.add_argument("--only", default="", help="loads whose name contains this")
    args.add_argument("--write", metavar="FILE", help="put the table between its markers")
    args = args.parse_args()
    if not shutil.which("redis-benchmark"):
        sys.exit("bench: there is no redis-benchmark (package redis-tools)")
    args.load = os.getloadavg()[0]
    more_descriptors()
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        found = peers(args, folder, stack)
        table = report(args, found, measure(args, found))
    print(table)
    if args.write:
        write(args.write, table)


if __name__ == "__main__":
    main()
