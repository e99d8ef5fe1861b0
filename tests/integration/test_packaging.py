"""What is installed: one import name, everything it needs, the same bytes from every build."""

from __future__ import annotations

import configparser
import os
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(find_spec("hatchling") is None, reason="needs hatchling, the build back end")

ROOT = Path(__file__).parents[2]
ROOMS = ("agents", "apps", "interfaces", "runner", "services")
NOT_SHIPPED = {"__pycache__", "node_modules", ".mypy_cache", ".ruff_cache"}


@dataclass(frozen=True)
class Builds:
    """The sdist of the checkout, and what an unpacked sdist gives when it is built twice in other circumstances."""

    sdist: Path
    wheels: tuple[Path, Path]
    sdist_again: Path


def build(source: Path, out: Path, target: str, umask: int) -> Path:
    """Build `target` (wheel or sdist) of `source` and return the file."""
    out.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "hatchling", "build", "--target", target, "--directory", str(out)]
    environment = {name: value for name, value in os.environ.items() if name != "SOURCE_DATE_EPOCH"}
    subprocess.run(
        command, cwd=source, env=environment, check=True, capture_output=True, umask=umask, timeout=60
    )  # fmt: skip
    (built,) = [path for path in out.iterdir() if path.name.endswith(".whl" if target == "wheel" else ".tar.gz")]
    return built


def unpacked(sdist: Path, folder: Path) -> Path:
    folder.mkdir()
    subprocess.run(["tar", "-xzf", str(sdist), "-C", str(folder)], check=True, timeout=60)
    (top,) = folder.iterdir()
    return top


@pytest.fixture(scope="module")
def builds(tmp_path_factory: pytest.TempPathFactory) -> Builds:
    folder = tmp_path_factory.mktemp("builds")
    sdist = build(ROOT, folder / "out", "sdist", 0o022)
    one = unpacked(sdist, folder / "one")
    two = unpacked(sdist, folder / "a path with spaces")
    for path in two.rglob("*.py"):
        os.utime(path, (1, 1))
    return Builds(
        sdist=sdist,
        wheels=(build(one, folder / "w1", "wheel", 0o022), build(two, folder / "w2", "wheel", 0o077)),
        sdist_again=build(two, folder / "s2", "sdist", 0o077),
    )


@pytest.fixture(scope="module")
def installed(builds: Builds, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder like site-packages, holding the wheel and a distribution that owns the name `agents`."""
    site = tmp_path_factory.mktemp("site")
    (site / "agents").mkdir()
    (site / "agents" / "__init__.py").write_text("OWNER = 'another distribution'\n")
    with zipfile.ZipFile(builds.wheels[0]) as wheel:
        wheel.extractall(site)
    return site


def python(site: Path, *arguments: str, cwd: Path) -> str:
    """Run Python where `site` comes first; return what it prints."""
    environment = {**os.environ, "PYTHONPATH": str(site), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, *arguments]
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def names(wheel: Path) -> list[str]:
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist()


def source_files() -> set[str]:
    """Return the files of the rooms that a user needs, as the wheel should name them."""
    found: set[str] = set()
    for room in ROOMS:
        for path in (ROOT / room).rglob("*"):
            relative = path.relative_to(ROOT)
            web_source = relative.parts[:2] == ("apps", "web") and relative.parts[2:3] != ("dist",)
            if path.is_file() and not NOT_SHIPPED & set(relative.parts) and not web_source:
                found.add(f"bluelabel/{relative.as_posix()}")
    return found


def test_two_builds_give_the_same_wheel_byte_for_byte(builds: Builds) -> None:
    assert builds.wheels[0].read_bytes() == builds.wheels[1].read_bytes()


def test_an_sdist_of_an_unpacked_sdist_is_the_same_sdist(builds: Builds) -> None:
    assert builds.sdist_again.read_bytes() == builds.sdist.read_bytes()


def test_a_wheel_owns_one_import_name(builds: Builds) -> None:
    tops = {name.split("/")[0] for name in names(builds.wheels[0])}

    assert {top for top in tops if not top.endswith(".dist-info")} == {"bluelabel"}


def test_a_wheel_holds_every_file_of_the_rooms_and_nothing_else(builds: Builds) -> None:
    packed = {name for name in names(builds.wheels[0]) if name.startswith("bluelabel/")}

    assert packed == source_files() | {"bluelabel/__init__.py", "bluelabel/py.typed"}


def test_an_sdist_holds_each_room_once_and_the_means_to_check_it(builds: Builds) -> None:
    with tarfile.open(builds.sdist) as archive:
        paths = [name.partition("/")[2] for name in archive.getnames()]

    assert len(paths) == len(set(paths))
    assert not [
        path for path in paths if path.startswith(("bluelabel/", "src/bluelabel/agents", "apps/web/node_modules"))
    ]
    assert {"Makefile", "constraints.txt", "hatch_build.py", "LICENSE", "README.md", "tests/unit/test_sizes.py"} <= set(
        paths
    )


def test_the_command_and_the_agents_are_entry_points(builds: Builds, installed: Path, tmp_path: Path) -> None:
    parser = configparser.ConfigParser(delimiters=("=",))
    (metadata,) = installed.glob("bluelabel-*.dist-info")
    parser.read_string((metadata / "entry_points.txt").read_text())
    places = [place for section in parser.sections() for place in parser[section].values()]
    load = (
        "import sys; from importlib.metadata import EntryPoint; [EntryPoint('n', p, 'g').load() for p in sys.argv[1:]]"
    )

    assert parser["console_scripts"]["bluelabel"] == "bluelabel.apps.cli.entry:main"
    python(installed, "-c", load, *places, cwd=tmp_path)


def test_the_installed_wheel_runs_beside_an_owner_of_the_name_agents(installed: Path, tmp_path: Path) -> None:
    where = (
        "import agents, bluelabel, bluelabel.agents as ours; "
        "print(agents.OWNER); print(bluelabel.__file__); print(ours.__name__)"
    )
    owner, place, ours = python(installed, "-c", where, cwd=tmp_path).splitlines()

    assert (owner, Path(place).parent, ours) == ("another distribution", installed / "bluelabel", "bluelabel.agents")
    assert python(installed, "-m", "bluelabel.apps.cli.main", "--version", cwd=tmp_path).startswith("bluelabel ")
    assert "message" in python(installed, "-m", "bluelabel.apps.cli.main", "schema", cwd=tmp_path)


def test_importing_the_command_line_writes_nothing_and_connects_nowhere(installed: Path, tmp_path: Path) -> None:
    watch = """
import sys
seen = []
def hook(event, arguments):
    if event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+"):
        seen.append(arguments[0])
    if event in {"socket.connect", "os.mkdir", "os.remove", "os.rename", "subprocess.Popen"}:
        seen.append(event)
sys.addaudithook(hook)
import bluelabel.apps.cli.main
print(seen)
"""

    assert python(installed, "-c", watch, cwd=tmp_path) == "[]"


def test_the_pinned_versions_cover_every_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    optional = [need for needs in project["project"]["optional-dependencies"].values() for need in needs]
    groups = [need for needs in project["dependency-groups"].values() for need in needs if isinstance(need, str)]
    named = {
        re.split(r"[^A-Za-z0-9._-]", need)[0] for need in [*project["project"]["dependencies"], *optional, *groups]
    }
    pins = re.findall(r"^([A-Za-z0-9._-]+)==", (ROOT / "constraints.txt").read_text(encoding="utf-8"), re.MULTILINE)

    def plain(names: set[str]) -> set[str]:
        return {re.sub(r"[-_.]+", "-", name).lower() for name in names}

    assert plain(named) - plain({*pins, "bluelabel"}) == set()
