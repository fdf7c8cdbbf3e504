"""The parts of the payment platform in small, and what they hold."""
