"""The catalogue of what must hold in the platform's books."""
