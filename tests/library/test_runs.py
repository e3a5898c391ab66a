"""Runs side by side: what differs, which of it is more than noise, and the axes they share."""

from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import pytest
from recorded import JOBS, history_of

from ami_console.errors import UnknownJobError
from ami_console.runs import Comparison, Run, compare
from ami_console.runs.comparison import of
from ami_console.runs.noise import contrast, dependence, fisher, folded, holm
from ami_console.runs.run import RunData, read


@cache
def known(scenario: str, *ways: str) -> RunData:
    """A real job as a run."""
    return read(Run(history_of(scenario, *ways), JOBS[scenario], scenario))


def against(*runs: RunData) -> Comparison:
    return of(runs)


def verdicts(found: Comparison) -> dict[str, str]:
    return dict(zip(found.outcome["outcome"], found.outcome["verdict"], strict=True))


def test_a_run_does_not_differ_from_itself() -> None:
    """Twice the same numbers: nothing is found, in the settings and in what came out."""
    slow = known("m_slow_but_healthy")
    found = against(slow, replace(slow, label="again"))
    assert found.differing == []
    assert found.in_words() == ["Nothing differs by more than noise."]
    assert "more than noise" not in set(found.outcome["verdict"])
    throughput = found.outcome.set_index("outcome").loc["throughput_per_min"]
    assert (throughput["ratio"], throughput["p"]) == (1.0, 1.0)


def test_a_slower_worker_is_found() -> None:
    """12 s a batch in one run and 1.6 s in the other, all else alike: times differ, settings do
    not, and the interval is as narrow as the batches are alike."""
    found = against(known("m_slow_but_healthy"), known("k_api_down"))
    assert found.differing == ["throughput_per_min", "batch_time_s", "time_per_image_s"]
    batch = found.outcome.set_index("outcome").loc["batch_time_s"]
    assert batch["ratio"] == pytest.approx(0.213, abs=0.002)
    assert 0.20 < batch["low_ratio"] < batch["ratio"] < batch["high_ratio"] < 0.23
    assert batch["p"] < 0.01
    assert any(
        "The time of a batch is 79 % shorter in k_api_down" in line and "more than noise" in line
        for line in found.in_words()
    )


def test_one_event_is_no_row_of_independent_batches() -> None:
    """Celery was frozen once, and 16 batches in a row took 30 s: that is one event, so whether the
    run is slower as such can't be told."""
    found = against(known("n_results_lag"), known("k_api_down"))
    assert verdicts(found)["batch_time_s"] == "can't tell"
    why = found.outcome.set_index("outcome").loc["batch_time_s", "why"]
    assert "n_results_lag has 25 batches, which tell no more than 2 would" in why
    assert found.in_words()[0] == "Nothing differs by more than noise."


def test_settings_that_differ_are_named_with_their_values() -> None:
    """Another batch size, another ack wait, fewer images; one dead worker is no habit."""
    found = against(known("a_healthy"), known("c_worker_crash"))
    settings = found.configuration.set_index("setting")
    assert settings.loc["batch_size", ["a_healthy", "c_worker_crash"]].tolist() == [16, 8]
    assert settings.loc["ack_wait_s", ["a_healthy", "c_worker_crash"]].tolist() == [300, 10]
    assert not settings.loc["max_deliver", "differs"]
    assert found.in_words()[0].startswith("They differ in batch size (16 and 8), workers (2 and 1)")
    redelivered = found.outcome.set_index("outcome").loc["redeliveries"]
    assert (redelivered["first_value"], redelivered["other_value"]) == (0, 8)
    assert redelivered["verdict"] == "within noise"
    assert redelivered["why"] == "in 0 of 20 batches and in 1 of 6"


def test_what_is_not_known_of_a_run_is_no_zero() -> None:
    """Of one run there are looks only: no post was seen, and nobody makes one up."""
    found = against(known("c_worker_crash", "looks", "tap", "job_log"), known("k_api_down"))
    row = found.outcome.set_index("outcome").loc["worker_time_s"]
    assert pd.isna(row["other_value"])
    assert (row["verdict"], row["why"]) == ("can't tell", "not known of k_api_down")


def test_times_shorter_than_their_error_are_not_compared() -> None:
    """The job's log tells whole seconds, and saving takes less than one."""
    crash = known("c_worker_crash", "looks", "tap", "job_log")
    quick = replace(crash, batches=crash.batches.assign(save_time_s=0.2), label="quick")
    row = against(crash, quick).outcome.set_index("outcome").loc["save_time_s"]
    assert row["verdict"] == "can't tell"
    assert "each may be off by 0.5 s" in row["why"]


def test_a_run_without_a_worker() -> None:
    """Nobody fetched in one of them: no batch size, no times, and that is said."""
    found = against(known("b_no_worker"), known("e_cancelled"))
    settings = found.configuration.set_index("setting")
    assert pd.isna(settings.loc["batch_size", "differs"])
    assert "Not known of all: batch size and workers." in found.in_words()
    assert "more than noise" not in set(found.outcome["verdict"])


def test_three_runs_are_held_against_the_first() -> None:
    """One row per outcome and other run; the sentences name the run they speak of."""
    found = against(known("m_slow_but_healthy"), known("k_api_down"), known("n_results_lag"))
    assert found.outcome["other"].unique().tolist() == ["k_api_down", "n_results_lag"]
    assert found.outcome["first"].unique().tolist() == ["m_slow_but_healthy"]
    assert any("in n_results_lag than in m_slow_but_healthy" in line for line in found.in_words())


def test_foreign_names_are_escaped() -> None:
    """A pipeline and a label with markup in them."""
    slow = replace(known("m_slow_but_healthy"), pipeline="<b>x</b>", label="<i>a</i>")
    shown = against(slow, known("k_api_down"))._repr_html_()
    assert "<b>x" not in shown
    assert "<i>a" not in shown
    assert "&lt;b&gt;x" in shown


def test_runs_share_an_axis_of_time() -> None:
    """From the first image queued to the last saved, gaps of the looks left open."""
    found = against(known("m_slow_but_healthy"), known("k_api_down"))
    for label, took_s in (("m_slow_but_healthy", 319.8), ("k_api_down", 121.6)):
        mine = found.by_time[found.by_time["label"] == label]
        assert mine["since_start_s"].is_monotonic_increasing
        last = mine.iloc[-1]
        assert last["since_start_s"] == pytest.approx(took_s, abs=0.5)
        assert last["progress_ratio"] == 1.0
    assert found.by_time["acked_per_min"].isna().any()


def test_runs_share_an_axis_of_progress() -> None:
    """Half of the images: when they were saved, and how fast it went then."""
    found = against(known("m_slow_but_healthy"), known("a_healthy"))
    for label in found.labels:
        mine = found.by_progress[found.by_progress["label"] == label]
        assert mine["progress_ratio"].tolist() == pytest.approx([n / 100 for n in range(101)])
        assert mine["since_start_s"].is_monotonic_increasing
        half = mine[mine["progress_ratio"] == 0.5].iloc[0]
        settled = known(label).settled
        nth = settled["acked_at"].iloc[len(settled) // 2 - 1]
        assert half["since_start_s"] == pytest.approx(
            (nth - known(label).began_at).total_seconds(), abs=0.001
        )
    steady = found.by_progress[found.by_progress["label"] == "a_healthy"]["acked_per_min"]
    assert steady.dropna().between(100, 900).all()


def test_a_cancelled_run_ends_where_it_ended() -> None:
    """32 of 320 images: the line stops at 10 %."""
    mine = against(known("e_cancelled"), known("a_healthy")).by_progress
    assert mine[mine["label"] == "e_cancelled"]["progress_ratio"].max() == pytest.approx(0.1)


def test_what_compare_refuses() -> None:
    """One run, two of the same name, a job that is not there."""
    history = history_of("m_slow_but_healthy")
    with pytest.raises(ValueError, match="two runs or more"):
        compare((history, 117))
    with pytest.raises(ValueError, match="a label of its own"):
        compare((history, 117), (history, 117))
    with pytest.raises(UnknownJobError):
        compare((history, 117), (history, 118))


def noisy(seed: int, count: int, *, middle: float = 10.0, spread: float = 1.0) -> np.ndarray:
    return np.random.default_rng(seed).normal(middle, spread, count)


def test_noise_is_called_noise() -> None:
    """A hundred pairs of runs that are alike: chance is found in about as many as it may be."""
    found = [contrast(noisy(2 * n, 30), noisy(2 * n + 1, 30), draws=400) for n in range(100)]
    assert sum(each is not None and each.p < 0.05 for each in found) <= 12


def test_a_true_difference_is_found_and_its_interval_holds_it() -> None:
    """A fifth longer, with a spread of a tenth."""
    found = contrast(noisy(1, 30), noisy(2, 30, middle=12.0))
    assert found is not None
    assert found.p < 0.001
    assert found.low < 1.2 < found.high


def test_values_that_hang_together_count_less() -> None:
    """Load that comes and goes for minutes makes neighbours alike: 60 values are not 60."""
    steps = np.repeat(noisy(3, 6, spread=3.0), 10) + noisy(4, 60, middle=0.0, spread=0.1)
    assert dependence(steps) > 5
    assert len(folded(steps)) < 12
    assert dependence(noisy(5, 60)) == 1.0
    assert dependence(np.ones(10)) == 1.0


def test_alike_runs_with_slow_load_are_not_told_apart() -> None:
    """Each run is a random walk of load: without blocks half of them would be called different."""

    def walk(seed: int) -> np.ndarray:
        return 10.0 + np.repeat(noisy(seed, 8, middle=0.0), 8)

    found = [contrast(walk(2 * n), walk(2 * n + 1), draws=400) for n in range(60)]
    assert sum(each is not None and each.p < 0.05 for each in found) <= 12


@pytest.mark.parametrize("count", [0, 1, 2])
def test_too_few_values_say_nothing(count: int) -> None:
    """An empty run, and one or two batches: nothing can be told."""
    assert contrast(noisy(1, count), noisy(2, 30)) is None


def test_a_long_run_is_folded_and_not_slow() -> None:
    """Two jobs of 44,000 images: thousands of batches, in blocks that still tell them apart."""
    found = contrast(noisy(1, 5_500), noisy(2, 5_500, middle=10.5))
    assert found is not None
    assert found.blocks == (400, 400)
    assert found.p < 0.001
    assert found.low < 1.05 < found.high


def test_three_against_three_could_always_be_chance() -> None:
    assert contrast(np.array([1.0, 1.1, 1.2]), np.array([9.0, 9.1, 9.2])) is None


def test_shares_to_values_from_the_book() -> None:
    """Fisher's tea, and a worker that died in 1 of 6 batches against none of 20."""
    assert fisher((3, 1), (4, 4)) == pytest.approx(0.486, abs=0.001)
    assert fisher((1, 0), (6, 20)) == pytest.approx(6 / 26, abs=0.001)
    assert fisher((0, 20), (20, 20)) < 1e-9
    assert fisher((0, 0), (5, 9)) == 1.0


def test_holm_asks_more_of_many() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([]) == []
