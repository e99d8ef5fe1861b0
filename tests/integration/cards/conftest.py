from collections.abc import Callable
from pathlib import Path

import pytest

DATA = Path(__file__).resolve().parents[2] / "data" / "cards"


@pytest.fixture
def sample() -> Callable[[str], bytes]:
    """Gives the bytes of a small card file under tests/data/cards."""
    return lambda name: (DATA / f"{name}.md").read_bytes()
