"""The machine underneath: its heat, and systemd."""
