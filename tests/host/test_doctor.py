"""sunder doctor says what this machine can do: held against what it can."""

import json
import subprocess

from conftest import NO_CAPABILITY, has_netem
from peers import SUNDER


def doctor(*wrap):
    done = subprocess.run([*wrap, SUNDER, "doctor", "-o", "json"], text=True, timeout=60,
                          capture_output=True, check=True)
    told = json.loads(done.stdout)
    return {c["name"]: c for c in told["checks"]}, told


def test_an_administrator_can_what_the_kernel_can():
    checks, told = doctor()
    assert told["root"] is True
    assert checks["htb"]["can"] is True and "get" not in checks["htb"]
    assert checks["SOCK_DESTROY"]["can"] is True
    assert checks["netem"]["can"] is has_netem()
    if not has_netem():
        assert checks["netem"]["detail"] == "this kernel has none"
        assert "modprobe sch_netem" in checks["netem"]["get"]
    with open("/proc/sys/kernel/osrelease", encoding="ascii") as f:
        assert told["versions"]["kernel"].startswith(f.read().strip())
    assert {"sunder", "libuv", "hiredis", "libnl"} <= set(told["versions"])


def test_without_the_capability_it_says_what_the_kernel_could_and_who_may():
    checks, _ = doctor(*NO_CAPABILITY)
    for name in ("htb", "SOCK_DESTROY"):
        assert checks[name]["can"] is False
        assert checks[name]["detail"] in ("the kernel can, but we may not",
                                          "not asked: that takes CAP_NET_ADMIN")
        assert "CAP_NET_ADMIN" in checks[name]["get"]
    assert checks["stream"]["can"] is True


def test_without_a_server_it_says_what_to_install():
    checks, _ = doctor("env", "PATH=/nowhere")
    assert checks["redis-server"]["can"] is False
    assert "apt-get install redis-server" in checks["redis-server"]["get"]


def test_for_people_it_is_a_line_for_each():
    out = subprocess.run([SUNDER, "doctor"], text=True, timeout=60, capture_output=True,
                         check=True).stdout
    lines = [line.split()[:2] for line in out.splitlines()]
    assert ["yes", "htb"] in lines and ["yes", "stream"] in lines
    assert [("no", "yes")[has_netem()], "netem"] in lines
