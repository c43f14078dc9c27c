"""Time and error of every costly step, beside a reference in the same process."""
