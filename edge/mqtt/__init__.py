"""From a window to the broker: messages, the outbox, the connection and who sends over it."""
