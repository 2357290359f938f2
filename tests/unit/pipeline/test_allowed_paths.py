"""Only existing files in allowed directories pass, and looking leaves no trace."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from tests.security.another_user import needs_root, open_the_way_to
from trainui.errors import UnsafePathError
from trainui.pipeline.stage_command import validate_file_path


@pytest.fixture(autouse=True)
def _surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A home with datasets, a place of work, and things outside of both."""
    home = tmp_path / "home"
    for directory in ("home/datasets/sub", "home/datasets2", "work/data", "outside"):
        (tmp_path / directory).mkdir(parents=True)
    for file in ("home/datasets/a.csv", "home/datasets2/b.csv", "outside/secret", "work/data/d"):
        (tmp_path / file).write_text("x")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "config"))
    monkeypatch.delenv("TRAINUI_ALLOWED_DATASET_DIRS", raising=False)
    monkeypatch.chdir(tmp_path / "work")


def test_paths_in_an_allowed_directory_pass(tmp_path: Path) -> None:
    datasets = tmp_path / "home" / "datasets"
    assert validate_file_path("~/datasets/a.csv") == str(datasets / "a.csv")
    assert validate_file_path(datasets / "a.csv") == str(datasets / "a.csv")
    assert validate_file_path("~/datasets/sub/../a.csv") == str(datasets / "a.csv")
    assert validate_file_path("~/datasets") == str(datasets)
    assert validate_file_path("~/datasets/sub/") == str(datasets / "sub")
    assert validate_file_path("data/d") == str(tmp_path / "work" / "data" / "d")
    assert validate_file_path("./data/../data/d") == str(tmp_path / "work" / "data" / "d")


def test_relative_paths_are_the_bases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    found = validate_file_path("data/d", base=tmp_path / "work")
    assert found == str(tmp_path / "work" / "data" / "d")


def test_directories_can_be_added(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = tmp_path / "outside" / "secret"
    with pytest.raises(UnsafePathError):
        validate_file_path(secret)
    assert validate_file_path(secret, allowed=[secret.parent]) == str(secret)
    assert validate_file_path("../outside/secret", allowed=["../outside"]) == str(secret)
    monkeypatch.setenv("TRAINUI_ALLOWED_DATASET_DIRS", json.dumps([str(secret.parent)]))
    assert validate_file_path(secret) == str(secret)
    with pytest.raises(UnsafePathError):
        validate_file_path("~/datasets/a.csv")


def test_links_are_followed_before_they_are_judged(tmp_path: Path) -> None:
    datasets = tmp_path / "home" / "datasets"
    (datasets / "inner").symlink_to(datasets / "a.csv")
    (datasets / "file").symlink_to(tmp_path / "outside" / "secret")
    (datasets / "parent").symlink_to(tmp_path / "outside")
    (datasets / "up").symlink_to("../..")
    (tmp_path / "outside" / "back").symlink_to(datasets)
    assert validate_file_path("~/datasets/inner") == str(datasets / "a.csv")
    assert validate_file_path(tmp_path / "outside" / "back" / "a.csv") == str(datasets / "a.csv")
    for bad in ("file", "parent/secret", "parent", "up/outside/secret", "sub/../parent/secret"):
        with pytest.raises(UnsafePathError, match="outside"):
            validate_file_path(f"~/datasets/{bad}")


def test_an_allowed_directory_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "work" / "datasets").symlink_to(tmp_path / "outside")
    secret = str(tmp_path / "outside" / "secret")
    assert validate_file_path("datasets/secret") == secret
    assert validate_file_path(secret) == secret


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("~/datasets2/b.csv", "allowed_dataset_dirs"),
        ("~/datasets/../datasets2/b.csv", "outside"),
        ("/etc/passwd", "TRAINUI_ALLOWED_DATASET_DIRS"),
        ("~/datasets/../../../../../../../etc/passwd", "/etc/passwd"),
        ("../outside/secret", "outside"),
        ("~", "outside"),
        (".", "outside"),
        ("/", "outside"),
        ("", "empty"),
        ("~/datasets/a\0.csv", "NUL"),
        ("~/datasets/none.csv", "does not exist"),
        ("~/datasets/a.csv/x", "cannot be checked"),
        ("~/datasets/none/../../../outside/secret", "outside"),
        ("~nobody-of-this-name/x", "outside"),
        ("~/datasets/" + "x" * 300, "cannot be checked"),
    ],
)
def test_everything_else_is_refused(path: str, words: str) -> None:
    with pytest.raises(UnsafePathError) as caught:
        validate_file_path(path)
    assert words in str(caught.value)
    assert "\0" not in str(caught.value)


def test_the_message_names_what_is_allowed_and_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UnsafePathError) as caught:
        validate_file_path("~/datasets2/b.csv", allowed=[tmp_path / "work"])
    message = str(caught.value)
    for words in (
        "'~/datasets2/b.csv'",
        str(tmp_path / "home" / "datasets2" / "b.csv"),
        str(tmp_path / "home" / "datasets"),
        str(tmp_path / "work"),
        "add its directory",
    ):
        assert words in message


def test_neither_file_nor_directory_is_refused(tmp_path: Path) -> None:
    datasets = tmp_path / "home" / "datasets"
    os.mkfifo(datasets / "pipe")
    (datasets / "loop").symlink_to("loop")
    with socket.socket(socket.AF_UNIX) as server:
        monitored = datasets / "s"
        server.bind(os.path.relpath(monitored))
        for name in ("pipe", "s"):
            with pytest.raises(UnsafePathError, match="neither"):
                validate_file_path(f"~/datasets/{name}")
    with pytest.raises(UnsafePathError, match="circular"):
        validate_file_path("~/datasets/loop")


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may read everything")
def test_an_unreadable_path_is_refused(tmp_path: Path) -> None:
    (tmp_path / "home" / "datasets" / "a.csv").chmod(0)
    with pytest.raises(UnsafePathError, match="permissions"):
        validate_file_path("~/datasets/a.csv")


AS_NOBODY = """
    import sys
    from trainui.errors import UnsafePathError
    from trainui.pipeline.stage_command import validate_file_path
    import os
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
    for path in sys.argv[2:]:
        try:
            print(validate_file_path(path, allowed=[sys.argv[1]]))
        except UnsafePathError as error:
            print(error)
"""


@needs_root
def test_a_path_unreadable_to_another_user_is_refused_to_him(unshared_path: Path) -> None:
    data = unshared_path / "data"
    (data / "closed").mkdir(parents=True)
    for name in ("open", "secret", "closed/in"):
        (data / name).touch()
    (data / "open").chmod(0o644)
    (data / "secret").chmod(0o600)
    (data / "closed").chmod(0o700)
    data.chmod(0o755)
    open_the_way_to(data)
    argv = [sys.executable, "-c", dedent(AS_NOBODY), str(data)]
    argv += [str(data / name) for name in ("open", "secret", "closed", "closed/in")]
    environ = {**os.environ, "HOME": str(data), "XDG_CONFIG_HOME": str(data / "none")}
    repository = str(Path(__file__).parents[3])
    done = subprocess.run(
        argv, capture_output=True, env={**environ, "PYTHONPATH": repository}, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    passed, secret, closed, within = done.stdout.splitlines()
    assert passed == str(data / "open")
    assert "change its permissions" in secret
    assert "change its permissions" in closed
    assert "cannot be checked" in within


@pytest.mark.skipif(not Path("/dev/null").is_char_device(), reason="there is no device")
def test_a_device_and_a_pipe_are_refused_without_being_opened(tmp_path: Path) -> None:
    """Opening a pipe that nobody writes to would wait for ever."""
    pipe = tmp_path / "home" / "datasets" / "pipe"
    os.mkfifo(pipe)
    (pipe.parent / "link").symlink_to(pipe)
    for path in (pipe, pipe.parent / "link"):
        with pytest.raises(UnsafePathError, match="neither a file nor"):
            validate_file_path(path)
    with pytest.raises(UnsafePathError, match="neither a file nor"):
        validate_file_path("/dev/null", allowed=["/dev"])


def test_a_link_made_after_the_look_is_seen_next(tmp_path: Path) -> None:
    file = tmp_path / "home" / "datasets" / "a.csv"
    real = validate_file_path(file)
    file.unlink()
    file.symlink_to(tmp_path / "outside" / "secret")
    with pytest.raises(UnsafePathError, match="outside"):
        validate_file_path(real)


def test_a_link_that_comes_between_following_and_looking_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "home" / "datasets" / "a.csv"
    follow = os.path.realpath

    def swapped(path: str) -> str:
        real = follow(path)
        if real == str(file):
            file.unlink()
            file.symlink_to(tmp_path / "outside" / "secret")
        return real

    monkeypatch.setattr(os.path, "realpath", swapped)
    with pytest.raises(UnsafePathError, match="is being changed"):
        validate_file_path(file)


WRITING = re.compile(
    r"O_(WRONLY|RDWR|CREAT|TRUNC|APPEND|TMPFILE)"
    r"|^\d+ +(mkdir|mknod|rename|link|symlink|unlink|rmdir|f?truncate|f?chmod"
    r"|[fl]?chown|utime|setxattr|bind|connect|creat)"
)
"""Lines of strace that make or change something."""


@pytest.mark.skipif(shutil.which("strace") is None, reason="there is no strace on PATH")
def test_no_system_call_makes_or_changes_anything(tmp_path: Path) -> None:
    script = """
        import os
        from trainui.pipeline.stage_command import validate_file_path
        from trainui.errors import UnsafePathError
        os.path.exists("/begin")
        for path in ("~/datasets/a.csv", "~/datasets", "~/datasets/none/new", "/etc/passwd", "x"):
            try:
                validate_file_path(path, allowed=["/nowhere/new"])
            except UnsafePathError:
                pass
        os.path.exists("/end")
    """
    environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    traced = tmp_path / "traced"
    before = state_of(tmp_path)
    calls = "trace=%file,%network,%desc"
    done = subprocess.run(
        ["strace", "-f", "-e", calls, "-o", traced, sys.executable, "-B", "-c", dedent(script)],
        capture_output=True,
        env=environ,
        check=False,
    )
    if b"ptrace" in done.stderr:
        pytest.skip("processes may not be traced here")
    assert done.returncode == 0, done.stderr
    lines = traced.read_text().splitlines()
    begin = next(at for at, line in enumerate(lines) if '"/begin"' in line)
    end = next(at for at, line in enumerate(lines) if '"/end"' in line)
    looks = [line for line in lines[begin:end] if "datasets" in line]
    assert len(looks) > 3
    assert [line for line in lines[begin:end] if WRITING.search(line)] == []
    traced.unlink()
    assert state_of(tmp_path) == before


def state_of(root: Path) -> dict[str, tuple[int, int, int, int]]:
    """What each file's and directory's inode says of when and how it was changed."""
    found = {}
    for path in root.rglob("*"):
        status = path.lstat()
        found[str(path)] = (status.st_ino, status.st_mode, status.st_mtime_ns, status.st_ctime_ns)
    return found


def test_an_empty_entry_of_the_setting_allows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRAINUI_ALLOWED_DATASET_DIRS", '["", " "]')
    with pytest.raises(UnsafePathError):
        validate_file_path("data/d")


def test_bytes_are_no_path() -> None:
    with pytest.raises(UnsafePathError):
        validate_file_path(b"data/d")  # type: ignore[arg-type]


WATCHED = """
    import sys, os
    TOUCHES = {
        "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.link", "os.symlink", "os.truncate",
        "os.chmod", "os.chown", "os.utime", "os.setxattr", "os.mkfifo", "subprocess.Popen",
        "os.system", "os.exec", "os.posix_spawn", "os.fork", "socket.bind", "socket.connect",
        "shutil.rmtree", "shutil.move", "shutil.copyfile", "tempfile.mkstemp", "tempfile.mkdtemp",
        "sqlite3.connect",
    }
    WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
    touched = []

    def watch(event, arguments):
        if event in TOUCHES:
            touched.append((event, repr(arguments)))
        if event == "open":
            path, mode, flags = arguments
            if (isinstance(mode, str) and set(mode) & set("wax+")) or (flags and flags & WRITES):
                touched.append((event, repr(arguments)))

    sys.dont_write_bytecode = True
    sys.addaudithook(watch)
    from trainui.pipeline.loader import validate
    from trainui.pipeline.stage_command import validate_file_path
    from trainui.errors import UnsafePathError

    problems = [problem.code for file in sys.argv[1:] for problem in validate(file)]
    for path in ("~/datasets/a.csv", "~/datasets/none", "/etc/passwd", "~/nowhere/new/x"):
        try:
            validate_file_path(path, allowed=["/nowhere/new"])
        except UnsafePathError:
            problems.append("path")
    assert not touched, touched
    if "--prove" in os.environ.get("PROVE", ""):
        open("made", "w").close()
        assert touched, "the watch sees nothing"
    print(problems)
"""


def test_validation_looks_and_never_touches(tmp_path: Path) -> None:
    (tmp_path / "good.yaml").write_text(
        "stages:\n  - {name: a, run: x, workdir: new/dir, inputs: [new/in], python: new/venv}\n"
    )
    (tmp_path / "bad.yaml").write_text("stages:\n  - {name: a, run: x, timeout: x}\n")
    repository = Path(__file__).parents[3]
    before = sorted(str(path) for path in tmp_path.rglob("*"))
    environ = {**os.environ, "PYTHONPATH": str(repository), "PYTHONDONTWRITEBYTECODE": "1"}
    argv = [sys.executable, "-c", dedent(WATCHED), "good.yaml", "bad.yaml", "none.yaml"]
    done = subprocess.run(
        argv, capture_output=True, cwd=tmp_path, env=environ, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "['bad-duration', 'unreadable', 'path', 'path', 'path']\n"
    assert sorted(str(path) for path in tmp_path.rglob("*")) == before
    environ["PROVE"] = "--prove"
    proof = subprocess.run(argv, capture_output=True, cwd=tmp_path, env=environ, check=False)
    assert proof.returncode == 0, proof.stderr
