"""The closing routine at work: what does each step of the checklist."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from bluelabel.services.sprint.closeout import actions, checks, finish
from bluelabel.services.sprint.closeout.state import Work

ROUTINE: Final[Mapping[str, Work]] = {
    "cards": checks.check_cards,
    "branches": checks.check_repository,
    "tests": checks.check_tests,
    "reports": checks.check_reports,
    "verdict": checks.judge,
    "merge": actions.merge_branches,
    "recheck": actions.check_again,
    "documents": actions.update_documents,
    "summary": actions.summarise,
    "commit": actions.commit_documents,
    "tag": actions.make_tag,
    "postmortem": finish.write_postmortem_step,
    "sync": finish.sync,
    "coverage": finish.coverage,
    "final": finish.verify_all,
}
"""Each step by its id, in the order in which they run."""
