"""fer-edge: a camera frame walks down one short corridor and leaves the device as a count.

    Camera -Frame-> FaceDetector -Face*-> FaceTracker -Track*-> face crop -uint8 48x48-> EmotionClassifier
        -EmotionScores-> Observation -> EmotionWindow -WindowSummary-> message -topic, JSON-> Outbox -> Publisher (MQTT)

``pipeline`` is that line as code. ``cli`` and ``service`` put it together; ``config`` holds every option;
``camera`` and ``detector`` are one file per kind; ``message`` alone knows the MQTT contract.
"""

import os

__version__ = "0.1.0"

# A picture's header may announce what no Pi can hold. OpenCV reads this bound when it is loaded, so it stands before
# every import of it: 8000 x 6000 pixels and a few more; decoding that many takes up to 280 MB (seen with a GIF).
os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", str(50 * 10**6))
