from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

keras = pytest.importorskip("keras", reason="needs the extra train")

from edge.errors import ConfigError, ModelError  # noqa: E402
from edge.labels import HEADS  # noqa: E402
from train.classifier import backbones  # noqa: E402
from train.classifier.backbones import BODIES, build, learning_rate  # noqa: E402
from train.run.layers import multiply_adds  # noqa: E402

GREY = np.random.default_rng(0).integers(0, 256, (2, 48, 48, 1)).astype(np.float32)


@pytest.mark.parametrize("name", backbones.names())
def test_every_backbone_takes_grey_faces_and_gives_seven_logits_a_head(name: str) -> None:
    network = build(name, None, frozen=False)

    assert network.input_shape == (None, 48, 48, 1)
    assert network.output_shape == [(None, 7)] * len(HEADS)


@pytest.mark.parametrize(
    ("name", "module"), [("mobilenetv2", "mobilenet_v2"), ("resnet50", "resnet50"), ("vgg16", "vgg16")]
)
def test_grey_levels_are_scaled_as_the_published_weights_expect(name: str, module: str) -> None:
    grey = np.repeat(GREY, 3, axis=-1)
    backbone = BODIES[name]

    scaled = keras.layers.Rescaling(backbone.scale, backbone.offset)(grey)

    expected = getattr(keras.applications, module).preprocess_input(grey.copy())
    np.testing.assert_allclose(keras.ops.convert_to_numpy(scaled), expected, atol=1e-3)


def test_multiply_adds_count_the_body_inside() -> None:
    published_at_224 = 15_346_630_656  # convolutions of VGG16

    counted = multiply_adds(build("vgg16", None, frozen=False))

    assert counted == pytest.approx(published_at_224 * (48 / 224) ** 2, rel=1e-3)


@pytest.mark.parametrize("suffix", [".h5", ".weights.h5", ".keras"])
def test_frozen_weights_of_a_file_are_kept_and_only_the_head_is_trained(tmp_path: Path, suffix: str) -> None:
    body = BODIES["vgg11"].body((48, 48, 3), None)
    file = tmp_path / f"vgg11{suffix}"
    (body.save_weights if suffix == ".weights.h5" else body.save)(file)

    frozen = build("vgg11", str(file), frozen=True)
    tuned = build("vgg11", str(file), frozen=False)

    for ours, theirs in zip(frozen.get_layer("vgg11").get_weights(), body.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert [variable.path for variable in frozen.trainable_variables] == [
        f"{head}/{weights}" for head in HEADS for weights in ("kernel", "bias")
    ]
    assert len(tuned.trainable_variables) > 2


def test_pretrained_weights_get_a_smaller_learning_rate_than_a_new_head() -> None:
    scratch = learning_rate("vgg16", pretrained=False, frozen=False)

    assert learning_rate("vgg16", pretrained=True, frozen=False) == scratch / 5
    assert learning_rate("vgg16", pretrained=True, frozen=True) == scratch


@pytest.mark.parametrize(
    ("name", "weights", "message"),
    [
        ("alexnet", None, "backbone 'alexnet' does not exist; there are cnn, mobilenetv2"),
        ("cnn", "imagenet", "backbone cnn: has no published weights"),
        ("vgg11", "imagenet", "no ImageNet weights for it; name a file: --weights vgg11=FILE"),
    ],
)
def test_weights_that_do_not_exist_for_a_backbone_are_refused(name: str, weights: str | None, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build(name, weights, frozen=False)


def test_a_failed_download_is_one_sentence_that_names_the_option(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(**_: object) -> None:
        raise Exception("URL fetch failure on https://example.org: None -- no route")

    monkeypatch.setattr(keras.applications, "MobileNetV2", unreachable)

    with pytest.raises(ModelError, match=r"cannot be fetched \(URL fetch failure.*: --weights mobilenetv2=FILE$"):
        build("mobilenetv2", "imagenet", frozen=False)


def test_an_absent_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="do not exist; give a Keras file of vgg16"):
        build("vgg16", str(tmp_path / "absent.h5"), frozen=False)


def test_a_file_of_another_network_is_refused(tmp_path: Path) -> None:
    pixels = keras.Input((4,))
    file = tmp_path / "other.h5"
    keras.Model(pixels, keras.layers.Dense(2)(pixels)).save(file)

    with pytest.raises(ModelError, match="do not fit vgg11 "):
        build("vgg11", str(file), frozen=False)
