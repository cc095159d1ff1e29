"""Timings of the engine, side by side with what one would use instead."""
