"""rate and kill, and that nothing of them stays: on any kernel with HTB."""

import signal
import socket
import subprocess
import threading
import time

import pytest
from conftest import (CUT, FREE, NO_CAPABILITY, Link, classes, console, has_netem,
                      order, ours, qdiscs, tc, two_clients)
from peers import SUNDER, wait_until

CONSOLE = ("--console", "127.0.0.1:0")
RATE = "slow: on cut -> r1 replies do rate 8mbit"  # a million bytes a second


def run(*argv):
    done = subprocess.run([SUNDER, *argv], capture_output=True, text=True, timeout=60,
                          check=False)
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def start(sunder, servers):
    """start(rules...): a proxy with a session of each of two clients."""
    def begin(*rules):
        server = servers()
        proxy = sunder(None, (), *CONSOLE, config=two_clients(server, *rules))
        return (proxy, server, Link(proxy, server, source=CUT),
                Link(proxy, server, source=FREE))
    return begin


@pytest.mark.alone
def test_a_rate_is_kept_on_the_lane_it_names_and_on_no_other(start):
    _, _, cut, free = start(RATE)
    assert cut.carries(2_000_000, 1e6, 0.03)
    assert free.rate(2_000_000) > 5e6
    assert list(classes()) == ["5d:1"]


@pytest.mark.alone
def test_two_sessions_of_a_link_share_its_rate(start):
    proxy, server, cut, _ = start(RATE)
    other = Link(proxy, server, source=CUT)
    start_at = time.monotonic()
    both = [threading.Thread(target=link.rate, args=(600_000,)) for link in (cut, other)]
    for one in both:
        one.start()
    for one in both:
        one.join()
    assert len(classes()) == 1
    assert time.monotonic() - start_at > 0.9, "each by itself would take 0.6 s"


def test_a_change_leaves_the_class_and_the_other_lane_alone(start):
    proxy, _, cut, free = start(RATE, "other: on free -> r1 replies do rate 80mbit")
    cut.exchange()
    free.exchange()
    before = classes()
    assert sorted(c["rate"] for c in before.values()) == ["80Mbit", "8Mbit"]
    order(proxy, "RULE DEL slow")
    order(proxy, "RULE ADD slow: on cut -> r1 replies do rate 16mbit")
    free.exchange()
    after = classes()
    kept = {h: c for h, c in after.items() if c["rate"] == "80Mbit"}
    assert set(kept) < set(before), "the other lane has the class it had"
    assert all(c["sent"] > before[h]["sent"] for h, c in kept.items()), "with its counts"
    assert sorted(c["rate"] for c in after.values()) == ["16Mbit", "80Mbit"]


def test_a_second_rule_on_the_lane_changes_its_class_in_place(start):
    proxy, _, cut, _ = start(RATE)
    cut.exchange()
    before = classes()
    order(proxy, "RULE ADD more: on cut -> r1 replies do rate 4mbit")
    cut.exchange()
    after = classes()
    assert list(after) == list(before) and after["5d:1"]["rate"] == "4Mbit"
    assert after["5d:1"]["sent"] > before["5d:1"]["sent"], "counted on: not a new one"
    order(proxy, "RULE DEL more")
    assert classes()["5d:1"]["rate"] == "8Mbit"


def test_by_role_only_what_replicates_is_slowed(start):
    proxy, _, cut, free = start("on * -> r1 replies when role=replication do rate 8mbit")
    cut.exchange()
    assert not classes()
    free.dialer.send(b"PSYNC ? -1\r\n")
    free.peer.expect(b"PSYNC ? -1\r\n")
    wait_until(classes, "the replica's class")
    assert len(classes()) == 1
    proxy.terminate(2)


@pytest.mark.parametrize("how", ["the rule is removed", "its time is over", "SIGTERM",
                                 "SIGINT", "all sessions end"])
def test_it_is_undone_when(how, start):
    proxy, _, cut, free = start(RATE)
    assert ours()
    if how == "the rule is removed":
        order(proxy, "RULE DEL slow")
        assert not ours()
    elif how == "its time is over":
        order(proxy, "RULE DEL slow")
        order(proxy, "RULE ADD on cut -> r1 replies do rate 8mbit for 1s")
        assert ours()
        wait_until(lambda: not ours(), "the default qdisc is back")
    elif how == "SIGTERM":  # sessions may go on for a while; the faults may not
        proxy.terminate()
        wait_until(lambda: not ours(), "the default qdisc is back")
        assert proxy.process.poll() is None
        assert cut.rate(2_000_000) > 3e6
        proxy.terminate()
        assert proxy.wait() == 0
    elif how == "SIGINT":
        proxy.process.send_signal(signal.SIGINT)
        assert proxy.wait() == 0
        assert not ours()
    else:
        cut.close()
        free.close()
        order(proxy, "RULE DEL slow")
        assert not ours()


def killed(proxy):
    proxy.process.kill()
    proxy.wait()
    proxy.may_end_with = proxy.process.returncode
    assert ours(), "kill -9 leaves it behind: or this test shows nothing"


def test_after_kill_9_clean_removes_it_and_nothing_else(start):
    proxy, *_ = start(RATE)
    tc("qdisc add dev lo clsact")
    assert "yes  clean devices" in run("doctor")[1], "what is in use is not left over"
    killed(proxy)
    status, said, _ = run("doctor")
    assert status == 0 and "(lo: a root qdisc of ours)" in said
    assert ours(), "the doctor only looks"
    assert run("clean") == (0, "lo: removed\n", "")
    assert "yes  clean devices" in run("doctor")[1]
    assert [q["kind"] for q in qdiscs()] == ["noqueue", "clsact"]
    assert run("clean") == (0, "nothing of ours is on any device\n", "")
    tc("qdisc del dev lo clsact")


def test_after_kill_9_the_next_start_removes_it(start, sunder, servers):
    proxy, *_ = start(RATE)
    killed(proxy)
    second = sunder(servers())
    assert second.event("host.clean")["device"] == "lo"
    assert not ours()


def test_clean_leaves_foreign_qdiscs_alone(net):
    tc("qdisc add dev lo root handle 5d: htb")  # our handle, but not our mark
    before = tc("qdisc show dev lo")
    assert run("clean") == (0, "nothing of ours is on any device\n", "")
    assert tc("qdisc show dev lo") == before
    tc("qdisc del dev lo root")


def test_two_proxies_share_a_device_and_the_last_one_out_clears_it(start):
    first, _, cut, _ = start(RATE)
    second, _, other, _ = start("on cut -> r1 replies do rate 16mbit")
    assert set(classes()) == {"5d:1", "5d:1001"}
    status, out, _ = run("clean")
    assert status == 0 and "still uses it; removed 0 classes" in out
    assert set(classes()) == {"5d:1", "5d:1001"}
    first.process.send_signal(signal.SIGINT)
    assert first.wait() == 0
    assert set(classes()) == {"5d:1001"}
    other.exchange()
    cut.close()
    second.process.send_signal(signal.SIGINT)
    assert second.wait() == 0
    assert not ours()


def test_the_classes_of_a_dead_proxy_go_and_those_of_a_living_one_stay(start):
    first, *_ = start(RATE)
    second, _, other, _ = start("on cut -> r1 replies do rate 16mbit")
    killed(first)
    status, out, _ = run("clean")
    assert status == 0
    assert out == f"lo: process {second.process.pid} still uses it; removed 1 classes " \
                  "of dead ones\n"
    assert set(classes()) == {"5d:1001"}
    other.exchange()


# ---- refusals ----

def refusal(*rules, wrap=(), flags=(), upstream="127.0.0.1:1"):
    """What a proxy says that is started with such rules: exit code, text, hint."""
    argv = [*wrap, SUNDER, "proxy", "--listen", "127.0.0.1:0", "--upstream",
            upstream, "--console", "off", "--api", "off", *flags]
    for rule in rules:
        argv += ["--rule", rule]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    lines = [s for s in done.stderr.splitlines() if not s.startswith("t=")]
    return (done.returncode, *lines)


NETEM = "on * -> * do netem delay=50ms"


def test_without_the_capability_each_fault_says_so_and_what_comes_near():
    hint = "hint: run it as root or with that capability; 'do {}' comes near without"
    device = "sunder proxy: only CAP_NET_ADMIN may change how lo sends"
    assert refusal("on * -> * do rate 1mbit", wrap=NO_CAPABILITY) == \
        (3, device, hint.format("bandwidth 125k/s"))
    assert refusal(NETEM, wrap=NO_CAPABILITY) == (3, device, hint.format("latency 50ms"))
    assert refusal("on * -> * do kill", wrap=NO_CAPABILITY) == \
        (3, "sunder proxy: only CAP_NET_ADMIN may destroy sockets", hint.format("reset"))


def test_without_sch_netem_the_rule_is_refused_and_names_it():
    if has_netem():
        pytest.skip("this kernel has sch_netem")
    assert refusal(NETEM) == (
        3, "sunder proxy: this kernel has no sch_netem",
        "hint: try: modprobe sch_netem; 'do latency 50ms' comes near and needs none")
    assert refusal("on * -> * do netem loss=1%")[2] == \
        "hint: try: modprobe sch_netem; 'do loss 1%' comes near and needs none"
    assert not ours()


def test_a_rule_refused_by_a_running_proxy_changes_nothing(sunder, servers):
    if has_netem():
        pytest.skip("this kernel has sch_netem")
    proxy = sunder(servers(), "kept: on * -> * requests do rate 8mbit", *CONSOLE,
                   "--api", "127.0.0.1:0")
    plan, before = console(proxy, "RULE LIST"), tc("qdisc show")
    api = ("--api", proxy.event("api")["address"])
    assert run("rule", "add", *api, NETEM) == (
        3, "", "sunder rule add: this kernel has no sch_netem\n"
        "hint: try: modprobe sch_netem; 'do latency 50ms' comes near and needs none\n")
    assert console(proxy, "RULE LIST") == plan
    assert tc("qdisc show") == before


def test_a_peer_behind_a_unix_socket_has_no_device():
    assert refusal("on * -> * requests do rate 8mbit", upstream="unix:/nowhere") == (
        3, "sunder proxy: no device is between here and a Unix socket",
        "hint: latency, bandwidth and all that need no kernel work there as well")


def test_a_device_with_a_foreign_qdisc_is_refused_unless_told(sunder, servers):
    tc("qdisc add dev lo root handle 8001: tbf rate 1gbit burst 1mb latency 50ms")
    before = tc("qdisc show dev lo")
    assert refusal("on * -> * requests do rate 8mbit") == (
        3, "sunder proxy: lo has a root qdisc that is not ours: tbf 8001:",
        "hint: --replace-qdisc removes it for good; 'do bandwidth 1m/s' comes near and "
        "leaves it alone")
    assert tc("qdisc show dev lo") == before
    proxy = sunder(servers(), (), "--api", "127.0.0.1:0")
    status, _, told = run("rule", "add", "--api", proxy.event("api")["address"],
                          "on * -> * requests do rate 8mbit")
    assert status == 3 and "not ours: tbf 8001:" in told
    assert tc("qdisc show dev lo") == before
    proxy = sunder(servers(), "on * -> * requests do rate 8mbit", "--replace-qdisc")
    assert proxy.event("host.replaced")["qdisc"] == "tbf 8001:"
    assert not any(q["kind"] == "tbf" for q in qdiscs())


# ---- kill ----

def test_kill_destroys_both_ends_and_spares_the_listeners(start):
    proxy, server, cut, free = start()
    order(proxy, "RULE ADD k: on cut -> r1 do kill")
    for end in (cut.dialer, cut.peer):
        with pytest.raises(ConnectionAbortedError):
            end.recv(1)
    free.exchange()
    order(proxy, "RULE DEL k")
    Link(proxy, server, source=CUT).exchange()


def test_while_kill_is_in_force_sessions_die_as_they_begin(start):
    proxy, *_ = start()
    order(proxy, "RULE ADD on cut -> r1 do kill")
    with pytest.raises((ConnectionAbortedError, ConnectionResetError)):
        late = proxy.dial(source=CUT)
        late.send(b"x")
        late.recv(1)


# ---- several devices ----

def ip(*words):
    subprocess.run(["ip", *words], check=True)


@pytest.fixture
def cable(net):
    """A pair of devices: here 10.9.0.1, and 10.9.0.2 in a network of another process."""
    try:
        other = subprocess.Popen(["unshare", "-n", "sh", "-c",
                                  "ip link set lo up; echo; exec cat"], text=True,
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        other.stdout.readline()
        ip("link", "add", "here", "type", "veth", "peer", "name", "there", "netns",
           str(other.pid))
    except subprocess.CalledProcessError:
        other.stdin.close()
        other.wait()
        pytest.skip("no veth devices here")
    ip("addr", "add", "10.9.0.1/24", "dev", "here")
    ip("link", "set", "here", "up")
    enter = ["nsenter", f"--net=/proc/{other.pid}/ns/net"]
    for words in (["addr", "add", "10.9.0.2/24", "dev", "there"],
                  ["link", "set", "there", "up"]):
        subprocess.run([*enter, "ip", *words], check=True)
    yield enter
    ip("link", "del", "here")
    other.stdin.close()
    other.stdout.close()
    other.wait()


def test_each_lane_is_shaped_on_the_device_that_leads_to_its_peer(cable, sunder):
    """The server is behind a cable, the client on loopback."""
    code = ("import socket\n"
            "s = socket.create_server(('10.9.0.2', 0)); print(s.getsockname()[1], "
            "flush=True)\nc = s.accept()[0]\nwhile d := c.recv(65536): c.sendall(d)")
    with subprocess.Popen([*cable, "/usr/bin/python3", "-c", code], text=True,
                          stdout=subprocess.PIPE) as server:
        port = server.stdout.readline().strip()
        proxy = sunder(f"10.9.0.2:{port}", "on * -> * both do rate 8mbit", *CONSOLE)
        client = proxy.dial()
        client.send(b"PING\r\n")
        client.expect(b"PING\r\n")
        assert len(classes("lo")) == 1 and len(classes("here")) == 1
        assert ours("lo") and ours("here")
        order(proxy, "RULE DEL *")
        assert not ours("lo") and not ours("here")
        order(proxy, "RULE ADD k: on * -> * do kill for 1s")
        assert server.wait(30) != 0, "its end is not on this machine: it is reset"
        with pytest.raises(ConnectionAbortedError):
            client.recv(1)


def test_a_peer_elsewhere_does_not_lend_its_address_to_a_listener_here(cable, sunder):
    """10.9.0.2:P is a connection there; here somebody listens on 0.0.0.0:P."""
    code = ("import socket\n"
            "s = socket.create_server(('10.9.0.2', 0)); print(s.getsockname()[1], "
            "flush=True)\nc = s.accept()[0]\nc.recv(10)")
    with subprocess.Popen([*cable, "/usr/bin/python3", "-c", code], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as server:
        port = int(server.stdout.readline())
        with socket.create_server(("0.0.0.0", port)) as bystander:
            proxy = sunder(f"10.9.0.2:{port}", (), *CONSOLE)
            client = proxy.dial()
            wait_until(lambda: "connected" in console(proxy, "SESSIONS"), "a session")
            order(proxy, "RULE ADD k: on * -> * do kill for 1s")
            server.wait(30)
            with pytest.raises(ConnectionAbortedError):
                client.recv(1)
            socket.create_connection(("127.0.0.1", port), timeout=10).close()
            bystander.accept()[0].close()
