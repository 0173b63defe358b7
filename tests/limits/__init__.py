"""What the rules for still and for unreadable faces do to real faces: ``make limits``, docs/privacy.md."""
