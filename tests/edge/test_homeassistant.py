import json

from edge.contract import EMOTIONS
from edge.homeassistant import discovery


def test_one_retained_message_describes_the_whole_device(device):
    message = discovery(device)

    body = json.loads(message.payload)
    assert (message.topic, message.retain, message.qos) == ("homeassistant/device/fer-1a2b3c4d/config", True, 1)
    assert body["device"]["identifiers"] == ["fer-1a2b3c4d"]
    assert body["availability"] == [{"topic": "fer/v1/fer-1a2b3c4d/availability"}]
    assert set(body["components"]) == {"people", "dominant", "problem", "cpu_temperature", *EMOTIONS}


def test_every_entity_has_its_own_id_and_a_topic_of_this_device(device):
    components = json.loads(discovery(device).payload)["components"].values()

    assert len({component["unique_id"] for component in components}) == len(components)
    assert all(component["state_topic"].startswith("fer/v1/fer-1a2b3c4d/") for component in components)
    assert all(component["default_entity_id"].startswith(component["platform"] + ".") for component in components)
    assert not any("object_id" in component for component in components)


def test_entities_of_windows_expire_and_never_move_for_historical_ones(device):
    components = json.loads(discovery(device).payload)["components"]

    windows = [component for component in components.values() if component["state_topic"].endswith("/aggregate")]
    assert len(windows) == 9
    assert all(component["expire_after"] > 2 * device.window_s for component in windows)
    assert all("value_json.historical" in component["value_template"] for component in windows)
