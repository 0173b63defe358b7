"""From a window to the broker: messages, outbox, connection, sender and publisher."""
