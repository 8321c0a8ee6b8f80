"""A whole regression wants every check of the sources to run, on a design that passes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.regression.throwaway import BENCH, SIMULATED, Project

CHECKED = BENCH.replace(
    "    assert dut.count.value == cycles,",
    '    if not os.environ.get("IDLE"):\n'
    '        check("counter.count", dut.count.value == cycles)\n'
    "    assert dut.count.value == cycles,",
).replace("import os\n", "import os\nfrom verif.simulator.checks import check\n")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Return a project whose bench has a check, which it leaves out where IDLE is set."""
    project = Project(tmp_path)
    bench = project.write("tests/benches/bench_checked.py", CHECKED)
    project.environment["PYTHONPATH"] += f":{bench.parent}"
    project.write("tests/test_counter.py", SIMULATED.replace("bench_counter", "bench_checked"))
    return project


@pytest.mark.sim
def test_a_check_that_never_ran_fails_a_whole_regression_and_is_named(project: Project) -> None:
    idle = project.run("sim", "--jobs", "1", IDLE="1")
    assert idle.returncode == 1 and "1 checks never ran: counter.count" in idle.stdout
    assert project.summary()["checks"] == {"counter.count": 0}
    assert project.summary()["exit_status"] == 1 and project.summary()["failures"] == 0
    run = project.run("sim", "--jobs", "1")
    assert run.returncode == 0, run.stdout
    assert project.summary()["checks"] == {"counter.count": 1}


@pytest.mark.sim
def test_a_part_of_a_regression_may_leave_checks_out(project: Project) -> None:
    part = project.run("sim", "--jobs", "1", "--tests", "counter", IDLE="1")
    assert part.returncode == 0, part.stdout
    assert "checks" not in project.summary()


@pytest.mark.sim
def test_what_fails_does_not_count(project: Project) -> None:
    failing = project.run("sim", "--jobs", "1", CYCLES="300")  # more than the counter counts
    assert failing.returncode == 1 and "CheckError: [counter.count]" in failing.stdout
    assert project.summary()["checks"] == {"counter.count": 0}


def test_a_check_without_a_name_is_refused_at_once(project: Project) -> None:
    project.write("tests/benches/bench_checked.py", CHECKED.replace("counter.count", "count"))
    refused = project.run("sim", "--jobs", "1")
    assert refused.returncode != 0 and "the name of a check is a literal" in refused.stdout


def test_a_whole_regression_refuses_to_go_without_a_check(project: Project) -> None:
    refused = project.run("sim", "--jobs", "1", WITHOUT_CHECK="counter.count")
    assert refused.returncode != 0
    assert "WITHOUT_CHECK=counter.count: a whole regression needs every check" in refused.stdout


OUTSIDE = """
import pytest

from verif.simulator.checks import check, keeping_counts


@pytest.mark.sim
@pytest.mark.parametrize("holds", {cases})
def test_a_comparison_outside_any_simulator(holds):
    check("counter.guarded", True)
    with keeping_counts():
        check("counter.count", True)
        assert holds
"""


@pytest.mark.parametrize(("cases", "count"), [([True, True], 2), ([True, False], 1)])
def test_what_is_compared_outside_a_simulator_counts_if_it_passes(
    project: Project, cases: list[bool], count: int
) -> None:
    project.write("tests/test_counter.py", OUTSIDE.format(cases=cases))
    project.run("sim", "--jobs", "1")
    assert project.summary()["checks"] == {"counter.count": count}


def test_what_is_checked_elsewhere_outside_a_simulator_does_not_count(project: Project) -> None:
    lone = OUTSIDE.format(cases=[True]).replace('"counter.guarded"', '"counter.count"')
    project.write("tests/test_counter.py", lone)
    project.run("sim", "--jobs", "1")
    assert project.summary()["checks"] == {"counter.count": 1}


@pytest.mark.sim
def test_a_run_simulates_in_its_own_folder(project: Project) -> None:
    """Another run of the same tests is not to empty what one has just simulated, and reads."""
    assert project.run("sim", "--jobs", "1", RUN="a").returncode == 0
    assert (project.folder / "built" / "sim-a" / "counter" / "checks.json").exists()
    assert not (project.folder / "built" / "sim").exists()
