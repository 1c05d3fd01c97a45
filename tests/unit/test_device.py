import pytest
import torch

from matvir.device import PRODUCTS, allow_tf32, pick_device, pick_precision

CPU, GPU = torch.device("cpu"), torch.device("cuda")


@pytest.mark.parametrize(
    ("name", "avx512", "amx", "chosen"),
    [
        ("Intel(R) Xeon(R) Processor", True, True, torch.bfloat16),
        ("Intel(R) Xeon(R) Processor", True, False, torch.float32),
        ("AMD EPYC", True, False, torch.bfloat16),
        ("AMD EPYC", False, False, torch.float32),
    ],
)
def test_auto_takes_bfloat16_where_a_processor_is_faster_so(monkeypatch, name, avx512, amx, chosen):
    capabilities = {"cpu_name": name, "avx512_bf16": avx512, "amx_bf16": amx}
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    assert pick_precision("auto", CPU) == chosen


def test_a_processor_that_says_nothing_of_such_units_computes_in_float32(monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"architecture": "aarch64"})
    assert pick_precision("auto", CPU) == torch.float32


@pytest.mark.parametrize(
    ("capability", "chosen"), [((7, 5), torch.float32), ((9, 0), torch.bfloat16)]
)
def test_auto_asks_the_gpu_how_new_it_is(monkeypatch, capability, chosen):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    assert pick_precision("auto", GPU) == chosen


@pytest.mark.parametrize("wanted", ["float32", "bfloat16"])
@pytest.mark.parametrize("device", [CPU, GPU])
def test_what_was_asked_for_is_what_one_gets(wanted, device):
    assert pick_precision(wanted, device) == getattr(torch, wanted)


def test_products_are_exact_but_where_they_may_be_coarse():
    pick_device()
    seen = []

    def look():
        seen.append({part.fp32_precision for part in PRODUCTS})

    @allow_tf32()
    def break_off():
        look()
        raise ZeroDivisionError

    look()
    with pytest.raises(ZeroDivisionError):
        break_off()
    look()
    assert seen == [{"ieee"}, {"tf32"}, {"ieee"}]
    assert torch.backends.cudnn.deterministic
