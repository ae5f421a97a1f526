"""What one Alertmanager is still to be told: in which order, how much at once, and what goes when there is too much."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from exporter.alerts.alert import Labels, Notice
from exporter.alerts.queue import BATCH, Queue

LINGER = 45.0


def notice(name: str, *, start: float = 100.0, end: float | None = None) -> Notice:
    """A notice about an alert with this name."""
    return Notice((("alertname", name),), {}, "", start, end)


def queue(*, known: tuple[str, ...] = (), most: int = 10_000) -> Queue:
    """A queue whose Alertmanager knows that these fire since 100."""
    made = Queue(linger=LINGER, most=most)
    for name in known:
        made.knows(notice(name).labels, 100.0, 100.0)
    return made


def said(queue: Queue, now: float = 1000.0, most: int = BATCH) -> list[tuple[str, bool]]:
    """Names, and whether they are said to fire, of what is taken and not yet done."""
    return [(out.notice.labels[0][1], out.firing) for out in queue.take(now, most)]


def test_news_go_first_then_ends_then_resends() -> None:
    """What people do not know yet is the most urgent."""
    waiting = queue(known=("old", "over"))
    for one in (notice("old"), notice("over", end=500.0), notice("new")):
        waiting.put(one)
    assert said(waiting) == [("new", True), ("over", False), ("old", True)]


def test_a_batch_is_bounded_and_stays_until_it_is_done() -> None:
    """Taking is no promise: what was not done is taken again."""
    waiting = queue()
    for number in range(600):
        waiting.put(notice(f"a{number}"))
    sizes = []
    while batch := waiting.take(1000.0):
        assert waiting.take(1000.0) == batch
        waiting.done(batch, 1000.0)
        sizes.append(len(batch))
    assert (sizes, len(waiting)) == ([256, 256, 88], 0)


def test_only_the_newest_word_about_an_alert_waits() -> None:
    """However often it is put in, it is said once."""
    waiting = queue()
    for end in (None, None, 300.0):
        waiting.put(notice("a", end=end))
    assert len(waiting) == 1


def test_what_fired_and_ended_unheard_is_told_as_firing_first() -> None:
    """The end follows once the Alertmanager has known it for the least time."""
    waiting = queue()
    waiting.put(notice("a", end=500.0))
    batch = waiting.take(1000.0)
    assert [out.firing for out in batch] == [True]
    assert [first.labels for first in waiting.done(batch, 1000.0)] == [notice("a").labels]
    assert (said(waiting, 1044.9), waiting.next_at(1001.0)) == ([], 1045.0)
    assert said(waiting, 1045.0) == [("a", False)]
    assert waiting.done(waiting.take(1045.0), 1045.0) == []
    assert len(waiting) == 0


def test_an_end_that_comes_while_the_beginning_is_under_way_is_not_lost() -> None:
    """The batch that was taken before is done with the older word only."""
    waiting = queue()
    waiting.put(notice("a"))
    batch = waiting.take(1000.0)
    waiting.put(notice("a", end=1000.5))
    waiting.done(batch, 1001.0)
    assert (len(waiting), said(waiting, 1002.0), said(waiting, 1046.0)) == (1, [], [("a", False)])


def test_a_new_firing_of_a_known_alert_is_news() -> None:
    """What was accepted is one firing, known by when it began."""
    waiting = queue(known=("a", "b"))
    waiting.put(notice("b"))
    waiting.put(notice("a", start=200.0))
    assert said(waiting) == [("a", True), ("b", True)]
    assert len(waiting.done(waiting.take(1000.0), 1000.0)) == 1


def test_a_clock_that_is_set_back_does_not_hold_an_end() -> None:
    """An acceptance in the future is no reason to wait."""
    waiting = queue(known=("a",))
    waiting.put(notice("a", end=500.0))
    assert said(waiting, 50.0) == [("a", False)]


def test_too_many_drop_known_ones_first_and_ends_last() -> None:
    """Within each kind the oldest goes; every one dropped is counted."""
    waiting = queue(known=("k1", "k2", "e1"), most=4)
    for one in (notice("e1", end=500.0), notice("k1"), notice("k2"), notice("n1")):
        assert waiting.put(one) == 0
    assert waiting.is_full
    gone = []
    for name in ("n2", "n3", "n4"):
        before = {one for one, _ in said(waiting)}
        assert waiting.put(notice(name)) == 1
        gone += before - {one for one, _ in said(waiting)}
    assert gone == ["k1", "k2", "n1"]
    assert ("e1", False) in said(waiting)


def test_what_was_refused_goes_alone_after_the_others() -> None:
    """It cannot spoil their batch a second time; once taken in, it is like any other."""
    waiting = queue()
    waiting.put(notice("bad", end=500.0))
    waiting.refuse(waiting.take(1000.0)[0])
    assert (len(waiting), waiting.was_refused(notice("bad").labels)) == (0, True)
    waiting.put(notice("bad"))
    waiting.put(notice("good"))
    assert said(waiting) == [("good", True)]
    waiting.done(waiting.take(1000.0), 1000.0)
    assert said(waiting) == [("bad", True)]
    waiting.done(waiting.take(1000.0), 1000.0)
    assert not waiting.was_refused(notice("bad").labels)


def test_alerts_of_which_nobody_speaks_are_forgotten() -> None:
    """What is remembered of the Alertmanager is bounded by what there is, except that an end still needs it."""
    waiting = queue(known=("a", "b"))
    waiting.put(notice("b", end=500.0))
    waiting.forget_all_but([])
    waiting.put(notice("a"))
    assert said(waiting) == [("a", True), ("b", False)]
    assert waiting.done(waiting.take(1000.0), 1000.0)[0].labels == notice("a").labels


def waiting_for(*names: str) -> Queue:
    """A queue with these alerts, none of which is known."""
    made = queue()
    for name in names:
        made.put(notice(name))
    return made


def test_what_was_deferred_comes_last_and_takes_turns() -> None:
    """All else goes first, also what is said again; then those that were deferred the longest ago."""
    waiting = waiting_for("a", "b", "c", "d")
    waiting.defer(waiting.take(1000.0, 3))
    assert said(waiting) == [("d", True)]
    waiting.put(notice("e"))
    waiting.put(notice("a"))
    assert said(waiting) == [("d", True), ("e", True)]
    waiting.done(waiting.take(1000.0), 1000.0)
    assert said(waiting, most=2) == [("a", True), ("b", True)]
    waiting.defer(waiting.take(1000.0, 2))
    assert said(waiting, most=2) == [("c", True), ("a", True)]
    while batch := waiting.take(1000.0):
        waiting.done(batch, 1000.0)
    assert (len(waiting), waiting.has_deferred) == (0, False)


def test_what_was_taken_in_meanwhile_is_not_deferred() -> None:
    """A part of the batch got through."""
    waiting = waiting_for("a", "b")
    batch = waiting.take(1000.0)
    waiting.done(batch[:1], 1000.0)
    waiting.defer(batch)
    assert said(waiting) == [("b", True)]
    waiting.done(waiting.take(1000.0), 1000.0)
    assert not waiting.has_deferred


def alone(waiting: Queue) -> bool:
    """One is posted alone and fails; whether it is to be given up."""
    return waiting.defer(waiting.take(1000.0, 1))


def goes_through(waiting: Queue, name: str) -> None:
    """Another one goes through."""
    waiting.put(notice(name))
    (out, *_) = waiting.take(1000.0)
    assert out.notice == notice(name)
    waiting.done([out], 1000.0)


def test_nothing_is_given_up_while_nothing_goes_through() -> None:
    """However long an Alertmanager as a whole answers with errors."""
    waiting = waiting_for("a", "b", "c")
    assert not any(alone(waiting) for _ in range(10_000))
    assert len(waiting) == 3


def test_one_that_fails_alone_while_others_go_through_is_given_up_in_the_end() -> None:
    """After ten times; and if it comes again, as soon as another one has gone through."""
    waiting = waiting_for("guilty")
    assert not alone(waiting)
    for number in range(10):
        goes_through(waiting, f"a{number}")
        assert not alone(waiting)
        assert not alone(waiting), "nothing went through since"
    goes_through(waiting, "b")
    (guilty,) = waiting.take(1000.0)
    assert waiting.defer([guilty])
    waiting.refuse(guilty)
    assert (len(waiting), waiting.has_deferred) == (0, False)
    waiting.put(notice("guilty"))
    assert not alone(waiting)
    goes_through(waiting, "c")
    assert alone(waiting)


WORDS = st.lists(st.tuples(st.sampled_from("abcde"), st.booleans(), st.booleans()), max_size=60)


@given(words=WORDS)
def test_an_end_is_never_said_before_its_beginning_was_heard(words: list[tuple[str, bool, bool]]) -> None:
    """Whatever comes in and whenever it gets through: firing, then resolved; the last word gets through in the end."""
    waiting, now, heard, last = queue(most=3), 1000.0, set[tuple[Labels, float]](), dict[Labels, Notice]()
    started: dict[str, float] = {}
    for name, is_over, gets_through in words:
        now += 10
        if name not in started:
            started[name] = now
        one = notice(name, start=started[name], end=now if is_over else None)
        if is_over:
            del started[name]
        waiting.put(one)
        last[one.labels] = one
        assert len(waiting) <= 3
        if gets_through:
            say(waiting, now, heard)
    for one in (None, *last.values()):
        if one is not None:  # as the engine does at each resend; what waits has got through by then
            waiting.put(one)
        while len(waiting):
            now += 50
            say(waiting, now, heard)
        assert one is None or (one.labels, one.starts_at) in heard


def say(waiting: Queue, now: float, heard: set[tuple[Labels, float]]) -> None:
    """A batch gets through."""
    batch = waiting.take(now)
    for out in batch:
        key = (out.notice.labels, out.notice.starts_at)
        assert out.firing or key in heard, "resolved before anybody knew that it fired"
        heard.add(key)
    waiting.done(batch, now)
