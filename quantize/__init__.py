"""From a Keras file to an int8 release that a device may load, with proof.

    model.keras -convert-> int8 bytes -graph-> Graph -verify-> accepted or ModelError
        -answers-> int8 logits -compare-> Comparison -layers-> LayerError* -report-> comparison.md, comparison.png
        -release-> model.tflite, model.json, MODEL_CARD.md

    a detector's model.keras -detector-> the same, with boxes instead of answers -> the same release folder

    model of other people -foreign-> Keras model -adopt-> the same release folder

``calibration`` is the committed sample of faces that sets the ranges; ``equalise`` mends a network that quantises
badly; ``edgetpu`` says what an accelerator would take; ``runtimes`` runs one release in every TFLite runtime at hand;
``sign`` signs it. ``cli``, ``release`` and ``adopt`` put it together.
"""
