"""From a Keras file to an int8 release that a device may load, checked at every step.

``release`` reads a run folder and fills a release folder; between the two, ``classifier`` and ``detector`` take the
same way, each with its own agreement of float and int8, its own manifest, card and report::

    model.keras -tflite.convert-> int8 file -tflite.verify-> verified, or ModelError
        -agreement-> passes the gate, or ModelError
        -tflite.layers, tflite.latency, tflite.runtimes-> noise, speed and rounding
        -manifest, card, report-> model.json, MODEL_CARD.md, comparison.md, comparison.png
        -release.publish-> release folder, signed on request

``classifier.import_model`` takes a classifier that somebody else trained. ``manifest``, ``report`` and ``charts`` hold
what the manifests and reports of both kinds share.
"""
