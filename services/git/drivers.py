"""The merge drivers: git calls one with three files, and takes what stands in the second afterwards.

Whatever goes wrong, the file git gets back holds both sides: merged, or with conflict markers round the difference.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bluelabel.interfaces.limits import CARDS_BYTES
from bluelabel.interfaces.problems import Problem
from bluelabel.services.git.command import Git

Merger = Callable[[bytes | None, bytes, bytes], tuple[bytes | None, tuple[Problem, ...]]]
"""Merges base, ours and theirs; returns None in place of the text when it cannot."""

UNDECIDED: Final = "merge-conflict"
"""The code of a problem on which a person has to decide: git does not commit such a merge."""


@dataclass(frozen=True, slots=True)
class Driven:
    """What a driver did.

    Args:
        clean: nothing is left for a person to decide; git commits the merge only then.
        problems: what a person should know.
    """

    clean: bool
    problems: tuple[Problem, ...] = ()


def drive(merge: Merger, base: Path, ours: Path, theirs: Path) -> Driven:
    """Merge three files into `ours`, as git asks a merge driver to.

    What `merge` cannot read, or fails on, is merged line by line, with conflict markers where the sides differ.
    """
    problems: tuple[Problem, ...] = ()
    try:
        texts = [file.read_bytes() for file in (base, ours, theirs)]
        if max(map(len, texts)) > CARDS_BYTES:
            problems = (Problem("too-large", "too large to merge entry by entry; merged line by line"),)
        else:
            merged, problems = merge(texts[0] or None, texts[1], texts[2])
            if merged is not None:
                ours.write_bytes(merged)
                return Driven(all(problem.code != UNDECIDED for problem in problems), problems)
    except Exception as error:  # noqa: BLE001 - a fault of ours must not cost the other side's text
        problems = (Problem("merge-failed", f"merged line by line ({type(error).__name__}: {error})"),)
    labels = ("-L", "ours", "-L", "base", "-L", "theirs")
    answer = Git(ours.resolve().parent).change("merge-file", "-q", *labels, str(ours), str(base), str(theirs))
    return Driven(clean=answer.code == 0, problems=problems)
