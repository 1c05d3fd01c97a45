"""What people read while `matvir run` works."""

import io
import logging

import pytest
from snakemake_interface_logger_plugins.common import LogEvent

from snakemake_logger_plugin_matvir import LogHandler


@pytest.fixture
def said():
    """Return a function that shows records to the plugin and returns what it printed."""
    handler = LogHandler(None, None)
    handler.stream = io.StringIO()
    times = iter(range(0, 1000, 60))
    handler.clock = lambda: float(next(times))

    def show(*records):
        for level, text, fields in records:
            record = logging.LogRecord("snakemake", level, "", 0, text, None, None)
            record.__dict__.update(fields)
            handler.emit(record)
        return handler.stream.getvalue().splitlines()

    return show


def begin(rule, number, **fields):
    known = {"event": LogEvent.JOB_INFO, "jobid": number, "rule_name": rule, "rule_msg": None}
    return logging.INFO, "", known | fields


def test_stages_are_counted_without_the_rule_that_makes_nothing(said):
    stats = {"train": 1, "report": 1, "all": 1, "total": 3}
    lines = said(
        (logging.INFO, "", {"event": LogEvent.RUN_INFO, "stats": stats}),
        begin("train", 1, rule_msg="Training a on b."),
        (logging.INFO, "", {"event": LogEvent.JOB_FINISHED, "job_id": 1}),
        begin("report", 2),
        begin("all", 0),
    )
    assert lines == [
        "[1/2] Training a on b.",
        "      done in about 60 s: Training a on b.",
        "[2/2] report.",
    ]


def test_a_failed_stage_names_its_log_once(said):
    lines = said(
        begin("train", 1, rule_msg="Training a on b."),
        (
            logging.ERROR,
            "Error in rule train",
            {"event": LogEvent.JOB_ERROR, "jobid": 1, "rule_name": "train", "log": ["t.log"]},
        ),
        (logging.ERROR, "RuleException:\nCalledProcessError in file train.smk", {}),
        (logging.ERROR, "WorkflowError:\nAt least one job did not complete successfully.", {}),
    )
    assert lines[1:] == ["      failed: Training a on b. Its log: t.log"]


def test_what_is_wrong_with_the_configuration_is_said(said):
    text = "WorkflowError in file common.smk:\nthe configuration cannot be used"
    assert said((logging.ERROR, text, {"event": LogEvent.ERROR})) == text.splitlines()
    assert said((logging.INFO, "Building DAG of jobs...", {})) == text.splitlines()
