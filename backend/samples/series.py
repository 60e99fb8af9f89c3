"""Figures of several years as one value: the little arithmetic that the books are made of."""

from collections.abc import Iterable

Series = tuple[int, ...]


def millions(text: str) -> Series:
    """Figures written in millions with one decimal, as whole thousands."""
    return tuple(round(float(word) * 1000) for word in text.split())


def plus(*parts: Iterable[int]) -> Series:
    return tuple(sum(column) for column in zip(*parts, strict=True))


def minus(whole: Iterable[int], *parts: Iterable[int]) -> Series:
    return plus(whole, *(tuple(-figure for figure in part) for part in parts))


def negative(series: Iterable[int]) -> Series:
    return tuple(-figure for figure in series)


def balances(closing_2022: float, *movements: Series) -> Series:
    """Year-end balances (2025, 2024, 2023, 2022) rolled forward from June 25, 2022."""
    levels = [round(closing_2022 * 1000)]
    for movement in reversed(plus(*movements)):
        levels.insert(0, levels[0] + movement)
    return tuple(levels)


def rises(levels: Series) -> Series:
    """The change of each year, from levels that run back one year further."""
    return tuple(now - before for now, before in zip(levels, levels[1:], strict=False))
