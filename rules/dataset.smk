"""From the name of a dataset to the image of a material.

READS:  the address of the dataset, or resources/datasets/{dataset}/{file} where it is kept
WRITES: results/{material}/raw/{hash}-{file}, the same file
"""


rule dataset:
    """Fetch a dataset unless it is there, and check that it is the one that was named."""
    output:
        image="results/{material}/raw/{hash}-{file}",
    log:
        "logs/{material}/dataset/{hash}-{file}.log",
    benchmark:
        "job-benchmarks/{material}/dataset/{hash}-{file}.tsv"
    wildcard_constraints:
        hash="[0-9a-f]{8}",
        file="[^/]+",
    # Nodes of a cluster may have no network.
    localrule: True
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=60,
    params:
        name=lambda w: material_settings(w)["dataset"],
        dataset=lambda w: dataset_of(w.material),
    message:
        "Fetching the dataset of {wildcards.material}."
    script:
        "../workflow/scripts/dataset.py"
