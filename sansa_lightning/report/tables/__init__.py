"""Tables of a report: columns with their kinds, and rows of plain values, from which every format is written."""
