"""What docs/kubernetes.md says, on a real cluster: the one that KUBECONFIG names.

Everything happens in a namespace that is made for it and goes at the end; should one be
left behind, `kubectl delete namespace -l sunder/test=true`. The cluster must have the
image: `make image`, and `kind load docker-image` or its like; or SUNDER_IMAGE names one
of a registry.
"""

import contextlib
import json
import os
import re
import secrets
import subprocess
import time

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SUNDER = os.environ.get("SUNDER", os.path.join(ROOT, "build", "sunder"))
DEADLINE = 300
NAMESPACE = f"sunder-test-{secrets.token_hex(3)}"
SENTINELS = ",".join(f"redis://sentinel-{i}:26379" for i in range(3))


def kubectl(*argv, check=True, text=None):
    done = subprocess.run(["kubectl", "--namespace", NAMESPACE, *argv], input=text,
                          capture_output=True, text=True, timeout=DEADLINE, check=False)
    assert not check or done.returncode == 0, f"{argv}: {done.stdout}{done.stderr}"
    return done


def wait_until(condition, what):
    end = time.monotonic() + DEADLINE
    while not (value := condition()):
        assert time.monotonic() < end, f"no {what} within {DEADLINE} s"
        time.sleep(0.5)
    return value


def apply(folder, where):
    """As it is, or with an image of another place."""
    if "SUNDER_IMAGE" in os.environ:
        name, _, tag = os.environ["SUNDER_IMAGE"].rpartition(":")
        near = os.path.relpath(os.path.join(ROOT, folder), where)
        (where / "kustomization.yaml").write_text(
            "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n"
            f"resources: [{near}]\n"
            f"images: [{{name: sunder, newName: {name}, newTag: '{tag}'}}]\n")
        folder = str(where)
    kubectl("apply", "-k", folder)


@pytest.fixture(scope="module", autouse=True)
def namespace():
    if not os.environ.get("KUBECONFIG"):
        pytest.skip("no KUBECONFIG that says which cluster")
    os.chdir(ROOT)
    kubectl("create", "namespace", NAMESPACE)
    try:
        kubectl("label", "namespace", NAMESPACE, "sunder/test=true",
                "pod-security.kubernetes.io/enforce=restricted")
        yield NAMESPACE
    finally:
        kubectl("delete", "namespace", NAMESPACE)


@pytest.fixture(scope="module", autouse=True)
def plain(namespace, tmp_path_factory):
    apply("k8s/examples/plain", tmp_path_factory.mktemp("plain"))
    kubectl("rollout", "status", "--timeout=4m", "deployment/sunder", "statefulset/redis",
            "statefulset/sentinel")


def sunder(*words, check=True):
    return kubectl("exec", "deploy/sunder", "--", "sunder", *words, check=check)


def topology():
    return sunder("topology", "check", "--api", "127.0.0.1:8474", SENTINELS, check=False)


def settled():
    """Who is master, once all agree and nothing goes past the proxy; else None."""
    seen = topology()
    masters = re.findall(r"^(redis-\d) +master ", seen.stdout, re.M)
    whole = (seen.returncode == 0 and seen.stdout.count("link up") == 2 and
             seen.stdout.count(": 2 replicas, 2 other sentinels, quorum 2") == 3)
    return masters[0] if whole and len(masters) == 1 else None


def master_of(sentinel):
    said = kubectl("exec", sentinel, "--", "redis-cli", "-p", "26379", "sentinel",
                   "get-master-addr-by-name", "mymaster", check=False)
    return said.stdout.split("\n")[0]


def result_of(job, where):
    """The last line of its log."""
    apply(f"k8s/examples/jobs/{job}", where)
    kubectl("wait", "--for=condition=complete", "--timeout=4m", f"job/sunder-{job}")
    return json.loads(kubectl("logs", f"job/sunder-{job}").stdout.splitlines()[-1])


@contextlib.contextmanager
def forwarded(what, port):
    """A local port that leads there."""
    with subprocess.Popen(["kubectl", "--namespace", NAMESPACE, "port-forward", what,
                           f":{port}"], stdout=subprocess.PIPE, text=True) as forward:
        try:
            yield re.search(r"127\.0\.0\.1:\d+", forward.stdout.readline())[0]
        finally:
            forward.terminate()


def links():
    said = json.loads(sunder("links", "-o", "json").stdout)
    return {(x["from"], x["to"]) for x in said if x["sessions"]}


def sessions():
    return json.loads(sunder("sessions", "-o", "json").stdout)["sessions"]


def test_every_link_goes_through_the_proxy_and_no_trap_is_found():
    master = wait_until(settled, "set-up that is whole")
    wanted = {(f"redis-{i}", master) for i in range(3) if f"redis-{i}" != master}
    wanted |= {(f"sentinel-{i}", f"redis-{j}") for i in range(3) for j in range(3)}
    assert wanted <= links()


def test_the_stale_job_has_a_figure_in_its_log(tmp_path):
    said = result_of("stale", tmp_path)
    assert said["reads"]["total"] == 20000 and 0 <= said["reads"]["rate"] <= 1


def test_a_master_that_is_cut_off_is_replaced_and_follows_once_it_is_healed():
    old = wait_until(settled, "set-up that is whole")
    sunder("isolate", old, "--how", "hang")
    new = wait_until(lambda: (m := master_of("sentinel-1")) != old and m, "other master")
    assert new.startswith("redis-")
    sunder("heal")
    assert wait_until(settled, "set-up that is whole again") == new


def test_a_planted_trap_is_named():
    master = wait_until(settled, "set-up that is whole")
    victim = "redis-1" if master != "redis-1" else "redis-2"
    announce = ["exec", victim, "--", "redis-cli", "config", "set", "replica-announce-ip"]
    kubectl(*announce, "")
    seen = topology()
    kubectl(*announce, victim)
    assert seen.returncode == 1
    assert f"trap replica-announce: {victim} " in seen.stdout


def test_the_masters_pod_is_deleted_until_there_is_another_master():
    old = wait_until(settled, "set-up that is whole")
    with forwarded("service/sentinel", 26379) as sentinel:
        done = subprocess.run(
            [SUNDER, "sentinel", "kill", "--kubectl", "--namespace", NAMESPACE, "-o",
             "json"], env={**os.environ, "URL_S": f"redis://{sentinel}"},
            capture_output=True, text=True, timeout=DEADLINE, check=False)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["previous"] == f"{old}:6379" and said["new"] != said["previous"]
    assert f"{wait_until(settled, 'set-up that is whole')}:6379" == said["new"]


def test_the_failover_job_says_what_was_lost(tmp_path):
    old = wait_until(settled, "set-up that is whole")
    said = result_of("failover", tmp_path)
    assert "lost" in json.dumps(said)
    assert wait_until(settled, "set-up that is whole") != old


def test_a_rule_of_a_changed_configmap_is_taken_up_and_no_session_lost():
    wait_until(settled, "set-up that is whole")
    config = json.loads(kubectl("get", "configmap", "sunder", "-o", "json").stdout)
    before = sessions()
    config["data"]["sunder.yaml"] += "rules:\n  - 'planted: on a -> b do latency 1ms'\n"
    config["data"]["sunder.yaml"] = config["data"]["sunder.yaml"].replace(
        "on a -> b", "on redis-0 -> redis-1")
    kubectl("apply", "-f", "-", text=json.dumps(config))
    wait_until(lambda: "planted" in sunder("rule", "list").stdout, "rule of the file")
    after = {s["id"] for s in sessions()}
    lasting = {s["id"] for s in before if s["from"] != "client"}
    assert lasting and lasting <= after


def test_a_proxy_that_is_deleted_is_replaced_and_all_find_the_next():
    wait_until(settled, "set-up that is whole")
    first = kubectl("get", "pod", "-l", "app.kubernetes.io/component=proxy", "-o", "name")
    kubectl("delete", first.stdout.strip())
    kubectl("rollout", "status", "--timeout=4m", "deployment/sunder")
    wait_until(settled, "set-up that is whole behind another proxy")
