import os

import pytest
import torch

from coldstart.common.errors import ColdstartError
from coldstart.running.settings import Settings
from coldstart.training import device
from coldstart.training.device import chosen_device, resolve_device, use_bf16

CPU = torch.device("cpu")


def test_bf16_is_used_only_if_the_hardware_has_it(monkeypatch):
    gpu = torch.device("cuda:0")
    for native, amx in [(True, False), (False, True), (False, False)]:
        monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda value=native: value)
        monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda value=amx: value)
        assert use_bf16("auto", CPU) == (native or amx)
    for capability, native in [((7, 5), False), ((8, 0), True), ((9, 0), True)]:
        monkeypatch.setattr(
            torch.cuda, "get_device_capability", lambda device, value=capability: value
        )
        assert use_bf16("auto", gpu) == native
        assert use_bf16("bf16", gpu)
        assert not use_bf16("fp32", gpu)


def test_device_is_resolved_from_the_setting_and_the_hardware(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert resolve_device("auto") == resolve_device("cpu") == CPU
    for name in ("cuda", "cuda:1"):
        with pytest.raises(ColdstartError, match=f"'{name}' was asked for.*sees 0 GPUs"):
            resolve_device(name)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert resolve_device("auto").type == "cuda"
    assert resolve_device("cuda:1") == torch.device("cuda:1")
    with pytest.raises(ColdstartError, match=r"'cuda:2' was asked for.*sees 2 GPUs"):
        resolve_device("cuda:2")
    for name in ("gpu", "mps", ""):
        with pytest.raises(ColdstartError, match="not one of auto, cpu"):
            resolve_device(name)


def test_deterministic_mode_is_set_before_the_device_is_used(monkeypatch):
    calls = []
    monkeypatch.setattr(device, "make_deterministic", lambda: calls.append("deterministic"))
    monkeypatch.setattr(device, "resolve_device", calls.append)
    chosen_device(Settings(deterministic=True))
    assert calls == ["deterministic", "auto"]
    chosen_device(Settings(device="cpu"))
    assert calls[2:] == ["cpu"]


def test_deterministic_mode_stays_set(monkeypatch):
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", True)
    assert not torch.are_deterministic_algorithms_enabled()
    try:
        chosen_device(Settings(device="cpu"))
        assert not torch.are_deterministic_algorithms_enabled()
        assert chosen_device(Settings(device="cpu", deterministic=True)).type == "cpu"
        assert torch.are_deterministic_algorithms_enabled()
        assert not torch.backends.cudnn.benchmark
        assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"
    finally:
        torch.use_deterministic_algorithms(False)
        os.environ.pop("CUBLAS_WORKSPACE_CONFIG", None)
