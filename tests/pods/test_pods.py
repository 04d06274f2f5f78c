"""examples/plain, run for real: pods, Services, names, a fault, a failover, the Jobs."""

import http.client
import json
import os
import signal
import socket

import pytest
from cluster import DEADLINE, K8S, Cluster, Images, run, wait_until


@pytest.fixture(scope="module")
def plain():
    images = Images()
    try:
        images.build()
        yield from running(images)
    finally:
        images.close()


def running(images):
    cluster = Cluster(images)
    try:
        cluster.apply("k8s/examples/plain-api")
        wait_until(lambda: settled(cluster), "set-up that is whole")
        yield cluster
    except AssertionError:
        for pod in cluster.pods.values():
            for c in pod.spec["containers"]:
                log = pod.log(c["name"])
                print(f"--- {pod.name}\n{log.stdout[-2000:]}{log.stderr[-2000:]}")
        raise
    finally:
        cluster.close()


def redis(pod, *words, port=6379):
    """Ask a Redis of the pod itself, past the proxy. None when it does not answer."""
    done = run("redis-cli", "-h", pod.ip, "-p", port, *words, check=False)
    return done.stdout if done.returncode == 0 else None


def master(cluster, sentinel="sentinel-0"):
    said = redis(cluster.pods[sentinel], "SENTINEL", "GET-MASTER-ADDR-BY-NAME",
                 "mymaster", port=26379)
    return said.split("\n")[0] if said else None


def settled(cluster):
    """Three that agree: a master with two replicas, three sentinels that know it all."""
    who = master(cluster)
    if who not in cluster.pods:
        return None
    info = redis(cluster.pods[who], "INFO", "replication") or ""
    for i in range(3):
        said = redis(cluster.pods[f"sentinel-{i}"], "SENTINEL", "MASTER", "mymaster",
                     port=26379) or ""
        fields = dict(zip(said.split("\n")[::2], said.split("\n")[1::2]))
        if (fields.get("ip"), fields.get("num-slaves"), fields.get("num-other-sentinels"),
                fields.get("flags")) != (who, "2", "2", "master"):
            return None
    return who if info.count("state=online") == 2 else None


def sunder(cluster, *words):
    return cluster.pods["sunder"].execute("sunder", "sunder", *words).stdout


def get(cluster, path):
    c = http.client.HTTPConnection(cluster.pods["sunder"].ip, 9474, timeout=10)
    c.request("GET", path)
    return c.getresponse().status


def result_of(pod, container="probe"):
    """The JSON in a Job's log: its last line."""
    assert pod.wait(container) in (0, 1), pod.log(container)
    return json.loads(pod.log(container).stdout.strip().split("\n")[-1])


def test_every_link_goes_through_the_proxy_and_has_its_own_name(plain):
    assert get(plain, "/readyz") == get(plain, "/livez") == 200

    def links():
        all_links = json.loads(sunder(plain, "links", "-o", "json"))
        return {(x["from"], x["to"]) for x in all_links if x["sessions"]}
    who = settled(plain)
    replicas = {f"redis-{i}" for i in range(3)} - {who}
    wanted = {(r, who) for r in replicas}
    wanted |= {(f"sentinel-{i}", f"redis-{j}") for i in range(3) for j in range(3)}
    wanted |= {(f"sentinel-{i}", f"sentinel-{j}") for i in range(3) for j in range(3)
               if i != j}
    wait_until(lambda: wanted <= links(), f"links {wanted - links()}", 30)


def test_the_stale_job_ends_with_a_figure_in_its_log(plain):
    job, = plain.apply("k8s/examples/jobs/stale")
    said = result_of(job)
    assert job.wait("probe") == 0
    assert "stale" in json.dumps(said)


def test_the_scenario_job_plays_its_steps_and_says_what_clients_saw(plain):
    job, = plain.apply("k8s/examples/jobs/scenario")
    played, saw = result_of(job, "scenario"), result_of(job)
    assert (played["outcome"], played["proxies"], played["failed"]) == ("done", 1, 0)
    assert len(played["steps"]) == 4 == job.log("scenario").stdout.count('"event":"step"')
    assert job.wait("scenario") == job.wait("probe") == 0
    assert saw["reads"]["stale"] > 0, "replicas were slow, and then cut off"
    assert json.loads(sunder(plain, "rules", "-o", "json")) == []


def test_a_scenario_job_that_is_deleted_leaves_no_fault_behind(plain):
    plain.remove("sunder-scenario")
    job, = plain.apply("k8s/examples/jobs/scenario")
    wait_until(lambda: "slow" in sunder(plain, "rules"), "the first step", 30)
    assert job.stop("scenario").wait(DEADLINE) == 0
    assert job.wait("scenario") == 128 + signal.SIGTERM
    last = json.loads(job.log("scenario").stdout.strip().split("\n")[-1])
    assert last["outcome"] == "interrupted"
    assert json.loads(sunder(plain, "rules", "-o", "json")) == []


def lose_the_master(plain, how):
    """Cut it off, wait for another, heal, and wait until the old one follows."""
    old = settled(plain)
    sunder(plain, "isolate", old, "--how", how, "--name", "gone")
    new = wait_until(lambda: (lambda m: m if m and m != old else None)(master(plain)),
                     "other master", 60)
    assert redis(plain.pods[new], "ROLE").startswith("master")
    assert redis(plain.pods[old], "ROLE").startswith("master"), "and nobody has told it"
    assert get(plain, "/readyz") == 200, "a fault is no reason to be taken out of service"
    sunder(plain, "heal", "gone")
    wait_until(lambda: settled(plain) == new, "whole set-up again", 60)
    assert redis(plain.pods[old], "ROLE").startswith("slave")


def test_a_master_that_is_cut_off_is_replaced_and_follows_in_the_end(plain):
    lose_the_master(plain, "hang")


def test_the_failover_job_says_what_was_lost(plain):
    old = settled(plain)
    job, = plain.apply("k8s/examples/jobs/failover")
    said = result_of(job)
    assert "lost" in json.dumps(said)
    wait_until(lambda: settled(plain) not in (None, old), "another master", 60)


def test_a_proxy_that_is_told_to_end_drains_and_ends_with_0(plain):
    pod = plain.pods["sunder"]
    with socket.create_connection((pod.ip, 16379), 10) as client:
        client.sendall(b"PING\r\n")
        assert client.recv(7) == b"+PONG\r\n"
        ending = pod.stop("sunder")
        wait_until(lambda: get(plain, "/readyz") == 503, "draining", 10)
        client.sendall(b"PING\r\n")
        assert client.recv(7) == b"+PONG\r\n"
    assert ending.wait(DEADLINE) == 0
    assert pod.podman("inspect", pod.of("sunder"), "--format",
                      "{{.State.ExitCode}}").stdout.strip() == "0"


def test_with_the_right_to_filter_packets_a_blackhole_does_the_same(plain, tmp_path):
    near = [os.path.relpath(os.path.join(K8S, p), tmp_path)
            for p in ("examples/plain-api", "components/host-faults")]
    (tmp_path / "kustomization.yaml").write_text(
        "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n"
        f"resources: [{near[0]}]\ncomponents: [{near[1]}]\n")
    plain.replace("sunder", str(tmp_path))
    wait_until(lambda: settled(plain), "whole set-up behind another proxy", 60)
    lose_the_master(plain, "blackhole")
