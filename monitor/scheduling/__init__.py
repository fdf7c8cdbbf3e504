"""When jobs run and end: the timetable, bounds, one monitor at a time, and stopping."""
