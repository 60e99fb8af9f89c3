"""Models by role, driven over HTTP against a server that misbehaves as it is told."""

import asyncio
import subprocess
import sys
from contextlib import aclosing
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from backend.errors import (
    Busy,
    ConfigurationError,
    ModelGone,
    ProviderError,
    Stopped,
    TenkError,
)
from backend.models import LocalApi, Models, open_models
from backend.models.replies import batches
from backend.records import Message, Role, Usage
from backend.settings import load_settings
from tests.strict_server import (
    KEY,
    Reply,
    StrictServer,
    cut,
    give,
    page,
    refuse,
    say,
    silence,
    strict_server,
    text,
    vectors,
)

ASKED = [Message(role="system", content="Be brief."), Message(role="user", content="Revenue?")]


def models_at(server: StrictServer | str, **settings: Any) -> Models:
    url = server if isinstance(server, str) else server.url
    names = {f"{role}_model": "m" for role in ("teacher", "student", "judge")}
    told: dict[str, Any] = {"base_url": url, "api_key": KEY, "embed_model": "e", "timeout": 10}
    return open_models(load_settings(**(told | names | settings)), None)


async def error_of(models: Models, *, model: str | None = None) -> TenkError:
    with pytest.raises(TenkError) as caught:
        await models.complete(Role.TEACHER, ASKED, model=model)
    assert "\n" not in str(caught.value)
    assert KEY not in str(caught.value)
    return caught.value


# -- answers


async def test_an_answer_arrives_in_pieces_and_ends_with_its_usage() -> None:
    with strict_server(chat=[say("Rev", "enue [1]", usage=(12, 5))]) as server:
        parts = [part async for part in models_at(server).stream(Role.TEACHER, ASKED)]

    assert parts == ["Rev", "enue [1]", Usage(prompt_tokens=12, completion_tokens=5)]


async def test_the_messages_are_sent_exactly_as_they_were_given() -> None:
    with strict_server() as server:
        await models_at(server).complete(Role.TEACHER, ASKED)

    sent = server.sent("/chat/completions")[0]
    assert sent["messages"] == [message.model_dump() for message in ASKED]
    assert (sent["model"], sent["stream"], sent["temperature"]) == ("m", True, 0)


async def test_a_model_named_in_the_call_is_asked_in_place_of_the_roles_own() -> None:
    with strict_server(models={"ft:m:a::1": None}) as server:
        answer, _ = await models_at(server).complete(Role.STUDENT, ASKED, model="ft:m:a::1")

    assert answer == "Fine, thanks."


async def test_a_server_that_counts_no_tokens_leaves_the_usage_at_zero() -> None:
    with strict_server(chat=[say("a", usage=None)]) as server:
        _, usage = await models_at(server).complete(Role.TEACHER, ASKED)

    assert usage == Usage()


@pytest.mark.parametrize("part", ["temperature", "stream_options"])
async def test_what_a_server_does_not_support_is_left_out_from_then_on(part: str) -> None:
    with strict_server(rejects=[part]) as server:
        models = models_at(server)
        await models.complete(Role.TEACHER, ASKED)
        await models.complete(Role.TEACHER, ASKED)

    assert [part in body for body in server.sent("/chat/completions")] == [True, False, False]


async def test_a_server_without_max_tokens_is_given_max_completion_tokens() -> None:
    with strict_server(rejects=["max_tokens", "temperature"]) as server:
        await models_at(server, max_tokens=99).complete(Role.TEACHER, ASKED)

    last = server.sent("/chat/completions")[-1]
    assert last["max_completion_tokens"] == 99
    assert "max_tokens" not in last


async def test_a_server_that_knows_neither_limit_is_asked_without_one() -> None:
    with strict_server(rejects=["max_tokens", "max_completion_tokens"]) as server:
        answer, _ = await models_at(server, max_tokens=99).complete(Role.TEACHER, ASKED)

    assert answer == "Fine, thanks."


async def test_no_limit_is_sent_unless_one_is_set() -> None:
    with strict_server() as server:
        await models_at(server).complete(Role.TEACHER, ASKED)

    assert not {"max_tokens", "max_completion_tokens"} & set(server.sent("/chat/completions")[0])


# -- answers that are not whole


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        (cut("Revenue was"), "broke the connection"),
        (say("Revenue was", finish=None), "cut the answer off"),
        (say("Revenue was", finish="length"), "length limit"),
        (say("Revenue was", finish="content_filter"), "content filter"),
        (say("x", then=[{"error": {"message": "overloaded"}}]), "failed on its side"),
        (say("x", then=[{"choices": [{"delta": "text"}]}]), "no piece of a chat answer"),
        (say("x", then=[{"choices": 5}]), "no piece of a chat answer"),
    ],
)
async def test_an_answer_that_is_not_whole_raises_after_its_pieces(reply: Reply, why: str) -> None:
    pieces: list[Any] = []
    with strict_server(chat=[reply]) as server, pytest.raises(ProviderError, match=why):
        async for piece in models_at(server).stream(Role.TEACHER, ASKED):
            pieces.append(piece)

    assert pieces
    assert not any(isinstance(piece, Usage) for piece in pieces)
    assert len(server.requests) == 1


Lost = list[tuple[str, int, int, float | None]]


def losing_at(server: StrictServer, lost: Lost, price: tuple[float, float] = (1e6, 1e4)) -> Models:
    """Models of known prices (here in USD for 1 and 100 tokens); `lost` takes what they tell."""

    def lose(model: str, usage: Usage, cost: float | None) -> None:
        lost.append((model, usage.prompt_tokens, usage.completion_tokens, cost))

    told: dict[str, Any] = {"base_url": server.url, "api_key": KEY, "timeout": 10}
    settings = load_settings(teacher_model="m", prices={"m": price}, **told)
    return open_models(settings, None, on_lost=lose)


@pytest.mark.parametrize(
    ("reply", "paid"),
    [
        (say("Revenue was", finish="length"), (7, 3)),  # as the server told
        (say("Revenue was", finish="content_filter"), (7, 3)),
        (say(finish="tool_calls"), (7, 3)),
        (cut("Revenue was"), (5, 3)),  # by the letters: 17 and 11, 4 to a token
        (say("Revenue was", finish=None, usage=None), (5, 3)),
    ],
)
async def test_an_answer_that_breaks_off_is_told_with_what_it_cost(
    reply: Reply, paid: tuple[int, int]
) -> None:
    lost: Lost = []

    with strict_server(chat=[reply]) as server:
        with pytest.raises(ProviderError):
            await losing_at(server, lost).complete(Role.TEACHER, ASKED)

    assert lost == [("m", *paid, paid[0] + paid[1] / 100)]


async def test_an_answer_that_its_reader_stops_is_told_with_what_it_cost_until_then() -> None:
    lost: Lost = []
    heard = asyncio.Event()

    async def read(models: Models) -> None:
        async with aclosing(models.stream(Role.TEACHER, ASKED)) as parts:
            async for _ in parts:
                heard.set()

    with strict_server(chat=[silence("Revenue was")]) as server:
        reading = asyncio.create_task(read(losing_at(server, lost)))
        async with asyncio.timeout(30):
            await heard.wait()
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading

    assert [one[1:3] for one in lost] == [(5, 3)]


async def test_an_answer_that_is_whole_or_free_or_never_began_is_no_loss() -> None:
    lost: Lost = []
    replies = [say("Revenue"), refuse(400, "no"), cut(), say("Revenue")]

    with strict_server(chat=[*replies, cut("Revenue")]) as server:
        priced = losing_at(server, lost)
        await priced.complete(Role.TEACHER, ASKED)
        with pytest.raises(ProviderError):
            await priced.complete(Role.TEACHER, ASKED)
        await priced.complete(Role.TEACHER, ASKED)  # cut before it began, and asked again
        with pytest.raises(ProviderError):
            await losing_at(server, lost, price=(0, 0)).complete(Role.TEACHER, ASKED)

    assert lost == []


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        (say(), "empty answer"),
        (say(finish="tool_calls"), "instead of a text"),
        (give({"choices": []}), "instead of text/event-stream"),
        (text("data: {oops\n\n", "text/event-stream"), "not JSON"),
    ],
)
async def test_a_reply_that_is_no_answer_is_a_provider_error(reply: Reply, why: str) -> None:
    with strict_server(chat=[reply]) as server:
        error = await error_of(models_at(server, retries=0))

    assert isinstance(error, ProviderError)
    assert why in str(error)


async def test_a_connection_cut_before_the_first_piece_is_tried_again() -> None:
    with strict_server(chat=[cut(), say("whole")]) as server:
        answer, _ = await models_at(server).complete(Role.TEACHER, ASKED)

    assert answer == "whole"


# -- refusals


@pytest.mark.parametrize(
    ("reply", "kind", "says"),
    [
        (refuse(401, "Incorrect API key."), ConfigurationError, ["TENK_TEACHER_API_KEY"]),
        (
            refuse(403, "No access."),
            ConfigurationError,
            ["TENK_TEACHER_API_KEY", "TENK_TEACHER_MODEL"],
        ),
        (
            refuse(404, "The model `m` has been deprecated.", code="model_not_found"),
            ModelGone,
            ["shut down or does not exist", "TENK_TEACHER_MODEL", "tenk doctor"],
        ),
        (refuse(404, "The API deployment does not exist.", code="DeploymentNotFound"), ModelGone,
         ["TENK_TEACHER_MODEL"]),
        (refuse(410, "Gone."), ModelGone, ["TENK_TEACHER_MODEL"]),
        (give({"detail": "Not Found"}, 404), ConfigurationError, ["TENK_TEACHER_BASE_URL", "/v1"]),
        (page(404), ConfigurationError, ["TENK_TEACHER_BASE_URL"]),
        (page(200), ConfigurationError, ["web page", "TENK_TEACHER_BASE_URL"]),
        (
            refuse(400, "This model's maximum context length is 9 tokens."),
            ConfigurationError,
            ["TENK_PASSAGES", "TENK_TEACHER_MODEL"],
        ),
        (
            refuse(400, "Too long.", code="context_length_exceeded"),
            ConfigurationError,
            ["TENK_PASSAGES"],
        ),
        (refuse(429, "Quota.", code="insufficient_quota"), Busy, ["out of credit"]),
        (refuse(400, "Bad messages."), ProviderError, ["400", "Bad messages"]),
        (refuse(500, "Oops."), ProviderError, ["500", "try again later"]),
    ],
)  # fmt: skip
async def test_a_refusal_names_role_address_model_and_the_setting_to_change(
    reply: Reply, kind: type[TenkError], says: list[str]
) -> None:
    with strict_server(chat=[reply]) as server:
        error = await error_of(models_at(server, retries=0))

    assert type(error) is kind
    assert all(words in str(error) for words in ["teacher", " m ", server.url, *says])


async def test_a_wrong_key_is_traced_to_the_variable_it_came_from() -> None:
    with strict_server(key="another") as server:
        error = await error_of(models_at(server))

    assert "TENK_API_KEY" in str(error)
    assert len(server.requests) == 1


async def test_a_server_that_repeats_the_key_does_not_get_it_into_the_message() -> None:
    with strict_server(chat=[refuse(401, f"Bad key {KEY}, sorry.")]) as server:
        error = await error_of(models_at(server))

    assert "Bad key ***" in str(error)


async def test_without_a_key_none_is_sent_and_the_refusal_says_so() -> None:
    with strict_server() as server:
        error = await error_of(models_at(server, api_key=""))

    assert "no key" in str(error)
    assert "authorization" not in server.requests[0].headers


async def test_the_key_and_names_of_openai_are_not_sent_to_another_host(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    monkeypatch.setenv("OPENAI_ORG_ID", "org-secret")
    with strict_server(key=None) as server:
        await models_at(server, api_key="").complete(Role.TEACHER, ASKED)

    assert "secret" not in str(server.requests[0].headers)


async def test_a_fine_tuned_model_that_is_gone_is_named_itself() -> None:
    with strict_server() as server:
        error = await error_of(models_at(server), model="ft:m:a::1")

    assert isinstance(error, ModelGone)
    assert "ft:m:a::1" in str(error)
    assert "tenk models" in str(error)


# -- trying again


@pytest.mark.parametrize(
    "passing",
    [
        refuse(429, "Slow down.", retry_after="0"),
        refuse(429, "Slow down.", retry_after_ms="1"),
        refuse(500, "Oops.", retry_after="0"),
        refuse(503, "Busy.", retry_after=format_datetime(datetime.now(UTC), usegmt=True)),
        refuse(408, "Late.", retry_after="0"),
    ],
)
async def test_a_failure_that_passes_is_tried_again(passing: Reply) -> None:
    with strict_server(chat=[passing, passing, say("at last")]) as server:
        answer, _ = await models_at(server).complete(Role.TEACHER, ASKED)

    assert answer == "at last"
    assert len(server.requests) == 3


async def test_tries_end_after_as_many_as_are_set() -> None:
    with strict_server(chat=[refuse(429, "Slow down.", retry_after="0")] * 9) as server:
        error = await error_of(models_at(server, retries=2))

    assert "429" in str(error)
    assert len(server.requests) == 3


async def test_a_wait_that_is_longer_than_a_readers_patience_is_not_begun() -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(minutes=2), usegmt=True)
    with strict_server(chat=[refuse(429, "Slow down.", retry_after=later)]) as server:
        async with asyncio.timeout(9):
            error = await error_of(models_at(server, timeout=10))

    assert "try again in 1" in str(error)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "lasting",
    [refuse(401, "No."), refuse(400, "No."), refuse(429, "No.", code="insufficient_quota")],
)
async def test_a_refusal_that_will_not_pass_is_asked_once(lasting: Reply) -> None:
    with strict_server(chat=[lasting, say("never")]) as server:
        await error_of(models_at(server))

    assert len(server.requests) == 1


# -- silence and absence


@pytest.mark.parametrize("reply", [silence(), silence("Revenue was")])
async def test_a_server_that_falls_silent_is_given_up_after_the_set_seconds(reply: Reply) -> None:
    with strict_server(chat=[reply]) as server:
        async with asyncio.timeout(30):
            error = await error_of(models_at(server, timeout=0.3))

        assert isinstance(error, Stopped)
        assert "TENK_TIMEOUT" in str(error)
        assert await asyncio.to_thread(server.left.wait, 30)
    assert len(server.requests) == 1


async def test_cancelling_the_reader_closes_the_connection() -> None:
    with strict_server(chat=[silence("Revenue")]) as server:
        heard = asyncio.Event()

        async def read() -> None:
            async for _ in models_at(server).stream(Role.TEACHER, ASKED):
                heard.set()

        reading = asyncio.create_task(read())
        async with asyncio.timeout(30):
            await heard.wait()
        reading.cancel()

        with pytest.raises(asyncio.CancelledError):
            await reading
        assert await asyncio.to_thread(server.left.wait, 30)


async def test_leaving_the_loop_early_closes_the_connection() -> None:
    with strict_server(chat=[silence("Revenue", "was")]) as server:
        async with aclosing(models_at(server).stream(Role.TEACHER, ASKED)) as parts:
            async for _ in parts:
                break

        assert await asyncio.to_thread(server.left.wait, 30)


async def test_a_server_that_is_not_running_is_said_to_be_absent() -> None:
    with strict_server() as server:
        url = server.url

    error = await error_of(models_at(url, retries=0))

    assert isinstance(error, ProviderError)
    assert "nothing answers there" in str(error)
    assert "TENK_TEACHER_BASE_URL" in str(error)


async def test_a_host_that_does_not_exist_is_said_to_be_unknown() -> None:
    error = await error_of(models_at("http://no-such-host.invalid/v1", retries=0))

    assert "unknown" in str(error)
    assert "TENK_TEACHER_BASE_URL" in str(error)


# -- vectors


async def test_each_request_for_vectors_is_told_with_its_tokens_and_what_it_cost() -> None:
    told: list[tuple[str, int, float | None]] = []
    reply = {"data": [{"embedding": [1.0]}], "usage": {"prompt_tokens": 500_000}}
    silent = {"data": [{"embedding": [1.0]}]}
    broken = {"data": [], "usage": {"prompt_tokens": 1_000_000}}

    with strict_server(embed=[give(reply), give(silent), give(broken)]) as server:
        settings = load_settings(
            base_url=server.url, api_key=KEY, embed_model="e", retries=0, prices={"e": (2.0, 0.0)}
        )
        models = open_models(
            settings,
            None,
            on_embedded=lambda model, usage, cost: told.append((model, usage.prompt_tokens, cost)),
        )
        await models.embed(["a"])
        await models.embed(["a"])
        with pytest.raises(TenkError):
            await models.embed(["a"])

    assert told == [("e", 500_000, 1.0), ("e", 0, None), ("e", 1_000_000, 2.0)]


async def test_vectors_that_cost_nothing_are_not_told() -> None:
    told: list[str] = []
    with strict_server() as server:
        settings = load_settings(
            base_url=server.url, api_key=KEY, embed_model="e", prices={"e": (0.0, 0.0)}
        )
        models = open_models(
            settings, None, on_embedded=lambda model, usage, cost: told.append(model)
        )

        await models.embed(["a"])

    assert told == []


async def test_texts_are_embedded_in_order_over_many_requests_two_at_a_time() -> None:
    texts = ["x" * (n % 7 + 1) for n in range(1000)]
    with strict_server() as server:
        found = await models_at(server).embed(texts)

    assert [vector[0] for vector in found] == [float(len(words)) for words in texts]
    assert [len(body["input"]) for body in server.sent("/embeddings")].count(256) == 3
    assert server.at_once <= 2


def test_a_request_for_vectors_holds_at_most_so_many_letters() -> None:
    texts = ["x" * 60_000, "y" * 60_000, "z" * 200_000, "a", "b"]

    assert [len(run) for run in batches(texts)] == [1, 1, 1, 2]


async def test_no_texts_are_no_request() -> None:
    with strict_server() as server:
        found = await models_at(server).embed([])

    assert found == []
    assert server.requests == []


async def test_an_empty_text_does_not_fail_the_others() -> None:
    with strict_server() as server:
        found = await models_at(server).embed(["", "ab"])

    assert len(found) == 2


async def test_vectors_sent_out_of_order_are_put_in_order() -> None:
    with strict_server(embed=[vectors([2.0], [1.0], order=[1, 0])]) as server:
        found = await models_at(server).embed(["a", "b"])

    assert found == [[1.0], [2.0]]


async def test_a_server_without_base64_is_asked_for_numbers() -> None:
    with strict_server(rejects=["encoding_format"]) as server:
        found = await models_at(server).embed(["abc"])

    assert found == [[3.0, 1.0, 0.5]]


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        (vectors([1.0]), "1 vectors for 2 texts"),
        (vectors([1.0, 2.0], [1.0]), "different lengths"),
        (vectors([1.0], [float("nan")]), "not a number"),
        (vectors([1.0], []), "empty"),
        (vectors([1.0], [2.0], order=[0, 0]), "do not match"),
        (give({"data": [{"embedding": "%%%"}, {"embedding": [1]}]}), "else than numbers"),
        (give({"vectors": []}), "without the list"),
        (give([]), "without the list"),
        (text("oops"), "not JSON"),
        (page(), "web page"),
        (refuse(401, "No."), "TENK_EMBED_API_KEY"),
    ],
)
async def test_vectors_that_cannot_be_right_are_refused(reply: Reply, why: str) -> None:
    with strict_server(embed=[reply]) as server, pytest.raises(TenkError, match=why) as caught:
        await models_at(server, retries=0).embed(["a", "b"])

    assert "TENK_EMBED" in str(caught.value)


async def test_one_batch_that_fails_ends_the_whole_call() -> None:
    with strict_server(embed=[refuse(400, "No.")]) as server, pytest.raises(ProviderError):
        await models_at(server).embed(["a"] * 2000)

    assert len(server.requests) < 8


# -- what a server offers


async def test_models_are_listed_with_their_shutdown_dates() -> None:
    with strict_server(models={"b": "2027-01-14", "a": None}) as server:
        cards = await models_at(server).models(Role.TEACHER)

    assert [(card.id, card.shutdown_date) for card in cards] == [
        ("a", None),
        ("b", date(2027, 1, 14)),
    ]


async def test_a_date_that_is_none_is_not_made_up() -> None:
    with strict_server(models={"gpt-4o": "soon"}) as server:
        cards = await models_at(server).models(Role.TEACHER)

    assert cards[0].shutdown_date is None


async def test_a_server_without_the_route_does_not_fine_tune() -> None:
    with strict_server() as server:
        assert not await models_at(server).fine_tunes(Role.STUDENT)


async def test_a_server_with_the_route_fine_tunes() -> None:
    jobs = {"GET /fine_tuning/jobs": [give({"object": "list", "data": []})]}
    with strict_server(script=jobs) as server:
        assert await models_at(server).fine_tunes(Role.STUDENT)


async def test_the_sdks_own_client_words_its_errors_as_the_rest() -> None:
    with strict_server(script={"GET /files": [refuse(401, "No.")]}) as server:
        models = models_at(server)
        client = await models.client(Role.STUDENT)
        with pytest.raises(Exception, match="401") as caught:
            await client.files.list()
        told = models.explained(caught.value, Role.STUDENT)

    assert isinstance(told, ConfigurationError)
    assert "TENK_STUDENT_API_KEY" in str(told)


# -- how they are reached


async def test_with_nothing_set_every_role_goes_to_tenks_own_api() -> None:
    with strict_server(models={"local-teacher": None}) as server:
        models = open_models(load_settings(), LocalApi(server.url, KEY))
        answer, _ = await models.complete(Role.TEACHER, ASKED)

    assert answer == "Fine, thanks."
    assert models.endpoint(Role.JUDGE).local


async def test_without_a_running_local_api_the_call_says_what_to_start() -> None:
    with pytest.raises(ConfigurationError, match="tenk api"):
        await open_models(load_settings(), None).complete(Role.TEACHER, ASKED)


async def test_a_query_in_the_address_is_sent_with_every_call() -> None:
    with strict_server() as server:
        await models_at(f"{server.url}/?api-version=preview").complete(Role.TEACHER, ASKED)

    assert server.requests[0].path == "/v1/chat/completions"
    assert server.requests[0].query == "api-version=preview"


async def test_a_proxy_is_not_asked_for_this_machines_own_servers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    with strict_server() as server:
        answer, _ = await models_at(server, retries=0).complete(Role.TEACHER, ASKED)

    assert answer


def test_models_outlive_an_event_loop() -> None:
    with strict_server() as server:
        models = models_at(server)
        answers = [asyncio.run(models.complete(Role.TEACHER, ASKED))[0] for _ in range(2)]

    assert answers == ["Fine, thanks."] * 2


async def test_a_call_after_closing_opens_anew() -> None:
    with strict_server() as server:
        models = models_at(server)
        await models.complete(Role.TEACHER, ASKED)
        await models.close()
        answer, _ = await models.complete(Role.TEACHER, ASKED)

    assert answer == "Fine, thanks."


def test_importing_models_loads_no_sdk() -> None:
    script = "import sys, backend.models; print({'openai', 'httpx'} & set(sys.modules))"
    told = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )

    assert told.stdout.strip() == "set()"


# -- prices


@pytest.mark.parametrize(
    ("model", "cost"),
    [
        ("gpt-6.1-terra", 6.0),
        ("gpt-4.1-mini-2025-04-14", 2.0),
        ("ft:gpt-4.1-mini-2025-04-14:acme::abc", 4.0),
        ("local-teacher", 0.0),
        ("ft:local-student:tenk::abc", 0.0),
        ("llama-3", None),
        ("ft:llama-3:a::b", None),
    ],
)
def test_a_million_tokens_each_way_cost_what_the_catalogue_says(
    model: str, cost: float | None
) -> None:
    usage = Usage(prompt_tokens=1_000_000, completion_tokens=1_000_000)

    assert open_models(load_settings(), None).cost(model, usage) == cost


def test_a_price_that_is_set_overrides_the_catalogue() -> None:
    models = open_models(load_settings(prices={"llama-3": (1, 2), "gpt-6.1-terra": (0, 0)}), None)
    usage = Usage(prompt_tokens=1_000_000, completion_tokens=1_000_000)

    assert models.cost("llama-3", usage) == 3.0
    assert models.cost("gpt-6.1-terra", usage) == 0.0


def test_a_model_yet_to_be_tuned_is_priced_by_what_it_is_tuned_from() -> None:
    prices = {"ft:llama-3": (3.0, 4.0), "llama-3": (1.0, 2.0), "ft:llama-3:a::dear": (9.0, 9.0)}
    models = open_models(load_settings(prices=prices), None)
    usage = Usage(prompt_tokens=1_000_000, completion_tokens=1_000_000)

    assert models.cost("ft:llama-3:a::b", usage) == 7.0
    assert models.cost("ft:llama-3:a::dear", usage) == 18.0
    assert models.cost("llama-3", usage) == 3.0
    assert models.cost("ft:gpt-4.1-mini-2025-04-14:acme::abc", usage) == 4.0


def test_a_call_whose_tokens_are_not_told_has_no_known_cost() -> None:
    models = open_models(load_settings(), None)

    assert models.cost("gpt-6.1-terra", Usage()) is None
    assert models.cost("local-teacher", Usage()) == 0.0
