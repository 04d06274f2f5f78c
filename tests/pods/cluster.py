"""A cluster of one machine: what is rendered from k8s/ runs as pods, in a network of its
own that vanishes with the test.

podman is the kubelet; the kernel's address translation is what a Service's address is
made of, with sources kept as they are; and the name server of tests/wire answers for
Services and pods. What a run that was killed leaves behind, the next one removes.

Images hold programs of this machine and their libraries, put together in seconds: our
Dockerfile's last stage around the program under test, and a Redis with the few words that
its scripts need. With BASE, a Debian 12 for `make image`, ours is built from its first
stage on.
"""

import ctypes
import fcntl
import glob
import ipaddress
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [os.path.join(ROOT, "tests", "k8s"), os.path.join(ROOT, "tests", "wire")]

from manifests import K8S, SUNDER, modules, need, objects, render  # noqa: E402
from nameserver import Nameserver  # noqa: E402

DEADLINE = 180
NAMESPACE, DOMAIN = "shop", "k.test"
GATEWAY = "10.200.0.1"
LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNET = 0x40000000
SECRETS = {"sunder-api": {"token": "open sesame"}}  # what users make themselves

CONFIG = """
[containers]
default_ulimits = ["nofile=16384:16384", "nproc=16384:16384"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
"""

FOLDER, PREFIX = "/var/tmp", "sunder-pods-"
REDIS = "FROM scratch\nCOPY image/ /\nENV PATH=/usr/local/bin\n"
WORDS = ("redis-server", "redis-cli", "sh", "cat", "grep", "sleep", "timeout")


def run(*argv, check=True, **kwargs):
    done = subprocess.run([str(a) for a in argv], capture_output=True, text=True,
                          timeout=kwargs.pop("timeout", DEADLINE), check=False, **kwargs)
    if check:
        assert done.returncode == 0, f"{argv}: {done.stdout}{done.stderr}"
    return done


def podman_words(store):
    """podman with a store of its own, and with what it needs where cgroups are old."""
    return ["env", f"CONTAINERS_CONF={store}/containers.conf", "podman", "--runtime",
            "runc", "--root", f"{store}/root", "--runroot", f"{store}/run", "--tmpdir",
            f"{store}/tmp"]


def remove_pods(podman):
    """All at once: each takes its time."""
    names = run(*podman, "pod", "ps", "--format", "{{.Name}}", check=False).stdout.split()
    for done in [subprocess.Popen([*podman, "pod", "rm", "-f", "-t", "0", name],
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                 for name in names]:
        done.wait(DEADLINE)


def remove_store(store):
    podman = podman_words(store)
    remove_pods(podman)
    run(*podman, "rmi", "-a", "-f", check=False)
    run("umount", "-l", f"{store}/root/overlay", check=False)
    shutil.rmtree(store, ignore_errors=True)


def lock(store, wait=True):
    """Held by who uses a store, until it ends, however it ends. None: another does."""
    f = open(os.path.join(store, "lock"), "w", encoding="ascii")
    try:
        fcntl.flock(f, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        return f
    except BlockingIOError:
        f.close()
        return None


def sweep():
    """Remove what runs have left behind that could not do it themselves."""
    for store in glob.glob(f"{FOLDER}/{PREFIX}*"):
        held = lock(store, wait=False)
        if held:
            remove_store(store)
            held.close()


class Images:
    """Ours, and a Redis."""

    def __init__(self):
        for program in ("podman", "runc", "iptables", "ip", *WORDS):
            need(program)
        modules()  # while there is a network
        turn = os.open(FOLDER, os.O_RDONLY)  # no run sweeps what another begins
        fcntl.flock(turn, fcntl.LOCK_EX)
        sweep()
        self.store = tempfile.mkdtemp(dir=FOLDER, prefix=PREFIX)
        os.chmod(self.store, 0o755)  # pods have folders in it
        self.lock = lock(self.store)
        os.close(turn)
        with open(f"{self.store}/containers.conf", "w", encoding="ascii") as f:
            f.write(CONFIG)
        self.podman = podman_words(self.store)
        with open(os.path.join(ROOT, "Makefile"), encoding="utf-8") as f:
            self.version = next(line.split()[-1] for line in f if line[:7] == "VERSION")

    def able(self):
        """Skips where the machine lets nobody run a container, or make a network: not all
        that have podman have the rights for it."""
        run_one = [*self.podman, "run", "--rm", "--network", "none", "localhost/redis",
                   "sh", "-c", "exit 0"]
        network = ["unshare", "-n", "sh", "-c",
                   "ip link add name pod1 type veth peer pod2 && "
                   "iptables -w 5 -t nat -A OUTPUT -d 10.201.0.1 -p tcp --dport 1 -m "
                   "statistic --mode nth --every 2 --packet 0 -j DNAT --to 10.200.1.1:1"]
        for argv in (run_one, network):
            done = run(*argv, check=False)
            if done.returncode != 0:
                last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
                pytest.skip(f"no pods on this machine: {last}")

    def build(self):
        redis, ours = f"{self.store}/redis", f"{self.store}/sunder"
        for word in WORDS:
            self.closure(shutil.which(word), redis)
        self.podman_build("-t", "localhost/redis", redis, text=REDIS)
        self.able()
        if "BASE" in os.environ:
            env = {**os.environ, "BUILDER": " ".join(self.podman),
                   "BUILD_FLAGS": "--network=host"}
            run("make", "image", cwd=ROOT, env=env, timeout=600)
            return
        self.closure(SUNDER, ours)
        self.podman_build("--build-context", f"build={ours}", "--target", "sunder", "-t",
                          f"localhost/sunder:{self.version}", "-f",
                          f"{K8S}/Dockerfile", ROOT)

    @staticmethod
    def closure(program, context):
        run(os.path.join(K8S, "closure"), program, f"{context}/image")

    def podman_build(self, *argv, text=None):
        run(*self.podman, "build", *argv, *(["-f", "-"] if text else []), input=text)

    def close(self):
        remove_store(self.store)
        self.lock.close()


class Pod:
    def __init__(self, cluster, name, labels, spec, number):
        self.cluster, self.name, self.labels, self.spec = cluster, name, labels, spec
        self.number = number
        self.ip = str(ipaddress.ip_address("10.200.1.0") + number)
        self.veth = f"pod{number}"
        self.folder = os.path.join(cluster.folder, name)
        os.makedirs(self.folder)

    def podman(self, *argv, **kwargs):
        return run(*self.cluster.podman, *argv, **kwargs)

    def volume(self, volume):
        """A volume as a folder of the machine: what a kubelet makes of it."""
        path = os.path.join(self.folder, volume["name"])
        os.makedirs(path)
        source = volume.get("configMap", {}).get("name") or \
            volume.get("secret", {}).get("secretName")
        if source:
            for name, text in self.cluster.config[source].items():
                with open(os.path.join(path, name), "w", encoding="utf-8") as f:
                    f.write(text)
        else:
            group = self.spec["securityContext"].get("fsGroup", 0)
            os.chown(path, 0, group)
            os.chmod(path, 0o2775 if group else 0o777)
        return {"name": volume["name"], "hostPath": {"path": path, "type": "Directory"}}

    def container(self, c):
        # Without probes: nobody runs them here, and the test asks itself.
        c = {k: v for k, v in c.items()
             if not k.endswith("Probe") and k not in ("resources", "ports")}
        c["image"] = self.cluster.image(c["image"])
        c["env"] = [{"name": e["name"], "value": e.get("value", self.name)}
                    for e in c.get("env", [])]
        resolver = {"name": "resolver", "mountPath": "/etc/resolv.conf", "readOnly": True}
        c["volumeMounts"] = c.get("volumeMounts", []) + [resolver]
        return c

    def start(self):
        kept = ("securityContext", "restartPolicy", "terminationGracePeriodSeconds")
        spec = {k: self.spec[k] for k in kept if k in self.spec}
        spec["securityContext"] = {k: v for k, v in spec["securityContext"].items()
                                   if k.startswith("runAs")}
        spec["containers"] = [self.container(c) for c in self.spec["containers"]]
        spec["volumes"] = [self.volume(v) for v in self.spec.get("volumes", [])]
        spec["volumes"].append({"name": "resolver", "hostPath": {
            "path": self.cluster.resolver, "type": "File"}})
        pod = {"apiVersion": "v1", "kind": "Pod", "spec": spec,
               "metadata": {"name": self.name, "labels": self.labels}}
        path = os.path.join(self.folder, "pod.yaml")
        with open(path, "w", encoding="utf-8") as f:
            json.dump(pod, f)
        self.podman("play", "kube", "--start=false", "--network", "none", path)
        infra = self.podman("pod", "inspect", self.name, "--format",
                            "{{.InfraContainerID}}").stdout.strip()
        self.podman("start", infra)
        self.plug(self.podman("inspect", infra, "--format",
                              "{{.State.Pid}}").stdout.strip())
        self.podman("pod", "start", self.name)
        return self

    def plug(self, pid):
        """A cable from its network to ours, which is the router of them all."""
        run("ip", "link", "add", self.veth, "type", "veth", "peer", "name", "eth0",
            "netns", pid)
        run("ip", "link", "set", self.veth, "up")
        run("ip", "route", "add", self.ip, "dev", self.veth, "src", GATEWAY)
        inside = ["nsenter", "-t", pid, "-n", "ip"]
        run(*inside, "addr", "add", f"{self.ip}/32", "dev", "eth0")
        run(*inside, "link", "set", "eth0", "up")
        run(*inside, "route", "add", GATEWAY, "dev", "eth0")
        run(*inside, "route", "add", "default", "via", GATEWAY)

    def of(self, container):
        return f"{self.name}-{container}"

    def execute(self, container, *argv, **kwargs):
        return self.podman("exec", self.of(container), *argv, **kwargs)

    def log(self, container):
        return self.podman("logs", self.of(container), check=False)

    def stop(self, container):
        """As when a pod is deleted: SIGTERM, and half a minute before SIGKILL."""
        return subprocess.Popen(  # pylint: disable=consider-using-with
            [*self.cluster.podman, "stop", "-t", "30", self.of(container)],
            stdout=subprocess.DEVNULL)

    def wait(self, container, deadline=DEADLINE):
        """Its exit status."""
        return int(self.podman("wait", self.of(container), timeout=deadline).stdout)


class Cluster:
    def __init__(self, images):
        self.images, self.podman = images, images.podman
        self.folder = tempfile.mkdtemp(dir=images.store, prefix="pods-")
        os.chmod(self.folder, 0o755)
        self.pods, self.config, self.addresses = {}, dict(SECRETS), {}
        self.resolver = os.path.join(self.folder, "resolv.conf")
        with open(self.resolver, "w", encoding="ascii") as f:
            f.write(f"nameserver {GATEWAY}\noptions ndots:5 timeout:1\nsearch "
                    f"{NAMESPACE}.svc.{DOMAIN} svc.{DOMAIN} {DOMAIN}\n")
        self.home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        assert LIBC.unshare(CLONE_NEWNET) == 0, "no right to make a network namespace"
        run("ip", "link", "set", "lo", "up")
        run("ip", "addr", "add", f"{GATEWAY}/32", "dev", "lo")
        with open("/proc/sys/net/ipv4/ip_forward", "w", encoding="ascii") as f:
            f.write("1")
        self.names = Nameserver(GATEWAY)

    def image(self, name):
        if name.startswith("sunder:"):
            return f"localhost/sunder:{self.images.version}"
        return "localhost/redis"

    # ---- what is applied ----

    def apply(self, *folders):
        """Services first, as a cluster has them before pods run; then each pod."""
        things = [t for f in folders for t in objects(render(os.path.join(ROOT, f)))]
        for t in things:
            if t["kind"] == "ConfigMap":
                self.config[t["metadata"]["name"]] = t["data"]
        new = [p for t in things for p in self.pods_of(t)]
        for t in things:
            if t["kind"] == "Service":
                self.service(t)
        for pod in new:
            pod.start()
        return new

    def replace(self, name, folder):
        """The same pod, at the same address, as another folder has it."""
        thing = next(t for t in objects(render(folder)) if t["metadata"]["name"] == name
                     and t["kind"] in ("Deployment", "StatefulSet"))
        old = self.pods[name]
        old.podman("pod", "rm", "-f", "-t", "1", name)
        shutil.rmtree(old.folder)
        wait_until(lambda: not os.path.exists(f"/sys/class/net/{old.veth}"), "free cable")
        pod = Pod(self, name, old.labels, thing["spec"]["template"]["spec"], old.number)
        self.pods[name] = pod
        return pod.start()

    def remove(self, name):
        """The pod that came last, so that another may have its name and its place."""
        pod = self.pods.pop(name)
        pod.podman("pod", "rm", "-f", "-t", "1", name)
        shutil.rmtree(pod.folder)
        wait_until(lambda: not os.path.exists(f"/sys/class/net/{pod.veth}"), "free cable")

    def pods_of(self, thing):
        name = thing["metadata"]["name"]
        if thing["kind"] == "StatefulSet":
            names = [f"{name}-{i}" for i in range(thing["spec"]["replicas"])]
        elif thing["kind"] in ("Deployment", "Job"):
            names = [name]
        else:
            return
        template = thing["spec"]["template"]
        for n in names:
            pod = Pod(self, n, template["metadata"]["labels"], template["spec"],
                      len(self.pods) + 1)
            pod.head = thing["spec"].get("serviceName")
            self.pods[n] = pod
            yield pod

    def behind(self, service):
        """The pods that a Service selects."""
        wanted = service["spec"]["selector"].items()
        return [p for p in self.pods.values() if wanted <= p.labels.items()]

    def service(self, service):
        name, spec = service["metadata"]["name"], service["spec"]
        full = f"{name}.{NAMESPACE}.svc.{DOMAIN}"
        behind = self.behind(service)
        if spec.get("clusterIP") == "None":
            self.names.zone[full] = [p.ip for p in behind]
            for p in behind:
                if p.head == name:
                    self.names.zone[f"{p.name}.{full}"] = [p.ip]
            return
        address = str(ipaddress.ip_address("10.201.0.1") + len(self.addresses))
        self.addresses[name] = address
        self.names.zone[full] = [address]
        for port in spec["ports"]:
            for i, pod in enumerate(behind):
                self.translate(address, port, pod, len(behind) - i)

    @staticmethod
    def translate(address, port, pod, left):
        """To one pod of those that are left, by turns; who dials stays who it is."""
        target = port.get("targetPort", port["port"])
        if not isinstance(target, int):
            target = next(p["containerPort"] for c in pod.spec["containers"]
                          for p in c["ports"] if p["name"] == target)
        turn = ["-m", "statistic", "--mode", "nth", "--every", left, "--packet", "0"]
        for chain in ("PREROUTING", "OUTPUT"):
            run("iptables", "-w", "5", "-t", "nat", "-A", chain, "-d", address,
                "-p", "tcp", "--dport", port["port"], *(turn if left > 1 else []),
                "-j", "DNAT", "--to-destination", f"{pod.ip}:{target}")

    # ---- the end ----

    def close(self):
        remove_pods(self.podman)
        self.names.close()
        assert LIBC.setns(self.home, CLONE_NEWNET) == 0
        os.close(self.home)
        shutil.rmtree(self.folder, ignore_errors=True)


def wait_until(condition, what, deadline=DEADLINE):
    end = time.monotonic() + deadline
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, f"no {what} within {deadline} s"
        time.sleep(0.2)
