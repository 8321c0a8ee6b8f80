"""The fault campaign: the faults that it makes, and how it judges what the benches say."""

import json
import sys
from pathlib import Path

import pytest

from verif import campaign, faults
from verif.campaign import Campaign, CampaignError, Case, classify, find_benches
from verif.faults import main
from verif.mutation import KINDS, Fault, apply, draw, make_faults, revert

SOURCES = campaign.read_sources(campaign.ROOT / "hdl")
MADE = {module: make_faults(f"ffp8_{module}.v", text) for module, text in SOURCES.items()}
FEW_SITES = {"pe": 3}
"""Places to change in a module that does nothing but choose between two others."""

every_module = pytest.mark.parametrize("module", SOURCES)


def changes(body: str) -> set[tuple[str, str, str]]:
    source = f"module example (input wire [7:0] a);\n{body}\nendmodule\n"
    return {(fault.kind, fault.before, fault.after) for fault in make_faults("example.v", source)}


@every_module
def test_three_kinds_and_enough_sites(module: str) -> None:
    assert {fault.kind for fault in MADE[module]} == set(KINDS)
    assert len({fault.site for fault in MADE[module]}) >= FEW_SITES.get(module, 12)


@every_module
def test_a_fault_changes_one_place_of_code(module: str) -> None:
    text = SOURCES[module]
    header_end = text.index(");", text.index("module ffp8_"))
    for fault in MADE[module]:
        faulty = apply(fault, text)
        assert faulty != text
        end = fault.start + len(fault.before)
        assert faulty == text[: fault.start] + fault.after + text[end:]
        assert revert(fault, faulty) == text
        assert fault.start > header_end
        assert fault.line == text[: fault.start].count("\n") + 1
        line = text[text.rindex("\n", 0, fault.start) + 1 : end]
        assert "//" not in line, f"{fault} touches a comment"


def test_a_fault_is_applied_to_nothing_else() -> None:
    fault = MADE["decode"][0]
    with pytest.raises(ValueError, match="expected"):
        apply(fault, "\n" + SOURCES["decode"])


def test_all_faults_of_a_choice() -> None:
    assert changes("wire y = c ? a[7] && b : 3'd6; // c && d, 8'd1") == {
        ("condition", "a[7] && b : 3'd6", "3'd6 : a[7] && b"),
        ("condition", "a[7] && b", "a[7]"),
        ("condition", "a[7] && b", "b"),
        ("operator", "&&", "||"),
        ("constant", "[7]", "[6]"),
        ("constant", "3'd6", "3'd7"),
    }


def test_an_assignment_is_no_comparison() -> None:
    assert changes("always @(posedge clk) if (x <= y) q <= z;") == {
        ("condition", "(x <= y)", "(!(x <= y))"),
        ("operator", "<=", "<"),
    }
    assert changes("wire x = y <= z;") == {("operator", "<=", "<")}


def test_prefixes_are_removed() -> None:
    assert changes("assign x = -a;") == {("operator", "-", "")}
    assert changes("assign x = ~a;") == {("operator", "~", "")}
    assert changes("assign x = a - b;") == {("operator", "-", "+")}


@pytest.mark.parametrize(
    "body",
    [
        "wire [8-1:0] x = y[W-1:0];",
        "reg [7:0] memory [0:2**W-1];",
        "assign x = {W-1{y}};",
        "assign x = y[z +: W-1];",
        "localparam W = A + 2;",
        "part #(.W(8 + 1)) one (.a(a));",
        "generate for (i = 0; i < 8; i = i + 1) begin end endgenerate",
        "wire unused = &{1'b0, a};",
        "function f(input [3:0] x); f = x; endfunction",
    ],
)
def test_what_only_shapes_the_design_stays(body: str) -> None:
    assert changes(body) == set()


def test_a_draw_depends_on_the_seed_alone() -> None:
    for module, made in MADE.items():
        assert draw(made, 6, f"1:{module}") == draw(list(reversed(made)), 6, f"1:{module}")
    assert draw(MADE["encode"], 6, 1) != draw(MADE["encode"], 6, 2)


@every_module
def test_a_draw_is_balanced_and_without_repeats(module: str) -> None:
    drawn = draw(MADE[module], 6, 1)
    assert len(drawn) == min(6, FEW_SITES.get(module, 6)) and all(drawn)
    places = [(fault.kind, fault.site) for choices in drawn for fault in choices]
    assert len(places) == len(set(places))
    for choices in drawn:
        assert len({fault.kind for fault in choices}) == 1
    available = {kind: len({f.site for f in MADE[module] if f.kind == kind}) for kind in KINDS}
    for kind in KINDS:
        count = sum(choices[0].kind == kind for choices in drawn)
        assert count >= min(2, available[kind])


def test_a_draw_is_spread_over_the_file() -> None:
    drawn = [choices[0] for choices in draw(MADE["encode"], 30, 1)]
    length = len(SOURCES["encode"])
    body = SOURCES["encode"].index(");") / length
    assert min(fault.start for fault in drawn) / length < body + 0.25
    assert max(fault.start for fault in drawn) / length > 0.9


def test_the_modules_that_instantiate_another() -> None:
    assert campaign.users_of("decode", SOURCES) == {"array": 1, "unit": 1, "engine": 2}
    assert campaign.users_of("engine", SOURCES) == {}


def test_the_name_of_a_case_tells_its_parameters() -> None:
    case = Case("tests/test_rtl.py::test_bench[engine-EXP_MAX5-ROWS16-K_MAX256]")
    assert case.module == "engine"
    assert case.parameters == {"EXP_MAX": 5, "ROWS": 16, "K_MAX": 256}
    with pytest.raises(CampaignError, match="not named"):
        _ = Case("t[engine-quick]").parameters


def outcomes(**tests: str) -> dict[str, object]:
    return {"per_test": [{"name": name, "outcome": outcome} for name, outcome in tests.items()]}


@pytest.mark.parametrize(
    ("exit_code", "summary", "outcome"),
    [
        (0, outcomes(a="passed"), "passed"),
        (1, outcomes(a="failed"), "failed"),
        (None, {}, "timeout"),
        (0, outcomes(a="skipped"), "broken"),
        (0, outcomes(a="failed"), "broken"),
        (0, outcomes(a="passed", b="passed"), "broken"),
        (0, outcomes(b="passed"), "broken"),
        (0, {}, "broken"),
        (1, {}, "broken"),
        (1, outcomes(a="error"), "broken"),
        (1, outcomes(a="passed"), "broken"),
        (1, outcomes(b="failed"), "broken"),
        (2, outcomes(a="failed"), "broken"),
        (3, {}, "broken"),
        (4, {}, "broken"),
        (5, {}, "broken"),
        (-9, outcomes(a="failed"), "broken"),
    ],
)
def test_only_a_failed_test_kills(
    exit_code: int | None, summary: dict[str, object], outcome: str
) -> None:
    assert classify(exit_code, summary, "a")[0] == outcome


class Scripted(Campaign):
    """A campaign whose benches say what a test wants."""

    def __init__(self, results: Path, says: dict[str, str], **settings: object) -> None:
        benches = {module: [Case(f"t[{module}]", 1.0)] for module in says}
        super().__init__(SOURCES, benches, settings.get("equivalents", {}), 1, results)
        self.says = says
        self.invalid = settings.get("invalid", ())
        self.asked: list[str] = []

    def _compiles(self, case: Case, hdl: Path) -> bool:
        text = (hdl / "ffp8_decode.v").read_text()
        return all(apply(fault, SOURCES["decode"]) != text for fault in self.invalid)

    def _run(self, case: Case, hdl: Path, limit: float | None, name: str) -> tuple[str, str]:
        self.asked.append(case.module)
        return self.says[case.module], ""


FIRST, SECOND = MADE["decode"][:2]


@pytest.mark.parametrize(
    ("says", "status", "killed_by", "asked"),
    [
        (("failed", "passed", "passed"), "killed", "decode", 1),
        (("passed", "failed", "passed"), "killed", "array", 2),
        (("passed", "passed", "timeout"), "killed", "engine", 3),
        (("passed", "passed", "passed"), "survived", "", 3),
        (("broken", "failed", "failed"), "error", "", 1),
    ],
)
def test_own_bench_first_then_the_users(
    says: tuple[str, str, str], status: str, killed_by: str, asked: int, tmp_path: Path
) -> None:
    order = ("decode", "array", "engine")
    campaign = Scripted(tmp_path, dict(zip(order, says, strict=True)))
    verdict = campaign.judge("decode", 1, [FIRST])
    assert (verdict.status, verdict.killed_by) == (status, killed_by and f"t[{killed_by}]")
    assert campaign.asked == list(order[:asked])
    kept = tmp_path / "survivors" / "decode-1" / "ffp8_decode.v"
    assert kept.exists() == (status == "survived")


def test_a_fault_that_does_not_compile_is_replaced(tmp_path: Path) -> None:
    campaign = Scripted(tmp_path, {"decode": "failed"}, invalid=(FIRST,))
    verdict = campaign.judge("decode", 1, [FIRST, SECOND])
    assert (verdict.fault, verdict.status, verdict.invalid) == (SECOND, "killed", [FIRST])
    verdict = campaign.judge("decode", 1, [FIRST])
    assert (verdict.fault, verdict.status) == (None, "error")


@pytest.mark.parametrize(("says", "status"), [("passed", "equivalent"), ("failed", "error")])
def test_an_equivalent_fault_must_not_fail(says: str, status: str, tmp_path: Path) -> None:
    campaign = Scripted(tmp_path, {"decode": says}, equivalents={FIRST: "it is proved"})
    assert campaign.judge("decode", 1, [FIRST]).status == status


def test_a_failing_design_ends_the_campaign(tmp_path: Path) -> None:
    campaign = Scripted(tmp_path, {"decode": "failed"})
    with pytest.raises(CampaignError, match="does not pass on the unmutated design"):
        campaign.measure(campaign.benches["decode"][0])


def clean_summary(**status: str) -> dict[str, object]:
    verdicts = [
        campaign.Verdict("decode", choices[0], status.get(f"fault{number}", "killed"), "t[decode]")
        for number, choices in enumerate(draw(MADE["decode"], 3, 1))
    ]
    return faults.summarize(1, verdicts, ["decode"], 1.0, complete=True)


def test_what_makes_a_campaign_clean() -> None:
    summary = clean_summary()
    assert faults.is_clean(summary) and json.dumps(summary)
    assert faults.is_clean(clean_summary(fault0="equivalent"))
    assert not faults.is_clean(clean_summary(fault0="survived"))
    assert not faults.is_clean(clean_summary(fault0="error"))
    assert not faults.is_clean({**summary, "complete": False})
    one = campaign.Verdict("decode", FIRST, "equivalent")
    few = faults.summarize(1, [one], ["decode"], 1.0, complete=True)
    assert not faults.is_clean(few)


ENTRY = """
- file: ffp8_decode.v
  context: "{context}"
  before: "&"
  after: "|"
  reason: none, this is a test
"""


def test_equivalents_are_found_by_their_text(tmp_path: Path) -> None:
    path = tmp_path / "equivalents.yaml"
    path.write_text(ENTRY.format(context="assign sign = is_signed & code[7];"))
    (fault,) = campaign.load_equivalents(path, SOURCES)
    assert "|" in apply(fault, SOURCES["decode"]).splitlines()[fault.line - 1]


@pytest.mark.parametrize("context", ["assign sign = is_signed & code[6];", "&"])
def test_stale_or_unclear_equivalents_are_refused(context: str, tmp_path: Path) -> None:
    path = tmp_path / "equivalents.yaml"
    path.write_text(ENTRY.format(context=context))
    with pytest.raises(CampaignError, match="stale or unclear"):
        campaign.load_equivalents(path, SOURCES)


def test_the_committed_equivalents_fit_the_design() -> None:
    for fault in campaign.load_equivalents(faults.EQUIVALENTS, SOURCES):
        assert fault in MADE[fault.file.removeprefix("ffp8_").removesuffix(".v")]


@pytest.mark.parametrize(
    "arguments",
    [
        ["--faults", "0"],
        ["--jobs", "0"],
        ["--modules", "decode,divide"],
        ["--hdl", "no/such/folder"],
    ],
)
def test_bad_input_is_one_sentence(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*arguments, "--results", str(tmp_path)]) == 2
    message = capsys.readouterr().err
    assert message.startswith("faults: ") and message.count("\n") == 1


def test_a_run_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    campaign = Scripted(tmp_path, {})
    command = [sys.executable, "-c", "import time; time.sleep(60)"]
    assert campaign._execute(command, {}, tmp_path / "log", 0.2) is None
    assert campaign._execute([sys.executable, "-c", "exit(5)"], {}, tmp_path / "log", None) == 5


@pytest.mark.sim
def test_the_decode_bench_kills_a_fault(tmp_path: Path) -> None:
    case = find_benches()["decode"][0]
    campaign = Campaign(SOURCES, {"decode": [case]}, {}, 1, tmp_path)
    campaign.measure(case)
    assert campaign.benches["decode"][0].seconds > 0
    (fault,) = (one for one in MADE["decode"] if (one.before, one.after) == ("1'b1", "1'b0"))
    verdict = campaign.judge("decode", 1, [fault])
    assert isinstance(verdict.fault, Fault)
    assert (verdict.status, verdict.killed_by, verdict.timeout) == ("killed", case.node_id, False)
