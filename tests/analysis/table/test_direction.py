"""Which way a metric improves: by its name however it is written, its source, its values."""

from __future__ import annotations

import numpy as np
import pytest

import payoff
from analysis.errors import AnalysisError, Question
from analysis.metric import Better, Metric, MetricKind, metric_of
from analysis.settings import AnalysisSettings
from analysis.table.direction import direction_of_name, find_direction, trend
from analysis.table.fields import FloatArray
from analysis.table.metrics import find_metric, mixed_scales
from analysis.table.trials import TrialTable

RISE = """
    top1 acc@1 testAccuracy mAP R^2 r2_score AUC F1 BLEU ROUGE-L rougeLsum IoU mIoU dice PSNR reward
    return Average % episode_return test_acc val/accuracy metrics.eval_accuracy Acc@1 Top-1 f1-score
    top_1_accuracy F1_macro roc_auc AUROC success_rate win_rate exact_match EM SSIM pearson_r ELBO
    log_likelihood neg_mean_squared_error NDCG@10 MRR MMLU R2 R² r^2 accuracy(%) pass@1 hits@10
"""
FALL = """
    err loss nll ppl wer cer rmse mae mse perplexity bpb top1_err test_error errorRate testLoss KL
    val_loss eval/loss cross_entropy log_loss neg_log_likelihood negative_log_likelihood FID RMSE
    bits_per_byte 1-acc one_minus_score one_minus_accuracy MAPE error% err_% error_rate WER% EER
    misclassification_rate acc_error lm_loss_val brier_score test_nll_mean
"""
SIZE = np.repeat(100.0 * 2.0 ** np.arange(8), 3)
FALLING = np.asarray(0.1 + 0.4 * (SIZE / 100.0) ** -0.6)


@pytest.mark.parametrize("name", RISE.split())
def test_names_of_scores(name: str) -> None:
    assert direction_of_name(name) == "higher"


@pytest.mark.parametrize("name", FALL.split())
def test_names_of_errors(name: str) -> None:
    assert direction_of_name(name) == "lower"


@pytest.mark.parametrize("name", ["y", "value", "values_0", "result", "objective", "loss_accuracy"])
def test_names_that_do_not_say(name: str) -> None:
    assert direction_of_name(name) == ""


def test_the_user_is_believed_before_all() -> None:
    found = find_direction("test_error", 1.0 - FALLING, SIZE, given="lower", option="--better")
    assert (found.better, found.why) == ("lower", "--better")


def test_the_source_is_believed_before_the_name() -> None:
    found = find_direction("objective", 1.0 - FALLING, SIZE, source="higher")
    assert (found.better, found.why) == ("higher", "the source says so")


def test_values_against_the_name_are_asked_about() -> None:
    for name, values in (("error", 1.0 - FALLING), ("accuracy", FALLING), ("y", 1.0 - FALLING)):
        with pytest.raises(Question, match='say better="'):
            find_direction(name, values, SIZE)


@pytest.mark.parametrize("unit", [1.0, 100.0])
def test_a_silent_name_that_falls_as_a_score_may_is_asked_about(unit: float) -> None:
    worse = unit * (0.55 + FALLING * 0.9)  # from 1 down to 0.7
    for name in ("y", "result", "value"):
        with pytest.raises(Question, match=r"falls as models grow.* may be a score's; say better="):
            find_direction(name, worse, SIZE)
        assert find_direction(name, unit * FALLING, SIZE).better == "lower"
        assert find_direction(name, worse, SIZE, given="lower").better == "lower"
    assert find_direction("error", worse, SIZE).better == "lower"


@pytest.mark.parametrize("scale", [1e300, 1.7e308, 1e-300])
def test_a_trend_has_no_unit(scale: float) -> None:
    assert trend(FALLING / FALLING.max() * scale, SIZE) == "falls"
    assert trend(-FALLING / FALLING.max() * scale, SIZE) == "rises"


def test_a_trend_across_zero_may_span_all_floats() -> None:
    assert trend(1.7e308 * np.linspace(1.0, -1.0, len(SIZE)), SIZE) == "falls"


def test_a_trend_is_one_within_each_dataset_size() -> None:
    n = np.tile([1.0, 2.0], len(SIZE) // 2)
    shifted = FALLING + 10.0 * (n == 2.0)
    assert trend(shifted, SIZE, n) == "falls"
    assert trend(np.where(n == 1.0, FALLING, -FALLING), SIZE, n) == "unclear"


def test_noise_has_no_trend() -> None:
    rng = np.random.default_rng(0)
    found = [trend(rng.standard_normal(len(SIZE)), SIZE) for _ in range(200)]
    assert found.count("unclear") >= 196
    assert trend(FALLING[:2], SIZE[:2]) == "unclear"
    assert trend(np.full(len(SIZE), 0.3), SIZE) == "unclear"


@pytest.mark.parametrize(
    ("name", "values", "metric"),
    [
        ("accuracy", 1.0 - FALLING, Metric(better="higher", name="accuracy", bound=1.0)),
        ("top1", 100.0 - 100.0 * FALLING, Metric(better="higher", name="top1", bound=100.0)),
        ("R^2", 0.4 - FALLING, Metric(better="higher", name="R^2", bound=1.0)),
        ("neg_mse", -FALLING, Metric(better="higher", name="neg_mse", bound=0.0)),
        ("rmse", 9.0 * FALLING, Metric(name="rmse")),
        ("loss", 3.0 + FALLING, Metric(kind="nats", name="loss")),
        ("loss", FALLING - 0.2, Metric(kind="nats", name="loss")),
        ("loss", 5.0 * FALLING - 0.45, Metric(name="loss")),
        ("bpb", 1.0 + FALLING, Metric(kind="bits", name="bpb")),
        ("ppl", 10.0 + FALLING, Metric(kind="perplexity", name="ppl")),
        ("test_ll", 1.0 - FALLING, Metric(better="higher", name="test_ll", bound=1.0)),
    ],
)
def test_what_a_metric_is(name: str, values: FloatArray, metric: Metric) -> None:
    assert find_metric(name, values, SIZE, better=metric.better) == metric


def test_own_units_are_centred_on_what_was_seen() -> None:
    metric = find_metric("reward", -500.0 * FALLING, SIZE, better="higher")
    assert (metric.kind, metric.better) == ("own", "higher")
    error = metric.to_error(-500.0 * FALLING)
    assert (np.diff(error[::3]) < 0.0).all()
    np.testing.assert_allclose(metric.shown(error), -500.0 * FALLING)
    assert np.ptp(np.log(error)) == pytest.approx(1.0)


@pytest.mark.parametrize("scale", [1e300, 1e-12, 1e-300])
def test_own_units_may_be_of_any_size(scale: float) -> None:
    plain = metric_of("own", FALLING, better="lower", name="m").to_error(FALLING)
    scaled = metric_of("own", scale * FALLING, better="lower", name="m").to_error(scale * FALLING)
    np.testing.assert_allclose(scaled, plain, rtol=1e-12)


@pytest.mark.parametrize("kind", ["error", "nats", "bits", "perplexity", "own"])
def test_errors_give_values_back(kind: str) -> None:
    values = 2.0 + FALLING
    for better in ("lower", "higher"):
        if better == "higher" and kind in ("error", "bits", "perplexity"):
            continue
        metric = metric_of(kind, values, better=better, name="m")
        np.testing.assert_allclose(metric.shown(metric.to_error(values)), values)


def test_percent_beside_fractions_are_found() -> None:
    mixed = np.where(SIZE > 1000.0, 100.0 * FALLING, FALLING)
    np.testing.assert_array_equal(mixed_scales(mixed, SIZE), SIZE > 1000.0)
    for alike in (FALLING, 100.0 * FALLING, 5.0 * FALLING, 30.0 * (SIZE / 100.0) ** -1.5):
        assert not mixed_scales(np.asarray(alike), SIZE).any()


def test_a_rising_error_is_asked_about_from_python() -> None:
    with pytest.raises(Question, match=r"^'error' rises .* say better=.higher. if it is a score"):
        payoff.fit_curve(SIZE, 1.0 - FALLING)
    table = TrialTable.from_rows(
        [{"n_parameters": n, "test_error": 1.0 - e} for n, e in zip(SIZE, FALLING, strict=True)]
    )
    with pytest.raises(Question, match='better="higher"'):
        payoff.analyse(table)
    settings = AnalysisSettings(resamples=200)
    plain = payoff.fit_curve(SIZE, FALLING, settings=settings).verdict
    score = payoff.fit_curve(SIZE, 1.0 - FALLING, better="higher", settings=settings).verdict
    whole = payoff.analyse(table, settings, better="higher").fits[0].verdict
    assert plain.size == pytest.approx(score.size) == pytest.approx(whole.size)


def test_losses_below_zero_are_asked_about_from_python() -> None:
    with pytest.raises(Question, match='metric="nats"'):
        payoff.fit_curve(SIZE, FALLING - 0.2)
    fit = payoff.fit_curve(SIZE, FALLING - 0.2, metric="nats")
    assert int(fit.curve.replicates.sum()) == len(SIZE)
    assert fit.predict(SIZE[-1]) == pytest.approx(FALLING[-1] - 0.2, abs=0.01)
    assert "perplexity" not in fit.summary()  # which names rules and sizes alone


@pytest.mark.parametrize(("metric", "unit"), [("nats", 1.0), ("bits", 1.0), ("nats", -1.0)])
def test_sums_over_examples_are_no_nats(metric: MetricKind, unit: float) -> None:
    values = unit * 3000.0 * (1.0 + FALLING)
    better: Better = "lower" if unit > 0.0 else "higher"
    with pytest.raises(AnalysisError, match=rf"above \d+ {metric} .*divide.* say metric=\"own\""):
        payoff.fit_curve(SIZE, values, metric=metric, better=better)
    fit = payoff.fit_curve(SIZE, values, metric="own", better=better)
    assert fit.predict(SIZE[-1]) == pytest.approx(values[-1], rel=0.01)
    mean = payoff.fit_curve(SIZE, values / 1000.0, metric=metric, better=better)
    assert mean.predict(SIZE[-1]) == pytest.approx(values[-1] / 1000.0, abs=0.05)


@pytest.mark.parametrize("name", ["Accuracy gain", "delta_top1", "improvement", "BLEU lift"])
def test_what_is_counted_from_another_model_is_asked_about_and_has_no_bound(name: str) -> None:
    assert direction_of_name(name) == ""
    size = np.geomspace(250.0, 64_000.0, 9)
    values = 0.7 - (0.05 + 0.25 * (size / 250.0) ** -0.7)
    with pytest.raises(Question):
        find_direction(name, values, size)
    found = find_metric(name, values, size, better="higher")
    assert (found.kind, found.better) == ("own", "higher")
