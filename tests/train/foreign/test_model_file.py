"""What people have instead of a model: each is called by its name, with a way on."""

from __future__ import annotations

import json
import pickle
import zipfile
from pathlib import Path

import pytest

from edge.errors import ModelError
from train.foreign.model_file import MAX_UNPACKED_BYTES, kind_of, only_model


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("model.h5", b"", r"is empty; download it again"),
        (
            "model.h5",
            b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 872856\n",
            r"pointer of Git LFS .*; run git lfs pull",
        ),
        (
            "model.h5",
            b"\n<!DOCTYPE html>\n<html>",
            r"is a web page and not the file itself; open the link in a browser",
        ),
        ("model.h5", b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>", r"is a web page"),
        ("model.h5", b'{"message": "Not Found"}', r"is a text and no model, perhaps the answer of a web server"),
        ("model.h5", b"no model", r"is no .h5 file, it begins with b'no model'; download it again"),
        ("model.tflite", b"\x00" * 64, r"is no .tflite file"),
        ("model.pkl", pickle.dumps({"svm": 1}), r"is a Python pickle .* holds no network; train a network"),
        (
            "model.pt",
            pickle.dumps({"torch": 1}),
            r"is PyTorch's, .* torch.onnx.export\(.*'model.onnx'\) and convert that",
        ),
        ("model.safetensors", b"\x40\x00\x00\x00\x00\x00\x00\x00{", r"is PyTorch's, .* torch.onnx.export"),
        ("frozen.pb", b"\x0a\x40", r"is a graph alone; give the whole SavedModel folder"),
        ("model.h5.gz", b"\x1f\x8b\x08", r"is an archive; unpack it and give the model that is inside"),
        ("model.caffemodel", b"\x0a\x0b", r"is of no known kind, .*; give a Keras file \(.keras, .h5\)"),
        (
            "model.json",
            json.dumps({"modelTopology": {}, "weightsManifest": []}).encode(),
            r"is a network for TensorFlow.js; export it again as TensorFlow, Keras",
        ),
        ("model.json", b'{"class_name": "Sequential", "config": {}}', r"layout of a Keras network without its weights"),
    ],
    ids=str,
)
def test_what_is_no_model_is_named_with_a_way_on(name: str, content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)

    with pytest.raises(ModelError, match=message):
        kind_of(tmp_path / name)


@pytest.mark.parametrize(
    ("members", "message"),
    [
        (("archive/data.pkl", "archive/data/0"), r"is PyTorch's"),
        (("converted_keras/readme.md",), r""),
    ],
)
def test_a_zip_is_told_by_its_members(members: tuple[str, ...], message: str, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "model.zip", "w") as archive:
        for member in members:
            archive.writestr(member, "")

    if not message:
        assert kind_of(tmp_path / "model.zip") == "zip"
        return
    with pytest.raises(ModelError, match=message):
        kind_of(tmp_path / "model.zip")


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["model.json", "metadata.json", "weights.bin"], r"is a network for TensorFlow.js; export it again"),
        (["manifest.json", "samples.bin"], r"is a project and no network; open it in Teachable Machine"),
        (["a/one.h5", "a/two.h5"], r"holds 2 models \(a/one.h5, a/two.h5\); give one of them"),
        (["notes.txt"], r"holds no model, but notes.txt; give a Keras file"),
        ([], r"is empty; give a Keras file"),
    ],
)
def test_a_zip_without_one_model_is_refused(names: list[str], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        only_model(names, "model x.zip")


def test_the_model_is_found_among_labels_and_the_litter_of_macos() -> None:
    assert (
        only_model(["__MACOSX/._keras_model.h5", "keras_model.h5", "._labels.txt", "labels.txt"], "")
        == "keras_model.h5"
    )
    assert only_model(["tm/saved_model.pb", "tm/variables/variables.index", "labels.txt"], "") == "tm"


def test_a_zip_that_was_cut_off_is_called_so(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "whole.zip", "w") as archive:
        archive.writestr("keras_model.h5", "x" * 5000)
    (tmp_path / "cut.zip").write_bytes((tmp_path / "whole.zip").read_bytes()[:2000])

    with pytest.raises(ModelError, match=r"is a zip that was cut off or damaged .*; download it again"):
        kind_of(tmp_path / "cut.zip")


def test_a_zip_that_would_fill_the_disk_is_not_unpacked(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("model.h5", b"")
        archive.infolist()[0].file_size = MAX_UNPACKED_BYTES + 1

    with pytest.raises(ModelError, match=r"unpacks to 2000 MB, at most 2000 are read; give the model alone"):
        kind_of(tmp_path / "bomb.zip")
