"""A small crowd in the suite; eight senders with 250 messages each at night."""

from __future__ import annotations

from pathlib import Path

import pytest
from reliability.crowd import crowd


@pytest.mark.timeout(180)
def test_a_crowd_with_dying_workers_handles_every_message_once_and_in_order(tmp_path: Path) -> None:
    report = crowd(tmp_path / "x", senders=3, each=30, workers=3, pause=0.3)

    assert report.passed, str(report)
    assert report.more["kills"] >= 1


@pytest.mark.nightly
@pytest.mark.timeout(600)
def test_a_large_crowd_with_dying_workers_handles_every_message_once_and_in_order(tmp_path: Path) -> None:
    report = crowd(tmp_path / "x", senders=8, each=250, workers=4, pause=0.2)

    assert report.passed, str(report)
