"""The machine underneath: its sensors, its heat, and systemd."""
