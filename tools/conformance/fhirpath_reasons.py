"""Why some of the official FHIRPath tests do not pass, by the name of the test or of its group."""

__all__ = ["REASONS"]

REASONS = {
    "LowBoundaryDecimal15": (
        "The suite wants -0.0 as the low boundary of -0.0034 to one decimal. The value may be as "
        "low as -0.00345, and -0.0 lies above that; -0.1 is the nearest that does not. The suite "
        "itself rounds outwards elsewhere: (-1.587).lowBoundary(0) is -2."
    ),
    "HighBoundaryDateTimeMillisecond1": (
        "The suite takes 08 o'clock without minutes for minute 0, so that the latest moment is "
        "08:00:59.999. An hour without minutes lasts to 08:59:59.999, as a day without hours "
        "lasts to 23:59:59.999 in the same suite."
    ),
}
