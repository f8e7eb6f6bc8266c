"""What Ray makes of our files: machines on a stand-in for AWS, and which kind comes first."""

import copy

import pytest
from cluster_samples import launcher
from moto import mock_aws
from ray.autoscaler._private.util import prepare_config
from ray.autoscaler.v2.instance_manager.config import AutoscalingConfig
from ray.autoscaler.v2.scheduler import (
    ResourceDemandScheduler,
    ResourceRequestSource,
    SchedulingNode,
    SchedulingNodeStatus,
)
from ray.autoscaler.v2.schema import NodeType
from ray.autoscaler.v2.utils import ResourceRequestUtil
from ray.core.generated.instance_manager_pb2 import NodeKind

CLOUDS = ("cluster.yaml", "clusters/gcp.yaml")


def chosen(name: str, wanted: int, failed: dict[NodeType, float]) -> list[str]:
    """The kinds that Ray's autoscaler asks for, for trials that each take a worker's GPU."""
    config = AutoscalingConfig(prepare_config(launcher(name)), skip_content_hash=True)
    kinds = config.get_node_type_configs()
    left = {kind: one.max_worker_nodes for kind, one in kinds.items()}
    requests = [ResourceRequestUtil.make({"CPU": 4, "GPU": 1}) for _ in range(wanted)]
    found = []
    while requests:
        nodes = [
            SchedulingNode.from_node_config(
                kinds[kind], status=SchedulingNodeStatus.TO_LAUNCH, node_kind=NodeKind.WORKER
            )
            for kind, most in left.items()
            if most > 0
        ]
        best, requests, _ = ResourceDemandScheduler._sched_best_node(
            requests, nodes, ResourceRequestSource.PENDING_DEMAND, {}, failed
        )
        found.append(best.node_type)
        left[best.node_type] -= 1
    return found


@pytest.mark.parametrize("name", CLOUDS)
def test_spot_comes_first_and_what_failed_lately_falls_behind(name):
    _, spot, second, on_demand = launcher(name)["available_node_types"]
    assert on_demand.endswith("on_demand")
    assert chosen(name, 3, {}) == [spot] * 3
    assert chosen(name, 2, {spot: 0.0}) == [second] * 2
    assert chosen(name, 2, {spot: 0.0, second: 0.0}) == [on_demand] * 2
    assert chosen(name, 1, {spot: 1.0, second: 0.5}) == [spot]


def test_when_on_demand_is_used_up_the_spot_kind_that_failed_first_is_asked_again():
    failed = {"l4_spot": 0.5, "a10g_spot": 0.2}
    assert chosen("cluster.yaml", 5, failed) == ["a10g_on_demand"] * 4 + ["l4_spot"]


@pytest.fixture
def aws(tmp_path, monkeypatch):
    """A stand-in for AWS in this process, with the role of clusters/aws_roles.json."""
    import boto3

    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "none")
    with mock_aws():
        boto3.client("iam").create_instance_profile(InstanceProfileName="neurosweep-head")
        yield boto3.client("ec2", "us-east-1")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_ray_makes_our_machines_on_aws_and_opens_ssh_alone(aws):
    from ray.autoscaler._private.aws.config import bootstrap_aws
    from ray.autoscaler._private.aws.node_provider import AWSNodeProvider

    config = bootstrap_aws(prepare_config(launcher()))
    provider = AWSNodeProvider(config["provider"], "neurosweep")
    kinds = config["available_node_types"]
    for name, kind in kinds.items():
        tags = {"ray-user-node-type": name}
        (made,) = provider.create_node(copy.deepcopy(kind["node_config"]), tags, 1).values()
        assert made.instance_type == kind["node_config"]["InstanceType"]
        assert made.instance_lifecycle == ("spot" if name.endswith("spot") else None)
        assert ((made.iam_instance_profile or {}).get("Arn") is not None) == (name == "head")
        assert {"Key": "project", "Value": "neurosweep"} in made.tags
    (group,) = {one for kind in kinds.values() for one in kind["node_config"]["SecurityGroupIds"]}
    (found,) = aws.describe_security_groups(GroupIds=[group])["SecurityGroups"]
    from_outside = [rule for rule in found["IpPermissions"] if rule["IpRanges"]]
    assert [(rule["FromPort"], rule["ToPort"]) for rule in from_outside] == [(22, 22)]
