"""Every compiled function: arrays in, arrays out, never a callable of the user's."""
