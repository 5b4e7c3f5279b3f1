"""Fidelity of a virtual codec to the real encoder that it imitates.

``setup.py`` says what is measured; ``measuring.py`` measures distortion, bits and classes (``mvlib fidelity``),
``signs.py`` whether small edits change both codecs' bits alike, ``agreement.py`` what analysers see through both
(``mvlib agreement``); ``page.py`` shows it.
"""
