"""The paper's statements judged from the tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from condensery.experiments.phase_diagram._config import Config
from condensery.experiments.phase_diagram._paper import (
    BY_ID,
    FIG4,
    FIG4_GAMMAS,
    FIG4_STARS,
    FIG5,
    FIG5_GAMMAS,
    FIG5_STARS,
    KINKS,
    STATEMENTS,
    printed,
)
from condensery.records import Claim, Table
from condensery.theory import ntk_relative_distance

Tables = Mapping[str, Table]
REDUCED = "reduced widths and one seed: wider than the paper preset's"


def judge(config: Config, tables: Tables) -> list[Claim]:
    """A claim for every statement; those that this configuration cannot judge have no
    value.
    """
    claims: dict[str, Claim] = {}
    for group in _groups(config):
        claims |= {claim.id: claim for claim in group(config, tables)}
    return [
        claims.get(s.id) or s.check(None, None, note=_why_open(s.id, config))
        for s in STATEMENTS
    ]


def _groups(config: Config) -> list[Callable[[Config, Tables], list[Claim]]]:
    if config.activation != "relu":
        return [_coordinates]
    if config.kind == "line" and config.asi:
        grid = [_map, _identities] if _wide(config) else []
        return [_coordinates, _flow, _row, *grid, _neurons, _outputs]
    if config.kind == "images":
        return [_coordinates, _images]
    return [_coordinates]


def _wide(config: Config) -> bool:
    """Whether slopes over these widths can be held against the printed ones, which are
    of widths 1000 to 40,000.
    """
    return min(config.widths) >= 1000 and max(config.widths) >= 10 * min(config.widths)


def _why_open(name: str, config: Config) -> str:
    if config.activation != "relu":
        return "no prediction: the statements are for relu"
    if name.startswith("fig5"):
        return "needs data=mnist"
    if name.startswith("image"):
        return "needs data=digits, fashion-mnist or mnist"
    if config.kind == "line" and not config.asi:
        return (
            "no prediction: the printed numbers are with antisymmetric initialisation"
        )
    if config.kind == "line" and not _wide(config):
        return (
            "the printed slopes are of widths from 1000 on; needs widths >= 1000 "
            "over at least a decade"
        )
    return (
        "not judged by these data, cells and widths; needs data=line with the "
        "preset's grid"
    )


def _claim(
    name: str, value: float, expected: float | tuple[float, float], **options
) -> Claim:
    return BY_ID[name].check(float(value), expected, **options)


def _coordinates(config: Config, tables: Tables) -> list[Claim]:
    found = tables["coordinates"]
    gap = np.maximum(
        np.abs(found["finite_gamma"] - found["gamma"]),
        np.abs(found["finite_gamma_prime"] - found["gamma_prime"]),
    )
    return [
        _claim(
            "coordinates",
            gap.max(),
            0.01,
            note=f"largest for {found['name'][int(np.argmax(gap))]}",
        )
    ]


def _flow(config: Config, tables: Tables) -> list[Claim]:
    if "flow_drift" not in tables:
        return []
    whole, tenth = tables["flow_drift"]["value"]
    fine, flow = tables["flow_solvers"]["value"]
    scalings, plain = (
        tables["flow_scalings"]["value"],
        tables["flow_without_asi"]["value"],
    )
    return [
        _claim(
            "conservation-order",
            whole / tenth,
            8.0,
            note=f"{whole:.2g} at eta = 0.1, {tenth:.2g} at 0.01",
        ),
        _claim(
            "conservation",
            tables["flow_drift_fine"]["value"][0],
            1e-6,
            note="m = 1000, (1, 0), to t = 3000",
        ),
        _claim(
            "other-solver",
            abs(flow / fine - 1),
            0.005,
            note="m = 1000, (1, 0), at t = 3000",
        ),
        _claim(
            "scaling",
            np.ptp(scalings) / scalings.mean(),
            1e-8,
            note="m = 200, (1.2, 0), β1 = β2 = 1, m^−½, m^−1",
        ),
        _claim(
            "rd-without-asi",
            plain.mean(),
            0.48,
            tolerance=0.072,
            note=f"m = 2000, mean of {len(plain)} seeds",
        ),
    ]


def _row(config: Config, tables: Tables) -> list[Claim]:
    if "row_slopes" not in tables:
        return []
    members, slopes = (
        tables["members"].select(part="row", width=1000),
        tables["row_slopes"],
    )

    def rd(gamma: float) -> float:
        return float(np.mean(members.select(gamma=gamma)["rd"]))

    claims = []
    if len(members):
        note = f"mean of {config.row_seeds} seeds"
        theory = ntk_relative_distance(
            tables["data"]["x"],
            tables["data"]["y"],
            gamma=0.5,
            gamma_prime=0.0,
            width=1000,
            asi=True,
        )
        claims += [
            _claim("rd-linear", rd(0.5), 0.0088, tolerance=0.15 * 0.0088, note=note),
            _claim(
                "rd-ntk",
                rd(0.5),
                float(theory),
                tolerance=0.1 * float(theory),
                note=note,
            ),
            _claim("rd-critical", rd(1.0), 0.265, tolerance=0.15 * 0.265, note=note),
            _claim("rd-condensed", rd(1.75), 7.4, tolerance=0.15 * 7.4, note=note),
        ]
    critical, condensed = slopes.select(gamma=1.0), slopes.select(gamma=1.75)
    claims.append(_claim("slope-critical", abs(critical["slope"][0]), 0.03))
    claims.append(_claim("slope-condensed", condensed["slope"][0], (0.33, 0.43)))
    if config.row_seeds > 1:
        spread = 0.04 if config.size == "paper" else 0.08
        note = (
            ""
            if config.size == "paper"
            else f"{REDUCED} 0.04: a decade of widths instead of 1.6"
        )
        claims.append(_claim("seeds", slopes["spread"].max(), spread, note=note))
    return claims


def _compare(
    tables: Tables, cells: Mapping[tuple[float, float], float]
) -> tuple[np.ndarray, np.ndarray]:
    """Measured and expected slopes of those cells that were measured."""
    slopes = tables["slopes"]
    found = {
        (round(g, 6), round(p, 6)): s
        for g, p, s in zip(
            slopes["gamma"], slopes["gamma_prime"], slopes["slope"], strict=True
        )
    }
    shared = [cell for cell in cells if cell in found]
    return np.array([found[cell] for cell in shared]), np.array(
        [cells[cell] for cell in shared]
    )


def _map(config: Config, tables: Tables) -> list[Claim]:
    paper = config.size == "paper"
    note = "" if paper else REDUCED
    claims = []
    row = {
        (gamma, 0.0): value
        for gamma, value in ((0.6, -0.40), (0.8, -0.20), (1.2, 0.14), (1.4, 0.22))
    }
    value, expected = _compare(tables, row)
    if len(value) == len(row):
        claims.append(
            _claim(
                "slopes-row",
                np.max(np.abs(value - expected)),
                0.05 if paper else 0.08,
                note=note,
            )
        )
    value, expected = _compare(tables, printed(FIG4, FIG4_GAMMAS))
    if len(value) >= 15:
        gap = value - expected
        cells = _join(f"{len(gap)} cells, mean {gap.mean():+.3f}", note)
        strong = np.abs(expected) > 0.05
        claims += [
            _claim(
                "fig4-rms",
                np.sqrt(np.mean(gap**2)),
                0.04 if paper else 0.06,
                note=cells,
            ),
            _claim(
                "fig4-max", np.max(np.abs(gap)), 0.08 if paper else 0.16, note=cells
            ),
            _claim(
                "fig4-sign",
                np.sum(np.sign(value[strong]) != np.sign(expected[strong])),
                0.0,
                note=cells,
            ),
        ]
    claims += _boundary(
        config, tables, "stars", FIG4_STARS, FIG4_GAMMAS, 0.03 if paper else 0.06, note
    )
    gap = np.abs(tables["boundary"]["row_fit"] - tables["boundary"]["theory"])
    if config.gammas == FIG4_GAMMAS:
        claims.append(_claim("boundary", gap.max(), 0.07 if paper else 0.1, note=note))
    return claims


def _boundary(
    config: Config,
    tables: Tables,
    name: str,
    stars: Mapping[float, float],
    gammas: tuple[float, ...],
    tolerance: float,
    note: str,
) -> list[Claim]:
    rows = tables["boundary"]
    shared = [
        prime for prime in stars if np.any(np.isclose(rows["gamma_prime"], prime))
    ]
    if config.gammas != gammas or not shared:
        return []
    found = np.array([rows.select(gamma_prime=prime)["row_fit"][0] for prime in shared])
    gap = np.abs(found - np.array([stars[prime] for prime in shared]))
    worst = f"largest at γ' = {shared[int(np.argmax(gap))]:g}"
    return [_claim(name, gap.max(), tolerance, note=_join(worst, note))]


def _identities(config: Config, tables: Tables) -> list[Claim]:
    paper = config.size == "paper"
    note = "" if paper else REDUCED
    slopes = tables["slopes"]
    gamma, prime, slope = slopes["gamma"], slopes["gamma_prime"], slopes["slope"]
    claims = []
    linear = (gamma <= 0.8 + 1e-9) & (prime <= 1e-9)
    if linear.any():
        gap = np.abs(slope - (gamma - 1))[linear]
        printed_gap = "the printed map itself leaves γ − 1 by 0.075 at (0.8, −0.4)"
        where = _cell(gamma[linear], prime[linear], gap)
        claims.append(
            _claim(
                "linear-identity",
                gap.max(),
                0.05 if paper else 0.1,
                note=_join(where, printed_gap, note),
            )
        )
    condensed = (gamma > 1 + 1e-9) & (np.abs(prime) <= gamma - 1 + 1e-9)
    if condensed.any():
        gap = np.abs(slope - (gamma - 1 - prime) / 2)
        where = _cell(gamma[condensed], prime[condensed], gap[condensed])
        claims.append(
            _claim(
                "condensed-identity",
                gap[condensed].max(),
                0.06 if paper else 0.1,
                note=_join(where, note),
            )
        )
    cell = slopes.select(gamma=1.4, gamma_prime=-0.4)
    if len(cell):
        claims.append(
            _claim(
                "a-lazy",
                cell["slope"][0],
                0.43,
                tolerance=0.05 if paper else 0.1,
                note=note,
            )
        )
    return claims


def _cell(gamma: np.ndarray, prime: np.ndarray, gap: np.ndarray) -> str:
    worst = int(np.argmax(gap))
    return f"largest at ({gamma[worst]:g}, {prime[worst]:g})"


def _join(*notes: str) -> str:
    return "; ".join(note for note in notes if note)


def _neurons(config: Config, tables: Tables) -> list[Claim]:
    if "neurons" not in tables:
        return []
    condensed, linear = (tables["neurons"].select(gamma=gamma) for gamma in (1.75, 0.5))
    found = np.sort(
        np.column_stack([condensed["angle_1"], condensed["angle_2"]]), axis=1
    )
    gap = np.abs(found - np.sort(np.array(KINKS)))
    worst = int(np.argmax(np.abs(condensed["groups"] - 2)))
    note = f"the worst of {len(condensed)} seeds"
    return [
        _claim("two-groups", condensed["groups"][worst], 2.0, note=note),
        _claim("group-angles", np.nan_to_num(gap, nan=np.inf).max(), 0.005, note=note),
        _claim("group-spread", condensed["spread"].max(), 0.005, note=note),
        _claim("scattered-active", linear["active"].min(), 600.0, note=note),
        _claim("scattered-bins", linear["bins"].min(), 64.0, note=note),
        _claim("scattered-turned", linear["turned"].max(), 0.001, note=note),
    ]


def _outputs(config: Config, tables: Tables) -> list[Claim]:
    if "outputs" not in tables:
        return []

    def of(gamma: float) -> tuple[float, float]:
        """Mean f(0) over seeds, and the greatest deviation from the linear
        interpolant.
        """
        rows = tables["outputs"].select(gamma=gamma)
        centre = rows["final"][np.isclose(rows["x"], 0.0)]
        return float(centre.mean()), float(
            np.max(np.abs(rows["final"] - rows["reference"]))
        )

    (
        (centre_linear, gap_linear),
        (centre_critical, _),
        (centre_condensed, gap_condensed),
    ) = map(of, (0.5, 1.0, 1.75))
    note = f"over {config.row_seeds} seeds"
    return [
        _claim("output-condensed", gap_condensed, 0.005, note=note),
        _claim(
            "output-condensed-centre",
            centre_condensed,
            0.028,
            tolerance=0.003,
            note=note,
        ),
        _claim(
            "output-critical-centre",
            centre_critical,
            -0.027,
            tolerance=0.006,
            note=note,
        ),
        _claim(
            "output-linear-centre", centre_linear, 0.017, tolerance=0.006, note=note
        ),
        _claim("output-linear", gap_linear, (0.015, 0.03), note=note),
    ]


def _images(config: Config, tables: Tables) -> list[Claim]:
    rows, slopes = tables["boundary"], tables["slopes"]
    gap = np.abs(rows["row_fit"] - rows["theory"])
    predicted = np.abs(slopes["theory"]) >= 0.1
    wrong = np.sign(slopes["slope"][predicted]) != np.sign(slopes["theory"][predicted])
    claims = [_claim("image-sign", wrong.sum(), 0.0, note=f"{predicted.sum()} cells")]
    if len(config.gammas) >= 3:
        claims.append(
            _claim("image-boundary", np.nan_to_num(gap, nan=np.inf).max(), 0.1)
        )
    if config.data.lower() == "mnist":
        value, expected = _compare(tables, printed(FIG5, FIG5_GAMMAS))
        if len(value):
            claims.append(
                _claim(
                    "fig5-max",
                    np.max(np.abs(value - expected)),
                    0.10,
                    note=f"{len(value)} cells",
                )
            )
        claims += _boundary(
            config, tables, "fig5-stars", FIG5_STARS, FIG5_GAMMAS, 0.05, ""
        )
    return claims
