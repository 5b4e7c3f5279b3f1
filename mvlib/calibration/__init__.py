"""Fits of the package's numbers to real encoders, on training pictures and clips alone; ``validation`` is only a check.

    python -m mvlib.calibration rates --codec x265       # the virtual codecs' rates, virtual/weights
    python -m mvlib.calibration qp_tables                # a QP on the real encoders' scales, codecs/qp_tables.json

``i_frames.py`` and ``p_frames.py`` code with both codecs, ``fit.py`` fits; ``qp_tables.py`` needs the real ones alone.
"""
