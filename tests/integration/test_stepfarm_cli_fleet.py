"""``stepfarm enroll-code``, ``devices`` and ``sweep``: what a person types, what comes back, how an error reads."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from agent.clock import SystemClock
from agent.errors import StepfarmError
from agent.wire.enrolment import DeviceKind
from agent.wire.jobs import Failure, FailureReason, Workload
from orchestrator.analysis.planning import Plan
from orchestrator.client import Client
from orchestrator.commands.enrolment import arrived
from orchestrator.commands.watching import follow, passes_done, passes_planned
from orchestrator.jobs.states import JobState
from orchestrator.storage.enrolment import JOIN_CODE_MS
from orchestrator.views import DeviceState, JoinCodeView, SweepView
from tests.support.clocks import ManualClock
from tests.support.commands import Stepfarm
from tests.support.filling import begun, enrolled, fail_next, leased
from tests.support.serving import Served, serving

FEW = Plan(exhaustive=True, confirm=False, passes=2, min_tokens=190, stride=4)
FAILURE = Failure(reason=FailureReason.MODEL_UNKNOWN, message="timm knows no such model.", advice="Look it up.")


class Typist:
    """A terminal at which somebody answers."""

    def __init__(self, answer: str) -> None:
        self._answer = io.StringIO(answer)

    def isatty(self) -> bool:
        return True

    def readline(self) -> str:
        return self._answer.readline()


class Screen(io.StringIO):
    """A terminal that shows."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def stepfarm(capsys: pytest.CaptureFixture[str]) -> Stepfarm:
    return Stepfarm(capsys)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """An orchestrator, which commands find by themselves, with a device called board that measured a curve."""
    with serving(tmp_path_factory.mktemp("farm")) as running, pytest.MonkeyPatch.context() as patch:
        patch.setenv("STEPFARM_HOME", str(running.settings.home))
        patch.setenv("STEPFARM_PORT", str(running.settings.port))
        begun(enrolled(running.url, running.client, "board"), running.client, plan=FEW).finish()
        yield running


def device(served: Served, name: str) -> str:
    """A new device of that name."""
    return enrolled(served.url, served.client, name).name


def queued(stepfarm: Stepfarm, *arguments: str) -> Any:
    """The sweep that ``sweep create`` queues."""
    return json.loads(stepfarm("sweep", "create", *arguments, "--json").out)


def test_enroll_code_prints_a_line_to_paste_and_until_when(stepfarm: Stepfarm, served: Served) -> None:
    ended = stepfarm("enroll-code")

    assert ended.code == 0
    assert f"stepfarm-agent enroll {served.url} --code " in ended.out
    assert "before " in ended.out


def test_enroll_code_says_that_a_loopback_address_is_for_this_machine_alone(stepfarm: Stepfarm, served: Served) -> None:
    said = stepfarm("enroll-code").err

    assert "only this machine" in said
    assert "STEPFARM_PUBLIC_URL" in said


def test_enroll_code_names_the_public_address_where_one_is_set(
    stepfarm: Stepfarm, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(tmp_path_factory.mktemp("public"), public_url="https://farm.example.org") as served:
        monkeypatch.setenv("STEPFARM_HOME", str(served.settings.home))
        monkeypatch.setenv("STEPFARM_PORT", str(served.settings.port))

        ended = stepfarm("enroll-code")

    assert "stepfarm-agent enroll https://farm.example.org --code " in ended.out
    assert ended.err == ""


def test_enroll_code_as_json_is_the_code_its_end_and_the_line(stepfarm: Stepfarm, served: Served) -> None:
    said = json.loads(stepfarm("enroll-code", "--json").out)

    assert set(said) == {"id", "code", "url", "expires_ms", "device", "command"}
    assert said["code"] in said["command"]


def test_enroll_code_draws_a_qr_code_on_a_terminal_and_nowhere_else(
    stepfarm: Stepfarm, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    piped = stepfarm("enroll-code").out

    shown = []
    for arguments in (("enroll-code",), ("enroll-code", "--no-qr")):
        screen = Screen()
        with monkeypatch.context() as patch:
            patch.setattr("sys.stdout", screen)
            stepfarm(*arguments)
        shown.append(screen.getvalue())

    assert "camera" in shown[0]
    assert shown[0].count("\n") > 20
    assert "camera" not in shown[1]
    assert "camera" not in piped


def test_waiting_for_a_device_ends_with_the_one_that_the_code_let_in(served: Served) -> None:
    code = served.client.new_join_code()

    class Coming(Client):
        """Sees the device come between its first and second look."""

        looks = 0

        def join_code(self, join_code_id: int) -> JoinCodeView:
            Coming.looks += 1
            if Coming.looks == 2:
                enrolled(served.url, self, "late-phone", DeviceKind.TERMUX, code=code.code)
            return super().join_code(join_code_id)

    client = Coming(served.url, served.operator_key)
    found = arrived(client, code, clock=ManualClock(), stop=threading.Event())

    assert (found.name, found.kind, Coming.looks) == ("late-phone", DeviceKind.TERMUX, 2)


def test_waiting_ends_when_the_code_expires(tmp_path_factory: pytest.TempPathFactory) -> None:
    clock = ManualClock()
    with serving(tmp_path_factory.mktemp("slow"), clock=clock) as served:
        code = served.client.new_join_code()
        clock.move(JOIN_CODE_MS)

        with pytest.raises(StepfarmError, match="expired") as refusal:
            arrived(served.client, code, clock=clock, stop=threading.Event())

    assert "stepfarm enroll-code" in refusal.value.advice


def test_devices_list_shows_the_fleet_with_labels(stepfarm: Stepfarm, served: Served) -> None:
    stepfarm("devices", "label", "board", "room=3")

    assert "room=3" in stepfarm("devices", "list").out
    assert "board" in [one["name"] for one in json.loads(stepfarm("devices", "list", "--json").out)]


def test_devices_show_says_what_it_is_and_has_measured(stepfarm: Stepfarm, served: Served) -> None:
    shown = stepfarm("devices", "show", "board").out

    assert "board (linux): idle" in shown
    for said in ("Raspberry Pi 5 Model B", "Cortex-A76, 4 cores", "8.0 GiB", "torch 2.9.0", "deit_small_patch16_224"):
        assert said in shown
    assert json.loads(stepfarm("devices", "show", "board", "--json").out)["name"] == "board"


def test_a_device_at_work_is_shown_with_its_job_and_what_waits(stepfarm: Stepfarm, served: Served) -> None:
    name = device(served, "busy")
    begun(enrolled(served.url, served.client, "busier"), served.client, plan=FEW).post(0)
    queued(stepfarm, "a", "--device", name, "busier")

    shown = stepfarm("devices", "list").out

    assert "deit_small_patch16_224, batch 1: 1 of 2 passes" in shown
    assert "1 more job queued" in shown
    assert "1 job queued" in shown


def test_labels_are_put_on_and_taken_away_with_a_dash(stepfarm: Stepfarm, served: Served) -> None:
    name = device(served, "labelled")

    assert stepfarm("devices", "label", name, "board=orin", "fast").out == f"{name}: board=orin, fast\n"
    assert stepfarm("devices", "label", name, "fast-", "board=nano").out == f"{name}: board=nano\n"
    assert json.loads(stepfarm("devices", "label", name, "board-", "--json").out)["labels"] == []
    assert "no labels" in stepfarm("devices", "label", name, "never-there-").out


def test_revoking_asks_first_on_a_terminal(stepfarm: Stepfarm, served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    name = device(served, "doubtful")

    for answer, code, state in (("\n", 1, DeviceState.IDLE), ("n\n", 1, DeviceState.IDLE), ("y\n", 0, "revoked")):
        with monkeypatch.context() as patch:
            patch.setattr("sys.stdin", Typist(answer))
            patch.setattr("sys.stderr", Screen())
            assert stepfarm("devices", "revoke", name).code == code
        assert served.client.device(name).state == state


def test_revoking_where_nobody_can_be_asked_wants_yes(
    stepfarm: Stepfarm, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = device(served, "remote")
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))

    assert "--yes" in stepfarm.refused("devices", "revoke", name)
    assert served.client.device(name).state is DeviceState.IDLE
    assert stepfarm("devices", "revoke", name, "--yes").code == 0
    assert json.loads(stepfarm("devices", "revoke", name, "--json").out)["state"] == "revoked"
    assert "revoked" in stepfarm("devices", "list").out


def test_a_sweep_is_queued_listed_shown_and_cancelled(stepfarm: Stepfarm, served: Served) -> None:
    made = queued(stepfarm, "a", "b", "--device", "board", "--batch", "1", "4")
    number = str(made["id"])

    assert f"{number} " in stepfarm("sweep", "list").out
    assert len(json.loads(stepfarm("sweep", "show", number, "--json").out)["jobs"]) == 4
    assert stepfarm("sweep", "show", number).out.count("queued") >= 4
    assert stepfarm("sweep", "cancel", number).out == f"Sweep {number}: 4 cancelled.\n"
    assert {job["state"] for job in json.loads(stepfarm("sweep", "cancel", number, "--json").out)["jobs"]} == {
        "cancelled"
    }
    assert json.loads(stepfarm("sweep", "list", "--json").out)[0]["id"] == made["id"]


def test_one_job_is_one_job(stepfarm: Stepfarm, served: Served) -> None:
    said = stepfarm("sweep", "create", "a", "--device", "board").out

    assert "1 job queued on 1 device." in said
    stepfarm("sweep", "cancel", said.split(":")[0].removeprefix("Sweep "))


def test_a_sweep_takes_the_whole_workload_and_devices_by_label(stepfarm: Stepfarm, served: Served) -> None:
    first, second = device(served, "shelf-1"), device(served, "shelf-2")
    for name, label in ((first, "shelf=a"), (second, "shelf=b")):
        stepfarm("devices", "label", name, label)
    options = ("--threads", "2", "--processor", "cuda", "--data-type", "float16", "--image-size", "64")

    made = queued(stepfarm, "a", "--label", "shelf", "--priority", "7", *options)

    assert [job["device"] for job in made["jobs"]] == [first, second]
    assert made["priority"] == 7
    assert made["jobs"][0]["workload"] == {
        "batch_size": 1,
        "image_size": 64,
        "data_type": "float16",
        "runtime": "eager",
        "processor": "cuda",
        "threads": 2,
    }
    assert "batch 1, float16, cuda, 64 px, 2 threads" in stepfarm("sweep", "show", str(made["id"])).out


def test_a_failure_stands_on_lines_of_its_own_and_once_for_all_jobs_that_met_it(
    stepfarm: Stepfarm, served: Served
) -> None:
    fleet = [enrolled(served.url, served.client, name) for name in ("one", "two")]
    sweep = served.client.create_sweep(models=["a"], workloads=[Workload()], devices=["one", "two"])
    for one in fleet:
        fail_next(one, FAILURE)

    shown = stepfarm("sweep", "show", str(sweep.id)).out.splitlines()

    said = [line for line in shown if FAILURE.message in line]
    assert len(said) == 1
    assert "(one: a, batch 1)" in said[0]
    assert "(two: a, batch 1)" in said[0]
    assert shown[shown.index(said[0]) + 1].strip() == FAILURE.advice


def test_cancelling_says_which_jobs_stop_at_their_next_heartbeat(stepfarm: Stepfarm, served: Served) -> None:
    job = begun(enrolled(served.url, served.client, "at-work"), served.client, plan=FEW)
    number = served.client.sweeps()[0].id

    said = stepfarm("sweep", "cancel", str(number)).out

    assert "next heartbeat" in said
    assert f"job {job.job_id}, at-work" in said


def test_a_sweep_that_is_tried_again_names_the_devices_that_were_revoked_meanwhile(
    stepfarm: Stepfarm, served: Served
) -> None:
    enrolled(served.url, served.client, "goes")
    enrolled(served.url, served.client, "stays")
    number = str(queued(stepfarm, "a", "--device", "goes", "stays")["id"])
    stepfarm("sweep", "cancel", number)
    served.client.revoke_device("goes")

    said = stepfarm("sweep", "retry", number)

    assert "Left out, because they were revoked: goes." in said.err
    assert "1 job queued on 1 device" in said.out
    served.client.cancel_sweep(served.client.sweeps()[0].id)


def test_a_cancelled_sweep_is_tried_again(stepfarm: Stepfarm, served: Served) -> None:
    made = queued(stepfarm, "a", "b", "--device", "board")
    number = str(made["id"])
    assert "No job" in stepfarm.refused("sweep", "retry", number)
    stepfarm("sweep", "cancel", number)

    said = stepfarm("sweep", "retry", number).out
    again = served.client.sweeps()[0]

    assert f"2 jobs queued on 1 device, once more from sweep {number}." in said
    assert again.retry_of == made["id"]
    stepfarm("sweep", "cancel", str(again.id))
    assert json.loads(stepfarm("sweep", "retry", number, "--json").out)["retry_of"] == made["id"]
    served.client.cancel_sweep(served.client.sweeps()[0].id)


def test_watching_a_cancelled_sweep_ends_with_1_and_claims_no_pass(stepfarm: Stepfarm, served: Served) -> None:
    made = queued(stepfarm, "a", "--device", "board")
    stepfarm("sweep", "cancel", str(made["id"]))

    ended = stepfarm("sweep", "watch", str(made["id"]), "--json")

    assert ended.code == 1
    assert json.loads(ended.out)["id"] == made["id"]
    assert "100%" not in ended.err
    assert "0 of 7 passes" in ended.err


def test_watching_shows_progress_and_tells_each_failure_as_it_happens(stepfarm: Stepfarm, served: Served) -> None:
    swift, broken = (enrolled(served.url, served.client, name) for name in ("swift", "broken"))
    made = served.client.create_sweep(
        models=["deit_small_patch16_224"], workloads=[Workload()], devices=["swift", "broken"], plan=FEW
    )
    job = leased(swift, served.client)

    def work() -> None:
        fail_next(broken, FAILURE)
        job.finish()

    with ThreadPoolExecutor(1) as pool:
        working = pool.submit(work)
        ended = stepfarm("sweep", "watch", str(made.id))
        working.result()

    assert ended.code == 1
    assert ended.err.count(FAILURE.message) == 1
    assert "2 of 4 passes" in ended.err
    assert FAILURE.message not in ended.out, "what was told is not told again"
    assert "done" in ended.out


def test_on_a_terminal_each_running_job_has_a_line_of_its_own(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("left", "right")
    fleet = [enrolled(served.url, served.client, name) for name in names]
    sweep = served.client.create_sweep(models=["a"], workloads=[Workload()], devices=names, plan=FEW)
    for one in fleet:
        leased(one, served.client).post(0)
    screen = Screen()
    monkeypatch.setattr("sys.stderr", screen)

    follow(served.client, sweep.id, clock=SystemClock(), stop=threading.Event(), going=lambda: False)

    for name in names:
        assert f"  {name}: a, batch 1: 1 of 2 passes, about" in screen.getvalue()
    assert " left" in screen.getvalue()
    sweep.cancel()


def test_following_a_sweep_ends_when_nobody_works_on_it_any_more(served: Served) -> None:
    sweep = served.client.create_sweep(models=["a"], workloads=[Workload()], devices=["board"])

    left = follow(served.client, sweep.id, clock=SystemClock(), stop=threading.Event(), going=lambda: False)

    assert not left.ended
    assert (passes_done(left), passes_planned(left)) == (0, 7)
    sweep.cancel()


def test_the_handle_of_a_sweep_waits_tells_cancels_and_tries_again(served: Served) -> None:
    seen: list[SweepView] = []
    sweep = served.client.create_sweep(models=["a"], workloads=[Workload()], devices=["board"])

    sweep.wait(timeout_s=0, told=seen.append)
    assert [len(view.jobs) for view in seen] == [1]
    assert not sweep.ended
    sweep.cancel().wait()
    assert {job.state for job in sweep.jobs} == {JobState.CANCELLED}
    again = sweep.retry()

    assert again.view.retry_of == sweep.id
    again.cancel()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("sweep", "create", "a", "--device", "nobody"), "no device called nobody"),
        (("sweep", "create", "a", "--label", "nowhere=1"), "No device carries the label nowhere=1"),
        (("sweep", "create", "a", "--label", "a b"), "'a b' is no label"),
        (("sweep", "create", "a", "--device", "board", "--batch", "0"), "--batch: must lie between"),
        (("sweep", "create", "a", "--device", "board", "--passes", "0"), "--passes: must lie between"),
        (("sweep", "create", "a", "--device", "board", "--image-size", "1"), "--image-size: must lie between"),
        (("sweep", "create", "a", "--device", "board", "--priority", "101"), "--priority: must lie between"),
        (("sweep", "create", "a", "--device", "board", "--threads", "999"), "board has 4 cores, and 999 threads"),
        (("sweep", "create", "a", "--device", "board", "--min-tokens", "9", "--max-tokens", "8"), "--max-tokens, 8"),
        (("sweep", "create", "a", "hf-hub:a/b", "--device", "board"), "MODEL hf-hub:a/b: must match"),
        (("sweep", "create", "a", "--device", "board", "board"), "--device: must not name the same twice"),
        (("sweep", "create", "a", "--device", "b d"), "--device b d: must match"),
        (
            ("sweep", "create", "a", "--device", "board", "--blocks", "--runtime", "onnxruntime"),
            "--runtime: must be eager",
        ),
        (("sweep", "create", "a", "--device", "board", "--data-type", "int8"), "float32"),
        (("sweep", "create", "a", "--device", "board", "--processor", "npu"), "cuda"),
        (("sweep", "create", "a"), "--device: must name at least one device or label"),
        (("sweep", "show", "999999"), "no sweep 999999"),
        (("sweep", "show", "0"), "nothing at this path"),
        (("sweep", "watch", "999999"), "no sweep 999999"),
        (("sweep", "cancel", "999999"), "no sweep 999999"),
        (("sweep", "retry", "999999"), "no sweep 999999"),
        (("devices", "show", "nobody"), "no device called nobody"),
        (("devices", "show", "../sweeps"), "NAME: must match"),
        (("devices", "label", "nobody", "a"), "no device called nobody"),
        (("devices", "label", "board", "=x"), "is no label"),
        (("devices", "label", "board", "a=1", "a=2"), "must not name the same label twice"),
        (("devices", "label", "board", "a", "a-"), "must not name a, which is to be put on"),
        (("devices", "revoke", "nobody", "--yes"), "no device called nobody"),
    ],
)
def test_what_cannot_be_done_is_refused_with_advice(
    stepfarm: Stepfarm, served: Served, arguments: tuple[str, ...], said: str
) -> None:
    assert said in stepfarm.refused(*arguments)


def test_an_option_out_of_its_range_names_the_command_that_explains_it(stepfarm: Stepfarm, served: Served) -> None:
    said = stepfarm.refused("sweep", "create", "a", "--device", "board", "--batch", "0")

    assert "stepfarm sweep create --help" in said
