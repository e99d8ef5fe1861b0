"""The closing routine at work: what does each step of the checklist."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from bluelabel.services.sprint import acts, checks, ending
from bluelabel.services.sprint.record import Work

ROUTINE: Final[Mapping[str, Work]] = {
    "cards": checks.check_cards,
    "branches": checks.check_repository,
    "tests": checks.check_tests,
    "reports": checks.check_reports,
    "verdict": checks.judge,
    "merge": acts.merge_branches,
    "recheck": acts.check_again,
    "documents": acts.update_documents,
    "summary": acts.summarise,
    "commit": acts.commit_documents,
    "tag": acts.make_tag,
    "postmortem": ending.write_postmortem_step,
    "sync": ending.sync,
    "coverage": ending.coverage,
    "final": ending.verify_all,
}
"""Each step by its id, in the order in which they run."""
