"""Pure rules: standard library only, every decision takes now."""
