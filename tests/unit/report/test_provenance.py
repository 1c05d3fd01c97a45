"""Where a run comes from."""

from dataclasses import replace

from matvir.report.provenance import show_provenance
from matvir.report.results import read_material


def test_whose_data_were_fetched_is_told_of_each_run(results):
    runs, (grown, _) = results
    entry = {"url": "https://a/b.tif", "sha256": "ab", "licence": "CC0", "citation": "A. Author"}
    material = read_material(replace(grown, dataset=entry), runs[:2])
    for view in show_provenance(material):
        assert entry.items() <= dict(view.facts).items()
    alone = show_provenance(read_material(grown, runs[:1]))[0]
    assert "licence" not in dict(alone.facts)
