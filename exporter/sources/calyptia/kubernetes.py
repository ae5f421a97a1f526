"""Kubernetes' words in the status history: where an event comes from, and the reasons that may be labels."""

from __future__ import annotations

_ORIGINS = {"k8s:deployment": "deployment", "k8s:pod": "pod"}

REASONS = frozenset(
    {
        # Deployments: conditions and what the controllers report
        "MinimumReplicasAvailable",
        "MinimumReplicasUnavailable",
        "NewReplicaSetAvailable",
        "NewReplicaSetCreated",
        "NewReplicaSetReason",
        "FoundNewReplicaSet",
        "ReplicaSetUpdated",
        "ReplicaSetCreateError",
        "ProgressDeadlineExceeded",
        "DeploymentPaused",
        "DeploymentResumed",
        "ScalingReplicaSet",
        "FailedCreate",
        "SuccessfulCreate",
        "SuccessfulDelete",
        # Pods: scheduling
        "Scheduled",
        "FailedScheduling",
        "Unschedulable",
        "SchedulingGated",
        "NotTriggerScaleUp",
        "TriggeredScaleUp",
        "Preempted",
        "Preempting",
        # Pods: images
        "Pulling",
        "Pulled",
        "ErrImagePull",
        "ErrImageNeverPull",
        "ImagePullBackOff",
        "ImageInspectError",
        "InvalidImageName",
        "RegistryUnavailable",
        "InspectFailed",
        # Pods: containers
        "ContainerCreating",
        "PodInitializing",
        "PodCompleted",
        "Created",
        "Started",
        "Killing",
        "Failed",
        "BackOff",
        "CrashLoopBackOff",
        "CreateContainerConfigError",
        "CreateContainerError",
        "RunContainerError",
        "PostStartHookError",
        "FailedPostStartHook",
        "FailedPreStopHook",
        "PreCreateHookError",
        "PreStartHookError",
        "ContainerCannotRun",
        "ContainerStatusUnknown",
        "StartError",
        "DeadlineExceeded",
        "Completed",
        "Error",
        "OOMKilled",
        "Unhealthy",
        "ProbeWarning",
        "ContainersNotReady",
        "ContainersNotInitialized",
        "ReadinessGatesNotReady",
        # Pods: nodes, volumes, network
        "Evicted",
        "TerminationByKubelet",
        "DeletionByTaintManager",
        "EvictionByEvictionAPI",
        "PreemptionByScheduler",
        "NodeLost",
        "NodeAffinity",
        "NodeNotReady",
        "NodeShutdown",
        "TaintManagerEviction",
        "OutOfcpu",
        "OutOfmemory",
        "OutOfpods",
        "UnexpectedAdmissionError",
        "FailedMount",
        "FailedAttachVolume",
        "FailedMapVolume",
        "SuccessfulAttachVolume",
        "VolumeResizeFailed",
        "FailedCreatePodSandBox",
        "FailedKillPod",
        "FailedPodSandBoxStatus",
        "SandboxChanged",
        "NetworkNotReady",
        "NetworkFailed",
        "DNSConfigForming",
        "FailedSync",
        "FailedValidation",
    }
)
"""Reasons that Kubernetes itself gives for Deployments and Pods; the API passes any text on."""


def origin_of(source: str | None) -> str:
    """The ``origin`` label of an event's source."""
    return _ORIGINS.get(source or "", "other")


def reason_of(reason: str | None) -> str:
    """The ``reason`` label: the reason itself if Kubernetes has such a one, else ``other``."""
    return reason if reason is not None and reason in REASONS else "other"
