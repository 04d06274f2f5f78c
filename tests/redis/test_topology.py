"""`sunder topology check`: each known trap in a running set-up, and what mends it.

One lab with sentinels for all tests. Each puts one mistake into it, by the commands that
a wrong line of configuration amounts to; sees the trap named; and applies the lines that
were named, word by word, until there is no trap any more.
"""

import contextlib
import json
import shutil
import socket

import pytest
from labs import DEADLINE, Lab, Redis, sunder, wait_until
from proxies import Proxy
from servers import Configured

pytestmark = pytest.mark.skipif(not (shutil.which("redis-server") or
                                     shutil.which("valkey-server")),
                                reason="no redis-server")
HASTE = ["info-period", 200, "publish-period", 100, "ping-period", 200,
         "min-link-reconnect-period", 100]


class Extra(Configured):
    """One more server than the lab has, with a proxy of its own in front: at 127.0.0.1,
    and at another port than the server's, which is PROXY in the configuration."""

    def __init__(self, setup, directory, *config):
        self.proxy = Proxy(f"127.0.1.14:{setup.port}")
        self.at = self.proxy.at
        text = "\n".join(["bind 127.0.1.14", "bind-source-addr 127.0.1.14",
                          f"port {setup.port}", "protected-mode no", *config])
        try:
            super().__init__(f"127.0.1.14:{setup.port}", directory,
                             text.replace("PROXY", self.at.rpartition(":")[2]))
        except BaseException:
            self.__exit__()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()
        self.proxy.process.terminate()
        self.proxy.process.wait(DEADLINE)
        self.proxy.reader.join(DEADLINE)
        self.proxy.process.stderr.close()


class Setup:
    """The lab, and what `topology check` says of it."""

    def __init__(self, lab):
        self.lab = lab
        self.port = int(lab.master.rpartition(":")[2])
        self.sentinels = [n for n in lab.map["nodes"] if n["role"] == "sentinel"]
        self.urls = ",".join(f"redis://{n['address']}" for n in self.sentinels)
        self.places = []
        for n in lab.map["nodes"]:
            kind = "sentinel" if n["role"] == "sentinel" else "node"
            self.places += [f"--{kind}", f"{n['name']},{n['address']},{n['real']}"]

    @contextlib.contextmanager
    def extra(self, name, directory, *config):
        """A seventh server, r4 or s4, which the check is told of as of the others."""
        kind = "--sentinel" if name[0] == "s" else "--node"
        before = self.places
        with Extra(self, directory, *config) as extra:
            self.lab.map["nodes"].append({"name": name, "role": "", "real": extra.real})
            self.places = before + [kind, f"{name},{extra.at},{extra.real}"]
            try:
                yield extra
            finally:
                self.places = before
                self.lab.map["nodes"].pop()
        for n in self.sentinels:
            self.do(n["name"], "SENTINEL", "RESET", "mymaster")
        wait_until(self.is_whole, "all know each other, and the extra one no more")

    def check(self, *args):
        return sunder("topology", "check", *args, self.urls)

    def report(self, *args):
        run = self.check("-o", "json", *(args or self.places))
        assert run.returncode in (0, 1) and run.stderr == "", run.stderr
        report = json.loads(run.stdout)
        assert run.returncode == (1 if report["traps"] else 0)
        return report

    def traps(self, *args):
        return {(t["trap"], t["node"]) for t in self.report(*args)["traps"]}

    def expect_guess(self, *traps):
        """These and no other, when nobody says which addresses are the proxy's."""
        wait_until(lambda: {t for t, _ in self.traps("--timeout", "2s")} == set(traps),
                   f"without being told, the traps are {traps}")

    def do(self, name, *words):
        """Ask a node at its real address: no trap may stand in the way."""
        with Redis(self.lab.node(name)["real"]) as r:
            return r.do(*words)

    def info(self, name):
        with Redis(self.lab.node(name)["real"]) as r:
            return r.info("replication")

    def announce(self, name, ip, port):
        """As if the server had been started with these lines."""
        self.do(name, "CONFIG", "SET", "replica-announce-ip", ip)
        self.do(name, "CONFIG", "SET", "replica-announce-port", port)
        self.reconnect(name)

    def reconnect(self, name):
        self.do(name, "CLIENT", "KILL", "TYPE", "master")

    def monitor(self, name, host, port, *more):
        self.do(name, "SENTINEL", "REMOVE", "mymaster")
        assert self.do(name, "SENTINEL", "MONITOR", "mymaster", host, port, 2) == "OK"
        self.do(name, "SENTINEL", "SET", "mymaster", "down-after-milliseconds", 2000,
                "failover-timeout", 10000, *more)

    def expect(self, *traps):
        wait_until(lambda: self.traps() == set(traps), f"the traps are {traps}")

    def apply(self, trap):
        for line in trap["line"].splitlines():
            self.apply_line(trap["node"], trap["file"], line.split())

    def apply_line(self, node, file, words):
        if file == "redis-cli":
            for n in self.sentinels:
                assert self.do(n["name"], *words) == 1
        elif words[0] == "replicaof":
            assert self.do(node, *words) == "OK"
        elif words[0] != "sentinel":
            assert self.do(node, "CONFIG", "SET", *words) == "OK"
            if words[0].startswith("replica-announce"):
                self.reconnect(node)
        elif words[1] == "monitor":
            self.monitor(node, *words[3:5])
        else:
            assert self.do(node, "SENTINEL", "CONFIG", "SET", *words[1:]) == "OK"

    def mend_traps(self):
        """Do what it says until it says no more."""
        def done():
            traps = self.report()["traps"]
            for trap in traps:
                self.apply(trap)
            return not traps
        wait_until(done, "the lines that were named have mended it")

    def mend(self):
        self.mend_traps()
        wait_until(self.is_whole, "all know each other again")

    def is_whole(self):
        lists = [x for x in self.report()["listings"] if x["by"][0] == "s"]
        return len(lists) == 15 and all(x["way"] == "proxied" for x in lists)


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    with Lab(tmp_path_factory.mktemp("topology"), "--sentinels", "3") as running:
        yield running


@pytest.fixture(name="setup", scope="module")
def fixture_setup(lab):
    setup = Setup(lab)
    for n in setup.sentinels:
        setup.do(n["name"], "SENTINEL", "DEBUG", *HASTE)
    wait_until(setup.is_whole, "all sentinels know all")
    return setup


def test_a_right_setup_has_no_trap(setup):
    assert setup.traps() == set()
    setup.expect_guess()
    run = setup.check(*setup.places)
    assert run.returncode == 0 and run.stdout.endswith("\nno trap\n")
    for node in setup.lab.map["nodes"]:
        line = next(x for x in run.stdout.splitlines()
                    if x.strip(" -").startswith(node["name"] + " "))
        assert node["address"] in line and node["real"] in line and node["role"] in line


def test_a_replica_that_announces_nothing_is_not_found(setup):
    setup.announce("r2", "", 0)
    setup.expect(("replica-announce", "r2"))
    setup.expect_guess("replica-announce")
    listed = {v.split(",state")[0] for k, v in setup.info("r1").items()
              if k.startswith("slave")}
    assert f"ip=127.0.0.1,port={setup.port}" in listed
    setup.mend()


def test_a_replica_that_announces_its_real_address_goes_past_the_proxy(setup):
    """The sentinels remember the address when it is announced no more."""
    setup.announce("r3", *setup.lab.node("r3")["real"].split(":"))
    setup.expect(("replica-announce", "r3"))
    setup.expect_guess("replica-announce")
    wait_until(lambda: setup.lab.node("r3")["real"] in
               str(setup.do("s1", "SENTINEL", "REPLICAS", "mymaster")), "s1 knows it")
    setup.announce("r3", *setup.lab.node("r3")["address"].split(":"))
    wait_until(lambda: ("reused-conf", "s1") in setup.traps(), "s1 is named")
    setup.mend()


def sentinel_conf(setup, *lines):
    host, port = setup.lab.node("r1")["address"].split(":")
    return (f"sentinel monitor mymaster {host} {port} 2",
            "sentinel down-after-milliseconds mymaster 2000", *lines)


def test_a_sentinel_that_announces_nothing_is_reached_past_the_proxy(setup, tmp_path):
    with setup.extra("s4", tmp_path, *sentinel_conf(setup)):
        def others_go_past_the_proxy():
            return {x["by"] for x in setup.report()["listings"]
                    if x["is"] == "s4" and x["way"] == "direct"} == {"s1", "s2", "s3"}
        wait_until(others_go_past_the_proxy, "the others reach s4 directly")
        assert setup.traps() == {("sentinel-announce", "s4")}
        setup.expect_guess("sentinel-announce")
        setup.mend_traps()
        setup.do("s4", "SENTINEL", "CONFIG", "SET", "announce-ip", "127.0.1.14")
        setup.do("s4", "SENTINEL", "CONFIG", "SET", "announce-port", setup.port)
        setup.expect(("sentinel-announce", "s4"))
        setup.mend_traps()


def test_an_announced_address_without_its_port_is_another_one(setup, tmp_path):
    host, port = setup.lab.node("r1")["address"].split(":")
    with setup.extra("r4", tmp_path, f"replicaof {host} {port}",
                     "replica-announce-ip 127.0.0.1"):
        setup.expect(("announce-port", "r4"))
        wait_until(lambda: f"ip=127.0.0.1,port={setup.port}" in str(setup.info("r1")),
                   "the master lists r4 where it is not")
        setup.mend_traps()


def test_a_sentinel_that_watches_the_real_master_turns_the_replicas_to_it(setup):
    host, port = setup.lab.node("r1")["real"].split(":")
    setup.monitor("s1", host, port, "failover-timeout", 500)
    wait_until(lambda: {("real-address", "s1"), ("many-addresses", "s1")} <=
               setup.traps(), "s1 is named")
    wait_until(lambda: {("real-address", "r2"), ("real-address", "r3")} &
               setup.traps(), "a replica was pointed to the real address")
    setup.expect_guess("real-address", "many-addresses")
    setup.mend()


def test_names_are_of_no_use_to_sentinels_that_do_not_resolve_them(setup):
    setup.announce("r2", "localhost", setup.port)
    setup.expect(*(("hostnames", n["name"]) for n in setup.sentinels))
    setup.expect_guess("hostnames")
    setup.announce("r2", *setup.lab.node("r2")["address"].split(":"))
    setup.mend()


def test_two_addresses_for_one_master_are_two_masters_to_the_sentinels(setup):
    with Proxy(setup.lab.node("r1")["real"]) as second:
        setup.monitor("s3", *second.at.split(":"))
        wait_until(lambda: ("many-addresses", "s3") in setup.traps(), "s3 is named")
        setup.expect_guess("many-addresses")
        asked = ["SENTINEL", "IS-MASTER-DOWN-BY-ADDR",
                 *setup.lab.node("r1")["address"].split(":"), 0, "*"]
        assert setup.do("s3", *asked)[0] == 0
        setup.mend()


def test_protected_mode_without_a_password_denies_who_is_not_local(setup):
    assert setup.do("r3", "CONFIG", "SET", "protected-mode", "yes") == "OK"
    setup.expect(("protected-mode", "r3"))
    host, port = setup.lab.node("r3")["real"].split(":")
    with socket.create_connection((host, int(port)), 10, ("127.0.1.99", 0)) as s:
        assert s.recv(100).startswith(b"-DENIED")
    setup.mend()


def test_a_master_that_announces_nothing_is_a_trap_already(setup):
    setup.announce("r1", "", 0)
    setup.expect(("master-announce", "r1"))
    setup.expect_guess("master-announce")
    setup.mend()


def test_a_second_connection_for_full_syncs_leaves_a_ghost(setup):
    """What Redis 8.0 does with repl-rdb-channel: a full sync on a connection that says at
    which port it listens, and not at which address."""
    with Redis(setup.lab.master) as channel:
        assert channel.do("REPLCONF", "listening-port", setup.port) == "OK"
        assert channel.do("PSYNC", "?", -1).startswith("FULLRESYNC")
        wait_until(lambda: f"127.0.0.1:{setup.port}" in
                   str(setup.do("s1", "SENTINEL", "REPLICAS", "mymaster")),
                   "a sentinel has seen it")
    setup.expect(("ghost-replica", f"127.0.0.1:{setup.port}"))
    setup.expect_guess("ghost-replica")
    setup.mend()


def test_a_dead_node_whose_proxy_accepts_is_named(setup, tmp_path):
    host, port = setup.lab.node("r1")["address"].split(":")
    with setup.extra("r4", tmp_path, f"replicaof {host} {port}",
                     "replica-announce-ip 127.0.0.1",
                     "replica-announce-port PROXY") as extra:
        wait_until(lambda: extra.at in
                   str(setup.do("s1", "SENTINEL", "REPLICAS", "mymaster")), "r4 is known")
        setup.expect()
        extra.end()
        setup.expect(("dead-accepts", "r4"))
        wait_until(lambda: "s_down" in
                   str(setup.do("s1", "SENTINEL", "REPLICAS", "mymaster")), "it is down")
        setup.expect_guess("dead-accepts")


def test_a_copied_sentinel_conf_makes_two_sentinels_one(setup, tmp_path):
    myid = setup.do("s3", "SENTINEL", "MYID")
    with setup.extra("s4", tmp_path, *sentinel_conf(
            setup, f"sentinel myid {myid}", "sentinel announce-ip 127.0.0.1",
            "sentinel announce-port 1",
            f"sentinel known-replica mymaster 127.0.2.19 {setup.port}")):
        wait_until(lambda: ("reused-conf", "s4") in setup.traps(), "s4 is named")
        what = [t["what"] for t in setup.report()["traps"] if t["node"] == "s4"]
        assert any("127.0.2.19" in w for w in what) and any("one myid" in w for w in what)


def test_a_replica_that_follows_what_it_followed_before_is_named(setup, tmp_path):
    with setup.extra("r4", tmp_path, f"replicaof 127.0.2.19 {setup.port}",
                     "replica-announce-ip 127.0.0.1", "replica-announce-port PROXY"):
        setup.expect(("reused-conf", "r4"))
        setup.mend_traps()
        assert setup.info("r4")["master_host"] == "127.0.2.1"


def test_passwords_are_for_those_who_want_one(setup, tmp_path):
    """The sentinels have none, r4 has; and a wrong one is told as such."""
    host, port = setup.lab.node("r1")["address"].split(":")
    with setup.extra("r4", tmp_path, f"replicaof {host} {port}",
                     "replica-announce-ip 127.0.0.1", "replica-announce-port PROXY",
                     "requirepass secret") as r4:
        alone = sunder("topology", "check", f"redis://{r4.at}")
        assert alone.returncode == 3 and "does not let us in: NOAUTH" in alone.stderr
        assert "secret" not in alone.stderr
        run = sunder("topology", "check", *setup.places, setup.urls,
                     env={"URL_M": f"redis://:secret@{r4.at}"})
        assert run.returncode == 0, run.stdout
        drawn = {x.strip(" -").split()[0] for x in run.stdout.splitlines() if x}
        assert {"r1", "r2", "r3", "r4", "s1", "s2", "s3"} <= drawn


def test_what_it_cannot_read_is_exit_3_and_what_makes_no_sense_2(setup):
    nobody = sunder("topology", "check", "redis://127.0.0.1:1")
    assert nobody.returncode == 3
    assert "nobody answers at 127.0.0.1" in nobody.stderr and "hint: " in nobody.stderr
    for wrong, word in [(["--node", "r1,127.0.0.1:1"], "NAME,PROXY,REAL"),
                        (["--config", "/nowhere"], "/nowhere"),
                        (["-o", "xml"], "text or json"),
                        (["--master", "other"], "'mymaster'")]:
        run = setup.check(*wrong)
        assert run.returncode == 2 and word in run.stderr, run.stderr
