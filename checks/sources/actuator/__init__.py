"""The actuators of the services, asked directly."""
