"""fer-edge: a camera frame walks down one short corridor and leaves the device as a count.

    Camera -Frame-> FaceDetector -Face*-> FaceTracker -Track*-> face crop -uint8 48x48-> EmotionClassifier
        -EmotionScores-> Observation -> EmotionWindow -WindowSummary-> message -topic, JSON-> Outbox -> Publisher (MQTT)

``pipeline`` is that line as code. ``cli`` and ``service`` put it together; ``config`` holds every option;
``camera`` and ``detector`` are one file per kind; ``message`` alone knows the MQTT contract.
"""

__version__ = "0.1.0"
