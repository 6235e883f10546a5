"""What `am instrument` prints, and what the listener makes of it."""

from __future__ import annotations

import pytest

from edge_export.devices.android_runner import Listener


@pytest.fixture
def heard():
    events: list[tuple[str, str]] = []
    listener = Listener(lambda *event: events.append(event))
    listener.events = events
    return listener


def test_statuses_are_events_however_they_are_cut(heard):
    said = (
        b"INSTRUMENTATION_STATUS: item=a\r\nINSTRUMENTATION_STATUS: outcome=started\r\n"
        b"INSTRUMENTATION_STATUS_CODE: 1\r\n"
        b"INSTRUMENTATION_STATUS: item=a\nINSTRUMENTATION_STATUS: outcome=failed\n"
        b"INSTRUMENTATION_STATUS: reason=x=y\nINSTRUMENTATION_STATUS_CODE: 0\n"
        b"INSTRUMENTATION_RESULT: outcome=finished\nINSTRUMENTATION_CODE: -1\n"
    )
    for start in range(0, len(said), 7):
        heard.hear(said[start : start + 7])
    assert heard.events == [("a", "started"), ("a", "failed")]
    assert (heard.complete, heard.running, heard.failure) == (True, "", "")


def test_a_crash_names_the_item_that_was_running(heard):
    heard.hear(b"INSTRUMENTATION_STATUS: item=b\nINSTRUMENTATION_STATUS: outcome=started\n")
    heard.hear(b"INSTRUMENTATION_STATUS_CODE: 1\nINSTRUMENTATION_RESULT: shortMsg=Process crashed.\n")
    heard.hear(b"INSTRUMENTATION_CODE: 0\n")
    assert (heard.complete, heard.running, heard.failure) == (False, "b", "Process crashed.")


def test_a_missing_app(heard):
    heard.hear(b"INSTRUMENTATION_STATUS: Error=Unable to find instrumentation info for: ComponentInfo{a/b}\n")
    heard.hear(b"INSTRUMENTATION_STATUS: id=ActivityManagerService\nINSTRUMENTATION_STATUS_CODE: -1\n")
    heard.hear(b"INSTRUMENTATION_FAILED: a/b\n")
    assert heard.failure.startswith("Unable to find instrumentation info")
    assert not heard.complete


def test_a_line_without_an_end_is_not_kept_whole(heard):
    for _ in range(1000):
        heard.hear(b"x" * 10_000)
    assert len(heard._rest) < 100_000
