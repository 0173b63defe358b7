"""A real RTSP camera on loopback: GStreamer's server, under the system's Python (which alone has gi).

Every mount ``/fps<rate>`` sends H.264 at that rate with a key picture every second one, or every second; ``/h265``,
``/jpeg``, ``/udp`` (no TCP), ``/tcp`` (no UDP) and ``/audio`` (with a sound track) send 10 a second. With the argument
``basic`` or ``digest`` all ask for the user ``cam`` with the password ``p@s#s/1``.

Debian: gir1.2-gst-rtsp-server-1.0 python3-gi gstreamer1.0-plugins-base gstreamer1.0-plugins-good
gstreamer1.0-plugins-ugly.
"""

from __future__ import annotations

import sys
from fractions import Fraction

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtsp, GstRtspServer  # noqa: E402 - after require_version

USER, PASSWORD = "cam", "p@s#s/1"
RATES = ("0.2", "0.5", "1", "2", "5", "10", "30", "60")


def source(rate: str) -> str:
    fps = Fraction(rate)
    return (
        "videotestsrc is-live=true pattern=ball ! video/x-raw,format=I420,width=320,height=240,"
        f"framerate={fps.numerator}/{fps.denominator}"
    )


def h264(gop: int) -> str:
    return (
        f"x264enc tune=zerolatency threads=1 speed-preset=ultrafast key-int-max={gop}"
        " option-string=scenecut=0 ! rtph264pay name=pay0 pt=96 config-interval=-1"
    )


def main() -> None:
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service("0")
    mounts = server.get_mount_points()
    scheme = sys.argv[1] if len(sys.argv) > 1 else ""

    def add(path: str, launch: str, transport: GstRtsp.RTSPLowerTrans | None = None) -> None:
        factory = GstRtspServer.RTSPMediaFactory()
        factory.set_launch(f"( {launch} )")
        factory.set_shared(True)
        if transport is not None:
            factory.set_protocols(transport)
        if scheme:
            permissions = GstRtspServer.RTSPPermissions()
            permissions.add_role("viewer")
            for permission in ("media.factory.access", "media.factory.construct"):
                permissions.add_permission_for_role("viewer", permission, True)
            factory.set_permissions(permissions)
        mounts.add_factory(path, factory)

    if scheme:
        auth, token = GstRtspServer.RTSPAuth(), GstRtspServer.RTSPToken()
        token.set_string("media.factory.role", "viewer")
        if scheme == "digest":
            auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
            auth.add_digest(USER, PASSWORD, token)
        else:
            auth.add_basic(GstRtspServer.RTSPAuth.make_basic(USER, PASSWORD), token)
        server.set_auth(auth)
    for rate in RATES:
        add(f"/fps{rate}", f"{source(rate)} ! {h264(max(2, round(float(rate))))}")
    add("/gop", f"{source('10')} ! {h264(200)}")
    add("/tcp", f"{source('10')} ! {h264(10)}", GstRtsp.RTSPLowerTrans.TCP)
    add("/udp", f"{source('10')} ! {h264(10)}", GstRtsp.RTSPLowerTrans.UDP)
    add("/jpeg", f"{source('10')} ! jpegenc ! rtpjpegpay name=pay0 pt=26")
    sound = "audiotestsrc is-live=true ! mulawenc ! rtppcmupay name=pay1 pt=0"
    add("/audio", f"{source('10')} ! {h264(10)} {sound}")
    server.attach(None)
    print(server.get_bound_port(), flush=True)  # noqa: T201 - for the process that started it
    GLib.MainLoop().run()


main()
