#!/usr/bin/env python3
"""Sets up everything in `.venv` and runs the demo, the tests or the checks. Needs Python 3.11 only.

python3 dev.py demo          set up, then run the demo
python3 dev.py test [ARGS]   set up, then run all checks and tests (ARGS go to pytest)
python3 dev.py run ARGS      set up, then run trainui with ARGS
python3 dev.py lock          write requirements.lock anew from pyproject.toml
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
PIP = [str(PYTHON), "-m", "pip", "--disable-pip-version-check"]
LOCK = ROOT / "requirements.lock"
NOT_IMPORTED = r"site-packages/(mypyc?/|.*/tests/)"
"""A quarter of what is installed: libraries' own tests, and what mypy has compiled to C."""

DEBIAN_PACKAGES = {
    "redis-server": "redis-server",
    "slurmctld": "slurmctld",
    "slurmd": "slurmd",
    "sbatch": "slurm-client",
    "munged": "munge",
    "sshd": "openssh-server",
    "rsync": "rsync",
    "tmux": "tmux",
    "zsh": "zsh",
    "fish": "fish",
    "chromium": "chromium",
    "initdb": "postgresql",
    "ip": "iproute2",
    "jq": "jq",
    "strace": "strace",
    "systemd-analyze": "systemd",
}
"""Programs that some tests need, and the Debian packages that bring them; without them those
tests are skipped and say why."""


def main() -> int:
    command, *arguments = sys.argv[1:] or ["help"]
    verbs = {"demo": demo, "test": test, "run": run_trainui, "lock": lock}
    if command not in verbs:
        print(__doc__)
        return 0 if command in ("help", "-h", "--help") else 2
    return verbs[command](arguments)


def demo(arguments: list[str]) -> int:
    set_up(extras="")
    return call([str(VENV / "bin" / "trainui"), "demo", *arguments])


def run_trainui(arguments: list[str]) -> int:
    set_up(extras="")
    return call([str(VENV / "bin" / "trainui"), *arguments])


def test(arguments: list[str]) -> int:
    with installing_debian_packages():
        set_up(extras="[dev]")
        install_compiler()
    # six, since tests often wait; in the order of tests/conftest.py, whose last files are short; a
    # process that crashes is a failure: replaced, it would be waited for without an end
    pytest = ["pytest", "-n", "6", "--dist", "loadfile", "--no-loadscope-reorder"]
    pytest += ["--max-worker-restart", "0", *arguments]
    # compiled once: each of pytest's processes would do it for itself
    with (
        beside("pytest", "--collect-only", "-q") as (compiling, _),
        beside("mypy") as (typing, said),
    ):
        for quick in (["ruff", "format", "--check", "."], ["ruff", "check", "."], ["lint-imports"]):
            if code := check(quick):
                return code
        compiling.wait()
        code = check(pytest, unless=typing)
        print("\n$ mypy", flush=True)
        wrong = typing.wait()
        print(Path(said).read_text(), end="", flush=True)
    return wrong or code


@contextmanager
def beside(*command: str) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """Run a tool of the environment meanwhile; give its process and the file of its output."""
    with tempfile.NamedTemporaryFile() as said:
        words = [str(VENV / "bin" / command[0]), *command[1:]]
        with subprocess.Popen(words, cwd=ROOT, env=environ(), stdout=said, stderr=said) as process:
            try:
                yield process, said.name
            finally:
                process.kill()


def check(command: list[str], unless: subprocess.Popen[bytes] | None = None) -> int:
    """Run a tool of the environment; interrupt it if `unless` fails meanwhile."""
    print(f"\n$ {' '.join(command)}", flush=True)
    words = [str(VENV / "bin" / command[0]), *command[1:]]
    with subprocess.Popen(words, cwd=ROOT, env=environ()) as process:
        while unless is not None and process.poll() is None:
            if unless.poll():
                process.send_signal(signal.SIGINT)
                break
            time.sleep(0.5)
        return process.wait()


def lock(_arguments: list[str]) -> int:
    set_up(extras="[dev]")
    call([str(PYTHON), "-m", "pip", "install", "-q", "uv"])
    compile_lock = "-m uv pip compile -q --universal --python-version 3.11 --extra dev --no-header"
    return call(
        [str(PYTHON), *compile_lock.split(), "--upgrade", "-o", str(LOCK), "pyproject.toml"]
    )


def call(command: list[str]) -> int:
    return subprocess.run(command, cwd=ROOT, env=environ(), check=False).returncode


def environ() -> dict[str, str]:
    path = f"{VENV / 'bin'}{os.pathsep}{os.environ['PATH']}"
    # without bytecode, each process would compile all that it imports
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "PATH": path}


def set_up(extras: str) -> None:
    """Make `.venv` and install trainui in it, unless that was done for these very files."""
    wanted = fingerprint(extras)
    stamp = VENV / "set-up.json"
    done = json.loads(stamp.read_text()) if stamp.exists() else {}
    if wanted in (done.get("plain"), done.get("dev")):
        return
    print(f"setting up {VENV} (a minute or two, once)", file=sys.stderr, flush=True)
    if not PYTHON.exists():
        make_environment()
    what = ["-c", str(LOCK), "-e", f"{ROOT}{extras}"]
    if not install_by_uv(what):
        subprocess.run([*PIP, "install", "-q", "--no-compile", *what], cwd=ROOT, check=True)
    # on all cores, where pip compiles on one; a library may have files for another Python
    compile_all = [str(PYTHON), "-m", "compileall", "-qq", "-j", "0", "-x", NOT_IMPORTED]
    subprocess.run([*compile_all, str(VENV / "lib"), str(ROOT / "trainui")], check=False)
    done["plain"] = fingerprint("")
    if extras:
        done["dev"] = wanted
    stamp.write_text(json.dumps(done))


def install_by_uv(what: list[str]) -> bool:
    """Install with uv in a sixth of pip's time; return False where that is left to pip.

    That is so with an index of pip's configuration, which uv does not read, and if uv fails.
    """
    configured = subprocess.run([*PIP, "config", "list"], capture_output=True, text=True)
    if configured.returncode or "index" in configured.stdout:
        return False
    with tempfile.TemporaryDirectory() as folder:
        quiet = {"cwd": ROOT, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        fetch = [*PIP, "install", "-q", "--no-compile", "--target", folder, "uv>=0.5,<1"]
        install = [f"{folder}/bin/uv", "pip", "install", "-q", "--python", str(PYTHON), *what]
        return all(subprocess.run(one, **quiet).returncode == 0 for one in (fetch, install))


def fingerprint(extras: str) -> str:
    files = (ROOT / "pyproject.toml").read_bytes() + LOCK.read_bytes()
    return hashlib.sha256(files + f"{sys.version}{extras}".encode()).hexdigest()


def make_environment() -> None:
    """Make the environment; where Python came without ensurepip, bring pip from the registry."""
    try:
        import ensurepip  # noqa: F401
    except ImportError:
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(VENV)], check=True)
        with tempfile.TemporaryDirectory() as folder:
            wheel = download_pip(Path(folder))
            subprocess.run([str(PYTHON), f"{wheel}/pip", "install", "-q", str(wheel)], check=True)
    else:
        subprocess.run([sys.executable, "-m", "venv", str(VENV)], check=True)


def download_pip(folder: Path) -> Path:
    """Fetch the newest wheel of pip from the package registry and check its hash."""
    index = os.environ.get("PIP_INDEX_URL", "https://pypi.org/simple").rstrip("/")
    accept = {"Accept": "application/vnd.pypi.simple.v1+json"}
    request = urllib.request.Request(f"{index}/pip/", headers=accept)
    with urllib.request.urlopen(request, timeout=60) as answer:
        files = json.load(answer)["files"]
    newest = [file for file in files if file["filename"].endswith("-py3-none-any.whl")][-1]
    wheel = folder / str(newest["filename"])
    with urllib.request.urlopen(newest["url"], timeout=60) as answer:
        content = answer.read()
    if hashlib.sha256(content).hexdigest() != newest["hashes"]["sha256"]:
        sys.exit(f"{newest['url']}: its SHA-256 is not the one that the registry states; try again")
    wheel.write_bytes(content)
    return wheel


def install_compiler() -> None:
    """Bring a C compiler as a wheel, for the tests' stand-in GPUs, where there is none."""
    if not any(map(shutil.which, ("cc", "gcc", "clang"))):
        subprocess.run([*PIP, "install", "-q", "ziglang>=0.13,<0.18"], check=False)


@contextmanager
def installing_debian_packages() -> Iterator[None]:
    """Install what some tests need meanwhile, where that is possible without asking."""
    thread = threading.Thread(target=install_debian_packages)
    thread.start()
    try:
        yield
    finally:
        thread.join()


def install_debian_packages() -> None:
    """Install those that are missing, as root on Debian."""
    server_programs = map(str, Path("/usr/lib/postgresql").glob("*/bin"))
    path = os.pathsep.join([os.environ["PATH"], "/usr/sbin", *server_programs])
    missing = [
        package
        for program, package in DEBIAN_PACKAGES.items()
        if not shutil.which(program, path=path)
    ]
    if not missing or os.geteuid() != 0 or not shutil.which("apt-get"):
        return
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["apt-get", "update", "-qq"], ["apt-get", "install", "-y", "-qq", *missing]):
        subprocess.run(command, env=quiet, stdout=subprocess.DEVNULL, check=False)


if __name__ == "__main__":
    sys.exit(main())
