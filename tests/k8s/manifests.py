"""The manifests of k8s/, rendered and checked with tools that may not be there."""

import fcntl
import functools
import hashlib
import json
import os
import shutil
import subprocess

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
K8S = os.path.join(ROOT, "k8s")
NPM = os.path.join(ROOT, "build", "npm", "k8s")
SUNDER = os.environ.get("SUNDER", os.path.join(ROOT, "build", "sunder"))
DEADLINE = 120


def run(argv, text=None, **kwargs):
    return subprocess.run(argv, input=text, capture_output=True, text=True,
                          timeout=DEADLINE, check=False, **kwargs)


def need(program):
    if not shutil.which(program):
        pytest.skip(f"no {program}")


@functools.cache
def modules():
    """The node_modules of package.json: fetched once for each state of the lock file."""
    need("node")
    need("npm")
    lock = os.path.join(HERE, "package-lock.json")
    with open(lock, "rb") as f:
        state = hashlib.sha256(f.read()).hexdigest()
    os.makedirs(NPM, exist_ok=True)
    stamp = os.path.join(NPM, "stamp")
    with open(os.path.join(NPM, "lock"), "w", encoding="ascii") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        if not os.path.exists(stamp) or open(stamp, encoding="ascii").read() != state:
            for name in ("package.json", "package-lock.json"):
                shutil.copy(os.path.join(HERE, name), NPM)
            done = run(["npm", "ci", "--omit=optional", "--ignore-scripts", "--no-audit",
                        "--no-fund"], cwd=NPM)
            if done.returncode != 0:
                pytest.skip("npm cannot fetch the models: " +
                            (done.stderr.strip().split("\n") or [""])[-1][:200])
            with open(stamp, "w", encoding="ascii") as f:
                f.write(state)
    return os.path.join(NPM, "node_modules")


def lint(text):
    """What is wrong with the manifests, a line for each fault."""
    done = run(["node", os.path.join(HERE, "lint.mjs"), modules()], text)
    assert done.returncode in (0, 1) and not done.stderr, done.stderr
    return done.stdout.splitlines()


@functools.cache
def render(folder):
    need("kubectl")
    done = run(["kubectl", "kustomize", folder])
    assert done.returncode == 0, done.stderr
    return done.stdout


@functools.cache
def things(folder):
    """What a folder renders to, as objects."""
    return objects(render(os.path.join(K8S, folder)))


def objects(text):
    done = run(["node", os.path.join(HERE, "lint.mjs"), modules(), "--json"], text)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def kustomizations(kind):
    """The folders of k8s/ with a kustomization of that kind."""
    found = []
    for path, _, files in os.walk(K8S):
        if "kustomization.yaml" in files:
            with open(os.path.join(path, "kustomization.yaml"), encoding="utf-8") as f:
                if f"\nkind: {kind}\n" in f.read():
                    found.append(os.path.relpath(path, K8S))
    return sorted(found)


def of_kind(all_things, *kinds):
    return [t for t in all_things if t["kind"] in kinds]


def pod_spec(thing):
    return thing["spec"]["template"]["spec"]


def containers(thing):
    spec = pod_spec(thing)
    return spec.get("initContainers", []) + spec["containers"]


def beyond_restricted(thing):
    """What Pod Security `restricted` would refuse in the pods of a workload."""
    spec, found = pod_spec(thing), []
    pod = spec.get("securityContext", {})
    for field in ("hostNetwork", "hostPID", "hostIPC"):
        if spec.get(field):
            found.append(field)
    allowed = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral",
               "persistentVolumeClaim", "projected", "secret", "name"}
    for volume in spec.get("volumes", []):
        found += [f"volume {v}" for v in volume if v not in allowed]
    for c in containers(thing):
        own = {**pod, **c.get("securityContext", {})}
        capabilities = own.get("capabilities", {})
        checks = {
            "runAsNonRoot": own.get("runAsNonRoot") is True,
            "runAsUser": own.get("runAsUser") != 0,
            "allowPrivilegeEscalation": own.get("allowPrivilegeEscalation") is False,
            "privileged": not own.get("privileged"),
            "capabilities.drop": "ALL" in capabilities.get("drop", []),
            "capabilities.add": set(capabilities.get("add", [])) <= {"NET_BIND_SERVICE"},
            "seccompProfile": own.get("seccompProfile", {}).get("type") in
                              ("RuntimeDefault", "Localhost"),
            "hostPort": not any("hostPort" in p for p in c.get("ports", [])),
        }
        found += [f"{c['name']}: {name}" for name, fine in checks.items() if not fine]
    return found
