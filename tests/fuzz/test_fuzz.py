"""Ten minutes of inputs that look for new ways through the reader of card files; at night only."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
SEEDS = HERE.parent / "data" / "cards"


@pytest.mark.nightly
@pytest.mark.timeout(1200)
@pytest.mark.skipif(importlib.util.find_spec("atheris") is None, reason="needs atheris: pip install --group fuzz")
def test_ten_minutes_of_hostile_card_files_break_no_promise(tmp_path: Path) -> None:
    seconds = os.environ.get("FUZZ_SECONDS", "600")
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    for file in SEEDS.glob("*.md"):
        for place, part in enumerate(re.split(rb"(?=^#{2,4} )", file.read_bytes(), flags=re.MULTILINE)):
            (corpus / f"{file.stem}-{place}").write_bytes(part)
    flags = [f"-max_total_time={seconds}", "-max_len=4096", "-timeout=60", "-print_final_stats=1"]
    done = subprocess.run(
        [sys.executable, str(HERE / "fuzz_cards.py"), *flags, str(corpus)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    runs = re.search(r"number_of_executed_units: (\d+)", done.stderr)

    assert done.returncode == 0, done.stderr[-4000:]
    assert runs is not None
    assert int(runs[1]) > 1000
