"""A known picture goes in, and is looked for in everything that the process writes or sends."""

from __future__ import annotations

import base64
import re
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.records import Pixels
from edge.vision.crop import crop_face
from edge.vision.detector.haar import HaarDetector
from tests.faults.conftest import Figures
from tests.support.daemon import StartDaemon, replay
from tests.support.mosquitto import StartMosquitto
from tests.support.paths import CLIP

pytestmark = [
    pytest.mark.faults,
    pytest.mark.skipif(shutil.which("strace") is None, reason="needs the program strace (apt-get install strace)"),
]

CANARY = np.random.default_rng(20).integers(0, 256, (48, 48), np.uint8)
"""Noise: no row of it comes about by chance."""
RUN_PX = 24
WRITES = "write,pwrite64,writev,pwritev,pwritev2,sendto,sendmsg,sendmmsg,sendfile,splice,vmsplice,mmap"
STRACE = ("strace", "--follow-forks", "--seccomp-bpf", "-yy", "-xx", "-s", "10000000", "-e", f"trace={WRITES}", "-o")
CALL = re.compile(r"(?:\d+ +)?(?:write|pwrite64|writev|pwritev2?|sendto|sendmsg|sendmmsg)\((\d+<.*?>), (.*)")
TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')


def written(trace: Path) -> dict[str, bytes]:
    """What went to each file and socket, in order, from strace's log."""
    streams: dict[str, bytearray] = {}
    for line in trace.read_text("utf-8").splitlines():
        if (call := CALL.match(line)) is not None:
            assert '"...' not in line
            data = b"".join(map(unquoted, TEXT.findall(call[2])))
            streams.setdefault(plain(call[1]), bytearray()).extend(data)
    return {target: bytes(data) for target, data in streams.items()}


def unquoted(text: str) -> bytes:
    return bytes.fromhex(text.replace("\\x", ""))


def plain(text: str) -> str:
    """strace's words with the names of files in letters."""
    return re.sub(r"(?:\\x[0-9a-f]{2})+", lambda name: unquoted(name[0]).decode(errors="replace"), text)


def forms(name: str, picture: Pixels) -> dict[str, bytes]:
    """Pieces of ``picture`` that betray it, whatever it was turned into: runs of 24 pixels that come to no other."""
    height, width = picture.shape
    turns = {
        "": picture,
        "flipped ": picture[:, ::-1],
        "upright ": picture.T,
        "halved ": cv2.resize(picture, (width // 2, height // 2), interpolation=cv2.INTER_AREA).astype(np.uint8),
        "int8 ": picture ^ np.uint8(128),
        "float ": picture.astype(np.float32),
        "unit float ": picture.astype(np.float32) / 255,
    }
    pieces = {}
    for turn, turned in turns.items():
        for number, row in enumerate(turned):
            runs = [row[start : start + RUN_PX] for start in range(0, len(row) - RUN_PX + 1, RUN_PX)]
            run = max(runs, key=lambda run: len(np.unique(run)))
            if len(np.unique(run)) < RUN_PX // 2:
                continue
            piece, sign = run.tobytes(), f"{turn}{name}, row {number}"
            pieces[sign] = piece
            pieces[f"{sign} in colour"] = np.repeat(run, 3).tobytes()
            pieces[f"{sign} in hexadecimal"] = piece.hex().encode()
            for shift in range(3):  # the three ways in which base64 may lie over it
                pieces[f"{sign} in base64, {shift}"] = base64.b64encode(bytes(shift) + piece)[4:-4]
    return pieces


def leaks(pictures: dict[str, Pixels], places: dict[str, bytes]) -> list[str]:
    """Every sign of a picture in what was written."""
    signs = {
        "a JPEG": b"\xff\xd8\xff",
        "a PNG": b"\x89PNG\r\n",
        "a JPEG in base64": b"/9j/",
        "a PNG in base64": b"iVBORw0",
    }
    for name, picture in pictures.items():
        signs |= forms(name, picture)
    return [f"{sign} in {place}" for place, data in places.items() for sign, piece in signs.items() if piece in data]


def files(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def scene(tmp_path: Path) -> tuple[Path, dict[str, Pixels]]:
    """Half of the clip with the canary in a corner, as lossless pictures, and what must not leave: canary and face."""
    folder = tmp_path / "scene"
    folder.mkdir()
    video, detector = cv2.VideoCapture(str(CLIP)), HaarDetector(min_face_px=40)
    for number in range(25):
        frame = np.asarray(cv2.cvtColor(video.read()[1], cv2.COLOR_BGR2GRAY), np.uint8)
        frame[:48, :48] = CANARY
        cv2.imwrite(str(folder / f"{number:03}.png"), frame)
    (face,) = detector.detect(frame)
    top, left = face.top_px, face.left_px
    return folder, {
        "canary": CANARY,
        "face": frame[top : top + face.height_px, left : left + face.width_px],
        "crop": crop_face(frame, face, detector.crop_rule, 48),
    }


@pytest.mark.broker
@pytest.mark.row(21, "a known pattern and a known face in every frame; strace of all that is written and sent")
@pytest.mark.parametrize("broker_is_there", [True, False], ids=["to a broker", "into the outbox"])
def test_no_pixel_is_written_or_sent(
    scene: tuple[Path, dict[str, Pixels]],
    mosquitto: StartMosquitto,
    daemon: StartDaemon,
    tmp_path: Path,
    figures: Figures,
    broker_is_there: bool,
) -> None:
    folder, pictures = scene
    trace = tmp_path / "trace"
    program = (
        "-c",
        "import os, sys; run = sys.argv.index('run');"
        "os.execvp('strace', [*sys.argv[1:run], sys.executable, '-m', 'edge', *sys.argv[run:]])",
        *STRACE,
        str(trace),
    )

    running = daemon(
        mosquitto(start=broker_is_there).port,
        program=program,
        environment={"PYTHONDONTWRITEBYTECODE": "1"},  # compiled code holds the signature of a PNG
        camera=replay(folder, pace="fast"),
        privacy={"min_people": 1},
    )
    status = running.process.wait(100)
    places = written(trace) | files(running.folder)

    everything = b"".join(places.values())
    found = leaks(pictures, places)
    searched = f"{len(everything) / 1000:.0f} kB in {len(places)} files and connections"
    figures(note=f"{len(found)} runs of its pixels in {searched}")
    assert status == 0
    assert all(len(forms(name, picture)) > 100 for name, picture in pictures.items())
    # The trace is complete: the windows are in it, and in them the face.
    assert everything.count(b'"schema":"fer-edge/aggregate/1"') >= 3
    assert b'"people":1' in everything
    # What strace cannot see, and nothing but SQLite's index is shared so.
    mapped = [plain(line) for line in trace.read_text("utf-8").splitlines() if "mmap(" in line]
    assert mapped
    assert not [line for line in mapped if "PROT_WRITE, MAP_SHARED" in line and "outbox.sqlite-shm>" not in line]
    assert found == []


LEAKS = {
    "raw": "out.write(picture)",
    "flipped": "out.write(picture[:, ::-1].tobytes())",
    "upright": "out.write(picture.T.tobytes())",
    "one row in other words": "out.write(b'face: ' + picture[16].tobytes() + b' end')",
    "in two writes": "data = picture[0].tobytes(); out.write(data[:9]); out.write(data[9:])",
    "half its size": "out.write(cv2.resize(picture, (24, 24), interpolation=cv2.INTER_AREA))",
    "quantised": "out.write((picture.astype(np.int16) - 128).astype(np.int8))",
    "as floats": "out.write(picture.astype(np.float32))",
    "as the classifier's floats": "out.write(picture.astype(np.float32) / 255)",
    "as a colour picture": "out.write(cv2.cvtColor(picture, cv2.COLOR_GRAY2BGR))",
    "as JPEG": "out.write(cv2.imencode('.jpg', picture)[1])",
    "as PNG": "out.write(cv2.imencode('.png', picture)[1])",
    "as JPEG in base64": "out.write(base64.b64encode(cv2.imencode('.jpg', picture)[1]))",
    "in base64": "out.write(b'a face: ' + base64.b64encode(picture))",
    "in hexadecimal": "out.write(picture.tobytes().hex().encode())",
    "over a socket": "a, b = socket.socketpair(); a.sendmsg([b'topic', picture[:8].tobytes()])",
    "in a database": "table = sqlite3.connect(out.name + '.db', isolation_level=None);"
    "table.execute('CREATE TABLE t (x)'); table.execute('INSERT INTO t VALUES (?)', (picture.tobytes(),))",
}
PLACES = {"over a socket": "UNIX", "in a database": ".db"}


@pytest.fixture(scope="module")
def leaked(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What a process wrote that leaks the canary in every way, each to a place of its own."""
    folder = tmp_path_factory.mktemp("leaks")
    np.save(folder / "canary.npy", CANARY)
    steps = [f"out = open('{number}.out', 'wb', buffering=0); {leak}" for number, leak in enumerate(LEAKS.values())]
    program = [
        "import base64, socket, sqlite3",
        "import cv2",
        "import numpy as np",
        "picture = np.load('canary.npy')",
        *steps,
    ]
    (folder / "leaky.py").write_text("\n".join(program), "utf-8")
    subprocess.run([*STRACE, "trace", sys.executable, "leaky.py"], cwd=folder, check=True)
    return written(folder / "trace")


@pytest.mark.parametrize("way", LEAKS)
def test_a_process_that_leaks_is_caught(leaked: dict[str, bytes], way: str) -> None:
    place = PLACES.get(way, f"/{list(LEAKS).index(way)}.out>")

    assert leaks({"canary": CANARY}, {target: data for target, data in leaked.items() if place in target})


def test_a_process_that_does_not_leak_is_not(tmp_path: Path) -> None:
    trace = tmp_path / "trace"

    command = [*STRACE, str(trace), sys.executable, "-c", "import cv2; print('a picture of', cv2.__version__)"]
    subprocess.run(command, check=True, capture_output=True)

    assert b"a picture of" in b"".join(written(trace).values())
    assert leaks({"canary": CANARY}, written(trace)) == []
