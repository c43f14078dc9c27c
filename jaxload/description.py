"""What a result holds, in words."""

import os
import pathlib
import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from jaxload import io, pipeline
from jaxload.config.renamed import current_summary
from jaxload.pipeline.report.scores_in_words import score_lines

__all__ = ["describe", "describe_update"]

#: Files that are no results.
STATE = ("state.nc", "state.json")

#: Names that a line lists.
SHOWN = 5

#: Share of the epochs of which it is said first that they could not be solved.
MOST_UNSOLVED = 0.01

#: Runs of such epochs that a line names.
NAMED = 5

#: Units of scores that have one.
UNITS = {"rmse_mm": " mm"}

#: Scores of which a change is told, and what they are called.
SCORES = {"pcc": "correlation", "r2": "R2", "nse": "NSE", "rmse_mm": "RMSE"}


def describe(folder: str | os.PathLike[str], warnings: bool = True) -> list[str]:
    """Describe the results in a folder.

    Args:
      folder: Where `pipeline.run` wrote.
      warnings: Whether what the run warned of comes first.

    Returns:
      Lines of text.

    Raises:
      FileNotFoundError: If there is no result.
      ValueError: If a file is broken.
    """
    folder = pathlib.Path(folder)
    summary = _read(folder / "summary.json")
    lines = _summarise(folder / "summary.json", summary, warnings)
    # Files of others may lie there too.
    datasets = _names(folder, summary, ".nc", ".zarr")
    for path in (folder / name for name in datasets if name != STATE[0]):
        if not path.exists():
            lines.append(f"{path.name}: missing")
            continue
        with io.read_dataset(path) as dataset:
            sizes = ", ".join(f"{dim} {size}" for dim, size in dataset.sizes.items())
            names = ", ".join(map(str, dataset.data_vars))
        lines.append(f"{path.name}: {names} ({sizes})")
    if STATE[0] in datasets:
        lines.append(f"{', '.join(STATE)}: what jaxload update goes on from")
    tables = _names(folder, summary, ".csv")
    if summary.get("files") and tables:
        lines.append(f"tables: {', '.join(tables)}")
    pictures = _names(folder, summary, ".png", ".pdf", ".svg")
    return [*lines, f"figures: {', '.join(pictures) or 'none'}"]


def describe_update(update: Mapping[str, Any]) -> list[str]:
    """Describe what an update of a study changed.

    Args:
      update: The entry ``update`` of `summary.json`; empty where nothing was new.

    Returns:
      Lines of text.
    """
    if not update:
        return ["nothing is new: the results are as they were"]
    lines = []
    if update["new_epochs"]:
        lines.append(f"added {_days(update['new_epochs'])}")
    changes = update["changed_mm"]
    if changes:
        worst = max(changes, key=lambda day: changes[day])
        lines.append(
            f"solved {len(changes)} known days again ({_some(changes)}): means over "
            f"regions changed by {changes[worst]:.2f} mm at most, on {worst}"
        )
    if update["references"]:
        lines.append(f"compared with {_some(update['references'])} as it is now")
    latency = update["latency"]
    late, last = latency["days_behind"], latency["last_day"]
    line = f"last day {last}, of {latency['stations']} stations"
    if late:
        slowest = max(late, key=lambda name: late[name])
        line += f"; {len(late)} are behind it, {slowest} by {late[slowest]} days"
    lines.append(line)
    if update["provisional"]:
        days = _days(update["provisional"])
        line = f"provisional, as days to come will change them: {days}"
        sizes = update.get("provisional_mm")
        if sizes:
            name = max(sizes, key=lambda name: sizes[name])
            line += (
                f"; means over regions of the last by {sizes[name]:.1f} mm rms at "
                f"most, {name}"
            )
        lines.append(line)
    if earlier := update.get("earlier"):
        line = f"still of the record until {earlier['last_day']}: "
        lines.append(line + f"{_some(earlier['files'])}; --figures draws figures anew")
    if update["new_stations"]:
        names = _some(update["new_stations"])
        lines.append(f"new stations, left out until the next run: {names}")
    since = update["frozen_on"]
    lines.append(f"by the parameters of the run of {since}; jaxload run renews them")
    return lines


def _days(span: Sequence[str]) -> str:
    first, last, count = span
    return first if first == last else f"{count} epochs from {first} to {last}"


def _some(names: Iterable[str]) -> str:
    shown = list(names)
    return ", ".join(shown[:SHOWN]) + (", ..." if len(shown) > SHOWN else "")


def _update(summary: dict[str, Any]) -> list[str]:
    """The last update since the run."""
    update = summary.get("update")
    if not update:
        return []
    first, *others = [f"updated on {update['on']}", *describe_update(update)]
    return [f"{first}: {'; '.join(others)}"]


def _read(path: pathlib.Path) -> dict[str, Any]:
    if not path.exists() and pipeline.is_unfinished(path.parent):
        raise FileNotFoundError(
            f"{path.parent} holds results that were computed and not yet written; "
            "jaxload run --resume writes them"
        )
    return current_summary(io.read_json(path))


def _names(folder: pathlib.Path, summary: dict[str, Any], *suffixes: str) -> list[str]:
    """Files of a result; of one that does not list them, all there are."""
    names = summary.get("files") or [path.name for path in folder.iterdir()]
    return sorted(name for name in names if name.endswith(suffixes))


def _summarise(
    path: pathlib.Path, summary: dict[str, Any], warnings: bool
) -> list[str]:
    try:
        return [
            *_unsolved(summary),
            *(_warnings(summary) if warnings else ()),
            str(summary["title"]),
            *_size_and_cost(summary),
            *_unknowns(summary),
            *_update(summary),
            *_left_out(summary),
            *_short_records(summary),
            *_plausibility(summary),
            *_errors(summary),
            *_expansion(summary),
            *_loads(summary),
            *_filling(summary),
            *_learning(summary),
            *score_lines(summary),
            *_gains(summary),
            *_network(summary),
            *_groundwater(summary),
            *_drought(summary),
            *_water_balance(summary),
        ]
    except (LookupError, TypeError, AttributeError) as error:
        reason = f"no {error}" if isinstance(error, LookupError) else "not a table"
        raise ValueError(
            f"{path} does not describe a result ({reason}); was it written by "
            "jaxload run?"
        ) from None


def _expansion(summary: dict[str, Any]) -> list[str]:
    """Amplitudes of thermal expansion, and how they go with water."""
    term = summary.get("thermoelastic")
    if not term:
        return []
    mean, of_mean, sd, prior = (
        f"{term[f'{name}_mm_per_kelvin']:.3f}"
        for name in ("amplitude_mean", "amplitude_mean_sd", "amplitude_sd", "prior_sd")
    )
    alike = _number(term["correlation_with_water"])
    return [
        f"thermal expansion of {mean} +- {of_mean} mm/K on average, of a station known "
        f"to {sd} ({prior} beforehand): {_number(term['uplift_rms_mm'])} mm rms; "
        f"temperature and uplift by water correlate at {alike}"
    ]


def _network(summary: dict[str, Any]) -> list[str]:
    """New stations, and existing ones that matter least."""
    network = summary.get("network")
    if not network:
        return []
    now, then = network["region_sd_mm"], network["region_sd_with_chosen_mm"]
    change = ", ".join(
        f"{name} {now[name]:.2f} to {then[name]:.2f} mm" for name in list(now)[:SHOWN]
    )
    places = ", ".join(place["name"] for place in network["chosen"])
    lines = [f"new stations at {places}: standard error of {change}"]
    if network["least"]:
        lines.append(f"stations that matter least: {', '.join(network['least'])}")
    return lines


def _unsolved(summary: dict[str, Any]) -> list[str]:
    """First of all, where more than one epoch in a hundred has no water."""
    missing, of = summary.get("epochs_not_solved", 0), summary["epochs"]
    if missing <= MOST_UNSOLVED * of:
        return []
    days = summary.get("unsolved", ())
    named = ", ".join(days[:NAMED]) + (", ..." if len(days) > NAMED else "")
    share = f"{missing} of {of} epochs ({100 * missing / of:.0f}%)"
    return [f"{share} could not be solved and have no value: {named}"]


def _warnings(summary: dict[str, Any]) -> list[str]:
    return [f"warning: {message}" for message in summary.get("warnings", ())]


def _size_and_cost(summary: dict[str, Any]) -> list[str]:
    seconds = summary["seconds"]
    signal, misfit, left_out = (
        _number(summary[f"{name}_rms_mm"])
        for name in ("signal", "misfit", "leave_one_out")
    )
    return [
        f"{summary['stations']} stations, {summary['cells']} cells, "
        f"{summary['epochs']} epochs from {summary['first_day']} to "
        f"{summary['last_day']}",
        f"beta {summary['beta']:.3g} ({_criterion(summary)}); rms of signal "
        f"{signal} mm, misfit {misfit} mm, leave-one-out {left_out} mm",
        f"{seconds['total']:.1f} s, {summary['peak_memory_gib']:.1f} GiB on "
        f"{summary['device']}; jaxload {summary['versions']['jaxload']}, "
        f"jax {summary['versions']['jax']}",
    ]


def _unknowns(summary: dict[str, Any]) -> list[str]:
    """Unknowns of an epoch, where they are not the cells."""
    unknowns = summary.get("unknowns")
    if not unknowns:
        return []
    if unknowns["kind"] == "patches":
        return [f"{unknowns['count']} patches: {', '.join(unknowns['names'])}"]
    return [
        f"{unknowns['count']} Slepian functions of degree {unknowns['degree']}, "
        f"Shannon number {unknowns['shannon_number']:.1f}"
    ]


def _criterion(summary: dict[str, Any]) -> str:
    tried, name = len(summary["criterion"]), summary["criterion_name"]
    if summary.get("unknowns", {}).get("prior") == "none":
        return "no prior, without effect"
    # None is tried where a network is trained, one where it is given.
    return {0: name, 1: "given"}.get(tried, f"of {tried}, {name}")


def _left_out(summary: dict[str, Any]) -> list[str]:
    files = summary.get("files_left_out")
    stations = summary.get("screening", {}).get("excluded")
    return [f"left out: {names}" for names in (files, stations) if names]


def _short_records(summary: dict[str, Any]) -> list[str]:
    """Stations whose records do not determine what was taken out of them."""
    short = summary.get("cleaning", {}).get("short_records")
    if not short:
        return []
    names = ", ".join(list(short)[:SHOWN]) + (" ..." if len(short) > SHOWN else "")
    return [
        f"trends not determined by the records of {len(short)} of "
        f"{summary['stations']} stations: {names}"
    ]


def _plausibility(summary: dict[str, Any]) -> list[str]:
    """How large water is, and how much of it is beyond what water does."""
    plausibility = summary.get("plausibility")
    if not plausibility:
        return []
    lon, lat = plausibility["largest_at"]
    line = (
        f"water up to {plausibility['largest_mm']:.0f} mm ({lon:g} E, {lat:g} N on "
        f"{plausibility['largest_on']}), {plausibility['cells_beyond']} cells beyond "
        f"{plausibility['bound_mm']:.0f} mm; "
    )
    if "largest_amplitude_mm" not in plausibility:
        return [f"{line}annual amplitude not written, of less than a year and a half"]
    return [
        f"{line}annual amplitude up to {plausibility['largest_amplitude_mm']:.0f} mm, "
        f"{plausibility['amplitudes_beyond']} cells beyond "
        f"{plausibility['amplitude_bound_mm']:.0f} mm"
    ]


def _errors(summary: dict[str, Any]) -> list[str]:
    errors = summary["errors"]
    if errors["kind"] == "none":
        return ["no standard errors"]
    common = summary["common_mode_mm"]
    if "uncertainty_hyperparameters" in summary.get("learning", {}):
        beware = "sized by the neighbourhoods that members of the network held out"
        return [f"standard errors of {errors['kind']}, {errors['method']}; {beware}"]
    beware = (
        f"with a common mode of {common:.2f} mm in the noise"
        if common
        else "no common mode in the noise, those of large regions are too small if "
        "there is one"
    )
    if "frame_sd_mm" in summary:
        sizes = [f"{name} {size:.2g}" for name, size in summary["frame_sd_mm"].items()]
        beware = f"with errors of the frame in the noise ({', '.join(sizes)} mm)"
    return [f"standard errors of {errors['kind']}, {errors['method']}; {beware}"]


def _loads(summary: dict[str, Any]) -> list[str]:
    """What every load does to the scatter of heights, median over stations."""
    reductions = summary.get("wrms_reduction_percent")
    if not reductions:
        return []
    alike = summary["load_correlation"].values()
    return [
        f"load of {name}: correlation with heights "
        f"{_number(_median(r[name] for r in alike))}, WRMS "
        f"{_fall(_median(each[name] for each in reductions.values()))} (medians)"
        for name in next(iter(reductions.values()))
    ]


def _fall(percent: float | None) -> str:
    if percent is None:
        return "of heights is undefined"
    way = "rises" if percent < 0 else "falls"
    return f"{way} by {_number(abs(percent))}%"


def _filling(summary: dict[str, Any]) -> list[str]:
    """How well stations would have been filled from the others."""
    filling = summary.get("filling")
    if not filling:
        return []
    controls = filling.get("control_stations")
    by = f" by {len(controls)} control stations" if controls else ""
    return [
        f"{filling['cells']} cells filled{by} ({filling['method']}); stations "
        "predicted from others: correlation "
        f"{_number(filling['mean_pcc'])} (mean), above 0.5 at "
        f"{_percent(filling['share_of_pcc_above_0.5'])}, RMSE below 5 mm at "
        f"{_percent(filling['share_of_rmse_below_5_mm'])}{_scatter(filling['stations'])}"
        f"{_diverged(filling.get('diverged_at'))}"
    ]


def _scatter(stations: dict[str, dict[str, Any]]) -> str:
    """How much predictions move beside what they are of, where a result tells it."""
    predicted, observed = (
        _median(score.get(key) for score in stations.values())
        for key in ("predicted_sd_mm", "observed_sd_mm")
    )
    if predicted is None:
        return ""
    scatter, seen = _number(predicted), _number(observed)
    return f", scatter {scatter} mm where {seen} mm was seen (medians)"


def _diverged(step: int | None, what: str = "training") -> str:
    return "" if step is None else f"; {what} diverged at step {step}"


def _learning(summary: dict[str, Any]) -> list[str]:
    learning = summary.get("learning")
    if not learning:
        return []
    best = ", ".join(map(str, learning["best_step"]))
    end = "".join(
        _diverged(learning.get(key), f"training {how}")
        for key, how in (
            ("diverged_at_pretraining", "by itself"),
            ("diverged_at", "through the inversion"),
        )
    )
    if learning.get("gravity_rows"):
        end += "; taught by gravity too, so scores against it flatter"
    return [
        f"{learning['members']} networks trained ({learning['method']}), best after "
        f"{best} of {learning['steps']} steps{end}"
    ]


def _gains(summary: dict[str, Any]) -> list[str]:
    """By how much filled cells change the scores of stations alone."""
    gains = summary.get("gain_over_stations_only", {})
    if "median_difference" not in gains:
        return []
    article = gains.get("article_change_percent", {})
    texts = []
    for key, name in SCORES.items():
        apart, unit = gains["median_difference"][key], UNITS.get(key, "")
        text = f"{name} {_signed(apart, 1 if unit else 2)}{unit}"
        text += f", better in {gains['better'][key]} of {gains['compared'][key]}"
        change, count = gains["mean_change_percent"][key], gains["changes"][key]
        if change is not None and count == gains["compared"][key]:
            text += f", {_signed(change)}%"
            text += f" (article {article[key]:+g}%)" if key in article else ""
        texts.append(text)
    return ["against stations alone, medians over regions: " + "; ".join(texts)]


def _signed(value: float | None, digits: int = 1) -> str:
    return "undefined" if value is None else f"{value:+.{digits}f}"


def _percent(share: float | None) -> str:
    return "undefined" if share is None else f"{100 * share:.0f}%"


def _groundwater(summary: dict[str, Any]) -> list[str]:
    lines = []
    for key, what in (("lag_months", "GRACE less soil"), ("precipitation", "rain")):
        lags = summary.get(key, {}).values()
        if lags:
            before, after, lag = (
                _median(each[name] for each in lags)
                for name in ("before", "after", "months")
            )
            lines.append(
                f"{what}: correlation {_number(before)}, {_number(after)} moved by "
                f"{lag:g} months (medians)"
            )
    wells = summary.get("wells", {})
    if wells:
        correlation = _median(each["correlation"] for each in wells.values())
        lines.append(f"{len(wells)} wells: correlation {_number(correlation)} (median)")
    return lines


def _drought(summary: dict[str, Any]) -> list[str]:
    """The gravest drought of each region, by the index that shows it longest."""
    lines = []
    for region, by_index in summary.get("drought", {}).items():
        every = [(name, event) for name, rows in by_index.items() for event in rows]
        if not every:
            continue
        name, worst = min(every, key=lambda pair: pair[1]["severity"])
        what = "severity index" if name == "dsi" else f"index of {name}"
        known = worst.get("probability")
        sure = "" if known is None else f", probability {_number(known)}"
        lines.append(
            f"gravest drought of {region}: {worst['start']} to {worst['end']}, "
            f"{worst['class']}, {what} {_number(worst['depth'])} in "
            f"{worst['driest']}{sure}"
        )
    return lines


def _water_balance(summary: dict[str, Any]) -> list[str]:
    return [
        f"water balance of {region}: correlation {_number(score['correlation'])}, rms "
        f"imbalance {_number(score['rms_imbalance_mm'])} mm a month, "
        f"{_number(score['rms_standardised'])} of its standard error"
        for region, score in summary.get("water_balance", {}).items()
        if "correlation" in score
    ]


def _median(values: Iterable[float | None]) -> float | None:
    """Of those that there are."""
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None


def _number(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.2f}"
