"""deploy/fleet's rules for EMQX, read as EMQX does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from edge.mqtt.sender import REPLAY_PER_S
from edge.pipeline import LIVE_EVERY_S

EMQX = Path(__file__).parents[2] / "deploy" / "fleet" / "emqx"


def emqx_allows(user: str, action: str, topic: str) -> bool:
    """What acl.conf answers: the first rule that fits decides, and the last one fits everything."""
    text = (EMQX / "acl.conf").read_text("utf-8")
    assert text.endswith("{deny, all}.\n")
    for permission, who, what, topics in re.findall(
        r"^\{(allow|deny), (.+?), (publish|subscribe|all), \[(.+)\]\}\.$", text, re.MULTILINE
    ):
        named = re.search(r'"(.+)"', who)
        filters = [re.escape(each.replace("${username}", user)) for each in re.findall(r'"(.+?)"', topics)]
        patterns = [each.replace(r"\#", ".*").replace(r"\+", "[^/]+") for each in filters]
        fits = re.fullmatch(named[1] if named else ".*", user) and what in (action, "all")
        if fits and any(re.fullmatch(pattern, topic) for pattern in patterns):
            return bool(permission == "allow")
    return False


@pytest.mark.parametrize(
    ("user", "action", "topic", "allowed"),
    [
        ("fer-a", "publish", "fer/v1/fer-a/cam0/aggregate", True),
        ("fer-a", "publish", "fer/v1/fer-a/availability", True),
        ("fer-a", "publish", "homeassistant/device/fer-a/config", True),
        ("fer-a", "publish", "fer/v1/fer-b/availability", False),
        ("fer-a", "publish", "homeassistant/device/fer-b/config", False),
        ("fer-a", "publish", "homeassistant/status", False),
        ("fer-a", "subscribe", "homeassistant/status", True),
        ("fer-a", "subscribe", "fer/v1/#", False),
        ("archive-1", "subscribe", "fer/v1/+/+/aggregate", True),
        ("archive-1", "publish", "fer/v1/archive-1/availability", False),
        ("dashboard", "publish", "fer/v1/dashboard/status", False),
        ("dashboard", "subscribe", "fer/v1/+/#", True),
        ("dashboard", "subscribe", "homeassistant/#", False),
        ("fer-a", "subscribe", "fer/v1/fer-a/command/pause", True),
        ("fer-a", "subscribe", "fer/v1/fer-b/command/pause", False),
        ("fer-a", "publish", "fer/v1/fer-b/command/pause", False),
        ("dashboard", "publish", "fer/v1/fer-a/command/pause", False),
        ("operator", "publish", "fer/v1/fer-a/command/pause", True),
        ("operator", "publish", "fer/v1/fer-a/status", False),
        ("operator", "publish", "fer/v1/operator/status", False),
        ("home-assistant", "publish", "fer/v1/fer-a/command/pause", True),
        ("home-assistant", "subscribe", "homeassistant/#", True),
        ("home-assistant", "publish", "homeassistant/status", True),
    ],
)
def test_emqx_rules_let_a_device_write_its_own_topics_only(user: str, action: str, topic: str, allowed: bool) -> None:
    assert emqx_allows(user, action, topic) is allowed


def test_emqx_settings_fit_what_a_device_sends() -> None:
    settings = (EMQX / "emqx.conf").read_text("utf-8")

    (per_s,) = map(float, re.findall(r'messages_rate = "(\d+)/s"', settings))
    assert per_s > REPLAY_PER_S + 1 / LIVE_EVERY_S + 1
    assert settings.count("{") == settings.count("}")
    assert "fail_if_no_peer_cert = true" in settings
