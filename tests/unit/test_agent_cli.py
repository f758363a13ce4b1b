from __future__ import annotations

import json
import platform
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.cli import UNWANTED, default_name, main
from agent.identity import enrol
from agent.locking import alone_in
from agent.measure.simulated.profiles import ProfileName
from agent.spool import Spool
from agent.untold import Untold
from agent.wire.enrolment import DeviceDescription, DeviceKind, Enrolled, EnrolRequest
from agent.wire.jobs import Ending, EndReport, LeaseAnswer
from agent.wire.protocol import PROTOCOL_VERSION
from tests.support.messages import DESCRIPTION, a_batch
from tests.support.scripted_orchestrator import Asked, Said, refused, said, scripted
from tests.support.serving import free_port

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("STEPFARM_HOME", str(tmp_path))
    return tmp_path / "agent"


@pytest.fixture
def run(home: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Gives a command; its exit code, output and errors."""

    def given(*arguments: str) -> tuple[int, str, str]:
        code = main(arguments)
        output, errors = capsys.readouterr()
        return code, output, errors

    return given


def welcome(_asked: Asked) -> Said:
    return said(Enrolled(device_id=4, name="pi-5"))


def enrolled_at(url: str, home: Path, profile: ProfileName | None = None) -> None:
    enrol(home, url=url, code="0123-ABCD-WXYZ", name="pi-5", description=DESCRIPTION, profile=profile)


def is_enrolled(home: Path, profile: ProfileName | None = None) -> str:
    """Enrol the device at an address where nobody answers any more; that address."""
    with scripted(welcome) as orchestrator:
        enrolled_at(orchestrator.url, home, profile)
    return orchestrator.url


def run_at(
    home: Path, run: Run, script: Callable[[Asked], Said], *options: str, profile: ProfileName | None = None
) -> tuple[int, str, str]:
    """What `run` comes to for a device that is enrolled at an orchestrator with this script."""
    with scripted(welcome) as orchestrator:
        enrolled_at(orchestrator.url, home, profile)
        orchestrator.script = script
        return run("run", *options)


def told(errors: str) -> str:
    """The message on standard error: what happened, and below it what to do."""
    assert re.fullmatch(r"stepfarm-agent: .+\n  .+\n", errors), errors
    return errors


def test_enrolling_says_who_the_device_is_now_and_what_comes_next(home: Path, run: Run) -> None:
    with scripted(lambda _asked: said(Enrolled(device_id=4, name="pi-5"))) as orchestrator:
        code, output, errors = run("enroll", orchestrator.url, "--code", "0123-abcd-wxyz", "--name", "pi-5")
    assert (code, errors) == (0, "")
    assert f"Enrolled as pi-5, device 4 of {orchestrator.url}." in output
    assert "stepfarm-agent run" in output


@pytest.mark.parametrize("what", ["There is no such join code.", "That join code was used already, by another device."])
def test_a_wrong_or_used_code_is_told_with_advice(home: Path, run: Run, what: str) -> None:
    no = refused(403, "code-refused", what, "Make a new one: stepfarm enroll-code.")
    with scripted(lambda _asked: no) as orchestrator:
        code, _, errors = run("enroll", orchestrator.url, "--code", "0123-ABCD-WXYZ")
    assert code == 1
    assert told(errors) == f"stepfarm-agent: {what}\n  Make a new one: stepfarm enroll-code.\n"
    assert run("status")[1].startswith("Not enrolled.")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("http://farm.example.org", "--code", "C"), "unencrypted"),
        (("farm", "--code", "C"), "no address of an orchestrator"),
        (("https://farm.example.org", "--code", "C", "--name", "two words"), "The name must match"),
        (("https://farm.example.org", "--code", ""), "The code must have"),
        ((f"http://127.0.0.1:{free_port()}", "--code", "C"), "connection refused"),
    ],
)
def test_an_enrolment_that_cannot_be_is_told_with_advice(
    home: Path, run: Run, arguments: tuple[str, ...], complaint: str
) -> None:
    code, output, errors = run("enroll", *arguments)
    assert (code, output) == (1, "")
    assert complaint in told(errors)


def test_a_device_that_is_not_enrolled_cannot_run_and_is_told_how_to_enrol(run: Run) -> None:
    code, _, errors = run("run")
    assert code == 1
    assert told(errors).endswith("stepfarm-agent enroll URL --code CODE\n")
    assert told(run("run", "--simulate", "noise")[2]).endswith("enroll URL --code CODE --simulate noise\n")


def test_a_revoked_key_ends_the_agent_and_keeps_what_waits(home: Path, run: Run) -> None:
    Spool(home / "spool").put(7, a_batch())
    no = refused(401, "not-signed-in", "That key is revoked.", "Enrol the device anew.")
    code, _, errors = run_at(home, run, lambda _asked: no)
    assert code == UNWANTED
    assert "That key is revoked.\n  Enrol the device anew. 1 pass waits to be sent, kept in" in told(errors)
    assert errors.endswith(f"{home / 'spool'}.\n")
    assert len(Spool(home / "spool").waiting()) == 1


def test_the_older_of_two_agents_with_one_identity_ends_and_says_what_to_do(home: Path, run: Run) -> None:
    def script(asked: Asked) -> Said:
        return refused(409, "agent-doubled") if asked.path == "/v1/leases" else Said()

    code, _, errors = run_at(home, run, script)
    assert code == UNWANTED
    assert "Two agents work with the identity of this device" in told(errors)
    assert "Stop one of the two" in errors
    assert "stepfarm-agent unenroll --force" in errors
    assert errors.endswith("Nothing waits to be sent.\n")


def test_an_orchestrator_of_another_version_ends_the_agent_and_keeps_what_waits(home: Path, run: Run) -> None:
    Spool(home / "spool").put(7, a_batch())
    code, _, errors = run_at(home, run, lambda _asked: Said(protocol=str(PROTOCOL_VERSION + 1)))
    assert code == UNWANTED
    assert "upgrade stepfarm on the agent" in told(errors)
    assert len(Spool(home / "spool").waiting()) == 1


def test_a_second_agent_on_the_same_home_is_refused(home: Path, run: Run) -> None:
    is_enrolled(home)
    with alone_in(home, program="stepfarm-agent"):
        for command in (("run",), ("unenroll",), ("enroll", "https://farm.example.org", "--code", "C")):
            code, _, errors = run(*command)
            assert code == 1
            assert "Another stepfarm-agent works with" in told(errors)


def test_status_says_who_the_device_is_and_what_waits(home: Path, run: Run) -> None:
    url = is_enrolled(home)
    Spool(home / "spool").put(7, a_batch())
    assert run("status") == (0, f"Enrolled as pi-5, device 4 of {url}.\nPasses waiting to be sent: 1.\n", "")
    code, output, _ = run("status", "--json")
    assert (code, json.loads(output)) == (
        0,
        {
            "enrolled": True,
            "identity": {"url": url, "name": "pi-5", "device_id": 4, "simulated": None},
            "passes_waiting": 1,
            "passes_set_aside": 0,
        },
    )


def test_status_tells_of_passes_that_were_set_aside(home: Path, run: Run) -> None:
    (home / "spool" / "refused").mkdir(parents=True)
    (home / "spool" / "refused" / "7-0-1-0.json").write_text("{}")
    assert "set aside, damaged, refused or unowned: 1" in run("status")[1]


def test_status_of_a_device_that_was_never_enrolled(run: Run) -> None:
    assert run("status") == (0, "Not enrolled.\nPasses waiting to be sent: 0.\n", "")
    assert json.loads(run("status", "--json")[1])["identity"] is None


def test_a_device_with_readings_that_wait_forgets_only_by_force(home: Path, run: Run) -> None:
    is_enrolled(home)
    Spool(home / "spool").put(7, a_batch())
    code, _, errors = run("unenroll")
    assert code == 1
    assert "1 pass waits to be sent" in told(errors)
    code, output, _ = run("unenroll", "--force")
    assert code == 0
    assert (
        output == f"Set aside: 1 pass, in {home / 'spool' / 'unowned'}.\nThis device has forgotten its orchestrator.\n"
    )
    assert run("status")[1].startswith("Not enrolled.\nPasses waiting to be sent: 0.\nPasses set aside")


def test_what_waited_for_one_orchestrator_is_never_sent_to_another(home: Path, run: Run) -> None:
    is_enrolled(home)
    Spool(home / "spool").put(7, a_batch())
    Untold(home).keep(7, EndReport(fence=1, ending=Ending.GIVEN_BACK))
    run("unenroll", "--force")
    paths = []

    def script(asked: Asked) -> Said:
        paths.append(asked.path)
        return refused(401, "not-signed-in")

    run_at(home, run, script)
    assert paths == ["/v1/device"]


def test_a_device_that_was_not_enrolled_is_told_so_when_it_shall_forget(run: Run) -> None:
    assert run("unenroll") == (0, "This device was not enrolled.\n", "")


def test_a_damaged_identity_can_be_forgotten(home: Path, run: Run) -> None:
    home.mkdir()
    (home / "identity.json").write_text("{")
    assert run("unenroll") == (0, "This device has forgotten its orchestrator.\n", "")
    assert run("status")[0] == 0


def test_a_damaged_identity_is_told_and_no_traceback(home: Path, run: Run) -> None:
    home.mkdir()
    (home / "identity.json").write_text("{")
    for command in ("run", "status"):
        code, _, errors = run(command)
        assert code == 1
        assert "identity.json is damaged" in told(errors)


def test_a_state_directory_that_cannot_be_is_told(home: Path, run: Run) -> None:
    home.write_text("in the way")
    code, _, errors = run("unenroll")
    assert code == 1
    assert "cannot be written" in told(errors)


def test_a_misspelt_setting_is_told(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEPFARM_PROT", "1")
    code, _, errors = run("status")
    assert code == 1
    assert "STEPFARM_PROT is no setting" in told(errors)


def test_an_agent_without_work_delivers_what_waits_describes_itself_and_asks(home: Path, run: Run) -> None:
    Spool(home / "spool").put(7, a_batch())

    def script(asked: Asked) -> Said:
        match asked.path:
            case "/v1/jobs/7/batches":
                return Said(body=b'{"readings":2}')
            case "/v1/device":
                return Said()
            case _:
                return next(answers)

    answers = iter([said(LeaseAnswer(lease=None, retry_after_s=0.0)), refused(401, "not-signed-in")])
    assert run_at(home, run, script)[0] == UNWANTED
    assert next(answers, None) is None
    assert Spool(home / "spool").waiting() == []


@pytest.mark.parametrize("profile", [None, *ProfileName])
def test_the_default_name_of_a_device_is_one_that_the_wire_takes(profile: ProfileName | None) -> None:
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.\-]{0,62}", default_name(profile))


@pytest.mark.parametrize("node", ["x" * 300, "", "...", "-a b-"])
def test_a_strange_host_name_makes_a_name_that_tells_the_profile(node: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "node", lambda: node)
    name = default_name(ProfileName.FLAT_START)
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.\-]{0,62}", name)
    assert name.endswith("-flat-start")


def test_a_simulated_device_is_enrolled_as_one_and_marked_wherever_it_is_named(home: Path, run: Run) -> None:
    with scripted(welcome) as orchestrator:
        code, output, errors = run("enroll", orchestrator.url, "--code", "0123 ABCD WXYZ", "--simulate", "throttle")
    request = orchestrator.asked[0].message(EnrolRequest)
    assert (code, errors) == (0, "")
    assert output.startswith("Enrolled as pi-5 (simulated: throttle), device 4 of")
    assert request.description.kind is DeviceKind.SIMULATED
    assert request.description.hardware == "simulated: throttle"
    assert request.name == default_name(ProfileName.THROTTLE)
    assert "Enrolled as pi-5 (simulated: throttle), device 4" in run("status")[1]
    assert json.loads(run("status", "--json")[1])["identity"]["simulated"] == "throttle"


def one_lease_request(asked: Asked) -> Said:
    return refused(401, "not-signed-in") if asked.path == "/v1/leases" else Said()


@pytest.mark.parametrize(("options", "profile"), [((), "stairs"), (("--simulate", "noise"), "noise")])
def test_a_simulated_device_runs_its_own_profile_or_that_of_the_run(
    home: Path, run: Run, options: tuple[str, ...], profile: str
) -> None:
    descriptions = []

    def script(asked: Asked) -> Said:
        if asked.path == "/v1/device":
            descriptions.append(asked.message(DeviceDescription))
        return one_lease_request(asked)

    _, output, _ = run_at(home, run, script, *options, profile=ProfileName.STAIRS)
    assert output.startswith(f"pi-5 (simulated: {profile}) works for")
    assert [description.hardware for description in descriptions] == [f"simulated: {profile}"]
    assert "pi-5 (simulated: stairs)" in run("status")[1]


@pytest.mark.parametrize("options", [("--simulate", "stairs"), ("--pace", "1")])
def test_a_real_device_never_simulates_and_nothing_is_asked_of_anybody(
    home: Path, run: Run, options: tuple[str, ...]
) -> None:
    asked: list[str] = []

    def script(request: Asked) -> Said:
        asked.append(request.path)
        return one_lease_request(request)

    code, _, errors = run_at(home, run, script, *options)
    assert code == 1
    assert "enrolled as a real device: simulated readings never go under its name" in told(errors)
    assert "stepfarm-agent enroll http://127.0.0.1" in errors
    assert asked == []


@pytest.mark.parametrize("options", [("--pace", "-1"), ("--pace", "nan"), ("--pace", "601"), ("--simulate", "ramp")])
def test_a_pace_or_profile_that_is_none_is_a_wrong_option(run: Run, options: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit) as ended:
        run("run", *options)
    assert ended.value.code == 2
