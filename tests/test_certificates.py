"""A certificate's file: read in one way only, and refused in words where it is another."""

import json
from pathlib import Path
from typing import Any

import pytest

from backend.errors import DataError
from backend.promotion import certificate, from_text, verify
from tests.test_cli import Door, is_one_line
from tests.test_promotion import POLICY, exam, resealed

MODELS = {"candidate": "ft:local-student:1", "active": "local-teacher", "judge": "local-judge"}


def written(usd: float = 0.5) -> dict[str, Any]:
    cards = exam(20, candidate=lambda n: 0.6 + n / 100, active=lambda n: 0.5 + n % 3 / 100)
    seeds = {"exam": 7}
    return certificate(
        cards, POLICY, models=MODELS, seeds=seeds, dataset="ab" * 32, more={"usd": usd}
    )


@pytest.fixture
def bare(tmp_path: Path) -> Door:
    """A home that holds nothing; nothing of it is needed."""
    return Door(tmp_path / "bare")


def test_the_file_that_is_written_is_read_back_and_says_whom_it_is_about() -> None:
    found = verify(from_text(json.dumps(written(), indent=1)))

    assert found.ok
    assert "ft:local-student:1 against local-teacher, judged by local-judge" in found.reason


def test_a_digit_beyond_what_a_computer_keeps_is_seen_too() -> None:
    text = json.dumps(written(0.1 + 0.2))
    assert "0.30000000000000004" in text

    with pytest.raises(DataError, match="0.30000000000000003 is not written as a computer keeps"):
        from_text(text.replace("0.30000000000000004", "0.30000000000000003"))


def test_a_name_that_stands_twice_hides_nothing() -> None:
    text = json.dumps(written())
    shown = text.replace('"verdict": {', '"verdict": {"decision": "promote"}, "verdict": {')
    assert verify(json.loads(shown)).ok  # a reader of the file would see another verdict first

    with pytest.raises(DataError, match="'verdict' stands in one object twice"):
        from_text(shown)


def test_a_certificate_of_another_version_says_which_though_its_shape_is_another() -> None:
    told = written() | {"format": "tenk certificate 2", "signature": "abc"}

    found = verify(resealed(told))

    assert not found.ok
    assert "expected \"tenk certificate 1\", found 'tenk certificate 2'" in found.reason


def test_what_cannot_be_read_is_named_with_its_place() -> None:
    told = written()
    told["verdict"]["gain"] = "much"

    found = verify(resealed(told))

    assert found.reason.startswith("The certificate cannot be read: verdict.gain: ")


def test_nesting_without_end_is_no_certificate_and_no_crash() -> None:
    deep: Any = "bottom"
    for _ in range(100_000):
        deep = [deep]

    found = verify(written() | {"more": deep})

    assert not found.ok


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[" * 200_000, b"\xff\xfe{\x00}\x00", b'{"format": NaN}', b'{"a": 1, "a": 1}'],
)
def test_a_file_that_is_no_certificate_is_one_line(
    bare: Door, tmp_path: Path, content: bytes
) -> None:
    file = tmp_path / "file.json"
    file.write_bytes(content)

    result = bare("verify", str(file))

    assert result.returncode == 1
    assert "certificate" in result.stderr + result.stdout
    assert "Traceback" not in result.stderr
    assert not bare.home.exists()


@pytest.mark.parametrize("name", ["", ".", "no such file", "²", "99999999999999999999"])
def test_a_name_that_leads_to_no_certificate_is_one_line(bare: Door, name: str) -> None:
    result = bare("verify", name)

    assert result.returncode == 1
    assert is_one_line(result)


def test_a_file_that_notepad_saved_is_read(bare: Door, tmp_path: Path) -> None:
    file = tmp_path / "file.json"
    file.write_text(json.dumps(written()), encoding="utf-8-sig")

    assert bare.json("verify", str(file))["ok"]


def test_a_certificate_that_cannot_be_saved_says_where(bare: Door, tmp_path: Path) -> None:
    file = tmp_path / "file.json"
    file.write_text(json.dumps(written()), encoding="utf-8")

    result = bare("verify", str(file), "--save", str(tmp_path / "nowhere" / "file.json"))

    assert result.returncode == 1
    assert is_one_line(result)
    assert "nowhere" in result.stderr
