"""The doctor's reports: what was found, what it means on a given day, what to change."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from backend.doctor import Found, RoleReport, examine, report
from backend.models import LocalApi, ModelCard, open_models
from backend.records import Role, Usage
from backend.settings import OPENAI_URL, Endpoint, load_settings
from tests.strict_server import KEY, Reply, give, refuse, say, strict_server

TODAY = date(2026, 11, 20)
ELSEWHERE = Endpoint(Role.STUDENT, "m", "https://host.example/v1", "k")
FINE = Found(cards=[ModelCard("m")], fine_tunes=True)
JOBS = {"GET /fine_tuning/jobs": [give({"object": "list", "data": []})]}


async def examined(url: str, **settings: Any) -> dict[Role, RoleReport]:
    names = {f"{role}_model": "m" for role in Role} | {"base_url": url, "api_key": KEY}
    told = load_settings(**({"retries": 0} | names | settings))
    return {r.role: r for r in await examine(told, open_models(told, None), today=TODAY)}


async def test_a_server_that_does_everything_leaves_nothing_to_change() -> None:
    with strict_server(models={"m": None}, script=JOBS) as server:
        reports = await examined(server.url)

    assert list(reports) == list(Role)
    assert all(told.reachable and not told.what_to_change for told in reports.values())
    assert reports[Role.TEACHER].capabilities == {"chat": True, "streaming": True}
    assert reports[Role.STUDENT].capabilities["fine_tuning"]
    assert reports[Role.EMBED].capabilities == {"embeddings": True}


async def test_a_wrong_key_is_told_for_every_role_with_its_own_variable() -> None:
    with strict_server(key="another") as server:
        reports = await examined(server.url)

    for role, told in reports.items():
        assert f"TENK_{role.upper()}_API_KEY" in told.what_to_change
        assert not any(told.capabilities.values())


async def test_a_model_that_the_server_lacks_is_told_with_names_near_it() -> None:
    with strict_server(models={"m": None, "judge-2": None}) as server:
        reports = await examined(server.url, judge_model="judge-1")

    assert reports[Role.JUDGE].reachable
    assert "judge-2" in reports[Role.JUDGE].what_to_change
    assert "judge-2" in reports[Role.JUDGE].offers
    assert reports[Role.TEACHER].what_to_change == ""


async def test_a_server_that_is_away_is_not_reachable() -> None:
    with strict_server() as server:
        url = server.url

    reports = await examined(url)

    assert not any(told.reachable for told in reports.values())
    assert "TENK_JUDGE_BASE_URL" in reports[Role.JUDGE].what_to_change


async def test_a_missing_model_name_is_one_roles_report_and_stops_no_other() -> None:
    with strict_server(models={"m": None}) as server:
        reports = await examined(server.url, embed_model="")

    assert "TENK_EMBED_MODEL" in reports[Role.EMBED].what_to_change
    assert reports[Role.TEACHER].reachable


@pytest.mark.parametrize("reply", [refuse(404, "Not Found"), refuse(500, "Oops"), give([])])
async def test_a_server_that_lists_no_models_still_works(reply: Reply) -> None:
    with strict_server(models={"m": None}, list=[reply] * 4) as server:
        reports = await examined(server.url)

    assert reports[Role.TEACHER].reachable
    assert reports[Role.TEACHER].offers == []


async def test_tenks_own_models_are_said_to_be_no_language_models() -> None:
    names = {f"local-{role}": None for role in Role}
    with strict_server(models=names, script=JOBS) as server:
        settings = load_settings()
        told = await examine(settings, open_models(settings, LocalApi(server.url, KEY)))

    assert all(role.local and "no language model" in role.note for role in told)


async def test_what_a_probe_costs_is_told_with_the_tokens_that_the_server_counts() -> None:
    names = {f"{role}_model": "m" for role in Role}
    prices: dict[str, Any] = {"prices": {"m": (1.0, 2.0)}}
    calls: list[tuple[str, Usage, float | None]] = []
    with strict_server(models={"m": None}, script=JOBS) as server:
        settings = load_settings(base_url=server.url, api_key=KEY, **names, **prices)
        models = open_models(settings, None)
        await examine(settings, models, on_call=lambda m, u, c: calls.append((m, u, c)))

    spoke = ("m", Usage(prompt_tokens=7, completion_tokens=3), pytest.approx(13e-6))
    assert calls == [spoke] * 3  # teacher, student and judge; vectors are told of by the models


async def test_a_word_that_is_cut_off_is_a_word_whose_cost_nobody_told() -> None:
    cut = say("rea", finish=None, usage=None)
    calls: list[float | None] = []
    with strict_server(models={"m": None}, chat=[cut] * 3, script=JOBS) as server:
        names = {f"{role}_model": "m" for role in Role}
        settings = load_settings(base_url=server.url, api_key=KEY, retries=0, **names)
        models = open_models(settings, None)
        told = await examine(settings, models, on_call=lambda _m, _u, c: calls.append(c))

    assert all(one.reachable and not one.what_to_change for one in told)
    assert calls == [None] * 3


@pytest.mark.parametrize(("days", "warned"), [(61, False), (60, True), (0, True), (-9, True)])
def test_a_shutdown_is_a_warning_from_sixty_days_before(days: int, warned: bool) -> None:
    ends = TODAY + timedelta(days=days)

    told = report(ELSEWHERE, replace(FINE, cards=[ModelCard("m", ends)]), TODAY)

    assert bool(told.warning) is warned
    assert ("TENK_STUDENT_MODEL" in told.what_to_change) is warned
    assert told.shutdown_date == ends


def test_a_fine_tuned_model_goes_with_its_base() -> None:
    tuned = replace(ELSEWHERE, model="ft:m:acme::abc")

    told = report(tuned, replace(FINE, cards=[ModelCard("m", TODAY)]), TODAY)

    assert told.shutdown_date == TODAY


def test_openais_dates_are_known_where_it_tells_none() -> None:
    endpoint = Endpoint(Role.STUDENT, "gpt-4.1-mini-2025-04-14", OPENAI_URL, "k")

    told = report(endpoint, FINE, TODAY)

    assert told.shutdown_date == date(2027, 1, 14)
    assert "fine-tuning ends for everyone on 2027-01-06" in told.warning


def test_openais_dates_are_not_taken_for_another_servers() -> None:
    endpoint = replace(ELSEWHERE, model="gpt-4o")

    assert report(endpoint, FINE, TODAY).shutdown_date is None


def test_a_student_where_nothing_is_fine_tuned_is_a_warning() -> None:
    told = report(ELSEWHERE, replace(FINE, fine_tunes=False), TODAY)

    assert "no fine-tuning route" in told.warning
    assert "TENK_STUDENT_BASE_URL" in told.what_to_change


def test_a_teacher_need_not_be_fine_tuned() -> None:
    teacher = replace(ELSEWHERE, role=Role.TEACHER)

    assert report(teacher, replace(FINE, fine_tunes=False), TODAY).warning == ""
