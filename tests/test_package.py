import os
import pathlib
import subprocess
import sys

import jax
import pytest

import jaxload
from jaxload import _compile_cache, cli, config, studies


def python(code):
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )


def test_sub_packages_are_there_without_being_imported_by_name():
    ran = python("import jaxload; print(jaxload.sphere.regional_grid.__module__)")
    assert (ran.returncode, ran.stdout) == (0, "jaxload.sphere.grid\n"), ran.stderr


def test_the_package_by_itself_imports_nothing():
    ran = python("import sys, jaxload; assert 'jax' not in sys.modules")
    assert ran.returncode == 0, ran.stderr
    assert set(jaxload.PACKAGES) <= set(dir(jaxload))
    with pytest.raises(AttributeError, match="no attribute 'invertion'"):
        jaxload.invertion  # noqa: B018


def test_words_of_the_command_line_are_understood_without_what_computes():
    heavy = {"scipy.sparse", "xarray", "matplotlib", "jaxload.io", "jaxload.demo"}
    ran = python(f"""
import sys
from jaxload import cli
try:
    cli.main(["run", "--help"])
except SystemExit:
    pass
cli.main(["settings", "beta"])
assert cli.main(["run", "no_such_study.toml", "--out", "x"]) == 2
print("ends", set(sys.modules) & {heavy!r})
""")
    assert ran.stdout.endswith("ends set()\n"), ran.stdout + ran.stderr


def test_the_command_line_names_every_system_and_world():
    assert set(cli.SYSTEMS) == set(jaxload.demo.SYSTEMS)
    assert set(cli.WORLDS) == set(jaxload.demo.WORLDS)


def test_what_checks_study_files_is_imported_when_one_is_read():
    code = "import sys; from jaxload import config; config.settings(); "
    ran = python(code + "assert 'pydantic' not in sys.modules")
    assert ran.returncode == 0, ran.stderr


def test_the_package_runs_as_a_module():
    ran = subprocess.run(
        [sys.executable, "-m", "jaxload", "--version"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert (ran.stdout, ran.stderr) == (f"jaxload {jaxload.__version__}\n", "")


def test_types_are_declared():
    assert (pathlib.Path(jaxload.__file__).parent / "py.typed").is_file()


@pytest.mark.parametrize("name", studies.example_names())
def test_an_example_is_a_study_that_can_be_read(name, tmp_path, capsys):
    assert cli.main(["example", name, "--out", str(tmp_path / "new")]) == 0
    path = tmp_path / "new" / f"{name}.toml"
    assert str(path) in capsys.readouterr().out
    assert config.read_study(path).title
    # What was edited meanwhile is not lost.
    assert cli.main(["example", name, "--out", str(tmp_path / "new")]) == 2
    assert "exists already" in capsys.readouterr().err


def test_an_unknown_example_is_answered_with_those_there_are():
    with pytest.raises(ValueError, match=r"no example 'west'; there are .*western_us"):
        studies.example_text("west")


def test_programs_unused_for_longest_are_removed(tmp_path):
    for age in range(5):
        path = tmp_path / str(age)
        path.write_bytes(b"x" * 100)
        os.utime(path, (1000 - age, 1000 - age))
    assert _compile_cache.remove_oldest(tmp_path, 250) == 200
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0", "1"]
    assert _compile_cache.remove_oldest(tmp_path, 250) == 200


def test_a_folder_of_programs_that_was_set_is_left_as_it_is(tmp_path):
    before = jax.config.jax_compilation_cache_dir
    jax.config.update("jax_compilation_cache_dir", str(tmp_path / "own"))
    try:
        assert _compile_cache.keep_programs(tmp_path / "other") is None
        assert jax.config.jax_compilation_cache_dir == str(tmp_path / "own")
    finally:
        jax.config.update("jax_compilation_cache_dir", before)
    assert not (tmp_path / "other").exists()


def test_a_second_process_finds_the_programs_of_the_first(tmp_path):
    code = (
        "import pathlib, jax, jax.numpy as jnp;"
        "from jaxload import _compile_cache as c;"
        f"assert c.keep_programs(pathlib.Path({str(tmp_path)!r}));"
        "hits = [];"
        "jax.monitoring.register_event_listener(lambda e, **k: hits.append(e));"
        "jax.jit(lambda x: jnp.sin(x) @ x)(jnp.ones((3, 3)));"
        "print(sum(e.endswith('cache_hits') for e in hits))"
    )
    env = {"PATH": "", "HOME": str(tmp_path)}
    runs = [
        subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            env=env,
            cwd=pathlib.Path(jaxload.__file__).parents[1],
        )
        for _ in range(2)
    ]
    first, second = (int(run.stdout) for run in runs)
    assert first == 0
    assert second > 0
