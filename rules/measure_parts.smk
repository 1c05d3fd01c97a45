"""Measuring shared among several jobs, where the configuration asks for it (measure.parts).

READS:  what rules measure and measure_real read
WRITES: what they write, from part-{part}.csv and part-{part}.h5 beside it, which are removed
"""

if len(PARTS) > 1:

    ruleorder: merge_measurements > measure
    ruleorder: merge_real_measurements > measure_real

    use rule measure as measure_part with:
        output:
            metrics=temp(f"results/{RUN}/measure/part-{{part}}.csv"),
            curves=temp(f"results/{RUN}/measure/part-{{part}}.h5"),
        log:
            f"logs/{RUN}/measure-{{part}}.log",
        benchmark:
            f"job-benchmarks/{RUN}/measure-{{part}}.tsv"

    use rule measure_real as measure_real_part with:
        output:
            metrics=temp("results/{material}/real/measure/part-{part}.csv"),
            curves=temp("results/{material}/real/measure/part-{part}.h5"),
        log:
            "logs/{material}/real/measure-{part}.log",
        benchmark:
            "job-benchmarks/{material}/real/measure-{part}.tsv"

    rule merge_measurements:
        """Join the measurements of all parts of a run."""
        input:
            metrics=all_parts(rules.measure_part.output.metrics),
            curves=all_parts(rules.measure_part.output.curves),
        output:
            metrics=rules.measure.output.metrics,
            curves=rules.measure.output.curves,
        log:
            f"logs/{RUN}/measure.log",
        benchmark:
            f"job-benchmarks/{RUN}/measure.tsv"
        conda:
            ENVIRONMENT
        threads: 1
        resources:
            mem_mb=growing(4000),
            runtime=30,
        message:
            "Joining the measurements of {output.metrics}."
        script:
            "../workflow/scripts/merge_measurements.py"

    use rule merge_measurements as merge_real_measurements with:
        input:
            metrics=all_parts(rules.measure_real_part.output.metrics),
            curves=all_parts(rules.measure_real_part.output.curves),
        output:
            metrics=rules.measure_real.output.metrics,
            curves=rules.measure_real.output.curves,
        log:
            "logs/{material}/real/measure.log",
        benchmark:
            "job-benchmarks/{material}/real/measure.tsv"
