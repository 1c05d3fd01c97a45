"""The ablation of GANs of 2D images: factors from settings, scores from tables, and words."""

import json

import pandas as pd
import pytest
import yaml
from matplotlib.image import imread

from matvir.comparison.ablation import ablation_table, finding
from matvir.errors import InputError
from matvir.settings.build import merge, resolve

# S2 errors in percent by normalisation, spectral normalisation and batch.
ERRORS = {
    ("batch", True, 8): 9.0,
    ("batch", True, 64): 4.0,
    ("batch", False, 64): 6.0,
    ("instance", True, 8): 7.0,
    ("instance", True, 64): 8.0,
}


@pytest.fixture
def settings(root):
    config = resolve(yaml.safe_load((root / "config/default.yaml").read_text()))
    base = config["models"]["gan-64"]

    def of(normalisation, spectral, batch):
        network = {"normalisation": normalisation, "discriminator": {"spectral_norm": spectral}}
        return merge(base, {"network": network, "training": {"objective": {"batch": batch}}})

    return of


@pytest.fixture
def tables():
    # Names may look like numbers.
    names = [{"material": "2021", "model": f"m{i}", "seed": 3} for i in range(len(ERRORS))]
    rows = list(zip(names, ERRORS.values(), strict=True))
    comparison = [
        {**n, "metric": metric, "difference": d}
        for n, error in rows
        for metric, d in (("volume_fraction", -error / 1000), ("other", 9.0))
    ]
    s2 = [{**n, "max_error_over_fraction": e / 100 / part} for n, e in rows for part in (1, 2)]
    diversity = [
        {**n, "statistic": statistic, "ratio": 0.7 if error == 4.0 else 0.9}
        for n, error in rows
        for statistic in ("pixel_distance", "s2_distance", "gradient_energy")
    ]
    frames = {"comparison": comparison, "s2": s2, "diversity": diversity}
    return names, {name: pd.DataFrame(frame) for name, frame in frames.items()}


def test_the_table_has_factors_and_worst_scores(settings, tables):
    names, frames = tables
    runs = [(name, settings(*factors)) for name, factors in zip(names, ERRORS, strict=True)]
    found = ablation_table(runs, **frames)
    by_factors = found.set_index(["normalisation", "spectral_norm", "batch"])["s2_error"]
    assert by_factors.to_dict() == pytest.approx(ERRORS)
    assert found["fraction_error"].tolist() == pytest.approx((found["s2_error"] / 10).tolist())
    assert found["batch"].tolist() == [64, 8, 64, 8, 64]  # by normalisation, spectral norm, batch
    words = " ".join(finding(found))
    assert "batches of 8 the two-point correlation is off by 9.0 % with batch" in words
    # Without spectral normalisation there is nothing to compare batch normalisation with.
    assert (
        "by 4.0 % with batch normalisation and by 8.0 % with instance normalisation: batch "
        "normalisation is better, as reported."
    ) in words
    assert "7.0 % with instance normalisation: instance normalisation is better." in words
    # The best of all does not keep the diversity.
    assert (
        "80% of the real diversity, m2 is best: its two-point correlation is off by 6.0 %" in words
    )


def test_seeds_of_a_model_are_averaged():
    """One lucky seed does not make a model the best."""
    lucky, steady = [2.0, 20.0], [3.0, 3.0]
    rows = [
        {"model": model, "seed": seed, "normalisation": "batch", "spectral_norm": True, "batch": 8}
        | {"s2_error": error, "pixel_distance": 1.0, "s2_distance": 1.0}
        for model, errors in (("lucky", lucky), ("steady", steady))
        for seed, error in enumerate(errors)
    ]
    assert finding(pd.DataFrame(rows)) == [
        "Of the models that keep 80% of the real diversity, steady is best: its two-point "
        "correlation is off by 3.0 %."
    ]


def test_models_of_other_kinds_are_refused(root, tables):
    names, frames = tables
    config = resolve(yaml.safe_load((root / "config/default.yaml").read_text()))
    with pytest.raises(InputError, match=r"kind gan2d, got one of vae"):
        ablation_table([(names[0], config["models"]["vae-64"])], **frames)
    other = {**names[0], "seed": 4}
    with pytest.raises(InputError, match=r"no rows of .*'seed': 4"):
        ablation_table([(other, config["models"]["gan-64"])], **frames)


def test_the_script_writes_table_curves_and_words(script, tmp_path, settings, tables):
    names, frames = tables
    paths = {}
    for name, frame in frames.items():
        paths[name] = [tmp_path / f"{name}.csv"]
        frame.to_csv(paths[name][0], index=False)
    for index, factors in enumerate(ERRORS):
        (tmp_path / f"{index}.json").write_text(json.dumps({"config": settings(*factors)}))
        lines = [{"step": s, "discriminator_loss": 1.2, "generator_loss": s / 9} for s in (1, 2, 3)]
        (tmp_path / f"{index}.jsonl").write_text("\n".join(map(json.dumps, lines)))
    script("ablation").main(
        runs=[tuple(n.values()) for n in names],
        settings=[tmp_path / f"{i}.json" for i in range(5)],
        histories=[tmp_path / f"{i}.jsonl" for i in range(5)],
        compared=paths,
        table=tmp_path / "a.csv",
        figure=tmp_path / "a.png",
        text=tmp_path / "a.md",
    )
    assert len(pd.read_csv(tmp_path / "a.csv")) == 5
    assert "| m1 | 3 | batch | on | 64 | 0.40 | 4.00 | 0.70 |" in (tmp_path / "a.md").read_text()
    assert imread(tmp_path / "a.png").shape[1] == 4 * 390
