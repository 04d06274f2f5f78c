"""k8s/: what it renders to is sound, whole, and what the program accepts."""

import os
import re
import subprocess

import pytest
from manifests import (K8S, ROOT, SUNDER, beyond_restricted, containers, kustomizations,
                       lint, objects, of_kind, pod_spec, render, run, things)

WORKLOADS = ("Deployment", "StatefulSet", "Job", "DaemonSet")
FOLDERS = kustomizations("Kustomization")
JOBS = [f for f in FOLDERS if f.startswith("examples/jobs/")]
WITH_PROXY = [f for f in FOLDERS if f not in JOBS]


@pytest.mark.parametrize("folder", FOLDERS)
def test_what_is_rendered_is_known_to_the_kubernetes_of_today(folder):
    assert lint(render(os.path.join(K8S, folder))) == []


PLANTED = [  # in what examples/plain renders to: what is replaced by what, and the fault
    ("replicas: 1\n", "replica: 1\n", "there is no field replica"),
    ("replicas: 1\n", 'replicas: "1"\n', "replicas: number expected"),
    ("port: 9474\n", "port: 94.74\n", "port: number expected"),
    ("apps/v1\nkind: Deployment", "apps/v1beta2\nkind: Deployment",
     "there is no Deployment in apps/v1beta2"),
    ("        image: sunder:0.1.0\n", "        image: no\n", "image: string expected"),
    ("        name: sunder\n", "", "name is missing"),
]


@pytest.mark.parametrize("good, bad, fault", PLANTED)
def test_a_planted_error_is_found(good, bad, fault):
    text = render(os.path.join(K8S, "examples/plain"))
    assert good in text
    found = lint(text.replace(good, bad, 1))
    assert len(found) == 1 and fault in found[0], found


def assemble(tmp_path, component, *more):
    """A kustomization that adds a component to what it is for."""
    near = [os.path.relpath(os.path.join(K8S, p), tmp_path) for p in
            ("examples/plain", component)]
    resources = [near[0]]
    for i, text in enumerate(more):
        (tmp_path / f"more-{i}.yaml").write_text(text)
        resources.append(f"more-{i}.yaml")
    (tmp_path / "kustomization.yaml").write_text(
        "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n"
        f"resources: [{', '.join(resources)}]\ncomponents: [{near[1]}]\n")
    return render(str(tmp_path))


RELEASE = """
apiVersion: v1
kind: Service
metadata: {name: ha-redis-ha-announce-0}
spec:
  publishNotReadyAddresses: true
  selector: {release: ha, statefulset.kubernetes.io/pod-name: ha-redis-ha-server-0}
  ports:
    - {name: tcp-server, port: 6379, protocol: TCP, targetPort: redis}
    - {name: tcp-sentinel, port: 26379, protocol: TCP, targetPort: sentinel}
---
apiVersion: apps/v1
kind: StatefulSet
metadata:
  name: cache
  labels: {sunder/transparent: "true"}
spec:
  serviceName: cache
  selector: {matchLabels: {app: cache}}
  template:
    metadata: {labels: {app: cache}}
    spec:
      containers: [{name: redis, image: redis}]
"""


@pytest.mark.parametrize("component", kustomizations("Component"))
def test_a_component_changes_something_and_the_whole_stays_sound(tmp_path, component):
    without = objects(render(os.path.join(K8S, "examples/plain"))) + objects(RELEASE)
    text = assemble(tmp_path, component, RELEASE)
    assert lint(text) == []
    assert [t for t in objects(text) if t not in without]


def test_announce_services_are_taken_over_whole(tmp_path):
    text = assemble(tmp_path, "examples/redis-ha/announce", RELEASE)
    service = next(t for t in objects(text)
                   if t["metadata"]["name"] == "ha-redis-ha-announce-0")
    assert service["spec"]["selector"] == {"app.kubernetes.io/name": "sunder",
                                           "app.kubernetes.io/component": "proxy"}
    assert [(p["port"], p["targetPort"]) for p in service["spec"]["ports"]] == \
        [(6379, 16379), (26379, 36379)]


def test_the_sidecar_starts_before_redis_and_the_redirection_before_it(tmp_path):
    text = assemble(tmp_path, "components/transparent", RELEASE)
    cache = next(t for t in of_kind(objects(text), "StatefulSet")
                 if t["metadata"]["name"] == "cache")
    names = [c["name"] for c in containers(cache)]
    assert names == ["sunder-redirect", "sunder", "redis"]
    assert containers(cache)[1]["restartPolicy"] == "Always"


@pytest.mark.parametrize("folder", FOLDERS)
def test_pods_pass_pod_security_restricted(folder):
    for thing in of_kind(things(folder), *WORKLOADS):
        assert beyond_restricted(thing) == [], thing["metadata"]["name"]
        for c in containers(thing):
            assert c["securityContext"]["readOnlyRootFilesystem"] is True


@pytest.mark.parametrize("component, why", [
    ("components/host-faults", "sunder: capabilities.add"),
    ("components/transparent", "sunder-redirect: capabilities.add")])
def test_only_components_that_say_so_need_more(tmp_path, component, why):
    text = assemble(tmp_path, component, RELEASE)
    assert any(why in beyond_restricted(t) for t in of_kind(objects(text), *WORKLOADS))


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_pod_gets_a_token_or_variables_that_are_named_after_services(folder):
    for thing in of_kind(things(folder), *WORKLOADS):
        assert pod_spec(thing)["automountServiceAccountToken"] is False
        assert pod_spec(thing)["enableServiceLinks"] is False


@pytest.mark.parametrize("folder", FOLDERS)
def test_images_carry_the_version_of_the_program(folder):
    with open(os.path.join(ROOT, "Makefile"), encoding="utf-8") as f:
        version = re.search(r"^VERSION \?= (\S+)", f.read(), re.M).group(1)
    for thing in of_kind(things(folder), *WORKLOADS):
        for c in containers(thing):
            if c["image"].startswith("sunder"):
                assert c["image"].split(":")[1] == version


def proxy_of(folder):
    """The Deployment of the proxy, and the text of its configuration."""
    deployment = next(t for t in of_kind(things(folder), "Deployment")
                      if t["metadata"]["name"] == "sunder")
    name = next(v["configMap"]["name"] for v in pod_spec(deployment)["volumes"]
                if "configMap" in v)
    config = next(t for t in of_kind(things(folder), "ConfigMap")
                  if t["metadata"]["name"] == name)
    return deployment, config["data"]["sunder.yaml"]


@pytest.mark.parametrize("folder", WITH_PROXY)
def test_the_program_accepts_its_arguments_and_its_configuration(tmp_path, folder):
    deployment, config = proxy_of(folder)
    (tmp_path / "sunder.yaml").write_text(config)
    args = [a.replace("/etc/sunder/", f"{tmp_path}/")
            for a in containers(deployment)[0]["args"]]
    done = run([SUNDER, *args, "--check"])
    assert done.returncode == 0, done.stderr


def announced(i):
    """A Service of the redis-ha chart once it is taken over."""
    with open(f"{K8S}/examples/redis-ha/announce/{i}.yaml", encoding="utf-8") as f:
        fields = {p["path"].rsplit("/")[-1]: p["value"] for p in objects(f.read())[0]}
    return {"spec": fields}


@pytest.mark.parametrize("folder", WITH_PROXY)
def test_each_service_leads_to_a_listener_and_each_listener_has_a_service(folder):
    deployment, config = proxy_of(folder)
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    services, ports = of_kind(things(folder), "Service"), set()
    if folder == "examples/redis-ha":
        services += [announced(i) for i in range(3)]
    for service in services:
        if service["spec"]["selector"].items() <= labels.items():
            ports |= {p["targetPort"] for p in service["spec"]["ports"]}
    listeners = {int(p) for p in re.findall(r'listen: "\[::\]:(\d+)"', config)}
    assert listeners
    listeners |= {int(a.rsplit(":", 1)[1]) for a in containers(deployment)[0]["args"]
                  if a.startswith("--api=")}
    assert folder == "base" or ports == listeners | {"http-metrics"}


@pytest.mark.parametrize("folder", ["examples/plain", "examples/plain-valkey"])
def test_each_upstream_is_a_pod_of_the_example_by_its_own_name(folder):
    _, config = proxy_of(folder)
    heads = {t["metadata"]["name"]: t for t in of_kind(things(folder), "Service")
             if t["spec"].get("clusterIP") == "None"}
    sets = {t["metadata"]["name"]: t for t in of_kind(things(folder), "StatefulSet")}
    upstreams = re.findall(r'upstream: "([\w-]+)-(\d+)\.([\w-]+):(\d+)"', config)
    assert len(upstreams) == 6
    for name, ordinal, head, port in upstreams:
        assert sets[name]["spec"]["serviceName"] == head
        assert int(ordinal) < sets[name]["spec"]["replicas"]
        assert heads[head]["spec"]["publishNotReadyAddresses"] is True
        assert int(port) in [p["port"] for p in heads[head]["spec"]["ports"]]
        labels = sets[name]["spec"]["template"]["metadata"]["labels"]
        assert heads[head]["spec"]["selector"].items() <= labels.items()


@pytest.mark.parametrize("folder", FOLDERS)
def test_what_a_pod_mounts_is_there_or_is_said_to_be_the_users(folder):
    have = {(t["kind"], t["metadata"]["name"]) for t in things(folder)}
    for thing in of_kind(things(folder), *WORKLOADS):
        for volume in pod_spec(thing).get("volumes", []):
            if "configMap" in volume:
                assert ("ConfigMap", volume["configMap"]["name"]) in have
            if "secret" in volume:
                assert volume["secret"]["secretName"] == "sunder-api"


@pytest.mark.parametrize("folder", JOBS)
def test_the_program_knows_every_option_of_a_job(folder):
    asked = []
    for job in of_kind(things(folder), "Job"):
        for c in containers(job):
            if c["image"].startswith("sunder"):
                words = [a for a in c["args"] if a[0] not in "-/"]
                usage = run([SUNDER, *words[:2], "--help"]).stdout
                options = re.findall(r"--[\w-]+", " ".join(c["args"]))
                asked += [(o, usage) for o in options]
    assert asked
    for option, usage in asked:
        assert re.search(rf"{option}\b", usage), option


def test_the_steps_of_a_scenario_job_are_what_the_proxy_plays(tmp_path):
    texts = [t["data"]["steps"] for t in of_kind(things("examples/jobs/scenario"),
                                                 "ConfigMap")]
    job, = of_kind(things("examples/jobs/scenario"), "Job")
    assert containers(job)[0]["args"][2] == "/etc/sunder/steps" and len(texts) == 1
    (tmp_path / "steps").write_text(texts[0])
    _, config = proxy_of("examples/plain-api")
    (tmp_path / "sunder.yaml").write_text(re.sub(r"listen: \S+", 'listen: "127.0.0.1:0",',
                                                 config))
    with subprocess.Popen([SUNDER, "proxy", "-c", str(tmp_path / "sunder.yaml"), "--api",
                           "127.0.0.1:0", "--console", "off"], stderr=subprocess.PIPE,
                          text=True) as proxy:
        at = next(m[1] for m in (re.search("ev=api address=(\\S+)", line)
                                 for line in proxy.stderr) if m)
        done = run([SUNDER, "scenario", "play", "--check", str(tmp_path / "steps"),
                    "--api", at])
        proxy.terminate()
        proxy.stderr.read()
    assert done.returncode == 0, done.stderr
