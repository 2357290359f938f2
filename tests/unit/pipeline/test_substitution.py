"""Whatever a value is and wherever it is put, the shell gets exactly this value."""

from __future__ import annotations

import shutil
import subprocess
from textwrap import dedent

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from trainui.errors import UsageError
from trainui.model.definition import Pipeline, StageDefinition
from trainui.pipeline import filling, stage_command, substitution, template
from trainui.pipeline.substitution import QuotingContext, spots

NASTY = st.text(
    st.one_of(
        st.sampled_from("'\"\\$`{}()[]<>|&;!#*?~=% \t\n-é日"),
        st.characters(exclude_categories=["Cs"], exclude_characters="\0"),
    ),
    max_size=12,
)


def run(text: str, shell: list[str] | None = None) -> str:
    argv = stage_command.argv(text) if shell is None else [*shell, text]
    done = subprocess.run(argv, capture_output=True, check=False, timeout=20)
    assert done.returncode == 0, (text, done.stderr)
    return done.stdout.decode()


def filled(text: str, params: dict[str, str], **environ: str) -> str:
    """A string `run` after both times at which values are put in."""
    stage = StageDefinition(name="s", group="s", command=text, workdir="/w")
    escaped = {name: template.escape(value) for name, value in params.items()}
    pipeline = Pipeline("p", (stage,), params=escaped, directory="/w")
    (submitted,) = filling.submit(pipeline, run_dir="/r", stage_dirs={"s": "/r/s"}).stages
    started = filling.start(submitted, python="/py", attempt=2, environ=environ, checkpoint=None)
    assert isinstance(started.command, str)
    return started.command


SPOTS = [
    "printf '%s\\0' ${V}",
    "printf '%s\\0' \"${V}\"",
    "printf '%s\\0' '${V}'",
    "printf '%s\\0' $'${V}'",
    "printf '%s\\0' \"$(printf '%s.' ${V})\"",
    "printf '%s\\0' \"$(printf '%s.' \"${V}\")\"",
    "x=${V}; printf '%s\\0' \"$x\"",
    "printf '%s\\0' \"$${NOTHING:-${V}}\"",
    "printf '%s\\0' $${NOTHING:-\"${V}\"}",
    'printf \'%s\\0\' "$${NOTHING:-"${V}"}"',
    "[[ x = y ]] || printf '%s\\0' ${V}  # isn't it ${V} \"",
    "printf '%s\\0' pre${V}post",
    'printf \'%s\\0\' "it\'s \\"${V}\\"" ',
    "(printf '%s\\0' ${V})",
    "f() { printf '%s\\0' \"$1\"; }; f ${V}",
    "case a in a) printf '%s\\0' ${V};; esac",
    "printf '%s\\0' \"$((1 << 2))${V}\"",
    "echo $((1 << 2)) '(' > /dev/null\nprintf '%s\\0' ${V}",
    "cat > /dev/null <<EOF\nit's `true` \"\nEOF\nprintf '%s\\0' ${V}",
    "cat > /dev/null <<'EOF'; cat > /dev/null <<-X\nit's $( \" `\nEOF\n\t\"it's\n\tX\n"
    "printf '%s\\0' ${V}",
    "cat <<< \"it's\" > /dev/null\nprintf '%s\\0' ${V}",
    "read -r -d '' x <<EOF || true\n<${V}>\nEOF\nprintf '%s\\0' \"$x\"",
    "read -r -d '' x <<\"EOF\" || true\n<${V}>\nEOF\nprintf '%s\\0' \"$x\"",
    "read -r -d '' x <<EOF || true\n<$(printf %s ${V})>\nEOF\nprintf '%s\\0' \"$x\"",
    "echo \\' > /dev/null; printf '%s\\0' ${V}",
    "echo $'it\\'s' > /dev/null; printf '%s\\0' ${V}",
    "diff <(printf %s ${V}) <(printf %s \"${V}\") && printf '%s\\0' ${V}",
]


def expected(spot: str, value: str) -> str:
    if "%s." in spot:
        return f"{value}.\0"
    if "pre" in spot:
        return f"pre{value}post\0"
    if "it's \\\"" in spot:
        return f'it\'s "{value}"\0'
    if "))${V}" in spot:
        return f"4{value}\0"
    if "$(printf %s ${V})" in spot:
        return f"<{value.rstrip(chr(10))}>\0"  # the shell itself takes line ends off
    return f"<{value}>\0" if "<${V}>" in spot else f"{value}\0"


VALUES = [
    "", " ", "a b", "it's", '"', "\\", "\\\\'\"", "$HOME `id` $(id) ${HOME} $${HOME} $$",
    "a\nb\n'c", "}{", "#x", "!!", "~/*?[a]", "-n", "é日\x07\r\t", "ends with $", "$",
]  # fmt: skip


@pytest.mark.parametrize("spot", SPOTS)
def test_a_value_means_itself_at_every_spot(spot: str) -> None:
    text = "\n".join(filled(spot.replace("${V}", "${params.v}"), {"v": v}) for v in VALUES)
    assert run(text).split("\0") == "".join(expected(spot, v) for v in VALUES).split("\0")


@pytest.mark.parametrize("spot", SPOTS)
def test_a_value_of_the_start_means_itself_at_every_spot(spot: str) -> None:
    value = 'it\'s "$(id)" ${x} \\ }\n`a`'
    text = filled(spot.replace("${V}", "${env.V}"), {}, V=value)
    assert run(text) == expected(spot, value)


@settings(max_examples=60, deadline=None)
@given(a=NASTY, b=NASTY)
@example(a="a$", b="{x}")
@example(a="$", b="$")
def test_any_value_means_itself(a: str, b: str) -> None:
    """All spots at once, values of both times side by side."""
    spots_of_interest = [spot for spot in SPOTS if "<<" not in spot and "diff" not in spot]
    text = "\n".join(spot.replace("${V}", "${params.a}") for spot in spots_of_interest)
    text += "\nprintf '%s\\0' ${params.a}${env.B}${params.a} \"${params.a}${env.B}{}\""
    text += "\nprintf '%s\\0' '${env.B}${params.a}'"
    text += "\nprintf '%s\\0' $'${params.a}${env.B}' \"$${N:-${params.a}${env.B}}\""
    wanted = "".join(expected(spot, a) for spot in spots_of_interest)
    wanted += f"{a}{b}{a}\0{a}{b}{{}}\0{b}{a}\0{a}{b}\0{a}{b}\0"
    assert run(filled(text, {"a": a}, B=b)) == wanted


@settings(max_examples=40, deadline=None)
@given(value=NASTY)
def test_any_value_means_itself_to_sh(value: str) -> None:
    text = (
        "printf '%s.' ${params.v} \"${params.v}\" '${params.v}' \"$(printf '%s.' \"${params.v}\")\""
    )
    sh = [shutil.which("sh") or "/bin/sh", "-e", "-c"]
    assert run(filled(text, {"v": value}), sh) == f"{value}.{value}.{value}.{value}.."


@pytest.mark.parametrize(
    ("spot", "place"),
    [
        ("${x}", QuotingContext.BARE),
        ("echo # ${x}", QuotingContext.COMMENT),
        ("echo a#${x}", QuotingContext.BARE),
        ("echo $#${x}", QuotingContext.BARE),
        ("echo $${#a} ${x}", QuotingContext.BARE),
        ("echo \\\\${x}", QuotingContext.BARE),
        ("echo \\${x}", QuotingContext.ESCAPED),
        ('echo "\\${x}"', QuotingContext.ESCAPED),
        ("echo '\\${x}'", QuotingContext.SINGLE),
        ("echo `${x}`", QuotingContext.BACKTICK),
        ('echo "`${x}`"', QuotingContext.BACKTICK),
        ("echo `a` ${x}", QuotingContext.BARE),
        ('echo "$(echo ")" \'"\')${x}"', QuotingContext.DOUBLE),
        ('echo "$(echo "${x}")"', QuotingContext.DOUBLE),
        ("cat <<E\n${x}\nE", QuotingContext.HERE),
        ("cat <<E\n$${A:-${x}}\nE", QuotingContext.HERE_BRACE),
        ("cat <<'E'\n${x}\nE", QuotingContext.HERE_RAW),
        ("cat <<\\E\n${x}\nE", QuotingContext.HERE_RAW),
        ("cat <<E\nE\n${x}", QuotingContext.BARE),
        ("cat <<-E\n\tE\n'${x}'", QuotingContext.SINGLE),
        ("cat <<E # it's\nE\n${x}", QuotingContext.BARE),
        ("cat <<A <<B\n'\nA\n\"\nB\n${x}", QuotingContext.BARE),
        ("((i << 2)); ${x}", QuotingContext.BARE),
        ("echo $((i << 2)) ${x}", QuotingContext.BARE),
        ('echo "$((1 + (2)))${x}"', QuotingContext.DOUBLE),
        ("echo a ) ${x}", QuotingContext.BARE),
        ("[[ $a =~ ^# ]] && '${x}'", QuotingContext.SINGLE),
    ],
)
def test_spots_are_distinguished(spot: str, place: QuotingContext) -> None:
    (found,) = spots(template.parse(spot))
    assert found.place is place


def test_a_value_that_would_end_its_here_document_is_refused() -> None:
    text = "cat <<EOF\n${params.v}\nEOF"
    with pytest.raises(UsageError, match=r"stage s: .*'EOF'.*delimiter"):
        filled(text, {"v": "a\nEOF\nrm -rf x"})
    assert run(filled(text, {"v": "a\nEOFS"})) == "a\nEOFS\n"


def test_a_comment_stays_a_comment() -> None:
    assert run(filled("echo a # ${params.v}\necho b", {"v": "x\necho evil"})) == "a\nb\n"


def test_the_shells_own_signs_are_left_alone() -> None:
    text = dedent("""\
        X=5
        set -- one two
        echo $X $${X} $${Y:-z} $1 $# $((X + 1)) $(echo in) `echo tick` "$${X}y" '$X' $${#X} {a,b}
        [ -n "$$" ]
    """)
    assert run(filled(text, {})) == "5 5 z one 2 6 in tick 5y $X 1 a b\n"


def test_a_string_stops_at_its_first_failure_without_startup_files(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    def code(text: str) -> int:
        return subprocess.run(stage_command.argv(text), capture_output=True, check=False).returncode

    assert code("false; true") == 1
    assert code("exit 3 | true") == 3
    assert code("true") == 0
    assert stage_command.argv(["a b", "-c"]) == ["a b", "-c"]
    assert stage_command.argv(("x",)) == ["x"]
    startup = tmp_path_factory.mktemp("x") / "startup"
    startup.write_text("echo startup\n")
    for name in stage_command.STARTUP_VARIABLES:
        monkeypatch.setenv(name, str(startup))
    environ = {"PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        stage_command.argv("echo x"), capture_output=True, env=environ, check=True
    )
    assert done.stdout == b"x\n"


def test_without_bash_it_is_sh(tmp_path_factory: pytest.TempPathFactory) -> None:
    directory = tmp_path_factory.mktemp("bin")
    (directory / "sh").symlink_to(shutil.which("sh") or "/bin/sh")
    assert stage_command.argv("echo x", path=str(directory)) == [
        f"{directory}/sh",
        "-e",
        "-c",
        "echo x",
    ]


@pytest.mark.parametrize(
    "text",
    ["s=1; printf %s $s${params.x}", 's=1; printf %s "$s${params.x}"'],
)
def test_a_value_does_not_lengthen_a_preceding_variable_name(text: str) -> None:
    assert run(filled(text, {"x": "07"})) == "107"


def test_a_value_in_arithmetic_does_neither() -> None:
    assert run(filled("s=1; printf %s $(( $s${params.x} + 1 ))", {"x": "0"})) == "11"


@pytest.mark.parametrize(
    "line",
    [
        "python t.py --lr ${params.lr}",
        "cd src && python t.py",
        "export A=1; torchrun t.py > ${stage_dir}/log 2>&1",
        "test -d x || python t.py",
        "nvidia-smi | head -3; python t.py",
        "python t.py --filter 'a|b' --name \"x; y & z\"",
        "python t.py --n $(nproc | cut -c1) --m `echo a|tr a b`",
        "python t.py --title a#b &> log",
        "python t.py a\\|b",
        "python echo",
    ],
)
def test_a_training_gets_them(line: str) -> None:
    assert substitution.append_fault(template.parse(line)) is None


@pytest.mark.parametrize(
    ("line", "where"),
    [
        ("python t.py | tee ${stage_dir}/log", "to `tee ${stage_dir}/log`"),
        ("python t.py 2>&1 |& ts", "to `ts`"),
        ("python t.py && echo done", "to `echo done`"),
        ("python t.py ; cp a b", "to `cp a b`"),
        ("python t.py || true", "to `true`"),
        ("python t.py # the best", "into a comment"),
        ("python t.py &", "behind `&`"),
        ("python t.py;", "behind `;`"),
        ("(cd src; python t.py)", "behind `)`"),
        ("{ python t.py; }", "behind `}`"),
        ("for s in 1 2; do python t.py; done", "behind `done`"),
    ],
)
def test_the_other_place_for_them_is_named(line: str, where: str) -> None:
    assert substitution.append_fault(template.parse(line)) == where
