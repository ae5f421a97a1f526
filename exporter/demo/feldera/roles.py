"""The roles pipelines play in the story, each a script that goes on for ever."""

from __future__ import annotations

from exporter.demo.feldera.scene import Scene, Script

_PANIC = "called `Option::unwrap()` on a `None` value"


def healthy(scene: Scene) -> Script:
    """Runs and talks."""
    yield from scene.deploy()
    while True:
        yield from scene.work(3600)


def quiet(scene: Scene) -> Script:
    """Runs and says nothing; its heartbeats go on without it."""
    if not scene.created:
        scene.created = True
        scene.world.create(scene.name, description=f"Demo pipeline {scene.name}", tags=("demo",))
        yield 60.0
    scene.world.start(scene.name)


def panicking(scene: Scene) -> Script:
    """Runs for a while, dies of a panic, stays dead for a while, is restarted."""
    yield from scene.deploy()
    while True:
        yield from scene.work(scene.about(240))
        scene.world.fail(scene.name, "RuntimeError.WorkerPanic", _PANIC, {"worker": 3})
        yield scene.about(180)
        yield from scene.deploy()


def flapping(scene: Scene) -> Script:
    """Dies and is restarted every 40 seconds or so."""
    yield from scene.deploy()
    while True:
        yield from scene.work(scene.about(20), every=5)
        scene.world.fail(scene.name, "RuntimeError.OutOfMemory", "The process was killed", None)
        yield scene.about(8)
        yield from scene.deploy()


def unavailable(scene: Scene) -> Script:
    """Runs, but cannot be reached now and then: mostly for moments, sometimes for minutes."""
    yield from scene.deploy()
    while True:
        yield from scene.work(scene.about(120))
        scene.world.unavailable(scene.name)
        yield scene.about(180) if scene.chance.random() < 0.4 else scene.about(8)
        scene.world.reachable(scene.name)


def compiling(scene: Scene) -> Script:
    """Is changed and compiled again every few minutes."""
    yield from scene.deploy()
    while True:
        yield from scene.work(scene.about(150))
        scene.world.stop(scene.name)
        yield from scene.until(lambda: scene.row.resources == "Stopped")
        scene.world.compile(scene.name)
        yield from scene.deploy()


def sql_error(scene: Scene) -> Script:
    """Does not compile; an attempt to mend it comes every ten minutes and fails too."""
    if not scene.created:
        scene.created = True
        scene.world.create(scene.name, outcome="SqlError", description="Column names are hard")
    while True:
        yield scene.about(600)
        scene.world.compile(scene.name, "SqlError")


def awaiting_approval(scene: Scene) -> Script:
    """Waits for approval, gets it after a while, runs, and waits again after the next change."""
    yield from scene.deploy()
    while True:
        scene.world.stop(scene.name)
        yield from scene.until(lambda: scene.row.resources == "Stopped")
        scene.world.await_approval(scene.name)
        yield from scene.until(lambda: scene.row.runtime == "AwaitingApproval")
        yield scene.about(900)
        scene.world.approve(scene.name)
        yield from scene.work(scene.about(120))


def stuck(scene: Scene) -> Script:
    """Stays Provisioning until somebody gives up and tries again."""
    if not scene.created:
        scene.created = True
        scene.world.create(scene.name)
    while True:
        yield from scene.until(lambda: scene.row.program == "Success" and scene.row.resources == "Stopped")
        scene.world.start(scene.name, stuck=True)
        yield scene.about(1500)
        scene.world.stop(scene.name)


def paused(scene: Scene) -> Script:
    """Is paused nearly always, and resumed for a moment now and then."""
    yield from scene.deploy()
    while True:
        scene.world.pause(scene.name)
        yield scene.about(1200)
        scene.world.resume(scene.name)
        yield from scene.work(scene.about(60))


def stopped(scene: Scene) -> Script:
    """Ran once; stopped after a checkpoint, and not needed since."""
    yield from scene.deploy()
    yield from scene.work(scene.about(300))
    scene.world.stop(scene.name, force=False)


def failing_connectors(scene: Scene) -> Script:
    """Runs, with ever more connector errors."""
    yield from scene.deploy()
    while True:
        scene.world.connector_errors(scene.name, scene.row.num_errors + scene.chance.randrange(1, 9))
        yield from scene.work(scene.about(30))


def clearing(scene: Scene) -> Script:
    """Is stopped, cleared and started afresh every few minutes."""
    yield from scene.deploy()
    while True:
        yield from scene.work(scene.about(200))
        scene.world.stop(scene.name)
        yield from scene.until(lambda: scene.row.resources == "Stopped")
        scene.world.clear(scene.name)
        yield from scene.until(lambda: scene.row.storage == "Cleared")
        yield scene.about(30)
        yield from scene.deploy()
