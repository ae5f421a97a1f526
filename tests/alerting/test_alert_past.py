"""Failures found when they were over, and what the next life of the exporter knows of this one."""

from __future__ import annotations

from exporter.model import DeploymentError, FailureRead
from tests.alerting.stage import ERROR, UNREACHABLE, Stage, alerting, event, names, pipeline

BROKEN = pipeline(error="OutOfMemory", message="heap")


def unseen(stage: Stage) -> tuple[float, float]:
    """A failure comes and goes between two polls and is then found in the history; from when until when."""
    stage.poll(pipeline())
    stage.read("a", event(1, stage.now - 1000))
    stage.now += 60
    began, ended = stage.now - 40, stage.now - 20
    stage.poll(pipeline())
    stage.read("a", event(1, stage.now - 1060), event(2, began, error=True), event(3, ended))
    return began, ended


def test_an_unseen_failure_is_held_with_its_true_times() -> None:
    """It fires from when it was found, for ``hold``, and says when it was."""
    stage = Stage()
    began, ended = unseen(stage)
    alert = stage.alert()
    assert alert.starts_at == stage.now > ended > began
    assert alert.annotations["began_at"] < alert.annotations["ended_at"]
    assert alert.annotations["summary"] == "a: the deployment failed and recovered"
    stage.later(299)
    assert stage.firing() == {(ERROR, "a")}
    stage.later(1)
    assert stage.firing() == set()


def test_why_it_failed_may_be_known_later() -> None:
    """The reason is sent as soon as it was read; one of another failure is not taken for it."""
    stage = Stage()
    began, _ = unseen(stage)
    stage.deliver(FailureRead("a", began - 500, DeploymentError("Older")))
    assert "error_code" not in stage.alert().annotations
    stage.deliver(FailureRead("a", began, DeploymentError("OutOfMemory", "heap")))
    (alert,) = stage.step()
    assert (alert.annotations["error_code"], alert.annotations["error_message"]) == ("OutOfMemory", "heap")


def test_an_unseen_failure_is_told_once() -> None:
    """Not by a later look, nor by the next life, nor after the hold: what was told is remembered."""
    stage = Stage()
    unseen(stage)
    stage.later(400)
    for _ in range(3):
        stage = stage.restarted()
        stage.poll(pipeline())
        stage.swept()
        stage.later(10)
        assert stage.firing() == set()


def test_a_hold_goes_on_in_the_next_life() -> None:
    """Killed while it is held, it is neither resolved nor begun anew, and ends when it would have."""
    stage = Stage()
    unseen(stage)
    started = stage.now
    stage.later(100)
    stage = stage.restarted()
    stage.later(50)
    stage.poll(pipeline())
    stage.swept()
    assert stage.alert().starts_at == started
    stage.later(149)
    assert stage.firing() == {(ERROR, "a")}
    stage.later(1)
    assert stage.firing() == set()


def test_a_failure_that_was_seen_is_not_told_again_from_the_history() -> None:
    """It fired while it lasted; its episode in the history is nothing new."""
    stage = Stage(alerting(hold=20))
    stage.poll(pipeline())
    stage.read("a", event(1, stage.now - 1000))
    stage.now += 60
    stage.poll(BROKEN)
    began = stage.now - 1
    stage.now += 60
    stage.poll(pipeline())
    stage.read("a", event(1, stage.now - 1120), event(2, began, error=True), event(3, stage.now - 1))
    assert stage.firing() == set()


def test_a_second_unseen_failure_is_told_as_well() -> None:
    """What is remembered is the newest that was told, not the pipeline."""
    stage = Stage()
    unseen(stage)
    stage.later(400)
    stage.poll(pipeline())
    stage.read("a", event(4, stage.now - 20, error=True), event(5, stage.now - 10))
    assert stage.firing() == {(ERROR, "a")}


def test_without_hold_the_past_is_not_told() -> None:
    """``hold: 0s`` turns such alerts off."""
    stage = Stage(alerting(hold=0))
    unseen(stage)
    assert stage.firing() == set()


# Restarts


def test_a_restart_neither_resolves_nor_doubles() -> None:
    """Nothing is said before the source was tried, and all stays until its first good poll; then what lasts goes on
    with its start, and what is over ends."""
    stage = Stage()
    stage.poll(BROKEN, pipeline("b", error="E"), pipeline("c", error="E"))
    started = stage.now
    stage.later(100)
    stage = stage.restarted()
    assert names(stage.step()) == []
    assert names(stage.fail()) == [ERROR] * 3
    stage.later(10)
    assert len(stage.firing()) == 3
    stage.poll(BROKEN, pipeline("b"))
    assert stage.firing() == {(ERROR, "a")}
    assert stage.alert().starts_at == started


def test_a_hold_that_ran_out_meanwhile_waits_for_the_history() -> None:
    """After a restart it goes on until the history was read again, not only the statuses."""
    stage = Stage()
    unseen(stage)
    stage = stage.restarted()
    stage.later(1000)
    stage.poll(pipeline())
    assert stage.firing() == {(ERROR, "a")}
    stage.swept()
    assert stage.firing() == set()


def test_a_source_that_could_not_be_read_before_a_restart_stays_unreachable() -> None:
    """The alert about it goes on, with its start, until a poll works."""
    stage = Stage()
    stage.fail()
    stage.later(200)
    started = stage.now
    stage = stage.restarted()
    stage.later(100)
    stage.fail()
    assert stage.firing() == {(UNREACHABLE, "prod")}
    assert stage.alert(UNREACHABLE, "prod").starts_at == started
    stage.poll()
    assert stage.firing() == set()


def test_resolved_is_sent_again_in_the_next_life() -> None:
    """An end that the Alertmanager may not have heard is not forgotten by a crash."""
    stage = Stage()
    stage.poll(BROKEN)
    stage.later(100)
    stage.poll(pipeline())
    ended = stage.now
    stage = stage.restarted()
    stage.now += 5
    (alert,) = [alert for alert in stage.poll(pipeline()) if alert.name == ERROR]
    assert alert.ended_at == ended


def test_without_a_state_file_what_fires_still_is_told_anew() -> None:
    """Nothing is resolved that is not known; what lasts begins again."""
    stage = Stage()
    stage.poll(BROKEN)
    stage.later(100)
    stage = stage.restarted(state=False)
    assert stage.firing() == set()
    stage.poll(BROKEN)
    assert stage.alert().starts_at == stage.now


def test_log_lines_are_never_written_to_the_file() -> None:
    """They are in what is sent, and not in what is kept."""
    stage = Stage()
    stage.poll(BROKEN)
    stage.alert().annotations["log_lines"] = "a password"
    stage.accept()
    stage.step()
    assert stage.alert().annotations["log_lines"] == "a password"
    assert all(b"a password" not in row for row in stage.file.values())


def test_a_row_that_cannot_be_read_is_left_out() -> None:
    """The others go on firing."""
    stage = Stage()
    stage.poll(BROKEN)
    stage.file["alert", '[["x","y"]]'] = b"\xff"
    stage.file["nonsense", "x"] = b""
    assert stage.restarted().firing() == {(ERROR, "a")}
