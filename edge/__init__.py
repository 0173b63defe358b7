"""fer-edge: a camera frame goes one way through the daemon and leaves the device as a count.

    Camera -Image-> Capture -Frame-> FaceDetector -Face*-> FaceTracker -Track*-> crop_face -uint8 48x48->
        EmotionClassifier -EmotionScores-> Observation -> EmotionWindow -WindowSummary-> messages -> outbox -> broker

``pipeline`` is that way as code, ``parts`` opens what the configuration names, ``service`` puts it together.
``docs/architecture.md`` has a drawing and a line for every module.
"""

import os

__version__ = "0.1.0"

# An image's header may announce more than a Pi can hold. OpenCV reads this bound when it is loaded, so it is set before
# any import of it: 8000 x 6000 pixels and a few more; decoding that many takes up to 280 MB (seen with a GIF).
MAX_IMAGE_PIXELS = 50 * 10**6
os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", str(MAX_IMAGE_PIXELS))
# How long OpenCV waits for a USB camera in one call, in seconds. UsbCamera asks again until camera.stall_s is over.
os.environ.setdefault("OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT", "1")
