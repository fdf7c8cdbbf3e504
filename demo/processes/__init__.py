"""What the stand-in platform does: takes payments in, relays events, settles and books."""
